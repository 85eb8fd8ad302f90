"""Distances and angles within a batch, as pure functions and in the loop."""

from types import SimpleNamespace

import numpy as np
import pytest
import tasks
import torch
import torch.nn.functional as F
from loss_inputs import SEEDS, draw, wide_net

from tl_course import losses


def random_rotation(seed, width):
    return torch.linalg.qr(draw(seed, width, width))[0]


def reference_distance(student, teacher):
    """Pair by pair, as the paper writes it."""

    def relative(x):
        pairs = [(i, j) for i in range(len(x)) for j in range(len(x)) if i != j]
        lengths = np.array([np.linalg.norm(x[i] - x[j]) for i, j in pairs])
        return lengths / lengths[lengths > 0].mean()

    gaps = np.abs(relative(student) - relative(teacher))
    return np.where(gaps < 1, gaps**2 / 2, gaps - 0.5).mean()


def reference_angle(student, teacher):
    def unit(v):
        return v / np.linalg.norm(v)

    gaps, count = [], len(student)
    for i in range(count):
        for j in range(count):
            for k in range(count):
                if len({i, j, k}) == 3:
                    cosines = [unit(x[i] - x[j]) @ unit(x[k] - x[j]) for x in (student, teacher)]
                    gap = abs(cosines[0] - cosines[1])
                    gaps.append(gap**2 / 2 if gap < 1 else gap - 0.5)
    return np.mean(gaps)


def authors_relations(student, teacher):
    """The form of the authors' published code: means over all pairs and all triplets, roots of squares plus 1e-12."""

    def distances(x):
        squares = (x.pow(2).sum(1)[:, None] + x.pow(2).sum(1)[None] - 2 * x @ x.T).clamp(min=1e-12)
        roots = squares.sqrt() * (1 - torch.eye(len(x), dtype=x.dtype))
        return roots / roots[roots > 0].mean()

    def angles(x):
        directions = F.normalize(x[None] - x[:, None], dim=2)
        return torch.bmm(directions, directions.transpose(1, 2))

    return tuple(F.smooth_l1_loss(f(student), f(teacher)) for f in (distances, angles))


@pytest.mark.parametrize("seed", SEEDS)
def test_relations_are_their_formulas(seed):
    student, teacher = draw(seed, 7, 3), 3 * draw(seed + 10, 7, 5)
    distance, angle = losses.relational_distance(student, teacher), losses.relational_angle(student, teacher)
    assert distance.item() == pytest.approx(reference_distance(student.numpy(), teacher.numpy()), rel=1e-10)
    assert angle.item() == pytest.approx(reference_angle(student.numpy(), teacher.numpy()), rel=1e-10)
    theirs = authors_relations(student, teacher)
    torch.testing.assert_close(theirs[0], distance * 6 / 7)
    torch.testing.assert_close(theirs[1], angle * (6 * 5) / 49)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("relation", [losses.relational_distance, losses.relational_angle])
def test_relations_do_not_see_shift_scale_and_rotation(seed, relation):
    student, teacher = draw(seed, 9, 4).requires_grad_(), draw(seed + 10, 9, 6).requires_grad_()
    value = relation(student, teacher)
    moved = 2.5 * teacher @ random_rotation(seed + 20, 6) + draw(seed + 30, 6)
    torch.testing.assert_close(relation(student, moved), value)
    torch.testing.assert_close(relation(0.1 * student @ random_rotation(seed, 4) - 3, teacher), value)
    assert relation(4 * teacher.detach() + 1, teacher) < 1e-20
    value.backward()
    assert teacher.grad is None
    assert torch.autograd.gradcheck(lambda x: relation(x, teacher.detach()), student.detach().requires_grad_())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("relation", [losses.relational_distance, losses.relational_angle])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_relations_are_finite_and_moderate_on_equal_rows(seed, relation, dtype):
    student, teacher = draw(seed, 8, 4).to(dtype), draw(seed + 10, 8, 5).to(dtype)
    largest = torch.autograd.functional.jacobian(lambda x: relation(x, teacher), student).abs().max()
    student[3] = student[5]
    student[6] = student[5]
    teacher[1] = teacher[2]
    gradient = torch.autograd.functional.jacobian(lambda x: relation(x, teacher), student)
    assert relation(student, teacher).isfinite()
    assert gradient.isfinite().all()
    assert gradient.abs().max() < 100 * largest
    constant = torch.ones(4, 3, dtype=dtype)
    assert relation(constant, constant) == 0
    assert torch.autograd.functional.jacobian(lambda x: relation(x, draw(1, 4, 2).to(dtype)), constant).isfinite().all()


def test_relations_refuse_what_has_none():
    with pytest.raises(ValueError, match="N ≥ 2 examples"):
        losses.relational_distance(torch.zeros(1, 3), torch.zeros(1, 3))
    with pytest.raises(ValueError, match="N ≥ 3 examples"):
        losses.relational_angle(torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="same N"):
        losses.relational_distance(torch.zeros(4, 3), torch.zeros(5, 3))


@pytest.mark.parametrize("seed", SEEDS)
def test_relations_weigh_as_published_unless_told_otherwise(seed):
    teacher, student, task = wide_net(seed, 9).eval(), wide_net(seed + 10, 5), tasks.points(seed)
    batch = SimpleNamespace(inputs=task.train.inputs[:7], labels=task.train.labels[:7])
    student.eval()
    own, wanted = (model[:-1](batch.inputs).detach() for model in (student, teacher))
    for options, distance, angle in (({}, 25, 50), ({"distance": 3.0, "angle": 0.5}, 3, 0.5)):
        terms = losses.RelationalDistillation(teacher, **options)(student, batch)
        torch.testing.assert_close(terms["distance"], distance * losses.relational_distance(own, wanted))
        torch.testing.assert_close(terms["angle"], angle * losses.relational_angle(own, wanted))


@pytest.mark.parametrize("seed", SEEDS)
def test_distances_are_as_exact_far_from_the_origin(seed):
    """A distance worked out from a product of matrices loses its digits there."""
    student, teacher = draw(seed, 40, 3).float() + 1000, draw(seed + 10, 40, 5).float() - 1000
    exact = losses.relational_distance(student.double(), teacher.double())
    torch.testing.assert_close(losses.relational_distance(student, teacher).double(), exact, rtol=1e-4, atol=0)
