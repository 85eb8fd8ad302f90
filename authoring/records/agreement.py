"""``python -m authoring.records.agreement``: the same network, labels and target in several records, side by side.

Two lessons that show the same thing must show the same value, or say what was done differently. Here is the one place
that knows: :func:`runs` gives for each such cell of a record how it was trained, :data:`WHY` why a record goes its own
way. :func:`pairs` compares them, on the mini profile. Where two cells were trained alike, the 95% interval of their
difference must hold zero; where it does not, they must differ in conditions, and both records must have their reason
here.
"""

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

from authoring.records.common import load
from tl_course import records
from tl_course.records import Record
from tl_course.records.claims import welch_difference

CLASSES_OF_TEXTS = 2  # lesson 09 counts labels in all, its script labels a class
METHODS = ("scratch", "linear_probe", "fine_tune", "lp_ft", "random_features", "gru")
"""The ways to use a network that lessons share. A cell of one of these is in ``runs()`` or its record in ``APART``."""

WHY = {
    "01_label_budget": "as short as the live run of lesson 01, and the pictures as they are",
    "01_domain_shift": "the recipe of 01_label_budget, and three times its steps as a control",
    "01_patience": "the control of 01_label_budget: far more steps, shifted pictures, and a rate chosen on validation",
    "03_backbones": "twice the steps of lesson 05, since it asks what a source is worth and not how fast it pays",
    "04_vgg_features": "as short as the live run of lesson 04, in small batches",
    "05_strategies": "the steps of the live run of lesson 05, the same for six methods",
    "05_longer": "the control of 05_strategies, with three times its steps",
    "09_label_budget": "the steps that a minute allows, the same for the two that train all of BERT",
    "09_longer": "the control of 09_label_budget, with three times its steps and a rate chosen for them",
}
"""Why the cells of a record were trained as they were, for each record whose values differ from another's."""

APART = {
    "01_domain_shift": "its sources are networks that were trained briefly, for this record alone",
    "04_vgg_features": "its settings in words are mistakes made on purpose, or another network",
    "06_judging": "50 labels a class, as nowhere else",
    "06_statistics": "50 labels a class, and pictures that the network was damaged with",
    "09_learning_rate": "its rates other than that of 09_label_budget are what it is about",
}
"""Records with cells that have no counterpart, and why."""


@dataclass(frozen=True)
class How:
    """What may differ between two trainings of the same network on the same labels."""

    steps: int
    batch: int
    rate: float
    augmented: bool

    def differing(self, other: "How") -> list[str]:
        """Names of the conditions that are not equal.

        >>> How(40, 32, 1e-3, False).differing(How(60, 32, 1e-3, True))
        ['steps', 'augmented']
        """
        return [field.name for field in fields(self) if getattr(self, field.name) != getattr(other, field.name)]


class What(NamedTuple):
    """What two cells must share to be compared, beside the target."""

    network: str
    weights: str
    method: str
    labels: int


class Run(NamedTuple):
    """A cell of a record: what was trained, and how; on one target, or on each alike."""

    record: str
    method: str
    setting: str
    what: What
    how: How
    target: str = ""

    @property
    def rows(self) -> Record:
        """The rows of this cell on its target, or on every one."""
        rows = records.read(self.record).select(profile="mini", method=self.method, setting=self.setting)
        return rows.select(target=self.target) if self.target else rows

    def on(self, target: str) -> Record:
        """The rows of this cell on one target."""
        return self.rows.select(target=target)


class Pair(NamedTuple):
    """Two cells that share network, weights, method, labels and target."""

    target: str
    one: Run
    other: Run

    @property
    def agrees(self) -> bool:
        """Whether the 95% interval of the difference of the means holds zero."""
        gap = welch_difference(self.one.on(self.target), self.other.on(self.target))
        return gap.low <= 0 <= gap.high

    @property
    def problem(self) -> str:
        """What is wrong with the pair; empty when nothing is."""
        if self.agrees:
            return ""
        said = (
            f"{self.one.what.method} with {self.one.what.labels} labels on {self.target} is "
            f"{self.one.on(self.target).mean:.3f} in {self.one.record} and {self.other.on(self.target).mean:.3f} in "
            f"{self.other.record}"
        )
        if not self.one.how.differing(self.other.how):
            return f"{said}, though both were trained alike"
        for run in (self.one, self.other):
            if run.record not in WHY:
                return f"{said}, and authoring/records/agreement.py has no reason in WHY for {run.record}"
        return ""


def runs() -> Iterator[Run]:
    """Every cell that may have a counterpart in another record, with the conditions that its script sets."""
    yield from _of_lesson_01()
    yield from _of_lesson_03()
    yield from _of_lesson_05()
    yield from _of_lesson_09()


def _of_lesson_01() -> Iterator[Run]:
    recipe, shift = load("01_label_budget"), load("01_domain_shift")
    for method, weights in (("scratch", "none"), ("linear_probe", "letters"), ("fine_tune", "letters")):
        rate = recipe.PROBE_RATE if method == "linear_probe" else recipe.RATE
        for labels, steps in recipe.STEPS.items():
            what = What("resnet_small", weights, method, labels)
            yield Run("01_label_budget", method, str(labels), what, How(steps, recipe.BATCH, rate, False))
    patience = load("01_patience")
    for labels in patience.BUDGETS:
        for rate in patience.RATES:
            what = What("resnet_small", "none", "scratch", labels)
            how = How(patience.STEPS[labels], patience.BATCH[labels], float(rate), True)
            yield Run("01_patience", "scratch", f"{labels}, {rate}", what, how)
    for setting, steps in (("none", shift.STEPS), ("longer", shift.LONGER)):
        what = What("resnet_small", "none", "scratch", shift.BUDGET)
        yield Run("01_domain_shift", "scratch", setting, what, How(steps, recipe.BATCH, recipe.RATE, False))


def _of_lesson_03() -> Iterator[Run]:
    script = load("03_backbones")
    for network in ("resnet_small", "vgg_small"):
        probe = How(script.PROBE_STEPS, script.PROBE_BATCH, script.PROBE_RATE, False)
        whole = How(script.STEPS, script.BATCH, script.RATE, True)
        for method, weights, how in (
            ("random_features", "none", probe),
            ("linear_probe", "imagenet_distilled", probe),
            ("scratch", "none", whole),
            ("fine_tune", "imagenet_distilled", whole),
        ):
            if network == "resnet_small" or how is probe:
                yield Run("03_backbones", method, network, What(network, weights, method, script.LABELS), how)
    script = load("04_vgg_features")
    for labels, steps in script.STEPS.items():
        for method, weights, rate, augmented in (
            ("random_features", "none", script.PROBE_RATE, False),
            ("linear_probe", "imagenet_distilled", script.PROBE_RATE, False),
            ("scratch", "none", script.RATE, True),
            ("fine_tune", "imagenet_distilled", script.RATE, True),
        ):
            what = What("vgg_small", weights, method, labels)
            yield Run("04_vgg_features", method, str(labels), what, How(steps, script.BATCH, rate, augmented))


def _of_lesson_05() -> Iterator[Run]:
    script, longer = load("05_strategies"), load("05_longer")
    for target, labels in itertools.product(script.TARGETS, script.STEPS):
        steps, rates = script.STEPS[labels], script.RATES[target, labels]
        for method in ("scratch", "linear_probe", "fine_tune", "lp_ft"):
            what = What("resnet_small", "none" if method == "scratch" else "imagenet_distilled", method, labels)
            how = How(steps, script.BATCH[labels], rates[method], method != "linear_probe")
            yield Run("05_strategies", method, str(labels), what, how, target)
            if labels == longer.BUDGET.mini and method in ("scratch", "fine_tune"):
                yield Run("05_longer", method, str(steps), what, how, target)
                if method == "scratch":
                    lasting = How(longer.LONGER * steps, how.batch, longer.RATE[target], how.augmented)
                    yield Run("05_longer", method, str(lasting.steps), what, lasting, target)


def _of_lesson_09() -> Iterator[Run]:
    script, sweep = load("09_label_budget"), load("09_learning_rate")
    regression = How(0, 0, 0.0, False)  # it is solved, not trained in steps
    for each, steps in script.STEPS.items():
        labels = CLASSES_OF_TEXTS * each
        whole = How(steps, script.BATCH, script.RATE, False)
        recurrent = How(steps, script.GRU_BATCH, script.GRU_RATE, False)
        for method, network, weights, how in (
            ("linear_probe", "minilm", "pretrained", regression),
            ("scratch", "minilm", "none", whole),
            ("fine_tune", "minilm", "pretrained", whole),
            ("gru", "gru_small", "language_model", recurrent),
        ):
            yield Run("09_label_budget", method, str(labels), What(network, weights, method, labels), how)
        yield Run("09_gru", "gru", str(labels), What("gru_small", "language_model", "gru", labels), recurrent)
    for labels in (50, 200, 1000):
        yield Run("09_pooling", "mean", str(labels), What("minilm", "pretrained", "linear_probe", labels), regression)
    longer = load("09_longer")
    what, how = What("minilm", "none", "scratch", 2000), How(longer.STEPS, script.BATCH, longer.RATE, False)
    yield Run("09_longer", "scratch", str(longer.STEPS), what, how)
    labels, how = CLASSES_OF_TEXTS * sweep.BUDGET.mini, How(script.STEPS[sweep.BUDGET.mini], script.BATCH, 1e-4, False)
    for method, weights, name in (("scratch", "none", "scratch"), ("fine_tune", "pretrained", "end_to_end")):
        yield Run("09_learning_rate", name, "1e-4", What("minilm", weights, method, labels), how)


def pairs() -> Iterator[Pair]:
    """Every two cells, of any two records or of one, that share all that :class:`What` names, and the target."""
    for one, other in itertools.combinations(runs(), 2):
        if one.what == other.what:
            for target in sorted({*one.rows.targets} & {*other.rows.targets}):
                yield Pair(target, one, other)


def unlisted() -> list[str]:
    """Cells of a shared method that are neither in :func:`runs` nor of a record that stands in ``APART``."""
    known = {(run.record, run.method, run.setting) for run in runs()}
    found = {
        (name, row.method, row.setting)
        for name in records.available()
        if name not in APART
        for row in records.read(name).rows
        if row.profile == "mini" and row.method in METHODS
    }
    return [" ".join(cell) for cell in sorted(found - known)]


def main() -> int:
    """Print the table; 1 where two cells contradict each other."""
    wrong = 0
    for pair in pairs():
        means = [f"{run.record} {run.on(pair.target).mean:.3f}" for run in (pair.one, pair.other)]
        differing = ", ".join(pair.one.how.differing(pair.other.how)) or "nothing"
        wrong += bool(pair.problem)
        said = pair.problem or ("agree" if pair.agrees else "differ")
        print(f"{pair.target:<8} {' '.join(map(str, pair.one.what))}: {' | '.join(means)}; {said}; unlike: {differing}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
