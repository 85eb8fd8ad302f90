"""Rules for what a lesson says: a title, headings in order, no result typed by hand, no claim without its record.

How a number may stand in prose. A decimal, a percentage or a comparison ("three times faster", "five points better") is
a result, however it is spelled, and results come from ``claim(...)`` or an output. Exempt are code, maths, versions and
numbered places (``Python 3.11``, ``§3.1``, ``table 2.4``), and numbers cited from elsewhere: make the number, or the
words around it, a link to the page it stands on: ``VADER reaches [0.96 on tweets](https://doi.org/…)``.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache

from authoring import tags
from authoring.rules.base import Document, Findings, Kind, rule
from authoring.rules.code import parsed
from authoring.rules.markdown import prose
from tl_course import records

_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+\S")
_ALLOWED = re.compile(
    r"""
    (?:\b(?:versions?|python|pytorch|torch|torchvision|transformers|timm|jupyterlab|cuda|cc[ ]by(?:-\w+)*|apache|arxiv:?
         |sections?|chapters?|tables?|figures?|equations?|eq\.|fig\.|doi:?)|§)\s*[≥>=~]*\s*v?\d+(?:\.\d+)+
    | \bv\d+(?:\.\d+)+
    | \b\d+(?:\.\d+){2,}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_UNITS = "one|two|three|four|five|six|seven|eight|nine"
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_NUMBER = (
    rf"(?:\d+|(?:{_TENS})(?:-(?:{_UNITS}))?|{_UNITS}|ten|eleven|twelve|\w+teen"
    rf"|an?\s+hundred|(?:{_UNITS})\s+hundred|half)"
)
_PER_CENT = r"(?:[%％]|per\s?cent\b|percent(?:age\s+points?)?\b)"
_BETTER = r"(?:better|worse|higher|lower|ahead|behind|above|below|more|less|faster|slower|cheaper|dearer)"
_RESULT = re.compile(
    rf"""
    (?<![\w.])(?:
      \d*\.\d+ (?:\s*{_PER_CENT})?
    | {_NUMBER} \s* {_PER_CENT}
    | {_NUMBER} \s+ (?:percentage\s+)? points? \s+ (?:of\s+accuracy | {_BETTER})
    | {_NUMBER} \s+ times \s+ (?:{_BETTER} | as\s+(?:good|fast|slow|accurate|cheap|dear|often\s+right)) \b
    | (?:twice|thrice) \s+ as \s+ (?:good|fast|slow|accurate|cheap|dear|often\s+right) \b
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LEVEL = re.compile(r"\b9[059]% (?:t |Wilson )?intervals?\b")
_WORDS_OF_A_FIGURE = {"alt", "caption", "title", "headline"}
_SEEDS = re.compile(rf"\b({_NUMBER})(?:\s+recorded)?\s+seeds?\b", re.IGNORECASE)
_SPELLED = {word: number for number, word in enumerate([*_UNITS.split("|"), "ten", "eleven", "twelve"], start=1)}
_CAPTION = re.compile(r"<figcaption>(.*?)</figcaption>", re.DOTALL)


@rule()
def title(document: Document) -> Findings:
    """A notebook says at once what it is."""
    cells = [cell for cell in document.notebook.cells if "nav" not in tags.of(cell)]
    if not cells or cells[0].cell_type != "markdown" or not re.match(r"# +\S", cells[0].source):
        yield None, "does not start with a title; open the first cell with '# Title'"


@rule()
def heading_order(document: Document) -> Findings:
    """Screen readers and the table of contents go by heading levels."""
    before = 0
    for position, level in _headings(document):
        if level == 1 and before > 0:
            yield position, "a second title (#); a notebook has one, sections start with ##"
        elif before > 0 and level > before + 1:
            yield position, f"a heading of level {level} under one of level {before}; use {'#' * (before + 1)}"
        before = level


@rule()
def typed_number(document: Document) -> Findings:
    """A number typed by hand is wrong as soon as the experiment changes."""
    for position, cell in document.cells("markdown"):
        found = _RESULT.search(_ALLOWED.sub(" ", prose(cell.source)))
        if found:
            shown = " ".join(found[0].split())
            yield position, f"{shown!r} is typed into prose; use claim(…), or link a cited number to its source"


@rule(Kind.LESSON_SOURCE, Kind.LESSON, Kind.EXERCISE_SOURCE)
def typed_in_figure(document: Document) -> Findings:
    """Captions, titles and alternative texts are prose, too: what they say of a run comes from the run."""
    for position, cell in document.cells("code"):
        for text in _words_of_figures(parsed(cell.source)):
            found = _RESULT.search(_ALLOWED.sub(" ", _LEVEL.sub(" ", text)))
            if found:
                yield position, f"{found[0]!r} is typed into a figure's words; compute it from the results"


@rule(Kind.LESSON)
def recorded_caption(document: Document) -> Findings:
    """A figure that says "recorded" says over how many seeds, and its record has so many."""
    read: dict[str, str] = {}
    for position, cell in document.cells("code"):
        read |= dict(re.findall(r"^(\w+) = tl\.records\.read\(\s*[\"'](\w+)[\"']", cell.source, re.MULTILINE))
        used = {name for variable, name in read.items() if re.search(rf"\b{variable}\b", cell.source)}
        for output in cell.get("outputs", []):
            for caption in _CAPTION.findall(output.get("data", {}).get("text/html", "")):
                said = _SEEDS.findall(caption)
                if not caption.strip().lower().startswith("recorded"):
                    continue
                there = _counts_of_seeds(used or set(read.values()), document.notebook.metadata.tl_course.profile)
                wrong = [word for word in said if _SPELLED.get(word.lower(), word) not in there | set(map(str, there))]
                if not said:
                    yield position, f"a caption says “recorded” and not how many seeds ({caption.strip()[:40]!r}…)"
                elif wrong:
                    known = ", ".join(map(str, sorted(there))) or "no records"
                    yield position, f"a caption says {wrong[0]} seeds; the records read here hold {known}"


@rule()
def unknown_claim(document: Document) -> Findings:
    """A claim or a mark without an entry has no record behind it, and would only be noticed where it is rendered."""
    for position, cell in document.cells("markdown"):
        for name in re.findall(r"\[\^([^\]]+)\]", cell.source):
            if name not in records.registry():
                yield position, f"there is no claim {name!r} for the mark [^{name}]; add it to claims.toml or mend it"
    for position, cell in document.cells("code"):
        for name in records.claim_ids(cell.source):
            if name not in records.registry():
                yield position, f"there is no claim {name!r}; add it to tl_course/records/claims.toml or mend the name"


def _headings(document: Document) -> Iterator[tuple[int, int]]:
    """Position of the cell and level of every heading outside code."""
    for position, cell in document.cells("markdown"):
        for line in prose(cell.source, keep_links=True).splitlines():
            if found := _HEADING.match(line):
                yield position, len(found[1])


def _words_of_figures(tree: ast.AST) -> Iterator[str]:
    """Every text in code that ends up as a figure's title, caption or alternative text; its computed parts left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            named = [word.value for word in node.keywords if word.arg in _WORDS_OF_A_FIGURE]
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            values = named + (node.args if name == "headline" else [])
        elif isinstance(node, ast.Assign | ast.AugAssign):
            goals = node.targets if isinstance(node, ast.Assign) else [node.target]
            values = [node.value for goal in goals if getattr(goal, "id", "").lower() in _WORDS_OF_A_FIGURE]
        else:
            continue
        for value in values:
            yield from _texts(value)


def _texts(value: ast.AST) -> Iterator[str]:
    """The texts of an expression, those of its format specifications left out."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif not isinstance(value, ast.FormattedValue):
        for part in ast.iter_child_nodes(value):
            yield from _texts(part)


@cache
def _counts(name: str, profile: str) -> frozenset[int]:
    rows = [row for row in records.read(name).rows if row.profile == profile]
    return frozenset(Counter((row.target, row.method, row.setting) for row in rows).values())


def _counts_of_seeds(names: Iterable[str], profile: str) -> set[int]:
    """Over how many seeds the cells of these records go."""
    known = {path.stem for path in records.FOLDER.glob("*.csv")}
    return {count for name in names if name in known for count in _counts(name, profile)}
