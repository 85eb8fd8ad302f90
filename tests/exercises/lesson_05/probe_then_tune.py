"""Answers to ``probe_then_tune`` as learners write them: right ones in other ways, wrong ones by name."""

from tl_course import models


def _with_the_package(model, train, steps):
    models.freeze(model, except_head=True)
    train(model, steps // 3)
    models.unfreeze(model)
    model.train()
    train(model, steps - steps // 3)


def _by_names(model, train, steps):
    model.eval()
    for name, weight in model.named_parameters():
        weight.requires_grad = name.startswith("fc.")
    train(model, steps // 3)
    for weight in model.parameters():
        weight.requires_grad = True
    train(model.train(), steps - steps // 3)


def _flags(model, value):
    for name, weight in model.named_parameters():
        weight.requires_grad = value or name.startswith("fc.")


def _flags_alone(model, train, steps):
    _flags(model, False)
    train(model, steps // 3)
    _flags(model, True)
    train(model, steps - steps // 3)


def _frozen_throughout(model, train, steps):
    _flags(model.eval(), False)
    for count in (steps // 3, steps - steps // 3):
        train(model, count)


def _eval_throughout(model, train, steps):
    _flags(model.eval(), False)
    train(model, steps // 3)
    _flags(model, True)
    train(model, steps - steps // 3)


def _head_last(model, train, steps):
    train(model, steps - steps // 3)
    _flags(model.eval(), False)
    train(model, steps // 3)


def _four_thirds(model, train, steps):
    _flags(model.eval(), False)
    train(model, steps // 3)
    _flags(model.train(), True)
    train(model, steps)


def _two_calls(model, train, steps):
    for count in (steps // 3, steps - steps // 3):
        train(model, count)


RIGHT = [_with_the_package, _by_names]

WRONG = {
    "statistics move": _flags_alone,
    "never thawed": _frozen_throughout,
    "still in eval": _eval_throughout,
    "everything first": _head_last,
    "too many steps": _four_thirds,
    "nothing frozen": _two_calls,
}


def _parts_of_a_step(model, train, steps):
    _flags(model.eval(), False)
    train(model, steps / 3)
    _flags(model.train(), True)
    train(model, steps - steps / 3)


NO_ANSWERS = [lambda model, train, steps: train(model, steps), lambda model, train, steps: None, _parts_of_a_step]
"""Wrong answers that have no name: they must not pass."""
