"""Answers to ``mmd`` as learners write them: right ones in other ways, wrong ones by name."""

import torch

from tl_course import losses


def _mmd_by_package(source, target, width):
    return losses.mmd2(source, target, bandwidth=width.item())


def _mmd_one_table(source, target, width):
    n, joined = len(source), torch.cat([source, target])
    table = torch.exp(-(joined[:, None, :] - joined[None, :, :]).pow(2).sum(-1) / 2 / width.item() ** 2)
    table = table * (1 - torch.eye(len(table)))
    m = len(target)
    inside = table[:n, :n].sum() / n / (n - 1) + table[n:, n:].sum() / m / (m - 1)
    crossed = torch.exp(-(torch.cdist(source, target) ** 2) / (2 * width.item() ** 2))
    return inside - 2 * crossed.mean()


def _mmd_by_mask(source, target, width):
    gamma = 1 / (2 * width.detach() ** 2)

    def mean(x, y, others):
        table = (-gamma * ((x.unsqueeze(1) - y.unsqueeze(0)) ** 2).sum(dim=2)).exp()
        return table[~torch.eye(len(x), dtype=torch.bool)].mean() if others else table.mean()

    return mean(source, source, True) + mean(target, target, True) - 2 * mean(source, target, False)


def _mmd_loop(source, target, width):
    sigma = width.detach()

    def k(x, y):
        return torch.exp(-torch.sum((x - y) ** 2) / (2 * sigma**2))

    def pairs(a):
        return sum(k(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j) / (len(a) * (len(a) - 1))

    crossed = sum(k(x, y) for x in source for y in target) / (len(source) * len(target))
    return pairs(source) + pairs(target) - 2 * crossed


def _mmd_wrong(exponent=lambda d, s: -(d**2) / (2 * s**2), within=None, factor=2.0, width=torch.Tensor.detach):
    def others(table):
        n = len(table)
        return (table.sum() - table.trace()) / (n * (n - 1))

    def answer(source, target, measured):
        s = width(measured)
        xx, yy, xy = (
            torch.exp(exponent(torch.cdist(a, b), s)) for a, b in ((source, source), (target, target), (source, target))
        )
        mean = within or others
        return mean(xx) + mean(yy) - factor * xy.mean()

    return answer


RIGHT = [_mmd_by_package, _mmd_one_table, _mmd_by_mask, _mmd_loop]

WRONG = {
    "diagonal kept": lambda source, target, width: losses.mmd2(source, target, bandwidth=width, unbiased=False),
    "diagonal added": _mmd_wrong(within=lambda table: table.sum() / (len(table) * (len(table) - 1))),
    "divided by all": _mmd_wrong(within=lambda table: (table * (1 - torch.eye(len(table)))).mean()),
    "distance not squared": _mmd_wrong(lambda d, s: -d / (2 * s**2)),
    "another width": _mmd_wrong(lambda d, s: -(d**2) / s**2),
    "cross term once": _mmd_wrong(factor=1.0),
    "cross term added": _mmd_wrong(factor=-2.0),
    "root taken": lambda source, target, width: _mmd_loop(source, target, width) ** 0.5,
    "cut off at zero": lambda source, target, width: torch.relu(_mmd_loop(source, target, width)),
    "gradient lost": lambda source, target, width: _mmd_loop(source, target, width).item(),
    "width followed": _mmd_wrong(width=lambda measured: measured),
}

NO_ANSWERS = [lambda source, target, width: losses.mmd2(source, target, "laplacian")]
"""Wrong answers that have no name: they must not pass."""
