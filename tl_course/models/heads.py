"""What goes in, what comes out, and the head between features and classes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from tl_course.models.freezing import unfreeze
from tl_course.models.structure import head_of, is_distributed, is_text, unwrap
from tl_course.plain_numbers import real_number, whole_number

Inputs = Tensor | Mapping[str, Tensor]
POOLINGS = ("mean", "cls")


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw random numbers on the CPU from ``seed`` inside the block; outside it they stay as they were.

    Only the CPU's generator is seeded (``torch.manual_seed`` would reseed every GPU, too), and it is put back.

    >>> with seeded(0):
    ...     first = torch.rand(1)
    >>> with seeded(0):
    ...     second = torch.rand(1)
    >>> torch.equal(first, second)
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(whole_number("seed", seed))
        yield


def logits(model: nn.Module, inputs: Inputs) -> Tensor:
    """Run a model and return its logits; its inputs and outputs may have any names.

    Parameters
    ----------
    model : nn.Module
    inputs : Tensor or dict of str to Tensor
        Pictures or features N×…, or a tokenised batch (``input_ids``, ``attention_mask``), already preprocessed.

    Returns
    -------
    Tensor
        N×C; unwrapped when the model returns an object with ``.logits``, as BERTs (and Inception in training) do.

    Examples
    --------
    >>> logits(nn.Linear(4, 3), torch.zeros(2, 4)).shape
    torch.Size([2, 3])
    """
    output = model(**inputs) if isinstance(inputs, Mapping) else model(inputs)
    return getattr(output, "logits", output)


def embed(model: nn.Module, inputs: Inputs, *, pooling: str = "mean") -> Tensor:
    """Run the backbone and return the features, one row for each example.

    For pictures the features are what the head is given. For texts ``pooling`` says what stands for a text: ``"mean"``
    is the mean of the last hidden states over the tokens that the attention mask keeps (what MiniLM was trained with,
    and right for a linear probe); ``"cls"`` is what the head is given, made by the pooler from the first token (right
    for fine-tuning). ``head(embed(...))`` therefore equals ``logits(...)`` for pictures and for ``pooling="cls"``. An
    encoder of the Hugging Face hub or of a folder has no pooler here: its head is given the mean, by either name.

    The model's mode and gradients are left alone: call ``model.eval()`` first for features without dropout.

    Parameters
    ----------
    model : nn.Module
    inputs : Tensor or dict of str to Tensor
        Preprocessed, as for :func:`logits`.
    pooling : {"mean", "cls"}
        For texts only.

    Returns
    -------
    Tensor
        N×D, D as in ``model.spec.feature_dim``.

    Raises
    ------
    ValueError
        When ``pooling`` is unknown or the model has no head.

    Examples
    --------
    >>> from tl_course import models
    >>> models.embed(models.create("resnet_small"), torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 288])
    """
    if pooling not in POOLINGS:
        raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, not {pooling!r}.")
    model = unwrap(model)
    if is_text(model) and pooling == "mean":
        states = model.base_model(**inputs).last_hidden_state
        return masked_mean(states, inputs["attention_mask"])
    return given_to_head(model, inputs)


def replace_head(model: nn.Module, num_classes: int, *, seed: int = 0, std: float | None = None) -> nn.Linear:
    """Put a new, trainable head in place of the model's head, in place, and return it.

    Only the head changes; the rest, frozen or not, stays as it is. Build the optimiser afterwards: one that was built
    before still holds the old head.

    Parameters
    ----------
    model : nn.Module
    num_classes : int
        Outputs of the new head.
    seed : int
        Of the new head's random weights; the global random state is not touched.
    std : float, optional
        Draw the weights from N(0, std²) and set the bias to 0 (BERT uses 0.02); PyTorch's default if left out.

    Returns
    -------
    nn.Linear
        The new head, on the device and in the type of the old one.

    Raises
    ------
    ValueError
        When there are no classes, ``std`` is negative, the model has no head that can be replaced, or
        DistributedDataParallel has it: the gradients of a head that it does not know stay different on each process.

    Examples
    --------
    >>> from tl_course import models
    >>> model = models.create("resnet_small")
    >>> models.replace_head(model, 3)
    Linear(in_features=288, out_features=3, bias=True)
    >>> model.spec.num_classes
    3
    """
    num_classes, seed = whole_number("num_classes", num_classes, least=1), whole_number("seed", seed)
    std = real_number("std", std)
    if std is not None and std < 0:
        raise ValueError(f"std={std} must not be negative; give a number from 0, such as 0.01.")
    if is_distributed(model):
        raise ValueError("replace the head before DistributedDataParallel wraps the model; wrap it again afterwards.")
    model = unwrap(model)
    name, old = head_of(model)
    if old is model:
        raise ValueError("this model is only a head; make a new nn.Linear instead.")
    with seeded(seed):
        head = nn.Linear(old.in_features, num_classes)
        if std is not None:
            nn.init.normal_(head.weight, std=std)
            nn.init.zeros_(head.bias)
    model.set_submodule(name, head.to(old.weight))
    unfreeze(model, parts=[name])  # the containers around a frozen head would keep the new one in eval
    _note_classes(model, num_classes)
    return head


def _note_classes(model: nn.Module, num_classes: int) -> None:
    if hasattr(model, "spec"):
        model.spec = replace(model.spec, num_classes=num_classes, class_names=None)
    if is_text(model):
        model.config.num_labels = model.num_labels = num_classes
    elif hasattr(model, "num_classes"):
        model.num_classes = num_classes


def given_to_head(model: nn.Module, inputs: Inputs) -> Tensor:
    """Run a model and return what its head is given.

    >>> network = nn.Sequential(nn.ReLU(), nn.Linear(2, 3))
    >>> given_to_head(network, torch.tensor([[-1.0, 2.0]]))
    tensor([[0., 2.]])
    """
    given: list[Tensor] = []
    hook = head_of(model)[1].register_forward_pre_hook(lambda _, args: given.append(args[0]))
    try:
        logits(model, inputs)
    finally:
        hook.remove()
    return given[0]


def masked_mean(states: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of N×L×D states over the tokens that an N×L mask keeps, N×D.

    >>> masked_mean(torch.tensor([[[2.0], [4.0], [9.0]]]), torch.tensor([[1, 1, 0]]))
    tensor([[3.]])
    """
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
