"""Answers to the questions of lesson 03 as learners write them: right ones in other ways, wrong ones by name."""

import copy
import io

import torch
from torch import nn

# --- safe_load --------------------------------------------------------------------------------------------------------


def _by_default(model, file):
    model.load_state_dict(torch.load(file))


def _name_by_name(model, file):
    content = torch.load(file, weights_only=True)
    own = model.state_dict()
    if set(own) != set(content):
        raise ValueError("The names do not fit.")
    for name in own:
        own[name].copy_(content[name])


def _looked_at_afterwards(model, file):
    found = model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True), strict=False)
    if found.missing_keys or found.unexpected_keys:
        raise KeyError(str(found))


def _as_given(model, file):
    model.load_state_dict(torch.load(file, weights_only=False), strict=False)


def _unsafe(model, file):
    state = torch.load(file, weights_only=False)
    model.load_state_dict(state)


def _lenient(model, file):
    model.load_state_dict(torch.load(file), strict=False)


def _quiet(model, file):
    try:
        model.load_state_dict(torch.load(file))
    except Exception as error:
        print("could not load:", error)


def _by_parameters(model, file):
    state = torch.load(file)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.data = state[name].data


def _another_model(model, file):
    state = torch.load(file)
    model = copy.deepcopy(model)
    model.load_state_dict(state)
    return model


# --- rotations --------------------------------------------------------------------------------------------------------


def _by_flips(images):
    quarter = images.transpose(2, 3).flip(2)
    versions = [images, quarter, images.flip(2).flip(3), images.transpose(2, 3).flip(3)]
    return torch.cat(versions), torch.tensor([k for k in range(4) for _ in images])


def _by_loop(images):
    made, labels = [], []
    for k in range(4):
        for image in images:
            made.append(torch.rot90(image, k, dims=(1, 2)))
            labels.append(k)
    return torch.stack(made), torch.tensor(labels)


def _one_after_another(images):
    versions = torch.stack([torch.rot90(images, k, dims=(-2, -1)) for k in range(4)])
    return versions.flatten(0, 1), torch.arange(4)[:, None].expand(4, len(images)).reshape(-1)


def _with(*, turns=(0, 1, 2, 3), dims=(2, 3), factor=1, repeat=False):
    def answer(images):
        labels = [factor * k for k in turns]
        labels = labels * len(images) if repeat else [label for label in labels for _ in images]
        return torch.cat([torch.rot90(images, k, dims) for k in turns]), torch.tensor(labels)

    return answer


def _backwards(images):
    return torch.cat([torch.rot90(images, k, (3, 2)) for k in range(4)]), torch.arange(4).repeat_interleave(len(images))


def _mirrored(images):
    versions = (images, torch.flip(images, [3]), torch.flip(images, [2]), torch.flip(images, [2, 3]))
    return torch.cat(versions), torch.arange(4).repeat_interleave(len(images))


# --- split_first ------------------------------------------------------------------------------------------------------


def _by_numbers(photographs, held, turn):
    images, labels = turn(photographs)
    number = torch.arange(len(photographs)).repeat(4)
    test = number >= len(photographs) - held
    return (images[~test], labels[~test]), (images[test], labels[test])


def _by_split(photographs, held, turn):
    train, test = photographs.split([len(photographs) - held, held])
    return [turn(train), turn(test)]


def _leaky(photographs, held, turn):
    images, labels = turn(photographs)
    return (images[: -4 * held], labels[: -4 * held]), (images[-4 * held :], labels[-4 * held :])


def _shuffled(photographs, held, turn):
    images, labels = turn(photographs)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    train, test = order[4 * held :], order[: 4 * held]
    return (images[train], labels[train]), (images[test], labels[test])


def _everything(photographs, held, turn):
    return turn(photographs), turn(photographs[len(photographs) - held :])


def _upright(photographs, held, turn):
    test = photographs[-held:]
    return turn(photographs[:-held]), (test, torch.zeros(len(test)))


# --- resume -----------------------------------------------------------------------------------------------------------


def _through_a_file(model, optimizer, make):
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 3}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    model, optimizer = make()
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    return model, optimizer


def _by_deepcopy(model, optimizer, make):
    return copy.deepcopy((model, optimizer))


def _weight_by_weight(model, optimizer, make):
    new, fresh = make()
    new.load_state_dict(model.state_dict())
    for mine, theirs in zip(new.parameters(), model.parameters(), strict=True):
        fresh.state[mine]["momentum_buffer"] = optimizer.state[theirs]["momentum_buffer"].clone()
    fresh.param_groups[0]["lr"] = optimizer.param_groups[0]["lr"]
    return new, fresh


def _weights_only(model, optimizer, make):
    new, fresh = make()
    new.load_state_dict(model.state_dict())
    return new, fresh


def _with_rate(model, optimizer, make):
    new, fresh = _weights_only(model, optimizer, make)
    for group, old in zip(fresh.param_groups, optimizer.param_groups, strict=True):
        group["lr"] = old["lr"]
    return new, fresh


def _optimizer_only(model, optimizer, make):
    new, fresh = make()
    fresh.load_state_dict(optimizer.state_dict())
    return new, fresh


def _parameters_only(model, optimizer, make):
    new, fresh = _optimizer_only(model, optimizer, make)
    with torch.no_grad():
        for mine, theirs in zip(new.parameters(), model.parameters(), strict=True):
            mine.copy_(theirs)
    return new, fresh


def _new_with_old(model, optimizer, make):
    new, _ = make()
    new.load_state_dict(model.state_dict())
    return new, optimizer


# --- credit -----------------------------------------------------------------------------------------------------------


def _means_first(random, control, imagenet):
    means = torch.stack([random, control, imagenet]).mean(dim=1)
    return means.diff()


def _by_sums(random, control, imagenet):
    n = len(random)
    return (sum(control) - sum(random)) / n, (sum(imagenet) - sum(control)) / n


RIGHT = {
    "crosses_over": ["a, b and e", {"E", "B", "A"}, ["A", "B", "E"]],
    "safe_load": [_by_default, _name_by_name, _looked_at_afterwards],
    "rotations": [_by_flips, _by_loop, _one_after_another],
    "split_first": [_by_numbers, _by_split],
    "resume": [_through_a_file, _by_deepcopy, _weight_by_weight],
    "credit": [_means_first, _by_sums],
}

WRONG = {
    "crosses_over": {
        "head carried along": "ABCE",
        "optimiser carried along": {"A", "B", "D", "E"},
        "examples carried along": "a, b, e and f",
        "buffers forgotten": ["A", "E"],
        "how to feed it forgotten": "AB",
    },
    "safe_load": {
        "both settings": _as_given,
        "code ran": _unsafe,
        "errors swallowed": _quiet,
        "not strict": _lenient,
        "parameters only": _by_parameters,
        "not into the model": _another_model,
    },
    "rotations": {
        "wrong axes": _with(dims=(1, 2)),
        "labels in another order": _with(repeat=True),
        "the other way round": _backwards,
        "degrees": _with(factor=90),
        "upright left out": _with(turns=(1, 2, 3)),
        "flipped": _mirrored,
    },
    "split_first": {
        "trains on all": _everything,
        "the same photograph on both sides": _shuffled,
        "test not turned": _upright,
        "sides swapped": lambda photographs, held, turn: (turn(photographs[-held:]), turn(photographs[:-held])),
        "first held out": lambda photographs, held, turn: (turn(photographs[held:]), turn(photographs[:held])),
    },
    "resume": {
        "old optimiser": _new_with_old,
        "same objects": lambda model, optimizer, make: [model, optimizer],
        "statistics lost": _parameters_only,
        "optimiser lost": _weights_only,
        "momentum lost": _with_rate,
        "weights lost": _optimizer_only,
        "started anew": lambda model, optimizer, make: list(make()),
    },
    "credit": {
        "all to the teacher": lambda r, c, i: [c.mean() - r.mean(), i.mean() - r.mean()],
        "swapped": lambda r, c, i: [i.mean() - c.mean(), c.mean() - r.mean()],
        "not from random weights": lambda r, c, i: [c.mean(), i.mean() - c.mean()],
        "signs": lambda r, c, i: [r.mean() - c.mean(), c.mean() - i.mean()],
        "ratios": lambda r, c, i: [part / (i.mean() - r.mean()) for part in (c.mean() - r.mean(), i.mean() - c.mean())],
    },
}

NO_ANSWERS = {
    "safe_load": [lambda model, file: torch.load(file), lambda model, file: model.apply(nn.Module.eval)],
    "rotations": [lambda images: (images, torch.zeros(len(images)))],
    "split_first": [_leaky, lambda photographs, held, turn: (turn(photographs), turn(photographs))],
    "credit": [lambda random, control, imagenet: [0.0, 0.0]],
}
"""Wrong answers that have no name: they must not pass."""
