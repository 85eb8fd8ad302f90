"""Images per second of ``tl.data.batches`` against a torchvision DataLoader with per-sample transforms, at 32 px.

Both shuffle, mirror, crop with reflection, scale and normalise the same images. One pass of either alternates with one
of the other in one process, after a warm-up of each, so that whatever else the machine does hits both; the ratio is
taken pair by pair. The DataLoader is tried without workers and with as many as there are threads, and the better of
the two is compared.

    python benchmarks/batches_vs_dataloader.py            # exit status 1 below the promised ratio
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

import tl_course as tl

PROMISED = 5.0
STATISTICS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class PerSample(Dataset):
    """The usual way: one PIL image after the other through a chain of transforms."""

    def __init__(self, split: tl.data.Split):
        self.images = list(split.inputs.movedim(1, -1).numpy())
        self.labels = split.labels.tolist()
        self.transform = transforms.Compose(
            [
                transforms.ToPILImage(),
                transforms.RandomHorizontalFlip(),
                transforms.RandomCrop(32, padding=4, padding_mode="reflect"),
                transforms.ToTensor(),
                transforms.Normalize(*STATISTICS),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int):
        return self.transform(self.images[index]), self.labels[index]


def task_of(count: int) -> tl.data.Task:
    """Return a task of random images: their content costs neither side anything."""
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=random)
    split = tl.data.Split(images, torch.randint(0, 10, (count,), generator=random))
    names = tuple("0123456789")
    return tl.data.Task("noise", "noise", "image", names, split, split, split, "random", ("flip", "crop"))


def rate(loader, count: int) -> float:
    """Return the images per second of one pass."""
    start = time.perf_counter()
    for batch in loader:
        del batch
    return count / (time.perf_counter() - start)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="images in a pass")
    parser.add_argument("--pairs", type=int, default=5, help="paired passes")
    options = parser.parse_args()

    env = tl.setup(device="cpu", quiet=True)
    task = task_of(options.count)
    model = nn.Flatten()
    model.preprocess = tl.data.ImagePreprocess(32, *STATISTICS)
    ours = tl.data.batches(task, model, batch_size=128, device="cpu")
    theirs = {
        workers: DataLoader(
            PerSample(task.train), 128, shuffle=True, num_workers=workers, persistent_workers=workers > 0
        )
        for workers in (0, env.threads)
    }

    for loader in (ours, *theirs.values()):
        rate(loader, options.count)
    rates = {"batches": [], **{f"DataLoader, {workers} workers": [] for workers in theirs}}
    for _ in range(options.pairs):
        for name, loader in zip(rates, (ours, *theirs.values()), strict=True):
            rates[name].append(rate(loader, options.count))
    for name, measured in rates.items():
        print(f"{name:<24} {statistics.median(measured):>9,.0f} images/s")
    pairs = zip(*rates.values(), strict=True)
    ratios = sorted(mine / max(others) for mine, *others in pairs)
    median = statistics.median(ratios)
    print(
        f"ratio, paired: median {median:.1f}, from {ratios[0]:.1f} to {ratios[-1]:.1f} "
        f"({env.threads} threads, torch {torch.__version__}); promised {PROMISED:.0f}"
    )
    return 0 if median >= PROMISED else 1


if __name__ == "__main__":
    sys.exit(main())
