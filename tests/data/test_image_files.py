"""One image file: pixels scaled by the file's own range, or a sentence; no damage makes the reader raise."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy
import pytest
import torch
from draws import seeds
from PIL import Image, PngImagePlugin

import tl_course as tl
from tl_course.data import image_files
from tl_course.data.image_files import Rescaled, Unreadable, image_header, read_image

RAMP = numpy.tile(numpy.linspace(0, 4095, 60), (40, 1))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def deep_png(pixels: numpy.ndarray) -> bytes:
    """A PNG of 16 bits a colour, which Pillow does not write."""
    height, width, channels = pixels.shape
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


# --- more than eight bits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("12 bits.png", RAMP.astype(numpy.uint16), image_files.SIXTEEN),
        ("12 bits.tif", RAMP.astype(numpy.uint16), image_files.SIXTEEN),
        ("12 bits.jp2", RAMP.astype(numpy.uint16), image_files.SIXTEEN),
        ("warm.png", (7000 + RAMP / 10).astype(numpy.uint16), image_files.SIXTEEN),
        ("below zero.tif", (RAMP - 2000).astype(numpy.int32), image_files.INTEGERS),
        ("large.tif", (RAMP * 100_000).astype(numpy.int32), image_files.INTEGERS),
        ("small.tif", (RAMP / 4095e6).astype(numpy.float32), image_files.FLOATS),
        ("below zero float.tif", (RAMP - 3000).astype(numpy.float32), image_files.FLOATS),
    ],
)
def test_deep_greys_are_scaled_by_the_range_of_their_file(name, values, kind, tmp_path):
    Image.fromarray(values).save(tmp_path / name)
    rescaled = Rescaled()
    pixels = read_image(tmp_path / name, rescaled=rescaled)
    expected = torch.from_numpy(RAMP / 4095 * 255).expand(3, -1, -1)
    assert (pixels.double() - expected).abs().max() < 2.2  # of a thousandth clipped at the ends, and of whole numbers
    [sentence] = rescaled.sentences(tmp_path)
    assert sentence.startswith(f"1 image holds {kind} ({name}): it was scaled from its own darkest value")


def test_no_number_no_value_and_hot_pixels_do_not_set_the_range(tmp_path):
    values = RAMP.astype(numpy.float32)
    values[0, :4] = numpy.nan, numpy.inf, -numpy.inf, 9e9
    Image.fromarray(values).save(tmp_path / "holes.tif")
    pixels = read_image(tmp_path / "holes.tif")
    assert pixels[0, 0, :4].tolist() == [0, 0, 0, 255]
    assert 120 < pixels[:, 1:].float().mean() < 135
    values = RAMP.astype(numpy.float32)
    values[:20] = -9999
    Image.fromarray(values).save(tmp_path / "height.tif", tiffinfo={42113: "-9999"})
    assert 120 < read_image(tmp_path / "height.tif")[:, 20:].float().mean() < 135
    values[:] = numpy.nan
    Image.fromarray(values).save(tmp_path / "nothing.tif")
    assert read_image(tmp_path / "nothing.tif").endswith("nothing.tif holds no pixel with a value")


def test_a_deep_image_of_one_value_stays_black_or_white(tmp_path):
    for value in (0, 30_000):
        Image.fromarray(numpy.full((9, 9), value, numpy.uint16)).save(tmp_path / "flat.png")
        assert read_image(tmp_path / "flat.png").unique().tolist() == [255 if value else 0]


def test_32_bits_without_a_sign_and_white_as_zero_are_understood(tmp_path):
    values = (RAMP / 4095 * (2**32 - 1)).astype(numpy.uint32)
    buffer = io.BytesIO()
    Image.fromarray(values.view(numpy.int32)).save(buffer, "TIFF")
    signed, unsigned = (struct.pack("<HHIHH", 339, 3, 1, number, 0) for number in (2, 1))
    assert signed in buffer.getvalue()
    (tmp_path / "unsigned.tif").write_bytes(buffer.getvalue().replace(signed, unsigned))
    assert read_image(tmp_path / "unsigned.tif")[0, 0, [0, 30, 59]].tolist() == [0, 130, 255]
    buffer = io.BytesIO()
    Image.fromarray(RAMP.astype(numpy.uint16)).save(buffer, "TIFF")
    entry = struct.pack("<HHIHH", 262, 3, 1, 1, 0)
    assert entry in buffer.getvalue()
    (tmp_path / "white.tif").write_bytes(buffer.getvalue().replace(entry, struct.pack("<HHIHH", 262, 3, 1, 0, 0)))
    assert read_image(tmp_path / "white.tif")[0, 0, [0, 59]].tolist() == [255, 0]


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_deep_colours_are_read_where_the_upper_bits_are_used_and_refused_where_not(channels, tmp_path):
    file = tmp_path / "deep.png"
    file.write_bytes(deep_png(numpy.stack([RAMP] * (channels - 1) + [RAMP * 0 + 4095 * 16 + 15], -1)[..., :channels]))
    if channels == 3:
        file.write_bytes(deep_png(numpy.stack([RAMP] * 3, -1)))
    fault = read_image(file)
    if channels != 3:  # the opaque fourth channel does not count as bright
        assert isinstance(fault, Unreadable)
    assert fault.endswith("deep.png has 16 bits a colour and uses 14 or fewer, so that it would be nearly black")
    assert "-depth 8" in fault.way_out
    file.write_bytes(deep_png(numpy.stack([RAMP * 16] * 3, -1)))
    assert read_image(file).amax().item() == 255


def test_a_folder_tells_each_kind_once(tmp_path):
    random = numpy.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(4):
            values = random.integers(0, 4096, (16, 16))
            kind = numpy.uint16 if number % 2 else numpy.float32
            Image.fromarray(values.astype(kind)).save(tmp_path / name / f"{number}.tif")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        task = tl.data.image_folder(tmp_path)
    told = [str(warning.message) for warning in caught]
    assert [sentence.split(":")[0] for sentence in told] == [
        "4 images hold 16 bits a pixel (a/1.tif …)",
        "4 images hold floating-point numbers (a/0.tif …)",
    ]
    assert task.notes == tuple(told)
    assert caught[0].filename == __file__


# --- damage ------------------------------------------------------------------------------------------------------


def written_formats() -> dict[str, bytes]:
    """A small picture in every format and mode that Pillow writes here, with EXIF where it goes in."""
    Image.init()
    random = numpy.random.default_rng(0)
    colour = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=numpy.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "described"
    exif.update({tag: 72.5 for tag in (0x011A, 0x011B, 0x829A, 0x829D)})  # fractions
    found = {}
    for name in sorted(Image.SAVE):
        for mode in ("RGB", "L", "P", "1", "I;16", "I", "F", "RGBA"):
            deep = {"I;16": numpy.uint16, "I": numpy.int32, "F": numpy.float32}.get(mode)
            given = Image.fromarray(numpy.asarray(colour.convert("L")).astype(deep)) if deep else colour.convert(mode)
            if name == "ICNS":  # holds ten sizes, which take long where there is something to compress
                given = Image.new("RGB", (16, 16))
            buffer = io.BytesIO()
            try:
                with warnings.catch_warnings():  # people have IM files, although Pillow will drop the format
                    warnings.filterwarnings("ignore", "IM image format is deprecated", DeprecationWarning)
                    given.save(buffer, name, exif=exif)
            except Exception:  # not in this mode, or not without a further library
                continue
            found[f"{name} {mode}"] = buffer.getvalue()
            if name in ("AVIF", "ICNS", "ICO", "PDF"):
                break  # one is enough of what takes long to write
    return found


@pytest.fixture(scope="module")
def whole_files() -> dict[str, bytes]:
    return written_formats()


def mutant(content: bytes, other: bytes, random: numpy.random.Generator) -> bytes:
    """Bytes changed, the end cut off, another file's header, or a stretch moved."""
    changed = bytearray(content)
    way, head = random.integers(6), min(len(content), 300)
    if way < 3:  # headers are where the damage is that a reader trusts
        for place in random.integers(0, head if way else len(content), random.integers(1, 6)):
            changed[place] = random.choice([0, 1, 127, 128, 255, random.integers(256)])
    elif way == 3:
        del changed[random.integers(len(content)) :]
    elif way == 4:
        cut = random.integers(1, head)
        changed[:cut] = other[:cut]
    else:
        start, length = random.integers(head), random.integers(1, 40)
        changed[start : start + length] = changed[start : start + length] * random.integers(0, 4)
    return bytes(changed)


def read_mutants(whole_files: dict[str, bytes], folder: Path, count: int, seed: int) -> tuple[int, int]:
    """Read so many mutants; return how many gave pixels, and how many a sentence."""
    random = numpy.random.default_rng(seed)
    names, outcomes = sorted(whole_files), [0, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow speaks of what it passes over
        for number in range(count):
            name = names[number % len(names)]
            content = mutant(whole_files[name], whole_files[random.choice(names)], random)
            file = folder / f"mutant.{name.split()[0].lower()}"
            file.write_bytes(content)
            try:
                image = read_image(file, random.choice([None, 8]))
                image_header(file)
            except BaseException as error:
                raise AssertionError(f"{name}, mutant {number} of seed {seed}: {content[:200]!r}") from error
            if isinstance(image, Unreadable):
                assert str(file) in image
                assert image.way_out
            else:
                assert image.dtype == torch.uint8
                assert image.ndim == 3
                assert len(image) == 3
            outcomes[isinstance(image, Unreadable)] += 1
            file.unlink()
    return tuple(outcomes)


def test_every_format_is_there_to_be_damaged(whole_files):
    formats = {name.split()[0] for name in whole_files}
    assert {"BMP", "GIF", "JPEG", "PNG", "PPM", "TGA", "TIFF", "WEBP"} <= formats
    assert len(formats) > 15


@pytest.mark.daily(1)
@pytest.mark.parametrize("seed", [2, 9])  # among both there were some that made an earlier reader raise
def test_no_mutant_makes_the_reader_raise(whole_files, tmp_path, seed):
    read, refused = read_mutants(whole_files, tmp_path, 300, seed)
    assert read > 30
    assert refused > 30


@pytest.mark.full
@pytest.mark.parametrize("seed", range(10, 15))
def test_no_mutant_of_thousands_makes_the_reader_raise(whole_files, tmp_path, seed):
    read_mutants(whole_files, tmp_path, 4_000, seed)


@pytest.mark.parametrize("seed", seeds(3))
def test_a_jpeg_with_an_impossible_exif_number_is_read_and_turned(tmp_path, seed):
    """Pillow turns it, and then fails to write the EXIF block again."""
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 72.5
    block = exif.tobytes()
    rational = struct.pack("<II", 145, 2) if b"II*\0" in block else struct.pack(">II", 145, 2)
    assert rational in block
    bad = numpy.random.default_rng(seed).integers(1, 2**16, 2)
    for replaced in (b"\0" * 8, b"\xff" * 4 + b"\0" * 4, b"\xff" * 8, struct.pack(">II", *bad)):
        Image.new("RGB", (16, 12)).save(tmp_path / "a.jpg", exif=block.replace(rational, replaced))
        assert read_image(tmp_path / "a.jpg").shape == (3, 16, 12)


def test_a_reader_that_runs_out_of_memory_or_depth_says_so(tmp_path, monkeypatch):
    for error, said in ((MemoryError, "is far too large"), (RecursionError, "is not an image that can be read")):
        Image.new("L", (4, 4)).save(tmp_path / "a.png")
        monkeypatch.setattr(image_files, "_as_rgb", lambda *given, error=error: (_ for _ in ()).throw(error()))
        assert said in read_image(tmp_path / "a.png")


def test_ctrl_c_leaves_the_reader(tmp_path, monkeypatch):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    monkeypatch.setattr(image_files, "_as_rgb", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        read_image(tmp_path / "a.png")


# --- what it is instead ------------------------------------------------------------------------------------------


def heic(brand: bytes) -> bytes:
    return struct.pack(">I", 24) + b"ftyp" + brand + b"\0\0\0\0mif1" + brand + b"\0" * 100


@pytest.mark.parametrize(
    ("name", "content", "what", "way_out"),
    [
        ("a.heic", heic(b"heic"), "is a HEIC photograph", "save it as JPEG, for example with magick"),
        ("a.jpg", heic(b"mif1"), "is a HEIC photograph", "save it as JPEG"),
        ("a.mov", heic(b"qt  "), "is a film", "single frames"),
        ("a.png", b"", "is empty (0 bytes)", "copy it again"),
        ("a.jpg", b"%PDF-1.7 ...", "is a PDF document", "each page as PNG"),
        ("a.jpg", b"\n<!DOCTYPE html>\n<html><body>not found", "is a web page", "fetch the picture again"),
        ("a.jpg", b"<!doctype html><title>404</title>", "is a web page", "fetch the picture again"),
        ("a.png", b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "is an SVG drawing", "export it as PNG"),
        ("a.jpg", b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer", "git lfs pull"),
        ("a.jxl", b"\xff\x0a" + b"\0" * 50, "is a JPEG XL picture", "JPEG or PNG"),
        ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "is a PostScript drawing", "PNG"),
    ],
)
def test_what_is_no_image_for_us_is_named_with_a_way_out(name, content, what, way_out, tmp_path):
    (tmp_path / name).write_bytes(content)
    fault = read_image(tmp_path / name, 16)
    assert fault.startswith(f"{tmp_path / name} {what}")
    assert way_out in fault.way_out


def test_a_raw_file_is_not_taken_for_the_preview_in_it(tmp_path):
    Image.new("RGB", (16, 12)).save(tmp_path / "a.nef", "TIFF")
    assert "a.nef is a camera's raw file" in read_image(tmp_path / "a.nef")


@pytest.mark.parametrize("packed", [True, False])
def test_a_png_with_a_long_text_is_told_from_a_broken_one(packed, tmp_path, monkeypatch):
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_MEMORY", 2**20)  # 64 MiB take long to write
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "a" * 3_000_000, zip=packed)
    file = tmp_path / "a.png"
    Image.new("RGB", (9, 9)).save(file, pnginfo=info)
    fault = read_image(file)
    assert "a.png is a PNG with more text beside the picture than is read" in fault
    assert "-strip" in fault.way_out
    (tmp_path / "mine" / "a").mkdir(parents=True)
    file.rename(tmp_path / "mine" / "a" / "a.png")
    with pytest.raises(ValueError, match=r"than is read \(1 MiB\); save it again without its metadata"):
        tl.data.image_folder(tmp_path / "mine")


# --- squares -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("size", [16, 40])
def test_a_wide_image_is_cut_padded_or_squeezed_as_asked_and_as_the_network_s_preprocess_does(tmp_path, turned, size):
    pixels = numpy.full((20, 80, 3), 100, numpy.uint8)
    pixels[:, :16], pixels[:, -16:] = (255, 0, 0), (0, 0, 255)
    pixels = pixels.swapaxes(0, 1).copy() if turned else pixels
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    ends = {}
    for fit in ("crop", "pad", "squish"):
        preprocess = tl.data.ImagePreprocess(size, (0.2, 0.4, 0.6), (0.5,) * 3, "bicubic", fit=fit)
        image = read_image(tmp_path / "wide.png", size, fit=fit, fill=preprocess.fill)
        assert image.shape == (3, size, size)
        raw = torch.from_numpy(pixels.copy()).movedim(-1, 0)[None]
        assert (preprocess(image[None]) - preprocess(raw)).abs().max() < 0.1  # PIL rounds on its way
        image = image.mT if turned else image
        ends[fit] = (image[:, size // 2, 1].tolist(), image[:, 1, size // 2].tolist())
        if fit == "pad":
            assert (torch.tensor(preprocess.fill) == image[:, 0].T).all()
    grey = [100] * 3
    assert ends["crop"] == (grey, grey)
    assert ends["squish"][1] == grey
    for fit in ("pad", "squish"):
        assert ends[fit][0][0] > 200 > 60 > ends[fit][0][2]


def test_a_line_of_pixels_can_be_padded(tmp_path):
    Image.new("RGB", (3000, 1), "white").save(tmp_path / "line.png")
    for fit in ("crop", "pad", "squish"):
        assert read_image(tmp_path / "line.png", 16, fit=fit).shape == (3, 16, 16)
        preprocess = tl.data.ImagePreprocess(16, (0.5,) * 3, (0.5,) * 3, fit=fit)
        if fit != "crop":
            assert preprocess(torch.zeros(1, 3, 1, 3000, dtype=torch.uint8)).shape == (1, 3, 16, 16)
