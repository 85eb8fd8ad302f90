"""How much `import tl_course` costs over `import torch`: paired runs, each in a fresh Python, in random order.

    python benchmarks/import_time.py --pairs 15

The goal is a ratio of at most 1.2.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import time

GOAL = 1.2
STATEMENTS = {"torch": "import torch", "both": "import torch, tl_course"}


def seconds(statement: str) -> float:
    """Time a fresh Python that runs one statement."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def measure(pairs: int, seed: int = 0) -> dict[str, list[float]]:
    """Return the seconds of each statement, pair by pair, without the first pair: it fills the disk cache."""
    order = random.Random(seed)
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(pairs + 1):
        for name in order.sample(list(STATEMENTS), 2):
            times[name].append(seconds(STATEMENTS[name]))
    return {name: values[1:] for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=15)
    times = measure(parser.parse_args().pairs)
    ratios = [both / alone for alone, both in zip(times["torch"], times["both"], strict=True)]
    for name, statement in STATEMENTS.items():
        print(f"{statement:<26} median {statistics.median(times[name]):.3f} s")
    print(f"{'ratio of the pairs':<26} median {statistics.median(ratios):.3f} (goal: at most {GOAL})")


if __name__ == "__main__":
    main()
