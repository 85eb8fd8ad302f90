"""Answers to ``learned_regressor`` as learners write them: right ones in other ways, wrong ones by name."""

import torch
import torch.nn.functional as F
from torch import nn

from tl_course import losses


def _trained(which, factor=0.5, per_picture=True, clear="optimizer", cut=False):
    """A loop as learners write it: which of the three the optimiser holds, and what is made of the squares."""

    def answer(student, teacher, regressor, images, rate):
        networks = {"s": student, "r": regressor, "t": teacher}
        optimizer = torch.optim.SGD([w for key in which for w in networks[key].parameters()], lr=rate)
        for _ in range(3):
            if clear == "optimizer":
                optimizer.zero_grad()
            elif clear == "student":
                student.zero_grad()
            features = student(images)
            gap = teacher(images) - regressor(features.detach() if cut else features)
            loss = factor * (gap.pow(2).flatten(1).sum(1).mean() if per_picture else gap.pow(2).sum())
            loss.backward()
            optimizer.step()

    return answer


def _by_loss_of_package(student, teacher, regressor, images, rate):
    groups = [{"params": student.parameters()}, {"params": regressor.parameters()}]
    optimizer = torch.optim.SGD(groups, lr=rate)
    for _ in range(3):
        optimizer.zero_grad()
        losses.hint(regressor(student(images)), teacher(images)).backward()
        optimizer.step()


def _two_optimizers(student, teacher, regressor, images, rate):
    both = [torch.optim.SGD(network.parameters(), lr=rate) for network in (student, regressor)]
    wanted = teacher(images).detach()
    for _ in range(3):
        loss = F.mse_loss(regressor(student(images)), wanted, reduction="sum") / len(images) / 2
        student.zero_grad()
        regressor.zero_grad()
        loss.backward()
        for optimizer in both:
            optimizer.step()


def _as_one_model(student, teacher, regressor, images, rate):
    model = nn.Sequential(student, regressor)
    weights = list(model.parameters())
    for _ in range(3):
        gap = model(images) - teacher(images).detach()
        gradients = torch.autograd.grad(gap.square().sum(dim=(1, 2, 3)).mean() / 2, weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight -= rate * gradient


def _mean_of_squares(factor):
    def answer(student, teacher, regressor, images, rate):
        optimizer = torch.optim.SGD([*regressor.parameters(), *student.parameters()], lr=rate)
        for _ in range(3):
            optimizer.zero_grad()
            (factor * F.mse_loss(regressor(student(images)), teacher(images).detach())).backward()
            optimizer.step()

    return answer


def _without_step(student, teacher, regressor, images, rate):
    for _ in range(3):
        losses.hint(regressor(student(images)), teacher(images)).backward()


RIGHT = [_by_loss_of_package, _two_optimizers, _as_one_model, _trained("rs")]

WRONG = {
    "regressor not trained": _trained("s"),
    "student stands still": _trained("sr", cut=True),
    "teacher moves": _trained("srt"),
    "nothing moves": _without_step,
    "no half": _trained("sr", factor=1.0),
    "summed over the batch": _trained("sr", per_picture=False),
    "mean over every number": _mean_of_squares(1.0),
    "gradients add up": _trained("sr", clear=""),
}

NO_ANSWERS = [_trained("sr", clear="student"), _trained("t"), _mean_of_squares(0.25)]
"""Wrong answers that have no name: they must not pass."""
