"""One good lesson, and bad ones that each break exactly one rule of the notebook lint.

A bad lesson is a function that takes the good one and spoils it: either its source, before the notebook is assembled,
or the notebook made from it. No kernel runs: the outputs are made by hand, which is what a bad notebook is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jupytext
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from authoring import comparable
from authoring.build import Course
from tl_course.app import running

STEM = "00_good"
ALT = "Two bars, the left one twice as high as the right one"
FIGURE = f'<figure><img src="data:image/png;base64,iVBO/tmp/Rw0K" alt="{ALT}"></figure>'
HEADER = {"summary": "What a lesson looks like.", "minutes": 5}

Cells = list[NotebookNode]


def good_cells() -> Cells:
    """Return the cells of a lesson that breaks no rule, and comes near to breaking many."""
    return [
        new_markdown_cell("# A good lesson\n\nWritten in 2024 for Python 3.11, PyTorch 2.8 and CC BY 4.0; see §3.1."),
        new_markdown_cell(
            "## Numbers\n\nA rate of `0.001`, a weight $\\alpha = 0.5$, and [96 % on tweets](https://example.org/vader).\n"
            "\n```python\n# not a heading\nx = 0.25\n```\n"
        ),
        new_code_cell("%%time\nimport warnings\nwarnings.filterwarnings('ignore', message='a known one')"),
        new_markdown_cell("Next, a text that looks like trouble and is none."),
        new_code_cell("text = '''\n!ls\n%nosuchmagic\ninput()\n'''\ntext.count('!')"),
        new_markdown_cell("### A cell that must fail\n\nDividing by zero raises."),
        new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]}),
        new_markdown_cell("The code of the next cell is of no interest."),
        new_code_cell("print('It wins.')", metadata={"tags": ["hide-input"]}),
        new_markdown_cell("And now a picture."),
        new_code_cell("figure"),
        new_markdown_cell("Ask the room.", metadata={"tags": ["instructor"]}),
        new_markdown_cell(f"## A picture\n\n![{ALT}](https://example.org/a.png)"),
    ]


def good_outputs() -> list[list[NotebookNode]]:
    """Return the outputs of the good lesson's code cells."""
    return [
        [],
        [new_output("execute_result", {"text/plain": "1"}, execution_count=2)],
        [new_output("error", ename="ZeroDivisionError", evalue="division by zero", traceback=["ZeroDivisionError"])],
        [new_output("stream", text="It wins.\n")],
        [new_output("display_data", {"text/html": FIGURE, "text/plain": ALT})],
    ]


def write_source(root: Path, cells: Cells, stem: str = STEM, header: dict | None = None) -> Path:
    """Write a lesson's source below ``root``."""
    text = yaml.safe_dump({"tl_course": HEADER if header is None else header})
    header_cell = new_raw_cell(f"---\n{text}---")
    path = root / "authoring" / "lessons" / f"{stem}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(jupytext.writes(new_notebook(cells=[header_cell, *cells]), fmt="py:percent"), encoding="utf-8")
    return path


def code_cells(notebook: NotebookNode) -> Cells:
    """Return the code cells of a notebook."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def write_notebook(root: Path, spoil: Callable[[NotebookNode], None] | None = None) -> Path:
    """Assemble the notebook of the one lesson below ``root``, give it outputs, spoil it, and save it."""
    course = Course(root)
    (lesson,) = course.lessons
    notebook = course.assemble(lesson, None)
    outputs = iter(good_outputs())
    for count, cell in enumerate(code_cells(notebook), start=1):
        cell.execution_count, cell.outputs = count, next(outputs, [])
    if spoil:
        spoil(notebook)
    running.save(comparable.mark(notebook), course.notebook_path(lesson))
    return course.notebook_path(lesson)


@dataclass(frozen=True)
class Bad:
    """A way to break one rule.

    Attributes
    ----------
    rule : str
        The only rule that may complain.
    says : str
        A part of the message that names what is wrong.
    source : callable, optional
        Spoils the source's cells in place.
    notebook : callable, optional
        Spoils the built notebook in place.
    """

    rule: str
    says: str
    source: Callable[[Cells], None] | None = None
    notebook: Callable[[NotebookNode], None] | None = None

    def write(self, root: Path) -> tuple[Path, Path]:
        """Write source and notebook below ``root`` and return both paths."""
        cells = good_cells()
        if self.source:
            self.source(cells)
        return write_source(root, cells), write_notebook(root, self.notebook)


def _replace(position: int, source: str, **metadata: object) -> Callable[[Cells], None]:
    def spoil(cells: Cells) -> None:
        cells[position].source = source
        cells[position].metadata.update(metadata)

    return spoil


def _insert(position: int, cell: NotebookNode) -> Callable[[Cells], None]:
    return lambda cells: cells.insert(position, cell)


def _output(*args: object, **kwargs: object) -> Callable[[NotebookNode], None]:
    """Append an output to the second code cell."""
    return lambda notebook: code_cells(notebook)[1].outputs.append(new_output(*args, **kwargs))


def _html(html: str) -> Callable[[NotebookNode], None]:
    return _output("display_data", {"text/html": html, "text/plain": "figure"})


def _captioned(caption: str) -> Callable[[NotebookNode], None]:
    return _html(f"<figure><figcaption>{caption}</figcaption></figure>")


def _printed(text: str) -> Callable[[NotebookNode], None]:
    return _output("stream", name="stdout", text=text)


def _set_count(position: int, count: int | None) -> Callable[[NotebookNode], None]:
    def spoil(notebook: NotebookNode) -> None:
        code_cells(notebook)[position].execution_count = count

    return spoil


def _no_error(notebook: NotebookNode) -> None:
    code_cells(notebook)[2].outputs = []


def _many_figures(notebook: NotebookNode) -> None:
    figure = FIGURE.replace("Rw0K", "A" * 300_000)
    code_cells(notebook)[4].outputs = [
        new_output("display_data", {"text/html": figure, "text/plain": ALT}) for _ in range(6)
    ]


def _old_prose(notebook: NotebookNode) -> None:
    notebook.cells[1].source += " An older sentence."


def _many_cells(cells: Cells) -> None:
    cells[12:12] = [new_markdown_cell(f"Word {number}.") for number in range(45)]


def _needs_further(cells: Cells) -> None:
    cells[12:12] = [
        new_markdown_cell("## More\n\nIt is folded.", metadata={"tags": ["further"]}),
        new_code_cell("folded = 1"),
        new_markdown_cell("## The core again\n\nIt goes on."),
        new_code_cell("folded + 1"),
    ]


def _prose(text: str) -> Callable[[Cells], None]:
    return _insert(12, new_markdown_cell(text))


CODE, LAST = 2, 12

BAD = {
    "line magic": Bad("magic", "%nosuchmagic", _replace(CODE, "%nosuchmagic 3\nx = 1")),
    "cell magic": Bad("magic", "%bash", _replace(CODE, "%%bash\nls")),
    "magic under a known one": Bad("magic", "%nosuchmagic", _replace(CODE, "%%time\n%nosuchmagic 3")),
    "shell line": Bad("shell", "shell line", _replace(CODE, "!false")),
    "shell in an assignment": Bad("shell", "shell line", _replace(CODE, "files = !ls")),
    "shell in a loop": Bad("shell", "shell line", _replace(CODE, "for name in 'ab':\n    !ls {name}")),
    "network of a role": Bad("typed-size", "env.backbone", _replace(CODE, "net = tl.models.create('resnet18')")),
    "network by keyword": Bad("typed-size", "env.text", _replace(CODE, "net = create(name='bert', num_classes=2)")),
    "data of a role": Bad("typed-size", "env.reviews", _replace(CODE, "task = load('sentiment', domain='movies')")),
    "data in another order": Bad("typed-size", "target()", _replace(CODE, "task = load(seed=0, name='cifar10')")),
    "steps": Bad("typed-size", "steps=60", _replace(CODE, "run = fit(net, task, steps=60)")),
    "steps in a dict": Bad("typed-size", "env.steps", _replace(CODE, "options = {'steps': 60, 'lr': 1e-3}")),
    "labels": Bad("typed-size", "env.labels", _replace(CODE, "if True:\n    load(name, train_per_class=10)")),
    "input": Bad("input-call", "waits for ever", _replace(CODE, "answer = input('yes?')")),
    "blanket filter": Bad(
        "silenced-warnings", "hides every", _replace(CODE, "import warnings\nwarnings.filterwarnings('ignore')")
    ),
    "blanket simplefilter": Bad(
        "silenced-warnings", "hides every", _replace(CODE, "import warnings\nwarnings.simplefilter(action='ignore')")
    ),
    "comment for nbval": Bad("nbval-skip", "keeps nbval", _replace(CODE, "# NBVAL_SKIP\nx = 1")),
    "long cell": Bad("long-cell", "16 lines", _replace(CODE, "\n".join(f"x = {i}" for i in range(16)))),
    "two code cells": Bad("code-without-words", "no sentence", _insert(11, new_code_cell("x = 1"))),
    "only a heading between": Bad("code-without-words", "no sentence", _replace(3, "### Only a heading")),
    "only the instructor speaks": Bad(
        "code-without-words", "no sentence", _replace(3, "Ask the room now.", tags=["instructor"])
    ),
    "never executed": Bad("not-executed", "never executed", notebook=_set_count(3, None)),
    "empty cell": Bad("not-executed", "empty", _replace(CODE, "")),
    "executed twice": Bad("out-of-order", "number 7", notebook=_set_count(1, 7)),
    "did not raise": Bad("did-not-raise", "did not raise", notebook=_no_error),
    "error": Bad(
        "error-output", "KeyError", notebook=_output("error", ename="KeyError", evalue="'x'", traceback=["KeyError"])
    ),
    "raw image": Bad("image-output", "image/png", notebook=_output("display_data", {"image/png": "iVBORw0K"})),
    "no alt": Bad("alt-text", "''", notebook=_html('<figure><img src="data:,"></figure>')),
    "short alt": Bad("alt-text", "'accuracy'", notebook=_html('<img src="data:," alt="accuracy">')),
    "svg": Bad("alt-text", "''", notebook=_html("<svg><circle r='1'/></svg>")),
    "markdown image": Bad("alt-text", "'plot'", _prose("![plot](https://example.org/a.png)")),
    "alt text that names the kind of picture": Bad(
        "alt-text", "'A plot of'", notebook=_html(f'<img src="data:," alt="A plot of {ALT.lower()}">')
    ),
    "alt text that is the caption": Bad(
        "alt-text", "repeats", notebook=_html(f'<figure><img src="data:," alt="{ALT}"><figcaption>{ALT}.</figcaption>')
    ),
    "column without a name": Bad("table-header", "no name", _prose("| | b |\n|---|---|\n| x | y |")),
    "table without header cells": Bad("table-header", "<th>", notebook=_html("<table><tr><td>1</td></tr></table>")),
    "faint colour": Bad("faint-mark", "#bbbbbb", _replace(CODE, 'ax.plot([1, 2], color="#BBBBBB")')),
    "faint for its opacity": Bad("faint-mark", "#a5a9ac", _replace(CODE, "ax.scatter(x, y, color=GREY, alpha=0.6)")),
    "faint list": Bad("faint-mark", "#dddddd", _replace(CODE, 'ax.barh(names, x, color=["#DDDDDD", "#000000"])')),
    "colour alone in a loop": Bad(
        "colour-alone", "differ in colour", _replace(CODE, "for x, color in runs:\n    ax.plot(x, color=color)")
    ),
    "colour alone side by side": Bad(
        "colour-alone",
        "differ in colour",
        _replace(CODE, 'ax.plot(a, color=BLUE, marker="s")\nax.plot(b, color=GREEN, marker="s")'),
    ),
    "typed caption": Bad("typed-in-figure", "'93 %'", _replace(CODE, 'show(fig, caption="It reaches 93 %.")')),
    "typed alt text": Bad("typed-in-figure", "'0.93'", _replace(CODE, 'alt = f"From {low:.2f} up to 0.93"')),
    "typed headline": Bad(
        "typed-in-figure", "'Five times faster'", _replace(CODE, 'headline(fig, "Five times faster")')
    ),
    "recorded over nobody knows how many seeds": Bad(
        "recorded-caption", "not how many", notebook=_captioned("Recorded: films.")
    ),
    "recorded over other seeds": Bad(
        "recorded-caption",
        "says seven seeds; the records read here hold 3",
        _replace(CODE, 'shift = tl.records.read("01_domain_shift")'),
        _captioned("Recorded on digits, seven seeds."),
    ),
    "stderr": Bad("stderr-output", "UserWarning", notebook=_output("stream", name="stderr", text="UserWarning: x\n")),
    "home folder": Bad("machine-path", "/home/a", notebook=_printed("saved to /home/ana/model.pt")),
    "temporary folder": Bad("machine-path", "/tmp/", notebook=_printed("saved to /tmp/x")),
    "address": Bad("memory-address", "address", notebook=_printed("<Run object at 0x7f0c1234abcd>")),
    "pages of text": Bad("long-text", "10001", notebook=_printed("x" * 10_001)),
    "big output": Bad("big-output", "500 kB", notebook=_html("<p>" + "x" * 500_000 + "</p>")),
    "big notebook": Bad("big-notebook", "MB", notebook=_many_figures),
    "second title": Bad("heading-order", "second title", _prose("# Another")),
    "skipped level": Bad("heading-order", "level 4", _prose("## Two\n\n#### Four")),
    "decimal": Bad("typed-number", "'0.93'", _prose("It reaches 0.93 on the test split.")),
    "percentage": Bad("typed-number", "'93 %'", _prose("It reaches 93 % on the test split.")),
    "percentage in words": Bad("typed-number", "'5 per cent'", _prose("It gains 5 per cent.")),
    "percentage spelled": Bad("typed-number", "'ninety-five per cent'", _prose("It is right in ninety-five per cent.")),
    "points": Bad("typed-number", "'five points ahead'", _prose("The probe: five points ahead.")),
    "comparison": Bad("unmarked-comparison", "'The probe is better.'", _prose("Look. The probe is better.")),
    "times": Bad("typed-number", "'3 times faster'", _prose("A probe is 3 times faster.")),
    "twice": Bad("typed-number", "'twice as good'", _prose("It is twice as good as chance.")),
    "percentage in a table": Bad("typed-number", "'93.1%'", _prose("| a | b |\n|---|---|\n| x | 93.1% |")),
    "a price is no formula": Bad("typed-number", "'0.5'", _prose("It costs $3, gains 0.5 points, and saves $4.")),
    "link within the course": Bad("typed-number", "'0.93'", _prose("It reaches [0.93](05_other.ipynb).")),
    "claim nobody made": Bad("unknown-claim", "'99.nobody'", _replace(CODE, "claim('99.nobody')", tags=["claim"])),
    "mark of no claim": Bad("unknown-claim", "'99.nobody'", _prose("Far, more moves.[^99.nobody]")),
    "unknown tag": Bad("unknown-tag", "'hide_input'", _replace(CODE, "x = 1", tags=["hide_input"])),
    "code for the instructor": Bad(
        "misplaced-tag", "Markdown", _insert(11, new_code_cell("x", metadata={"tags": ["instructor"]}))
    ),
    "further without a heading": Bad(
        "misplaced-tag", "heading", _insert(11, new_markdown_cell("More.", metadata={"tags": ["further"]}))
    ),
    "links by hand": Bad(
        "misplaced-tag", "generated", _insert(LAST, new_markdown_cell("[a](b)", metadata={"tags": ["nav"]}))
    ),
    "sideways": Bad("wide-code", "89 characters", _replace(CODE, "x = " + "1" * 85)),
    "endless core": Bad("long-core", "words in the core", _insert(LAST, new_markdown_cell("word " * 1800))),
    "many cells": Bad("long-core", "cells in the core", _many_cells),
    "late result": Bad("long-core", "before the first", _insert(1, new_markdown_cell("word " * 601))),
    "core that needs more": Bad("core-needs-further", "'folded'", _needs_further),
    "old prose": Bad("stale", "out of step", notebook=_old_prose),
}


def write_exercise(root: Path, cells: Cells) -> Path:
    """Write an exercise notebook below ``root``."""
    path = root / "exercises" / f"{STEM}.ipynb"
    running.save(new_notebook(cells=cells), path)
    return path
