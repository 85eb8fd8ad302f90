"""Lesson 12: its functions against the package, its record scripts and brute force, on other seeds than it shows."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from draws import seeds
from lesson_code import functions_of

from authoring.records.common import Cell, load
from tl_course.data import Split, Task
from tl_course.losses import relational_distance, soft_target_divergence

SEEDS = seeds(4)
digits, unseen = load("12_digits"), load("12_unseen")


@pytest.fixture(scope="module")
def lesson():
    return functions_of("12", MISSING=unseen.MISSING)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def made_up(seed=0):
    """A task of ten classes in pictures of 28×28, as rows: each class is bright in rows of its own."""

    def part(count, seed):
        labels = torch.arange(count) % 10
        inputs = 0.3 * torch.rand(count, 28, 28, generator=generator(seed))
        inputs[torch.arange(count)[:, None], 2 + 2 * labels[:, None] + torch.arange(2)] += 0.7
        return Split(inputs.flatten(1), labels)

    parts = dict(
        zip(("train", "validation", "test"), (part(80, seed), part(50, seed + 1), part(60, seed + 2)), strict=True)
    )
    return Task("toy", "Toy", "features", tuple("0123456789"), **parts, source="made up")


@pytest.fixture
def small(monkeypatch):
    """The record scripts on made-up pictures, with few steps."""
    for name, value in {
        "TEACHER_WIDTH": 32,
        "TEACHER_STEPS": 60,
        "COPIES": 2,
        "STUDENT_WIDTH": 16,
        "STUDENT_STEPS": 30,
    }.items():
        monkeypatch.setattr(digits, name, value)
    monkeypatch.setattr(digits, "RATE", 1e-2)
    monkeypatch.setattr(digits, "task_of", lambda seed: made_up(10 * seed))
    for function in (digits.teacher, unseen.student):
        function.cache_clear()
    yield
    for function in (digits.teacher, unseen.student):
        function.cache_clear()


# --- the pictures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_moved_pictures_are_the_pictures_moved(lesson, seed):
    part = Split(torch.rand(30, 784, generator=generator(seed)), torch.arange(30) % 10)
    kept = part.inputs.clone()
    padded = F.pad(part.inputs.view(-1, 28, 28), (2, 2, 2, 2))
    windows = torch.stack([padded[:, d : d + 28, r : r + 28].flatten(1) for d in range(5) for r in range(5)])
    copies = lesson["moved"](part, 20, generator(seed))
    found = (copies.inputs.view(20, 1, 30, 784) == windows).all(dim=3)
    assert (found.sum(dim=1) == 1).all()
    assert found.any(dim=(0, 2)).all(), "in 600 draws every one of the 25 moves comes"
    assert torch.equal(copies.labels, part.labels.repeat(20))
    assert torch.equal(part.inputs, kept)
    assert torch.equal(copies.inputs, digits.moved(part, 20, seed).inputs)


def test_flat_pictures_are_between_0_and_1(lesson):
    pixels = torch.randint(256, (5, 1, 28, 28), generator=generator(0), dtype=torch.uint8).expand(-1, 3, -1, -1)
    flat = lesson["flat"](Split(pixels, torch.arange(5)))
    assert flat.inputs.dtype == torch.float32
    assert torch.equal((flat.inputs * 255).round().to(torch.uint8), pixels[:, 0].flatten(1))
    assert torch.equal(flat.inputs, digits.flat(Split(pixels, torch.arange(5))).inputs)


def test_the_lessons_network_is_the_records(lesson):
    x = torch.rand(6, 784, generator=generator(0))
    one, other = lesson["network"](20, seed=3), digits.network(20, 3)
    torch.testing.assert_close(one.eval()(x), other.eval()(x))
    drops = [layer.p for layer in lesson["network"](20, 0, pixels=0.1, units=0.3) if hasattr(layer, "p")]
    assert drops == [0.1, 0.3, 0.3]


# --- the loss and its factor ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("temperature", [0.7, 1, 4, 30])
def test_the_divergence_by_hand_is_the_packages(lesson, seed, temperature):
    z, v = torch.randn(2, 16, 7, generator=generator(seed), dtype=torch.float64)
    by_hand = lesson["by_hand"](z, v, temperature)
    assert by_hand > 0
    assert temperature**2 * by_hand == pytest.approx(soft_target_divergence(z, v, temperature).item(), rel=1e-6)
    assert lesson["by_hand"](v + 3, v, temperature).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gradient_falls_with_the_square_and_the_factor_keeps_it(lesson, seed):
    z, v = 5 * torch.randn(2, 16, 7, generator=generator(seed), dtype=torch.float64)
    z.requires_grad_()

    def gradient(temperature, factor=1.0):
        return torch.autograd.grad(factor * lesson["by_hand"](z, v, temperature), z)[0]

    assert gradient(500).norm() / gradient(1000).norm() == pytest.approx(4, rel=0.02)
    centred = (z - z.mean(1, keepdim=True) - v + v.mean(1, keepdim=True)).detach()
    torch.testing.assert_close(gradient(1e4, 1e8), centred / z.numel(), rtol=1e-2, atol=1e-4)
    q, p = (v / 3).softmax(1), (z.detach() / 3).softmax(1)
    torch.testing.assert_close(gradient(3), (p - q) / 3 / len(z))


# --- the offset -------------------------------------------------------------------------------------------------------


def _answers(seed, count=60):
    z = 3 * torch.randn(count, 10, generator=generator(seed))
    labels = torch.where(torch.rand(count, generator=generator(seed + 1)) < 0.6, z.argmax(1), torch.arange(count) % 10)
    z[:, unseen.MISSING] -= 4
    return z, labels


@pytest.mark.parametrize("seed", SEEDS)
def test_no_other_offset_makes_fewer_errors(lesson, seed):
    z, labels = _answers(seed)
    found = lesson["by_labels"](z, labels)

    def errors(offset):
        return int((lesson["raised"](z, offset).argmax(1) != labels).sum())

    assert errors(found) == min(errors(offset) for offset in torch.arange(-10, 25, 0.01).tolist())
    assert found == unseen.by_labels(z, labels, unseen.MISSING)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_the_share_asked_for_is_the_share_called(lesson, seed, share):
    z, _ = _answers(seed, 400)
    offset = lesson["by_share"](z, share)
    called = (lesson["raised"](z, offset + 1e-5).argmax(1) == unseen.MISSING).float().mean()
    assert called == pytest.approx(share, abs=0.01)
    assert offset == unseen.by_share(z, unseen.MISSING, share)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_offset_makes_up_for_a_bias_and_for_nothing_else(lesson, seed):
    z, labels = _answers(seed)
    moved = lesson["raised"](z, -2.5)
    for choose in (lambda logits: lesson["by_labels"](logits, labels), lambda logits: lesson["by_share"](logits, 0.1)):
        assert choose(moved) == pytest.approx(choose(z) + 2.5, abs=1e-4)
        assert choose(z + torch.randn(len(z), 1)) == pytest.approx(choose(z), abs=1e-4)
    others = [place for place in range(10) if place != unseen.MISSING]
    assert torch.equal(moved[:, others], z[:, others])


# --- the record of the digits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_shuffled_answers_keep_the_answer_and_its_confidence_only(seed):
    v = torch.randn(3000, 10, generator=generator(seed)).sort(dim=1).values  # ascending: place tells rank
    shuffled = digits.dealt(v, seed)
    assert torch.equal(shuffled.argmax(1), v.argmax(1))
    torch.testing.assert_close(shuffled.sort(dim=1).values, v)
    assert torch.equal(shuffled, digits.dealt(v, seed))
    for place in range(9):  # wherever a lower logit ends, it came from all nine places equally often
        assert shuffled[:, place].mean().item() == pytest.approx(v[:, :9].mean().item(), abs=0.08)


@pytest.mark.integration
def test_every_cell_of_the_record_is_measured(small):
    values = {cell[1:3]: digits.measure(cell) for cell in digits.CELLS if cell.seed == 0}
    assert len(values) == 10
    assert all(0 <= value <= 1 and seconds > 0 for value, seconds in values.values())
    assert values["teacher", "moved"][0] < 0.5  # it learns at all


def test_only_training_pictures_are_moved(small):
    plain, moved = (digits.task_with(pictures, 0) for pictures in ("plain", "moved"))
    assert len(moved.train) == digits.COPIES * len(plain.train)
    assert torch.equal(plain.test.inputs, moved.test.inputs)


@pytest.mark.daily(1)
@pytest.mark.parametrize("method", ["distilled", "dealt"])
def test_a_distilled_student_reads_no_label(small, method):
    task = digits.task_of(0)
    poisoned = dataclasses.replace(task, train=Split(task.train.inputs, torch.zeros_like(task.train.labels)))
    one, other = (
        digits.student(each, 0, loss=digits.loss_of(method, each, 0, 4.0)).logits() for each in (task, poisoned)
    )
    assert torch.equal(one, other)


def test_all_students_start_alike_and_learn_from_something_else(small):
    task = digits.task_of(0)
    runs = [
        digits.student(task, 0, loss=digits.loss_of(method, task, 0, 4.0)).logits()
        for method in ("student", "smoothed", "distilled", "dealt")
    ]
    assert torch.equal(runs[0], digits.student(task, 0).logits())
    for place, one in enumerate(runs):
        assert all(not torch.equal(one, other) for other in runs[:place])


def test_smoothed_labels_give_a_tenth_to_all_classes_alike():
    batch = Split(torch.randn(8, 784, generator=generator(0)), torch.arange(8))
    model = digits.network(12, 0)
    target = 0.9 * F.one_hot(batch.labels, 10) + 0.01
    expected = -(target * model(batch.inputs).log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(digits.smoothed(model, batch)["cross_entropy"], expected)


# --- the record of the unseen digit -----------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [0, 3, 9])
def test_the_missing_digit_is_gone_from_training_alone(missing):
    task = made_up()
    rest = unseen.without(task, missing)
    assert (rest.train.labels == missing).sum() == 0
    assert len(rest.train) == (task.train.labels != missing).sum()
    assert rest.test is task.test
    assert rest.validation is task.validation


@pytest.mark.parametrize("target", ["distilled", "labels", "shuffled"])
def test_measures_of_the_unseen_digit_agree(small, target):
    run = unseen.student(target, 0)
    found = {
        (way, what): unseen.measure(Cell(target, way, what, 0))
        for way in unseen.CHOICES
        for what in ("errors", "threes", "offset")
    }
    assert found["before", "offset"] == 0
    assert found["before", "errors"] == pytest.approx(1 - run.evaluate("test").value, abs=1e-6)
    held, labels = run.logits("validation"), run.task.validation.labels
    best = (unseen.raised(held, 3, found["by_labels", "offset"]).argmax(1) != labels).sum()
    for way in unseen.CHOICES:
        assert best <= (unseen.raised(held, 3, found[way, "offset"]).argmax(1) != labels).sum()
        assert 0 <= found[way, "threes"] <= 1
    for one in unseen.CHOICES:  # a larger offset never loses a 3
        for other in unseen.CHOICES:
            if found[one, "offset"] >= found[other, "offset"]:
                assert found[one, "threes"] >= found[other, "threes"]


# --- before the answer ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_distances_by_hand_are_those_of_relational_distillation(lesson, seed):
    lesson["batch"] = SimpleNamespace(inputs=torch.rand(12, 784, generator=generator(seed)))
    student, teacher = digits.network(8, seed), digits.network(20, seed + 1)
    with torch.no_grad():
        by_hand = F.smooth_l1_loss(lesson["relative"](student), lesson["relative"](teacher))
        found = relational_distance(*(net[:5](lesson["batch"].inputs) for net in (student, teacher)))
    torch.testing.assert_close(by_hand, found)


def test_a_shortened_bert_has_the_layers_asked_for_and_shares_nothing(lesson):
    from transformers import BertConfig, BertForSequenceClassification

    sizes = {"vocab_size": 30, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16}
    long = BertForSequenceClassification(BertConfig(num_hidden_layers=6, **sizes)).eval()
    short = lesson["shortened"](long, (2, 5))
    assert (len(long.bert.encoder.layer), len(short.bert.encoder.layer), short.config.num_hidden_layers) == (6, 2, 2)
    kept = {key.replace("layer.2.", "layer.0.").replace("layer.5.", "layer.1.") for key in long.state_dict()}
    for key, value in short.state_dict().items():
        assert key in kept
        source = key.replace("layer.1.", "layer.5.").replace("layer.0.", "layer.2.")
        assert torch.equal(value, long.state_dict()[source])
        assert value.data_ptr() != long.state_dict()[source].data_ptr()
    tokens = torch.tensor([[1, 5, 2]])
    h = long.bert.embeddings(tokens)
    for place in (2, 5):
        h = long.bert.encoder.layer[place](h)
        h = h[0] if isinstance(h, tuple) else h
    torch.testing.assert_close(short.bert(tokens).last_hidden_state, h)
