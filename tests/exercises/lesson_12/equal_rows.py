"""Answers to ``equal_rows`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


def _by_cdist(x):
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    apart = distances > 0
    return distances / distances[apart].mean() if apart.any() else distances


def _by_vector_norm(x):
    distances = torch.linalg.vector_norm(x.unsqueeze(1) - x.unsqueeze(0), dim=-1)
    return distances / (distances.sum() / max(int((distances > 0).sum()), 1) + 0.0 + (distances.sum() == 0))


def _by_small_addition(x):
    squares = ((x[:, None] - x[None, :]) ** 2).sum(-1)
    apart = squares > 0
    distances = torch.where(apart, torch.sqrt(squares + 1e-14), 0.0)
    return distances / (distances.sum() / apart.sum()) if apart.any() else distances * 0


def _by_pairs(x):
    table = [[(a - b).norm() if (a != b).any() else 0 * a.sum() for b in x] for a in x]
    distances = torch.stack([torch.stack(row) for row in table])
    nonzero = [d for row in table for d in row if d > 0]
    return distances / (sum(nonzero) / len(nonzero)) if nonzero else distances


def _by_upper_triangle(x):
    rows, columns = torch.triu_indices(len(x), len(x), offset=1)
    apart = ((x[rows] - x[columns]) ** 2).sum(dim=1).sqrt()
    distances = torch.zeros(len(x), len(x), dtype=x.dtype)
    distances[rows, columns] = apart
    distances = distances + distances.T
    return distances / distances[distances > 0].mean()


def _where_after_root(x):
    squares = ((x[:, None] - x[None]) ** 2).sum(dim=-1)
    distances = torch.where(squares > 0, squares.sqrt(), torch.zeros_like(squares))
    mean = distances.sum() / (squares > 0).sum().clamp(min=1)
    return distances / (mean if mean > 0 else 1)


def _nan_replaced(x):
    distances = torch.nan_to_num((x[:, None] - x[None]).square().sum(dim=2).sqrt())
    mean = distances[distances > 0].mean() if distances.any() else 1
    return distances / mean


def _mean_as_number(x):
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    return distances / distances[distances > 0].mean().item() if distances.any() else distances


def _without_a_guard(x):
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    return distances / distances[distances > 0].mean()


def _mean_of_everything(x):
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    return distances / distances.mean()


def _as_given(x):
    distances = (x[:, None] - x[None]).square().sum(dim=2).sqrt()
    return distances / distances.mean()


def _mean_off_diagonal(x):
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    others = ~torch.eye(len(x), dtype=torch.bool)
    return distances / distances[others].mean()


def _raw(x):
    return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")


def _never_rooted(x):
    squares = ((x[:, None] - x[None]) ** 2).sum(dim=-1)
    return squares / squares[squares > 0].mean() if squares.any() else squares


RIGHT = [_by_cdist, _by_vector_norm, _by_small_addition, _by_pairs]

WRONG = {
    "only the diagonal": _by_upper_triangle,
    "masked too late": _where_after_root,
    "constant mean": _mean_as_number,
    "nobody apart": _without_a_guard,
    "zeros in the mean": _as_given,
    "twins in the mean": _mean_off_diagonal,
    "not divided": _raw,
    "squares": _never_rooted,
}

NO_ANSWERS = [_nan_replaced, _mean_of_everything, lambda x: x, lambda x: torch.ones(len(x), len(x))]
"""Wrong answers that have no name: they must not pass."""
