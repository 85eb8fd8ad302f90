"""Rooms stand in an order, and no two files of the package need one another, not even inside a function."""

import ast
from pathlib import Path

import tl_course

PACKAGE = Path(tl_course.__file__).resolve().parent
ROOMS = [
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
]
"""Each imports only from those before it."""


def modules(package: Path) -> dict[str, Path]:
    """The files of a package by the names they are imported by."""
    found = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(package: Path) -> dict[str, set[str]]:
    """What each module imports of its package, anywhere in its text; what a room itself offers counts as the room."""
    known = modules(package)
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        found[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                asked = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                asked = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                asked = []
            for target in asked:
                while target and target not in known:
                    target = target.rpartition(".")[0]
                found[name] |= {target} - {"", name, package.name}
    return found


def circles(edges: dict[str, set[str]]) -> set[str]:
    """The modules that reach themselves; what is in no circle is taken away until nothing changes."""
    left = {name: set(targets) for name, targets in edges.items()}
    while ends := [name for name, targets in left.items() if not targets]:
        for name in ends:
            del left[name]
        left = {name: targets - set(ends) for name, targets in left.items()}
    return {name for name in left if _reaches(left, name)}


def _reaches(edges: dict[str, set[str]], start: str) -> bool:
    waiting, seen = list(edges[start]), set()
    while waiting:
        name = waiting.pop()
        if name == start:
            return True
        if name not in seen:
            seen.add(name)
            waiting += edges[name]
    return False


def upward(edges: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Imports of a room from one that comes after it."""
    place = {f"{PACKAGE.name}.{room}": number for number, room in enumerate(ROOMS)}

    def room(name: str) -> int | None:
        return place.get(".".join(name.split(".")[:2]))

    return [
        (name, target)
        for name, targets in edges.items()
        for target in targets
        if room(name) is not None and room(target) is not None and room(target) > room(name)
    ]


def test_no_file_needs_one_that_needs_it():
    assert circles(imports(PACKAGE)) == set()


def test_a_room_imports_only_from_the_rooms_before_it():
    assert upward(imports(PACKAGE)) == []


def test_a_circle_and_an_import_upward_are_found(tmp_path):
    package = tmp_path / PACKAGE.name
    for name, text in {
        "__init__": "",
        "data/__init__": "from tl_course.data.one import x",
        "data/one": "def f():\n    from tl_course.data import two",
        "data/two": "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from tl_course.data.one import f",
        "models/__init__": "import tl_course.data.one",
        "assets/__init__": "from tl_course import models",
    }.items():
        file = package / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    edges = imports(package)
    assert circles(edges) == {"tl_course.data.one", "tl_course.data.two"}
    assert upward(edges) == [("tl_course.assets", "tl_course.models")]
