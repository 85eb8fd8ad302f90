"""Probes bring back values, and refuse everything else."""

import numpy as np
import pytest

from tl_course.exercises import Unfit
from tl_course.exercises.probes import letters, with_gradients


def test_gradients_are_zero_where_nothing_depends():
    probe = with_gradients("x", "y")
    case = {"x": np.ones(2), "y": np.ones(2)}
    assert probe(lambda x, y: (x * 3).sum(), case)["gradient by y"].tolist() == [0, 0]
    assert probe(lambda x, y: 3.0, case)["gradient by x"].tolist() == [0, 0]
    for wrong in (lambda x, y: x, lambda x, y: None):
        with pytest.raises(Unfit, match="one number"):
            probe(wrong, case)


def test_letters_are_letters():
    for wrong in ("separate", 3, None, ["separate"], [1]):
        with pytest.raises(Unfit, match='such as `"AC"`'):
            letters(wrong, {})
