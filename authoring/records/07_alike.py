"""Record 07_alike: how alike a fine-tuned ResNet is to what it was, and to one that learned the same from scratch.

The networks of record 07_layers, on mini with its steps, labels and rates: everything kept, and nothing kept. ``value``
is linear CKA by the unbiased estimator, between the fine-tuned network and the one that ``method`` names, over 500 test
pictures (mini). Features are the outputs of the stage that ``setting`` names, as means over places.

* ``before``: the same network before its fine-tuning;
* ``scratch``: the network from scratch, of the same seed.
"""

from functools import cache

import torch
from torch import Tensor

import tl_course as tl
from authoring.records.common import load, network, product

layers = load("07_layers")

env = tl.environment.current()
PROFILES = layers.PROFILES
PICTURES = env.examples(500)
STAGES = ("layer1", "layer2", "layer3", "layer4")
CELLS = product(("cifar10", "mnist_m"), ("before", "scratch"), STAGES, range(5))
CHEAP = False


@cache
def features(target: str, method: str, seed: int) -> dict[str, Tensor]:
    """What each stage of a network says of the test pictures: N×K."""
    options = {"seed": seed, "augment": layers.strategies.AUGMENT[target], "test": PICTURES}
    task = tl.data.load(target, train_per_class=layers.LABELS, **options)
    if method == "before":
        model = network(env.backbone, weights=env.weights, num_classes=task.num_classes, size=env.pixels, seed=seed)
    else:
        kept = layers.ALL if method == "tuned" else 0
        model = layers.trained("reuse", kept, task, seed, layers.RATES[target]["reuse", kept]).model
    found: dict[str, Tensor] = {}
    for name in STAGES:
        model.get_submodule(name).register_forward_hook(
            lambda _module, _given, out, name=name: found.update({name: out.mean(dim=(2, 3)).float().cpu()})
        )
    with torch.no_grad():
        model.eval()(model.preprocess(task.test.inputs.to(env.device)))
    return found


def measure(cell) -> float:
    """CKA of one stage in two networks."""
    one, tuned = (features(cell.target, method, cell.seed)[cell.setting] for method in (cell.method, "tuned"))
    return tl.metrics.cka(one, tuned)
