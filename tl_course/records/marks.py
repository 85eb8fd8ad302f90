"""What stands behind a lesson's sentences: for each claim the rule that was tested, and what came out on each target.

A sentence carries a mark such as E3; the table of :func:`evidence` holds the row of that name. Marks count the claims
of a lesson in the order of ``claims.toml``.
"""

import functools
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tl_course import environment
from tl_course.records import claims
from tl_course.records.table import FOLDER, Record, RecordError, read

HEAD = (
    "Each row holds the difference on average, in brackets its 95% interval over seeds, and how many seeds. "
    "Positive means: as the row says. Of several rivals it is the difference whose interval reaches lowest."
)


@dataclass(frozen=True)
class Row:
    """One claim: its mark, the sentence of what was tested, and what came out on each target."""

    mark: str
    tested: str
    found: dict[str, str]


@dataclass(frozen=True)
class EvidenceTable:
    """The rows of a lesson, by the record they were read from; a table in a notebook."""

    rows: dict[str, list[Row]]
    conditions: dict[str, str]

    def _repr_markdown_(self) -> str:
        return "\n\n".join([HEAD, *(self._part(record, rows) for record, rows in self.rows.items())])

    def __repr__(self) -> str:
        return "\n".join(
            f"{row.mark}: {row.tested}: " + "; ".join(f"{target}: {said}" for target, said in row.found.items())
            for rows in self.rows.values()
            for row in rows
        )

    def _part(self, record: str, rows: list[Row]) -> str:
        targets = list(dict.fromkeys(target for row in rows for target in row.found))
        head = ["mark", "tested", *targets]
        body = [[row.mark, row.tested, *(row.found.get(target, "not claimed") for target in targets)] for row in rows]
        lines = ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *body]]
        again = f"`make records ONLY={record}` measures it again."
        return "\n".join([f"**{record}**: {self.conditions[record]} {again}", "", *lines])


def evidence(lesson: str, *, profile: str | None = None, folder: Path = FOLDER) -> EvidenceTable:
    """What each claim of a lesson tested, and what came out: the difference with its 95% interval, seeds, each target.

    Parameters
    ----------
    lesson
        Its number, such as ``"05"``.
    profile
        The profile in use unless given.

    Returns
    -------
    EvidenceTable
        Shown as one table for each record.

    Raises
    ------
    RecordError
        Where the lesson claims nothing, or a record has no sentence in ``[conditions]`` of ``claims.toml``.

    >>> print(evidence("10", profile="mini"))  # doctest: +ELLIPSIS
    E1: ...
    """
    profile = profile or environment.current().profile
    rows: dict[str, list[Row]] = defaultdict(list)
    read_once = functools.cache(lambda name: read(name, folder=folder).select(profile=profile))
    for id in claims.registry(folder):
        if id.startswith(f"{lesson}."):
            found = claims.entry(id, folder)
            results = {}
            for target in read_once(found.record).targets:
                if found.targets is None or target in found.targets:
                    narrowed = read_once(found.record).select(target=target)
                    results[claims.target_title(target, folder)] = _result(found, narrowed)
            rows[found.record].append(Row(claims.mark(id, folder), found.tested(), results))
    if not rows:
        raise RecordError(f"lesson {lesson!r} claims nothing: claims.toml has no id that begins with it and a dot.")
    return EvidenceTable(dict(rows), {record: claims.conditions(record, folder) for record in rows})


def _result(found: "claims.Claim", record: Record) -> str:
    holds, _ = found.judge(record)
    gap = found.difference(record)
    scale, unit = (100, "points") if found.unit == "%" else (1, found.unit)
    numbers = " to ".join(f"{scale * number:+.3g}".replace("-", "−") for number in (gap.low, gap.high))
    said = f"{scale * gap.mean:+.3g} {unit}".replace("-", "−").rstrip()
    return f"{said} ({numbers}), {gap.n} seeds" + ("" if holds else ": **does not hold**")
