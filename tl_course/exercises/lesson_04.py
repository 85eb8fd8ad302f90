"""Questions on lesson 04, VGG as a feature extractor."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from tl_course import environment
from tl_course.exercises.networks import SIDE, TinyVGG
from tl_course.exercises.probes import gradients, letters, need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, Unfit, plain, tensors

LESSON = "04"


def _vggs(seed: int) -> list[Case]:
    """Nets with one hidden layer and with two, and five pictures each."""
    rng = np.random.default_rng(seed)
    return [
        {
            "seed": int(rng.integers(2**31)),
            "hidden": hidden,
            "images": rng.normal(size=(5, 3, SIDE, SIDE)).astype(np.float32),
            "classes": classes,
        }
        for hidden, classes in (([40], 3), ([9, 7], 4), ([24], 6))
    ]


def _close(found: Data, expected: Data) -> bool:
    return np.shape(found) == np.shape(expected) and bool(np.allclose(found, expected, rtol=1e-4, atol=1e-5))


# --- where the head is ---------------------------------------------------------------------------------------------


def _renewed(answer: object, case: Case) -> Data:
    """Let the answer put a new head in; give every new layer known numbers, and see what the net answers."""
    need_function(answer, "answer_vgg_head(model, num_classes)")
    given, model = tensors(case), TinyVGG(5, case["hidden"], case["seed"])
    old = {id(weight): weight.shape for weight in model.parameters()}
    result = answer(model, case["classes"])
    model = result if isinstance(result, nn.Module) else model
    numbers, kept, new = environment.generator(case["seed"]), {}, []
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if old.get(id(weight)) == weight.shape:
                kept[name] = plain(weight)
            else:
                weight.copy_(torch.randn(weight.shape, generator=numbers))
                new.append(list(weight.shape))
        logits = plain(model.eval()(given["images"]))
    return {"logits": logits, "layers that are kept": kept, "shapes of what is new": new}


def _new_last(model: nn.Module, num_classes: int) -> None:
    model.classifier[-1] = nn.Linear(model.classifier[-1].in_features, num_classes)


def _as_in_a_resnet(model: nn.Module, num_classes: int) -> None:
    model.features.fc = nn.Linear(model.features.fc.in_features, num_classes)


def _beside(model: nn.Module, num_classes: int) -> None:
    model.fc = nn.Linear(model.classifier[-1].in_features, num_classes)


def _in_features(model: nn.Module, num_classes: int) -> None:
    model.features.fc = nn.Linear(3, num_classes)


def _on_top(model: nn.Module, num_classes: int) -> None:
    model.classifier.append(nn.Linear(model.classifier[-1].out_features, num_classes))


def _all_of_classifier(model: nn.Module, num_classes: int) -> None:
    model.classifier = nn.Linear(model.classifier[0].in_features, num_classes)


def _only_the_number(model: nn.Module, num_classes: int) -> None:
    model.classifier[-1].out_features = num_classes


def _always_the_fourth(model: nn.Module, num_classes: int) -> None:
    model.classifier[3] = nn.Linear(model.classifier[3].in_features, num_classes)


VGG_HEAD = Question(
    slug="vgg_head",
    lesson=LESSON,
    title="Where a VGG has its head",
    kind="repair",
    difficulty=2,
    minutes=6,
    points=2,
    hints=(
        "Print the model. Which layer gives as many numbers as there are classes, and in which of the three parts is "
        "it?",
        "It is the last layer of `classifier`. A `Sequential` takes a new layer by its place: `part[place] = layer`.",
        "`classifier[-1]` is the last one however many there are, and its `in_features` say how wide the new one is.",
    ),
    inputs=_vggs,
    reference=_new_last,
    why=(
        "The last layer of `classifier` is new and all others are as they were, with one hidden layer or with two. "
        "Each family of networks keeps its head elsewhere: print the model before you cut, and look at the shape of "
        "an answer after."
    ),
    wrong=(
        Wrong(
            "no fc there",
            "`features` has no layer called `fc`: that is the name in a ResNet. A VGG's `features` are convolutions "
            "and poolings, and its head is the end of `classifier`.",
            _as_in_a_resnet,
        ),
        Wrong(
            "nobody asks it",
            "The answers have not changed: you made a new layer, `model.fc`, and `forward` of a VGG never asks it. "
            "Python lets you hang any attribute on a model; only a layer in its place does something.",
            _beside,
        ),
        Wrong(
            "at the end of features",
            "You put a layer at the end of `features`. It reads along the width of the maps, not over the features, "
            "and the classifier behind it still has its old head.",
            _in_features,
        ),
        Wrong(
            "on top of the old head",
            "The new layer stands *behind* the old head, and sees the five old scores instead of the features: "
            "whatever those scores do not say is lost. Put it in the old head's place.",
            _on_top,
        ),
        Wrong(
            "whole classifier",
            "All of `classifier` is gone, the pretrained hidden layers too. That can be worth a try, but asked for was "
            "a new last layer alone.",
            _all_of_classifier,
        ),
        Wrong(
            "the number only",
            "You changed the attribute `out_features`, a note about the layer. The weights are what they were, and so "
            "is the number of answers: make a new layer.",
            _only_the_number,
        ),
        Wrong(
            "always place 3",
            "`classifier[3]` is the last layer only where there is one hidden layer. In the net with two you replaced "
            "a hidden layer. Count from the end.",
            _always_the_fourth,
        ),
    ),
    probe=_renewed,
    atol=1e-5,
)

# --- how many parameters a head has --------------------------------------------------------------------------------


def _widths(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = [rng.integers(2, 300, size=count).tolist() for count in (2, 3, 4)]
    return [*({"widths": widths} for widths in drawn), {"widths": [25088, 4096, 4096, 1000]}, {"widths": [512, 1]}]


def _head_parameters(widths: list[int]) -> int:
    return sum(inputs * outputs + outputs for inputs, outputs in pairwise(widths))


HEAD_PARAMETERS = Question(
    slug="head_parameters",
    lesson=LESSON,
    title="The price of a head",
    kind="implement",
    difficulty=1,
    minutes=5,
    points=1,
    hints=(
        "A linear layer from 3 numbers to 2 is a matrix and a bias. How many numbers is that?",
        "Each layer has inputs × outputs weights and one bias for each *output*. Add up the layers: "
        "`pairwise(widths)` gives their pairs.",
    ),
    inputs=_widths,
    reference=_head_parameters,
    why=(
        "For VGG16's three layers that is 123,642,856, nine tenths of the whole network, before a single picture is "
        "convolved. With a probe on its last hidden layer you train 40,970 numbers instead, and a hundred labels can "
        "say something about them."
    ),
    wrong=(
        Wrong(
            "no biases",
            "The matrices are counted right, the biases are missing: each layer adds one number for each of its "
            "outputs.",
            lambda widths: sum(a * b for a, b in pairwise(widths)),
        ),
        Wrong(
            "biases of the inputs",
            "You count a bias for each *input*. A bias is added to what comes out, so there is one for each output.",
            lambda widths: sum(a * b + a for a, b in pairwise(widths)),
        ),
        Wrong(
            "last layer only",
            "This is the last layer alone. All layers of the head count, the hidden ones most of all.",
            lambda widths: widths[-2] * widths[-1] + widths[-1],
        ),
        Wrong(
            "first to last",
            "This is one layer from the first width to the last. A hidden layer between them has two matrices, not "
            "one.",
            lambda widths: widths[0] * widths[-1] + widths[-1],
        ),
        Wrong(
            "widths added",
            "These are the numbers that flow through the layers, one for each unit. Between two layers *every* pair of "
            "units has a weight.",
            lambda widths: sum(widths),
        ),
    ),
    rtol=1e-9,
)

# --- taking the head off -------------------------------------------------------------------------------------------


def _looked_at(answer: object, case: Case) -> Data:
    """Ask for features of a net in train mode; then see whether the net still answers as before."""
    need_function(answer, "answer_cut_head(model, images)")
    given, model = tensors(case), TinyVGG(5, case["hidden"], case["seed"]).train()
    features = answer(model, given["images"])
    if not isinstance(features, Tensor):
        raise Unfit(f"It gave back {type(features).__name__}; give back the features as one tensor, a row a picture.")
    [traced] = gradients(features.square().sum(), [model.features[0].weight])
    with torch.no_grad():
        return {
            "features": plain(features),
            "what the model answers afterwards": plain(model.eval()(given["images"])),
            "gradient kept": traced,
        }


def _flat(model: nn.Module, images: Tensor) -> Tensor:
    return torch.flatten(model.avgpool(model.features(images)), 1)


def _cut_head(model: nn.Module, images: Tensor) -> Tensor:
    model.eval()
    with torch.no_grad():
        return model.classifier[:-1](_flat(model, images))


@torch.no_grad()
def _not_cut(model: nn.Module, images: Tensor) -> Tensor:
    return model.eval()(images)


@torch.no_grad()
def _before_classifier(model: nn.Module, images: Tensor) -> Tensor:
    return _flat(model.eval(), images)


@torch.no_grad()
def _before_relu(model: nn.Module, images: Tensor) -> Tensor:
    return model.eval().classifier[:-3](_flat(model, images))


@torch.no_grad()
def _with_dropout(model: nn.Module, images: Tensor) -> Tensor:
    return model.train().classifier[:-1](_flat(model, images))


@torch.no_grad()
def _head_lost(model: nn.Module, images: Tensor) -> Tensor:
    model.eval().classifier[-1] = nn.Identity()
    return model(images)


def _graph_kept(model: nn.Module, images: Tensor) -> Tensor:
    model.eval()
    return model.classifier[:-1](_flat(model, images))


def _right_features(found: list[Data], expected: list[Data]) -> bool:
    return all(_close(mine["features"], theirs["features"]) for mine, theirs in zip(found, expected, strict=True))


def _dropped(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
    """Whether each feature of a net with one hidden layer is either dropped or doubled."""
    mine, theirs = found[0]["features"], expected[0]["features"]
    return bool(np.all((mine == 0) | np.isclose(mine, 2 * theirs, rtol=1e-3)))


CUT_HEAD = Question(
    slug="cut_head",
    lesson=LESSON,
    title="What the head is given",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Go through `forward` by hand: `features`, `avgpool`, flattening, `classifier`. Where would you stop?",
        "`model.classifier[:-1]` is the classifier without its last layer. Beware of dropout: in which mode does it do "
        "nothing?",
        "`model.eval()`; under `torch.no_grad()` compute `torch.flatten(model.avgpool(model.features(images)), 1)`, "
        "and send that through `model.classifier[:-1]`.",
    ),
    inputs=_vggs,
    reference=_cut_head,
    why=(
        "These are the numbers that the head is given, the same each time, and the model still has its head. You can "
        "now keep them in a table and try a hundred heads on it, each in seconds."
    ),
    wrong=(
        Wrong(
            "head still on",
            "These are the model's answers: the head is still on. Stop before the last layer of `classifier`.",
            _not_cut,
            recognise=lambda found, expected, cases: all(np.shape(one["features"])[-1:] == (5,) for one in found),
        ),
        Wrong(
            "cut too early",
            "You stopped before `classifier`: these are the flattened maps. The pretrained hidden layers have not "
            "looked at them yet. (For a far target that may be better; here, the head's own inputs were asked for.)",
            _before_classifier,
        ),
        Wrong(
            "before the ReLU",
            "You stopped a little too early: after the last hidden linear layer there is a ReLU, and the head never "
            "sees a negative number. Take off the last layer alone.",
            _before_relu,
        ),
        Wrong(
            "dropout at work",
            "Some features are zero and the others twice as large: dropout is at work. The model came in train mode; "
            "features for a table need `model.eval()`, or they are another draw each time.",
            _with_dropout,
            recognise=_dropped,
        ),
        Wrong(
            "head lost",
            "The features are right, but the model has lost its head: whoever uses it next gets features where they "
            "expect answers. Leave the layers in place, work on a copy, or put the head back.",
            _head_lost,
            recognise=lambda found, expected, cases: (
                _right_features(found, expected)
                and not _close(
                    found[0]["what the model answers afterwards"], expected[0]["what the model answers afterwards"]
                )
            ),
        ),
        Wrong(
            "graph kept",
            "The features are right, but each row drags the whole graph of the backbone along. In a table of fifty "
            "thousand rows that fills the memory. Compute them under `torch.no_grad()`.",
            _graph_kept,
            recognise=lambda found, expected, cases: (
                _right_features(found, expected) and any(np.any(one["gradient kept"]) for one in found)
            ),
        ),
    ),
    probe=_looked_at,
    atol=1e-5,
)

# --- whose statistics ----------------------------------------------------------------------------------------------


def _uint8_pictures(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    sizes = ((5, 4), (1, 6), (3, 2))
    return [
        {
            "images": rng.integers(0, 256, size=(count, 3, height, 3), dtype=np.uint8),
            "mean": rng.uniform(0.3, 0.6, size=3),
            "std": rng.uniform(0.15, 0.35, size=3),
        }
        for count, height in sizes
    ]


def _columns(numbers: Tensor) -> Tensor:
    return numbers[:, None, None]


def _prepare(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return (images / 255 - _columns(mean)) / _columns(std)


def _by_own_statistics(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    scaled = images / 255
    return (scaled - scaled.mean((0, 2, 3), keepdim=True)) / scaled.std((0, 2, 3), keepdim=True)


def _own(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
    """Whether the result has mean zero, over everything, channel by channel or picture by picture."""
    made = [np.asarray(one) for one in found]
    axes = ((0, 1, 2, 3), (0, 2, 3), (1, 2, 3), (2, 3))
    return any(all(np.allclose(one.mean(axis), 0, atol=1e-4) for one in made) for axis in axes)


def _by_imagenet(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return _prepare(images, torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225]))


PREPARE = Question(
    slug="prepare",
    lesson=LESSON,
    title="Scaled as the weights expect",
    kind="repair",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "Source text 000 brings the pixels to between 0 and 1, and stops there. What did the weights see when they "
        "were trained?",
        "Divide by 255, subtract the mean, divide by the standard deviation: in this order, since mean and std are "
        "given for pixels between 0 and 1.",
        "One mean for each *channel*: `mean[:, None, None]` has the shape 3×1×1 and fits N×3×H×W.",
    ),
    inputs=_uint8_pictures,
    reference=_prepare,
    why=(
        "Pixels between 0 and 1, then the mean and the spread that belong to the weights, channel by channel. Nothing "
        "raises when this is forgotten; the network reads other pictures, and you wonder about the accuracy. So a "
        "checkpoint without its statistics is half a checkpoint."
    ),
    wrong=(
        Wrong(
            "ToTensor alone",
            "The pixels are between 0 and 1, and that is all. The weights expect the mean subtracted and the result "
            "divided by the standard deviation.",
            lambda images, mean, std: images / 255,
        ),
        Wrong(
            "own statistics",
            "You took mean and deviation from *these* pictures. Then a dark picture and a bright one look alike, the "
            "result depends on who else is there, and the weights get what they never saw. The statistics belong to "
            "the weights.",
            _by_own_statistics,
            recognise=_own,
        ),
        Wrong(
            "ImageNet's, as always",
            "These are the three numbers of ImageNet that everybody copies. They belong to torchvision's weights; "
            "these weights have others, and you were given them.",
            _by_imagenet,
        ),
        Wrong(
            "not scaled first",
            "Mean and deviation are meant for pixels between 0 and 1, and yours still go up to 255: the results are "
            "hundreds of deviations away from zero.",
            lambda images, mean, std: (images - _columns(mean)) / _columns(std),
        ),
        Wrong(
            "multiplied by std",
            "The mean is subtracted; then divide by the standard deviation, do not multiply. Multiplying makes a small "
            "spread still smaller.",
            lambda images, mean, std: (images / 255 - _columns(mean)) * _columns(std),
        ),
        Wrong(
            "not divided",
            "The mean is gone, but the spread is not scaled: divide by the standard deviation as well.",
            lambda images, mean, std: images / 255 - _columns(mean),
        ),
        Wrong(
            "along the width",
            "Broadcasting matches the *last* axis. These pictures happen to be three pixels wide, so the three numbers "
            "went to the three columns of pixels instead of the three channels, and nothing raised.",
            lambda images, mean, std: (images / 255 - mean) / std,
        ),
    ),
)

# --- one channel into three ----------------------------------------------------------------------------------------


def _convolutions(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    kinds = ((True, 1, 1), (False, 2, 1), (True, 2, 0))
    return [
        {
            "seed": int(rng.integers(2**31)),
            "bias": bias,
            "stride": stride,
            "padding": padding,
            "grey": rng.normal(size=(2, 1, 7, 7)).astype(np.float32),
        }
        for bias, stride, padding in kinds
    ]


def _on_grey(answer: object, case: Case) -> Data:
    """Ask for the layer, and look at grey pictures through it."""
    need_function(answer, "answer_grey_layer(conv)")
    torch.manual_seed(case["seed"])
    conv = nn.Conv2d(3, 4, 3, stride=case["stride"], padding=case["padding"], bias=case["bias"])
    torch.manual_seed(0)
    layer = answer(conv)
    if not isinstance(layer, nn.Conv2d):
        raise Unfit(f"It gave back {type(layer).__name__}; give back the new layer, an `nn.Conv2d`.")
    grey = tensors(case)["grey"]
    with torch.no_grad():
        answers = layer(grey.expand(-1, layer.weight.shape[1], -1, -1))
    return {"weights": plain(layer.weight), "answers": plain(answers), "the layer you were given": state(conv)}


def _grey_layer(weight_of, bias_of=lambda bias: bias, geometry: bool = True):
    """Answers that make the weights, the bias and the geometry of the grey layer in one way or another."""

    def answer(conv: nn.Conv2d) -> nn.Conv2d:
        places = {"stride": conv.stride, "padding": conv.padding} if geometry else {}
        layer = nn.Conv2d(1, conv.out_channels, conv.kernel_size, bias=False, **places)
        layer.weight = nn.Parameter(weight_of(conv.weight.detach()))
        if conv.bias is not None and bias_of is not None:
            layer.bias = nn.Parameter(bias_of(conv.bias.detach()).clone())
        return layer

    return answer


def _sum_of_channels(weight: Tensor) -> Tensor:
    return weight.sum(dim=1, keepdim=True)


def _only_bias_off(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
    """Whether weights are right and answers are off by one number a channel."""
    off = [np.subtract(one["answers"], other["answers"]) for one, other in zip(found, expected, strict=True)]
    weights = all(_close(one["weights"], other["weights"]) for one, other in zip(found, expected, strict=True))
    return weights and all(np.allclose(np.ptp(part, axis=(0, 2, 3)), 0, atol=1e-5) for part in off)


GREY_LAYER = Question(
    slug="grey_layer",
    lesson=LESSON,
    title="A first layer for grey pictures",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "With the same picture x in all three channels the layer computes w₁x + w₂x + w₃x + b. Factor out x.",
        "The new weights are the old ones, summed over the input channels, which are axis 1: `keepdim=True` keeps the "
        "axis.",
        "Make `nn.Conv2d(1, conv.out_channels, conv.kernel_size, stride=conv.stride, padding=conv.padding, "
        "bias=conv.bias is not None)`, then copy the summed weights and the bias into it.",
    ),
    inputs=_convolutions,
    reference=_grey_layer(_sum_of_channels),
    why=(
        "w₁x + w₂x + w₃x is (w₁ + w₂ + w₃)x: the sum does what repeating the picture does, at a third of that layer's "
        "work. It is exact only if all channels are normalised alike; with a mean for each channel repeat the picture "
        "and normalise first."
    ),
    wrong=(
        Wrong(
            "mean",
            "This averages over the channels: everything that comes out of the convolution is a third of what it "
            "should be. Three times the same picture adds up.",
            _grey_layer(lambda weight: weight.mean(dim=1, keepdim=True)),
        ),
        Wrong(
            "first channel",
            "You kept the weights for one channel and threw away the other two. A filter that looked for red beside "
            "green is now a filter that looks for something else.",
            _grey_layer(lambda weight: weight[:, :1].clone()),
            recognise=lambda found, expected, cases: any(
                all(
                    _close(one["weights"], one["the layer you were given"]["weight"][:, k : k + 1])
                    for one in found
                    if one["weights"].shape[1] == 1
                )
                and all(one["weights"].shape[1] == 1 for one in found)
                for k in range(3)
            ),
        ),
        Wrong(
            "still three channels",
            "This layer still takes three channels: its weights have the shape 4×3×3×3. Sum over axis 1, and keep that "
            "axis with one entry.",
            lambda conv: conv,
            recognise=lambda found, expected, cases: all(one["weights"].shape[1] == 3 for one in found),
        ),
        Wrong(
            "bias three times",
            "The weights are right, but the bias counts three times. It is added once, however many channels there "
            "are.",
            _grey_layer(_sum_of_channels, lambda bias: 3 * bias),
        ),
        Wrong(
            "bias not copied",
            "The weights are right, but the answers are off by one number a channel: the bias of the old layer is not "
            "in the new one. Copy it where there is one, and have none where there is none.",
            _grey_layer(_sum_of_channels, bias_of=None),
            recognise=_only_bias_off,
        ),
        Wrong(
            "stride or padding lost",
            "The weights are right, but the map has another size, or begins elsewhere: `stride` and `padding` of the "
            "old layer have to be handed on.",
            _grey_layer(_sum_of_channels, geometry=False),
            recognise=lambda found, expected, cases: (
                all(_close(one["weights"], other["weights"]) for one, other in zip(found, expected, strict=True))
                and any(
                    np.shape(one["answers"]) != np.shape(other["answers"])
                    for one, other in zip(found, expected, strict=True)
                )
            ),
        ),
    ),
    probe=_on_grey,
    atol=1e-5,
)

# --- eval() is not freezing ----------------------------------------------------------------------------------------

EVAL_OR_FREEZE = Question(
    slug="eval_or_freeze",
    lesson=LESSON,
    title="Which of them stands still?",
    kind="predict",
    difficulty=3,
    minutes=6,
    points=0,
    hints=(
        "Two things can move: weights, if they get a gradient; and BatchNorm's running statistics, if it is in train "
        "mode. Ask both questions of each line.",
        "`no_grad()` and `requires_grad_(False)` answer the first question, `eval()` the second. None of them answers "
        "both.",
    ),
    inputs=lambda seed: [{}],
    reference="CE",
    why=(
        "C and E do both: no gradient, and no statistics that move. `eval()` and freezing are two switches for two "
        "things. A VGG without BatchNorm needs the second only, and there `eval()` on its convolutions does nothing at "
        "all; yours may have BatchNorm, so use both."
    ),
    wrong=(
        Wrong(
            "eval freezes",
            "A trains all its weights: `eval()` tells BatchNorm and dropout that nobody is training, and no gradient "
            "listens to it.",
            "ACE",
            recognise=lambda found, expected, cases: "A" in found[0],
        ),
        Wrong(
            "statistics forgotten",
            "B and D have no gradients in `features`, but BatchNorm is in train mode there: its running means and "
            "variances move with every batch, under `no_grad()` too, and features of a picture with them.",
            "BCDE",
            recognise=lambda found, expected, cases: bool({"B", "D"} & set(found[0])),
        ),
        Wrong(
            "C forgotten",
            "You left out C. Gradients are off and so is the movement of the statistics: that is all there is to "
            "freezing.",
            "E",
            recognise=lambda found, expected, cases: "C" not in found[0],
        ),
        Wrong(
            "E forgotten",
            "You left out E. What runs under `no_grad()` leaves no graph, so these weights get no gradient at all, and "
            "an optimiser passes over a weight that has none.",
            "C",
            recognise=lambda found, expected, cases: "E" not in found[0],
        ),
    ),
    probe=letters,
)

# --- when features may be kept -------------------------------------------------------------------------------------

MAY_KEEP = Question(
    slug="may_keep",
    lesson=LESSON,
    title="May the features be kept?",
    kind="predict",
    difficulty=2,
    minutes=4,
    points=0,
    hints=(
        "The question is always the same: is what the head is given for one picture the same in every epoch?",
        "Three things can change it: the picture, the backbone's weights, and the backbone's mode. What happens behind "
        "the features does not.",
    ),
    inputs=lambda seed: [{}],
    reference="ADF",
    why=(
        "Features may be kept as long as φ(x) is one fixed number per picture: a fixed picture, fixed weights, a fixed "
        "mode. What comes after them, be it order, dropout or another loss, is free. That is why `tl.data.features` "
        "refuses augmentation, and allows everything else."
    ),
    wrong=(
        Wrong(
            "augmentation kept",
            "In B each epoch shows another cut of the picture, and its features are others. Kept features would freeze "
            "the first draw: no augmentation at all, under its name.",
            "ABDF",
            recognise=lambda found, expected, cases: "B" in found[0],
        ),
        Wrong(
            "backbone moves",
            "In C the backbone moves, slowly but it does; in E its running statistics do. Then the table describes a "
            "backbone that no longer exists.",
            "ACDEF",
            recognise=lambda found, expected, cases: bool({"C", "E"} & set(found[0])),
        ),
        Wrong(
            "order forgotten",
            "You left out A. The order is no matter for the features: a row of the table is found by its picture's "
            "number, together with its label.",
            "DF",
            recognise=lambda found, expected, cases: "A" not in found[0],
        ),
        Wrong(
            "fixed preparation forgotten",
            "You left out D. Normalising and cutting out the middle change a picture in the same way every time, so "
            "its features stay what they are.",
            "AF",
            recognise=lambda found, expected, cases: "D" not in found[0],
        ),
        Wrong(
            "head's own business forgotten",
            "You left out F. Dropout in the *head* acts on what the features are handed to; the features themselves do "
            "not notice.",
            "AD",
            recognise=lambda found, expected, cases: "F" not in found[0],
        ),
    ),
    probe=letters,
)

# --- computed once -------------------------------------------------------------------------------------------------


def _epochs(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for count, size in ((7, 3), (8, 4), (5, 2)):
        orders = [rng.permutation(count).tolist() for _ in range(3)]
        cases.append({"images": rng.normal(size=(count, 4)), "orders": orders, "size": size})
    return cases


def _steps_taken(answer: object, case: Case) -> Data:
    """Note which pictures go through the backbone, and what each training step is given."""
    need_function(answer, "answer_compute_once(look, step, images, labels, orders, size)")
    given = tensors(case)
    images, orders = given["images"], [torch.tensor(order) for order in case["orders"]]
    seen, steps = [0] * len(images), []

    def look(some: Tensor) -> Tensor:
        for row in some:
            seen[int((images - row).abs().sum(dim=1).argmin())] += 1
        return some.detach() * 2 + 1

    def step(features: Tensor, labels: Tensor) -> None:
        steps.append({"features": plain(features), "labels": plain(labels)})

    answer(look, step, images.clone(), torch.arange(len(images)) * 10, orders, case["size"])
    return {"steps": steps, "how often each picture went through the backbone": seen}


def _compute_once(look, step, images, labels, orders, size):
    features = look(images)
    for order in orders:
        for index in order.split(size):
            step(features[index], labels[index])


def _every_epoch(look, step, images, labels, orders, size):
    for order in orders:
        for index in order.split(size):
            step(look(images[index]), labels[index])


def _labels_stay(look, step, images, labels, orders, size):
    features = look(images)
    for order in orders:
        for index, these in zip(order.split(size), labels.split(size), strict=True):
            step(features[index], these)


def _first_order(look, step, images, labels, orders, size):
    _compute_once(look, step, images, labels, orders[:1] * len(orders), size)


def _no_order(look, step, images, labels, orders, size):
    _compute_once(look, step, images, labels, [torch.arange(len(images))] * len(orders), size)


def _indexed_twice(look, step, images, labels, orders, size):
    features = look(images[orders[0]])
    _compute_once(lambda _: features, step, images, labels, orders, size)


def _seen(found: Data) -> list[int]:
    return found["how often each picture went through the backbone"]


def _paired(one: Data) -> bool:
    """Whether two steps that show the same label show the same features: what belongs together stayed so."""
    rows: dict[float, np.ndarray] = {}
    for step in one["steps"]:
        for label, row in zip(step["labels"], step["features"], strict=True):
            if not np.allclose(rows.setdefault(float(label), row), row):
                return False
    return True


COMPUTE_ONCE = Question(
    slug="compute_once",
    lesson=LESSON,
    title="Once is enough",
    kind="repair",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "How often does one picture go through `look` in three epochs? Which line would have to move out of the loops?",
        "Compute all features before the first epoch, in the order of `images`. Row number i then belongs to label "
        "number i.",
        "In the loop, take `features[index]` where there was `look(images[index])`. The same `index` picks features "
        "and labels.",
    ),
    inputs=_epochs,
    reference=_compute_once,
    why=(
        "Each picture goes through the backbone once, and every step gets exactly what it got before, in the same "
        "order. So this is no approximation: E epochs for the price of one. Features and labels are picked by the "
        "same numbers, or the head learns from other pictures' labels."
    ),
    wrong=(
        Wrong(
            "labels left behind",
            "The features are shuffled and their labels are not: most pictures stand beside another one's label. The "
            "loss will hardly fall, and nothing will raise. Pick both by the same `index`.",
            _labels_stay,
            recognise=lambda found, expected, cases: not any(map(_paired, found)),
        ),
        Wrong(
            "every epoch",
            "The steps are right, but a picture still goes through the backbone more than once. It is frozen: what it "
            "says in the second epoch is what it said in the first.",
            _every_epoch,
            recognise=lambda found, expected, cases: all(max(_seen(one)) > 1 for one in found),
        ),
        Wrong(
            "one order",
            "Every epoch takes the batches of the first one. Keeping the features is no reason to stop shuffling: use "
            "each epoch's own order.",
            _first_order,
        ),
        Wrong(
            "no order",
            "Features are computed once, and then the batches come in the order of the pictures. `orders` says in "
            "which order each epoch wants them.",
            _no_order,
        ),
        Wrong(
            "shuffled table",
            "You computed the features in a shuffled order, and then picked rows by picture number: row i is not "
            "picture i any more. Fill the table in the order of `images`.",
            _indexed_twice,
        ),
    ),
    probe=_steps_taken,
)

QUESTIONS = (
    VGG_HEAD,
    HEAD_PARAMETERS,
    CUT_HEAD,
    PREPARE,
    GREY_LAYER,
    EVAL_OR_FREEZE,
    MAY_KEEP,
    COMPUTE_ONCE,
)
