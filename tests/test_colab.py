"""The start on Colab: what pip is asked for, and the README's cell in a real IPython. Colab itself is not here."""

import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from draws import seeds
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import colab

ROOT = Path(__file__).resolve().parent.parent
NEEDS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
PINS = (ROOT / "constraints.txt").read_text().splitlines()


def names(lines) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in lines}


def test_an_empty_runtime_gets_every_tested_version_of_what_the_course_needs():
    assert names(colab.wanted_pins(PINS, NEEDS, {})) == names(NEEDS)


@pytest.mark.parametrize("seed", seeds(3))
def test_what_is_there_and_new_enough_stays_and_what_is_too_old_is_replaced(seed):
    import random

    draw = random.Random(seed)
    least = {canonicalize_name((one := Requirement(line)).name): next(iter(one.specifier)).version for line in NEEDS}
    kinds = {name: draw.choice(("absent", "old", "least", "newer", "build")) for name in least}
    there = {"old": "0.0.1", "newer": "999.1", "build": "999.1.dev3+cu130"}
    installed = {
        name: there.get(kind, least[name]) for name, kind in kinds.items() if kind != "absent"
    } | {"something-else": "1.0"}  # fmt: skip
    wanted = colab.wanted_pins(PINS, NEEDS, installed)
    assert names(wanted) == {name for name, kind in kinds.items() if kind in ("absent", "old")}
    assert set(wanted) <= {pin.partition("#")[0].strip() for pin in PINS}


@pytest.mark.integration
def test_what_this_process_uses_in_another_version_is_named():
    before = {"packaging": "1", "pytest": "1", "sphinx": "1"}
    after = {"packaging": "2", "pytest": "1"}
    assert colab.replaced_while_loaded(before, after, ["packaging.version", "pytest", "nothing"]) == ["packaging"]
    assert colab.replaced_while_loaded(before, after, ["pytest"]) == []


@pytest.mark.integration
@pytest.mark.parametrize("step", ["pip", "fetch"])
def test_a_step_that_fails_is_one_sentence(monkeypatch, step):
    """And what would come after it is not begun."""
    begun = []

    def call(command, **options):
        begun.append(command[2])
        return int({"pip": "pip", "fetch": "tl_course.app.cli"}[step] == command[2])

    monkeypatch.setattr(subprocess, "call", call)
    with pytest.raises(SystemExit, match=r"what .* above is why"):
        colab.main()
    assert begun == (["pip"] if step == "pip" else ["pip", "tl_course.app.cli"])


@pytest.mark.integration
def test_a_runtime_that_must_be_restarted_is_told(monkeypatch):
    monkeypatch.setattr(subprocess, "call", lambda command, **options: 0)
    now = iter([{"packaging": "1"}, {"packaging": "2"}])
    monkeypatch.setattr(colab, "versions", lambda: next(now))
    with pytest.raises(SystemExit, match="packaging was replaced while in use: restart the runtime"):
        colab.main()


PIP = """
import os, sys
from pathlib import Path
constraints = Path(sys.argv[sys.argv.index("-c") + 1]).read_text()
Path(os.environ["ASKED"]).write_text("\\n".join([*sys.argv[1:], constraints]))
"""


def cell_of_the_readme() -> str:
    block = next(part for part in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
                 if "colab.py" in part)  # fmt: skip
    return block


@pytest.mark.full
@pytest.mark.assets
def test_the_readmes_cell_in_a_fresh_ipython_and_a_lessons_first_cell_after_it(tmp_path, monkeypatch):
    origin = tmp_path / "origin"
    shutil.copytree(ROOT / "tl_course", origin / "tl_course", ignore=shutil.ignore_patterns("__pycache__", "weights"))
    for name in ("colab.py", "pyproject.toml", "constraints.txt", "README.md"):
        shutil.copy(ROOT / name, origin)
    git = ["git", "-c", "core.compression=0", "-c", "user.name=A", "-c", "user.email=a@b.example", "-C", str(origin)]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "All"]):
        subprocess.run([*git, *command], check=True)
    for name, text in {"__init__.py": "", "__main__.py": PIP}.items():
        (tmp_path / "stand-in" / "pip").mkdir(parents=True, exist_ok=True)
        (tmp_path / "stand-in" / "pip" / name).write_text(text)
    for name in ("PIP_DRY_RUN", "PIP_NO_INDEX"):  # should the real pip ever be called, it must change nothing here
        monkeypatch.setenv(name, "1")
    (tmp_path / "runtime").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "stand-in"))
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))

    address = re.search(r"https?://\S+", cell_of_the_readme())[0]
    cell = cell_of_the_readme().replace(address, origin.as_uri())
    lesson = "import os\nos.chdir('/')\nimport tl_course as tl\ntl.setup()\nprint('from', tl.__file__)\n"
    (tmp_path / "runtime" / "start.ipy").write_text(cell + lesson)
    command = [sys.executable, "-m", "IPython", "start.ipy"]
    done = subprocess.run(command, cwd=tmp_path / "runtime", capture_output=True, text=True, timeout=600)
    assert "Ready: the course's cells run in this runtime." in done.stdout, done.stdout + done.stderr
    assert f"from {tmp_path / 'runtime' / 'course' / 'tl_course'}" in done.stdout
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[asked.index("-e") + 1] == str(tmp_path / "runtime" / "course")
    there = {canonicalize_name(one.metadata["Name"]) for one in metadata.distributions()}
    assert not any(line.partition("==")[0] in there for line in asked if "==" in line)
