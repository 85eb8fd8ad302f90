"""Answers to ``dann`` as learners write them: right ones in other ways, wrong ones by name."""

import copy

import torch
import torch.nn.functional as F
from proofs.lesson_14._shared import Flip, reverse_by_detach
from torch import nn

from tl_course import losses


def _dann_by_package(backbone, head, discriminator, source, target, strength):
    of_source, of_target = backbone(source[0]), backbone(target[0])
    answers = [discriminator(losses.reverse_gradient(one, strength)) for one in (of_source, of_target)]
    return nn.CrossEntropyLoss()(head(of_source), source[1]) + losses.domain_loss(*answers)


def _dann_joined(backbone, head, discriminator, source, target, strength):
    n, m = len(source[0]), len(target[0])
    features = backbone(torch.cat([source[0], target[0]]))
    logits = discriminator(reverse_by_detach(features, strength)).squeeze(1)
    truth = torch.cat([torch.zeros(n), torch.ones(m)]).to(logits)
    weights = torch.cat([torch.full((n,), 0.5 / n), torch.full((m,), 0.5 / m)]).to(logits)
    domain = F.binary_cross_entropy_with_logits(logits, truth, weight=weights, reduction="sum")
    return F.cross_entropy(head(features[:n]), source[1]) + domain


def _dann_by_hand(backbone, head, discriminator, source, target, strength):
    features = [backbone(x) for x, _ in (source, target)]
    chances = [torch.sigmoid(discriminator(Flip.apply(one, strength))) for one in features]
    domain = -0.5 * (torch.log(1 - chances[0]).mean() + torch.log(chances[1]).mean())
    rows = F.log_softmax(head(features[0]), dim=1)
    return domain - rows[torch.arange(len(rows)), source[1]].mean()


def _dann_wrong(
    labels=lambda head, features, y: F.cross_entropy(head(features[0]), y[0]),
    turn=losses.reverse_gradient,
    truth=(0.0, 1.0),
    domain=lambda one, two: (one + two) / 2,
    sum_up=lambda label, domain, strength: label + domain,
):
    def answer(backbone, head, discriminator, source, target, strength):
        features = [backbone(source[0]), backbone(target[0])]
        said = [discriminator(turn(one, strength)) for one in features]
        parts = [
            F.binary_cross_entropy_with_logits(one, torch.full_like(one, side))
            for one, side in zip(said, truth, strict=True)
        ]
        return sum_up(labels(head, features, (source[1], target[1])), domain(*parts), strength)

    return answer


def _dann_reads_labels(backbone, head, discriminator, source, target, strength):
    x, y = torch.cat([source[0], target[0]]), torch.cat([source[1], target[1]])
    loss = _dann_by_package(backbone, head, discriminator, source, target, strength)
    return loss - F.cross_entropy(head(backbone(source[0])), source[1]) + F.cross_entropy(head(backbone(x)), y)


def _dann_one_mean(backbone, head, discriminator, source, target, strength):
    features = backbone(torch.cat([source[0], target[0]]))
    logits = discriminator(losses.reverse_gradient(features, strength))
    truth = torch.zeros_like(logits)
    truth[len(source[0]) :] = 1
    return F.cross_entropy(head(features[: len(source[0])]), source[1]) + F.binary_cross_entropy_with_logits(
        logits, truth
    )


def _dann_with_backward(backbone, head, discriminator, source, target, strength):
    loss = F.cross_entropy(head(backbone(source[0])), source[1])
    loss.backward()
    return loss


def _dann_head_reversed(backbone, head, discriminator, source, target, strength):
    features = [losses.reverse_gradient(backbone(x), strength) for x, _ in (source, target)]
    return F.cross_entropy(head(features[0]), source[1]) + losses.domain_loss(*map(discriminator, features))


def _two_discriminators(backbone, head, discriminator, source, target, strength):
    other = copy.deepcopy(discriminator)
    of_source, of_target = (losses.reverse_gradient(backbone(x), strength) for x, _ in (source, target))
    return F.cross_entropy(head(backbone(source[0])), source[1]) + losses.domain_loss(
        discriminator(of_source), other(of_target)
    )


RIGHT = [_dann_by_package, _dann_joined, _dann_by_hand]

WRONG = {
    "target labels read": _dann_reads_labels,
    "no domain loss": lambda backbone, head, discriminator, source, target, strength: F.cross_entropy(
        head(backbone(source[0])), source[1]
    ),
    "features detached": _dann_wrong(turn=lambda features, strength: features.detach().clone()),
    "discriminator reversed": _dann_wrong(
        turn=lambda features, strength: features, sum_up=lambda label, domain, strength: label - strength * domain
    ),
    "not reversed": _dann_wrong(turn=lambda features, strength: features),
    "discriminator slowed": _dann_wrong(
        turn=lambda features, strength: losses.reverse_gradient(features, 1.0),
        sum_up=lambda label, domain, strength: label + strength * domain,
    ),
    "lambda twice": _dann_wrong(sum_up=lambda label, domain, strength: label + strength * domain),
    "lambda forgotten": _dann_wrong(turn=lambda features, strength: losses.reverse_gradient(features, 1.0)),
    "not halved": _dann_wrong(domain=lambda one, two: one + two),
    "one mean for both": _dann_one_mean,
    "domains swapped": _dann_wrong(truth=(1.0, 0.0)),
    "one domain shown": _dann_wrong(domain=lambda one, two: one),
    "label loss reversed too": _dann_head_reversed,
    "backward called": _dann_with_backward,
}

NO_ANSWERS = [_two_discriminators]
"""Wrong answers that have no name: they must not pass."""
