"""Properties of the transfer losses, on fresh inputs, as pure functions and in the loop."""

import copy
import math
import warnings
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tl_course import losses, models

SEEDS = range(4)


def _draw(seed, *shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def _batch(seed=0, n=12, shape=(3, 32, 32), classes=10, dtype=torch.float32):
    labels = torch.randint(classes, (n,), generator=torch.Generator().manual_seed(seed))
    return SimpleNamespace(inputs=_draw(seed, n, *shape, dtype=dtype), labels=labels)


def _net(seed=0, *, width=7, hidden=5, classes=3):
    """A small float64 network with BatchNorm and dropout; the head is '4'."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [
            nn.Linear(width, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(hidden, classes),
        ]
        return nn.Sequential(*layers).double()


def _net_batch(seed=0, n=12, classes=3):
    return _batch(seed, n, (7,), classes, torch.float64)


def _grad(loss, inputs):
    return torch.autograd.grad(loss, inputs)[0]


def _small_bert(seed=0, classes=2):
    from transformers import BertConfig, BertForSequenceClassification

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=40,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            num_labels=classes,
        )
        return BertForSequenceClassification(config)


def _text_batch(seed=0, n=6):
    ids = torch.randint(40, (n, 9), generator=torch.Generator().manual_seed(seed))
    return SimpleNamespace(
        inputs={"input_ids": ids, "attention_mask": torch.ones_like(ids)}, labels=torch.arange(n) % 2
    )


# --- cross-entropy


@pytest.mark.parametrize("name", ["vgg_small", "resnet_small"])
def test_cross_entropy_of_an_image_model(name):
    model, batch = models.create(name, num_classes=10), _batch()
    model.eval()
    expected = F.cross_entropy(model(batch.inputs), batch.labels)
    assert losses.cross_entropy(model, batch) == {"cross_entropy": expected}


def test_cross_entropy_of_a_text_model():
    model, batch = _small_bert().eval(), _text_batch()
    expected = F.cross_entropy(model(**batch.inputs).logits, batch.labels)
    assert losses.cross_entropy(model, batch) == {"cross_entropy": expected}


# --- transfer risk


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.5, 1.0])
def test_transfer_risk_weighs_the_source_by_alpha(seed, alpha):
    weights = _draw(seed, 6).requires_grad_()
    source, target = _draw(seed + 10, 20, 6), _draw(seed + 20, 30, 6)
    source_loss, target_loss = (source @ weights).square().mean(), (target @ weights).square().mean()
    risk = losses.transfer_risk(source_loss, target_loss, alpha)
    torch.testing.assert_close(risk, alpha * source_loss + (1 - alpha) * target_loss, rtol=1e-14, atol=0)
    expected = alpha * _grad(source_loss, weights) + (1 - alpha) * _grad(target_loss, weights)
    risk = losses.transfer_risk(lambda: (source @ weights).square().mean(), (target @ weights).square().mean(), alpha)
    torch.testing.assert_close(_grad(risk, weights), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("alpha", [0, 1])
def test_transfer_risk_at_the_ends_is_exactly_one_term(alpha):
    wanted, other = torch.tensor(0.3, requires_grad=True), torch.tensor(math.nan, requires_grad=True)
    pair = (wanted, other) if alpha == 1 else (other, wanted)
    risk = losses.transfer_risk(*pair, alpha)
    assert risk is wanted
    risk.backward()
    assert (wanted.grad, other.grad) == (torch.tensor(1.0), None)

    def forbidden():
        raise AssertionError("the other term was computed")

    pair = (lambda: wanted, forbidden) if alpha == 1 else (forbidden, lambda: wanted)
    assert losses.transfer_risk(*pair, alpha) is wanted


@pytest.mark.parametrize("alpha", [-0.1, 1.1, math.nan])
def test_transfer_risk_refuses_other_weights(alpha):
    with pytest.raises(ValueError, match="alpha="):
        losses.transfer_risk(torch.tensor(1.0), torch.tensor(1.0), alpha)
    with pytest.raises(ValueError, match="alpha="):
        losses.TransferRisk([_batch()], alpha)


class _Source(list):
    """Batches as the loop's: a new order in each pass, told by `epoch`."""

    epoch = 0

    def __iter__(self):
        batches = list(super().__iter__())
        epoch, self.epoch = self.epoch, self.epoch + 1
        return iter(batches[epoch % len(batches) :] + batches[: epoch % len(batches)])


def test_loop_transfer_risk_is_the_pure_one_and_draws_the_source_over_again():
    model, target = _net().eval(), _net_batch()
    source = [_net_batch(seed, n=5) for seed in range(1, 4)]
    loss = losses.TransferRisk(source, 0.3)
    for step in range(7):
        terms = loss(model, target)
        assert list(terms) == ["source", "target"]
        each = [losses.cross_entropy(model, batch)["cross_entropy"] for batch in (source[step % 3], target)]
        torch.testing.assert_close(sum(terms.values()), losses.transfer_risk(*each, 0.3))


@pytest.mark.parametrize("done", [0, 2, 3, 5])
def test_loop_transfer_risk_resumes_where_it_was(done):
    def terms(loss, steps):
        return [loss(model, target)["source"].item() for _ in range(steps)]

    model, target = _net().eval(), _net_batch()
    batches = [_net_batch(seed, n=5) for seed in range(1, 4)]
    whole = losses.TransferRisk(_Source(batches), 0.3)
    expected = terms(whole, 9)
    first = losses.TransferRisk(_Source(batches), 0.3)
    assert terms(first, done) == expected[:done]
    second = losses.TransferRisk(_Source(batches), 0.3)
    second.load_state_dict(first.state_dict())
    assert terms(second, 9 - done) == expected[done:]


@pytest.mark.parametrize("alpha", [0, 1])
def test_loop_transfer_risk_leaves_the_other_side_alone(alpha):
    def forbidden(model, batch):
        raise AssertionError("the other term was computed")

    sides = {"target_loss" if alpha == 1 else "source_loss": forbidden}
    terms = losses.TransferRisk([_net_batch(1)], alpha, **sides)(_net().eval(), _net_batch(2))
    expected = losses.cross_entropy(_net().eval(), _net_batch(1 if alpha == 1 else 2))["cross_entropy"]
    assert terms == {"source" if alpha == 1 else "target": expected}


def test_loop_transfer_risk_with_two_heads():
    model = models.create("resnet_small", num_classes=10)
    model.source_head = nn.Linear(models.head_of(model)[1].in_features, 26)

    def source_loss(model, batch):
        return {"letters": F.cross_entropy(model.source_head(model.embed(batch.inputs)), batch.labels)}

    loss = losses.TransferRisk([_batch(classes=26)], 0.5, source_loss=source_loss)
    sum(loss(model, _batch(1)).values()).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_transfer_risk_refuses_an_empty_source():
    with pytest.raises(ValueError, match="no batches"):
        losses.TransferRisk([], 0.5)


# --- L2-SP


@pytest.mark.parametrize("seed", SEEDS)
def test_l2_sp_and_its_gradient(seed):
    shared = [_draw(seed, 3, 4).requires_grad_(), _draw(seed + 1, 5).requires_grad_()]
    source = [_draw(seed + 2, 3, 4), _draw(seed + 3, 5)]
    new = [_draw(seed + 4, 2, 2).requires_grad_()]
    penalty = losses.l2_sp(shared, source, new, alpha=0.3, beta=0.02)
    distance = sum((w - s).pow(2).sum() for w, s in zip(shared, source, strict=True))
    torch.testing.assert_close(penalty, 0.15 * distance + 0.01 * new[0].pow(2).sum())
    *grads, grad_new = torch.autograd.grad(penalty, [*shared, *new])
    for grad, w, s in zip(grads, shared, source, strict=True):
        torch.testing.assert_close(grad, 0.3 * (w - s))
    torch.testing.assert_close(grad_new, 0.02 * new[0])
    assert losses.l2_sp(source, source, alpha=0.3, beta=0.02) == 0


@pytest.mark.parametrize("make", [_net, lambda: models.create("resnet_small", num_classes=3)])
def test_l2_sp_moves_away_from_zero_even_when_the_source_is_the_model(make):
    model = make()
    batch = _net_batch() if isinstance(model, nn.Sequential) else _batch(classes=3)
    loss = losses.L2SP(model, alpha=0.1, beta=0.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    terms = loss(model, batch)
    assert terms["l2_sp"] == 0
    sum(terms.values()).backward()
    optimizer.step()
    assert loss(model, batch)["l2_sp"] > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_l2_sp_in_the_loop_sorts_shared_from_new(seed):
    model = _net(seed)
    start = copy.deepcopy(model)
    loss = losses.L2SP(model, alpha=0.3, beta=0.02)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    _, found = loss(model, _net_batch()).values()
    found.backward()
    for (name, parameter), origin in zip(model.named_parameters(), start.parameters(), strict=True):
        expected = 0.02 * parameter if name.startswith("4.") else 0.3 * (parameter - origin)
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("classes", [3, 8])
def test_l2_sp_with_a_replaced_head(classes):
    model = models.create("resnet_small", num_classes=3)
    loss = losses.L2SP(model, alpha=0.1, beta=0.5)
    models.replace_head(model, classes, seed=1)
    head = models.head_of(model)[1]
    expected = 0.25 * sum(parameter.square().sum() for parameter in head.parameters())
    torch.testing.assert_close(loss(model, _batch(classes=3))["l2_sp"], expected)


def test_l2_sp_ties_a_kept_head_and_frees_named_modules():
    model = _net()
    batch = _net_batch()
    tied = losses.L2SP(model, alpha=0.1, beta=7.0, new=())
    assert tied(model, batch)["l2_sp"] == 0
    named = losses.L2SP(model, alpha=0.1, beta=2.0, new=("1",))(model, batch)["l2_sp"]
    torch.testing.assert_close(named, sum(parameter.square().sum() for parameter in model[1].parameters()))
    with pytest.raises(ValueError, match="no module 'fc'"):
        losses.L2SP(model, new=("fc",))(model, batch)


def test_l2_sp_takes_weights_by_name_and_leaves_frozen_ones_out():
    model = _net()
    loss = losses.L2SP({name: value + 1 for name, value in model.state_dict().items()}, alpha=2.0, beta=0.0)
    count = sum(parameter.numel() for name, parameter in model.named_parameters() if not name.startswith("4."))
    assert loss(model, _net_batch())["l2_sp"].item() == pytest.approx(count)
    model[0].requires_grad_(False)
    assert loss(model, _net_batch())["l2_sp"].item() == pytest.approx(count - 7 * 5 - 5)


def test_l2_sp_sees_through_wrappers():
    model = _net()
    wrapped = torch.compile(model, backend="eager")
    for source, trained in ((wrapped, model), (model, wrapped)):
        assert losses.L2SP(source, beta=0.0)(trained, _net_batch())["l2_sp"] == 0


def test_l2_sp_refuses_strangers():
    with pytest.raises(ValueError, match="no weight of the source in ResNet"):
        losses.L2SP(_net())(models.create("resnet_small"), _batch())
    with pytest.raises(ValueError, match="pairs of equal shapes"):
        losses.l2_sp([torch.zeros(2)], [torch.zeros(3)], alpha=1, beta=1)
    with pytest.raises(ValueError, match="pairs of equal shapes"):
        losses.l2_sp([torch.zeros(2)], [], alpha=1, beta=1)
    with pytest.raises(ValueError, match="no weights at all"):
        losses.l2_sp([], [], alpha=1, beta=1)


# --- DELTA


@pytest.mark.parametrize("seed", SEEDS)
def test_delta_is_its_formula(seed):
    now = [_draw(seed, 4, 3, 5, 5).requires_grad_(), _draw(seed + 1, 4, 6).requires_grad_()]
    source = [_draw(seed + 2, 4, 3, 5, 5).requires_grad_(), _draw(seed + 3, 4, 6).requires_grad_()]
    weights = [_draw(seed + 4, 3).abs(), _draw(seed + 5, 6).abs()]
    expected = sum(
        w[j] * (a[i, j] - b[i, j]).norm() ** 2 / 4
        for a, b, w in zip(now, source, weights, strict=True)
        for i in range(4)
        for j in range(len(w))
    )
    found = losses.delta(now, source, weights)
    torch.testing.assert_close(found, expected)
    found.backward()
    assert all(a.grad is not None for a in now)
    assert all(b.grad is None for b in source)
    ones = [torch.ones(3), torch.ones(6)]
    torch.testing.assert_close(losses.delta(now, source), losses.delta(now, source, ones))
    assert losses.delta(now, now, weights) == 0
    doubled = ([torch.cat([a, a]) for a in side] for side in (now, source))
    torch.testing.assert_close(losses.delta(*doubled, weights), found)  # a mean, not a sum, over the batch


def test_delta_in_half_precision_is_summed_in_full():
    now, source = torch.full((1, 1, 200, 200), 1.0), torch.zeros(1, 1, 200, 200)
    assert losses.delta([now.bfloat16()], [source.bfloat16()]) == 40_000


def test_delta_in_the_loop():
    model = models.create("resnet_small", num_classes=10).eval()
    start, batch = copy.deepcopy(model), _batch()
    loss = losses.DELTA(model, ["layer2", "layer4"], weight=0.5)
    terms = loss(model, batch)
    assert terms["delta"] == 0
    assert terms["cross_entropy"] == losses.cross_entropy(model, batch)["cross_entropy"]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.05)

    def maps(model):
        hidden = model.relu(model.bn1(model.conv1(batch.inputs)))
        second = model.layer2(model.layer1(hidden))
        return second, model.layer4(model.layer3(second))

    expected = sum((a - b).square().sum() / len(batch.labels) for a, b in zip(maps(model), maps(start), strict=True))
    found = loss(model, batch)["delta"]
    torch.testing.assert_close(found, 0.5 * expected, rtol=1e-4, atol=0)
    found.backward()
    assert all(parameter.grad is None for parameter in loss.source.parameters())
    assert model.layer1[0].conv1.weight.grad.abs().sum() > 0
    assert not any(module._forward_hooks for net in (model, loss.source) for module in net.modules())
    with pytest.raises(RuntimeError, match=r"size|shape|dimension|channels"):
        loss(model, SimpleNamespace(inputs=torch.zeros(2, 5, 32, 32), labels=batch.labels[:2]))
    assert not any(module._forward_hooks for module in model.modules())


def test_delta_with_channel_importance():
    model, batch = _net().eval(), _net_batch()
    weights = losses.channel_importance(model, [batch, _net_batch(1)], ["0", "2"])
    assert [len(w) for w in weights.values()] == [5, 5]
    loss = losses.DELTA(model, ["0", "2"], weight=1.0, channel_weights=weights)
    with torch.no_grad():
        model[0].weight.add_(0.1)
    assert losses.DELTA(model, ["0", "2"], channel_weights=weights)(model, batch)["delta"] == 0
    shift = 0.1 * batch.inputs.sum(1)
    first = (weights["0"].sum() * shift.square()).mean()
    assert loss(model, batch)["delta"] > first * 0.999


@pytest.mark.parametrize("seed", SEEDS)
def test_channel_importance_is_the_softmax_of_the_loss_without_a_channel(seed):
    model = _net(seed).train()
    model[3].eval()
    modes = [module.training for module in model.modules()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    batches = [_net_batch(seed, n=8), _net_batch(seed + 9, n=3)]
    found = losses.channel_importance(model, batches, ["1"])["1"]
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    model.eval()
    inputs, labels = torch.cat([b.inputs for b in batches]), torch.cat([b.labels for b in batches])
    with torch.no_grad():
        normed = model[1](model[0](inputs))
        whole = F.cross_entropy(model[4](normed.relu()), labels)
        without = [F.cross_entropy(model[4]((normed * (torch.arange(5) != j)).relu()), labels) for j in range(5)]
    expected = torch.stack([loss - whole for loss in without]).softmax(0)
    torch.testing.assert_close(found, expected)


def test_delta_refuses_what_does_not_fit():
    net, ones = _net(), torch.ones
    with pytest.raises(ValueError, match="no module 'layer9'"):
        losses.DELTA(net, ["layer9"])
    with pytest.raises(ValueError, match="at least one layer"):
        losses.DELTA(net, [])
    with pytest.raises(ValueError, match="no channel weights for the layer '2'"):
        losses.DELTA(net, ["0", "2"], channel_weights={"0": ones(5)})
    with pytest.raises(ValueError, match="cannot be compared"):
        losses.delta([ones(2, 3)], [ones(2, 4)])
    with pytest.raises(ValueError, match="same layers on every side"):
        losses.delta([ones(2, 3)], [])
    with pytest.raises(ValueError, match=r"\(4,\) channel weights do not fit a layer of 3"):
        losses.delta([ones(2, 3)], [ones(2, 3)], [ones(4)])
    with pytest.raises(ValueError, match="no batches"):
        losses.channel_importance(net, [], ["0"])
    risk = losses.TransferRisk([_net_batch()], 0.5)
    with pytest.raises(ValueError, match="ran 2 times"):
        losses.DELTA(net, ["0"], base=risk)(net, _net_batch())
    inside = losses.TransferRisk([_net_batch()], 0.5, target_loss=losses.DELTA(net, ["0"]))
    assert list(inside(net, _net_batch())) == ["source", "target"]


# --- BSS


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", [(8, 5), (5, 8), (6, 6)])
def test_bss_is_the_smallest_singular_values_squared(seed, shape):
    features = _draw(seed, *shape).requires_grad_()
    k = 3
    values = torch.linalg.eigvalsh(features.mT @ features if shape[0] >= shape[1] else features @ features.mT)
    found = losses.bss(features, k)
    torch.testing.assert_close(found, values[:k].sum())
    assert torch.autograd.gradcheck(lambda f: losses.bss(f, k), features)
    everything = losses.bss(features, min(shape))
    torch.testing.assert_close(everything, features.square().sum())
    torch.testing.assert_close(_grad(everything, features), 2 * features)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [1, 2, 4])
def test_bss_with_equal_singular_values(seed, k):
    turn, _ = torch.linalg.qr(_draw(seed, 6, 4))
    other, _ = torch.linalg.qr(_draw(seed + 1, 4, 4))
    for spectrum in ([2, 2, 2, 2], [3, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]):
        features = (turn * torch.tensor(spectrum, dtype=torch.float64) @ other).requires_grad_()
        found = losses.bss(features, k)
        expected = float(sum(value**2 for value in spectrum[-k:]))
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=1e-12)
        gradient = _grad(found, features)
        assert gradient.isfinite().all()
        assert (gradient * features).sum().item() == pytest.approx(2 * expected, abs=1e-9)  # degree 2: Euler


def test_bss_of_features_that_are_not_finite_is_nan_and_no_error():
    for bad in (math.nan, math.inf):
        features = torch.ones(4, 3).index_fill(0, torch.tensor([1]), bad).requires_grad_()
        assert losses.bss(features).isnan()


def test_bss_takes_half_precision():
    assert losses.bss(torch.diag(torch.tensor([2.0, 1.0])).bfloat16()) == 1


@pytest.mark.parametrize(("shape", "k"), [((4, 3), 4), ((3, 4), 4), ((4, 3), 0), ((4, 3, 2), 1), ((0, 3), 1)])
def test_bss_refuses_what_has_no_such_values(shape, k):
    with pytest.raises(ValueError, match=f"k={k} smallest"):
        losses.bss(torch.zeros(shape), k)


@pytest.mark.parametrize("name", ["vgg_small", "resnet_small"])
def test_bss_in_the_loop_takes_what_goes_into_the_head(name):
    model, batch = models.create(name, num_classes=10).eval(), _batch()
    terms = losses.BSS(weight=0.5, k=2)(model, batch)
    torch.testing.assert_close(terms["bss"], 0.5 * losses.bss(models.embed(model, batch.inputs), 2))
    assert terms["cross_entropy"] == losses.cross_entropy(model, batch)["cross_entropy"]
    terms["bss"].backward()
    assert models.head_of(model)[1].weight.grad is None
    assert not any(module._forward_pre_hooks for module in model.modules())
    last = SimpleNamespace(inputs=batch.inputs[:1], labels=batch.labels[:1])  # a short last batch is no error
    expected = 0.5 * models.embed(model, last.inputs).square().sum()
    torch.testing.assert_close(losses.BSS(weight=0.5, k=2)(model, last)["bss"], expected)


def test_bss_in_the_loop_on_texts():
    terms = losses.BSS()(_small_bert().eval(), _text_batch())
    assert terms["bss"].isfinite()


def test_bss_refuses_no_values():
    with pytest.raises(ValueError, match="k=0"):
        losses.BSS(k=0)
    with pytest.raises(ValueError, match="smallest singular values"):
        losses.BSS(k=6)(_net(), _net_batch())


def test_regularisers_add_up():
    model, batch = _net().eval(), _net_batch()
    whole = losses.BSS(base=losses.DELTA(model, ["0"], base=losses.L2SP(model)))(model, batch)
    assert list(whole) == ["cross_entropy", "l2_sp", "delta", "bss"]
    assert whole["bss"] == losses.BSS()(model, batch)["bss"]
    assert all(term.ndim == 0 for term in whole.values())


# --- distillation


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_distillation_is_its_formula(seed, temperature, weight):
    student, teacher = 3 * _draw(seed, 6, 5), 3 * _draw(seed + 1, 6, 5)
    labels = _batch(seed, 6, (1,), 5).labels
    soft_s, soft_t = ((logits / temperature).softmax(1) for logits in (student, teacher))
    divergence = (soft_t * (soft_t.log() - soft_s.log())).sum(1).mean()
    expected = (1 - weight) * F.cross_entropy(student, labels) + weight * temperature**2 * divergence
    found = losses.distillation(student, teacher, labels, temperature=temperature, weight=weight)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("temperature", [0.5, 1.0, 20.0])
def test_equal_logits_and_shifted_rows(seed, temperature):
    student, teacher, shift = _draw(seed, 6, 5), _draw(seed + 1, 6, 5), 50 * _draw(seed + 2, 6, 1)
    assert losses.soft_target_divergence(teacher, teacher, temperature) == 0
    expected = losses.soft_target_divergence(student, teacher, temperature)
    assert expected > 0
    for pair in ((student + shift, teacher), (student, teacher + shift)):
        found = losses.soft_target_divergence(*pair, temperature)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_gradient_at_high_temperature_is_the_difference_of_centred_logits(seed):
    student, teacher = _draw(seed, 6, 5).requires_grad_(), _draw(seed + 1, 6, 5)
    limit = ((student - student.mean(1, keepdim=True)) - (teacher - teacher.mean(1, keepdim=True))) / (6 * 5)
    errors = [
        (_grad(losses.soft_target_divergence(student, teacher, t), student) - limit).abs().max() for t in (1e2, 1e4)
    ]
    assert errors[0] < 1e-2
    assert errors[1] < 1e-4


@pytest.mark.parametrize("seed", SEEDS)
def test_no_teacher_weight_is_cross_entropy_and_the_teacher_gets_no_gradient(seed):
    student, teacher = _draw(seed, 6, 5).requires_grad_(), _draw(seed + 1, 6, 5).requires_grad_()
    labels = _batch(seed, 6, (1,), 5).labels
    assert losses.distillation(student, teacher, labels, weight=0.0) == F.cross_entropy(student, labels)
    losses.distillation(student, teacher, labels).backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0
    torch.testing.assert_close(
        losses.distillation(student, teacher, weight=1.0, temperature=3.0),
        losses.soft_target_divergence(student, teacher, 3.0),
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("temperature", "weight"), [(1.0, 0.5), (4.0, 0.9), (2.5, 0.2)])
def test_distillation_equals_timms(seed, temperature, weight):
    from timm.task import LogitDistillationTask

    def timms(net):
        net.pretrained_cfg = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
        net.num_classes, net.in_chans = 10, 3
        return net

    student = timms(models.create("resnet_small", num_classes=10, seed=seed)).eval()
    teacher = timms(models.create("vgg_small", num_classes=10, seed=seed + 50)).eval()
    batch = _batch(seed)
    with torch.no_grad():  # fresh networks hardly decide; make the logits speak
        for net in (student, teacher):
            models.head_of(net)[1].weight.mul_(20)
    task = LogitDistillationTask(
        student, teacher, nn.CrossEntropyLoss(), task_loss_weight=1 - weight, temperature=temperature, verbose=False
    )
    expected = task(batch.inputs, batch.labels)
    loss = losses.Distillation(teacher, temperature=temperature, weight=weight)
    terms = loss(student, batch)
    torch.testing.assert_close(sum(terms.values()), expected["loss"], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(terms["distillation"], weight * expected["kd_loss"], rtol=1e-6, atol=1e-6)
    with torch.no_grad():
        pure = losses.distillation(
            student(batch.inputs), teacher(batch.inputs), batch.labels, temperature=temperature, weight=weight
        )
    torch.testing.assert_close(pure, expected["loss"], rtol=1e-6, atol=1e-6)


def test_the_teacher_is_put_in_eval_with_a_warning_and_gets_no_gradient():
    teacher, student, batch = _net(1).train(), _net(2), _net_batch()
    with pytest.warns(UserWarning, match="teacher was in train mode"):
        loss = losses.Distillation(teacher, weight=0.5)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sum(loss(student, batch).values()).backward()
    assert not any(module.training for module in teacher.modules())
    assert student.training
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(parameter.grad is not None for parameter in student.parameters())
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    teacher[3].train()
    with pytest.warns(UserWarning, match="teacher was in train mode"):
        loss(student, batch)
    assert not teacher[3].training


def test_the_ends_of_the_weight_skip_the_other_side():
    teacher, student, batch = _net(1).eval(), _net(2).eval(), _net_batch()
    calls = []
    teacher.register_forward_hook(lambda _module, _args, output: calls.append(output.requires_grad))
    assert losses.Distillation(teacher, weight=0)(student, batch) == losses.cross_entropy(student, batch)
    assert not calls
    unlabelled = SimpleNamespace(inputs=batch.inputs, labels=None)
    assert list(losses.Distillation(teacher, weight=1)(student, unlabelled)) == ["distillation"]
    assert calls == [False]  # and no graph is kept for the teacher


def test_distillation_of_texts():
    student, teacher, batch = _small_bert(1).eval(), _small_bert(2).eval(), _text_batch()
    found = losses.Distillation(teacher, weight=1)(student, batch)["distillation"]
    expected = losses.soft_target_divergence(
        student(**batch.inputs).logits, teacher(**batch.inputs).logits, temperature=4.0
    )
    torch.testing.assert_close(found, expected)


def test_distillation_refuses_another_number_of_classes():
    with pytest.raises(ValueError, match="student tells 3 classes apart and the teacher 4"):
        losses.Distillation(_net(classes=4).eval())(_net(), _net_batch())


def test_distillation_refuses_the_student_as_its_own_teacher():
    net = _net().eval()
    with pytest.raises(ValueError, match="very model that is trained"):
        losses.Distillation(net)(net, _net_batch())


def test_distillation_refuses_inputs_prepared_for_another_network():
    from dataclasses import replace

    student, teacher = models.create("resnet_small"), models.create("vgg_small").eval()
    teacher.preprocess = replace(student.preprocess, size=64)
    loss = losses.Distillation(teacher)
    with pytest.raises(ValueError, match=r"student\.preprocess = teacher\.preprocess"):
        loss(student, _batch())
    student.preprocess = teacher.preprocess
    assert loss(student, _batch())["distillation"].isfinite()


@pytest.mark.parametrize(("second", "agrees"), [("film", True), ("book", False)])
def test_distillation_compares_vocabularies(second, agrees):
    from transformers import BertTokenizer

    from tl_course.data.preprocess import TextPreprocess

    student, teacher = _small_bert(1), _small_bert(2).eval()
    for model, word, length in ((student, "film", 16), (teacher, second, 32)):
        words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", word]
        model.preprocess = TextPreprocess(BertTokenizer(vocab={w: i for i, w in enumerate(words)}), length)
    loss = losses.Distillation(teacher)
    if agrees:
        loss(student, _text_batch())
    else:
        with pytest.raises(ValueError, match="a vocabulary of 6 against a vocabulary of 6"):
            loss(student, _text_batch())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a, b: losses.soft_target_divergence(a, b, 0.0), "temperature=0.0"),
        (lambda a, b: losses.soft_target_divergence(a, b[:2], 1.0), "same N examples"),
        (lambda a, b: losses.soft_target_divergence(a[0], b[0], 1.0), "same N examples"),
        (lambda a, b: losses.soft_target_divergence(a, b[:, :2], 1.0), "3 classes apart and the teacher 2"),
        (lambda a, b: losses.distillation(a, b, weight=0.5), "there are none"),
        (lambda a, b: losses.distillation(a, b, torch.zeros(4).long(), weight=1.5), "weight=1.5"),
        (lambda a, b: losses.Distillation(_net().eval(), weight=-1), "weight=-1"),
        (lambda a, b: losses.Distillation(_net().eval(), temperature=-1), "temperature=-1"),
    ],
)
def test_distillation_refuses_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.zeros(4, 3), torch.zeros(4, 3))


# --- all of them


def _all(model):
    teacher = copy.deepcopy(model).eval()
    return {
        "risk": losses.TransferRisk([_batch(7)], 0.5),
        "l2_sp": losses.L2SP(model),
        "delta": losses.DELTA(model, ["layer4"]),
        "bss": losses.BSS(),
        "distillation": losses.Distillation(teacher),
    }


@pytest.mark.parametrize("name", ["risk", "l2_sp", "delta", "bss", "distillation"])
def test_every_loss_trains_under_autocast_with_finite_gradients(name):
    model = models.create("resnet_small", num_classes=10)
    loss, before = _all(model)[name], torch.random.get_rng_state()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = loss(model, _batch())
    assert all(term.ndim == 0 and term.isfinite() for term in terms.values())
    sum(terms.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), before)


def test_every_public_name_is_documented_with_an_example():
    for name in losses.__all__:
        documentation = getattr(losses, name).__doc__
        assert "Examples" in documentation, name
        assert "Parameters" in documentation, name


@pytest.mark.parametrize(
    "around",
    [
        lambda inner: losses.L2SP(nn.Linear(8, 2), base=inner),
        lambda inner: losses.BSS(base=inner),
        lambda inner: losses.TransferRisk([_net_batch()], 0.5, target_loss=inner),
        lambda inner: losses.TransferRisk([_net_batch()], 0.5, source_loss=inner),
    ],
)
def test_a_loss_with_something_to_learn_may_not_hide_inside_another(around):
    inner = losses.RelationalDistillation(nn.Linear(8, 2).eval())
    with pytest.raises(ValueError, match=r"RelationalDistillation inside \w+ would never be trained .* put it outside"):
        around(inner)
