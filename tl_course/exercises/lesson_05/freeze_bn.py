"""Lesson 05: freezing, BatchNorm included."""

from __future__ import annotations

from torch import nn

from tl_course.exercises.lesson_05._shared import picture_cases
from tl_course.exercises.networks import TinyResNet, train
from tl_course.exercises.probes import load_optimizers, need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import Recogniser, agrees, all_of, differs, on
from tl_course.exercises.values import Data, plain, tensors

BACKBONE = ("conv1", "bn1", "layer1", "layer2")


def _two_epochs(answer: object, case: Case) -> Data:
    """Train for two epochs, with the answer called at the start of each, after ``model.train()``."""
    need_function(answer, "answer_freeze_bn(model)")
    given, model = tensors(case), TinyResNet(4, case["seed"])
    for _ in range(2):
        model.train()
        answer(model)
        train(model, given["images"], given["labels"])
    model.eval()
    return {"state": state(model), "logits": plain(model(given["images"]))}


def _freeze_bn(model: nn.Module) -> None:
    for name in BACKBONE:
        module = getattr(model, name)
        module.requires_grad_(False)
        module.eval()


def _only_eval(model: nn.Module) -> None:
    for name in BACKBONE:
        getattr(model, name).eval()


def _only_gradients(model: nn.Module) -> None:
    for name in BACKBONE:
        getattr(model, name).requires_grad_(False)


def _everything(model: nn.Module) -> None:
    model.requires_grad_(False)
    model.eval()


def _only_convolutions(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.requires_grad_(False)
        elif isinstance(module, nn.BatchNorm2d):
            module.eval()


_STATISTICS = ("state/*running_mean", "state/*running_var")
_CONVOLUTIONS = ("state/conv1.weight", "state/layer1.0.weight", "state/layer2.0.weight")
_SCALES = ("state/bn1.weight", "state/layer1.1.weight", "state/layer2.1.bias")


def _moved(*moving: tuple[str, ...]) -> Recogniser:
    """Recognise that exactly these parts of the backbone moved."""
    kinds = (_STATISTICS, _CONVOLUTIONS, _SCALES)
    return on(0, all_of(*(differs(*names) if names in moving else agrees(*names) for names in kinds)))


QUESTION = Question(
    slug="freeze_bn",
    lesson="05",
    title="Freeze it, BatchNorm too",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Two things move in a backbone that is trained, and only one of them has gradients. What else does BatchNorm "
        "keep?",
        "`requires_grad_(False)` stops the parameters. The running statistics follow the mode: they move in `train()` "
        "and stay in `eval()`.",
        "For each part of the backbone (`model.conv1`, `model.bn1`, …): `part.requires_grad_(False)` and "
        "`part.eval()`.",
    ),
    inputs=picture_cases,
    reference=_freeze_bn,
    why=(
        "Parameters stand still and so do BatchNorm's running statistics: the features of a picture are the same after "
        "training as before. The second half is forgotten in much published code, and no loss curve shows it. As "
        "`model.train()` undoes it each epoch, `tl.models.freeze` makes it stick."
    ),
    wrong=(
        Wrong(
            "statistics move",
            "The parameters stand still, but BatchNorm's running means and variances move: they are no parameters, "
            "have no gradient, and follow every batch as long as the layer is in train mode. Put the backbone in "
            "`eval()` too.",
            _only_gradients,
            recognise=_moved(_STATISTICS),
        ),
        Wrong(
            "weights move",
            "The statistics stand still, but the weights are trained: `eval()` is not freezing. It changes what "
            "BatchNorm and dropout do, and no gradient. Use `requires_grad_(False)` as well.",
            _only_eval,
            recognise=_moved(_CONVOLUTIONS, _SCALES),
        ),
        Wrong(
            "scales move",
            "The convolutions stand still, but BatchNorm's own weight and bias are trained. They are parameters of the "
            "backbone like all others.",
            _only_convolutions,
            recognise=_moved(_SCALES),
        ),
        Wrong(
            "nothing frozen",
            "Nothing is frozen: weights and statistics of the backbone both move. Setting `requires_grad` on a "
            "*module* only makes a new attribute; the method with the underscore, `requires_grad_(False)`, reaches its "
            "parameters.",
            lambda model: setattr(model, "requires_grad", False),
            recognise=_moved(_STATISTICS, _CONVOLUTIONS, _SCALES),
        ),
        Wrong(
            "head frozen too",
            "The head is frozen as well, so nothing is left to train, and the loss has no gradient. Leave out "
            "`model.fc`.",
            _everything,
        ),
    ),
    probe=_two_epochs,
    prepare=load_optimizers,
)
