"""Numbers of NumPy and PyTorch become Python's own at the doors; what is no number is said in a sentence."""

import enum
import random
from fractions import Fraction

import numpy as np
import pytest
import torch

from tl_course import environment
from tl_course.plain_numbers import real_number, whole_number

WHOLE = [np.int8, np.int64, np.uint16, np.array, torch.tensor, lambda value: torch.tensor(value, dtype=torch.int32)]
REAL = [*WHOLE, np.float16, np.float32, np.float64, float, lambda value: torch.tensor(float(value))]


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_numbers_become_int(kind):
    for value in (0, 7, 100):
        found = whole_number("seed", kind(value))
        assert type(found) is int
        assert found == value


@pytest.mark.parametrize("kind", REAL)
def test_real_numbers_become_float(kind):
    for value in (0, 0.5, 100):
        found = real_number("lr", kind(value))
        assert type(found) is float
        assert found == float(kind(value))


def test_a_member_of_an_enum_of_numbers_is_its_number():
    found = whole_number("seed", enum.IntEnum("Seeds", "first second").second)
    assert type(found) is int
    assert found == 2


NO_NUMBERS = [
    True,
    np.bool_(True),
    torch.tensor(False),
    "3",
    np.str_("3"),
    [3],
    np.array([3]),
    torch.ones(1),
    3j,
    object(),
]


@pytest.mark.parametrize("value", [*NO_NUMBERS, 3.0, np.float64(3), Fraction(3), float("nan")], ids=repr)
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match=r"^seed=.* is not possible; give a whole number, such as 3\.$"):
        whole_number("seed", value)


@pytest.mark.parametrize("value", [*NO_NUMBERS, float("nan"), np.float32("inf"), torch.tensor(-torch.inf)], ids=repr)
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(ValueError, match=r"^lr=.* is not possible; give a finite number, such as 0\.1\.$"):
        real_number("lr", value)


# --- seeds -----------------------------------------------------------------------------------------------------------


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
