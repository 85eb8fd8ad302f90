"""Freezing through what others put around a network or into it: right, or one sentence before anything is changed."""

import copy
import pickle

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from tl_course import models
from tl_course.models.freezing import is_held
from tl_course.models.structure import unwrap


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5)),
        nn.BatchNorm1d(8),
        nn.Linear(8, 3),
    ).train()


def compiled(model: nn.Module) -> nn.Module:
    return torch.compile(model, backend="eager")


def data_parallel(model: nn.Module) -> nn.Module:
    return nn.DataParallel(model)


def part_compiled(model: nn.Module) -> nn.Module:
    model[0] = compiled(model[0])
    return model


def snapshot(model: nn.Module) -> list:
    """All that freezing may change: values, gradients wanted, modes, and covered methods."""
    tensors = [(name, p.requires_grad, p.grad is None) for name, p in model.named_parameters()]
    return [tensors, [(name, m.training, "train" in vars(m)) for name, m in model.named_modules()]]


def steps(model: nn.Module, count: int = 3, seed: int = 0) -> None:
    draw = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1, momentum=0.9)
    for _ in range(count):
        optimizer.zero_grad()
        model(torch.randn(16, 4, generator=draw)).square().mean().backward()
        optimizer.step()


# The first use of torch.compile loads its compiler, which takes seconds.
WRAPPERS = pytest.mark.parametrize(
    "wrap",
    [
        data_parallel,
        pytest.param(compiled, marks=pytest.mark.integration),
        pytest.param(part_compiled, marks=pytest.mark.integration),
    ],
)


@WRAPPERS
def test_what_is_said_of_a_wrapped_model_is_said_of_the_model(wrap):
    plain, wrapped = net(), wrap(net())
    assert models.count_parameters(wrapped) == models.count_parameters(plain)
    name, head = models.head_of(wrapped)
    assert name == models.head_of(plain)[0] == "2"
    assert head is unwrap(wrapped)[2]
    names = [[name for name, _ in models.layer_groups(model)] for model in (plain, wrapped)]
    assert names[0] == names[1]
    ours, theirs = models.freeze(wrapped, except_head=True), models.freeze(plain, except_head=True)
    assert ours == theirs


@WRAPPERS
@pytest.mark.parametrize("when", ["before", "after"])
def test_nothing_frozen_moves_in_a_wrapped_model(wrap, when):
    model = net()
    if when == "before":
        report = models.freeze(model, except_head=True)
        wrapped = wrap(model)
    else:
        wrapped = wrap(model)
        report = models.freeze(wrapped, except_head=True)
    wrapped.train()
    steps(wrapped)
    assert report.check(wrapped)
    assert report.check(unwrap(wrapped))
    assert not unwrap(wrapped)[0].training
    assert unwrap(wrapped)[2].training
    with torch.no_grad():
        next(wrapped.buffers()).add_(1)
    with pytest.raises(models.FrozenMovedError, match=r"1 of 12 frozen tensors moved: 0\.1\.running_mean;"):
        report.check(wrapped)


@WRAPPERS
@pytest.mark.parametrize("inside", [True, False])
def test_a_wrapped_teacher_stays_in_eval_and_comes_back(wrap, inside):
    model = net()
    wrapped = wrap(model)
    models.freeze(model if inside else wrapped)
    wrapped.train()
    assert not any(module.training for module in model.modules())
    models.unfreeze(wrapped if inside else model)
    wrapped.train()
    assert all(module.training for module in model.modules())
    assert not any(is_held(module) or "train" in vars(module) for module in wrapped.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.integration
@pytest.mark.parametrize("part", [nn.GRU(4, 4, 2, dropout=0.5), nn.Dropout(), nn.BatchNorm1d(4)])
def test_a_frozen_module_that_reads_its_own_mode_is_kept_in_eval_behind_a_wrapper(part):
    models.freeze(part)
    wrapped = compiled(part)
    wrapped.train()
    assert not part.training
    models.unfreeze(wrapped)
    assert part.training


@pytest.mark.integration
def test_a_compiled_model_sees_that_it_was_frozen_after_its_first_run():
    model = net()
    wrapped = compiled(model)
    steps(wrapped)
    before = model[0][0].weight.clone()
    report = models.freeze(wrapped, parts=["0"])
    wrapped.train()
    steps(wrapped, seed=1)
    assert report.check(wrapped)
    models.unfreeze(wrapped)
    steps(wrapped, seed=2)
    assert not torch.equal(before, model[0][0].weight)
    assert report.moved(wrapped)


@WRAPPERS
def test_the_head_of_a_wrapped_model_is_replaced_inside_it(wrap):
    model = net()
    wrapped = wrap(model)
    inputs = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    assert wrapped(inputs).shape == (5, 3)
    models.freeze(wrapped)
    head = models.replace_head(wrapped, 6)
    assert model[2] is head
    assert wrapped.train()(inputs).shape == (5, 6)
    assert models.count_parameters(wrapped).trainable == 8 * 6 + 6


@pytest.mark.integration
def test_a_compiled_model_embeds_and_is_saved_like_the_model_in_it(tmp_path):
    model = models.create("resnet_small", num_classes=4)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(models.embed(compiled(model), images), model.embed(images))
    again = models.load(models.save(compiled(model), tmp_path / "m"))
    assert torch.equal(again(images), model(images))
    models.write_half(compiled(model), tmp_path / "half.safetensors")
    models.write_half(model, tmp_path / "plain.safetensors")
    assert (tmp_path / "half.safetensors").read_bytes() == (tmp_path / "plain.safetensors").read_bytes()


# --- SyncBatchNorm


def sync(model: nn.Module) -> nn.Module:
    return nn.SyncBatchNorm.convert_sync_batchnorm(model)


def copied(model: nn.Module) -> nn.Module:
    return copy.deepcopy(sync(model))


def pickled(model: nn.Module) -> nn.Module:
    return pickle.loads(pickle.dumps(sync(model)))


@pytest.mark.parametrize("convert", [sync, copied, pickled])
@pytest.mark.parametrize("choice", [{"except_head": True}, {"parts": ["1"]}, {"parts": ["0.1", "1"]}, {}])
def test_batch_norms_converted_after_freezing_stay_frozen(convert, choice):
    model = net()
    report = models.freeze(model, **choice)
    frozen = [name for name, module in model.named_modules() if is_held(module)]
    model = convert(model)
    model.train()
    assert [name for name, module in model.named_modules() if not module.training] == frozen
    assert report.check(model)
    with torch.no_grad():
        model[1](torch.randn(9, 8))  # in train mode it would refuse to run without several processes, or move
    assert report.check(model)
    models.unfreeze(model)
    assert all(module.training for module in model.train().modules())


def test_a_converted_model_can_be_frozen_further_and_freed_in_part():
    model = net()
    models.freeze(model, parts=["1"])
    model = sync(model)
    report = models.freeze(model, parts=["0"])
    assert {"0", "0.1", "1"} <= set(report.modules)
    models.unfreeze(model, parts=["0"])
    model.train()
    assert (model[0][1].training, model[1].training, model[2].training) == (True, False, True)


def test_a_trainable_module_in_the_place_of_a_frozen_one_is_left_trainable():
    model = net()
    models.freeze(model, parts=["1"])
    model[1] = nn.BatchNorm1d(8)
    model.train()
    assert model[1].training
    model[1] = nn.Identity()
    models.unfreeze(model)
    assert all(module.training for module in model.train().modules())


# --- no shape, no values


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.Linear(8, 2))


def on_meta() -> nn.Module:
    with torch.device("meta"):
        return net()


@pytest.mark.parametrize(
    ("make", "act", "says"),
    [
        (lazy, models.freeze, r"lazy layers of this Sequential have no shape yet \(0.weight is the first"),
        (lazy, lambda model: models.freeze(model, except_head=True), "run one batch through it first"),
        (lazy, models.count_parameters, "have no shape yet"),
        (lambda: nn.Sequential(nn.Linear(3, 4), nn.LazyLinear(2)), models.head_of, "lazy layers of this LazyLinear"),
        (
            lambda: nn.Sequential(nn.Linear(3, 4), nn.LazyLinear(2)),
            lambda model: models.replace_head(model, 5),
            "lazy layers of this LazyLinear",
        ),
        (on_meta, models.freeze, r"0.0.weight is on the meta device and has no values yet: load the weights first"),
        (on_meta, lambda model: models.freeze(model, parts=["2"]), "meta device"),
    ],
)
def test_a_model_without_shapes_or_values_is_refused_before_anything_is_changed(make, act, says):
    model = make()
    before = snapshot(model)
    with pytest.raises(ValueError, match=says):
        act(model)
    assert snapshot(model) == before


@pytest.mark.parametrize("make", [lazy, on_meta])
def test_a_report_says_that_there_is_nothing_to_compare(make):
    report = models.freeze(net())
    with pytest.raises(ValueError, match=r"no (shape|values) yet") as caught:
        report.check(make())
    assert not isinstance(caught.value, models.FrozenMovedError)


def test_a_lazy_model_is_frozen_after_its_first_batch():
    model = lazy().train()
    model(torch.randn(4, 5))
    report = models.freeze(model, except_head=True)
    model.train()(torch.randn(4, 5))
    assert report.check(model)
    assert models.count_parameters(model) == (5 * 8 + 8 + 16 + 18, 18)


def test_a_model_on_meta_is_counted_and_gets_a_head_there():
    model = on_meta()
    assert models.count_parameters(model) == models.count_parameters(net())
    assert models.head_of(model)[0] == "2"
    head = models.replace_head(model, 7)
    assert (head.weight.is_meta, head.out_features) == (True, 7)
    models.unfreeze(model)


# --- DistributedDataParallel


@pytest.fixture
def one_process(monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.integration
@pytest.mark.parametrize("around", [lambda model: model, compiled])
def test_a_distributed_model_is_read_and_never_changed(one_process, around):
    model = net()
    report = models.freeze(model, except_head=True)
    wrapped = around(DistributedDataParallel(model))
    assert models.count_parameters(wrapped) == models.count_parameters(model)
    assert models.head_of(wrapped) == models.head_of(model)
    wrapped.train()
    steps(wrapped)
    assert report.check(wrapped)
    before = snapshot(model)
    for act, says in (
        (models.freeze, "freeze the model before DistributedDataParallel wraps it"),
        (models.unfreeze, "unfreeze the model before DistributedDataParallel wraps it"),
        (lambda it: models.replace_head(it, 5), "replace the head before DistributedDataParallel wraps"),
    ):
        with pytest.raises(ValueError, match=says):
            act(wrapped)
    assert snapshot(model) == before
    models.unfreeze(model)
    assert models.count_parameters(model).trainable == models.count_parameters(model).total
