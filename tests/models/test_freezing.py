"""Freezing holds: over training steps, through train(), copies and pickles, and with the traps around it."""

import copy
import io
import pickle

import pytest
import torch
import torch.nn.functional as F
from draws import seeds
from torch import nn

from tl_course import models
from tl_course.models.freezing import is_held
from tl_course.models.heads import seeded
from tl_course.models.zoo import architecture

OPTIMISERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1),
}


def tiny_text(kind: str = "bert", seed: int = 0) -> nn.Module:
    from transformers import BertConfig, DistilBertConfig

    if kind == "bert":
        config = BertConfig(
            vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
        )
    else:
        config = DistilBertConfig(vocab_size=50, dim=16, n_layers=2, n_heads=2, hidden_dim=32)
    with seeded(seed):
        return architecture(kind, 3, config.to_dict())


def make(name: str, seed: int = 0) -> nn.Module:
    return tiny_text(name, seed) if name in ("bert", "distilbert") else models.create(name, num_classes=3, seed=seed)


def batch(model: nn.Module, seed: int, n: int = 8):
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (n,), generator=draw)
    if hasattr(model, "config"):
        tokens = torch.randint(5, 50, (n, 7), generator=draw)
        return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}, labels
    return torch.randn(n, 3, 32, 32, generator=draw), labels


def train(model: nn.Module, optimiser: torch.optim.Optimizer, steps: int, seed: int = 0) -> None:
    model.train()
    for step in range(steps):
        inputs, labels = batch(model, 100 * seed + step)
        optimiser.zero_grad()
        F.cross_entropy(models.logits(model, inputs), labels).backward()
        optimiser.step()


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def changed(before: dict[str, torch.Tensor], model: nn.Module) -> set[str]:
    return {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}


NETWORKS = ["resnet_small", "vgg_small", "bert", "distilbert"]
DAILY = ["vgg_small", "bert"]
EACH = [pytest.param(name, marks=() if name in DAILY else pytest.mark.integration) for name in NETWORKS]


@pytest.mark.daily(2)
@pytest.mark.parametrize("seed", seeds(2))
@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("name", EACH)
def test_nothing_frozen_moves_in_twenty_steps(name, optimiser, seed):
    model = make(name, seed)
    report = models.freeze(model, except_head=True)
    before = state(model)
    train(model, OPTIMISERS[optimiser](model.parameters()), 20, seed)
    assert report.check(model)
    head, _ = models.head_of(model)
    assert changed(before, model) == {f"{head}.weight", f"{head}.bias"}


@pytest.mark.usual(3)
@pytest.mark.integration
@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_frozen_moves_when_freezing_came_after_a_step(name, optimiser):
    model = make(name)
    stepping = OPTIMISERS[optimiser](model.parameters())
    train(model, stepping, 1)
    report = models.freeze(model, except_head=True)
    train(model, stepping, 20, seed=1)
    assert report.check(model)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_requires_grad_alone_after_a_step_is_the_trap_that_freeze_avoids(optimiser):
    model = make("resnet_small")
    stepping = OPTIMISERS[optimiser](model.parameters())
    inputs, labels = batch(model, 0)
    F.cross_entropy(model(inputs), labels).backward()
    stepping.step()
    before = model.conv1.weight.clone()
    model.conv1.requires_grad_(False)  # its .grad is still there
    stepping.step()
    assert not torch.equal(model.conv1.weight, before)


def test_a_frozen_batchnorm_left_in_train_mode_is_the_trap_that_freeze_avoids():
    model = make("resnet_small").train()
    model.requires_grad_(False)
    before = model.bn1.running_mean.clone()
    model(batch(model, 0)[0])
    assert not torch.equal(model.bn1.running_mean, before)


def test_requires_grad_set_on_a_module_does_nothing():
    model = make("resnet_small")
    model.requires_grad = False
    model.fc.requires_grad = False
    assert all(parameter.requires_grad for parameter in model.parameters())
    model.requires_grad_(False)
    model.fc.requires_grad = True
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("name", ["vgg_small", "bert", "distilbert"])
def test_dropout_is_off_before_a_trainable_head_and_on_again_after_unfreezing(name):
    model = make(name)
    inputs, _ = batch(model, 0)
    models.freeze(model, except_head=True)
    model.train()
    assert torch.equal(models.logits(model, inputs), models.logits(model, inputs))
    models.unfreeze(model)
    model.train()
    assert not torch.equal(models.logits(model, inputs), models.logits(model, inputs))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_frozen_module_stays_in_eval_and_every_other_follows(name):
    model = make(name)
    models.freeze(model, except_head=True)
    head = models.head_of(model)[1]
    layers = {layer for layer in model.modules() if not list(layer.children())}
    frozen = {layer for _, group in models.layer_groups(model)[:-1] for part in group for layer in part.modules()}
    for mode in (True, False, True):
        model.train(mode)
        assert not any(layer.training for layer in frozen)
        assert head.training is mode
        assert model.training is mode
    assert layers - frozen == {head}


def test_containers_of_frozen_layers_only_are_frozen():
    model = make("bert")
    models.freeze(model, except_head=True)
    model.train()
    assert not model.bert.training
    assert not model.bert.encoder.training


@pytest.mark.parametrize(
    "carry",
    [
        copy.deepcopy,
        lambda model: pickle.loads(pickle.dumps(model)),
        lambda model: copy.deepcopy(copy.deepcopy(model)),
    ],
    ids=["deepcopy", "pickle", "twice"],
)
@pytest.mark.parametrize("name", ["resnet_small", "bert"])
def test_a_copy_is_frozen_too_and_independent(name, carry):
    model = make(name)
    report = models.freeze(model, except_head=True)
    twin = carry(model)
    train(twin, OPTIMISERS["sgd"](twin.parameters()), 3)
    assert report.check(twin)
    models.unfreeze(twin)
    assert all(module.training for module in twin.train().modules())
    assert report.check(model)
    model.train()
    first = models.layer_groups(model)[0][1][0]
    assert not first.training


def test_a_model_saved_whole_by_torch_is_still_frozen():
    model = make("resnet_small")
    models.freeze(model, until="layer1")
    stream = io.BytesIO()
    torch.save(model, stream)
    stream.seek(0)
    again = torch.load(stream, weights_only=False).train()
    assert (again.layer1.training, again.layer2.training) == (False, True)


def test_the_state_dict_knows_nothing_of_freezing():
    model = make("resnet_small")
    names = list(model.state_dict())
    models.freeze(model)
    assert list(model.state_dict()) == names


def test_freezing_until_a_group_includes_it():
    model = make("resnet_small")
    models.freeze(model, until="layer2")
    trainable = {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad}
    assert trainable == {"layer3", "layer4", "fc"}


@pytest.mark.parametrize("name", NETWORKS)
def test_freezing_group_by_group_is_freezing_all_but_the_head(name):
    one, other = make(name), make(name)
    report = models.freeze(one, except_head=True)
    for group, _ in models.layer_groups(other)[:-1]:
        last = models.freeze(other, parts=[group])
    assert last.hashes == report.hashes
    assert set(last.modules) == set(report.modules)


def test_parts_may_be_submodules_and_freezing_adds_up():
    model = make("resnet_small")
    models.freeze(model, parts=["layer1.0.conv1", "bn1"])
    report = models.freeze(model, parts=["layer4"])
    assert {name for name in report.hashes if not name.startswith("layer4")} == {
        "layer1.0.conv1.weight",
        *(f"bn1.{tensor}" for tensor in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")),
    }
    model.train()
    assert model.layer1[0].training
    assert not model.layer1[0].conv1.training


def test_a_teacher_frozen_whole_stays_in_eval_and_comes_back():
    model = make("vgg_small").train()
    report = models.freeze(model)
    assert report.trainable == 0
    assert not any(module.training for module in model.train().modules())
    assert report.check(model)
    models.unfreeze(model)
    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not any(is_held(module) for module in model.modules())


def test_gradual_unfreezing_frees_one_part_and_holds_the_rest():
    model = make("resnet_small").train()
    models.freeze(model)
    models.unfreeze(model, parts=["fc"])
    models.unfreeze(model, parts=["layer4"])
    model.train()
    assert {n for n, child in model.named_children() if child.training} == {"fc", "layer4", "avgpool"}
    assert model.training
    assert {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad} == {"layer4", "fc"}


def test_containers_around_an_unfrozen_part_take_the_mode_of_the_model_at_once():
    model = make("bert").train()
    models.freeze(model, except_head=True)
    models.unfreeze(model, parts=["layer.1"])
    assert model.bert.training
    assert model.bert.encoder.training
    assert (model.bert.encoder.layer[0].training, model.bert.encoder.layer[1].training) == (False, True)


def test_unfreezing_in_eval_leaves_eval():
    model = make("resnet_small").eval()
    models.freeze(model, except_head=True)
    models.unfreeze(model)
    assert not any(module.training for module in model.modules())


def test_a_new_head_on_a_frozen_model_is_trainable():
    model = make("vgg_small")
    models.freeze(model)
    head = models.replace_head(model, 4)
    assert not head.training  # as the model was
    model.train()
    assert head.training
    assert head.weight.requires_grad
    assert not model.classifier[2].training  # the dropout before it stays off


def test_gradients_of_frozen_parameters_are_dropped():
    model = make("resnet_small")
    inputs, labels = batch(model, 0)
    F.cross_entropy(model(inputs), labels).backward()
    models.freeze(model, except_head=True)
    assert {name for name, p in model.named_parameters() if p.grad is not None} == {"fc.weight", "fc.bias"}


@pytest.mark.parametrize("tensor", ["layer3.0.conv1.weight", "bn1.running_var", "bn1.num_batches_tracked"])
def test_the_report_notices_the_smallest_change_and_names_it(tensor):
    model = make("resnet_small")
    report = models.freeze(model, except_head=True)
    with torch.no_grad():
        flat = model.state_dict()[tensor].view(-1)
        flat[0] = torch.nextafter(flat[0], torch.tensor(9.0)) if flat.is_floating_point() else flat[0] + 1
    assert report.moved(model) == [tensor]
    with pytest.raises(models.FrozenMovedError, match=tensor.replace(".", r"\.")):
        report.check(model)


def test_the_report_notices_a_part_that_is_gone_and_shortens_a_long_list():
    model = make("resnet_small")
    report = models.freeze(model, except_head=True)
    model.layer4 = nn.Identity()
    with pytest.raises(models.FrozenMovedError, match=r"and \d+ more"):
        report.check(model)


def test_the_report_counts():
    model = make("resnet_small")
    report = models.freeze(model, except_head=True)
    assert (report.frozen + report.trainable, report.trainable) == models.count_parameters(model)
    assert f"{report.frozen:,}" in str(report)


def test_half_precision_can_be_hashed():
    layer = nn.Linear(3, 2).to(torch.bfloat16)
    assert models.freeze(layer).check(layer)


def test_plain_modules_can_be_frozen_too():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 2))
    report = models.freeze(model, except_head=True)
    model.train()
    assert [layer.training for layer in model] == [False, False, False, True]
    model(torch.randn(5, 4))
    assert report.check(model)


def test_a_network_that_cannot_be_grouped_can_be_frozen_by_name():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    models.freeze(model, parts=["1"])
    assert [layer.training for layer in model.train()] == [True, False]
    with pytest.raises(ValueError, match="it has 0, 1"):
        models.freeze(model, parts=["2"])


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"except_head": True, "until": "layer1"}, "choose one"),
        ({"until": "layer9"}, "its groups are stem, layer1"),
        ({"parts": ["layer1", "nose"]}, "no part 'nose'"),
        ({"parts": "layer1"}, "list of names"),
    ],
)
def test_unclear_choices_are_refused_and_change_nothing(choice, says):
    model = make("resnet_small")
    with pytest.raises(ValueError, match=says):
        models.freeze(model, **choice)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(module.training for module in model.train().modules())


def test_all_but_the_head_of_a_mere_head_is_refused():
    with pytest.raises(ValueError, match="only a head"):
        models.freeze(nn.Linear(4, 2), except_head=True)


def test_an_unknown_part_cannot_be_unfrozen():
    with pytest.raises(ValueError, match="no part 'nose'"):
        models.unfreeze(make("resnet_small"), parts=["nose"])
