"""Record 10_matrix: train on one domain of sentiment, or on three, and test on each of the four.

``value`` is the weighted F1 under the metric of Hutto and Gilbert (2014): the true class is the sign of the mean
rating, so that the few texts rated exactly 0 are neutral, and nothing that is trained here ever answers neutral.
``setting`` is the domain of the test texts, all from documents that no training text comes from. ``method`` says
what was learned from:

* a domain's name: the profile's BERT, on mini MiniLM, fine-tuned on 1,000 labels of that domain, 500 of each sign;
* ``three_others``: on equally many labels in all, drawn from the three domains that are not tested;
* ``three_others_then_100``: the same, fine-tuned further on 100 labels of the domain tested;
* ``100_labels``: that BERT fine-tuned on these 100 labels alone;
* ``vader``: the lexicon at the paper's thresholds of ±0.05 on the same texts (no seed matters).

The numbers of labels are what is compared, and the same in every profile.
"""

import copy
from dataclasses import replace
from functools import cache

import torch
from torch import nn

import tl_course as tl
from authoring.records.common import Cell, network, product
from tl_course import environment
from tl_course.data import Split, Task

env = tl.environment.current()
PROFILES = ("mini", "cpu", "gpu")
DOMAINS = ("movies", "tweets", "products", "editorials")
LABELS, FEW = 1000, 100
STEPS, FEW_STEPS, BATCH, RATE = env.steps(112), env.steps(40), 16, 1e-4
NEGATIVE, POSITIVE = 0, 2

CELLS = product(
    ["sentiment"], [*DOMAINS, "three_others", "three_others_then_100", "100_labels", "vader"], DOMAINS, range(3)
)
CHEAP = False


@cache
def whole(domain: str) -> Task:
    """All texts of a domain with the paper's true classes, split by document."""
    options = {"three_class": True, "neutral_up_to": 0.0, "validation": 0.1, "test": env.examples(None)}
    return tl.data.load("sentiment", domain=domain, **options)


def drawn(split: Split, count: int, seed: int) -> Split:
    """``count`` labels of a split, half negative and half positive."""
    generator = environment.generator(seed)
    chosen = []
    for label in (NEGATIVE, POSITIVE):
        where = (split.labels == label).nonzero().flatten()
        chosen.append(where[torch.randperm(len(where), generator=generator)[: count // 2]])
    return split.subset(torch.cat(chosen))


def task_of(domains: tuple[str, ...], labels: int, seed: int) -> Task:
    """So many labels in all, equally from each domain, a tenth of them for validation."""
    tasks = [whole(domain) for domain in domains]
    each = labels // len(domains)
    parts = {
        part: joined([drawn(getattr(task, part), int(each * share), seed) for task in tasks])
        for part, share in (("train", 0.9), ("validation", 0.1))
    }
    return replace(tasks[0], **parts)


def joined(splits: list[Split]) -> Split:
    """Several splits as one, without their document numbers, which would clash."""
    return Split([text for split in splits for text in split.inputs], torch.cat([split.labels for split in splits]))


def fitted(model: nn.Module, task: Task, steps: int, seed: int) -> nn.Module:
    """Fine-tune all layers."""
    tl.training.fit(
        model,
        task,
        steps=steps,
        batch_size=BATCH,
        lr=RATE,
        schedule="linear",
        warmup=0.1,
        evaluate_every=steps,
        seed=seed,
        progress=False,
    )
    return model


def fresh(seed: int) -> nn.Module:
    """The profile's BERT with a new head for three classes."""
    return network(env.text, weights="pretrained", num_classes=3, seed=seed)


@cache
def trained_on(domains: tuple[str, ...], labels: int, steps: int, seed: int) -> nn.Module:
    """A network fine-tuned on some domains; kept, since several cells ask for it."""
    return fitted(fresh(seed), task_of(domains, labels, seed), steps, seed)


def taught(method: str, domain: str, seed: int) -> nn.Module:
    """The network of a cell."""
    others = tuple(other for other in DOMAINS if other != domain)
    if method == "three_others":
        return trained_on(others, LABELS - LABELS % 3, STEPS, seed)
    if method == "three_others_then_100":
        start = copy.deepcopy(trained_on(others, LABELS - LABELS % 3, STEPS, seed))
        return fitted(start, task_of((domain,), FEW, seed), FEW_STEPS, seed)
    if method == "100_labels":
        return fitted(fresh(seed), task_of((domain,), FEW, seed), FEW_STEPS, seed)
    return trained_on((method,), LABELS, STEPS, seed)


def vader(texts: list[str]) -> torch.Tensor:
    """0, 1, 2 for negative, neutral, positive by the compound score, as published."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    score = SentimentIntensityAnalyzer().polarity_scores
    compound = torch.tensor([score(text)["compound"] for text in texts])
    return 1 + (compound >= 0.05).long() - (compound <= -0.05).long()


def predictions(model: nn.Module, test: Split) -> torch.Tensor:
    """The most likely class of each text."""
    task = replace(whole(DOMAINS[0]), test=test)
    loader = tl.data.batches(task, model, "test", batch_size=64)
    said = torch.empty(len(test), dtype=torch.long)
    with torch.no_grad():
        for batch in loader:
            said[batch.index.cpu()] = tl.models.logits(model, batch.inputs).argmax(1).cpu()
    return said


def measure(cell: Cell) -> float:
    """Weighted F1 on the test texts of a domain."""
    from sklearn.metrics import f1_score

    test = whole(cell.setting).test
    if cell.method == "vader":
        said = vader(test.inputs)
    else:
        said = predictions(taught(cell.method, cell.setting, cell.seed), test)
    return float(f1_score(test.labels, said, average="weighted", zero_division=0))
