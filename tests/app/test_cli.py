"""The commands as users type them: what they print, how they end, and what they leave alone."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import typer
from rich.markup import render
from serving import Server, asset_of, contents, leftovers, right, url_source

import tl_course.assets
from tl_course import environment
from tl_course.app import cli, course, serving, startpage, testing
from tl_course.app.doctor import BROKEN, GOOD, Finding
from tl_course.assets import fetching, registry

LESSON = "notebooks/00_first.ipynb"


@pytest.fixture
def tiny(monkeypatch):
    """A registry of two small assets on a server of this machine."""
    with Server() as server:
        server.files = contents(1, {"a.bin": 400}) | contents(2, {"b.bin": 700})
        parts = {name: {f"{name}.bin": server.files[f"{name}.bin"]} for name in "ab"}
        known = {name: asset_of(part, url_source(server), name=name) for name, part in parts.items()}
        known["cifar10"] = asset_of(contents(3), name="cifar10")
        for module in (cli, fetching, tl_course.assets):
            monkeypatch.setattr(module, "registry", lambda: known)
        monkeypatch.setattr(cli, "for_profile", lambda profile: [known["a"], known["b"]])
        monkeypatch.setattr(cli, "optional_for", lambda profile: [])
        yield server, known


# --- as a whole ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [[], ["doctor"], ["fetch"], ["bundle"], ["run"], ["start"], ["stop"], ["reset"], ["grade"], ["test"], ["clean"]],
)
def test_every_command_explains_itself(tl, command):
    code, out, _ = tl(*command, "--help")
    assert code == 0
    assert "Usage" in out


def test_no_help_holds_what_is_taken_for_markup_and_left_out(tl):
    """Square brackets are rich's: `[default: build]` was shown as nothing."""
    group = typer.main.get_command(cli.app)
    for name, command in group.commands.items():
        for said in (command.help, *(getattr(parameter, "help", None) for parameter in command.params)):
            assert render(said or "").plain == (said or ""), (name, said)


@pytest.mark.parametrize(
    ("command", "default"),
    [
        ("finetune", "NAME-finetuned"),
        ("run", "build/lessons"),
        ("start", "workspace in the clone"),
        ("reset", "workspace"),
    ],
)
def test_help_shows_where_files_go(tl, command, default):
    assert f"default: ({default}" in " ".join(tl(command, "--help")[1].replace("│", " ").split())


def test_a_wrong_option_is_exit_code_2(tl):
    assert tl("fetch", "--nonsense")[0] == 2
    assert tl("nonsense")[0] == 2


def test_a_bug_keeps_its_traceback(tl, monkeypatch):
    def bug():
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "_list_assets", bug)
    monkeypatch.setattr(sys, "argv", ["tl-course", "fetch", "--list"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


# --- fetch --------------------------------------------------------------------------------------------------------


def test_fetch_list_names_every_asset_with_state_size_and_licence(tl):
    code, out, _ = tl("fetch", "--list")
    assert code == 0
    for asset in registry().values():
        [line] = [line for line in out.splitlines() if line.split()[:1] == [asset.name]]
        assert " missing " in line
        assert "MB" in line
    assert "licence" in out


def test_fetch_list_shows_what_is_cached_and_what_is_damaged(tl, tiny):
    tl("fetch")
    (environment.cache_dir() / "b" / "b.bin").write_bytes(b"")
    lines = {line.split()[0]: line.split()[1] for line in tl("fetch", "--list")[1].splitlines()[1:] if line[0] != " "}
    assert (lines["a"], lines["b"], lines["cifar10"]) == ("cached", "damaged", "missing")


def test_fetch_without_a_name_takes_what_the_profile_needs_and_repeats_nothing(tl, tiny):
    server, known = tiny
    code, out, _ = tl("fetch")
    assert code == 0
    assert "a, b: in " in out
    assert all(right(known[name], environment.cache_dir()) for name in "ab")
    assert sorted(server.requests) == ["a.bin", "b.bin"]
    assert tl("fetch")[0] == 0
    assert len(server.requests) == 2


def test_fetch_by_name(tl, tiny):
    assert tl("fetch", "b")[0] == 0
    assert tiny[0].requests == ["b.bin"]


@pytest.mark.parametrize(
    ("arguments", "settings", "asked"),
    [
        (["fetch"], {}, ["mini"]),
        (["fetch", "--profile", "mini"], {}, ["mini"]),
        (["run"], {}, ["mini"]),
        (["fetch", "b"], {}, []),
        (["fetch", "--all"], {}, []),
        (["run", "00"], {}, []),
        (["run"], {"TL_TARGET": "mnist_m"}, []),
        (["run"], {"TL_CIFAR10": "/a/copy"}, []),
        (["run", "--rehearse"], {}, []),
    ],
)
def test_the_whole_course_and_a_bare_fetch_ask_for_cifar10_and_nothing_else_does(
    tl, tiny, clone, executed, monkeypatch, arguments, settings, asked
):
    for name, value in {"TL_REHEARSE": "", "TL_PROFILE": "", **settings}.items():
        monkeypatch.setenv(name, value)
    said = []
    monkeypatch.setattr(cli, "fetch", lambda *arguments, **options: None)
    monkeypatch.setattr(cli, "optional_for", lambda profile: [profile])
    monkeypatch.setattr(cli, "fetch_optional", lambda wanted, say: said.extend(wanted))
    assert tl(*arguments)[0] == 0
    assert said == asked


def test_ctrl_c_while_cifar10_comes_names_the_way_without_it(tl, tiny, clone, executed, monkeypatch):
    monkeypatch.setattr(cli, "fetch_optional", pressed)
    code, _, err = tl("run")
    assert code == 130
    assert "to go on without it, set TL_TARGET=mnist_m." in " ".join(err.split())
    assert executed == []


def test_fetch_from_a_folder(tl, tiny, tmp_path):
    for name in ("a.bin", "b.bin"):
        (tmp_path / name).write_bytes(tiny[0].files[name])
    assert tl("fetch", "--from", tmp_path)[0] == 0
    assert tiny[0].requests == []
    code, _, err = tl("fetch", "--from", tmp_path / "nowhere")
    assert code == 2
    assert "There is no folder or zip at" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bertt"], "There is no asset called 'bertt'; there are minilm, "),
        (["--profile", "maxi"], "The profile 'maxi' does not exist; choose one of mini, cpu, gpu."),
        (["minilm", "--all"], "one of the three"),
        (["--profile", "mini", "--all"], "one of the three"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(tl, arguments, message):
    code, out, err = tl("fetch", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_wrong_profile_in_the_environment(tl, monkeypatch):
    monkeypatch.setenv("TL_PROFILE", "maxi")
    assert tl("fetch")[0] == 2
    assert tl("run")[0] == 2


def test_a_failing_fetch_is_exit_code_2_and_what_can_be_had_is_had(tl, tiny):
    server, known = tiny
    del server.files["a.bin"]
    code, _, err = tl("fetch")
    assert code == 2
    assert "Missing a (" in err
    assert err.count("\n") == 1
    assert right(known["b"], environment.cache_dir())


# --- doctor -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "code", "last"), [(GOOD, 0, "Ready."), (BROKEN, 1, "1 broken.")])
def test_doctor_ends_with_a_verdict(tl, monkeypatch, state, code, last):
    findings = [Finding("x", state, "as it is", "do that" if state == BROKEN else "")]
    monkeypatch.setattr("tl_course.app.doctor.examine", lambda deep: findings)
    ended, out, _ = tl("doctor")
    assert ended == code
    assert out.splitlines()[-1] == last


def test_doctor_for_real_on_an_empty_cache_says_what_to_fetch(tl):
    code, out, _ = tl("doctor")
    assert code == 1
    assert f"mend: {startpage.command()} fetch minilm" in out


@pytest.mark.assets
def test_doctor_deep_on_the_real_cache(tl):
    from tl_course.assets import fetch, for_profile

    fetch(for_profile("mini"))
    code, out, _ = tl("doctor", "--deep")
    assert out.count("hashes right") == 4, out  # three assets, and the weights of the package
    assert code == ("broken  " in out)


# --- run ----------------------------------------------------------------------------------------------------------


def test_run_ends_with_a_table_and_keeps_what_is_up_to_date(tl, tiny, clone, executed):
    code, out, _ = tl("run")
    assert code == 0
    assert out.count("passed") == 2
    assert "(kept)" not in out
    assert (clone / "build" / "lessons" / "01_second.ipynb").is_file()
    assert tl("run")[1].count("passed (kept)") == 2
    assert tl("run", "--force")[1].count("(kept)") == 0
    assert executed == ["00_first", "01_second"] * 2


def test_run_some_lessons_into_a_folder(tl, tiny, clone, executed, tmp_path):
    assert tl("run", "01", "--out", tmp_path / "mine")[0] == 0
    assert executed == ["01_second"]
    assert (tmp_path / "mine" / "01_second.ipynb").is_file()
    code, _, err = tl("run", "07")
    assert code == 2
    assert "There is no lesson '07'; there are 00_first, 01_second." in err


def test_a_rehearsal_of_another_size_goes_into_a_folder_of_its_own(tl, tiny, clone, executed, monkeypatch):
    for name in ("TL_PROFILE", "TL_REHEARSE"):
        monkeypatch.setenv(name, "")  # and back again after the test
    code, _, err = tl("run", "00", "--profile", "gpu", "--rehearse")
    assert code == 0
    assert "Note" not in err
    assert (clone / "build" / "rehearsal" / "gpu" / "00_first.ipynb").is_file()
    assert not (clone / "build" / "lessons").exists()


def test_the_gpu_profile_without_a_gpu_is_told_of_the_hours(tl, tiny, clone, executed, monkeypatch):
    monkeypatch.setenv("TL_PROFILE", "")
    monkeypatch.setenv("TL_DEVICE", "cpu")
    code, _, err = tl("run", "00", "--profile", "gpu")
    assert code == 0
    assert "takes hours a lesson without a GPU" in err
    assert "--rehearse" in err


def test_a_failing_lesson_is_exit_code_1_and_its_error_is_shown_as_it_is(tl, tiny, clone, executed, monkeypatch):
    from tl_course.app import running

    def execute(path, out, **options):
        return running.Result(1.0, 10**8, False, "E: [/2] [bold]")

    monkeypatch.setattr(running, "execute", execute)
    code, out, _ = tl("run", "00")
    assert code == 1
    assert "failed: E: [/2] [bold]" in out


def test_without_what_the_lessons_need_nothing_is_run(tl, tiny, clone, executed):
    tiny[0].files.clear()
    code, _, err = tl("run")
    assert code == 2
    assert "Missing a (" in err
    assert executed == []


def test_ctrl_c_in_run_says_so_and_keeps_the_finished_ones(tl, tiny, clone, executed, write):
    write(clone / "notebooks" / "01_second.ipynb", "stop here")
    code, out, err = tl("run")
    assert code == 130
    assert "00_first" in out
    assert "passed" in out
    assert "Stopped; the lessons that were finished are kept in " in err
    assert "lessons, and the same command runs the others." in " ".join(err.split())
    write(clone / "notebooks" / "01_second.ipynb", "go on")
    assert tl("run")[1].count("(kept)") == 1


def pressed(*arguments, **options):
    raise KeyboardInterrupt


CTRL_C = {
    "fetch": (["fetch", "a"], "tl_course.app.cli.fetch", "what was fetched whole is kept"),
    "bundle": (["bundle", "a", "--out", "x.zip"], "tl_course.app.cli.pack", "x.zip was not written"),
    "wheels": (["bundle", "a", "--wheels", "--out", "x"], "tl_course.app.wheels.download", "x was not written"),
    "fetch before run": (["run"], "tl_course.app.cli.fetch", "no lesson was run yet"),
    "run": (["run"], "tl_course.app.running.execute", "the lessons that were finished are kept in"),
    "finetune": (["finetune", "pictures"], "tl_course.recipes.finetune", "nothing is kept"),
    "grade": (["grade", "in", "--exercise", "02"], "tl_course.grading.grade", "what is marked is kept"),
    "test": (["test", "--quick"], "tl_course.app.cli._importable", "what was finished is kept"),
    "doctor": (["doctor"], "tl_course.app.doctor.examine", "what was finished is kept"),
}


@pytest.mark.parametrize(("command", "place", "kept"), CTRL_C.values(), ids=CTRL_C)
def test_ctrl_c_ends_with_one_sentence_on_what_is_kept(tl, tiny, clone, monkeypatch, tmp_path, command, place, kept):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(place, pressed)
    if place != "tl_course.app.cli.fetch":
        monkeypatch.setattr(cli, "fetch", lambda *arguments, **options: None)
    code, _, err = tl(*command)
    assert code == 130
    said = err[err.index("Stopped; ") :]  # a progress bar may stand before it
    assert kept in said
    assert said.endswith(".\n")
    assert said.count("\n") == 1
    assert "Traceback" not in err


RUN = """
import sys
from pathlib import Path
from tl_course.app import cli, course
course.root = lambda: Path(sys.argv.pop(1))
root = course.root()
course.root = lambda: root
cli.fetch = cli.fetch_optional = lambda *args, **options: None
cli.main()
"""


@pytest.mark.full
def test_a_real_ctrl_c_ends_the_kernel_and_keeps_the_finished_lesson(clone, tmp_path, write):
    pid = tmp_path / "pid"
    endless = f"import os, pathlib; pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\nwhile True: pass"
    write(clone / "notebooks" / "01_second.ipynb", endless)
    command = [sys.executable, "-c", RUN, str(clone), "run"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: pid.is_file() and pid.read_text())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Stopped; the lessons that were finished are kept in " in err
    assert "Traceback" not in err
    known = json.loads((clone / "build" / "lessons" / "results.json").read_text())
    assert [entry["row"]["error"] for entry in known.values()] == [None]
    assert list(known) == ["00_first"]
    assert "passed" in out
    import psutil

    wait_for(lambda: not psutil.pid_exists(int(pid.read_text())))


def wait_for(condition, seconds: float = 120) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)  # another process has no event to wait for


# --- start --------------------------------------------------------------------------------------------------------


def test_start_copies_and_never_overwrites_changed_work(tl, clone, tmp_path, monkeypatch, write):
    monkeypatch.setattr(serving, "attend", lambda *_, **options: pytest.fail("started JupyterLab"))
    work = tmp_path / "work"
    code, out, _ = tl("start", "--only-copy", "--workspace", work)
    assert code == 0
    assert out.count("copied ") == 3
    assert "start with notebooks/00_first.ipynb" in out
    # only the course changed: the file follows; only the learner: it stays; both: it stays, and the new lies beside
    write(clone / "notebooks" / "00_first.ipynb", "a new version")
    (work / "notebooks" / "01_second.ipynb").write_text("my notes")
    write(clone / "exercises" / "00_first.ipynb", "a new question")
    (work / "exercises" / "00_first.ipynb").write_text("my answer")
    out = tl("start", "--only-copy", "--workspace", work)[1]
    assert f"updated {LESSON}" in out
    assert "kept    exercises/00_first.ipynb" in out
    assert "01_second" not in out
    assert "a new version" in (work / LESSON).read_text()
    assert (work / "notebooks" / "01_second.ipynb").read_text() == "my notes"
    assert (work / "exercises" / "00_first.ipynb").read_text() == "my answer"
    assert "a new question" in (work / "exercises" / "00_first.new.ipynb").read_text()


def test_start_opens_jupyterlab_at_the_start_page(tl, clone, monkeypatch):
    commands = []
    monkeypatch.setattr(serving, "attend", lambda command, workspace, *, env: commands.append(command) or 0)
    assert tl("start", "--no-browser", "--port", "9999")[0] == 0
    [command] = commands
    assert command[:4] == [sys.executable, "-m", "jupyter", "lab"]
    assert f"--ServerApp.root_dir={clone / 'workspace'}" in command
    assert "--LabApp.default_url=/lab/tree/START.md" in command
    assert {"--no-browser", "--port=9999", "--KernelManager.transport_encryption=auto"} <= set(command)


@pytest.mark.parametrize("code", [0, 1])
def test_root_is_told_how_to_start_when_jupyterlab_refuses(tl, clone, monkeypatch, code):
    monkeypatch.setattr(serving, "attend", lambda command, workspace, *, env: code)
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    left, _, err = tl("start", "--no-browser")
    assert left == code
    assert ("make lab ALLOW_ROOT=1" in err) == bool(code)
    assert "ALLOW_ROOT" not in tl("start", "--no-browser", "--", "--allow-root")[2]


def test_start_in_a_folder_that_cannot_be_written(tl, clone, tmp_path):
    (tmp_path / "work").write_text("a file")
    code, _, err = tl("start", "--only-copy", "--workspace", tmp_path / "work")
    assert code == 2
    assert "cannot be written to" in err
    assert "--workspace" in err


# --- test ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def commands(monkeypatch):
    seen = []

    def call(command, *, cwd, env):
        seen.append((command[2:], env))
        return 0

    monkeypatch.setattr(testing, "call", call)
    return seen


def test_the_quick_tests_lint_and_need_neither_files_nor_root(tl, tiny, clone, commands):
    assert tl("test", "--quick")[0] == 0
    names = [command[0] for command, _ in commands]
    assert names == ["ruff", "ruff", "pytest"]
    assert testing.TIERS["check"] in commands[-1][0]
    assert "--nbval-lax" not in commands[-1][0]
    assert tiny[0].requests == []


@pytest.mark.integration
def test_the_full_tests_fetch_and_run_every_notebook(tl, tiny, clone, commands):
    code, out, _ = tl("test", "--jobs", "1")
    assert code == 0
    [(command, env)] = commands
    assert {"--nbval-lax", "--nbval-current-env", "exercises/00_first.ipynb", "loadgroup"} <= set(command)
    assert command[command.index("-n") + 1] == "1"
    assert env["OMP_NUM_THREADS"] == "1"
    assert sorted(tiny[0].requests) == ["a.bin", "b.bin"]
    assert "Notebooks: 3 ran, 0 of them passed; 0 were known to pass unchanged." in out


def test_a_failing_test_run_passes_its_exit_code_on(tl, clone, monkeypatch):
    monkeypatch.setattr(testing, "call", lambda *args, **options: 5)
    assert tl("test", "--quick")[0] == 5


@pytest.mark.integration
def test_ctrl_c_ends_the_tests_with_its_own_exit_code(tl, tiny, clone, monkeypatch):
    def stopped(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(testing, "call", stopped)
    code, out, err = tl("test")
    assert code == 130
    assert "Notebooks: 0 of 3 are known to pass" in out
    assert "Stopped" in err


def test_two_tiers_at_once_are_refused(tl, clone):
    code, _, err = tl("test", "--quick", "--full")
    assert code == 2
    assert "name one of them" in err


def test_missing_test_tools_are_named(tl, clone, monkeypatch):
    monkeypatch.setattr(cli, "_importable", lambda name: name != "nbval")
    code, _, err = tl("test")
    assert code == 2
    assert "The tests need nbval" in err


# --- clean --------------------------------------------------------------------------------------------------------


@pytest.mark.integration
def test_clean_deletes_what_was_built_and_never_the_workspace(tl, tiny, clone, executed):
    tl("run")
    tl("start", "--only-copy")
    assert tl("clean")[0] == 0
    assert not (clone / "build").exists()
    assert (clone / "workspace" / LESSON).is_file()
    assert right(tiny[1]["a"], environment.cache_dir())
    assert tl("clean")[0] == 0


def test_clean_cache_deletes_only_what_the_course_put_there(tl, tiny, clone):
    tl("fetch")
    cache = environment.cache_dir()
    (cache / "precision.json").write_text("{}")
    testing.memory().remember("notebooks/00_first.ipynb", "0" * 64)
    for folder in ("decoded", "rehearsal"):
        (cache / folder).mkdir()
    (cache / "thesis").mkdir()
    (cache / "thesis" / "final.tex").write_text("years of work")
    assert tl("clean", "--cache")[0] == 0
    assert [path.name for path in cache.iterdir()] == ["thesis"]
    assert (cache / "thesis" / "final.tex").is_file()
    assert leftovers(cache) == []


def test_clean_cache_removes_an_empty_cache_folder_and_runs_twice(tl, tiny, clone):
    tl("fetch")
    assert tl("clean", "--cache")[0] == 0
    assert not environment.cache_dir().exists()
    assert tl("clean", "--cache")[0] == 0


def test_course_errors_end_with_one_sentence(tl, monkeypatch):
    def alone():
        raise course.CourseError("The lessons are not beside the package.")

    monkeypatch.setattr(course, "root", alone)
    assert tl("clean") == (2, "", "The lessons are not beside the package.\n")
