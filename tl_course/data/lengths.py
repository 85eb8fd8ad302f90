"""How long texts are: batches of similar length, and a maximum length that is chosen and not guessed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tl_course.data.task import Task
from tl_course.plain_numbers import real_number

if TYPE_CHECKING:
    from tl_course.data.preprocess import TextPreprocess

# Lengths are compared after a random stretch by up to a fifth, so that a text meets other texts in the next epoch. The
# padding that this costs is below a tenth.
STRETCH = 0.2
LONGEST = 512  # as many positions as BERT was trained with
MULTIPLE = 8  # sizes that matrix units like


def bucketed(lengths: Tensor, batch_size: int, random: torch.Generator) -> Tensor:
    """Return a random order of texts in which those of one batch are of similar length.

    Texts are sorted by their randomly stretched length and cut into batches, and the batches are shuffled. The smaller
    batch at the end, where there is one, is drawn at random from all texts: it would otherwise be the longest ones in
    every epoch.

    Parameters
    ----------
    lengths : Tensor
        int64 N, tokens of each text.
    batch_size : int
    random : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor
        int64 N, each of 0…N−1 once; every ``batch_size`` of them are a batch.

    Examples
    --------
    >>> order = bucketed(torch.tensor([3, 90, 4, 80, 3, 85]), 3, torch.Generator().manual_seed(0))
    >>> sorted(sorted(batch.tolist()) for batch in order.split(3))
    [[0, 2, 4], [1, 3, 5]]
    """
    count = len(lengths)
    stretched = lengths * (1 + STRETCH * torch.rand(count, generator=random))
    order = torch.randperm(count, generator=random)
    last, full = order[: count % batch_size], order[count % batch_size :]
    batches = full[stretched[full].argsort()].view(count // batch_size, batch_size)
    return torch.cat([batches[torch.randperm(len(batches), generator=random)].flatten(), last])


@dataclass(frozen=True)
class LengthChoice:
    """A maximum length and what it costs; printing it says so.

    Attributes
    ----------
    max_length : int
        In tokens, the special ones at both ends included.
    count, cut : int
        Training texts, and how many of them are longer.
    longest : int
        Tokens of the longest training text.
    preprocess : TextPreprocess
        The model's, with this maximum length.
    """

    max_length: int
    count: int
    cut: int
    longest: int
    preprocess: TextPreprocess

    def __str__(self) -> str:
        verb = "is" if self.cut == 1 else "are"
        return (
            f"max_length={self.max_length}: {self.cut:,} of {self.count:,} training texts {verb} cut "
            f"({self.cut / self.count:.1%}); the longest has {self.longest:,} tokens"
        )


def choose_max_length(task: Task, model: nn.Module, keep: float = 0.99) -> LengthChoice:
    """Choose the smallest maximum length at which enough of the training texts stay whole.

    Time and memory of attention grow with the square of the longest text in a batch, so that one very long text is paid
    for by all beside it. The length is a multiple of 8, and at most 512 or what the model has positions for.

    Parameters
    ----------
    task : Task
        Of texts; only ``task.train`` is looked at.
    model : nn.Module
        With a :class:`TextPreprocess` as ``model.preprocess``. It is not changed.
    keep : float
        Share of the training texts that must stay whole, in (0, 1].

    Returns
    -------
    LengthChoice
        Print it; ``model.preprocess = choice.preprocess`` puts it into force.

    Raises
    ------
    ValueError
        When the task or the model is not one of texts, or ``keep`` is no share.

    Examples
    --------
    >>> from transformers import BertTokenizer
    >>> from tl_course.data import Split, Task, TextPreprocess
    >>> words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "good", "film"]
    >>> model = nn.Linear(1, 2)
    >>> model.preprocess = TextPreprocess(BertTokenizer(vocab={word: i for i, word in enumerate(words)}))
    >>> part = Split(["a good film"] * 9 + ["a good film " * 10], torch.arange(10) % 2)
    >>> task = Task("toy", "Toy", "text", ("a", "b"), part, part, part, "made up")
    >>> print(choose_max_length(task, model, keep=0.9))
    max_length=8: 1 of 10 training texts is cut (10.0%); the longest has 32 tokens
    """
    preprocess = getattr(model, "preprocess", None)
    if task.kind != "text" or not hasattr(preprocess, "tokenizer"):
        raise ValueError(
            f"{task.title} is a task of {task.kind}s and {type(model).__name__} may not read texts; a maximum length "
            "is chosen for texts and a model of tl.models.create that reads them."
        )
    if not 0 < real_number("keep", keep) <= 1:
        raise ValueError(f"keep={keep} is no share of the texts; give a number above 0 and up to 1, such as 0.99.")
    lengths = token_counts(task.train.inputs, preprocess).sort().values
    enough = int(lengths[max(math.ceil(keep * len(lengths) - 1e-9), 1) - 1])  # 0.07 · 100 is a little more than 7
    positions = getattr(getattr(model, "config", None), "max_position_embeddings", LONGEST)
    length = min(-(-enough // MULTIPLE) * MULTIPLE, LONGEST, positions)
    cut = int((lengths > length).sum())
    return LengthChoice(length, len(lengths), cut, int(lengths[-1]), replace(preprocess, max_length=length))


def token_counts(texts: list[str], preprocess: TextPreprocess) -> Tensor:
    """Count the tokens of each text, uncut, with the special ones at both ends: int64 N."""
    # Not verbose: that a text is longer than the model reads is what is being found out.
    encoded = preprocess.tokenizer(list(texts), return_attention_mask=False, verbose=False)
    return torch.tensor([len(tokens) for tokens in encoded["input_ids"]])
