"""Pretrain the two small networks on rendered letters: ``python -m authoring.weights.letters [NAME ...]``.

The source task of lessons 01 and 03. The loop is written out, in plain PyTorch, because it *is* the source stage that
lesson 03 talks about. It writes ``tl_course/weights/NAME-letters.safetensors`` in half precision and a card beside it,
whose numbers are measured on the file as it was written.
"""

import argparse
import datetime
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from tqdm.auto import trange

from authoring.weights import write_sums
from tl_course import environment, metrics, models
from tl_course.data.letters import letters

NAMES = ("resnet_small", "vgg_small")
LETTERS, EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY, SEED = 10_000, 8, 128, 2e-3, 0.05, 0

CARD = """\
# {name}, weights "letters"

{title} for pictures of 32 pixels, {parameters:,} parameters, trained from random weights on rendered letters.

| | |
|---|---|
| data | {count:,} pictures of {classes} letters, 16 faces of DejaVu and STIX, over photographs |
| recipe | {epochs} epochs, AdamW, one-cycle, peak rate {rate}, weight decay {decay}, batch {batch}, seed {seed} |
| cost | {seconds:.0f} s on {device}, {precision} |
| accuracy | {accuracy}, letters over other photographs (this file, one seed) |
| preparation | 32 pixels, mean and standard deviation 0.5 for each channel: `model.preprocess` |
| made by | `python -m authoring.weights.letters {name}`, {date}, torch {torch} |
| licence | CC BY 4.0. The fonts are free; the photographs come with scikit-image and scikit-learn |

**What it is for.** A source task whose data anyone can draw, so that nothing about it is hidden. It knows strokes and
their junctions on busy backgrounds. **What it is not for.** Photographs of things: it has seen none, except as
background.
"""


def train(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    """Train all parameters on preprocessed pictures N×3×32×32 and labels N; return the model in eval mode."""
    env = environment.current()
    steps = len(images) // BATCH
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=EPOCHS * steps)
    order = environment.generator(SEED)
    model.train()
    for _ in trange(EPOCHS, desc=model.spec.name, unit="epoch"):
        for index in torch.randperm(len(images), generator=order)[: steps * BATCH].split(BATCH):
            with torch.autocast(env.device.type, torch.bfloat16, enabled=env.precision == "bf16"):
                logits = model(images[index])
            loss = cross_entropy(logits.float(), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


@torch.no_grad()
def predictions(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Return the most likely class of each picture."""
    return torch.cat([model(part).argmax(1) for part in images.split(500)])


def make(name: str) -> None:
    """Train one network, write its weights and its card."""
    env = environment.setup(seed=SEED, quiet=True)
    data = letters(count=LETTERS)
    model = models.create(name, num_classes=len(data.class_names), seed=SEED)
    images = model.preprocess(data.pool.inputs).contiguous(memory_format=torch.channels_last)
    start = time.perf_counter()
    train(model.to(memory_format=torch.channels_last), images, data.pool.labels)
    seconds = time.perf_counter() - start

    weights = Path(models.__file__).parent.parent / "weights" / f"{name}-letters.safetensors"
    weights.parent.mkdir(exist_ok=True)
    models.write_half(model.to(memory_format=torch.contiguous_format), weights)
    write_sums(weights.parent)
    shipped = models.create(name, weights="letters")
    guesses = predictions(shipped, shipped.preprocess(data.test.inputs))
    card = CARD.format(
        name=name,
        title=models.MODELS[name].title,
        parameters=models.count_parameters(shipped)[0],
        count=LETTERS,
        classes=len(data.class_names),
        epochs=EPOCHS,
        rate=LEARNING_RATE,
        decay=WEIGHT_DECAY,
        batch=BATCH,
        seed=SEED,
        seconds=seconds,
        device=f"{env.threads} threads of {environment.device_name(env.device)}",
        precision=env.precision,
        accuracy=metrics.accuracy(data.test.labels, guesses),
        date=datetime.date.today().isoformat(),
        torch=torch.__version__,
    )
    weights.with_suffix(".md").write_text(card, encoding="utf-8")
    print(card)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME", help=f"of {', '.join(NAMES)}")
    for wanted in parser.parse_args().names:
        make(wanted)
