"""Questions on lesson 12, knowledge distillation."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.exercises.networks import TinyEncoder, TinyResNet, pictures, train
from tl_course.exercises.probes import gradients, load_optimizers, need_function, state, value, with_gradients
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, Unfit, plain, tensors

LESSON = "12"

Recogniser = Callable[[list[Data], list[Data], list[Case]], bool]


def _close(found: Data, expected: Data) -> bool:
    return np.shape(found) == np.shape(expected) and bool(
        np.allclose(found, expected, rtol=1e-4, atol=1e-6, equal_nan=True)
    )


def _weights(name: str, network: nn.Module) -> dict[str, Data]:
    """What a network holds, under names that say whose it is."""
    return {f"{name}: {key}": tensor for key, tensor in state(network).items()}


def _same(found: Data, expected: Data, whose: str) -> bool:
    """Whether all that two pieces of evidence hold of one network is equal."""
    names = [name for name in expected if name.startswith(f"{whose}: ")]
    return found.keys() == expected.keys() and all(_close(found[name], expected[name]) for name in names)


def _all(found: list[Data], expected: list[Data], key: str) -> bool:
    return all(_close(one[key], other[key]) for one, other in zip(found, expected, strict=True))


def _same_value(answer: Callable, *, without: tuple[str, ...] = ()) -> Recogniser:
    """Recognise a mistake by the value alone: whoever makes it may or may not have stopped the right gradients."""

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        inputs = [{name: part for name, part in case.items() if name not in without} for case in cases]
        values = [plain(answer(*tensors(case).values())) for case in inputs]
        return all(_close(one["value"], other) for one, other in zip(found, values, strict=True))

    return recognise


# --- the square that is forgotten ----------------------------------------------------------------------------------

FORGOTTEN_SQUARE = Question(
    slug="forgotten_square",
    lesson=LESSON,
    title="What is left of the gradient?",
    kind="predict",
    difficulty=2,
    minutes=4,
    points=0,
    hints=(
        "By the student's logits, the divergence has the derivative (q_s − q_t)/T, with q the softened probabilities. "
        "What happens to each of its two parts when T doubles?",
        "One half comes from the T below the line. Now the difference above it: at a high temperature a softened "
        "probability is about (1 + (z − mean of z)/T)/C.",
        "Both parts are halved, and a half of a half is …",
    ),
    inputs=lambda seed: [{}],
    reference=0.25,
    why=(
        "One half is the chain rule, for the logits are divided by T; the other is that softer probabilities lie "
        "closer together. So the gradient shrinks as 1/T², and the factor T² keeps the teacher as loud as the labels "
        "when you turn the temperature."
    ),
    wrong=(
        Wrong(
            "half",
            "That is one of two halves. The logits are divided by T, which gives a half; but the two softened "
            "distributions also come closer to each other, and that is not in it yet.",
            0.5,
        ),
        Wrong(
            "unchanged",
            "The gradient is not the same: at a high temperature all probabilities are nearly equal, the teacher's and "
            "the student's, and there is little left to learn from.",
            1.0,
        ),
        Wrong(
            "an eighth",
            "That is one half too many. One comes from the T by which the logits are divided, one from the "
            "probabilities, which come closer; a third there is not.",
            0.125,
        ),
        Wrong(
            "a sixteenth",
            "You squared it once too often: 1/T² falls to a quarter when T doubles, 1/T⁴ to a sixteenth.",
            0.0625,
        ),
        Wrong(
            "grows",
            "The wrong way round: that is what the factor has to make good. Without it the gradient shrinks when the "
            "temperature rises.",
            4.0,
            recognise=lambda found, expected, cases: float(found[0]) > 1.01,
        ),
    ),
    probe=value,
    rtol=0.04,
)

# --- the loss ------------------------------------------------------------------------------------------------------


def _two_tables(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    settings = ((6, 4, 0.3), (5, 3, 0.8), (3, 7, 0.6), (4, 5, 1.0), (7, 3, 0.0))
    temperatures = (float(rng.uniform(1.5, 3)), float(rng.uniform(3, 8)), 1.0, 20.0, float(rng.uniform(2, 5)))
    return [
        {
            "student_logits": rng.normal(scale=2, size=(count, classes)),
            "teacher_logits": rng.normal(scale=3, size=(count, classes)),
            "labels": rng.integers(0, classes, size=count),
            "temperature": temperature,
            "weight": weight,
        }
        for (count, classes, weight), temperature in zip(settings, temperatures, strict=True)
    ]


def _kl(student: Tensor, teacher: Tensor, of_student: float, of_teacher: float, reduction: str = "batchmean") -> Tensor:
    """KL(teacher ‖ student) of logits, each divided by its own temperature."""
    student, teacher = F.log_softmax(student / of_student, dim=1), F.log_softmax(teacher / of_teacher, dim=1)
    return F.kl_div(student, teacher, reduction=reduction, log_target=True)


def _loss(soft: Callable[[Tensor, Tensor, float], Tensor], *, hard=lambda z, y, t: F.cross_entropy(z, y)):
    """An answer with this soft term, T² included, and this hard one."""

    def answer(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float, weight: float) -> Tensor:
        softened = soft(student, teacher.detach(), temperature)
        return (1 - weight) * hard(student, labels, temperature) + weight * softened

    return answer


_distil_loss = _loss(lambda s, t, T: T**2 * _kl(s, t, T, T))
_no_square = _loss(lambda s, t, T: _kl(s, t, T, T))
_t_once = _loss(lambda s, t, T: T * _kl(s, t, T, T))
_swapped = _loss(lambda s, t, T: T**2 * _kl(t, s, T, T))
_by_classes = _loss(lambda s, t, T: T**2 * _kl(s, t, T, T, "batchmean") / s.shape[1])
_summed = _loss(lambda s, t, T: T**2 * _kl(s, t, T, T, "sum"))
_student_only = _loss(lambda s, t, T: T**2 * _kl(s, t, T, 1.0))
_teacher_only = _loss(lambda s, t, T: T**2 * _kl(s, t, 1.0, T))
_hard_softened = _loss(lambda s, t, T: T**2 * _kl(s, t, T, T), hard=lambda z, y, T: F.cross_entropy(z / T, y))
_soft_cross_entropy = _loss(lambda s, t, T: T**2 * F.cross_entropy(s / T, (t / T).softmax(dim=1)))
_probabilities = _loss(
    lambda s, t, T: T**2 * F.kl_div((s / T).softmax(dim=1), (t / T).softmax(dim=1), reduction="batchmean")
)
_log_as_target = _loss(
    lambda s, t, T: T**2 * F.kl_div((s / T).log_softmax(dim=1), (t / T).log_softmax(dim=1), reduction="batchmean")
)


def _other_weights(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float, weight: float) -> Tensor:
    return _distil_loss(student, teacher, labels, temperature, 1 - weight)


def _not_detached(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float, weight: float) -> Tensor:
    soft = temperature**2 * _kl(student, teacher, temperature, temperature)
    return (1 - weight) * F.cross_entropy(student, labels) + weight * soft


def _cut_off(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float, weight: float) -> Tensor:
    return _distil_loss(student.detach(), teacher, labels, temperature, weight)


DISTIL_LOSS = Question(
    slug="distil_loss",
    lesson=LESSON,
    title="The teacher's loss, factor by factor",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "`F.kl_div(a, b)` is KL(b ‖ a): the student comes first, as *log*-probabilities, and the teacher second, as "
        "probabilities.",
        'Three things to look after: `reduction="batchmean"`, the factor T², and a teacher that gets no gradient.',
        "`soft = T**2 * F.kl_div(F.log_softmax(student_logits / T, dim=1), F.softmax(teacher_logits.detach() / T, "
        'dim=1), reduction="batchmean")`, and then the mixture with the cross-entropy at T = 1.',
    ),
    inputs=_two_tables,
    reference=_distil_loss,
    why=(
        "Sum over classes, mean over the batch, T² in front, and no gradient to the teacher. Each of these can be left "
        "out without an error, and the loss still falls: only a number worked out by hand, or a gradient looked at, "
        "tells. The lesson's `tl.losses.distillation` is this function."
    ),
    wrong=(
        Wrong(
            "teacher not detached",
            "The value is right, but a gradient flows to the teacher, too. If it is not frozen elsewhere, it learns to "
            "agree with its student. Use `teacher_logits.detach()`.",
            _not_detached,
            recognise=lambda found, expected, cases: (
                all(_all(found, expected, key) for key in ("value", "gradient by student_logits"))
                and any(np.any(one["gradient by teacher_logits"]) for one in found)
            ),
        ),
        Wrong(
            "student cut off",
            "The value is right, but the student gets no gradient from it, or not all of it: a `.detach()`, `.item()` "
            "or `no_grad()` stands on the wrong side.",
            _cut_off,
            recognise=lambda found, expected, cases: (
                _all(found, expected, "value") and not _all(found, expected, "gradient by student_logits")
            ),
        ),
        Wrong(
            "no T squared",
            "The factor T² is missing. The gradient of the divergence shrinks as 1/T²: at T = 4 your teacher is about "
            "sixteen times quieter, and at a high temperature only the labels are heard.",
            _no_square,
            recognise=_same_value(_no_square),
        ),
        Wrong(
            "T once",
            "You multiply by T, and it takes T²: one for the logits that are divided by T, one for the probabilities "
            "that come closer to each other.",
            _t_once,
            recognise=_same_value(_t_once),
        ),
        Wrong(
            "KL swapped",
            "This is KL(student ‖ teacher). The teacher's probabilities are to weigh the logarithms: in `F.kl_div` the "
            "student's log-probabilities come first and the teacher's probabilities second.",
            _swapped,
            recognise=_same_value(_swapped),
        ),
        Wrong(
            "divided by the classes",
            "The divergence is too small by the number of classes: the default reduction of `F.kl_div` averages over "
            'every number in the table. Sum over classes and average over examples, with `reduction="batchmean"`.',
            _by_classes,
            recognise=_same_value(_by_classes),
        ),
        Wrong(
            "summed over the batch",
            "The divergence is summed over the batch, so it grows with the batch while the cross-entropy does not. "
            "Divide by the number of examples.",
            _summed,
            recognise=_same_value(_summed),
        ),
        Wrong(
            "probabilities for logarithms",
            "The student's *probabilities* went into `F.kl_div` where it takes their logarithms. Nothing complains, "
            "though the number is negative, which no divergence can be. Use `F.log_softmax`.",
            _probabilities,
            recognise=_same_value(_probabilities),
        ),
        Wrong(
            "logarithm of a logarithm",
            "It is NaN: the teacher's *log*-probabilities went in as the target, and `F.kl_div` takes the logarithm of "
            "them once more. Use `F.softmax` for the teacher, or say `log_target=True`.",
            _log_as_target,
            recognise=lambda found, expected, cases: all(
                np.isnan(one["value"]) or case["weight"] == 0 for one, case in zip(found, cases, strict=True)
            ),
        ),
        Wrong(
            "only the student softened",
            "The temperature is on the student alone. A soft student that is to match a hard teacher has to make its "
            "logits T times too large. Divide both.",
            _student_only,
            recognise=_same_value(_student_only),
        ),
        Wrong(
            "only the teacher softened",
            "The temperature is on the teacher alone: your student is to be as unsure at T = 1 as its teacher is when "
            "softened. Divide both.",
            _teacher_only,
            recognise=_same_value(_teacher_only),
        ),
        Wrong(
            "weights swapped",
            "The two weights have changed places: `weight` belongs to the teacher, and 1 − `weight` to the labels.",
            _other_weights,
            recognise=_same_value(_other_weights),
        ),
        Wrong(
            "labels softened",
            "The cross-entropy with the labels is taken at the temperature T as well. It belongs to the student as it "
            "will be used, at T = 1.",
            _hard_softened,
            recognise=_same_value(_hard_softened),
        ),
        Wrong(
            "cross-entropy with the teacher",
            "This is the cross-entropy with the soft targets. Its gradient is right; but it is too large by the "
            "teacher's own entropy, so that a perfect student does not reach 0. Subtract it: that is the divergence.",
            _soft_cross_entropy,
            recognise=_same_value(_soft_cross_entropy),
        ),
    ),
    probe=with_gradients("student_logits", "teacher_logits"),
)

# --- a teacher that stands still -----------------------------------------------------------------------------------


def _lessons(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        {"seed": int(rng.integers(2**30)), **pictures(rng, 18, 4), "training": training, "rate": rate}
        for training, rate in ((True, 0.1), (False, float(rng.uniform(0.02, 0.1))))
    ]


def _divergence(student: Tensor, teacher: Tensor) -> Tensor:
    return _kl(student, teacher, 2.0, 2.0)


def _three_lessons(answer: object, case: Case) -> Data:
    """Train a teacher, let the answer take three steps with a student, and see what became of both."""
    need_function(answer, "answer_asked_teacher(student, teacher, images, divergence, optimizer)")
    given = tensors(case)
    teacher, student = TinyResNet(4, case["seed"]), TinyResNet(4, case["seed"] + 1)
    train(teacher, given["images"], given["labels"])
    teacher.zero_grad(set_to_none=True)
    teacher.train(case["training"])
    optimizer = torch.optim.SGD(student.parameters(), lr=case["rate"])
    for images in given["images"].split(6):
        answer(student, teacher, images, _divergence, optimizer)
    kept = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in teacher.parameters()]
    return {
        **_weights("student", student),
        **_weights("teacher", teacher),
        "gradients kept in the teacher": plain(kept),
    }


def _asked_teacher(student, teacher, images, divergence, optimizer) -> None:
    teacher.eval()
    with torch.no_grad():
        wanted = teacher(images)
    loss = divergence(student(images), wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _as_it_comes(student, teacher, images, divergence, optimizer) -> None:
    optimizer.zero_grad()
    divergence(student(images), teacher(images)).backward()
    optimizer.step()


def _with_graph(student, teacher, images, divergence, optimizer) -> None:
    _as_it_comes(student, teacher.eval(), images, divergence, optimizer)


def _both_in_eval(student, teacher, images, divergence, optimizer) -> None:
    _asked_teacher(student.eval(), teacher, images, divergence, optimizer)


def _nobody_learns(student, teacher, images, divergence, optimizer) -> None:
    teacher.eval()
    with torch.no_grad():
        loss = divergence(student(images), teacher(images))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


ASKED_TEACHER = Question(
    slug="asked_teacher",
    lesson=LESSON,
    title="A teacher that is asked, not taught",
    kind="repair",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "The optimiser holds none of the teacher's weights. What else in a network with BatchNorm moves, whoever "
        "holds what, each time it is asked in train mode?",
        "Two switches, and each does half: `teacher.eval()` for BatchNorm and dropout, `torch.no_grad()` for the "
        "graph. The student needs neither of them.",
        "`teacher.eval()`, then `with torch.no_grad(): wanted = teacher(images)`, and after the block "
        "`divergence(student(images), wanted)`.",
    ),
    inputs=_lessons,
    reference=_asked_teacher,
    why=(
        "The teacher gives a picture the same answer whoever is in its batch, and leaves the training as it came: no "
        "statistic moved, no gradient was kept. In train mode it would have said something else each time, dropout "
        "and batch deciding, and its student would have learned the noise."
    ),
    wrong=(
        Wrong(
            "teacher in train mode",
            "The teacher's running means have moved: it was asked in train mode, so BatchNorm measured a picture by "
            "its batch, and went on learning statistics. `no_grad()` and `requires_grad_(False)` do not stop that; "
            "`teacher.eval()` does.",
            _as_it_comes,
            recognise=lambda found, expected, cases: (
                not _close(found[0]["teacher: bn1.running_mean"], expected[0]["teacher: bn1.running_mean"])
            ),
        ),
        Wrong(
            "graph through the teacher",
            "The student learns the right thing, but `backward()` goes through the teacher as well and leaves "
            "gradients there: twice the memory, and a teacher that learns as soon as an optimiser holds it. Ask it "
            "under `torch.no_grad()`.",
            _with_graph,
            recognise=lambda found, expected, cases: (
                all(_same(one, other, "student") for one, other in zip(found, expected, strict=True))
                and any(np.any(gradient) for one in found for gradient in one["gradients kept in the teacher"])
            ),
        ),
        Wrong(
            "student in eval",
            "The student's running means stood still: it was put in eval along with its teacher. It is the one that "
            "trains, so its BatchNorm must work as in training.",
            _both_in_eval,
            recognise=lambda found, expected, cases: (
                all(_same(one, other, "teacher") for one, other in zip(found, expected, strict=True))
                and not any(np.any(one["student: bn1.running_mean"]) for one in found)  # where it started
            ),
        ),
        Wrong(
            "student without graph",
            "`backward()` finds nothing to differentiate, since the student was asked under `no_grad()` too. Only the "
            "teacher belongs in that block.",
            _nobody_learns,
        ),
    ),
    probe=_three_lessons,
    prepare=load_optimizers,
)

# --- the digit it never saw ----------------------------------------------------------------------------------------


def _without_one(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for rows, classes, count, gap in ((40, 10, 4, 8.0), (25, 5, 9, 5.0), (12, 3, 11, 6.0), (30, 6, 3, -4.0)):
        logits, unseen = rng.normal(scale=2.5, size=(rows, classes)), int(rng.integers(classes))
        logits[:, unseen] -= gap
        cases.append({"logits": logits, "unseen": unseen, "count": count})
    return cases


def _with_bias(answer: object, case: Case) -> Data:
    """Add what the answer gives back to the logits of the unseen class, and show which rows are then called so."""
    need_function(answer, "answer_unseen_digit(logits, unseen, count)")
    bias = answer(*tensors(case).values())
    try:
        bias = float(bias)
    except (TypeError, ValueError, RuntimeError):
        raise Unfit(f"It gave back {type(bias).__name__}; give back one number, what is to be added.") from None
    if not math.isfinite(bias):
        raise Unfit(f"It gave back {bias}, and a bias is a finite number.")
    return {"called so": _called_so(case, bias)}


def _called_so(case: Case, bias: float) -> np.ndarray:
    own = case["logits"][:, case["unseen"]] + bias
    others = np.delete(case["logits"], case["unseen"], axis=1).max(axis=1)
    return (own >= others - 1e-9).astype(int)


def _the_wrong_way(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
    """Whether no case has come nearer to what was wanted, and the last, where the class is too frequent, went away."""
    before = [_called_so(case, 0.0).sum() for case in cases]
    mine, wanted = ([one["called so"].sum() for one in many] for many in (found, expected))
    moves = [(a - b) * (c - b) for a, b, c in zip(mine, before, wanted, strict=True)]
    return max(moves) <= 0 and mine[-1] > before[-1]


def _gaps(logits: Tensor, unseen: int) -> Tensor:
    """By how much each row's best other class is ahead."""
    others = torch.cat([logits[:, :unseen], logits[:, unseen + 1 :]], dim=1)
    return others.amax(dim=1) - logits[:, unseen]


def _between(gaps: Tensor, count: int) -> float:
    """A number that `count` of the gaps do not exceed."""
    gaps = gaps.sort().values
    return float(gaps[count - 1] + gaps[count]) / 2


def _to_the_mean_of_others(logits: Tensor, unseen: int, count: int) -> float:
    others = torch.cat([logits[:, :unseen], logits[:, unseen + 1 :]], dim=1)
    return _between(others.mean(dim=1) - logits[:, unseen], count)


def _own_among_them(logits: Tensor, unseen: int, count: int) -> float:
    return _between(logits.amax(dim=1) - logits[:, unseen], count)


def _by_shares(logits: Tensor, unseen: int, count: int) -> float:
    return math.log(count / len(logits)) - math.log(logits.softmax(dim=1)[:, unseen].mean())


UNSEEN_DIGIT = Question(
    slug="unseen_digit",
    lesson=LESSON,
    title="The digit it never saw",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=2,
    hints=(
        "A picture is called so when its logit for that class, plus your number, is the largest of its row. By how "
        "much does each picture miss that?",
        "`gap = (largest of the other logits) - (own logit)`, one for each picture. A number b turns every picture "
        "with a gap up to b.",
        "Sort the gaps. Which number has exactly `count` of them at or below it? The gap at index `count - 1` has, and "
        "so has the middle between it and the next.",
    ),
    inputs=_without_one,
    reference=lambda logits, unseen, count: _between(_gaps(logits, unseen), count),
    why=(
        "One number, found without a single label of that digit. That it can mend so much says where the knowledge "
        "was: the soft targets of other digits had taught the student what such a picture looks like, and only how "
        "often it comes was wrong. How often it comes *you* had to know: that is information, too."
    ),
    wrong=(
        Wrong(
            "enough for all",
            "This is the largest gap: now every picture is called so. Stop when `count` of them are.",
            lambda logits, unseen, count: float(_gaps(logits, unseen).max()),
        ),
        Wrong(
            "minus",
            "The sign is wrong: the class is made rarer still. Its logits lag behind, so what is to be added is what "
            "the others are ahead.",
            lambda logits, unseen, count: -_between(_gaps(logits, unseen), count),
            recognise=_the_wrong_way,
        ),
        Wrong(
            "wrong end",
            "You counted from the wrong end: this leaves out `count` pictures and calls all others so. The *smallest* "
            "gaps close first.",
            lambda logits, unseen, count: _between(_gaps(logits, unseen), len(logits) - count),
        ),
        Wrong(
            "mean gap",
            "With the mean gap about half of all pictures change sides, however many should. Not the average picture "
            "decides, but the one at rank `count`.",
            lambda logits, unseen, count: float(_gaps(logits, unseen).mean()),
        ),
        Wrong(
            "mean of the others",
            "You measure against the *mean* of the other logits. A class has to beat the largest of them, which lies "
            "higher.",
            _to_the_mean_of_others,
        ),
        Wrong(
            "own among the others",
            "The class's own logit is among those it has to beat. Where it already wins, its gap is then 0 instead of "
            "negative, and a class that is called too *often* cannot be lowered.",
            _own_among_them,
        ),
        Wrong(
            "one too many",
            "One picture too many: with indices from zero, the gap at index `count` is the one after the last that may "
            "close.",
            lambda logits, unseen, count: float(_gaps(logits, unseen).sort().values[count]),
        ),
        Wrong(
            "ratio of shares",
            "The logarithm of wanted share over present share sets right what the probabilities add up to, and only "
            "nearly. Here pictures are counted by their largest logit, and that count is off.",
            _by_shares,
        ),
    ),
    probe=_with_bias,
)

# --- a regressor that learns ---------------------------------------------------------------------------------------


def _maps(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        {"seed": int(rng.integers(2**30)), "images": rng.normal(size=(count, 3, 6, 6)), "rate": float(rate)}
        for count, rate in ((5, rng.uniform(0.005, 0.01)), (3, rng.uniform(0.005, 0.01)))
    ]


def _networks(seed: int) -> dict[str, nn.Module]:
    """A student with maps of four channels, a teacher with six, and what turns the ones into the others."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        student, teacher = (nn.Sequential(nn.Conv2d(3, channels, 3), nn.Tanh()) for channels in (4, 6))
        made = {"student": student, "teacher": teacher, "regressor": nn.Conv2d(4, 6, 1)}
    return {name: network.double() for name, network in made.items()}


def _after_hints(answer: object, case: Case) -> Data:
    """Let the answer train, and return the weights of all three."""
    need_function(answer, "answer_learned_regressor(student, teacher, regressor, images, rate)")
    made = _networks(case["seed"])
    answer(made["student"], made["teacher"], made["regressor"], tensors(case["images"]), case["rate"])
    return {key: tensor for name, network in made.items() for key, tensor in _weights(name, network).items()}


def _hints(
    *,
    parts: str = "student regressor",
    factor: Callable[[Tensor], float] = lambda gaps: 1 / (2 * len(gaps)),
    detach: bool = False,
    clear: bool = True,
) -> Callable:
    """An answer that trains these parts by this factor times the sum of squares."""

    def answer(student, teacher, regressor, images, rate) -> None:
        networks = {"student": student, "teacher": teacher, "regressor": regressor}
        weights = [weight for name in parts.split() for weight in networks[name].parameters()]
        optimizer = torch.optim.SGD(weights, lr=rate)
        for _ in range(3):
            features = student(images).detach() if detach else student(images)
            gaps = teacher(images) - regressor(features)
            if clear:
                optimizer.zero_grad()
            (factor(gaps) * gaps.square().sum()).backward()
            optimizer.step()

    return answer


def _stood_still(*names: str) -> Recogniser:
    """Recognise that exactly these of the three did not move."""

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        for one, case in zip(found, cases, strict=True):
            start = _after_hints(lambda *_: None, case)
            if {name for name in _networks(case["seed"]) if _same(one, start, name)} != set(names):
                return False
        return True

    return recognise


_MEANS = (lambda gaps: 1 / gaps.numel(), lambda gaps: 0.5 / gaps.numel())

LEARNED_REGRESSOR = Question(
    slug="learned_regressor",
    lesson=LESSON,
    title="The layer that was left out",
    kind="repair",
    difficulty=3,
    minutes=9,
    points=3,
    hints=(
        "Three networks are in the function. Which of them should have other weights at the end, and which has?",
        "`backward()` gives the regressor a gradient. Who would have to take a step with it?",
        "`torch.optim.SGD([*student.parameters(), *regressor.parameters()], lr=rate)`, and all else as it was.",
    ),
    inputs=_maps,
    reference=_hints(),
    why=(
        "Student and regressor learn together, and the teacher stands still. With a regressor outside the optimiser "
        "the loss falls as well, only less far, for the student then serves a *random* projection of the teacher's "
        "maps. A layer inside a loss is easily forgotten; `tl.losses.Hints` is a module itself, so `fit` finds the "
        "regressor in it."
    ),
    wrong=(
        Wrong(
            "regressor not trained",
            "The regressor has not moved: the optimiser does not hold it. So the student is pulled towards whatever a "
            "random layer happens to make of the teacher's maps.",
            _hints(parts="student"),
            recognise=_stood_still("regressor", "teacher"),
        ),
        Wrong(
            "student stands still",
            "The regressor learns, and the student does not: it is not in the optimiser, or a `detach()` cuts it off. "
            "Then a layer that is thrown away afterwards does all the work.",
            _hints(parts="regressor", detach=True),
            recognise=_stood_still("student", "teacher"),
        ),
        Wrong(
            "teacher moves",
            "The teacher has moved: it was given to the optimiser, and came to meet its student half-way. It is the "
            "one that stands still.",
            _hints(parts="student regressor teacher"),
            recognise=lambda found, expected, cases: (
                not any(_same(one, other, "teacher") for one, other in zip(found, expected, strict=True))
            ),
        ),
        Wrong(
            "nothing moves",
            "Nothing has moved, neither student nor regressor: was `optimizer.step()` called?",
            lambda student, teacher, regressor, images, rate: None,
        ),
        Wrong(
            "no half",
            "The factor ½ is missing, so every step is twice as long as asked for.",
            _hints(factor=lambda gaps: 1 / len(gaps)),
        ),
        Wrong(
            "summed over the batch",
            "The squares are summed over the batch too: the steps grow with it. Divide by the number of pictures.",
            _hints(factor=lambda gaps: 0.5),
        ),
        Wrong(
            "mean over every number",
            "This averages over channels and positions as well, so the steps are tiny. The hint is half the *sum* of "
            "squares of a picture, and the mean over pictures.",
            _hints(factor=lambda gaps: 1 / gaps.numel()),
            recognise=lambda found, expected, cases: any(
                _same(found[0], other, "student") and _same(found[0], other, "regressor")
                for other in (_after_hints(_hints(factor=one), cases[0]) for one in _MEANS)
            ),
        ),
        Wrong(
            "gradients add up",
            "The gradients of earlier steps are still there when the next one is added. Set them back to zero before "
            "each `backward()`.",
            _hints(clear=False),
        ),
    ),
    probe=_after_hints,
    prepare=load_optimizers,
)

# --- where it looks ------------------------------------------------------------------------------------------------


def _feature_maps(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    shapes = ((3, 5, 2, 4), (2, 4, 3, 3), (2, 1, 2, 3))
    drawn = [{"maps": rng.normal(loc=0.3, size=shape)} for shape in shapes]
    dead = rng.normal(size=(3, 4, 2, 3))
    dead[1] = 0
    return [*drawn, {"maps": dead}]


def _energy(maps: Tensor) -> Tensor:
    return maps.square().sum(dim=1).flatten(1)


def _attention(maps: Tensor) -> Tensor:
    return F.normalize(_energy(maps), dim=1)


def _over_its_norm(maps: Tensor) -> Tensor:
    return _energy(maps) / _energy(maps).norm(dim=1, keepdim=True)


def _right_but_for_nan(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
    """Whether all is as expected, but for a row of NaN where everything is zero."""
    same_shape = all(np.shape(one) == np.shape(other) for one, other in zip(found, expected, strict=True))
    return (
        same_shape
        and bool(np.isnan(found[-1][1]).all())
        and all(_close(np.nan_to_num(one), other) for one, other in zip(found, expected, strict=True))
    )


ATTENTION_MAP = Question(
    slug="attention_map",
    lesson=LESSON,
    title="Where does it look?",
    kind="implement",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "One number for each position: how much is going on there, in all channels together. Which axis disappears?",
        "`maps.square().sum(dim=1)` is N×H×W. Flatten it to a row for each picture, and divide each row by its length.",
        "`F.normalize(rows, dim=1)` divides by the Euclidean length, and leaves a row of zeros as it is.",
    ),
    inputs=_feature_maps,
    reference=_attention,
    why=(
        "The channels are gone, so a student with few of them can be compared with a teacher that has many; and the "
        "length is gone, so it does not matter whose activations are larger. What is left is where the network looks. "
        "Where nothing fires it looks nowhere, and that must not turn the loss into NaN."
    ),
    wrong=(
        Wrong(
            "nan where nothing fires",
            "One picture is wrong: where every activation is zero you divide zero by zero. It makes the whole batch's "
            "loss NaN. `F.normalize` knows that case.",
            _over_its_norm,
            recognise=_right_but_for_nan,
        ),
        Wrong(
            "positions summed",
            "You summed over the positions and kept the channels: that says which filters fire, not where. The "
            "channels are axis 1 of N×C×H×W, and they are the ones to disappear.",
            lambda maps: F.normalize(maps.square().sum(dim=(2, 3)), dim=1),
            recognise=lambda found, expected, cases: all(
                np.shape(one) == case["maps"].shape[:2] for one, case in zip(found, cases, strict=True)
            ),
        ),
        Wrong(
            "not normalised",
            "The rows are not divided by their length. Then a teacher with larger activations, or with more channels, "
            "asks its student for larger numbers instead of for looking at the same place.",
            _energy,
            recognise=lambda found, expected, cases: any(
                all(_close(one, plain(form(tensors(case["maps"])))) for one, case in zip(found, cases, strict=True))
                for form in (_energy, lambda maps: maps.square().mean(dim=1).flatten(1))
            ),
        ),
        Wrong(
            "not squared",
            "You summed the activations as they are: a strongly negative channel then hides a strongly positive one at "
            "the same place. Square first.",
            lambda maps: F.normalize(maps.sum(dim=1).flatten(1), dim=1),
        ),
        Wrong(
            "squared too late",
            "You squared the sum, where the sum of squares was asked for: before the square, positive and negative "
            "channels have already cancelled.",
            lambda maps: F.normalize(maps.sum(dim=1).square().flatten(1), dim=1),
        ),
        Wrong(
            "absolute values",
            "These are sums of absolute values. Both forms are in the paper; here it is squares, which give the strong "
            "places more weight.",
            lambda maps: F.normalize(maps.abs().sum(dim=1).flatten(1), dim=1),
        ),
        Wrong(
            "root taken",
            "You took the root of the sum of squares, the length across channels. It is the sum itself that is asked "
            "for.",
            lambda maps: F.normalize(maps.norm(dim=1).flatten(1), dim=1),
        ),
        Wrong(
            "divided by its sum",
            "Each row now sums to one, like probabilities. It is its Euclidean *length* that is to be one: divide by "
            "the root of the sum of squares.",
            lambda maps: F.normalize(_energy(maps), p=1, dim=1),
        ),
        Wrong(
            "whole batch as one",
            "You divided by the length of the whole batch's numbers. Then what one picture looks like depends on the "
            "others; each row has a length of its own.",
            lambda maps: _energy(maps) / _energy(maps).norm(),
        ),
    ),
)


# --- two equal rows ------------------------------------------------------------------------------------------------


def _batches(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    plain_one, twins, pairs = rng.normal(size=(4, 3)), rng.normal(size=(5, 2)), rng.normal(scale=4, size=(6, 4))
    twins[3] = twins[1]
    pairs[[2, 5]] = pairs[[0, 4]]
    equal = np.repeat(rng.normal(size=(1, 3)), 3, axis=0)
    return [{"x": x, "weights": rng.normal(size=(len(x), len(x)))} for x in (plain_one, twins, pairs, equal)]


def _pulls(answer: object, case: Case) -> Data:
    """The table, and the gradient of a weighted sum of it."""
    need_function(answer, "answer_equal_rows(x)")
    given = tensors(case)
    x = given["x"].requires_grad_()
    table = answer(x)
    if not isinstance(table, Tensor) or table.shape != given["weights"].shape:
        shown = f"a tensor of shape {tuple(table.shape)}" if isinstance(table, Tensor) else type(table).__name__
        raise Unfit(f"It gave back {shown}; give back the table of distances, a tensor of shape N×N.")
    return {"value": plain(table), "gradient": gradients((table * given["weights"]).sum(), [x])[0]}


def _squares(x: Tensor) -> Tensor:
    return (x[:, None] - x[None]).square().sum(dim=2)


def _distances(x: Tensor) -> Tensor:
    """Distances with no slope at zero."""
    squares = _squares(x)
    return squares.where(squares > 0, 1).sqrt().where(squares > 0, 0)


def _over(distances: Tensor, *, mean: Callable[[Tensor], Tensor]) -> Tensor:
    divisor = mean(distances)
    return distances / divisor.where(divisor > 0, 1)


def _mean_apart(distances: Tensor) -> Tensor:
    return distances.sum() / (distances > 0).sum().clamp(min=1)


def _mean_of_others(distances: Tensor) -> Tensor:
    return distances.sum() / (len(distances) * (len(distances) - 1))


def _equal_rows(x: Tensor) -> Tensor:
    return _over(_distances(x), mean=_mean_apart)


def _as_written(x: Tensor) -> Tensor:
    distances = _squares(x).sqrt()
    return distances / distances.mean()


def _masked_too_late(x: Tensor) -> Tensor:
    squares = _squares(x)
    return _over(squares.sqrt().where(squares > 0, 0), mean=_mean_apart)


def _only_the_diagonal(x: Tensor) -> Tensor:
    itself = torch.eye(len(x), dtype=torch.bool)
    return _over(_squares(x).masked_fill(itself, 1).sqrt().masked_fill(itself, 0), mean=_mean_apart)


def _unguarded(x: Tensor) -> Tensor:
    distances = _distances(x)
    return distances / distances[distances > 0].mean()


def _constant_mean(x: Tensor) -> Tensor:
    return _over(_distances(x), mean=lambda distances: _mean_apart(distances).detach())


def _values(found: list[Data], expected: list[Data], *, gradient_is: Callable[[Data], bool]) -> bool:
    """Whether all values are right, and some gradient that is not is of this kind."""
    wrong = [
        one["gradient"]
        for one, other in zip(found, expected, strict=True)
        if not _close(one["gradient"], other["gradient"])
    ]
    return _all(found, expected, "value") and bool(wrong) and all(map(gradient_is, wrong))


def _like(distances: Callable[[Tensor], Tensor]) -> Recogniser:
    """Recognise a table by its values, where not all rows are equal: there everybody divides by something else."""
    same = _same_value(distances, without=("weights",))
    return lambda found, expected, cases: same(found[:-1], expected[:-1], cases[:-1])


def _mean_of_all(x: Tensor) -> Tensor:
    return _over(_distances(x), mean=torch.mean)


def _mean_of_pairs(x: Tensor) -> Tensor:
    return _over(_distances(x), mean=_mean_of_others)


def _squared(x: Tensor) -> Tensor:
    return _over(_squares(x), mean=_mean_apart)


EQUAL_ROWS = Question(
    slug="equal_rows",
    lesson=LESSON,
    title="Two equal rows",
    kind="repair",
    difficulty=4,
    minutes=14,
    points=3,
    hints=(
        "The root of 0 is 0, and its slope there is infinite. In the backward pass that meets a factor 0, and "
        "`inf * 0` is `nan`.",
        "A mask *after* the root comes too late: its zero is multiplied by the infinite slope. Put a harmless number, "
        "such as 1, in the place of the zeros *before* the root, and take it out again afterwards.",
        "`apart = squares > 0`, then `squares.where(apart, 1).sqrt().where(apart, 0)`. The mean: the sum over "
        "`apart.sum()`, and where that is 0, divide by 1.",
    ),
    inputs=_batches,
    reference=_equal_rows,
    why=(
        "Equal rows have the distance 0, count in no mean, and pull at nobody. Whoever takes care of the diagonal "
        "alone trains well until a picture is in a batch twice, or two rows of dead ReLUs meet: then every weight is "
        "NaN at once, at a step that nobody could foresee."
    ),
    wrong=(
        Wrong(
            "only the diagonal",
            "You took care of the diagonal, and not of equal rows elsewhere: a batch with twins in it has the gradient "
            "NaN. Ask which distances are 0, not which stand on the diagonal.",
            _only_the_diagonal,
            recognise=lambda found, expected, cases: (
                _close(found[0]["gradient"], expected[0]["gradient"])
                and all(np.isnan(one["gradient"]).any() for one in found[1:3])
            ),
        ),
        Wrong(
            "masked too late",
            "The table is right, and its gradient is NaN: the root's slope at 0 is infinite, and a mask after the root "
            "multiplies it by zero. The zeros have to be gone *before* the root.",
            _masked_too_late,
            recognise=lambda found, expected, cases: _values(
                found, expected, gradient_is=lambda gradient: bool(np.isnan(gradient).any())
            ),
        ),
        Wrong(
            "constant mean",
            "The table is right, but its gradient is not: the mean distance was cut from the graph. It depends on "
            "every row, and the scale could run away otherwise.",
            _constant_mean,
            recognise=lambda found, expected, cases: _values(
                found, expected, gradient_is=lambda gradient: bool(np.isfinite(gradient).all())
            ),
        ),
        Wrong(
            "nobody apart",
            "One batch is wrong: the one in which all rows are equal. The mean of no distances is NaN. There the "
            "table is 0 everywhere, and nothing is pulled.",
            _unguarded,
            recognise=lambda found, expected, cases: (
                all(_all(found[:-1], expected[:-1], key) for key in ("value", "gradient"))
                and bool(np.isnan(found[-1]["value"]).any())
            ),
        ),
        Wrong(
            "zeros in the mean",
            "The zeros count in your mean, the diagonal's among them. The mean is over the distances that are not "
            "zero, or every twin in a batch makes all other distances look longer.",
            _mean_of_all,
            recognise=_like(_mean_of_all),
        ),
        Wrong(
            "twins in the mean",
            "You left the diagonal out of the mean, and the zeros of equal rows are still in it. They are no distances "
            "either.",
            _mean_of_pairs,
            recognise=_like(_mean_of_pairs),
        ),
        Wrong(
            "not divided",
            "The distances are not divided by their mean. Student and teacher have features of different size, and it "
            "is the *relations* that are to be compared.",
            _distances,
            recognise=_like(_distances),
        ),
        Wrong(
            "squares",
            "These are squared distances: the root is missing. It was the root that made trouble, but without it far "
            "pairs count too much.",
            _squared,
            recognise=_like(_squared),
        ),
    ),
    probe=_pulls,
)

# --- what the student starts from ----------------------------------------------------------------------------------


def _two_encoders(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        {
            "seed": int(rng.integers(2**30)),
            "deep": deep,
            "shallow": shallow,
            "words": rng.integers(0, TinyEncoder.WORDS, size=(6, 4)),
            "labels": rng.permutation(np.arange(6) % 3),
        }
        for deep, shallow in ((6, 2), (6, 3), (4, 2), (3, 1))
    ]


def _started(answer: object, case: Case) -> Data:
    """Let the answer fill a student from its teacher; then train the student, and see whether the teacher moves."""
    need_function(answer, "answer_student_layers(teacher, student)")
    given = tensors(case)
    teacher = TinyEncoder(case["deep"], 3, case["seed"])
    student = answer(teacher, TinyEncoder(case["shallow"], 3, case["seed"] + 1))
    if not isinstance(student, nn.Module):
        raise Unfit(f"It gave back {type(student).__name__}; give back the student.")
    start = _weights("student at the start", student)
    train(student, given["words"], given["labels"])
    return {**start, **_weights("student afterwards", student), **_weights("teacher afterwards", teacher)}


def _starting_from(
    chosen: Callable[[int, int], list[int]], *, embeddings: bool = True, head: bool = True
) -> Callable[[TinyEncoder, TinyEncoder], TinyEncoder]:
    """An answer that copies these layers of the teacher."""

    def answer(teacher: TinyEncoder, student: TinyEncoder) -> TinyEncoder:
        if embeddings:
            student.embeddings.load_state_dict(teacher.embeddings.state_dict())
        if head:
            student.classifier.load_state_dict(teacher.classifier.state_dict())
        for own, number in zip(student.layers, chosen(len(teacher.layers), len(student.layers)), strict=True):
            own.load_state_dict(teacher.layers[number].state_dict())
        return student

    return answer


def _first_of_each(deep: int, shallow: int) -> list[int]:
    return list(range(0, deep, deep // shallow))


def _shared(teacher: TinyEncoder, student: TinyEncoder) -> TinyEncoder:
    student.embeddings, student.classifier = teacher.embeddings, teacher.classifier
    step = len(teacher.layers) // len(student.layers)
    student.layers = nn.ModuleList(teacher.layers[::step])
    return student


def _started_right(found: list[Data], expected: list[Data], *, but: str = "") -> bool:
    """Whether the student starts as it should, but for the part of this name."""
    start = "student at the start: "
    return all(
        one.keys() == other.keys()
        and all(
            _close(one[name], tensor) != bool(but and name.startswith(start + but))
            for name, tensor in other.items()
            if name.startswith(start)
        )
        for one, other in zip(found, expected, strict=True)
    )


STUDENT_LAYERS = Question(
    slug="student_layers",
    lesson=LESSON,
    title="What a student starts from",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Three kinds of things have weights: the embeddings, the layers, and the head. Which of the teacher's layers "
        "does each of the student's take?",
        "`step = len(teacher.layers) // len(student.layers)`; the student's layer i takes the teacher's layer i · "
        "step. Copy the values: `student.x = teacher.x` would make both use the same weights.",
        "`own.load_state_dict(theirs.state_dict())` copies. Do it for the embeddings, for the head, and for every pair "
        "in `zip(student.layers, teacher.layers[::step])`.",
    ),
    inputs=_two_encoders,
    reference=_starting_from(_first_of_each),
    why=(
        "The student starts as its teacher with layers left out, and has weights of its own: the teacher stood still "
        "while it was trained. Each layer only *adds* to what it is given, so the rest still fits together. In "
        "DistilBERT's ablation a random start cost more than leaving out any one of the losses."
    ),
    wrong=(
        Wrong(
            "shared weights",
            "The student starts right, but it *shares* weights with its teacher: as it trained, the teacher moved too, "
            "and with it the targets. Assigning a module or `.data` copies nothing; `load_state_dict` or "
            "`copy.deepcopy` does.",
            _shared,
            recognise=lambda found, expected, cases: (
                _started_right(found, expected)
                and not any(_same(one, other, "teacher afterwards") for one, other in zip(found, expected, strict=True))
            ),
        ),
        Wrong(
            "first layers",
            "These are the teacher's *first* layers. `load_state_dict(…, strict=False)` does just that, since the "
            "names fit: its upper layers are lost. Take one of each group, spread over the depth.",
            _starting_from(lambda deep, shallow: list(range(shallow))),
        ),
        Wrong(
            "last layers",
            "These are the teacher's *last* layers, which were never given bare embeddings. Take one of each group, "
            "spread over the depth.",
            _starting_from(lambda deep, shallow: list(range(deep - shallow, deep))),
        ),
        Wrong(
            "last of each group",
            "You took the last layer of each group, and the first was asked for: layers 0, step, 2 · step, and so on. "
            "Either can be defended; whoever compares results has to know which.",
            _starting_from(lambda deep, shallow: list(range(deep // shallow - 1, deep, deep // shallow))),
        ),
        Wrong(
            "head not copied",
            "The layers are right, and the head is as random as it was made: the student starts with its teacher's "
            "thoughts, and guesses.",
            _starting_from(_first_of_each, head=False),
            recognise=lambda found, expected, cases: _started_right(found, expected, but="classifier"),
        ),
        Wrong(
            "embeddings not copied",
            "The layers are right, but they are given random embeddings: no word means what it meant to the teacher. "
            "Copy the embeddings, too.",
            _starting_from(_first_of_each, embeddings=False),
            recognise=lambda found, expected, cases: _started_right(found, expected, but="embeddings"),
        ),
        Wrong(
            "layers not copied",
            "Embeddings and head are the teacher's, and the layers between them are random. What it has learned to "
            "make of the words is in them.",
            lambda teacher, student: (
                student.embeddings.load_state_dict(teacher.embeddings.state_dict()),
                student.classifier.load_state_dict(teacher.classifier.state_dict()),
                student,
            )[-1],
            recognise=lambda found, expected, cases: _started_right(found, expected, but="layers"),
        ),
        Wrong(
            "nothing copied",
            "Your student is as random as it was made: nothing of the teacher is in it.",
            lambda teacher, student: student,
        ),
    ),
    probe=_started,
    prepare=load_optimizers,
)

QUESTIONS = (
    FORGOTTEN_SQUARE,
    DISTIL_LOSS,
    ASKED_TEACHER,
    UNSEEN_DIGIT,
    LEARNED_REGRESSOR,
    ATTENTION_MAP,
    EQUAL_ROWS,
    STUDENT_LAYERS,
)
