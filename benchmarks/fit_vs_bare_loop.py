"""How much `fit` costs beside a bare PyTorch loop that does the same steps, at 32 pixels. Aim: within 5 %.

Both train the same network from the same weights on the same batches with the same optimiser. The runs are paired and
interleaved, in turned order, so that a busy machine disturbs both alike; the ratio is the median of the pairs' ratios.
The ratio of processor times is printed as well: other programs disturb it less than the clock.

    python benchmarks/fit_vs_bare_loop.py [--pairs 9] [--model resnet_small]
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F

import tl_course as tl


def bare(model, task, steps: int, batch_size: int) -> None:
    train = tl.data.batches(task, model, batch_size=batch_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True)
    model.train()
    done = 0
    while done < steps:
        for batch in train:
            with tl.training.run.autocast(batch.labels.device):
                loss = F.cross_entropy(model(batch.inputs), batch.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done += 1
            if done == steps:
                break


def with_fit(model, task, steps: int, batch_size: int) -> None:
    # the history once at the end: evaluating on validation is no part of a bare loop
    tl.training.fit(
        model, task, steps=steps, batch_size=batch_size, schedule="constant", evaluate_every=steps, progress=True
    )


def seconds(train, name: str, task, steps: int, batch_size: int) -> tuple[float, float, torch.nn.Module]:
    model = tl.models.create(name, num_classes=task.num_classes)
    if tl.environment.current().precision == "bf16":
        model.to(memory_format=torch.channels_last)
    start, busy = time.perf_counter(), time.process_time()
    train(model, task, steps, batch_size)
    return time.perf_counter() - start, time.process_time() - busy, model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--model", default="resnet_small")
    chosen = parser.parse_args()
    tl.setup()
    # no validation split: its evaluation is not what is compared
    task = tl.data.load("mnist_m", train_per_class=100, validation=0.0, test=100)
    rest = (chosen.model, task, chosen.steps, chosen.batch_size)
    seconds(bare, chosen.model, task, 3, chosen.batch_size)
    pairs = []
    for pair in range(chosen.pairs):
        order = (bare, with_fit) if pair % 2 == 0 else (with_fit, bare)
        taken = {train: seconds(train, *rest) for train in order}
        for ours, theirs in zip(taken[with_fit][-1].parameters(), taken[bare][-1].parameters(), strict=True):
            assert torch.equal(ours, theirs), "the two loops did not do the same"
        pairs.append([*taken[with_fit][:2], *taken[bare][:2]])
        print(f"pair {pair + 1}: fit {pairs[-1][0]:.2f} s, bare {pairs[-1][2]:.2f} s")
    fit, plain = (statistics.median(pair[column] for pair in pairs) for column in (0, 2))
    clock = statistics.median(pair[0] / pair[2] for pair in pairs)
    processor = statistics.median(pair[1] / pair[3] for pair in pairs)
    print(
        f"{chosen.model}, {chosen.steps} steps of {chosen.batch_size}: equal weights; medians {fit:.2f} s for fit and"
    )
    print(f"{plain:.2f} s for the bare loop; ratio {clock:.3f} by clock, {processor:.3f} in processor time (aim: 1.05)")


if __name__ == "__main__":
    main()
