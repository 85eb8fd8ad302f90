"""A feedback page for each student, and a summary of the class. Plain HTML: no scripts, nothing loaded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from tl_course.exercises import NOT_ATTEMPTED, RIGHT, UNCHECKED, WRONG, Question
from tl_course.grading.notebooks import Answers, Worksheet
from tl_course.grading.results import Graded, Mark
from tl_course.grading.state import write_whole
from tl_course.grading.submissions import safe_names

COMMON = 4
MAX_CODE = 20_000
"""Characters of an answer that its page shows."""
_LOOKS = {RIGHT: ("✓", "right"), WRONG: ("✗", "wrong"), NOT_ATTEMPTED: ("–", "open"), UNCHECKED: ("?", "open")}
"""A mark's sign, and its class in the style sheet."""
_NUMBERS = ("right", "wrong", "not attempted")
"""Columns of the summary that count."""
_STYLE = """
:root { color-scheme: light }
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2733; background: #fff; max-width: 48rem; margin: 2rem auto;
  padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem }
section h2 { margin: 0 }
.small { color: #4a5866; font-size: .9rem }
section { border: 1px solid #cfd8e0; border-left: 6px solid #7b8794; border-radius: 4px; padding: .7rem 1rem;
  margin: 1rem 0 }
section.right { border-left-color: #1b7f4b } section.wrong { border-left-color: #b3402a }
.points { float: right; font-variant-numeric: tabular-nums } p { margin: .5rem 0 }
pre { background: #f3f6f8; padding: .5rem; overflow-x: auto; white-space: pre-wrap }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .3rem .6rem;
  border-bottom: 1px solid #dde4ea; vertical-align: top } td.number, th.number { text-align: right;
  font-variant-numeric: tabular-nums; white-space: nowrap }
code { background: #f3f6f8; padding: 0 .2em }
"""


def write_all(folder: Path, results: Iterable[Graded], sheet: Worksheet) -> None:
    """Write each student's page."""
    results = list(results)
    for one, name in zip(results, safe_names(results), strict=True):
        write_whole(folder / f"{name}.html", feedback(one, sheet))


def feedback(one: Graded, sheet: Worksheet) -> str:
    """Return a student's page."""
    facts = [f"file {escape(one.answers.file)}" if one.answers.file else "no file"]
    if one.answers.stamp:
        facts.append(f"of {one.answers.stamp:%Y-%m-%d %H:%M}" + (", late" if one.answers.late else ""))
    notes = [f"<p>{escape(note[:1].upper() + note[1:].rstrip('.'))}.</p>" for note in one.answers.notes]
    body = [
        f"<h1>Exercise {sheet.number}: {escape(sheet.title)}</h1>",
        f"<p><strong>{escape(one.student)}</strong>: {one.points} of {sheet.points} points</p>",
        f"<p class='small'>{', '.join(facts)}; course version {escape(sheet.version)}</p>",
        *notes,
        *(_card(mark, one.answers) for mark in one.marks),
    ]
    return _page(f"Exercise {sheet.number}: {one.student}", body)


def _card(mark: Mark, answers: Answers) -> str:
    notes, code = answers.about.get(mark.question, []), answers.cells.get(mark.question, "").strip()
    points = f"{mark.points} of {mark.of}" if mark.of else "no points"
    sign, look = _LOOKS[mark.status]
    parts = [
        f"<section class='{look}'><span class='points'>{points}</span>",
        f"<h2>{sign} {escape(mark.title)}</h2>",
        f"<p class='small'><code>{escape(mark.question)}</code> · {mark.status}</p>",
        *(f"<p><strong>Note:</strong> {_prose(note)}.</p>" for note in notes),
        f"<p>{_prose(mark.message)}</p>" if mark.message else "",
        f"<p>{_prose(mark.detail)}</p>" if mark.detail and mark.detail != mark.message else "",
        f"<p class='small'>It printed:</p><pre>{escape(mark.printed)}</pre>" if mark.printed else "",
        f"<details><summary>Your code</summary><pre>{escape(_cut(code))}</pre></details>" if code else "",
    ]
    return "".join([*parts, "</section>"])


def _cut(code: str) -> str:
    return code if len(code) <= MAX_CODE else f"{code[:MAX_CODE]}\n…"


def _prose(text: str) -> str:
    """A sentence with its code in backticks; a learner's code can write no HTML into it."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def write_summary(file: Path, results: list[Graded], sheet: Worksheet, folder: Path) -> None:
    """Write the page on the class, with links to the students' pages in a folder beside it."""
    write_whole(file, summary(results, sheet, folder.name))


def summary(results: list[Graded], sheet: Worksheet, folder: str = "") -> str:
    """Return the page on the class: the hardest questions first, what went wrong in them, and what to look at oneself.

    Students are links to their pages in a folder, if it is named.
    """
    shown = _linked(results, folder)
    totals = sorted(one.points for one in results)
    middle = (totals[(len(totals) - 1) // 2] + totals[len(totals) // 2]) / 2
    marks = {
        question.slug: [mark for one in results for mark in one.marks if mark.question == question.slug]
        for question in sheet.questions
    }
    hardest = sorted(sheet.questions, key=lambda question: _share(marks[question.slug]))
    body = [
        f"<h1>Exercise {sheet.number}: {escape(sheet.title)}</h1>",
        f"<p>{len(results)} students; the median is {middle:g} of {sheet.points} points, the best {totals[-1]}.</p>",
        f"<p class='small'>Course version {escape(sheet.version)}</p>",
        "<h2>Questions, the hardest first</h2>",
        _table(("question", *_NUMBERS), [_counts(q, marks[q.slug]) for q in hardest]),
        *(_common(question, marks[question.slug]) for question in hardest),
        *_to_look_at(results, shown),
        "<h2>Students</h2>",
        _table(("student", "points", "late", "notes"), _students(results, shown, sheet.points)),
    ]
    return _page(f"Exercise {sheet.number}: the class", body)


def _share(marks: list[Mark]) -> float:
    return sum(mark.status == RIGHT for mark in marks) / max(1, len(marks))


def _counts(question: Question, marks: list[Mark]) -> list[object]:
    found = Counter(mark.status for mark in marks)
    unseen = found[NOT_ATTEMPTED] + found[UNCHECKED]
    return [f"{escape(question.title)} <code>{question.slug}</code>", found[RIGHT], found[WRONG], unseen]


def _common(question: Question, marks: list[Mark]) -> str:
    """The commonest mistakes in one question: what teaches about those that have a name, an instance of the others."""
    wrong = [mark for mark in marks if mark.status == WRONG]
    found = Counter(map(_mistake, wrong))
    if not found:
        return ""
    said = {_mistake(mark): f", for instance: {mark.message}" for mark in wrong if mark.message}
    said |= {one.name: f": {one.message}" for one in question.wrong}
    items = [
        f"<li><strong>{count} × {escape(mistake or 'other')}</strong>{_prose(said.get(mistake, ''))}</li>"
        for mistake, count in found.most_common(COMMON)
    ]
    return f"<section><h2>{escape(question.title)}</h2><ul>{''.join(items)}</ul></section>"


def _mistake(mark: Mark) -> str:
    """What to count a wrong answer by: different errors are different mistakes."""
    return f"{mark.reason} {mark.error_type}".strip()


def _linked(results: list[Graded], folder: str) -> list[str]:
    """The students' names, each with a link to its page."""
    if not folder:
        return [escape(one.student) for one in results]
    places = [quote(f"{folder}/{name}.html") for name in safe_names(results)]
    return [f"<a href='{place}'>{escape(one.student)}</a>" for one, place in zip(results, places, strict=True)]


def _to_look_at(results: list[Graded], shown: list[str]) -> list[str]:
    """What a person may see otherwise: answers that are not right, and of which something was left aside."""
    rows = [
        [student, f"{escape(mark.title)} <code>{escape(mark.question)}</code>", _prose(note)]
        for one, student in zip(results, shown, strict=True)
        for mark, note in one.to_look_at
    ]
    return ["<h2>To look at yourself</h2>", _table(("student", "question", "why"), rows)] if rows else []


def _students(results: list[Graded], shown: list[str], of: int) -> list[list[object]]:
    return [
        [student, f"{one.points} of {of}", "late" if one.answers.late else "", escape("; ".join(one.notes_for_teacher))]
        for one, student in zip(results, shown, strict=True)
    ]


def _table(columns: Sequence[str], rows: Iterable[list[object]]) -> str:
    kinds = [" class='number'" if name in (*_NUMBERS, "points") else "" for name in columns]
    head = "".join(f"<th scope='col'{kind}>{escape(name)}</th>" for name, kind in zip(columns, kinds, strict=True))

    def line(cells: list[object]) -> str:
        return "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(cells, kinds, strict=True))

    return f"<table><tr>{head}</tr>{''.join(f'<tr>{line(cells)}</tr>' for cells in rows)}</table>"


def _page(title: str, body: Iterable[str]) -> str:
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )
