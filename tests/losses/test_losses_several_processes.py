"""Losses that look at a whole batch give in two processes what they give in one, although each sees its part only."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import tasks
import torch
from torch import multiprocessing, nn

from authoring import lab
from tl_course import losses
from tl_course.data import batches
from tl_course.models.heads import seeded
from tl_course.training import fit

# SGD, as Adam turns a rounding error in a gradient that is almost 0 into a whole step.
OPTIONS = {"steps": 12, "batch_size": 7, "lr": 0.05, "optimizer": "sgd", "log_every": 4, "progress": False}


class Language(nn.Module):
    """Guesses the next token from the one before it, and classes from the mean over a text."""

    def __init__(self):
        super().__init__()
        self.embedding, self.words, self.fc = nn.Embedding(9, 6), nn.Linear(6, 9), nn.Linear(6, 2)

    def forward(self, input_ids, attention_mask, **_):
        states = self.embedding(input_ids) * attention_mask[..., None]
        return self.fc(states.sum(1) / attention_mask.sum(1, keepdim=True))

    def next_token_logits(self, input_ids, attention_mask):
        return self.words(self.embedding(input_ids))


def language():
    with seeded(0):
        model = Language()
    model.preprocess = tasks.tiny_bert().preprocess
    return model


def bert(seed=0):
    model = tasks.tiny_bert(seed)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def risk_and_bss(model):
    """The source's batches are whole in each process."""
    source = list(batches(tasks.points(3), model, batch_size=9, seed=1))
    return losses.TransferRisk(source, 0.5, source_loss=losses.BSS(weight=0.1, k=2), target_loss=losses.BSS(weight=0.1))


# name: model, task, what its loss is. The last batch of an epoch is smaller: two, three or one example.
CASES = {
    "coral": (
        tasks.mlp,
        lambda: tasks.points(train=51),
        lambda model: losses.CORAL(model, tasks.points(2), weight=5.0),
    ),
    "coral apart": (
        tasks.mlp,
        lambda: tasks.points(train=51),
        lambda model: losses.CORAL(model, tasks.points(2), layer="0", batch_norm="separate", batch_size=8),
    ),
    "mmd": (tasks.mlp, lambda: tasks.points(train=51), lambda model: losses.MMD(model, tasks.points(2), batch_size=9)),
    "dann": (
        tasks.mlp,
        lambda: tasks.points(train=50),
        lambda model: losses.DomainAdversarial(model, tasks.points(2), steps=12, batch_size=9),
    ),
    "bss": (tasks.mlp, lambda: tasks.points(train=50), lambda model: losses.BSS(weight=0.05, k=3)),
    "risk": (tasks.mlp, lambda: tasks.points(train=50), risk_and_bss),
    "relations": (
        tasks.mlp,
        lambda: tasks.points(train=52),
        lambda model: losses.RelationalDistillation(tasks.mlp(7).eval()),
    ),
    "next token": (language, tasks.texts, lambda model: losses.next_token),
    "bert": (bert, tasks.texts, lambda model: losses.DistilBERTLoss(bert(5))),
}


def train(case):
    make, task, loss = CASES[case]
    model = make()
    made = loss(model)
    run = fit(model, task(), loss=made, **OPTIONS)
    learned = dict(model.state_dict())
    if isinstance(made, nn.Module):
        learned |= {f"loss.{name}": value for name, value in made.named_parameters()}
    return SimpleNamespace(learned=learned, history=run.history)


def asked():
    model = tasks.mlp()
    return losses.BSS(k=2)(model, next(iter(batches(tasks.points(), model, batch_size=8))))["bss"]


def work(rank: int, port: int, folder: str, cases: list[str]) -> None:
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank), "ACCELERATE_USE_CPU": "true"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TL_DEVICE": "cpu", "TL_PRECISION": "fp32"}
    torch.set_num_threads(1)
    for case in cases:
        torch.save(vars(train(case)), f"{folder}/{list(CASES).index(case)}-{rank}.pt")
    if rank == 0:
        with torch.no_grad():
            torch.save(asked(), f"{folder}/alone.pt")
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def two(request, tmp_path_factory):
    """A folder with what each of two processes has after the cases that this run asks for."""
    asking = [item for item in request.session.items if request.fixturename in getattr(item, "fixturenames", ())]
    cases = [item.callspec.params["case"] for item in asking if hasattr(item, "callspec")]
    folder = tmp_path_factory.mktemp("two")
    multiprocessing.spawn(work, (lab.free_port(), str(folder), cases), nprocs=2)
    return Path(folder)


@pytest.mark.usual(3)
@pytest.mark.integration
@pytest.mark.parametrize("case", CASES)
def test_two_processes_learn_what_one_learns(two, case):
    one, number = train(case), list(CASES).index(case)
    first, second = (torch.load(two / f"{number}-{rank}.pt") for rank in (0, 1))
    for name, expected in one.learned.items():
        assert torch.equal(first["learned"][name], second["learned"][name]), name
        torch.testing.assert_close(first["learned"][name], expected, rtol=1e-4, atol=1e-5, msg=name)
    for entry, expected in zip(first["history"], one.history, strict=True):
        for term, value in expected.items():
            if value is not None and term != "seconds":
                assert entry[term] == pytest.approx(value, rel=1e-4, abs=1e-5), term


@pytest.mark.integration
def test_without_gradients_one_process_may_ask_alone(two):
    """A loss that waited for the others would hang: only the first process evaluates."""
    torch.testing.assert_close(torch.load(two / "alone.pt"), asked().detach())
