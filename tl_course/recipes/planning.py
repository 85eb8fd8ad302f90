"""Which network, how large its inputs, how many steps: decided from the data, within a budget of arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from tl_course import environment, models
from tl_course.assets import AssetError
from tl_course.data.preprocess import FITS, TextPreprocess
from tl_course.models import MODELS, ModelSpec
from tl_course.models.arithmetic import count_macs
from tl_course.models.by_name import weights_of
from tl_course.models.encoders import most_tokens
from tl_course.models.timm_backbones import fixed_size

# Multiply-accumulates that one fine-tuning may spend on a CPU, some minutes on two cores; GPUs are allowed more.
BUDGET = {"image": 1.2e13, "text": 2e13}
GPU_FACTOR = 50
# A step forward and back costs about three times the arithmetic of a step forward.
FORWARD_AND_BACK = 3
# Below so many pixels a photograph has no detail that a network for large images could use.
SMALL_SIDE = 96
# Sides in pixels below which a network's layers have nothing left to pool.
LEAST_SIDE = {"vgg16": 32, "inception_v3": 75}
# A tokenizer that names fewer tokens as its most has no sensible setting.
LEAST_TOKENS = 8
# The weights to start from, the first that a network has.
PREFERRED = ("imagenet", "pretrained", "imagenet_distilled", "language_model", "letters")


@dataclass(frozen=True)
class Plan:
    """A recipe's settings.

    Attributes
    ----------
    model : str
        A name of ``tl.models.MODELS``, or that of a network by name.
    licence : str
        A sentence about the licence of weights that are not the course's; empty for the course's own.
    weights : str or None
    why : str
        The reason for the choice, one sentence.
    size : int
        Pixels of a side, or most tokens of a text.
    macs : float
        Multiply-accumulates for one example of that size.
    passes : int
        Training examples that the budget allows to pass, each counted as often as it is seen.
    """

    model: str
    weights: str | None
    why: str
    size: int
    macs: float
    passes: int
    licence: str = ""

    @property
    def title(self) -> str:
        """What the network is called in sentences."""
        return MODELS[self.model].title if self.model in MODELS else self.model


def plan_images(
    side: int,
    count: int,
    *,
    model: str = "auto",
    weights: str | None = None,
    size: int | None = None,
    fit: str = "crop",
) -> tuple[Plan, nn.Module]:
    """Choose a network for images and make it, with the head it came with.

    Parameters
    ----------
    side : int
        Median of the images' shorter sides in pixels.
    count : int
        How many images there are.
    model : str
        A name that :func:`tl_course.models.create` knows, or "auto": EfficientNet-Lite0 for images of at least 96
        pixels when its weights can be had, else the small ResNet, which looks at 32.
    weights : str, optional
        Those that the network has; "none" for random ones.
    size : int, optional
        Pixels of a side that the network looks at.
    fit : {"crop", "pad", "squish"}
        How images become squares, as in :class:`~tl_course.data.ImagePreprocess`.

    Raises
    ------
    ValueError
        When model, weights or size are unknown or do not fit.
    tl_course.assets.AssetError
        When the weights have to be fetched and cannot be.
    """
    least = LEAST_SIDE.get(model, 16)
    if size is not None and size < least:
        title = "a network" if model == "auto" else MODELS[model].title if model in MODELS else model
        raise ValueError(f"--size {size} leaves {title} nothing to see; give at least {least} pixels.")
    if fit not in FITS:
        raise ValueError(f"--fit {fit} is unknown; give {', '.join(FITS[:-1])} or {FITS[-1]}.")
    if model != "auto":
        return _planned(model, weights, "you chose it", size, count, fit)
    if weights is not None:
        raise ValueError(f"--weights {weights} goes with a network of your choice; name it with --model.")
    if side < SMALL_SIDE:
        return _planned("resnet_small", None, f"the images are small (median {side} pixels)", size, count, fit)
    try:
        return _planned("efficientnet_lite0", None, f"the images are large (median {side} pixels)", size, count, fit)
    except AssetError as error:
        why = f"EfficientNet-Lite0, which sees more, could not be had ({error})"
        return _planned("resnet_small", None, why, size, count, fit)


def _planned(
    name: str, weights: str | None, why: str, size: int | None, count: int, fit: str
) -> tuple[Plan, nn.Module]:
    network = _made(name, weights, "image")
    published = network.preprocess.size
    chosen = size or _usual_size(name, published, count)
    if name in MODELS:
        macs = MODELS[name].macs * (chosen / MODELS[name].size) ** 2
    else:
        chosen, macs = _counted(network, size, chosen, published)
    network.preprocess = replace(network.preprocess, size=chosen, fit=fit)
    return _plan(name, network, why, chosen, macs, "image"), network


def _plan(name: str, network: nn.Module, why: str, size: int, macs: float, kind: str) -> Plan:
    spec, passes = network.spec, allowed_passes(kind, macs)
    if name in MODELS:
        return Plan(name, spec.weights, why, size, macs, passes)
    return Plan(spec.name, spec.weights, why, size, macs, passes, about_licence(spec))


def _made(name: str, weights: str | None, kind: str) -> nn.Module:
    """Make a network and make sure that it is one for this kind of data."""
    _check_kind(name, MODELS[name].kind if name in MODELS else kind, kind)
    network = models.create(name, weights=chosen_weights(name, weights))
    _check_kind(name, "text" if isinstance(network.preprocess, TextPreprocess) else "image", kind)
    models.layer_groups(network)  # a network whose layers cannot be told apart is refused before it is trained
    return network


def _check_kind(name: str, own: str, kind: str) -> None:
    if own != kind:
        example = {"image": "resnet18", "text": "minilm"}[kind]
        raise ValueError(
            f"{name} is a network for {own}s; choose one for {kind}s, for example {example}, or leave --model out."
        )


def _counted(network: nn.Module, asked: int | None, chosen: int, published: int) -> tuple[int, float]:
    """Return a size that the network takes, the wanted one if it does, with the arithmetic for an example."""
    title = network.spec.name
    try:
        return chosen, float(count_macs(network, chosen))
    except ValueError as error:
        if asked is None:
            return published, float(count_macs(network, published))
        others = " and no others" if fixed_size(network) else ""
        raise ValueError(
            f"--size {asked} does not fit {title}, which is made for pictures of {published} pixels a side{others} "
            f"({error}); leave --size out."
        ) from None


def about_licence(spec: ModelSpec) -> str:
    """Say what is known of the licence of the weights of a network by name; an empty str for random ones."""
    if spec.weights is None:
        return ""
    if spec.licence:
        return (
            f"The weights of {spec.name} are said to be under the licence {spec.licence}; whether it suits your use is "
            "yours to check."
        )
    return f"No licence is named for the weights of {spec.name}; whether you may use them is yours to check."


def _usual_size(name: str, published: int, count: int) -> int:
    """A network for large images may look at smaller ones, which costs little accuracy and saves much time."""
    if published < 200 or name == "inception_v3":
        return published
    return 160 if count <= 2_000 else 128


def chosen_weights(name: str, weights: str | None) -> str | None:
    """Return the weights to start from: what was asked for, or the best a network has; None for random ones.

    >>> chosen_weights("resnet_small", None), chosen_weights("resnet_small", "none")
    ('imagenet_distilled', None)
    >>> chosen_weights("resnet_tiny", None) is None
    True
    """
    if weights is None:
        known = MODELS[name].weights if name in MODELS else weights_of(name)
        return next((each for each in PREFERRED if each in known), None)
    return None if weights == "none" else weights


def allowed_passes(kind: str, macs: float) -> int:
    """Return how many training examples may pass through a network within the budget.

    >>> allowed_passes("image", 75e6) > allowed_passes("image", 400e6) >= 500
    True
    """
    budget = BUDGET[kind] * (1 if environment.current().device.type == "cpu" else GPU_FACTOR)
    return max(500, int(budget / (FORWARD_AND_BACK * macs)))


def plan_texts(*, model: str = "auto", weights: str | None = None) -> tuple[Plan, nn.Module]:
    """Choose a network for texts and make it; the length of its inputs is settled later.

    Raises
    ------
    ValueError
        When the network is unknown or one for images.
    tl_course.assets.AssetError
        When it has to be fetched and cannot be.
    """
    name, why = ("minilm", "the smallest BERT of the course") if model == "auto" else (model, "you chose it")
    network = _made(name, weights, "text")
    size, macs = (MODELS[name].size, float(MODELS[name].macs)) if name in MODELS else _usual_length(network)
    return _plan(name, network, why, size, macs, "text"), network


def _usual_length(network: nn.Module) -> tuple[int, float]:
    return network.preprocess.max_length, float(count_macs(network, network.preprocess.max_length))


def longest(network: nn.Module) -> int:
    """Return how many tokens of a text a network was made to read: its positions, or fewer if its tokenizer says so."""
    told = network.preprocess.tokenizer.model_max_length
    return min(most_tokens(network), told if told >= LEAST_TOKENS else most_tokens(network))


def shortened(plan: Plan, network: nn.Module, length: int) -> Plan:
    """Set the length in tokens at which texts are cut; what attention costs beside the rest is left out of account.

    Raises
    ------
    ValueError
        When the network has fewer positions.
    """
    most = most_tokens(network)
    if length > most:
        raise ValueError(f"--size {length} is more than {plan.title} reads; give at most {most} tokens.")
    network.preprocess = replace(network.preprocess, max_length=length)
    macs = plan.macs * length / plan.size
    return replace(plan, size=length, macs=macs, passes=allowed_passes("text", macs))
