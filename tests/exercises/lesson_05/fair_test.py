"""Answers to ``fair_test`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


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


RIGHT = [_one_by_one, _on_a_copy]

WRONG = {
    "train mode": _whole_batch_in_train,
    "graph kept": _no_no_grad,
    "left in eval": _stays_in_eval,
    "left in train": _always_back_to_train,
}

NO_ANSWERS = [lambda model, images: torch.zeros(len(images), 4), lambda model, images: images]
"""Wrong answers that have no name: they must not pass."""
