"""Alignment of two domains: properties of the pure losses, and adaptation on ``fit`` without target labels."""

import dataclasses
import math
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
import tasks
import torch
import torch.nn.functional as F
from tasks import assert_same, state
from torch import nn

from tl_course import losses
from tl_course.data import Split, Task, batches
from tl_course.losses._unlabelled import Unlabelled
from tl_course.models.heads import seeded
from tl_course.training import fit

SEEDS = range(4)
QUIET = {"progress": False}


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- CORAL


@pytest.mark.parametrize("seed", SEEDS)
def test_coral_is_the_distance_of_numpys_covariances(seed):
    source, target = draw(seed, 20, 5), 2 * draw(seed + 10, 31, 5) @ draw(seed + 20, 5, 5)
    gap = np.cov(source.numpy(), rowvar=False) - np.cov(target.numpy(), rowvar=False)
    assert losses.coral(source, target).item() == pytest.approx((gap**2).sum() / (4 * 5**2), rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_coral_is_that_of_skada(seed):
    skada = pytest.importorskip("skada.deep.losses", reason="skada comes with the extra `test`")
    source, target = draw(seed, 16, 6), 3 * draw(seed + 10, 23, 6) + draw(seed + 20, 6)
    torch.testing.assert_close(losses.coral(source, target), skada.deepcoral_loss(source, target), rtol=1e-10, atol=0)


@pytest.mark.parametrize("seed", SEEDS)
def test_coral_sees_covariances_and_nothing_else(seed):
    source, target = draw(seed, 12, 4), draw(seed + 10, 15, 4)
    value = losses.coral(source, target)
    assert value > 0
    torch.testing.assert_close(losses.coral(source + draw(1, 4), target - 5), value)
    torch.testing.assert_close(losses.coral(3 * source, 3 * target), 3**4 * value)
    assert losses.coral(source, source.flip(0) + 2) < 1e-25
    # another sample with the very same covariance: whitened, and given that of the source
    whitened = target - target.mean(0)
    whitened = whitened @ torch.linalg.inv(torch.linalg.cholesky(whitened.T @ whitened / 14)).T
    alike = whitened @ torch.linalg.cholesky(torch.cov(source.T)).T
    assert losses.coral(source, alike) < 1e-25
    assert torch.autograd.gradcheck(losses.coral, (source.requires_grad_(), target.requires_grad_()))


def test_coral_refuses_a_batch_of_one_and_other_widths():
    with pytest.raises(ValueError, match="at least two examples of each domain and has 1 and 4"):
        losses.coral(torch.zeros(1, 3), torch.zeros(4, 3))
    with pytest.raises(ValueError, match="one width"):
        losses.coral(torch.zeros(4, 3), torch.zeros(4, 2))


# --- MMD


def reference_mmd2(x, y, kernel, unbiased):
    """Sum by sum, after Gretton et al."""

    def within(z):
        pairs = [(i, j) for i in range(len(z)) for j in range(len(z)) if not (unbiased and i == j)]
        return np.mean([kernel(z[i], z[j]) for i, j in pairs])

    return within(x) + within(y) - 2 * np.mean([kernel(a, b) for a in x for b in y])


KERNELS = {
    "gaussian": lambda a, b: np.exp(-np.sum((a - b) ** 2) / (2 * 1.7**2)),
    "laplacian": lambda a, b: np.exp(-np.abs(a - b).sum() / 1.7),
    "linear": lambda a, b: a @ b,
    "polynomial": lambda a, b: (a @ b / len(a) + 1) ** 2,
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("unbiased", [True, False])
def test_mmd2_is_its_formula(seed, name, unbiased):
    x, y = draw(seed, 6, 3), draw(seed + 10, 8, 3) + 0.5
    value = losses.mmd2(x, y, name, bandwidth=1.7, unbiased=unbiased)
    assert value.item() == pytest.approx(reference_mmd2(x.numpy(), y.numpy(), KERNELS[name], unbiased), abs=1e-12)
    inputs = (x.requires_grad_(), y.requires_grad_())
    assert torch.autograd.gradcheck(lambda a, b: losses.mmd2(a, b, name, bandwidth=1.7, unbiased=unbiased), inputs)


@pytest.mark.parametrize("seed", SEEDS)
def test_kernels_are_scikit_learns(seed):
    from sklearn.metrics import pairwise

    x, y = draw(seed, 6, 3), draw(seed + 10, 8, 3)
    expected = {
        losses.gaussian_kernel(x, y, 1.3): pairwise.rbf_kernel(x, y, gamma=1 / (2 * 1.3**2)),
        losses.laplacian_kernel(x, y, 1.3): pairwise.laplacian_kernel(x, y, gamma=1 / 1.3),
        losses.linear_kernel(x, y): pairwise.linear_kernel(x, y),
        losses.polynomial_kernel(x, y, 3): pairwise.polynomial_kernel(x, y, degree=3),
    }
    for own, theirs in expected.items():
        np.testing.assert_allclose(own, theirs, rtol=1e-10)


@pytest.mark.parametrize("kernel", KERNELS)
def test_mmd2_on_equal_distributions(kernel):
    """Unbiased: about 0 on average, and often negative. Biased: never negative, about (2/n)(1 − E k)."""
    n, wide = 12, {"bandwidth": 2.0} if kernel in ("gaussian", "laplacian") else {}
    pairs = [(draw(seed, n, 3), draw(seed + 10_000, n, 3)) for seed in range(400)]
    unbiased = torch.stack([losses.mmd2(x, y, kernel, **wide) for x, y in pairs])
    biased = torch.stack([losses.mmd2(x, y, kernel, unbiased=False, **wide) for x, y in pairs])
    error = unbiased.std() / len(pairs) ** 0.5
    assert unbiased.mean().abs() < 4 * error
    assert (unbiased < 0).double().mean() > 0.25
    assert (biased > -1e-12).all()
    if wide:
        function = getattr(losses, f"{kernel}_kernel")
        between = torch.stack([function(x, y, 2.0).mean() for x, y in pairs]).mean()
        expected = 2 / n * (1 - between)
        assert (biased.mean() - expected).abs() < 4 * error


@pytest.mark.parametrize("seed", SEEDS)
def test_what_kernels_see(seed):
    x = draw(seed, 40, 2)
    centred = x - x.mean(0)
    wider = 3 * centred
    assert losses.mmd2(centred, wider, "linear", unbiased=False).abs() < 1e-12  # equal means: nothing to see
    assert losses.mmd2(centred, wider, "gaussian", unbiased=False) > 0.01
    assert losses.mmd2(centred, wider, "polynomial", unbiased=False) > 0.01
    torch.testing.assert_close(
        losses.mmd2(x, x + 2, "linear", unbiased=False), torch.tensor(8.0, dtype=torch.float64), rtol=1e-9, atol=0
    )
    assert losses.mmd2(x, x.flip(0), unbiased=False).abs() < 1e-12


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("kernel", "p"), [("gaussian", 2), ("laplacian", 1)])
def test_the_bandwidth_is_the_median_distance_and_has_no_gradient(seed, kernel, p):
    x, y = draw(seed, 7, 3), draw(seed + 10, 6, 3)
    x[2] = x[4]
    x[5] = x[4]
    pooled = torch.cat([x, y])
    distances = [(a - b).abs().pow(p).sum() ** (1 / p) for i, a in enumerate(pooled) for b in pooled[:i]]
    median = torch.tensor([d for d in distances if d > 0]).median()
    width = losses.median_bandwidth(x, y, p)
    torch.testing.assert_close(width, median.double())
    inputs = (x.requires_grad_(), y.requires_grad_())
    assert not losses.median_bandwidth(*inputs, p).requires_grad
    own = torch.autograd.grad(losses.mmd2(*inputs, kernel), inputs)
    fixed = torch.autograd.grad(losses.mmd2(*inputs, kernel, bandwidth=width.item()), inputs)
    for a, b in zip(own, fixed, strict=True):
        torch.testing.assert_close(a, b)
        assert a.isfinite().all()
    assert losses.mmd2(torch.ones(3, 2), torch.ones(4, 2), kernel) == 0  # no distance above 0


def test_mmd2_refusals():
    x = torch.zeros(3, 2)
    with pytest.raises(ValueError, match="no kernel 'cubic'"):
        losses.mmd2(x, x, "cubic")
    with pytest.raises(ValueError, match="bandwidth=0"):
        losses.mmd2(x, x, bandwidth=0)
    with pytest.raises(ValueError, match="at least two"):
        losses.mmd2(x[:1], x)
    assert losses.mmd2(x, x + 1, lambda a, b: a @ b.T, unbiased=False) == 2


@pytest.mark.parametrize("loss", [losses.coral, losses.mmd2, losses.relational_distance, losses.relational_angle])
def test_under_autocast_they_are_computed_in_full_precision(loss):
    x, y = (draw(seed, 16, 32).bfloat16().float() + 10 for seed in (1, 2))
    full = loss(x, y)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(loss(x, y), full)
        halves = loss(x.bfloat16(), y.bfloat16())
    assert halves.dtype == torch.float32
    torch.testing.assert_close(losses.coral(source=x, target=y), losses.coral(x, y))


# --- gradient reversal


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 2.5])
def test_reversal_is_the_identity_forward_and_exactly_minus_lambda_backward(seed, strength):
    x, weights = draw(seed, 4, 3).requires_grad_(), draw(seed + 10, 4, 3)
    reversed_ = losses.reverse_gradient(x, strength)
    assert torch.equal(reversed_, x)
    plain = torch.autograd.grad((x.sin() * weights).sum(), x)[0]
    turned = torch.autograd.grad((losses.reverse_gradient(x, strength).sin() * weights).sum(), x)[0]
    assert torch.equal(turned, -strength * plain)


def test_lambda_is_captured_in_the_forward_pass():
    class Changing:
        strength = 0.5

    model, x = Changing(), torch.ones(2, requires_grad=True)
    value = losses.reverse_gradient(x, model.strength).sum()
    model.strength = 9.0
    value.backward()
    assert x.grad.tolist() == [-0.5, -0.5]
    with pytest.raises(ValueError, match="must not be negative"):
        losses.reverse_gradient(x, -0.1)


def test_the_schedule():
    steps = [losses.reversal_strength(p / 20) for p in range(21)]
    assert steps[0] == 0
    assert steps == sorted(steps)
    assert steps[-1] < 1
    for p in range(21):
        assert steps[p] == pytest.approx(math.tanh(5 * p / 20))  # another form of the same formula
    with pytest.raises(ValueError, match=r"progress=1\.5"):
        losses.reversal_strength(1.5)


@pytest.mark.parametrize("seed", SEEDS)
def test_domain_loss_is_binary_cross_entropy_with_the_target_as_label_1(seed):
    source, target = draw(seed, 6, 1), draw(seed + 10, 6, 1)
    both, labels = torch.cat([source, target]), torch.cat([torch.zeros(6, 1), torch.ones(6, 1)]).double()
    expected = F.binary_cross_entropy_with_logits(both, labels)
    torch.testing.assert_close(losses.domain_loss(source, target), expected)
    torch.testing.assert_close(losses.domain_loss(source.repeat(3, 1), target), expected)  # each domain counts a half
    with pytest.raises(ValueError, match="0 target examples"):
        losses.domain_loss(source, target[:0])


# --- on fit


def net(seed=0, *, norm=False, dtype=torch.float32):
    with seeded(seed):
        layers = [nn.Linear(8, 6), nn.BatchNorm1d(6)] if norm else [nn.Linear(8, 6)]
        return nn.Sequential(*layers, nn.ReLU(), nn.Linear(6, 3)).to(dtype)


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
        model = net(3, norm=True)
        loss = MAKERS[name](model, poisoned, batch_norm=batch_norm, batch_size=9)
        fit(model, source, loss=loss, **SHORT)
        results.append(state(model) | {f"loss.{k}": v for k, v in loss.named_parameters()})
    for other in results[1:]:
        assert_same(results[0], other)
    assert not torch.equal(results[0]["0.weight"], state(net(3, norm=True))["0.weight"])


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
    model, source, target = net(3, dtype=torch.float64), tasks.points(1), tasks.points(2)
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


def test_dann_turns_the_features_gradient_by_exactly_minus_lambda():
    model, target = net(3, dtype=torch.float64), tasks.points(2)
    target = dataclasses.replace(target, train=Split(target.train.inputs.double(), target.train.labels))
    batch = SimpleNamespace(inputs=draw(0, 7, 8), labels=torch.arange(7) % 3)

    def gradients(strength, turn):
        loss = losses.DomainAdversarial(model, target, strength=strength, batch_norm="separate", seed=4).double()
        if not turn:
            loss.compare = lambda s, t: losses.domain_loss(loss.discriminator(s), loss.discriminator(t))
        return torch.autograd.grad(loss(model, batch)["domain"], [*model[0].parameters(), *loss.parameters()])

    plain, turned = gradients(1.0, False), gradients(0.3, True)
    for own, theirs in zip(turned[:2], plain[:2], strict=True):
        torch.testing.assert_close(own, -0.3 * theirs)
    for own, theirs in zip(turned[2:], plain[2:], strict=True):  # the discriminator learns at rate 1
        torch.testing.assert_close(own, theirs)


@pytest.mark.parametrize("batch_norm", ["joint", "separate", "source"])
@pytest.mark.parametrize("name", ["dann", "coral", "mmd"])
def test_without_strength_it_is_training_on_the_source_alone(name, batch_norm):
    """λ = 0 (for CORAL and MMD: weight 0), in a network in which no BatchNorm or dropout sees the target."""
    source, target = tasks.points(1), tasks.points(2)
    alone, adapted = net(3), net(3)
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
    alone, adapted = net(3, norm=True), net(3, norm=True)
    fit(alone, source, **SHORT)
    fit(adapted, source, loss=losses.CORAL(adapted, target, weight=0.0, batch_norm="source"), **SHORT)
    assert_same(adapted, alone)


def test_batch_norm_statistics_are_those_that_were_chosen():
    def running(batch_norm):
        model, target = net(3, norm=True), tasks.points(2)
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


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("stopped_at", [3, 8])
def test_resume_is_exact(name, stopped_at, tmp_path):
    source, target, path = tasks.points(1), tasks.points(2, train=37), tmp_path / "run.pt"

    def stops(model, batch):
        stops.left -= 1
        if not stops.left:
            raise RuntimeError("stopped")
        return losses.cross_entropy(model, batch)

    whole = net(3, norm=True)
    whole_loss = MAKERS[name](whole, target, batch_size=9)
    fit(whole, source, loss=whole_loss, **SHORT | {"log_every": 1})
    stops.left, model = stopped_at, net(3, norm=True)
    loss = MAKERS[name](model, target, batch_size=9, base=stops)
    with pytest.raises(RuntimeError, match="stopped"):
        fit(model, source, loss=loss, checkpoint=path, **SHORT | {"log_every": 1})
    again = net(3, norm=True)
    again_loss = MAKERS[name](again, target, batch_size=9)
    fit(again, source, loss=again_loss, checkpoint=path, **SHORT | {"log_every": 1})
    assert_same(again, whole)
    assert_same(dict(again_loss.named_parameters()), dict(whole_loss.named_parameters()))
    assert again_loss.get_extra_state() == whole_loss.get_extra_state() == {"drawn": 12}


def test_the_discriminator_is_trained_and_its_terms_are_in_the_history():
    model, source, target = net(3), tasks.points(1), tasks.points(2)
    loss = losses.DomainAdversarial(model, target, strength=0.1, hidden=5)
    before = state(loss.discriminator)
    run = fit(model, source, loss=loss, **SHORT)
    assert {"cross_entropy", "domain"} <= run.history[-1].keys()
    assert not torch.equal(before["0.weight"], loss.discriminator[0].weight)


def test_adaptation_goes_around_other_losses():
    model, source, target = net(3), tasks.points(1), tasks.points(2)
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
    torch.testing.assert_close(loss(model, batch)["cross_entropy"], losses.cross_entropy(model, batch)["cross_entropy"])
    fit(model, source, loss=loss, steps=2, batch_size=5, **QUIET)


@pytest.mark.parametrize("batch_norm", ["joint", "separate", "source"])
def test_pictures_and_a_named_layer(batch_norm):
    model, source, target = tasks.resnet(3), tasks.images(1), tasks.images(2)
    loss = losses.DomainAdversarial(model, target, strength=0.5, layer="layer2", batch_norm=batch_norm, batch_size=6)
    batch = next(iter(batches(source, model, batch_size=5)))
    maps = model.layer2(model.layer1(model.relu(model.bn1(model.conv1(batch.inputs)))))
    assert loss.discriminator[0].in_features == maps.flatten(1).shape[1]
    fit(model, source, loss=loss, steps=2, batch_size=10, **QUIET)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


# --- the target's batches


@pytest.mark.parametrize("size", [1, 4, 5, 20])
def test_target_batches_are_full_and_cover_a_pass_before_the_next(size):
    target, model = tasks.points(2, train=20), net()
    stream = Unlabelled(target, batch_size=size, seed=3)
    rows = {tuple(row): place for place, row in enumerate(target.train.inputs.tolist())}
    drawn = [[rows[tuple(row)] for row in stream.draw(model, torch.device("cpu")).tolist()] for _ in range(60 // size)]
    assert all(len(batch) == size for batch in drawn)
    a_pass = 20 // size
    for start in range(0, len(drawn), a_pass):
        assert sorted(chain.from_iterable(drawn[start : start + a_pass])) == list(range(20))
    assert drawn[:a_pass] != drawn[a_pass : 2 * a_pass]
    for skip in (0, 1, a_pass, a_pass + 1):
        later = Unlabelled(target, batch_size=size, seed=3)
        later.go_to(skip)
        again = [rows[tuple(row)] for row in later.draw(model, torch.device("cpu")).tolist()]
        assert again == drawn[skip]


def test_target_and_source_are_not_drawn_in_the_same_order():
    """Or MNIST's ones would always meet MNIST-M's ones, which tells the target's labels."""
    task, model = tasks.points(2, train=64), net()
    for seed in range(5):
        source = next(iter(batches(task, model, batch_size=16, seed=seed))).inputs
        target = Unlabelled(task, batch_size=16, seed=seed).draw(model, torch.device("cpu"))
        assert (source == target).all(1).sum() < 8


def test_fewer_target_examples_than_a_batch():
    stream = Unlabelled(tasks.points(2, train=5), batch_size=128, seed=0)
    assert [len(stream.draw(net(), torch.device("cpu"))) for _ in range(3)] == [5, 5, 5]


# --- refusals


@pytest.mark.parametrize("name", MAKERS)
def test_other_numbers_of_classes_are_refused(name):
    target = tasks.points(2)
    wider = dataclasses.replace(target, title="Animals", class_names=("a", "b", "c", "d"))
    with pytest.raises(ValueError, match="tells 3 classes apart and Animals has 4: adaptation without target labels"):
        MAKERS[name](net(), wider)


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
        call(net(), tasks.points(2))


def test_inputs_of_another_shape_are_refused():
    model, target = net(), tasks.points(2, width=5)
    batch = SimpleNamespace(inputs=torch.zeros(4, 8), labels=torch.arange(4) % 3)
    with pytest.raises(ValueError, match="inputs of one shape"):
        losses.CORAL(model, target)(model, batch)


def test_a_source_batch_of_one_is_refused_in_plain_words():
    model, target = net(), tasks.points(2)
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
