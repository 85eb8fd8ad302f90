"""Distilling what lies before the answer: properties of the pure losses, and the losses on ``fit``."""

import copy
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import tasks
import torch
import torch.nn.functional as F
from tasks import assert_same, state
from torch import nn

from tl_course import losses
from tl_course.models.heads import seeded
from tl_course.training import fit

SEEDS = range(4)
QUIET = {"progress": False}


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def random_rotation(seed, width):
    return torch.linalg.qr(draw(seed, width, width))[0]


# --- hints


@pytest.mark.parametrize("seed", SEEDS)
def test_hint_is_its_formula_and_trains_the_student_only(seed):
    student, teacher = draw(seed, 5, 3, 4, 4).requires_grad_(), draw(seed + 10, 5, 3, 4, 4).requires_grad_()
    value = losses.hint(student, teacher)
    expected = sum((student[i] - teacher[i]).norm() ** 2 / 2 for i in range(5)) / 5
    torch.testing.assert_close(value, expected)
    value.backward()
    torch.testing.assert_close(student.grad, (student - teacher).detach() / 5)
    assert teacher.grad is None
    assert losses.hint(teacher, teacher) == 0


def test_hint_refuses_other_shapes():
    with pytest.raises(ValueError, match="give a regressor"):
        losses.hint(torch.zeros(2, 3), torch.zeros(2, 4))


# --- attention


@pytest.mark.parametrize("seed", SEEDS)
def test_attention_transfer_is_the_papers_formula(seed):
    student, teacher = draw(seed, 6, 4, 3, 5), draw(seed + 10, 6, 7, 3, 5)
    each = []
    for a, b in zip(student.numpy(), teacher.numpy(), strict=True):
        own, theirs = ((x**2).sum(0).ravel() for x in (a, b))
        each.append(np.linalg.norm(own / np.linalg.norm(own) - theirs / np.linalg.norm(theirs)))
    assert losses.attention_transfer(student, teacher).item() == pytest.approx(np.mean(each), rel=1e-12)
    authors = F.mse_loss(*(F.normalize(x.pow(2).mean(1).flatten(1)) for x in (student, teacher)))
    assert authors < losses.attention_transfer(student, teacher) / 10  # the other form, which is documented


@pytest.mark.parametrize("seed", SEEDS)
def test_attention_transfer_does_not_see_strength_and_channels(seed):
    student, teacher = draw(seed, 6, 4, 3, 5).requires_grad_(), draw(seed + 10, 6, 7, 3, 5).requires_grad_()
    value = losses.attention_transfer(student, teacher)
    torch.testing.assert_close(losses.attention_transfer(3 * student, teacher[:, torch.randperm(7)] * 0.2), value)
    assert 0 < value <= 2**0.5
    value.backward()
    assert teacher.grad is None
    assert student.grad.isfinite().all()


def test_attention_transfer_is_finite_where_maps_are_equal_or_empty():
    maps = torch.rand(3, 2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    maps[1] = 0
    student = maps.clone().requires_grad_()
    value = losses.attention_transfer(student, maps)
    value.backward()
    assert value == 0
    assert student.grad.isfinite().all()
    with pytest.raises(ValueError, match="no positions in common"):
        losses.attention_transfer(maps, maps[..., :3])
    with pytest.raises(ValueError, match="no positions in common"):
        losses.attention_transfer(torch.zeros(2, 3), torch.zeros(2, 3))


# --- relations


def reference_distance(student, teacher):
    """Pair by pair, as the paper writes it."""

    def relative(x):
        pairs = [(i, j) for i in range(len(x)) for j in range(len(x)) if i != j]
        lengths = np.array([np.linalg.norm(x[i] - x[j]) for i, j in pairs])
        return lengths / lengths[lengths > 0].mean()

    gaps = np.abs(relative(student) - relative(teacher))
    return np.where(gaps < 1, gaps**2 / 2, gaps - 0.5).mean()


def reference_angle(student, teacher):
    def unit(v):
        return v / np.linalg.norm(v)

    gaps, count = [], len(student)
    for i in range(count):
        for j in range(count):
            for k in range(count):
                if len({i, j, k}) == 3:
                    cosines = [unit(x[i] - x[j]) @ unit(x[k] - x[j]) for x in (student, teacher)]
                    gap = abs(cosines[0] - cosines[1])
                    gaps.append(gap**2 / 2 if gap < 1 else gap - 0.5)
    return np.mean(gaps)


def authors_relations(student, teacher):
    """The form of the authors' published code: means over all pairs and all triplets, roots of squares plus 1e-12."""

    def distances(x):
        squares = (x.pow(2).sum(1)[:, None] + x.pow(2).sum(1)[None] - 2 * x @ x.T).clamp(min=1e-12)
        roots = squares.sqrt() * (1 - torch.eye(len(x), dtype=x.dtype))
        return roots / roots[roots > 0].mean()

    def angles(x):
        directions = F.normalize(x[None] - x[:, None], dim=2)
        return torch.bmm(directions, directions.transpose(1, 2))

    return tuple(F.smooth_l1_loss(f(student), f(teacher)) for f in (distances, angles))


@pytest.mark.parametrize("seed", SEEDS)
def test_relations_are_their_formulas(seed):
    student, teacher = draw(seed, 7, 3), 3 * draw(seed + 10, 7, 5)
    distance, angle = losses.relational_distance(student, teacher), losses.relational_angle(student, teacher)
    assert distance.item() == pytest.approx(reference_distance(student.numpy(), teacher.numpy()), rel=1e-10)
    assert angle.item() == pytest.approx(reference_angle(student.numpy(), teacher.numpy()), rel=1e-10)
    theirs = authors_relations(student, teacher)
    torch.testing.assert_close(theirs[0], distance * 6 / 7)
    torch.testing.assert_close(theirs[1], angle * (6 * 5) / 49)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("relation", [losses.relational_distance, losses.relational_angle])
def test_relations_do_not_see_shift_scale_and_rotation(seed, relation):
    student, teacher = draw(seed, 9, 4).requires_grad_(), draw(seed + 10, 9, 6).requires_grad_()
    value = relation(student, teacher)
    moved = 2.5 * teacher @ random_rotation(seed + 20, 6) + draw(seed + 30, 6)
    torch.testing.assert_close(relation(student, moved), value)
    torch.testing.assert_close(relation(0.1 * student @ random_rotation(seed, 4) - 3, teacher), value)
    assert relation(4 * teacher.detach() + 1, teacher) < 1e-20
    value.backward()
    assert teacher.grad is None
    assert torch.autograd.gradcheck(lambda x: relation(x, teacher.detach()), student.detach().requires_grad_())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("relation", [losses.relational_distance, losses.relational_angle])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_relations_are_finite_and_moderate_on_equal_rows(seed, relation, dtype):
    student, teacher = draw(seed, 8, 4).to(dtype), draw(seed + 10, 8, 5).to(dtype)
    largest = torch.autograd.functional.jacobian(lambda x: relation(x, teacher), student).abs().max()
    student[3] = student[5]
    student[6] = student[5]
    teacher[1] = teacher[2]
    gradient = torch.autograd.functional.jacobian(lambda x: relation(x, teacher), student)
    assert relation(student, teacher).isfinite()
    assert gradient.isfinite().all()
    assert gradient.abs().max() < 100 * largest
    constant = torch.ones(4, 3, dtype=dtype)
    assert relation(constant, constant) == 0
    assert torch.autograd.functional.jacobian(lambda x: relation(x, draw(1, 4, 2).to(dtype)), constant).isfinite().all()


def test_relations_refuse_what_has_none():
    with pytest.raises(ValueError, match="N ≥ 2 examples"):
        losses.relational_distance(torch.zeros(1, 3), torch.zeros(1, 3))
    with pytest.raises(ValueError, match="N ≥ 3 examples"):
        losses.relational_angle(torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="same N"):
        losses.relational_distance(torch.zeros(4, 3), torch.zeros(5, 3))


# --- DistilBERT


@pytest.mark.parametrize("seed", SEEDS)
def test_hidden_cosine_leaves_padding_out(seed):
    student, teacher = draw(seed, 3, 5, 4).requires_grad_(), draw(seed + 10, 3, 5, 4).requires_grad_()
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]])
    value = losses.hidden_cosine(student, teacher, mask)
    each = [1 - F.cosine_similarity(student[i, j], teacher[i, j], dim=0) for i, j in mask.nonzero().tolist()]
    torch.testing.assert_close(value, torch.stack(each).mean())
    other = torch.where(mask[..., None] == 1, student, 7.0)
    torch.testing.assert_close(losses.hidden_cosine(other, teacher, mask), value)
    torch.testing.assert_close(losses.hidden_cosine(2 * student, teacher), losses.hidden_cosine(student, 3 * teacher))
    value.backward()
    assert teacher.grad is None
    # the term of DistilBERT's code: cosine embedding loss over the kept tokens
    rows = mask.flatten() == 1
    pairs = (student.flatten(0, 1)[rows], teacher.flatten(0, 1)[rows])
    torch.testing.assert_close(F.cosine_embedding_loss(*pairs, torch.ones(int(rows.sum()))), value)
    with pytest.raises(ValueError, match="as wide as their teacher"):
        losses.hidden_cosine(student, teacher[..., :2])


@pytest.mark.parametrize("seed", SEEDS)
def test_masked_language_modelling_counts_masked_tokens_only(seed):
    logits, words = draw(seed, 4, 6, 11), torch.randint(11, (4, 6), generator=torch.Generator().manual_seed(seed))
    hidden = draw(seed + 5, 4, 6) > 0.5
    labels = words.where(hidden, -100)
    value = losses.masked_language_modelling(logits, labels)
    each = [-F.log_softmax(logits[i, j], dim=0)[words[i, j]] for i, j in hidden.nonzero().tolist()]
    torch.testing.assert_close(value, torch.stack(each).mean())
    changed = torch.where(hidden[..., None], logits, 3.0)
    torch.testing.assert_close(losses.masked_language_modelling(changed, labels), value)
    assert losses.masked_language_modelling(logits, torch.full((4, 6), -100)) == 0
    with pytest.raises(ValueError, match="language-modelling head"):
        losses.masked_language_modelling(logits[:, 0], labels)


def test_masked_language_modelling_equals_transformers_own():
    from transformers import BertConfig, BertForMaskedLM

    with seeded(0):
        config = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
        model = BertForMaskedLM(BertConfig(vocab_size=30, **config)).eval()
    words = torch.randint(30, (3, 7), generator=torch.Generator().manual_seed(1))
    labels = words.where(torch.arange(7) % 3 == 0, -100)
    output = model(input_ids=words, attention_mask=torch.ones_like(words), labels=labels)
    torch.testing.assert_close(losses.masked_language_modelling(output.logits, labels), output.loss)


def test_distilbert_loss_has_three_terms_of_given_weights():
    teacher, student, task = tasks.tiny_bert(1), tasks.tiny_bert(2), tasks.texts()
    from tl_course.data import batches

    batch = next(iter(batches(task, student, batch_size=6)))
    student.eval()
    terms = losses.DistilBERTLoss(teacher)(student, batch)  # the paper's weights, unless told otherwise
    own, theirs = (model(**batch.inputs, output_hidden_states=True) for model in (student, teacher))
    expected = {
        "distillation": 5 * losses.soft_target_divergence(own.logits, theirs.logits, 2.0),
        "cross_entropy": 2 * F.cross_entropy(own.logits, batch.labels),
        "cosine": losses.hidden_cosine(own.hidden_states[-1], theirs.hidden_states[-1], batch.inputs["attention_mask"]),
    }
    assert list(terms) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value)
    with pytest.raises(ValueError, match="is for BERTs"):
        losses.DistilBERTLoss(tasks.mlp())
    with pytest.raises(ValueError, match="temperature=0"):
        losses.DistilBERTLoss(teacher, temperature=0)


def test_distilbert_loss_trains_a_student_of_fewer_layers():
    teacher, student = tasks.tiny_bert(1), tasks.tiny_bert(2)
    student.bert.encoder.layer = student.bert.encoder.layer[:1]
    before = state(teacher)
    run = fit(student, tasks.texts(), loss=losses.DistilBERTLoss(teacher), steps=3, batch_size=6, **QUIET)
    assert {"distillation", "cross_entropy", "cosine"} <= run.history[-1].keys()
    assert_same(teacher, before)


# --- on fit


def net(seed, hidden, classes=3):
    with seeded(seed):
        return nn.Sequential(nn.Linear(8, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, classes))


def make(name, teacher, cache=None, base=losses.cross_entropy):
    if name == "hints":
        with seeded(7):
            return losses.Hints(teacher, "2", "2", nn.Linear(5, 9), weight=0.1, cache=cache, base=base)
    if name == "relations":
        return losses.RelationalDistillation(teacher, cache=cache, base=base)
    return losses.Distillation(teacher, cache=cache)


@pytest.mark.parametrize("seed", SEEDS)
def test_relations_weigh_as_published_unless_told_otherwise(seed):
    teacher, student, task = net(seed, 9).eval(), net(seed + 10, 5), tasks.points(seed)
    batch = SimpleNamespace(inputs=task.train.inputs[:7], labels=task.train.labels[:7])
    student.eval()
    own, wanted = (model[:-1](batch.inputs).detach() for model in (student, teacher))
    for options, distance, angle in (({}, 25, 50), ({"distance": 3.0, "angle": 0.5}, 3, 0.5)):
        terms = losses.RelationalDistillation(teacher, **options)(student, batch)
        torch.testing.assert_close(terms["distance"], distance * losses.relational_distance(own, wanted))
        torch.testing.assert_close(terms["angle"], angle * losses.relational_angle(own, wanted))


@pytest.mark.parametrize("name", ["hints", "relations", "logits"])
def test_the_teacher_stays_as_it_is_and_the_student_learns(name):
    teacher, student, task = net(1, 9).eval(), net(2, 5), tasks.points()
    before, start = state(teacher), state(student)
    loss = make(name, teacher)
    fit(student, task, loss=loss, steps=6, batch_size=10, lr=0.01, **QUIET)
    assert_same(teacher, before)
    assert not any(module.training for module in teacher.modules())
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert not torch.equal(student[0].weight, start["0.weight"])
    assert not any(module._forward_hooks or module._forward_pre_hooks for each in (teacher, student) for module in each)


@pytest.mark.parametrize("name", ["hints", "relations", "logits"])
def test_a_teacher_in_train_mode_is_put_right_with_a_warning(name):
    teacher, student, task = net(1, 9).train(), net(2, 5), tasks.points()
    right, twin = copy.deepcopy(teacher).eval(), copy.deepcopy(student)
    with pytest.warns(UserWarning, match="teacher was in train mode"):
        loss = make(name, teacher)
    assert not any(module.training for module in teacher.modules())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(student, task, loss=loss, steps=4, batch_size=10, **QUIET)
        fit(twin, task, loss=make(name, right), steps=4, batch_size=10, **QUIET)
    assert_same(student, twin)


def test_the_regressor_is_trained_and_follows_its_formula():
    teacher, student, task = net(1, 9).eval(), net(2, 5), tasks.points()
    loss = make("hints", teacher)
    start = state(loss.regressor)
    batch = SimpleNamespace(inputs=task.train.inputs[:6], labels=task.train.labels[:6])
    student.eval()
    terms = loss(student, batch)
    expected = 0.1 * losses.hint(loss.regressor(student[:3](batch.inputs)), teacher[:3](batch.inputs))
    torch.testing.assert_close(terms["hint"], expected)
    fit(student, task, loss=loss, steps=4, batch_size=10, **QUIET)
    assert not torch.equal(loss.regressor.weight, start["weight"])


def test_attention_transfer_between_two_resnets():
    teacher, student, task = tasks.resnet(1), tasks.resnet(2), tasks.images()
    loss = losses.AttentionTransfer(teacher, {"layer2": "layer2", "layer4": "layer4"}, weight=2.0)
    student.eval()
    from tl_course.data import batches

    batch = next(iter(batches(task, student, batch_size=5)))

    def maps(model):
        second = model.layer2(model.layer1(model.relu(model.bn1(model.conv1(batch.inputs)))))
        return second, model.layer4(model.layer3(second))

    gaps = [losses.attention_transfer(a, b) for a, b in zip(maps(student), maps(teacher), strict=True)]
    torch.testing.assert_close(loss(student, batch)["attention"], 2 * sum(gaps))
    run = fit(student, task, loss=loss, steps=2, batch_size=10, **QUIET)
    assert "attention" in run.history[-1]


@pytest.mark.parametrize("name", ["hints", "relations", "logits"])
def test_cached_answers_are_the_teachers_and_are_asked_for_once(name):
    teacher, task, asked = net(1, 9).eval(), tasks.points(), []
    students = net(2, 5), net(2, 5)
    fit(students[0], task, loss=make(name, teacher), steps=12, batch_size=10, **QUIET)
    loss = make(name, teacher, cache=task)
    teacher.register_forward_hook(lambda *_: asked.append(1))
    fit(students[1], task, loss=loss, steps=12, batch_size=10, **QUIET)
    assert not asked
    for own, theirs in zip(students[0].parameters(), students[1].parameters(), strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-3, atol=1e-5)


def test_cached_answers_to_texts():
    teacher, student, task = tasks.tiny_bert(1), tasks.tiny_bert(2), tasks.texts()
    fit(student, task, loss=losses.Distillation(teacher, cache=task), steps=4, batch_size=5, **QUIET)
    with pytest.raises(ValueError, match="another length"):
        losses.Hints(teacher, "bert.encoder.layer.0", "bert.encoder.layer.0", nn.Identity(), cache=_long(tasks.texts()))


def _long(task):
    """A task of more texts than the teacher reads at once, so that batches differ in length."""
    from dataclasses import replace

    from tl_course.data import Split

    texts = ["good"] * 128 + ["a bad film"] * 5
    return replace(task, train=Split(texts, torch.zeros(133, dtype=torch.int64)))


def test_the_cache_refuses_what_changes_or_belongs_to_another_task():
    with pytest.raises(ValueError, match="augmented with flip"):
        losses.Distillation(tasks.resnet(1), cache=tasks.images(augment=("flip",)))
    task = tasks.images()
    for other, augment in ((task, ("flip",)), (task, ("crop",)), (tasks.images(seed=9), ()), (tasks.images(1, 40), ())):
        loss = losses.Distillation(tasks.resnet(1), cache=task)
        with pytest.raises(ValueError, match="not what the teacher's cached answers belong to"):
            fit(tasks.resnet(2), other, loss=loss, steps=1, batch_size=20, augment=augment, **QUIET)


@pytest.mark.parametrize("name", ["hints", "relations"])
def test_resume_is_exact(name, tmp_path):
    teacher, task, path = net(1, 9).eval(), tasks.points(), tmp_path / "run.pt"
    options = {"steps": 10, "batch_size": 10, "lr": 0.01, "log_every": 1, **QUIET}
    base = losses.L2SP(net(2, 5))
    whole, whole_loss = net(2, 5), make(name, teacher, base=base)
    fit(whole, task, loss=whole_loss, **options)
    with pytest.raises(RuntimeError, match="stopped"):
        fit(net(2, 5), task, loss=make(name, teacher, base=_StopsAt(5, base)), checkpoint=path, **options)
    again, again_loss = net(2, 5), make(name, teacher, base=base)
    fit(again, task, loss=again_loss, checkpoint=path, **options)
    assert_same(again, whole)
    for own, theirs in zip(again_loss.parameters(), whole_loss.parameters(), strict=True):
        assert torch.equal(own, theirs)


def test_a_base_that_runs_the_model_twice_is_refused():
    batch = SimpleNamespace(inputs=draw(0, 6, 8).float(), labels=torch.arange(6) % 3)
    loss = make("hints", net(1, 9).eval(), base=losses.TransferRisk([batch], 0.5))
    with pytest.raises(ValueError, match="it came 2 times"):
        loss(net(2, 5), batch)


class _StopsAt:
    def __init__(self, call, base):
        self.left, self.base = call, base

    def __call__(self, model, batch):
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("stopped")
        return self.base(model, batch)


def test_the_state_of_a_plain_base_is_kept():
    source = [SimpleNamespace(inputs=torch.zeros(2, 8), labels=torch.zeros(2).long()) for _ in range(3)]
    base = losses.TransferRisk(source, 0.5)
    base.load_state_dict({"drawn": 4})
    kept = losses.RelationalDistillation(net(1, 9).eval(), base=base).state_dict()
    other = losses.RelationalDistillation(net(1, 9).eval(), base=losses.TransferRisk(source, 0.5))
    other.load_state_dict(kept)
    assert other.base.state_dict() == {"drawn": 4}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: losses.Hints(t, "0", "9", nn.Identity()), "no module '9'"),
        (lambda t: losses.AttentionTransfer(t, {"0": "9"}), "no module '9'"),
        (lambda t: losses.AttentionTransfer(t, {}), "at least one pair"),
        (lambda t: losses.RelationalDistillation(t, teacher_layer="9"), "no module '9'"),
        (lambda t: losses.RelationalDistillation(t)(t, None), "very model that is trained"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call(net(1, 9).eval())
