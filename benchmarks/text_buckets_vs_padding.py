"""Texts per second with length buckets, against padding every text to the maximum length and against shuffled batches.

One round is one epoch each way, on the same texts, from the same weights, with the same batch size and optimiser: what
differs is how batches are put together, and nothing else. A stretch of a few batches would not do, as a bucket of short
texts and one of long ones differ more than the ways do. "Maximum" is what ``choose_max_length`` chooses from all the
domain's training texts, the shortest that a careful reader would pad to. The ways take turns in going first, after a
warm-up, and the ratio is taken round by round. On a busy machine ``--cpu-time`` counts the seconds that the process
really computed. Aim: buckets at least 1.5 times as fast as padding to the maximum.

    python benchmarks/text_buckets_vs_padding.py [--domain movies] [--rounds 5]      # exit status 1 below the aim
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import nn
from torch.nn.functional import pad

import tl_course as tl

AIM = 1.5
WAYS = ("buckets", "shuffled", "maximum")


def epoch(way: str, task: tl.data.Task, model: nn.Module, batch_size: int, seed: int) -> Iterator[tl.data.Batch]:
    """Yield every text once, in one of the three ways."""
    for batch in tl.data.batches(task, model, batch_size=batch_size, buckets=way == "buckets", seed=seed):
        if way == "maximum":
            missing = model.preprocess.max_length - batch.inputs["input_ids"].shape[1]
            padded = {name: pad(values, (0, missing)) for name, values in batch.inputs.items()}
            batch = tl.data.Batch(padded, batch.labels, batch.index)
        yield batch


def rate(start: nn.Module, task: tl.data.Task, way: str, batch_size: int, seed: int, clock: Callable) -> float:
    """Train a copy for one epoch and return texts per second; making the batches is part of it."""
    model = copy.deepcopy(start).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    count, began = 0, clock()
    for batch in epoch(way, task, model, batch_size, seed):
        loss = tl.losses.cross_entropy(model, batch)["cross_entropy"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        count += len(batch)
    loss.item()  # on a GPU the clock would otherwise stop before the work does
    assert count == len(task.train), "an epoch must see every text once"
    return count / (clock() - began)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", default="movies")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=480)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--cpu-time", action="store_true", help="for a machine that is busy with other things")
    options = parser.parse_args()
    clock = time.process_time if options.cpu_time else time.perf_counter

    env = tl.setup(precision="fp32", quiet=True)
    task = tl.data.load("sentiment", domain=options.domain, test=100)
    model = tl.models.create("minilm", weights="pretrained").to(env.device)
    choice = tl.data.choose_max_length(task, model)
    model.preprocess = choice.preprocess
    drawn = torch.randperm(len(task.train), generator=tl.environment.generator(0))[: options.texts]
    task = replace(task, train=task.train.subset(drawn))
    warm = replace(task, train=task.train[: options.batch_size])
    for way in WAYS:
        rate(model, warm, way, options.batch_size, 0, clock)
    rounds = []
    for number in range(options.rounds):
        turned = WAYS[number % 3 :] + WAYS[: number % 3]
        rounds.append({way: rate(model, task, way, options.batch_size, number, clock) for way in turned})
        print(f"round {number + 1}: " + ", ".join(f"{way} {rounds[-1][way]:.1f} texts/s" for way in WAYS), flush=True)
    print(f"{choice}; {len(task.train)} of them in batches of {options.batch_size}, {env.threads} threads")
    medians = {}
    for way in WAYS[1:]:
        ratios = sorted(each["buckets"] / each[way] for each in rounds)
        medians[way] = statistics.median(ratios)
        print(f"buckets against {way}: {medians[way]:.2f} times, from {ratios[0]:.2f} to {ratios[-1]:.2f}")
    print(f"aim: {AIM} against maximum")
    return 0 if medians["maximum"] >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
