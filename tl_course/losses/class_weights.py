"""Classes of unequal size."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.losses._model import logits
from tl_course.plain_numbers import whole_number

if TYPE_CHECKING:
    from tl_course.data import Batch


def class_weights(labels: Tensor, num_classes: int | None = None) -> Tensor:
    """n/(C·n_c): the weight of each class at which all classes count the same, and an average example counts 1.

    Parameters
    ----------
    labels : int64 Tensor, n
        Of the training examples, n_c of them of class c.
    num_classes : int, optional
        C; the largest label plus 1 if left out.

    Returns
    -------
    Tensor
        float32 C.

    Raises
    ------
    ValueError
        When a class has no example, or a label is not below C.

    Notes
    -----
    King and Zeng, "Logistic regression in rare events data", 2001; scikit-learn calls these weights "balanced".

    Examples
    --------
    >>> class_weights(torch.tensor([0, 0, 0, 1]))
    tensor([0.6667, 2.0000])
    """
    num_classes = None if num_classes is None else whole_number("num_classes", num_classes, least=0)
    counts = torch.bincount(labels.cpu(), minlength=num_classes or 0)
    if num_classes is not None and len(counts) > num_classes:
        raise ValueError(f"Label {len(counts) - 1} is not one of {num_classes} classes: give 0 to {num_classes - 1}.")
    if len(counts) == 0 or not counts.all():
        missing = ", ".join(map(str, (counts == 0).nonzero().flatten().tolist())) or "any"
        raise ValueError(f"There is no example of class {missing}, so nothing to weight: draw more, or leave it out.")
    return counts.sum() / (len(counts) * counts)


class ClassWeighted:
    """Cross-entropy in which the rare classes weigh as much as the frequent ones.

    Parameters
    ----------
    labels : int64 Tensor
        Of the training examples: ``task.train.labels``.
    num_classes : int, optional
        Number of classes; the largest label plus 1 if left out.

    Raises
    ------
    ValueError
        When a class has no example.

    Notes
    -----
    Each example's cross-entropy is multiplied by its class's weight, see `class_weights`, and the mean is taken over
    the N examples of the batch. ``F.cross_entropy(..., weight=)`` divides by the sum of their weights instead, which
    changes from batch to batch: in a batch of one class the weights then cancel. Over all training examples both are
    the mean of the C classes' own mean losses. The term is called ``cross_entropy``; pass the object as the ``base`` of
    another loss to combine them.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> loss = ClassWeighted(torch.tensor([0, 0, 0, 1]))
    >>> batch = SimpleNamespace(inputs=torch.zeros(4, 8), labels=torch.tensor([0, 0, 0, 1]))
    >>> loss(nn.Linear(8, 2, bias=False), batch)["cross_entropy"].detach()  # undecided: log 2
    tensor(0.6931)
    """

    def __init__(self, labels: Tensor, num_classes: int | None = None):
        self.weights = class_weights(labels, num_classes)

    def __call__(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        answers = logits(model, batch.inputs)
        if answers.shape[1] < len(self.weights):
            raise ValueError(
                f"The head has {answers.shape[1]} outputs and there are weights for {len(self.weights)} classes: give "
                f"the model a new head with tl.models.replace_head(model, {len(self.weights)})."
            )
        self.weights = self.weights.to(answers.device)  # copied in the first step only
        each = F.cross_entropy(answers, batch.labels, reduction="none")
        return {"cross_entropy": (self.weights[batch.labels] * each).mean()}
