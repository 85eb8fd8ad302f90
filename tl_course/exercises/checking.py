"""The three verbs of a learner: check an answer, ask for a hint, look at what is done."""

from __future__ import annotations

import dataclasses
import dis
import secrets
import types

from tl_course.exercises.catalogue import find, nearest, questions
from tl_course.exercises.display import NOT_ATTEMPTED, RIGHT, UNCHECKED, WRONG, Hint, Progress, Verdict
from tl_course.exercises.isolation import TooSlow, can_stop, limit, private, undisturbed
from tl_course.exercises.judging import Judge
from tl_course.exercises.question import Case, Evidence, Question
from tl_course.records import notes

_IDLE = {"RESUME", "NOP", "CACHE"}
_RETURN_NONE = (
    [("LOAD_CONST", None), ("RETURN_VALUE", None)],
    [("RETURN_CONST", None)],  # Python 3.12
)
"""What is left of a function that has only a docstring and ``...`` in it."""


def check(slug: str, answer: object = ..., *, seed: int | None = None) -> Verdict:
    """Say whether an answer is right, and if not, why.

    The answer is tried on fresh inputs. Your own objects, random numbers, warnings and settings stay as they are: the
    answer is copied first, with the global objects that it uses. What it writes to files itself stays there. An
    answer that takes too long is stopped, on Linux and macOS; elsewhere, and in threads, interrupt the kernel.

    Parameters
    ----------
    slug : str
        The question, as the line below its heading names it.
    answer : object
        Your answer; ``...`` means that there is none yet.
    seed : int, optional
        Chooses the inputs; new ones are drawn each time if not given.

    Returns
    -------
    Verdict
        *not attempted*, *wrong* and why, or *right* and why it matters. Never raises.

    Examples
    --------
    >>> check("sum_or_mean")
    Not attempted yet: sum_or_mean
    ...
    >>> check("sum_or_mean", lambda rate, count: rate / count).status
    'right'
    """
    try:
        question = find(slug)
        if question is None:
            return Verdict(str(slug)[:60], UNCHECKED, nearest(slug))
        if is_blank(answer):
            return Verdict.on(question, NOT_ATTEMPTED, "Write your answer in the cell above, run it, and check again.")
        verdict = _checked(question, answer, seed)
    except KeyboardInterrupt:
        return Verdict(str(slug)[:60], UNCHECKED, "You stopped the check.")
    except BaseException as error:  # a fault of a question must not end a learner's session
        return Verdict(
            "", UNCHECKED, f"The check itself failed, which is our mistake and not yours ({type(error).__name__})."
        )
    if verdict.status in (RIGHT, WRONG):
        notes.note_try(question.slug, verdict.status)
    return verdict


def _checked(question: Question, answer: object, seed: int | None) -> Verdict:
    with undisturbed():
        judge = Judge(question, question.inputs(secrets.randbelow(2**31) if seed is None else seed))
        judge.expected  # noqa: B018  PyTorch loads much when first used: not in the answer's time
        verdict = judge.verdict(collect(question, answer, judge.cases))
    if verdict.status == WRONG and not can_stop():
        note = "A slow answer cannot be stopped here: interrupt the kernel if a check hangs."
        return dataclasses.replace(verdict, detail=f"{verdict.detail} {note}".strip())
    return verdict


def collect(
    question: Question, answer: object, cases: list[Case], *, seconds: float | None = None, patience: float = 1.0
) -> list[Evidence]:
    """Run a copy of the answer on all cases, within so many seconds where it can be stopped.

    Parameters
    ----------
    question : Question
    answer : object
    cases : list of Case
    seconds : float, optional
        For all cases together; the question's own where left out.
    patience : float
        How many times as long it may take on the clock where it computes for less; see `isolation.limit`.

    Returns
    -------
    list of Evidence
        One for each case; the last of fewer says ``"slow"``.

    Examples
    --------
    >>> from tl_course.exercises import find
    >>> question = find("sum_or_mean")
    >>> cases = question.inputs(0)
    >>> len(collect(question, lambda rate, count: rate / count, cases)) == len(cases)
    True
    """
    found: list[Evidence] = []
    seconds = question.seconds if seconds is None else seconds
    try:
        question.prepare()
        with limit(seconds, patience):
            answer = private(answer)
            for case in cases:
                found.append(question.evidence(answer, case))
    except TooSlow:
        found = [*found[: len(cases) - 1], Evidence(fault="slow", error=f"stopped after {seconds:g} seconds")]
    return found


def is_blank(answer: object) -> bool:
    """Whether an answer is ``...``, or a function with nothing but a docstring and ``...`` in it.

    >>> def answer(x):
    ...     '''What it should do.'''
    ...     ...
    >>> is_blank(answer), is_blank(...), is_blank(lambda x: x)
    (True, True, False)
    """
    if answer is ...:
        return True
    if not isinstance(answer, types.FunctionType):
        return False
    steps = [(step.opname, step.argval) for step in dis.get_instructions(answer) if step.opname not in _IDLE]
    return steps in _RETURN_NONE


def hint(slug: str) -> Hint:
    """Give the next hint for a question, from a nudge to nearly the answer. Never raises.

    >>> hint("sum_or_mean").number
    1
    """
    try:
        question = find(slug)
        if question is None:
            return Hint(str(slug)[:60], 0, 0, nearest(slug))
        count = len(question.hints)
        number = notes.note_hint(question.slug, count)
        return Hint(question.slug, number, count, question.hints[number - 1])
    except Exception as error:
        return Hint("", 0, 0, f"The hint cannot be shown, which is our mistake ({type(error).__name__}).")


def progress() -> Progress:
    """Return a table of what you have solved and what is left, over all exercises. Never raises.

    >>> progress().lessons[0].questions > 0
    True
    """
    return Progress.of(questions(), notes.read())
