"""fit does what a bare loop does, and keeps its promises beside it."""

import ast
import copy
import dataclasses
import inspect
import math

import pytest
import tasks
import torch
import torch.nn.functional as F
from draws import seeds
from tasks import assert_same, state
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from tl_course import data, environment, losses, metrics, models, training
from tl_course.models.heads import seeded
from tl_course.training import fit
from tl_course.training.history import History

QUIET = {"progress": False}


def bare_loop(model, task, *, steps, batch_size, lr, seed, optimizer="adamw", augment=None, fused=True):
    """The plain PyTorch that fit is compared with."""
    if task.kind == "image":
        model.to(memory_format=torch.channels_last)
    loader = data.batches(task, model, "train", batch_size=batch_size, augment=augment, seed=seed)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if optimizer == "adamw":
        engine = torch.optim.AdamW(parameters, lr=lr, weight_decay=0.01, fused=fused)
    else:
        engine = torch.optim.SGD(parameters, lr=lr, momentum=0.9, weight_decay=1e-4, fused=fused)
    model.train()
    done = 0
    while done < steps:
        for batch in loader:
            if done == steps:
                break
            loss = F.cross_entropy(models.logits(model, batch.inputs), batch.labels)
            engine.zero_grad()
            loss.backward()
            engine.step()
            done += 1
    model.eval()
    return model


def small(seed: int = 0) -> nn.Module:
    """BatchNorm and dropout: a forward pass leaves traces in both."""
    with seeded(seed):
        return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.ReLU(), nn.Linear(16, 3))


# --- the same as a bare loop -----------------------------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.parametrize(("seed", "optimizer"), [(0, "adamw"), (1, "sgd"), (2, "adamw")])
def test_fit_equals_a_bare_loop_on_images(seed, optimizer):
    task = tasks.images(seed, augment=("flip", "crop"))
    ours, theirs = tasks.resnet(seed), tasks.resnet(seed)
    settings = {"steps": 5, "batch_size": 8, "lr": 0.01, "seed": seed, "optimizer": optimizer}
    fit(ours, task, schedule="constant", **settings, **QUIET)
    bare_loop(theirs, task, **settings)
    assert_same(ours, theirs)


def test_fit_equals_a_bare_loop_with_dropout_and_a_frozen_part():
    task = tasks.images(3)
    ours = models.create("vgg_small", num_classes=3, seed=3)
    theirs = copy.deepcopy(ours)
    for model in (ours, theirs):
        report = models.freeze(model, until="block4")
    fit(ours, task, steps=4, batch_size=8, lr=0.01, seed=5, schedule="constant", **QUIET)
    torch.manual_seed(5)
    bare_loop(theirs, task, steps=4, batch_size=8, lr=0.01, seed=5)
    assert report.check(ours)
    assert_same(ours, theirs)


@pytest.mark.integration
@pytest.mark.parametrize("seed", seeds(2))
def test_fit_equals_a_bare_loop_on_texts(seed):
    ours, theirs = tasks.tiny_bert(seed), tasks.tiny_bert(seed)
    fit(ours, tasks.texts(seed), steps=5, batch_size=5, lr=1e-3, seed=seed, schedule="constant", **QUIET)
    torch.manual_seed(seed)
    bare_loop(theirs, tasks.texts(seed), steps=5, batch_size=5, lr=1e-3, seed=seed)
    assert_same(ours, theirs)


@pytest.mark.parametrize("seed", seeds(2))
def test_fit_equals_pytorchs_default_adamw_on_features(seed):
    """A lesson writes AdamW(model.parameters(), lr) and no more; its kernel rounds in another order."""
    ours, theirs = tasks.linear(seed), tasks.linear(seed)
    fit(ours, tasks.points(seed), steps=30, batch_size=16, lr=0.01, seed=seed, schedule="constant", **QUIET)
    bare_loop(theirs, tasks.points(seed), steps=30, batch_size=16, lr=0.01, seed=seed, fused=None)
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-5, atol=1e-6)


def test_a_schedule_equals_pytorchs_scheduler():
    ours, theirs = tasks.mlp(), tasks.mlp()
    task = tasks.points()
    fit(ours, task, steps=20, batch_size=10, lr=0.05, schedule="one_cycle", seed=4, **QUIET)
    engine = torch.optim.AdamW(theirs.parameters(), lr=0.05, fused=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(engine, 0.05, total_steps=20, cycle_momentum=False)
    loader = data.batches(task, theirs, batch_size=10, seed=4)
    for batch in (batch for _ in range(4) for batch in loader):
        engine.zero_grad()
        F.cross_entropy(theirs(batch.inputs), batch.labels).backward()
        engine.step()
        scheduler.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)


@pytest.mark.integration
@pytest.mark.parametrize("name", ["resnet_small", "vgg_small"])
def test_a_head_on_features_equals_the_head_behind_the_frozen_backbone(name):
    task = tasks.images(7, train=24)
    model = models.create(name, num_classes=3, seed=7)
    models.freeze(model, except_head=True)
    alone = copy.deepcopy(models.head_of(model)[1])
    settings = {"epochs": 10, "batch_size": 8, "lr": 0.01, "seed": 1, **QUIET}
    slow = fit(model, task, **settings)
    fast = fit(alone, data.features(model, task), **settings)
    expected = slow.logits("test")
    assert (fast.logits("test") - expected).abs().max() <= 1e-5 * expected.abs().max()


# --- nothing else moves it --------------------------------------------------------------------------------------------


def test_poisoned_validation_and_test_labels_change_nothing():
    task = tasks.points()
    poisoned = dataclasses.replace(
        task,
        validation=data.Split(task.validation.inputs, 2 - task.validation.labels),
        test=data.Split(task.test.inputs, torch.zeros_like(task.test.labels)),
    )
    ours, theirs = small(), small()
    fit(ours, task, steps=4, batch_size=8, **QUIET)
    fit(theirs, poisoned, steps=4, batch_size=8, **QUIET)
    assert_same(ours, theirs)


def test_how_often_one_looks_changes_nothing():
    ours, theirs = (small() for _ in range(2))
    rare = fit(ours, tasks.points(), steps=4, batch_size=8, log_every=4, evaluate_every=4, **QUIET)
    often = fit(theirs, tasks.points(), steps=4, batch_size=8, log_every=1, evaluate_every=1, **QUIET)
    assert_same(ours, theirs)
    assert (len(rare.history), len(often.history)) == (1, 4)


def test_the_callers_random_numbers_are_not_touched():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    fit(models.create("vgg_small", num_classes=3), tasks.images(), steps=2, batch_size=8, **QUIET)
    assert torch.equal(torch.rand(3), expected)


def test_another_seed_is_another_run():
    ours, theirs = tasks.linear(), tasks.linear()
    fit(ours, tasks.points(), steps=5, batch_size=8, seed=0, **QUIET)
    fit(theirs, tasks.points(), steps=5, batch_size=8, seed=1, **QUIET)
    assert not torch.equal(ours.weight, theirs.weight)


class CountReads(TorchDispatchMode):
    """Counts what makes the processor wait for a device: a tensor read as a number."""

    def __init__(self):
        super().__init__()
        self.reads = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.reads += func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default)
        self.reads += func is torch.ops.aten.nonzero.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_no_step_reads_a_tensor(optimizer):
    def reads(steps: int) -> int:
        with CountReads() as counter:
            fit(tasks.mlp(), tasks.points(train=64), steps=steps, batch_size=8, log_every=1000, evaluate_every=1000,
                optimizer=optimizer, **QUIET)  # fmt: skip
        return counter.reads

    assert reads(40) == reads(8) > 0


# --- rates and groups -------------------------------------------------------------------------------------------------


def test_each_layer_learns_at_its_own_rate():
    task = tasks.images(train=8)
    model = tasks.resnet()
    before, groups = state(model), models.layer_groups(model)
    fit(model, task, steps=1, batch_size=8, lr=0.1, head_lr=0.7, layer_decay=0.5, optimizer="sgd", weight_decay=0.0,
        schedule="constant", **QUIET)  # fmt: skip
    twin = tasks.resnet().train().to(memory_format=torch.channels_last)
    batch = next(iter(data.batches(task, twin, batch_size=8)))
    F.cross_entropy(twin(batch.inputs), batch.labels).backward()
    rates = {"fc": 0.7, "layer4": 0.05, "layer3": 0.025, "layer2": 0.0125, "layer1": 0.00625, "stem": 0.003125}
    where = {id(p): name for name, parts in groups for part in parts for p in part.parameters()}
    for (name, parameter), other in zip(model.named_parameters(), twin.parameters(), strict=True):
        expected = before[name] - rates[where[id(parameter)]] * other.grad
        torch.testing.assert_close(parameter.detach(), expected, rtol=1e-5, atol=1e-7, msg=name)


def test_a_head_rate_alone_leaves_the_body_at_lr():
    groups = training.parameter_groups(tasks.tiny_bert(), lr=1e-4, head_lr=1e-3)
    assert {group["name"]: group["lr"] for group in groups} == {
        "embeddings": 1e-4, "layer.0": 1e-4, "layer.1": 1e-4, "pooler": 1e-4, "classifier": 1e-3,
    }  # fmt: skip


def test_groups_hold_each_trainable_parameter_once_and_no_frozen_one():
    model = tasks.resnet()
    models.freeze(model, until="layer2")
    for options in ({}, {"head_lr": 1.0}, {"layer_decay": 0.3}):
        held = [p for group in training.parameter_groups(model, lr=0.1, **options) for p in group["params"]]
        assert {id(p) for p in held} == {id(p) for p in model.parameters() if p.requires_grad}
        assert len(held) == len({id(p) for p in held})


class Regressor(nn.Module):
    """A loss with a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, model, batch):
        return {"scaled": self.scale * losses.cross_entropy(model, batch)["cross_entropy"]}


def test_a_loss_with_parameters_is_trained_too():
    loss = Regressor()
    fit(tasks.linear(), tasks.points(), loss=loss, steps=3, batch_size=8, **QUIET)
    assert loss.scale.item() < 1


# --- schedules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["constant", "cosine", "linear", "one_cycle"])
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("warmup", [None, 0.0, 0.5, 0.99])
def test_factors_stay_above_0_and_reach_1_at_most(name, steps, warmup):
    factor = training.make_schedule(name, steps, warmup)
    values = [factor(step) for step in range(steps)]
    assert all(0 < value <= 1 for value in values)
    top = values.index(max(values))
    assert values[: top + 1] == sorted(values[: top + 1])
    assert values[top:] == sorted(values[top:], reverse=True)


@pytest.mark.parametrize("steps", [5, 10, 37, 200])  # with 5, the top lies half a step after the first
def test_one_cycle_and_cosine_are_pytorchs(steps):
    def pytorchs(make):
        engine = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
        scheduler = make(engine)
        values = []
        for _ in range(steps):
            values.append(engine.param_groups[0]["lr"])
            engine.step()
            scheduler.step()
        return values

    schedulers = torch.optim.lr_scheduler
    cycle = pytorchs(lambda engine: schedulers.OneCycleLR(engine, 1.0, total_steps=steps, cycle_momentum=False))
    cosine = pytorchs(lambda engine: schedulers.CosineAnnealingLR(engine, steps))
    ours = training.make_schedule("one_cycle", steps), training.make_schedule("cosine", steps, 0.0)
    assert [ours[0](step) for step in range(steps)] == pytest.approx(cycle, abs=1e-9)
    assert [ours[1](step) for step in range(steps)] == pytest.approx(cosine, abs=1e-9)


def test_warmup_rises_in_a_straight_line_to_the_peak():
    factor = training.make_schedule("linear", 20, 0.25)
    assert [factor(step) for step in range(6)] == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])
    assert factor(19) == pytest.approx(1 / 15)
    assert {training.make_schedule("constant", 9)(step) for step in range(9)} == {1.0}


# --- gradual unfreezing -----------------------------------------------------------------------------------------------


@pytest.mark.daily(1)
@pytest.mark.parametrize("frozen_before", [True, False])
def test_gradual_unfreezing_moves_only_what_it_should(frozen_before):
    model, seen = tasks.resnet(), []

    def loss(model, batch):
        seen.append(state(model))
        return losses.cross_entropy(model, batch)

    if frozen_before:
        models.freeze(model, except_head=True)
    else:
        models.freeze(model, parts=["stem", "layer1", "layer2"])
    run = fit(model, tasks.images(), loss=loss, steps=6, batch_size=8, unfreeze={2: ["layer4"], 4: ["layer3"]}, **QUIET)
    seen.append(state(model))
    for name in seen[0]:
        moved = [step for step in range(6) if not torch.equal(seen[step][name], seen[step + 1][name])]
        start = {"fc": 0, "layer4": 2, "layer3": 4}.get(name.split(".")[0], 6)
        assert moved == list(range(start, 6)), name
    assert run.parameters.trainable == sum(
        p.numel() for part in (model.layer3, model.layer4, model.fc) for p in part.parameters()
    )


@pytest.mark.integration
def test_unfrozen_layers_keep_their_layer_wise_rate():
    model, rates = tasks.resnet(), training.gradual(tasks.resnet(), every=1)
    models.freeze(model, except_head=True)
    run = fit(model, tasks.images(), steps=6, batch_size=8, unfreeze=rates, layer_decay=0.5, **QUIET)
    assert run.parameters.trainable == run.parameters.total


def test_unfreezing_at_step_0_is_unfreezing_before():
    ours, theirs = tasks.resnet(), tasks.resnet()
    for model in (ours, theirs):
        models.freeze(model)
    models.unfreeze(theirs, parts=["fc"])
    fit(ours, tasks.images(), steps=2, batch_size=8, unfreeze={0: ["fc"]}, **QUIET)
    fit(theirs, tasks.images(), steps=2, batch_size=8, **QUIET)
    assert_same(ours, theirs)


# --- early stopping ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(3))
def test_early_stopping_puts_the_best_weights_back(seed):
    task = tasks.points(seed, noise=3.0)
    settings = {"batch_size": 8, "lr": 0.1, "schedule": "constant", "log_every": 2, "evaluate_every": 2, **QUIET}
    ours, theirs = tasks.mlp(seed), tasks.mlp(seed)
    run = fit(ours, task, steps=400, patience=5, **settings)
    accuracies = {entry["step"]: entry["validation_accuracy"] for entry in run.history}
    best = max(accuracies, key=accuracies.__getitem__)  # the first of the highest
    assert run.best_step == best
    assert run.steps == best + 5 * 2
    fit(theirs, task, steps=best, **settings)
    assert_same(ours, theirs)
    assert run.metrics["validation_accuracy"] == pytest.approx(float(run.evaluate("validation")))


@pytest.mark.parametrize("seed", seeds(3))
def test_macro_f1_decides_where_it_is_monitored(seed):
    from sklearn.metrics import f1_score

    task = tasks.points(seed, noise=3.0)
    labels = task.validation.labels
    settings = {"batch_size": 8, "lr": 0.1, "schedule": "constant", "evaluate_every": 3, **QUIET}
    run = fit(tasks.mlp(seed), task, steps=60, patience=60, monitor="macro_f1", **settings)
    found = {entry["step"]: entry["validation_macro_f1"] for entry in run.history if "validation_macro_f1" in entry}
    assert run.best_step == max(found, key=found.__getitem__)
    peer = f1_score(labels, run.predictions("validation"), average="macro")
    assert run.metrics["validation_macro_f1"] == pytest.approx(peer) == pytest.approx(max(found.values()))
    assert "validation_macro_f1" not in fit(tasks.mlp(seed), task, steps=3, patience=2, **settings).metrics


# --- a limit in seconds -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(3))
def test_when_the_time_is_over_the_run_ends_whole(seed, monkeypatch, tmp_path):
    """A clock on which a step takes a second: after seven and a half the eighth is the last, seen and evaluated."""
    monkeypatch.setattr(History, "elapsed", property(lambda history: float(history.run.steps)))
    task, settings = tasks.points(seed, noise=3.0), {"batch_size": 8, "lr": 0.1, "evaluate_every": 3, **QUIET}
    ours, theirs, best = tasks.mlp(seed), tasks.mlp(seed), tasks.mlp(seed)
    run = fit(ours, task, steps=12, seconds=7.5, schedule="constant", **settings)
    fit(theirs, task, steps=8, schedule="constant", **settings)
    assert_same(ours, theirs)
    assert run.steps == run.history[-1]["step"] == 8
    assert run.history[-1]["validation_accuracy"] == float(run.evaluate("validation"))
    run = fit(best, task, steps=12, seconds=7.5, patience=9, **settings)
    accuracies = {entry["step"]: entry["validation_accuracy"] for entry in run.history}
    seen = {step: accuracy for step, accuracy in accuracies.items() if accuracy is not None}
    assert run.best_step == max(seen, key=seen.__getitem__)
    assert max(seen) == 8
    whole, resumed = tasks.mlp(seed), tasks.mlp(seed)
    fit(whole, task, steps=12, **settings)
    fit(resumed, task, steps=12, seconds=7.5, checkpoint=tmp_path / "run.pt", **settings)
    fit(resumed, task, steps=12, seconds=99.0, checkpoint=tmp_path / "run.pt", **settings)
    assert_same(whole, resumed)


# --- what breaks ------------------------------------------------------------------------------------------------------


class BreaksAt:
    """Cross-entropy that becomes `value` in one step (the first is 1)."""

    def __init__(self, step: int, value: float = math.nan):
        self.step, self.value, self.done = step, value, 0

    def __call__(self, model, batch):
        self.done += 1
        terms = losses.cross_entropy(model, batch)
        return {**terms, "extra": 0 * terms["cross_entropy"] + (self.value if self.done == self.step else 0.0)}


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("step", [1, 7, 10])
def test_a_loss_that_breaks_is_named_and_the_last_good_state_comes_back(step, value):
    settings = {"batch_size": 8, "log_every": 5, "schedule": "constant", **QUIET}
    ours, theirs = small(), small()
    with pytest.raises(training.NonFiniteError, match=f"the loss extra is not finite in step {step};") as caught:
        fit(ours, tasks.points(), loss=BreaksAt(step, value), steps=20, **settings)
    assert (caught.value.step, caught.value.terms) == (step, ("extra",))
    if step > 5:
        fit(theirs, tasks.points(), loss=BreaksAt(0), steps=5, **settings)
    assert_same(ours, theirs)
    assert not ours.training


def test_a_broken_input_is_named():
    task = tasks.points()
    task.train.inputs[17, 3] = math.nan
    with pytest.raises(training.NonFiniteError, match=r"inputs of example 17 of the training split hold NaN"):
        fit(tasks.linear(), task, epochs=1, batch_size=8, **QUIET)


def test_a_learning_rate_that_is_too_high_is_named():
    with pytest.raises(training.NonFiniteError, match=r"the learning rate 1e\+08 is too high .*try a tenth"):
        fit(tasks.mlp(), tasks.points(), optimizer="sgd", lr=1e8, steps=50, schedule="constant", **QUIET)


def test_a_gradient_that_is_not_finite_is_named():
    def root_of_zero(model, batch):
        return {"root": (0 * model(batch.inputs)).sum().abs().sqrt()}

    model = tasks.linear()
    before = state(model)
    with pytest.raises(training.NonFiniteError, match="a weight is not after it; likely cause: a gradient"):
        fit(model, tasks.points(), loss=root_of_zero, steps=1, **QUIET)
    assert_same(model, before)


def test_weights_that_are_broken_before_are_named():
    model = tasks.linear()
    model.bias.data[1] = math.inf
    with pytest.raises(ValueError, match="bias holds NaN or infinity before training"):
        fit(model, tasks.points(), **QUIET)


def test_a_run_that_breaks_after_it_was_resumed_goes_back_to_where_it_was_resumed(tmp_path):
    options = {"steps": 8, "batch_size": 8, "log_every": 4, "checkpoint": tmp_path / "run.pt", **QUIET}
    ours, theirs = tasks.mlp(), tasks.mlp()
    with pytest.raises(KeyError):
        fit(theirs, tasks.points(), loss=Raises(6, KeyError), **options)
    saved = torch.load(tmp_path / "run.pt")["model"]
    with pytest.raises(training.NonFiniteError, match="back where it was after step 4"):
        fit(ours, tasks.points(), loss=Raises(2, None), **options)
    assert_same(ours, saved)


class Raises:
    """A loss that raises an error in one call, or is NaN in it."""

    __qualname__ = "raises"

    def __init__(self, call: int, error: type[BaseException] | None):
        self.left, self.error = call, error

    def __call__(self, model, batch):
        self.left -= 1
        if self.left == 0 and self.error:
            raise self.error
        loss = losses.cross_entropy(model, batch)["cross_entropy"]
        return {"broken": loss * (math.nan if self.left == 0 else 1)}


def frozen(model: nn.Module) -> nn.Module:
    models.freeze(model)
    return model


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": frozen(tasks.linear())}, "nothing is trainable.*unfreeze"),
        ({"model": tasks.linear(classes=2)}, r"2 outputs and Points has 3 classes; .*replace_head\(model, 3\)"),
        ({"steps": 3, "epochs": 3}, "both say how long"),
        ({"steps": 0}, "steps=0"),
        ({"steps": True}, "steps=True is not possible; give a whole number"),
        ({"batch_size": 2.5}, "batch_size=2.5 is not possible; give a whole number"),
        ({"seed": "1"}, "seed='1' is not possible; give a whole number"),
        ({"lr": "1e-3"}, "lr='1e-3' is not possible; give a finite number"),
        ({"weight_decay": math.nan}, "weight_decay=nan is not possible; give a finite number"),
        ({"unfreeze": {1.5: ["0"]}}, "unfreeze's step=1.5 is not possible"),
        ({"log_every": 0}, "log_every=0"),
        ({"lr": 0.0}, "lr=0.0 is no learning rate"),
        ({"head_lr": -1.0}, "head_lr=-1.0"),
        ({"layer_decay": 1.5}, "layer_decay=1.5"),
        ({"optimizer": "adam"}, "no optimizer 'adam'; choose one of adamw, sgd"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1"),
        ({"schedule": "step"}, "no schedule 'step'; choose one of constant, cosine"),
        ({"warmup": 1.0}, "warmup=1.0"),
        ({"unfreeze": {400: ["0"]}}, "unfreeze names step 400"),
        ({"unfreeze": {1: ["layer9"]}}, "has no part 'layer9'"),
        ({"patience": 0}, "patience=0"),
        ({"seconds": 0}, "seconds=0.0 leaves no time"),
        ({"seconds": math.nan}, "seconds=nan is not possible"),
        (
            {"patience": 2, "monitor": "loss"},
            "monitor='loss' is no score that fit knows",
        ),
        ({"patience": 2, "task": tasks.points(validation=0)}, "no validation examples"),
    ],
)
def test_what_is_impossible_is_said_in_a_sentence(options, message):
    options = {"model": tasks.mlp(), "task": tasks.points()} | options
    with pytest.raises(ValueError, match=message):
        fit(options.pop("model"), options.pop("task"), **options, **QUIET)


def compiled(model: nn.Module) -> nn.Module:
    return torch.compile(nn.DataParallel(model))


@pytest.mark.parametrize("wrap", [nn.DataParallel, pytest.param(compiled, marks=pytest.mark.integration)])
def test_a_model_in_a_wrapper_for_several_devices_is_refused_before_it_is_changed(wrap):
    model = tasks.mlp().train()
    before = state(model)
    with pytest.raises(ValueError, match=r"wrapped in DataParallel; give it the model inside, model\.module"):
        fit(wrap(model), tasks.points(), steps=1, **QUIET)
    assert_same(model, before)
    assert model.training


@pytest.mark.parametrize(
    ("layer", "message"),
    [(nn.LazyLinear(3), "weight has no size yet"), (nn.Linear(8, 3, device="meta"), "weight is on the meta device")],
)
def test_weights_that_are_not_there_yet_are_refused(layer, message):
    with pytest.raises(ValueError, match=message):
        fit(layer, tasks.points(), steps=1, **QUIET)


def test_fit_is_short_enough_for_a_lesson():
    """Design: at most about 80 lines, its docstring aside."""
    source = inspect.getsource(fit)
    docstring = ast.parse(source).body[0].body[0]
    assert len(source.splitlines()) - (docstring.end_lineno - docstring.lineno + 1) <= 80


def test_a_loss_must_return_named_terms():
    with pytest.raises(TypeError, match="this one returned a Tensor"):
        fit(tasks.linear(), tasks.points(), loss=lambda model, batch: model(batch.inputs).sum(), **QUIET)
    with pytest.raises(TypeError, match="this one returned nothing"):
        fit(tasks.linear(), tasks.points(), loss=lambda model, batch: {}, **QUIET)


def test_a_loss_that_changes_its_terms_is_refused():
    names = iter(["first", "second"])
    with pytest.raises(ValueError, match="named its terms first and now second"):
        fit(tasks.linear(), tasks.points(), loss=lambda m, b: {next(names): m(b.inputs).sum()}, **QUIET)


# --- what is left -----------------------------------------------------------------------------------------------------


def test_named_terms_are_logged_and_summed():
    source = data.batches(tasks.points(1), tasks.linear(), batch_size=8)
    run = fit(tasks.linear(), tasks.points(), loss=losses.TransferRisk(source, alpha=0.3), steps=10, batch_size=8,
              log_every=5, **QUIET)  # fmt: skip
    assert [entry["step"] for entry in run.history] == [5, 10]
    for entry in run.history:
        assert entry["train_loss"] == pytest.approx(entry["source"] + entry["target"])


def test_the_history_holds_means_over_the_interval():
    values = []

    def loss(model, batch):
        terms = losses.cross_entropy(model, batch)
        values.append(terms["cross_entropy"].item())
        return terms

    run = fit(tasks.linear(), tasks.points(), loss=loss, steps=10, batch_size=20, log_every=4, evaluate_every=7, lr=0.5,
              schedule="linear", warmup=0.0, **QUIET)  # fmt: skip
    assert [entry["step"] for entry in run.history] == [4, 7, 8, 10]
    assert [entry["train_loss"] for entry in run.history] == pytest.approx(
        [sum(values[a:b]) / (b - a) for a, b in ((0, 4), (4, 7), (7, 8), (8, 10))]
    )
    assert [entry["validation_accuracy"] is not None for entry in run.history] == [False, True, False, True]
    assert [entry["epoch"] for entry in run.history] == pytest.approx([4 / 3, 7 / 3, 8 / 3, 10 / 3])
    assert [entry["lr"] for entry in run.history] == pytest.approx([0.35, 0.2, 0.15, 0.05])
    seconds = [entry["seconds"] for entry in run.history]
    assert seconds == sorted(seconds)
    assert run.seconds >= seconds[-1] > 0


def test_a_run_answers_for_its_model():
    task = tasks.points(train=100, noise=0.2)
    run = fit(tasks.linear(), task, steps=200, lr=0.05, **QUIET)
    with torch.no_grad():
        expected = run.model(task.test.inputs)
    torch.testing.assert_close(run.logits("test"), expected)
    assert torch.equal(run.predictions(), expected.argmax(1))
    assert run.evaluate() == metrics.accuracy(task.test.labels, expected)
    assert run.metrics["validation_accuracy"] == pytest.approx(float(run.evaluate("validation")))
    assert run.parameters == (27, 27)
    assert str(run).startswith("Linear on Points: 200 steps in ")


@pytest.mark.integration
def test_training_images_are_answered_for_in_order_and_unaugmented():
    task = tasks.images(augment=("flip", "crop"))
    run = fit(tasks.resnet(), task, steps=2, batch_size=8, **QUIET)
    with torch.no_grad():
        expected = run.model(run.model.preprocess(task.train.inputs))
    torch.testing.assert_close(run.logits("train"), expected, rtol=1e-4, atol=1e-5)


def test_a_task_without_validation_is_trained_too():
    run = fit(tasks.linear(), tasks.points(validation=0), steps=3, **QUIET)
    assert "validation_accuracy" not in run.history[-1]
    with pytest.raises(ValueError, match="validation split of Points is empty"):
        run.evaluate("validation")


@pytest.mark.integration
def test_learning_curves_draw_a_run():
    from tl_course import figures

    run = fit(tasks.linear(), tasks.points(), steps=40, batch_size=8, **QUIET)
    assert "validation accuracy goes from" in figures.learning_curves(run).alt


@pytest.mark.integration
def test_bfloat16_runs_where_it_is_asked_for(monkeypatch):
    environment.setup(precision="bf16", device="cpu", quiet=True)
    seen = []

    def loss(model, batch):
        answers = models.logits(model, batch.inputs)
        seen.append((answers.dtype, model.conv1.weight.is_contiguous(memory_format=torch.channels_last)))
        return {"cross_entropy": F.cross_entropy(answers, batch.labels)}

    run = fit(tasks.resnet(), tasks.images(), loss=loss, steps=2, batch_size=8, **QUIET)
    assert set(seen) == {(torch.bfloat16, True)}
    assert run.logits("test").dtype == torch.float32
    assert all(parameter.dtype == torch.float32 for parameter in run.model.parameters())


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_no_step_waits_for_the_gpu():
    environment.setup(device="cuda", precision="bf16", quiet=True)
    calls = []

    def loss(model, batch):
        calls.append(1)
        # from the first forward pass up to the last one, which is followed by the run's one look at its losses
        torch.cuda.set_sync_debug_mode("default" if len(calls) == 30 else "error")
        return losses.cross_entropy(model, batch)

    task = tasks.images(train=80, augment=("flip", "crop"))
    try:
        fit(tasks.resnet(), task, loss=loss, steps=30, batch_size=16, log_every=1000, evaluate_every=1000, **QUIET)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("label", [2, 5])
@pytest.mark.parametrize("names", ["ab", "abcdef"])
def test_a_label_without_an_output_is_refused_before_training(label, names):
    """PyTorch says "Target 5 is out of bounds", and on a GPU ends the process."""
    part = data.Split(torch.randn(6, 4), torch.tensor([0, 1, label] * 2))
    task = data.Task("toy", "Toy", "features", tuple(names), part, part, part, "made up")
    model = nn.Linear(4, 2)
    says = (
        f"Toy has the label {label} to train on, and 2 outputs stand for the labels 0 to 1" if names == "ab" else "head"
    )
    with pytest.raises(ValueError, match=says):
        training.fit(model, task, steps=2)


def test_a_label_without_a_class_is_refused_for_a_model_without_a_head():
    part = data.Split(torch.randn(6, 4), torch.tensor([0, 1, 5] * 2))
    task = data.Task("toy", "Toy", "features", ("a", "b"), part, part, part, "made up")
    with pytest.raises(ValueError, match="Toy has the label 5 to train on"):
        training.fit(nn.Sequential(nn.Linear(4, 2), nn.Tanh()), task, steps=2)
