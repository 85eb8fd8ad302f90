"""A small recurrent network for texts: a GRU that guesses the next token, and then classifies (ULMFiT in small).

A *language model* reads a text from left to right and is asked for the next token at every place; texts need no labels
for that. What it learned to notice then serves a classifier. Howard & Ruder (2018) did so with an LSTM a year before
BERT; this is their plan at a size that a laptop trains in minutes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

VOCABULARY = 4000
WIDTH = 128  # of an embedding and of the last states, which are compared with embeddings
HIDDEN = 256
DROPOUT = 0.2


class GRUSmall(nn.Module):
    """Two GRU layers (Cho et al. 2014) over word pieces, and a linear head on what they say about the whole text.

    The head is given the last state, the mean and the maximum over all states, one after the other (concat pooling,
    Howard & Ruder 2018). As a language model the network compares its states with the embeddings of all tokens, so that
    it needs no second table (weight tying, Press & Wolf 2017).

    Parameters
    ----------
    num_classes : int
        Outputs of the head ``classifier``.

    Examples
    --------
    >>> model = GRUSmall(num_classes=3)
    >>> tokens = torch.tensor([[2, 7, 9, 3]])
    >>> model(tokens).shape, model.next_token_logits(tokens).shape
    (torch.Size([1, 3]), torch.Size([1, 4, 4000]))
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(VOCABULARY, WIDTH, padding_idx=0)
        # PyTorch's N(0, 1) would make the first guesses of the tied language model as certain as they are wrong.
        nn.init.normal_(self.embeddings.weight, std=0.1)
        self.dropout1 = nn.Dropout(DROPOUT)
        self.layer1 = nn.GRU(WIDTH, HIDDEN, batch_first=True)
        self.dropout2 = nn.Dropout(DROPOUT)
        self.layer2 = nn.GRU(HIDDEN, WIDTH, batch_first=True)
        self.dropout3 = nn.Dropout(DROPOUT)
        self.classifier = nn.Linear(3 * WIDTH, num_classes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Turn token ids N×L into N×num_classes logits; what the mask leaves out, at the end, changes nothing."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        return self.classifier(self.dropout3(concat_pooled(self._states(input_ids), mask)))

    def next_token_logits(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Guess at each place which token comes next: N×L×VOCABULARY logits, from this and the earlier tokens only."""
        return self.dropout3(self._states(input_ids)) @ self.embeddings.weight.T

    def _states(self, input_ids: Tensor) -> Tensor:
        states, _ = self.layer1(self.dropout1(self.embeddings(input_ids)))
        states, _ = self.layer2(self.dropout2(states))
        return states


def concat_pooled(states: Tensor, mask: Tensor) -> Tensor:
    """Return the last state of each text beside the mean and the maximum over its states.

    Parameters
    ----------
    states : Tensor
        N×L×D.
    mask : Tensor
        N×L, 1 for tokens and 0 for the padding behind them; at least one token each.

    Returns
    -------
    Tensor
        N×3D.

    Examples
    --------
    >>> concat_pooled(torch.tensor([[[3.0], [1.0], [9.0]]]), torch.tensor([[1, 1, 0]]))
    tensor([[1., 2., 3.]])
    """
    kept = mask.unsqueeze(-1).bool()
    counts = mask.sum(dim=1)
    last = states[torch.arange(len(states), device=states.device), counts - 1]
    mean = states.where(kept, 0).sum(dim=1) / counts.unsqueeze(-1)
    largest = states.where(kept, -torch.inf).amax(dim=1)
    return torch.cat([last, mean, largest], dim=1)
