"""Learning from texts without labels: the next token, and masked ones."""

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.losses._precision import in_full_precision
from tl_course.losses._processes import share_of_tokens
from tl_course.models.structure import unwrap

if TYPE_CHECKING:
    from tl_course.data import Batch


def next_token(model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
    """Cross-entropy of guessing each next token of the batch's texts, the mean over tokens: a language model's loss.

    Labels are not used. The exponential of the loss is the perplexity: among how many equally likely tokens the model
    is undecided.

    Parameters
    ----------
    model : nn.Module
        With ``next_token_logits(input_ids, attention_mask) -> N×L×vocabulary``, as the course's ``gru_small`` has it.
    batch : Batch
        Of N texts.

    Returns
    -------
    dict
        ``{"next_token": scalar}``

    Raises
    ------
    ValueError
        When the model is no such language model.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> model = nn.Module()
    >>> model.next_token_logits = lambda input_ids, attention_mask: torch.zeros(*input_ids.shape, 8)
    >>> tokens = torch.tensor([[2, 5, 3]])
    >>> batch = SimpleNamespace(inputs={"input_ids": tokens, "attention_mask": torch.ones_like(tokens)})
    >>> next_token(model, batch)["next_token"].exp()  # undecided among all 8
    tensor(8.)
    """
    guess = getattr(unwrap(model), "next_token_logits", None)
    if guess is None:
        raise ValueError(
            f"{type(unwrap(model)).__name__} does not guess next tokens (it has no next_token_logits): pretrain "
            'tl.models.create("gru_small") with this loss.'
        )
    tokens, mask = batch.inputs["input_ids"], batch.inputs["attention_mask"]
    guesses = guess(input_ids=tokens, attention_mask=mask)[:, :-1]
    targets = tokens[:, 1:].masked_fill(mask[:, 1:] == 0, -100)  # F.cross_entropy passes over -100
    loss = masked_language_modelling(guesses, targets)
    return {"next_token": loss * share_of_tokens(mask[:, 1:], batch)}


@in_full_precision
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
