"""Where the memory does not suffice, the error says which knob to turn; every other error is left as it is."""

import weakref

import pytest
import torch
from torch import nn

from tl_course import data, training
from tl_course.data.enough_memory import enough_memory

FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory. Error code 12"),
]


def task_of(count=8):
    part = data.Split(torch.zeros(count, 3), torch.arange(count) % 2)
    return data.Task("toy", "Toy", "features", ("a", "b"), part, part, part, "made up")


def raising(error):
    def full(*_):
        raise error

    return full


@pytest.mark.parametrize("error", FULL)
def test_a_step_that_does_not_fit_names_the_batch_size(error):
    with pytest.raises(torch.OutOfMemoryError, match=r"batch_size of 4; give fit a smaller batch_size.*TL_PROFILE"):
        training.fit(nn.Linear(3, 2), task_of(), loss=raising(error), steps=1, batch_size=4, progress=False)


@pytest.mark.parametrize("error", FULL)
def test_features_that_do_not_fit_name_the_batch_size(error):
    model = nn.Linear(3, 2)
    model.preprocess, model.embed = data.ImagePreprocess(2, (0.5,) * 3, (0.5,) * 3), raising(error)
    part = data.Split(torch.zeros(4, 3, 2, 2, dtype=torch.uint8), torch.arange(4) % 2)
    task = data.Task("toy", "Toy", "image", ("a", "b"), part, part, part, "made up")
    with pytest.raises(torch.OutOfMemoryError, match=r"batch_size of 64; give features a smaller batch_size"):
        data.features(model, task, batch_size=64)


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("memory")])
def test_another_error_is_left_as_it_is(error):
    with pytest.raises(type(error)) as caught, enough_memory("a step", "lower batch_size"):
        raise error
    assert caught.value is error


def test_what_the_failed_step_held_is_let_go():
    """Else a second try in the same notebook would find the memory as full as the first."""
    seen = []

    def step():
        held = nn.Linear(1, 1)
        seen.append(weakref.ref(held))
        raise FULL[0]

    with pytest.raises(torch.OutOfMemoryError), enough_memory("a step", "lower batch_size"):
        step()
    assert seen[0]() is None
