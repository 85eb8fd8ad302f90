"""Patches of photographs: the backgrounds of the letters and of MNIST-M (rebuilt).

The photographs are inside the installed packages scikit-learn and scikit-image. Those of the test split are others
than those of training, so that a model cannot pass by knowing a background.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tl_course.environment import generator

TRAIN_PHOTOS = ("china", "astronaut", "chelsea", "rocket", "brick", "grass", "hubble_deep_field", "retina", "ihc")
TEST_PHOTOS = ("flower", "coffee", "gravel")
# These two are several times larger than the others; at full size a patch of theirs is nearly one colour.
HALVED = ("retina", "hubble_deep_field")
CREDIT = "photographs from scikit-learn and scikit-image"


@cache
def photographs(names: tuple[str, ...] = TRAIN_PHOTOS) -> tuple[Tensor, ...]:
    """Return photographs, each uint8 3×H×W (sizes differ); grey ones are repeated to three channels.

    >>> [tuple(photo.shape) for photo in photographs(("flower", "coffee"))]
    [(3, 427, 640), (3, 400, 600)]
    """
    return tuple(_photograph(name) for name in names)


def _photograph(name: str) -> Tensor:
    import skimage.data

    if name in ("china", "flower"):
        # The file, where `sklearn.datasets.load_sample_image` has it: to import that takes longer than all else here.
        (package,) = find_spec("sklearn").submodule_search_locations
        pixels = np.array(Image.open(Path(package, "datasets", "images", f"{name}.jpg")))
    else:
        pixels = getattr(skimage.data, "immunohistochemistry" if name == "ihc" else name)()
    image = torch.tensor(pixels)
    image = image.movedim(-1, 0) if image.ndim == 3 else image.expand(3, -1, -1)
    return image[:, ::2, ::2].contiguous() if name in HALVED else image.contiguous()


def patches(count: int, *, size: int = 32, test: bool = False, seed: int = 0) -> Tensor:
    """Cut random square patches, as many from each photograph as from any other.

    Parameters
    ----------
    count : int
    size : int
        Side in pixels.
    test : bool
        Cut from the photographs kept for tests instead of those for training.
    seed : int

    Returns
    -------
    Tensor
        uint8 count×3×size×size.

    Examples
    --------
    >>> patches(5, size=32, seed=1).shape
    torch.Size([5, 3, 32, 32])
    """
    photos = photographs(TEST_PHOTOS if test else TRAIN_PHOTOS)
    random = generator(seed)
    photo_of = torch.randperm(count, generator=random) % len(photos)
    corner = torch.rand(count, 2, generator=random, dtype=torch.float64)
    cut = torch.empty(count, 3, size, size, dtype=torch.uint8)
    for number, photo in enumerate(photos):
        chosen = (photo_of == number).nonzero().squeeze(1)
        windows = photo.unfold(1, size, 1).unfold(2, size, 1)
        rows, columns = (
            (corner[chosen, axis] * windows.shape[1 + axis]).long().clamp(max=windows.shape[1 + axis] - 1)
            for axis in range(2)
        )
        cut[chosen] = windows[:, rows, columns].movedim(0, 1)
    return cut


def over_patches(shapes: Tensor, *, test: bool = False, seed: int = 0) -> Tensor:
    """Put grey shapes over photo patches: |patch − shape| in each channel (Ganin & Lempitsky 2015, section 4).

    Parameters
    ----------
    shapes : Tensor
        uint8 N×H×H, bright on black.

    Returns
    -------
    Tensor
        uint8 N×3×H×H.

    Examples
    --------
    >>> black = torch.zeros(2, 32, 32, dtype=torch.uint8)
    >>> torch.equal(over_patches(black, seed=3), patches(2, seed=3))
    True
    """
    background = patches(len(shapes), size=shapes.shape[-1], test=test, seed=seed)
    return (background.short() - shapes[:, None].short()).abs().to(torch.uint8)
