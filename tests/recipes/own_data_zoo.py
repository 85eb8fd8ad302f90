"""Broken and hostile inputs of one's own data, by name: what each is, and what must happen.

``ZOO`` is the table to read. A case writes its input and either comes out right (:class:`Right`: how many examples of
which class, in which part, and what is told) or is refused (:class:`Refused`: the sentence names the offending thing
and has a way out). ``test_own_data_zoo.py`` gives each to the code of ``tl-course finetune`` or ``predict``.

Pictures are bright on the right, and tables hold a word that goes with the label, so that a wrong reading shows.
"""

from __future__ import annotations

import io
import struct
import unicodedata
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy
from PIL import Image, PngImagePlugin

SIDE, HIGH = 24, 16


@dataclass(frozen=True)
class Right:
    """It is read.

    Attributes
    ----------
    counts : dict
        For each class how many examples are used; with "part/class" as keys those of a part.
    told : tuple of str
        What the console must contain.
    """

    counts: dict[str, int]
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """It is refused in one sentence that contains all of these."""

    said: tuple[str, ...]


@dataclass(frozen=True)
class Answers:
    """``predict`` answers; None for a row that must stay without an answer.

    Attributes
    ----------
    names : tuple of str or None
        What is answered, in order: the end of a file's name, or a text.
    told : tuple of str
        What must be said beside the answers.
    """

    names: tuple[str | None, ...]
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """An input: ``make(folder)`` writes it and returns the path to give."""

    name: str
    make: Callable[[Path], Path | str]
    happens: Right | Refused | Answers
    options: dict = field(default_factory=dict)
    slow: bool = False


ZOO: list[Case] = []


def case(happens: Right | Refused | Answers, *, slow: bool = False, **options) -> Callable:
    """Put a generator into the zoo under its name."""

    def add(make: Callable[[Path], Path | str]) -> Callable:
        ZOO.append(Case(make.__name__.replace("_", " "), make, happens, options, slow))
        return make

    return add


# --- folders -----------------------------------------------------------------------------------------------------


def picture(seed: int) -> Image.Image:
    """Dark on the left and bright on the right, with noise that differs from seed to seed."""
    pixels = numpy.random.default_rng(seed).integers(0, 70, (HIGH, SIDE, 3))
    pixels[:, SIDE // 2 :] += 180
    return Image.fromarray(pixels.astype(numpy.uint8))


def put(root: Path, **folders: int) -> Path:
    """Write so many different pictures into each folder; ``__`` in a name stands for a slash."""
    return put_into(root, {name.replace("__", "/"): count for name, count in folders.items()})


def put_into(root: Path, folders: dict[str, int]) -> Path:
    for place, (name, count) in enumerate(folders.items()):
        folder = root.joinpath(*name.split("/"))
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture(1_000 * place + number).save(folder / f"{number}.png")
    return root


def two(root: Path) -> Path:
    return put(root / "mine", cat=5, dog=5)


TWO = {"cat": 5, "dog": 5}


def splits(train: str, test: str, *, part: str = "test"):
    """A case of a folder that came divided under these names."""

    def make(root: Path) -> Path:
        return put_into(root / "mine", {f"{train}/a": 5, f"{train}/b": 5, f"{test}/a": 3, f"{test}/b": 3})

    make.__name__ = f"splits called {train} and {test}"
    case(Right({f"{part}/a": 3, f"{part}/b": 3, "a": 8, "b": 8}, (f"{test} for {part}",)))(make)


splits("Training", "Testing")
splits("seg_train", "seg_test")
splits("TRAIN", "Eval")
splits("train_set", "test-set")
splits("train", "valid", part="validation")
splits("训练集", "测试集")


@case(Right({"test/a": 3, "validation/a": 4, "a": 12, "b": 12}, ("dev for validation", "holdout for test")))
def three_splits(root):
    return put_into(root / "mine", {f"{p}/{c}": n for p, n in (("trn", 5), ("dev", 4), ("holdout", 3)) for c in "ab"})


@case(Refused(("photo", "sketch", "both hold 'cat', 'dog'", "give one of them alone")))
def classes_twice_under_two_domains(root):
    return put(root / "mine", photo__cat=4, photo__dog=4, sketch__cat=4, sketch__dog=4)


@case(Refused(("photos", "may be the classes; give")))
def one_folder_too_high(root):
    return put(root / "mine", photos__cat=4, photos__dog=4)


@case(Refused(("images", "may be the classes; give")))
def annotations_beside_the_images(root):
    put(root / "mine", images__cat=4, images__dog=4)
    (root / "mine" / "annotations").mkdir()
    (root / "mine" / "annotations" / "0.xml").write_text("<annotation/>")
    return root / "mine"


@case(Right({"cat": 8, "dog": 5}))
def folders_inside_a_class(root):
    return put(root / "mine", cat__2020=4, cat__2021=4, dog=5)


@case(Right(TWO))
def what_systems_leave_behind(root):
    two(root)
    for name in (".DS_Store", "cat/._0.png", "cat/Thumbs.db", "dog/desktop.ini", ".ipynb_checkpoints/a.png"):
        file = root / "mine" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"\0\1")
    return put_into(root / "mine", {"__MACOSX/cat": 2, "dog/.ipynb_checkpoints": 2})


@case(Right(TWO))
def links_in_a_circle(root):
    two(root)
    (root / "mine" / "cat" / "loop").symlink_to(root / "mine")
    (root / "mine" / "dog" / "self").symlink_to(root / "mine" / "dog")
    return root / "mine"


@case(Right({"cat": 5, "dog": 9}))
def a_linked_folder_of_pictures(root):
    two(root)
    put(root, store=4)
    for number in range(4):
        picture(9_000 + number).save(root / "store" / f"{number}.png")
    (root / "mine" / "dog" / "more").symlink_to(root / "store")
    return root / "mine"


@case(Refused(("9.png is a link to", "which is not there; copy")))
def a_link_that_leads_nowhere(root):
    two(root)
    (root / "mine" / "cat" / "9.png").symlink_to(root / "gone.png")
    return root / "mine"


@case(Refused(("mine", "no subfolders with images; put the images of each class into a subfolder")))
def an_empty_folder(root):
    (root / "mine").mkdir()
    return root / "mine"


@case(Refused(("The class 'bird'", "has no image; add some or remove its folder")))
def an_empty_class(root):
    return put(root / "mine", cat=5, dog=5, bird=0)


@case(Right(TWO, ("The class 'bird'", "has no image")), on_error="skip")
def an_empty_class_passed_over(root):
    return put(root / "mine", cat=5, dog=5, bird=0)


@case(Refused(("1 image and no class folders; put the images of each class",)))
def one_picture(root):
    return put(root, mine=1) / "mine"


@case(Refused(("The class 'dog' has only 1 image", "add some or remove")))
def one_picture_in_a_class(root):
    return put(root / "mine", cat=5, dog=1)


@case(Refused(("only the class 'cat'", "at least two")))
def one_class(root):
    return put(root / "mine", cat=5)


@case(Refused(("There is no folder or file", "nowhere", "give a folder")))
def nothing_there(root):
    return root / "nowhere"


@case(Refused(("mine.zip", "unpack or convert it first")))
def an_archive(root):
    (root / "mine.zip").write_bytes(b"PK\3\4")
    return root / "mine.zip"


@case(Refused(("mine.csv", "with --text and --label")))
def a_table_in_a_folder(root):
    (root / "mine").mkdir()
    (root / "mine" / "mine.csv").write_text("text,label\n")
    return root / "mine"


@case(Refused((".txt files", "no images; put texts into one table")))
def a_folder_of_texts(root):
    for name in ("good", "bad"):
        (root / "mine" / name).mkdir(parents=True)
        for number in range(4):
            (root / "mine" / name / f"{number}.txt").write_text("a film")
    return root / "mine"


@case(Refused((".mp3 files", "no images; give images")))
def a_folder_of_sounds(root):
    for name in ("rock", "jazz"):
        (root / "mine" / name).mkdir(parents=True)
        for number in range(4):
            (root / "mine" / name / f"{number}.mp3").write_bytes(b"ID3")
    return root / "mine"


@case(Refused(("notes.txt is not an image", "remove or replace it")))
def a_text_among_the_pictures(root):
    (two(root) / "cat" / "notes.txt").write_text("mine")
    return root / "mine"


@case(Right(TWO, ("1 image of no class", "0.png")))
def a_picture_of_no_class(root):
    two(root)
    picture(77).save(root / "mine" / "0.png")
    return root / "mine"


@case(Right({"3": 3, "test/3": 1, "train/1": 1}, ("2,000 classes", "… and 1,992 larger ones")), slow=True)
def thousands_of_classes(root):
    return put_into(root / "mine", {str(number): 3 for number in range(2_000)})


@case(Right({"two\nlines": 5, "dog": 5}, ("two\\nlines",)))
def a_class_name_with_a_line_break(root):
    return put_into(root / "mine", {"two\nlines": 5, "dog": 5})


@case(Right({'it\'s "b"': 5, "\U0001f436 `$(x)`": 5}))
def class_names_with_quotes_and_emoji(root):
    return put_into(root / "mine", {'it\'s "b"': 5, "\U0001f436 `$(x)`": 5})


@case(Right({"חתול": 5, "\u202etac": 5}, ("\\u202etac",)))
def class_names_from_right_to_left(root):
    return put_into(root / "mine", {"חתול": 5, "\u202etac": 5})


@case(Right({"CON": 5, "nul.": 5, "a\\b": 5, "x:y": 5}))
def names_that_windows_does_not_know(root):
    return put_into(root / "mine", {"CON": 5, "nul.": 5, "a\\b": 5, "x:y": 5})


@case(Right({"[red]": 5, "-x": 5, "a" * 250: 5}, ("[red]",)))
def names_like_markup_and_options_and_very_long_ones(root):
    return put_into(root / "mine", {"[red]": 5, "-x": 5, "a" * 250: 5})


@case(Refused(("'caf\\xe9'", "'cafe\\u0301'", "look like one class; give them one name")))
def one_name_in_two_unicode_forms(root):
    names = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]
    return put_into(root / "mine", {f"train/{names[0]}": 5, "train/tea": 5, f"test/{names[1]}": 3, "test/tea": 3})


@case(Refused(("'Cat' and 'cat'", "look like one class; give them one name")))
def names_that_differ_in_capitals(root):
    return put_into(root / "mine", {"Cat": 5, "cat": 5, "dog": 5})


@case(Refused(("'new york' and 'new\\u200b york'", "look like one class")))
def names_with_letters_that_cannot_be_seen(root):
    return put_into(root / "mine", {"new york": 5, "new\u200b york": 5})


@case(Right({"test/b": 3, "a": 5, "b": 8}, ("No test example of a:",)))
def a_class_that_the_test_lacks(root):
    return put(root / "mine", train__a=5, train__b=5, test__b=3)


@case(Refused(("The class 'c'", "has no image; add some or remove its folder")))
def a_class_that_training_lacks(root):
    return put(root / "mine", train__a=5, train__b=5, test__b=3, test__c=3)


@case(Refused(("test", "3 images but no folder for each class; divide them")))
def a_test_without_classes(root):
    return put(root / "mine", train__a=5, train__b=5, test=3)


@case(Refused(("The folder 'extra'", "is no split by its name; move it away or rename it")))
def a_folder_beside_the_splits(root):
    return put(root / "mine", train__a=5, train__b=5, test__a=3, test__b=3, extra__a=2)


@case(Refused(("Class 'a'", "5 examples for training, but only 0", "is the same as b/", "remove the class")))
def the_same_pictures_in_two_classes(root):
    put(root / "mine", a=5, b=5)
    for number in range(5):
        (root / "mine/b" / f"{number}.png").write_bytes((root / "mine/a" / f"{number}.png").read_bytes())
    return root / "mine"


@case(Refused(("Class 'b'", "only 1 when copies are settled", "b/0.png is the same as b/1.png")))
def ten_copies_of_one_picture(root):
    put(root / "mine", a=5, b=1)
    for number in range(1, 10):
        (root / "mine/b" / f"{number}.png").write_bytes((root / "mine/b/0.png").read_bytes())
    return root / "mine"


@case(Right({"cat": 10, "dog": 10}, ("'cat' is JPEG and 'dog' is PNG", "save all in one way")))
def classes_told_apart_by_how_they_were_saved(root):
    put(root / "mine", cat=0, dog=10)
    for number in range(10):
        picture(500 + number).save(root / "mine" / "cat" / f"{number}.jpg", quality=95)
    return root / "mine"


# --- pictures ----------------------------------------------------------------------------------------------------


def saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def ramp(kind, low: float, high: float) -> Image.Image:
    """One channel of numbers, low on the left and high on the right."""
    share = numpy.asarray(picture(42).convert("L")) / 255
    return Image.fromarray((low + share * (high - low)).astype(kind))


SIX = {"cat": 6, "dog": 5}  # with the odd one


def odd(name: str, *said: str, told: tuple[str, ...] = ()):
    """A case of one odd file among good pictures: read, and bright on the right, or refused with these words."""

    def add(content: Callable[[], bytes]) -> Callable:
        def write(root: Path) -> Path:
            (two(root) / "cat" / name).write_bytes(content())
            return root / "mine"

        write.__name__ = content.__name__
        case(Refused((name, *said)) if said else Right(SIX, told))(write)
        return content

    return add


@odd("odd.jpg", "is not an image that can be read; remove or replace it")
def a_truncated_jpeg():
    return saved(picture(42).resize((400, 300)), "JPEG")[:-3_000]


@odd("odd.png", "is not an image that can be read")
def a_truncated_png():
    return saved(picture(42), "PNG")[:-200]


@odd("odd.png", "is empty (0 bytes); fetch or copy it again")
def zero_bytes():
    return b""


@odd("odd.jpg")
def a_png_called_jpg():
    return saved(picture(42), "PNG")


@odd("odd")
def a_picture_without_a_suffix():
    return saved(picture(42), "PNG")


@odd("ODD.JPEG")
def a_suffix_in_capitals():
    return saved(picture(42), "JPEG", quality=95)


@odd("odd.png")
def one_pixel_high():
    return saved(picture(42).resize((60, 1)), "PNG")


@odd("odd.png", told=("16 bits a pixel (cat/odd.png)", "convert it to 8 bits"))
def sixteen_bits():
    return saved(ramp(numpy.uint16, 0, 4095), "PNG")


@odd("odd.tif", told=("floating-point numbers (cat/odd.tif)",))
def floating_point():
    return saved(ramp(numpy.float32, -1, 1), "TIFF")


@odd("odd.tif", told=("floating-point numbers (cat/odd.tif)",))
def floating_point_with_nan_and_infinity():
    values = numpy.asarray(ramp(numpy.float32, 0, 1)).copy()
    values[0, :3] = numpy.nan, numpy.inf, -numpy.inf
    return saved(Image.fromarray(values), "TIFF")


@odd("odd.tif", "holds no pixel with a value")
def nothing_but_nan():
    return saved(Image.fromarray(numpy.full((9, 9), numpy.nan, numpy.float32)), "TIFF")


@odd("odd.tif", told=("integers of more than 8 bits (cat/odd.tif)",))
def integers_of_32_bits_below_zero():
    return saved(ramp(numpy.int32, -9_000, 100_000), "TIFF")


@odd("odd.jpg")
def cmyk():
    return saved(picture(42).convert("CMYK"), "JPEG", quality=95)


@odd("odd.png")
def a_palette_with_transparency():
    image = picture(42).convert("P")
    return saved(image, "PNG", transparency=bytes([255] * 200 + [0] * 56))


@odd("odd.png")
def transparent_on_the_right():
    image = picture(42).convert("RGBA")
    alpha = numpy.full((HIGH, SIDE), 255, numpy.uint8)
    alpha[:, SIDE // 2 :] = 0
    image.paste((0, 0, 0), (SIDE // 2, 0, SIDE, HIGH))  # black below what cannot be seen
    image.putalpha(Image.fromarray(alpha))
    return saved(image, "PNG")


@odd("odd.gif")
def an_animation():
    return saved(picture(42), "GIF", save_all=True, append_images=[picture(42).transpose(0), picture(42)])


@odd("odd.png", "far too large for an image to learn from; make it smaller")
def a_bomb():
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


@odd("odd.jpg")
def a_broken_exif_block():
    exif = Image.Exif()
    exif[0x011A] = 72.5
    block = exif.tobytes()
    return saved(picture(42), "JPEG", quality=95, exif=block.replace(block[-8:], b"\xff" * 4 + b"\0" * 4))


@odd("odd.jpg")
def turned_by_its_camera():
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(picture(42).transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=exif)


@odd("odd.heic", "is a HEIC photograph", "save it as JPEG")
def heic():
    return b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 99


@odd("odd.png", "is an SVG drawing", "export it as PNG")
def svg():
    return b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'


@odd("odd.jpg", "is a PDF document", "save each page as PNG")
def pdf_called_jpg():
    return b"%PDF-1.7\n"


@odd("odd.jpg", "is a web page", "fetch the picture again")
def a_web_page_called_jpg():
    return b"<!doctype html><title>404</title>"


@odd("odd.jpg", "is a Git LFS pointer", "git lfs pull")
def a_pointer():
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"


@odd("odd.nef", "is a camera's raw file", "develop it")
def raw():
    return saved(picture(42), "TIFF")


@odd("odd.eps", "is a PostScript drawing", "save it as PNG")
def postscript():
    return b"%!PS-Adobe-3.0 EPSF-3.0\n"


@odd("odd.png", "more text beside the picture than is read", "without its metadata")
def a_png_with_a_huge_text():
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "a" * (2**20 + 9), zip=True)
    return saved(picture(42), "PNG", pnginfo=info)


@odd("odd.jpg")
def a_progressive_jpeg():
    return saved(picture(42), "JPEG", quality=95, progressive=True)


@odd("odd.jpg")
def bytes_behind_the_picture():
    return saved(picture(42), "JPEG", quality=95) + b"\0" * 999


@odd("odd.tif")
def a_tiff_of_several_pages():
    return saved(picture(42), "TIFF", save_all=True, append_images=[picture(42).transpose(0)])


@odd("odd.png")
def black_and_white():
    return saved(picture(42).convert("1", dither=0), "PNG")


@odd("odd.png", "is not an image that can be read")
def a_wrong_checksum():
    content = bytearray(saved(picture(42), "PNG"))
    content[60] ^= 255
    return bytes(content)


@case(Right({"cat": 4, "dog": 5}, ("1 problem passed over", "0.png")), on_error="skip")
def a_broken_picture_passed_over(root):
    (two(root) / "cat" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return root / "mine"


@case(Refused(("Class 'cat'", "readable", "add some")), on_error="skip")
def a_class_of_broken_pictures(root):
    for file in (two(root) / "cat").iterdir():
        file.write_bytes(b"\x89PNG\r\n\x1a\n" + file.name.encode())
    return root / "mine"


# --- tables ------------------------------------------------------------------------------------------------------

WORDS = ("film", "plot", "scene", "cast", "score", "story", "end", "cut")
COLUMNS = {"text": "text", "label": "label"}


def lines(count: int = 8, sep: str = ",") -> list[str]:
    """Rows of two classes: those with "fine" are pos, those with "dull" are neg."""
    pairs = (("fine", "pos"), ("dull", "neg"))
    return [f"a {word} {WORDS[number]}{sep}{label}" for number in range(count) for word, label in pairs]


EIGHT = {"neg": 8, "pos": 8}


def table(happens: Right | Refused, *, name: str = "mine.csv", slow: bool = False, **options):
    """A case of a table: its bytes, or its text, or its rows below the header ``text,label``."""

    def add(content: Callable[[], bytes | str | list[str]]) -> Callable:
        def write(root: Path) -> Path:
            made = content()
            if isinstance(made, list):
                made = "\n".join(["text,label", *made])
            (root / name).write_bytes(made.encode() if isinstance(made, str) else made)
            return root / name

        write.__name__ = content.__name__
        case(happens, slow=slow, **(COLUMNS | options))(write)
        return content

    return add


@table(Right(EIGHT))
def a_byte_order_mark():
    return "\ufeff" + "\n".join(["text,label", *lines()])


@table(Right(EIGHT))
def utf_16_with_a_mark():
    return "\n".join(["text\tlabel", *lines(sep="\t")]).encode("utf-16")


@table(Refused(("mine.csv", "UTF-16", "name the encoding utf-16-le")))
def utf_16_without_a_mark():
    return "\n".join(["text,label", *lines()]).encode("utf-16-le")


@table(Refused(("mine.csv, line 3", "is not written in", "--encoding cp1252")))
def another_encoding():
    return "\n".join(["text,label", *lines()]).replace("dull", "d\xfcll").encode("cp1252")


@table(Right(EIGHT), encoding="cp1252")
def another_encoding_that_is_named():
    return "\n".join(["text,label", *lines()]).replace("film", "f\xeflm").encode("cp1252")


@table(Refused(("no encoding 'cp1522'", "cp1252")), encoding="cp1522")
def an_encoding_that_is_none():
    return lines()


@table(Right(EIGHT))
def a_line_that_says_the_separator():
    return "\n".join(["sep=;", "text;label", *lines(sep=";")])


@table(Right(EIGHT, ("separated by tabs",)))
def tabs():
    return "\n".join(["text\tlabel", *lines(sep="\t")])


@table(Right(EIGHT, ("separated by vertical bars",)))
def vertical_bars():
    return "\n".join(["text|label", *lines(sep="|")])


@table(Right(EIGHT))
def blank_lines_above_and_below():
    return "\n".join(["", ",", "text,label", *lines(), "", ",", ""])


@table(Refused(("mine.csv has no column 'text'", "'# exported'")))
def a_remark_above_the_header():
    return "\n".join(["# exported", "text,label", *lines()])


@table(Refused(("mine.csv, line 18", "3 cells, and the header has 2", "quotation marks); correct the row")))
def a_comma_without_quotation_marks():
    return [*lines(), "fine, really,pos"]


@table(Right(EIGHT, ("1 row left out as broken", "line 18")), on_error="skip")
def a_comma_without_quotation_marks_passed_over():
    return [*lines(), "fine, really,pos"]


@table(Refused(("mine.csv", "line 18", "text after a closing quotation mark; write a quotation mark within a text")))
def a_stray_quotation_mark():
    return [*lines(), '"fine" they said,pos', *lines()]


@table(Refused(("mine.csv", "opened and never closed", "line 18", "close it or write it twice")))
def a_quotation_mark_that_is_never_closed():
    return [*lines(), '"fine,pos', "dull,neg"]


@table(Refused(("mine.csv, line 18", "line 20", "never closed; correct the row")))
def a_quotation_mark_closed_far_below():
    return [*lines(), '"a fine thing,pos', "a dull thing,neg", 'a fine one",pos', "dull one,neg"]


@table(Refused(("mine.csv", "line 2", "write a quotation mark within a text twice")))
def backslashes_before_quotation_marks():
    return [f'"so \\"fine\\" {number}",pos' for number in range(8)] + lines()


@table(Right({"neg": 8, "pos": 9}))
def a_text_of_several_lines():
    return [*lines(), '"fine\nin ""two"" lines; or, three",pos']


@table(Refused(("mine.csv, line 18", "zero byte", "remove it")))
def a_zero_byte():
    return "\n".join(["text,label", *lines(), "a fi\0ne,pos"])


@table(Right({"neg": 8, "pos": 9}, ("Texts are cut at",)), slow=True)
def a_field_of_three_megabytes():
    return [*lines(), "fine " * 600_000 + ",pos"]


@table(Refused(("mine.csv has more than one column 'label' (numbers 2 and 3)", "a name of its own")))
def a_column_twice():
    return "\n".join(["text,label, label", *(f"{row},x" for row in lines())])


@table(Refused(("mine.csv, line 18", "repeats the header", "correct the row")))
def the_header_again_in_the_middle():
    return [*lines(4), *lines(8)[8:], "text,label", "one fine day,pos"]


@table(Right({"no": 8, "1": 16}, ("Taken for one class: '1'", "'1.0'", "first in line 19")))
def labels_that_look_alike():
    fine, dull = ([row for row in lines() if word in row] for word in ("fine", "dull"))
    more = [row.replace("a ", "one ").replace("pos", "1.0") for row in fine]
    return [*(row.replace("neg", "no") for row in dull), *(row.replace("pos", "1") for row in fine), "", *more]


@table(Refused(("'pos' (line 2)", "'Pos' (line 18)", "differ in capitals only; write them alike")))
def labels_that_differ_in_capitals():
    return [*lines(), "one fine thing,Pos"]


@table(Refused(("column 'label' of mine.csv", "several classes in one cell (line 18: 'neg|pos')", "keep one class")))
def several_labels_in_a_cell():
    return [*lines(), *(f"a fine dull {word},neg|pos" for word in WORDS)]


@table(Right(EIGHT, ("3 rows left out for having no text or no label (lines 18, 19, 20)",)))
def rows_without_a_text_or_label():
    return [*lines(), ",pos", "a fine thing,", " ,nan"]


@table(Right(EIGHT, ("3 rows left out for having no text or no label (lines 18, 19, 20)",)))
def errors_of_a_spreadsheet():
    return [*lines(), "#NAME?,pos", "a fine thing,#N/A", "#REF!,neg"]


@table(Right({"neg": 8, "pos": 9}))
def a_formula():
    return [*lines(), '"=HYPERLINK(""http://fine"")",pos']


@table(Refused(("column 'label' of mine.csv", "only the class 'pos'", "at least two")))
def one_class_in_a_table():
    return [row for row in lines() if "pos" in row]


@table(Refused(("Column 'label' of mine.csv has 40 different values", "name the column with the classes in --label")))
def numbers_for_labels():
    return [f"a fine thing {number},{number / 7:.4f}" for number in range(40)]


@table(Refused(("Column 'label' of mine.csv has 40 different values", "no set of classes")))
def dates_for_labels():
    return [f"a fine thing {number},2026-{1 + number // 28:02}-{1 + number % 28:02}" for number in range(40)]


@table(Right({"1.5": 8, "2.5": 8}))
def classes_that_are_decimals():
    return [row.replace("pos", "2.5").replace("neg", "1.5") for row in lines()]


@table(Right({"neg": 8, "pos": 9}, ("2 texts stood in the table with different labels",)))
def copies_that_contradict_each_other():
    return [*lines(), "well,pos", "well,pos", "well,neg", "so so,pos", "so so,neg"]


@table(Refused(("Class 'neg'", "8 examples for training, but only 1 when copies", "line 3 is the same as line 5")))
def one_text_again_and_again():
    return ["fine,pos", "dull,neg"] * 8


@table(Refused(("mine.csv is not a text file", "save the sheet as CSV UTF-8", "a spreadsheet")))
def a_spreadsheet_called_csv():
    return b"PK\x03\x04" + b"\0" * 99


@table(Refused(("mine.csv is not a text file", "an old spreadsheet")))
def an_old_spreadsheet_called_csv():
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99


@table(Refused(("mine.csv is not a text file", "packed with gzip")))
def a_packed_table():
    return b"\x1f\x8b\x08\0\0\0"


@table(Refused(("mine.csv is JSON and no table; save it as CSV",)))
def json_lines_called_csv():
    return '{"text": "fine", "label": "pos"}\n{"text": "dull", "label": "neg"}\n'


@table(Refused(("mine.csv is a web page and no table; download",)))
def a_web_page_called_csv():
    return "<!DOCTYPE html>\n<html><title>Log in</title></html>"


@table(Right(EIGHT))
def lines_that_end_as_on_old_computers():
    return "\r".join(["text,label", *lines()])


@table(Right(EIGHT))
def line_ends_of_every_kind():
    rows = ["text,label", *lines()]
    return "".join(row + ("\n", "\r\n", "\r")[number % 3] for number, row in enumerate(rows))


@table(Refused(("mine.csv has no column 'text'", "none at all")))
def an_empty_file():
    return ""


@table(Refused(("column 'label' of mine.csv has no class at all",)))
def a_header_alone():
    return []


@table(Refused(("mine.csv has no column 'text'; its columns are 'Text', 'Label'",)))
def a_column_in_capitals():
    return "\n".join(["Text,Label", *lines()])


@table(Refused(("must be different columns",)), label="text")
def one_column_for_both():
    return lines()


@table(Refused(("mine.csv, line 18", "no value in column 'label': it has 1 cell", "correct the row")))
def a_row_that_ends_early():
    return [*lines(), "a fine thing"]


@table(Right(EIGHT))
def separators_at_the_end_of_every_row():
    return [f"{row},," for row in lines()]


@table(Right({"\U0001f600": 8, "neg": 8}))
def labels_that_are_emoji():
    return [row.replace("pos", "\U0001f600") for row in lines()]


@table(Refused(("The class 'so so' in column 'label' has only 1 text", "add some or correct the label")))
def a_class_of_one_text():
    return [*lines(), "a thing,so so"]


@table(Right(EIGHT, ("1 class left out as too small",)), on_error="skip")
def a_class_of_one_text_passed_over():
    return [*lines(), "a thing,so so"]


@table(Refused(("Class 'neg'", "only 1 group, and 3 are needed", "leave --group out")), group="who")
def groups_that_are_the_classes():
    return "\n".join(["text,label,who", *(f"{row},{row[-3:]}" for row in lines())])


@table(Right(EIGHT, ("Texts with the same 'who'", "4 texts without one")), group="who")
def groups_that_are_blank():
    return "\n".join(
        ["text,label,who", *(f"{row},{'' if n % 4 == 3 else n // 2 % 4}" for n, row in enumerate(lines()))]
    )


@table(Refused(("Class 'neg'", "only 1 group", "leave --group out")), group="who")
def one_group_for_all():
    return "\n".join(["text,label,who", *(f"{row},me" for row in lines())])


@case(Refused(("is a folder of images; --text, --label and --group are for tables",)), **COLUMNS)
def a_folder_called_like_a_table(root):
    (root / "mine.csv").mkdir()
    return root / "mine.csv"


@table(Refused(("mine.xlsx is neither a folder of images nor a table",)), name="mine.xlsx")
def a_spreadsheet():
    return b"PK\x03\x04"


# --- predict -----------------------------------------------------------------------------------------------------


def asked(happens: Answers | Refused, **options):
    """A case for ``predict`` with a model of images, or of texts where ``kind="text"`` or ``text=`` is given."""
    options.setdefault("kind", "text" if "text" in options else "image")
    return case(happens, predict=True, **options)


@asked(Refused(("1.png is not an image that can be read; remove or replace it",)))
def predict_a_broken_picture(root):
    (put(root, new=3) / "new" / "1.png").write_bytes(b"\x89PNG")
    return root / "new"


@asked(Answers(("0.png", "2.png"), ("1.png is not an image",)), on_error="skip")
def predict_a_broken_picture_passed_over(root):
    return predict_a_broken_picture(root)


@asked(Answers(("0.png", "1.png")))
def predict_beside_what_systems_leave(root):
    put(root, new=2)
    for name in ("Thumbs.db", "._0.png"):
        (root / "new" / name).write_bytes(b"\0")
    return root / "new"


@asked(Answers(("0.png", "2.tif"), ("16 bits a pixel",)))
def predict_sixteen_bits(root):
    put(root, new=1)
    ramp(numpy.uint16, 0, 4095).save(root / "new" / "2.tif")
    return root / "new"


@asked(Answers(("a\nb \U0001f600.png",)))
def predict_an_odd_name(root):
    picture(1).save(root / "a\nb \U0001f600.png")
    return root / "a\nb \U0001f600.png"


@asked(Refused(("new holds no image; give a folder of images",)))
def predict_an_empty_folder(root):
    (root / "new").mkdir()
    return root / "new"


@asked(Refused(("There is no image or folder", "gone.png", "give the path of one")))
def predict_what_is_not_there(root):
    return root / "gone.png"


@asked(Refused(("mine.csv is not an image", "remove or replace it")))
def predict_a_table_with_a_model_of_images(root):
    (root / "mine.csv").write_text("text\nfine\n")
    return root / "mine.csv"


@asked(Refused((".txt files", "put texts into one table")))
def predict_a_folder_of_texts_with_a_model_of_images(root):
    return a_folder_of_texts(root) / "good"


@asked(Refused(("link to", "which is not there")))
def predict_a_link_that_leads_nowhere(root):
    put(root, new=1)
    (root / "new" / "9.png").symlink_to(root / "gone.png")
    return root / "new"


def texts_to_ask(root: Path, content: bytes | str) -> Path:
    (root / "new.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return root / "new.csv"


@asked(Refused(("new.txt is a file; save it as a table", "--text COLUMN")), kind="text")
def predict_a_file_with_a_model_of_texts(root):
    (root / "new.txt").write_text("fine")
    return root / "new.txt"


@asked(Refused(("There is no file or folder", "typo.csv", "correct the path")), kind="text")
def predict_a_path_that_is_not_there(root):
    return root / "typo.csv"


@asked(Refused(("is a folder, and this model was trained on texts",)), kind="text")
def predict_a_folder_with_a_model_of_texts(root):
    (root / "reviews").mkdir()
    return f"{root}/reviews/"


@asked(Answers(("fine", None, None, None, "dull"), ("3 rows of new.csv without a text", "lines 3, 4, 5")), text="text")
def predict_blank_rows(root):
    return texts_to_ask(root, 'id,text\n1,fine\n2,\n3,"  "\n4,#NAME?\n5,dull\n')


@asked(Refused(("new.csv, line 3", "is not written in", "--encoding cp1252")), text="text")
def predict_another_encoding(root):
    return texts_to_ask(root, "id,text\n1,fine\n2,d\xfcll\n".encode("cp1252"))


@asked(Answers(("fine", "d\xfcll")), text="text", encoding="cp1252")
def predict_another_encoding_that_is_named(root):
    return texts_to_ask(root, "id,text\n1,fine\n2,d\xfcll\n".encode("cp1252"))


@asked(Answers(("fine", "dull")), text="text")
def predict_utf_16(root):
    return texts_to_ask(root, "sep=;\nid;text\n1;fine\n2;dull\n".encode("utf-16"))


@asked(Answers(("fine", "dull")), text="text")
def predict_lines_that_end_as_on_old_computers(root):
    return texts_to_ask(root, "\rid,text\r1,fine\r2,dull\r")


@asked(Refused(("new.csv, line 3", "3 cells, and the header has 2")), text="text")
def predict_a_comma_without_quotation_marks(root):
    return texts_to_ask(root, "id,text\n1,fine\n2,dull, really\n")


@asked(Answers(("fine", None, "dull"), ("new.csv, line 3",)), text="text", on_error="skip")
def predict_a_comma_without_quotation_marks_passed_over(root):
    return texts_to_ask(root, "id,text\n1,fine\n2,dull, really\n3,dull\n")


@asked(Refused(("new.csv has no column 'text'; its columns are 'id', 'review'",)), text="text")
def predict_another_column(root):
    return texts_to_ask(root, "id,review\n1,fine\n")


@asked(Refused(("new.csv is JSON and no table",)), text="text")
def predict_json(root):
    return texts_to_ask(root, '[{"text": "fine"}]')


@asked(Refused(("new.csv has no row below its header",)), text="text")
def predict_a_header_alone(root):
    return texts_to_ask(root, "id,text\n")


@asked(Refused(("line 3", "repeats the header")), text="text")
def predict_the_header_again(root):
    return texts_to_ask(root, "id,text\n1,fine\nid,text\n2,dull\n")
