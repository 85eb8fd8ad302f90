"""What a question is, what an answer shows (its evidence), and how evidence is judged.

The two halves are kept apart, so that they can run in two processes:

* ``question.evidence(answer, case)`` runs the learner's code on one case and returns plain data;
* ``question.judge(evidence, cases)`` runs nothing of the learner's. It works out what the reference and the named wrong
  answers show on the same cases, and compares.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import linecache
import sysconfig
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tl_course import environment
from tl_course.exercises.isolation import TooSlow
from tl_course.exercises.probes import call
from tl_course.exercises.values import Data, Difference, Unfit, describe, difference, plain

Case = dict[str, Data]
"""The inputs of one trial by name, in the order in which an answer takes them."""

KINDS = ("predict", "implement", "repair")
RIGHT, WRONG, NOT_ATTEMPTED, UNCHECKED = "right", "wrong", "not attempted", "unchecked"
MAX_PRINTED = 1000


@dataclass(frozen=True)
class Evidence:
    """What an answer showed on one case: all that is ever judged.

    Attributes
    ----------
    value : plain data
        What the question's probe brought to light.
    fault : str
        Empty; or ``"raised"`` (the answer ended with an error), ``"unfit"`` (it gave back what cannot be judged),
        ``"slow"`` (it was stopped).
    error : str
        For a fault: the last line of the error, or a sentence.
    where : str
        For an error: the learner's line, if it is known.
    printed : str
        What the answer printed, cut off.
    error_type : str
        For an answer that ended with an error: the name of its class.
    """

    value: Data = None
    fault: str = ""
    error: str = ""
    where: str = ""
    printed: str = ""
    error_type: str = ""

    def as_data(self) -> dict[str, Data]:
        """Return the evidence as plain data, to be sent to another process."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @classmethod
    def from_data(cls, data: Data) -> Evidence:
        """Take evidence from another process.

        Raises
        ------
        ValueError
            If the data have another form.
        """
        texts = [field.name for field in dataclasses.fields(cls)[1:]]
        if not isinstance(data, dict) or set(data) != {"value", *texts}:
            raise ValueError("This is no evidence: its fields are not those that were asked for.")
        if not all(isinstance(data[name], str) for name in texts):
            raise ValueError("This is no evidence: one of its fields is no text.")
        return cls(**data)


@dataclass(frozen=True)
class Wrong:
    """A wrong answer that is known by what it does.

    Attributes
    ----------
    name : str
        Short and stable; a class's common wrong answers are counted by it.
    message : str
        What teaches whoever gave this answer.
    answer : object
        The wrong answer itself.
    recognise : callable, optional
        ``recognise(found, expected, cases) -> bool`` over the values of all cases, for a mistake with many faces.
        Without it an answer is recognised when it shows on every case what ``answer`` shows.
    """

    name: str
    message: str
    answer: object
    recognise: Callable[[list[Data], list[Data], list[Case]], bool] | None = None


@dataclass(frozen=True)
class Verdict:
    """What is said of an answer. In JupyterLab it is shown as a card, in a terminal as text.

    Attributes
    ----------
    slug : str
        The question.
    status : str
        ``"right"``, ``"wrong"`` or ``"not attempted"``; ``"unchecked"`` where no answer was judged, such as an unknown
        question.
    message : str
        What to know, in words.
    detail : str
        What was seen, in words; empty when there is nothing to add.
    reason : str
        For a wrong answer, one word to count by: the name of a known wrong answer, or ``raised``, ``unfit``, ``slow``,
        ``type``, ``shape``, ``not finite``, ``value``.
    points, of : int
        Points earned, and how many the question has.
    printed : str
        What the answer printed in the first case.
    """

    slug: str
    status: str
    message: str
    detail: str = ""
    reason: str = ""
    points: int = 0
    of: int = 0
    printed: str = ""

    @property
    def right(self) -> bool:
        """Whether the answer is right."""
        return self.status == RIGHT

    def __repr__(self) -> str:
        from tl_course.exercises import showing

        return showing.verdict_text(self)

    def _repr_html_(self) -> str:
        from tl_course.exercises import showing

        return showing.verdict_html(self)


@dataclass(frozen=True)
class Question:
    """One question of an exercise.

    Attributes
    ----------
    slug : str
        Its name, for ever: marks are kept by it. The learner's answer is called ``answer_<slug>``.
    lesson : str
        Two digits.
    title : str
        A heading.
    kind : str
        ``"predict"`` (the answer is a value; it is checked and earns no points), ``"implement"`` or ``"repair"`` (the
        answer is a function).
    difficulty, minutes, points : int
        1 to 5; a guess; what it counts.
    hints : tuple of str
        From a nudge to nearly the answer.
    inputs : callable
        ``inputs(seed) -> list of cases``: plain data, other ones for another seed, edge cases always among them.
    reference : object
        A right answer.
    why : str
        Shown to a right answer: right, and why it matters.
    wrong : tuple of Wrong
        Known wrong answers, the more particular first.
    probe : callable
        ``probe(answer, case) -> plain data or tensors``: runs the answer and shows what it did. It brings back
        *values* (outputs, weights, losses), never conclusions: those are the judge's.
    rtol, atol : float
        Numbers agree when |found − expected| ≤ atol + rtol·|expected|.
    seconds : float
        How long all cases together may take.
    prepare : callable
        Run before the clock starts: loads what the first run would have to wait for. See `probes.load_optimizers`.
    """

    slug: str
    lesson: str
    title: str
    kind: str
    difficulty: int
    minutes: int
    points: int
    hints: tuple[str, ...]
    inputs: Callable[[int], list[Case]]
    reference: object
    why: str
    wrong: tuple[Wrong, ...]
    probe: Callable[[object, Case], object] = call
    rtol: float = 1e-4
    atol: float = 1e-6
    seconds: float = 10.0
    prepare: Callable[[], object] = lambda: None

    # --- in the learner's process ----------------------------------------------------------------------------------

    def evidence(self, answer: object, case: Case) -> Evidence:
        """Run an answer on one case and return what it showed. Global random state is seeded, the same every time.

        Whatever the answer raises becomes evidence, `TooSlow` and Ctrl-C aside: they go on to the caller.
        """
        screen = io.StringIO()
        fault = error = where = error_type = ""
        value: Data = None
        environment.seed_everything(0)
        with contextlib.redirect_stdout(screen), contextlib.redirect_stderr(io.StringIO()):
            try:
                value = plain(self.probe(answer, case))
            except Unfit as reason:
                fault, error = "unfit", str(reason)
            except (TooSlow, KeyboardInterrupt):
                raise
            except BaseException as raised:  # SystemExit too: an answer must not end the learner's session
                fault, error, where = "raised", _last_line(raised), _learners_line(raised)
                error_type = type(raised).__name__
        return Evidence(value, fault, error, where, screen.getvalue()[:MAX_PRINTED], error_type)

    # --- in the judge's process ------------------------------------------------------------------------------------

    def judge(self, evidence: Sequence[Evidence], cases: Sequence[Case]) -> Verdict:
        """Say what the evidence of an answer on these cases is worth.

        Parameters
        ----------
        evidence : sequence of Evidence
            One for each case; fewer, if the answer was stopped.
        cases : sequence of Case
            The cases it was made from.
        """
        expected = [self.evidence(self.reference, case) for case in cases]
        printed = evidence[0].printed if evidence else ""
        faults = [(one, case) for one, case in zip(evidence, cases, strict=False) if one.fault]
        differences = [
            (found, case)
            for mine, theirs, case in zip(evidence, expected, cases, strict=False)
            if not mine.fault and (found := self._difference(mine.value, theirs.value))
        ]
        if len(evidence) == len(cases) and not faults and not differences:
            return self.verdict(RIGHT, self.why, points=self.points, printed=printed)
        detail, reason = self._what_was_seen(evidence, cases, faults, differences)
        if self.kind == "predict" and not faults:  # what was expected would give it away
            detail, printed = "", ""
        known = self._recognised(evidence, expected, cases) if len(evidence) == len(cases) else None
        if known:
            return self.verdict(WRONG, known.message, detail=detail, reason=known.name, printed=printed)
        return self.verdict(WRONG, detail or "That is not it.", reason=reason, printed=printed)

    def verdict(self, status: str, message: str, **fields: object) -> Verdict:
        """Return a verdict on this question."""
        return Verdict(self.slug, status, message, of=self.points, **fields)

    def _difference(self, found: Data, expected: Data) -> Difference | None:
        return difference(found, expected, rtol=self.rtol, atol=self.atol)

    def _what_was_seen(
        self,
        evidence: Sequence[Evidence],
        cases: Sequence[Case],
        faults: list[tuple[Evidence, Case]],
        differences: list[tuple[Difference, Case]],
    ) -> tuple[str, str]:
        """The sentence about the first thing that went wrong, and the word for it."""
        if faults:
            fault, case = faults[0]
            if fault.fault == "unfit":
                return fault.error, "unfit"
            if fault.fault == "slow":
                return f"It was stopped: it took more than {self.seconds:g} seconds.", "slow"
            return f"It stopped with `{fault.error}`{fault.where}{_for(case)}.", "raised"
        if differences:
            found, case = differences[0]
            return f"{found.sentence[:-1]}{_for(case)}. {found.hint}".strip(), found.kind
        return f"Of {len(cases)} cases only {len(evidence)} were answered.", "slow"

    def _recognised(
        self, evidence: Sequence[Evidence], expected: Sequence[Evidence], cases: Sequence[Case]
    ) -> Wrong | None:
        """The first known wrong answer that shows what this one shows."""
        for wrong in self.wrong:
            if wrong.recognise is None:
                theirs = (self.evidence(wrong.answer, case) for case in cases)
                if all(self._same(mine, other) for mine, other in zip(evidence, theirs, strict=True)):
                    return wrong
            elif not any(mine.fault for mine in evidence):
                found, wanted = ([one.value for one in many] for many in (evidence, expected))
                with contextlib.suppress(Exception):  # evidence may be of any form: a predicate need not expect it
                    if wrong.recognise(found, wanted, list(cases)):
                        return wrong
        return None

    def _same(self, mine: Evidence, other: Evidence) -> bool:
        if mine.fault or other.fault:
            return (mine.fault, mine.error) == (other.fault, other.error)
        return self._difference(mine.value, other.value) is None


def _for(case: Case) -> str:
    """Which case it was, as far as it can be told in a few words."""
    shown = {name: value for name, value in case.items() if isinstance(value, int | float | str) and name != "seed"}
    told = [f"{name} = {describe(value)}" for name, value in shown.items()]
    return f" (with {', '.join(told[:4])})" if told else ""


# --- errors in words -----------------------------------------------------------------------------------------------


def _last_line(error: BaseException) -> str:
    """The last line of an error's traceback, cut off."""
    with contextlib.suppress(Exception):
        text = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
        return text if len(text) <= 200 else text[:199] + "…"
    return type(error).__name__


def _learners_line(error: BaseException) -> str:
    """Where in the learner's code an error arose: the innermost line that is in no library."""
    frames, trace = [], error.__traceback__
    while trace:
        frames.append((trace.tb_frame.f_code, trace.tb_lineno))
        trace = trace.tb_next
    for code, number in reversed(frames):
        if _is_learners(code):
            text = linecache.getline(code.co_filename, number).strip()
            in_cell = code.co_filename.startswith("<") or "ipykernel" in code.co_filename
            place = "its cell" if in_cell else Path(code.co_filename).name
            return f" in line {number} of {place}" + (f", `{text}`" if text else "")
    return ""


def _is_learners(code: types.CodeType) -> bool:
    """Whether code is neither this package's nor Python's nor a library's."""
    if code.co_filename.startswith("<frozen"):
        return False
    path, package = Path(code.co_filename), Path(__file__).parent.parent
    standard = Path(sysconfig.get_path("stdlib"))
    return "site-packages" not in path.parts and not {package, standard} & set(path.parents)
