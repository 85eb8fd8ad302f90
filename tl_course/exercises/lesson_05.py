"""Questions on lesson 05, fine-tuning a ResNet."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from tl_course.exercises.networks import TinyResNet, pictures, train
from tl_course.exercises.probes import letters, load_optimizers, need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, Unfit, plain, tensors

LESSON = "05"
BACKBONE = ("conv1", "bn1", "layer1", "layer2")


def _pictures(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [{"seed": int(rng.integers(2**31)), **pictures(rng, 10, 4)} for _ in range(2)]


def _close(found: Data, expected: Data) -> bool:
    return bool(np.allclose(found, expected, rtol=1e-4, atol=1e-6))


def _same_state(found: dict, expected: dict, *endings: str) -> bool:
    """Whether all tensors whose names end so are as expected."""
    return all(_close(found[name], expected[name]) for name in expected if name.endswith(endings))


# --- freezing, BatchNorm included ----------------------------------------------------------------------------------


def _two_epochs(answer: object, case: Case) -> Data:
    """Train for two epochs, with the answer called at the start of each, after ``model.train()``."""
    need_function(answer, "answer_freeze_bn(model)")
    given, model = tensors(case), TinyResNet(4, case["seed"])
    for _ in range(2):
        model.train()
        answer(model)
        train(model, given["images"], given["labels"])
    model.eval()
    return {"state": state(model), "logits": plain(model(given["images"]))}


def _freeze_bn(model: nn.Module) -> None:
    for name in BACKBONE:
        module = getattr(model, name)
        module.requires_grad_(False)
        module.eval()


def _only_eval(model: nn.Module) -> None:
    for name in BACKBONE:
        getattr(model, name).eval()


def _only_gradients(model: nn.Module) -> None:
    for name in BACKBONE:
        getattr(model, name).requires_grad_(False)


def _everything(model: nn.Module) -> None:
    model.requires_grad_(False)
    model.eval()


def _only_convolutions(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.requires_grad_(False)
        elif isinstance(module, nn.BatchNorm2d):
            module.eval()


def _moved(found: list[Data], expected: list[Data], *, statistics: bool, convolutions: bool, scales: bool) -> bool:
    """Whether exactly these parts of the backbone moved."""
    mine, theirs = found[0]["state"], expected[0]["state"]
    parts = {
        "statistics": ("running_mean", "running_var"),
        "convolutions": ("conv1.weight", "layer1.0.weight", "layer2.0.weight"),
        "scales": ("bn1.weight", "layer1.1.weight", "layer2.1.bias"),
    }
    wanted = {"statistics": statistics, "convolutions": convolutions, "scales": scales}
    return all(_same_state(mine, theirs, *endings) != wanted[name] for name, endings in parts.items())


FREEZE_BN = Question(
    slug="freeze_bn",
    lesson=LESSON,
    title="Freeze it, BatchNorm too",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Two things move in a backbone that is trained, and only one of them has gradients. What else does BatchNorm "
        "keep?",
        "`requires_grad_(False)` stops the parameters. The running statistics follow the mode: they move in `train()` "
        "and stay in `eval()`.",
        "For each part of the backbone (`model.conv1`, `model.bn1`, …): `part.requires_grad_(False)` and "
        "`part.eval()`.",
    ),
    inputs=_pictures,
    reference=_freeze_bn,
    why=(
        "Parameters stand still and so do BatchNorm's running statistics: the features of a picture are the same after "
        "training as before. The second half is forgotten in much published code, and no loss curve shows it. As "
        "`model.train()` undoes it each epoch, `tl.models.freeze` makes it stick."
    ),
    wrong=(
        Wrong(
            "statistics move",
            "The parameters stand still, but BatchNorm's running means and variances move: they are no parameters, "
            "have no gradient, and follow every batch as long as the layer is in train mode. Put the backbone in "
            "`eval()` too.",
            _only_gradients,
            recognise=lambda f, e, cases: _moved(f, e, statistics=True, convolutions=False, scales=False),
        ),
        Wrong(
            "weights move",
            "The statistics stand still, but the weights are trained: `eval()` is not freezing. It changes what "
            "BatchNorm and dropout do, and no gradient. Use `requires_grad_(False)` as well.",
            _only_eval,
            recognise=lambda f, e, cases: _moved(f, e, statistics=False, convolutions=True, scales=True),
        ),
        Wrong(
            "scales move",
            "The convolutions stand still, but BatchNorm's own weight and bias are trained. They are parameters of the "
            "backbone like all others.",
            _only_convolutions,
            recognise=lambda f, e, cases: _moved(f, e, statistics=False, convolutions=False, scales=True),
        ),
        Wrong(
            "nothing frozen",
            "Nothing is frozen: weights and statistics of the backbone both move. Setting `requires_grad` on a "
            "*module* only makes a new attribute; the method with the underscore, `requires_grad_(False)`, reaches its "
            "parameters.",
            lambda model: setattr(model, "requires_grad", False),
            recognise=lambda f, e, cases: _moved(f, e, statistics=True, convolutions=True, scales=True),
        ),
        Wrong(
            "head frozen too",
            "The head is frozen as well, so nothing is left to train, and the loss has no gradient. Leave out "
            "`model.fc`.",
            _everything,
        ),
    ),
    probe=_two_epochs,
    prepare=load_optimizers,
)

# --- requires_grad on a module: silent -----------------------------------------------------------------------------


def _as_planned(answer: object, case: Case) -> Data:
    """Let the answer choose what learns, then train in eval mode, so that nothing but weights can move."""
    need_function(answer, "answer_thaw_head(model)")
    given, model = tensors(case), TinyResNet(4, case["seed"])
    answer(model)
    model.eval()
    train(model, given["images"], given["labels"])
    return {"state": state(model)}


def _thaw_head(model: nn.Module) -> None:
    model.requires_grad_(False)
    model.layer2.requires_grad_(True)
    model.fc.requires_grad_(True)


def _attribute_on_head(model: nn.Module) -> None:
    model.requires_grad_(False)
    model.layer2.requires_grad_(True)
    model.fc.requires_grad = True


def _attribute_only(model: nn.Module) -> None:
    model.requires_grad_(False)
    model.fc.requires_grad = True


def _head_alone(model: nn.Module) -> None:
    model.requires_grad_(False)
    model.fc.requires_grad_(True)


def _from_layer1(model: nn.Module) -> None:
    _thaw_head(model)
    model.layer1.requires_grad_(True)


THAW_HEAD = Question(
    slug="thaw_head",
    lesson=LESSON,
    title="The head that stays random",
    kind="repair",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "Which tensors would have to change for the head to learn? Print `[p.requires_grad for p in "
        "model.fc.parameters()]` after the broken function.",
        "Python lets you set any attribute on a module. `requires_grad` means something on a *parameter* only.",
        "The method `requires_grad_(True)`, with an underscore at its end, reaches all parameters of a module.",
    ),
    inputs=_pictures,
    reference=_thaw_head,
    why=(
        "The last stage and the head learn, and nothing else does. In the broken version the loss fell too, because "
        "the last stage learned to serve a random head; that is why nobody noticed. Count the trainable parameters "
        "before you train: it takes one line."
    ),
    wrong=(
        Wrong(
            "head stays random",
            "The last stage learns and the head does not: it stays as random as it was. `requires_grad` set on a "
            "module is a new attribute that no parameter looks at.",
            _attribute_on_head,
        ),
        Wrong(
            "nothing learns",
            "Nothing learns, so `backward()` finds no gradient and stops. This is the loud form of the same bug: with "
            "no other part in training, setting `requires_grad` on a module leaves nothing trainable.",
            _attribute_only,
        ),
        Wrong(
            "head alone",
            "The head learns now, but the last stage, `layer2`, should learn as well.",
            _head_alone,
        ),
        Wrong(
            "everything learns",
            "Everything learns, the first layers too: they were meant to stay frozen.",
            lambda model: model.requires_grad_(True),
        ),
        Wrong(
            "too much learns",
            "More learns than was asked for: `layer1` is to stay frozen, and so are `conv1` and `bn1`.",
            _from_layer1,
            recognise=lambda found, expected, cases: (
                not _same_state(found[0]["state"], expected[0]["state"], "layer1.0.weight")
            ),
        ),
    ),
    probe=_as_planned,
    prepare=load_optimizers,
)

# --- loud or silent ------------------------------------------------------------------------------------------------

LOUD_OR_SILENT = Question(
    slug="loud_or_silent",
    lesson=LESSON,
    title="Loud or silent?",
    kind="predict",
    difficulty=2,
    minutes=4,
    points=0,
    hints=(
        "Go through the programs one by one: after these lines, which *parameters* have `requires_grad=True`?",
        "If no parameter has it, `backward()` raises. If some have it, training runs, whether or not they are those "
        "you meant.",
    ),
    inputs=lambda seed: [{}],
    reference="BD",
    why=(
        "A raises in the first `backward()`, which is the kindest thing a bug can do; C is right. B and D run, their "
        "loss falls, and the wrong things learn. A silent bug is found only by looking at what moved."
    ),
    wrong=(
        Wrong(
            "A is loud",
            "A is a bug, but not a silent one: no parameter is trainable, so the first `backward()` raises an error.",
            "AB",
            recognise=lambda found, expected, cases: "A" in found[0],
        ),
        Wrong(
            "C is right",
            "C is no bug: `requires_grad_` with the underscore is a method of modules, and reaches all parameters of "
            "the head.",
            "BCD",
            recognise=lambda found, expected, cases: "C" in found[0],
        ),
        Wrong(
            "D forgotten",
            "You left out D. Setting `requires_grad` on the model freezes nothing: all of it is trained, and no error "
            "says so.",
            "B",
            recognise=lambda found, expected, cases: "D" not in found[0],
        ),
        Wrong(
            "B forgotten",
            "You left out B. The last stage has gradients, so `backward()` runs, and the head stays random.",
            "D",
            recognise=lambda found, expected, cases: "B" not in found[0],
        ),
    ),
    probe=letters,
)

# --- two stages that are two ---------------------------------------------------------------------------------------


def _two_tasks(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    source, target = pictures(rng, 15, 5), pictures(rng, 9, 3)
    return [
        {
            "seed": int(rng.integers(2**31)),
            "source_images": source["images"],
            "source_labels": source["labels"],
            "target_images": target["images"],
            "target_labels": target["labels"],
            "head": rng.normal(size=(3, 6)),
        }
    ]


def _stages(answer: object, case: Case) -> Data:
    """Give the answer a model, both data sets, a new head and a function that trains; return the weights at the end."""
    need_function(answer, "answer_two_stages(model, source, target, new_head, train)")
    given, model = tensors(case), TinyResNet(5, case["seed"])
    source = (given["source_images"], given["source_labels"])
    target = (given["target_images"], given["target_labels"])
    head = nn.Linear(6, 3, dtype=torch.float64)
    head.load_state_dict({"weight": given["head"], "bias": torch.zeros(3, dtype=torch.float64)})
    result = answer(model, source, target, head, lambda model, data: train(model, *data))
    model = result if isinstance(result, nn.Module) else model
    model.eval()
    return {"state": state(model), "logits": plain(model(target[0]))}


def _two_stages(model: nn.Module, source: tuple, target: tuple, new_head: nn.Module, train) -> nn.Module:
    train(model, source)
    model.fc = new_head
    train(model, target)
    return model


def _same_twice(model, source, target, new_head, train):
    train(model, target)
    train(model, target)
    return model


def _same_twice_with_head(model, source, target, new_head, train):
    model.fc = new_head
    train(model, target)
    train(model, target)
    return model


def _head_first(model, source, target, new_head, train):
    model.fc = new_head
    train(model, source)
    train(model, target)
    return model


def _old_head(model, source, target, new_head, train):
    train(model, source)
    train(model, target)
    return model


def _no_fine_tuning(model, source, target, new_head, train):
    train(model, source)
    model.fc = new_head
    return model


TWO_STAGES = Question(
    slug="two_stages",
    lesson=LESSON,
    title="Two stages that are two",
    kind="repair",
    difficulty=2,
    minutes=8,
    points=3,
    hints=(
        "What differs between pretraining and fine-tuning? In the broken version: nothing. Data, classes, head?",
        "First the source, with the head that the model comes with. Then the target, which has other classes.",
        "Three lines: train on the source, put `new_head` in the place of `model.fc`, train on the target.",
    ),
    inputs=_two_tasks,
    reference=_two_stages,
    why=(
        "The first stage sees the source and its classes; then the head is replaced, and the second stage sees the "
        "target. What passes from one to the other is the backbone, by its weights. Two loops over the same data are "
        "one longer training, whatever their headings say."
    ),
    wrong=(
        Wrong(
            "same data twice",
            "Both stages train on the target, so they are one longer stage. The source is never seen, and nothing is "
            "transferred.",
            _same_twice,
        ),
        Wrong(
            "target only",
            "The head is the new one, but the source is never seen: this is training from scratch, twice as long.",
            _same_twice_with_head,
        ),
        Wrong(
            "head first",
            "You replaced the head before the first stage. The new head has as many outputs as the *target* has "
            "classes, and the source's labels do not fit in.",
            _head_first,
        ),
        Wrong(
            "old head",
            "The target is trained behind the source's head: it has outputs for classes that the target does not have, "
            "and what it knows is about other classes. Put `new_head` there before the second stage.",
            _old_head,
        ),
        Wrong(
            "no fine-tuning",
            "The new head is in place, and nobody trained it: the second stage is missing.",
            _no_fine_tuning,
        ),
    ),
    probe=_stages,
    prepare=load_optimizers,
)

# --- a test that leaves no trace -----------------------------------------------------------------------------------


def _in_both_modes(seed: int) -> list[Case]:
    return [{**case, "training": mode} for case, mode in zip(_pictures(seed), (True, False), strict=True)]


def _predictions(answer: object, case: Case) -> Data:
    """Ask for predictions; then see what is left of the model, and which mode it is in, by what it does."""
    need_function(answer, "answer_fair_test(model, images)")
    given, model = tensors(case), TinyResNet(4, case["seed"])
    train(model, given["images"], given["labels"])
    model.train(case["training"])
    logits = answer(model, given["images"])
    if not isinstance(logits, Tensor):
        raise Unfit(
            f"It gave back {type(logits).__name__}; give back the logits as one tensor, a row for each picture."
        )
    traced = torch.zeros_like(model.fc.bias)
    if logits.requires_grad:
        traced = torch.autograd.grad(logits.square().sum(), model.fc.bias, allow_unused=True)[0]
    afterwards = state(model)
    with torch.no_grad():
        behaviour = plain(copy.deepcopy(model)(given["images"]))
    return {
        "logits": plain(logits),
        "state afterwards": afterwards,
        "what the model does afterwards": behaviour,
        "gradient kept": plain(traced),
    }


def _fair_test(model: nn.Module, images: Tensor) -> Tensor:
    mode = model.training
    model.eval()
    with torch.no_grad():
        logits = model(images)
    model.train(mode)
    return logits


def _in_train_mode(model: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([model(batch) for batch in images.split(5)])


def _left_in_eval(model: nn.Module, images: Tensor) -> Tensor:
    model.eval()
    with torch.no_grad():
        return model(images)


def _left_in_train(model: nn.Module, images: Tensor) -> Tensor:
    logits = _left_in_eval(model, images)
    model.train()
    return logits


def _graph_kept(model: nn.Module, images: Tensor) -> Tensor:
    mode = model.training
    logits = model.eval()(images)
    model.train(mode)
    return logits


def _right_logits(found: Data, expected: Data) -> bool:
    return np.shape(found["logits"]) == np.shape(expected["logits"]) and _close(found["logits"], expected["logits"])


FAIR_TEST = Question(
    slug="fair_test",
    lesson=LESSON,
    title="A test that leaves no trace",
    kind="repair",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "In which mode does a network normalise a picture by who happens to be in the same batch?",
        "`torch.no_grad()` stops gradients, not BatchNorm: its statistics move in train mode whether or not anyone "
        "differentiates.",
        "Remember `model.training`, switch to `eval()`, predict under `torch.no_grad()`, and switch back with "
        "`model.train(mode)`.",
    ),
    inputs=_in_both_modes,
    reference=_fair_test,
    why=(
        "A picture now gets the same answer whoever shares its batch, the test leaves no trace in the model, and "
        "training goes on as if it had not been. In train mode the same pictures score differently shuffled, sorted "
        "and one by one, and the test moves what it measures."
    ),
    wrong=(
        Wrong(
            "train mode",
            "The model predicts in train mode: BatchNorm normalises each picture by the others in its batch, and its "
            "running statistics move, `no_grad()` or not. Call `model.eval()` first.",
            _in_train_mode,
            recognise=lambda found, expected, cases: (
                not _same_state(found[0]["state afterwards"], expected[0]["state afterwards"], "running_mean")
            ),
        ),
        Wrong(
            "graph kept",
            "The predictions are right, but they drag the whole graph along: memory grows with every batch that is "
            "kept. Predict under `torch.no_grad()`.",
            _graph_kept,
            recognise=lambda found, expected, cases: (
                all(map(_right_logits, found, expected)) and any(np.any(one["gradient kept"]) for one in found)
            ),
        ),
        Wrong(
            "left in eval",
            "The predictions are right, but the model is left in eval mode. Who tests in the middle of training then "
            "trains on without dropout and with standing statistics, and does not know.",
            _left_in_eval,
            recognise=lambda found, expected, cases: (
                all(map(_right_logits, found, expected))
                and not _close(
                    found[0]["what the model does afterwards"], expected[0]["what the model does afterwards"]
                )
            ),
        ),
        Wrong(
            "left in train",
            "The predictions are right, but a model that came in eval mode leaves in train mode. Give it back in the "
            "mode in which you got it.",
            _left_in_train,
            recognise=lambda found, expected, cases: (
                all(map(_right_logits, found, expected))
                and not _close(
                    found[1]["what the model does afterwards"], expected[1]["what the model does afterwards"]
                )
            ),
        ),
    ),
    probe=_predictions,
    prepare=load_optimizers,
)

# --- the loop that never prints ------------------------------------------------------------------------------------


def _curves(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    sizes = ((500, 2000), (500, 200), (12, 4), (7, 3), (5, 1), (1, 10))
    return [{"losses": rng.uniform(0.1, 3, size=count).tolist(), "every": every} for count, every in sizes]


def _report(losses: list[float], every: int) -> list[list[float]]:
    rows = []
    for start in range(0, len(losses), every):
        part = losses[start : start + every]
        rows.append([start + len(part), sum(part) / len(part)])
    return rows


def _only_full(losses: list[float], every: int) -> list[list[float]]:
    return _report(losses[: len(losses) // every * every], every)


def _tail_over_every(losses: list[float], every: int) -> list[list[float]]:
    rows = _report(losses, every)
    left = len(losses) % every
    return [*rows[:-1], [rows[-1][0], rows[-1][1] * left / every]] if left else rows


def _never_reset(losses: list[float], every: int) -> list[list[float]]:
    return [[step, sum(losses[:step]) / step] for step, _ in _report(losses, every)]


def _last_loss(losses: list[float], every: int) -> list[list[float]]:
    return [[step, losses[int(step) - 1]] for step, _ in _report(losses, every)]


def _from_zero(losses: list[float], every: int) -> list[list[float]]:
    return [[step - 1, mean] for step, mean in _report(losses, every)]


REPORT = Question(
    slug="report",
    lesson=LESSON,
    title="The loop that never prints",
    kind="repair",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "An epoch of 50,000 pictures in batches of 100 has 500 steps. When is `step % 2000 == 1999` true?",
        "Report at every `every`-th step, and once more at the end for what is left.",
        "`losses[start:start + every]` for `start` in `range(0, len(losses), every)`: the last piece may be shorter, "
        "so divide by its own length.",
    ),
    inputs=_curves,
    reference=_report,
    why=(
        "Every loss is in exactly one report, the last ones too, however short the epoch is. A condition copied from a "
        "loop with smaller batches may never be true: no output is no sign that all is well, and no sign that it is "
        "not."
    ),
    wrong=(
        Wrong(
            "tail lost",
            "What comes after the last full group is never reported; with fewer steps than `every` that is everything, "
            "and nothing is ever printed.",
            _only_full,
        ),
        Wrong(
            "tail divided by every",
            "The last group may be shorter, and its sum is divided by `every` all the same: the loss seems to fall at "
            "the end of each epoch. Divide by the number of losses in it.",
            _tail_over_every,
        ),
        Wrong(
            "never reset",
            "This is the mean of all losses so far: the sum is not set back after a report. A mean since the beginning "
            "lags behind, and hides a loss that has begun to rise.",
            _never_reset,
        ),
        Wrong(
            "last loss",
            "This reports the last loss of each group, one noisy mini-batch, where the mean over the group was asked "
            "for.",
            _last_loss,
        ),
        Wrong(
            "counted from zero",
            "Steps are counted from one here: the first report of every 200 steps belongs to step 200, not 199.",
            _from_zero,
        ),
    ),
)

# --- one rate for each layer ---------------------------------------------------------------------------------------


def _rates(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = [(float(rng.uniform(0.01, 1)), float(rng.uniform(0.2, 0.9))) for _ in range(2)]
    return [{"seed": seed % 1000, "rate": rate, "decay": decay} for rate, decay in [*drawn, (0.1, 1.0)]]


def _one_step(answer: object, case: Case) -> Data:
    """Give every parameter the gradient 1, take one step, and see how far each one went."""
    need_function(answer, "answer_layer_rates(model, rate, decay)")
    model = TinyResNet(4, case["seed"])
    optimizer = answer(model, case["rate"], case["decay"])
    if not callable(getattr(optimizer, "step", None)):
        raise Unfit(f"It gave back {type(optimizer).__name__}; give back the optimiser.")
    before = state(model)
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    after = state(model)
    return {name: before[name] - after[name] for name, _ in model.named_parameters()}


def _with_rates(*groups: tuple[tuple[str, ...], float]):
    """An answer that gives each group of modules the rate times decay to a power."""

    def answer(model: nn.Module, rate: float, decay: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            [
                {"params": [w for name in names for w in getattr(model, name).parameters()], "lr": rate * decay**power}
                for names, power in groups
            ]
        )

    return answer


_STEM = ("conv1", "bn1")

LAYER_RATES = Question(
    slug="layer_rates",
    lesson=LESSON,
    title="One rate for each layer",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=2,
    hints=(
        "An optimiser takes a list of dicts, one for each group: `{'params': …, 'lr': …}`.",
        "The head has `rate`; each group below it `decay` times the one above: layer2, layer1, and the stem, which is "
        "`conv1` and `bn1` together.",
        "Four dicts with the rates `rate`, `rate * decay`, `rate * decay**2`, `rate * decay**3`. `[*a.parameters(), "
        "*b.parameters()]` joins the parameters of two modules.",
    ),
    inputs=_rates,
    reference=_with_rates((("fc",), 0), (("layer2",), 1), (("layer1",), 2), (_STEM, 3)),
    why=(
        "The new head takes long steps, and the further down, the shorter they get: general filters are kept, special "
        "ones adapt. This was judged by how far each parameter moved in one step, which is the only proof that a group "
        "has the rate you meant, and that no parameter was left out."
    ),
    wrong=(
        Wrong(
            "one rate for all",
            "Every parameter moves equally far: there is one group, or all groups have the same rate.",
            _with_rates((("fc", "layer2", "layer1", *_STEM), 0)),
        ),
        Wrong(
            "upside down",
            "The rates are upside down: the stem takes the longest steps and the new head the shortest.",
            _with_rates((("fc",), 3), (("layer2",), 2), (("layer1",), 1), (_STEM, 0)),
        ),
        Wrong(
            "head forgotten",
            "The head does not move at all: no group holds `model.fc`. It is new, and needs training most.",
            _with_rates((("layer2",), 1), (("layer1",), 2), (_STEM, 3)),
            recognise=lambda found, expected, cases: not np.any(found[0]["fc.weight"]),
        ),
        Wrong(
            "stem forgotten",
            "Part of the stem does not move: `conv1` or `bn1` is in no group. What is in no group is silently frozen.",
            _with_rates((("fc",), 0), (("layer2",), 1), (("layer1",), 2), (("conv1",), 3)),
            recognise=lambda found, expected, cases: (
                not (np.any(found[0]["conv1.weight"]) and np.any(found[0]["bn1.weight"]))
            ),
        ),
        Wrong(
            "head decayed",
            "All rates are one power of `decay` too small: the head gets `rate` itself.",
            _with_rates((("fc",), 1), (("layer2",), 2), (("layer1",), 3), (_STEM, 4)),
        ),
    ),
    probe=_one_step,
    prepare=load_optimizers,
)

QUESTIONS = (FREEZE_BN, LOUD_OR_SILENT, THAW_HEAD, TWO_STAGES, FAIR_TEST, REPORT, LAYER_RATES)
