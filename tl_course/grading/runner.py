"""What runs in the learner's process: the cells in order, and the probes of the questions.

Everything here shares its process with the learner's code, which may change any of it. So nothing here decides
anything: it sends what answers showed, and the grader judges. A number that is sent stands only against forgery by
accident; it could be found by who looks for it.
"""

from __future__ import annotations

import json
import linecache
import os
import sys
import types
from collections.abc import Callable, Mapping

from tl_course.exercises import Question, collect, decode, encode, is_blank
from tl_course.exercises.isolation import undisturbed

_RUNS_ITS_BODY = {"time", "timeit", "capture", "prun"}
_MISSING = object()


def run(steps: list[dict], questions: Mapping[str, Question], token: str, send: Callable[[bytes], None], limit: int):
    """Take the steps one after the other and tell about each.

    Parameters
    ----------
    steps : list of dict
        ``{"cell": name, "source": code}``, or ``{"question": slug, "cases": text, "seconds": number}`` with the
        ``"patience"`` of `collect`.
    questions : mapping
        By slug; only their probes are used.
    token : str
        Goes with every message.
    send : callable
        Sends one message.
    limit : int
        Bytes that a message may have.
    """
    me, namespace, dumps, own = os.getpid(), _namespace(), json.dumps, os.getpid

    def tell(**fields: object) -> None:
        if own() != me:  # a fork that the learner's code made must not speak for us
            os._exit(0)
        text = dumps({"token": token, **fields})
        if len(text) > limit:
            text = dumps({"token": token, "step": fields["step"], "fault": "It gave back more than can be taken."})
        send(text.encode())

    for number, step in enumerate(steps):
        tell(step=number, begun=True)
        if "cell" in step:
            tell(step=number, **_execute(step["source"], step["cell"], namespace))
        else:
            tell(step=number, **_shown(questions[step["question"]], step, namespace))
    tell(finished=True)


def _namespace() -> dict:
    """The names of a fresh notebook."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    module.__dict__.update(get_ipython=lambda: _Shell(module.__dict__), display=print)
    return module.__dict__


class _Shell:
    """Stands in for IPython's shell: magics do nothing, but a cell that is only timed or captured is run."""

    def __init__(self, namespace: dict):
        self.namespace = namespace

    def run_cell_magic(self, name: str, line: str, body: str) -> None:
        if name in _RUNS_ITS_BODY:
            exec(compile(_plain_python(body), f"<cell magic {name}>", "exec"), self.namespace)

    def __getattr__(self, name: str) -> Callable:
        return lambda *args, **kwargs: None


def _plain_python(source: str) -> str:
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(source)


def _execute(source: str, name: str, namespace: dict) -> dict[str, str]:
    """Run a cell; return its error's last line and type as fields of a message, empty where there was none."""
    place = f"<cell {name}>"
    try:
        code = compile(_plain_python(source), place, "exec")
        linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
        exec(code, namespace)
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: a cell that ends itself ends only itself
        return {"error": _in_words(error), "error_type": _type_name(error)}
    return {"error": "", "error_type": ""}


def _in_words(error: BaseException) -> str:
    try:
        return " ".join(f"{type(error).__name__}: {error}".split())[:200].rstrip(": ")
    except BaseException:
        return "an error"


def _type_name(error: BaseException) -> str:
    try:
        return str(type(error).__name__)
    except BaseException:  # a metaclass of the learner's may do anything
        return ""


def _shown(question: Question, step: dict, namespace: dict) -> dict[str, object]:
    """What an answer showed, as fields of a message."""
    answer = namespace.get(f"answer_{question.slug}", _MISSING)
    if answer is _MISSING:
        return {"missing": True}
    try:
        if is_blank(answer):
            return {"blank": True}
        with undisturbed():
            cases = decode(step["cases"])
            evidence = collect(question, answer, cases, seconds=step["seconds"], patience=step["patience"])
    except BaseException as error:  # a KeyboardInterrupt of the answer's, say, which is no evidence
        return {"error": _in_words(error), "error_type": _type_name(error)}
    try:
        return {"evidence": encode([one.as_data() for one in evidence])}
    except BaseException as error:
        return {"fault": f"What it gave back cannot be sent ({_in_words(error)})."}
