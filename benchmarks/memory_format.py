"""Whether `fit` trains faster with images and weights in channels-last order (NHWC) than in PyTorch's own (NCHW).

Both train the same network from the same weights on the same batches; only the memory format differs. The runs are
paired and interleaved, in turned order, so that a busy machine disturbs both alike; the ratio is the median of the
pairs' ratios, first of seconds, then of processor times, which other programs disturb less. Below 1, channels-last is
faster. The largest difference between the two networks' weights afterwards is printed as well.

    OMP_NUM_THREADS=1 TL_THREADS=1 TL_PRECISION=fp32 python benchmarks/memory_format.py [--models resnet_small]
"""

import argparse
import statistics
import time

import torch

import tl_course as tl


def trained(name: str, task, steps: int, batch_size: int, channels_last: bool) -> tuple[float, float, torch.nn.Module]:
    model = tl.models.create(name, num_classes=task.num_classes)
    model.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    start, busy = time.perf_counter(), time.process_time()
    tl.training.fit(model, task, steps=steps, batch_size=batch_size, evaluate_every=steps, progress=False)
    return time.perf_counter() - start, time.process_time() - busy, model


def compare(name: str, task, pairs: int, steps: int, batch_size: int) -> None:
    for channels_last in (False, True):  # once each for the memory and kernels that are set up on first use
        trained(name, task, 2, batch_size, channels_last)
    clock, processor, difference = [], [], 0.0
    for number in range(pairs):
        order = (False, True) if number % 2 else (True, False)
        runs = {channels_last: trained(name, task, steps, batch_size, channels_last) for channels_last in order}
        clock.append(runs[True][0] / runs[False][0])
        processor.append(runs[True][1] / runs[False][1])
        pairs_of_weights = zip(runs[True][2].parameters(), runs[False][2].parameters(), strict=True)
        difference = max(difference, *((one - other).abs().max().item() for one, other in pairs_of_weights))
    spread = f"{min(processor):.3f} to {max(processor):.3f}"
    print(
        f"{name}: channels-last / NCHW {statistics.median(clock):.3f} by the clock, "
        f"{statistics.median(processor):.3f} of processor time ({spread}; {pairs} pairs of {steps} steps); "
        f"weights differ by {difference:.2g}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--models", nargs="+", default=["resnet_small", "vgg_small"])
    chosen = parser.parse_args()
    tl.setup()
    task = tl.data.load("mnist_m", train_per_class=100)
    for name in chosen.models:
        compare(name, task, chosen.pairs, chosen.steps, chosen.batch_size)


if __name__ == "__main__":
    main()
