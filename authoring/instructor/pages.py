"""The pages of ``docs/instructor``, with what stands in ``{{…}}`` filled in, and made into HTML."""

import html
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from authoring.instructor import notes, timetables
from authoring.instructor.built_course import BuiltCourse
from authoring.sources import Lesson
from tl_course.app import startpage
from tl_course.assets import Asset, for_profile, registry
from tl_course.assets.store import megabytes

LEARNERS = (10, 20, 30)
_PLACE = re.compile(r"\{\{([a-z_]+)\}\}")
_LIMIT_STEP = 500
NBSP = "\u00a0"
"""Between a number and its unit, where a narrow column would part them."""


class PageError(ValueError):
    """A page asks for what nobody computes; the message names both."""


def filled(course: BuiltCourse) -> dict[str, str]:
    """Return every page of ``docs/instructor`` as Markdown, by its file name.

    Raises
    ------
    PageError
        If a page has a ``{{…}}`` that nothing fills.
    """
    found = {}
    for path in sorted((course.root / "docs" / "instructor").glob("*.md")):
        found[path.name] = fill(path.read_text(encoding="utf-8"), course, path.name)
    return found


def fill(text: str, course: BuiltCourse, name: str) -> str:
    """Return one page's text with its ``{{…}}`` filled."""

    def part(match: re.Match) -> str:
        if match[1] not in PARTS:
            raise PageError(f"docs/instructor/{name} asks for {{{{{match[1]}}}}}; there are {', '.join(PARTS)}.")
        return PARTS[match[1]](course)

    return _PLACE.sub(part, text)


# --- what is computed ---------------------------------------------------------------------------------------------


def _days(name: str) -> Callable[[BuiltCourse], str]:
    def table(course: BuiltCourse) -> str:
        frame = timetables.frames(course.root)[name]
        days = timetables.plan(frame, course.lessons)
        if frame.pause:
            shown = timetables.as_days(days, lambda lesson: _seconds(course, lesson))
        else:
            shown = timetables.as_weeks(days, course.homework)
        return f"{frame.why}\n\n{shown}\n\n{timetables.not_in(days, course.lessons)}"

    return table


def _seconds(course: BuiltCourse, lesson: Lesson) -> int | None:
    cost = course.timings.get(lesson.stem)
    return cost.seconds if cost else None


def _lessons(course: BuiltCourse) -> str:
    rows = ["| no. | lesson | minutes | seconds to run | memory | exercises, minutes |", "|---|---|--:|--:|--:|--:|"]
    for lesson in course.lessons:
        cost = course.timings.get(lesson.stem)
        machine = f"{cost.seconds} | {cost.megabytes}{NBSP}MB" if cost else "– | –"
        link = f"[{lesson.title}](slides/{lesson.stem}.html)".replace("|", "\\|")
        home = course.homework(lesson) or "–"
        rows.append(f"| {lesson.number} | {link} | {lesson.minutes} | {machine} | {home} |")
    return "\n".join(rows)


def limit(course: BuiltCourse) -> int:
    """Return the megabytes to give each learner: a quarter above the hungriest lesson, in halves of a gigabyte."""
    return math.ceil(course.megabytes * 1.25 / _LIMIT_STEP) * _LIMIT_STEP


def _room(course: BuiltCourse) -> str:
    rows = ["| learners | memory, all of them in the hungriest lesson at once |", "|--:|--:|"]
    return "\n".join([*rows, *(f"| {number} | {number * limit(course) / 1000:.0f} GB |" for number in LEARNERS)])


def _downloaded(assets: Sequence[Asset]) -> int:
    """Bytes that the first place of each asset sends."""
    return sum(asset.sources[0].options.get("download", asset.size) for asset in assets)


def _assets(course: BuiltCourse) -> str:
    rows = ["| asset | size | licence | in a bundle |", "|---|--:|---|---|"]
    for asset in registry().values():
        carried = "yes" if asset.redistribute else "never: everybody brings or fetches it alone"
        size = megabytes(asset.size).replace(" ", NBSP)
        rows.append(f"| {asset.name} | {size} | {asset.licence} | {carried} |")
    return "\n".join(rows)


PARTS: dict[str, Callable[[BuiltCourse], str]] = {
    "half_day": _days("half_day"),
    "two_days": _days("two_days"),
    "semester": _days("semester"),
    "lessons": _lessons,
    "questions": lambda course: notes.as_markdown(map(notes.of, course.lessons)),
    "lesson_count": lambda course: str(len(course.lessons)),
    "hours": lambda course: f"{sum(lesson.minutes for lesson in course.lessons) / 60:.0f}",
    "run_minutes": lambda course: str(math.ceil(course.seconds / 60)),
    "memory": lambda course: f"{course.megabytes} MB",
    "limit": lambda course: f"{limit(course)} MB",
    "limit_config": lambda course: f"{limit(course)}M",
    "room": _room,
    "download": lambda course: megabytes(_downloaded(for_profile("mini"))),
    "pictures": lambda course: megabytes(registry()["cifar10"].size),
    "cache": lambda course: megabytes(sum(asset.size for asset in for_profile("mini"))),
    "class_download": lambda course: megabytes(LEARNERS[-1] * _downloaded(for_profile("mini"))),
    "class_size": lambda course: str(LEARNERS[-1]),
    "assets": _assets,
    "start_page": lambda course: startpage.PAGE,
}
"""What may stand in ``{{…}}``."""


# --- as HTML ------------------------------------------------------------------------------------------------------


def to_html(markdown: str) -> str:
    """Return Markdown as HTML, formulas left to MathJax."""
    from nbconvert.filters import markdown2html

    return re.sub(r'<a class="anchor-link".*?</a>', "", markdown2html(markdown)).strip()


def html_page(body: str, *, title: str, style: str, script: str = "", mathjax: bool = False, depth: int = 0) -> str:
    """Return a whole HTML file; ``depth`` says how many folders it lies below the pack."""
    formulas = MATHJAX.replace("BASE", "../" * depth) if mathjax else ""
    code = f"<script>{script}</script>" if script else ""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width">\n<title>{html.escape(title)}</title>\n'
        f"<style>{style}</style>\n{formulas}</head>\n<body>\n{body}\n{code}</body>\n</html>\n"
    )


def as_html(name: str, markdown: str, *, mathjax: bool) -> str:
    """Return a page as an HTML file; links to other pages of the pack lead to their HTML."""
    pointed = re.sub(r"\]\((\w+)\.md(#[\w-]+)?\)", r"](\1.html\2)", markdown)
    title = next((line.lstrip("# ") for line in markdown.splitlines() if line.startswith("# ")), Path(name).stem)
    back = "" if name == "index.md" else '<p><a href="index.html">The instructor\'s pack</a></p>'
    return html_page(f"{back}<main>{to_html(pointed)}</main>", title=title, style=STYLE, mathjax=mathjax)


STYLE = """
body { margin: 2rem auto; max-width: 52rem; padding: 0 1rem; color: #1c2730; font: 17px/1.55 system-ui, sans-serif; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2em; color: #0a4f78; } a { color: #0a4f78; }
table { border-collapse: collapse; margin: 1em 0; } th, td { border: 1px solid #b9c2ca; padding: 0.3em 0.6em; }
th { background: #eef3f6; text-align: left; } pre { background: #f3f5f7; padding: 0.8em; white-space: pre-wrap; }
@media print { body { margin: 0; font-size: 11pt; } h2 { break-after: avoid; } table { break-inside: avoid; } }
"""

MATHJAX = """<script>
window.MathJax = { tex2jax: { inlineMath: [["$", "$"]], displayMath: [["$$", "$$"]], processEscapes: true },
  "HTML-CSS": { availableFonts: [], webFont: "STIX-Web", imageFont: null }, showMathMenu: false, messageStyle: "none" };
</script><script src="BASEmathjax/MathJax.js?config=TeX-AMS-MML_HTMLorMML-full"></script>
"""
