"""Timetables, computed: which lessons fit into the time there is, and when each of them begins.

``docs/instructor/timetables.toml`` says how long a day is and which lessons matter most; how long a lesson takes stands
in its own header. Nothing is typed twice.
"""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from authoring.sources import Lesson

STEP = 5


@dataclass(frozen=True)
class Frame:
    """The time there is.

    Attributes
    ----------
    title, why : str
        Its heading, and a sentence about the choice of lessons.
    days, minutes : int
        How many days (or weekly sessions), and how long each of them is, breaks included.
    starts : int
        Minutes after midnight at which a day begins.
    opening, closing : int
        Minutes before the first lesson of the first day, and after the last of the last.
    work, pause, lunch, noon : int
        A pause, so long, comes before a stretch of work would exceed that many minutes; lunch comes from noon on. 0 for
        none.
    first : tuple of str
        Numbers of lessons, the most important first.
    """

    title: str
    why: str
    days: int
    minutes: int
    first: tuple[str, ...]
    starts: int = 9 * 60
    opening: int = 0
    closing: int = 0
    work: int = 0
    pause: int = 0
    lunch: int = 0
    noon: int = 12 * 60


@dataclass(frozen=True)
class Block:
    """A stretch of a day: a lesson, or what ``what`` says."""

    start: int
    minutes: int
    what: str
    lesson: Lesson | None = None

    @property
    def end(self) -> int:
        """Minutes after midnight at which it is over."""
        return self.start + self.minutes


Day = list[Block]


def frames(root: Path) -> dict[str, Frame]:
    """Return the frames of ``docs/instructor/timetables.toml`` by name."""
    text = (root / "docs" / "instructor" / "timetables.toml").read_text(encoding="utf-8")
    return {name: Frame(**{**entry, "first": tuple(entry["first"])}) for name, entry in tomllib.loads(text).items()}


def plan(frame: Frame, lessons: Sequence[Lesson]) -> list[Day]:
    """Choose the lessons that fit, the most important first, and lay them out in the order of their numbers.

    Parameters
    ----------
    frame : Frame
        The time there is.
    lessons : sequence of Lesson
        Those that exist.

    Returns
    -------
    list of list of Block
        The days; never more than the frame has, none longer than it says.
    """
    by_number = {lesson.number: lesson for lesson in lessons}
    chosen: list[Lesson] = []
    for number in frame.first:
        if number in by_number:
            longer = sorted([*chosen, by_number[number]], key=lambda lesson: lesson.number)
            if _fits(frame, layout(frame, longer)):
                chosen = longer
    return layout(frame, chosen)


def layout(frame: Frame, lessons: Sequence[Lesson]) -> list[Day]:
    """Lay lessons out over as many days as they need, with pauses and lunch between them."""
    days: list[Day] = [_opened(frame)]
    for position, lesson in enumerate(lessons):
        closing = frame.closing if position == len(lessons) - 1 else 0
        day = _with_break(frame, days[-1], in_steps(lesson.minutes))
        if _end(frame, day) + in_steps(lesson.minutes) + closing > frame.starts + frame.minutes and _teaches(days[-1]):
            day = []
            days.append(day)
        days[-1] = [*day, Block(_end(frame, day), in_steps(lesson.minutes), lesson.title, lesson)]
    if frame.closing:
        days[-1] = [*days[-1], Block(_end(frame, days[-1]), frame.closing, "Questions, and what to take home")]
    return days


def in_steps(minutes: int) -> int:
    """Round minutes up to what stands well in a timetable.

    >>> in_steps(41), in_steps(45)
    (45, 45)
    """
    return -(-minutes // STEP) * STEP


def _opened(frame: Frame) -> Day:
    return [Block(frame.starts, frame.opening, "Welcome; every machine says `Ready.`")] if frame.opening else []


def _teaches(day: Day) -> bool:
    return any(block.lesson for block in day)


def _end(frame: Frame, day: Day) -> int:
    return day[-1].end if day else frame.starts


def _with_break(frame: Frame, day: Day, ahead: int) -> Day:
    """The day with lunch or a pause at its end, if one is due before so many minutes more."""
    end, had_lunch = _end(frame, day), any(block.what == "Lunch" for block in day)
    if frame.lunch and end >= frame.noon and not had_lunch:
        return [*day, Block(end, frame.lunch, "Lunch")]
    rests = [position for position, block in enumerate(day) if block.what in {"Lunch", "Pause"}]
    since = day[rests[-1] + 1 :] if rests else day
    if frame.pause and since and sum(block.minutes for block in since) + ahead > frame.work:
        return [*day, Block(end, frame.pause, "Pause")]
    return day


def _fits(frame: Frame, days: list[Day]) -> bool:
    return len(days) <= frame.days and all(_end(frame, day) <= frame.starts + frame.minutes for day in days)


# --- as tables ----------------------------------------------------------------------------------------------------


def as_days(days: Sequence[Day], seconds: Callable[[Lesson], int | None]) -> str:
    """Return a table for each day: when, how long, what, and what the machine needs of it."""
    parts = []
    for number, day in enumerate(days, start=1):
        rows = ["| from | to | minutes | what | seconds to run |", "|---|---|--:|---|--:|"]
        for block in day:
            cost = seconds(block.lesson) if block.lesson else None
            what = _name(block.lesson) if block.lesson else f"*{block.what}*"
            rows.append(f"| {clock(block.start)} | {clock(block.end)} | {block.minutes} | {what} | {cost or '–'} |")
        heading = f"**Day {number}**\n\n" if len(days) > 1 else ""
        parts.append(heading + "\n".join(rows))
    return "\n\n".join(parts)


def as_weeks(days: Sequence[Day], homework: Callable[[Lesson], int]) -> str:
    """Return one table of weekly sessions with what is left to do at home."""
    rows = ["| week | lessons | minutes in class | exercises at home, minutes |", "|--:|---|--:|--:|"]
    for number, day in enumerate(days, start=1):
        taught = [block.lesson for block in day if block.lesson]
        names = "; ".join(map(_name, taught))
        home = sum(homework(lesson) for lesson in taught)
        rows.append(f"| {number} | {names} | {sum(block.minutes for block in day)} | {home or '–'} |")
    return "\n".join(rows)


def _name(lesson: Lesson) -> str:
    return f"{lesson.number} {lesson.title}".replace("|", "\\|")  # a bar would end the table's cell


def not_in(days: Sequence[Day], lessons: Sequence[Lesson]) -> str:
    """Say which lessons found no place."""
    taught = {block.lesson.number for day in days for block in day if block.lesson}
    missing = [f"{lesson.number} {lesson.title}" for lesson in lessons if lesson.number not in taught]
    return f"Without a place here: {'; '.join(missing)}." if missing else "Every lesson has a place here."


def clock(minutes: int) -> str:
    """Write minutes after midnight as a time.

    >>> clock(9 * 60 + 5)
    '09:05'
    """
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
