"""Which network, how large its inputs, how many steps: decided from the data, within a budget of arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from tl_course import environment, models
from tl_course.assets import AssetError
from tl_course.data.preprocess import FITS
from tl_course.models.zoo import model_info

# Multiply-accumulates that one fine-tuning may spend on a CPU, some minutes on two cores; GPUs are allowed more.
BUDGET = {"image": 1.2e13, "text": 2e13}
GPU_FACTOR = 50
# A step forward and back costs about three times the arithmetic of a step forward.
FORWARD_AND_BACK = 3
# Below so many pixels a photograph has no detail that a network for large images could use.
SMALL_SIDE = 96
# Sides in pixels below which a network's layers have nothing left to pool.
LEAST_SIDE = {"vgg16": 32, "inception_v3": 75}
# The weights to start from, the first that a network has.
PREFERRED = ("imagenet", "pretrained", "imagenet_distilled", "language_model", "letters")


@dataclass(frozen=True)
class Plan:
    """A recipe's settings.

    Attributes
    ----------
    model : str
        A name of ``tl.models.MODELS``.
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
        A name of ``tl.models.MODELS``, or "auto": EfficientNet-Lite0 for images of at least 96 pixels when its
        weights can be had, else the small ResNet, which looks at 32.
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
        title = "a network" if model == "auto" else model_info(model).title
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
    info = model_info(name)
    if info.kind != "image":
        raise ValueError(
            f"{name} is a network for texts; choose one for images, for example resnet18, or leave --model out."
        )
    network = models.create(name, weights=chosen_weights(name, weights))
    size = size or _usual_size(name, network.preprocess.size, count)
    network.preprocess = replace(network.preprocess, size=size, fit=fit)
    macs = info.macs * (size / info.size) ** 2
    return Plan(name, network.spec.weights, why, size, macs, allowed_passes("image", macs)), network


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
        return next((known for known in PREFERRED if known in model_info(name).weights), None)
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
    info = model_info(name)
    if info.kind != "text":
        raise ValueError(
            f"{name} is a network for images; choose one for texts, for example minilm, or leave --model out."
        )
    network = models.create(name, weights=chosen_weights(name, weights))
    return Plan(
        name, network.spec.weights, why, info.size, float(info.macs), allowed_passes("text", info.macs)
    ), network


def shortened(plan: Plan, network: nn.Module, length: int) -> Plan:
    """Set the length in tokens at which texts are cut; what attention costs beside the rest is left out of account.

    Raises
    ------
    ValueError
        When the network has fewer positions.
    """
    most = getattr(getattr(network, "config", None), "max_position_embeddings", None)
    if most is not None and length > most:
        title = model_info(plan.model).title
        raise ValueError(f"--size {length} is more than {title} reads; give at most {most} tokens.")
    network.preprocess = replace(network.preprocess, max_length=length)
    macs = plan.macs * length / plan.size
    return replace(plan, size=length, macs=macs, passes=allowed_passes("text", macs))
