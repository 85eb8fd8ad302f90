"""What a network must be fed: the step from raw pictures or texts to its inputs.

Size, statistics and tokenizer belong to the *weights*, never to the data: a network trained on pictures scaled one way
reads pictures scaled another way as different pictures. ``tl.models.create`` therefore hangs the right object on
``model.preprocess``, ``tl.models.save`` keeps it, and ``tl.data.batches`` applies it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tl_course.plain_numbers import real_number, whole_number

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

INTERPOLATIONS = ("bilinear", "bicubic")
# How a picture that is no square becomes one; the words are fastai's.
FITS = ("crop", "pad", "squish")
# Texts that are tokenised at once: until it is done a tokenizer keeps some hundred bytes for each token.
AT_ONCE = 1_000


@dataclass(frozen=True)
class ImagePreprocess:
    """Raw pictures to normalised ones: resize, divide by 255, subtract ``mean``, divide by ``std``.

    Pictures of another size are resized with antialiasing so that their shorter side is ``size``, then cropped in the
    middle (or as ``fit`` says). Pictures of the right size are not touched by the resize. To see more of a picture, or
    to spend less time on it, give the model another size: ``model.preprocess = dataclasses.replace(model.preprocess,
    size=64)``.

    torchvision and timm judge their networks on the middle of a larger picture (resized to 256, cropped to 224), which
    is ``crop=0.875``. That suits photographs with something around the object. It would throw away a quarter of a small
    picture that its object fills, as in CIFAR-10, so ``tl.models.create`` leaves it at 1, the whole picture.

    Parameters
    ----------
    size : int
        Height and width of the result, in pixels.
    mean, std : tuple of 3 floats
        Statistics of red, green and blue on the scale 0 to 1, as used when the weights were trained.
    interpolation : {"bilinear", "bicubic"}
        How a picture is resized.
    crop : float
        Share of the resized picture's shorter side that is kept, above 0 and at most 1.
    fit : {"crop", "pad", "squish"}
        What is done with a picture that is no square: its middle is cut out; or it is shown whole between bars of the
        colour ``mean``; or it is squeezed into the square.

    Raises
    ------
    ValueError
        When a setting is impossible, and when called with anything but uint8 pictures with three channels.

    Examples
    --------
    >>> import torch
    >>> preprocess = ImagePreprocess(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    >>> white = torch.full((2, 3, 48, 64), 255, dtype=torch.uint8)
    >>> preprocess(white).shape, round(preprocess(white).max().item(), 4)
    (torch.Size([2, 3, 32, 32]), 1.0)
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bilinear"
    crop: float = 1.0
    fit: str = "crop"

    def __post_init__(self) -> None:
        for name, convert in (("size", whole_number), ("crop", real_number)):
            object.__setattr__(self, name, convert(name, getattr(self, name)))
        for name in ("mean", "std"):
            object.__setattr__(self, name, tuple(real_number(f"every {name}", value) for value in getattr(self, name)))
        if self.size < 1:
            raise ValueError(f"size must be at least 1 pixel, not {self.size}.")
        if len(self.mean) != 3 or len(self.std) != 3:
            raise ValueError(
                f"mean and std need one number for each of 3 channels, not {len(self.mean)} and {len(self.std)}."
            )
        if min(self.std) <= 0:
            raise ValueError(f"every std must be positive, not {self.std}.")
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, not {self.interpolation!r}.")
        if self.fit not in FITS:
            raise ValueError(f"fit must be one of {', '.join(FITS)}, not {self.fit!r}.")
        if not 0 < self.crop <= 1:
            raise ValueError(f"crop must be above 0 and at most 1 (the whole picture), not {self.crop}.")

    def __call__(self, images: Tensor) -> Tensor:
        """Turn uint8 N×3×H×W (0 to 255) into float32 N×3×size×size, on the device of ``images``.

        In memory the three colours of a pixel lie side by side (``torch.channels_last``), which makes convolutions on
        a CPU faster; ``benchmarks/memory_format.py`` measures by how much.
        """
        _check_images(images)
        pixels = self._resized(images.float())
        scale, shift = _scale_and_shift(self.mean, self.std, images.device)
        return torch.addcmul(shift, pixels, scale).contiguous(memory_format=torch.channels_last)

    def _resized(self, pixels: Tensor) -> Tensor:
        height, width = pixels.shape[-2:]
        target = round(self.size / self.crop)
        wanted = fitted_size(width, height, target, self.fit)[::-1]
        if wanted != (height, width):
            height, width = wanted
            pixels = F.interpolate(pixels, (height, width), mode=self.interpolation, antialias=True)
            if self.interpolation == "bicubic":
                pixels = pixels.clamp(0, 255)  # a cubic overshoots at edges
        if self.fit == "pad" and wanted != (target, target):
            colour = 255 * torch.tensor(self.mean, device=pixels.device).view(1, 3, 1, 1)
            padded = colour.expand(len(pixels), 3, target, target).clone()
            top, left = (target - height) // 2, (target - width) // 2
            padded[..., top : top + height, left : left + width] = pixels
            pixels, (height, width) = padded, (target, target)
        top, left = round((height - self.size) / 2), round((width - self.size) / 2)
        return pixels[..., top : top + self.size, left : left + self.size]

    @property
    def fill(self) -> tuple[int, int, int]:
        """Colour of the bars of ``fit="pad"``: 0 to 255, the one that the network takes for nothing."""
        return tuple(round(255 * value) for value in self.mean)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values for a JSON file; :meth:`from_dict` is the way back.

        >>> preprocess = ImagePreprocess(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        >>> ImagePreprocess.from_dict(preprocess.to_dict()) == preprocess
        True
        """
        return {"kind": "image", **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ImagePreprocess:
        """Make the object that :meth:`to_dict` described."""
        later = {name: values[name] for name in ("crop", "fit") if name in values}  # older files lack them
        return cls(values["size"], values["mean"], values["std"], values["interpolation"], **later)


def fitted_size(width: int, height: int, side: int, fit: str) -> tuple[int, int]:
    """Return width and height to resize a picture to, before it is cut or padded to a square of ``side``.

    >>> [fitted_size(400, 100, 32, fit) for fit in FITS]
    [(128, 32), (32, 8), (32, 32)]
    """
    if fit == "squish":
        return side, side
    reference = min(width, height) if fit == "crop" else max(width, height)
    return max(1, int(side * width / reference)), max(1, int(side * height / reference))


@dataclass(frozen=True)
class TextPreprocess:
    """Texts to token ids, cut at ``max_length`` tokens and padded to the longest of the batch.

    Padding only to the longest text of a batch, not to a fixed length, is what makes short texts cheap; the attention
    mask makes sure that padding changes no answer.

    Parameters
    ----------
    tokenizer : transformers tokenizer
        The tokenizer that the weights were trained with.
    max_length : int
        Most tokens of a text that are kept, the special ones at both ends included.

    Raises
    ------
    ValueError
        When ``max_length`` leaves no room for a word, and when called with anything but a non-empty list of str.

    Examples
    --------
    >>> from transformers import BertTokenizer
    >>> words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "good", "film"]
    >>> tokenizer = BertTokenizer(vocab={word: number for number, word in enumerate(words)})
    >>> inputs = TextPreprocess(tokenizer, max_length=16)(["a good film", "good"])
    >>> inputs["input_ids"].tolist()
    [[2, 5, 6, 7, 3], [2, 6, 3, 0, 0]]
    >>> inputs["attention_mask"].tolist()
    [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    """

    tokenizer: PreTrainedTokenizerBase
    max_length: int = 128

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_length", whole_number("max_length", self.max_length))
        if self.max_length < 3:
            raise ValueError(f"max_length must be at least 3 (start, one token, end), not {self.max_length}.")

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Turn N texts into ``input_ids`` and ``attention_mask``, both int64 N×length."""
        _check_texts(texts)
        parts = [self._encoded(texts[start : start + AT_ONCE]) for start in range(0, len(texts), AT_ONCE)]
        if len(parts) == 1:
            return parts[0]
        longest = max(part["input_ids"].shape[1] for part in parts)
        fill = {"input_ids": self.tokenizer.pad_token_id, "attention_mask": 0}
        return {
            name: torch.cat([self._padded(part[name], longest, value) for part in parts])
            for name, value in fill.items()
        }

    def _encoded(self, texts: Sequence[str]) -> dict[str, Tensor]:
        encoded = self.tokenizer(
            list(texts), padding="longest", truncation=True, max_length=self.max_length, return_tensors="pt"
        )
        return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"]}

    def _padded(self, values: Tensor, length: int, fill: int) -> Tensor:
        missing = length - values.shape[1]
        sides = (missing, 0) if self.tokenizer.padding_side == "left" else (0, missing)
        return F.pad(values, sides, value=fill)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values; the tokenizer is kept beside them by :meth:`save_tokenizer`."""
        return {"kind": "text", "max_length": self.max_length}

    def save_tokenizer(self, folder: str | Path) -> None:
        """Write the tokenizer's files into ``folder``."""
        self.tokenizer.save_pretrained(folder)

    @classmethod
    def from_dict(cls, values: dict[str, Any], tokenizer_folder: str | Path) -> TextPreprocess:
        """Make the object that :meth:`to_dict` described, with the tokenizer whose files lie in a folder."""
        return cls(load_tokenizer(tokenizer_folder), values["max_length"])


def load_tokenizer(folder: str | Path) -> PreTrainedTokenizerBase:
    """Load a tokenizer from files on this machine: nothing is looked up on a network, and no code of a folder is run.

    Parameters
    ----------
    folder : path
        Holds ``tokenizer.json`` and ``tokenizer_config.json``.

    Raises
    ------
    FileNotFoundError
        When the folder has no tokenizer.
    ValueError
        When a file is damaged, or asks for code of its own to be run.

    Examples
    --------
    >>> load_tokenizer("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: nowhere holds no tokenizer.json; give the folder that a model was saved or fetched into.
    """
    if not (Path(folder) / "tokenizer.json").is_file():
        raise FileNotFoundError(
            f"{folder} holds no tokenizer.json; give the folder that a model was saved or fetched into."
        )
    refuse_own_code(Path(folder))
    from transformers import AutoTokenizer

    # Without trust_remote_code=False transformers would ask on the terminal whether to run what `auto_map` names.
    return AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)


def refuse_own_code(folder: Path) -> None:
    """Raise ValueError where a folder's JSON files, as transformers writes them, name code to run.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "config.json").write_text('{"auto_map": {"AutoModel": "evil.Model"}}')
    ...     refuse_own_code(Path(folder))
    Traceback (most recent call last):
    ValueError: .../config.json names code to run (auto_map), and no code of a folder is run here; take a model ...
    """
    for name in ("tokenizer_config.json", "config.json"):
        file = folder / name
        if not file.is_file():
            continue
        try:
            settings = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{file} is damaged ({error}); save or fetch the model again.") from error
        if not isinstance(settings, dict):
            raise ValueError(f"{file} is damaged (no settings by name); save or fetch the model again.")
        if settings.get("auto_map"):
            raise ValueError(
                f"{file} names code to run (auto_map), and no code of a folder is run here; take a model whose classes "
                "transformers has itself."
            )


@lru_cache(maxsize=64)
def _scale_and_shift(mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    # Kept, because making a tensor on a GPU waits for the GPU.
    mean_, std_ = (torch.tensor(values, dtype=torch.float64).view(1, 3, 1, 1) for values in (mean, std))
    return (1 / (255 * std_)).float().to(device), (-mean_ / std_).float().to(device)


def _check_images(images: Tensor) -> None:
    if images.dtype != torch.uint8:
        raise ValueError(f"raw pictures are uint8 from 0 to 255, not {images.dtype}: give them before any scaling.")
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"pictures must be N×3×H×W, not {'×'.join(map(str, images.shape))}; "
            "repeat a grey channel with images.expand(-1, 3, -1, -1)."
        )


def _check_texts(texts: Sequence[str]) -> None:
    if isinstance(texts, str):
        raise ValueError("give a list of texts, not one str: [text] is a list of one.")
    if len(texts) == 0:
        raise ValueError("there is no text in this batch; give at least one.")
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"text {position} is {text!r}, a {type(text).__name__}; every text must be a str.")
