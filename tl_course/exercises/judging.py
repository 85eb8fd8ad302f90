"""Judge evidence: right or wrong, which known mistake it is, and what was seen."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence

from tl_course.exercises.display import RIGHT, WRONG, Verdict
from tl_course.exercises.question import Case, Evidence, Question, Wrong
from tl_course.exercises.values import Data, Difference, describe, difference, extent, too_large_beside


class Judge:
    """Judges any number of answers to one question on one set of cases. Runs nothing of a learner's.

    What the reference and the named wrong answers show on these cases is worked out when it is first needed, and once:
    a right answer never runs the wrong ones.

    Parameters
    ----------
    question : Question
    cases : sequence of dict
        The cases that the answers are tried on, as ``question.inputs(seed)`` gives them.

    Attributes
    ----------
    question : Question
    cases : list of dict

    Examples
    --------
    >>> from tl_course.exercises import collect, find
    >>> question = find("sum_or_mean")
    >>> judge = Judge(question, question.inputs(0))
    >>> judge.verdict(collect(question, lambda rate, count: rate / count, judge.cases)).status
    'right'
    >>> judge.right(collect(question, lambda rate, count: rate * count, judge.cases))
    False
    """

    def __init__(self, question: Question, cases: Sequence[Case]):
        self.question, self.cases = question, list(cases)
        self._of_wrong: dict[tuple[int, int], Evidence] = {}

    @functools.cached_property
    def expected(self) -> list[Evidence]:
        """What the reference shows, one piece of evidence for each case.

        Raises
        ------
        RuntimeError
            If the reference fails: then nothing can be said of any answer.
        """
        shown = [self.question.evidence(self.question.reference, case) for case in self.cases]
        for one in shown:
            if one.fault:
                raise RuntimeError(f"the reference of {self.question.slug} failed: {one.error}")
        return shown

    def right(self, evidence: Sequence[Evidence]) -> bool:
        """Say whether the evidence of an answer is right, and no more: no wrong answer is run.

        Parameters
        ----------
        evidence : sequence of Evidence
            One for each case; fewer, if the answer was stopped.
        """
        return len(evidence) == len(self.cases) and not any(
            mine.fault or self._difference(mine.value, theirs.value)
            for mine, theirs in zip(evidence, self.expected, strict=True)
        )

    def verdict(self, evidence: Sequence[Evidence]) -> Verdict:
        """Say what the evidence of an answer is worth.

        Parameters
        ----------
        evidence : sequence of Evidence
            One for each case; fewer, if the answer was stopped.
        """
        question = self.question
        printed = evidence[0].printed if evidence else ""
        if self.right(evidence):
            return Verdict.on(question, RIGHT, question.why, points=question.points, printed=printed)
        detail, reason = self._what_was_seen(evidence)
        if question.kind == "predict" and not any(one.fault for one in evidence):
            detail, printed = "", ""  # what was expected would give it away
        known = self._recognised(evidence) if len(evidence) == len(self.cases) else None
        if known:
            return Verdict.on(question, WRONG, known.message, detail=detail, reason=known.name, printed=printed)
        return Verdict.on(question, WRONG, detail or "That is not it.", reason=reason, printed=printed)

    def _difference(self, found: Data, expected: Data) -> Difference | None:
        return difference(found, expected, rtol=self.question.rtol, atol=self.question.atol)

    def _what_was_seen(self, evidence: Sequence[Evidence]) -> tuple[str, str]:
        """The sentence about the first thing that went wrong, and the word for it."""
        for fault, case in zip(evidence, self.cases, strict=False):
            if fault.fault == "unfit":
                return fault.error, "unfit"
            if fault.fault == "slow":
                return f"It was stopped: it took more than {self.question.seconds:g} seconds.", "slow"
            if fault.fault:
                return f"It stopped with `{fault.error}`{fault.where}{_for(case)}.", "raised"
        for mine, theirs, case in zip(evidence, self.expected, self.cases, strict=False):
            if found := self._difference(mine.value, theirs.value):
                return f"{found.sentence[:-1]}{_for(case)}. {found.hint}".strip(), found.kind
        return f"Of {len(self.cases)} cases only {len(evidence)} were answered.", "slow"

    def _recognised(self, evidence: Sequence[Evidence]) -> Wrong | None:
        """The first known wrong answer that shows what this one shows."""
        faulty = any(mine.fault for mine in evidence)
        found, wanted = ([one.value for one in many] for many in (evidence, self.expected))
        most = max(extent(wanted), extent(self.cases))
        too_large = too_large_beside(found, wanted, most)  # a recogniser may compute with any two of them
        for number, wrong in enumerate(self.question.wrong):
            if wrong.recognise is None:
                if all(self._same(mine, self._shown(number, place)) for place, mine in enumerate(evidence)):
                    return wrong
            elif not faulty and not too_large:
                with contextlib.suppress(Exception):  # evidence may be of any form: a recogniser need not expect it
                    if wrong.recognise(found, wanted, self.cases):
                        return wrong
        return None

    def _shown(self, number: int, place: int) -> Evidence:
        """What a known wrong answer shows on a case."""
        if (number, place) not in self._of_wrong:
            answer = self.question.wrong[number].answer
            self._of_wrong[number, place] = self.question.evidence(answer, self.cases[place])
        return self._of_wrong[number, place]

    def _same(self, mine: Evidence, other: Evidence) -> bool:
        if mine.fault or other.fault:
            return (mine.fault, mine.error) == (other.fault, other.error)
        return self._difference(mine.value, other.value) is None


def _for(case: Case) -> str:
    """Which case it was, as far as it can be told in a few words."""
    shown = {name: value for name, value in case.items() if isinstance(value, int | float | str) and name != "seed"}
    told = [f"{name} = {describe(value)}" for name, value in shown.items()]
    return f" (with {', '.join(told[:4])})" if told else ""
