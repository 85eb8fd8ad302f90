"""Record 12_students: a ResNet much smaller than its teacher, taught in four ways, at equal steps and labels.

The teacher is the profile's ResNet with ImageNet's weights (on mini ``resnet_small``, four times the student's size),
frozen, with a head trained on the same labels: ``teacher``. The student is ``resnet_tiny``, from random weights, with
all its layers trained on the labels and

* ``student``: nothing else (cross-entropy);
* ``distilled``: the teacher's answers, T = 4, weight 0.9 (Hinton, Vinyals and Dean 2015);
* ``hints``: the teacher's third stage through a 1×1 convolution (FitNets, in one stage with the labels);
* ``attention``: where stages two to four look (Zagoruyko and Komodakis 2017, the paper's form);
* ``relations``: distances and angles within a batch, 25 and 50 (relational distillation, Park and others 2019).

Maps are compared where they have one height and width: a larger teacher's stage may bear another number.

``value`` is the accuracy on all test pictures at hand, ``setting`` the labels a class, validation included. The seed
draws the labels, the heads, the student and the order. On mini every student takes 100 steps of 64 pictures, AdamW, one
cycle to 3e-3, pictures as they are (so that the teacher answers each once). The strengths of hints and attention were
not tuned. Seconds are processor seconds on one thread (the machine had other work), the teacher's answers included,
loading and testing not.
"""

import time
from collections.abc import Callable
from functools import cache

import torch
from torch import nn

import tl_course as tl
from authoring.records.common import Cell, budgets, network, product
from tl_course.data import Task
from tl_course.models.heads import seeded
from tl_course.models.small import TINY_WIDTHS

env = tl.environment.current()
PROFILES = ("mini", "cpu", "gpu")
BUDGETS = budgets(100)
STEPS, BATCH, RATE, HEAD_RATE = env.steps(100), 64, 3e-3, 1e-2
HINT, ATTENTION = 1e-3, 1.0
STAGES = ("layer1", "layer2", "layer3", "layer4")
METHODS = ("teacher", "student", "distilled", "hints", "attention", "relations")
CELLS = product(["cifar10"], METHODS, BUDGETS, range(3))
CHEAP = False


def shapes(model: nn.Module) -> dict[str, torch.Size]:
    """Channels, height and width of what the four stages of a ResNet give, by their names."""
    found = {}
    watched = [
        getattr(model, name).register_forward_hook(lambda _m, _i, maps, name=name: found.update({name: maps.shape[1:]}))
        for name in STAGES
    ]
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, env.pixels, env.pixels, device=env.device))
    for hook in watched:
        hook.remove()
    return found


def pairs_of(teacher: nn.Module) -> dict[str, str]:
    """The student's stages after the first, and those of the teacher that give maps of equal height and width."""
    own, others = shapes(student_of(0)), shapes(teacher)
    fitting = {stage: [name for name in STAGES if others[name][1:] == own[stage][1:]] for stage in STAGES[1:]}
    return {stage: names[0] for stage, names in fitting.items() if names}


def hints(teacher: nn.Module, task: Task, seed: int) -> nn.Module:
    """FitNets: the third stage, made as wide as the teacher's by a learned 1×1 convolution."""
    fitting = pairs_of(teacher)["layer3"]
    with seeded(seed):
        regressor = nn.Conv2d(TINY_WIDTHS[2], shapes(teacher)[fitting][0], kernel_size=1)
    return tl.losses.Hints(teacher, "layer3", fitting, regressor, weight=HINT, cache=task)


def attention(teacher: nn.Module, task: Task, _seed: int) -> nn.Module:
    """Maps of the stages that fit."""
    return tl.losses.AttentionTransfer(teacher, pairs_of(teacher), weight=ATTENTION, cache=task)


TEACHING: dict[str, Callable[[nn.Module, Task, int], Callable]] = {
    "student": lambda _teacher, _task, _seed: tl.losses.cross_entropy,
    "distilled": lambda teacher, task, _seed: tl.losses.Distillation(teacher, temperature=4, weight=0.9, cache=task),
    "hints": hints,
    "attention": attention,
    "relations": lambda teacher, task, _seed: tl.losses.RelationalDistillation(teacher, cache=task),
}


@cache
def task_of(target: str, labels: int | None, seed: int) -> Task:
    """The labelled pictures, not augmented."""
    return tl.data.load(target, train_per_class=labels, test=env.examples(None), seed=seed)


def student_of(seed: int) -> nn.Module:
    """The untrained student, which sees pictures at the size that its teacher sees."""
    return network("resnet_tiny", num_classes=10, size=env.pixels, seed=seed)


def fit(model: nn.Module, task: Task, rate: float, seed: int, loss: Callable = tl.losses.cross_entropy):
    """Train with what all share."""
    settings = {"batch_size": BATCH, "schedule": "one_cycle", "evaluate_every": STEPS, "progress": False}
    return tl.training.fit(model, task, steps=STEPS, lr=rate, seed=seed, loss=loss, **settings)


@cache
def teacher_of(target: str, labels: int | None, seed: int) -> tuple[nn.Module, float, float]:
    """The teacher, its test accuracy, and the seconds that its features and head took."""
    task, start = task_of(target, labels, seed), time.process_time()
    options = {"num_classes": task.num_classes, "size": env.pixels, "seed": seed}
    model = network(env.backbone, weights=env.weights, **options)
    run = fit(tl.models.head_of(model)[1], tl.data.features(model, task), HEAD_RATE, seed)
    return model.eval(), run.evaluate("test").value, time.process_time() - start


def measure(cell: Cell) -> tuple[float, float]:
    """Test accuracy, and the seconds of the training."""
    where = (cell.target, BUDGETS[cell.setting].labels, cell.seed)
    teacher, value, seconds = teacher_of(*where)
    if cell.method == "teacher":
        return value, seconds
    task = task_of(*where)
    student = student_of(cell.seed)
    student.preprocess = teacher.preprocess
    start = time.process_time()
    loss = TEACHING[cell.method](teacher, task, cell.seed)
    run = fit(student, task, RATE, cell.seed, loss)
    seconds = time.process_time() - start
    return run.evaluate("test").value, seconds
