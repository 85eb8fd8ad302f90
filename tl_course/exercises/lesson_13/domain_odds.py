"""Lesson 13: weights from a classifier of the domains."""

from __future__ import annotations

import numpy as np

from tl_course.exercises.question import Case, Question, Wrong


def _chances(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    sizes = [(12, 5), (6, 20), (8, 8), tuple(map(int, rng.integers(4, 30, size=2)))]
    cases = [{"chance": rng.uniform(0.05, 0.95, size=n_s), "n_source": n_s, "n_target": n_t} for n_s, n_t in sizes]
    knows_nothing = {"chance": np.full(9, 3 / 12), "n_source": 9, "n_target": 3}
    return [*cases, knows_nothing]


QUESTION = Question(
    slug="domain_odds",
    lesson="13",
    title="From a classifier to weights",
    kind="implement",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "Bayes' rule: the classifier has seen n_s examples of the one domain and n_t of the other, and its odds know "
        "it. What do they say where both densities are equal?",
        "P(target | x)/P(source | x) = n_t·p_t(x) / (n_s·p_s(x)). Solve for p_t(x)/p_s(x).",
        "`chance / (1 - chance)` are the odds. Which of the two sizes goes above the line?",
    ),
    inputs=_chances,
    reference=lambda chance, n_source, n_target: n_source / n_target * chance / (1 - chance),
    why=(
        "A classifier that knows nothing says n_t/(n_s + n_t) for everything, and all weights are one, as they should "
        "be. The sizes belong in, since a heap with more source than target makes everything look like source. True "
        "weights have a mean of about one: where that of yours is far from it, mistrust the classifier."
    ),
    wrong=(
        Wrong(
            "sizes forgotten",
            "These are the odds alone. Take four times as many source examples as target ones: the classifier finds "
            "everything four times less like the target, even where the domains are the same. Put n_s/n_t in.",
            lambda chance, n_source, n_target: chance / (1 - chance),
        ),
        Wrong(
            "sizes upside down",
            "The sizes are upside down. A larger source makes the odds of *target* smaller, and that is what the "
            "factor must undo: n_s above the line.",
            lambda chance, n_source, n_target: n_target / n_source * chance / (1 - chance),
        ),
        Wrong(
            "chance for odds",
            "The chance is not the odds. It is never above one, so no source example could ever count more than "
            "n_s/n_t, however typical of the target it is: divide by 1 − chance.",
            lambda chance, n_source, n_target: n_source / n_target * chance,
        ),
        Wrong(
            "odds upside down",
            "The odds are upside down: those who look *least* like the target would count most. `chance` is that of "
            "the target.",
            lambda chance, n_source, n_target: n_source / n_target * (1 - chance) / chance,
        ),
        Wrong(
            "the other way",
            "This is p_s/p_t, the weight that would make a source of the target. We have the source's labels and want "
            "the target's error: p_t/p_s.",
            lambda chance, n_source, n_target: n_target / n_source * (1 - chance) / chance,
        ),
        Wrong(
            "mean of one",
            "The proportions are right, and you divided by the mean. For training that is the better choice; here give "
            "the raw weights, because their mean tells whether you can trust the classifier.",
            lambda chance, n_source, n_target: chance / (1 - chance) / (chance / (1 - chance)).mean(),
        ),
        Wrong(
            "sum of one",
            "The proportions are right, and you divided by the sum. The raw weights were asked for; and for training "
            "take the mean, or every step gets shorter by the number of examples.",
            lambda chance, n_source, n_target: chance / (1 - chance) / (chance / (1 - chance)).sum(),
        ),
    ),
)
