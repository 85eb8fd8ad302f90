"""What `OMP_WAIT_POLICY=PASSIVE`, which `tl-course start` and `tl-course run` set, costs and saves.

Trains the small ResNet for a few steps in processes of their own: with OpenMP's default and with sleeping threads,
alone on the machine and beside a twin that does the same, in turned order. Prints the median seconds of a step and, of
each pair, the median ratio of sleeping to default: above 1 on a quiet machine is the price, below 1 beside a twin the
gain.

    python benchmarks/waiting_threads.py [--pairs 3] [--steps 10]
"""

import argparse
import os
import statistics
import subprocess
import sys

POLICIES = {"default": {}, "sleeping": {"OMP_WAIT_POLICY": "PASSIVE"}}
STEP = """
import tl_course as tl
tl.setup(quiet=True)
task = tl.data.load("mnist_m", train_per_class=10)
model = tl.models.create("resnet_small", num_classes=10)
steps = {steps}
run = tl.training.fit(model, task, steps=steps, batch_size=32, evaluate_every=steps, progress=False)
print(run.seconds / steps)
"""


def seconds(policy: str, steps: int, twins: int) -> float:
    """Seconds of a step, the mean over processes that run side by side."""
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    command = [sys.executable, "-c", STEP.format(steps=steps)]
    settings = {"env": inherited | POLICIES[policy], "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, **settings) for _ in range(twins)]
    return statistics.mean(float(process.communicate()[0]) for process in running)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    for twins, where in ((1, "alone"), (2, "beside a twin")):
        found = {policy: [] for policy in POLICIES}
        for number in range(options.pairs):
            for policy in sorted(POLICIES, reverse=bool(number % 2)):
                found[policy].append(seconds(policy, options.steps, twins))
        ratio = statistics.median(b / a for a, b in zip(found["default"], found["sleeping"], strict=True))
        means = ", ".join(f"{policy} {statistics.median(values):.2f} s" for policy, values in found.items())
        print(f"{where:<14} {means} a step; sleeping / default {ratio:.2f}")


if __name__ == "__main__":
    main()
