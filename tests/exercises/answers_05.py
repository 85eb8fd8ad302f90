"""Answers to the questions of lesson 05 as learners write them: right ones in other ways, wrong ones by name."""

import numpy as np
import torch
from torch import nn

from tl_course import models

# --- freeze_bn --------------------------------------------------------------------------------------------------------


def _freeze_by_package(model):
    models.freeze(model, parts=["conv1", "bn1", "layer1", "layer2"])


def _freeze_all_but_head(model):
    model.eval()
    for name, weight in model.named_parameters():
        weight.requires_grad = name.startswith("fc")


def _freeze_by_detach(model):
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    for weight in [w for n, w in model.named_parameters() if "fc" not in n]:
        weight.grad, weight.requires_grad = None, False


def _flags_only(model):
    for name, weight in model.named_parameters():
        if not name.startswith("fc."):
            weight.requires_grad = False


def _eval_only(model):
    model.eval()


def _no_grad_block(model):
    with torch.no_grad():
        model.requires_grad = False


def _convolutions_and_modes(model):
    model.eval()
    for name in ("conv1", "layer1", "layer2"):
        for module in getattr(model, name).modules():
            if isinstance(module, nn.Conv2d):
                module.weight.requires_grad = False


def _all_frozen(model):
    for weight in model.parameters():
        weight.requires_grad = False


# --- thaw_head --------------------------------------------------------------------------------------------------------


def _thaw_by_names(model):
    for name, weight in model.named_parameters():
        weight.requires_grad = name.split(".")[0] in ("layer2", "fc")


def _thaw_by_package(model):
    models.freeze(model, parts=["conv1", "bn1", "layer1"])


def _thaw_with_loop(model):
    for weight in model.parameters():
        weight.requires_grad_(False)
    for weight in [*model.layer2.parameters(), *model.fc.parameters()]:
        weight.requires_grad_(True)


def _as_given(model):
    for weight in model.parameters():
        weight.requires_grad = False
    for weight in model.layer2.parameters():
        weight.requires_grad = True
    model.fc.requires_grad = True


def _both_by_attribute(model):
    for weight in model.parameters():
        weight.requires_grad = False
    model.layer2.requires_grad = model.fc.requires_grad = True


def _head_by_method(model):
    for name, weight in model.named_parameters():
        weight.requires_grad = name in ("fc.weight", "fc.bias")


def _three_parts(model):
    for name, weight in model.named_parameters():
        weight.requires_grad = name.split(".")[0] in ("layer1", "layer2", "fc")


# --- two_stages -------------------------------------------------------------------------------------------------------


def _stages_in_a_loop(model, source, target, new_head, train):
    for data, head in ((source, model.fc), (target, new_head)):
        setattr(model, "fc", head)  # noqa: B010
        train(model, data)


def _stages_in_a_copy(model, source, target, new_head, train):
    import copy

    train(model, source)
    network = copy.deepcopy(model)
    network.fc = copy.deepcopy(new_head)
    train(network, target)
    return network


def _swapped_and_back(model, source, target, new_head, train):
    model.fc = new_head
    for _ in range(2):
        train(model, target)


def _source_with_new_head(model, source, target, new_head, train):
    model.fc = new_head
    train(model, source)
    return model


def _without_new_head(model, source, target, new_head, train):
    for data in (source, target):
        train(model, data)
    return model


def _without_second(model, source, target, new_head, train):
    train(model, source)
    model.fc = new_head


def _twice(model, source, target, new_head, train):
    for _ in (source, target):
        train(model, target)


# --- fair_test --------------------------------------------------------------------------------------------------------


def _one_by_one(model, images):
    before = model.training
    model.train(False)
    with torch.inference_mode():
        rows = [model(image[None])[0] for image in images]
    model.train(before)
    return torch.stack(rows)


def _on_a_copy(model, images):
    import copy

    return copy.deepcopy(model).eval()(images).detach()


def _whole_batch_in_train(model, images):
    model.train()
    return model(images).detach()


def _no_no_grad(model, images):
    before = model.training
    logits = torch.stack([model.eval()(image[None]).squeeze(0) for image in images])
    return model.train(before) and logits


def _stays_in_eval(model, images):
    return model.eval()(images).detach()


def _always_back_to_train(model, images):
    logits = model.eval()(images).detach()
    model.train()
    return logits


# --- report -----------------------------------------------------------------------------------------------------------


def _report_by_counter(losses, every):
    rows, total, count = [], 0.0, 0
    for step, loss in enumerate(losses, start=1):
        total, count = total + loss, count + 1
        if count == every or step == len(losses):
            rows.append((step, total / count))
            total, count = 0.0, 0
    return rows


def _report_by_numpy(losses, every):
    parts = np.split(np.array(losses), range(every, len(losses), every))
    return np.stack([np.cumsum([len(part) for part in parts]), [part.mean() for part in parts]], axis=1)


def _as_printed(losses, every):
    rows, total = [], 0.0
    for i, loss in enumerate(losses):
        total += loss
        if i % every == every - 1:
            rows.append([i + 1, total / every])
            total = 0.0
    return rows


def _always_over_every(losses, every):
    rows, total = [], 0.0
    for step, loss in enumerate(losses, start=1):
        total += loss
        if step % every == 0 or step == len(losses):
            rows.append([step, total / every])
            total = 0.0
    return rows


def _running_mean(losses, every):
    rows, total = [], 0.0
    for step, loss in enumerate(losses, start=1):
        total += loss
        if step % every == 0 or step == len(losses):
            rows.append([step, total / step])
    return rows


def _single_losses(losses, every):
    steps = {*range(every, len(losses) + 1, every), len(losses)}
    return [[step, losses[step - 1]] for step in sorted(steps)]


def _index_of_last(losses, every):
    return [[step - 1, mean] for step, mean in _report_by_counter(losses, every)]


# --- layer_rates ------------------------------------------------------------------------------------------------------


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


RIGHT = {
    "freeze_bn": [_freeze_by_package, _freeze_all_but_head, _freeze_by_detach],
    "loud_or_silent": ["b and d", {"D", "B"}, ["B", "D"]],
    "thaw_head": [_thaw_by_names, _thaw_by_package, _thaw_with_loop],
    "two_stages": [_stages_in_a_loop, _stages_in_a_copy],
    "fair_test": [_one_by_one, _on_a_copy],
    "report": [_report_by_counter, _report_by_numpy],
    "layer_rates": [_by_name, _step_by_step, _rates({"fc": 0, "layer2": 1, "layer1": 2, "conv1": 3, "bn1": 3})],
}

WRONG = {
    "freeze_bn": {
        "statistics move": _flags_only,
        "weights move": _eval_only,
        "scales move": _convolutions_and_modes,
        "nothing frozen": _no_grad_block,
        "head frozen too": _all_frozen,
    },
    "loud_or_silent": {"A is loud": "ABD", "C is right": "BC", "D forgotten": ["B"], "B forgotten": "D"},
    "thaw_head": {
        "head stays random": _as_given,
        "nothing learns": _both_by_attribute,
        "head alone": _head_by_method,
        "everything learns": lambda model: None,
        "too much learns": _three_parts,
    },
    "two_stages": {
        "same data twice": _twice,
        "target only": _swapped_and_back,
        "head first": _source_with_new_head,
        "old head": _without_new_head,
        "no fine-tuning": _without_second,
    },
    "fair_test": {
        "train mode": _whole_batch_in_train,
        "graph kept": _no_no_grad,
        "left in eval": _stays_in_eval,
        "left in train": _always_back_to_train,
    },
    "report": {
        "tail lost": _as_printed,
        "tail divided by every": _always_over_every,
        "never reset": _running_mean,
        "last loss": _single_losses,
        "counted from zero": _index_of_last,
    },
    "layer_rates": {
        "one rate for all": lambda model, rate, decay: torch.optim.SGD(model.parameters(), lr=rate),
        "upside down": _rates({"fc": 3, "layer2": 2, "layer1": 1, "conv1": 0, "bn1": 0}),
        "head forgotten": _headless,
        "stem forgotten": _rates({"fc": 0, "layer2": 1, "layer1": 2, "bn1": 3}),
        "head decayed": _rates({"fc": 1, "layer2": 2, "layer1": 3, "conv1": 4, "bn1": 4}),
    },
}

NO_ANSWERS = {
    "freeze_bn": [lambda model: model.bn1.eval(), lambda model: model.conv1.requires_grad_(False)],
    "two_stages": [lambda model, source, target, new_head, train: train(model, source)],
    "fair_test": [lambda model, images: torch.zeros(len(images), 4), lambda model, images: images],
    "layer_rates": [lambda model, rate, decay: torch.optim.AdamW(model.parameters(), lr=rate)],
}
"""Wrong answers that have no name: they must not pass."""
