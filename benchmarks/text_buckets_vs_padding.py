"""Texts per second with length buckets, against padding every text to the maximum length and against shuffled batches.

All train the same MiniLM on the same film sentences with the same batch size: the same optimiser steps, on batches
that differ only in how they are put together. "Maximum" is what ``choose_max_length`` chooses, the shortest that a
careful reader would pad to. One stretch of steps of each way alternates with the others in one process, in turned
order, after a warm-up; the ratio is taken round by round. On a busy machine ``--cpu-time`` counts the seconds that the
process really computed. Aim: buckets at least 1.5 times as fast as padding to the maximum.

    python benchmarks/text_buckets_vs_padding.py            # exit status 1 below the aim
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.nn.functional import pad

import tl_course as tl
from tl_course.training.loop import stream

AIM = 1.5
WAYS = ("buckets", "shuffled", "maximum")


def endless(way: str, task: tl.data.Task, model: nn.Module, batch_size: int) -> Iterator[tl.data.Batch]:
    """Yield batches in one of the three ways."""
    loader = tl.data.batches(task, model, batch_size=batch_size, buckets=way == "buckets")
    for batch in stream(loader, 0):
        if way == "maximum":
            missing = model.preprocess.max_length - batch.inputs["input_ids"].shape[1]
            padded = {name: pad(values, (0, missing)) for name, values in batch.inputs.items()}
            batch = tl.data.Batch(padded, batch.labels, batch.index)
        yield batch


def rate(model: nn.Module, batches: Iterator, optimizer: torch.optim.Optimizer, steps: int, clock: Callable) -> float:
    """Train for some steps and return texts per second."""
    count, start = 0, clock()
    for _, batch in zip(range(steps), batches, strict=False):
        loss = tl.losses.cross_entropy(model, batch)["cross_entropy"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        count += len(batch)
    return count / (clock() - start)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="optimiser steps of each way in a round")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--cpu-time", action="store_true", help="for a machine that is busy with other things")
    options = parser.parse_args()
    clock = time.process_time if options.cpu_time else time.perf_counter

    env = tl.setup(precision="fp32", quiet=True)
    task = tl.data.load("sentiment", domain="movies", test=100)
    model = tl.models.create("minilm", weights="pretrained").to(env.device).train()
    choice = tl.data.choose_max_length(task, model)
    model.preprocess = choice.preprocess
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    batches = {way: endless(way, task, model, options.batch_size) for way in WAYS}
    for way in WAYS:
        rate(model, batches[way], optimizer, 1, clock)
    rounds = []
    for number in range(options.rounds):
        turned = WAYS[number % 3 :] + WAYS[: number % 3]
        rounds.append({way: rate(model, batches[way], optimizer, options.steps, clock) for way in turned})
        print(f"round {number + 1}: " + ", ".join(f"{way} {rounds[-1][way]:.1f} texts/s" for way in WAYS), flush=True)
    print(f"{choice}; batches of {options.batch_size}, {env.threads} threads, torch {torch.__version__}")
    medians = {}
    for way in WAYS[1:]:
        ratios = sorted(each["buckets"] / each[way] for each in rounds)
        medians[way] = statistics.median(ratios)
        print(f"buckets against {way}: {medians[way]:.2f} times, from {ratios[0]:.2f} to {ratios[-1]:.2f}")
    print(f"aim: {AIM} against maximum")
    return 0 if medians["maximum"] >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
