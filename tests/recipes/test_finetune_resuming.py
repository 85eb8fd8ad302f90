"""`tl-course finetune` goes on where it was stopped, and repeats itself with several seeds."""

# ruff: noqa: F811 - fixtures are imported, and arguments have their names

import re
import statistics
import subprocess
import sys
import time

import pytest
import torch
from test_finetune import SMALL, Page, folder, photograph, tl  # noqa: F401

from tl_course import models, training
from tl_course.recipes import recipe, report, unfinished
from tl_course.recipes.unfinished import Unfinished

LONGER = (*SMALL[:-1], "12")
WRITTEN = ["model.json", "model.safetensors", "predictions.csv", "report.html"]


def stopped_at(monkeypatch, step: int, kind: str = "image", times: int = 1) -> None:
    """Press Ctrl-C in a step of training; the loss keeps its name, by which a checkpoint knows it."""
    whole, pressed = training.fit, []

    def fit(model, task, *, loss, **options):
        seen = []

        def counting(model, batch):
            seen.append(batch)
            if task.kind == kind and len(seen) == step and len(pressed) < times:
                pressed.append(1)
                raise KeyboardInterrupt
            return loss(model, batch)

        counting.__qualname__ = loss.__qualname__
        return whole(model, task, loss=counting, **options)

    monkeypatch.setattr(training, "fit", fit)


@pytest.fixture
def finished(monkeypatch):
    """What each command has come to."""
    found, whole = [], report.page
    monkeypatch.setattr(report, "page", lambda each: found.append(each) or whole(each))
    return found


def said(made) -> str:
    return Page((made / "report.html").read_text(encoding="utf-8")).text


@pytest.mark.integration
@pytest.mark.parametrize("seeds", [1, pytest.param(2, marks=pytest.mark.full)])
def test_the_same_command_goes_on_and_ends_where_an_uninterrupted_one_does(
    tl,
    folder,
    tmp_path,
    monkeypatch,
    finished,
    seeds,
):
    options = (*LONGER, "--seeds", str(seeds))
    assert tl("finetune", folder, *options, "--out", "whole")[0] == 0
    stopped_at(monkeypatch, 4)
    code, out, err = tl("finetune", folder, *options)
    made = tmp_path / "noise-finetuned"
    assert code == 130
    assert err.endswith("with a report that says so. The same command goes on from there.\n")
    assert sorted(path.name for path in made.iterdir()) == [
        *WRITTEN, "unfinished",
    ]  # fmt: skip
    assert "The same command goes on with it." in said(made)
    code, out, err = tl("finetune", folder, *options)
    assert code == 0
    assert "Going on with the fine-tuning that was stopped" in out
    assert sorted(path.name for path in made.iterdir()) == WRITTEN
    assert "interrupted" not in said(made)
    whole, _, resumed = finished
    assert [each.name for each in resumed.outcome.candidates] == [each.name for each in whole.outcome.candidates]
    for ours, theirs in zip(resumed.outcome.candidates, whole.outcome.candidates, strict=True):
        assert (ours.steps, ours.best_step) == (theirs.steps, theirs.best_step)
        assert torch.equal(ours.logits["test"], theirs.logits["test"])
    assert resumed.outcome.kept.name == whole.outcome.kept.name
    for name, weight in models.load(made).state_dict().items():
        assert torch.equal(weight, models.load(tmp_path / "whole").state_dict()[name]), name


@pytest.mark.full
def test_a_stopped_one_is_not_mixed_with_other_data_or_settings(tl, folder, tmp_path, monkeypatch):
    stopped_at(monkeypatch, 3, times=3)
    assert tl("finetune", folder, *LONGER)[0] == 130
    before = (tmp_path / "noise-finetuned" / "report.html").read_bytes()
    code, _, err = tl("finetune", folder, *LONGER, "--lr", "1e-5")
    assert (code, err.count("\n")) == (2, 1)
    assert "noise-finetuned holds a fine-tuning that was stopped, begun with --lr none and now --lr 1e-05" in err
    photograph(folder / "dark" / "one more.png", 5, 77)
    code, _, err = tl("finetune", folder, *LONGER)
    assert (code, err.count("\n")) == (2, 1)
    assert "its data have changed since; pass --force to begin again" in err
    assert (tmp_path / "noise-finetuned" / "report.html").read_bytes() == before
    (folder / "dark" / "one more.png").unlink()
    assert tl("finetune", folder, *LONGER, "--force")[0] == 130  # goes on, and is stopped again
    code, out, _ = tl("finetune", folder, *LONGER, "--lr", "1e-5", "--force")
    assert "Going on" not in out
    assert not (tmp_path / "noise-finetuned" / "unfinished" / "results").exists()


@pytest.mark.full
def test_stopped_in_the_probe_the_same_command_begins_again_without_force(tl, folder, tmp_path, monkeypatch):
    stopped_at(monkeypatch, 3, kind="features")
    assert tl("finetune", folder, *SMALL)[0] == 130
    code, _, err = tl("finetune", folder, *SMALL, "--seed", "4")
    assert "begun with --seed 0 and now --seed 4" in err
    code, out, _ = tl("finetune", folder, *SMALL)
    assert code == 0
    assert "Going on" not in out
    assert not (tmp_path / "noise-finetuned" / "unfinished").exists()


@pytest.mark.full
@pytest.mark.parametrize("place", ["answers", "report"])
def test_a_second_ctrl_c_claims_no_more_than_is_kept(tl, folder, tmp_path, monkeypatch, place):
    stopped_at(monkeypatch, 5)
    whole, answered = training.Run.logits, []

    def stop(*arguments):
        raise KeyboardInterrupt

    def logits(run, part):
        answered.append(part)
        return stop() if len(answered) == 3 else whole(run, part)  # the probe's are the first two

    if place == "answers":
        monkeypatch.setattr(training.Run, "logits", logits)
    else:
        monkeypatch.setattr(report, "page", stop)
    code, _, err = tl("finetune", folder, *LONGER)
    made = tmp_path / "noise-finetuned"
    assert code == 130
    if place == "answers":
        assert "Stopped; the linear probe is kept in noise-finetuned, with a report" in err
        assert "this is the linear probe. The same command goes on" in said(made)
    else:
        assert err.endswith(
            "Stopped; what was trained is kept in noise-finetuned, and the same command goes on from there.\n"
        )
        assert not (made / "model.json").exists()
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recipe, "PROBE_STEPS", 40)
    code, out, _ = tl("finetune", folder, *LONGER)
    assert code == 0
    assert "Going on" in out
    assert not (made / "unfinished").exists()


@pytest.mark.full
def test_after_a_kill_the_same_command_goes_on(tl, folder, tmp_path):
    options = [str(folder), *SMALL[:-1], "200", "--batch-size", "4"]
    script = "from tl_course.app.cli import main; main()"
    process = subprocess.Popen([sys.executable, "-c", script, "finetune", *options], stderr=subprocess.DEVNULL)
    made = tmp_path / "noise-finetuned"
    for _ in range(600):
        time.sleep(0.05)
        if (made / "unfinished" / "fine_tune_0.pt").exists():
            break
    process.kill()
    process.wait()
    assert [path.name for path in made.iterdir()] == ["unfinished"]
    code, out, _ = tl("finetune", *options)
    assert code == 0
    assert "Going on with the fine-tuning that was stopped" in out
    assert sorted(path.name for path in made.iterdir()) == WRITTEN


def test_files_are_told_apart_by_name_size_and_time(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text("one")
    files = [tmp_path / "a", tmp_path / "b"]

    def found(files) -> str:
        return unfinished.fingerprint(unfinished.told_files(tmp_path, files))

    first = found(files)
    assert first == found(files) != found(files[:1])
    (tmp_path / "b").write_text("two!")
    assert first != found(files)


def test_results_written_again_take_the_place_of_folders_too(tmp_path):
    """A tokenizer is a folder, which is there already where --force writes over a model of texts."""
    for content in ("first", "second"):
        with unfinished.whole(tmp_path) as place:
            (place / "tokenizer").mkdir()
            (place / "tokenizer" / f"{content}.json").write_text(content)
            (place / "model.json").write_text(content)
    assert [path.name for path in (tmp_path / "tokenizer").iterdir()] == ["second.json"]
    assert (tmp_path / "model.json").read_text() == "second"


def test_a_damaged_state_is_named(tmp_path):
    Unfinished(tmp_path, {}).save()
    (tmp_path / "unfinished" / "state.pt").write_bytes(b"half")
    with pytest.raises(ValueError, match=r"state\.pt is damaged .*; pass --force to begin again\."):
        Unfinished(tmp_path, {})
    assert Unfinished(tmp_path, {}, force=True).get("probe") is None
    assert not (tmp_path / "unfinished").exists()


# --- several seeds -----------------------------------------------------------------------------------------------


@pytest.mark.full
def test_several_seeds_share_the_split_and_show_their_spread(tl, folder, tmp_path, finished, monkeypatch):
    bars, whole = [], recipe.tqdm
    monkeypatch.setattr(
        recipe, "tqdm", lambda *arguments, **options: bars.append(options) or whole(*arguments, **options)
    )
    scores = {None: 0.2, 5: 0.5, 6: 0.9, 7: 0.9}
    monkeypatch.setattr(recipe, "score", lambda each, *rest: scores[each.seed])
    code, out, _ = tl("finetune", folder, *SMALL, "--seed", "5", "--seeds", "3")
    assert code == 0
    outcome, task = finished[0].outcome, finished[0].prepared.task
    tuned = outcome.candidates[1:]
    assert [each.seed for each in tuned] == [5, 6, 7]
    assert outcome.kept is tuned[1]  # of equal ones the earlier
    assert not torch.equal(tuned[0].logits["test"], tuned[1].logits["test"])
    saved = models.load(tmp_path / "noise-finetuned")
    with torch.no_grad():
        given = models.logits(saved, saved.preprocess(task.test.inputs))
    torch.testing.assert_close(given, tuned[1].logits["test"], atol=1e-4, rtol=1e-4)
    right = [(each.logits["test"].argmax(1) == task.test.labels).float().mean().item() for each in tuned]
    spread = (
        f"Test accuracy of 3 seeds: {min(right):.1%} to {max(right):.1%}, mean {statistics.fmean(right):.1%}, standard "
        f"deviation {100 * statistics.stdev(right):.1f} points."
    )
    assert out.count(spread) == 1
    text = said(tmp_path / "noise-finetuned")
    assert text.count(spread) == 1
    for seed in (5, 6, 7):
        assert f"Fine-tuned, seed {seed}" in text
    assert "Validation chose the fine-tuned network of seed 6." in out
    assert [bar["total"] for bar in bars if bar["desc"] == "fine-tuning"] == [6]


@pytest.mark.integration
def test_one_of_several_that_fails_is_told_and_left_out(folder, monkeypatch):
    from tl_course.recipes import images, planning

    look = images.look_over(folder)
    plan, model = planning.plan_images(look.side, 24, model="resnet_small", weights="none")
    task = images.read(look, size=16, most_training=100).task
    whole = recipe._fine_tune

    def fails(model, task, loss, seed, **options):
        if seed == 1:
            for parameter in model.parameters():
                parameter.data.fill_(float("nan"))
            raise training.NonFiniteError("a loss", 1)
        return whole(model, task, loss, seed, **options)

    monkeypatch.setattr(recipe, "_fine_tune", fails)
    monkeypatch.setattr(recipe, "score", lambda each, *rest: 0.1 if each.seed is None else 0.5)
    outcome = recipe.learn(model, task, plan, steps=2, seeds=2, say=lambda line: None)
    assert outcome.notes == ["Fine-tuning with seed 1 failed: a loss"]
    assert outcome.kept.seed == 0
    with torch.no_grad():
        given = models.logits(model, model.preprocess(task.test.inputs))
    torch.testing.assert_close(given, outcome.kept.logits["test"], atol=1e-4, rtol=1e-4)


def test_no_seed_at_all_is_refused(tl, folder):
    code, _, err = tl("finetune", folder, *SMALL, "--seeds", "0")
    assert code == 2
    assert "--seeds 0 trains nothing; give at least 1." in err
    assert not re.search("Traceback", err)
