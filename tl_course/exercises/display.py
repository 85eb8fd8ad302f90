"""Verdicts, hints and progress, and how they look: cards in JupyterLab, text in a terminal.

A card brings its own ground, so that it can be read on any page, and says in words what its colour says. The ground is
light; JupyterLab as the course opens it, and the site, set the ``--tl-…`` colours to others in their dark themes.
"""

from __future__ import annotations

import html
import os
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from tl_course.exercises.question import Question

RIGHT, WRONG, NOT_ATTEMPTED, UNCHECKED = "right", "wrong", "not attempted", "unchecked"
"""What a verdict can say: its ``status``."""
WIDTH = 88
_GROUND, _INK = "var(--tl-ground, #FCFCFA)", "var(--tl-ink, #22272B)"
_CODE_GROUND = "var(--tl-code-ground, #EEF0EF)"
_NEUTRAL = "var(--tl-neutral, #4A5258)"
_LOOK = {  # text on #FCFCFA: contrast 5:1 and more
    RIGHT: ("Right", "✓", "var(--tl-right, #00674A)"),
    WRONG: ("Not right yet", "✗", "var(--tl-wrong, #A34700)"),
    NOT_ATTEMPTED: ("Not attempted yet", "…", _NEUTRAL),
    UNCHECKED: ("Not checked", "?", _NEUTRAL),
    "hint": ("Hint", "→", "var(--tl-hint, #00598E)"),
    "progress": ("Your exercises", "", _INK),
}
_EMPHASIS = re.compile(r"(`[^`]+`)|(?<![\w*])\*(?=[^\s*])([^*`]*[^\s*`])\*(?![\w*])")
"""Code, which stays, or words between single asterisks."""


def _parts(verdict: Verdict) -> list[str]:
    detail = f"What was seen: {verdict.detail}" if verdict.detail else ""
    printed = f"Your answer printed: {verdict.printed.strip()}" if verdict.printed.strip() else ""
    return [part for part in (verdict.message, detail, printed) if part]


def _wrap(text: str) -> str:
    return textwrap.fill(_EMPHASIS.sub(lambda found: found[1] or found[2], text), WIDTH)


def _card(look: str, slug: str, note: str, paragraphs: Iterable[str], body: str = "") -> str:
    label, sign, color = _LOOK[look]
    heading = f'<strong style="color: {color}"><span aria-hidden="true">{sign}</span> {label}</strong>'
    heading += f" · {_code(html.escape(slug))}" if slug else ""
    heading += f" · {html.escape(note)}" if note else ""
    text = "".join(f'<p style="margin: 0.4em 0 0">{_rich(part)}</p>' for part in paragraphs)
    return (
        f'<div role="status" style="background: {_GROUND}; color: {_INK}; border-left: 6px solid {color}; '
        f'padding: 0.6em 0.9em; max-width: 52em; line-height: 1.5">{heading}{text}{body}</div>'
    )


def _rich(text: str) -> str:
    """Escape a text for HTML, with what stands between backticks as code, and between asterisks as emphasis."""
    return _EMPHASIS.sub(
        lambda found: _code(found[1].strip("`")) if found[1] else f"<em>{found[2]}</em>", html.escape(text)
    )


def _code(escaped: str) -> str:
    """Code on the card's own ground: a dark theme would bring its own."""
    return f'<code style="color: {_INK}; background: {_CODE_GROUND}">{escaped}</code>'


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

    @classmethod
    def on(cls, question: Question, status: str, message: str, **fields: Any) -> Verdict:
        """Return a verdict on a question: ``slug`` and ``of`` are the question's.

        >>> from tl_course.exercises import find
        >>> Verdict.on(find("sum_or_mean"), RIGHT, "Well done.", points=1)
        Right: sum_or_mean (1 of 1 points)
        Well done.
        """
        return cls(question.slug, status, message, of=question.points, **fields)

    def __repr__(self) -> str:
        if "NBGRADER_EXECUTION" in os.environ:  # "autograde" or "validate": nbgrader reads the points alone
            return str(self.points)
        label = _LOOK[self.status][0]
        points = f" ({self._points})" if self._points else ""
        return "\n".join([f"{label}: {self.slug}{points}", *map(_wrap, _parts(self))])

    def _repr_html_(self) -> str:
        return _card(self.status, self.slug, self._points, _parts(self))

    @property
    def _points(self) -> str:
        return f"{self.points} of {self.of} points" if self.right and self.of else ""


@dataclass(frozen=True)
class Hint:
    """One hint.

    Attributes
    ----------
    slug : str
        The question.
    number, count : int
        Which one, of how many; 0 where there is no such question.
    text : str
    """

    slug: str
    number: int
    count: int
    text: str

    @property
    def _note(self) -> str:
        if not self.number:
            return ""
        return f"{self.number} of {self.count}" + (", the last one" if self.number == self.count else "")

    def __repr__(self) -> str:
        return f"Hint {self._note} for {self.slug}\n{_wrap(self.text)}" if self.number else _wrap(self.text)

    def _repr_html_(self) -> str:
        return _card("hint", self.slug, self._note, [self.text])


@dataclass(frozen=True)
class LessonProgress:
    """What is solved of one lesson's exercises.

    Attributes
    ----------
    lesson : str
        Two digits.
    solved, questions, points, of : int
        Questions answered rightly, of how many; points earned, of how many.
    open : tuple of str
        Slugs of the questions that are not solved.
    """

    lesson: str
    solved: int
    questions: int
    points: int
    of: int
    open: tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    """What is solved of all exercises: a table in JupyterLab, lines in a terminal.

    Attributes
    ----------
    lessons : tuple of LessonProgress
    """

    lessons: tuple[LessonProgress, ...]

    @classmethod
    def of(cls, questions: Iterable[Question], notes: Mapping[str, Mapping[str, Any]]) -> Progress:
        """Sum up the notes of a learner over these questions."""
        rows = []
        for lesson, group in groupby(questions, key=lambda question: question.lesson):
            members = list(group)
            solved = [one for one in members if notes.get(one.slug, {}).get("status") == RIGHT]
            rows.append(
                LessonProgress(
                    lesson,
                    len(solved),
                    len(members),
                    sum(one.points for one in solved),
                    sum(one.points for one in members),
                    tuple(one.slug for one in members if one not in solved),
                )
            )
        return cls(tuple(rows))

    def __repr__(self) -> str:
        return "\n".join(
            f"Exercises {row.lesson}: {row.solved} of {row.questions} solved, {row.points} of {row.of} points"
            + (f"; open: {', '.join(row.open)}" if row.open else "")
            for row in self.lessons
        )

    def _repr_html_(self) -> str:
        cell = '<td style="text-align: left; padding: 0.2em 0.9em 0.2em 0">'
        head = "".join(
            f'<th scope="col" style="text-align: left; padding: 0.2em 0.9em 0.2em 0">{name}</th>'
            for name in ("lesson", "solved", "points", "open")
        )
        rows = "".join(
            f"<tr>{cell}{row.lesson}</td>{cell}{row.solved} of {row.questions}</td>"
            f"{cell}{row.points} of {row.of}</td>{cell}{html.escape(', '.join(row.open))}</td></tr>"
            for row in self.lessons
        )
        style = f'style="background: {_GROUND}; color: {_INK}; border-collapse: collapse; font-size: inherit"'
        return _card(
            "progress", "", "", [], f"<table {style}><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )
