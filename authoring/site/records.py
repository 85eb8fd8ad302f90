"""Recorded results as pages: what was measured, over which seeds, and which sentences of the course rest on it."""

import ast
import re
import tomllib
from pathlib import Path

from authoring.claims import without_mark
from authoring.site.content import Content
from tl_course import records
from tl_course.records import Record


def contents(content: Content) -> str:
    """Return the table of all records, with the tree that puts them into the side bar."""
    names = records.available(_folder(content))
    rows = ["| Record | What it asks | Runs | Seeds |", "|---|---|---:|---:|"]
    for name in names:
        record, (title, _) = records.read(name, folder=_folder(content)), description(content, name)
        rows.append(f"| [{name}](records/{name}.md) | {title} | {len(record.rows)} | {len(record.seeds)} |")
    tree = ["", "```{toctree}", ":hidden:", "", *(f"records/{name}" for name in names), "```"]
    return "\n".join([*rows, *tree])


def pages(content: Content) -> dict[str, str]:
    """Return a page for each record by its path."""
    stated = claims(content)
    read = [records.read(name, folder=_folder(content)) for name in records.available(_folder(content))]
    return {f"records/{record.name}.md": _page(content, record, stated.get(record.name, [])) for record in read}


def _folder(content: Content) -> Path:
    return content.root / "tl_course" / "records"


def description(content: Content, name: str) -> tuple[str, str]:
    """Return what a record's script says of it: its first line without the name, and the rest.

    >>> description(Content(), "01_label_budget")[0].partition(",")[0]
    'letters → MNIST-M (rebuilt)'
    """
    path = content.root / "authoring" / "records" / f"{name}.py"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first, _, rest = text.partition("\n\n")
    return re.sub(rf"^Record {name}[:;,]?\s*", "", " ".join(first.split())).removesuffix("."), rest.strip()


def _page(content: Content, record: Record, stated: list[str]) -> str:
    title, rest = description(content, record.name)
    blocks = [f"# Record {record.name}", f"**{title}.**", rest, _origin(record)]
    for profile in record.profiles:
        for target in record.select(profile=profile).targets:
            part = record.select(profile=profile, target=target)
            heading = f"## {records.target_title(target, _folder(content))}, {profile} profile"
            blocks += [heading, results(part)]
    if stated:
        blocks += ["## What the course says because of it", "\n".join(f"* {sentence}" for sentence in stated)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _origin(record: Record) -> str:
    days = sorted({row.date for row in record.rows})
    machines = "; ".join(dict.fromkeys(row.machine for row in record.rows))
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return (
        f"Measured {when}, {' and '.join(sorted({row.precision for row in record.rows}))}, on {machines}. "
        f"Seeds {', '.join(map(str, record.seeds))}. Rows: `tl_course/records/{record.name}.csv`; made again by "
        f"`python -m authoring.records {record.name}`."
    )


def results(record: Record) -> str:
    """Return a table of one profile and target: mean, interval and seeds of every method at every setting."""
    rows = [
        "| Method | Setting | Mean | 95 % interval of the mean | Seeds | Seconds a run |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for method in record.methods:
        of_method = record.select(method=method)
        for setting in of_method.settings:
            cell = of_method.select(setting=setting)
            interval, seconds = cell.interval(), cell.seconds
            spread = "–" if interval.half_width == 0 else f"{_number(interval.low)} to {_number(interval.high)}"
            rows.append(
                f"| `{method}` | `{setting}` | {_number(interval.mean)} | {spread} | {interval.n} | {seconds:.1f} |"
            )
    return "\n".join(rows)


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def claims(content: Content) -> dict[str, list[str]]:
    """Return the sentences that rest on each record, for every target of it, by its rows of the mini profile."""
    folder = _folder(content)
    entries = tomllib.loads((folder / "claims.toml").read_text(encoding="utf-8"))["claims"]
    stated: dict[str, list[str]] = {}
    for verdict in records.check_claims(folder):
        if verdict.holds:
            found = records.claim(verdict.id, target=verdict.target, profile=verdict.profile, folder=folder)
            stated.setdefault(entries[verdict.id]["record"], []).append(without_mark(found.markdown))
    return stated
