"""What was found in somebody's data, in one list: the table before training and the report are made of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

Weight = Literal["leakage", "warning", "fact"]


class Finding(NamedTuple):
    """One thing that was found.

    Attributes
    ----------
    topic : str
        What it is about, a word or two.
    sentence : str
    weight : {"leakage", "warning", "fact"}
        Leakage may make every number too good; a warning belongs at the top of the report.
    """

    topic: str
    sentence: str
    weight: Weight = "fact"


class Findings:
    """A list of what was found.

    >>> findings = Findings()
    >>> findings.tell("Copies", "2 images left out as an exact copy of another.")
    >>> findings.tell("Near copies", "4 images are near copies.", "leakage")
    >>> findings.leakage, findings.warnings
    (('4 images are near copies.',), ())
    >>> [finding.topic for finding in findings.by_weight()], findings.doubts
    (['Near copies', 'Copies'], ('Near copies',))
    """

    def __init__(self, findings: Iterable[Finding] = ()):
        self._findings = list(findings)

    def tell(self, topic: str, sentence: str, weight: Weight = "fact") -> None:
        """Add one."""
        self._findings.append(Finding(topic, sentence, weight))

    def by_weight(self) -> list[Finding]:
        """Return all, what matters most to belief first."""
        return [each for weight in ("leakage", "warning", "fact") for each in self._findings if each.weight == weight]

    def copy(self) -> Findings:
        """Return another list of the same."""
        return Findings(self._findings)

    def _of(self, weight: Weight) -> tuple[str, ...]:
        return tuple(each.sentence for each in self._findings if each.weight == weight)

    @property
    def leakage(self) -> tuple[str, ...]:
        """What may stand on both sides of the split, or was kept from it."""
        return self._of("leakage")

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences that belong at the top of the report."""
        return self._of("warning")

    @property
    def doubts(self) -> tuple[str, ...]:
        """Topics of all that speaks against believing an accuracy, what matters most first, each once."""
        return tuple(dict.fromkeys(each.topic for each in self.by_weight() if each.weight != "fact"))

    @property
    def facts(self) -> tuple[str, ...]:
        """All other sentences."""
        return self._of("fact")
