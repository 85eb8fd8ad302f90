"""Answers to ``distil_loss`` as learners write them: right ones in other ways, wrong ones by name."""

import torch
import torch.nn.functional as F
from torch import nn

from tl_course import losses


def _by_hand(z_s, z_t, y, T, a):
    p = F.softmax(z_t.detach() / T, dim=-1)
    soft = (p * (p.log() - F.log_softmax(z_s / T, dim=-1))).sum(dim=-1).mean()
    return (1 - a) * nn.CrossEntropyLoss()(z_s, y) + a * T * T * soft


def _by_package(z_s, z_t, y, T, a):
    return losses.distillation(z_s, z_t, y, temperature=T, weight=a)


def _by_module(z_s, z_t, y, T, a):
    with torch.no_grad():
        target = torch.log_softmax(z_t / T, dim=1)
    divergence = nn.KLDivLoss(reduction="sum", log_target=True)(torch.log_softmax(z_s / T, 1), target)
    return torch.lerp(F.cross_entropy(z_s, y), divergence / len(y) * T**2, a)


def _by_entropy(z_s, z_t, y, T, a):
    p = (z_t.detach() / T).softmax(dim=1)
    entropy = -(p * p.log()).sum(dim=1).mean()
    return (1 - a) * F.cross_entropy(z_s, y) + a * T**2 * (F.cross_entropy(z_s / T, p) - entropy)


def _mixed(soft, stop=True):
    """With this soft term, the teacher's gradient stopped or, as many forget, not."""

    def answer(z_s, z_t, y, T, a):
        z_t = z_t.detach() if stop else z_t
        return F.cross_entropy(z_s, y) * (1 - a) + soft(z_s, z_t, T) * a

    return answer


def _log(z, T):
    return F.log_softmax(z / T, dim=1)


def _soft(z, T):
    return F.softmax(z / T, dim=1)


def _teacher_in_the_graph(z_s, z_t, y, T, a):
    soft = F.kl_div(_log(z_s, T), _soft(z_t, T), reduction="batchmean")
    return (1 - a) * F.cross_entropy(z_s, y) + a * soft * T**2


def _with_item(z_s, z_t, y, T, a):
    return _by_hand(z_s, z_t, y, T, a).item()


def _soft_half_cut(z_s, z_t, y, T, a):
    return _by_hand(z_s.detach(), z_t, y, T, a)


RIGHT = [_by_hand, _by_package, _by_module, _by_entropy]

WRONG = {
    "teacher not detached": _teacher_in_the_graph,
    "student cut off": _with_item,
    "no T squared": _mixed(lambda s, t, T: F.kl_div(_log(s, T), _soft(t, T), reduction="batchmean")),
    "T once": _mixed(lambda s, t, T: T * F.kl_div(_log(s, T), _soft(t, T), reduction="batchmean"), stop=False),
    "KL swapped": _mixed(lambda s, t, T: T**2 * F.kl_div(_log(t, T), _soft(s, T), reduction="batchmean")),
    "divided by the classes": _mixed(
        lambda s, t, T: T**2 * (_soft(t, T) * (_log(t, T) - _log(s, T))).mean(), stop=False
    ),
    "summed over the batch": _mixed(lambda s, t, T: T**2 * nn.KLDivLoss(reduction="sum")(_log(s, T), _soft(t, T))),
    "probabilities for logarithms": _mixed(
        lambda s, t, T: T**2 * F.kl_div(_soft(s, T), _soft(t, T), reduction="batchmean"), stop=False
    ),
    "logarithm of a logarithm": _mixed(
        lambda s, t, T: T**2 * F.kl_div(_log(s, T), _log(t, T), reduction="sum") / len(s)
    ),
    "only the student softened": _mixed(
        lambda s, t, T: T**2 * F.kl_div(_log(s, T), _soft(t, 1), reduction="batchmean"), stop=False
    ),
    "only the teacher softened": _mixed(
        lambda s, t, T: T**2 * F.kl_div(_log(s, 1), _soft(t, T), reduction="batchmean")
    ),
    "weights swapped": lambda s, t, y, T, a: losses.distillation(s, t, y, temperature=T, weight=1 - a),
    "labels softened": lambda s, t, y, T, a: (
        a * losses.soft_target_divergence(s, t, T) + (1 - a) * F.cross_entropy(s / T, y)
    ),
    "cross-entropy with the teacher": _mixed(lambda s, t, T: -(T**2) * (_soft(t, T) * _log(s, T)).sum(1).mean()),
}

NO_ANSWERS = [_soft_half_cut, lambda s, t, y, T, a: F.mse_loss(s, t), lambda s, t, y, T, a: 0.0]
"""Wrong answers that have no name: they must not pass."""
