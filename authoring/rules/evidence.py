"""A sentence that calls one thing better than another says by what the reader can tell.

Its evidence is a mark ([^05.far_order], which leads to a row of the table of evidence), a link to the page that says
so, or the cell just above it, if that asserts or claims something. The rule finds the plainest comparisons only;
whether a mark's row tests the very sentence is for a reader to judge.
"""

import re
from collections.abc import Iterator

from nbformat import NotebookNode

from authoring import tags
from authoring.rules.base import Document, Findings, Kind, rule
from authoring.rules.markdown import prose

MAX_PERMITTED = 4
"""Sentences of one lesson that may stand without evidence."""

PERMITTED: dict[str, dict[str, str]] = {}
"""What may stand all the same, with its reason: by number of the lesson, the first words of the sentence."""

_COMPARES = re.compile(
    r"""
    \b(?<!the\ )(?<!a\ )(?<!an\ )(?<!its\ )(?<!your\ )(?<!what\ is\ )(?<!is\ )(?:better|worse)\b
    | \b(?:is|are|was|were)\ (?:\w+\ )?(?:better|worse)\b
    | \b(?:is|are|was|were|does|do|did|stays?|stayed|comes?|came)\ (?:\w+\ )?(?:best|worst|ahead|behind)\b
    | \b(?:falls?|fell)\ behind\b
    | \b(?:more|less)\ accurate\b
    | \b(?:beats?|beaten|outperforms?|outperformed|helps|helped|hurts|harms|harmed|(?:does|did|do)\ harm|gained)\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_FOLDED = re.compile(r"(?s)<details>.*?</details>")
_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|(?<!\w)‘[^’]*’(?!\w)")
_OPEN = re.compile(
    r"(?i)\b(?:whether|which|may|might|must|to (?:do|make|beat))\b[^,;:]*|\b(?:best|better) on validation\b"
)
"""What is asked, possible, wished for or chosen: no result."""

_HEADING = re.compile(r"(?m)^#+ .*$")
_PARAGRAPH = re.compile(r"\n\s*\n|\n(?=\s*(?:(?:[*-]|\d+\.) |\|))")
_SENTENCE = re.compile(r"(?<=[.!?])(?:[)*_]*(?:\[\^[\w.]+\])*)[)*_]*\s+")
_MARK = re.compile(r"\[\^\d\d\.\w+\]")
_CITED = re.compile(r"\]\(\s*https?://")
_SHOWS = re.compile(r"^\s*assert\b|\.claim\(|\.expect\(", re.MULTILINE)


@rule(Kind.LESSON_SOURCE)
def unmarked_comparison(document: Document) -> Findings:
    """A reader can look up what "better" rests on, or it is an opinion."""
    permitted = PERMITTED.get(document.path.stem[:2], {})
    if len(permitted) > MAX_PERMITTED:
        yield None, f"{len(permitted)} sentences are permitted without evidence, {MAX_PERMITTED} at most"
    shown = False
    for position, cell in enumerate(document.notebook.cells):
        if cell.cell_type == "code":
            shown = bool(_SHOWS.search(cell.source))
            continue
        if not {"instructor"} & tags.of(cell):
            for sentence in comparisons(cell, shown):
                if not any(sentence.startswith(start) for start in permitted):
                    yield (
                        position,
                        f"{sentence[:70]!r} compares without evidence: give it a mark [^NN.claim] or a link, put it "
                        "below an assert that tests it, or say what was seen and where",
                    )
        shown = False


def comparisons(cell: NotebookNode, shown: bool = False) -> Iterator[str]:
    """Yield the sentences of a Markdown cell that compare and have no evidence.

    ``shown`` says that the cell above asserts something: then what stands before the first heading speaks of that.
    """
    text = _QUOTED.sub(" ", _FOLDED.sub(" ", cell.source))
    parts = _HEADING.split(text)
    for paragraph in _PARAGRAPH.split("\n\n".join(parts[1:] if shown else parts)):
        joined, start = " ".join(paragraph.split()), 0
        for end in [found.end() for found in _SENTENCE.finditer(joined)] + [len(joined)]:
            sentence, start = joined[start:end].strip(), end
            said = _OPEN.sub(" ", prose(sentence, keep_links=True)).rstrip("*_) ")
            cited = _MARK.search(sentence) or _CITED.search(sentence)
            if not said.endswith("?") and not cited and _COMPARES.search(said):
                yield sentence
