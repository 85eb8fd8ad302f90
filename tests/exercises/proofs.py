"""The answers that prove a question: right ones written in other ways, wrong ones by name, and wrong ones without one.

``lesson_NN/slug.py`` beside this file defines ``RIGHT`` (a list), ``WRONG`` (name of a known wrong answer → an answer
that makes this mistake) and, where there are any, ``NO_ANSWERS`` (a list of wrong answers without a name). What several
proofs of a lesson share stands in ``lesson_NN/_shared.py``, for them ``from proofs.lesson_NN._shared import …``: the
folders hang below this module, since teachers' own questions are called ``lesson_NN`` at the top.
"""

import importlib
from dataclasses import dataclass, field
from pathlib import Path

from tl_course.exercises import Question

FOLDER = Path(__file__).parent
__path__ = [str(FOLDER)]


@dataclass(frozen=True)
class Proof:
    """The answers to one question.

    Attributes
    ----------
    right, nameless : list
        Right answers besides the reference; wrong ones that no name fits.
    wrong : dict
        Wrong answers by the name that they have to get.
    """

    right: list[object] = field(default_factory=list)
    wrong: dict[str, object] = field(default_factory=dict)
    nameless: list[object] = field(default_factory=list)


def proof_of(question: Question) -> Proof:
    """Return the proof of a question; an empty one where none is written."""
    if not (FOLDER / f"lesson_{question.lesson}" / f"{question.slug}.py").is_file():
        return Proof()
    module = importlib.import_module(f"{__name__}.lesson_{question.lesson}.{question.slug}")
    return Proof(module.RIGHT, module.WRONG, getattr(module, "NO_ANSWERS", []))
