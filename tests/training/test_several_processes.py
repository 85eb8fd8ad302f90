"""Two processes that train together end where one does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tasks
import torch
from torch import multiprocessing, nn

from authoring import lab
from tl_course import losses, models
from tl_course.training import fit
from tl_course.training.workers import Workers

OPTIONS = {"steps": 12, "batch_size": 7, "lr": 0.01, "log_every": 4, "progress": False}


def plain_cnn() -> nn.Module:
    """Without BatchNorm and dropout."""
    model = models.create("vgg_small", num_classes=3)
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.BatchNorm2d | nn.Dropout):
            model.set_submodule(name, nn.Identity())
    return model


def frozen_batchnorm() -> nn.Module:
    model = tasks.resnet()
    models.freeze(model, parts=[name for name, part in model.named_modules() if isinstance(part, nn.BatchNorm2d)])
    return model


def bert_without_dropout() -> nn.Module:
    model = tasks.tiny_bert()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def frozen_bert() -> nn.Module:
    """What is frozen drops nothing, so that two processes agree with dropout in the model."""
    model = tasks.tiny_bert()
    models.freeze(model, except_head=True)
    return model


def l2_sp():
    """A penalty that does not depend on the batch."""
    return losses.L2SP(tasks.mlp(9), alpha=0.5, beta=0.5)


# SGD for the deep networks: Adam divides by the size of the gradient, and so turns a rounding error in a gradient that
# is almost 0 into a whole step.
SGD = {"optimizer": "sgd", "steps": 6}
# name: model, task (the last batch of an epoch is smaller: one example), loss, options
CASES = {
    "features": (tasks.mlp, lambda: tasks.points(train=50), None, {"patience": 9, "evaluate_every": 4}),
    "a penalty": (tasks.mlp, lambda: tasks.points(train=50), l2_sp, {"weight_decay": 0.0}),
    "a convolutional network": (plain_cnn, lambda: tasks.images(train=15, augment=("flip", "crop")), None, SGD),
    "frozen BatchNorm": (
        frozen_batchnorm, lambda: tasks.images(train=15), None, SGD | {"unfreeze": {3: ["layer2.0.conv1"]}},
    ),
    # Texts of 2 to 13 words in batches of 5, which leaves one of 2: each is padded to its longest text.
    "a BERT without dropout": (bert_without_dropout, tasks.texts, None, {"steps": 60, "batch_size": 5, "lr": 1e-3}),
    "a BERT with dropout": (tasks.tiny_bert, tasks.texts, None, {"steps": 6, "batch_size": 5}),
    "a frozen BERT": (frozen_bert, tasks.texts, None, {"steps": 30, "batch_size": 5}),
}  # fmt: skip


def train(case: str, **options):
    make, task, loss, own = CASES[case]
    options = OPTIONS | own | options | ({"loss": loss()} if loss else {})
    return fit(make(), task(), **options)


def work(rank: int, port: int, folder: str, cases: list[str]) -> None:
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank), "ACCELERATE_USE_CPU": "true"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TL_DEVICE": "cpu", "TL_PRECISION": "fp32"}
    left = {}
    for number, case in enumerate(cases):
        run = train(case, checkpoint=Path(folder) / f"{number}.pt")
        left[case] = {"model": run.model.state_dict(), "history": run.history, "best": run.best_step}
    apart = fit(tasks.mlp(seed=rank), tasks.points(), **OPTIONS)
    left["each another start"] = {"model": apart.model.state_dict()}
    torch.save(left, f"{folder}/rank{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(request, tmp_path_factory):
    """What each of two processes has after the cases this run asks for; to start two takes longer than to train."""
    asking = [item for item in request.session.items if request.fixturename in getattr(item, "fixturenames", ())]
    asked = [item.callspec.params["case"] if hasattr(item, "callspec") else "a BERT with dropout" for item in asking]
    folder = tmp_path_factory.mktemp("ranks")
    multiprocessing.spawn(work, (lab.free_port(), str(folder), list(dict.fromkeys(asked))), nprocs=2)
    return [torch.load(folder / f"rank{rank}.pt") for rank in (0, 1)]


@pytest.mark.usual(2)
@pytest.mark.integration
@pytest.mark.parametrize("case", [case for case in CASES if case != "a BERT with dropout"])
def test_two_processes_equal_one(case, ranks):
    one = train(case)
    first, second = (rank[case] for rank in ranks)
    for name, expected in one.model.state_dict().items():
        assert torch.equal(first["model"][name], second["model"][name]), name
        torch.testing.assert_close(first["model"][name], expected, rtol=1e-5, atol=1e-5, msg=name)
    assert first["best"] == second["best"] == one.best_step
    for entry, expected in zip(first["history"], one.history, strict=True):
        assert entry["validation_accuracy"] == pytest.approx(expected["validation_accuracy"])
        assert entry["train_loss"] == pytest.approx(expected["train_loss"], rel=1e-4)


@pytest.mark.integration
def test_both_begin_with_the_weights_of_the_first(ranks):
    one = fit(tasks.mlp(seed=0), tasks.points(), **OPTIONS)
    for rank in ranks:
        for name, expected in one.model.state_dict().items():
            torch.testing.assert_close(rank["each another start"]["model"][name], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.integration
def test_with_dropout_two_processes_agree_with_each_other_only(ranks):
    """Each draws masks for its own rows: a BERT differs from one process by that, and by nothing else."""
    one = train("a BERT with dropout")
    first, second = (rank["a BERT with dropout"] for rank in ranks)
    assert all(torch.equal(first["model"][name], second["model"][name]) for name in first["model"])
    assert not torch.equal(first["model"]["classifier.weight"], one.model.state_dict()["classifier.weight"])


@pytest.mark.full
def test_a_launcher_starts_two_that_train_together(tmp_path):
    """`accelerate launch` starts one process for each GPU by way of torchrun, which does the same for CPUs."""
    script = tmp_path / "train.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "import tasks, torch\n"
        "from tl_course.training import fit\n"
        "from tl_course.training.workers import Workers\n"
        "run = fit(tasks.mlp(), tasks.points(), steps=5, batch_size=7, progress=False)\n"
        "workers = Workers.join()\n"
        "assert workers.count == 2, workers\n"
        "if workers.main:\n"
        f"    torch.save(run.model.state_dict(), {str(tmp_path / 'model.pt')!r})\n",
        encoding="utf-8",
    )
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launch += ["--master-port", str(lab.free_port())]
    done = subprocess.run([*launch, str(script)], capture_output=True, text=True, env=os.environ | {"TL_DEVICE": "cpu"})
    assert done.returncode == 0, done.stderr
    one = fit(tasks.mlp(), tasks.points(), steps=5, batch_size=7, progress=False)
    for name, tensor in torch.load(tmp_path / "model.pt").items():
        torch.testing.assert_close(tensor, one.model.state_dict()[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 5, 8])
@pytest.mark.parametrize("count", [2, 3])
def test_the_parts_of_a_batch_weigh_what_they_hold(size, count):
    from tl_course.data import Batch

    values = torch.randn(size, 4, generator=torch.Generator().manual_seed(size))
    batch = Batch({"input_ids": values}, torch.arange(size), torch.arange(size))
    parts = [Workers(torch.device("cpu"), rank, count).part(batch) for rank in range(count)]
    mean = sum(part.inputs["input_ids"].mean(0) * weight for part, weight in parts) / count
    torch.testing.assert_close(mean, values.mean(0))
    assert sorted(i for part, weight in parts if weight for i in part.index.tolist()) == list(range(size))
    assert all(len(part) for part, _ in parts)


@pytest.mark.full
def test_one_process_does_not_import_accelerate():
    code = (
        "import sys, tasks; from tl_course.training import fit\n"
        "fit(tasks.mlp(), tasks.points(), steps=2, progress=False)\n"
        "assert 'accelerate' not in sys.modules"
    )
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": paths})
