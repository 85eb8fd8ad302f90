"""Tiny networks with the names and the traps of big ones, for questions whose answers act on a model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.exercises.values import Data

SIDE = 6
"""Pixels of a side of the pictures."""


class TinyResNet(nn.Module):
    """A ResNet's names (``conv1``, ``bn1``, ``layer1``, ``layer2``, ``fc``) on a few hundred weights, in float64.

    Parameters
    ----------
    classes : int
        Outputs of the head ``fc``.
    seed : int
        Of the weights; global random state is left as it was.

    Examples
    --------
    >>> TinyResNet(5, seed=0)(torch.zeros(2, 3, SIDE, SIDE, dtype=torch.float64)).shape
    torch.Size([2, 5])
    """

    def __init__(self, classes: int, seed: int):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.conv1 = nn.Conv2d(3, 4, 3, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(4)
            self.layer1 = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
            self.layer2 = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, bias=False), nn.BatchNorm2d(6), nn.ReLU())
            self.fc = nn.Linear(6, classes)
        self.double()

    def forward(self, images: Tensor) -> Tensor:
        """Turn pictures N×3×6×6 into N×classes logits."""
        x = self.layer1(torch.relu(self.bn1(self.conv1(images))))
        return self.fc(self.layer2(x).mean(dim=(2, 3)))


def pictures(rng: np.random.Generator, count: int, classes: int) -> dict[str, Data]:
    """Draw pictures N×3×6×6 and N labels, each class at least once.

    >>> drawn = pictures(np.random.default_rng(0), 8, 5)
    >>> drawn["images"].shape, sorted(set(drawn["labels"].tolist()))
    ((8, 3, 6, 6), [0, 1, 2, 3, 4])
    """
    labels = rng.permutation(np.arange(count) % classes)
    return {"images": rng.normal(loc=0.5, scale=2.0, size=(count, 3, SIDE, SIDE)), "labels": labels}


def train(model: nn.Module, images: Tensor, labels: Tensor, steps: int = 3) -> None:
    """Take a few steps of SGD with momentum and weight decay on what is trainable, in the mode the model is in.

    >>> data = pictures(np.random.default_rng(0), 8, 5)
    >>> train(TinyResNet(5, seed=0), torch.from_numpy(data["images"]), torch.from_numpy(data["labels"]))
    """
    chosen = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(chosen, lr=0.1, momentum=0.9, weight_decay=0.05) if chosen else None
    for _ in range(steps):
        model.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        if optimizer:
            optimizer.step()


class TinyVGG(nn.Module):
    """A VGG's names (``features``, ``avgpool``, ``classifier``) on a few hundred weights, in float32.

    Parameters
    ----------
    classes : int
        Outputs of the head, the last layer of ``classifier``.
    hidden : sequence of int
        Widths of the linear layers before it, each followed by ReLU and dropout. VGG16 has two.
    seed : int
        Of the weights; global random state is left as it was.

    Examples
    --------
    >>> TinyVGG(5, hidden=[8], seed=0)(torch.zeros(2, 3, SIDE, SIDE)).shape
    torch.Size([2, 5])
    """

    def __init__(self, classes: int, hidden: Sequence[int], seed: int):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            first, second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 3, padding=1)
            self.features = nn.Sequential(first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU())
            self.avgpool = nn.AdaptiveAvgPool2d(2)
            layers: list[nn.Module] = []
            for width, following in pairwise([5 * 2 * 2, *hidden]):
                layers += [nn.Linear(width, following), nn.ReLU(), nn.Dropout(0.5)]
            self.classifier = nn.Sequential(*layers, nn.Linear(hidden[-1], classes))

    def forward(self, images: Tensor) -> Tensor:
        """Turn pictures N×3×6×6 into N×classes logits."""
        return self.classifier(torch.flatten(self.avgpool(self.features(images)), 1))


class TinyEncoder(nn.Module):
    """The names of a BERT classifier with several layers, on a few hundred weights, in float64.

    ``embeddings``, then ``layers``, each of which adds to what it is given, and the head ``classifier``.

    Parameters
    ----------
    depth : int
        Layers.
    classes : int
        Outputs of the head.
    seed : int
        Of the weights; global random state is left as it was.

    Examples
    --------
    >>> TinyEncoder(depth=3, classes=2, seed=0)(torch.zeros(4, 5, dtype=torch.int64)).shape
    torch.Size([4, 2])
    """

    WORDS, WIDTH = 20, 5

    def __init__(self, depth: int, classes: int, seed: int):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embeddings = nn.Embedding(self.WORDS, self.WIDTH)
            self.layers = nn.ModuleList(nn.Linear(self.WIDTH, self.WIDTH) for _ in range(depth))
            self.classifier = nn.Linear(self.WIDTH, classes)
        self.double()

    def forward(self, words: Tensor) -> Tensor:
        """Turn words N×L into N×classes logits."""
        states = self.embeddings(words)
        for layer in self.layers:
            states = states + torch.tanh(layer(states))
        return self.classifier(states.mean(dim=1))
