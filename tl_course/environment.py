"""What this machine offers and what the course will use of it, resolved once.

``tl.setup()`` is the first cell of every lesson. It settles the profile, the device, the number of threads, the
precision, the cache folder and the random seed, prints them as one card, and everything else asks
:func:`current` for them.

Every setting has a default that works and can be overridden by an argument or by an environment variable:

================  ====================================================  ==========================
setting           default                                               environment variable
================  ====================================================  ==========================
profile           ``mini``                                              ``TL_PROFILE``
device            CUDA, then Apple's MPS, then the CPU                  ``TL_DEVICE``
threads           the CPU cores this process may use                    ``TL_THREADS``
precision         the one of fp32 and bf16 that a convolution is        ``TL_PRECISION``
                  clearly faster in
cache             the platform's cache folder                           ``TL_CACHE``
offline           no                                                    ``TL_OFFLINE=1``
rehearsal         no                                                    ``TL_REHEARSE=1``
================  ====================================================  ==========================

One file, since it is one thing: how each of these settings is found, checked and said.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tl_course.plain_numbers import whole_number
from tl_course.profiles import PROFILES, Sizes

if TYPE_CHECKING:
    import torch

PRECISIONS = ("fp32", "bf16")

# bf16 must win clearly: a near tie is noise, and fp32 is what the published budgets were measured in.
BF16_MUST_BE_FASTER_BY = 1.3

# Rounds that a thread of OpenMP waits for the others before it sleeps.
SPIN_COUNT = 3000


@dataclass(frozen=True)
class Environment:
    """The settings that hold for this process.

    Attributes
    ----------
    profile : str
        ``"mini"``, ``"cpu"`` or ``"gpu"``: which sizes and models the lessons use.
    device : torch.device
        Where tensors and models go.
    threads : int
        CPU threads PyTorch uses.
    precision : str
        ``"fp32"``, or ``"bf16"`` for bfloat16 autocast.
    cache : pathlib.Path
        The folder that holds downloaded data and weights.
    seed : int
        The seed the random number generators were set to.
    offline : bool
        True when downloads are forbidden.
    rehearsal : bool
        True when stand-ins take the place of fetched weights and texts, and everything is as small as can be: it shows
        that every cell runs, and no number means anything.
    """

    profile: str
    device: torch.device
    threads: int
    precision: str
    cache: Path
    seed: int
    offline: bool
    rehearsal: bool = False

    @property
    def extractor(self) -> str:
        """Name of the profile's VGG, for :func:`tl_course.models.create`."""
        return PROFILES[self.profile].extractor

    @property
    def backbone(self) -> str:
        """Name of the profile's ResNet."""
        return PROFILES[self.profile].backbone

    @property
    def text(self) -> str:
        """Name of the profile's BERT."""
        return PROFILES[self.profile].text

    @property
    def weights(self) -> str:
        """What the profile's VGG and ResNet were trained on."""
        return PROFILES[self.profile].weights

    @property
    def pixels(self) -> int:
        """Height and width at which the profile's VGG and ResNet see pictures."""
        return self._sizes.pixels

    @property
    def reviews(self) -> dict[str, str]:
        """The profile's film reviews, as arguments of :func:`tl_course.data.load`."""
        return dict(PROFILES[self.profile].reviews)

    def labels(self, count: int) -> int | None:
        """Labels a class: as many as stand for ``count`` of the mini profile (None: all)."""
        return self._sizes.labels(count)

    def examples(self, count: int | None) -> int | None:
        """Examples of any other kind: as many as stand for ``count`` of the mini profile (None: all)."""
        return self._sizes.examples(count)

    def steps(self, count: int) -> int:
        """Steps of training: as many as stand for ``count`` of the mini profile."""
        return self._sizes.steps(count)

    @property
    def _sizes(self) -> Sizes:
        return Sizes(PROFILES[self.profile], self.rehearsal)

    def card(self) -> str:
        """Return the settings as a few aligned lines of text."""
        from tl_course import __version__

        rows = {
            "profile": f"{self.profile}: {PROFILES[self.profile].summary}",
            "device": device_name(self.device),
            "threads": str(self.threads),
            "precision": self.precision,
            "cache": f"{shorten_home(self.cache)} ({'offline' if self.offline else 'downloads allowed'})",
            "seed": str(self.seed),
            "versions": f"tl_course {__version__}, "
            + ", ".join(f"{name} {version_of(name)}" for name in ("torch", "torchvision", "transformers")),
        }
        if without := _without():
            rows["pictures"] = without
        if self.rehearsal:
            rows = {
                "rehearsal": "stand-ins for weights and texts, two steps a fit: no number here means anything",
                **rows,
            }
        return "\n".join(f"{name:<10} {text}" for name, text in rows.items())


def _without() -> str:
    """Say what the lessons do without here, and how to bring it; nothing where all is there.

    What there is, a room knows that comes later, and it is loaded by its name here: the card is the first thing that a
    lesson shows, and a lesson on other pictures has to begin with saying so.
    """
    import importlib

    return importlib.import_module("tl_course.assets.copies").instead()


_current: Environment | None = None


def expect(condition: bool, sentence: str) -> None:
    """Stop a lesson whose experiment did not come out as it has to; in a rehearsal, where nothing is learned, go on.

    Parameters
    ----------
    condition : bool
    sentence : str
        What was expected.

    Raises
    ------
    AssertionError
        With the sentence, where the condition is false.

    Examples
    --------
    >>> expect(0.2 < 0.9, "the loss must fall")
    >>> expect(0.9 < 0.2, "the loss must fall")
    Traceback (most recent call last):
    AssertionError: the loss must fall
    """
    if not condition and not current().rehearsal:
        raise AssertionError(sentence)


def setup(
    profile: str | None = None,
    *,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    seed: int = 0,
    quiet: bool = False,
) -> Environment:
    """Resolve the settings of this process, apply them, and print them as one card.

    Parameters
    ----------
    profile : {"mini", "cpu", "gpu"}, optional
        Which sizes and models the lessons use.
    device : str, optional
        A PyTorch device such as ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    threads : int, optional
        CPU threads for PyTorch.
    precision : {"fp32", "bf16"}, optional
        Number format of the heavy arithmetic.
    seed : int
        Seeds Python, NumPy and PyTorch. Loaders take theirs from :func:`generator`.
    quiet : bool
        Do not print the card.

    Returns
    -------
    Environment
        What was chosen; :func:`current` returns the same object from now on.

    Raises
    ------
    ValueError
        When an argument or an environment variable holds a value the course does not know.

    Examples
    --------
    >>> env = setup(device="cpu", precision="fp32", quiet=True)
    >>> env.profile, env.precision
    ('mini', 'fp32')
    """
    global _current
    _current = _resolve(profile, device, threads, precision, _seed(seed))
    seed_everything(seed)
    if not quiet:
        print(_current.card())
    return _current


def current() -> Environment:
    """Return the settings of this process; the first call resolves the defaults, prints and seeds nothing.

    >>> current() is current()
    True
    """
    global _current
    if _current is None:
        _current = _resolve(None, None, None, None, seed=0)
    return _current


def _resolve(
    profile: str | None, device: str | None, threads: int | None, precision: str | None, seed: int
) -> Environment:
    import torch

    # everything is read before anything is changed: a wrong setting leaves the process as it was
    profile = chosen_profile(profile)
    precision = _choice("precision", precision, "TL_PRECISION", PRECISIONS, None)
    chosen_device = _device(device or os.environ.get("TL_DEVICE") or None)
    count = _positive_int("threads", threads, "TL_THREADS") or usable_cores()
    torch.set_num_threads(count)
    _limit_blas(count)
    return Environment(
        profile=profile,
        device=chosen_device,
        threads=count,
        precision=precision or measured_precision(chosen_device, count),
        cache=cache_dir(),
        seed=seed,
        offline=is_offline(),
        rehearsal=is_rehearsal(),
    )


# --- seeds ------------------------------------------------------------------------------------------------------


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, NumPy and PyTorch (all devices).

    Parameters
    ----------
    seed : int
        From −2⁶³ up to below 2⁶⁴, as PyTorch takes them; a NumPy integer is as good.

    Raises
    ------
    ValueError
        When it is no such number; no generator is touched then.

    Examples
    --------
    >>> import torch
    >>> seed_everything(7); a = torch.rand(3)
    >>> seed_everything(7); torch.equal(a, torch.rand(3))
    True
    """
    import numpy
    import torch

    seed = _seed(seed)
    random.seed(seed)
    numpy.random.seed(seed % 2**32)  # noqa: NPY002 - the libraries a learner uses still read the global generator
    torch.manual_seed(seed)


def generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a fresh generator of its own, so that a loader's order does not depend on who drew numbers before.

    >>> import torch
    >>> torch.equal(torch.randperm(9, generator=generator(1)), torch.randperm(9, generator=generator(1)))
    True
    """
    import torch

    return torch.Generator(device=device).manual_seed(_seed(seed))


def seed_worker(worker_id: int) -> None:
    """Seed Python and NumPy in a DataLoader worker from the seed PyTorch gave it (pass as ``worker_init_fn``).

    >>> seed_worker(0); first = random.random()
    >>> seed_worker(0); random.random() == first
    True
    """
    import torch

    seed_everything(torch.initial_seed() % 2**32)


def _seed(given: int) -> int:
    """Return a seed that every generator takes, as Python's own number."""
    seed = whole_number("seed", given)
    if seed is None or not -(2**63) <= seed < 2**64:
        raise ValueError(f"seed={given} is not possible; give a whole number, such as 0.")
    return seed


# --- where things are -------------------------------------------------------------------------------------------


def for_kernels() -> dict[str, str]:
    """Return this process's environment variables for a kernel that will compute: its idle threads soon sleep.

    OpenMP's threads wait for one another after every layer. GNU's, which PyTorch has on Linux, spin for milliseconds
    before they sleep, and where another program (a second notebook, a browser) holds one of the cores, a training step
    then takes up to several times as long; to sleep at once makes it slower on a quiet machine. A short spin lies
    between, near the better of the two in either case (``benchmarks/waiting_threads.py`` measures all three). The count
    is read when PyTorch is loaded, so ``tl.setup()`` would be too late. What is already set stays, ``OMP_WAIT_POLICY``
    too, which would otherwise be overruled.

    >>> int(for_kernels().get("GOMP_SPINCOUNT", SPIN_COUNT)) >= 0
    True
    """
    ours = {} if "OMP_WAIT_POLICY" in os.environ else {"GOMP_SPINCOUNT": str(SPIN_COUNT)}
    return {**ours, **os.environ}


def cache_dir() -> Path:
    """Return the folder for downloaded files: ``TL_CACHE`` if set, else the platform's cache folder.

    A rehearsal has a folder of its own inside, so that its stand-ins are never taken for the real files. The folder is
    not created here: the first function that writes to it does that.

    >>> cache_dir().is_absolute()
    True
    """
    import platformdirs

    override = os.environ.get("TL_CACHE")
    folder = Path(override).expanduser().resolve() if override else Path(platformdirs.user_cache_dir("tl_course"))
    return folder / "rehearsal" if is_rehearsal() else folder


def is_offline() -> bool:
    """Return True when ``TL_OFFLINE`` (or the Hugging Face hub's ``HF_HUB_OFFLINE``) forbids downloads.

    >>> is_offline() in (True, False)
    True
    """
    return _switched_on("TL_OFFLINE") or _switched_on("HF_HUB_OFFLINE")


def is_rehearsal() -> bool:
    """Return True when ``TL_REHEARSE`` asks for stand-ins in place of what is fetched, and as little as can be.

    >>> is_rehearsal()
    False
    """
    return _switched_on("TL_REHEARSE")


def _switched_on(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in {"1", "true", "yes", "on"}


def shorten_home(path: Path) -> str:
    """Write a path with ``~`` for the home folder, so that a card can be shared.

    >>> shorten_home(Path.home() / "x")
    '~/x'
    """
    try:
        return f"~/{path.relative_to(Path.home()).as_posix()}"
    except (ValueError, RuntimeError):  # elsewhere, or no home folder is known
        return str(path)


# --- what the machine offers ------------------------------------------------------------------------------------


def usable_cores() -> int:
    """Count the physical cores this process may use.

    joblib respects the affinity mask and a container's CPU quota; PyTorch's own default does not, and on a shared
    server it then starts far more threads than there is room for. ``OMP_NUM_THREADS``, where set, is obeyed.

    >>> usable_cores() >= 1
    True
    """
    import joblib

    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return joblib.cpu_count(only_physical_cores=True)


def _limit_blas(threads: int) -> None:
    """Give NumPy's and SciPy's linear algebra as many threads as PyTorch has; it starts one for each core of the host.

    It looks at what the machine has and not at a container's CPU quota, and then spends its time waiting.
    """
    import numpy  # noqa: F401 - only what is loaded can be limited
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=threads, user_api="blas")


def device_name(device: torch.device) -> str:
    """Return a device with the name of its hardware, e.g. ``cuda (NVIDIA A100)``.

    >>> import torch
    >>> device_name(torch.device("cpu")).startswith("cpu (")
    True
    """
    import platform

    import torch

    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "mps":
        return "mps (Apple GPU)"
    return f"cpu ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"


def chosen_profile(profile: str | None = None) -> str:
    """Return the profile that is asked for: the argument, else ``TL_PROFILE``, else ``mini``.

    Raises
    ------
    SettingError
        If there is none of this name.

    Examples
    --------
    >>> chosen_profile("cpu")
    'cpu'
    """
    return _choice("profile", profile, "TL_PROFILE", PROFILES, "mini")


def suited_profile(device: torch.device, gflops: float) -> str:
    """Return the largest profile whose lessons a machine runs in about the time that `mini` takes on a slow one.

    Parameters
    ----------
    device : torch.device
    gflops : float
        Speed of the CPU in a float32 matrix product, 10⁹ operations a second.

    Examples
    --------
    >>> import torch
    >>> suited_profile(torch.device("cpu"), 100), suited_profile(torch.device("cuda"), 100)
    ('mini', 'gpu')
    """
    fits = [
        name
        for name, profile in PROFILES.items()
        if (device.type != "cpu" if profile.needs_gpu else gflops >= profile.gflops)
    ]
    return fits[-1]


def too_large(env: Environment) -> str:
    """Say why this machine does not suit the profile, and what to do; nothing where it does.

    >>> too_large(setup(device="cpu", precision="fp32", quiet=True))
    ''
    """
    if env.rehearsal or not PROFILES[env.profile].needs_gpu or env.device.type != "cpu":
        return ""
    return (
        f"the {env.profile} profile takes hours a lesson without a GPU; choose mini or cpu, or try its cells in "
        "minutes with stand-ins: `tl-course run --rehearse`"
    )


def version_of(distribution: str) -> str:
    """Return the installed version of a package without importing it, or ``"not installed"``.

    >>> version_of("no-such-package")
    'not installed'
    """
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def measured_precision(device: torch.device, threads: int) -> str:
    """Return ``"bf16"`` where a convolution is clearly faster in it, else ``"fp32"``.

    bfloat16 runs about three times faster than fp32 on a CPU with AMX and more than ten times *slower* on one
    without fast bfloat16 instructions, so nothing but a measurement decides. It is taken once for a machine, a
    PyTorch and a number of threads, and kept in the cache folder.

    >>> import torch
    >>> measured_precision(torch.device("cpu"), threads=1) in PRECISIONS
    True
    """
    import platform

    import torch

    key = f"{platform.node()} {device_name(device)} torch {torch.__version__} threads {threads}"
    notebook = cache_dir() / "precision.json"
    known = {}
    with contextlib.suppress(OSError, ValueError, TypeError):
        known = dict(json.loads(notebook.read_text(encoding="utf-8")))
    if known.get(key) in PRECISIONS:
        return known[key]
    choice = "bf16" if _bf16_speedup(device) >= BF16_MUST_BE_FASTER_BY else "fp32"
    with contextlib.suppress(OSError):  # a read-only cache only means that the next process measures again
        notebook.parent.mkdir(parents=True, exist_ok=True)
        scratch = notebook.with_suffix(f".{os.getpid()}.tmp")
        try:
            scratch.write_text(json.dumps({**known, key: choice}, indent=1), encoding="utf-8")
            scratch.replace(notebook)
        finally:
            scratch.unlink(missing_ok=True)
    return choice


def _bf16_speedup(device: torch.device, repeats: int = 5) -> float:
    """Time a small convolution's forward and backward pass in fp32 and in bf16; return fp32 seconds / bf16 seconds."""
    import torch

    # the same memory layout for both: it alone can make a convolution twice as fast, and that is no merit of bf16
    with torch.random.fork_rng(devices=[]):
        layer = torch.nn.Conv2d(64, 64, 3, padding=1).to(device, memory_format=torch.channels_last)
        images = torch.rand(32, 64, 16, 16, device=device).to(memory_format=torch.channels_last)

    def seconds(bf16: bool) -> float:
        start = time.perf_counter()
        with torch.enable_grad(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            total = layer(images).float().sum()
            total.backward()
        # .item() waits for a GPU to finish, so that the clock stops after the work and not before
        layer.weight.grad.sum().item()
        return time.perf_counter() - start

    # in turns, so that a busy moment of the machine hits both; the first pair pays for setting up
    pairs = [(seconds(False), seconds(True)) for _ in range(repeats + 1)][1:]
    return min(fp32 for fp32, _ in pairs) / min(bf16 for _, bf16 in pairs)


# --- reading settings -------------------------------------------------------------------------------------------


def _device(asked: str | None) -> torch.device:
    import torch

    if asked is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(asked)
    except (RuntimeError, TypeError):
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f"The device {asked!r} is not one the course knows; use 'cpu', 'cuda', 'cuda:0' or 'mps'.")
    missing = (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()) or (
        device.type == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        raise ValueError(
            f"This PyTorch does not see the device {asked!r}; leave it out to use the best device found, or run "
            "`tl-course doctor`."
        )
    return device


def _choice(name: str, given: str | None, variable: str, allowed, default: str | None) -> str | None:
    value = given or os.environ.get(variable) or default
    if value is not None and value not in allowed:
        origin = "" if given else f" (from {variable})"
        raise ValueError(f"The {name} {value!r}{origin} does not exist; choose one of {', '.join(allowed)}.")
    return value


def _positive_int(name: str, given: int | None, variable: str) -> int | None:
    value = given if given is not None else os.environ.get(variable)
    if value in (None, ""):
        return None
    if not str(value).isdecimal() or int(value) < 1:
        raise ValueError(f"The number of {name} must be a positive whole number, not {value!r}.")
    return int(value)
