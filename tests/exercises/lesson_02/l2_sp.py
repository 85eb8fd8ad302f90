"""Answers to ``l2_sp`` as learners write them: right ones in other ways, wrong ones by name."""

import torch

from tl_course import losses


def _by_deepcopy(model, strength):
    import copy

    before = copy.deepcopy(model).requires_grad_(False)

    def penalty():
        total = 0
        for now, then in zip(model.parameters(), before.parameters(), strict=True):
            total = total + ((now - then) ** 2).sum()
        return 0.5 * strength * total

    return penalty


def _by_package(model, strength):
    start = [torch.clone(w).detach() for w in model.parameters()]
    return lambda: losses.l2_sp(model.parameters(), start, alpha=strength, beta=0.0)


def _by_state_dict(model, strength):
    start = {name: w.clone() for name, w in model.state_dict().items()}
    return lambda: strength / 2 * sum(((w - start[n]) ** 2).sum() for n, w in model.named_parameters())


def _state_dict_without_copy(model, strength):
    start = model.state_dict()
    return lambda: strength / 2 * sum(((w - start[n]) ** 2).sum() for n, w in model.named_parameters())


def _decay(model, strength):
    return lambda: strength / 2 * sum((w**2).sum() for w in model.parameters())


def _without_half(model, strength):
    start = [w.detach().clone() for w in model.parameters()]
    return lambda: strength * sum(((w - s) ** 2).sum() for w, s in zip(model.parameters(), start, strict=True))


def _means(model, strength):
    start = [w.detach().clone() for w in model.parameters()]
    return lambda: strength / 2 * sum(((w - s) ** 2).mean() for w, s in zip(model.parameters(), start, strict=True))


def _norms(model, strength):
    start = [w.detach().clone() for w in model.parameters()]
    return lambda: strength / 2 * sum((w - s).norm() for w, s in zip(model.parameters(), start, strict=True))


def _clone_only(model, strength):
    start = [w.clone() for w in model.parameters()]
    return lambda: strength / 2 * sum(((w - s) ** 2).sum() for w, s in zip(model.parameters(), start, strict=True))


RIGHT = [_by_deepcopy, _by_package, _by_state_dict]

WRONG = {
    "no copy": _state_dict_without_copy,
    "pulls to zero": _decay,
    "factor two": _without_half,
    "not squared": _norms,
    "mean instead of sum": _means,
    "clone in the graph": _clone_only,
}

NO_ANSWERS = [lambda model, strength: 0.0, lambda model, strength: lambda: 0]
"""Wrong answers that have no name: they must not pass."""
