"""What the short spin of idle threads, which `tl-course start` and `tl-course run` set, costs and saves.

Trains the small ResNet for a few steps in processes of their own: with the default of GNU's OpenMP, with the course's
short spin (`GOMP_SPINCOUNT`), and with threads that sleep at once (`OMP_WAIT_POLICY=PASSIVE`); alone on the machine and
beside a twin that does the same, in turned order. Prints the median seconds of a step, and the median ratio to the
default, round by round: above 1 on a quiet machine is the price, below 1 beside a twin the gain.

    python benchmarks/waiting_threads.py [--rounds 3] [--steps 10]
"""

import argparse
import os
import statistics
import subprocess
import sys

from tl_course.environment import SPIN_COUNT

POLICIES = {
    "default": {},
    "short spin": {"GOMP_SPINCOUNT": str(SPIN_COUNT)},
    "no spin": {"OMP_WAIT_POLICY": "PASSIVE"},
}
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
    inherited = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    command = [sys.executable, "-c", STEP.format(steps=steps)]
    settings = {"env": inherited | POLICIES[policy], "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, **settings) for _ in range(twins)]
    return statistics.mean(float(process.communicate()[0]) for process in running)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    for twins, where in ((1, "alone"), (2, "beside a twin")):
        found = {policy: [] for policy in POLICIES}
        for number in range(options.rounds):
            for policy in sorted(POLICIES, reverse=bool(number % 2)):
                found[policy].append(seconds(policy, options.steps, twins))
        for policy, values in found.items():
            ratio = statistics.median(one / other for one, other in zip(values, found["default"], strict=True))
            print(f"{where:<14} {policy:<11} {statistics.median(values):.2f} s a step, {ratio:.2f} times the default")


if __name__ == "__main__":
    main()
