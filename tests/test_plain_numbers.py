"""Numbers from Python, NumPy and PyTorch are one and the same number; what is none is refused in one sentence.

Seeds, which are such numbers, have `test_seeds.py`.
"""

import enum
import json

import numpy as np
import pytest
import torch

from tl_course.plain_numbers import for_json, real_number, whole_number, whole_or_share

WHOLE = [
    int,
    np.int8,
    np.int64,
    np.uint16,
    lambda value: np.array(value),
    lambda value: torch.tensor(value),
    lambda value: torch.tensor(value, dtype=torch.uint8),
]
REAL = [*WHOLE, float, np.float16, np.float32, np.float64, lambda value: torch.tensor(float(value))]
NONE = [True, False, np.True_, torch.tensor(True), np.array(False), "3", np.str_("3"), b"3", 1 + 0j]
NONE += [np.complex64(1), torch.tensor(1j), [3], np.array([3]), torch.tensor([3]), object()]


@pytest.mark.parametrize("make", WHOLE)
@pytest.mark.parametrize("value", [0, 3, 77])
def test_whole_numbers_become_int(make, value):
    found = whole_number("n", make(value))
    assert (type(found), found) == (int, value)
    assert type(whole_or_share("n", make(value))) is int


def test_a_member_of_an_enum_of_numbers_is_its_number():
    found = whole_number("seed", enum.IntEnum("Seeds", "first second").second)
    assert (type(found), found) == (int, 2)


@pytest.mark.parametrize("make", REAL)
@pytest.mark.parametrize("value", [0, 3, 77])
def test_numbers_become_float(make, value):
    found = real_number("x", make(value))
    assert (type(found), found) == (float, float(value))


@pytest.mark.parametrize("value", [*NONE, 3.0, np.float64(3), torch.tensor(3.0)])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match=r"^steps=.* is not possible; give a whole number, such as 3\.$"):
        whole_number("steps", value)


@pytest.mark.parametrize("value", [*NONE])
def test_what_is_no_number_is_refused(value):
    for convert in (real_number, whole_or_share):
        with pytest.raises(ValueError, match=r"^share=.* is not possible; give a finite number, such as 0\.1\.$"):
            convert("share", value)


@pytest.mark.parametrize("value", [float("nan"), np.inf, np.float32("nan"), torch.tensor(-torch.inf)])
def test_what_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="give a finite number"):
        real_number("share", value)


def test_nothing_stays_nothing_unless_there_is_a_least():
    assert whole_number("n", None) is real_number("n", None) is whole_or_share("n", None) is None
    with pytest.raises(ValueError, match="give a whole number from 0"):
        whole_number("n", None, least=0)


@pytest.mark.parametrize("value", [0, -1, np.int64(0), 2.0])
def test_the_least_is_said(value):
    with pytest.raises(ValueError, match=r"classes=.* is not possible; give a whole number from 1\.$"):
        whole_number("classes", value, least=1)


def test_what_numpy_and_torch_compute_can_be_written_as_json():
    values = {"a": np.int64(2), "b": np.float32(0.5), "c": np.arange(2), "d": torch.ones(1), "e": np.True_, "f": 1}
    assert json.loads(json.dumps(values, default=for_json)) == {"a": 2, "b": 0.5, "c": [0, 1], "d": [1], "e": 1, "f": 1}
    with pytest.raises(TypeError, match="a set, cannot be written as JSON"):
        json.dumps({"a": {1}}, default=for_json)
