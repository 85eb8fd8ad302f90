"""How long a run is, and when it is logged and evaluated."""

from __future__ import annotations

from dataclasses import dataclass

from tl_course.plain_numbers import whole_numbers

STEPS = 300
ENTRIES = 20
LEAST = 5  # steps between two entries: to look costs about as much as a hundredth of a step, and waits for the device


@dataclass(frozen=True)
class LogSteps:
    """Length of a run in steps, and when it is logged and evaluated.

    Parameters
    ----------
    steps : int
        Length of the run.
    epoch : int
        Steps of one pass over the training split.
    log_every, evaluate_every : int
        In steps. After the last step both are due, and with an evaluation there is always an entry.

    Examples
    --------
    >>> log_steps = LogSteps(steps=10, epoch=5, log_every=4, evaluate_every=8)
    >>> [done for done in range(1, 11) if log_steps.log(done)], log_steps.evaluate(8), log_steps.evaluate(4)
    ([4, 8, 10], True, False)
    """

    steps: int
    epoch: int
    log_every: int
    evaluate_every: int

    @classmethod
    def of(
        cls,
        epoch: int,
        *,
        steps: int | None = None,
        epochs: int | None = None,
        log_every: int | None = None,
        evaluate_every: int | None = None,
    ) -> LogSteps:
        """Fill in what the caller left out.

        A run is as long as ``steps`` or ``epochs`` say, 300 steps if neither does. It is logged about 20 times but not
        more than every 5 steps, and evaluated as often but not more than once an epoch, so that validation stays cheap
        beside training.

        Raises
        ------
        ValueError
            When both lengths are given, or a number is not a whole one from 1.

        Examples
        --------
        >>> LogSteps.of(63, epochs=10)
        LogSteps(steps=630, epoch=63, log_every=31, evaluate_every=93)
        """
        steps, epochs, log_every, evaluate_every = whole_numbers(
            steps=steps, epochs=epochs, log_every=log_every, evaluate_every=evaluate_every
        )
        if steps is not None and epochs is not None:
            raise ValueError(f"steps={steps} and epochs={epochs} both say how long to train; give one of them.")
        given = {"steps": steps, "epochs": epochs, "log_every": log_every, "evaluate_every": evaluate_every}
        for name, value in given.items():
            if value is not None and value < 1:
                raise ValueError(f"{name}={value} is not possible; give a whole number from 1.")
        steps = epochs * epoch if epochs is not None else steps or STEPS
        log_every = log_every or max(steps // ENTRIES, LEAST)
        return cls(steps, epoch, log_every, evaluate_every or -(-epoch // log_every) * log_every)

    def log(self, done: int) -> bool:
        """Whether an entry is due after so many steps."""
        return done % self.log_every == 0 or self.evaluate(done)

    def evaluate(self, done: int) -> bool:
        """Whether an evaluation is due after so many steps."""
        return done % self.evaluate_every == 0 or done == self.steps
