"""The two samples that a comparison of domains is given."""

from torch import Tensor


def check_samples(source: Tensor, target: Tensor, who: str) -> None:
    """Refuse samples that are no matrices of one width and two rows or more (ValueError)."""
    if source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1]:
        raise ValueError(
            f"{who} compares features n×d and m×d of one width, not {tuple(source.shape)} and {tuple(target.shape)}."
        )
    if min(len(source), len(target)) < 2:
        raise ValueError(
            f"{who} needs at least two examples of each domain and has {len(source)} and {len(target)}: choose a "
            "batch_size that leaves no single one over."
        )
