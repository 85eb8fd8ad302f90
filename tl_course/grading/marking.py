"""From a student's answers to marks: run them apart, judge here what they showed."""

from __future__ import annotations

import dataclasses
import secrets
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tl_course.exercises import NOT_ATTEMPTED, RIGHT, UNCHECKED, WRONG, Case, Evidence, Judge, Question, decode, encode
from tl_course.exercises.isolation import undisturbed
from tl_course.grading.limits import MAX_PARTS, MEBIBYTE, Limits
from tl_course.grading.notebooks import Answers, Worksheet
from tl_course.grading.results import Mark

LONGEST = 1000
"""Characters of a text in a mark."""
LONGEST_NAME = 60
_ONE_AT_A_TIME = threading.Lock()
"""Questions seed and use the random state of the whole process."""
UNKNOWN_NAME = NameError.__name__
HELPER = "Only the cells for answers are graded: what an answer uses must be defined in one of them."


@dataclass(frozen=True)
class Attempt:
    """What came back from one run of a submission's steps.

    Attributes
    ----------
    messages : list of dict
        Those that were well-formed and bore the token, in order.
    end : str
        How it ended, as `sandbox.keep` says; ``"died"`` when the keeper itself was ended.
    code : int
        Exit code or signal.
    walls : list of str
        What held.
    """

    messages: list[dict]
    end: str
    code: int = 0
    walls: tuple[str, ...] = ()


def mark(
    answers: Answers,
    sheet: Worksheet,
    run: Callable[[list[dict], Limits], Attempt],
    limits: Limits,
    judge: Callable[[Question, str, list[Case]], Mark] | None = None,
) -> tuple[list[Mark], bool]:
    """Mark a student's answers.

    The cells run in order in one process, ours and the student's, and each question is tried after its cell. When that
    process has to be ended, the question or cell that was running gets no points, and the others are tried again
    without it, in a new process and with new inputs.

    Parameters
    ----------
    answers : Answers
    sheet : Worksheet
    run : callable
        Runs steps apart, such as `ServerClient.run`.
    limits : Limits
    judge : callable, optional
        Judges evidence, such as `JudgeProcess.judged`; without it, this process does.

    Returns
    -------
    list of Mark
        In the order of the worksheet.
    bool
        Whether every question was really tried; if not, the marks are worth another attempt.
    """
    session = _Session(answers, sheet, limits, judge)
    until = time.monotonic() + limits.submission
    for _ in range(2 * len(sheet.parts)):
        left = until - time.monotonic()
        if not session.waiting or left <= 0:
            break
        steps = session.steps()
        longest = max((step["seconds"] for step in steps if "question" in step), default=0)
        attempt = run(steps, dataclasses.replace(limits, submission=left, question=longest))
        session.take(steps, attempt)
        if session.failures > 1:
            break
    session.give_up()
    marks = [session.marks[question.slug] for question in sheet.questions]
    return marks, not any(one.status == UNCHECKED for one in marks)


class _Session:
    """Marks of one student as they come in."""

    def __init__(self, answers: Answers, sheet: Worksheet, limits: Limits, judge: Callable[..., Mark] | None = None):
        self.answers, self.sheet, self.limits, self.judge = answers, sheet, limits, judge or judged
        self.questions = {question.slug: question for question in sheet.questions}
        self.marks: dict[str, Mark] = {}
        self.left_out: set[str] = set()
        self.errors: dict[str, str] = {}
        self.error_types: dict[str, object] = {}
        self.cases: dict[str, list[Case]] = {}
        self.failures = 0
        for slug, missing in answers.missing.items():
            self._set(slug, missing.status, missing.reason, missing.message)

    @property
    def waiting(self) -> list[str]:
        return [slug for slug in self.questions if slug not in self.marks]

    # --- what to run -------------------------------------------------------------------------------------------------

    def steps(self) -> list[dict]:
        """Cells that may run, and questions that have no mark yet, with inputs drawn now."""
        steps: list[dict] = []
        for part in self.sheet.parts:
            source = self.answers.cells.get(part.name) if part.kind == "answer" else part.source
            if part.kind != "check" and source is not None and part.name not in self.left_out:
                steps.append({"cell": part.name, "source": source})
            if part.kind == "answer" and part.name in self.waiting:
                steps.append(self._question(self.questions[part.name]))
        return steps

    def _question(self, question: Question) -> dict:
        with _ONE_AT_A_TIME, undisturbed():
            self.cases[question.slug] = question.inputs(secrets.randbelow(2**31))
        seconds = min(question.seconds, self.limits.question)
        cases = encode(self.cases[question.slug])
        return {"question": question.slug, "cases": cases, "seconds": seconds, "patience": self.limits.patience}

    # --- what came back ----------------------------------------------------------------------------------------------

    def take(self, steps: list[dict], attempt: Attempt) -> None:
        """Judge what an attempt showed, and find out what ended it."""
        begun, finished = -1, False
        for message in attempt.messages:
            number = message.get("step")
            finished = finished or message.get("finished") is True
            if type(number) is not int or not 0 <= number < len(steps):
                continue
            if message.get("begun") is True:
                begun = max(begun, number)
            elif "cell" in steps[number]:
                name = steps[number]["cell"]
                self.errors[name], self.error_types[name] = _short(message.get("error")), message.get("error_type")
            elif steps[number]["question"] in self.waiting:
                self._judge(self.questions[steps[number]["question"]], message)
        if attempt.end == "died" or (begun < 0 and not finished):
            self.failures += 1
        elif not finished:
            self._blame(steps[begun], attempt)
        else:
            for slug in self.waiting:
                self._set(slug, WRONG, "no result", "No result came back from its process.")

    def _judge(self, question: Question, message: dict) -> None:
        slug, error = question.slug, self.errors.get(question.slug, "")
        if message.get("missing") is True:
            self._no_answer(slug, error)
        elif message.get("blank") is True:
            self._set(slug, NOT_ATTEMPTED, message="The answer cell holds no answer yet.")
        elif isinstance(message.get("evidence"), str):
            self.marks[slug] = self.judge(question, message["evidence"], self.cases[slug])
        elif error := _short(message.get("error")):
            kind = _name_of(message.get("error_type"))
            self._set(slug, WRONG, "raised", f"It stopped with `{error}`.", error_type=kind)
        else:
            self._set(slug, WRONG, "unfit", _short(message.get("fault")) or "What it gave back cannot be judged.")

    def _no_answer(self, slug: str, error: str) -> None:
        if not self.answers.cells[slug].strip():
            self._set(slug, NOT_ATTEMPTED, message="The cell of this question is empty.")
        elif error:
            detail = HELPER if self.error_types[slug] == UNKNOWN_NAME else ""
            kind = _name_of(self.error_types[slug])
            self._set(slug, WRONG, "raised", f"Its cell stopped with `{error}`.", detail, error_type=kind)
        else:
            self._set(slug, WRONG, "no answer", f"The cell does not define `answer_{slug}`.")

    def _blame(self, step: dict, attempt: Attempt) -> None:
        """Whatever was running when the process ended is not run again."""
        name = step.get("cell") or step["question"]
        if "cell" in step:
            self.left_out.add(name)
        if name in self.waiting:
            self._set(name, WRONG, *_how_it_ended(attempt, self.limits))

    def give_up(self) -> None:
        """Give marks to what is still waiting."""
        for slug in self.waiting:
            if self.failures > 1:
                self._set(
                    slug,
                    UNCHECKED,
                    "grader",
                    "This answer could not be judged (the notebook could not be run); a person has to look.",
                )
            else:
                self._set(slug, WRONG, "slow", "The time for this notebook was used up before this question was tried.")

    def _set(
        self, slug: str, status: str, reason: str = "", message: str = "", detail: str = "", error_type: str = ""
    ) -> None:
        question = self.questions[slug]
        of = question.points
        self.marks[slug] = Mark(slug, question.title, 0, of, status, reason, message, detail, error_type=error_type)


def judged(question: Question, text: str, cases: list[Case]) -> Mark:
    """Return the mark for evidence that came from another process, as text.

    Raises
    ------
    Exception
        Of the question, where its reference fails: that says nothing of the answer.
    MemoryError
        If there is too little memory to judge it.
    """
    with _ONE_AT_A_TIME, undisturbed():
        judge = Judge(question, cases)
        judge.expected  # noqa: B018
    try:
        if sum(text.count(sign) for sign in ",[{") > MAX_PARTS:
            raise ValueError("too many parts")
        data = decode(text)
        if not isinstance(data, list) or len(data) > len(cases):
            raise ValueError("not as many as were asked for")
        evidence = [Evidence.from_data(one) for one in data]
        with _ONE_AT_A_TIME, undisturbed():
            verdict = judge.verdict(evidence)
    except MemoryError:
        raise
    except Exception as error:  # evidence may be of any form, and must not end the grading of a class
        sentence = f"What it gave back cannot be judged ({type(error).__name__})."
        return Mark(question.slug, question.title, 0, question.points, WRONG, "unfit", sentence)
    points = question.points if verdict.status == RIGHT else 0
    unknown = verdict.reason == "raised" and any(one.error_type == UNKNOWN_NAME for one in evidence)
    names = HELPER if unknown else ""
    texts = (verdict.message, f"{verdict.detail} {names}".strip(), verdict.printed)
    kind = next((_name_of(one.error_type) for one in evidence if one.fault), "") if verdict.reason == "raised" else ""
    return Mark(
        question.slug,
        question.title,
        points,
        question.points,
        verdict.status,
        verdict.reason,
        *map(_short, texts),
        kind,
    )


def _how_it_ended(attempt: Attempt, limits: Limits) -> tuple[str, str]:
    """A word and a sentence."""
    if attempt.end == "time":
        return "slow", "It was stopped: it ran too long, and did not end when it was told to."
    if attempt.end == "memory":
        return "memory", f"It was stopped: it took more than {limits.memory // MEBIBYTE:,} MB of memory."
    if attempt.end == "data":
        return "too much data", "It was stopped: it sent more data than can be taken."
    if attempt.end == "signal":
        return "crashed", f"It crashed the Python process ({_signal_name(attempt.code)})."
    return "exited", f"It ended the Python process (exit code {attempt.code})."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _name_of(kind: object) -> str:
    """The name of an error's class, as far as it is one."""
    return kind if isinstance(kind, str) and kind.isidentifier() and len(kind) <= LONGEST_NAME else ""


def _short(text: object) -> str:
    """A text that can be shown: no control characters, and not too long."""
    if not isinstance(text, str):
        return ""
    shown = "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text)
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
