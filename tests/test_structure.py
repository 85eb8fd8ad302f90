"""No import circle between files of the package, and no room that imports from one below it.

Every import counts: one in a function and one under TYPE_CHECKING as much as one at the top of the file, for a reader
has to follow them all. Importing a name from a package leads to the file of that name where there is one, and to the
package's ``__init__.py`` where the name is defined or re-exported there.
"""

import ast
import functools
import importlib
import inspect
import os
import textwrap
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tl_course"
# Each room imports from those before it. Before them all stand two small modules.
ROOMS = (
    "plain_numbers",
    "profiles",
    "environment",
    "assets",
    "data",
    "metrics",
    "models",
    "losses",
    "records",
    "training",
    "adaptation",
    "figures",
    "examine",
    "exercises",
    "grading",
    "recipes",
    "app",
)


def names_of(package: Path) -> dict[str, Path]:
    """Module name to file, of every file of a package."""
    found = {}
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imported(name: str, file: Path, modules: dict[str, Path]) -> set[str]:
    """The modules of the package that a file imports, anywhere in it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    top = next(iter(modules)).partition(".")[0]
    found, aliases = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                package = name if file.name == "__init__.py" else name.rpartition(".")[0]
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                origin = ".".join([*above, *filter(None, [node.module])])
            for one in node.names:
                inner = f"{origin}.{one.name}"
                if inner in modules:
                    found.add(inner)
                    aliases[one.asname or one.name] = inner
                elif origin in modules:
                    found.add(origin)
        elif isinstance(node, ast.Import):
            for one in node.names:
                if one.name in modules:
                    found.add(one.name)
                    aliases[one.asname or top] = one.name if one.asname else top
    # `import tl_course as tl` and then `tl.models`: the attribute is a module, too.
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (chain := _chain(node)) and chain[0] in aliases:
            for end in range(2, len(chain) + 1):
                inner = ".".join([aliases[chain[0]], *chain[1:end]])
                if inner in modules:
                    found.add(inner)
    return found - {name}


def _chain(node: ast.expr) -> list[str]:
    """The names of `a.b.c`, or nothing for an attribute of something else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


@functools.cache
def graph_of(package: Path) -> dict[str, set[str]]:
    modules = names_of(package)
    return {name: imported(name, file, modules) for name, file in modules.items()}


def circles(graph: dict[str, set[str]]) -> list[str]:
    """One circle after the other, each opened by leaving out its last import; empty where there is none."""
    graph, found = {name: set(others) for name, others in graph.items()}, []
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle = error.args[1][::-1]
            found.append(" -> ".join(circle))
            graph[circle[-2]].discard(circle[-1])
        else:
            return found


def room_of(module: str) -> str | None:
    """The room a module is in; None for the package itself, which holds only names that are loaded when used."""
    return module.split(".")[1] if "." in module else None


def looking_down(graph: dict[str, set[str]]) -> list[str]:
    """The imports that lead from a room to one below it."""
    return [
        f"{name} -> {other}"
        for name, others in graph.items()
        for other in sorted(others)
        if room_of(name) in ROOMS and room_of(other) in ROOMS[ROOMS.index(room_of(name)) + 1 :]
    ]


@pytest.mark.xdist_group("the graph of the package")
def test_no_circle_between_files():
    assert circles(graph_of(PACKAGE)) == []


def test_every_file_is_in_a_room():
    assert sorted({room_of(name) for name in names_of(PACKAGE)} - {None, *ROOMS}) == []


@pytest.mark.xdist_group("the graph of the package")
def test_a_room_imports_only_from_the_rooms_above_it():
    assert looking_down(graph_of(PACKAGE)) == []


# --- the two tests above can fail -----------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path):
    def write(**files):
        for name, code in files.items():
            file = tmp_path / "toy" / (name.replace("__", os.sep) + ".py")
            file.parent.mkdir(parents=True, exist_ok=True)
            (file.parent / "__init__.py").touch()
            file.write_text(textwrap.dedent(code))
        (tmp_path / "toy" / "__init__.py").touch()
        return tmp_path / "toy"

    return write


@pytest.mark.parametrize(
    "back",
    [
        "from toy.data.first import one",
        "from toy.data import first",
        "from .first import one",
        "from . import first",
        "import toy.data.first",
        "import toy.data.first as other",
        "def late():\n    from toy.data.first import one",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toy.data.first import one",
        "import toy as t\nt.data.first.one()",
    ],
)
def test_a_circle_is_found_however_it_is_written(back, package):
    folder = package(data__first="from toy.data.second import two", data__second=back)
    assert len(circles(graph_of(folder))) == 1


def test_a_name_of_a_package_leads_to_its_init_only_where_it_is_defined_there(package):
    folder = package(data__first="from toy.data import second", data__second="from toy.data import LOADERS")
    (folder / "data" / "__init__.py").write_text("from toy.data.first import load\nLOADERS = {}\n")
    assert len(circles(graph_of(folder))) == 1
    (folder / "data" / "second.py").write_text("")
    graph_of.cache_clear()
    assert circles(graph_of(folder)) == []


def test_a_room_that_looks_down_is_found():
    assert looking_down({"toy.data.task": {"toy.models", "toy.environment"}, "toy.models": {"toy.data.task"}}) == [
        "toy.data.task -> toy.models"
    ]


def test_every_public_function_has_an_example():
    """Those of ``__all__`` of a room; classes that only hold values are told by their attributes."""
    without = []
    for room in ROOMS:
        module = importlib.import_module(f"tl_course.{room}") if (PACKAGE / room).is_dir() else None
        for name in getattr(module, "__all__", ()):
            one = getattr(module, name)
            if inspect.isfunction(one) and ">>>" not in (inspect.getdoc(one) or ""):
                without.append(f"{room}.{name}")
    assert without == []
