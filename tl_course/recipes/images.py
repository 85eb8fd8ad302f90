"""A folder of images, one subfolder for each class, made ready: looked over without decoding, divided, then read."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import fmean, median_low

import torch
from torch import Tensor
from tqdm.auto import tqdm

from tl_course.data.class_folders import (
    check_images,
    classes_of,
    listed_below,
    listed_images,
    loose_images,
    may_be_image,
    pass_over_beside,
    split_folders,
    subfolders,
)
from tl_course.data.image_files import Header, Rescaled, Unreadable, image_header, read_image
from tl_course.data.own_images import LIMIT
from tl_course.data.task import SPLITS, Split, Task, check_classes
from tl_course.recipes.near_copies import near_pictures
from tl_course.recipes.prepared import (
    USUALLY,
    Prepared,
    Skips,
    counted,
    tell_absent,
    tell_near_copies,
    tell_tied,
    tell_unused,
)
from tl_course.recipes.splitting import MOST, Examples, NearCopies, SplitPositions, split_examples

# As many files are opened to learn how large the images are.
LOOKED_AT = 200
# From these shares of an image outside of the middle square on, it is told, and told as a warning.
SOME_OUTSIDE, MUCH_OUTSIDE = 0.05, 0.2
# So many kinds of files are listed; a class says something about its kind from so many files on.
MOST_KINDS, FEWEST_OF_A_KIND = 4, 5
# Decoded images are passed on in blocks, so that Ctrl-C need not wait for a whole folder.
BLOCK = 256


@dataclass(frozen=True)
class ImageFolder:
    """What a folder holds, before any image is decoded.

    Attributes
    ----------
    root : Path
    files : list of Path
    examples : Examples
        Labels, copies and ready parts of the files.
    problems : Skips
    headers : dict of int to Header
        Size and kind of some of the files, by their position.
    """

    root: Path
    files: list[Path]
    examples: Examples
    problems: Skips
    headers: dict[int, Header]

    @property
    def side(self) -> int:
        """Median of the images' shorter sides in pixels, 0 if none opens."""
        return median_low([min(header.size) for header in self.headers.values()] or [0])

    @property
    def outside(self) -> float:
        """Share of an image that lies outside of its middle square, on average."""
        return 1 - fmean([min(size) / max(size) for size, _ in self.headers.values()] or [1])


def look_over(root: Path, on_error: str = "raise") -> ImageFolder:
    """List a folder's images and classes, find exact copies, and measure some images.

    Raises
    ------
    ValueError
        When it has no class folders, only one class, or a class with too few images; with ``on_error="skip"`` empty
        and too small classes are left out.
    """
    root = root.resolve()
    problems = Skips(on_error)
    found = [(part, name, file) for part, folder in split_folders(root).items() for name, file in listed_images(folder)]
    if not found:
        _check_tables(root)
        loose = loose_images(root)
        has = f"{counted(len(loose), 'image')} and no class folders" if loose else "no subfolders with images"
        raise ValueError(f"{root} has {has}; put the images of each class into a subfolder named like the class.")
    check_images(root, [file for _, _, file in found])
    pass_over_beside(root, problems)
    least = 4 - len({part for part, _, _ in found})
    filled = Counter(name for part, name, _ in found if part == "train")
    _check_nesting(root, [(name, file) for _, name, file in found])
    class_names = tuple(
        name for name in classes_of(set(filled), root, problems) if _large_enough(name, filled[name], least, problems)
    )
    found = [entry for entry in found if entry[1] in class_names]
    files = [file for _, _, file in found]
    labels = torch.tensor([class_names.index(name) for _, name, _ in found], dtype=torch.int64)
    check_classes(labels, class_names, f"the folder {root}")
    names = [file.relative_to(root).as_posix() for file in files]
    examples = Examples(labels, class_names, _keys(files), [part for part, _, _ in found], names=names)
    step = -(-len(files) // LOOKED_AT)
    headers = {place: header for place in range(0, len(files), step) if (header := image_header(files[place]))}
    return ImageFolder(root, files, examples, problems, headers)


def _check_tables(root: Path) -> None:
    tables = sorted(file for file in root.iterdir() if file.suffix.lower() in (".csv", ".tsv"))
    if tables:
        raise ValueError(
            f"{root} has no subfolders with images, but a table; give {tables[0]} with --text and --label."
        )
    check_images(root, listed_below(root))


def _check_nesting(root: Path, found: list[tuple[str, Path]]) -> None:
    """Raise ValueError where images lie below one folder only, and the folders in it may be the classes."""
    inside = {name for name, file in found if may_be_image(file)}
    lone = root / inside.pop() if len(inside) == 1 else None
    if lone and lone.is_dir() and len(subfolders(lone)) > 1:
        raise ValueError(
            f"{root} holds images only in {lone}, whose subfolders may be the classes; give {lone} instead."
        )


def _large_enough(name: str, count: int, least: int, problems: Skips) -> bool:
    if count < least:
        problems.add(
            f"The class {name!r} has only {counted(count, 'image')}, and {least} are the fewest that can be divided",
            "add some or remove its folder",
        )
    return count >= least


def _keys(files: list[Path]) -> list[tuple]:
    """Tell files apart by their bytes; only files of one size have to be read for it."""
    sizes = [file.stat().st_size if file.exists() else None for file in files]  # a link may lead nowhere
    alike = {size for size, count in Counter(sizes).items() if count > 1}
    return [
        (size, hashlib.sha256(file.read_bytes()).digest() if size in alike and size is not None else number)
        for number, (file, size) in enumerate(zip(files, sizes, strict=True))
    ]


def sample(folder: ImageFolder, count: int, reader: Callable) -> tuple[Task, float]:
    """Return some of a folder's images, from all over it, as a task, and the seconds that each took to be read.

    Raises
    ------
    ValueError
        When none of them can be read.
    """
    positions = torch.arange(0, len(folder.files), max(1, len(folder.files) // count))[:count]
    began = time.perf_counter()
    blocks = _in_blocks([folder.files[position] for position in positions.tolist()], reader)
    found = [image for _, images in blocks for image in images]
    each = (time.perf_counter() - began) / len(found)
    good = [number for number, image in enumerate(found) if not isinstance(image, Unreadable)]
    if not good:
        raise ValueError(f"{found[0]}, nor are {len(found) - 1:,} others; give a folder of images that can be read.")
    some = Split(torch.stack([found[number] for number in good]), folder.examples.labels[positions[good]])
    names = folder.examples.class_names
    return Task("image_folder", folder.root.name, "image", names, some, some, some, "a sample", ("flip", "crop")), each


def read(
    folder: ImageFolder,
    *,
    size: int,
    most_training: int,
    most_held: Mapping[str, int] = MOST,
    why: str = USUALLY,
    seed: int = 0,
    flip: bool = True,
    fit: str = "crop",
    fill: tuple[int, int, int] = (0, 0, 0),
) -> Prepared:
    """Divide a folder's images and decode those that are used, squares of ``size`` pixels.

    ``fit`` and ``fill`` say how they become squares, as in :class:`~tl_course.data.ImagePreprocess`; ``why`` says why
    not all are used, where that is so.

    Raises
    ------
    ValueError
        When an image cannot be read, or too many are asked to be held in memory; with ``on_error="skip"`` the first
        kind is left out.
    """
    title = f"the folder {folder.root.name}"
    most = {"most_training": most_training, "most_held": most_held}
    split = split_examples(folder.examples, **most, seed=seed, title=title)
    wanted = sum(len(positions) for positions in split.positions.values())
    if wanted * 3 * size * size > LIMIT:
        raise ValueError(
            f"{wanted:,} images of {size}×{size} pixels take over {LIMIT / 1024**3:.3g} GiB; pass a smaller --size."
        )
    chosen = torch.cat([split.positions[part] for part in SPLITS])
    rescaled = Rescaled()
    with tqdm(total=wanted, desc="reading images", unit="image", leave=False) as bar:
        files = [folder.files[position] for position in chosen.tolist()]
        reader = partial(read_image, size=size, fit=fit, fill=fill, rescaled=rescaled)
        pixels, good = _decoded(files, size, reader, folder.problems, bar)
    used = chosen[good]
    near = near_pictures(pixels, folder.examples.labels[used])
    split = _without_near_copies(folder, split, used, near, most, seed, title)
    place = torch.empty(len(folder.files), dtype=torch.int64)
    place[used] = torch.arange(len(used))
    readable = torch.zeros(len(folder.files), dtype=torch.bool)
    readable[used] = True
    parts, names = {}, {}
    for part in SPLITS:
        kept = split.positions[part][readable[split.positions[part]]]
        parts[part] = Split(_rows(pixels, place[kept]), folder.examples.labels[kept])
        names[part] = [_name(folder, position) for position in kept.tolist()]
    check_classes(parts["train"].labels, folder.examples.class_names, f"{title} (readable images)")
    _check_filled(parts, title)
    task = Task(
        "image_folder",
        folder.root.name,
        "image",
        folder.examples.class_names,
        **parts,
        source=f"the reader's own images, folder {folder.root.name}",
        augment=("flip", "crop") if flip else ("crop",),
    )
    prepared = _prepared(task, names, folder, split, rescaled, why)
    _tell_looks(prepared, folder)
    _tell_fit(prepared, folder, fit)
    return prepared


def _without_near_copies(
    folder: ImageFolder,
    split: SplitPositions,
    used: Tensor,
    near: list[int],
    most: Mapping,
    seed: int,
    title: str,
) -> SplitPositions:
    """Divide what is used again where some of it are near copies, which only decoded images show."""
    if len(set(near)) == len(near):
        return split
    order = used.argsort()  # the draw of the test must see the same list for every seed
    used, near = used[order], [near[number] for number in order.tolist()]
    examples, positions = folder.examples, used.tolist()
    parts = [examples.parts[position] for position in positions]
    given = Examples(examples.labels[used], examples.class_names, range(len(used)), parts, near=near)
    again = split_examples(given, **most, seed=seed, title=f"{title} (near copies kept together)")
    series = [[positions[number] for number in members] for members in again.near.series]
    left_out, tied = ([positions[number] for number in some] for some in (again.near.left_out, again.near.tied))
    found = NearCopies(series, left_out, again.near.apart, tied)
    unused = {part: split.unused[part] + again.unused[part] for part in SPLITS}
    return SplitPositions({part: used[again.positions[part]] for part in SPLITS}, split.settled, unused, found)


def _rows(pixels: Tensor, places: Tensor) -> Tensor:
    """Return some rows; without a copy where they lie one after the other."""
    first = int(places[0]) if len(places) else 0
    in_a_row = torch.equal(places, torch.arange(first, first + len(places)))
    return pixels[first : first + len(places)] if in_a_row else pixels[places]


def _decoded(files: list[Path], size: int, reader: Callable, problems: Skips, bar: tqdm) -> tuple[Tensor, list[int]]:
    """Return the images that can be read, uint8 N×3×size×size, and their positions."""
    pixels = torch.empty(len(files), 3, size, size, dtype=torch.uint8)
    good: list[int] = []
    for start, images in _in_blocks(files, reader):
        for position, image in enumerate(images, start):
            bar.update()
            if isinstance(image, Unreadable):
                problems.add(image, image.way_out)
            else:
                pixels[len(good)] = image
                good.append(position)
    return pixels[: len(good)], good


def _in_blocks(files: list[Path], reader: Callable) -> Iterator[tuple[int, list[Tensor | Unreadable]]]:
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(files), BLOCK):
            yield start, list(pool.map(reader, files[start : start + BLOCK]))


def _check_filled(parts: dict[str, Split], title: str) -> None:
    for part, split in parts.items():
        if not len(split):
            raise ValueError(f"No image of {title} that can be read is left for {part}; give more.")


def _name(folder: ImageFolder, position: int) -> str:
    return folder.files[position].relative_to(folder.root).as_posix()


def _tell_looks(prepared: Prepared, folder: ImageFolder) -> None:
    """Say which sizes and kinds of files there are, where they differ, and whether these alone tell classes apart."""
    of = f" (of {len(folder.headers):,} looked at)" if len(folder.files) > LOOKED_AT else ""
    sizes = sorted({header.size for header in folder.headers.values()}, key=lambda size: size[0] * size[1])
    if len(sizes) > 1:
        least, most = ("×".join(map(str, size)) for size in (sizes[0], sizes[-1]))
        said = f"From {least} to {most} pixels, the shorter side {folder.side} as a rule{of}."
        prepared.findings.tell("Sizes", said)
    kinds = Counter(header.kind for header in folder.headers.values())
    if len(kinds) < 2:
        return
    listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common(MOST_KINDS))
    more = f" and {len(kinds) - MOST_KINDS} more kinds" if len(kinds) > MOST_KINDS else ""
    prepared.findings.tell("Kinds", f"{listed}{more}{of}.")
    of_class = defaultdict(Counter)
    for place, header in folder.headers.items():
        of_class[int(folder.examples.labels[place])][header.kind] += 1
    known = {number: found for number, found in of_class.items() if found.total() >= FEWEST_OF_A_KIND}
    for (one, mine), (other, theirs) in combinations(sorted(known.items()), 2):
        if not mine.keys() & theirs.keys():
            names = [folder.examples.class_names[number] for number in (one, other)]
            kinds = [found.most_common(1)[0][0] for found in (mine, theirs)]
            prepared.findings.tell(
                "Kinds",
                f"How files were saved tells classes apart: {names[0]!r} is {kinds[0]} and {names[1]!r} is {kinds[1]}"
                f"{of}. A network may learn that and nothing else; save all in one way, from sources that are alike.",
                "leakage",
            )
            return


def _tell_fit(prepared: Prepared, folder: ImageFolder, fit: str) -> None:
    """Say how images became squares, and what of them is not seen."""
    if fit == "pad":
        prepared.findings.tell("Shape", "Each image is shown whole, between bars where it is no square (--fit pad).")
    elif fit == "squish":
        prepared.findings.tell(
            "Shape", "Each image is squeezed into a square, whole but out of proportion (--fit squish)."
        )
    else:
        said = "Each image is cut to its middle square (--fit crop)"
        if folder.outside >= SOME_OUTSIDE:
            said += (
                f", so {folder.outside:.0%} of an average image is not seen; --fit pad or --fit squish shows all of it"
            )
        prepared.findings.tell("Shape", f"{said}.", "warning" if folder.outside >= MUCH_OUTSIDE else "fact")


def _prepared(
    task: Task,
    in_parts: dict[str, list[str]],
    folder: ImageFolder,
    split: SplitPositions,
    rescaled: Rescaled,
    why: str,
) -> Prepared:
    settled = split.settled
    counts = folder.examples.labels.bincount(minlength=task.num_classes).tolist()
    places = [(("file", name),) for name in in_parts["test"]]
    prepared = Prepared(task, in_parts, found=tuple(counts), test_places=places)
    tell_unused(prepared, split, why)
    names = [_name(folder, position) for position in range(len(folder.files))]
    alike = "saved again, resized, lighter or darker, mirrored"
    tell_near_copies(prepared, split, folder.examples.labels.tolist(), "image", alike, names)
    tell_tied(prepared, split, "image")
    tell_absent(prepared)
    if "test" not in folder.examples.parts:
        prepared.findings.tell(
            "Relatives",
            "Pictures of one series that differ more, and cuts of one photograph, are not found: they may stand on "
            "both sides and flatter the accuracy, unless you divide them yourself into the subfolders train and test.",
            "leakage",
        )
    if len(set(folder.examples.parts)) > 1:
        taken = ", ".join(f"{path.name} for {part}" for part, path in split_folders(folder.root).items())
        prepared.findings.tell("Parts", f"The folder came divided, and its parts were kept as they are: {taken}.")
    if settled.copies:
        prepared.findings.tell(
            "Copies",
            f"{counted(settled.copies, 'image')} left out as an exact copy (byte for byte) of another of the same class"
            + (
                f"; {settled.across} stood in two parts, and the one on the side of the test was kept."
                * bool(settled.across)
                or "."
            ),
        )
    if settled.disputed:
        prepared.findings.tell(
            "Copies",
            f"{counted(len(settled.disputed), 'image')} stood in several classes; used once, in the class of most "
            "of its copies, and not at all where none leads.",
            "warning",
        )
        prepared.lists["The same image in several classes"] = [
            " = ".join(_name(folder, position) for position in members) for members in settled.disputed
        ]
    for sentence in rescaled.sentences(folder.root):
        prepared.findings.tell("Brightness", sentence, "warning")
    if folder.problems.notes:
        prepared.findings.tell(
            "Left out",
            f"{counted(len(folder.problems.notes), 'problem')} passed over; the report lists what was skipped. "
            f"The first: {folder.problems.notes[0]}",
            "warning",
        )
        prepared.lists["Skipped"] = [note.replace(f"{folder.root}{os.sep}", "") for note in folder.problems.notes]
    return prepared
