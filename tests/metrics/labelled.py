"""Made-up labels and predictions."""

import numpy as np
from draws import seeds

SEEDS = seeds(5)


def classification(seed, n=200, classes=5):
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    noisy = rng.random(n) < 0.4
    return labels, np.where(noisy, rng.integers(classes, size=n), labels)
