"""Chinese words in lessons: which of them the glossary knows, and in which lesson a term comes first."""

import re
from collections.abc import Iterable

from authoring.site.content import Content, Term
from authoring.sources import Lesson

CHINESE = re.compile(r"[\u4e00-\u9fff](?:[\u4e00-\u9fff-]*[\u4e00-\u9fff])?")
"""A word or phrase in Chinese characters, hyphens inside included."""


def words(text: str) -> list[str]:
    """Return the Chinese words of a text, in order.

    >>> words("the **head** (分类头), TF-IDF (词频-逆文档频率)")
    ['分类头', '词频-逆文档频率']
    """
    return CHINESE.findall(text)


def prose(lesson: Lesson) -> str:
    """Return all of a lesson's Markdown, the instructor's notes included."""
    return "\n\n".join(cell.source for cell in lesson.cells if cell.cell_type == "markdown")


def unknown(content: Content, lessons: Iterable[Lesson]) -> list[str]:
    """Return one sentence for each Chinese word of these lessons that the glossary does not have."""
    known = set(content.table("glossary").get("wording", {}))
    for term in content.terms:
        for name in (term.chinese, *term.variants):
            known.update(words(name))
    return [
        f"{lesson.path.name}: {word} stands in no entry of docs/site/glossary.toml; add the term it translates."
        for lesson in lessons
        for word in dict.fromkeys(words(prose(lesson)))
        if word not in known
    ]


def first_lesson(term: Term, lessons: Iterable[Lesson]) -> Lesson | None:
    """Return the first lesson that gives the term in Chinese; None where no lesson does."""
    names = (term.chinese, *term.variants)
    for lesson in lessons:
        text = prose(lesson)
        found = set(words(text))
        if any(name in found or (" " in name and name in text) for name in names):
            return lesson
    return None
