"""Does the interval of the report hold? Many drawn sets, each fine-tuned and reported, against accuracy on fresh data.

Each round draws a set of a few hundred examples, writes it as somebody would have it (a folder of images, a table of
texts), calls ``tl_course.recipes.finetune`` on it, and asks the saved model about the examples that were not drawn.
The accuracy on these is the truth to a fraction of a point, since there are thousands; the interval of the report comes
from the set's own test, some dozens. It should hold the truth in 95 of 100 rounds.

A perfect interval misses in 2 or more of 20 rounds every fourth time (1 − 0.95²⁰ − 20·0.05·0.95¹⁹ = 0.26), so that 20
rounds tell a bad interval from a good one only where it is very bad; 100 rounds do better: there 90 or more hold with
probability 0.99, and an interval of 85 % reaches 90 with probability 0.1. Rounds are seeded by their number.

    python benchmarks/interval_coverage.py --kind images --draws 100      # exit status 1 if too few hold
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Callable
from math import comb
from pathlib import Path

import torch
from torch import Tensor
from torchvision.io import write_png

import tl_course as tl
from tl_course.data.digits import mnist
from tl_course.data.sentiment import ratings
from tl_course.data.task import Split, Task
from tl_course.models import logits
from tl_course.recipes import Finished, Settings, finetune
from tl_course.training.run import in_eval

NOMINAL = 0.95
# Below this probability under a right interval, so few are no chance any more.
UNLIKELY = 0.01


def digits() -> tuple[Tensor, Tensor]:
    """5,000 real digits, 32×32, so that nothing is resized on the way."""
    data = mnist(pad=2)
    return (torch.cat([getattr(part, name) for part in (data.pool, data.test)]) for name in ("inputs", "labels"))


def films() -> tuple[list[str], Tensor]:
    """Sentences on films that are clearly for or against, each once."""
    rated = {each.text.strip(): each.rating for each in ratings("movies") if abs(each.rating) > 0.5}
    return list(rated), torch.tensor([int(rating > 0) for rating in rated.values()])


def write_images(images: Tensor, labels: Tensor, folder: Path) -> Path:
    for number, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
        place = folder / str(label)
        place.mkdir(exist_ok=True)
        write_png(image, str(place / f"{number}.png"))
    return folder


def write_texts(texts: list[str], labels: Tensor, folder: Path) -> Path:
    with (folder / "films.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["text", "label"], *zip(texts, labels.tolist(), strict=True)])
    return folder / "films.csv"


def truth(finished: Finished, inputs, labels: Tensor) -> float:
    """Return the accuracy of the saved model on fresh examples."""
    model = tl.models.load(finished.out)
    names = finished.prepared.task.class_names
    part = Split(inputs, torch.tensor([names.index(str(label)) for label in labels.tolist()]))
    fresh = Task("fresh", "Fresh", finished.prepared.task.kind, names, part, part, part, "not drawn")
    loader = tl.data.batches(fresh, model, "test", buckets=True)
    with in_eval(model):
        answers = tl.data.per_example(loader, lambda batch: logits(model, batch.inputs).argmax(1))
    return (answers.cpu() == part.labels).float().mean().item()


def one_round(kind: str, number: int, examples: int, fresh: int, steps: int) -> tuple[Finished, float]:
    """Draw a set, train on it, and return what the report is made of and the accuracy on fresh examples."""
    inputs, labels = digits() if kind == "images" else films()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(number))
    drawn, rest = order[:examples], order[examples : examples + fresh]
    take: Callable = (lambda some: inputs[some]) if kind == "images" else (lambda some: [inputs[each] for each in some])
    settings = {"images": {"model": "resnet_small", "flip": False}, "texts": {"text": "text", "label": "label"}}[kind]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "set")
        made.mkdir()
        path = (write_images if kind == "images" else write_texts)(take(drawn), labels[drawn], made)
        out = Path(folder, "out")
        finished = finetune(path, Settings(out=out, steps=steps, seed=number, **settings), say=lambda line: None)
        return finished, truth(finished, take(rest), labels[rest])


def at_most(held: int, draws: int) -> float:
    """Return how probable it is that so many or fewer of all rounds hold where each does with the nominal probability.

    >>> round(at_most(18, 20), 2)
    0.26
    """
    return sum(comb(draws, each) * NOMINAL**each * (1 - NOMINAL) ** (draws - each) for each in range(held + 1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=("images", "texts"), default="images")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="number of the first round, which is its seed")
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("--fresh", type=int, default=4_000, help="fresh examples at most")
    parser.add_argument("--steps", type=int, default=20, help="of fine-tuning; 0 for the probe alone")
    options = parser.parse_args()
    tl.setup(quiet=True)
    held, above = 0, 0
    for number in range(options.first, options.first + options.draws):
        finished, true = one_round(options.kind, number, options.examples, options.fresh, options.steps)
        said = finished.accuracy
        held += said.low <= true <= said.high
        above += said.value > true
        print(
            f"round {number}: test {said}, fresh {true:.1%}, {finished.outcome.kept.method}"
            f"{'' if said.low <= true <= said.high else ': MISSED'}",
            flush=True,
        )
    chance = at_most(held, options.draws)
    print(
        f"{options.kind}: {held} of {options.draws} intervals hold the accuracy on fresh examples; a right one has so "
        f"few or fewer with probability {chance:.2f}. The test said more than the truth in {above}."
    )
    return 0 if chance >= UNLIKELY else 1


if __name__ == "__main__":
    sys.exit(main())
