"""Ctrl-C ends a run between two steps: no half step is left, and what was trained can be asked for.

In a step Ctrl-C waits until the step is done, and while what was trained is put in order until that is done. In an
evaluation, which changes nothing, it comes at once. A second Ctrl-C within a step ends it at once; that step is undone.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType

import torch
from torch import Tensor, nn

from tl_course.training import randomness
from tl_course.training.checkpoint import Checkpoint
from tl_course.training.finite_check import FiniteCheck, NonFiniteError
from tl_course.training.run import Run

_last: Run | None = None


def interrupted_run() -> Run | None:
    """Return the last run of this process that Ctrl-C (or the stop button of a notebook) ended, or None.

    Its model is in eval mode and has the weights after the last whole step; ``run.history`` says how far it came. The
    run is kept until another is interrupted.

    Examples
    --------
    After you stopped a cell that trains, take what it had learned in the next cell:

    >>> run = interrupted_run()
    >>> run is None or run.interrupted
    True
    """
    return _last


class StepStart:
    """The buffers of modules and the random state as they were when a step began, to undo a step that was cut short.

    A forward pass changes running statistics; parameters change only in the optimiser's update.

    Parameters
    ----------
    modules : iterable of nn.Module
    device : torch.device
    random : bool
        Whether to keep the random state as well.

    Examples
    --------
    >>> layer = nn.BatchNorm1d(2)
    >>> start = StepStart([layer], torch.device("cpu"), random=False)
    >>> start.keep()
    >>> _ = layer(torch.ones(3, 2))
    >>> start.restore()
    >>> layer.running_mean, layer.num_batches_tracked
    (tensor([0., 0.]), tensor(0))
    """

    def __init__(self, modules: Iterable[nn.Module], device: torch.device, random: bool):
        self.device, self.random = device, random
        parts = [part for module in modules for part in module.modules()]
        # PyTorch's kernels for normalisation change running statistics without counting it as a change.
        normalising = [part for part in parts if isinstance(part, nn.modules.batchnorm._NormBase)]
        statistics = {id(buffer): buffer for part in normalising for buffer in part.buffers(recurse=False)}
        every = {id(buffer): buffer for part in parts for buffer in part.buffers(recurse=False)}
        self._statistics = _with_copies(statistics.values())
        self._others = _with_copies(buffer for key, buffer in every.items() if key not in statistics)
        self._versions = [[buffer._version for buffer in buffers] for buffers, _ in self._others]
        self._random_state: list[Tensor] | None = None

    def keep(self) -> None:
        """Remember how things are now."""
        for buffers, copies in self._statistics:
            torch._foreach_copy_(copies, buffers)
        for (buffers, copies), versions in zip(self._others, self._versions, strict=True):
            for place, buffer in enumerate(buffers):
                if buffer._version != versions[place]:
                    copies[place].copy_(buffer)
                    versions[place] = buffer._version
        if self.random:
            self._random_state = randomness.get_state(self.device)

    def restore(self) -> None:
        """Put back what was remembered."""
        for buffers, copies in (*self._statistics, *self._others):
            torch._foreach_copy_(buffers, copies)
        if self._random_state is not None:
            randomness.set_state(self._random_state, self.device)


def _with_copies(tensors: Iterable[Tensor]) -> list[tuple[list[Tensor], list[Tensor]]]:
    """Put tensors of one type and device together, with copies of them: so they are copied in one call."""
    groups: dict[tuple, list[Tensor]] = {}
    for tensor in tensors:
        groups.setdefault((tensor.dtype, tensor.device), []).append(tensor.detach())
    return [(group, [tensor.clone() for tensor in group]) for group in groups.values()]


class Interrupts:
    """Where in a run Ctrl-C may come, and what is left of the run when it did.

    As a context it takes Ctrl-C over where that would raise ``KeyboardInterrupt`` (in the main thread, unless the
    caller has another handler), and gives it back at the end.

    Parameters
    ----------
    run : Run
    start : StepStart
    alone : bool
        Whether this is the only process. Several cannot agree on a step when one is interrupted: each goes back to the
        last entry of the history, which is where the checkpoint is.

    Examples
    --------
    >>> run = Run(nn.Linear(2, 2), None, 8, None)
    >>> with Interrupts(run, StepStart([], torch.device("cpu"), random=False)) as interrupts:
    ...     interrupts.begin_step()
    ...     with interrupts.whole_update(1):
    ...         pass
    >>> run.steps, run.interrupted
    (1, False)
    """

    def __init__(self, run: Run, start: StepStart, alone: bool = True):
        self.run, self.start, self.alone = run, start, alone
        self.at = "between"  # two steps, in the "forward" (and backward) pass of one, in its "update", or at the "end"
        self._ours, self._pressed, self._raised, self._at_once = False, False, False, False
        self._undoable = False

    def __enter__(self) -> Interrupts:
        in_main = threading.current_thread() is threading.main_thread()
        if self.alone and in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._press)
            self._ours = True
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if not self._ours:
            return
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if self._pressed and kind is None:  # pressed when all was done
            stop = KeyboardInterrupt()
            self._remember(stop)
            raise stop

    def _press(self, number: int, frame: FrameType | None) -> None:
        again, self._pressed = self._pressed, True
        if not self._raised and (self._at_once or (again and self.at == "forward")):
            self._raised = True  # a third one does not disturb what the second has begun
            raise KeyboardInterrupt

    def begin_step(self, *, undoable: bool = True) -> None:
        """Begin a step, unless Ctrl-C was pressed meanwhile.

        Parameters
        ----------
        undoable : bool
            Whether all that the step changes before its update is in what :class:`StepStart` keeps; what a loss keeps
            (its place among other batches, say) and a new group of parameters are not. A checkpoint of the step's
            beginning can then be written.
        """
        self.let_in()
        self.start.keep()
        self.at, self._undoable = "forward", undoable

    @contextlib.contextmanager
    def whole_update(self, steps: int) -> Iterator[None]:
        """Inside the block the weights change; after it so many steps are done."""
        self.at = "update"
        yield
        self.run.steps, self.at = steps, "between"

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Inside the block, which changes nothing, Ctrl-C need not wait."""
        self._at_once = True
        try:
            self.let_in()
            yield
        finally:
            self._at_once = False

    def let_in(self) -> None:
        """Raise ``KeyboardInterrupt`` if Ctrl-C was pressed and has waited."""
        if self._pressed:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def kept_in_order(
        self, finite: FiniteCheck, saved: Checkpoint, close: Callable[[dict[str, float] | None], None]
    ) -> Iterator[None]:
        """Close the run after the block; where Ctrl-C ended that, put the run in order before, and let it through.

        The model is then where it was after the last whole step with finite loss and weights; the history has an entry
        for the steps since the one before; the checkpoint, if one was asked for, is written; the run can be asked for,
        and is ``run`` of the ``KeyboardInterrupt``.

        Parameters
        ----------
        finite : FiniteCheck
        saved : Checkpoint
        close : callable
            Is given the mean losses of the steps for which there is no entry yet, or None.
        """
        try:
            yield
            self.let_in()
        except (KeyboardInterrupt, NonFiniteError) as error:
            if isinstance(error, NonFiniteError) and not self._pressed:
                raise
            at, self.at = self.at, "end"
            stop = error if isinstance(error, KeyboardInterrupt) else KeyboardInterrupt()
            self._remember(stop)
            means = None
            try:
                if stop is not error:  # it was found in the step that Ctrl-C waited for
                    raise error
                means = self._put_in_order(at, finite, saved)
            except NonFiniteError as broken:
                self.run.steps = finite.good_step
                stop.add_note(str(broken))
            close(means)
            raise stop  # noqa: B904 - its cause is in its notes
        self.at = "end"
        close(None)

    def _remember(self, stop: KeyboardInterrupt) -> None:
        global _last
        self.run.interrupted = True
        stop.run = _last = self.run

    def _put_in_order(self, at: str, finite: FiniteCheck, saved: Checkpoint) -> dict[str, float] | None:
        if at == "update" or not self.alone:
            self.run.steps = finite.go_back()
            return None
        if at == "forward":
            self.start.restore()
        rows, shares = finite.rows, finite.shares
        means = finite.inspect(self.run.steps) if rows else None
        if at == "between" or self._undoable:
            finite.rows, finite.shares = rows, shares  # no entry: a run that goes on has one when it is due
            saved.save()
        return means
