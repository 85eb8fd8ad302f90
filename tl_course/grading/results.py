"""What grading comes to for one question and for one student; everything that shows results takes these."""

from __future__ import annotations

from dataclasses import dataclass

from tl_course.exercises import RIGHT
from tl_course.grading.notebooks import Answers

TWINS_NAMED = 5
"""So many names of students with the same answers are told."""


@dataclass(frozen=True)
class Mark:
    """What one answer earned.

    Attributes
    ----------
    question, title : str
        Slug, and heading.
    points, of : int
    status : str
        ``"right"``, ``"wrong"``, ``"not attempted"``; ``"unchecked"`` if the grader failed, and a person has to look.
    reason : str
        One word or two to count by: the name of a known wrong answer, or what happened.
    message, detail, printed : str
        For the learner.
    error_type : str
        Where the reason is ``"raised"``: the class of the error.
    """

    question: str
    title: str
    points: int
    of: int
    status: str
    reason: str = ""
    message: str = ""
    detail: str = ""
    printed: str = ""
    error_type: str = ""


@dataclass(frozen=True)
class Graded:
    """One student's result.

    Attributes
    ----------
    student, identity : str
        Name, and the platform's number.
    marks : list of Mark
        One for each question, also for those that were not handed in.
    answers : Answers
    kept : bool
        Whether the marks are those of an earlier grading.
    twins : tuple of str
        Names of students whose answers are the same in every character. For the teacher only: a student's page is made
        from `marks` and `answers` and never from this.
    """

    student: str
    identity: str
    marks: list[Mark]
    answers: Answers
    kept: bool = False
    twins: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        return sum(one.points for one in self.marks)

    @property
    def to_look_at(self) -> list[tuple[Mark, str]]:
        """Questions that are not right where something of the notebook was left aside, and what."""
        about = self.answers.about
        open_ones = [mark for mark in self.marks if mark.status != RIGHT and about.get(mark.question)]
        return [(mark, "; ".join(about[mark.question])) for mark in open_ones]

    @property
    def notes_for_teacher(self) -> list[str]:
        """The notes on the student's files, and who has the same answers."""
        twins = [f"the very same cells as {', '.join(self.twins[:TWINS_NAMED])}"] if self.twins else []
        return [*self.answers.notes, *twins]
