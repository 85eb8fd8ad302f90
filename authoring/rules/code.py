"""Rules for what code cells say: nothing that only looks as if it ran, nothing that hides, nothing too long."""

import ast
import functools
import re
from collections.abc import Iterator

from IPython.core.inputtransformer2 import TransformerManager

from authoring import tags
from authoring.rules.base import LESSONS, Document, Findings, rule

MAX_LINES = 15
KNOWN_MAGICS = {"time", "timeit"}

_MAGIC = re.compile(r"get_ipython\(\)\.run_(?:line|cell)_magic\('(\w+)'")
_SHELL = re.compile(r"get_ipython\(\)\.(?:system|getoutput)\(")
_NBVAL_SKIP = re.compile(r"#\s*(?:NBVAL_SKIP|NBVAL_IGNORE_OUTPUT|NBVAL_RAISES_EXCEPTION)\b")


@rule()
def magic(document: Document) -> Findings:
    """An unknown magic prints a message, fails nothing and takes the rest of its cell with it."""
    for position, cell in document.cells("code"):
        first, rest = _split_cell_magic(cell.source)
        names = ([first] if first else []) + _MAGIC.findall(_as_python(rest))
        for name in names:
            if name not in KNOWN_MAGICS:
                known = ", ".join(f"%{known}" for known in sorted(KNOWN_MAGICS))
                yield position, f"the magic %{name} is not one of those that lessons use ({known}); write Python"


@rule()
def shell(document: Document) -> Findings:
    """A shell line that fails goes unnoticed, and not every machine has that shell."""
    for position, cell in document.cells("code"):
        if _SHELL.search(_as_python(_split_cell_magic(cell.source)[1])):
            yield position, "a shell line (!) fails without anyone noticing; write Python"


@rule()
def input_call(document: Document) -> Findings:
    """Nobody answers ``input()`` when a notebook runs by itself."""
    for position, cell in document.cells("code"):
        for call in _calls(cell.source):
            if isinstance(call.func, ast.Name) and call.func.id == "input":
                yield position, "input() waits for ever when the notebook runs by itself; set a variable instead"


@rule()
def silenced_warnings(document: Document) -> Findings:
    """A blanket filter hides the warning that would have explained the bug."""
    for position, cell in document.cells("code"):
        if any(_silences_everything(call) for call in _calls(cell.source)):
            yield position, "this hides every warning; name the one you mean (message=…, category=…) or mend its cause"


@rule()
def nbval_skip(document: Document) -> Findings:
    """A cell that the tests skip is a cell that nobody knows to work."""
    for position, cell in document.cells("code"):
        if _NBVAL_SKIP.search(cell.source):
            yield position, "this comment keeps nbval from testing the cell; remove it"


@rule(*LESSONS)
def long_cell(document: Document) -> Findings:
    """A reader takes in a screenful at most."""
    for position, cell in document.cells("code"):
        count = len(cell.source.splitlines())
        if count > MAX_LINES:
            yield position, f"{count} lines of code, {MAX_LINES} at most; split it, or move a part into tl_course"


@rule(*LESSONS)
def code_without_words(document: Document) -> Findings:
    """Between two code cells the reader is told what was seen and what comes next."""
    spoken = True
    for position, cell in enumerate(document.notebook.cells):
        cell_tags = tags.of(cell)
        if cell_tags & {"instructor", "nav"}:
            continue
        if cell.cell_type == "code" and "claim" not in cell_tags:
            if not spoken:
                yield position, "no sentence stands between this code cell and the one before; add one"
            spoken = False
        elif cell.cell_type == "code" or _has_words(cell.source):
            spoken = True


def _has_words(markdown: str) -> bool:
    """Whether Markdown says something besides its headings."""
    without_comments = re.sub(r"<!--.*?-->", "", markdown, flags=re.DOTALL)
    return any(re.search(r"\w", line) and not line.lstrip().startswith("#") for line in without_comments.splitlines())


def _split_cell_magic(source: str) -> tuple[str | None, str]:
    """The name of a ``%%magic`` that opens a cell, and the code below it."""
    found = re.match(r"\s*%%(\w+)[^\n]*\n?", source)
    return (found[1], source[found.end() :]) if found else (None, source)


@functools.lru_cache(maxsize=512)  # several rules ask for the same cells
def _as_python(source: str) -> str:
    """Code as IPython hands it to Python: magics and shell lines become calls; strings stay strings."""
    try:
        return TransformerManager().transform_cell(source)
    except SyntaxError:
        return source


@functools.lru_cache(maxsize=512)
def parsed(source: str) -> ast.Module:
    """Return a cell's code as a tree; an empty one where it is not Python."""
    try:
        return ast.parse(_as_python(_split_cell_magic(source)[1]))
    except SyntaxError:
        return ast.Module([], [])


def _calls(source: str) -> Iterator[ast.Call]:
    """The calls in a cell's code."""
    yield from (node for node in ast.walk(parsed(source)) if isinstance(node, ast.Call))


def _silences_everything(call: ast.Call) -> bool:
    """Whether a call is ``warnings.filterwarnings("ignore")`` or ``simplefilter("ignore")`` with nothing narrower."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    ignores = any(isinstance(value, ast.Constant) and value.value == "ignore" for value in values)
    return name in {"filterwarnings", "simplefilter"} and ignores and len(values) == 1
