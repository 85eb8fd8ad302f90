"""Distillation of what lies before the answer, as pure functions: hints, attention, relations, hidden states."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tl_course.losses._precision import in_full_precision


@in_full_precision
def hint(student: Tensor, teacher: Tensor) -> Tensor:
    """½·‖u − r(v)‖², as a mean over the batch: how far the student's regressed features are from the teacher's.

    Parameters
    ----------
    student : Tensor, N×…
        r(v): the student's features after the regressor r, a learned layer that gives them the teacher's shape. Its
        parameters must reach the optimiser, or the student is pulled to a random projection; `Hints` sees to it.
    teacher : Tensor, N×…
        u, of the same shape. No gradient flows to it.

    Returns
    -------
    Tensor
        A scalar. It sums over channels and positions, so it grows with the maps' size.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    Romero et al., "FitNets: Hints for thin deep nets", ICLR 2015, equation 3. The paper trains with it first, up to the
    hint's layer, and then with soft targets; `Hints` adds it to the loss of the whole run.

    Examples
    --------
    >>> import torch
    >>> hint(torch.zeros(4, 3), torch.full((4, 3), 2.0))
    tensor(6.)
    """
    if student.shape != teacher.shape or student.ndim < 2:
        raise ValueError(
            f"The regressed features have the shape {tuple(student.shape)} and the teacher's {tuple(teacher.shape)}: "
            "give a regressor that turns the one into the other, such as nn.Conv2d(own, teacher's, kernel_size=1)."
        )
    return (student - teacher.detach()).square().sum() / (2 * len(student))


@in_full_precision
def attention_transfer(student: Tensor, teacher: Tensor) -> Tensor:
    """‖Q_S/‖Q_S‖₂ − Q_T/‖Q_T‖₂‖₂ with Q = vec Σ_c A_c², the mean over the batch: look where the teacher looks.

    Parameters
    ----------
    student, teacher : Tensor, N×C×…
        Feature maps A of the same N examples and the same positions; the numbers of channels may differ. No gradient
        flows to the teacher's.

    Returns
    -------
    Tensor
        A scalar between 0 (the same attention everywhere) and √2 (no position in common). It does not change when
        either side is multiplied by a number.

    Raises
    ------
    ValueError
        If there are no positions, or they differ.

    Notes
    -----
    Zagoruyko and Komodakis, "Paying more attention to attention", ICLR 2017, equation 2 with p = 2; sum over the pairs
    of layers. The authors' *code* takes the mean over examples and positions of the squared differences instead, which
    is smaller by two orders of magnitude: the strength β = 1000 of their experiments belongs to that form.

    Examples
    --------
    >>> import torch
    >>> left, right = torch.zeros(1, 1, 2, 2), torch.zeros(1, 5, 2, 2)
    >>> left[..., 0], right[..., 1] = 1.0, 3.0
    >>> attention_transfer(left, right)
    tensor(1.4142)
    """
    if student.ndim < 3 or student.shape[:1] + student.shape[2:] != teacher.shape[:1] + teacher.shape[2:]:
        raise ValueError(
            f"Maps of shapes {tuple(student.shape)} (student) and {tuple(teacher.shape)} (teacher) have no positions "
            "in common: choose layers N×C×H×W of equal height and width."
        )
    difference = _attention(student) - _attention(teacher.detach())
    return torch.linalg.vector_norm(difference, dim=1).mean()


def _attention(maps: Tensor) -> Tensor:
    return F.normalize(maps.square().sum(dim=1).flatten(1), dim=1)


@in_full_precision
def relational_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth-L1 between the distances within the student's batch and within the teacher's, each over its own mean.

    ψ_ij = ‖x_i − x_j‖/μ, where μ is the mean over the pairs that are not equal; the mean over pairs i ≠ j of
    l(ψ_ij^S − ψ_ij^T), with l(d) = d²/2 for |d| ≤ 1 and |d| − ½ beyond.

    Parameters
    ----------
    student, teacher : Tensor, N×D
        Features of the same N ≥ 2 examples; the widths may differ. No gradient flows to the teacher's.

    Returns
    -------
    Tensor
        A scalar. It does not change when either side is shifted, rotated, or multiplied by a number.

    Raises
    ------
    ValueError
        If the features are no matrices of the same N ≥ 2 rows.

    Notes
    -----
    Park et al., "Relational knowledge distillation", CVPR 2019, who weigh it by 25. The trap is two equal rows in a
    batch: the distance has no derivative there, and with a root of (0 + 1e-12) the gradient comes near 1e11. Here such
    a pair pulls at nobody. The authors' code also counts the N pairs of an example with itself, which are always 0:
    its value is (N−1)/N of this one.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> relational_distance(3 * x + 1, x).item() < 1e-6
    True
    """
    count = _pairwise(student, teacher, at_least=2)
    gaps = F.smooth_l1_loss(_relative_distances(student), _relative_distances(teacher.detach()), reduction="sum")
    return gaps / (count * (count - 1))


@in_full_precision
def relational_angle(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth-L1 between the angles within the student's batch and within the teacher's.

    cos ∠ijk = ⟨e_ij, e_kj⟩ with e_ij = (x_i − x_j)/‖x_i − x_j‖; the mean over triplets of three different examples.

    Parameters
    ----------
    student, teacher : Tensor, N×D
        Features of the same N ≥ 3 examples; the widths may differ. No gradient flows to the teacher's. Memory grows
        with N³ + N²·D.

    Returns
    -------
    Tensor
        A scalar. It does not change when either side is shifted, rotated, or multiplied by a number.

    Raises
    ------
    ValueError
        If the features are no matrices of the same N ≥ 3 rows.

    Notes
    -----
    Park et al. (2019), who weigh it by 50. Where two rows are equal there is no angle: such triplets count 0. The
    authors' code averages over all N³ triplets: its value is (N−1)(N−2)/N² of this one.

    Examples
    --------
    >>> import torch
    >>> square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> relational_angle(5 * square - 1, square).item() < 1e-6
    True
    """
    count = _pairwise(student, teacher, at_least=3)
    cosines, exist = _angles(student)
    theirs, also = _angles(teacher.detach())
    exist = exist & also
    triplets = exist[:, :, None] & exist[:, None, :]
    gaps = F.smooth_l1_loss(cosines.where(triplets, 0), theirs.where(triplets, 0), reduction="sum")
    return gaps / (count * (count - 1) * (count - 2))


def _pairwise(student: Tensor, teacher: Tensor, at_least: int) -> int:
    if student.ndim != 2 or teacher.ndim != 2 or len(student) != len(teacher) or len(student) < at_least:
        raise ValueError(
            f"Relations need features N×D of the same N ≥ {at_least} examples, not {tuple(student.shape)} (student) "
            f"and {tuple(teacher.shape)} (teacher): flatten the maps, or choose a batch_size without a smaller rest."
        )
    return len(student)


def _relative_distances(x: Tensor) -> Tensor:
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")  # exactly 0 for equal rows
    return distances / (distances.sum() / (distances > 0).sum().clamp(min=1)).where((distances > 0).any(), 1)


def _angles(x: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines at each example j between all i and k, N×N×N as [j, i, k]; and which directions j → i exist."""
    towards = x[None] - x[:, None]  # [j, i]: from j to i
    exist = (towards != 0).any(dim=2)
    # A row of ones in place of a zero one has a length with a derivative, which the mask then keeps out.
    lengths = torch.linalg.vector_norm(towards.where(exist[..., None], 1), dim=2, keepdim=True)
    directions = (towards / lengths).where(exist[..., None], 0)
    return directions @ directions.mT, exist


@in_full_precision
def hidden_cosine(student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
    """1 − cos(h_S, h_T), the mean over the tokens of a batch: the direction of the hidden states.

    Parameters
    ----------
    student, teacher : Tensor, N×L×D
        Hidden states of the same tokens, of one width. No gradient flows to the teacher's.
    mask : Tensor, N×L, optional
        1 for a token and 0 for padding, as ``attention_mask``; all are tokens if not given.

    Returns
    -------
    Tensor
        A scalar in [0, 2]; it does not change when a state is multiplied by a positive number.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    Sanh et al., "DistilBERT, a distilled version of BERT", 2019. Padding has states as well: without the mask they
    would be counted.

    Examples
    --------
    >>> import torch
    >>> states = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    >>> hidden_cosine(3 * states, states), hidden_cosine(states.flip(1), states, torch.tensor([[1, 0]]))
    (tensor(0.), tensor(1.))
    """
    if student.shape != teacher.shape or (mask is not None and mask.shape != student.shape[:-1]):
        raise ValueError(
            f"Hidden states of shapes {tuple(student.shape)} (student) and {tuple(teacher.shape)} (teacher) "
            "with a mask N×L: a cosine needs students as wide as their teacher, on the same tokens."
        )
    gaps = 1 - F.cosine_similarity(student, teacher.detach(), dim=-1)
    if mask is None:
        return gaps.mean()
    return (gaps * mask).sum() / mask.sum().clamp(min=1)


def masked_language_modelling(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy at the masked tokens: guess the words that were hidden.

    Parameters
    ----------
    logits : Tensor, N×L×V
        For each token, one number for each word of the vocabulary.
    labels : int64 Tensor, N×L
        The hidden word's number where a token was masked, −100 everywhere else.

    Returns
    -------
    Tensor
        A scalar, the mean over masked tokens; 0 where none is masked (a plain mean would be NaN).

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Devlin et al., "BERT", NAACL 2019. The mean is over the *masked* tokens of the whole batch, not over all tokens.

    Examples
    --------
    >>> import torch
    >>> masked_language_modelling(torch.zeros(1, 3, 8), torch.tensor([[-100, 5, -100]]))  # log 8
    tensor(2.0794)
    """
    if logits.ndim != 3 or logits.shape[:2] != labels.shape:
        raise ValueError(
            f"Logits of shape {tuple(logits.shape)} and labels of shape {tuple(labels.shape)} do not fit: give N×L×V "
            "from a model with a language-modelling head, and N×L."
        )
    total = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
    return total / (labels != -100).sum().clamp(min=1)
