"""`tl-course finetune --minutes`: the time is used, and kept."""

# ruff: noqa: F811 - fixtures are imported, and arguments have their names

import re

import pytest
import tasks
import torch
from draws import seeds
from test_finetune import SMALL, Page, folder, photograph, tl  # noqa: F401

from tl_course.recipes import budget, planning, recipe
from tl_course.recipes.budget import Budget, Speeds, available
from tl_course.training.history import History

ROWS = {"train": 40_960, "validation": 10_240, "test": 12_800}


def cost(amounts, speeds, passes=None, repeats=1) -> float:
    """Seconds, when each training example is trained on once, and validation is looked at four times."""
    used = {"train": amounts.train, **amounts.held}
    used = {part: min(count, ROWS[part]) for part, count in used.items()}
    held = used["validation"] + used["test"]
    read = (used["train"] + held) * (speeds.read + speeds.forward)
    looks = 4 * used["validation"] * speeds.forward
    trained = used["train"] if passes is None else min(passes, used["train"])
    return read + budget.PROBE_SECONDS + repeats * (held * speeds.forward + looks + trained * speeds.step)


@pytest.mark.parametrize("seed", seeds(5))
def test_what_is_read_fits_and_fills_the_minutes(seed):
    draw = torch.Generator().manual_seed(seed)
    forward, read, minutes = (torch.rand(3, generator=draw) * torch.tensor([0.03, 0.005, 20]) + 3e-3).tolist()
    speeds, minutes, repeats = Speeds(read, forward, 3.5 * forward), minutes + 4, 1 + seed % 3
    given = Budget(minutes)
    found = given.amounts(ROWS, 2, speeds, repeats=repeats)
    assert cost(found, speeds, repeats=repeats) <= given.left
    if found.train < ROWS["train"]:
        assert cost(found, speeds, repeats=repeats) > 0.8 * given.left
        assert found.why == f"because more do not fit into --minutes {minutes:g}"
    more = Budget(2 * minutes).amounts(ROWS, 2, speeds, repeats=repeats)
    assert more.train >= found.train
    assert all(more.held[part] >= found.held[part] for part in found.held)
    few = given.amounts(ROWS, 2, speeds, passes=64, repeats=repeats)
    assert few.train >= found.train
    assert cost(few, speeds, 64, repeats) <= given.left


def test_many_minutes_use_every_row_where_the_usual_budget_used_a_few_thousand():
    speeds = Speeds(1e-4, 0.012, 0.04)
    assert planning.allowed_passes("text", 1.43e9) < 5_000
    assert Budget(60).amounts(ROWS, 2, speeds).train >= ROWS["train"]


@pytest.mark.parametrize("forward", [1e-3, 0.02, 1.0])
def test_the_shortest_that_works_works(forward):
    speeds = Speeds(0.0, forward, 3 * forward)
    with pytest.raises(ValueError, match="too short even for a linear probe on 100 examples") as error:
        Budget(0.05, used=3.0).amounts(ROWS, 2, speeds)
    [shortest] = re.findall(r"give at least ([\d.]+)\.$", str(error.value))
    assert Budget(float(shortest), used=3.0).amounts(ROWS, 2, speeds).train >= 100
    with pytest.raises(ValueError, match="too short"):
        Budget(float(shortest) / 2, used=3.0).amounts(ROWS, 2, speeds)


def test_images_are_held_in_memory_up_to_a_bound():
    speeds, each = Speeds(1e-4, 1e-4, 3e-4), 3 * 128 * 128
    found = Budget(600).amounts(ROWS, 10, speeds, bytes_each=each)
    assert found.train + sum(found.held.values()) == budget.IMAGE_BYTES // each
    assert "because more are not held in memory at that size" in found.why
    assert Budget(600).amounts(ROWS, 10, speeds, bytes_each=3 * 32 * 32).train >= ROWS["train"]


def test_of_minutes_and_steps_the_shorter_holds():
    task, plan = tasks.points(train=640), planning.Plan("resnet_small", None, "", 32, 75e6, 1_000)
    object.__setattr__(task, "kind", "image")
    given = Budget(10)
    given.speeds = Speeds(0.0, 0.01, 0.1)
    fitting = given.steps(task, 32, recipe.LOOKING_SHARE)
    assert 90 < fitting < 200
    for options, steps in (
        ({"steps": 7, "epochs": None}, 7),
        ({"steps": 9_999, "epochs": None}, fitting),
        ({"steps": None, "epochs": 2}, 40),
        ({"steps": None, "epochs": 99}, fitting),
        ({"steps": None, "epochs": None}, fitting),
        ({"steps": 0, "epochs": None}, 0),
    ):
        found = recipe._length(task, plan, **options, budget=given)["steps"]
        assert found == pytest.approx(steps, abs=1), options


def test_parts_that_came_divided_are_counted():
    assert available(["train"] * 64 + ["validation"] * 16 + ["test"] * 20) == available(["train"] * 100)


def test_a_slower_machine_is_noticed():
    given = Budget(10)
    given.speeds = Speeds(0.001, 0.01, 0.03)
    given.learned_speed(100, 2.0)
    assert given.speeds == Speeds(0.001, pytest.approx(0.02), pytest.approx(0.06))


@pytest.mark.integration
def test_minutes_are_measured_planned_kept_and_told(tl, folder, tmp_path, monkeypatch):
    options = ("--model", "resnet_small", "--weights", "none", "--size", "16", "--minutes", "5")
    monkeypatch.setattr(recipe, "EPOCHS", {"image": (3, 4)})
    monkeypatch.setattr(recipe, "score", lambda each, *rest: {"linear_probe": 0.5, "fine_tune": 0.9}[each.method])
    code, out, _ = tl("finetune", folder, *options)
    assert code == 0
    assert re.search(r"Measured: [\d,]+ examples a second are read and looked at, [\d,]+ trained on\.", out)
    assert re.search(r"Fine-tuning: 4 steps of 16 examples, 4\.0 passes, in the \d\.\d minutes that are left", out)
    assert re.search(r"It took 0\.\d of 5 minutes\.", out)
    assert "are used" not in out  # there are few, and all of them are


@pytest.mark.full
def test_when_the_machine_slows_down_training_stops_in_time_with_the_best_weights(tl, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(History, "elapsed", property(lambda history: 100.0 * history.run.steps))
    monkeypatch.setattr(Budget, "training", lambda *arguments: 290.0)
    code, out, _ = tl("finetune", folder, *SMALL[:-1], "12", "--minutes", "5")
    assert code == 0
    said = r"of 12 (were best on validation|are the last); training ended after step 3, when the time for it was over\."
    assert re.search(said, out)
    assert re.search(said, Page((tmp_path / "noise-finetuned" / "report.html").read_text(encoding="utf-8")).text)


@pytest.mark.integration
def test_too_few_minutes_are_refused_in_one_sentence(tl, folder, tmp_path):
    for minutes, said in (("0.001", "too short even for a linear probe"), ("0", "is no time"), ("nan", "is no time")):
        code, _, err = tl("finetune", folder, *SMALL, "--minutes", minutes)
        assert code == 2
        assert said in err
        assert err.count("\n") == 1
        assert not (tmp_path / "noise-finetuned").exists()


@pytest.mark.full
def test_without_minutes_it_is_said_what_is_left_out_and_how_more_is_used(tl, folder, monkeypatch):
    monkeypatch.setattr(planning, "allowed_passes", lambda kind, macs: 8)
    code, out, _ = tl("finetune", folder, *SMALL)
    assert code == 0
    assert (
        "Of 16 examples for train, 8 are used, to stay within some minutes; with --minutes you decide on the time, "
        "and more are used." in out
    )


@pytest.mark.full
def test_a_picture_that_cannot_be_read_does_not_stop_the_measuring(tl, folder):
    photograph(folder / "dark" / "00.png", 0)
    (folder / "bright" / "00.png").write_bytes(b"no picture")
    code, _, err = tl("finetune", folder, *SMALL, "--minutes", "5")
    assert code == 2
    assert "00.png is not an image that can be read" in err
    assert tl("finetune", folder, *SMALL, "--minutes", "5", "--on-error", "skip")[0] == 0


@pytest.mark.integration
def test_speed_is_measured_on_rounds_that_fill_a_share_of_the_minutes_but_no_more_than_there_are(monkeypatch):
    """A clock on which each batch takes a second: the rounds are counted."""
    seen, clock = [], iter(range(1_000_000))
    monkeypatch.setattr(budget.time, "perf_counter", lambda: float(len(seen)) + 1e-6 * next(clock))
    monkeypatch.setattr(budget, "_answer", lambda model, batch: seen.append(len(batch)))
    monkeypatch.setattr(budget, "_learn", lambda model, optimizer, batch: seen.append(len(batch)))
    task = tasks.images(train=24)

    def rounds(minutes: float, count: int) -> int:
        seen.clear()
        speeds = budget.measured(tasks.resnet(), task, 8, 0.5, minutes, count)
        assert speeds == Speeds(0.5, pytest.approx(1 / 8, rel=0.01), pytest.approx(1 / 8, rel=0.01))
        return seen.count(8) // 3  # of both

    assert rounds(0, 10_000) == 2
    assert rounds(10, 10_000) == 2 + 6
    assert rounds(10, 24) == 2
