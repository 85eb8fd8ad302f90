"""One image file to pixels: what is read, what it is scaled by, and what is said of a file that is not read."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from tl_course.data.preprocess import fitted_size

# Values beyond these shares are clipped: one hot pixel must not make the whole picture black.
DARKEST, BRIGHTEST = 0.001, 0.999
# The range is taken from about so many pixels.
LOOKED_AT = 1_000_000
SIXTEEN, INTEGERS, FLOATS = "16 bits a pixel", "integers of more than 8 bits", "floating-point numbers"
# The upper eight of 16 bits a colour, all below this: 14 bits or fewer are used, and hardly anything is left to see.
DARK = 64
PLAIN = "save it as JPEG or PNG"
# Modes of Pillow that say more than colours of 8 bits.
SPECIAL = {
    "1": "in black and white", "L": "in grey", "LA": "in grey with transparency", "RGBA": "with transparency",
    "PA": "with transparency", "CMYK": "in CMYK",
}  # fmt: skip
# Raw files are built like TIFF, and Pillow would give the small preview in them.
RAW = {".3fr", ".arw", ".cr2", ".cr3", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".srw"}
HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
FOREIGN = {
    b"%PDF": ("a PDF document", "save each page as PNG"),
    b"PK\x03\x04": ("an archive or an office document", "unpack it, or save its pictures as JPEG or PNG"),
    b"version https://git-lfs": (
        "a Git LFS pointer that stands for the picture",
        "fetch the picture with git lfs pull",
    ),
    b"\xff\x0a": ("a JPEG XL picture", PLAIN),
    b"\0\0\0\x0cJXL ": ("a JPEG XL picture", PLAIN),
    b"gimp xcf": ("a drawing of GIMP", "export it as PNG"),
    b"\x1aE\xdf\xa3": ("a film", "save single frames as JPEG or PNG"),
    b"\x89HDF": ("an HDF5 file", "save each picture in it as PNG"),
}
# A PostScript file is a program: Pillow would have it run by Ghostscript.
POSTSCRIPT = (b"%!PS", b"\xc5\xd0\xd3\xc6")
WEB_PAGE = ("a web page", "fetch the picture again")
MARKUP = {b"<svg": ("an SVG drawing", "export it as PNG"), b"<html": WEB_PAGE, b"<!doctype html": WEB_PAGE}


class Unreadable(str):
    """Why there are no pixels: a clause with the file's name, and how to get some.

    Attributes
    ----------
    way_out : str

    Examples
    --------
    >>> fault = Unreadable("a.heic is a HEIC photograph", "save it as JPEG")
    >>> f"{fault}; {fault.way_out}"
    'a.heic is a HEIC photograph; save it as JPEG'
    """

    way_out: str

    def __new__(cls, what: str, way_out: str = "remove or replace it") -> Unreadable:
        """Make a string that knows a way out."""
        made = super().__new__(cls, what)
        made.way_out = way_out
        return made


class Rescaled:
    """Which files were scaled by their own range, by kind; told once for each kind.

    >>> rescaled = Rescaled()
    >>> rescaled.note(SIXTEEN, Path("cat/b.png"))
    >>> rescaled.note(SIXTEEN, Path("cat/a.png"))
    >>> print(*rescaled.sentences(Path("cat")))
    2 images hold 16 bits a pixel (a.png …): each was scaled from its own darkest value to its own brightest, so
    brightness cannot be compared between files. If it matters, convert them to 8 bits with one range for all.
    """

    def __init__(self) -> None:
        self._files: dict[str, list[Path]] = defaultdict(list)

    def note(self, kind: str, file: Path) -> None:
        """Remember a file of a kind."""
        self._files[kind].append(file)

    def sentences(self, root: Path | None = None) -> list[str]:
        """Return a sentence for each kind; files are named from ``root`` on."""
        return [_told(kind, sorted(files), root) for kind, files in sorted(self._files.items())]


def _told(kind: str, files: list[Path], root: Path | None) -> str:
    first = (files[0].relative_to(root) if root and files[0].is_relative_to(root) else files[0]).as_posix()
    one = len(files) == 1
    what = f"1 image holds {kind} ({first})" if one else f"{len(files):,} images hold {kind} ({first} …)"
    who, them = ("it", "it") if one else ("each", "them")
    return (
        f"{what}: {who} was scaled from its own darkest value to its own brightest, so brightness cannot be compared "
        f"between files. If it matters, convert {them} to 8 bits with one range for all."
    )


def read_image(
    file: Path,
    size: int | None = None,
    *,
    fit: str = "crop",
    fill: tuple[int, int, int] = (0, 0, 0),
    rescaled: Rescaled | None = None,
) -> Tensor | Unreadable:
    """Return an image as uint8 3×H×W, or say in words why there is none.

    It is turned as its camera says and made RGB: what is transparent becomes white, of an animation the first picture
    is taken. Grey values of more than 8 bits, and floating-point ones, are scaled by the file's own range; what is no
    number, or marked as missing (GDAL), becomes black.

    Parameters
    ----------
    file : Path
    size : int, optional
        Make it a square of so many pixels a side.
    fit, fill
        How, and the colour of bars, as in :class:`~tl_course.data.ImagePreprocess`.
    rescaled : Rescaled, optional
        Is told of a file that was scaled by its own range.

    Returns
    -------
    Tensor or Unreadable
        Any fault of the file's content is an :class:`Unreadable`; none is raised.

    Examples
    --------
    >>> read_image(Path("nowhere.png"))
    'nowhere.png is not an image that can be read'
    """
    import numpy
    from PIL import Image

    try:
        if fault := _not_for_pillow(file):
            return fault
        with Image.open(file) as opened:
            if size is not None:
                opened.draft(None, (4 * size, 4 * size))  # a large JPEG is decoded at a fraction, many times faster
            image = _as_rgb(opened, file, rescaled or Rescaled())
        if isinstance(image, Unreadable):
            return image
        if size is not None:
            image = _squared(image, size, fit, fill)
        return torch.from_numpy(numpy.array(image)).movedim(-1, 0).contiguous()
    except (Image.DecompressionBombError, MemoryError):
        return Unreadable(f"{file} is far too large for an image to learn from", "make it smaller")
    except Exception as error:  # damaged files make Pillow raise nearly every type there is
        return _why_not(file, error)


def _squared(image, size: int, fit: str, fill: tuple[int, int, int]):
    """Make an RGB image a square."""
    from PIL import Image, ImageOps

    if fit == "crop":
        return ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    width, height = fitted_size(*image.size, size, fit)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    square = Image.new("RGB", (size, size), fill)
    square.paste(image, ((size - width) // 2, (size - height) // 2))
    return square


class Header(NamedTuple):
    """What a file's first bytes say of the image in it.

    Attributes
    ----------
    size : tuple of int
        Width and height in pixels.
    kind : str
        Format and what is special about the pixels: "JPEG", "PNG with transparency", "TIFF of more than 8 bits".
    """

    size: tuple[int, int]
    kind: str


def image_header(file: Path) -> Header | None:
    """Return size and kind of an image from its header, or None when there is none to be read.

    >>> image_header(Path("nowhere.png")) is None
    True
    """
    from PIL import Image

    try:
        with Image.open(file) as image:
            special = "of more than 8 bits" if image.mode.startswith(("I", "F")) else SPECIAL.get(image.mode, "")
            return Header(image.size, f"{image.format} {special}".strip())
    except Exception:  # as in read_image, which says what is wrong
        return None


def _not_for_pillow(file: Path) -> Unreadable | None:
    """Name a file that Pillow must not be given: it would read another picture, or run a program."""
    if file.suffix.lower() in RAW:
        return Unreadable(f"{file} is a camera's raw file", "develop it and save it as JPEG")
    with file.open("rb") as stream:
        start = stream.read(4)
    if start in POSTSCRIPT:
        return Unreadable(f"{file} is a PostScript drawing", "save it as PNG")
    return None


def _why_not(file: Path, error: Exception) -> Unreadable:
    """Say what a file is that was not read."""
    if isinstance(error, PermissionError):
        return Unreadable(f"{file} cannot be opened ({error.strerror})", "allow it to be read, or remove it")
    if "MAX_TEXT" in str(error):
        what = f"{file} is a PNG with more text beside the picture than is read (1 MiB)"
        return Unreadable(what, "save it again without its metadata, for example with magick IN.png -strip OUT.png")
    if file.is_symlink() and not file.exists():
        return Unreadable(
            f"{file} is a link to {file.readlink()}, which is not there", "copy the image there or remove it"
        )
    try:
        with file.open("rb") as stream:
            start = stream.read(512)
    except OSError:
        return Unreadable(f"{file} is not an image that can be read")
    if not start:
        return Unreadable(f"{file} is empty (0 bytes)", "fetch or copy it again, or remove it")
    found = next((told for mark, told in FOREIGN.items() if start.startswith(mark)), None) or next(
        (told for mark, told in MARKUP.items() if start.lstrip()[:1] == b"<" and mark in start.lower()), None
    )
    if start[4:8] == b"ftyp" and start[8:12] not in (b"avif", b"avis"):
        found = ("a film", "save single frames as JPEG or PNG")
        if start[8:12] in HEIC:
            found = (
                "a HEIC photograph, as iPhones take them",
                "save it as JPEG, for example with magick IN.heic OUT.jpg",
            )
    if found:
        return Unreadable(f"{file} is {found[0]}, which is not read here", found[1])
    return Unreadable(f"{file} is not an image that can be read")


def _turned(opened):
    """Load an image and turn it as its camera says.

    Pillow's own ``exif_transpose`` also writes the EXIF block again, and fails where a number in it is impossible.
    """
    from PIL import ExifTags, Image

    opened.load()
    try:
        orientation = opened.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # the block cannot be read; the picture can
        orientation = 1
    turns = Image.Transpose
    turn = {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }
    known = isinstance(orientation, int) and orientation in turn
    return opened.transpose(turn[orientation]) if known else opened


def _as_rgb(opened, file: Path, rescaled: Rescaled):
    """Make a PIL image RGB; PIL's own conversion would clip 16 bits to white and show what lies under transparency."""
    from PIL import Image

    deep, tags = _has_deep_colours(opened), getattr(opened, "tag_v2", {})
    image = _turned(opened)
    if image.mode.startswith(("I", "F")):
        values = scaled_by_own_range(_values(image, tags))
        if values is None:
            return Unreadable(f"{file} holds no pixel with a value")
        kind = FLOATS if image.mode.startswith("F") else INTEGERS if image.mode == "I" else SIXTEEN
        rescaled.note(kind, file)
        image = Image.fromarray(values)
    elif deep and max(high for _, high in image.convert("RGB").getextrema()) < DARK:
        return Unreadable(
            f"{file} has 16 bits a colour and uses 14 or fewer, so that it would be nearly black",
            "scale it to 8 bits a colour, for example with magick IN -auto-level -depth 8 OUT.png",
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _has_deep_colours(opened) -> bool:
    """Whether each colour has 16 bits in the file; Pillow keeps the upper eight, so they cannot be scaled."""
    modes = [str(tile[3]) for tile in getattr(opened, "tile", [])]
    return not opened.mode.startswith("I") and any(";16" in mode for mode in modes)


def _values(image, tags):
    """Return the numbers of a grey image as float64 H×W; what TIFF tags mark as missing becomes NaN."""
    import numpy

    values = numpy.asarray(image)
    if image.mode == "I" and tags.get(258) == (32,) and tags.get(339, (1,)) == (1,):
        values = values.view(numpy.uint32)  # Pillow knows no 32 bits without a sign
    values = values.astype(numpy.float64)
    with contextlib.suppress(AttributeError, ValueError):  # GDAL_NODATA, a text
        values[values == numpy.float32(tags.get(42113, "nan").strip("\0 "))] = numpy.nan
    return -values if tags.get(262) == 0 else values  # white is zero


def scaled_by_own_range(values):
    """Scale float64 H×W to uint8: the darkest value becomes 0, the brightest 255, what is not finite 0.

    A thousandth at either end is clipped, so that single hot pixels do not set the range. Where all values are equal,
    0 and below stay black and the rest becomes white. Returns None when no value is finite.

    >>> import numpy
    >>> scaled_by_own_range(numpy.array([[0.0, 2048.0], [4095.0, numpy.nan]])).tolist()
    [[0, 128], [255, 0]]
    """
    import numpy

    finite = numpy.isfinite(values)
    known = values[finite]
    if not known.size:
        return None
    sample = known[:: max(1, known.size // LOOKED_AT)]
    low, high = numpy.quantile(sample, (DARKEST, BRIGHTEST), method="nearest")
    if low == high:
        low, high = known.min(), known.max()
    if low == high:
        return numpy.where(finite & (values > 0), 255, 0).astype(numpy.uint8)
    with numpy.errstate(over="ignore", invalid="ignore"):
        shares = (numpy.where(finite, values, low) - low) / (high - low)
    return (shares.clip(0, 1) * 255).round().astype(numpy.uint8)
