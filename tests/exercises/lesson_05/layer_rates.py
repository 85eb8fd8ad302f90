"""Answers to ``layer_rates`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


def _by_name(model, rate, decay):
    power = {"fc": 0, "layer2": 1, "layer1": 2, "bn1": 3, "conv1": 3}
    return torch.optim.SGD(
        [{"params": [w], "lr": rate * decay ** power[name.split(".")[0]]} for name, w in model.named_parameters()]
    )


def _step_by_step(model, rate, decay):
    groups = []
    for parts in ([model.fc], [model.layer2], [model.layer1], [model.conv1, model.bn1]):
        groups.append({"params": [w for part in parts for w in part.parameters()], "lr": rate})
        rate = rate * decay
    return torch.optim.SGD(groups, lr=1.0)


def _rates(powers):
    def answer(model, rate, decay):
        optimizer = torch.optim.SGD(model.fc.parameters(), lr=rate * decay ** powers["fc"])
        for name in ("layer2", "layer1", "conv1", "bn1"):
            if name in powers:
                group = {"params": getattr(model, name).parameters(), "lr": rate * decay ** powers[name]}
                optimizer.add_param_group(group)
        return optimizer

    return answer


def _headless(model, rate, decay):
    body = [w for name, w in model.named_parameters() if "fc" not in name]
    return torch.optim.SGD(body, lr=rate * decay)


RIGHT = [_by_name, _step_by_step, _rates({"fc": 0, "layer2": 1, "layer1": 2, "conv1": 3, "bn1": 3})]

WRONG = {
    "one rate for all": lambda model, rate, decay: torch.optim.SGD(model.parameters(), lr=rate),
    "upside down": _rates({"fc": 3, "layer2": 2, "layer1": 1, "conv1": 0, "bn1": 0}),
    "head forgotten": _headless,
    "stem forgotten": _rates({"fc": 0, "layer2": 1, "layer1": 2, "bn1": 3}),
    "head decayed": _rates({"fc": 1, "layer2": 2, "layer1": 3, "conv1": 4, "bn1": 4}),
}

NO_ANSWERS = [lambda model, rate, decay: torch.optim.AdamW(model.parameters(), lr=rate)]
"""Wrong answers that have no name: they must not pass."""
