"""What README, docs and help say of commands, settings, sizes and counts is so."""

import importlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

import tl_course
from tl_course.app import cli
from tl_course.assets import registry

ROOT = Path(__file__).parent.parent
TEXTS = [
    *(
        ROOT / name
        for name in ("README.md", "README.zh.md", "HELP.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
    ),
    *sorted((ROOT / "docs").rglob("*.md")),
]
COMMANDS = typer.main.get_command(cli.app).commands
OF_JUPYTERLAB = {"--allow-root"}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def typed(text: str) -> list[str]:
    """The command lines of `tl-course` in code spans and blocks, without comments."""
    spans = re.findall(r"`([^`\n]*)`", text) + [
        line for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()
    ]
    lines = [re.sub(r"\s#.*", "", span).strip() for span in spans]
    found = [re.search(r"(?:^|[/\\])tl-course (.+)", line) for line in lines]
    return [match[1] for match in found if match]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_and_option_that_is_named_exists(path):
    for line in typed(path.read_text(encoding="utf-8")):
        # several commands in one span: "tl-course run, test and start"
        name = re.match(r"[a-z]+", line)
        if name is None:  # tl-course --help, `tl-course … --help`
            continue
        command = COMMANDS.get(name[0])
        assert command, f"{path.name}: tl-course {line}"
        known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        asked = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", line.partition(" -- ")[0])) - {"--help"}
        assert asked <= known, f"{path.name}: tl-course {line}"


def test_make_alone_lists_commands_and_nothing_else():
    if shutil.which("make") is None:
        pytest.skip("there is no make here")
    shown = subprocess.run(["make", "-s", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True).stdout
    assert all(line.startswith("make ") for line in shown.splitlines()), shown
    named = set(re.findall(r"make ([a-z-]+)", shown))
    [targets] = re.findall(r"^\.PHONY: (.+)", read("Makefile"), re.MULTILINE)
    assert named == set(targets.split()) - {"help"}


def test_every_setting_of_the_package_is_listed_and_every_listed_one_is_read():
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tl_course").rglob("*.py"))
    read_there = set(re.findall(r'"(TL_[A-Z0-9]+)"', code))
    listed = set(re.findall(r"TL_[A-Z0-9]+", read("README.md")))
    assert listed == read_there


def test_the_sizes_of_cifar10_are_those_of_the_registry():
    asset = registry()["cifar10"]
    [npm] = [source.options["download"] for source in asset.sources if source.kind == "npm"]
    sizes = {round(size / 1e7) * 10 for size in (asset.size, npm)}
    [host] = [round(file.size / 1e7) * 10 for file in asset.alternatives["batches"]]
    assert sizes == {140}
    assert f"about 140 MB, or {host} from the original host" in " ".join(read("README.md").split())


def test_most_exercises_have_six_to_eight_questions():
    counts = {path.stem: path.read_text(encoding="utf-8").count("tl.check(") for path in ROOT.glob("exercises/*.ipynb")}
    usual = [name for name, count in counts.items() if 6 <= count <= 8]
    assert len(usual) > 0.8 * len(counts), counts
    assert "six to eight questions in most lessons" in " ".join(read("README.md").split())


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_is_named_is_there(path):
    text = path.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#:{]+?)(?:#[^)]*)?\)", text):
        assert (path.parent / link).exists(), link
    for module in re.findall(r"python -m (authoring[\w.]*)", text):
        file = ROOT / module.replace(".", "/")
        assert file.with_suffix(".py").exists() or (file / "__main__.py").exists(), module
    for file in re.findall(r"`(?:python |%run )?((?:tl_course|tests|benchmarks|authoring|docs)/[\w./-]+)`", text):
        assert (ROOT / file).exists() or re.search("NN|slug", file), file
    targets = re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= set(targets)


@pytest.mark.integration  # it loads every room
@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_public_name_that_is_written_exists(path):
    for name in re.findall(r"`tl\.([a-zA-Z_]+(?:\.[a-zA-Z_]+)*)", path.read_text(encoding="utf-8")):
        here = tl_course
        for part in name.split("."):
            here = getattr(here, part, None) or importlib.import_module(f"{here.__name__}.{part}")
