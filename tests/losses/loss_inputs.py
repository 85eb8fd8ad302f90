"""Small made-up inputs and networks for tests of losses."""

from types import SimpleNamespace

import torch
from draws import seeds
from torch import nn

from tl_course.models.heads import seeded

SEEDS = seeds(4)
QUIET = {"progress": False}


def draw(seed, *shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def image_batch(seed=0, n=12, shape=(3, 32, 32), classes=10, dtype=torch.float32):
    labels = torch.randint(classes, (n,), generator=torch.Generator().manual_seed(seed))
    return SimpleNamespace(inputs=draw(seed, n, *shape, dtype=dtype), labels=labels)


def small_net(seed=0, *, width=7, hidden=5, classes=3):
    """A small float64 network with BatchNorm and dropout; the head is '4'."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [
            nn.Linear(width, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(hidden, classes),
        ]
        return nn.Sequential(*layers).double()


def point_net(seed=0, *, norm=False, dtype=torch.float32):
    """A network for `tasks.points`: the head is the last layer, the features are six."""
    with seeded(seed):
        layers = [nn.Linear(8, 6), nn.BatchNorm1d(6)] if norm else [nn.Linear(8, 6)]
        return nn.Sequential(*layers, nn.ReLU(), nn.Linear(6, 3)).to(dtype)


def wide_net(seed, hidden, classes=3):
    """A network for `tasks.points` with so many features, '2'; teachers and students differ in their number."""
    with seeded(seed):
        return nn.Sequential(nn.Linear(8, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, classes))


def net_batch(seed=0, n=12, classes=3):
    return image_batch(seed, n, (7,), classes, torch.float64)


def gradient_of(loss, inputs):
    return torch.autograd.grad(loss, inputs)[0]


def small_bert(seed=0, classes=2):
    from transformers import BertConfig, BertForSequenceClassification

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=40,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            num_labels=classes,
        )
        return BertForSequenceClassification(config)


def text_batch(seed=0, n=6):
    ids = torch.randint(40, (n, 9), generator=torch.Generator().manual_seed(seed))
    return SimpleNamespace(
        inputs={"input_ids": ids, "attention_mask": torch.ones_like(ids)}, labels=torch.arange(n) % 2
    )
