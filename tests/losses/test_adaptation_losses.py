"""Adaptation on ``fit`` without target labels: what CORAL, MMD and DANN share."""

import dataclasses
from types import SimpleNamespace

import pytest
import tasks
import torch
import torch.nn.functional as F
from loss_inputs import QUIET, point_net
from tasks import assert_same, state
from torch import nn

from tl_course import losses
from tl_course.data import Split, Task, batches
from tl_course.losses._unlabelled import Unlabelled
from tl_course.training import fit

MAKERS = {
    "coral": lambda model, target, **options: losses.CORAL(model, target, weight=5.0, **options),
    "mmd": lambda model, target, **options: losses.MMD(model, target, **options),
    "dann": lambda model, target, **options: losses.DomainAdversarial(model, target, steps=12, **options),
}


SHORT = {"steps": 12, "batch_size": 10, "lr": 0.01, "log_every": 2, **QUIET}


def relabelled(task, make):
    """The same task with other labels in every split."""
    parts = {part: getattr(task, part) for part in ("train", "validation", "test")}
    return dataclasses.replace(task, **{name: Split(split.inputs, make(len(split))) for name, split in parts.items()})


@pytest.mark.daily(1)
@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("batch_norm", ["joint", "separate", "source"])
def test_target_labels_are_never_read(name, batch_norm):
    source, target = tasks.points(1), tasks.points(2, train=37)
    poisons = [
        lambda count: torch.full((count,), -1),
        lambda count: torch.randint(3, (count,), generator=torch.Generator().manual_seed(9)),
        lambda count: torch.full((count,), 10**9),
    ]
    results = []
    for poisoned in (target, *(relabelled(target, poison) for poison in poisons)):
        model = point_net(3, norm=True)
        loss = MAKERS[name](model, poisoned, batch_norm=batch_norm, batch_size=9)
        fit(model, source, loss=loss, **SHORT)
        results.append(state(model) | {f"loss.{k}": v for k, v in loss.named_parameters()})
    for other in results[1:]:
        assert_same(results[0], other)
    assert not torch.equal(results[0]["0.weight"], state(point_net(3, norm=True))["0.weight"])


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("name", MAKERS)
def test_target_labels_are_never_read_with_pictures_and_augmentation(name):
    source, target = tasks.images(1), tasks.images(2, augment=("crop",))
    results = []
    for labels in (target.train.labels, torch.full((20,), -1)):
        model = tasks.resnet(3)
        task = dataclasses.replace(target, train=Split(target.train.inputs, labels))
        fit(model, source, loss=MAKERS[name](model, task, batch_size=6), steps=2, batch_size=10, **QUIET)
        results.append(state(model))
    assert_same(*results)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("batch_norm", ["joint", "separate", "source"])
def test_the_term_is_the_pure_function_of_both_features(name, batch_norm):
    model, source, target = point_net(3, dtype=torch.float64), tasks.points(1), tasks.points(2)
    double = {part: Split(getattr(target, part).inputs.double(), getattr(target, part).labels) for part in ("train",)}
    loss = MAKERS[name](model, dataclasses.replace(target, **double), batch_norm=batch_norm, batch_size=9).double()
    batch = SimpleNamespace(inputs=source.train.inputs[:7].double(), labels=source.train.labels[:7])
    drawn = Unlabelled(dataclasses.replace(target, **double), batch_size=9, seed=0)
    strengths = []
    for _ in range(3):
        strengths.append(getattr(loss, "strength", None))
        terms = loss(model, batch)
        features = [model[:2](inputs) for inputs in (batch.inputs, drawn.draw(model, torch.device("cpu")))]
        expected = {
            "coral": lambda s, t: 5 * losses.coral(s, t),
            "mmd": losses.mmd2,
            "dann": lambda s, t: losses.domain_loss(loss.discriminator(s), loss.discriminator(t)),
        }[name](*features)
        torch.testing.assert_close(list(terms.values())[1], expected)
        torch.testing.assert_close(terms["cross_entropy"], F.cross_entropy(model(batch.inputs), batch.labels))
    if name == "dann":
        assert strengths == [losses.reversal_strength(p / 12) for p in range(3)]


@pytest.mark.daily(1)
@pytest.mark.parametrize("batch_norm", ["joint", "separate", "source"])
@pytest.mark.parametrize("name", ["dann", "coral", "mmd"])
def test_without_strength_it_is_training_on_the_source_alone(name, batch_norm):
    """λ = 0 (for CORAL and MMD: weight 0), in a network in which no BatchNorm or dropout sees the target."""
    source, target = tasks.points(1), tasks.points(2)
    alone, adapted = point_net(3), point_net(3)
    fit(alone, source, **SHORT)
    if name == "dann":
        loss = losses.DomainAdversarial(adapted, target, strength=0.0, batch_norm=batch_norm)
    else:
        loss = getattr(losses, name.upper())(adapted, target, weight=0.0, batch_norm=batch_norm)
    fit(adapted, source, loss=loss, **SHORT)
    if batch_norm == "joint":  # one larger matrix product: equal but for rounding
        for own, theirs in zip(adapted.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(own, theirs, rtol=1e-3, atol=1e-5)
    else:
        assert_same(adapted, alone)


def test_with_the_sources_statistics_batch_norm_does_not_see_the_target():
    source, target = tasks.points(1), tasks.points(2)
    alone, adapted = point_net(3, norm=True), point_net(3, norm=True)
    fit(alone, source, **SHORT)
    fit(adapted, source, loss=losses.CORAL(adapted, target, weight=0.0, batch_norm="source"), **SHORT)
    assert_same(adapted, alone)


def test_batch_norm_statistics_are_those_that_were_chosen():
    def running(batch_norm):
        model, target = point_net(3, norm=True), tasks.points(2)
        loss = losses.CORAL(model, target, batch_norm=batch_norm, batch_size=9, seed=1)
        loss(model.train(), batch)
        theirs = Unlabelled(target, batch_size=9, seed=1).draw(model, torch.device("cpu"))
        return model[1].running_mean, *(model[0](inputs).mean(0) for inputs in (batch.inputs, theirs))

    batch = SimpleNamespace(inputs=tasks.points(1).train.inputs[:9], labels=torch.arange(9) % 3)
    mean, source, target = running("joint")
    torch.testing.assert_close(mean, 0.1 * (source + target) / 2)
    mean, source, target = running("separate")
    torch.testing.assert_close(mean, 0.09 * source + 0.1 * target)
    mean, source, _ = running("source")
    torch.testing.assert_close(mean, 0.1 * source)


@pytest.mark.daily(1)
@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("stopped_at", [3, 8])
def test_resume_is_exact(name, stopped_at, tmp_path):
    source, target, path = tasks.points(1), tasks.points(2, train=37), tmp_path / "run.pt"

    def stops(model, batch):
        stops.left -= 1
        if not stops.left:
            raise RuntimeError("stopped")
        return losses.cross_entropy(model, batch)

    whole = point_net(3, norm=True)
    whole_loss = MAKERS[name](whole, target, batch_size=9)
    fit(whole, source, loss=whole_loss, **SHORT | {"log_every": 1})
    stops.left, model = stopped_at, point_net(3, norm=True)
    loss = MAKERS[name](model, target, batch_size=9, base=stops)
    with pytest.raises(RuntimeError, match="stopped"):
        fit(model, source, loss=loss, checkpoint=path, **SHORT | {"log_every": 1})
    again = point_net(3, norm=True)
    again_loss = MAKERS[name](again, target, batch_size=9)
    fit(again, source, loss=again_loss, checkpoint=path, **SHORT | {"log_every": 1})
    assert_same(again, whole)
    assert_same(dict(again_loss.named_parameters()), dict(whole_loss.named_parameters()))
    assert again_loss.get_extra_state() == whole_loss.get_extra_state() == {"drawn": 12}


def test_adaptation_goes_around_other_losses():
    model, source, target = point_net(3), tasks.points(1), tasks.points(2)
    run = fit(model, source, loss=losses.CORAL(model, target, base=losses.L2SP(model)), **SHORT)
    assert {"cross_entropy", "l2_sp", "coral"} <= run.history[-1].keys()
    inner = losses.MMD(model, target, batch_norm="separate")  # runs the model on its target by itself
    with pytest.raises(ValueError, match="came 2 times"):
        fit(model, source, loss=losses.CORAL(model, target, base=inner), **SHORT)


@pytest.mark.parametrize("batch_norm", ["joint", "separate", "source"])
def test_texts_of_different_lengths(batch_norm):
    model, source, target = tasks.tiny_bert(1), tasks.texts(), tasks.texts(seed=5)
    texts = ["a good film " * 4] * 6
    target = dataclasses.replace(target, train=Split(texts, torch.zeros(6, dtype=torch.int64)))
    loss = losses.CORAL(model, target, batch_norm=batch_norm, batch_size=4)
    batch = next(iter(batches(source, model, batch_size=5)))
    model.eval()
    with torch.no_grad():
        model.classifier.weight *= 100  # or all texts would have nearly the same answers
    torch.testing.assert_close(loss(model, batch)["cross_entropy"], losses.cross_entropy(model, batch)["cross_entropy"])
    fit(model, source, loss=loss, steps=2, batch_size=5, **QUIET)


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("batch_norm", ["joint", "separate", "source"])
def test_pictures_and_a_named_layer(batch_norm):
    model, source, target = tasks.resnet(3), tasks.images(1), tasks.images(2)
    loss = losses.DomainAdversarial(model, target, strength=0.5, layer="layer2", batch_norm=batch_norm, batch_size=6)
    batch = next(iter(batches(source, model, batch_size=5)))
    maps = model.layer2(model.layer1(model.relu(model.bn1(model.conv1(batch.inputs)))))
    assert loss.discriminator[0].in_features == maps.flatten(1).shape[1]
    fit(model, source, loss=loss, steps=2, batch_size=10, **QUIET)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("name", MAKERS)
def test_other_numbers_of_classes_are_refused(name):
    target = tasks.points(2)
    wider = dataclasses.replace(target, title="Animals", class_names=("a", "b", "c", "d"))
    with pytest.raises(ValueError, match=r"tells 3 classes apart and Animals has 4\. Adaptation without target labels"):
        MAKERS[name](point_net(), wider)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, t: losses.CORAL(m, t, batch_norm="both"), "batch_norm='both'"),
        (lambda m, t: losses.CORAL(m, t, layer="9"), "no module '9'"),
        (lambda m, t: losses.CORAL(m, t, batch_size=0), "batch_size=0"),
        (
            lambda m, t: losses.CORAL(m, dataclasses.replace(t, train=t.train.subset([]))),
            "split of Points is empty",
        ),
        (lambda m, t: losses.MMD(m, t, kernel="cubic"), "no kernel 'cubic'"),
        (lambda m, t: losses.DomainAdversarial(m, t), "give one of them"),
        (lambda m, t: losses.DomainAdversarial(m, t, steps=5, strength=1.0), "give one of them"),
        (lambda m, t: losses.DomainAdversarial(m, t, steps=0), "steps=0"),
        (lambda m, t: losses.DomainAdversarial(m, t, strength=-1.0), r"strength=-1\.0"),
    ],
)
def test_impossible_settings_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(point_net(), tasks.points(2))


def test_inputs_of_another_shape_are_refused():
    model, target = point_net(), tasks.points(2, width=5)
    batch = SimpleNamespace(inputs=torch.zeros(4, 8), labels=torch.arange(4) % 3)
    with pytest.raises(ValueError, match="inputs of one shape"):
        losses.CORAL(model, target)(model, batch)


def test_a_source_batch_of_one_is_refused_in_plain_words():
    model, target = point_net(), tasks.points(2)
    batch = SimpleNamespace(inputs=torch.zeros(1, 8), labels=torch.zeros(1, dtype=torch.int64))
    with pytest.raises(ValueError, match="leaves no single one over"):
        losses.CORAL(model, target)(model, batch)


def test_a_head_alone_is_a_model_as_well():
    part = Split(torch.eye(4), torch.arange(4) % 2)
    target = Task("toy", "Toy", "features", ("a", "b"), part, part, part, "made up")
    model = nn.Linear(4, 2)
    batch = SimpleNamespace(inputs=torch.ones(3, 4), labels=torch.tensor([0, 1, 0]))
    terms = losses.CORAL(model, target)(model, batch)
    torch.testing.assert_close(terms["coral"], losses.coral(batch.inputs, part.inputs))
    torch.testing.assert_close(terms["cross_entropy"], F.cross_entropy(model(batch.inputs), batch.labels))
