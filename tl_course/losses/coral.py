"""Adapting to a target without its labels: the same covariance in both domains."""

from torch import Tensor

from tl_course.losses._precision import in_full_precision
from tl_course.losses._samples import check_samples
from tl_course.losses.adaptation import Adaptation


@in_full_precision
def coral(source: Tensor, target: Tensor) -> Tensor:
    """‖C_s − C_t‖²_F / (4d²): how far two samples' covariances are from each other.

    Parameters
    ----------
    source : Tensor, n×d
    target : Tensor, m×d
        Features of the two domains; n and m ≥ 2 may differ. Gradients flow to both.

    Returns
    -------
    Tensor
        A scalar: 0 exactly where the covariances (with n − 1) are equal. It does not see the means, and is multiplied
        by c⁴ when both samples are multiplied by c.

    Raises
    ------
    ValueError
        If the widths differ, or a sample has fewer than two rows: one row has no covariance.

    Notes
    -----
    Sun and Saenko, "Deep CORAL", ECCV 2016 workshops. The division by 4d² makes it small: weights of 1 to 100 are
    usual. Some published code adds the distance of the means, or leaves out the 4.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> coral(x, x + 7), coral(x, 2 * x)
    (tensor(0.), tensor(0.5000))
    """
    check_samples(source, target, "CORAL")
    gap = _covariance(source) - _covariance(target)
    return gap.square().sum() / (4 * source.shape[1] ** 2)


def _covariance(x: Tensor) -> Tensor:
    centred = x - x.mean(dim=0)
    return centred.T @ centred / (len(x) - 1)


class CORAL(Adaptation):
    """Adds weight·‖C_s − C_t‖²_F/(4d²): the features of both domains get the same covariance.

    Parameters
    ----------
    model, target, weight, layer, batch_norm, batch_size, seed, base
        See `Adaptation`, which says what becomes of BatchNorm. The term is small: weights of 1 to 100 are usual.

    Raises
    ------
    ValueError
        As `Adaptation`; when called with a source batch of one example.

    Notes
    -----
    Sun and Saenko, "Deep CORAL", 2016, who align the logits (``layer="fc"`` of a ResNet). See `coral`; the term is
    called ``coral``.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> from tl_course.data import Split, Task
    >>> part = Split(torch.randn(6, 8), torch.tensor([0, 1] * 3))
    >>> target = Task("t", "Target", "features", ("a", "b"), part, part, part, "made up")
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.Linear(4, 2))
    >>> batch = SimpleNamespace(inputs=torch.randn(4, 8), labels=torch.tensor([0, 1, 0, 1]))
    >>> list(CORAL(model, target, weight=10.0)(model, batch))
    ['cross_entropy', 'coral']
    """

    term = "coral"

    def compare(self, source: Tensor, target: Tensor) -> Tensor:
        """The term, from n×d and m×d features."""
        return coral(source, target)
