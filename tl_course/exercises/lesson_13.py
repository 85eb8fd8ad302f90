"""Questions on lesson 13, weighing the source."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tl_course.exercises.probes import letters, with_gradients
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, Unfit, plain, tensors

LESSON = "13"

# --- effective sample size -----------------------------------------------------------------------------------------


def _weights(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = rng.lognormal(sigma=1.0, size=9)
    ends = np.full(7, 0.3), np.array([0.0, 5.0, 0.0, 0.0]), np.array([2.0])
    rows = (drawn, 20 * rng.lognormal(size=6), drawn / drawn.sum(), np.array([0.0, 0.0, *rng.uniform(1, 3, 4)]), *ends)
    return [{"weights": row} for row in rows]


EXAMPLES_LEFT = Question(
    slug="examples_left",
    lesson=LESSON,
    title="How many are left?",
    kind="implement",
    difficulty=1,
    minutes=4,
    points=1,
    hints=(
        "Two checks by hand: equal weights must give their number, and a single weight above zero must give one.",
        "The square of the sum, over the sum of the squares.",
        "`weights.sum()` and `(weights**2).sum()`: square the one, and divide.",
    ),
    inputs=_weights,
    reference=lambda weights: weights.sum() ** 2 / (weights**2).sum(),
    why=(
        "Equal weights give their number, one weight alone gives one, and a common factor changes nothing. Report it "
        "beside every result that comes from weights: twelve in effect of five thousand is a warning that no accuracy "
        "shows."
    ),
    wrong=(
        Wrong(
            "only for a sum of one",
            "One over the sum of the squares is the same thing only where the weights sum to one. Yours changes when "
            "all weights are doubled, and a common factor must not matter: put the square of the sum above the line.",
            lambda weights: 1 / (weights**2).sum(),
        ),
        Wrong(
            "sum not squared",
            "The sum above the line is not squared. Double all weights and yours is halved, while the examples still "
            "tell as much as before.",
            lambda weights: weights.sum() / (weights**2).sum(),
        ),
        Wrong(
            "share",
            "This is the share that is left, between 0 and 1 (means in the place of sums give it). Asked for was how "
            "*many* are left: times the number of weights.",
            lambda weights: weights.mean() ** 2 / (weights**2).mean(),
        ),
        Wrong(
            "upside down",
            "Upside down: for seven equal weights this is one seventh, and seven are left.",
            lambda weights: (weights**2).sum() / weights.sum() ** 2,
        ),
        Wrong(
            "counted",
            "This counts the weights above zero. An example with a thousandth of another's weight is not gone, and it "
            "does not count as one either.",
            lambda weights: (weights > 0).sum(),
        ),
        Wrong(
            "by the heaviest",
            "The sum over the largest weight looks at a single example. It is a bound, and too low: where one weight "
            "is twice the others, the others still tell something.",
            lambda weights: weights.sum() / weights.max(),
        ),
    ),
)

# --- weights from a classifier of the domains ----------------------------------------------------------------------


def _chances(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    sizes = [(12, 5), (6, 20), (8, 8), tuple(map(int, rng.integers(4, 30, size=2)))]
    cases = [{"chance": rng.uniform(0.05, 0.95, size=n_s), "n_source": n_s, "n_target": n_t} for n_s, n_t in sizes]
    knows_nothing = {"chance": np.full(9, 3 / 12), "n_source": 9, "n_target": 3}
    return [*cases, knows_nothing]


DOMAIN_ODDS = Question(
    slug="domain_odds",
    lesson=LESSON,
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
            "These are the odds alone. With four times as many source examples as target ones the classifier finds "
            "everything four times less like the target, even where the domains are the same: put n_s/n_t in.",
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
            "The proportions are right, and you divided by the mean. For training that is the better choice; here the "
            "raw weights were asked for, because their mean tells whether the classifier is to be trusted.",
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

# --- weights and the length of a step ------------------------------------------------------------------------------


def _weighed_data(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for count, factor in ((12, 1.0), (7, 1 / 50), (20, 30.0), (1, 3.0)):
        weights = factor * rng.lognormal(size=count)
        if count > 10:
            weights[:3] = 0.0  # a selection is a weighing, too
        cases.append(
            {
                "theta": rng.normal(size=3),
                "x": rng.normal(size=(count, 3)),
                "y": rng.integers(0, 2, size=count).astype(float),
                "weights": weights,
            }
        )
    return cases


def _each(theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(x @ theta, y, reduction="none")


def _same_values(found: list[Data], expected: list[Data]) -> bool:
    return all(np.allclose(one["value"], other["value"]) for one, other in zip(found, expected, strict=True))


WEIGHED_LOSS = Question(
    slug="weighed_loss",
    lesson=LESSON,
    title="Weights that leave the step as long as it was",
    kind="repair",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "Let all weights be equal. Which loss should that be, and which one does the broken line give?",
        "It divides by the number of examples twice: once in the weights, once in the mean.",
        "Divide the weights by their *mean*, or leave out the second division.",
    ),
    inputs=_weighed_data,
    reference=lambda theta, x, y, weights: (weights / weights.mean() * _each(theta, x, y)).mean(),
    why=(
        "With equal weights this is the plain mean loss, and doubling all weights changes nothing: the learning rate, "
        "and the balance with a penalty, stay what they were. In the broken line both change with the size of the data "
        "set, and the run with weights looks bad for a reason that has nothing to do with weighing."
    ),
    wrong=(
        Wrong(
            "divided twice",
            "Still divided twice: weights that sum to one, and then a mean. For equal weights it is the plain loss "
            "over n, so every step is n times shorter.",
            lambda theta, x, y, weights: (weights / weights.sum() * _each(theta, x, y)).mean(),
        ),
        Wrong(
            "raw",
            "These are the weights as they came. Double all of them, and every step is twice as long: a common factor "
            "says nothing about the examples, and must not act as a learning rate.",
            lambda theta, x, y, weights: (weights * _each(theta, x, y)).mean(),
        ),
        Wrong(
            "raw sum",
            "This adds up the weighed losses and divides by nothing: more examples, or larger weights, make longer "
            "steps.",
            lambda theta, x, y, weights: (weights * _each(theta, x, y)).sum(),
        ),
        Wrong(
            "not averaged",
            "The weights have a mean of one now, but their losses are added up: for equal weights every step is n "
            "times longer than it was.",
            lambda theta, x, y, weights: (weights / weights.mean() * _each(theta, x, y)).sum(),
        ),
        Wrong(
            "no weights",
            "Every example counts the same here. Did you take the mean of the losses *before* the weights came in? "
            "Then they multiply one number, and their aim is gone: `reduction='none'` first.",
            lambda theta, x, y, weights: _each(theta, x, y).mean(),
        ),
        Wrong(
            "largest is one",
            "Divided by the largest weight, so that it is one. Then a single extreme example makes all steps short.",
            lambda theta, x, y, weights: (weights / weights.max() * _each(theta, x, y)).mean(),
        ),
        Wrong(
            "cut from the graph",
            "The value is right, but its gradient is not: a `.item()`, `.detach()` or `float()` cut it off from "
            "`theta`, and no optimiser could learn from it.",
            lambda theta, x, y, weights: (weights / weights.mean() * _each(theta.detach(), x, y)).mean(),
            recognise=lambda found, expected, cases: _same_values(found, expected),
        ),
    ),
    probe=with_gradients("theta"),
)

# --- when it pays --------------------------------------------------------------------------------------------------

WHEN_IT_PAYS = Question(
    slug="when_it_pays",
    lesson=LESSON,
    title="When does it pay?",
    kind="predict",
    difficulty=2,
    minutes=5,
    points=0,
    hints=(
        "Weighing removes a bias and adds variance. In each of the six ask first: is there a bias, one that comes from "
        "*where* the source lies?",
        "A model that can be right everywhere has no such bias. A model that cannot, however simple it is, has to be "
        "told where to be right.",
        "Two of the six. In one of them the model is a line, in the other a single number.",
    ),
    inputs=lambda seed: [{}],
    reference="CE",
    why=(
        "In C a line cannot follow a curve, and in E one number cannot be the mean of young and old at once: both have "
        "to be told where the target is. In A there is no bias to remove, in B and F the weights know nothing of what "
        "is wrong, and in D they have lost their aim. A cheap question before you weigh anything: is there a bias "
        "that weights could remove?"
    ),
    wrong=(
        Wrong(
            "straight rule",
            "In A the model can be right everywhere, so it is not biased. Even the true weights only throw away "
            "effective examples there.",
            "ACE",
            recognise=lambda found, expected, cases: "A" in found[0],
        ),
        Wrong(
            "another rule",
            "In B the inputs are alike, so all weights are about one and change nothing. What differs is the rule, "
            "which no weight of inputs can see.",
            "BCE",
            recognise=lambda found, expected, cases: "B" in found[0],
        ),
        Wrong(
            "by lot",
            "In D the same weights sit on the wrong points: all of the cost in effective examples, and no aim. That is "
            "the control experiment, and nobody should expect anything of it.",
            "CDE",
            recognise=lambda found, expected, cases: "D" in found[0],
        ),
        Wrong(
            "told apart",
            "In F hardly any source text lies where the target is. The odds of a classifier that is nearly certain are "
            "mostly its own mistakes, and a handful of odd texts would decide.",
            "CEF",
            recognise=lambda found, expected, cases: "F" in found[0],
        ),
        Wrong(
            "curve forgotten",
            "You left out C. The line cannot follow the whole curve, so where it is right depends on where the points "
            "are, and weights move it to where they are needed.",
            "E",
            recognise=lambda found, expected, cases: "C" not in found[0],
        ),
        Wrong(
            "mean forgotten",
            "You left out E. One number for all ages is the simplest model there is, and it depends on who was asked: "
            "weighing by age is what every pollster does.",
            "C",
            recognise=lambda found, expected, cases: "E" not in found[0],
        ),
    ),
    probe=letters,
)

# --- what the aim is worth -----------------------------------------------------------------------------------------


def _weighed_runs(seed: int) -> list[Case]:
    """A curved rule on a line, a target to the right, true weights, and ways to deal them out by lot."""
    rng = np.random.default_rng(seed)
    cases = []
    for count, lots in ((20, 4), (30, 6), (25, 3)):
        x, target_x = rng.normal(size=count), rng.normal(loc=1.0, size=40)
        rule = rng.uniform(0.5, 1.5)
        cases.append(
            {
                "x": x,
                "y": rule * x**2 + 0.3 * rng.normal(size=count),
                "target_x": target_x,
                "target_y": rule * target_x**2,
                "weights": np.exp(x - 0.5),
                "orders": np.stack([rng.permutation(count) for _ in range(lots)]),
            }
        )
    return cases


def _runner(given: Case) -> Callable[[object], float]:
    """A function that fits a straight line by weighed least squares, and gives its mean squared error on the target."""

    def run(weights: object) -> float:
        weights = torch.as_tensor(weights, dtype=torch.float64)
        if weights.shape != given["x"].shape or not bool((weights >= 0).all()):
            raise ValueError(f"run takes {len(given['x'])} weights, one for each source example, none below 0")
        root, (x, target_x) = weights.sqrt(), (_line(given[name]) for name in ("x", "target_x"))
        slope = torch.linalg.lstsq(root[:, None] * x, (root * given["y"])[:, None]).solution
        return float(((target_x @ slope)[:, 0] - given["target_y"]).square().mean())

    return run


def _line(x: Tensor) -> Tensor:
    return torch.stack([torch.ones_like(x), x], dim=1)


def _worth(answer: object, case: Case) -> Data:
    if not callable(answer):
        raise Unfit("It is no function: write `def answer_worth_of_aim(run, weights, orders):`.")
    given = tensors(case)
    return plain(answer(_runner(given), given["weights"], given["orders"]))


def _by_lot(run: Callable, weights: Tensor, orders: Tensor) -> list[float]:
    return [run(weights[order]) for order in orders]


def _worth_of_aim(run: Callable, weights: Tensor, orders: Tensor) -> float:
    return float(np.mean(_by_lot(run, weights, orders))) - run(weights)


WORTH_OF_AIM = Question(
    slug="worth_of_aim",
    lesson=LESSON,
    title="What the aim is worth",
    kind="repair",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Weights do two things at once: they aim, and they cost effective examples. In the broken comparison, which of "
        "the two differs?",
        "The control has the same weights on other points: `weights[order]` for an `order` that was drawn by lot. Its "
        "effective sample size is the same.",
        "One lot may be lucky: the mean of `run(weights[order])` over all `orders`, minus `run(weights)`.",
    ),
    inputs=_weighed_runs,
    reference=_worth_of_aim,
    why=(
        "Both sides now have the same effective sample size, and differ in nothing but where the weight lies. For the "
        "texts of the lesson the aim was worth nothing in this sense, whatever the domain classifier thought. The "
        "control of a selection is built in the same way: as many examples, chosen by lot."
    ),
    wrong=(
        Wrong(
            "against no weights",
            "Still compared with no weights at all. The two differ in aim *and* in effective sample size, and a good "
            "aim may hide behind the price of the lost examples. Deal the same weights out by lot.",
            lambda run, weights, orders: run(torch.ones_like(weights)) - run(weights),
        ),
        Wrong(
            "sign",
            "The sign is turned: where aiming lowers the error, its worth is to be above zero. By lot minus aimed.",
            lambda run, weights, orders: -_worth_of_aim(run, weights, orders),
        ),
        Wrong(
            "first lot",
            "This looks at the first lot only. A single one may be lucky or unlucky: take the mean over all `orders`.",
            lambda run, weights, orders: _by_lot(run, weights, orders)[0] - run(weights),
        ),
        Wrong(
            "luckiest lot",
            "This is the *best* of the lots, chosen by its error on the target. With enough lots one will beat any "
            "aim. Take their mean.",
            lambda run, weights, orders: min(_by_lot(run, weights, orders)) - run(weights),
        ),
        Wrong(
            "lots averaged first",
            "You averaged the dealt weights and ran once. Averaged over many lots all weights are nearly equal, so "
            "this is nearly a run without weights. Run each lot, then average the errors.",
            lambda run, weights, orders: run(weights[orders].mean(dim=0)) - run(weights),
        ),
        Wrong(
            "aim not in it",
            "The weights as they were aimed do not occur: this compares weights by lot with no weights, which is what "
            "the lost effective examples cost.",
            lambda run, weights, orders: float(np.mean(_by_lot(run, weights, orders))) - run(torch.ones_like(weights)),
        ),
        Wrong(
            "ratio",
            "This is a ratio of two errors. The difference was asked for: differences can be averaged over seeds, and "
            "do not explode where an error is small.",
            lambda run, weights, orders: float(np.mean(_by_lot(run, weights, orders))) / run(weights),
            recognise=lambda found, expected, cases: _is_ratio(found, cases),
        ),
    ),
    probe=_worth,
)


def _is_ratio(found: list[Data], cases: list[Case]) -> bool:
    """Whether the errors by lot and aimed were divided, whichever by the other."""
    pairs = []
    for case in cases:
        given = tensors(case)
        run = _runner(given)
        pairs.append((float(np.mean(_by_lot(run, given["weights"], given["orders"]))), run(given["weights"])))
    return any(
        np.allclose(found, wanted) for wanted in ([lot / aim for lot, aim in pairs], [aim / lot for lot, aim in pairs])
    )


# --- one round of TrAdaBoost ---------------------------------------------------------------------------------------


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


BOOSTING_ROUND = Question(
    slug="boosting_round",
    lesson=LESSON,
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
        "change are at work: β is fixed before the start, while β_t follows the error, and where the target's own "
        "labels are noisy it raises the same few examples round after round. That is how boosting ran away on the "
        "texts."
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
            "At an error of one half or more it goes on. Then β_t is one or larger, wrong target examples no longer "
            "gain, and a learner that is worse than a coin gets to judge the source. Give both back as they are.",
            _boosted(cap=2.0),
            recognise=lambda found, expected, cases: (
                all(map(_alike, found[:4], expected[:4])) and not all(map(_alike, found[4:], expected[4:]))
            ),
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
            "here the weights of examples that were right are to stay as they came.",
            lambda *given: [part / sum(map(torch.sum, both)) for both in [_boosted()(*given)] for part in both],
            recognise=lambda found, expected, cases: all(map(_proportional, found, expected)),
        ),
        Wrong(
            "one beta",
            "The target's weights are changed by the source's β. The target has its own, β_t = ε/(1 − ε), which "
            "depends on how good this round's learner was.",
            _one_beta,
        ),
    ),
)


def _d(wrong: Tensor) -> Tensor:
    return wrong.double()


def _alike(found: Data, expected: Data) -> bool:
    return all(np.allclose(one, other, rtol=1e-4) for one, other in zip(found, expected, strict=True))


def _proportional(found: Data, expected: Data) -> bool:
    """Whether the weights of both domains are the expected ones times one number."""
    ratio = np.concatenate(found) / np.concatenate(expected)
    return bool(np.allclose(ratio, ratio[0]))


# --- the middle term of the bound, weighed -------------------------------------------------------------------------


def _lines(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for n_s, n_t, shift, width in ((15, 9, 1.0, 1.0), (24, 12, 0.3, 0.4), (10, 14, -0.8, 1.5)):
        z = rng.normal(size=n_s)
        cases.append(
            {
                "z_source": z,
                "weights": rng.uniform(0.5, 3) * np.exp(0.6 * z) * rng.lognormal(sigma=0.4, size=n_s),
                "z_target": shift + width * rng.normal(size=n_t),
            }
        )
    tied = {
        "z_source": rng.permutation(np.array([0.0, 0.0, 1.0, 1.0, 2.0, 3.0])),
        "weights": rng.uniform(1, 4, size=6),
        "z_target": np.array([1.0, 1.0, 0.0, 2.0, 2.0]),
    }
    apart = {"z_source": rng.uniform(-3, -1, 5), "weights": rng.uniform(1, 4, 5), "z_target": rng.uniform(1, 3, 4)}
    return [*cases, tied, apart]


def _gaps(z_source: Tensor, weights: Tensor, z_target: Tensor, cuts: Tensor | None = None) -> Tensor:
    """Difference of the cumulative shares at every cut; zero before the first."""
    cuts = torch.cat([z_source, z_target]) if cuts is None else cuts
    source = (weights * (z_source <= cuts[:, None])).sum(dim=1) / weights.sum()
    target = (z_target <= cuts[:, None]).double().mean(dim=1)
    return torch.cat([source - target, torch.zeros(1, dtype=torch.float64)])


def _spread(gaps: Tensor) -> Tensor:
    return gaps.max() - gaps.min()


def _one_by_one(z_source: Tensor, weights: Tensor, z_target: Tensor) -> Tensor:
    """Steps up and down along the sorted points, ties taken one by one."""
    steps = torch.cat([weights / weights.sum(), torch.full_like(z_target, -1 / len(z_target))])
    return _spread(torch.cat([torch.zeros(1), steps[torch.cat([z_source, z_target]).argsort(stable=True)].cumsum(0)]))


def _unscaled(divided_by: Callable[[Tensor], float]) -> Callable:
    """The source's shares, divided by something other than the total weight."""

    def answer(z_source: Tensor, weights: Tensor, z_target: Tensor) -> Tensor:
        cuts = torch.cat([z_source, z_target])
        source = (weights * (z_source <= cuts[:, None])).sum(dim=1) / divided_by(weights)
        gaps = source - (z_target <= cuts[:, None]).double().mean(dim=1)
        return _spread(torch.cat([gaps, torch.zeros(1)]))

    return answer


def _only_ties_differ(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
    tied = [len(np.unique(both := np.r_[case["z_source"], case["z_target"]])) < len(both) for case in cases]
    agree = [bool(np.isclose(one, other, rtol=1e-4)) for one, other in zip(found, expected, strict=True)]
    return agree == [not one for one in tied]


WEIGHED_GAP = Question(
    slug="weighed_gap",
    lesson=LESSON,
    title="Do the weights bring the domains together?",
    kind="implement",
    difficulty=4,
    minutes=14,
    points=3,
    hints=(
        "Which share of the source's *weight* lies at or below a cut? Which share of the target's points? Take their "
        "difference at every cut that matters: at each point of either sample.",
        "An interval is what lies below one cut and not below another: its two shares differ by the difference of two "
        "such differences. The largest is the highest minus the lowest.",
        "`(weights * (z_source <= cut)).sum() / weights.sum() - (z_target <= cut).double().mean()` for each cut; then "
        "`max` minus `min`. Far to the left the difference is zero.",
    ),
    inputs=_lines,
    reference=lambda z_source, weights, z_target: _spread(_gaps(z_source, weights, z_target)),
    why=(
        "Good weights make this smaller, and now you can say by how much, before any model is trained and without a "
        "single label. That is its strength and its limit: it is the middle term of the bound only, and weights that "
        "bring the inputs together say nothing about whether one rule serves both."
    ),
    wrong=(
        Wrong(
            "one threshold",
            "This is the largest difference at *one* cut. It would do for thresholds, which are rays; two thresholds "
            "disagree on an *interval*. Where the target lies in the middle of a wide source you miss up to a half.",
            lambda z_source, weights, z_target: _gaps(z_source, weights, z_target).abs().max(),
        ),
        Wrong(
            "weights forgotten",
            "The weights are not in it: this is the gap before weighing.",
            lambda z_source, weights, z_target: _spread(_gaps(z_source, torch.ones_like(weights), z_target)),
        ),
        Wrong(
            "total forgotten",
            "The weights below a cut are added up, and not divided by all of the weight: that is no share, and all of "
            "the source together does not make one.",
            _unscaled(lambda weights: 1.0),
        ),
        Wrong(
            "divided by the number",
            "Divided by the number of points, this is a share only where the weights have a mean of one. These have "
            "not: divide by their sum.",
            _unscaled(len),
        ),
        Wrong(
            "doubled",
            "Twice too large: the definition of d has a factor two in front, and the bound takes half of it. Asked for "
            "was the half, a difference of two shares, which is never above one.",
            lambda z_source, weights, z_target: 2 * _spread(_gaps(z_source, weights, z_target)),
        ),
        Wrong(
            "halved",
            "Half of what it should be. The highest minus the lowest difference *is* already ½d: its ½ is no further "
            "factor.",
            lambda z_source, weights, z_target: _spread(_gaps(z_source, weights, z_target)) / 2,
        ),
        Wrong(
            "means",
            "This is the distance of the two means. A target in the middle of a wide source has the same mean, and any "
            "narrow interval tells them apart.",
            lambda z_source, weights, z_target: ((weights * z_source).sum() / weights.sum() - z_target.mean()).abs(),
        ),
        Wrong(
            "cuts at the source only",
            "You cut at the source's points only. Between two of them the target's share goes on rising, and the "
            "extreme may lie at one of its points: cut at the points of both.",
            lambda z_source, weights, z_target: _spread(_gaps(z_source, weights, z_target, z_source)),
        ),
        Wrong(
            "cuts at the target only",
            "You cut at the target's points only. Between two of them the source's share goes on rising, and the "
            "extreme may lie at one of its points: cut at the points of both.",
            lambda z_source, weights, z_target: _spread(_gaps(z_source, weights, z_target, z_target)),
        ),
        Wrong(
            "ties one by one",
            "It agrees where all points differ. Where points of both samples coincide, you step through them one by "
            "one, as if a cut could part them: add up all steps of one place before you look.",
            _one_by_one,
            recognise=_only_ties_differ,
        ),
    ),
)

# --- one model for both --------------------------------------------------------------------------------------------


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


JOINT_ERROR = Question(
    slug="joint_error",
    lesson=LESSON,
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
            "This is the number of the best model. Asked for was what it costs: its two errors, added up.",
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

QUESTIONS = (
    EXAMPLES_LEFT,
    DOMAIN_ODDS,
    WEIGHED_LOSS,
    WHEN_IT_PAYS,
    WORTH_OF_AIM,
    BOOSTING_ROUND,
    WEIGHED_GAP,
    JOINT_ERROR,
)
