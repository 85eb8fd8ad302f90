"""The data sets by name, and the target of the vision lessons."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence

from tl_course.data import cifar10, digits, imdb, letters, own_images, own_texts, sentiment
from tl_course.data.task import Task

LOADERS = {
    "letters": letters.letters,
    "mnist": digits.mnist,
    "mnist_m": digits.mnist_m,
    "digits": digits.small_digits,
    "cifar10": cifar10.cifar10,
    "sentiment": sentiment.sentiment,
    "imdb": imdb.imdb,
    "image_folder": own_images.read_image_folder,
    "csv_text": own_texts.read_csv_text,
}
"""The data sets by name. Each function returns a :class:`Dataset`; its parameters are the options of :func:`load`."""


def load(
    name: str,
    *,
    train_per_class: int | None = None,
    validation: float = 0.2,
    test: float | int | None = None,
    seed: int = 0,
    augment: Sequence[str] = (),
    **options,
) -> Task:
    """Load a data set and draw a label budget from it.

    Parameters
    ----------
    name : str
        ``letters``, ``mnist``, ``mnist_m``, ``digits``, ``cifar10``, ``sentiment``, ``imdb``, ``image_folder``,
        ``csv_text``.
    train_per_class : int, optional
        Labels of each class in all, validation included: 10 gives 8 for training and 2 for validation. All by
        default. A larger budget with the same seed contains the smaller one.
    validation : float
        Share of these labels that goes to validation: at least one of each class and never the last, so that 1 label a
        class leaves none for validation. 0 for no validation.
    test : float or int, optional
        The test split is the same for every seed and budget. A whole number keeps that many examples of it, always
        the same, with the classes in proportion. Where the data come without a test split, one fifth is held out, or
        the share or number given here.
    seed : int
        Decides which examples are drawn, and nothing else.
    augment : tuple of str
        ``"flip"``, ``"crop"``: what :func:`batches` does to training batches. Letters and digits cannot be flipped,
        since that would change what they are.
    **options
        Those of the data set: ``half`` and ``pad`` (digits), ``count`` (letters), ``domain`` and ``three_class``
        (sentiment), ``path`` … (the reader's own data); see :data:`LOADERS`.

    Returns
    -------
    Task

    Raises
    ------
    ValueError
        When the name is unknown or the data do not have what is asked for: one sentence with the way out.
    TypeError
        When the data set has no such option.
    tl_course.assets.AssetError
        When files are missing and cannot be fetched.

    Examples
    --------
    >>> task = load("mnist_m", train_per_class=10, seed=1, augment=("crop",))
    >>> print(task)
    MNIST-M (rebuilt): 80 train, 20 validation, 1,000 test images 32×32, 10 classes
    >>> load("mnst")
    Traceback (most recent call last):
    ValueError: There is no data set 'mnst'; there are letters, mnist, mnist_m, digits, cifar10, sentiment, ...
    """
    if name not in LOADERS:
        raise ValueError(f"There is no data set {name!r}; there are {', '.join(LOADERS)}.")
    known = inspect.signature(LOADERS[name]).parameters
    for option in options:
        if option not in known:
            raise TypeError(f"{name!r} has no option {option!r}; its options are {', '.join(known) or 'none'}.")
    dataset = LOADERS[name](**options)
    return dataset.draw(train_per_class=train_per_class, validation=validation, test=test, seed=seed, augment=augment)


def target() -> str:
    """Name the target task of the vision lessons here: CIFAR-10 where there is a copy, else MNIST-M (rebuilt).

    The environment variable ``TL_TARGET`` decides otherwise.

    Raises
    ------
    ValueError
        When ``TL_TARGET`` names no data set.

    Examples
    --------
    >>> target() in ("cifar10", "mnist_m")
    True
    """
    chosen = os.environ.get("TL_TARGET")
    if chosen and chosen not in LOADERS:
        raise ValueError(f"TL_TARGET={chosen!r} names no data set; set it to cifar10 or mnist_m, or unset it.")
    return chosen or ("cifar10" if cifar10.available() else "mnist_m")
