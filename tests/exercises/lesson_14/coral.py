"""Answers to ``coral`` as learners write them: right ones in other ways, wrong ones by name."""

import torch

from tl_course import losses


def _coral_by_torch(source, target):
    width = source.shape[1]
    return (torch.cov(source.T) - torch.cov(target.T)).pow(2).sum() / 4 / width / width


def _coral_by_norm(source, target):
    def covariance(x):
        n = x.size(0)
        total = x.sum(dim=0, keepdim=True)
        return (x.t() @ x - total.t() @ total / n) / (n - 1)

    distance = torch.linalg.matrix_norm(covariance(source) - covariance(target))
    return distance**2 / (2 * source.size(1)) ** 2


def _coral_wrong(covariance=lambda x: torch.cov(x.T), loss=lambda gap, d: gap.square().sum() / (4 * d**2)):
    return lambda source, target: loss(covariance(source) - covariance(target), source.shape[1])


def _coral_one_mean(source, target):
    joined = torch.cat([source, target])
    source, target = (joined - joined.mean(0)).split([len(source), len(target)])
    gap = source.T @ source / (len(source) - 1) - target.T @ target / (len(target) - 1)
    return gap.square().sum() / (4 * source.shape[1] ** 2)


def _coral_with_means(source, target):
    return losses.coral(source, target) + torch.mean((source.mean(0) - target.mean(0)) ** 2)


def _coral_by_numpy(source, target):
    import numpy as np

    gap = np.cov(source.detach().numpy().T) - np.cov(target.detach().numpy().T)
    return float((gap**2).sum() / (4 * source.shape[1] ** 2))


RIGHT = [losses.coral, _coral_by_torch, _coral_by_norm]

WRONG = {
    "not centred": _coral_wrong(lambda x: x.T @ x / len(x)),
    "divided by n": _coral_wrong(lambda x: torch.cov(x.T, correction=0)),
    "sums of squares": _coral_wrong(lambda x: (x - x.mean(0)).T @ (x - x.mean(0))),
    "4d² missing": _coral_wrong(loss=lambda gap, d: (gap**2).sum()),
    "4 missing": _coral_wrong(loss=lambda gap, d: gap.square().mean()),
    "d not squared": _coral_wrong(loss=lambda gap, d: gap.square().sum() / (4 * d)),
    "norm not squared": _coral_wrong(loss=lambda gap, d: gap.norm() / (4 * d**2)),
    "differences not squared": _coral_wrong(loss=lambda gap, d: gap.sum() / (4 * d**2)),
    "variances only": _coral_wrong(lambda x: x.var(0)),
    "one mean for both": _coral_one_mean,
    "means compared": _coral_with_means,
    "gradient lost": _coral_by_numpy,
}

NO_ANSWERS = [lambda source, target: torch.zeros(()), lambda source, target: losses.coral(source, 2 * target)]
"""Wrong answers that have no name: they must not pass."""
