"""Questions on lesson 14, aligning features without target labels."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.exercises.networks import TinyResNet, pictures
from tl_course.exercises.probes import gradients, letters, need_function, state, value, with_gradients
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, Unfit, plain, tensors

LESSON = "14"

Recognise = Callable[[list[Data], list[Data], list[Case]], bool]


def _close(found: Data, expected: Data) -> bool:
    return np.shape(found) == np.shape(expected) and bool(
        np.allclose(found, expected, rtol=1e-4, atol=1e-6, equal_nan=True)
    )


def _arguments(case: Case) -> list:
    return list(tensors(case).values())


def _valued_as(*forms: Callable) -> Recognise:
    """Recognise a loss by its values alone, whatever its gradients are: one mistake at a time."""
    return lambda found, expected, cases: any(
        all(_close(one["value"], plain(form(*_arguments(case)))) for one, case in zip(found, cases, strict=True))
        for form in forms
    )


def _by_value(name: str, message: str, *forms: Callable) -> Wrong:
    """A wrong loss that is known by its values, in one of its forms."""
    return Wrong(name, message, forms[0], recognise=_valued_as(*forms))


def _without_gradient(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
    """Whether all values are right, and nothing flows back."""
    right = all(_close(mine["value"], theirs["value"]) for mine, theirs in zip(found, expected, strict=True))
    return right and not any(np.any(one[name]) for one in found for name in one if name != "value")


# --- CORAL ---------------------------------------------------------------------------------------------------------


def _features(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for count, other, width in ((9, 5, 3), (4, 12, 2), (6, 6, 5)):
        mixing = rng.normal(size=(2, width, width))
        source, target = rng.normal(size=(count, width)) @ mixing[0], rng.normal(size=(other, width)) @ mixing[1]
        cases.append({"source": 2 * source + rng.uniform(1, 3), "target": 2 * target - rng.uniform(1, 3)})
    moved = rng.permutation(cases[0]["source"]) + rng.uniform(2, 4, size=3)  # another place, the same covariance
    return [*cases, {"source": cases[0]["source"], "target": moved}]


def _covariance(x: Tensor, *, less: int = 1, centre: Tensor | None = None) -> Tensor:
    centred = x - (x.mean(dim=0) if centre is None else centre)
    return centred.T @ centred / (len(x) - less)


def _coral(source: Tensor, target: Tensor, covariance: Callable[[Tensor], Tensor] = _covariance) -> Tensor:
    gap = covariance(source) - covariance(target)
    return gap.square().sum() / (4 * source.shape[1] ** 2)


def _coral_times(factor: Callable[[int], float]) -> Callable:
    """CORAL, off by a factor of the features' width."""
    return lambda source, target: factor(source.shape[1]) * _coral(source, target)


def _entries(source: Tensor, target: Tensor, count: Callable[[Tensor], Tensor]) -> Tensor:
    """CORAL with something else in the place of the squared norm."""
    return count(_covariance(source) - _covariance(target)) / (4 * source.shape[1] ** 2)


def _not_centred(x: Tensor, less: int = 1) -> Tensor:
    return x.T @ x / (len(x) - less)


def _around_one_mean(source: Tensor, target: Tensor) -> Tensor:
    centre = torch.cat([source, target]).mean(dim=0)
    return _coral(source, target, lambda x: _covariance(x, centre=centre))


def _with_means(source: Tensor, target: Tensor) -> Tensor:
    return _coral(source, target) + (source.mean(dim=0) - target.mean(dim=0)).square().mean()


def _means_differ_too(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
    """Whether there is a finite loss where only the means differ."""
    return math.isfinite(found[-1]["value"]) and float(found[-1]["value"]) > 1e-4


CORAL = Question(
    slug="coral",
    lesson=LESSON,
    title="Covariances that meet",
    kind="implement",
    difficulty=2,
    minutes=9,
    points=2,
    hints=(
        "A covariance first, of one batch: take the mean of each column away. What is left, transposed, times what is "
        "left, is d×d.",
        "Divide that by n − 1, with each batch's own n. The loss is the sum of all squared differences between the two "
        "matrices, over 4d².",
        "`x = x - x.mean(dim=0)`, then `x.T @ x / (len(x) - 1)`, for both; at last "
        "`(a - b).square().sum() / (4 * d ** 2)`.",
    ),
    inputs=_features,
    reference=_coral,
    why=(
        "Zero where the covariances are equal, wherever the means are, and its gradient brings the spreads of both "
        "batches together. It never asks which class a picture belongs to: that is why it may look at the target, "
        "and why it can also bring together what does not belong together."
    ),
    wrong=(
        _by_value(
            "not centred",
            "You left the means in: x transposed times x is a covariance only after the mean of each column is taken "
            "away. Features behind a ReLU are never negative, and their means would drown what you want to compare.",
            lambda source, target: _coral(source, target, _not_centred),
            lambda source, target: _coral(source, target, lambda x: _not_centred(x, less=0)),
        ),
        _by_value(
            "divided by n",
            "Both covariances are divided by n, where n − 1 was asked for. The factor is another one for each batch "
            "size, so two batches of one domain, a large and a small one, would look different.",
            lambda source, target: _coral(source, target, lambda x: _covariance(x, less=0)),
        ),
        _by_value(
            "sums of squares",
            "The products are added up and not divided by n − 1. The larger batch then has the larger matrix, equal "
            "domains or not.",
            lambda source, target: _coral(source, target, lambda x: (len(x) - 1) * _covariance(x)),
        ),
        _by_value(
            "4d² missing",
            "The division by 4d² is missing. Wider features then count by the square of their width, and a weight that "
            "was found on one backbone means nothing on the next.",
            _coral_times(lambda d: 4 * d**2),
        ),
        _by_value(
            "4 missing",
            "The 4 is missing: this is four times the loss of the paper. Some published code has it so, and its "
            "weights are then a quarter of yours.",
            _coral_times(lambda d: 4),
        ),
        _by_value(
            "d not squared",
            "You divide by 4d, and the matrices have d² entries: square the width, so that the loss does not grow with "
            "it.",
            _coral_times(lambda d: d),
            _coral_times(lambda d: d / 4),
        ),
        _by_value(
            "norm not squared",
            "The Frobenius norm is not squared. Without the square the pull is as strong near the goal as far from it, "
            "and has no direction at the goal itself.",
            lambda source, target: _entries(source, target, torch.linalg.norm),
        ),
        _by_value(
            "differences not squared",
            "The differences are added up with their signs, and those above zero cancel those below. Square each of "
            "them first.",
            lambda source, target: _entries(source, target, torch.sum),
            lambda source, target: _entries(target, source, torch.sum),
        ),
        _by_value(
            "variances only",
            "You compare the variances of the single features, the diagonal. Features that rise together in one domain "
            "and against each other in the other one would pass as aligned.",
            lambda source, target: _entries(source, target, lambda gap: gap.diagonal().square().sum()),
        ),
        _by_value(
            "one mean for both",
            "You centre both batches by one mean, that of all examples. Then the distance between the two means is "
            "left in both matrices. Centre each batch by its *own* mean.",
            _around_one_mean,
        ),
        Wrong(
            "means compared",
            "Your loss is above zero for a batch and its shifted copy, whose covariances are equal: it sees the means. "
            "CORAL does not; leave out the term for the means.",
            _with_means,
            recognise=_means_differ_too,
        ),
        Wrong(
            "gradient lost",
            "The value is right, and nothing flows back from it: no feature can be moved by this loss. Stay with "
            "tensors to the end, without `detach()`, `item()` or numpy.",
            lambda source, target: _coral(source, target).detach(),
            recognise=_without_gradient,
        ),
    ),
    probe=with_gradients("source", "target"),
)

# --- MMD -----------------------------------------------------------------------------------------------------------


def _samples(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = [
        {
            "source": rng.normal(scale=1.5, size=(count, width)),
            "target": rng.normal(loc=rng.uniform(0.3, 1), scale=1.2, size=(other, width)),
        }
        for count, other, width in ((6, 4, 3), (3, 7, 2), (5, 5, 4))
    ]
    again = rng.permutation(cases[0]["source"])  # one batch in both places: the estimate is below zero
    return [*cases, {"source": cases[0]["source"], "target": again}]


def _measured_width(source: Tensor, target: Tensor) -> Tensor:
    """The median of the distances that are not zero, as autograd sees it."""
    pooled = torch.cat([source, target])
    distances = torch.cdist(pooled, pooled, compute_mode="donot_use_mm_for_euclid_dist")
    return distances[distances > 0].median()


def _loss_with_measured_width(answer: object, case: Case) -> Data:
    """The loss, and its gradient by both samples, from which the width was measured."""
    need_function(answer, "answer_mmd(source, target, width)")
    given = [tensor.requires_grad_() for tensor in _arguments(case)]
    loss = answer(*given, _measured_width(*given))
    found = gradients(loss, given)
    return {"value": plain(loss), "gradient by source": found[0], "gradient by target": found[1]}


def _gaussian(x: Tensor, y: Tensor, width: Tensor) -> Tensor:
    return torch.exp(-(x[:, None] - y).square().sum(dim=2) / (2 * width**2))


def _mean_of_others(values: Tensor) -> Tensor:
    """The mean of a square table without its diagonal."""
    return (values.sum() - values.diagonal().sum()) / (len(values) * (len(values) - 1))


def _mmd(source: Tensor, target: Tensor, width: Tensor, kernel=_gaussian, within=_mean_of_others, cross: float = 2):
    width = width.detach()
    inside = within(kernel(source, source, width)) + within(kernel(target, target, width))
    return inside - cross * kernel(source, target, width).mean()


def _mmd_with(**parts: object) -> Callable:
    return lambda source, target, width: _mmd(source, target, width, **parts)


def _width_followed(source: Tensor, target: Tensor, width: Tensor) -> Tensor:
    return _mmd(source, target, width, kernel=lambda x, y, _: _gaussian(x, y, width))


def _distance(x: Tensor, y: Tensor) -> Tensor:
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def _mmd_by_value(name: str, message: str, *forms: Callable) -> Wrong:
    """As `_by_value`, with the width measured again, and only as a number."""

    def with_width(form: Callable) -> Callable:
        return lambda source, target: form(source, target, _measured_width(source, target))

    return Wrong(name, message, forms[0], recognise=_valued_as(*map(with_width, forms)))


def _exponents(*exponents: Callable[[Tensor, Tensor], Tensor]) -> list[Callable]:
    """MMD² with other functions of distance and width in the kernel's exponent."""

    def form(exponent: Callable) -> Callable:
        return _mmd_with(kernel=lambda x, y, width: torch.exp(-exponent(_distance(x, y), width)))

    return [form(exponent) for exponent in exponents]


MMD = Question(
    slug="mmd",
    lesson=LESSON,
    title="Neighbours, but not oneself",
    kind="implement",
    difficulty=4,
    minutes=14,
    points=4,
    hints=(
        "Three tables of kernels: source with source, target with target, source with target. Which entries of the "
        "first two say nothing about the domain?",
        "The diagonals compare an example with itself, and are always 1. Take them away from the sum and divide by "
        "n(n − 1). The third table has no such entries: a plain mean, twice, with a minus.",
        "`width = width.detach()` first; `torch.cdist(x, y).square()` are the squared distances; `(k.sum() - "
        "k.diagonal().sum()) / (n * (n - 1))` is the mean of a table without its diagonal.",
    ),
    inputs=_samples,
    reference=_mmd,
    why=(
        "On two batches of one domain this is zero on average, so that what is left over is the domains' own. It may "
        "be below zero, and for one batch in both places it always is. And its kernel's width is a number: training "
        "can bring the features together, but not look away."
    ),
    wrong=(
        _mmd_by_value(
            "diagonal kept",
            "This is the biased estimate: the diagonals are in it, each example compared with itself, and add 1/n for "
            "each batch even if the domains are one. With small batches that is most of what a loss would see.",
            _mmd_with(within=lambda table: table.mean()),
        ),
        _mmd_by_value(
            "diagonal added",
            "You divide by n(n − 1), but the diagonal is still in the sum: n ones too many. Subtract it, or fill it "
            "with zeros.",
            _mmd_with(within=lambda table: table.sum() / (len(table) * (len(table) - 1))),
        ),
        _mmd_by_value(
            "divided by all",
            "The diagonal is gone from the sum, and still counted in the division: n(n − 1) entries are left, not n². "
            "The domains look nearer to each other than they are.",
            _mmd_with(within=lambda table: (table.sum() - table.diagonal().sum()) / len(table) ** 2),
        ),
        _mmd_by_value(
            "distance not squared",
            "The exponent has the distance where a Gaussian has its *square*. `torch.cdist` gives distances: square "
            "them.",
            *_exponents(
                lambda d, width: d / (2 * width**2), lambda d, width: d / (2 * width), lambda d, width: d / width
            ),
        ),
        _mmd_by_value(
            "another width",
            "The distance is squared, and the divisor is not 2σ²: look whether the width is squared, and whether the 2 "
            "is there. With another unit of the features this kernel would see something else.",
            *_exponents(
                lambda d, width: d**2 / (2 * width), lambda d, width: d**2 / width**2, lambda d, width: d**2 / width
            ),
        ),
        _mmd_by_value(
            "cross term once",
            "The third term is subtracted once. Two means come in, of source and of target, so it has to go out twice: "
            "else equal domains are far from zero.",
            _mmd_with(cross=1),
        ),
        _mmd_by_value(
            "cross term added",
            "The third term has the wrong sign. Kernels are large between *near* examples, so that domains that lie "
            "near each other must make the loss small.",
            _mmd_with(cross=-2),
        ),
        _mmd_by_value(
            "root taken",
            "You took the root. MMD² without bias may be below zero, and its root is then NaN in the middle of a "
            "training run. Give back the square.",
            lambda *given: _mmd(*given).sqrt(),
        ),
        _mmd_by_value(
            "cut off at zero",
            "You cut off below zero. The average is right only *because* some values are below: cut them off, and "
            "equal domains look different again.",
            lambda *given: _mmd(*given).clamp(min=0),
        ),
        Wrong(
            "gradient lost",
            "The value is right, and nothing flows back from it: no feature can be moved by this loss. Only the width "
            "is to be detached.",
            lambda *given: _mmd(*given).detach(),
            recognise=_without_gradient,
        ),
        Wrong(
            "width followed",
            "The value is right, but the gradient also runs through `width`, which was measured on these features. "
            "Training could then lower the loss by spreading the features until the kernel sees nothing. Detach it.",
            _width_followed,
        ),
    ),
    probe=_loss_with_measured_width,
)

# --- one domain, twice ---------------------------------------------------------------------------------------------

EQUAL_SAMPLES = Question(
    slug="equal_samples",
    lesson=LESSON,
    title="What is left when nothing differs?",
    kind="predict",
    difficulty=3,
    minutes=6,
    points=0,
    hints=(
        "A and C are about averages over many draws, B about single draws. An average of zero needs numbers on both "
        "sides of zero, unless all are zero.",
        "For D and E write K for the one table that there is. The biased estimate is mean + mean − 2·mean of K. In the "
        "unbiased one two of the three means leave out the diagonal. Which entries of K are the largest?",
    ),
    inputs=lambda seed: [{}],
    reference="ACD",
    why=(
        "The diagonal explains all five. Left in, it adds (2/n)(1 − E k) on average, and cancels only when the two "
        "batches are one. Left out, the average is right and single values fall on both sides of zero. So a small "
        "positive number proves nothing: compare with two batches of one domain."
    ),
    wrong=(
        Wrong(
            "B chosen",
            "B does not hold. What is *estimated* is a square, the estimate is not one: an average of zero over values "
            "that are not all zero needs some below.",
            "ABCD",
            recognise=lambda found, expected, cases: "B" in found[0],
        ),
        Wrong(
            "E chosen",
            "E does not hold. The cross term has the ones of its diagonal in it, the other two terms leave theirs out: "
            "so more is taken away than was added, and the estimate is below zero.",
            "ACDE",
            recognise=lambda found, expected, cases: "E" in found[0],
        ),
        Wrong(
            "A forgotten",
            "You left out A. That is what *unbiased* means: right on average. No single value needs to be zero for it.",
            "CD",
            recognise=lambda found, expected, cases: "A" not in found[0],
        ),
        Wrong(
            "C forgotten",
            "You left out C. The diagonals add 1/n for each batch that the cross term does not have; half the batch, "
            "twice as much.",
            "AD",
            recognise=lambda found, expected, cases: "C" not in found[0],
        ),
        Wrong(
            "D forgotten",
            "You left out D. With one batch in both places all three tables are the same one, diagonal included: mean "
            "+ mean − 2·mean.",
            "AC",
            recognise=lambda found, expected, cases: "D" not in found[0],
        ),
    ),
    probe=letters,
)

# --- the reversal --------------------------------------------------------------------------------------------------


def _before_and_behind(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        {
            "inputs": rng.normal(size=(5, 3)),
            "backbone": rng.normal(size=(3, 4)),
            "head": rng.normal(size=(4, 2)),
            "discriminator": rng.normal(size=4),
            "strength": strength,
        }
        for strength in (float(rng.uniform(0.2, 0.7)), float(rng.uniform(1.5, 3)), 0.0)
    ]


def _both_sides(answer: object, case: Case) -> Data:
    """What passes the reversal, and what flows back: behind it, in front of it, and past it."""
    need_function(answer, "answer_reverse(features, strength)")
    given = tensors(case)
    weights = [given["backbone"].requires_grad_(), given["discriminator"].requires_grad_()]

    def losses() -> tuple[Tensor, Tensor, Tensor]:
        features = torch.tanh(given["inputs"] @ given["backbone"])
        passed = answer(features, case["strength"])
        if not isinstance(passed, Tensor):
            raise Unfit(f"It gave back {type(passed).__name__}; give back features, a tensor of the same shape.")
        domains = torch.sigmoid(passed @ given["discriminator"]).square().sum()
        return passed, domains, (features @ given["head"]).square().sum()

    passed, domains, _ = losses()
    before, behind = gradients(domains, weights)
    _, domains, labels = losses()
    return {
        "what passes forward": plain(passed),
        "gradient behind it, in the discriminator": behind,
        "gradient in front of it, in the backbone": before,
        "gradient of both losses in the backbone": gradients(domains + labels, weights[:1])[0],
    }


def _with_factor(features: Tensor, factor: float) -> Tensor:
    """The same values, with this factor on what flows back."""
    return (features - factor * features).detach() + factor * features


def _reverse(features: Tensor, strength: float) -> Tensor:
    return _with_factor(features, -strength)


def _hook_on_features(features: Tensor, strength: float) -> Tensor:
    features.register_hook(lambda gradient: -strength * gradient)
    return features


REVERSE = Question(
    slug="reverse",
    lesson=LESSON,
    title="Forward the same, backward the opposite",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "Two directions, two rules. Nothing that you can write with plus and times alone has one value and the "
        "opposite slope: you need a function with a `backward` of its own, or a part that is detached.",
        "`torch.autograd.Function` has a static `forward(ctx, features, strength)` and a static `backward(ctx, "
        "gradient)`. The second one returns a gradient for each argument of the first, and None for a number.",
        "`forward`: keep `ctx.strength = strength` and return `features.view_as(features)`. `backward`: return "
        "`-ctx.strength * gradient, None`. Call it with `.apply(features, strength)`.",
    ),
    inputs=_before_and_behind,
    reference=_reverse,
    why=(
        "The discriminator behind it learns at full rate to tell the domains apart; the backbone in front of it gets "
        "the opposite of what would help, times λ; and the label loss, which goes past it, is left in peace. One "
        "backward pass plays both sides of the game."
    ),
    wrong=(
        Wrong(
            "forward changed",
            "The features themselves are changed on their way forward, so the discriminator judges features that the "
            "classifier never sees. Forward it is the identity; only what flows back is multiplied by −λ.",
            lambda features, strength: -strength * features,
            recognise=lambda found, expected, cases: any(
                np.shape(one["what passes forward"]) == np.shape(other["what passes forward"])
                and not _close(one["what passes forward"], other["what passes forward"])
                for one, other in zip(found, expected, strict=True)
            ),
        ),
        Wrong(
            "nothing reversed",
            "Nothing is reversed: the backbone gets the discriminator's own gradient, and learns to make the domains "
            "*easier* to tell apart. No error says so, and the domain loss falls beautifully.",
            lambda features, strength: features.clone(),
        ),
        Wrong(
            "sign lost",
            "λ arrives, the minus does not: the backbone helps the discriminator. Are there two minus signs that "
            "cancel?",
            lambda features, strength: _with_factor(features, strength),
        ),
        Wrong(
            "lambda forgotten",
            "The sign is turned, but λ is not in it: the reversal is at full strength from the first step, when the "
            "discriminator knows nothing yet, and at λ = 0 something still flows.",
            lambda features, strength: _with_factor(features, -1.0),
        ),
        Wrong(
            "lambda twice",
            "λ is in it twice: the gradient is multiplied by −λ². Small λ then hardly act at all.",
            lambda features, strength: _with_factor(features, -(strength**2)),
        ),
        Wrong(
            "stopped",
            "Nothing flows back at all: the features are detached. The discriminator learns, and the backbone never "
            "hears of it.",
            lambda features, strength: features.detach(),
        ),
        Wrong(
            "label loss reversed too",
            "What flows back from the discriminator is right, but you turned it on the features themselves: the label "
            "loss uses them as well, and its gradient is now reversed too. Turn it on a tensor of your own.",
            _hook_on_features,
        ),
    ),
    probe=_both_sides,
)

# --- one step of DANN ----------------------------------------------------------------------------------------------


def _two_loaders(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for many, few, strength in ((9, 4, rng.uniform(0.2, 0.7)), (3, 8, rng.uniform(1.5, 2.5)), (6, 6, 0.5)):
        cases.append(
            {
                "seed": int(rng.integers(2**31)),
                "source_x": rng.normal(size=(many, 5)),
                "source_y": rng.integers(0, 3, size=many),
                "target_x": rng.normal(loc=0.7, size=(few, 5)),
                "target_y": rng.integers(0, 3, size=few),
                "strength": float(strength),
            }
        )
    return cases


def _three_networks(seed: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone, head = nn.Sequential(nn.Linear(5, 4), nn.Tanh()), nn.Linear(4, 3)
        discriminator = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    return backbone.double(), head.double(), discriminator.double()


def _one_step(answer: object, case: Case) -> Data:
    """The loss of one step and what it does to the three networks; and once more with other labels in the target."""
    need_function(answer, "answer_dann(backbone, head, discriminator, source, target, strength)")
    given, networks = tensors(case), _three_networks(case["seed"])
    source = given["source_x"], given["source_y"]
    loss = answer(*networks, source, (given["target_x"], given["target_y"]), case["strength"])
    watched = [weight for network in networks for weight in network.parameters()]
    flows, moved = iter(gradients(loss, watched)), {}
    for name, network in zip(("backbone", "head", "discriminator"), networks, strict=True):
        moved[f"gradient of the {name}"] = [next(flows) for _ in network.parameters()]
    relabelled = given["target_x"], (given["target_y"] + 1) % 3
    again = answer(*networks, source, relabelled, case["strength"])
    return {"loss": plain(loss), **moved, "loss with other labels in the target": plain(again)}


def _domain_loss(of_source: Tensor, of_target: Tensor) -> Tensor:
    """Each domain counts a half; the target is 1."""
    return (F.softplus(of_source).mean() + F.softplus(-of_target).mean()) / 2


def _dann(
    *,
    reverse: Callable = _reverse,
    domain: Callable = _domain_loss,
    scale: Callable[[float], float] = lambda strength: 1.0,
    label: Callable | None = None,
) -> Callable:
    """DANN's loss, with what a mistake may change."""

    def answer(backbone, head, discriminator, source, target, strength):
        features = backbone(source[0]), backbone(target[0])
        answers = [discriminator(reverse(one, strength)) for one in features]
        labelled = label or (lambda head, features, *_: F.cross_entropy(head(features[0]), source[1]))
        return labelled(head, features, source, target, strength) + scale(strength) * domain(*answers)

    return answer


def _on_both(head, features, source, target, strength) -> Tensor:
    return F.cross_entropy(head(features[0]), source[1]) + F.cross_entropy(head(features[1]), target[1])


def _on_reversed(head, features, source, target, strength) -> Tensor:
    return F.cross_entropy(head(_reverse(features[0], strength)), source[1])


def _pooled(of_source: Tensor, of_target: Tensor) -> Tensor:
    return torch.cat([F.softplus(of_source), F.softplus(-of_target)]).mean()


def _plain(features: Tensor, strength: float) -> Tensor:
    return features


def _detached(features: Tensor, strength: float) -> Tensor:
    return features.detach()


def _and_backward(*given: object) -> Tensor:
    loss = _dann()(*given)
    loss.backward()
    return loss


def _share(found: list[Data], expected: list[Data]) -> float | None:
    """By which one number `found` is a multiple of `expected`; None if it is no multiple."""
    mine, theirs = (np.concatenate([np.ravel(part) for part in parts]) for parts in (found, expected))
    factor = float(mine @ theirs / (theirs @ theirs))
    return factor if np.allclose(mine, factor * theirs, rtol=1e-4, atol=1e-7) else None


def _factors(one: Data, case: Case) -> tuple[float | None, float | None]:
    """By which factors the domain loss arrives in the backbone and in the discriminator: −λ and 1 if all is well."""
    without = _one_step(_dann(domain=lambda *_: 0.0), case)["gradient of the backbone"]
    helped = _one_step(_dann(reverse=_plain), case)
    rest = [mine - theirs for mine, theirs in zip(one["gradient of the backbone"], without, strict=True)]
    domain = [mine - theirs for mine, theirs in zip(helped["gradient of the backbone"], without, strict=True)]
    own = helped["gradient of the discriminator"]
    return _share(rest, domain), _share(one["gradient of the discriminator"], own)


def _arrives(matches: Callable[[float, float, float], bool]) -> Recognise:
    """Recognise by the two factors and λ, in all cases."""

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        factors = [(*_factors(one, case), case["strength"]) for one, case in zip(found, cases, strict=True)]
        return all(None not in three and matches(*three) for three in factors)

    return recognise


DANN = Question(
    slug="dann",
    lesson=LESSON,
    title="One step without a target label",
    kind="implement",
    difficulty=5,
    minutes=18,
    points=4,
    hints=(
        "Two losses. One asks the head for labels: of which domain do you know them? The other asks the discriminator "
        "for domains: those you know of both.",
        "Source and target go through the same backbone. The head gets the source's features as they are; the "
        "discriminator gets both domains' features through `tl.losses.reverse_gradient(features, strength)`.",
        "For the domains: `binary_cross_entropy_with_logits` against zeros for the source and against ones for the "
        "target, half of each mean. Add it to the label loss with a *plus*: λ and the minus are in the reversal "
        "already.",
    ),
    inputs=_two_loaders,
    reference=_dann(),
    why=(
        "One sum, one backward pass, three jobs: the head learns the labels of the source, the discriminator learns "
        "to tell the domains at rate 1, and the backbone helps the first and hinders the second. Other target labels "
        "changed nothing, not in one bit: none was read, so a test on them is a test."
    ),
    wrong=(
        Wrong(
            "target labels read",
            "With other labels in the target your loss is another one: it reads them. They came out of the loader, but "
            "in this task nobody has them. The label loss is the source's alone.",
            _dann(label=_on_both),
            recognise=lambda found, expected, cases: any(
                not _close(one["loss"], one["loss with other labels in the target"]) for one in found
            ),
        ),
        Wrong(
            "no domain loss",
            "The discriminator gets no gradient at all: this is training on the source alone. The loss of the domains "
            "is missing.",
            _dann(domain=lambda *_: 0.0),
            recognise=lambda found, expected, cases: (
                not any(np.any(part) for one in found for part in one["gradient of the discriminator"])
            ),
        ),
        Wrong(
            "features detached",
            "The discriminator learns, and the backbone never hears of it: its features are detached, so nothing flows "
            "back. That trains a judge without a case; the features stay those of the source alone.",
            _dann(reverse=_detached),
            recognise=_arrives(lambda front, behind, strength: abs(front) < 1e-6 and behind > 0),
        ),
        Wrong(
            "discriminator reversed",
            "The discriminator gets its gradient with a minus, and learns to be wrong: the domain loss is subtracted. "
            "The minus belongs in the reversal alone, between backbone and discriminator; *add* the loss.",
            _dann(reverse=_plain, scale=lambda strength: -strength),
            recognise=_arrives(lambda front, behind, strength: behind < 0),
        ),
        Wrong(
            "not reversed",
            "The discriminator's gradient reaches the backbone with its own sign: the features learn to give their "
            "domain away. Send them through `tl.losses.reverse_gradient` first.",
            _dann(reverse=_plain),
            recognise=_arrives(lambda front, behind, strength: front > 0 and behind > 0),
        ),
        Wrong(
            "discriminator slowed",
            "λ multiplies the whole domain loss, and so slows down the discriminator too: at λ = 0 it would learn "
            "nothing, just when it should get ready. λ belongs in the reversal; the discriminator learns at rate 1.",
            _dann(reverse=lambda features, strength: _reverse(features, 1.0), scale=lambda strength: strength),
            recognise=_arrives(lambda front, behind, strength: _close(front, -strength) and _close(behind, strength)),
        ),
        Wrong(
            "lambda twice",
            "λ is in it twice, in the reversal and before the loss: the features are moved by λ². Once is enough, in "
            "the reversal.",
            _dann(scale=lambda strength: strength),
            recognise=_arrives(lambda front, behind, strength: _close(front, -(strength**2))),
        ),
        Wrong(
            "lambda forgotten",
            "The reversal is there, and always at full strength: λ has no effect. Hand `strength` to it.",
            _dann(reverse=lambda features, strength: _reverse(features, 1.0)),
            recognise=_arrives(lambda front, behind, strength: _close(front, -1.0) and _close(behind, 1.0)),
        ),
        Wrong(
            "not halved",
            "The means of the two domains are added, and not halved: the domain loss weighs twice as much. The paper "
            "writes it so, and published code does not; here each domain counts a half.",
            _dann(scale=lambda strength: 2.0),
            recognise=_arrives(lambda front, behind, strength: _close(front, -2 * strength) and _close(behind, 2.0)),
        ),
        Wrong(
            "one mean for both",
            "You take one mean over all examples of both batches. The larger batch then counts more, and a "
            "discriminator that always names its domain looks good. Half of each domain's own mean.",
            _dann(domain=_pooled),
        ),
        Wrong(
            "domains swapped",
            "Source and target have swapped their domain labels: here the target is 1. Nothing breaks by it, and that "
            "is the trouble: whoever reads the discriminator's answers afterwards reads them the wrong way round.",
            _dann(domain=lambda of_source, of_target: _domain_loss(of_target, of_source)),
            recognise=lambda found, expected, cases: _dann_as(
                found, cases, _dann(domain=lambda s, t: _domain_loss(t, s))
            ),
        ),
        Wrong(
            "one domain shown",
            "The discriminator sees one domain only. It will learn to say always the same, and there is nothing to "
            "align with: show it both.",
            _dann(domain=lambda of_source, of_target: F.softplus(-of_target).mean()),
            recognise=lambda found, expected, cases: any(
                _dann_as(found, cases, _dann(domain=domain)) for domain in _ONE_DOMAIN
            ),
        ),
        Wrong(
            "label loss reversed too",
            "The head gets reversed features as well, so the backbone unlearns the labels of the source. Only the "
            "discriminator stands behind the reversal.",
            _dann(label=_on_reversed),
        ),
        Wrong(
            "backward called",
            "You called `backward()` in your function, and the graph is used up. Give back the loss; the loop calls "
            "`backward()` on it.",
            _and_backward,
        ),
    ),
    probe=_one_step,
)


def _dann_as(found: list[Data], cases: list[Case], answer: Callable) -> bool:
    """Whether the loss, in all cases, is that of an answer."""
    return all(_close(one["loss"], _one_step(answer, case)["loss"]) for one, case in zip(found, cases, strict=True))


_ONE_DOMAIN = (
    lambda of_source, of_target: F.softplus(-of_target).mean(),
    lambda of_source, of_target: F.softplus(-of_target).mean() / 2,
    lambda of_source, of_target: F.softplus(of_source).mean(),
    lambda of_source, of_target: F.softplus(of_source).mean() / 2,
)

# --- BatchNorm and two domains -------------------------------------------------------------------------------------


def _two_domains(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for many, few in ((8, 5), (4, 7)):
        source, target = (pictures(rng, count, 4)["images"] for count in (many, few))
        cases.append({"seed": int(rng.integers(2**31)), "source": source, "target": 1.5 * target + rng.uniform(1, 3)})
    return cases


def _a_pass(answer: object, case: Case) -> Data:
    """The answers for both domains, what flows back from each, and what is left in the model."""
    need_function(answer, "answer_joint_norm(model, source, target)")
    given = tensors(case)

    def run() -> tuple[nn.Module, list[Tensor]]:
        model = TinyResNet(4, case["seed"]).train()
        found = answer(model, given["source"], given["target"])
        if not isinstance(found, tuple | list) or len(found) != 2 or not all(isinstance(x, Tensor) for x in found):
            raise Unfit("Give back two tensors: the logits of the source, and the logits of the target.")
        return model, list(found)

    flows = []
    for place in (0, 1):
        model, found = run()
        flows.append(gradients(found[place].square().mean(), [model.conv1.weight])[0])
    statistics = state(model)
    with torch.no_grad():
        behaviour = copy.deepcopy(model)(given["target"])
        tested = model.eval()(given["target"])
    return {
        "logits of the source": plain(found[0]),
        "logits of the target": plain(found[1]),
        "gradient from the source": flows[0],
        "gradient from the target": flows[1],
        "state afterwards": statistics,
        "logits of the target in a test afterwards": plain(tested),
        "what the model does afterwards": plain(behaviour),
    }


def _joint(model: nn.Module, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    logits = model(torch.cat([source, target]))
    return logits[: len(source)], logits[len(source) :]


def _apart(model: nn.Module, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    return model(source), model(target)


def _target_by_standing(model: nn.Module, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    of_source = model(source)
    of_target = model.eval()(target)
    model.train()
    return of_source, of_target


def _joint_then(change: Callable[[nn.Module, Tensor, Tensor], tuple]) -> Callable:
    """A joint pass with something done to its two parts."""
    return lambda model, source, target: change(model, *_joint(model, source, target))


def _joint_in_eval(model: nn.Module, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    parts = _joint(model.eval(), source, target)
    model.train()
    return parts


def _logits(one: Data) -> tuple[Data, Data]:
    return one["logits of the source"], one["logits of the target"]


def _as_in(answer: Callable, *, source: bool, target: bool) -> Recognise:
    """Recognise by the logits: of which domain they are those of another pass."""

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        theirs = [_a_pass(answer, case) for case in cases]
        return all(
            [_close(mine, other) for mine, other in zip(_logits(one), _logits(two), strict=True)] == [source, target]
            for one, two in zip(found, theirs, strict=True)
        )

    return recognise


def _right_logits(found: list[Data], expected: list[Data]) -> bool:
    return all(
        _close(mine, other)
        for one, two in zip(found, expected, strict=True)
        for mine, other in zip(_logits(one), _logits(two), strict=True)
    )


def _other(name: str) -> Recognise:
    """Recognise right logits with something else amiss."""
    return lambda found, expected, cases: (
        _right_logits(found, expected)
        and any(not _close(one[name], two[name]) for one, two in zip(found, expected, strict=True))
    )


def _sorted_rows(one: Data) -> Data:
    rows = np.concatenate(_logits(one))
    return rows[np.lexsort(rows.T)]


JOINT_NORM = Question(
    slug="joint_norm",
    lesson=LESSON,
    title="Whose mean does BatchNorm take?",
    kind="repair",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "In train mode BatchNorm takes mean and variance from the examples that come in *together*. Which examples "
        "come in together in the broken version?",
        "One forward pass over both batches. BatchNorm then sees the mixture, and so do its running statistics.",
        "`logits = model(torch.cat([source, target]))`. The first `len(source)` rows belong to the source, the others "
        "to the target; the batches are not equally large.",
    ),
    inputs=_two_domains,
    reference=_joint,
    why=(
        "Both domains are normalised by the statistics of the mixture, in training and, by the running statistics, in "
        "the test as well. With two passes each domain is centred by itself, which hides part of the shift while you "
        "train, and comes back in the test, where one set of statistics has to serve both."
    ),
    wrong=(
        Wrong(
            "two passes",
            "There are still two passes, each domain normalised by its own mean and variance. The discriminator sees "
            "features that a test will never see. Join the batches *before* the model.",
            _apart,
            recognise=_as_in(_apart, source=True, target=True),
        ),
        Wrong(
            "eval mode",
            "The model runs in eval mode: it takes the running statistics, which have not seen the target, and they do "
            "not move. In training it should learn the mixture's.",
            _joint_in_eval,
            recognise=_as_in(_joint_in_eval, source=True, target=True),
        ),
        Wrong(
            "target by the running ones",
            "The source is normalised by its batch, and the target by the running statistics: two measures again. "
            "That leaves the target's shift in, and the running statistics never hear of the target.",
            _target_by_standing,
            recognise=_as_in(_apart, source=True, target=False),
        ),
        Wrong(
            "answers swapped",
            "The pass is right, and the two answers come back in the wrong order: the source first.",
            _joint_then(lambda model, source, target: (target, source)),
            recognise=lambda found, expected, cases: all(
                _close(one["logits of the source"], two["logits of the target"])
                and _close(one["logits of the target"], two["logits of the source"])
                for one, two in zip(found, expected, strict=True)
            ),
        ),
        Wrong(
            "cut in the wrong place",
            "The joint pass is right, and its rows are cut in the wrong place: examples of one domain are handed on as "
            "the other's. The batches are not equally large, and the source was put in first.",
            lambda model, source, target: model(torch.cat([source, target])).tensor_split(2),
            recognise=lambda found, expected, cases: (
                all(
                    len(np.concatenate(_logits(two))) == len(np.concatenate(_logits(one)))
                    and _close(_sorted_rows(one), _sorted_rows(two))
                    for one, two in zip(found, expected, strict=True)
                )
                and not _right_logits(found, expected)
            ),
        ),
        Wrong(
            "gradient lost",
            "The logits are right, and nothing flows back from one of the domains. An alignment moves the features of "
            "*both*: no `no_grad` and no `detach` here.",
            _joint_then(lambda model, source, target: (source, target.detach())),
            recognise=lambda found, expected, cases: any(
                _other(name)(found, expected, cases)
                for name in ("gradient from the source", "gradient from the target")
            ),
        ),
        Wrong(
            "left in eval",
            "The logits are right, and the model is left in eval mode: the next training step would run on standing "
            "statistics.",
            _joint_then(lambda model, source, target: (model.eval() and source, target)),
            recognise=_other("what the model does afterwards"),
        ),
    ),
    probe=_a_pass,
)

# --- choosing without target labels --------------------------------------------------------------------------------


def _rows(rng: np.random.Generator, peaks: list[int], row: tuple[float, ...], noise: float = 0.01) -> np.ndarray:
    """Probabilities with this row for each example, its largest number at the example's peak."""
    table = np.array([np.roll(row, peak) for peak in peaks]) + rng.uniform(0, noise, size=(len(peaks), len(row)))
    return table / table.sum(axis=1, keepdims=True)


def _candidates(seed: int) -> list[Case]:
    """Runs with a part each to play. Source accuracies are multiples of 1/64, so that an edge can be met exactly."""
    rng = np.random.default_rng(seed)
    cases = []
    for best, slack, above, winner in (
        (60, 3, 0, "unsure"),
        (61, 2, 1, "lopsided"),
        (58, 4, 0, "best"),
        (59, 3, 1, "peaked"),
    ):
        spread = (rng.permutation(12) % 4).tolist()
        rare = [0] * 9 + [1, 2, 3]
        parts = {
            "to keep": (best - slack + above, _rows(rng, spread, (0.76, 0.23, 0.005, 0.005))),
            "best": (best, _rows(rng, spread, (0.5, 0.3, 0.1, 0.1))),
            "collapsed": (best - 25, _rows(rng, [2] * 12, (0.97, 0.01, 0.01, 0.01))),
            "unsure": (best - 1, _rows(rng, spread, (0.28, 0.24, 0.24, 0.24))),
            "lucky": (best - slack - 1, _rows(rng, spread, (0.9, 0.06, 0.02, 0.02))),
            "peaked": (best - 1, _rows(rng, spread, (0.8, 0.07, 0.065, 0.065))),
            "lopsided": (best - 1, _rows(rng, rare, (0.6, 0.2, 0.1, 0.1))),
        }
        tests = {name: float(rng.uniform(0.4, 0.6)) for name in parts} | {winner: 0.75, "lucky": 0.8}
        runs = [
            {"source_accuracy": source / 64, "target_probabilities": said, "target_test_accuracy": tests[name]}
            for name, (source, said) in parts.items()
        ]
        cases.append({"runs": [runs[place] for place in rng.permutation(len(runs))], "slack": slack / 64})
    return cases


def _entropy(probabilities: Tensor) -> Tensor:
    return -(probabilities * probabilities.log()).sum(dim=-1)


def _uncertain(run: dict) -> float:
    return float(_entropy(run["target_probabilities"]).mean())


def _choose(key: Callable[[dict], float], *, sieve: Callable[[float, float, float], bool] | None = None) -> Callable:
    """The place of the run with the least of something, among those that pass a sieve."""

    def within(accuracy: float, best: float, slack: float) -> bool:
        return accuracy >= best - slack

    def answer(runs: list[dict], slack: float) -> int:
        best = max(run["source_accuracy"] for run in runs)
        passed = sieve or within
        places = [place for place, run in enumerate(runs) if passed(run["source_accuracy"], best, slack)]
        return min(places, key=lambda place: key(runs[place]))

    return answer


def _everyone(*_: float) -> bool:
    return True


CHOOSE_BLIND = Question(
    slug="choose_blind",
    lesson=LESSON,
    title="Choosing in the dark",
    kind="repair",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Which entry of a run could you not know, if the target had no labels?",
        "Two sieves, one after the other. First find the best `source_accuracy`, and keep the runs that are at most "
        "`slack` below it. Of those, look at how undecided they are on the target.",
        "The entropy of one row is `-(p * p.log()).sum(dim=1)`; take its mean over the rows, and of the runs that are "
        "left the one with the least.",
    ),
    inputs=_candidates,
    reference=_choose(_uncertain),
    why=(
        "No target label was read, so the test afterwards is still a test. The first sieve is there for the run that "
        "collapsed: it gives the whole target one answer and is very sure of it. The second is for those that never "
        "left the source. Neither knows what is right: that is the price of having no labels."
    ),
    wrong=(
        Wrong(
            "chosen by the test",
            "You still choose by the accuracy on the target's test, the very labels that this task does not have. The "
            "number you would report afterwards is the luckiest of seven, not that of a method.",
            _choose(lambda run: -run["target_test_accuracy"], sieve=_everyone),
        ),
        Wrong(
            "test among the good ones",
            "The first sieve is right, and then the target's test decides. Reading the test labels of a few runs is "
            "reading them. Let the entropy decide.",
            _choose(lambda run: -run["target_test_accuracy"]),
        ),
        Wrong(
            "entropy alone",
            "You kept the run that is surest on the target, and it is one that has collapsed: it gives all examples "
            "one answer. Sieve by the source first.",
            _choose(_uncertain, sieve=_everyone),
        ),
        Wrong(
            "source alone",
            "You kept the best run on the source. It may be one that never adapted: the source knows nothing of the "
            "target. Among those within `slack`, let the target's entropy decide.",
            _choose(lambda run: -run["source_accuracy"], sieve=_everyone),
        ),
        Wrong(
            "least sure",
            "Of the runs that pass the first sieve you kept the *least* sure one. A high entropy is an undecided "
            "model: take the lowest, and mind the minus.",
            _choose(lambda run: -_uncertain(run)),
        ),
        Wrong(
            "edge left out",
            "A run that is exactly `slack` below the best one may stay: *at most* so far below. You lost it.",
            _choose(_uncertain, sieve=lambda accuracy, best, slack: accuracy > best - slack),
        ),
        Wrong(
            "largest probability",
            "You compare the largest probability of each row. The entropy looks at the whole row: a model that "
            "hesitates between two classes knows more than one that leaves all others open.",
            _choose(lambda run: -float(run["target_probabilities"].amax(dim=1).mean())),
        ),
        Wrong(
            "entropy of the mean",
            "You average the rows first, and take the entropy of the average. That one is low where all examples get "
            "the same answer, which is no merit. First the entropy of each row, then the mean.",
            _choose(lambda run: float(_entropy(run["target_probabilities"].mean(dim=0)))),
        ),
    ),
)

# --- where alignment cannot help -----------------------------------------------------------------------------------

ALIGNED_WRONG = Question(
    slug="aligned_wrong",
    lesson=LESSON,
    title="Perfectly aligned",
    kind="predict",
    difficulty=2,
    minutes=5,
    points=0,
    hints=(
        "On the source the head makes no mistake. On which share of the source does it say *cat*?",
        "The features of the target are distributed like those of the source, and the head sees nothing but features. "
        "On which share of the target does it say *cat*, then? And how many cats are there?",
    ),
    inputs=lambda seed: [{}],
    reference=0.4,
    why=(
        "It says *cat* to half of the target, and nine tenths are cats: at least four tenths get the wrong name, and "
        "no training can mend it, for the alignment itself is the cause. On aligned features a head can be right in "
        "both domains only where the classes are about equally frequent in both, and without target labels you do not "
        "see whether they are."
    ),
    wrong=(
        Wrong(
            "none",
            "So one would hope: no mistakes on the source, features alike, so none on the target. But count how often "
            "it says *cat* on the target, and how many cats there are.",
            0.0,
        ),
        Wrong(
            "one tenth",
            "That would be a head that says *cat* to everything on the target. Behind equal features it cannot: on the "
            "source it says *cat* to half, and so it does here.",
            0.1,
        ),
        Wrong(
            "one half",
            "One half is what guessing would give. Half of the target is called *cat*, and in the best case all of "
            "those are cats. How many cats are left over?",
            0.5,
        ),
        Wrong(
            "share that is right",
            "That is the largest share it can get right. Asked for is the share of mistakes.",
            0.6,
        ),
        Wrong(
            "in percent",
            "In percent that is it. Write it as a share between 0 and 1.",
            40,
        ),
    ),
    probe=value,
)

QUESTIONS = (CORAL, EQUAL_SAMPLES, MMD, REVERSE, DANN, JOINT_NORM, CHOOSE_BLIND, ALIGNED_WRONG)
