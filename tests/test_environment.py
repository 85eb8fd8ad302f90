"""Settings: where they come from, what is refused, and that asking for them changes nothing."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch

from tl_course import environment


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_setup_prints_one_card_with_every_setting(capsys):
    env = environment.setup(device="cpu", seed=5)
    card = capsys.readouterr().out
    assert card.strip() == env.card()
    names = [line.split()[0] for line in card.splitlines()]
    assert names == ["profile", "device", "threads", "precision", "cache", "seed", "versions", "pictures"]
    assert environment.current() is env


def test_the_card_says_what_the_lessons_do_without_and_how_to_bring_it(monkeypatch):
    env = environment.setup(device="cpu", quiet=True)
    assert env.card().splitlines()[-1] == (
        "pictures   no CIFAR-10 here: the vision lessons run on MNIST-M (rebuilt); `tl-course fetch cifar10` brings "
        "it, or with `--from DIR` your copy"
    )
    monkeypatch.setenv("TL_TARGET", "mnist_m")
    assert "CIFAR-10" not in env.card()


def test_quiet_setup_prints_nothing(capsys):
    environment.setup(device="cpu", quiet=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("TL_PROFILE", "gpu", "profile", "gpu"),
        ("TL_PROFILE", "", "profile", "mini"),
        ("TL_DEVICE", "cpu", "device", torch.device("cpu")),
        ("TL_THREADS", "1", "threads", 1),
        ("TL_PRECISION", "bf16", "precision", "bf16"),
        ("TL_OFFLINE", "1", "offline", True),
        ("TL_OFFLINE", "0", "offline", False),
        ("TL_OFFLINE", "", "offline", False),
        ("HF_HUB_OFFLINE", "True", "offline", True),
    ],
)
def test_a_variable_sets_a_setting(monkeypatch, variable, value, field, expected):
    monkeypatch.setenv(variable, value)
    assert getattr(environment.setup(quiet=True), field) == expected


def test_an_empty_device_means_the_best_one(monkeypatch):
    monkeypatch.setenv("TL_DEVICE", "")
    best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert environment.setup(quiet=True).device.type == best


def test_an_argument_wins_over_a_variable(monkeypatch):
    monkeypatch.setenv("TL_PROFILE", "gpu")
    monkeypatch.setenv("TL_THREADS", "2")
    env = environment.setup("cpu", threads=1, precision="bf16", device="cpu", quiet=True)
    assert (env.profile, env.threads, env.precision) == ("cpu", 1, "bf16")
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("TL_PROFILE", "maxi", r"profile 'maxi' \(from TL_PROFILE\).*mini, cpu, gpu"),
        ("TL_PRECISION", "fp16", r"precision 'fp16' \(from TL_PRECISION\).*fp32, bf16"),
        ("TL_THREADS", "0", "threads must be a positive whole number, not '0'"),
        ("TL_THREADS", "-2", "threads must be"),
        ("TL_THREADS", "two", "threads must be"),
        ("TL_THREADS", "²", "threads must be"),
        ("TL_DEVICE", "gpu", "device 'gpu' is not one the course knows"),
        ("TL_DEVICE", "meta", "device 'meta' is not one the course knows"),
        ("TL_DEVICE", "cuda:99", "does not see the device 'cuda:99'"),
    ],
)
def test_a_wrong_setting_is_named_and_changes_nothing(monkeypatch, variable, value, message):
    before = environment.setup(device="cpu", threads=1, quiet=True)
    state = torch.get_rng_state()
    monkeypatch.setenv("TL_THREADS", "3")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=message):
        environment.setup(quiet=True)
    assert environment.current() is before
    assert torch.get_num_threads() == 1
    assert torch.equal(torch.get_rng_state(), state)


# --- seeds --------------------------------------------------------------------------------------------------------


def draws():
    return random.random(), numpy.random.rand(), torch.rand(1).item()  # noqa: NPY002 - the global one is meant


@pytest.mark.parametrize("seed", [0, 1, 2**40 + 3, -1])
def test_one_seed_makes_all_generators_repeat(seed):
    environment.setup(device="cpu", seed=seed, quiet=True)
    first = draws()
    environment.setup(device="cpu", seed=seed, quiet=True)
    assert draws() == first
    environment.setup(device="cpu", seed=seed + 1, quiet=True)
    assert draws() != first


@pytest.mark.integration
def test_asking_for_the_settings_does_not_touch_the_callers_random_numbers(monkeypatch):
    monkeypatch.delenv("TL_PRECISION")  # the timed convolution draws weights
    monkeypatch.setenv("TL_DEVICE", "cpu")
    environment.seed_everything(11)
    expected = draws()
    environment.seed_everything(11)
    environment.current()
    assert draws() == expected


def test_a_generator_does_not_depend_on_the_global_one():
    first = torch.randperm(50, generator=environment.generator(3))
    torch.manual_seed(99)
    assert torch.equal(first, torch.randperm(50, generator=environment.generator(3)))
    assert not torch.equal(first, torch.randperm(50, generator=environment.generator(4)))


class Draws(torch.utils.data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.tensor(draws(), dtype=torch.float64)


def test_loader_workers_are_seeded_and_differ():
    def run():
        generator, init = environment.generator(1), environment.seed_worker
        loader = torch.utils.data.DataLoader(Draws(), num_workers=2, generator=generator, worker_init_fn=init)
        return torch.cat(list(loader))

    first = run()
    assert torch.equal(first, run())
    assert len(first.unique(dim=0)) == 8


# --- threads and places -------------------------------------------------------------------------------------------


def test_omp_num_threads_is_obeyed(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert environment.usable_cores() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "nonsense")
    assert 1 <= environment.usable_cores() <= os.cpu_count()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot bind a process to a core")
def test_a_process_bound_to_one_core_uses_one_thread():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code += "from tl_course.environment import usable_cores; print(usable_cores())"
    env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    assert subprocess.check_output([sys.executable, "-c", code], env=env, text=True) == "1\n"


def test_the_cache_folder_is_named_but_not_made(monkeypatch, tmp_path):
    monkeypatch.setenv("TL_CACHE", str(tmp_path / "a" / ".." / "b"))
    assert environment.cache_dir() == tmp_path / "b"
    assert not (tmp_path / "b").exists()
    monkeypatch.setenv("TL_CACHE", "~/x")
    assert environment.cache_dir() == Path.home() / "x"
    monkeypatch.delenv("TL_CACHE")
    assert environment.cache_dir().is_absolute()
    assert "tl_course" in environment.cache_dir().parts


def test_a_machine_without_a_home_folder_still_gets_a_card(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert environment.shorten_home(Path("/data/x")) == "/data/x"


# --- precision ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("speedup", "expected"), [(3.0, "bf16"), (1.3, "bf16"), (1.29, "fp32"), (0.1, "fp32")])
def test_precision_is_measured_once_and_kept(monkeypatch, speedup, expected):
    timed = []
    monkeypatch.setattr(environment, "_bf16_speedup", lambda device: timed.append(1) or speedup)
    for _ in range(3):
        assert environment.measured_precision(torch.device("cpu"), 2) == expected
    assert timed == [1]
    environment.measured_precision(torch.device("cpu"), 4)  # another number of threads is another measurement
    assert timed == [1, 1]
    assert os.listdir(environment.cache_dir()) == ["precision.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", "[1]", "null", '{"x": 1}', "\x00\xff"])
def test_a_damaged_note_of_the_precision_is_measured_again(monkeypatch, content):
    monkeypatch.setattr(environment, "_bf16_speedup", lambda device: 2.0)
    note = environment.cache_dir() / "precision.json"
    note.parent.mkdir(parents=True)
    note.write_bytes(content.encode("latin-1"))
    assert environment.measured_precision(torch.device("cpu"), 2) == "bf16"
    assert "bf16" in json.loads(note.read_text()).values()


def test_a_cache_that_cannot_be_written_only_means_measuring_again(monkeypatch):
    monkeypatch.setattr(environment, "_bf16_speedup", lambda device: 0.5)
    environment.cache_dir().parent.mkdir(exist_ok=True, parents=True)
    environment.cache_dir().write_text("a file where the folder should be")
    assert environment.measured_precision(torch.device("cpu"), 2) == "fp32"


def test_the_timing_itself_gives_a_ratio_and_draws_no_random_numbers():
    state = torch.get_rng_state()
    assert environment._bf16_speedup(torch.device("cpu"), repeats=1) > 0
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no NVIDIA GPU")
def test_on_a_gpu(monkeypatch):
    monkeypatch.delenv("TL_PRECISION")
    env = environment.setup(quiet=True)
    assert env.device.type == "cuda"
    assert torch.cuda.get_device_name() in env.card()
    environment.seed_everything(3)
    first = torch.rand(4, device="cuda")
    environment.seed_everything(3)
    assert torch.equal(first, torch.rand(4, device="cuda"))
    assert environment.generator(1, "cuda").device.type == "cuda"


@pytest.mark.full
def test_numpys_linear_algebra_gets_the_threads_of_pytorch():
    """In a process of its own: the limit stays."""
    code = (
        "import os, numpy, threadpoolctl, tl_course as tl\n"
        "tl.setup(threads=1, device='cpu', precision='fp32', quiet=True)\n"
        "blas = [each['num_threads'] for each in threadpoolctl.threadpool_info() if each['user_api'] == 'blas']\n"
        "assert blas and set(blas) == {1}, blas\n"
    )
    free = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    subprocess.run([sys.executable, "-c", code], check=True, env=free)
