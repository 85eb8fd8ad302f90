"""A small made-up CIFAR-10, written in each form in which people have a copy of the real one."""

import json
import pickle
import tarfile

import numpy
from PIL import Image

from tl_course.data import cifar10


def made_up_pixels():
    """Five training and two test images of each class, numbered in class order."""
    random = numpy.random.default_rng(0)
    return {
        part: random.integers(0, 256, (10 * count, 32, 32, 3), dtype=numpy.uint8)
        for part, count in (("train", 5), ("test", 2))
    }


def write_images(folder, pixels, suffix="png"):
    for part, images in pixels.items():
        for number, image in enumerate(images):
            file = folder / part / cifar10.CLASS_NAMES[number % 10] / f"{number:04}.{suffix}"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(file)


def write_batches(folder, pixels):
    folder.mkdir(parents=True)
    train, test = pixels["train"], pixels["test"]
    for name, start, images in [(f"data_batch_{n + 1}", 10 * n, train[10 * n : 10 * n + 10]) for n in range(5)] + [
        ("test_batch", 0, test)
    ]:
        rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        labels = [(start + number) % 10 for number in range(len(images))]
        (folder / name).write_bytes(
            pickle.dumps({b"data": rows, b"labels": labels, b"batch_label": b"made up"}, protocol=2)
        )


def write_binary(folder, pixels):
    write_batches(folder, pixels)
    for file in sorted(folder.iterdir()):
        batch = pickle.loads(file.read_bytes())
        rows = zip(batch[b"labels"], batch[b"data"], strict=True)
        file.with_name(f"{file.name}.bin").write_bytes(b"".join(bytes([label]) + row.tobytes() for label, row in rows))
        file.unlink()


def write_rows(folder, pixels):
    """The files of the npm package: PNGs with a picture in each row, pixel after pixel, and lists of labels."""
    folder.mkdir(parents=True)
    train, test = pixels["train"], pixels["test"]
    files = {f"data_batch_{n + 1}": images for n, images in enumerate(numpy.split(train, 5))} | {"test_batch": test}
    for name, images in files.items():
        Image.fromarray(images.reshape(len(images), 1024, 3)).save(folder / f"{name}.png")
    for part, images in pixels.items():
        (folder / f"{part}_lables.json").write_text(json.dumps([number % 10 for number in range(len(images))]))


def write_parquet(folder, pixels):
    import datasets  # heavy, and only needed here

    folder.mkdir(parents=True)
    columns = datasets.Features(
        {"img": datasets.Image(), "label": datasets.ClassLabel(names=list(cifar10.CLASS_NAMES))}
    )
    for part, images in pixels.items():
        rows = {
            "img": [Image.fromarray(image) for image in images],
            "label": [number % 10 for number in range(len(images))],
        }
        datasets.Dataset.from_dict(rows, features=columns).to_parquet(str(folder / f"{part}-00000-of-00001.parquet"))


def write_tar(file, folder, mode="w"):
    with tarfile.open(file, mode) as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, arcname=path.name)


def form(name, tmp_path, pixels):
    place = tmp_path / "copy"
    if name == "images":
        write_images(place, pixels)
    elif name == "batches":
        write_batches(place, pixels)
    elif name == "batches below":
        write_batches(place / "cifar-10-batches-py", pixels)
    elif name == "parquet":
        write_parquet(place, pixels)
    elif name == "binary batches":
        write_binary(place, pixels)
    elif name == "rows":
        write_rows(place, pixels)
    elif name == "tar of batches":
        write_batches(tmp_path / "made" / "cifar-10-batches-py", pixels)
        place.mkdir()
        write_tar(place / "cifar-10-python.tar.gz", tmp_path / "made", "w:gz")
    elif name == "one tar":
        write_images(tmp_path / "made", pixels)
        place = tmp_path / "copy.tar"
        write_tar(place, tmp_path / "made")
    elif name == "two tars":
        place.mkdir()
        for part, images in pixels.items():
            write_images(tmp_path / "made" / part, {part: images})
            write_tar(place / f"{part}.tar", tmp_path / "made" / part)
    return place


FORMS = [
    "images",
    "batches",
    "batches below",
    "binary batches",
    "parquet",
    "rows",
    "tar of batches",
    "one tar",
    "two tars",
]
