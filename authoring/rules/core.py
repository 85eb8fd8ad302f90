"""Rules for the core of a lesson: what a tired reader walks in one sitting, without the folded further sections."""

import ast
import builtins
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from authoring import tags
from authoring.rules.base import LESSONS, Document, Findings, Kind, rule

MAX_CELLS, MAX_WORDS, MAX_WORDS_BEFORE_A_RESULT = 45, 1800, 600
MAX_WIDTH = 88
"""Characters of a line of code: JupyterLab on a laptop of 1366 pixels scrolls sideways beyond it."""

_HEADING = re.compile(r"(#+) ")
_NO_WORDS = re.compile(r"(?s)```.*?```|<details>.*?</details>|<!--.*?-->|<[^>]+>|\$\$.*?\$\$|\$[^$\n]+\$|\]\([^)]*\)")
_WORD = re.compile(r"\S*[^\W\d_]\S*")
_RESULT = re.compile(r"\d%|\d\.\d\d")


def further(notebook: NotebookNode) -> list[bool]:
    """Return, for each cell, whether it lies in a folded section: below a tagged heading, up to the next as high."""
    found, depth = [], None
    for cell in notebook.cells:
        heading = _HEADING.match(cell.source) if cell.cell_type == "markdown" else None
        if heading and depth is not None and len(heading[1]) <= depth:
            depth = None
        if heading and depth is None and "further" in tags.of(cell):
            depth = len(heading[1])
        found.append(depth is not None)
    return found


def words(text: str) -> int:
    """Return the number of words that are read in Markdown: no formulas, code, addresses, nor what is folded away.

    >>> words("Ten *labels* of $x$, see [this](https://example.org).")
    5
    """
    return len(_WORD.findall(_NO_WORDS.sub(" ", text)))


def core(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    """Yield position and cell of what is neither folded nor generated."""
    for position, (cell, folded) in enumerate(zip(notebook.cells, further(notebook), strict=True)):
        if not folded and not tags.GENERATED & tags.of(cell):
            yield position, cell


@rule(*LESSONS, Kind.EXERCISE_SOURCE, Kind.EXERCISE)
def wide_code(document: Document) -> Findings:
    """A line that must be scrolled sideways is not read."""
    for position, cell in document.cells("code"):
        for line in cell.source.splitlines():
            if len(line) > MAX_WIDTH:
                yield position, f"{len(line)} characters in a line, {MAX_WIDTH} at most: {line.strip()[:40]!r}"


@rule(Kind.LESSON)
def long_core(document: Document) -> Findings:
    """A core is walked in 35 minutes, and its first result comes early."""
    cells = list(core(document.notebook))
    if len(cells) > MAX_CELLS:
        yield None, f"{len(cells)} cells in the core, {MAX_CELLS} at most; fold a section as further, or cut it"
    read = sum(words(cell.source) for _, cell in cells if cell.cell_type == "markdown")
    if read > MAX_WORDS:
        yield None, f"{read} words in the core, {MAX_WORDS} at most; fold a section as further, or cut it"
    before = 0
    for _, cell in cells:
        if cell.cell_type == "markdown":
            before += words(cell.source)
        elif "tl.setup(" not in cell.source and _shows_a_result(cell):
            break
    if before > MAX_WORDS_BEFORE_A_RESULT:
        yield None, f"{before} words before the first figure or score, {MAX_WORDS_BEFORE_A_RESULT} at most"


@rule(*LESSONS)
def core_needs_further(document: Document) -> Findings:
    """Whoever leaves the folded sections out must be able to run the rest."""
    safe, folded_away = set(vars(builtins)), {}
    for position, (cell, folded) in enumerate(zip(document.notebook.cells, further(document.notebook), strict=True)):
        if cell.cell_type != "code":
            continue
        used, made = _names(cell.source)
        if folded:
            folded_away |= dict.fromkeys(made - safe, position + 1)
        else:
            for name in sorted((used - made - safe) & set(folded_away)):
                yield position, f"uses {name!r} of cell {folded_away[name]}, which lies in a further section"
            safe |= made


def _shows_a_result(cell: NotebookNode) -> bool:
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "<img" in data.get("text/html", "") or "application/vnd.jupyter.widget-view+json" in data:
            return True
        if _RESULT.search(output.get("text", "") or data.get("text/plain", "")):
            return True
    return False


def _names(source: str) -> tuple[set[str], set[str]]:
    """Return the names that a cell reads and those that it makes."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a magic; other rules speak of it
        return set(), set()
    used, made = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else made).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            made.add(node.name)
        elif isinstance(node, ast.arg):
            made.add(node.arg)
        elif isinstance(node, ast.alias):
            made.add((node.asname or node.name).split(".")[0])
    return used, made
