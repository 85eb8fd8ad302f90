"""Record 12_bert: a BERT of two layers in the place of one of six, with 1,000 film reviews.

The teacher is MiniLM-L6, fine-tuned on the 1,000 labels (validation included). Students have two of its six layers.
What they start from: ``copied``, the embeddings, every third layer (the third and the sixth), pooler and head of the
fine-tuned teacher; ``random``, nothing at all. What they learn from: ``labels``, or the ``teacher`` (DistilBERT's
terms: soft targets at T = 2, labels, and the direction of the last hidden states, 5 : 2 : 1). A method is a
combination, such as "copied, teacher"; all take as many steps as the teacher did, over the same batches in one order.

``value`` is the accuracy on the test sentences, ``setting`` the labels in all. The setting "untrained" is the copied
student before any step. The seed draws the labels, the teacher's head, the random weights and the order. The rate, 1e-4
with a linear schedule, is that of lesson 09 for all layers of the pretrained network; it was not tuned for students.
Seconds are processor seconds on one thread (the machine had other work), testing not counted.
"""

import copy
import time
from collections.abc import Callable
from functools import cache

import torch
from torch import nn

import tl_course as tl
from authoring.records.common import Cell, product
from tl_course.data import Task

LABELS, TEACHER_STEPS, STEPS, BATCH, RATE = 1000, 60, 60, 16, 1e-4
LAYERS = (2, 5)
STUDENTS = ("copied, teacher", "random, teacher", "copied, labels")
CELLS = [
    *product(["sentiment"], ["teacher", *STUDENTS], [LABELS], range(5)),
    *product(["sentiment"], ["copied, labels"], ["untrained"], range(5)),
]
CHEAP = False


@cache
def task_of(seed: int) -> Task:
    """Film reviews, half of them positive."""
    return tl.data.load("sentiment", domain="movies", train_per_class=LABELS // 2, seed=seed)


def accuracy(model: nn.Module, task: Task) -> float:
    """Of a model as it stands, on the test sentences."""
    with torch.no_grad():
        found = tl.data.per_example(
            tl.data.batches(task, model, "test", buckets=True), lambda batch: tl.models.logits(model, batch.inputs)
        )
    return tl.metrics.accuracy(task.test.labels, found.argmax(dim=1)).value


def trained(model: nn.Module, steps: int, seed: int, loss: Callable) -> tuple[float, float]:
    """Test accuracy after all layers were trained, and the seconds that it took."""
    start = time.process_time()
    run = tl.training.fit(
        model,
        task_of(seed),
        steps=steps,
        batch_size=BATCH,
        lr=RATE,
        schedule="linear",
        warmup=0.1,
        evaluate_every=steps,
        seed=seed,
        loss=loss,
        progress=False,
    )
    seconds = time.process_time() - start
    return run.evaluate("test").value, seconds


@cache
def teacher_of(seed: int) -> tuple[nn.Module, tuple[float, float]]:
    """The fine-tuned teacher, its accuracy, and the seconds of its training."""
    model = tl.models.create("minilm", weights="pretrained", num_classes=2, seed=seed)
    result = trained(model, TEACHER_STEPS, seed, tl.losses.cross_entropy)
    return model.eval(), result


def shortened(teacher: nn.Module, layers: tuple[int, ...]) -> nn.Module:
    """A copy of a BERT classifier with only these of its layers, counted from 0."""
    student = copy.deepcopy(teacher)
    encoder = student.bert.encoder
    encoder.layer = nn.ModuleList(encoder.layer[place] for place in layers)
    student.config.num_hidden_layers = len(layers)
    return student


def student_of(start: str, seed: int) -> nn.Module:
    """Two layers: of the teacher, or random ones in a network that is random throughout."""
    source = teacher_of(seed)[0] if start == "copied" else tl.models.create("minilm", num_classes=2, seed=seed)
    return shortened(source, LAYERS)


def measure(cell: Cell) -> tuple[float, float]:
    """Accuracy on the test sentences, and the seconds of the training."""
    teacher, result = teacher_of(cell.seed)
    if cell.method == "teacher":
        return result
    start, lesson = cell.method.split(", ")
    student = student_of(start, cell.seed)
    if cell.setting == "untrained":
        return accuracy(student, task_of(cell.seed)), 0.0
    loss = tl.losses.DistilBERTLoss(teacher) if lesson == "teacher" else tl.losses.cross_entropy
    return trained(student, STEPS, cell.seed, loss)
