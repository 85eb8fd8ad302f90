"""Lesson 13: one round of TrAdaBoost."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import agrees, all_of, differs, on, proportional


def _rounds(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = [_round(rng, *sizes) for sizes in ((9, 5, 20), (6, 7, 10), (12, 8, 5))]
    faultless = {**_round(rng, 5, 4, 20), "wrong_target": np.zeros(4, dtype=bool)}
    hopeless = _round(rng, 7, 6, 20)
    hopeless["wrong_target"] = ~hopeless["wrong_target"]
    half = {"w_target": np.ones(4), "wrong_target": np.array([True, False, True, False])}
    even = {"w_source": np.ones(4), "wrong_source": np.array([True, False, False, False]), **half, "rounds": 10}
    return [*cases, faultless, hopeless, even]


def _round(rng: np.random.Generator, n_s: int, n_t: int, rounds: int) -> Case:
    """Weights and mistakes: the error on the target is below a half, and no other number that could be taken for it."""
    while True:
        w_s, w_t = (scale * rng.lognormal(sigma=0.7, size=n) for scale, n in ((1.5, n_s), (0.8, n_t)))
        wrong_s, wrong_t = (rng.random(n) < 0.35 for n in (n_s, n_t))
        error, counted = w_t @ wrong_t / w_t.sum(), wrong_t.mean()
        both = (w_t @ wrong_t + w_s @ wrong_s) / (w_t.sum() + w_s.sum())
        apart = min(abs(error - counted), abs(error - both)) > 0.02
        if wrong_s.any() and not wrong_s.all() and apart and all(0.1 < e < 0.45 for e in (error, counted, both)):
            return {
                "w_source": w_s,
                "wrong_source": wrong_s,
                "w_target": w_t,
                "wrong_target": wrong_t,
                "rounds": rounds,
            }


def _boosted(
    error: Callable[..., Tensor] = lambda w_s, wrong_s, w_t, wrong_t: (w_t * wrong_t).sum() / w_t.sum(),
    fading: Callable[[int, int, int], float] = lambda n_s, n_t, rounds: 1 / (1 + math.sqrt(2 * math.log(n_s) / rounds)),
    source_power: int = 1,
    target_power: int = -1,
    cap: float = 0.5,
    mistakes: Callable[[Tensor], Tensor] = lambda wrong: wrong.double(),
) -> Callable:
    """One round, with parts that can be spoilt."""

    def answer(
        w_source: Tensor, wrong_source: Tensor, w_target: Tensor, wrong_target: Tensor, rounds: int
    ) -> list[Tensor]:
        epsilon = float(error(w_source, wrong_source, w_target, wrong_target))
        if epsilon >= cap:
            return [w_source, w_target]
        beta, beta_t = fading(len(w_source), len(w_target), rounds), max(epsilon / (1 - epsilon), 1e-10)
        return [
            w_source * beta ** (source_power * mistakes(wrong_source)),
            w_target * beta_t ** (target_power * mistakes(wrong_target)),
        ]

    return answer


def _one_beta(
    w_source: Tensor, wrong_source: Tensor, w_target: Tensor, wrong_target: Tensor, rounds: int
) -> list[Tensor]:
    source, target = _boosted()(w_source, wrong_source, w_target, wrong_target, rounds)
    if torch.equal(source, w_source):
        return [source, target]
    beta = 1 / (1 + math.sqrt(2 * math.log(len(w_source)) / rounds))
    return [source, w_target / beta ** wrong_target.double()]


def _d(wrong: Tensor) -> Tensor:
    return wrong.double()


QUESTION = Question(
    slug="boosting_round",
    lesson="13",
    title="One round of TrAdaBoost",
    kind="implement",
    difficulty=4,
    minutes=14,
    points=3,
    hints=(
        "A source example that is wrong is a suspect, and loses weight. A target example that is wrong is a hard one, "
        "and gains.",
        "Three numbers: ε from the target's examples alone, weighed and divided by their total; β from n_s and N; "
        "β_t = ε/(1 − ε). Only the wrong ones change.",
        "`beta ** wrong_source.double()` is β where wrong and 1 where right. On the target divide by β_t in the same "
        "way. Before all that: `if error >= 0.5`, give both back as they are.",
    ),
    inputs=_rounds,
    reference=_boosted(),
    why=(
        "Source examples that contradict the target's labels lose their say, and the others keep it. Two rates of "
        "change are at work: β is fixed before the start, while β_t follows the error. Where the target's own labels "
        "are noisy, β_t raises the same few examples round after round. That is how boosting ran away on the texts."
    ),
    wrong=(
        Wrong(
            "source grows",
            "Wrong source examples *gain* weight here, as in AdaBoost. There a wrong example is a hard one. A wrong "
            "source example most likely follows another rule than the target's: it must lose.",
            _boosted(source_power=-1),
        ),
        Wrong(
            "target shrinks",
            "Wrong target examples *lose* weight here. Their labels are right, so a wrong one is a hard one that the "
            "next learner should look at: divide by β_t.",
            _boosted(target_power=1),
        ),
        Wrong(
            "both turned",
            "Both domains go the wrong way: wrong source examples are suspects and lose weight, wrong target examples "
            "are hard ones and gain.",
            _boosted(source_power=-1, target_power=1),
        ),
        Wrong(
            "right ones change",
            "The weights of the *right* examples change here. The exponent is one where the learner is wrong, and zero "
            "where it is right.",
            _boosted(mistakes=lambda wrong: (~wrong).double()),
        ),
        Wrong(
            "error over both",
            "ε is taken over source and target together. Then a source that follows another rule makes every learner "
            "look bad on the target: ε is the error on the target alone.",
            _boosted(
                error=lambda w_s, wrong_s, w_t, wrong_t: (
                    (w_s @ _d(wrong_s) + w_t @ _d(wrong_t)) / (w_s.sum() + w_t.sum())
                )
            ),
        ),
        Wrong(
            "error on the source",
            "ε is taken on the source. It is the error on the *target*, whose labels are the ones that count.",
            _boosted(error=lambda w_s, wrong_s, w_t, wrong_t: (w_s * wrong_s).sum() / w_s.sum()),
        ),
        Wrong(
            "mistakes counted",
            "ε is the share of mistakes, each counted alike. It has to be *weighed*: a mistake on an example that many "
            "rounds found hard counts more.",
            _boosted(error=lambda w_s, wrong_s, w_t, wrong_t: wrong_t.double().mean()),
        ),
        Wrong(
            "error not divided",
            "The weights of the mistakes are added up, and not divided by the total of the target's weights, so ε is "
            "no share. The weights that come in sum to no particular number.",
            _boosted(error=lambda w_s, wrong_s, w_t, wrong_t: (w_t * wrong_t).sum()),
        ),
        Wrong(
            "no end",
            "At an error of one half or more it goes on. Then β_t is one or larger, and wrong target examples no "
            "longer gain. A learner that is worse than a coin gets to judge the source. Give both back as they are.",
            _boosted(cap=2.0),
            recognise=all_of(on(slice(4), agrees()), on(slice(4, None), differs())),
        ),
        Wrong(
            "rounds forgotten",
            "The number of rounds is missing in β = 1/(1 + √(2·ln(n_s)/N)). With many rounds each has to fade the "
            "source a little only, or nothing is left of it.",
            _boosted(fading=lambda n_s, n_t, rounds: 1 / (1 + math.sqrt(2 * math.log(n_s)))),
        ),
        Wrong(
            "target in beta",
            "β = 1/(1 + √(2·ln(n_s)/N)) has the number of *source* examples in it, not that of all.",
            _boosted(fading=lambda n_s, n_t, rounds: 1 / (1 + math.sqrt(2 * math.log(n_s + n_t) / rounds))),
        ),
        Wrong(
            "rescaled",
            "Right but for a common factor: you rescaled the weights. Rescaling is for the start of the next round; "
            "here the weights of examples that were right must stay as they came.",
            lambda *given: [part / sum(map(torch.sum, both)) for both in [_boosted()(*given)] for part in both],
            recognise=proportional(),
        ),
        Wrong(
            "one beta",
            "The target's weights are changed by the source's β. The target has its own, β_t = ε/(1 − ε), which "
            "depends on how good this round's learner was.",
            _one_beta,
        ),
    ),
)
