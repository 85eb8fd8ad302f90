"""Ways to run an answer and show what it did. A question with a need of its own brings its own probe.

A probe brings back values, and leaves the conclusions to the judge: weights after three steps rather than "it moved",
outputs rather than "it is in eval mode". A conclusion can be made up; a value has to be computed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from tl_course.exercises.values import Data, Unfit, difference, plain, tensors

_HOW_TO_CHOOSE = 'Write the letters you choose as a text, such as `"AC"`.'


def call(answer: object, case: dict[str, Data]) -> Data:
    """Call the answer with the values of the case, in their order; arrays become tensors. For pure functions.

    Raises
    ------
    Unfit
        If the answer is no function, or changed what it was given.

    Examples
    --------
    >>> call(lambda x, y: x - y, {"x": 3.0, "y": 1.0})
    2.0
    """
    arguments = tensors(case)
    result = plain(_function(answer)(*arguments.values()))
    for name, before in case.items():
        if difference(plain(arguments[name]), before, rtol=0, atol=0):
            raise Unfit(f"It changed `{name}`, which it was given; work on a copy, or compute something new.")
    return result


def need_function(answer: object, signature: str) -> None:
    """Refuse what is no function; a network is callable, and no answer either. For probes of a question's own.

    Raises
    ------
    Unfit
        With the line that the answer should begin with.

    Examples
    --------
    >>> need_function(len, "answer_length(texts)")
    >>> need_function(3, "answer_length(texts)")
    Traceback (most recent call last):
    tl_course.exercises.values.Unfit: It is int, and a function was asked for: write `def answer_length(texts):`.
    """
    if not callable(answer) or isinstance(answer, torch.nn.Module):
        raise Unfit(f"It is {type(answer).__name__}, and a function was asked for: write `def {signature}:`.")


def value(answer: object, case: dict[str, Data]) -> Data:
    """Take the answer itself. For predictions.

    >>> value(64, {})
    64
    """
    if callable(answer):
        raise Unfit("It is a function, and a value was asked for: call it.")
    return plain(answer)


def letters(answer: object, case: dict[str, Data]) -> list[str]:
    """Take the answer as a choice of letters, however it is written. For predictions.

    >>> letters("A and c", {}), letters({"B", "A"}, {}), letters(["c"], {})
    (['A', 'C'], ['A', 'B'], ['C'])
    """
    chosen = answer.upper().replace(" AND ", " ").split() if isinstance(answer, str) else answer
    if not isinstance(chosen, list | tuple | set | frozenset) or not all(isinstance(one, str) for one in chosen):
        raise Unfit(_HOW_TO_CHOOSE)
    found = {letter for one in chosen for letter in one.upper() if letter.isalpha()}
    if len(found) < sum(letter.isalpha() for one in chosen for letter in one):
        raise Unfit(_HOW_TO_CHOOSE)  # a word, not letters
    return sorted(found)


def with_gradients(*names: str) -> Callable[[object, dict[str, Data]], dict[str, Data]]:
    """Return a probe for losses: call the answer, and differentiate what it gives back by these arguments.

    An argument that the result does not depend on has the gradient zero.

    >>> probe = with_gradients("x")
    >>> probe(lambda x: (x * x).sum(), {"x": torch.tensor([3.0]).numpy()})
    {'value': array(9., dtype=float32), 'gradient by x': array([6.], dtype=float32)}
    """

    def probe(answer: object, case: dict[str, Data]) -> dict[str, Data]:
        arguments = tensors(case)
        watched = [arguments[name].requires_grad_() for name in names]
        result = _function(answer)(*arguments.values())
        return {"value": plain(result)} | {
            f"gradient by {name}": gradient for name, gradient in zip(names, gradients(result, watched), strict=True)
        }

    return probe


def gradients(result: object, watched: list[torch.Tensor]) -> list[Data]:
    """Return the gradients of a scalar by these tensors; zeros where it does not depend on one.

    Raises
    ------
    Unfit
        If the result is a tensor of more than one number, or none at all.
    """
    zeros = [torch.zeros_like(tensor) for tensor in watched]
    if isinstance(result, int | float):
        return plain(zeros)
    if not isinstance(result, torch.Tensor) or result.numel() != 1:
        found = f"a tensor of shape {tuple(result.shape)}" if isinstance(result, torch.Tensor) else repr(result)[:60]
        raise Unfit(f"It gave back {found}; give back one number, the loss.")
    if not result.requires_grad:
        return plain(zeros)
    found = torch.autograd.grad(result.sum(), watched, allow_unused=True)
    return plain([zero if one is None else one for one, zero in zip(found, zeros, strict=True)])


def load_optimizers() -> None:
    """Make one optimiser: the first of a process imports for seconds, which are no part of an answer's time."""
    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1).step()


def state(model: torch.nn.Module) -> dict[str, Data]:
    """Return every parameter and buffer of a model, by name."""
    return {name: plain(tensor) for name, tensor in model.state_dict().items()}


def _function(answer: object) -> Callable:
    if not callable(answer):
        raise Unfit(f"It is {type(answer).__name__}, and a function was asked for: write `def answer_…(…):`.")
    return answer
