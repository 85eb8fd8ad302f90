"""Rules for Markdown: a title, headings in order, and no result typed by hand.

How a number may stand in prose. A decimal or a percentage is a result, and results come from ``claim(...)`` or an
output. Exempt are code, maths, versions and numbered places (``Python 3.11``, ``§3.1``, ``table 2.4``), and numbers
cited from elsewhere: make the number, or the words around it, a link to the page it stands on:
``VADER reaches [0.96 on tweets](https://doi.org/…)``.
"""

import re
from collections.abc import Iterator

from authoring import tags
from authoring.rules.base import Document, Findings, rule
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
_RESULT = re.compile(
    r"(?<![\w.])(?:\d*\.\d+|\d+(?=\s*(?:[%％]|per\s?cent)))(?:\s*(?:[%％]|per\s?cent))?", re.IGNORECASE
)


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


@rule()
def unknown_claim(document: Document) -> Findings:
    """A claim without an entry has no record behind it, and would only be noticed where it is rendered."""
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
