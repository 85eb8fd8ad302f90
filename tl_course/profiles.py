"""The three sizes at which the lessons run: one row a profile, read by role and never branched on.

A lesson asks ``tl.setup()`` for what it needs by its role, and the profile answers:

>>> from tl_course import environment
>>> env = environment.setup(device="cpu", precision="fp32", quiet=True)
>>> env.backbone, env.pixels, env.labels(10)
('resnet_small', 32, 10)

What a lesson does with it does not change, so a new row is a new size of every lesson.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SLOW_GFLOPS = 66
"""Speed of a slow machine in a float32 matrix product, 10⁹ operations a second; the course states times for it."""
REHEARSED_STEPS, REHEARSED_LABELS, REHEARSED_EXAMPLES, REHEARSED_PIXELS = 2, 4, 20, 64
"""A rehearsal takes no more than so many steps, labels a class, examples of any other kind, and pixels of a side."""


class UpTo(int):
    """A whole number of examples, or as many as there are: a data set with fewer gives all of them and no error.

    A number that a lesson names itself is meant as it stands; one that a profile multiplied may ask for more than a
    small data set has.

    >>> UpTo(2_500), min(UpTo(2_500), 1_000)
    (2500, 1000)
    """


@dataclass(frozen=True)
class Profile:
    """What depends on the size of a lesson.

    Attributes
    ----------
    summary : str
        What the card says.
    extractor, backbone, text : str
        Names of :data:`tl_course.models.MODELS`: the VGG that gives features, the ResNet that is fine-tuned, the BERT.
    weights : str
        What extractor and backbone were trained on.
    pixels : int
        Height and width at which extractor and backbone see pictures.
    reviews : mapping
        The film reviews of lesson 09, as arguments of :func:`tl_course.data.load`.
    times : int or None
        Labels a class and examples of a lesson are multiplied by it; None takes all there are.
    longer : int
        Steps are multiplied by it.
    needs_gpu : bool
        Whether a lesson takes hours without one.
    gigabytes : int
        Memory of the machine that a lesson may need, beside the system's own: more than any took, in a rehearsal of the
        larger profiles.
    gflops : int
        Speed of a CPU in a float32 matrix product, 10⁹ operations a second, from which on the profile is no trial of
        patience: that of a slow machine, times how much more than `mini` a ResNet multiplies in its steps.
    """

    summary: str
    extractor: str
    backbone: str
    text: str
    weights: str
    pixels: int
    reviews: Mapping[str, str] = field(default_factory=dict)
    times: int | None = 1
    longer: int = 1
    needs_gpu: bool = False
    gigabytes: int = 3
    gflops: int = 0


PROFILES: dict[str, Profile] = {
    "mini": Profile(
        "small models at 32 px and a small BERT: any laptop, about a minute a lesson",
        extractor="vgg_small",
        backbone="resnet_small",
        text="minilm",
        weights="imagenet_distilled",
        pixels=32,
        reviews={"name": "sentiment", "domain": "movies"},
    ),
    "cpu": Profile(
        "torchvision's VGG16 and ResNet-18 at 64 px, DistilBERT: a patient desktop",
        extractor="vgg16",
        backbone="resnet18",
        text="distilbert",
        weights="imagenet",
        pixels=64,
        reviews={"name": "sentiment", "domain": "movies"},
        times=5,
        longer=2,
        gigabytes=6,
        gflops=260,
    ),
    "gpu": Profile(
        "VGG16, ResNet-50 and BERT base at their own sizes, all of the data: an NVIDIA GPU",
        extractor="vgg16",
        backbone="resnet50",
        text="bert",
        weights="imagenet",
        pixels=224,
        reviews={"name": "imdb"},
        times=None,
        longer=40,
        needs_gpu=True,
        gigabytes=8,
    ),
}


@dataclass(frozen=True)
class Sizes:
    """A profile as a lesson asks for it, in a rehearsal with as little as runs every cell.

    Parameters
    ----------
    profile : Profile
    rehearsal : bool

    Examples
    --------
    >>> Sizes(PROFILES["gpu"], rehearsal=True).steps(60)
    2
    """

    profile: Profile
    rehearsal: bool = False

    @property
    def pixels(self) -> int:
        """Height and width at which extractor and backbone see pictures.

        >>> Sizes(PROFILES["gpu"]).pixels
        224
        """
        return min(self.profile.pixels, REHEARSED_PIXELS) if self.rehearsal else self.profile.pixels

    def labels(self, count: int) -> int | None:
        """Return how many labels a class stand for ``count`` on the mini profile; None for all.

        Where the profile multiplies them, they are :class:`UpTo` so many.

        >>> Sizes(PROFILES["cpu"]).labels(10), Sizes(PROFILES["gpu"]).labels(10)
        (50, None)
        """
        return min(count, REHEARSED_LABELS) if self.rehearsal else self._times(count)

    def examples(self, count: int | None) -> int | None:
        """Return how many examples (of a test, of a look) stand for ``count`` on the mini profile; None for all.

        Where the profile multiplies them, they are :class:`UpTo` so many. A count of None is all there are in every
        profile, and a few in a rehearsal.

        >>> Sizes(PROFILES["mini"]).examples(500), Sizes(PROFILES["mini"], rehearsal=True).examples(500)
        (500, 20)
        """
        if self.rehearsal:
            return REHEARSED_EXAMPLES if count is None else min(count, REHEARSED_EXAMPLES)
        return None if count is None else self._times(count)

    def steps(self, count: int) -> int:
        """Return how many steps of training stand for ``count`` on the mini profile.

        >>> Sizes(PROFILES["cpu"]).steps(60)
        120
        """
        return min(count, REHEARSED_STEPS) if self.rehearsal else count * self.profile.longer

    def _times(self, count: int) -> int | None:
        if self.profile.times in (None, 1):
            return self.profile.times and count
        return UpTo(count * self.profile.times)
