"""``tl.training.fit`` against Hugging Face's ``Trainer`` on one job: fine-tuning MiniLM on film sentences.

Same weights, texts, batches (those of ``tl.data.batches``, length buckets and all), optimiser, rate and precision
(fp32), no dropout: both end at the same weights, and the run fails where they do not. Trainer is given the batches
ready-made and does nothing besides training; fit also looks at its losses about 20 times. Making the batches counts for
both, and so does what each sets up before its first step. Pairs of runs alternate in one process, in turned order, and
the ratio is taken pair by pair. On a busy machine ``--cpu-time`` counts the seconds that the process really computed.
Aim: fit takes no longer than Trainer.

    python benchmarks/text_fit_vs_trainer.py            # exit status 1 if fit is slower (beyond 5 % of noise)
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

import torch
from torch import nn

import tl_course as tl
from tl_course.training.ready_run import stream

LEARNING_RATE, NOISE = 1e-5, 1.05
# Of the way that a weight can go, which is about the rate in each step: rounding differs where kernels do.
SAME = 0.05


def without_dropout(model: nn.Module) -> nn.Module:
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
        elif hasattr(part, "dropout_prob"):
            part.dropout_prob = 0.0
    return model


def by_fit(
    start: nn.Module, task: tl.data.Task, steps: int, batch_size: int, clock: Callable
) -> tuple[float, nn.Module]:
    """Return seconds and the trained model; making the batches is part of it."""
    model = copy.deepcopy(start)
    began = clock()
    settings = {"lr": LEARNING_RATE, "schedule": "constant", "weight_decay": 0.0, "progress": False}
    tl.training.fit(model, task, steps=steps, batch_size=batch_size, **settings)
    return clock() - began, model


def by_trainer(
    start: nn.Module, task: tl.data.Task, steps: int, batch_size: int, clock: Callable
) -> tuple[float, nn.Module]:
    """The same with Trainer."""
    from transformers import PrinterCallback, Trainer, TrainingArguments

    class Ready(Trainer):
        def get_train_dataloader(self):
            examples = [{**batch.inputs, "labels": batch.labels} for batch in batches]
            return torch.utils.data.DataLoader(examples, batch_size=None)

    model = copy.deepcopy(start)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=steps,
            learning_rate=LEARNING_RATE,
            lr_scheduler_type="constant",
            optim="adamw_torch_fused",  # as fit's
            weight_decay=0.0,
            max_grad_norm=0.0,
            use_cpu=tl.environment.current().device.type == "cpu",
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        began = clock()
        loader = stream(tl.data.batches(task, model, batch_size=batch_size), 0)
        batches = [next(loader) for _ in range(steps)]
        trainer = Ready(model=model, args=arguments, train_dataset=range(steps))
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        return clock() - began, model


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--cpu-time", action="store_true", help="for a machine that is busy with other things")
    options = parser.parse_args()
    clock = time.process_time if options.cpu_time else time.perf_counter

    env = tl.setup(precision="fp32", quiet=True)
    task = tl.data.load("sentiment", domain="movies", train_per_class=200, validation=0, test=20)
    start = without_dropout(tl.models.create("minilm", weights="pretrained"))
    for way in (by_fit, by_trainer):
        way(start, task, 1, options.batch_size, clock)
    ratios, largest = [], 0.0
    for pair in range(options.pairs):
        ways = (by_fit, by_trainer) if pair % 2 == 0 else (by_trainer, by_fit)
        done = {way: way(start, task, options.steps, options.batch_size, clock) for way in ways}
        (ours, model), (theirs, peer) = done[by_fit], done[by_trainer]
        differences = zip(model.parameters(), peer.parameters(), strict=True)
        largest = max(largest, *(float((a.cpu() - b.cpu()).detach().abs().max()) for a, b in differences))
        ratios.append(ours / theirs)
        print(f"pair {pair + 1}: fit {ours:.2f} s, Trainer {theirs:.2f} s", flush=True)
    median = statistics.median(ratios)
    print(
        f"{options.steps} steps of {options.batch_size}, {env.threads} threads: fit takes {median:.2f} of Trainer's "
        f"time (median; {min(ratios):.2f} to {max(ratios):.2f}); weights differ by at most {largest:.1e}"
    )
    assert largest <= SAME * LEARNING_RATE * options.steps, "the two did not do the same"
    return 0 if median <= NOISE else 1


if __name__ == "__main__":
    sys.exit(main())
