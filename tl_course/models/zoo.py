"""Every network of the course, in one table, and the one function that makes them."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tl_course import environment
from tl_course.assets.convert import torchvision_names
from tl_course.data.preprocess import ImagePreprocess, TextPreprocess, load_tokenizer, refuse_own_code
from tl_course.models import encoders, timm_backbones
from tl_course.models.by_name import find
from tl_course.models.encoders import check_attention, for_model, quiet_transformers
from tl_course.models.heads import embed, replace_head, seeded
from tl_course.models.naming import named, unknown
from tl_course.models.structure import head_of
from tl_course.models.tensors import TensorsDoNotFitError, load_tensors, read_safetensors
from tl_course.plain_numbers import whole_number

WEIGHTS_FOLDER = Path(__file__).parent.parent / "weights"
SUMS = "SHA256SUMS"
SHIPPED = ("letters", "imagenet_distilled")
SMALL = ("vgg_small", "resnet_small", "resnet_tiny")
LANGUAGE_MODEL = "language_model"
# What a BERT's file may lack (the new head) and may have besides (heads of its pretraining, and positions 0, 1, 2 …).
NEW_TENSORS = ("classifier.", "pre_classifier.")
UNUSED_TENSORS = ("cls.", "vocab_")
POSITIONS = {"embeddings.position_ids", "bert.embeddings.position_ids", "distilbert.embeddings.position_ids"}
ARCHITECTURES = {"minilm": "bert", "bert": "bert", "distilbert": "distilbert"}


@dataclass(frozen=True)
class ModelInfo:
    """One row of the table :data:`MODELS`.

    Parameters
    ----------
    title : str
        What titles and captions print.
    kind : {"image", "text"}
    size : int
        Height and width of a picture in pixels, or the length of a text in tokens, for which ``macs`` holds.
    num_classes : int
        Outputs unless you ask for another number.
    parameters : int
        Numbers in the parameters, the head for ``num_classes`` included.
    macs : int
        Multiply-accumulates for one example: convolutions, linear layers and attention products.
    weights : tuple of str
        What ``create`` takes as ``weights``, besides None.
    """

    title: str
    kind: str
    size: int
    num_classes: int
    parameters: int
    macs: int
    weights: tuple[str, ...]


MODELS: dict[str, ModelInfo] = {
    "vgg_small": ModelInfo("VGG (small)", "image", 32, 10, 1_655_338, 46_746_112, SHIPPED),
    "resnet_small": ModelInfo("ResNet (small)", "image", 32, 10, 1_622_890, 75_057_984, SHIPPED),
    "resnet_tiny": ModelInfo("ResNet (tiny)", "image", 32, 10, 407_482, 18_986_400, ()),
    "vgg16": ModelInfo("VGG16", "image", 224, 1000, 138_357_544, 15_470_264_320, ("imagenet",)),
    "resnet18": ModelInfo("ResNet-18", "image", 224, 1000, 11_689_512, 1_814_073_344, ("imagenet",)),
    "resnet50": ModelInfo("ResNet-50", "image", 224, 1000, 25_557_032, 4_089_184_256, ("imagenet",)),
    "inception_v3": ModelInfo("Inception v3", "image", 299, 1000, 23_834_568, 5_713_216_096, ("imagenet",)),
    "efficientnet_lite0": ModelInfo("EfficientNet-Lite0", "image", 224, 1000, 4_652_008, 385_187_552, ("imagenet",)),
    "gru_small": ModelInfo("GRU (small)", "text", 128, 2, 957_442, 56_623_872, (LANGUAGE_MODEL,)),
    "minilm": ModelInfo("MiniLM-L6", "text", 128, 2, 22_713_986, 1_434_600_192, ("pretrained",)),
    "distilbert": ModelInfo("DistilBERT", "text", 128, 2, 66_955_010, 5_587_404_288, ("pretrained",)),
    "bert": ModelInfo("BERT (base)", "text", 128, 2, 109_483_778, 11_174_217_216, ("pretrained",)),
}


@dataclass(frozen=True)
class ModelSpec:
    """What a model is; ``create`` hangs it on ``model.spec`` and ``save`` keeps it.

    Parameters
    ----------
    name : str
        A name of :data:`MODELS`, or what a network by name is called: ``timm/NAME``, ``OWNER/NAME``, ``./FOLDER``.
    weights : str or None
        Where the backbone's weights came from; None for random ones.
    feature_dim : int
        D, the width of the features that the head is given.
    num_classes : int
    class_names : tuple of str, optional
        Names of the classes in the order of the outputs, when known.
    licence : str, optional
        Of the weights of a network by name, where timm or the hub's card names one.
    """

    name: str
    weights: str | None
    feature_dim: int
    num_classes: int
    class_names: tuple[str, ...] | None = None
    licence: str | None = field(default=None, repr=False)


def create(
    name: str,
    *,
    weights: str | None = None,
    num_classes: int | None = None,
    size: int | None = None,
    seed: int = 0,
) -> nn.Module:
    """Make a network with its weights, ready to be run (in eval mode, on the CPU, in float32).

    Besides being an ordinary ``nn.Module`` it knows ``model.preprocess`` (what its weights expect: size and statistics,
    or tokenizer), ``model.embed(inputs)`` (the features before the head, N×D) and ``model.spec``.

    Parameters
    ----------
    name : str
        A name of :data:`MODELS`: "resnet_small", "vgg_small", "resnet18", "minilm" …; a network of timm,
        "timm/convnext_nano.in12k_ft_in1k", with its tag or without; an encoder of texts or a network that timm saved on
        the Hugging Face hub, "google/bert_uncased_L-2_H-128_A-2"; or a folder with either, "./folder".
    weights : str, optional
        None draws random weights; "pretrained" takes those of a network by name, from the Hugging Face cache, the
        folder or the hub; "letters" and "imagenet_distilled" come with the package for "vgg_small" and
        "resnet_small", "language_model" for "gru_small"; "resnet_tiny", a student, has none;
        "imagenet" (pictures) and "pretrained" (texts) are fetched files.
    num_classes : int, optional
        A new random head with this many outputs. Left out, the head that comes with the weights is kept (there is none
        for texts, which then get two outputs), or the table's number is used.
    size : int, optional
        Height and width in pixels at which pictures are seen; the one of the weights if left out.
    seed : int
        Of everything random here. The global random state is not touched. With random weights the draw may depend on
        ``num_classes`` as well: to compare heads, make one network and use ``replace_head``.

    Returns
    -------
    nn.Module

    Raises
    ------
    ValueError
        When the name or the weights are unknown, a number is no positive whole one, a network for texts or for pictures
        of one size is given another size, or a network by name does not fit: no code of a repository is run, and no
        pickle is read.
    FileNotFoundError
        When weights that come with the package are not there.
    tl_course.assets.AssetError
        When a file has to be fetched and cannot be.
    TensorsDoNotFitError
        When a file holds other tensors than the network.

    Examples
    --------
    >>> import torch
    >>> from tl_course import models
    >>> model = models.create("resnet_small", num_classes=5, seed=1)
    >>> model.spec
    ModelSpec(name='resnet_small', weights=None, feature_dim=288, num_classes=5, class_names=None)
    >>> photographs = torch.zeros(2, 3, 96, 96, dtype=torch.uint8)
    >>> models.logits(model, model.preprocess(photographs)).shape
    torch.Size([2, 5])
    """
    seed = whole_number("seed", seed)
    if num_classes is not None:
        num_classes = whole_number("num_classes", num_classes, least=1)
    if name not in MODELS and (other := named(name)):
        found = find(other, weights)
        model, preprocess = found.make(num_classes, seed)
        preprocess = _at(size, preprocess, model, found.title)
        return equip(model, found.title, weights, preprocess, licence=found.licence)
    info = model_info(name)
    if weights is not None and weights not in info.weights:
        choices = " or ".join(["None (random)", *info.weights])
        raise ValueError(f"{name} has no weights {weights!r}; choose {choices}.")
    make = _create_recurrent if name == "gru_small" else _create_text if info.kind == "text" else _create_image
    model, preprocess = make(name, weights, num_classes, seed)
    preprocess = _at(size, preprocess, model, name)
    if environment.is_rehearsal() and weights not in (None, *SHIPPED, LANGUAGE_MODEL):
        weights = f"{weights} (rehearsal)"  # so that neither a card nor a saved model takes them for the real ones
    return equip(model, name, weights, preprocess)


def _at(
    size: int | None, preprocess: ImagePreprocess | TextPreprocess, model: nn.Module, name: str
) -> ImagePreprocess | TextPreprocess:
    """Return the preprocess with another size in pixels, where the network can take it."""
    if size is None:
        return preprocess
    size = whole_number("size", size, least=1)
    if not isinstance(preprocess, ImagePreprocess):
        raise ValueError(f"{name} reads texts, and size is in pixels; leave it out.")
    if timm_backbones.fixed_size(model) and size != preprocess.size:
        raise ValueError(f"{name} takes pictures of {preprocess.size} pixels only; leave size out.")
    return replace(preprocess, size=size)


def model_info(name: str) -> ModelInfo:
    """Return the table's row for a name.

    Raises
    ------
    ValueError
        When the name is not in the table.

    Examples
    --------
    >>> model_info("resnet18").title
    'ResNet-18'
    """
    if name not in MODELS:
        raise unknown(name, MODELS)
    return MODELS[name]


def equip(
    model: nn.Module,
    name: str,
    weights: str | None,
    preprocess: ImagePreprocess | TextPreprocess,
    *,
    licence: str | None = None,
) -> nn.Module:
    """Hang ``preprocess``, ``embed`` and ``spec`` on a network and put it in eval."""
    head = head_of(model)[1]
    model.preprocess = preprocess
    model.spec = ModelSpec(name, weights, head.in_features, head.out_features, licence=licence)
    # A partial, and not a bound method: it can be pickled, and a deepcopy of the model gets one for the copy.
    model.embed = partial(embed, model)
    return model.eval()


def architecture(name: str, num_classes: int, config: dict[str, Any] | None = None) -> nn.Module:
    """Build a bare network with random weights from the current random state.

    ``config`` holds a BERT's settings, or what makes a network by name again, which then says all about it.
    """
    if name not in MODELS:
        if "architecture" in (config or {}):
            return timm_backbones.build(config, num_classes)
        return encoders.build(config or {}, num_classes)
    if name in SMALL:
        from tl_course.models.small import TINY_WIDTHS, ResNetSmall, VGGSmall

        if name == "vgg_small":
            return VGGSmall(num_classes)
        return ResNetSmall(num_classes, TINY_WIDTHS) if name == "resnet_tiny" else ResNetSmall(num_classes)
    if name == "gru_small":
        from tl_course.models.recurrent import GRUSmall

        return GRUSmall(num_classes)
    if name == "efficientnet_lite0":
        import timm

        # TensorFlow's padding and BatchNorm eps: the shapes fit timm's "efficientnet_lite0", too, and it is worse.
        return timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=num_classes)
    if name in ARCHITECTURES:
        return _text_architecture(name, num_classes, config or {})
    import torchvision

    # Inception's second, auxiliary head served its first training only; `transform_input` is how its weights are fed.
    options = {"aux_logits": False, "transform_input": True, "init_weights": True} if name == "inception_v3" else {}
    return torchvision.models.get_model(name, weights=None, num_classes=num_classes, **options)


def _text_architecture(name: str, num_classes: int, config: dict[str, Any]) -> nn.Module:
    """Build a BERT from its settings, which may come from a file of somebody else's: they choose sizes, and no code.

    Raises
    ------
    ValueError
        When the settings are those of another architecture, or ask for an attention that is not PyTorch's.
    """
    import transformers

    given, wanted = config.get("model_type"), ARCHITECTURES.get(name)
    if given != wanted:
        raise ValueError(f"{name} has the architecture {wanted}, and these settings are for {given}; save it again.")
    for key in ("attn_implementation", "_attn_implementation"):
        check_attention(config.get(key))
    sizes = {key: value for key, value in config.items() if key not in ("auto_map", "quantization_config")}
    settings = for_model(sizes | {"num_labels": num_classes})
    check_attention(settings._attn_implementation)
    return transformers.AutoModelForSequenceClassification.from_config(
        settings, dtype=torch.float32, trust_remote_code=False
    )


def _create_image(
    name: str, weights: str | None, num_classes: int | None, seed: int
) -> tuple[nn.Module, ImagePreprocess]:
    if weights is None:
        num_classes = num_classes or model_info(name).num_classes
        with seeded(seed):
            model = architecture(name, num_classes)
    else:
        path = weights_file(name, weights)
        model = _loaded(name, _read(path), path)
    if num_classes is not None:
        replace_head(model, num_classes, seed=seed)
    return model, _image_preprocess(name, model)


def _loaded(name: str, tensors: dict[str, Tensor], path: Path) -> nn.Module:
    with seeded(0):
        model = architecture(name, model_info(name).num_classes)
    head = head_of(model)[0]
    if f"{head}.weight" in tensors:
        replace_head(model, len(tensors[f"{head}.weight"]))
    load_tensors(model, tensors, source=path.name)
    return model


def weights_file(name: str, weights: str) -> Path:
    """Return the file of a network's weights, fetched first if it is one that is fetched.

    Raises
    ------
    FileNotFoundError
        When a file that comes with the package is not there.
    ValueError
        When its bytes are not those that came with the package.
    tl_course.assets.AssetError
        When a file has to be fetched and cannot be.
    """
    if weights not in (*SHIPPED, LANGUAGE_MODEL):
        from tl_course import assets

        return assets.paths(name)[0]
    path = WEIGHTS_FOLDER / f"{name}-{weights}.safetensors"
    if not path.is_file():
        raise FileNotFoundError(
            f"the weights {weights!r} of {name} are not in {WEIGHTS_FOLDER}; install the package again or choose other "
            "weights."
        )
    if not is_as_shipped(path):
        raise ValueError(f"{path} is damaged: its bytes are not those that came with the package; install it again.")
    return path


def shipped_files() -> list[Path]:
    """Return the files of the package's own weights folder whose hashes are known.

    >>> "resnet_small-letters.safetensors" in {path.name for path in shipped_files()}
    True
    """
    return [WEIGHTS_FOLDER / name for name in _sums(WEIGHTS_FOLDER)]


def is_as_shipped(path: Path) -> bool:
    """Tell whether a file of the weights folder has the sha256 that ``SHA256SUMS`` beside it gives.

    >>> all(is_as_shipped(path) for path in shipped_files())
    True
    """
    facts = path.stat()
    return _hash(path, facts.st_size, facts.st_mtime_ns) == _sums(path.parent).get(path.name)


@functools.lru_cache
def _hash(path: Path, size: int, changed: int) -> str:
    """Hash a file; again only when its size or its time is another."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sums(folder: Path) -> dict[str, str]:
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return torchvision_names(read_safetensors(path))
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    # The auxiliary head that this course's Inception goes without.
    return {name: tensor for name, tensor in tensors.items() if not name.startswith("AuxLogits.")}


def _image_preprocess(name: str, model: nn.Module) -> ImagePreprocess:
    if name in SMALL:
        return ImagePreprocess(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    if name == "efficientnet_lite0":
        published = model.pretrained_cfg
        return ImagePreprocess(
            published["input_size"][-1], published["mean"], published["std"], published["interpolation"]
        )
    import torchvision

    # The registry's files are all V1. ResNet-50 has a V2, trained by a much longer recipe: beside it the others would
    # look worse for their training, not for what they are.
    published = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].transforms()
    return ImagePreprocess(
        published.crop_size[0], tuple(published.mean), tuple(published.std), published.interpolation.value
    )


def _create_recurrent(
    name: str, weights: str | None, num_classes: int | None, seed: int
) -> tuple[nn.Module, TextPreprocess]:
    from transformers import BertTokenizer

    with seeded(seed):
        model = architecture(name, num_classes or model_info(name).num_classes)
    if weights is not None:
        path = weights_file(name, weights)
        new_head = {f"classifier.{key}": tensor for key, tensor in model.classifier.state_dict().items()}
        load_tensors(model, read_safetensors(path) | new_head, source=path.name)
    return model, TextPreprocess(BertTokenizer(vocab=str(WEIGHTS_FOLDER / f"{name}-vocabulary.txt")))


def _create_text(
    name: str, weights: str | None, num_classes: int | None, seed: int
) -> tuple[nn.Module, TextPreprocess]:
    from tl_course import assets

    folder = Path(assets.get(name))
    refuse_own_code(folder)
    with seeded(seed):
        model = _random_text(folder) if weights is None else _pretrained_text(folder)
    head_std = model.config.initializer_range
    replace_head(model, num_classes or model_info(name).num_classes, seed=seed, std=head_std)
    return model, TextPreprocess(load_tokenizer(folder))


def _random_text(folder: Path) -> nn.Module:
    import transformers

    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return transformers.AutoModelForSequenceClassification.from_config(
        config, dtype=torch.float32, trust_remote_code=False
    )


def _pretrained_text(folder: Path) -> nn.Module:
    """Load a BERT's backbone; every other difference between file and network than the expected ones is an error.

    transformers reports at length that the classifier is new and that the file has a head for guessing words. Both
    are meant here, so its report is taken as data, checked, and not printed.
    """
    import transformers

    with quiet_transformers():
        model, report = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    unknown = {
        "missing": {n for n in report["missing_keys"] if not n.startswith(NEW_TENSORS)},
        "unexpected": {n for n in report["unexpected_keys"] if not n.startswith(UNUSED_TENSORS)} - POSITIONS,
        "of another shape": {mismatch[0] for mismatch in report["mismatched_keys"]},
    }
    found = "; ".join(f"{what}: {', '.join(sorted(names))}" for what, names in unknown.items() if names)
    if found:
        raise TensorsDoNotFitError(f"the weights in {folder} do not fit this {type(model).__name__}: {found}.")
    return model
