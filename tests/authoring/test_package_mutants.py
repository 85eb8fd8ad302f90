"""The package's mutants: each is one change that compiles, and a mutant is found where a test runs its line."""

import ast
import json
import os
from pathlib import Path

import pytest

from authoring import package_mutants, sources
from authoring.package_mutants import Covering, Mutant, all_mutants, draw

CODE = '''"""A room."""

SIZE = 3  # no function runs it


def total(values, scale=2.0):
    """The scaled sum."""
    if not values:
        raise ValueError("no values: give at least 1")
    return scale * sum(values)


class Box:
    kind = "box"

    def grow(self, number: int) -> int:
        def twice(x):
            return x + x

        return twice(number) - 1


def unused(x):
    return x < 1
'''

TESTS = """
import pytest

from tl_course.losses.sums import Box, total


def test_total():
    assert total([1, 2]) == 6


def test_nothing_is_refused():
    with pytest.raises(ValueError):
        total([])


def test_box_is_hardly_looked_at():
    assert Box().grow(3) > 0
"""


@pytest.fixture
def tree(tmp_path):
    """A checkout with one room and its tests."""
    root = tmp_path / "tree"
    for path, text in {"tl_course/losses/sums.py": CODE, "tests/test_sums.py": TESTS}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    for folder in (root / "tl_course", root / "tl_course" / "losses"):
        (folder / "__init__.py").write_text("")
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    return root


def test_mutants_are_made_of_what_functions_do(tree):
    found = all_mutants(tree)
    assert {mutant.function for mutant in found} == {"total", "Box.grow", "Box.grow.twice", "unused"}
    changes = {mutant.change for mutant in found if mutant.function == "total"}
    assert "scale * sum(values) → scale / sum(values)" in changes
    assert not any("give at least" in change or "The scaled sum" in change for change in changes)
    for (file, line, text), mutant in ((spoilt, mutant) for mutant, spoilt in found.items()):
        assert file == tree / "tl_course" / "losses" / "sums.py"
        compile(text, "spoilt", "exec")
        assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(CODE)), mutant
        before, after = CODE.splitlines(), text.splitlines()
        assert before[: line - 1] == after[: line - 1], "what stands above is as it was"


def test_mutants_are_drawn_by_a_seed_and_each_place_once(tree):
    few, same, other = (draw(tree, 5, seed) for seed in (1, 1, 2))
    assert few == same != other
    assert len(few) == 5
    everything = draw(tree, 10**6, 0)
    places = {(one.room, one.function, one.change.partition(" → ")[0]) for one in all_mutants(tree)}
    assert {(one.room, one.function, one.change.partition(" → ")[0]) for one in everything} == places
    assert len(everything) == len(places)


@pytest.mark.parametrize("room", package_mutants.ROOMS)
def test_every_room_that_is_spoilt_is_there(room):
    place = sources.ROOT / "tl_course" / room
    assert place.is_dir() or place.with_suffix(".py").is_file()


@pytest.mark.full
def test_covering_and_trying_from_end_to_end(tree, tmp_path, capsys):
    folder, out, listed = tmp_path / "covering", tmp_path / "out.json", tmp_path / "mutants.json"
    assert package_mutants.cover(tree, folder, "not full") == 0
    covering = Covering(folder)
    path, lines = "tl_course/losses/sums.py", CODE.splitlines()
    ran = {test.split("::")[1] for test in covering.tests(path, lines.index("    return scale * sum(values)") + 1)}
    assert ran == {"test_total"}
    assert covering.tests(path, lines.index("    return x < 1") + 1) == []

    mutants = [
        Mutant("losses", "total", "scale * sum(values) → scale / sum(values)", 0),
        Mutant("losses", "Box.grow", "twice(number) - 1 → twice(number) + 1", 0),
        Mutant("losses", "unused", "x < 1 → x <= 1", 0),
        Mutant("losses", "gone", "1 → 2", 0),
    ]
    listed.write_text(json.dumps([vars(one) for one in mutants]))
    package_mutants._FORKS.set_forkserver_preload([])  # these tests need no library
    arguments = ["--root", str(tree), "try", str(listed), "--covering", str(folder), "--out", str(out), "--jobs", "1"]
    before = dict(os.environ)
    assert package_mutants.main(arguments) == 0
    assert dict(os.environ) == before, "no later test may find the small tree on its path"
    rows = json.loads(out.read_text())
    assert [row["status"] for row in rows] == ["found", "survived", "not run", "absent"]
    assert "test_total" in rows[0]["by"]
    assert (tree / path).read_text() == CODE, "only copies are spoilt"
    assert "1 of 3 mutants found" in capsys.readouterr().out


def test_a_folder_without_a_covering_is_told(tmp_path):
    with pytest.raises(ValueError, match="holds no covering; make one with"):
        Covering(Path(tmp_path))
