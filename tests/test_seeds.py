"""A seed of NumPy or PyTorch is Python's; what is no seed touches no generator."""

import random

import numpy as np
import pytest
import torch

from tl_course import environment


def drawn() -> tuple:
    return random.random(), np.random.random(), torch.rand(1).item()  # noqa: NPY002


@pytest.mark.parametrize("seed", [np.int64(5), np.uint8(5), torch.tensor(5), np.array(5)])
def test_a_seed_of_numpy_or_pytorch_seeds_as_pythons(seed):
    environment.seed_everything(5)
    expected = drawn()
    environment.seed_everything(seed)
    assert drawn() == expected
    assert torch.equal(
        torch.randperm(9, generator=environment.generator(seed)), torch.randperm(9, generator=environment.generator(5))
    )
    found = environment.setup(device="cpu", seed=seed, quiet=True)
    assert drawn() == expected
    assert type(found.seed) is int


@pytest.mark.parametrize("seed", [True, "0", 1.0, None, 2**64, -(2**63) - 1, np.float32(1)])
def test_a_seed_that_is_none_touches_no_generator(seed):
    environment.seed_everything(1)
    expected = drawn()
    environment.seed_everything(1)
    for door in (environment.seed_everything, environment.generator):
        with pytest.raises(ValueError, match=r"^seed=.* is not possible; give a whole number"):
            door(seed)
    before = environment.current()
    with pytest.raises(ValueError, match=r"^seed="):
        environment.setup(device="cpu", seed=seed, quiet=True)
    assert environment.current() is before
    assert drawn() == expected


@pytest.mark.parametrize("seed", [-(2**63), -1, 2**32, 2**64 - 1])
def test_every_seed_that_pytorch_takes_is_taken(seed):
    environment.seed_everything(seed)
    expected = drawn()
    environment.seed_everything(seed)
    assert drawn() == expected
