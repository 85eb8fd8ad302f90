"""Any network of timm by name, or from a folder or repository that timm saved: made, loaded, and made again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tl_course.assets import hub
from tl_course.data.preprocess import INTERPOLATIONS, ImagePreprocess
from tl_course.models.heads import given_to_head, replace_head, seeded
from tl_course.models.structure import head_of
from tl_course.models.tensors import TensorsDoNotFitError, differences, read_safetensors

# What a saved file may not choose: where weights come from, what is returned, and how Python objects are made.
NOT_ITS_CHOICE = (
    "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "pretrained_model_args", "checkpoint_path", "cache_dir",
    "features_only", "out_indices", "scriptable", "exportable", "no_jit", "num_classes", "in_chans", "device", "dtype",
    "pruned",
)  # fmt: skip
# What of a saved pretrained_cfg is taken over: numbers about the pictures and the head, and no places.
ABOUT_PICTURES = ("input_size", "fixed_input_size", "interpolation", "mean", "std", "num_classes", "first_conv",
                  "classifier", "license", "tag")  # fmt: skip


@dataclass(frozen=True)
class Design:
    """What makes a network of timm again: kept as plain values in a saved model.

    Attributes
    ----------
    architecture : str
        A name of timm's without a tag.
    arguments : dict
        Options of its making, plain values.
    cfg : dict
        timm's description of the weights: sizes, statistics, number of classes.
    """

    architecture: str
    arguments: dict[str, Any] = field(default_factory=dict)
    cfg: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values for a JSON file."""
        return json.loads(json.dumps({"architecture": self.architecture, "arguments": self.arguments, "cfg": self.cfg}))


def design_of(name: str) -> Design:
    """Look a name up in timm's registry, with a tag or without.

    Raises
    ------
    ValueError
        When timm has no such network or no such tag; the message has the near names.

    >>> design_of("resnet18.a1_in1k").cfg["license"]
    'apache-2.0'
    """
    import timm

    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        near = hub.near_names(architecture, timm.list_models()).replace("near it: ", "near it: timm/")
        raise ValueError(
            f"timm has no network {architecture!r}{near.replace(', ', ', timm/')}; timm.list_models() lists all."
        )
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        choice = f"choose one of {', '.join(tags)}, or none for timm's first" if tags else "it has no weights at all"
        raise ValueError(f"timm/{architecture} has no weights {tag!r}; {choice}.")
    cfg = timm.get_pretrained_cfg(name, allow_unregistered=False) or timm.get_pretrained_cfg(architecture)
    return Design(architecture, {}, _plain_cfg(cfg.to_dict() if cfg else {}) | {"repo": cfg.hf_hub_id if cfg else None})


def has_weights(architecture: str) -> bool:
    """Say whether timm lists weights for a network; True for an unknown one, which is refused elsewhere.

    >>> has_weights("resnet18"), has_weights("test_mambaout")
    (True, False)
    """
    import timm

    return not timm.is_model(architecture) or timm.is_model_pretrained(architecture)


def design_in(file: Path, title: str) -> Design | None:
    """Read config.json as timm writes it; None where it is not timm's.

    Raises
    ------
    ValueError
        When it names no network of timm, or asks for what a file may not choose.
    """
    from tl_course.models.encoders import read_settings

    settings = read_settings(file)
    architecture = settings.get("architecture")
    if not isinstance(architecture, str):
        return None
    cfg = settings.get("pretrained_cfg", settings)
    cfg = _plain_cfg(cfg if isinstance(cfg, dict) else {})
    if isinstance(settings.get("num_classes"), int):
        cfg["num_classes"] = settings["num_classes"]
    arguments = settings.get("model_args") or {}
    if isinstance(settings.get("global_pool"), str) and isinstance(arguments, dict):
        arguments = {"global_pool": settings["global_pool"], **arguments}
    if isinstance(arguments, dict):
        channels = arguments.get("in_chans") or 3
        if "input_size" in cfg and channels != 3:
            cfg["input_size"] = [channels, *cfg["input_size"][1:]]
        given = ("in_chans", "num_classes")  # said already
        arguments = {key: value for key, value in arguments.items() if key not in given and value is not None}
    _check_arguments(architecture, arguments, title)
    side = arguments.get("img_size")
    if cfg.get("fixed_input_size") and side is not None:
        cfg["input_size"] = [3, *(side if isinstance(side, list) else (side, side))]
    return Design(architecture, arguments, cfg)


def create(
    design: Design, title: str, *, weights: Path | None, num_classes: int | None, seed: int
) -> tuple[nn.Module, ImagePreprocess]:
    """Make a network of timm, with weights from a safetensors file or random ones.

    Raises
    ------
    ValueError
        When its head is no single linear layer, or it takes other than square pictures of three colours.
    TensorsDoNotFitError
        When the file holds other tensors.
    """
    preprocess = _preprocess(design, title)
    outputs = design.cfg.get("num_classes") or 0
    with seeded(seed):
        if weights is None:
            model = build(design.to_dict(), num_classes or outputs or 2)
        else:
            model = _loaded(design, title, read_safetensors(weights))
            if not outputs:
                _reset(model, num_classes or 2, title)
            _with_bias(model)
    _check_head(model, preprocess.size, title)
    if num_classes is not None:
        replace_head(model, num_classes, seed=seed)
    with torch.device("meta"):
        again = build(design.to_dict(), head_of(model)[1].out_features)
    if difference := differences(again.state_dict(), model.state_dict()):
        raise ValueError(f"{title} cannot be saved and made again ({difference}); choose another network.")
    model.design = design.to_dict()
    return model.eval(), preprocess


def build(design: Mapping[str, Any], num_classes: int) -> nn.Module:
    """Build a network with random weights, from a design that may come from somebody else's file.

    Raises
    ------
    ValueError
        When it names no network of timm, or asks for what a file may not choose.
    """
    import timm

    architecture, arguments = design["architecture"], design.get("arguments") or {}
    _check_arguments(architecture, arguments, "this file")
    cfg = _plain_cfg(design.get("cfg") or {})
    try:
        model = timm.create_model(
            architecture, pretrained=False, pretrained_cfg=_for_timm(architecture, cfg), num_classes=num_classes,
            **_tuples(arguments),
        )  # fmt: skip
    except (TypeError, ValueError, AssertionError, KeyError, RuntimeError) as error:
        raise ValueError(
            f"timm cannot make {architecture} with these options ({_line(error)}); save it again."
        ) from None
    _with_bias(model)
    model.design = dict(design)
    return model


def fixed_size(model: nn.Module) -> bool:
    """Say whether timm lists a network as one for pictures of one size."""
    return bool((getattr(model, "design", None) or {}).get("cfg", {}).get("fixed_input_size"))


def _plain_cfg(cfg: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps({key: cfg[key] for key in ABOUT_PICTURES if cfg.get(key) is not None}))


def _for_timm(architecture: str, cfg: dict[str, Any]) -> dict[str, Any]:
    from timm.models import PretrainedCfg

    known = {each.name for each in fields(PretrainedCfg)}
    return {"architecture": architecture} | {key: value for key, value in _tuples(cfg).items() if key in known}


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _check_arguments(architecture: Any, arguments: Any, title: str) -> None:
    import timm

    if not isinstance(architecture, str) or not timm.is_model(architecture):
        known = f"{architecture!r}{hub.near_names(str(architecture), timm.list_models())}"
        raise ValueError(f"{title} is a network {known} that this version of timm does not have; update timm.")
    if not isinstance(arguments, dict):
        raise ValueError(f"the options of {title} are damaged (no options by name); save it again.")
    for name, value in arguments.items():
        if name in NOT_ITS_CHOICE:
            raise ValueError(f"{title} sets the option {name!r}, which no file may choose; take it out of the file.")
        if not _is_plain(value):
            raise ValueError(f"the option {name!r} of {title} is no plain value; save it again.")


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _preprocess(design: Design, title: str) -> ImagePreprocess:
    from timm.data import resolve_data_config

    cfg = resolve_data_config({}, pretrained_cfg=_for_timm(design.architecture, design.cfg))
    channels, height, width = cfg["input_size"]
    if channels != 3 or height != width:
        raise ValueError(
            f"{title} takes pictures of {width}×{height} pixels with {channels} channels, and only square ones of "
            "three colours are made here; choose another network."
        )
    interpolation = cfg["interpolation"] if cfg["interpolation"] in INTERPOLATIONS else "bicubic"
    return ImagePreprocess(height, tuple(cfg["mean"]), tuple(cfg["std"]), interpolation)


def _loaded(design: Design, title: str, tensors: dict[str, Tensor]) -> nn.Module:
    """Let timm load tensors that were read here: it knows how the names of older files were."""
    import timm

    cfg = _for_timm(design.architecture, design.cfg) | {"state_dict": tensors}
    try:
        model = timm.create_model(
            design.architecture, pretrained=True, pretrained_cfg=cfg, num_classes=cfg.get("num_classes", 0),
            **_tuples(design.arguments),
        )  # fmt: skip
    except Exception as error:  # filters of old names stumble in many ways over a file of another network
        raise TensorsDoNotFitError(
            f"the weights of {title} do not fit timm's {design.architecture} ({_line(error)}); fetch them again, or "
            "update timm."
        ) from None
    model.pretrained_cfg = {key: value for key, value in model.pretrained_cfg.items() if key != "state_dict"}
    model.default_cfg = model.pretrained_cfg
    return model


def _reset(model: nn.Module, num_classes: int, title: str) -> None:
    try:
        model.reset_classifier(num_classes)
    except (AttributeError, TypeError, AssertionError):
        raise ValueError(f"{title} has no place for a head; choose another network.") from None


def _with_bias(model: nn.Module) -> None:
    """Give a head that has no bias one, so that it is like the heads that take its place later."""
    if isinstance(getattr(model, "get_classifier", lambda: None)(), nn.Linear):
        name, head = head_of(model)
        if type(head) is not nn.Linear or head.bias is None:
            model.set_submodule(name, nn.Linear(head.in_features, head.out_features).to(head.weight))


def _check_head(model: nn.Module, size: int, title: str) -> None:
    """Refuse a network whose answers are not those of one linear layer: neither probe nor new head would fit it."""
    pictures = torch.linspace(-1, 1, 3 * size * size).view(1, 3, size, size)
    own = model.get_classifier() if hasattr(model, "get_classifier") else None
    single = not isinstance(own, (tuple, list, nn.ModuleList, nn.Conv2d))
    model.eval()
    try:
        with torch.no_grad():
            features, head = given_to_head(model, pictures), head_of(model)[1]
            single = single and features.ndim == 2 and torch.allclose(head(features), model(pictures), atol=1e-4)
    except (ValueError, IndexError, RuntimeError, AssertionError):
        single = False
    if not single:
        raise ValueError(
            f"{title} does not end in one linear layer, which is what a probe and a new head need; choose a network "
            "without a second head or a convolution as its head."
        )


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
