"""Lesson 14: one step of DANN."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.exercises.lesson_14._shared import own_reversal
from tl_course.exercises.probes import gradients, need_function
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import Recogniser, close, equal_parts, multiple, none_of, once, shows, zero
from tl_course.exercises.values import Data, plain, tensors


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
    reverse: Callable = own_reversal,
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
    return F.cross_entropy(head(own_reversal(features[0], strength)), source[1])


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


@once
def _measures(cases: list[Case]) -> list[tuple[Data, Data]]:
    """What one step shows on each case: without the domain loss, and with one that nothing reverses."""
    without, helped = _dann(domain=lambda *_: 0.0), _dann(reverse=_plain)
    return [(plain(_one_step(without, case)), plain(_one_step(helped, case))) for case in cases]


def _factors(found: Data, without: Data, helped: Data) -> tuple[float | None, float | None]:
    """By which factors the domain loss arrives in the backbone and in the discriminator: −λ and 1 if all is well."""
    backbone, discriminator = "gradient of the backbone", "gradient of the discriminator"
    if [np.shape(one) for one in found[backbone]] != [np.shape(one) for one in without[backbone]]:
        return None, None
    rest, domain = (
        [mine - theirs for mine, theirs in zip(one[backbone], without[backbone], strict=True)]
        for one in (found, helped)
    )
    return multiple(rest, domain), multiple(found[discriminator], helped[discriminator])


def _arrives(matches: Callable[[float, float, float], bool]) -> Recogniser:
    """Recognise by the two factors and λ, in all cases.

    No value of the evidence shows them: the label loss moves the backbone too, and has to be taken away first.
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        factors = [_factors(one, *two) for one, two in zip(found, _measures(cases), strict=True)]
        return all(
            None not in both and matches(*both, case["strength"]) for both, case in zip(factors, cases, strict=True)
        )

    return recognise


def _has_the_loss_of(*domains: Callable[[Tensor, Tensor], Tensor]) -> Recogniser:
    """Recognise the loss that comes with one of these losses of the domains, whatever its gradients are."""
    return shows(_one_step, *(_dann(domain=domain) for domain in domains), names=("loss",))


QUESTION = Question(
    slug="dann",
    lesson="14",
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
        "One sum, one backward pass, three jobs. The head learns the labels of the source. The discriminator learns to "
        "tell the domains at rate 1. The backbone helps the first and hinders the second. Other target labels "
        "changed nothing, not in one bit: none was read, so a test on them is a test."
    ),
    wrong=(
        Wrong(
            "target labels read",
            "With other labels in the target your loss is another one: it reads them. They came out of the loader, but "
            "in this task you have none. The label loss is the source's alone.",
            _dann(label=_on_both),
            recognise=none_of(equal_parts("loss", "loss with other labels in the target")),
        ),
        Wrong(
            "no domain loss",
            "The discriminator gets no gradient at all: this is training on the source alone. The loss of the domains "
            "is missing.",
            _dann(domain=lambda *_: 0.0),
            recognise=zero("gradient of the discriminator"),
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
            _dann(reverse=lambda features, strength: own_reversal(features, 1.0), scale=lambda strength: strength),
            recognise=_arrives(lambda front, behind, strength: close(front, -strength) and close(behind, strength)),
        ),
        Wrong(
            "lambda twice",
            "λ is in it twice, in the reversal and before the loss: the features are moved by λ². Once is enough, in "
            "the reversal.",
            _dann(scale=lambda strength: strength),
            recognise=_arrives(lambda front, behind, strength: close(front, -(strength**2))),
        ),
        Wrong(
            "lambda forgotten",
            "The reversal is there, and always at full strength: λ has no effect. Hand `strength` to it.",
            _dann(reverse=lambda features, strength: own_reversal(features, 1.0)),
            recognise=_arrives(lambda front, behind, strength: close(front, -1.0) and close(behind, 1.0)),
        ),
        Wrong(
            "not halved",
            "The means of the two domains are added, and not halved: the domain loss weighs twice as much. The paper "
            "writes it so, and published code does not; here each domain counts a half.",
            _dann(scale=lambda strength: 2.0),
            recognise=_arrives(lambda front, behind, strength: close(front, -2 * strength) and close(behind, 2.0)),
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
            "is the trouble: a later reader takes the discriminator's answers the wrong way round.",
            _dann(domain=lambda of_source, of_target: _domain_loss(of_target, of_source)),
            recognise=_has_the_loss_of(lambda of_source, of_target: _domain_loss(of_target, of_source)),
        ),
        Wrong(
            "one domain shown",
            "The discriminator sees one domain only. It will learn to say always the same, and there is nothing to "
            "align with: show it both.",
            _dann(domain=lambda of_source, of_target: F.softplus(-of_target).mean()),
            recognise=_has_the_loss_of(
                lambda of_source, of_target: F.softplus(-of_target).mean(),
                lambda of_source, of_target: F.softplus(-of_target).mean() / 2,
                lambda of_source, of_target: F.softplus(of_source).mean(),
                lambda of_source, of_target: F.softplus(of_source).mean() / 2,
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
