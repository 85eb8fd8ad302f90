"""Which outputs are the same on every machine, so that nbval can hold a notebook to what its page says.

The build tags such cells ``nbval-check-output``. They are

* the checks of a solution: what they say to a right answer is fixed;
* cells that print words and whole numbers (shapes, parameter counts, tokens) and nothing that was measured, trained or
  rounded. Numbers are followed through the notebook's statements: what `fit` or a clock has touched is not compared.

An output that follows the data set or the profile of the machine is tagged ``by-target``, too: it is compared only
where both are the notebook's. The rule errs towards not comparing. An author may tag a further cell by hand.
"""

import ast
import builtins
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from authoring import tags

COMPARED, BY_TARGET = "nbval-check-output", "by-target"

MEASURED = {
    *("fit", "step", "evaluate", "predict", "predictions", "predict_proba", "score", "within_band"),
    *("argmax", "argsort", "sort", "sorted", "topk", "max", "min", "quantile", "nonzero"),
    *("perf_counter", "monotonic", "process_time", "time", "now", "today"),
    *("setup", "current", "examine", "listdir", "cpu_count"),
}
"""Calls whose results training, rounding, time or the machine decides."""

SHOWS_A_BAR = {"features"}
"""Calls that show their progress, on the page too, where a slow machine makes them last."""

ROLES = {"extractor", "backbone", "text", "weights", "pixels", "reviews", "labels", "examples", "steps"}
"""What a lesson reads from ``env`` and the profile alone decides."""

_UNSTABLE = re.compile(
    r"\d\.\d|\de[+-]?\d|[%°]|\binf\b"  # rounded numbers
    r"|\d\s*(?:s|ms|µs|kB|MB|GB|seconds?|minutes?)\b|\d{4}-\d\d-\d\d"  # times and sizes
    r"|(?:^|\s)[~.]{0,2}/\w|\b0x[0-9a-f]{4,}|\bcpu\b|\bcuda\b|\bthreads?\b",  # what a machine has
    re.MULTILINE | re.IGNORECASE,
)
_ROUNDED = re.compile(r":[^{}'\"\s]*\.\d+[eEfFgG%]|\bround\(|\bint\(")
_CHECK = re.compile(r'tl\.check\("\w+", answer_\w+\)')
_FIXED = {"load"}  # a task is raw data, and nothing that is done with it changes it; a function neither
_BUILTINS = set(dir(builtins))


def mark(notebook: NotebookNode) -> NotebookNode:
    """Tag the code cells whose outputs nbval is to compare, by what they hold and show; in place, and return it.

    Parameters
    ----------
    notebook : NotebookNode
        An assembled notebook with its outputs.
    """
    flow = _Flow()
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        printed = flow.follow(cell.source)
        found = tags.of(cell)
        if cell.outputs and "raises-exception" not in found and (_is_check(cell) or (printed and _says_the_same(cell))):
            found |= {COMPARED}
        if COMPARED in found and flow.by_target_here:
            found |= {BY_TARGET}
        if found:
            cell.metadata["tags"] = sorted(found)
    return notebook


def _is_check(cell: NotebookNode) -> bool:
    return _CHECK.fullmatch(cell.source.strip()) is not None


def _says_the_same(cell: NotebookNode) -> bool:
    """Whether a cell shows plain text alone, without a number that was rounded, timed or sized."""
    text = []
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            text.append(output.text)
        elif output.output_type == "execute_result" and set(output.data) == {"text/plain"}:
            text.append(output.data["text/plain"])
        else:
            return False
    return not _UNSTABLE.search("\n".join(text)) and not _ROUNDED.search(cell.source)


class _Flow:
    """Follows, statement by statement, which names hold something measured, and which follow the target."""

    def __init__(self) -> None:
        self.measured: set[str] = set()
        self.by_target: set[str] = set()
        self.by_target_here = False
        self._modules: set[str] = set()
        self._fixed: set[str] = set()
        self._shows_a_bar = set(SHOWS_A_BAR)

    def follow(self, source: str) -> bool:
        """Take in a cell; return whether what it prints or shows is free of what was measured."""
        self.by_target_here = False
        try:
            body = ast.parse(source).body
        except SyntaxError:  # a magic
            return False
        shows = [_prints(statement) for statement in body]
        if body and isinstance(body[-1], ast.Expr):
            shows[-1] = True
        clean = [self._take(statement) for statement in body]
        bar = self._bar(body)
        return any(shows) and not bar and all(free for free, shown in zip(clean, shows, strict=True) if shown)

    def _bar(self, body: list[ast.stmt]) -> bool:
        """Whether a progress bar may appear; a function that shows one is remembered by its name."""
        appears = False
        for statement in body:
            if self._shows_a_bar & set(_calls(statement)):
                if isinstance(statement, ast.FunctionDef):
                    self._shows_a_bar.add(statement.name)
                else:
                    appears = True
        return appears

    def _take(self, statement: ast.stmt) -> bool:
        """Take in one statement; return whether nothing in it was measured."""
        if isinstance(statement, ast.Import | ast.ImportFrom):
            self._modules |= {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
            return True
        loaded = _loaded(statement) - self._modules - _BUILTINS
        stored = _stored(statement)
        calls = set(_calls(statement))
        defines = isinstance(statement, ast.FunctionDef | ast.ClassDef)
        follows = "target" in calls or _reads_role(statement) or bool(loaded & self.by_target)
        measured = bool(calls & MEASURED) or bool(loaded & self.measured)
        # a plain assignment or a definition changes what it binds; anything else may change each name in it
        plain = defines or (isinstance(statement, ast.Assign | ast.AnnAssign) and not calls & MEASURED)
        touched = stored if plain else stored | loaded
        self.by_target = self.by_target | touched if follows else self.by_target - stored
        self.by_target_here |= follows
        stays = not measured and (defines or bool(calls & _FIXED))
        self._fixed = self._fixed | stored if stays else self._fixed - stored
        self.measured = self.measured | (touched - self._fixed) if measured else self.measured - stored
        return not measured


_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def _loaded(node: ast.AST) -> set[str]:
    """The names that a piece of code reads, but for those that it binds itself: parameters and loop variables.

    The device in ``env.device`` changes where something is computed and not what, and the profile decides what
    ``env.backbone`` and its like are, not the machine; so neither counts.
    """
    if isinstance(node, ast.Attribute) and (node.attr == "device" or _is_role(node)):
        return set()
    names = {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else set()
    if isinstance(node, ast.AugAssign):
        names |= _stored(node.target)
    own: set[str] = set()
    for child in ast.iter_child_nodes(node):
        names |= _loaded(child)
        if isinstance(child, ast.comprehension):
            own |= _stored(child)
    if isinstance(node, ast.For):
        own |= _stored(node.target)
    elif isinstance(node, ast.Try):
        own |= {handler.name for handler in node.handlers if handler.name}
    elif isinstance(node, _Function):
        own |= {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
        own |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    return names - own


def _is_role(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ROLES
        and isinstance(node.value, ast.Name)
        and node.value.id == "env"
    )


def _reads_role(node: ast.AST) -> bool:
    return any(map(_is_role, ast.walk(node)))


def _stored(node: ast.AST) -> set[str]:
    """The names that a piece of code binds where it stands; the inside of a function is another place."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        return set()
    names = {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else set()
    return names.union(*(_stored(child) for child in ast.iter_child_nodes(node)))


def _calls(node: ast.AST) -> Iterator[str]:
    """The last names of what is called, and of what is handed on to be called: ``tl.training.fit`` is ``fit``."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            if isinstance(each.func, ast.Attribute):
                yield each.func.attr
            elif isinstance(each.func, ast.Name):
                yield each.func.id


def _prints(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "print" for node in ast.walk(statement))
