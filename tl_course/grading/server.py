"""A process that loads PyTorch and the questions once, and forks: a judge at the start, and then for each submission.

It never reads a submission: a fork of it does. So one learner's code finds nothing of another's in its memory. Nor does
it find an answer: after the judge was forked, everything but their probes is taken out of the questions.
"""

from __future__ import annotations

import dataclasses
import dis
import functools
import gc
import json
import linecache
import os
import signal
import sys
import time
import types
from collections.abc import Iterable
from pathlib import Path

from tl_course.exercises import Question, Wrong, catalogue, probes
from tl_course.grading import framing, judge_process, sandbox

REQUEST, READY, MESSAGE, END, DIED = b"r", b"R", b"M", b"E", b"D"
MAX_REQUEST = 2**28


def main(lesson: str, tests: str, scratch: Path, asked: int, judged: int) -> None:
    """Load a lesson's questions, let a judge serve two pipes, and serve requests on standard input until it ends."""
    parent = os.getppid()
    loaded = catalogue.load(Path(tests), lesson) if tests else catalogue.questions(lesson)
    probes.load_optimizers()  # for references too
    if os.fork() == 0:
        judge_process.serve(loaded, asked, judged)
    os.close(asked)
    os.close(judged)
    questions = stripped(loaded)
    del loaded
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
    """Wait for the keeper, and say whether it failed. If the grader is gone, the keeper is told to end.

    Where nothing forbids it, a learner's code can stop the keeper, who then goes on.
    """
    while True:
        changed, status = os.waitpid(keeper, os.WNOHANG | os.WUNTRACED)
        if changed and os.WIFSTOPPED(status):
            os.kill(keeper, signal.SIGCONT)
        elif changed:
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

    Modules of questions stay importable, with nothing in them but what the probes use. They forget where their files
    are, so that nothing more of a lesson's package can be imported: what a probe needs has to be loaded beforehand.
    """
    bare = {
        question.slug: dataclasses.replace(question, reference=None, inputs=None, wrong=(), hints=(), why="")
        for question in questions
    }
    homes = {name: module for name, module in sys.modules.items() if catalogue.holds_questions(name)}
    used = _used([used for question in bare.values() for used in (question.probe, question.prepare)], homes)
    for name, module in homes.items():
        for other in [other for other in vars(module) if other not in used[name] and other not in _NO_PLACES]:
            del module.__dict__[other]
    for name in {f"tl_course.exercises.lesson_{number}" for number in catalogue.lessons()} | set(homes):
        sys.modules.setdefault(name, types.ModuleType(name)).QUESTIONS = ()
    package = sys.modules["tl_course.exercises"]
    for name in [name for name in vars(package) if catalogue.holds_questions(f"tl_course.exercises.{name}")]:
        delattr(package, name)
    catalogue.forget()
    linecache.clearcache()
    gc.collect()
    return bare


_NO_PLACES = {"__name__", "__package__", "__builtins__"}
"""What a stripped module keeps of itself: without ``__path__`` and ``__spec__`` nothing more is found in its folder."""


def _used(roots: Iterable[object], homes: dict[str, types.ModuleType]) -> dict[str, set[str]]:
    """By module, the names that these functions use, directly or through one another, from any of the modules.

    A question, and a collection of them, is never among them: it would bring its reference along.
    """
    names: dict[str, set[str]] = {name: set() for name in homes}
    home_of = {id(vars(module)): name for name, module in homes.items()}
    waiting, seen = list(roots), {}
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or _asks(thing):
            continue
        seen[id(thing)] = thing  # kept alive, so that no other object gets its number
        home = home_of.get(id(thing.__globals__)) if isinstance(thing, types.FunctionType) else None
        if home is not None:
            for place, mentioned in _mentioned(thing.__code__, homes[home], homes):
                new = {name for name in mentioned & set(vars(homes[place])) if not _asks(vars(homes[place])[name])}
                waiting += [vars(homes[place])[name] for name in new - names[place]]
                names[place] |= new
        waiting += _parts(thing, homes)
    return names


def _asks(thing: object) -> bool:
    """Whether a thing is a question, a wrong answer, or holds one."""
    if isinstance(thing, dict):
        return any(map(_asks, thing.values()))
    if isinstance(thing, list | tuple | set | frozenset):
        return any(map(_asks, thing))
    return isinstance(thing, Question | Wrong)


def _mentioned(
    code: types.CodeType, home: types.ModuleType, homes: dict[str, types.ModuleType]
) -> list[tuple[str, set[str]]]:
    """The names that code takes from its module, and from each other one that it holds or imports when it runs."""
    taken, every = _globals(code), _names(code)
    held = {id(vars(home)[name]) for name in taken & set(vars(home))}
    last = {name.rpartition(".")[2] for name in every}
    others = [name for name, one in homes.items() if id(one) in held or name.rpartition(".")[2] in last]
    return [(home.__name__, taken), *((name, every) for name in others)]


def _globals(code: types.CodeType) -> set[str]:
    """Names that code takes from its module; so does code defined in it."""
    taken = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return taken.union(*map(_globals, _inner(code)))


def _names(code: types.CodeType) -> set[str]:
    """Every name of a variable, an attribute or a module in code."""
    return set(code.co_names).union(*map(_names, _inner(code)))


def _inner(code: types.CodeType) -> list[types.CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]


def _parts(thing: object, homes: dict[str, types.ModuleType]) -> list[object]:
    """What a function, a partial, a class, an object or a collection holds that may use names too."""
    if isinstance(thing, types.FunctionType):
        held = [cell.cell_contents for cell in thing.__closure__ or () if _is_filled(cell)]
        return [*held, *(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values(), *vars(thing).values()]
    if isinstance(thing, type):
        return [*vars(thing).values(), *thing.__bases__] if thing.__module__ in homes else []
    if isinstance(thing, dict):
        return list(thing.values())
    if isinstance(thing, list | tuple | set | frozenset):
        return list(thing)
    if isinstance(thing, functools.partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    inside = [getattr(thing, name, None) for name in ("__func__", "__self__", "__wrapped__", "fget", "fset")]
    own = [type(thing), *getattr(thing, "__dict__", {}).values()] if type(thing).__module__ in homes else []
    return [part for part in [*inside, *own] if part is not None]


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:  # a variable that was never set
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *map(int, sys.argv[4:]))
