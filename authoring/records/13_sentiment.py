"""Record 13_sentiment: weighing the source between four domains of sentiment, on the features of a frozen BERT.

Each text is the mean of the last hidden states of the profile's BERT, on mini MiniLM's 384 numbers; on these a logistic
regression tells positive from negative. Source and target have 600 texts each, half of them positive, so that only the
texts differ and not the shares of the classes. ``value`` is the balanced accuracy (the mean of the two recalls) on 500
test texts of the target, from documents that nothing is trained on. ``setting`` is a pair of domains, or ``all``: the
mean over the twelve pairs.

Without target labels: ``source_only``; ``density_ratio`` (domains told apart by logistic regression, and the texts
weighed that it learned from); ``cross_fitted`` (each weighed by one of five classifiers that did not see it, though
perhaps other sentences of its document); ``clipped`` and ``tempered`` (the cross-fitted ratio, none above 10, and its
square root); ``cautious`` and ``cautious_cross_fitted`` (ratios of a classifier with a regulariser a hundred times as
strong); ``kmm`` (Gaussian kernel of median width, no weight above 10); ``selection`` (the half most like the target).
Their controls: ``shuffled`` and ``cautious_shuffled``, the weights of ``density_ratio`` and ``cautious_cross_fitted``
in random order, and ``random_half``. ``setting`` "ess": the effective sample size as a part of the 600, mean over the
pairs.

With target labels, their number in the setting ("all, 20"): ``target_only``; ``pooled``, source and target labels
together, all alike; ``tradaboost``, 20 rounds of logistic regression ("share, 20": the part of the weight that lies on
the target's examples after the last round, mean over the pairs). ``joint`` learns from all labels of both; "all"
is its balanced accuracy on the target, "all, source" on the source.
"""

from functools import cache
from itertools import permutations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

import tl_course as tl
from authoring.records.common import Cell, fixed, network, product
from tl_course.adaptation import (
    DensityRatio,
    KernelMeanMatching,
    SourceSelection,
    TrAdaBoost,
    effective_sample_size,
)

PROFILES = ("mini", "cpu", "gpu")
DOMAINS = ("movies", "tweets", "products", "editorials")
PAIRS = {f"{source} to {target}": (source, target) for source, target in permutations(DOMAINS, 2)}
POOL, COUNT, TEST = fixed(800), fixed(600), fixed(500)  # what is compared is the same in every profile
RATIOS = ("density_ratio", "cross_fitted", "clipped", "tempered", "cautious", "cautious_cross_fitted")
CELLS = [
    *product(["sentiment"], ["source_only", *RATIOS, "selection", "kmm"], [*PAIRS, "all"], range(5)),
    *product(["sentiment"], ["shuffled", "cautious_shuffled", "random_half", "joint"], ["all"], range(5)),
    *product(["sentiment"], ["target_only", "pooled", "tradaboost"], ["all, 20", "all, 100"], range(5)),
    *product(["sentiment"], ["target_only"], ["all, 600"], range(5)),
    *product(["sentiment"], ["joint"], ["all, source"], range(5)),
    *product(["sentiment"], [*RATIOS, "kmm"], ["ess"], range(5)),
    *product(["sentiment"], ["tradaboost"], ["share, 20", "share, 100"], range(5)),
]
CHEAP = False


@cache
def embedded(domain: str) -> tl.data.Task:
    """All texts of a domain that any seed may draw, as features."""
    task = tl.data.load("sentiment", domain=domain, train_per_class=POOL, validation=0.0, test=TEST)
    bert = network(tl.environment.current().text, weights="pretrained")
    return tl.data.features(bert, task, pooling="mean")


@cache
def drawn(domain: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """600 features and classes; the classes take turns, so that the first few are half and half, too."""
    pool = embedded(domain).train
    rng = np.random.default_rng([seed, DOMAINS.index(domain)])
    labels = pool.labels.numpy()
    sides = [rng.permutation(np.flatnonzero(labels == side))[: COUNT // 2] for side in (0, 1)]
    chosen = np.stack(sides, axis=1).ravel()
    return pool.inputs.numpy()[chosen].astype(float), labels[chosen]


def classifier() -> LogisticRegression:
    """The classifier of every method."""
    return LogisticRegression(max_iter=1000)


def score(model, domain: str) -> float:
    """Balanced accuracy on the test texts of a domain."""
    test = embedded(domain).test
    return balanced_accuracy_score(test.labels, model.predict(test.inputs.numpy().astype(float)))


def mean_one(w: np.ndarray) -> np.ndarray:
    """Weights with a mean of one."""
    return w / w.mean()


@cache
def weights(method: str, source: str, target: str, seed: int) -> np.ndarray:
    """One weight for each of the 600 source texts."""
    inputs, others, rng = drawn(source, seed)[0], drawn(target, seed)[0], np.random.default_rng(seed)
    strict = LogisticRegression(C=0.01, max_iter=1000)
    return {
        "source_only": lambda: np.ones(COUNT),
        "density_ratio": lambda: DensityRatio(classifier()).fit(inputs, others).weights_,
        "cross_fitted": lambda: DensityRatio(classifier(), folds=5).fit(inputs, others).weights_,
        "clipped": lambda: DensityRatio(classifier(), folds=5, limit=10.0).fit(inputs, others).weights_,
        "tempered": lambda: mean_one(np.sqrt(weights("cross_fitted", source, target, seed))),
        "cautious": lambda: DensityRatio(strict).fit(inputs, others).weights_,
        "cautious_cross_fitted": lambda: DensityRatio(strict, folds=5).fit(inputs, others).weights_,
        "kmm": lambda: KernelMeanMatching(limit=10.0).fit(inputs, others).weights_,
        "selection": lambda: SourceSelection(share=0.5).fit(inputs, others).weights_,
        "shuffled": lambda: rng.permutation(weights("density_ratio", source, target, seed)),
        "cautious_shuffled": lambda: rng.permutation(weights("cautious_cross_fitted", source, target, seed)),
        "random_half": lambda: rng.permutation(np.repeat([0.0, 2.0], COUNT // 2)),
    }[method]()


@cache
def trained(method: str, source: str, target: str, labels: int, seed: int):
    """The classifier of a method that is given so many target labels."""
    (x, y), (target_x, target_y) = drawn(source, seed), (part[:labels] for part in drawn(target, seed))
    if method == "target_only":
        return classifier().fit(target_x, target_y)
    if method == "tradaboost":
        return TrAdaBoost(classifier(), rounds=20).fit(target_x, target_y, X_source=x, y_source=y)
    if method in ("pooled", "joint"):
        return classifier().fit(np.concatenate([x, target_x]), np.concatenate([y, target_y]))
    return classifier().fit(x, y, sample_weight=weights(method, source, target, seed))


@cache
def of_pair(method: str, setting: str, source: str, target: str, seed: int) -> float:
    """The value of one pair."""
    if setting == "ess":
        return effective_sample_size(weights(method, source, target, seed)) / COUNT
    if setting.startswith("share"):
        labels = int(setting.removeprefix("share, "))
        return trained(method, source, target, labels, seed).target_weights_.sum() / (COUNT + labels)
    labels = int(setting) if setting.isdigit() else COUNT if method == "joint" else 0
    return score(trained(method, source, target, labels, seed), source if setting == "source" else target)


def measure(cell: Cell) -> float:
    """The value of one pair, or the mean over all."""
    if cell.setting in PAIRS:
        return of_pair(cell.method, "", *PAIRS[cell.setting], cell.seed)
    setting = cell.setting.removeprefix("all").removeprefix(", ")
    return float(np.mean([of_pair(cell.method, setting, *pair, cell.seed) for pair in PAIRS.values()]))
