"""What grading comes to for one question and for one student; everything that shows results takes these."""

from __future__ import annotations

from dataclasses import dataclass

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
    def notes_for_teacher(self) -> list[str]:
        """The notes on the student's files, and who has the same answers."""
        twins = [f"the very same cells as {', '.join(self.twins[:TWINS_NAMED])}"] if self.twins else []
        return [*self.answers.notes, *twins]
