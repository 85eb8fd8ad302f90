"""What people wrote for the site: the path, the glossary, the methods, the source texts, the Chinese of the lessons."""

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from authoring import sources, timings
from authoring.sources import Lesson
from authoring.timings import Timing


class ContentError(ValueError):
    """What was written for the site does not hold together; one sentence says what and where."""


@dataclass(frozen=True)
class Stop:
    """One lesson on the path, there or still to come.

    Attributes
    ----------
    number, title, chinese : str
        Two digits and its names; those of the lesson itself where it exists.
    lesson : Lesson or None
        None while it is still to come.
    """

    number: str
    title: str
    chinese: str
    lesson: Lesson | None

    @property
    def page(self) -> str | None:
        """Return the lesson's page, seen from the top of the site; None while it is still to come."""
        return f"lessons/{self.lesson.stem}.ipynb" if self.lesson else None


@dataclass(frozen=True)
class Part:
    """A part of the course, in both languages, and its lessons."""

    number: str
    title: str
    asks: str
    chinese: str
    chinese_asks: str
    stops: tuple[Stop, ...]


@dataclass(frozen=True)
class Term:
    """An entry of the glossary; ``chinese`` comes before ``variants``."""

    english: str
    chinese: str
    variants: tuple[str, ...]
    meaning: str


class Content:
    """All that the site is made from, under one root.

    Only lessons with a notebook count as existing: the site shows what was executed.
    """

    def __init__(self, root: Path = sources.ROOT):
        self.root = root

    @cached_property
    def lessons(self) -> list[Lesson]:
        """Return the lessons that have a notebook, in order."""
        found = sources.find(self.root)
        return [lesson for lesson in found if (self.root / "notebooks" / f"{lesson.stem}.ipynb").is_file()]

    @cached_property
    def timings(self) -> dict[str, Timing]:
        """Return what the lessons cost to run, by their stems."""
        return timings.read(self.root)

    @cached_property
    def exercises(self) -> list[Path]:
        """Return the exercises' notebooks, in order."""
        return sorted((self.root / "exercises").glob("[0-9][0-9]_*.ipynb"))

    @cached_property
    def chinese(self) -> dict[str, dict]:
        """Return title, goals and summary of each lesson in Chinese, by its stem."""
        return self.table("lessons.zh")

    @cached_property
    def parts(self) -> list[Part]:
        """Return the path.

        Raises
        ------
        ContentError
            If a lesson stands on no part of it.
        """
        existing = {lesson.number: lesson for lesson in self.lessons}
        parts = [self._part(entry, existing) for entry in self.table("path")["part"]]
        missing = existing.keys() - {stop.number for part in parts for stop in part.stops}
        if missing:
            raise ContentError(
                f"docs/site/path.toml has no place for lesson {', '.join(sorted(missing))}; add it there."
            )
        return parts

    def _part(self, entry: dict, existing: dict[str, Lesson]) -> Part:
        stops = [self._stop(planned, existing.get(planned["number"])) for planned in entry["lessons"]]
        return Part(entry["number"], entry["title"], entry["asks"], entry["zh"], entry["zh_asks"], tuple(stops))

    def _stop(self, planned: dict, lesson: Lesson | None) -> Stop:
        if lesson is None:
            return Stop(planned["number"], planned["title"], planned["zh"], None)
        return Stop(lesson.number, lesson.title, self.in_chinese(lesson)["title"], lesson)

    def in_chinese(self, lesson: Lesson) -> dict:
        """Return title, goals and summary of a lesson in Chinese.

        Raises
        ------
        ContentError
            If it has none.
        """
        if lesson.stem not in self.chinese:
            raise ContentError(f"docs/site/lessons.zh.toml has no entry [{lesson.stem}]; add title, summary and goals.")
        return self.chinese[lesson.stem]

    @cached_property
    def stops(self) -> dict[str, Stop]:
        """Return every lesson on the path by its number."""
        return {stop.number: stop for part in self.parts for stop in part.stops}

    @cached_property
    def terms(self) -> list[Term]:
        """Return the glossary, in the order of its file."""
        return [
            Term(entry["en"], entry["zh"], tuple(entry.get("zh_also", ())), entry["meaning"])
            for entry in self.table("glossary")["term"]
        ]

    def table(self, name: str) -> dict:
        """Return a file of ``docs/site`` as it stands."""
        path = self.root / "docs" / "site" / f"{name}.toml"
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ContentError(f"docs/site/{path.name} is not TOML: {error}.") from None
