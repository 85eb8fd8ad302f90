"""The doctor finds what is wrong, says how to mend it, and never falls over what it finds."""

import builtins
import json
import re
import shutil
import sys
import types
from importlib import metadata

import pytest
from serving import asset_of, contents, right

from tl_course import environment
from tl_course.app import course, doctor, startpage
from tl_course.app.doctor import BROKEN, GOOD, WARNING, Finding, examine, gflops, report
from tl_course.assets import store
from tl_course.models import zoo


@pytest.fixture(autouse=True)
def known_speed(monkeypatch):
    monkeypatch.setattr(doctor, "gflops", lambda: 65.7)


@pytest.fixture(autouse=True)
def small_profile(monkeypatch):
    """Let the profile need one tiny asset, and the machine be one with plenty of memory."""
    asset = asset_of(contents())
    monkeypatch.setattr(doctor, "for_profile", lambda profile: [asset])
    plenty = types.SimpleNamespace(available=8 * 10**9)
    monkeypatch.setattr("psutil.virtual_memory", lambda: plenty)
    monkeypatch.setenv("TL_DEVICE", "cpu")
    return asset


@pytest.fixture
def filled(small_profile):
    folder = environment.cache_dir() / "tiny"
    folder.mkdir(parents=True)
    for name, content in contents().items():
        (folder / name).write_bytes(content)
    return folder


def finding(subject: str, **options) -> Finding:
    return {finding.subject: finding for finding in examine(**options)}[subject]


def test_a_machine_in_order(filled):
    findings = examine(deep=True)
    assert {finding.state for finding in findings} <= {GOOD, WARNING}
    assert finding("tiny").text == "A tiny thing: cached, sizes right"
    assert finding("tiny", deep=True).text == "A tiny thing: cached, hashes right"


def test_whatever_is_not_good_has_a_remedy_and_whatever_is_good_has_none(filled):
    (filled / "model.bin").unlink()
    for one in examine():
        assert bool(one.remedy) == (one.state != GOOD)


def test_a_missing_asset():
    assert finding("tiny") == Finding(
        "tiny", BROKEN, "A tiny thing: missing, 0.005 MB", f"{startpage.command()} fetch tiny"
    )


def test_only_deep_sees_a_flipped_bit(filled, small_profile):
    content = bytearray((filled / "model.bin").read_bytes())
    content[7] ^= 16
    (filled / "model.bin").write_bytes(content)
    assert not right(small_profile, filled.parent)
    assert finding("tiny").state == GOOD
    assert finding("tiny", deep=True).state == BROKEN
    assert finding("tiny", deep=True).remedy == f"{startpage.command()} fetch tiny"


def test_a_wrong_setting_is_a_finding_and_the_rest_is_still_looked_at(monkeypatch):
    monkeypatch.setenv("TL_PROFILE", "maxi")
    assert finding("settings").state == BROKEN
    assert "maxi" in finding("settings").text
    assert finding("packages").state == GOOD


def test_a_package_that_is_absent_or_too_old(monkeypatch):
    installed = environment.version_of
    versions = {"timm": "not installed", "torch": "1.13.0"}
    monkeypatch.setattr(environment, "version_of", lambda name: versions.get(name, installed(name)))
    packages = finding("packages")
    assert packages.state == BROKEN
    assert "timm not installed" in packages.text
    assert "torch 1.13.0 (needs >=" in packages.text
    assert "-m pip install -c constraints.txt -e ." in packages.remedy


def test_what_tests_and_the_book_need_is_not_demanded_of_a_learner(monkeypatch):
    installed = environment.version_of
    monkeypatch.setattr(environment, "version_of", lambda name: "not installed" if name == "nbval" else installed(name))
    assert finding("packages").state == GOOD


def test_a_course_that_was_never_installed(monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", absent)
    assert finding("packages").text == "tl-course is not installed"


@pytest.mark.parametrize("module", ["torch", "psutil"])
def test_a_library_that_cannot_be_imported(monkeypatch, module):
    real = builtins.__import__

    def broken(name, *rest):
        if name == module:
            raise ImportError(f"lib{module}.so: cannot open shared object file")
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", broken)
    libraries = finding("libraries")
    assert libraries.state == BROKEN
    assert f"lib{module}.so" in libraries.text


def test_the_speed_is_one_line_with_the_threads_of_the_course():
    speed = finding("speed")
    assert speed.state == GOOD
    threads = environment.setup(quiet=True, device="cpu").threads
    assert speed.text.startswith(f"66 GFLOP/s in a float32 matrix product, {threads} threads: suits the ")
    assert speed.text.endswith(" profile")
    assert report([speed]).count("\n") == 0


def test_the_speed_is_the_best_of_several_products(monkeypatch):
    read = []

    def clock():
        read.append(next(ticks))
        return read[-1]

    monkeypatch.setattr(doctor, "time", types.SimpleNamespace(perf_counter=clock))
    # the clock is read once at first, and then before each product (whether to go on), at its start and at its end
    ticks = iter([0.0, 1.0, 1.5, 2.0, 2.0, 2.25, 3.0, 3.0, 4.0, 99.0])
    assert gflops(10, seconds=10) == pytest.approx(2 * 10**3 / 0.25 / 1e9)
    assert read[-1] == 99


def test_even_a_slow_machine_times_one_product():
    assert gflops(16, seconds=0) > 0


def test_little_memory_is_a_warning(monkeypatch):
    monkeypatch.setattr("psutil.virtual_memory", lambda: types.SimpleNamespace(available=10**9))
    assert finding("memory").state == WARNING


def test_a_driver_that_this_pytorch_cannot_use_is_a_warning(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    assert finding("device").state == WARNING


@pytest.mark.daily(1)
@pytest.mark.parametrize("trouble", ["full", "not writable", "a file"])
def test_a_cache_with_no_room_or_no_permission(monkeypatch, trouble):
    if trouble == "full":
        monkeypatch.setattr(doctor, "free_bytes", lambda path: 100)
        expected = "0.0001 MB free, 0.009 MB are needed"
    elif trouble == "not writable":
        monkeypatch.setattr("os.access", lambda path, mode: False)
        expected = "cannot be written to"
    else:
        environment.cache_dir().parent.mkdir(parents=True)
        environment.cache_dir().write_text("")
        expected = "is a file"
    assert finding("cache").state == BROKEN
    assert expected in finding("cache").text
    assert "TL_CACHE" in finding("cache").remedy


def test_a_full_or_read_only_cache_that_holds_everything_is_good(monkeypatch, filled):
    monkeypatch.setattr(doctor, "free_bytes", lambda path: 0)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert finding("cache").state == GOOD


def test_a_folder_that_may_not_be_read_counts_as_missing(monkeypatch):
    real = store.Path.stat

    def forbidden(self, **options):
        if self.name == "model.bin":
            raise PermissionError(13, "Permission denied")
        return real(self, **options)

    monkeypatch.setattr(store.Path, "stat", forbidden)
    assert finding("tiny").state == BROKEN


def test_the_report_aligns_and_puts_the_remedy_below():
    lines = report([Finding("a", GOOD, "fine"), Finding("longer", BROKEN, "bad", "mend it")]).splitlines()
    assert [line.index(text) for line, text in zip(lines, ("fine", "bad", "mend: mend it"), strict=True)] == [19] * 3
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("target", ["foo", "cifar10"])
def test_a_target_that_cannot_be_is_not_called_ready(monkeypatch, target):
    monkeypatch.setenv("TL_TARGET", target)
    found = [one for one in examine() if one.subject in ("CIFAR-10", "target") and one.state == BROKEN]
    assert len(found) == 1
    assert f"TL_TARGET={target}" in found[0].text.replace("'", "")
    assert "TL_TARGET" in found[0].remedy


def test_a_chosen_target_is_said(monkeypatch):
    monkeypatch.setenv("TL_TARGET", "mnist_m")
    assert finding("target") == Finding("target", GOOD, "mnist_m, by TL_TARGET")


@pytest.mark.daily(1)
@pytest.mark.parametrize("trouble", ["a folder", "below a file", "not writable"])
def test_a_ledger_that_cannot_be_written_is_named(monkeypatch, tmp_path, trouble):
    place = tmp_path / "ledger.jsonl"
    if trouble == "a folder":
        place.mkdir()
    elif trouble == "below a file":
        (tmp_path / "file").write_text("")
        place = tmp_path / "file" / "ledger.jsonl"
    else:
        place.write_text("")
        monkeypatch.setattr("os.access", lambda path, mode: path != place)
    monkeypatch.setenv("TL_LEDGER", str(place))
    assert finding("ledger").state == BROKEN
    assert "ledger.jsonl" in finding("ledger").text
    assert "TL_LEDGER" in finding("ledger").remedy


def test_a_ledger_that_is_off_or_can_be_made_is_in_order(monkeypatch, tmp_path):
    assert finding("ledger").state == GOOD
    monkeypatch.setenv("TL_LEDGER", str(tmp_path / "new" / "ledger.jsonl"))
    assert finding("ledger").state == GOOD
    assert not (tmp_path / "new").exists()


def test_small_weights_that_are_spoilt_or_gone_are_named(monkeypatch, tmp_path):
    assert finding("small weights", deep=True).state == GOOD
    shutil.copytree(zoo.WEIGHTS_FOLDER, tmp_path / "weights")
    monkeypatch.setattr(zoo, "WEIGHTS_FOLDER", tmp_path / "weights")
    spoilt, gone = sorted((tmp_path / "weights").glob("*.safetensors"))[:2]
    spoilt.write_bytes(spoilt.read_bytes()[:-1] + b"?")
    assert finding("small weights").state == GOOD
    assert finding("small weights", deep=True).text == f"missing or damaged: {spoilt.name}"
    gone.unlink()
    assert finding("small weights").text == f"missing or damaged: {gone.name}"


def test_the_gpu_profile_without_a_gpu_is_a_warning_with_a_way_out(monkeypatch):
    assert finding("profile").state == GOOD
    monkeypatch.setenv("TL_PROFILE", "gpu")
    assert finding("profile").state == WARNING
    assert "--rehearse" in finding("profile").remedy
    monkeypatch.setenv("TL_REHEARSE", "1")
    assert finding("profile").state == GOOD


@pytest.mark.parametrize(
    ("profile", "speed", "times"), [("mini", 65.7, 1), ("mini", 33, 2), ("mini", 900, 1), ("cpu", 66, 260 / 66)]
)
def test_it_says_how_long_the_lessons_take_here(profile, speed, times, monkeypatch):
    """In the words of the lessons, which state their seconds; on a slower machine and in a larger profile, longer."""
    monkeypatch.setattr(doctor, "gflops", lambda: speed)
    monkeypatch.setenv("TL_PROFILE", profile)
    stated = [course.seconds_to_run(path) for path in course.lessons()]
    timed = json.loads((course.root() / "authoring" / "timings.json").read_text(encoding="utf-8"))
    assert stated == [timed[path.stem]["seconds"] for path in course.lessons()]
    minutes = int(re.search(r"all \d+ run in at most about (\d+) min here", finding("lessons").text)[1])
    assert minutes - 1 <= sum(stated) * times / 60 <= minutes + 0.1


def test_it_names_no_time_that_nobody_measured(monkeypatch):
    monkeypatch.setenv("TL_PROFILE", "gpu")
    assert "lessons" not in {one.subject for one in examine()}
    assert "takes hours a lesson" in finding("profile").remedy
    there = types.SimpleNamespace(profile="gpu", rehearsal=False, device=types.SimpleNamespace(type="cuda"))
    assert "was not measured" in doctor.lessons_take(there, 66)
    monkeypatch.setattr(course, "lessons", lambda: [])
    assert course.seconds_to_run(course.root() / "absent.ipynb") is None


def test_what_to_type_is_said_also_for_a_terminal_that_does_not_know_the_environment(monkeypatch):
    monkeypatch.setattr(doctor, "anywhere", lambda: "/course/.venv/bin/tl-course")
    monkeypatch.setattr(doctor, "command", lambda: "tl-course")
    assert finding("command").text == "tl-course; in a terminal that does not find it, /course/.venv/bin/tl-course"
    monkeypatch.setattr(doctor, "command", lambda: "/course/.venv/bin/tl-course")
    assert finding("command").text == "/course/.venv/bin/tl-course"
