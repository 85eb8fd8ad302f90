"""Lesson 13: one model for both."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong


def _families(seed: int) -> list[Case]:
    """Answers of several models on both domains, drawn so that the best on one is not the best on the other."""
    rng = np.random.default_rng(seed)
    shapes = ((6, 20, 11), (9, 13, 30), (5, 16, 7))
    return [*(_family(rng, *shape) for shape in shapes), _single(rng)]


def _family(rng: np.random.Generator, models: int, n_s: int, n_t: int) -> Case:
    while True:
        y_s, y_t = rng.integers(0, 2, n_s), rng.integers(0, 2, n_t)
        rates = rng.uniform(0.05, 0.6, size=models)  # who is good here is bad there
        said_s, said_t = (_spoilt(y, rate, rng) for y, rate in ((y_s, rates), (y_t, 0.65 - rates)))
        e_s, e_t = ((said != y).mean(axis=1) for said, y in ((said_s, y_s), (said_t, y_t)))
        others = e_s.argmin(), e_t.argmin(), (e_s * n_s + e_t * n_t).argmin()
        best = (e_s + e_t).min()
        if all(best < e_s[other] + e_t[other] - 1e-9 for other in others) and best > e_s.min() + e_t.min() + 1e-9:
            return {"said_source": said_s, "y_source": y_s, "said_target": said_t, "y_target": y_t}


def _spoilt(y: np.ndarray, rates: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The labels, each row with a share of them turned."""
    return np.where(rng.random((len(rates), len(y))) < rates[:, None], 1 - y, y)


def _single(rng: np.random.Generator) -> Case:
    y_s, y_t = np.array([0, 1, 1, 0]), np.array([1, 0, 1])
    said_t = y_t.copy()
    said_t[rng.integers(3)] ^= 1
    return {"said_source": 1 - y_s[None], "y_source": y_s, "said_target": said_t[None], "y_target": y_t}


def _errors(said: Tensor, y: Tensor) -> Tensor:
    return (said != y).double().mean(dim=1)


def _joint(choose: Callable[[Tensor, Tensor], Tensor]) -> Callable:
    """An answer made from the errors of all models on the source and on the target."""
    return lambda said_source, y_source, said_target, y_target: choose(
        _errors(said_source, y_source), _errors(said_target, y_target)
    )


def _pooled(said_source: Tensor, y_source: Tensor, said_target: Tensor, y_target: Tensor) -> Tensor:
    return _errors(torch.cat([said_source, said_target], dim=1), torch.cat([y_source, y_target])).min()


def _best_of_pool(said_source: Tensor, y_source: Tensor, said_target: Tensor, y_target: Tensor) -> Tensor:
    best = _errors(torch.cat([said_source, said_target], dim=1), torch.cat([y_source, y_target])).argmin()
    return _joint(lambda e_s, e_t: (e_s + e_t)[best])(said_source, y_source, said_target, y_target)


QUESTION = Question(
    slug="joint_error",
    lesson="13",
    title="One model for both",
    kind="repair",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "How many models does the broken line use? How many may λ* use?",
        "First the sum of both errors for each model, then the smallest of these sums.",
        "`((said_source != y_source).double().mean(dim=1) + …).min()`",
    ),
    inputs=_families,
    reference=_joint(lambda e_s, e_t: (e_s + e_t).min()),
    why=(
        "One and the same model has to do its best for both. Two good specialists do not make it small: flip the "
        "target's labels, and each domain still has its perfect model, while no single one serves both. The broken "
        "line says zero there, and the bound would promise what nothing can keep."
    ),
    wrong=(
        Wrong(
            "two models",
            "Still the smallest error here plus the smallest error there, of two different models. A model that serves "
            "the source perfectly and another that serves the target do not show that *one* rule serves both.",
            _joint(lambda e_s, e_t: e_s.min() + e_t.min()),
        ),
        Wrong(
            "the source's best",
            "This takes the model that is best on the *source*, and adds up its errors. Another one may lose a little "
            "there and gain more on the target: λ* is the smallest sum.",
            _joint(lambda e_s, e_t: (e_s + e_t)[e_s.argmin()]),
        ),
        Wrong(
            "the target's best",
            "This takes the model that is best on the *target*, and adds up its errors. Another one may have the "
            "smaller sum.",
            _joint(lambda e_s, e_t: (e_s + e_t)[e_t.argmin()]),
        ),
        Wrong(
            "pooled",
            "Pooled, the larger sample decides, and a sum of two shares became one share. Take the error of each "
            "domain over its own points, then add.",
            _pooled,
        ),
        Wrong(
            "chosen by the pool",
            "The model was chosen by its mistakes on all points together, where the larger sample counts more. Choose "
            "by the sum of the two shares.",
            _best_of_pool,
        ),
        Wrong(
            "mean of both",
            "This is the mean of both errors, half of λ*. In the bound they are added: each comes in by one use of the "
            "triangle inequality.",
            _joint(lambda e_s, e_t: (e_s + e_t).min() / 2),
        ),
        Wrong(
            "number of the model",
            "This is the number of the best model. Say what it costs: its two errors, added up.",
            _joint(lambda e_s, e_t: (e_s + e_t).argmin()),
        ),
        Wrong(
            "mistakes counted",
            "These are numbers of mistakes. The terms of the bound are shares: divide each by the number of points of "
            "its own domain.",
            lambda said_source, y_source, said_target, y_target: (
                (said_source != y_source).sum(dim=1) + (said_target != y_target).sum(dim=1)
            ).min(),
        ),
    ),
)
