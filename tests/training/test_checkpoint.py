"""A run that goes on from a checkpoint ends, to the last bit, where an uninterrupted one does."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import tasks
import torch
from tasks import assert_same, state
from torch import nn

from tl_course import data, losses, models, training
from tl_course.models.heads import seeded
from tl_course.training import fit

QUIET = {"progress": False}


class StopsAt:
    """Cross-entropy that raises in one call: what a kill leaves, as nothing after that call happens."""

    def __init__(self, call: int, error: type[BaseException] = RuntimeError):
        self.left, self.error = call, error
        self.__qualname__ = losses.cross_entropy.__qualname__

    def __call__(self, model, batch):
        self.left -= 1
        if self.left == 0:
            raise self.error("stopped")
        return losses.cross_entropy(model, batch)


def without_seconds(history):
    return [{key: value for key, value in entry.items() if key != "seconds"} for entry in history]


def vgg() -> nn.Module:
    return models.create("vgg_small", num_classes=3)


def frozen_resnet() -> nn.Module:
    model = tasks.resnet()
    models.freeze(model, except_head=True)
    return model


def batchnorm_and_dropout() -> nn.Module:
    with seeded(0):
        return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.ReLU(), nn.Linear(16, 3))


UNFREEZE = {2: ["layer4"], 5: ["layer3"], 6: ["layer2"]}
CASES = {
    "batchnorm and augmentation": (tasks.resnet, tasks.images(augment=("flip", "crop")), {}),
    "sgd and one cycle": (tasks.resnet, tasks.images(), {"optimizer": "sgd", "schedule": "one_cycle"}),
    "dropout": (vgg, tasks.images(), {}),
    "unfreezing": (frozen_resnet, tasks.images(augment=("flip",)), {"unfreeze": UNFREEZE, "layer_decay": 0.5}),
    "early stopping": (tasks.mlp, tasks.points(noise=3.0), {"patience": 2, "lr": 0.1, "evaluate_every": 1}),
    "texts": (tasks.tiny_bert, tasks.texts(), {}),
    "features": (batchnorm_and_dropout, tasks.points(), {"unfreeze": {2: ["0"], 5: ["1"]}, "layer_decay": 0.5}),
}
QUICK = ("early stopping", "features")


@pytest.mark.usual(4)
@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[] if case in QUICK else pytest.mark.integration) for case in CASES]
)
@pytest.mark.parametrize("stop", [1, 5, 7])
def test_resumed_equals_uninterrupted(case, stop, tmp_path):
    make, task, options = CASES[case]
    options = {"steps": 8, "batch_size": 8, "log_every": 2, "lr": 0.01, "seed": 3, **QUIET} | options
    whole, model = make(), make()
    expected = fit(whole, task, **options)
    path = tmp_path / "run.pt"
    if stop <= expected.steps:
        with pytest.raises(RuntimeError, match="stopped"):
            fit(model, task, loss=StopsAt(stop), checkpoint=path, **options)
    fresh = make()
    run = fit(fresh, task, checkpoint=path, **options)
    assert_same(fresh, whole)
    assert without_seconds(run.history) == without_seconds(expected.history)
    assert (run.steps, run.best_step, run.parameters) == (expected.steps, expected.best_step, expected.parameters)


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("stop", [4, 7])
def test_the_same_cell_run_again_after_ctrl_c_goes_on(stop, tmp_path):
    """The model in memory is partly unfrozen: the file counts."""
    options = {"steps": 8, "batch_size": 8, "log_every": 2, "unfreeze": UNFREEZE, **QUIET}
    whole, model = frozen_resnet(), frozen_resnet()
    fit(whole, tasks.images(), **options)
    with pytest.raises(KeyboardInterrupt) as stopped:
        fit(model, tasks.images(), loss=StopsAt(stop, KeyboardInterrupt), checkpoint=tmp_path / "run.pt", **options)
    assert stopped.value.run.interrupted
    second = fit(model, tasks.images(), checkpoint=tmp_path / "run.pt", **options)
    assert not second.interrupted
    assert second.seconds > 0
    assert_same(model, whole)


NUMBERS = {
    "steps": np.int64(6), "batch_size": torch.tensor(8), "lr": np.logspace(-3, -1, 3)[1], "head_lr": np.float64(0.02),
    "layer_decay": np.float32(0.5), "weight_decay": np.array(0.25), "warmup": np.float16(0.5), "seed": np.int32(2),
    "patience": np.uint8(9), "log_every": np.int64(2), "evaluate_every": np.int64(2), "schedule": np.str_("cosine"),
    "unfreeze": {np.int64(3): ["0"]},
}  # fmt: skip


def plain(value):
    if isinstance(value, dict):
        return {plain(key): names for key, names in value.items()}
    return value.item() if hasattr(value, "item") else value


@pytest.mark.daily(4)
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_numpy_and_pytorch_are_as_good_as_pythons(name, tmp_path):
    """A file with one of them goes on, and where all are plain numbers it is the same run."""
    options = {"steps": 6, "log_every": 2, "batch_size": 8, "checkpoint": tmp_path / "run.pt", **QUIET}
    whole, first, second = tasks.mlp(), tasks.mlp(), tasks.mlp()
    usual = options | {name: plain(NUMBERS[name])}
    fit(whole, tasks.points(), **usual | {"checkpoint": None})
    with pytest.raises(RuntimeError, match="stopped"):
        fit(first, tasks.points(), loss=StopsAt(5), **options | {name: NUMBERS[name]})
    fit(second, tasks.points(), **usual)
    assert_same(second, whole)


def test_a_file_from_before_the_losses_were_kept_in_it_goes_on(tmp_path):
    options = {"steps": 6, "log_every": 2, "batch_size": 8, "lr": 1, "checkpoint": tmp_path / "run.pt", **QUIET}
    whole, fresh = tasks.mlp(), tasks.mlp()
    fit(whole, tasks.points(), **options | {"checkpoint": None})
    with pytest.raises(RuntimeError, match="stopped"):
        fit(tasks.mlp(), tasks.points(), loss=StopsAt(5), **options)
    saved = torch.load(options["checkpoint"])
    del saved["finite"]
    assert saved["settings"]["lr"] == 1
    torch.save(saved, options["checkpoint"])
    run = fit(fresh, tasks.points(), **options)
    assert_same(fresh, whole)
    assert [entry["step"] for entry in run.history] == [2, 4, 6]


@pytest.mark.integration
def test_a_compiled_model_is_saved_under_the_names_of_the_model_inside(tmp_path):
    """`torch.compile(model)` would put `_orig_mod.` before every name; its file also resumes the plain model."""
    options = {"steps": 6, "log_every": 2, "batch_size": 8, "checkpoint": tmp_path / "run.pt", **QUIET}
    options |= {"unfreeze": {3: ["0"]}, "layer_decay": 0.5}
    whole, inside, fresh = tasks.mlp(), tasks.mlp(), tasks.mlp()
    fit(whole, tasks.points(), **options | {"checkpoint": None})
    compiled = torch.compile(inside, backend="eager")
    with pytest.raises(RuntimeError, match="stopped"):
        fit(compiled, tasks.points(), loss=StopsAt(5), **options)
    assert list(torch.load(tmp_path / "run.pt")["model"]) == list(whole.state_dict())
    fit(fresh, tasks.points(), **options)
    assert_same(fresh, whole)
    run = fit(compiled, tasks.points(), **options)
    assert run.model is compiled
    assert_same(inside, whole)
    assert torch.equal(run.logits(), fit(whole, tasks.points(), **options).logits())


def test_a_finished_run_is_not_trained_again(tmp_path):
    options = {"steps": 6, "batch_size": 8, "checkpoint": tmp_path / "deep" / "run.pt", **QUIET}
    first = fit(tasks.mlp(), tasks.points(), **options)
    second = fit(tasks.mlp(), tasks.points(), loss=StopsAt(1), **options)
    assert_same(first.model, second.model)
    assert second.history == first.history
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["run.pt"]


def test_a_run_that_stopped_early_stays_stopped(tmp_path):
    options = {"steps": 100, "batch_size": 8, "lr": 0.1, "patience": 2, "evaluate_every": 1, "log_every": 1,
               "checkpoint": tmp_path / "run.pt", **QUIET}  # fmt: skip
    first = fit(tasks.mlp(), tasks.points(noise=3.0), **options)
    second = fit(tasks.mlp(), tasks.points(noise=3.0), loss=StopsAt(1), **options)
    assert first.steps == second.steps < 100
    assert first.best_step == second.best_step
    assert_same(first.model, second.model)


def test_the_place_in_the_source_batches_is_resumed(tmp_path):
    def risk(stop: int):
        source = data.batches(tasks.points(5, train=30), tasks.mlp(), batch_size=8, seed=2)
        return losses.TransferRisk(source, alpha=0.5, target_loss=StopsAt(stop))

    options = {"steps": 9, "batch_size": 8, "log_every": 3, **QUIET}
    whole, fresh = tasks.mlp(), tasks.mlp()
    fit(whole, tasks.points(), loss=risk(0), **options)
    with pytest.raises(RuntimeError, match="stopped"):
        fit(tasks.mlp(), tasks.points(), loss=risk(8), checkpoint=tmp_path / "run.pt", **options)
    fit(fresh, tasks.points(), loss=risk(0), checkpoint=tmp_path / "run.pt", **options)
    assert_same(fresh, whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": 0.5}, r"its lr is 0\.01 and this run's is 0\.5"),
        ({"seed": 1}, "its seed is 0 and this run's is 1"),
        ({"steps": 7}, "its steps is 6 and this run's is 7"),
        ({"schedule": "linear"}, "its schedule is cosine and this run's is linear"),
        ({"model": tasks.linear()}, "its model is Sequential with 195 numbers.* and this run's is Linear with 27"),
        ({"model": tasks.mlp(), "task": tasks.points(9)}, "its task is Points, .* and this run's is Points"),
        ({"loss": losses.L2SP(tasks.mlp())}, "its loss is cross_entropy and this run's is L2SP"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(change, message, tmp_path):
    options = {"steps": 6, "lr": 0.01, "checkpoint": tmp_path / "run.pt", **QUIET}
    fit(tasks.mlp(), tasks.points(), **options)
    options = options | change
    model = options.pop("model", None) or tasks.mlp()
    before = state(model)
    with pytest.raises(training.CheckpointError, match=message + ".*delete the file to start over"):
        fit(model, options.pop("task", tasks.points()), **options)
    assert_same(model, before)


def test_a_model_that_is_frozen_elsewhere_is_another_run(tmp_path):
    options = {"steps": 1, "batch_size": 8, "checkpoint": tmp_path / "run.pt", **QUIET}
    fit(frozen_resnet(), tasks.images(), **options)
    with pytest.raises(training.CheckpointError, match="867 of them trainable at first and this run's"):
        fit(tasks.resnet(), tasks.images(), **options)


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", "cut"])
def test_a_damaged_file_is_said_to_be_one(content, tmp_path):
    path = tmp_path / "run.pt"
    if content == "cut":
        fit(tasks.mlp(), tasks.points(), steps=2, checkpoint=path, **QUIET)
        content = path.read_bytes()[:-500]
    path.write_bytes(content)
    with pytest.raises(training.CheckpointError, match=r"run\.pt is not a whole checkpoint .*delete it"):
        fit(tasks.mlp(), tasks.points(), steps=2, checkpoint=path, **QUIET)


def test_a_file_that_would_run_code_is_not_loaded(tmp_path):
    path = tmp_path / "run.pt"
    torch.save({"settings": Path, "format": 1}, path)
    with pytest.raises(training.CheckpointError, match="not a whole checkpoint"):
        fit(tasks.mlp(), tasks.points(), steps=2, checkpoint=path, **QUIET)


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(training.CheckpointError, match="is a folder"):
        fit(tasks.mlp(), tasks.points(), steps=2, checkpoint=tmp_path, **QUIET)


def test_a_write_that_fails_leaves_the_last_whole_file(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    written = []
    save = torch.save

    def disk_full(state, where):
        written.append(state["step"])
        save(state, where)
        if len(written) == 2:
            raise OSError("disk full")

    monkeypatch.setattr(torch, "save", disk_full)
    with pytest.raises(OSError, match="disk full"):
        fit(tasks.mlp(), tasks.points(), steps=6, log_every=2, evaluate_every=6, checkpoint=path, **QUIET)
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]
    assert torch.load(path)["step"] == 2


@pytest.mark.full
def test_a_killed_process_goes_on(tmp_path):
    """A real SIGKILL in the middle of step 5 of 8."""
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent("""
            import os, signal, sys
            sys.path.insert(0, sys.argv[1])
            import tasks
            from tl_course import losses
            from tl_course.training import fit

            def cross_entropy(model, batch):
                cross_entropy.calls += 1
                if cross_entropy.calls == 5:
                    os.kill(os.getpid(), signal.SIGKILL)
                return losses.cross_entropy(model, batch)

            cross_entropy.calls = 0
            fit(tasks.resnet(), tasks.images(augment=("crop",)), loss=cross_entropy, steps=8, batch_size=8, log_every=2,
                checkpoint=sys.argv[2], progress=False)
        """),
        encoding="utf-8",
    )
    path = tmp_path / "run.pt"
    command = [sys.executable, str(script), str(Path(__file__).parents[1]), str(path)]
    died = subprocess.run(command, env={**os.environ, "TL_THREADS": str(torch.get_num_threads())}, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    whole, fresh = tasks.resnet(), tasks.resnet()
    options = {"steps": 8, "batch_size": 8, "log_every": 2, **QUIET}
    fit(whole, tasks.images(augment=("crop",)), **options)
    run = fit(fresh, tasks.images(augment=("crop",)), checkpoint=path, **options)
    assert run.steps == 8
    assert_same(fresh, whole)
