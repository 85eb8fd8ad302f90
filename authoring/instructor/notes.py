"""The notes to the instructor, taken from the lessons and sorted: what to ask, what comes back, how it runs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nbformat import NotebookNode

from authoring import tags
from authoring.sources import Lesson

_OPENING = re.compile(r"^\**For the instructor\.?\**\s*")
_SENTENCE = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][*)\"”]))\s+(?=[A-Z“])")
_WRONG = re.compile(r"wrong answers?\b", re.IGNORECASE)
_ASKS = re.compile(r"\?\*|\bask(?:s|ed)?\b|for the room|let the room|show of hands", re.IGNORECASE)
_PREDICT = re.compile(r"^> \*\*Predict\b.*?(?=^(?!>)|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Note:
    """What the notes of one lesson say, sentence by sentence; none is lost and none stands twice.

    Attributes
    ----------
    predictions : tuple of str
        The questions that the lesson itself puts before its experiments, as Markdown.
    asks, wrong, runs : tuple of str
        Questions for the room; what usually comes back and is wrong; how the lesson runs.
    """

    lesson: Lesson
    predictions: tuple[str, ...]
    asks: tuple[str, ...]
    wrong: tuple[str, ...]
    runs: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether the lesson has no note at all."""
        return not (self.asks or self.wrong or self.runs)


def of(lesson: Lesson) -> Note:
    """Return the sorted notes of a lesson."""
    sorted_: dict[str, list[str]] = {"asks": [], "wrong": [], "runs": []}
    for sentence in sentences(cell.source for cell in lesson.cells if "instructor" in tags.of(cell)):
        kind = "wrong" if _WRONG.search(sentence) else "asks" if _ASKS.search(sentence) else "runs"
        sorted_[kind].append(sentence)
    return Note(lesson, tuple(predictions(lesson.cells)), **{kind: tuple(found) for kind, found in sorted_.items()})


def predictions(cells: Iterable[NotebookNode]) -> list[str]:
    """Return the quoted paragraphs that ask for a prediction, without the marks of quotation."""
    found = []
    for cell in cells:
        if cell.cell_type == "markdown":
            found += [re.sub(r"^> ?", "", quote, flags=re.MULTILINE).strip() for quote in _PREDICT.findall(cell.source)]
    return found


def sentences(texts: Iterable[str]) -> list[str]:
    """Split notes into sentences.

    >>> sentences(["**For the instructor.** Ask first: *why?* Then run. Not .pt files."])
    ['Ask first: *why?*', 'Then run.', 'Not .pt files.']
    """
    found = []
    for text in texts:
        for paragraph in re.split(r"\n\s*\n", text):
            plain = _OPENING.sub("", " ".join(paragraph.split()))
            found += [sentence for sentence in _SENTENCE.split(plain) if sentence]
    return found


def as_markdown(notes: Iterable[Note]) -> str:
    """Return all notes, lesson by lesson."""
    parts = []
    for note in notes:
        lines = [f"## {note.lesson.number} {note.lesson.title}", ""]
        for heading, items in (
            ("The lesson asks for a prediction", note.predictions),
            ("For the room", note.asks),
            ("Usual wrong answers", note.wrong),
            ("How it runs", note.runs),
        ):
            if items:
                lines += [f"**{heading}**", "", *(f"* {_indented(item)}" for item in items), ""]
        if note.empty:
            lines += ["*This lesson has no note yet.*", ""]
        parts.append("\n".join(lines))
    return "\n".join(parts)


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")
