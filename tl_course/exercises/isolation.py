"""Run a learner's answer so that nothing of theirs is another thing afterwards, and nothing runs without an end.

`private` makes a copy of an answer together with the global objects its functions use; `undisturbed` puts random state,
warnings filters, folder and PyTorch's settings back; `limit` stops what takes too long. None of this is a defence
against ill will: grading puts the answer into a process of its own.
"""

from __future__ import annotations

import contextlib
import copy
import dis
import os
import random
import signal
import threading
import time
import types
import warnings
from collections.abc import Iterator

import numpy as np
import torch

STRIKE_AGAIN_SECONDS = 0.2


class TooSlow(BaseException):
    """Time is up. No ``Exception``, so that a learner's ``except Exception`` does not swallow it."""


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Put back, at the end of the block, every global setting that an answer is likely to change.

    In the block there are gradients, also where the session has switched them off: exercises that ask for some could
    not be told right from wrong without.
    """
    states = random.getstate(), np.random.get_state(), torch.random.get_rng_state()  # noqa: NPY002
    on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    settings = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    folder, variables = os.getcwd(), dict(os.environ)
    try:
        with warnings.catch_warnings(), torch.inference_mode(False), torch.enable_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.random.set_rng_state(states[2])
        if on_gpus:
            torch.cuda.set_rng_state_all(on_gpus)
        torch.set_default_dtype(settings[0])
        torch.set_grad_enabled(settings[1])
        if torch.get_num_threads() != settings[2]:
            torch.set_num_threads(settings[2])
        if dict(os.environ) != variables:
            os.environ.clear()
            os.environ.update(variables)
        with contextlib.suppress(OSError):
            os.chdir(folder)


def can_stop() -> bool:
    """Whether `limit` can stop an answer here: on Linux and macOS, in the main thread."""
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def limit(seconds: float, patience: float = 1.0) -> Iterator[None]:
    """Raise `TooSlow` in the block after so many seconds, where `can_stop`; again and again until it ends.

    An operation in C is stopped when it returns. A timer that somebody else had set goes on afterwards.

    Parameters
    ----------
    seconds : float
    patience : float
        While the block has computed for less than `seconds`, since the machine is busy with other things or it waits,
        so many times as many may pass on the clock.
    """
    if not can_stop():
        yield
        return
    running = [True]
    computed, until = time.thread_time() + seconds, time.monotonic() + patience * seconds

    def strike(*_: object) -> None:
        if running[0] and (time.thread_time() >= computed or time.monotonic() >= until):
            raise TooSlow

    handler = signal.signal(signal.SIGALRM, strike)
    before = signal.setitimer(signal.ITIMER_REAL, seconds, STRIKE_AGAIN_SECONDS)
    try:
        yield
    finally:
        running[0] = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if before[0]:
            signal.setitimer(signal.ITIMER_REAL, *before)


# --- a copy of an answer -------------------------------------------------------------------------------------------


def private(answer: object) -> object:
    """Return a copy of an answer that shares no object with the learner.

    A function is copied with copies of the global objects, the enclosed variables and the defaults that it uses, and of
    the learner's other functions that it calls. Modules, classes and libraries' functions are shared; so is what cannot
    be copied, such as an open file.

    Examples
    --------
    >>> seen = []
    >>> def answer(x):
    ...     seen.append(x)
    ...     return len(seen)
    >>> private(answer)(3), seen
    (1, [])
    """
    return _Copier(getattr(answer, "__globals__", {})).copy(answer)


class _Copier:
    """Copies objects of one namespace, each of them once."""

    def __init__(self, namespace: dict):
        self.original = namespace
        self.namespace = dict(namespace)
        self.memo: dict[int, object] = {}
        self.visited: set[str] = set()

    def copy(self, value: object) -> object:
        if id(value) in self.memo:
            return self.memo[id(value)]
        if isinstance(value, types.FunctionType) and value.__globals__ is self.original:
            return self._function(value)
        if isinstance(value, types.ModuleType | type | types.FunctionType | types.BuiltinFunctionType):
            return value
        try:
            return copy.deepcopy(value, self.memo)
        except Exception:
            return value

    def _function(self, function: types.FunctionType) -> types.FunctionType:
        cells = tuple(types.CellType() for _ in function.__closure__ or ())
        mine = types.FunctionType(function.__code__, self.namespace, function.__name__, None, cells or None)
        self.memo[id(function)] = mine
        mine.__defaults__ = self.copy(function.__defaults__)
        mine.__kwdefaults__ = self.copy(function.__kwdefaults__)
        mine.__dict__.update(function.__dict__)
        for cell, theirs in zip(cells, function.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # a variable that was never set
                cell.cell_contents = self.copy(theirs.cell_contents)
        for name in _globals_of(function.__code__):
            if name in self.original and name not in self.visited:
                self.visited.add(name)
                self.namespace[name] = self.copy(self.original[name])
        return mine


def _globals_of(code: types.CodeType) -> Iterator[str]:
    """Names of the global variables that a function, or one defined in it, reads."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _globals_of(constant)
