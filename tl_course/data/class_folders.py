"""Folders of classes and of ready splits: which folder is which, and which files count."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

from tl_course.data.labels import look, plain
from tl_course.data.task import SPLITS, Problems

# Beside hidden files, whose names begin with a dot.
LEFT_BY_SYSTEMS = {"thumbs.db", "desktop.ini", "ehthumbs.db"}
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".avif", ".heic"}
TEXT_SUFFIXES = {".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".md", ".htm", ".html", ".pdf", ".doc", ".docx"}
OTHER_SUFFIXES = {
    ".wav", ".mp3", ".flac", ".ogg", ".m4a", ".mp4", ".avi", ".mov", ".mkv", ".npy", ".npz", ".mat", ".h5", ".pkl",
    ".pt", ".parquet", ".xls", ".xlsx", ".zip", ".tar", ".gz", ".py", ".ipynb", ".dcm", ".nii", ".svg",
}  # fmt: skip
PART_WORDS = {
    "train": "train", "training": "train", "trn": "train", "训练": "train",
    "test": "test", "testing": "test", "tst": "test", "holdout": "test", "测试": "test",
    "val": "validation", "valid": "validation", "validation": "validation", "validate": "validation",
    "dev": "validation", "development": "validation", "验证": "validation",
}  # fmt: skip
# Says test to some and validation to others: validation where another folder is the test.
EITHER = {"eval", "evaluation"}
# What may stand beside such a word: seg_train, test_set, images-val.
BESIDE = {"set", "sets", "seg", "split", "data", "dataset", "images", "image", "imgs", "img", "pictures", "photos"}


def split_folders(root: Path) -> dict[str, Path]:
    """Return the folders of the ready splits; the root itself, as "train", where its subfolders are classes.

    Raises
    ------
    ValueError
        When folders are named like splits, or are nested like splits, and cannot be used as such.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for part in ("Training", "Testing"):
    ...         for name in ("cat", "dog"):
    ...             (Path(folder) / part / name).mkdir(parents=True)
    ...             (Path(folder) / part / name / "1.png").touch()
    ...     {part: path.name for part, path in split_folders(Path(folder)).items()}
    {'train': 'Training', 'test': 'Testing'}
    """
    named = _named_parts(root)
    if len(named) < 2:
        _check_classes_in(root, lone=next(iter(named.values()), None))
        return {"train": root}
    if "train" not in named:
        raise ValueError(
            f"{root} has folders named like splits ({_listed(named.values())}) and none for training; name that one "
            "train, or rename these if they are classes."
        )
    parts = {part: named[part] for part in SPLITS if part in named and (_is_filled(named[part]) or part == "train")}
    for folder in parts.values():
        loose = loose_images(folder)
        if loose and not any(map(_is_filled, subfolders(folder))):
            raise ValueError(
                f"{folder} is named like a split and has {len(loose):,} images but no folder for each class; divide "
                "them into class folders, move it away, or rename it if it is a class."
            )
        _check_classes_in(folder)
    return parts


def part_of(name: str) -> str | None:
    """Return the split that a folder's name says, in any case and with what often stands beside it; else None.

    >>> [part_of(name) for name in ("Training", "seg_test", "validation-set", "eval", "training shoes", "cat")]
    ['train', 'test', 'validation', 'either', None, None]
    """
    words = re.sub(r"([a-z])([A-Z])", r"\1 \2", name.removesuffix("集")).lower()
    words = [word for word in re.split(r"[\W_\d]+", words) if word and word not in BESIDE]
    word = words[0] if len(words) == 1 else ""
    for beside in ("set", "data", "images"):
        word = word.removesuffix(beside)
    return "either" if word in EITHER else PART_WORDS.get(word)


def _named_parts(root: Path) -> dict[str, Path]:
    """Return the folders that are named like splits."""
    said = [(part_of(folder.name), folder) for folder in subfolders(root)]
    known = {part for part, _ in said}
    either = "validation" if "test" in known else "test"
    found: dict[str, Path] = {}
    for part, folder in said:
        part = either if part == "either" else part
        if part in found:
            raise ValueError(
                f"{found[part]} and {folder} are both named like the split for {part}; keep one of them, or move all "
                "into one."
            )
        if part:
            found[part] = folder
    return found


def folders_beside(root: Path) -> list[Path]:
    """Return the folders with files that stand beside ready splits."""
    parts = split_folders(root)
    if parts == {"train": root}:
        return []
    known = {*parts.values(), *_named_parts(root).values()}
    return [folder for folder in subfolders(root) if folder not in known and _is_filled(folder)]


def _check_classes_in(folder: Path, lone: Path | None = None) -> None:
    """Raise ValueError where two folders hold the same names: these are splits or domains, and no classes."""
    inside = {
        each: {inner.name.casefold() for inner in subfolders(each) if _is_filled(inner)} for each in subfolders(folder)
    }
    for one, other in combinations([each for each, held in inside.items() if len(held) > 1], 2):
        if len(shared := inside[one] & inside[other]) > 1:
            raise ValueError(
                f"{one} and {other} both hold {_listed(sorted(shared))}, as splits do and classes do not; name them "
                "train, val and test, or give one of them alone."
            )
    if lone and len(inside[lone]) > 1 and not any(held for each, held in inside.items() if each != lone):
        beside = [each.name for each in inside if each != lone and _is_filled(each)]
        if beside:
            raise ValueError(
                f"{lone} is named like a split and holds {_listed(sorted(inside[lone]))}, and {_listed(beside)} "
                f"beside it holds no such folders; give {lone} alone, or move it away."
            )


def _listed(names: Iterable[str | Path]) -> str:
    names = [name.name if isinstance(name, Path) else name for name in names]
    return ", ".join(map(repr, names[:3])) + f" and {len(names) - 3} more" * (len(names) > 3)


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, but for what systems leave there unasked."""
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and not _is_hidden(Path(path.name))]


def loose_images(folder: Path) -> list[Path]:
    """Return the images that lie in a folder itself, where they are of no class."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not _is_hidden(Path(path.name))]
    return [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]


def check_images(root: Path, files: Sequence[Path]) -> None:
    """Raise ValueError where most files say by their names that they are texts, sounds or others, and no images."""
    count = Counter(file.suffix.lower() for file in files)
    known = {kind: number for kind, number in count.items() if kind in TEXT_SUFFIXES | OTHER_SUFFIXES}
    if 2 * sum(known.values()) <= len(files):
        return
    kind = max(known, key=known.get)
    way_out = "give images, such as JPEG or PNG"
    if kind in TEXT_SUFFIXES:
        way_out = "put texts into one table (CSV) with a column of texts and one of labels, and give that"
    raise ValueError(f"{root} holds {known[kind]:,} {kind} files among {len(files):,}, which are no images; {way_out}.")


def listed_images(folder: Path) -> list[tuple[str, Path]]:
    """Return class name and path of every file below the class folders, but for what systems leave there unasked."""
    return [(subfolder.name, file) for subfolder in subfolders(folder) for file in listed_below(subfolder)]


def listed_below(folder: Path) -> list[Path]:
    """Return every file in a folder and its subfolders, but for what systems leave there unasked.

    Links are followed, but not in a circle. One that leads nowhere is among the files: who reads it says so.
    """
    return sorted(_files_below(folder))


def may_be_image(file: Path) -> bool:
    """Say whether a file's name does not speak against an image.

    >>> may_be_image(Path("a.jpg")), may_be_image(Path("a")), may_be_image(Path("a.xml"))
    (True, True, False)
    """
    return file.suffix.lower() not in TEXT_SUFFIXES | OTHER_SUFFIXES


def _is_filled(folder: Path) -> bool:
    """Say whether there is a file; one that is found ends the search."""
    return any(True for _ in _files_below(folder))


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder, following links to folders that are not above or seen already."""

    def refuse(error: OSError) -> None:
        raise ValueError(
            f"The folder {error.filename} cannot be opened ({error.strerror}); allow it to be read, or move it away."
        ) from error

    seen = {str(each) for place in (folder.absolute(), folder.resolve()) for each in (place.resolve(), *place.parents)}
    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        here = Path(place)
        inside = {os.path.realpath(here / name): name for name in folders if not _is_hidden(Path(name))}
        folders[:] = sorted(name for real, name in inside.items() if real not in seen)
        seen.update(inside)
        for name in files:
            file = here / name
            if not _is_hidden(Path(name)) and (file.is_file() or (file.is_symlink() and not file.exists())):
                yield file


def _is_hidden(path: Path) -> bool:
    return path.name.lower() in LEFT_BY_SYSTEMS or any(part.startswith((".", "__MACOSX")) for part in path.parts)


def pass_over_beside(root: Path, problems: Problems) -> None:
    """Tell of images outside all class folders; a folder beside the splits is a problem."""
    parts = split_folders(root)
    names = " and ".join(repr(folder.name) for folder in parts.values())
    for folder in folders_beside(root):
        problems.add(
            f"The folder {folder.name!r} in {root} stands beside the splits {names} and is no split by its name",
            "move it away or rename it",
        )
    for folder in dict.fromkeys([root, *parts.values()]):
        if loose := loose_images(folder):
            count = f"{len(loose):,} image{'s' * (len(loose) > 1)}"
            problems.pass_over(f"{count} of no class, in no class folder of {folder} (the first is {loose[0].name})")


def classes_of(filled: set[str], root: Path, problems: Problems) -> tuple[str, ...]:
    """Return the classes that have training images, in alphabetical order; a folder without any is a problem."""
    parts = split_folders(root)
    inside = [[folder.name for folder in subfolders(part)] for part in parts.values()]
    named = sorted({name for names in inside for name in names})
    _check_spellings(named, inside, root)
    for name in named:
        if name not in filled:
            problems.add(f"The class {name!r} in {parts['train']} has no image", "add some or remove its folder")
    return tuple(name for name in named if name in filled)


def _check_spellings(named: list[str], inside: list[list[str]], root: Path) -> None:
    """Raise ValueError where folders look like one class; single letters in one split may differ in capitals."""
    known: dict[str, str] = {}
    for name in named:
        other = known.setdefault(look(name).casefold(), name)
        letters = len(look(name)) == 1 and look(name) != look(other)
        if other != name and not (letters and any(name in names and other in names for names in inside)):
            shown = map(repr if plain(name) != plain(other) else ascii, (other, name))
            raise ValueError(
                f"The class folders {' and '.join(shown)} of {root} look like one class; give them one name if they "
                "are, and names that differ more if not."
            )
