"""Hints, as a pure function and in the loop."""

import pytest
import torch
from loss_inputs import SEEDS, draw

from tl_course import losses


@pytest.mark.parametrize("seed", SEEDS)
def test_hint_is_its_formula_and_trains_the_student_only(seed):
    student, teacher = draw(seed, 5, 3, 4, 4).requires_grad_(), draw(seed + 10, 5, 3, 4, 4).requires_grad_()
    value = losses.hint(student, teacher)
    expected = sum((student[i] - teacher[i]).norm() ** 2 / 2 for i in range(5)) / 5
    torch.testing.assert_close(value, expected)
    value.backward()
    torch.testing.assert_close(student.grad, (student - teacher).detach() / 5)
    assert teacher.grad is None
    assert losses.hint(teacher, teacher) == 0


def test_hint_refuses_other_shapes():
    with pytest.raises(ValueError, match="give a regressor"):
        losses.hint(torch.zeros(2, 3), torch.zeros(2, 4))
