"""Record 12_bert: a BERT with a third of the layers in the place of a whole one, on film reviews.

The teacher is the profile's BERT, fine-tuned; on mini MiniLM-L6, on 1,000 labels (validation included). Students have a
third of its layers, on mini two of six. What they start from: ``copied``, the embeddings, every third layer (the third,
the sixth …), pooler and head of the fine-tuned teacher; ``random``, nothing at all. What they learn from: ``labels``,
or the ``teacher`` (DistilBERT's terms: soft targets at T = 2, labels, and the direction of the last hidden states, 5 :
2 : 1). A method is a combination, such as "copied, teacher"; all take as many steps as the teacher did, over the same
batches in one order.

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
from authoring.records.common import Cell, budgets, network, product
from tl_course.data import Task

env = tl.environment.current()
PROFILES = ("mini", "cpu", "gpu")
((SETTING, BUDGET),) = budgets(500, classes=2).items()
TEACHER_STEPS, STEPS, BATCH, RATE = env.steps(60), env.steps(60), 16, 1e-4
STUDENTS = ("copied, teacher", "random, teacher", "copied, labels")
CELLS = [
    *product([env.reviews["name"]], ["teacher", *STUDENTS], [SETTING], range(5)),
    *product([env.reviews["name"]], ["copied, labels"], ["untrained"], range(5)),
]
CHEAP = False


@cache
def task_of(seed: int) -> Task:
    """Film reviews, half of them positive."""
    return tl.data.load(**env.reviews, train_per_class=BUDGET.labels, test=env.examples(None), seed=seed)


def accuracy(model: nn.Module, task: Task) -> float:
    """Of a model as it stands, on the test sentences."""
    with torch.no_grad():
        found = tl.data.per_example(
            tl.data.batches(task, model, "test", buckets=True), lambda batch: tl.models.logits(model, batch.inputs)
        )
    return tl.metrics.accuracy(task.test.labels, found.argmax(dim=1).cpu()).value


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
    model = network(env.text, weights="pretrained", num_classes=2, seed=seed)
    result = trained(model, TEACHER_STEPS, seed, tl.losses.cross_entropy)
    return model.eval(), result


def shortened(teacher: nn.Module) -> nn.Module:
    """A copy of a BERT classifier with every third of its layers."""
    student = copy.deepcopy(teacher)
    holder = next(part for part in student.modules() if isinstance(getattr(part, "layer", None), nn.ModuleList))
    holder.layer = holder.layer[2::3]
    student.config.num_hidden_layers = len(holder.layer)
    return student


def student_of(start: str, seed: int) -> nn.Module:
    """A third of the layers: of the teacher, or random ones in a network that is random throughout."""
    return shortened(teacher_of(seed)[0] if start == "copied" else network(env.text, num_classes=2, seed=seed))


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
