"""Questions on lesson 03, pretrain a source model."""

from __future__ import annotations

import copy
import io

import numpy as np
import torch
from torch import Tensor, nn

from tl_course.exercises.networks import TinyResNet, pictures
from tl_course.exercises.probes import letters, load_optimizers, need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, Unfit, plain, tensors

LESSON = "03"


# --- what must be in the file --------------------------------------------------------------------------------------

CROSSES_OVER = Question(
    slug="crosses_over",
    lesson=LESSON,
    title="What has to cross over?",
    kind="predict",
    difficulty=2,
    minutes=4,
    points=0,
    hints=(
        "The target gets a new head and an optimiser of its own. What is left that the second stage needs?",
        "A backbone is more than what has a gradient, and its numbers mean something only for pictures that are fed as "
        "it expects.",
    ),
    inputs=lambda seed: [{}],
    reference="ABE",
    why=(
        "The backbone with all its numbers, statistics included, and how to feed it. The source's head answers the "
        "source's question; it is needed to *test* the source model, or to use it as it is. The optimiser's state is "
        "for going on with the same training, and transfer begins another one."
    ),
    wrong=(
        Wrong(
            "head carried along",
            "C is the source's head. Its outputs stand for classes that the target does not have, and the second stage "
            "begins with a new one. It does no harm in the file, but it is not needed.",
            "ABCE",
            recognise=lambda found, expected, cases: "C" in found[0],
        ),
        Wrong(
            "optimiser carried along",
            "D belongs to the source's training: you need it to *resume* that, step for step. The second stage has "
            "other data and another loss, and so an optimiser of its own.",
            "ABDE",
            recognise=lambda found, expected, cases: "D" in found[0],
        ),
        Wrong(
            "examples carried along",
            "F stays behind. What the source's pictures had to say is in the weights: that is the point of a "
            "pretrained model, and why a network can be passed on where its pictures must not be.",
            "ABEF",
            recognise=lambda found, expected, cases: "F" in found[0],
        ),
        Wrong(
            "buffers forgotten",
            "You left out B. Running statistics are no parameters, and without them every weight is in its place and "
            "the network is ruined.",
            "AE",
            recognise=lambda found, expected, cases: "B" not in found[0],
        ),
        Wrong(
            "how to feed it forgotten",
            "You left out E. Size and statistics of the pictures belong to the weights: fed in another way, they read "
            "other pictures, and nothing raises.",
            "AB",
            recognise=lambda found, expected, cases: "E" not in found[0],
        ),
    ),
    probe=letters,
)

# --- opening a file ------------------------------------------------------------------------------------------------

_opened: list[str] = []
"""What stowaways have left behind: a file that runs code when it is opened writes here, and does nothing else."""


def _leave_a_trace() -> int:
    _opened.append("code from the file ran")
    return 0


class _Stowaway:
    """Harmless, and whoever unpickles it runs a function that its author chose."""

    def __reduce__(self) -> tuple:
        return _leave_a_trace, ()


def _files(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    kinds = ("all numbers", "buffers missing", "other names", "a stowaway", "all numbers")
    return [{"seed": int(rng.integers(2**31)), "file": kind} for kind in kinds]


def _written(case: Case) -> io.BytesIO:
    """A checkpoint of the case's kind, as an open file."""
    source = TinyResNet(3, case["seed"])
    source.train()(torch.from_numpy(pictures(np.random.default_rng(case["seed"]), 6, 3)["images"]))
    content = dict(source.state_dict())
    if case["file"] == "buffers missing":
        content = {name: weight.detach() for name, weight in source.named_parameters()}
    elif case["file"] == "other names":
        content = {f"module.{name}": weight for name, weight in content.items()}
    elif case["file"] == "a stowaway":
        content |= {"note": _Stowaway()}
    file = io.BytesIO()
    torch.save(content, file)
    file.seek(0)
    return file


def _loaded(answer: object, case: Case) -> Data:
    """Let the answer load a file into a model; show the model, what the file did, and whether there was an error."""
    need_function(answer, "answer_safe_load(model, file)")
    model, file = TinyResNet(3, seed=case["seed"] // 2), _written(case)
    _opened.clear()
    refused = False
    try:
        answer(model, file)
    except Exception as error:
        refused = not isinstance(error, TypeError | NameError | AttributeError)
        if not refused:
            raise
    left = len(_opened)
    _opened.clear()
    return {"code from the file that ran": left, "refused": refused, "state": {} if refused else state(model)}


def _load(*, safely: bool = True, strict: bool = True):
    def answer(model: nn.Module, file: io.BytesIO) -> None:
        model.load_state_dict(torch.load(file, weights_only=safely), strict=strict)

    return answer


def _swallowed(model: nn.Module, file: io.BytesIO) -> None:
    try:
        _load()(model, file)
    except Exception:
        return


def _parameters_only(model: nn.Module, file: io.BytesIO) -> None:
    content = torch.load(file, weights_only=True)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(content[name])


def _without_effect(model: nn.Module, file: io.BytesIO) -> None:
    copy.deepcopy(model).load_state_dict(torch.load(file, weights_only=True))


def _ran(found: list[Data]) -> bool:
    return any(one["code from the file that ran"] for one in found)


def _refusals(found: list[Data]) -> list[bool]:
    return [one["refused"] for one in found]


SAFE_LOAD = Question(
    slug="safe_load",
    lesson=LESSON,
    title="Opening somebody's file",
    kind="repair",
    difficulty=2,
    minutes=6,
    points=3,
    hints=(
        "Two settings in these two lines silence somebody who wants to warn you. Which?",
        "`weights_only=False` lets the file run code. `strict=False` hides names that are missing or do not fit.",
        "Load with `weights_only=True`, fill the model strictly, and let errors go on to whoever called you.",
    ),
    inputs=_files,
    reference=_load(),
    why=(
        "Tensors only, all names, or a loud error: the file with a stowaway was refused before its code could run, "
        "and so were those that would have left a network half filled. An error that you see today is cheaper than an "
        "accuracy that you wonder about tomorrow."
    ),
    wrong=(
        Wrong(
            "both settings",
            "Code from one of the files ran while you opened it, and a file with missing names was taken without a "
            "word: `weights_only=False` and `strict=False` are both still there.",
            _load(safely=False, strict=False),
            recognise=lambda found, expected, cases: _ran(found) and not _refusals(found)[1],
        ),
        Wrong(
            "code ran",
            "Code from one of the files ran while you opened it. A pickle is a small program; with "
            "`weights_only=True` PyTorch reads tensors and plain values, and refuses the rest.",
            _load(safely=False),
            recognise=lambda found, expected, cases: _ran(found),
        ),
        Wrong(
            "errors swallowed",
            "A file that could not be loaded was passed over in silence, and the model is as random as it was. "
            "Somebody will test it and wonder. Let the error through.",
            _swallowed,
            recognise=lambda found, expected, cases: not any(_refusals(found)),
        ),
        Wrong(
            "not strict",
            "A file in which names are missing was taken without a word: parts of the model are now as random as they "
            "were. Load strictly, which is the default.",
            _load(strict=False),
        ),
        Wrong(
            "parameters only",
            "You copied the parameters and left BatchNorm's running statistics behind. They are buffers, they belong "
            "to the `state_dict`, and without them the network is ruined.",
            _parameters_only,
        ),
        Wrong(
            "not into the model",
            "The file was read, and the model that was given has not changed. Put the numbers into *this* model: "
            "`model.load_state_dict(…)`.",
            _without_effect,
        ),
    ),
    probe=_loaded,
)

# --- labels for nothing --------------------------------------------------------------------------------------------


def _photographs(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [{"images": rng.integers(0, 256, size=(count, 3, 3, 3)).astype(np.uint8)} for count in (2, 5, 1)]


def _turned(images: Tensor, turns=(0, 1, 2, 3), dims=(2, 3), labels=(0, 1, 2, 3)) -> tuple[Tensor, Tensor]:
    made = torch.cat([torch.rot90(images, turn, dims=dims) for turn in turns])
    return made, torch.tensor(labels).repeat_interleave(len(images))


def _flipped(images: Tensor) -> tuple[Tensor, Tensor]:
    kinds = (images, images.flip(3), images.flip(2), images.flip(2).flip(3))
    return torch.cat(kinds), torch.arange(4).repeat_interleave(len(images))


def _labels_against(images: Tensor) -> tuple[Tensor, Tensor]:
    return _turned(images)[0], torch.arange(4).repeat(len(images))


def _pairs(answer: object, case: Case) -> Data:
    need_function(answer, "answer_rotations(images)")
    made = answer(tensors(case)["images"])
    if not isinstance(made, tuple | list) or len(made) != 2:
        raise Unfit("Give back two tensors: the turned pictures, and their labels.")
    return {"pictures": plain(made[0]), "labels": plain(made[1])}


ROTATIONS = Question(
    slug="rotations",
    lesson=LESSON,
    title="Labels for nothing",
    kind="implement",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "`torch.rot90(images, k, dims=…)` turns by k quarters. Which two axes of N×3×H×W are height and width?",
        "Height and width are axes 2 and 3. Make four sets, k = 0, 1, 2, 3, and join them with `torch.cat`.",
        "All N pictures with k = 0 come first, so the labels are N zeros, N ones and so on: "
        "`torch.arange(4).repeat_interleave(len(images))`.",
    ),
    inputs=_photographs,
    reference=_turned,
    why=(
        "Four labelled examples from each picture, and nobody labelled anything. Whoever wants to say by how much a "
        "photograph was turned has to know what is up in it. For letters and digits mind that a turned 6 is a 9: a "
        "pretext task can ask for what the pictures do not say."
    ),
    wrong=(
        Wrong(
            "wrong axes",
            "This turns axes 1 and 2, channels and height, as for a single picture: colours become rows. As these "
            "pictures have three channels and three rows, nothing raises. In N×3×H×W height and width are axes 2 and "
            "3.",
            lambda images: _turned(images, dims=(1, 2)),
        ),
        Wrong(
            "labels in another order",
            "The pictures come turn by turn, and your labels picture by picture: 0, 1, 2, 3, 0, 1, … So most pictures "
            "have another one's label. `repeat_interleave` repeats each label N times.",
            _labels_against,
        ),
        Wrong(
            "the other way round",
            "You turned the other way: what is labelled 1 is turned by 270 degrees. Here one quarter is what "
            "`torch.rot90(…, 1, dims=(2, 3))` does, as in the lesson.",
            lambda images: _turned(images, turns=(0, 3, 2, 1)),
        ),
        Wrong(
            "degrees",
            "The labels are degrees. Cross-entropy wants the *number of a class*: 0, 1, 2 or 3.",
            lambda images: _turned(images, labels=(0, 90, 180, 270)),
        ),
        Wrong(
            "upright left out",
            "The pictures as they are were left out. *Not turned* is an answer too, and a network that never sees it "
            "need not know what upright looks like.",
            lambda images: _turned(images, turns=(1, 2, 3), labels=(1, 2, 3)),
            recognise=lambda found, expected, cases: all(
                3 * len(case["images"]) == len(one["pictures"]) for one, case in zip(found, cases, strict=True)
            ),
        ),
        Wrong(
            "flipped",
            "These are mirror images. Mirrored left to right, most photographs look as natural as before, and there is "
            "nothing to find out. Turn them: `torch.rot90`.",
            _flipped,
        ),
    ),
    probe=_pairs,
)

# --- a split that does not leak ------------------------------------------------------------------------------------


def _drawn(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [{"photographs": rng.normal(size=(count, 2)), "held": held} for count, held in ((6, 2), (9, 3), (4, 1))]


def _four_of_each(photographs: Tensor) -> tuple[Tensor, Tensor]:
    """Four versions of each photograph, as turning makes them: all photographs in one version before the next."""
    versions = torch.cat([photographs + 10 * k for k in range(4)])
    return versions, torch.arange(4).repeat_interleave(len(photographs))


def _both_sides(answer: object, case: Case) -> Data:
    need_function(answer, "answer_split_first(photographs, held, turn)")
    sides = answer(tensors(case)["photographs"], case["held"], _four_of_each)
    if not isinstance(sides, tuple | list) or len(sides) != 2:
        raise Unfit("Give back two sides, training and test, each a pair of pictures and labels.")
    if not all(isinstance(side, tuple | list) and len(side) == 2 for side in sides):
        raise Unfit("Each side is a pair: pictures and labels.")
    names = ("training pictures", "training labels", "test pictures", "test labels")
    return dict(zip(names, (plain(part) for side in sides for part in side), strict=True))


def _split_first(photographs: Tensor, held: int, turn) -> tuple:
    return turn(photographs[:-held]), turn(photographs[-held:])


def _turn_first(photographs: Tensor, held: int, turn) -> tuple:
    made, labels = turn(photographs)
    cut = len(made) - 4 * held
    return (made[:cut], labels[:cut]), (made[cut:], labels[cut:])


def _train_on_all(photographs: Tensor, held: int, turn) -> tuple:
    return turn(photographs), turn(photographs[-held:])


def _test_not_turned(photographs: Tensor, held: int, turn) -> tuple:
    return turn(photographs[:-held]), (photographs[-held:], torch.zeros(held, dtype=torch.long))


def _sides_swapped(photographs: Tensor, held: int, turn) -> tuple:
    return turn(photographs[-held:]), turn(photographs[:-held])


def _first_held(photographs: Tensor, held: int, turn) -> tuple:
    return turn(photographs[held:]), turn(photographs[:held])


def _made_from(made: Data, photographs: np.ndarray) -> set[int]:
    """Which photographs the pictures of one side were made from."""
    rows = np.asarray(made)
    versions = photographs + 10 * np.arange(4)[:, None, None]
    alike = np.isclose(rows[:, None, None], versions).all(axis=-1)
    return {int(number) for number in np.nonzero(alike)[2]}


def _leaks(one: Data, case: Case) -> bool:
    train, test = (_made_from(one[f"{side} pictures"], case["photographs"]) for side in ("training", "test"))
    return bool(train & test)


SPLIT_FIRST = Question(
    slug="split_first",
    lesson=LESSON,
    title="First split, then turn",
    kind="repair",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "After turning there are four examples of each photograph. Where do the four of one photograph go in the "
        "broken version?",
        "Decide which *photographs* are for the test before anything is made from them.",
        "`photographs[:-held]` and `photographs[-held:]`, and `turn` each of the two.",
    ),
    inputs=_drawn,
    reference=_split_first,
    why=(
        "No photograph is on both sides, so the test asks about pictures that are new. Whenever several examples are "
        "made of one thing, be it turns of a photograph, letters over one background or X-rays of one patient, split "
        "the things, and not the examples."
    ),
    wrong=(
        Wrong(
            "trains on all",
            "The test photographs are among the training photographs. They were held out on one side only.",
            _train_on_all,
        ),
        Wrong(
            "the same photograph on both sides",
            "Versions of one photograph are on both sides: the network has seen each test picture before, turned. Its "
            "test accuracy says how well it recognises *photographs*. Split before you turn.",
            _turn_first,
            recognise=lambda found, expected, cases: any(
                _leaks(one, case) for one, case in zip(found, cases, strict=True)
            ),
        ),
        Wrong(
            "test not turned",
            "No photograph leaks, but the test pictures are all upright: *upright* for every answer would be right. "
            "Turn the test photographs as well.",
            _test_not_turned,
        ),
        Wrong(
            "sides swapped",
            "The two sides are swapped: the few photographs that were to be held out are what you train on.",
            _sides_swapped,
        ),
        Wrong(
            "first held out",
            "Nothing leaks, but the *last* photographs were to be held out, and you held out the first.",
            _first_held,
        ),
    ),
    probe=_both_sides,
)

# --- go on as if nothing had happened ------------------------------------------------------------------------------


def _runs(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        {
            "seed": int(rng.integers(2**31)),
            "before": before,
            "rate": float(rng.uniform(0.02, 0.06)),
            **pictures(rng, 10, 4),
        }
        for before in (1, 4)
    ]


def _steps(model: nn.Module, optimizer: torch.optim.Optimizer, case: Case, count: int) -> None:
    given = tensors(case)
    model.train()
    for _ in range(count):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(given["images"]), given["labels"]).backward()
        optimizer.step()


def _interrupted(answer: object, case: Case) -> Data:
    """Train, halve the rate, interrupt; let the answer go on with new objects; train them, and look at old and new."""
    need_function(answer, "answer_resume(model, optimizer, make)")

    def make(seed: int = case["seed"] // 3) -> tuple[nn.Module, torch.optim.Optimizer]:
        model = TinyResNet(4, seed)
        return model, torch.optim.SGD(model.parameters(), lr=case["rate"], momentum=0.9)

    model, optimizer = make(case["seed"])
    _steps(model, optimizer, case, case["before"])
    optimizer.param_groups[0]["lr"] /= 2
    before = state(model)
    result = answer(model, optimizer, make)
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise Unfit("Give back two things: the new model and its optimiser.")
    if not isinstance(result[0], nn.Module) or not isinstance(result[1], torch.optim.Optimizer):
        raise Unfit("Give back a model and an optimiser, in this order.")
    at_once = state(result[0])
    _steps(*result, case, 3)
    return {
        "the new model at once": at_once,
        "the new model after three steps": state(result[0]),
        "how far the old model moved": {name: plain(now) - before[name] for name, now in model.state_dict().items()},
    }


def _resume(model: nn.Module, optimizer: torch.optim.Optimizer, make) -> tuple:
    saved = copy.deepcopy({"model": model.state_dict(), "optimizer": optimizer.state_dict()})
    model, optimizer = make()
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    return model, optimizer


def _momentum_lost(model, optimizer, make) -> tuple:
    saved = copy.deepcopy(model.state_dict())
    model, optimizer = make()
    model.load_state_dict(saved)
    return model, optimizer


def _rate_only(model, optimizer, make) -> tuple:
    rate = optimizer.param_groups[0]["lr"]
    model, optimizer = _momentum_lost(model, optimizer, make)
    optimizer.param_groups[0]["lr"] = rate
    return model, optimizer


def _same_objects(model, optimizer, make) -> tuple:
    return model, optimizer


def _anew(model, optimizer, make) -> tuple:
    return make()


def _weights_lost(model, optimizer, make) -> tuple:
    new, fresh = make()
    fresh.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    return new, fresh


def _old_optimizer(model, optimizer, make) -> tuple:
    return _momentum_lost(model, optimizer, make)[0], optimizer


def _buffers_lost(model, optimizer, make) -> tuple:
    new, fresh = _weights_lost(model, optimizer, make)
    new.load_state_dict(dict(model.named_parameters()), strict=False)
    return new, fresh


def _stands_still(one: Data) -> bool:
    """Whether three steps moved no weight of the new model."""
    at_once, later = one["the new model at once"], one["the new model after three steps"]
    return all(np.array_equal(at_once[name], later[name]) for name in at_once if name.endswith(("weight", "bias")))


def _statistics_off(one: Data, other: Data) -> bool:
    """Whether the new model starts with the right weights and other statistics."""
    mine, theirs = one["the new model at once"], other["the new model at once"]
    same = {name: np.allclose(mine[name], theirs[name]) for name in theirs}
    return all(same[name] for name in same if name.endswith(("weight", "bias"))) and not all(same.values())


RESUME = Question(
    slug="resume",
    lesson=LESSON,
    title="As if nothing had happened",
    kind="repair",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Train for three steps after a restart, and compare with a run that was not interrupted. What does SGD with "
        "momentum remember from one step to the next?",
        "An optimiser has a `state_dict`, too: momentum, and the learning rate as it is now.",
        "Save both `state_dict`s, call `make()`, and load one into the new model, the other into the new optimiser.",
    ),
    inputs=_runs,
    reference=_resume,
    why=(
        "Three steps later the resumed run has the weights of the uninterrupted one, since momentum and the current "
        "rate came along. With the weights alone each restart begins with a jolt, and nobody can say why the curve "
        "looks so. To *transfer* you want the opposite: the weights, and a new optimiser."
    ),
    wrong=(
        Wrong(
            "old optimiser",
            "The new model does not move at all: your optimiser still holds the weights of the *old* one and trains "
            "those. Take the optimiser that `make()` gives, and load the state into it.",
            _old_optimizer,
            recognise=lambda found, expected, cases: all(map(_stands_still, found)),
        ),
        Wrong(
            "same objects",
            "You went on with the old objects. After a restart they are gone; all there is is what was saved. Build "
            "new ones with `make()`.",
            _same_objects,
            recognise=lambda found, expected, cases: any(
                np.any(moved) for one in found for moved in one["how far the old model moved"].values()
            ),
        ),
        Wrong(
            "statistics lost",
            "The weights came along, BatchNorm's running statistics did not. Save the whole `state_dict`, not only the "
            "parameters.",
            _buffers_lost,
            recognise=lambda found, expected, cases: all(map(_statistics_off, found, expected)),
        ),
        Wrong(
            "optimiser lost",
            "The weights came along, the optimiser's state did not: it starts without momentum, and with the rate of "
            "the beginning. The first steps after each restart are other ones.",
            _momentum_lost,
        ),
        Wrong(
            "momentum lost",
            "The weights and the current rate came along, but the momentum did not. It is the mean of many gradients; "
            "without it the run starts from a standstill.",
            _rate_only,
        ),
        Wrong(
            "weights lost",
            "The optimiser remembers, but the model starts from random weights again: momentum that belongs to other "
            "weights drives it off. Load the model's `state_dict` as well.",
            _weights_lost,
        ),
        Wrong(
            "started anew",
            "Nothing of the first run is left: both objects are as `make()` made them.",
            _anew,
        ),
    ),
    probe=_interrupted,
    prepare=load_optimizers,
    atol=1e-8,
)

# --- whom to credit ------------------------------------------------------------------------------------------------


def _probes(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for seeds in (3, 5, 4):
        start = rng.uniform(0.2, 0.35, size=seeds)
        control = start + rng.uniform(-0.02, 0.12, size=seeds)
        cases.append({"random": start, "control": control, "imagenet": control + rng.uniform(0.1, 0.3, size=seeds)})
    return cases


def _shares(random: Tensor, control: Tensor, imagenet: Tensor) -> list[Tensor]:
    return [(control - random).mean(), (imagenet - control).mean()]


CREDIT = Question(
    slug="credit",
    lesson=LESSON,
    title="Whom to credit",
    kind="implement",
    difficulty=1,
    minutes=5,
    points=1,
    hints=(
        "The three differ in one thing from one to the next. What does the control have that random weights do not? "
        "And what does it lack?",
        "The control saw the pictures and had a teacher who knew nothing. So the pictures gave control less random; "
        "the teacher's knowledge gave ImageNet less control.",
    ),
    inputs=_probes,
    reference=_shares,
    why=(
        "One step for the pictures, one for what the teacher knows, and together they are the whole gain. Without the "
        "control all of it would have gone to ImageNet. A control differs in *one* thing from what it is the control "
        "of; that is what entitles you to give the difference a name."
    ),
    wrong=(
        Wrong(
            "all to the teacher",
            "You gave the teacher everything that is ahead of random weights. Part of it comes from having seen the "
            "pictures at all, even under a teacher who knows nothing: take the control away.",
            lambda random, control, imagenet: [(control - random).mean(), (imagenet - random).mean()],
        ),
        Wrong(
            "swapped",
            "The two shares are swapped: first what the pictures gave, then what the teacher's knowledge added.",
            lambda random, control, imagenet: _shares(random, control, imagenet)[::-1],
        ),
        Wrong(
            "not from random weights",
            "These are accuracies, not gains. Random weights get some of it for free, by convolution and pooling "
            "alone: subtract what they get.",
            lambda random, control, imagenet: [control.mean(), (imagenet - control).mean()],
        ),
        Wrong(
            "signs",
            "The signs are turned round: a gain is what came later less what was there before.",
            lambda random, control, imagenet: [-share for share in _shares(random, control, imagenet)],
        ),
        Wrong(
            "ratios",
            "These are shares of the whole gain. Asked for are the gains themselves, in accuracy: a share of a gain "
            "that is nearly zero says nothing.",
            lambda random, control, imagenet: [
                share / (imagenet - random).mean() for share in _shares(random, control, imagenet)
            ],
        ),
    ),
)

QUESTIONS = (CROSSES_OVER, SAFE_LOAD, ROTATIONS, SPLIT_FIRST, RESUME, CREDIT)
