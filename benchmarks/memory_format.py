"""Whether networks are faster with images in channels-last order (NHWC) than in PyTorch's own (NCHW).

``model.preprocess`` gives pictures in channels-last order, and `fit` brings the weights into it, too. Measured are a
pass without gradients (only the pictures are rearranged, as for features) and a training step (pictures and weights).
The runs are paired and interleaved, in turned order, so that a busy machine disturbs both alike; the ratio is the
median of the pairs' ratios, by the clock and of processor time, which other programs disturb less. Below 1,
channels-last is faster.

    TL_PRECISION=fp32 python benchmarks/memory_format.py [--models resnet_small]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch.nn.functional import cross_entropy

import tl_course as tl

FORMATS = {True: torch.channels_last, False: torch.contiguous_format}


def passes(name: str, pictures: torch.Tensor, labels: torch.Tensor, channels_last: bool) -> Callable[[], None]:
    """Set up a backbone that looks at the pictures."""
    model = tl.models.create(name, num_classes=10).eval()
    pictures = pictures.contiguous(memory_format=FORMATS[channels_last])
    return torch.no_grad()(lambda: model(pictures))


def steps(name: str, pictures: torch.Tensor, labels: torch.Tensor, channels_last: bool) -> Callable[[], None]:
    """Set up a network that learns from them."""
    model = tl.models.create(name, num_classes=10).train().to(memory_format=FORMATS[channels_last])
    pictures = pictures.contiguous(memory_format=FORMATS[channels_last])
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        cross_entropy(model(pictures), labels).backward()
        optimizer.step()

    return step


def timed(work: Callable[[], None], times: int) -> tuple[float, float]:
    """Return seconds by the clock and of processor time."""
    start, busy = time.perf_counter(), time.process_time()
    for _ in range(times):
        work()
    return time.perf_counter() - start, time.process_time() - busy


def compare(name: str, what: Callable, task: tl.data.Task, options: argparse.Namespace) -> None:
    part = task.train[: options.batch_size]
    pictures = tl.models.create(name).preprocess(part.inputs)
    assert pictures.is_contiguous(memory_format=torch.channels_last), "preprocess must give the order that is measured"
    works = {channels_last: what(name, pictures, part.labels, channels_last) for channels_last in FORMATS}
    for work in works.values():  # for the memory and kernels that are set up on first use
        timed(work, 2)
    ratios = []
    for number in range(options.pairs):
        runs = {order: timed(works[order], options.times) for order in ((False, True) if number % 2 else (True, False))}
        ratios.append([last / plain for last, plain in zip(runs[True], runs[False], strict=True)])
    clock, processor = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(
        f"{name}, {what.__name__}: channels-last / NCHW {clock:.3f} by the clock, {processor:.3f} of processor time "
        f"({options.pairs} pairs of {options.times})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--times", type=int, default=5, help="passes or steps in each run")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--models", nargs="+", default=["resnet_small", "vgg_small"])
    options = parser.parse_args()
    tl.setup(quiet=True)
    task = tl.data.load("mnist_m", train_per_class=100)
    for name in options.models:
        for what in (passes, steps):
            compare(name, what, task, options)


if __name__ == "__main__":
    main()
