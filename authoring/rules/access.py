"""Rules for those who see a figure otherwise, or not at all: texts that stand for pictures, tables, colours and marks.

What figures of ``tl_course.figures`` look like is tested where they are drawn. Here it is what a lesson draws by
itself, as far as its code shows: colours that are written out or come from ``tl_course.figures.style``.
"""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser

from matplotlib.colors import is_color_like

from authoring.rules.base import LESSONS, Document, Findings, rule
from authoring.rules.code import parsed
from authoring.rules.markdown import prose
from tl_course.figures import style

MIN_ALT_CHARACTERS = 40
MIN_CONTRAST = 3.0

_KIND_OF_PICTURE = re.compile(
    r"(?:an? |the |this )?(?:image|picture|photo|photograph|plot|graph|figure|chart|diagram|screenshot)s?"
    r"(?: of| with| showing| that shows| shows)?\b(?! \d)",
    re.IGNORECASE,
)
_FENCED = re.compile(r"^ *(```+|~~~+).*?^ *\1[^\n]*$", re.MULTILINE | re.DOTALL)
_TABLE = re.compile(r"^ {0,3}(\|.*\|) *\n {0,3}\|(?: *:?-+:? *\|)+ *$", re.MULTILINE)

_LINES = {"plot", "errorbar", "semilogx", "semilogy", "loglog", "step"}
_MARKS = {*_LINES, "scatter", "bar", "barh", "contour", "axhline", "axvline", "hlines", "vlines"}
_COLOR = {"color", "colors", "c", "ecolor"}
_SHAPE = {"marker", "linestyle", "linestyles", "ls", "fmt", "linewidth", "lw"}


@rule()
def alt_text(document: Document) -> Findings:
    """Who cannot see a picture needs to be told what it shows, and what follows from it."""
    for position, text in _texts_with_pictures(document):
        for alt, beside in _pictures(text):
            said = " ".join(alt.split())
            if len(said) < MIN_ALT_CHARACTERS:
                yield position, f"a picture's alt text is {said!r}; say what it shows, in {MIN_ALT_CHARACTERS} or more"
            elif found := _KIND_OF_PICTURE.match(said):
                yield position, f"an alt text begins with {found[0]!r}, which is known; begin with what is seen"
            elif said.casefold().rstrip(".") in beside.casefold():
                yield position, f"an alt text only repeats the caption ({said[:40]!r}…); say what the picture shows"


@rule()
def table_header(document: Document) -> Findings:
    """A screen reader says the header of a column with each cell."""
    for position, cell in document.cells("markdown"):
        for found in _TABLE.finditer(_FENCED.sub("", cell.source)):
            if any(not name.strip() for name in found[1].strip("|").split("|")):
                yield position, f"a table's column has no name ({found[1]!r}); give it one"
    for position, _, output in document.outputs():
        html = output.get("data", {}).get("text/html", "")
        if "<table" in html and "<th" not in html:
            yield position, "a table has no header cells; use <th>"


@rule(*LESSONS)
def faint_mark(document: Document) -> Findings:
    """A mark below 3:1 on the figures' background is lost on a projector, and on many eyes.

    What counts is the colour as it looks there, its opacity included; a thin line or a small point is pale enough.
    """
    for position, cell in document.cells("code"):
        for call in _drawing(parsed(cell.source), _MARKS):
            for color in _colors(call):
                ratio = style.contrast(color, style.BACKGROUND)
                if ratio < MIN_CONTRAST:
                    yield position, f"{color} has a contrast of {ratio:.1f}:1, {MIN_CONTRAST:.0f}:1 at least"


@rule(*LESSONS)
def colour_alone(document: Document) -> Findings:
    """Series that differ in nothing but colour are one series to a colour-blind reader and to a printer.

    Marker, line style or the thickness of the line tells them apart.
    """
    for position, cell in document.cells("code"):
        seen: dict[tuple[str, str], str] = {}
        for call, in_loop in _with_loops(parsed(cell.source)):
            color = next((ast.dump(word.value) for word in call.keywords if word.arg in _COLOR), None)
            if color is None or any(word.arg is None for word in call.keywords):  # ** may bring anything
                continue
            look = (_kind(call), " ".join(ast.dump(word.value) for word in call.keywords if word.arg in _SHAPE))
            changes = in_loop and _varies(color)
            if (changes and not _varies(look[1])) or (not in_loop and seen.setdefault(look, color) != color):
                yield position, "series differ in colour alone; give each its marker or line style as well"


def _drawing(tree: ast.AST, names: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
            yield node


def _with_loops(tree: ast.AST, in_loop: bool = False) -> Iterator[tuple[ast.Call, bool]]:
    """Calls that draw lines or points, and whether they stand in a loop."""
    for node in ast.iter_child_nodes(tree):
        inside = in_loop or isinstance(node, ast.For | ast.While | ast.comprehension)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in _LINES | {"scatter"}:
            yield node, inside
        yield from _with_loops(node, inside)


def _kind(call: ast.Call) -> str:
    return "points" if call.func.attr == "scatter" else "line"


def _varies(dump: str) -> bool:
    """Whether an expression, dumped, holds a variable: a name that is not a constant in capitals."""
    return any(not name.isupper() for name in re.findall(r"Name\(id='(\w+)'", dump))


def _colors(call: ast.Call) -> Iterator[str]:
    """The colours of a call as they look, as far as they can be read off: written out, or constants of the style."""
    opacity = next((word.value for word in call.keywords if word.arg == "alpha"), None)
    share = opacity.value if isinstance(opacity, ast.Constant) and isinstance(opacity.value, int | float) else 1.0
    outlined = any(word.arg in {"edgecolor", "edgecolors", "ec"} for word in call.keywords)
    for word in call.keywords:
        if word.arg not in _COLOR or outlined:
            continue
        for node in ast.walk(word.value):
            name = node.value if isinstance(node, ast.Constant) else getattr(style, getattr(node, "id", ""), None)
            if isinstance(name, str) and name != "none" and is_color_like(name):
                yield style.over(name, share)


def _texts_with_pictures(document: Document) -> Iterator[tuple[int, str]]:
    """Markdown (code in it left out) and HTML that a reader sees."""
    for position, cell in document.cells("markdown"):
        yield position, prose(cell.source, keep_links=True)
    for position, _, output in document.outputs():
        data = output.get("data", {})
        yield position, data.get("text/html", "")
        yield position, data.get("text/markdown", "")


def _pictures(text: str) -> list[tuple[str, str]]:
    """Each picture in HTML or Markdown: its alternative text, empty where it has none, and the captions around."""
    parser = _Pictures()
    parser.feed(text)
    beside = " ".join(" ".join(parser.captions).split())
    return [(alt, beside) for alt in [*parser.found, *re.findall(r"!\[([^\]]*)\]\(", text)]]


class _Pictures(HTMLParser):
    """Collects the alternative texts of <img> and <svg>, and captions."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.captions: list[str] = []
        self._captioning = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "img":
            self.found.append(attributes.get("alt") or "")
        elif tag == "svg" and attributes.get("aria-hidden") != "true":
            self.found.append(attributes.get("aria-label") or "")
        self._captioning |= tag == "figcaption"

    def handle_endtag(self, tag: str) -> None:
        self._captioning &= tag != "figcaption"

    def handle_data(self, data: str) -> None:
        if self._captioning:
            self.captions.append(data)
