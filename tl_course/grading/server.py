"""A process that loads PyTorch and the probes once, and forks for each submission.

It never reads a submission: a fork of it does. So one learner's code finds nothing of another's in its memory. Nor does
it find an answer: after the questions were loaded, everything but their probes is taken out of them.
"""

from __future__ import annotations

import dataclasses
import dis
import gc
import json
import os
import signal
import sys
import time
import types
from collections.abc import Iterable
from pathlib import Path

from tl_course.exercises import Question, catalogue, probes
from tl_course.grading import framing, sandbox

REQUEST, READY, MESSAGE, END, DIED = b"r", b"R", b"M", b"E", b"D"
MAX_REQUEST = 2**28


def main(lesson: str, tests: str, scratch: Path) -> None:
    """Load a lesson's questions, and serve requests on standard input until it ends."""
    parent = os.getppid()
    questions = stripped(catalogue.load(Path(tests), lesson) if tests else catalogue.questions(lesson))
    _preload()
    answers = os.dup(1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    framing.write(answers, READY)
    while os.read(0, 1):
        keeper = os.fork()
        if keeper == 0:
            _serve_one(questions, answers)
        failed = _wait(keeper, parent)
        sandbox.sweep(scratch)
        if os.getppid() != parent:
            scratch.rmdir()
            break
        if failed:
            framing.write(answers, DIED)


def _wait(keeper: int, parent: int) -> bool:
    """Wait for the keeper, and say whether it failed. If the grader is gone, the keeper is told to end."""
    while True:
        ended, status = os.waitpid(keeper, os.WNOHANG)
        if ended:
            return status != 0
        if os.getppid() != parent:
            os.kill(keeper, signal.SIGTERM)
        time.sleep(0.005)


def _serve_one(questions: dict[str, Question], answers: int) -> None:
    """In a fork: read one request and see to it. Never returns."""
    code = 1
    try:
        request = json.loads(framing.read(0, MAX_REQUEST))
        end = sandbox.keep(request, questions, lambda message: framing.write(answers, MESSAGE + message))
        framing.write(answers, END + json.dumps(end).encode())
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _preload() -> None:
    """Load what cells are likely to import, and put all of it out of the garbage collector's way."""
    import IPython.core.inputtransformer2  # noqa: F401

    import tl_course.environment  # noqa: F401

    probes.load_optimizers()
    gc.collect()
    gc.freeze()


# --- questions without their answers ---------------------------------------------------------------------------------


def stripped(questions: Iterable[Question]) -> dict[str, Question]:
    """Return questions that can probe and do nothing else; take references and wrong answers out of memory.

    Modules of questions stay importable, with nothing in them but what the probes use.
    """
    bare = {
        question.slug: dataclasses.replace(question, reference=None, inputs=None, wrong=(), hints=(), why="")
        for question in questions
    }
    homes = {name: module for name, module in sys.modules.items() if _holds_questions(name)}
    shadows = {f"tl_course.exercises.lesson_{number}" for number in catalogue.lessons()}
    for module in homes.values():
        kept = _needed([question.probe for question in bare.values()], module.__dict__)
        for other in [name for name in vars(module) if name not in kept and not name.startswith("__")]:
            del module.__dict__[other]
    for name in shadows | set(homes):
        sys.modules.setdefault(name, types.ModuleType(name)).QUESTIONS = ()
    package = sys.modules["tl_course.exercises"]
    for name in [name for name in vars(package) if _holds_questions(f"tl_course.exercises.{name}")]:
        delattr(package, name)
    catalogue.forget()
    gc.collect()
    return bare


def _holds_questions(name: str) -> bool:
    return name.rpartition(".")[2].startswith("lesson_") and name.startswith(("tl_course.exercises.", "lesson_"))


def _needed(roots: Iterable[object], namespace: dict) -> set[str]:
    """Names of a module that these functions use, directly or through one another."""
    names: set[str] = set()
    waiting, seen = list(roots), set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        for code in _codes(thing, namespace):
            new = {name for name in _globals(code) if name in namespace} - names
            names |= new
            waiting += [namespace[name] for name in new]
        waiting += _parts(thing)
    return names


def _globals(code: types.CodeType) -> set[str]:
    """Names that code takes from its module; so does code defined in it."""
    taken = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return taken.union(*map(_globals, inner))


def _codes(thing: object, namespace: dict) -> list[types.CodeType]:
    """The code of a function of this module."""
    if isinstance(thing, types.FunctionType) and thing.__globals__ is namespace:
        return [thing.__code__]
    return []


def _parts(thing: object) -> list[object]:
    """What a function, a partial or a class holds that may use names too."""
    if isinstance(thing, types.FunctionType):
        held = [cell.cell_contents for cell in thing.__closure__ or ()]
        return [*held, *(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values()]
    if isinstance(thing, type):
        return list(vars(thing).values())
    return [part for part in (getattr(thing, "func", None), getattr(thing, "__wrapped__", None)) if part is not None]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
