"""Plain data cross to another process unchanged, and nothing else does."""

import numpy as np
import pytest
import torch

from tl_course.exercises import Unfit, decode, encode
from tl_course.exercises.values import difference, plain


@pytest.mark.parametrize(
    "data",
    [
        None,
        True,
        3,
        0.1,
        float("nan"),
        float("-inf"),
        "a\x00é\ud7ff",
        [],
        [1, [2.5, "x"]],
        {"dict": {"float": 1}},
        np.arange(6, dtype=np.int16).reshape(2, 3),
        np.array(2.5, dtype=np.float32),
        np.zeros((0, 3)),
        np.array([[True, False]]),
        np.array([np.nan, np.inf, -0.0]),
    ],
)
def test_data_cross_unchanged(data):
    back = decode(encode(data))
    assert type(back) is type(data)
    assert encode(back) == encode(data)
    if isinstance(data, np.ndarray):
        assert (back.dtype, back.shape) == (data.dtype, data.shape)
        np.testing.assert_array_equal(back, data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"dict": 3}',
        '{"odd": 1}',
        '{"dtype": "O", "shape": [1], "base64": "AAAA"}',
        '{"dtype": "<f8", "shape": [9], "base64": "AAAA"}',
        '{"dtype": "<f8", "shape": [-1, -1], "base64": ""}',
        "[" * 100_000,
        '{"float": "what"}',
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="no plain data"):
        decode(text)


def test_plain_data_is_made_of_what_learners_return():
    made = plain({"a": (torch.ones(2, dtype=torch.bfloat16), np.float32(2)), 3: {"x"}})
    np.testing.assert_array_equal(made["a"][0], np.ones(2, dtype=np.float32))
    assert made["3"] == ["x"]
    endless = []
    endless.append(endless)
    for odd in (endless, object(), np.array(["x"]), {"f": print}):
        with pytest.raises(Unfit):
            plain(odd)


def test_numbers_agree_within_the_tolerance_and_not_beyond():
    assert difference(1.00009, 1.0) is None
    assert difference(1.0002, 1.0).kind == "value"
    assert difference([1, 2], np.array([1.0, 2.0])) is None
    assert difference(torch.tensor(1.0).numpy(), 1) is None
    assert difference(True, 1.0).kind == "type"
    assert difference(" Ab", "aB ") is None
    assert difference({"a": 1, "b": 2}, {"a": 1}).sentence == "It has 'b', which does not belong there."
