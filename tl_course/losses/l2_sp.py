"""Fine-tuning that stays near the source's weights: L2-SP."""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tl_course import models
from tl_course.losses._model import module_named
from tl_course.losses._precision import full
from tl_course.losses.cross_entropy import cross_entropy
from tl_course.losses.loss import Loss, check_inside
from tl_course.models.structure import unwrap
from tl_course.plain_numbers import real_number

if TYPE_CHECKING:
    from tl_course.data import Batch


def l2_sp(
    shared: Iterable[Tensor], source: Iterable[Tensor], new: Iterable[Tensor] = (), *, alpha: float, beta: float
) -> Tensor:
    """(α/2)·‖w_S − w_S⁰‖² + (β/2)·‖w_new‖²: weight decay towards the source's weights, and to zero for new ones.

    Parameters
    ----------
    shared, source : tensors, pairwise of equal shapes
        The weights w_S now and their values w_S⁰ at the source. The values must be a *copy*: ``w.detach()`` shares
        memory with w, and the penalty would always stay zero.
    new : tensors of any shapes
        Weights that the source does not have, such as a new head's.
    alpha, beta : float
        Strengths; each is the gradient's factor, as in weight decay.

    Returns
    -------
    Tensor
        A scalar, 0 where w_S = w_S⁰ and nothing is new; its gradient is α(w_S − w_S⁰) and β·w_new. Half precision is
        computed in float32.

    Raises
    ------
    ValueError
        If the numbers of tensors or the shapes of a pair differ, or there is no tensor at all.

    Notes
    -----
    Li, Grandvalet and Davoine, "Explicit inductive bias for transfer learning with convolutional networks", ICML 2018.

    Examples
    --------
    >>> import torch
    >>> w, start = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([1.0, 1.0])
    >>> penalty = l2_sp([w], [start], alpha=0.1, beta=0.01)
    >>> penalty.backward(); penalty.item(), w.grad
    (0.05..., tensor([0.0000, 0.1000]))
    """
    shared, source, new = list(shared), list(source), list(new)
    shapes, source_shapes = ([tuple(w.shape) for w in weights] for weights in (shared, source))
    if shapes != source_shapes:
        raise ValueError(
            f"L2-SP needs pairs of equal shapes, not {shapes} with {source_shapes}: pass the others as new weights."
        )
    if not shared and not new:
        raise ValueError("L2-SP was given no weights at all: pass the parameters that are trained.")
    alpha, beta = real_number("alpha", alpha), real_number("beta", beta)
    terms = [alpha / 2 * (full(w) - full(start)).square().sum() for w, start in zip(shared, source, strict=True)]
    terms += [beta / 2 * full(w).square().sum() for w in new]
    return torch.stack(terms).sum()


class L2SP:
    """Adds (α/2)·‖w_S − w_S⁰‖² + (β/2)·‖w_new‖²: fine-tuning that stays near the source's weights.

    Set the optimiser's weight decay to 0 beside it: weight decay pulls to zero, away from the source. Frozen weights
    cost nothing and are left out. Unlike AdamW's decay this is a part of the loss, and Adam rescales its gradient.

    Parameters
    ----------
    source : nn.Module or mapping of str to Tensor
        The model at the source, or its weights by name. They are copied here and now, so the source may be the very
        model that is about to be trained.
    alpha, beta : float
        Strengths for shared and for new weights.
    new : names of modules, optional
        Whose weights are new, the head's if not given (``tl_course.models.head_of``). Always new are weights that the
        source lacks or has in another shape. ``new=()`` ties a head that was kept to the source's as well.
    base : loss for the loop
        The loss to which the penalty is added.

    Raises
    ------
    ValueError
        When called with a model that shares no weight's name with the source, or that lacks a module named in `new`.

    Notes
    -----
    See `l2_sp`; the term is called ``l2_sp``.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.Linear(4, 2))
    >>> batch = SimpleNamespace(inputs=torch.ones(4, 8), labels=torch.tensor([0, 1, 0, 1]))
    >>> loss = L2SP(model, beta=0.0)
    >>> loss(model, batch)["l2_sp"].item()  # nothing has moved yet
    0.0
    >>> _ = model[0].weight.data.add_(1.0)  # 32 weights move by 1
    >>> round(loss(model, batch)["l2_sp"].item(), 4)
    1.6
    """

    def __init__(
        self,
        source: nn.Module | Mapping[str, Tensor],
        *,
        alpha: float = 0.1,
        beta: float = 0.01,
        new: Collection[str] | None = None,
        base: Loss = cross_entropy,
    ):
        weights = source if isinstance(source, Mapping) else dict(unwrap(source).named_parameters())
        self.source = {name: value.detach().clone() for name, value in weights.items()}
        self.alpha, self.beta = real_number("alpha", alpha), real_number("beta", beta)
        self.new, self.base = new, check_inside(base, self)

    def __call__(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        terms = self.base(model, batch)
        shared, source, new = self._sorted(unwrap(model))
        return {**terms, "l2_sp": l2_sp(shared, source, new, alpha=self.alpha, beta=self.beta)}

    def _sorted(self, model: nn.Module) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        parameters = dict(model.named_parameters())
        if not parameters.keys() & self.source.keys():
            raise ValueError(
                f"L2SP finds no weight of the source in {type(model).__name__}, whose first is "
                f"{next(iter(parameters), 'missing')!r}: give it a source of the same architecture."
            )
        fresh = self._new_modules(model)
        shared, source, new = [], [], []
        for name, parameter in parameters.items():
            if not parameter.requires_grad:
                continue
            start = self.source.get(name)
            if start is None or start.shape != parameter.shape or any(_is_under(name, module) for module in fresh):
                new.append(parameter)
                continue
            if start.device != parameter.device:
                start = self.source[name] = start.to(parameter.device)
            shared.append(parameter)
            source.append(start)
        return shared, source, new

    def _new_modules(self, model: nn.Module) -> Collection[str]:
        if self.new is None:
            return [models.head_of(model)[0]]
        for name in self.new:
            module_named(model, name)
        return self.new


def _is_under(parameter: str, module: str) -> bool:
    return not module or parameter.startswith(f"{module}.")
