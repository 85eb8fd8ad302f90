"""Distil an ImageNet network into the two small ones: ``python -m authoring.weights.imagenet_distilled [NAME ...]``.

The teacher is EfficientNet-Lite0 with its ImageNet weights. It looks at CIFAR-10's *training* pictures, enlarged, and
at their mirror images; their labels are never read. The student looks at the same pictures at 32 pixels and learns to
predict two things: the teacher's features, whitened by principal components (so that every direction counts alike),
through a linear layer that is thrown away afterwards; and the teacher's 1,000 logits, so that the student has a source
head. The test pictures are not touched.

``--control`` runs the same recipe with a teacher whose weights are random (its BatchNorm statistics measured on the
pictures, so that its features are healthy). What its student learns, the target's pictures gave; the rest is
ImageNet's. Its weights go to the build folder and are not shipped.

``--card`` writes the cards, whose accuracies come from the record 03_backbones: distil, make the record, write cards.
"""

import argparse
import datetime
import json
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm, trange

import tl_course as tl
from authoring.records.common import UNFINISHED
from authoring.weights import write_sums
from tl_course import environment, models
from tl_course.data.preprocess import ImagePreprocess
from tl_course.losses import soft_target_divergence
from tl_course.models import zoo

NAMES = ("resnet_small", "vgg_small")
BUILD = UNFINISHED.parent / "weights"
TEACHER_SIZE, DIMENSIONS, TEMPERATURE, LOGITS_WEIGHT = 128, 128, 2.0, 0.25
EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY, SHIFT, SEED = 16, 128, 2e-3, 0.02, 2, 0


CARD = """\
# {name}, weights "imagenet_distilled"

{title} for pictures of 32 pixels, {parameters:,} parameters with its head for ImageNet's 1,000 classes, distilled from
EfficientNet-Lite0 (ImageNet, {teacher_parameters:,} parameters).

| | |
|---|---|
| data | the 50,000 training pictures of CIFAR-10 (read from JPEG) and their mirror images; **no labels** |
| teacher | EfficientNet-Lite0 with TensorFlow's padding and BatchNorm eps, on the pictures enlarged to {size} pixels |
| what is learned | the teacher's features, whitened to {dimensions} principal components (squared error, through a \
linear layer that is thrown away), and its 1,000 logits (weight {logits_weight}, temperature {temperature:g}) |
| recipe | {epochs} epochs, AdamW, one-cycle, peak rate {rate}, weight decay {decay}, batch {batch}, shifts of up to \
{shift} pixels, seed {seed} |
| cost | {teacher_seconds:.0f} s for the teacher and {seconds:.0f} s for the student, {machine}, beside other work |
| linear probe | {linear_probe} on CIFAR-10 with 100 labels a class; features of random weights: {random_features} |
| fine-tuned | {fine_tune} on CIFAR-10 with 100 labels a class; from scratch: {scratch} |
{control}| preparation | 32 pixels, mean and standard deviation 0.5 for each channel: `model.preprocess` |
| made by | `python -m authoring.weights.imagenet_distilled {name}`, {date}, torch {torch} |
| licence | Apache-2.0, as the teacher's. CIFAR-10 carries no licence and is not passed on; ImageNet is for research |

Accuracies are means over {seeds} seeds with 95% t intervals, on the {test:,} test pictures of the copy at hand.

**What "the training pictures were seen" means.** On CIFAR-10 these weights have an advantage that a network from
ImageNet alone does not have: they have looked at the target's training pictures, though at no label, and never at a
test picture. This is allowed, but it is not the same as never having met the target. The control{where} is the same
recipe with a teacher of random weights: what it gains over random features, those pictures gave; the rest of the way
is ImageNet's.

**What it is for.** A source that knows photographs of things, at a size that a laptop can fine-tune in a minute.
**What it is not for.** Naming the 1,000 classes: at 32 pixels its head is right far less often than its teacher, and
it inherits the teacher's, and ImageNet's, blind spots and biases.
"""


def pictures() -> Tensor:
    """CIFAR-10's training pictures, and each one mirrored: uint8 2N×3×32×32. Their labels stay behind."""
    images = tl.data.load("cifar10", validation=0).train.inputs
    return torch.cat([images, images.flip(-1)])


def autocast() -> torch.autocast:
    """The precision of this machine, as ``fit`` uses it."""
    env = environment.current()
    return torch.autocast(env.device.type, torch.bfloat16, enabled=env.precision == "bf16")


def teacher(control: bool) -> tuple[nn.Module, ImagePreprocess]:
    """The network to learn from, in eval, and how its pictures are prepared."""
    model = models.create("efficientnet_lite0", weights=None if control else "imagenet", seed=SEED)
    own = model.preprocess
    preprocess = ImagePreprocess(TEACHER_SIZE, own.mean, own.std, own.interpolation)
    model.to(memory_format=torch.channels_last)
    if control:
        for part in model.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.momentum = None  # a plain average over the batches below
        model.train()
        images = pictures()
        with torch.no_grad():
            for index in torch.randperm(len(images), generator=environment.generator(SEED))[:2560].split(BATCH):
                model(preprocess(images[index]).contiguous(memory_format=torch.channels_last))
    return model.eval(), preprocess


@torch.no_grad()
def lessons(control: bool) -> tuple[Tensor, Tensor, float]:
    """What the teacher says about every picture: whitened features 2N×DIMENSIONS, logits 2N×1000; and the seconds.

    The answers for one teacher are kept in the build folder, since both students hear the same.
    """
    kept = BUILD / f"answers-{'control' if control else 'imagenet'}.pt"
    if kept.is_file():
        saved = torch.load(kept, weights_only=True)
        return saved["features"], saved["logits"], saved["seconds"]
    start = time.perf_counter()
    model, preprocess = teacher(control)
    head = models.head_of(model)[1]
    features, logits = [], []
    for part in tqdm(pictures().split(BATCH), desc="teacher", unit="batch"):
        images = preprocess(part).contiguous(memory_format=torch.channels_last)
        with autocast():
            seen = model.embed(images)
        features.append(seen.float())
        logits.append(head(seen.float()).half())
    whitened = whiten(torch.cat(features)).half()
    saved = {"features": whitened, "logits": torch.cat(logits), "seconds": time.perf_counter() - start}
    BUILD.mkdir(parents=True, exist_ok=True)
    torch.save(saved, kept)
    return saved["features"], saved["logits"], saved["seconds"]


def whiten(features: Tensor) -> Tensor:
    """The first principal components of N×D features, each divided by its standard deviation: N×DIMENSIONS."""
    centred = features.double() - features.double().mean(0)
    variances, directions = torch.linalg.eigh(centred.T @ centred / len(centred))
    variances, directions = variances.flip(0)[:DIMENSIONS], directions.flip(1)[:, :DIMENSIONS]
    return (centred @ directions / variances.clamp_min(1e-12).sqrt()).float()


def shifted(images: Tensor, generator: torch.Generator) -> Tensor:
    """The whole batch moved by up to SHIFT pixels, its border mirrored: the teacher would hardly answer differently."""
    down, right = torch.randint(0, 2 * SHIFT + 1, (2,), generator=generator).tolist()
    padded = F.pad(images, (SHIFT,) * 4, mode="reflect")
    return padded[..., down : down + 32, right : right + 32].contiguous(memory_format=torch.channels_last)


def train(student: nn.Module, images: Tensor, features: Tensor, logits: Tensor) -> nn.Module:
    """Train a student on uint8 pictures to predict the teacher's whitened features and its logits."""
    head = models.head_of(student)[1]
    projection = nn.Linear(head.in_features, features.shape[1])
    optimizer = torch.optim.AdamW([*student.parameters(), *projection.parameters()], weight_decay=WEIGHT_DECAY)
    steps = len(images) // BATCH // 2  # an epoch shows every picture once, as it is or mirrored
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=EPOCHS * steps)
    generator = environment.generator(SEED)
    student.train()
    progress = trange(EPOCHS, desc=student.spec.name, unit="epoch")
    for _ in progress:
        total = torch.zeros(2)
        for index in torch.randperm(len(images), generator=generator)[: steps * BATCH].split(BATCH):
            batch = shifted(student.preprocess(images[index]), generator)
            with autocast():
                seen = student.embed(batch)
                answers = projection(seen), head(seen)
            feature_loss = F.mse_loss(answers[0].float(), features[index].float())
            logit_loss = soft_target_divergence(answers[1].float(), logits[index].float(), TEMPERATURE)
            optimizer.zero_grad()
            (feature_loss + LOGITS_WEIGHT * logit_loss).backward()
            optimizer.step()
            schedule.step()
            total += torch.stack([feature_loss.detach(), logit_loss.detach()])
        progress.set_postfix(features=f"{total[0] / steps:.3f}", logits=f"{total[1] / steps:.3f}")
    return student.eval()


def weights_path(name: str, control: bool) -> Path:
    """Where the student's weights are written: into the package, or for the control into the build folder."""
    if control:
        return BUILD / f"{name}-control.safetensors"
    return zoo.WEIGHTS_FOLDER / f"{name}-imagenet_distilled.safetensors"


def make(name: str, control: bool) -> None:
    """Distil into one student and write its weights in half precision, and what it cost, into the build folder."""
    features, logits, teacher_seconds = lessons(control)
    student = models.create(name, num_classes=logits.shape[1], seed=SEED).to(memory_format=torch.channels_last)
    start = time.perf_counter()
    train(student, pictures(), features, logits)
    env = environment.current()
    cost = {
        "seconds": time.perf_counter() - start,
        "teacher_seconds": teacher_seconds,
        "machine": f"{env.threads} threads of {environment.device_name(env.device)}, {env.precision}",
        "date": datetime.date.today().isoformat(),
        "torch": torch.__version__,
    }
    weights = weights_path(name, control)
    models.write_half(student.to(memory_format=torch.contiguous_format), weights)
    if not control:
        write_sums(weights.parent)
    (BUILD / f"{weights.stem}.json").write_text(json.dumps(cost, indent=1))
    print(weights, cost)


def write_card(name: str) -> None:
    """Write a student's card from what its making cost and from the record 03_backbones."""
    record = tl.records.read("03_backbones").select(profile="mini", target="cifar10", setting=name)
    cost = json.loads((BUILD / f"{weights_path(name, False).stem}.json").read_text())
    trained = record
    if name != "resnet_small":  # whose fine-tuning and training from scratch are in lesson 04's record
        trained = tl.records.read("04_vgg_features").select(profile="mini", target="cifar10", setting=100)
    sources = {"linear_probe": record, "random_features": record, "fine_tune": trained, "scratch": trained}
    reached = {method: written(rows.select(method=method).interval()) for method, rows in sources.items()}
    control, where = "", ", measured for resnet_small and on its card,"
    if any(row.method == "control" for row in record.rows):
        probe, tuned = (written(record.select(method=way).interval()) for way in ("control", "control_fine_tune"))
        control = f"| control: random teacher | linear probe {probe}, fine-tuned {tuned} |\n"
        where = " in the table"
    model = models.create(name, weights="imagenet_distilled")
    card = CARD.format(
        name=name,
        title=models.MODELS[name].title,
        parameters=models.count_parameters(model)[0],
        teacher_parameters=models.MODELS["efficientnet_lite0"].parameters,
        size=TEACHER_SIZE,
        dimensions=DIMENSIONS,
        logits_weight=LOGITS_WEIGHT,
        temperature=TEMPERATURE,
        epochs=EPOCHS,
        rate=LEARNING_RATE,
        decay=WEIGHT_DECAY,
        batch=BATCH,
        shift=SHIFT,
        seed=SEED,
        seeds=len({row.seed for row in record.rows}),
        test=len(tl.data.load("cifar10", train_per_class=10).test),
        control=control,
        where=where,
        **reached,
        **cost,
    )
    weights_path(name, False).with_suffix(".md").write_text(card, encoding="utf-8")


def written(interval: tl.records.Interval) -> str:
    """An accuracy as a card prints it."""
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--control", action="store_true", help="learn from a teacher with random weights instead")
    parser.add_argument("--card", action="store_true", help="write the cards from the record, and distil nothing")
    options = parser.parse_args()
    environment.setup(seed=SEED, quiet=True)
    for wanted in options.names:
        if options.card:
            write_card(wanted)
        else:
            make(wanted, options.control)
