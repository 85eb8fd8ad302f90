"""Pretrain the small GRU as a language model on unlabelled texts: ``python -m authoring.weights.gru_sentiment_lm``.

The texts are those of the four sentiment domains, without their ratings and without everything that is in the test
split of any task made of them (whole documents, where there are documents). It writes the vocabulary, the weights in
half precision and a card, whose numbers are measured on the file as it was written. Interrupted, it goes on where it
was.
"""

import argparse
import copy
import datetime
import math
from pathlib import Path

import torch

from authoring.weights import write_sums
from tl_course import data, environment, losses, models
from tl_course.data.sentiment import BY_DOCUMENT, FILES, ratings
from tl_course.models.recurrent import VOCABULARY
from tl_course.training import fit

NAME, SEED, HELD = "gru_small", 0, 0.05
EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY, MAX_LENGTH = 8, 32, 4e-3, 0.05, 64
FOLDER = Path(models.__file__).parent.parent / "weights"
# The test split depends on which texts a task has: binary, three classes, and the sign of the rating.
VARIANTS = ({}, {"three_class": True}, {"neutral_up_to": 0.0}, {"three_class": True, "neutral_up_to": 0.0})

CARD = """\
# gru_small, weights "language_model"

{title}: {parameters:,} parameters without a head, trained from random weights to guess the next token of a text.

| | |
|---|---|
| data | {count:,} texts ({tokens:,} tokens) of four domains (Hutto & Gilbert 2014), without their ratings |
| left out | every text in the test split of a binary, three-class or sign task, with its whole document |
| vocabulary | {vocabulary:,} lower-case word pieces, learned from the same texts (`gru_small-vocabulary.txt`) |
| recipe | {epochs} epochs, AdamW, one-cycle, peak rate {rate}, weight decay {decay}, batch {batch}, seed {seed} |
| cost | {seconds:.0f} s on {device}, {precision}, beside other work |
| perplexity | {perplexity:.0f} on {held:,} texts held out; {unigram:.0f} by frequencies of tokens alone (one seed) |
| preparation | `model.preprocess`; the head is given last state, mean and maximum |
| made by | `python -m authoring.weights.gru_sentiment_lm`, {date}, torch {torch} |
| licence | CC BY 4.0; the texts are MIT |

**What it is for.** Lesson 09: the recurrent member of the family, a language model first and a classifier then (ULMFiT
in small). **What it is not for.** Writing, or texts of other kinds: it has read about as much as a thin book holds.
"""


def corpus() -> list[str]:
    """Return every text that no task's test split holds, each once."""
    tests = {text for domain in FILES for options in VARIANTS for text in _test_texts(domain, options)}
    texts = {}
    for domain in FILES:
        rated = ratings(domain)
        documents = {one.document for one in rated if one.text in tests} if domain in BY_DOCUMENT else set()
        texts |= {one.text: None for one in rated if one.text not in tests and one.document not in documents}
    return list(texts)


def _test_texts(domain: str, options: dict) -> list[str]:
    return data.load("sentiment", domain=domain, train_per_class=1, **options).test.inputs


def write_vocabulary(texts: list[str]) -> None:
    """Learn word pieces from texts and write them, one a line."""
    from tokenizers import BertWordPieceTokenizer

    learner = BertWordPieceTokenizer()
    learner.train_from_iterator(texts, vocab_size=VOCABULARY, limit_alphabet=100, show_progress=False)
    pieces = sorted(learner.get_vocab().items(), key=lambda piece: piece[1])
    lines = "".join(f"{piece}\n" for piece, _ in pieces)
    (FOLDER / f"{NAME}-vocabulary.txt").write_text(lines, encoding="utf-8")


def task_of(texts: list[str]) -> data.Task:
    """Return the texts as a task without labels, a few held out as its test split."""
    order = torch.randperm(len(texts), generator=environment.generator(SEED))
    everything = data.Split([texts[i] for i in order], torch.zeros(len(texts), dtype=torch.int64))
    held = int(HELD * len(texts))
    return data.Task(
        "texts",
        "unlabelled texts",
        "text",
        ("any",),
        everything[held:],
        everything[:0],
        everything[:held],
        "Hutto & Gilbert 2014; MIT",
    )


@torch.no_grad()
def perplexity(model: torch.nn.Module, task: data.Task) -> float:
    """exp of the mean cross-entropy over the tokens of the held-out texts."""
    total = count = 0
    for batch in data.batches(task, model, "test", buckets=True):
        tokens = int(batch.inputs["attention_mask"][:, 1:].sum())
        total += losses.next_token(model, batch)["next_token"].item() * tokens
        count += tokens
    return math.exp(total / count)


def unigram_perplexity(model: torch.nn.Module, task: data.Task) -> float:
    """The same for guesses by the tokens' frequencies in training (one added to each count)."""
    counts = {}
    for part in ("train", "test"):
        encoded = model.preprocess(getattr(task, part).inputs)
        tokens = encoded["input_ids"][:, 1:][encoded["attention_mask"][:, 1:].bool()]
        counts[part] = torch.bincount(tokens, minlength=VOCABULARY).double()
    shares = (counts["train"] + 1) / (counts["train"].sum() + VOCABULARY)
    return math.exp(-(counts["test"] * shares.log()).sum() / counts["test"].sum())


def make(epochs: int, checkpoint: Path) -> None:
    """Write the vocabulary, train, write the weights and the card."""
    env = environment.setup(seed=SEED, quiet=True)
    texts = corpus()
    write_vocabulary(texts)
    task = task_of(texts)
    model = models.create(NAME, seed=SEED)
    model.preprocess = data.TextPreprocess(model.preprocess.tokenizer, MAX_LENGTH)
    settings = {"batch_size": BATCH, "lr": LEARNING_RATE, "weight_decay": WEIGHT_DECAY, "schedule": "one_cycle"}
    run = fit(model, task, loss=losses.next_token, epochs=epochs, checkpoint=checkpoint, seed=SEED, **settings)

    weights = FOLDER / f"{NAME}-language_model.safetensors"
    body = copy.deepcopy(model)
    del body.classifier  # which has learned nothing
    models.write_half(body, weights)
    write_sums(weights.parent)
    shipped = models.create(NAME, weights="language_model")
    shipped.preprocess = model.preprocess
    card = CARD.format(
        title=models.MODELS[NAME].title,
        parameters=models.count_parameters(body).total,
        count=len(task.train),
        tokens=int(shipped.preprocess(task.train.inputs)["attention_mask"].sum()),
        vocabulary=VOCABULARY,
        epochs=epochs,
        rate=LEARNING_RATE,
        decay=WEIGHT_DECAY,
        batch=BATCH,
        seed=SEED,
        seconds=run.seconds,
        device=f"{env.threads} thread{'s' * (env.threads > 1)} of {environment.device_name(env.device)}",
        precision=env.precision,
        perplexity=perplexity(shipped, task),
        unigram=unigram_perplexity(shipped, task),
        held=len(task.test),
        date=datetime.date.today().isoformat(),
        torch=torch.__version__,
    )
    weights.with_suffix(".md").write_text(card, encoding="utf-8")
    print(card)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--checkpoint", type=Path, default=Path("build/gru_small-language_model.pt"))
    chosen = parser.parse_args()
    make(chosen.epochs, chosen.checkpoint)
