"""Questions on lesson 02, the mathematics of the loss."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.exercises.probes import gradients, letters, state, with_gradients
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, Unfit, plain, tensors

LESSON = "02"

# --- sum or mean ---------------------------------------------------------------------------------------------------


def _rates(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = [{"rate": float(rng.uniform(0.01, 1)), "count": int(rng.integers(2, 500))} for _ in range(4)]
    return [*drawn, {"rate": 0.1, "count": 1}]


SUM_OR_MEAN = Question(
    slug="sum_or_mean",
    lesson=LESSON,
    title="The same steps from a sum",
    kind="implement",
    difficulty=1,
    minutes=4,
    points=1,
    hints=(
        "The loss of a sum over `count` examples is `count` times the mean. What does that do to its gradient?",
        "A step of plain gradient descent is rate × gradient, and that product must not change.",
        "The gradient is `count` times as long, so the rate must be `count` times as small.",
    ),
    inputs=_rates,
    reference=lambda rate, count: rate / count,
    why=(
        "A sum is a mean with a learning rate that changes with the batch: halve the batch, and the steps "
        "halve. That is why this course takes means, and why a rate copied from a paper is worth nothing until you "
        "know which of the two the paper took."
    ),
    wrong=(
        Wrong(
            "multiplied",
            "The wrong way round: the gradient of the sum is already too long, and this makes the steps longer still, "
            "by `count` squared.",
            lambda rate, count: rate * count,
        ),
        Wrong(
            "unchanged",
            "With the same rate every step is `count` times as long: the gradient of a sum is the sum of the "
            "gradients, not their mean.",
            lambda rate, count: rate,
        ),
        Wrong(
            "square root",
            "The square root is a rule of thumb for the noise of batches of another size. Here nothing is random: the "
            "gradient is exactly `count` times as long.",
            lambda rate, count: rate / math.sqrt(count),
        ),
    ),
)

# --- batches of unequal size ---------------------------------------------------------------------------------------


def _batches(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = [
        {"gradients": rng.normal(size=(len(sizes), 4)), "sizes": np.array(sizes)}
        for sizes in ([5, 5, 2], [int(rng.integers(1, 9)) for _ in range(4)], [4, 4, 4], [3, 1])
    ]
    return [*cases, {"gradients": rng.normal(size=(1, 4)), "sizes": np.array([7])}]


def _weighed(gradients: Tensor, sizes: Tensor) -> Tensor:
    return (gradients * sizes[:, None]).sum(dim=0) / sizes.sum()


SHORT_BATCH = Question(
    slug="short_batch",
    lesson=LESSON,
    title="The short last batch",
    kind="implement",
    difficulty=2,
    minutes=6,
    points=2,
    hints=(
        "In the mean over all examples each example counts 1/N. How much does one of them count in its batch's mean?",
        "Turn each mean back into a sum by multiplying it by its batch's size. Then add, and divide once.",
        "`(gradients * sizes[:, None]).sum(dim=0) / …`: and what is N, in terms of `sizes`?",
    ),
    inputs=_batches,
    reference=_weighed,
    why=(
        "Each example now counts the same, whichever batch it fell into. A loop that averages its batches' "
        "means lets the examples of a short last batch count more than all others, epoch after epoch if nobody "
        "shuffles, and an average of batch accuracies is wrong in the same way."
    ),
    wrong=(
        Wrong(
            "plain mean",
            "This averages the batches, not the examples: in batches of 5, 5 and 2 each of the last two examples "
            "counts two and a half times as much as any other.",
            lambda gradients, sizes: gradients.mean(dim=0),
        ),
        Wrong(
            "plain sum",
            "This adds the batches' means. The gradient of the mean over all examples is no longer than one of them, "
            "whatever their number.",
            lambda gradients, sizes: gradients.sum(dim=0),
        ),
        Wrong(
            "not divided",
            "The weights are right, and their total is missing: this is the gradient of the sum over all examples, "
            "N times too long.",
            lambda gradients, sizes: (gradients * sizes[:, None]).sum(dim=0),
        ),
        Wrong(
            "divided by the number of batches",
            "You weigh each batch by its size, and then divide by the number of batches. Divide by the number of "
            "examples.",
            lambda gradients, sizes: (gradients * sizes[:, None]).sum(dim=0) / len(sizes),
        ),
        Wrong(
            "wrong axis",
            "This weighs or averages along the wrong axis: each row of `gradients` belongs to one batch, so rows are "
            "weighed and added, and as many numbers as a gradient has remain.",
            lambda gradients, sizes: gradients.mean(dim=1),
            recognise=lambda found, expected, cases: np.shape(found[0]) == (3,),
        ),
    ),
)

# --- what reaches the target network -------------------------------------------------------------------------------

REACHES = Question(
    slug="reaches_target",
    lesson=LESSON,
    title="Who is heard by the target network?",
    kind="predict",
    difficulty=2,
    minutes=5,
    points=0,
    hints=(
        "For each recipe ask the lesson's question: through which weights does the source's data reach `w_t`?",
        "A loss can only move `w_t` by a term that contains `w_t`. But a loss is not the only way for data to leave a "
        "trace: where does `w_t` start?",
        "Two of the five have a term with the source in it and no way from it to `w_t`.",
    ),
    inputs=lambda seed: [{}],
    reference="BCD",
    why=(
        "Shared weights, a penalty and a starting point each make a way for the source to reach `w_t`; a sum of "
        "two losses of separate weights makes none, and no value of α can change that. Look for the way before you "
        "believe a formula."
    ),
    wrong=(
        Wrong(
            "sum couples",
            "Two separate networks in one sum (A, E) do not couple: differentiate by `w_t`, and the source's term is "
            "gone. Another α only changes the length of the target's own gradient.",
            "ABCDE",
            recognise=lambda found, expected, cases: bool({"A", "E"} & set(found[0])),
        ),
        Wrong(
            "start forgotten",
            "You left out D. No term of its loss names the source, but training starts where the source's training "
            "ended: change the source's labels, and `w_t` starts, and ends, elsewhere.",
            "BC",
            recognise=lambda found, expected, cases: "D" not in found[0],
        ),
        Wrong(
            "penalty forgotten",
            "You left out C. The source's data are not in the penalty, but their work is: `w_s` is what they made of "
            "it, and the penalty pulls `w_t` towards it.",
            "BD",
            recognise=lambda found, expected, cases: "C" not in found[0],
        ),
        Wrong(
            "sharing forgotten",
            "You left out B. With shared weights the source's gradient moves the very weights that the target uses.",
            "CD",
            recognise=lambda found, expected, cases: "B" not in found[0],
        ),
    ),
    probe=letters,
)

# --- the mixture ---------------------------------------------------------------------------------------------------


def _mixtures(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for alpha in (float(rng.uniform(0.1, 0.4)), float(rng.uniform(0.6, 0.9)), 0.5, 0.0, 1.0):
        source, target = rng.uniform(0.2, 3.0, size=2)
        cases.append({"source_loss": np.array(source), "target_loss": np.array(target), "alpha": alpha})
    nan = np.array(math.nan)
    broken = [{**cases[3], "source_loss": nan}, {**cases[4], "target_loss": nan}, {**cases[2], "source_loss": nan}]
    return cases + broken


def _mixture(source_loss: Tensor, target_loss: Tensor, alpha: float) -> Tensor:
    if alpha == 0:
        return target_loss
    if alpha == 1:
        return source_loss
    return alpha * source_loss + (1 - alpha) * target_loss


TRANSFER_LOSS = Question(
    slug="transfer_loss",
    lesson=LESSON,
    title="A mixture with clean ends",
    kind="implement",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "Write the formula first, and check it. Then think of α = 0 with a source loss that is NaN.",
        "`0 * nan` is `nan`. At the ends the other term must not be multiplied by zero; it must be left out.",
        "Two `if`s before the formula: at 0 return the one loss, at 1 the other.",
    ),
    inputs=_mixtures,
    reference=_mixture,
    why=(
        "At α = 0 and α = 1 the other loss is left out, not multiplied by zero, so that even a diverged source "
        "cannot spoil the control run without it. An ablation is only one if the term is really gone."
    ),
    wrong=(
        Wrong(
            "ends not clean",
            "The formula is right between the ends. But at α = 0 and α = 1 the other term is multiplied by zero, and "
            "`0 * nan` is `nan`: leave it out there.",
            lambda s, t, alpha: alpha * s + (1 - alpha) * t,
        ),
        Wrong(
            "nan hidden",
            "This replaces every NaN by a number, between the ends too. There a loss that has diverged must be seen: a "
            "run that goes on as if nothing had happened is worse than one that stops.",
            lambda s, t, alpha: torch.nan_to_num(alpha * s) + torch.nan_to_num((1 - alpha) * t),
            recognise=lambda found, expected, cases: (
                bool(np.isfinite(found[-1]["value"]))
                and all(np.allclose(a["value"], b["value"]) for a, b in zip(found[:-1], expected[:-1], strict=True))
            ),
        ),
        Wrong(
            "alpha on the target",
            "Here α weighs the source. You put it on the target, as Ben-David and others do; which side it is on has "
            "to be checked with every paper.",
            lambda s, t, alpha: _mixture(t, s, alpha),
            recognise=lambda found, expected, cases: _agrees_inside(found, cases, lambda s, t, a: a * t + (1 - a) * s),
        ),
        Wrong(
            "no (1 - alpha)",
            "The target's loss always counts in full here. The two weights must add up to one, or α changes the length "
            "of the steps as well as their direction.",
            lambda s, t, alpha: alpha * s + t,
            recognise=lambda found, expected, cases: _agrees_inside(found, cases, lambda s, t, a: a * s + t),
        ),
        Wrong(
            "alpha on both",
            "α multiplies both losses here, as in source text 001's program: it sets the length of the step, and "
            "balances nothing.",
            lambda s, t, alpha: alpha * (s + t),
            recognise=lambda found, expected, cases: _agrees_inside(found, cases, lambda s, t, a: a * (s + t)),
        ),
        Wrong(
            "cut from the graph",
            "The value is right, but its gradient is not: a `.item()`, `.detach()` or `float()` cut it off from the "
            "weights, and no optimiser could learn from it.",
            lambda s, t, alpha: _mixture(s.detach(), t.detach(), alpha),
            recognise=lambda found, expected, cases: all(
                np.allclose(one["value"], other["value"], equal_nan=True)
                for one, other in zip(found, expected, strict=True)
            ),
        ),
    ),
    probe=with_gradients("source_loss", "target_loss"),
)


def _agrees_inside(found: list[Data], cases: list[Case], formula) -> bool:
    """Whether values follow a formula in all cases with 0 < α < 1."""
    return all(
        np.isclose(one["value"], formula(case["source_loss"], case["target_loss"], case["alpha"]), equal_nan=True)
        for one, case in zip(found, cases, strict=True)
        if 0 < case["alpha"] < 1
    )


# --- the loss that source text 001 meant ---------------------------------------------------------------------------


def _two_tasks(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for alpha, many, few in ((0.3, 12, 5), (0.8, 4, 9), (0.5, 6, 6)):
        cases.append(
            {
                "weight": rng.normal(size=(1, 3)),
                "source_x": rng.normal(size=(many, 3)),
                "source_y": rng.integers(0, 2, size=many).astype(float),
                "target_x": rng.normal(size=(few, 3)),
                "target_y": rng.integers(0, 2, size=few).astype(float),
                "alpha": alpha,
            }
        )
    return cases


def _loss_of_net(answer: object, case: Case) -> Data:
    """The loss of a linear network, and its gradient by the network's weights."""
    if not callable(answer):
        raise Unfit("It is no function: write `def answer_meant_loss(net, source, target, alpha):`.")
    given = tensors(case)
    net = nn.Linear(3, 1, dtype=torch.float64)
    net.load_state_dict({"weight": given["weight"], "bias": torch.full((1,), 0.3, dtype=torch.float64)})
    source, target = (given["source_x"], given["source_y"]), (given["target_x"], given["target_y"])
    loss = answer(net, source, target, given["alpha"])
    gradient = gradients(loss, list(net.parameters()))
    flipped = answer(net, (source[0], 1 - source[1]), (target[0], 1 - target[1]), given["alpha"])
    return {"loss": plain(loss), "gradient": gradient, "loss with every label flipped": plain(flipped)}


def _risk(net: nn.Module, data: tuple[Tensor, Tensor], reduction: str = "mean") -> Tensor:
    return F.binary_cross_entropy_with_logits(net(data[0]).squeeze(1), data[1], reduction=reduction)


def _meant(net: nn.Module, source: tuple, target: tuple, alpha: float) -> Tensor:
    return alpha * _risk(net, source) + (1 - alpha) * _risk(net, target)


def _imitation(net: nn.Module, source: tuple, target: tuple, alpha: float) -> Tensor:
    return alpha * (torch.sigmoid(net(source[0])).mean() - torch.sigmoid(net(target[0])).mean()).square()


def _pooled(net: nn.Module, source: tuple, target: tuple, alpha: float) -> Tensor:
    return _risk(net, tuple(torch.cat(parts) for parts in zip(source, target, strict=True)))


def _sigmoid_twice(net: nn.Module, source: tuple, target: tuple, alpha: float) -> Tensor:
    return _meant(lambda x: torch.sigmoid(net(x)), source, target, alpha)


def _spread(net: nn.Module, source: tuple, target: tuple, alpha: float) -> Tensor:
    """Predictions N×1 against labels N: broadcasting compares each with each."""
    losses = [
        F.binary_cross_entropy_with_logits(net(x).expand(-1, len(y)), y.expand(len(x), -1)) for x, y in (source, target)
    ]
    return alpha * losses[0] + (1 - alpha) * losses[1]


MEANT_LOSS = Question(
    slug="meant_loss",
    lesson=LESSON,
    title="The loss that was meant",
    kind="repair",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "What the broken loss never reads are the labels. Which function of the lesson compares a network with labels?",
        "One network for both tasks; a mean loss over the source's examples, a mean loss over the target's, mixed by "
        "α.",
        "`net(x)` is N×1 and the labels are N: `net(x).squeeze(1)`. The network gives logits: "
        "`F.binary_cross_entropy_with_logits`.",
    ),
    inputs=_two_tasks,
    reference=_meant,
    why=(
        "Labels say what is wanted, and the shared weights carry what the source teaches to the target. Both "
        "were missing, and nothing looked amiss: the broken loss falls beautifully. A falling loss shows that "
        "something is being minimised, not that it is what you want."
    ),
    wrong=(
        Wrong(
            "no labels",
            "There is still no label in it: the loss stays the same when all labels change. It can teach the network "
            "to agree with something, but not to be right.",
            _imitation,
            recognise=lambda found, expected, cases: all(
                np.allclose(one["loss"], one["loss with every label flipped"]) for one in found
            ),
        ),
        Wrong(
            "alpha on the target",
            "α and 1 − α are on the wrong sides: here α weighs the source.",
            lambda net, source, target, alpha: _meant(net, target, source, alpha),
        ),
        Wrong(
            "pooled",
            "This joins both data sets and takes one mean. The larger set then decides, and α has no effect: take a "
            "mean of each, and mix the two.",
            _pooled,
        ),
        Wrong(
            "sums",
            "These are sums over the examples. Take means, or the task with more examples shouts the other one down, "
            "whatever α says.",
            lambda net, source, target, alpha: (
                alpha * _risk(net, source, "sum") + (1 - alpha) * _risk(net, target, "sum")
            ),
        ),
        Wrong(
            "sigmoid twice",
            "The network's outputs went through a sigmoid, and then into a loss that applies one itself. It runs and "
            "even learns, badly: predictions are squeezed between one half and three quarters.",
            _sigmoid_twice,
        ),
        Wrong(
            "broadcast",
            "`net(x)` has the shape N×1 and the labels have N: compared with one another they make an N×N table, each "
            "prediction against each label. Squeeze the prediction first.",
            _spread,
        ),
        Wrong(
            "source only",
            "Only the source's examples count here: change the target's labels, and nothing happens.",
            lambda net, source, target, alpha: _risk(net, source),
        ),
        Wrong(
            "target only",
            "Only the target's examples count here: no source, no transfer.",
            lambda net, source, target, alpha: _risk(net, target),
        ),
    ),
    probe=_loss_of_net,
)

# --- L2-SP ---------------------------------------------------------------------------------------------------------


def _moves(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        {"weight": rng.normal(size=(2, 3)), "bias": rng.normal(size=2), "move": float(move), "strength": strength}
        for move, strength in ((rng.uniform(0.2, 1), 0.1), (-rng.uniform(0.2, 1), 0.7), (0.5, 2.0))
    ]


def _pull_after_a_move(answer: object, case: Case) -> Data:
    """Make the penalty, move the weights in place as an optimiser does, and see how the penalty pulls back."""
    if not callable(answer):
        raise Unfit("It is no function: write `def answer_l2_sp(model, strength):`.")
    given = tensors(case)
    model = nn.Linear(3, 2, dtype=torch.float64)
    model.load_state_dict({"weight": given["weight"], "bias": given["bias"]})
    penalty = answer(model, case["strength"])
    if not callable(penalty):
        raise Unfit("It must give back a function, the penalty, which is called again after each step.")
    start = plain(penalty())
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(case["move"])
    after = penalty()
    pull = gradients(after, list(model.parameters()))
    return {"penalty at the start": start, "penalty after the move": plain(after), "gradient": pull, **state(model)}


def _l2_sp(model: nn.Module, strength: float):
    start = [weight.detach().clone() for weight in model.parameters()]

    def penalty() -> Tensor:
        pairs = zip(model.parameters(), start, strict=True)
        return strength / 2 * sum((weight - source).square().sum() for weight, source in pairs)

    return penalty


def _of_distance(keep, of_difference, factor: float = 0.5):
    """Wrong penalties: what is kept as the start, and what is made of the difference."""

    def answer(model: nn.Module, strength: float):
        start = [keep(weight) for weight in model.parameters()]
        return lambda: (
            factor * strength * sum(of_difference(w - s) for w, s in zip(model.parameters(), start, strict=True))
        )

    return answer


def _square(difference: Tensor) -> Tensor:
    return difference.square().sum()


def _copied(weight: Tensor) -> Tensor:
    return weight.detach().clone()


L2_SP = Question(
    slug="l2_sp",
    lesson=LESSON,
    title="A starting point that stays",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "The penalty is called after each step, and must still know where the weights were when it was made.",
        "Keep a list of the weights' values at the start. An optimiser changes weights in place: what you keep must "
        "not share their memory, and must not be part of the graph.",
        "`start = [weight.detach().clone() for weight in model.parameters()]`, then a function inside the function "
        "that returns `strength / 2` times the sum of all squared differences.",
    ),
    inputs=_moves,
    reference=_l2_sp,
    why=(
        "The start is a copy, so the spring has a fixed end, and its pull is λ(θ − θ_s). With `detach()` alone "
        "both ends move together: the penalty is zero for ever, the run looks regularised, and nobody notices. "
        "Published code has that bug."
    ),
    wrong=(
        Wrong(
            "no copy",
            "Your start moves along with the weights, so the penalty stays zero for ever: `detach()` leaves the graph "
            "but shares the memory. Make a copy with `clone()`.",
            _of_distance(lambda weight: weight.detach(), _square),
        ),
        Wrong(
            "clone in the graph",
            "The value is right, but nothing pulls: `clone()` without `detach()` is still a function of the weights, "
            "so the gradients of both ends cancel.",
            _of_distance(lambda weight: weight.clone(), _square),
            recognise=lambda found, expected, cases: (
                all(
                    np.isclose(one["penalty after the move"], other["penalty after the move"])
                    for one, other in zip(found, expected, strict=True)
                )
                and not any(np.any(gradient) for one in found for gradient in one["gradient"])
            ),
        ),
        Wrong(
            "pulls to zero",
            "This pulls the weights to zero: plain weight decay. L2-SP pulls them to where they started.",
            _of_distance(torch.zeros_like, _square),
        ),
        Wrong(
            "factor two",
            "The factor ½ is missing, so the pull is 2λ(θ − θ_s), twice what λ says.",
            _of_distance(_copied, _square, factor=1.0),
        ),
        Wrong(
            "not squared",
            "The differences are not squared. Then the pull is as strong near the start as far from it, or depends on "
            "the sign alone; a spring pulls harder the further you go.",
            _of_distance(_copied, lambda difference: difference.abs().sum()),
            recognise=lambda found, expected, cases: _grows_like(found, cases, power=1),
        ),
        Wrong(
            "mean instead of sum",
            "You take the mean over a tensor's numbers. Then the weights of a large layer are held more loosely than "
            "those of a small one. Sum the squares.",
            _of_distance(_copied, lambda difference: difference.square().mean()),
        ),
    ),
    probe=_pull_after_a_move,
)


def _grows_like(found: list[Data], cases: list[Case], power: int) -> bool:
    """Whether the penalty, over the strength, is one multiple of |move|^power in all cases."""
    scale = [
        float(one["penalty after the move"]) / case["strength"] / abs(case["move"]) ** power
        for one, case in zip(found, cases, strict=True)
    ]
    return scale[0] > 0 and bool(np.allclose(scale, scale[0]))


# --- the two ends of the dial --------------------------------------------------------------------------------------


def _valleys(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for lam in (float(rng.uniform(0.2, 3)), float(rng.uniform(0.2, 3)), 0.0, 1e12):
        target, source = rng.normal(size=(2, 2))
        cases.append({"curvature": rng.uniform(0.2, 4, size=2), "target": target, "source": source, "lam": lam})
    return cases


SPRING = Question(
    slug="spring",
    lesson=LESSON,
    title="Where the spring comes to rest",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=2,
    hints=(
        "At a minimum the gradient is zero. Write down both terms' derivatives by one θ.",
        "h(θ − θ_t) + λ(θ − θ_s) = 0. Solve for θ.",
        "θ is an average of θ_t and θ_s with the weights h and λ. Check both ends: λ = 0 and λ very large.",
    ),
    inputs=_valleys,
    reference=lambda curvature, target, source, lam: (curvature * target + lam * source) / (curvature + lam),
    why=(
        "An average of two wishes, the target's weighed by its curvature h and the source's by λ. Where the "
        "target's data say much (h large), they win; along the flat valley, where they say little, the source decides. "
        "λ = 0 forgets the source, λ → ∞ never leaves it."
    ),
    wrong=(
        Wrong(
            "swapped",
            "The wrong one wins: with λ = 0 this rests at the source's weights, where there is no spring at all. λ is "
            "the source's weight, h the target's.",
            lambda curvature, target, source, lam: (lam * target + curvature * source) / (curvature + lam),
        ),
        Wrong(
            "curvature forgotten",
            "The curvature is not in it: this is right only where h = 1. A steep valley resists the spring more than a "
            "flat one.",
            lambda curvature, target, source, lam: (target + lam * source) / (1 + lam),
        ),
        Wrong(
            "not divided",
            "The weights do not add up to one: for a large λ this runs away instead of resting at the source.",
            lambda curvature, target, source, lam: curvature * target + lam * source,
        ),
        Wrong(
            "weight decay",
            "This rests between the target's minimum and zero: plain weight decay. The spring's other end is at the "
            "source's weights.",
            lambda curvature, target, source, lam: curvature * target / (curvature + lam),
        ),
        Wrong(
            "twice lambda",
            "λ pulls with double strength here: did a factor ½ get lost? The penalty is ½λ(θ − θ_s)², and its "
            "derivative λ(θ − θ_s).",
            lambda curvature, target, source, lam: (curvature * target + 2 * lam * source) / (curvature + 2 * lam),
        ),
    ),
)

QUESTIONS = (SUM_OR_MEAN, SHORT_BATCH, REACHES, TRANSFER_LOSS, MEANT_LOSS, L2_SP, SPRING)
