"""Claims: sentences whose numbers come from a record, each with a rule that the record must satisfy.

The registry is ``claims.toml`` beside this file; its head explains every key. One file, since it is one thing: what a
claim may ask of a record, and how its sentence is filled in.
"""

import functools
import math
import re
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tl_course import environment
from tl_course.records.intervals import Interval, mean_and_sd, t_interval, t_quantile
from tl_course.records.table import FOLDER, Record, RecordError, available, paired_difference, read

BAND_LEVEL = 0.99
CLAIMED = "mini"
"""The profile that the claims are about; a record may hold rows of others, whose settings can be other ones."""
HEADING = "Evidence"
"""What a mark links to: the heading over the table of :func:`tl_course.records.evidence`."""
_SIDES = (("better", "worse"), ("one", "other"))
_NEEDED = ("record", "margin", "seeds", "sentence")
_OPTIONAL = ("paired", "lower_is_better", "targets", "unit", "tolerance", "ceiling", "share")
_KNOWN = {"claims", "titles", "conditions"}
_LINK = re.compile(r"\[([^]]+)\]\([^)]*\)")
_CALL = re.compile(r"""\b(?:claim|within_band)\(\s*["']([^"']+)["']""")


@dataclass(frozen=True)
class Verdict:
    """Whether one claim holds on one profile and target, and the sentence that says why."""

    id: str
    profile: str
    target: str
    holds: bool
    reason: str


@dataclass(frozen=True)
class Statement:
    """A claim ready to be shown: Markdown in a notebook, plain text elsewhere.

    ``holds`` is True or False by the claim's rule, None where nothing is recorded.
    """

    id: str
    markdown: str
    holds: bool | None

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __repr__(self) -> str:
        return re.sub(r"[*`]", "", _LINK.sub(r"\1", self.markdown))


@dataclass(frozen=True)
class Band:
    """A live result beside the band of the recorded ones; true when it lies inside, and its run was not interrupted.

    A result of another size than the recorded ones (another profile, a rehearsal) is not judged: ``unjudged`` says why,
    and the band is true.
    """

    value: float
    low: float
    high: float
    seeds: int
    unit: str = "%"
    interrupted: bool = False
    unjudged: str = ""

    def __bool__(self) -> bool:
        return not self.interrupted and (bool(self.unjudged) or self.low <= self.value <= self.high)

    def _repr_markdown_(self) -> str:
        return str(self)

    def __str__(self) -> str:
        value, low, high = (_show(number, self.unit) for number in (self.value, self.low, self.high))
        where = "inside" if self else "**outside**"
        cut = " in a run that was interrupted" if self.interrupted else ""
        if self.unjudged:
            return f"You just ran {value}{cut}. No recorded band judges it: {self.unjudged}."
        return f"You just ran {value}{cut}: {where} the band {low} to {high} of {self.seeds} recorded seeds."

    __repr__ = __str__


def _cell(where: Mapping[str, str]) -> str:
    """A method and its setting, as the record spells them."""
    return " at ".join(f"`{where[key]}`" for key in ("method", "setting") if key in where)


def _points(value: float, unit: str) -> str:
    """A difference: of two percentages it has no unit but points."""
    return f"{100 * value:.3g} point{'s' * (value != 0.01)}" if unit == "%" else f"{value:.3g} {unit}".rstrip()


def _show(value: float, unit: str) -> str:
    return f"{value:.1%}" if unit == "%" else f"{value:.3g} {unit}".rstrip()


class Claim:
    """One entry of the registry, checked."""

    def __init__(self, id: str, entry: Mapping[str, Any]):
        sides = [pair for pair in _SIDES if set(pair) <= entry.keys()]
        if len(sides) != 1:
            raise RecordError(f"claim {id!r} needs `better` and `worse`, or `one` and `other`.")
        missing = [key for key in _NEEDED if key not in entry]
        unknown = sorted(entry.keys() - {*_NEEDED, *_OPTIONAL, *sides[0]})
        if missing or unknown:
            wrong = f"lacks {', '.join(missing)}" if missing else f"has unknown keys: {', '.join(unknown)}"
            raise RecordError(f"claim {id!r} {wrong}; the head of claims.toml explains the keys.")
        if not entry["margin"] > 0:
            raise RecordError(f"claim {id!r}: a margin of {entry['margin']} claims nothing; give a positive one.")
        if ("ceiling" in entry) != ("share" in entry) or ("ceiling" in entry and sides[0] != _SIDES[0]):
            raise RecordError(f"claim {id!r}: `ceiling` and `share` go together, beside `better` and `worse`.")
        self.id = id
        self.sides = sides[0]
        self.record: str = entry["record"]
        one, other = (entry[side] for side in self.sides)
        self.rivals = [dict(each) for each in (other if isinstance(other, list) else [other])]
        if not self.rivals or (len(self.rivals) > 1 and self.sides != _SIDES[0]):
            raise RecordError(f"claim {id!r}: only `worse` may be a list, of one cell or more.")
        self.where = (dict(one), self.rivals[0])
        self.margin: float = entry["margin"]
        self.seeds: int = entry["seeds"]
        self.sentence: str = entry["sentence"]
        self.paired: bool = entry.get("paired", True)
        self.sign = -1 if entry.get("lower_is_better", False) else 1
        self.targets: list[str] | None = entry.get("targets")
        self.unit: str = entry.get("unit", "%")
        self.tolerance: float = entry.get("tolerance", 0.02)
        self.ceiling: dict[str, str] | None = entry.get("ceiling")
        self.share: float = entry.get("share", 0.0)

    def tested(self) -> str:
        """The rule in words."""
        one, *others = (_cell(where) for where in (self.where[0], *self.rivals))
        margin = _points(self.margin, self.unit)
        if self.equality:
            return f"{one} and {others[0]} differ by less than {margin}"
        side = "below" if self.sign < 0 else "above"
        said = f"{one} {side} {', '.join(others)} by {margin} or more"
        if self.ceiling is not None:
            said += f"; closes {self.share:.0%} or more of the gap to {_cell(self.ceiling)}"
        return said if self.paired else f"{said} (seeds not paired)"

    @property
    def equality(self) -> bool:
        return self.sides == _SIDES[1]

    def pair(self, record: Record) -> tuple[Record, Record]:
        """The two cells that the claim compares, of a record narrowed to one profile and target."""
        one, other = (record.select(**where) for where in self.where)
        return one, other

    def difference(self, record: Record) -> Interval:
        """Interval of the first cell minus the second, positive when the claim points the right way.

        Of several rivals it is the one that comes nearest: where that one is beaten, all are.
        """
        return min((self._difference(record, rival) for rival in self.rivals), key=lambda gap: gap.low)

    def _difference(self, record: Record, rival: Mapping[str, str]) -> Interval:
        one, other = record.select(**self.where[0]), record.select(**rival)
        if self.sign < 0:
            one, other = other, one
        return paired_difference(one, other) if self.paired else welch_difference(one, other)

    def closed(self, record: Record) -> Interval:
        """Interval over seeds of (better − worse)/(ceiling − worse): the part of the gap that is closed."""
        better, worse = (cell.values for cell in self.pair(record))
        ceiling = record.select(**self.ceiling).values
        seeds = better.keys() & worse.keys() & ceiling.keys()
        return t_interval([(better[seed] - worse[seed]) / (ceiling[seed] - worse[seed]) for seed in seeds])

    def judge(self, record: Record) -> tuple[bool, str]:
        """Whether the rule holds on a record narrowed to one profile and target, and why."""
        seeds = [set(record.select(**where).seeds) for where in (self.where[0], *self.rivals)]
        enough = len(set.intersection(*seeds)) if self.paired else min(map(len, seeds))
        if enough < self.seeds:
            return False, f"{enough} {'common ' if self.paired else ''}seeds, the rule asks for {self.seeds}"
        gap = self.difference(record)
        mean, low, high = (_show(number, self.unit) for number in (gap.mean, gap.low, gap.high))
        said = f"difference {mean}, 95% interval {low} to {high}, margin {_show(self.margin, self.unit)}"
        if self.equality:
            return max(abs(gap.low), abs(gap.high)) <= self.margin, said
        least = min(self._difference(record, rival).mean for rival in self.rivals)
        holds = least >= self.margin and gap.low > 0
        if self.ceiling is not None:
            closed = self.closed(record).mean
            holds, said = holds and closed >= self.share, f"{said}; closes {closed:.0%} of the gap, of {self.share:.0%}"
        return holds, said

    def fill(self, record: Record, titles: Mapping[str, str]) -> str:
        """The sentence with the record's numbers."""
        cells = self.pair(record)
        gap = self.difference(record)
        values: dict[str, Any] = {
            "seeds": gap.n,
            "profile": record.profiles[0],
            "target": titles.get(record.targets[0], record.targets[0]),
            "mean": _Means(record),
        }
        for side, cell in zip(self.sides, cells, strict=True):
            values |= _numbers(side, cell.interval()) | {f"{side}_seconds": cell.seconds}
        values |= _numbers("gap", gap)
        if self.ceiling is not None:
            values |= _numbers("share", self.closed(record)) | {"ceiling": record.select(**self.ceiling).mean}
        values |= {name.replace("gap", "points"): 100 * values[name] for name in ("gap", "gap_low", "gap_high")}
        if cells[1].mean:
            values["ratio"] = cells[0].mean / cells[1].mean
        try:
            return string.Formatter().vformat(self.sentence, (), values)
        except KeyError as error:
            raise RecordError(
                f"claim {self.id!r}: its sentence asks for {error}; there are {', '.join(values)}."
            ) from error


class _Means:
    """``{mean[method@setting]}`` in a sentence."""

    def __init__(self, record: Record):
        self.record = record

    def __getitem__(self, key: str) -> float:
        method, _, setting = key.partition("@")
        chosen = self.record.select(method=method)
        return (chosen.select(setting=setting) if setting else chosen).mean


def _numbers(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


def welch_difference(one: Record, other: Record, level: float = 0.95) -> Interval:
    """Welch's t interval of the difference of two means whose runs are not paired.

    Half-width t(level, ν)·√(s₁²/n₁ + s₂²/n₂) with the Welch-Satterthwaite ν; ``n`` is the smaller number of seeds.
    """
    sizes = [len(cell.values) for cell in (one, other)]
    (first, first_sd), (second, second_sd) = (mean_and_sd(list(cell.values.values())) for cell in (one, other))
    parts = [sd**2 / n for sd, n in zip((first_sd, second_sd), sizes, strict=True)]
    spread = sum(parts)
    half = 0.0
    if spread:
        degrees = spread**2 / sum(part**2 / (n - 1) for part, n in zip(parts, sizes, strict=True))
        half = t_quantile(level, degrees) * math.sqrt(spread)
    return Interval(first - second, first - second - half, first - second + half, min(sizes))


class Registry(NamedTuple):
    """What ``claims.toml`` holds."""

    claims: Mapping[str, Claim]
    titles: Mapping[str, str]
    conditions: Mapping[str, str]


def _load(folder: Path) -> Registry:
    path = folder / "claims.toml"
    state = path.stat()
    return _parsed(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=4)  # a lesson asks for a dozen claims, and reading all of them takes a while
def _parsed(path: Path, changed: int, size: int) -> Registry:
    with path.open("rb") as file:
        content = tomllib.load(file)
    for key in content.keys() - _KNOWN:
        raise RecordError(f"claims.toml has a table [{key!r}] that nothing reads; write a claim as [claims.{key!r}].")
    claims = {id: Claim(id, entry) for id, entry in content.get("claims", {}).items()}
    return Registry(claims, content.get("titles", {}), content.get("conditions", {}))


def target_title(target: str, folder: Path = FOLDER) -> str:
    """How sentences and captions name a target; its own name where ``claims.toml`` gives it no title.

    >>> target_title("mnist_m"), target_title("toy")
    ('MNIST-M (rebuilt)', 'toy')
    """
    return _load(folder).titles.get(target, target)


def conditions(record: str, folder: Path = FOLDER) -> str:
    """What all methods of a record have in common, and by what their rates were chosen: a sentence or two.

    >>> conditions("05_longer")[-1]
    '.'
    """
    try:
        return _load(folder).conditions[record]
    except KeyError:
        raise RecordError(f"record {record!r} has no sentence in [conditions] of claims.toml: write one.") from None


def mark(id: str, folder: Path = FOLDER) -> str:
    """How a sentence points to its row of :func:`tl_course.records.evidence`: claims of a lesson are counted.

    >>> mark("01.finetune_beats_scratch_10")
    'E1'
    """
    lesson = id.partition(".")[0]
    mine = [other for other in _load(folder).claims if other.startswith(f"{lesson}.")]
    return f"E{mine.index(entry(id, folder).id) + 1}"


def entry(id: str, folder: Path = FOLDER) -> Claim:
    """The claim of that id; RecordError suggests the nearest one where there is none."""
    return _find(id, folder)[0]


def registry(folder: Path = FOLDER) -> tuple[str, ...]:
    """The ids of all claims; RecordError names the first entry with a missing, unknown or senseless key.

    >>> isinstance(registry(), tuple)
    True
    """
    return tuple(_load(folder).claims)


def _find(id: str, folder: Path) -> tuple[Claim, Mapping[str, str]]:
    claims, titles, _ = _load(folder)
    if id not in claims:
        import difflib

        near = difflib.get_close_matches(id, claims, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "choose one of tl_course/records/claims.toml."
        raise RecordError(f"there is no claim {id!r}: {hint}")
    return claims[id], titles


def _narrow(found: Claim, profile: str | None, target: str | None, folder: Path) -> Record | str:
    """The claim's record at one profile and target, or the sentence that says why there is none."""
    profile = profile or environment.current().profile
    measure = f"`python -m authoring.records {found.record}` measures it."
    if found.record not in available(folder):
        return f"Nothing is recorded yet for “{found.id}”: {measure}"
    record = read(found.record, folder=folder)
    if profile not in record.profiles:
        return f"Nothing is recorded for “{found.id}” on the {profile} profile: {measure}"
    record = record.select(profile=profile)
    if target is None:
        possible = [name for name in record.targets if found.targets is None or name in found.targets]
        if len(possible) != 1:
            raise RecordError(
                f"claim {found.id!r} is recorded on {', '.join(record.targets)}: say which with target=task.name."
            )
        target = possible[0]
    if found.targets is not None and target not in found.targets:
        return f"“{found.id}” is claimed for {', '.join(found.targets)} only, not for {target}."
    if target not in record.targets:
        return f"Nothing is recorded for “{found.id}” on {target}, {profile} profile: {measure}"
    record = record.select(target=target)
    if profile != CLAIMED:
        try:
            found.pair(record)
        except RecordError as error:
            return f"“{found.id}” compares what the {profile} profile does not: {error}"
    return record


def claim(id: str, *, target: str | None = None, profile: str | None = None, folder: Path = FOLDER) -> Statement:
    """A sentence of the course with the numbers of its record: Markdown in a notebook, plain text elsewhere.

    Parameters
    ----------
    id
        As in ``claims.toml``, for example ``"01.finetune_beats_scratch_10"``.
    target
        Name of the task (``task.name``); may be left out where the record holds only one.
    profile
        The profile in use unless given.

    Returns
    -------
    Statement
        Where nothing is recorded for this profile and target it says so; where the rule fails it says that too.

    Raises
    ------
    RecordError
        For an unknown id, a broken record, or when ``target`` must be said.

    >>> claim("01.finetune_beats_scratch_10", profile="mini").holds
    True
    """
    found, titles = _find(id, folder)
    record = _narrow(found, profile, target, folder)
    if isinstance(record, str):
        return Statement(id, record, None)
    holds, reason = found.judge(record)
    seeds = len(set(found.pair(record)[0].seeds))
    title = titles.get(record.targets[0], record.targets[0])
    origin = f"*(recorded: {seeds} seeds, {title}, {record.profiles[0]} profile; [{mark(id, folder)}](#{HEADING}))*"
    if not holds:
        return Statement(id, f"**The recorded runs do not bear out “{id}”**: {reason}. {origin}", False)
    return Statement(id, f"{found.fill(record, titles)} {origin}", True)


def check_claims(folder: Path = FOLDER, *, profile: str = CLAIMED) -> list[Verdict]:
    """Judge every claim on every target of its record, by the rows of one profile, mini's unless told otherwise.

    A missing record, cell or placeholder is a failed verdict with its reason, never an exception, so that one call
    lists all that is wrong.

    >>> [verdict for verdict in check_claims() if not verdict.holds]
    []
    """
    claims, titles, _ = _load(folder)
    verdicts = []
    read_once = functools.cache(lambda name: read(name, folder=folder))
    for id, found in claims.items():
        try:
            record = read_once(found.record)
        except RecordError as error:
            verdicts.append(Verdict(id, "", "", False, str(error)))
            continue
        verdicts += _check(id, found, record, titles, profile)
    return verdicts


def _check(id: str, found: Claim, record: Record, titles: Mapping[str, str], profile: str) -> list[Verdict]:
    targets = list(dict.fromkeys(row.target for row in record.rows if row.profile == profile))
    if not targets:
        return [Verdict(id, profile, "", False, f"record {found.record} has no rows of the {profile} profile")]
    verdicts = []
    for target in targets:
        if found.targets is not None and target not in found.targets:
            continue
        narrowed = record.select(profile=profile, target=target)
        try:
            holds, reason = found.judge(narrowed)
            found.fill(narrowed, titles)
        except (RecordError, ValueError) as error:
            holds, reason = False, str(error)
        verdicts.append(Verdict(id, profile, target, holds, reason))
    for target in set(found.targets or ()) - set(targets):
        verdicts.append(Verdict(id, profile, target, False, f"record {found.record} has no rows for {target}"))
    return verdicts


def within_band(
    id: str,
    live_value: float,
    *,
    side: str | None = None,
    target: str | None = None,
    profile: str | None = None,
    folder: Path = FOLDER,
) -> Band:
    """Whether a live result is one that the recorded runs lead to expect.

    The band is the t prediction interval of one more run, widened by the claim's ``tolerance`` c (0.02 unless the
    claim says otherwise) because the learner's machine, precision and library versions differ from the recorder's::

        mean ± ( t(0.99, n − 1) · s · √(1 + 1/n) + c )

    Parameters
    ----------
    live_value
        The learner's result, in the unit of the record's values. That of an interrupted run (see
        :func:`tl_course.training.interrupted_run`) is always outside the band: the recorded runs are whole. One of
        another profile than the record's, or of a rehearsal, is not judged.
    side
        Which of the two methods compared was run: "better" (or "one") unless given.

    Returns
    -------
    Band
        Truthy when the value lies inside, so that a lesson can ``assert`` it; prints as a sentence.

    Raises
    ------
    RecordError
        For an unknown id or side, or where nothing is recorded for this profile and target.

    >>> bool(within_band("01.finetune_beats_scratch_10", 0.1, profile="mini"))
    False
    """
    found, _ = _find(id, folder)
    side = side or found.sides[0]
    if side not in found.sides:
        raise RecordError(f"claim {id!r} does not compare {side!r}: choose {' or '.join(found.sides)}.")
    record = _narrow(found, profile, target, folder)
    if isinstance(record, str):
        raise RecordError(record)
    expected = found.pair(record)[found.sides.index(side)].prediction_interval(BAND_LEVEL)
    low, high = expected.low - found.tolerance, expected.high + found.tolerance
    live_value = getattr(live_value, "value", live_value)  # of an interval
    interrupted = getattr(live_value, "interrupted", False)
    return Band(float(live_value), low, high, expected.n, found.unit, interrupted, _unjudged(record))


def _unjudged(record: Record) -> str:
    """Why a result of this process is of another size than the recorded ones; nothing where it is of the same."""
    env, recorded = environment.current(), record.profiles[0]
    if env.rehearsal:
        return "this is a rehearsal"
    return "" if env.profile == recorded else f"the record is the {recorded} profile's, and this is {env.profile}"


def claim_ids(text: str) -> list[str]:
    """The ids that a text uses in ``claim("…")`` or ``within_band("…")``, in order, each once: for the lint.

    >>> claim_ids('tl.records.claim("01.a_beats_b")\\nassert within_band("01.a_beats_b", 0.3)')
    ['01.a_beats_b']
    """
    return list(dict.fromkeys(_CALL.findall(text)))
