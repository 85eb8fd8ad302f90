"""Ctrl-C ends a run between two steps: the model is whole, the run can be asked for, the interrupt goes through."""

import gc
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import weakref
from pathlib import Path

import pytest
import tasks
import torch
from tasks import assert_same, state
from torch import nn

from tl_course import data, losses, models, training
from tl_course.training import fit, interrupting, ready_run
from tl_course.training.interrupting import StepStart

OPTIONS = {"steps": 12, "batch_size": 8, "schedule": "constant", "log_every": 3, "lr": 0.01, "progress": False}


def raised():
    """What a second Ctrl-C in a step is, and one that a library raises."""
    raise KeyboardInterrupt


def pressed():
    """The first Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


class At:
    """Cross-entropy that does something in one call, before the forward pass or after it."""

    __qualname__ = losses.cross_entropy.__qualname__

    def __init__(self, call: int, *deeds, after: bool = True):
        self.left, self.deeds, self.after = call, deeds, after

    def __call__(self, model, batch):
        self.left -= 1
        if self.left == 0 and not self.after:
            self.do()
        terms = losses.cross_entropy(model, batch)
        if self.left == 0 and self.after:
            self.do()
        return terms

    def do(self):
        for deed in self.deeds:
            deed()


def network(seed: int = 0) -> nn.Module:
    """BatchNorm and dropout: a forward pass leaves traces in both."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.ReLU(), nn.Linear(16, 3))


def interrupted(model, task, **options) -> training.Run:
    with pytest.raises(KeyboardInterrupt) as caught:
        fit(model, task, **OPTIONS | options)
    run = caught.value.run
    assert run is training.interrupted_run()
    assert run.model is model
    assert run.interrupted
    assert "(interrupted)" in str(run)
    assert not any(module.training for module in model.modules())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return run


def without_seconds(history):
    return [{key: value for key, value in entry.items() if key != "seconds"} for entry in history]


# --- in a step -------------------------------------------------------------------------------------------------------


@pytest.mark.daily(12)
@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize(("deeds", "done"), [((pressed,), 0), ((raised,), -1), ((pressed, pressed), -1)])
@pytest.mark.parametrize("at", [1, 3, 4, 8])
def test_the_model_is_where_it_was_after_the_last_whole_step(at, deeds, done, after):
    """One Ctrl-C waits for the end of the step; what comes in its middle undoes it."""
    ours, theirs = network(), network()
    run = interrupted(ours, tasks.points(), loss=At(at, *deeds, after=after))
    steps = at + done
    assert run.steps == steps
    if steps:
        expected = fit(theirs, tasks.points(), **OPTIONS | {"steps": steps})
        assert [entry["train_loss"] for entry in run.history] == [entry["train_loss"] for entry in expected.history]
    assert_same(ours, theirs)
    assert [entry["step"] for entry in run.history] == sorted({*range(3, steps + 1, 3), *([steps] if steps else [])})


@pytest.mark.parametrize("at", [2, 5, 7])
def test_in_the_update_the_last_entry_counts(at, monkeypatch):
    """Half an update cannot be undone: some weights have moved."""
    ours, theirs = network(), network()
    whole, calls = torch.optim.AdamW.step, []

    def step(self, *arguments):
        whole(self, *arguments)
        calls.append(1)
        if len(calls) == at:
            raise KeyboardInterrupt

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    run = interrupted(ours, tasks.points())
    monkeypatch.undo()
    last = (at - 1) // 3 * 3
    assert run.steps == last
    assert [entry["step"] for entry in run.history] == list(range(3, last + 1, 3))
    if last:
        fit(theirs, tasks.points(), **OPTIONS | {"steps": last})
    assert_same(ours, theirs)


@pytest.mark.parametrize("presses", [1, 2, 3])
def test_a_real_ctrl_c_in_the_update_waits_for_its_end(presses, monkeypatch):
    ours, theirs = network(), network()
    whole, calls = torch.optim.AdamW.step, []

    def step(self, *arguments):
        calls.append(1)
        if len(calls) == 5:
            for _ in range(presses):
                pressed()
        whole(self, *arguments)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    run = interrupted(ours, tasks.points())
    monkeypatch.undo()
    assert run.steps == 5
    fit(theirs, tasks.points(), **OPTIONS | {"steps": 5})
    assert_same(ours, theirs)


@pytest.mark.parametrize("deed", [pressed, raised])
def test_in_an_evaluation_nothing_waits_and_nothing_is_lost(deed, monkeypatch, tmp_path):
    ours, theirs, fresh = network(), network(), network()
    usual, calls = ready_run.validation_answers, []

    def evaluation(*arguments):
        calls.append(1)
        if len(calls) == 2:
            deed()
            raise AssertionError("Ctrl-C waited for the end of the evaluation")
        return usual(*arguments)

    options = {"evaluate_every": 3, "checkpoint": tmp_path / "run.pt"}
    monkeypatch.setattr(ready_run, "validation_answers", evaluation)
    run = interrupted(ours, tasks.points(), **options)
    monkeypatch.undo()
    assert run.steps == 6
    assert [entry["validation_accuracy"] is None for entry in run.history] == [False, True]
    fit(theirs, tasks.points(), **OPTIONS | {"steps": 6})
    assert_same(ours, theirs)
    resumed = fit(fresh, tasks.points(), **OPTIONS | options)
    whole = fit(network(), tasks.points(), **OPTIONS | {"evaluate_every": 3})
    assert_same(fresh, whole.model)
    assert without_seconds(resumed.history) == without_seconds(whole.history)


def test_after_the_last_step_the_interrupt_goes_through_as_well():
    ours, theirs = network(), network()
    assert interrupted(ours, tasks.points(), loss=At(12, pressed)).steps == 12
    fit(theirs, tasks.points(), **OPTIONS)
    assert_same(ours, theirs)


@pytest.mark.parametrize("presses", [1, 2])
def test_a_second_ctrl_c_while_things_are_put_in_order_loses_nothing(presses, monkeypatch, tmp_path):
    ours, theirs = network(), network()
    save = torch.save

    def slow_disk(state, path):
        save(state, path)
        for _ in range(presses):
            pressed()

    monkeypatch.setattr(torch, "save", slow_disk)
    run = interrupted(ours, tasks.points(), loss=At(5, raised), log_every=12, checkpoint=tmp_path / "run.pt")
    monkeypatch.undo()
    assert run.steps == 4
    fit(theirs, tasks.points(), **OPTIONS | {"steps": 4})
    assert_same(ours, theirs)
    assert torch.load(tmp_path / "run.pt")["step"] == 4


def test_random_numbers_outside_are_as_before():
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    model = network(0)
    torch.manual_seed(3)
    interrupted(model, tasks.points(), loss=At(4, raised))
    assert torch.equal(torch.rand(3), expected)


def test_frozen_layers_stay_frozen():
    model = tasks.resnet()
    report = models.freeze(model, except_head=True)
    interrupted(model, tasks.images(), loss=At(2, raised))
    assert report.check(model)


# --- what is not finite ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", [pressed, raised])
def test_steps_that_were_not_finite_do_not_count(deed):
    """NaN in step 5, Ctrl-C in step 6: back to the entry of step 3, and the interrupt, not the NaN, ends the cell."""
    ours, theirs = network(), network()
    calls = []

    def loss(model, batch):
        calls.append(1)
        if len(calls) == 6:
            deed()
        terms = losses.cross_entropy(model, batch)
        return {"cross_entropy": terms["cross_entropy"] * (math.nan if len(calls) == 5 else 1)}

    with pytest.raises(KeyboardInterrupt) as caught:
        fit(ours, tasks.points(), loss=loss, **OPTIONS)
    assert "not finite in step 5" in caught.value.__notes__[0]
    run = training.interrupted_run()
    assert (run.steps, [entry["step"] for entry in run.history]) == (3, [3])
    fit(theirs, tasks.points(), **OPTIONS | {"steps": 3})
    assert_same(ours, theirs)


# --- checkpoint, early stopping, losses with a state -----------------------------------------------------------------


@pytest.mark.daily(4)
@pytest.mark.parametrize("deed", [pressed, raised])
@pytest.mark.parametrize("at", [1, 2, 5, 6, 11])
def test_the_checkpoint_goes_on_as_if_nothing_had_happened(at, deed, tmp_path):
    """Model, optimiser, dropout, and the mean losses of the interval that was cut in two."""
    options = {"checkpoint": tmp_path / "run.pt"}
    whole, fresh = network(), network()
    expected = fit(whole, tasks.points(), **OPTIONS)
    run = interrupted(network(), tasks.points(), loss=At(at, deed), **options)
    assert torch.load(tmp_path / "run.pt")["step"] == run.steps
    resumed = fit(fresh, tasks.points(), **OPTIONS | options)
    assert_same(fresh, whole)
    assert without_seconds(resumed.history) == without_seconds(expected.history)


@pytest.mark.parametrize(("deed", "saved"), [(pressed, 5), (raised, 3)])
def test_a_loss_that_keeps_something_is_saved_at_the_end_of_a_step_only(deed, saved, tmp_path):
    """Its place among the source's batches cannot be put back by one step."""

    def risk(loss):
        source = data.batches(tasks.points(5, train=30), tasks.mlp(), batch_size=8, seed=2)
        return losses.TransferRisk(source, alpha=0.5, target_loss=loss)

    options = {"checkpoint": tmp_path / "run.pt"}
    whole, fresh = network(), network()
    fit(whole, tasks.points(), loss=risk(losses.cross_entropy), **OPTIONS)
    interrupted(network(), tasks.points(), loss=risk(At(5, deed)), **options)
    assert torch.load(tmp_path / "run.pt")["step"] == saved
    fit(fresh, tasks.points(), loss=risk(losses.cross_entropy), **OPTIONS | options)
    assert_same(fresh, whole)


@pytest.mark.parametrize("deed", [pressed, raised])
def test_in_a_step_that_unfreezes_the_file_goes_on(deed, tmp_path):
    def half_frozen():
        model = network()
        models.freeze(model, parts=["0"])
        return model

    options = {"unfreeze": {4: ["0"]}, "checkpoint": tmp_path / "run.pt"}
    whole, fresh = half_frozen(), half_frozen()
    fit(whole, tasks.points(), **OPTIONS | options | {"checkpoint": None})
    interrupted(half_frozen(), tasks.points(), loss=At(5, deed), **options)
    fit(fresh, tasks.points(), **OPTIONS | options)
    assert_same(fresh, whole)


def test_with_patience_the_best_weights_are_put_back():
    task, options = tasks.points(noise=3.0), {"lr": 0.1, "evaluate_every": 3, "patience": 9, "steps": 60}
    run = interrupted(ours := network(), task, loss=At(41, pressed), **options)
    best = max(run.history, key=lambda entry: entry["validation_accuracy"] or -1)
    assert (run.steps, run.best_step) == (41, best["step"])
    fit(theirs := network(), task, **OPTIONS | options | {"steps": best["step"], "patience": None})
    assert_same(ours, theirs)


# --- who hears of it -------------------------------------------------------------------------------------------------


def test_the_value_of_an_interrupted_run_is_marked():
    run = interrupted(network(), tasks.points(), loss=At(4, pressed))
    assert run.evaluate("test").value.interrupted
    assert run.evaluate("test") == training.Run.evaluate(run, "test")
    whole = fit(network(), tasks.points(), **OPTIONS)
    assert not hasattr(whole.evaluate("test").value, "interrupted")


@pytest.mark.integration
def test_only_the_last_interrupted_run_is_kept():
    first = weakref.ref(interrupted(network(), tasks.points(), loss=At(2, pressed)))
    second = interrupted(network(1), tasks.points(), loss=At(3, pressed))
    fit(network(), tasks.points(), **OPTIONS)
    assert training.interrupted_run() is second
    gc.collect()
    assert first() is None


def test_before_anything_was_interrupted_there_is_no_run(monkeypatch):
    monkeypatch.setattr(interrupting, "_last", None)
    assert training.interrupted_run() is None
    with pytest.raises(KeyboardInterrupt) as caught:  # before the run
        fit(network(), tasks.points(), unfreeze=Stops({1: ["0"]}), **OPTIONS)
    assert not hasattr(caught.value, "run")
    assert training.interrupted_run() is None


class Stops(dict):
    def items(self):
        raise KeyboardInterrupt


def test_a_handler_of_the_callers_own_is_left_alone():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        run = fit(network(), tasks.points(), loss=At(4, pressed), **OPTIONS)
    finally:
        mine = signal.signal(signal.SIGINT, before)
    assert heard == [1]
    assert not run.interrupted
    assert mine.__name__ == "<lambda>"


def test_in_another_thread_training_works_and_signals_are_not_its_matter():
    models_, before = [], signal.getsignal(signal.SIGINT)

    def train():
        model = network()
        fit(model, tasks.points(), **OPTIONS)
        models_.append(model)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    theirs = network()
    fit(theirs, tasks.points(), **OPTIONS)
    assert_same(models_[0], theirs)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("make", [nn.BatchNorm1d, lambda width: nn.utils.spectral_norm(nn.Linear(width, width))])
def test_what_a_forward_pass_changes_is_put_back(make):
    layer = make(4)
    start = StepStart([layer], torch.device("cpu"), random=True)
    for _ in range(3):
        layer(torch.randn(5, 4))
        start.keep()
        before, drawn = state(layer), torch.rand(2)
        layer(torch.randn(5, 4))
        start.restore()
        assert_same(layer, before)
        assert torch.equal(torch.rand(2), drawn)


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("presses", [1, 2])
def test_a_real_ctrl_c_from_outside(presses, tmp_path):
    """The process ends as Ctrl-C ends it, its model is whole, and what it left goes on."""
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent("""
            import sys
            sys.path.insert(0, sys.argv[1])
            import tasks, torch
            from tl_course import losses, training

            def cross_entropy(model, batch):
                print("step", flush=True)
                return losses.cross_entropy(model, batch)

            model = tasks.mlp()
            try:
                training.fit(model, tasks.points(), loss=cross_entropy, steps=10**6, batch_size=8, lr=0.01,
                    schedule="constant", log_every=100, checkpoint=sys.argv[2] + "/run.pt", progress=False)
            except KeyboardInterrupt as stop:
                assert stop.run is training.interrupted_run()
                torch.save([model.state_dict(), stop.run.steps], sys.argv[2] + "/left.pt")
                raise
        """),
        encoding="utf-8",
    )
    command = [sys.executable, str(script), str(Path(__file__).parents[1]), str(tmp_path)]
    environment = {**os.environ, "TL_DEVICE": "cpu", "TL_THREADS": str(torch.get_num_threads())}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        for _ in range(150):
            process.stdout.readline()
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
        process.stdout.read()
        message = process.stderr.read().decode()
    assert process.returncode, message
    assert message.rstrip().endswith("KeyboardInterrupt"), message
    left, steps = torch.load(tmp_path / "left.pt")
    theirs = tasks.mlp()
    fit(theirs, tasks.points(), **OPTIONS | {"steps": steps, "log_every": 100})
    assert_same(theirs, left)
    assert torch.load(tmp_path / "run.pt")["step"] == steps
