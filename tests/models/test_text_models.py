"""BERT behind the course's verbs, and a BERT with only its head trained, built right."""

import copy
import dataclasses

import pytest
import tasks
import torch
import torch.nn.functional as F
from draws import seeds
from tasks import assert_same, state
from torch import nn

from tl_course import data, losses, models, training
from tl_course.data.task import Split, Task
from tl_course.models.heads import seeded
from tl_course.models.zoo import ModelSpec, architecture, equip
from tl_course.training import fit

SEEDS = seeds(3)
QUIET = {"progress": False, "batch_size": 4}
GROUPS = ["embeddings", "layer.0", "layer.1", "layer.2", "pooler", "classifier"]


def bert(seed: int = 0, dropout: float = 0.1, classes: int = 2) -> nn.Module:
    """Three layers with random weights, and the tokenizer of `tasks.texts`."""
    from transformers import BertConfig

    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(
        vocab_size=9, **sizes, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout
    ).to_dict()
    with seeded(seed):
        model = architecture("bert", classes, config)
    return equip(model, "bert", None, tasks.tiny_bert().preprocess)


def moved(model: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    """Groups of layers in which something is not what it was."""
    prefixes = {id(p): name for name, parts in models.layer_groups(model) for m in parts for p in m.parameters()}
    return {prefixes[id(p)] for name, p in model.named_parameters() if not torch.equal(p, before[name])}


def one_batch(model: nn.Module, task: Task) -> data.Batch:
    return next(iter(data.batches(task, model, batch_size=len(task.train))))


# --- freezing -----------------------------------------------------------------------------------------------------


@pytest.mark.daily(3)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("choice", "learns"),
    [
        ({"parts": ["embeddings"]}, GROUPS[1:]),
        ({"until": "embeddings"}, GROUPS[1:]),
        ({"until": "layer.0"}, GROUPS[2:]),
        ({"until": "layer.2"}, GROUPS[4:]),
        ({"until": "pooler"}, GROUPS[5:]),
        ({"except_head": True}, GROUPS[5:]),
        ({"parts": ["layer.1"]}, [*GROUPS[:2], *GROUPS[3:]]),
    ],
    ids=str,
)
def test_what_is_frozen_stays_and_all_else_learns(choice, learns, seed):
    model = bert(seed)
    report, before = models.freeze(model, **choice), state(model)
    fit(model, tasks.texts(seed), steps=3, lr=1e-3, **QUIET)
    assert report.check(model)
    assert moved(model, before) == set(learns)
    by_group = {
        name: sum(p.numel() for m in parts for p in m.parameters()) for name, parts in models.layer_groups(model)
    }
    assert report.trainable == sum(by_group[name] for name in learns)


def test_groups_go_from_the_embeddings_to_the_head():
    assert [name for name, _ in models.layer_groups(bert())] == GROUPS


@pytest.mark.parametrize("seed", SEEDS)
def test_layers_learn_at_rates_that_fall_towards_the_embeddings(seed):
    model = bert(seed)
    groups = training.parameter_groups(model, lr=1e-4, head_lr=1e-3, layer_decay=0.5)
    expected = [1e-4 * 0.5**place for place in range(5, 0, -1)] + [1e-3]
    assert [group["name"] for group in groups] == GROUPS
    assert [group["lr"] for group in groups] == pytest.approx(expected)
    # Adam's first step has the size of the rate, whatever the gradient: what fit really did can be read off.
    before = state(model)
    options = {"lr": 1e-4, "head_lr": 1e-3, "layer_decay": 0.5, "weight_decay": 0.0, "schedule": "constant"}
    fit(model, tasks.texts(seed), steps=1, **options, **QUIET)
    named = dict(model.named_parameters())
    for (_, modules), rate in zip(models.layer_groups(model), expected, strict=True):
        names = [name for name, p in named.items() if any(p is q for m in modules for q in m.parameters())]
        largest = max((named[name] - before[name]).abs().max().item() for name in names)
        assert largest == pytest.approx(rate, rel=0.02)


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("seed", SEEDS)
def test_gradual_unfreezing_wakes_one_group_after_the_other(seed):
    model = bert(seed)
    schedule = training.gradual(model, every=2)
    assert list(schedule.values()) == [(name,) for name in reversed(GROUPS[:-1])]
    for steps in range(1, 12):
        learner = copy.deepcopy(model)
        before = state(learner)
        later = {step: names for step, names in schedule.items() if step < steps}
        models.freeze(learner, except_head=True)
        fit(learner, tasks.texts(seed), steps=steps, lr=1e-3, schedule="constant", unfreeze=later, **QUIET)
        assert moved(learner, before) == set(GROUPS[5 - (steps - 1) // 2 :])


# --- features -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_head_on_cls_features_equals_the_head_behind_the_frozen_bert(seed):
    task, model = tasks.texts(seed), bert(seed)
    models.freeze(model, except_head=True)
    head = copy.deepcopy(models.head_of(model)[1])
    # Without buckets the features have no lengths to be ordered by, and the orders agree.
    one_length = dataclasses.replace(task, train=Split(["good bad film"] * 3 + ["a film good"] * 9, task.train.labels))
    settings = {"steps": 6, "lr": 1e-2, "seed": seed, "schedule": "constant", "batch_size": 12, "progress": False}
    whole = fit(model, one_length, **settings)
    alone = fit(head, data.features(model, one_length, pooling="cls"), **settings)
    torch.testing.assert_close(head.weight, models.head_of(model)[1].weight, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(alone.logits("test"), whole.logits("test"), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_an_embedding_does_not_depend_on_the_company(pooling):
    model = bert()
    alone = models.embed(model, model.preprocess(["good film"]), pooling=pooling)
    beside = models.embed(model, model.preprocess(["good film", "a bad film a bad film"]), pooling=pooling)
    torch.testing.assert_close(alone[0], beside[0], rtol=1e-4, atol=1e-6)


# --- a BERT with only its head trained: three faults of source text 002, and how the verbs avoid them -----------------


def test_freezing_all_and_waking_the_module_leaves_nothing_to_train():
    model, task = bert(), tasks.texts()
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.classifier.requires_grad = True  # an attribute of the module: no parameter hears of it
    assert models.count_parameters(model).trainable == 0
    with pytest.raises(RuntimeError, match="does not require grad"):
        losses.cross_entropy(model, one_batch(model, task))["cross_entropy"].backward()
    with pytest.raises(ValueError, match="nothing is trainable"):
        fit(model, task, steps=1, **QUIET)


def test_the_same_mistake_is_silent_where_another_layer_learns():
    model, task = bert(), tasks.texts()
    model.requires_grad_(False)
    model.base_model.encoder.layer[2].requires_grad_(True)
    model.classifier.requires_grad = True
    before, head = state(model), models.head_of(model)[1].weight.clone()
    fit(model, task, steps=3, lr=1e-3, **QUIET)
    assert moved(model, before) == {"layer.2"}
    assert torch.equal(models.head_of(model)[1].weight, head)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_a_new_head_on_a_frozen_bert_is_all_that_learns(classes):
    model = bert()
    models.replace_head(model, classes)
    report = models.freeze(model, except_head=True)
    assert report.trainable == models.count_parameters(model).trainable == 16 * classes + classes
    before = state(model)
    fit(model, tasks.texts(), steps=3, lr=1e-3, **QUIET)
    assert moved(model, before) == {"classifier"}


def test_a_head_replaced_after_freezing_learns_as_well():
    model = bert()
    models.freeze(model, except_head=True)
    models.replace_head(model, 3)
    assert models.count_parameters(model).trainable == 16 * 3 + 3


def test_a_class_count_set_on_the_model_alone_is_gone_when_it_is_loaded(tmp_path):
    from transformers import AutoModelForSequenceClassification

    model = bert()
    model.classifier, model.num_labels = nn.Linear(16, 3), 3  # the configuration still says 2
    model.save_pretrained(tmp_path)
    with pytest.raises(RuntimeError, match=r"(?i)mismatch|size"):
        AutoModelForSequenceClassification.from_pretrained(tmp_path)


@pytest.mark.parametrize("classes", [3, 5])
def test_a_replaced_head_is_there_when_the_model_is_loaded(classes, tmp_path):
    from transformers import AutoModelForSequenceClassification

    model = bert()
    models.replace_head(model, classes, seed=4)
    batch = one_batch(model, tasks.texts())
    expected = models.logits(model, batch.inputs)
    model.save_pretrained(tmp_path / "theirs")
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path / "theirs")
    ours = models.load(models.save(model, tmp_path / "ours"))
    for loaded in (theirs.eval(), ours):
        assert (loaded.config.num_labels, models.head_of(loaded)[1].out_features) == (classes, classes)
        assert torch.equal(models.logits(loaded, batch.inputs), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_head_needs_a_larger_rate_than_a_whole_bert(seed):
    """Adam's step is about as large as its rate: after n steps at 2e-5 no weight is further away than about n·2e-5."""
    start, task, steps = bert(seed), tasks.texts(seed), 20
    models.freeze(start, except_head=True)
    way = {}
    for rate in (2e-5, 1e-3):
        model = copy.deepcopy(start)
        fit(model, task, steps=steps, lr=rate, schedule="constant", weight_decay=0.0, **QUIET)
        change = models.head_of(model)[1].weight - models.head_of(start)[1].weight
        way[rate] = change.abs().mean().item()
        assert 0 < change.abs().max() <= 1.2 * steps * rate
    assert way[1e-3] > 20 * way[2e-5]
    assert way[2e-5] < 0.02 * models.head_of(start)[1].weight.std().item() < way[1e-3] * 4


# --- three ways to train, one result ----------------------------------------------------------------------------------


def ordered_batches(model: nn.Module, task: Task, steps: int, **options) -> list[data.Batch]:
    loader, found = data.batches(task, model, **options), []
    while len(found) < steps:
        found += list(loader)
    return found[:steps]


def plain_loop(model: nn.Module, batches: list[data.Batch], lr: float) -> list[float]:
    """The loop that lesson 09 writes in the open."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.0)
    model.train()
    seen = []
    for batch in batches:
        logits = model(**batch.inputs).logits
        loss = F.cross_entropy(logits, batch.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    model.eval()
    return seen


def trainer_loop(model: nn.Module, batches: list[data.Batch], lr: float, folder) -> list[float]:
    """Hugging Face's Trainer, given the same batches in the same order."""
    from transformers import Trainer, TrainingArguments

    seen = []

    class InOrder(Trainer):
        def get_train_dataloader(self):
            examples = [{**batch.inputs, "labels": batch.labels} for batch in batches]
            return torch.utils.data.DataLoader(examples, batch_size=None)

        def compute_loss(self, *args, **kwargs):
            loss = super().compute_loss(*args, **kwargs)
            seen.append((loss[0] if isinstance(loss, tuple) else loss).item())
            return loss

    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=len(batches),
        learning_rate=lr,
        lr_scheduler_type="constant",
        optim="adamw_torch",
        weight_decay=0.0,
        max_grad_norm=0.0,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
    )
    InOrder(model=model, args=arguments, train_dataset=range(len(batches))).train()
    model.eval()
    return seen


def trained_by_fit(model: nn.Module, task: Task, steps: int, lr: float, **options) -> list[float]:
    seen = []

    def watched(model, batch):
        terms = losses.cross_entropy(model, batch)
        seen.append(terms["cross_entropy"].item())
        return terms

    fit(model, task, loss=watched, steps=steps, lr=lr, schedule="constant", weight_decay=0.0, progress=False, **options)
    return seen


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("seed", SEEDS)
def test_plain_loop_fit_and_trainer_see_the_same_losses(seed, tmp_path):
    task, start, steps, lr = tasks.texts(seed), bert(seed, dropout=0.0), 8, 1e-3
    first, second, third = (copy.deepcopy(start) for _ in range(3))
    for model in (first, second, third):
        model.embed = None  # a copy's embed would still be the first model's
    batches = ordered_batches(start, task, steps, batch_size=5, seed=seed)
    plain = plain_loop(first, batches, lr)
    ours = trained_by_fit(second, task, steps, lr, batch_size=5, seed=seed)
    theirs = trainer_loop(third, batches, lr, tmp_path)
    assert len(plain) == len(ours) == len(theirs) == steps
    assert ours == pytest.approx(plain, rel=1e-5)
    assert theirs == pytest.approx(plain, rel=1e-5)
    for name, tensor in first.named_parameters():
        for other in (second, third):
            torch.testing.assert_close(other.get_parameter(name), tensor, rtol=1e-3, atol=1e-5, msg=name)


# --- the real one -------------------------------------------------------------------------------------------------


@pytest.mark.assets
def test_minilm_is_frozen_up_to_a_layer_and_has_one_group_for_each():
    model = models.create("minilm", weights="pretrained")
    assert [name for name, _ in models.layer_groups(model)] == [
        "embeddings", *(f"layer.{i}" for i in range(6)), "pooler", "classifier",
    ]  # fmt: skip
    assert models.freeze(model, except_head=True).trainable == 384 * 2 + 2
    models.unfreeze(model)
    report = models.freeze(model, until="layer.3")
    names = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {name.split(".")[3] for name in names if "encoder.layer" in name} == {"4", "5"}
    assert not any("embeddings" in name for name in names)
    assert report.check(model)


@pytest.mark.full
@pytest.mark.assets
def test_minilm_trains_alike_in_the_open_in_fit_and_in_trainer(tmp_path):
    task = data.load("sentiment", domain="movies", train_per_class=10, test=20)
    start, steps, lr = models.create("minilm", weights="pretrained"), 3, 5e-5
    for part in start.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
        elif hasattr(part, "dropout_prob"):
            part.dropout_prob = 0.0
    first, second, third = (copy.deepcopy(start) for _ in range(3))
    batches = ordered_batches(start, task, steps, batch_size=8)
    plain = plain_loop(first, batches, lr)
    assert trained_by_fit(second, task, steps, lr, batch_size=8) == pytest.approx(plain, rel=1e-4)
    assert trainer_loop(third, batches, lr, tmp_path) == pytest.approx(plain, rel=1e-4)


@pytest.mark.integration
@pytest.mark.assets
def test_the_head_of_a_frozen_minilm_learns_and_nothing_else():
    task = data.load("sentiment", domain="movies", train_per_class=10, test=20)
    model = models.create("minilm", weights="pretrained")
    report, before = models.freeze(model, except_head=True), state(model)
    fit(model, task, steps=2, lr=1e-3, batch_size=8, progress=False)
    assert report.check(model)
    assert moved(model, before) == {"classifier"}
    assert_same({n: t for n, t in state(model).items() if "classifier" not in n},
                {n: t for n, t in before.items() if "classifier" not in n})  # fmt: skip


def test_the_spec_follows_a_replaced_head():
    model = bert()
    models.replace_head(model, 4)
    assert model.spec == ModelSpec("bert", None, 16, 4)
