"""A linear probe on features that are computed once, against the head behind the backbone that is run every epoch.

Both train the same head from the same weights on the same batches. Aims: logits equal to 1e-5 of the largest, and at
least 5 times faster over 10 epochs, the making of the features included. The runs are paired and interleaved, in turned
order. Texts (``--model minilm``) are learned from in one batch, since features have no lengths to be put in order by.

    python benchmarks/features_vs_recomputing.py [--pairs 3] [--model resnet_small | minilm]
"""

import argparse
import copy
import statistics
import time

import tl_course as tl


def task_for(name: str) -> tl.data.Task:
    if tl.models.MODELS[name].kind == "text":
        return tl.data.load("sentiment", train_per_class=80, test=200)
    return tl.data.load("mnist_m", train_per_class=100, test=200)


def made(name: str, task):
    weights = "pretrained" if name == "minilm" else None
    model = tl.models.create(name, weights=weights, num_classes=task.num_classes)
    tl.models.freeze(model, except_head=True)
    return model


def recomputing(name: str, task, epochs: int):
    model = made(name, task)
    start = time.perf_counter()
    run = tl.training.fit(model, task, epochs=epochs, progress=False)
    return time.perf_counter() - start, run.logits("test")


def cached(name: str, task, epochs: int):
    model = made(name, task)
    pooling = "cls" if task.kind == "text" else None  # what a BERT's head is given
    start = time.perf_counter()
    head = copy.deepcopy(tl.models.head_of(model)[1])
    run = tl.training.fit(head, tl.data.features(model, task, pooling=pooling), epochs=epochs, progress=False)
    return time.perf_counter() - start, run.logits("test")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--model", default="resnet_small")
    chosen = parser.parse_args()
    tl.setup(precision="fp32")
    task = task_for(chosen.model)
    pairs, largest = [], 0.0
    for pair in range(chosen.pairs):
        order = (cached, recomputing) if pair % 2 == 0 else (recomputing, cached)
        taken = {way: way(chosen.model, task, chosen.epochs) for way in order}
        (fast, ours), (slow, theirs) = taken[cached], taken[recomputing]
        largest = max(largest, float((ours - theirs).abs().max() / theirs.abs().max()))
        pairs.append((fast, slow))
        print(f"pair {pair + 1}: cached {fast:.2f} s, recomputing {slow:.2f} s")
    fast, slow = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(theirs / ours for ours, theirs in pairs)
    print(f"{chosen.model}, {task}, {chosen.epochs} epochs: medians {fast:.2f} s cached, {slow:.2f} s recomputing;")
    print(f"{ratio:.1f} times faster (aim: 5 or more); logits differ by {largest:.1e} of the largest (aim: 1e-5)")


if __name__ == "__main__":
    main()
