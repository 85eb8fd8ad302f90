"""What a question is, and what an answer to it shows: its evidence.

Trying and judging are kept apart, so that they can run in two processes: ``question.evidence(answer, case)`` runs the
learner's code on one case and returns plain data; a `judging.Judge` runs nothing of the learner's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import linecache
import sysconfig
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tl_course import environment
from tl_course.exercises.isolation import TooSlow
from tl_course.exercises.probes import call
from tl_course.exercises.values import Data, Unfit, plain

Case = dict[str, Data]
"""The inputs of one trial by name, in the order in which an answer takes them."""

KINDS = ("predict", "implement", "repair")
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
    """

    value: Data = None
    fault: str = ""
    error: str = ""
    where: str = ""
    printed: str = ""

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
        What teaches the learner who gave this answer.
    answer : object
        The wrong answer itself.
    recognise : callable, optional
        ``recognise(found, expected, cases) -> bool`` over the values of all cases, for a mistake that shows in more
        than one way; `recognisers` makes them. Without it an answer is recognised when it shows on every case what
        ``answer`` shows.
    """

    name: str
    message: str
    answer: object
    recognise: Callable[[list[Data], list[Data], list[Case]], bool] | None = None


@dataclass(frozen=True)
class Question:
    """One question of an exercise.

    Attributes
    ----------
    slug : str
        Its name, which never changes: marks are kept by it. The learner's answer is called ``answer_<slug>``.
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

    def evidence(self, answer: object, case: Case) -> Evidence:
        """Run an answer on one case and return what it showed. Global random state is seeded, the same every time.

        Every error of the answer becomes evidence. `TooSlow` and Ctrl-C alone go on to the caller.

        Examples
        --------
        >>> from tl_course.exercises import find
        >>> find("sum_or_mean").evidence(lambda rate, count: rate / count, {"rate": 0.5, "count": 2}).value
        0.25
        """
        screen = io.StringIO()
        fault = error = where = ""
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
        return Evidence(value, fault, error, where, screen.getvalue()[:MAX_PRINTED])


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
