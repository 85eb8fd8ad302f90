"""Pages of the site, as Markdown, made from its content: what stands in ``{{…}}`` in ``docs/site/pages/*.md``.

`PARTS` names the function behind each ``{{…}}``; all of them take the `Content` and return Markdown.
"""

from collections.abc import Callable, Iterable, Sequence

from authoring import generated, mutants
from authoring.site import records, reference, terms
from authoring.site.content import Content, Stop, Term
from tl_course import exercises
from tl_course.app import startpage


def cell(text: str) -> str:
    """Return a table cell's text: a bar in it would end the cell."""
    return text.replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell(text) for text in line)} |" for line in lines) + "\n"


def link(stop: Stop, text: str | None = None) -> str:
    """Return a link to a lesson, or its name where it does not exist yet."""
    text = text or f"{stop.number} {stop.title}"
    return f"[{text}]({stop.page})" if stop.page else f"{text} (to come)"


def numbers(content: Content, wanted: Iterable[str]) -> str:
    """Return links to lessons by their numbers, each with its title to point at."""
    return ", ".join(
        f'[{stop.number}]({stop.page} "{stop.title}")' if stop.page else f"{stop.number} (to come)"
        for stop in (content.stops[number] for number in wanted)
    )


# --- home ----------------------------------------------------------------------------------------------------------


def path(content: Content) -> str:
    """The path: a heading, a question and a table for each part."""
    blocks = []
    for part in content.parts:
        rows = [_stop(content, stop) for stop in part.stops]
        head = ("Lesson", "What it is about", "Your minutes", "Seconds to run", "Exercises")
        blocks.append(f"### Part {part.number}: {part.title}\n\n{part.asks}\n\n{table(head, rows)}")
    return "\n".join(blocks)


def _stop(content: Content, stop: Stop) -> list[str]:
    lesson = stop.lesson
    if lesson is None:
        return [f"{stop.number} {stop.title}", "*still to come*", "–", "–", "–"]
    cost = content.timings.get(lesson.stem)
    asked = exercise_link(content, lesson.stem)
    return [link(stop), lesson.summary, generated.minutes(lesson), f"{cost.seconds}" if cost else "–", asked or "–"]


def exercise_link(content: Content, stem: str, folder: str = "") -> str | None:
    """Return a link to a lesson's exercises, if there are any: how many questions, how many minutes."""
    if stem not in {found.stem for found in content.exercises}:
        return None
    asked = exercises.questions(stem[:2])
    minutes = sum(question.minutes for question in asked)
    return f"[{len(asked)}\N{NO-BREAK SPACE}questions, {minutes}\N{NO-BREAK SPACE}min]({folder}exercises/{stem}.ipynb)"


def totals(content: Content) -> str:
    """What all lessons that exist take together."""
    minutes = sum(lesson.minutes for lesson in content.lessons)
    further = sum(map(generated.further_minutes, content.lessons))
    folded = f" and their folded further sections about {further / 60:.0f} more" if further else ""
    seconds = sum(content.timings[one.stem].seconds for one in content.lessons if one.stem in content.timings)
    return (
        f"The {len(content.lessons)} lessons that exist take about {minutes / 60:.0f} hours of yours{folded}, which is "
        f"a guess, and at most {seconds / 60:.0f} minutes of two CPU cores, which was measured."
    )


def coming(content: Content) -> str:
    """The lessons that are still to come, as a list."""
    planned = [f"* {stop.number} {stop.title}" for stop in content.stops.values() if stop.lesson is None]
    return "\n".join(planned) or "* Every planned lesson is there."


def toctree(content: Content) -> str:
    """The tree in the side bar: the parts with their lessons, exercises, and the pages to look things up."""
    trees = []
    for part in content.parts:
        entries = [f"{stop.number} {stop.title} <lessons/{stop.lesson.stem}>" for stop in part.stops if stop.lesson]
        if entries:
            trees.append(_tree(f"{part.number} {part.title}", entries))
    if content.exercises:
        names = {lesson.stem: lesson.title for lesson in content.lessons}
        known = [found.stem for found in content.exercises if found.stem in names]
        trees.append(_tree("Exercises", [f"{stem[:2]} {names[stem]} <exercises/{stem}>" for stem in known]))
    return "\n".join([*trees, _tree("To look things up", LOOK_UP), _tree("中文", ["chinese"])])


LOOK_UP = ["help", "glossary", "methods", "records", "ledger", "source_texts", "api"]


def _tree(caption: str, entries: list[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```", ""])


# --- pages to look things up ---------------------------------------------------------------------------------------


def glossary(content: Content) -> str:
    """The glossary as Sphinx knows glossaries, so that its terms are found by searching, in both languages."""
    entries = []
    for term in content.terms:
        where = terms.first_lesson(term, content.lessons)
        lesson = f" {{doc}}`Lesson {where.number} </lessons/{where.stem}>`." if where else ""
        names = "\n".join((term.english, term.chinese, *term.variants))
        entries.append(f"{names}\n  {term.meaning}{lesson}\n")
    return "\n".join(["````{glossary}", *entries, "````"])


def chinese_terms(content: Content) -> str:
    """Chinese and English names of the terms, lesson by lesson."""
    by_lesson: dict[str, list[Term]] = {}
    for term in content.terms:
        where = terms.first_lesson(term, content.lessons)
        by_lesson.setdefault(where.number if where else "", []).append(term)
    rows = [
        [
            number or "其他",
            "、".join(f"{one.chinese}（{one.english}）" for one in found),
        ]
        for number, found in sorted(by_lesson.items(), key=lambda item: item[0] or "99")
    ]
    return table(("课", "术语"), rows)


def methods(content: Content) -> str:
    """A table of all methods, and below it a section for each."""
    listed = content.table("methods")["method"]
    rows = [
        [f"[{one['name']}](#{anchor(one['name'])})", one["group"], one["when"], _taught(content, one)] for one in listed
    ]
    head = ("Method", "What it is for", "When", "Lesson")
    sections = [_method(content, one) for one in listed]
    return f"{table(head, rows)}\n## One by one\n\n" + "\n".join(sections)


def _taught(content: Content, method: dict) -> str:
    number = method.get("lesson")
    return numbers(content, [number]) if number else "in the package only"


def anchor(name: str) -> str:
    """Return the anchor of a method's section."""
    kept = "".join(letter if letter.isalnum() else " " for letter in name.casefold())
    return "method-" + "-".join(kept.split())


def _method(content: Content, method: dict) -> str:
    code = ", ".join(f"{{py:obj}}`tl_course.{name}`" for name in method["api"])
    return (
        f"({anchor(method['name'])})=\n### {method['name']}\n\n$$\n{method['formula']}\n$$\n\n"
        f"**When.** {method['when']}\n\n**Trap.** {method['trap']}\n\n"
        f"**Lesson.** {_taught(content, method)}. **Code.** {code}.\n"
    )


def source_texts(content: Content) -> str:
    """What each source text teaches, where that stands, and what the course puts otherwise."""
    blocks = []
    for text in content.table("source_texts")["text"]:
        rows = [[row["teaches"], numbers(content, row["lessons"]), row["otherwise"] or "–"] for row in text["rows"]]
        head = ("It teaches", "Lesson", "What we put otherwise")
        blocks.append(f"## {text['number']}: {text['title']}\n\n{text['about']}\n\n{table(head, rows)}")
    return "\n".join(blocks)


def questions(content: Content) -> str:
    """The questions that the source texts end with, and where they are answered."""
    rows = [
        [text["number"], question["asks"], numbers(content, question["lessons"])]
        for text in content.table("source_texts")["text"]
        for question in text["questions"]
    ]
    return table(("Source text", "It asks", "Lesson"), rows)


# --- Chinese -------------------------------------------------------------------------------------------------------


def chinese_path(content: Content) -> str:
    """Every lesson in Chinese: title, summary and goals, part by part."""
    blocks = []
    for part in content.parts:
        stops = "\n".join(_chinese_stop(content, stop) for stop in part.stops)
        blocks.append(f"## 第{_NUMERALS[part.number]}部分 {part.chinese}\n\n{part.chinese_asks}\n\n{stops}")
    return "\n".join(blocks)


_NUMERALS = {"I": "一", "II": "二", "III": "三", "IV": "四", "V": "五", "VI": "六"}


def _chinese_stop(content: Content, stop: Stop) -> str:
    if stop.lesson is None:
        return f"* {stop.number} {stop.chinese}（还在写）\n"
    entry = content.in_chinese(stop.lesson)
    goals = "\n".join(f"* {goal}" for goal in entry["goals"])
    more = generated.further_minutes(stop.lesson)
    minutes = f"约 {stop.lesson.minutes} 分钟" + (f"，折叠的选读部分另需约 {more} 分钟" if more else "")
    return (
        f"(chinese-{stop.number})=\n### {stop.number} {stop.chinese}\n\n{entry['summary']}\n\n"
        f"学完这一课，你能够：\n\n{goals}\n\n"
        f"[打开课文（英文）]({stop.page}) · {minutes}\n"
    )


def chinese_table(content: Content) -> str:
    """The table of lessons of README.zh.md; its links start at the repository."""
    rows = [
        [
            lesson.number,
            f"[{content.in_chinese(lesson)['title']}](notebooks/{lesson.stem}.ipynb)",
            content.in_chinese(lesson)["summary"],
        ]
        for lesson in content.lessons
    ]
    return table(("课", "题目", "内容"), rows)


# --- the instructor's --------------------------------------------------------------------------------------------


def instructor_tree(content: Content) -> str:
    """The tree of what only the instructor's build has."""
    solved = sorted(found.stem for found in (content.root / "solutions").glob("[0-9][0-9]_*.ipynb"))
    return _tree("For the instructor", ["instructor", *(f"solutions/{stem}" for stem in solved)])


def instructor_times(content: Content) -> str:
    """Reader's minutes and seconds of computing of each lesson."""
    rows = [_stop(content, stop) for stop in content.stops.values() if stop.lesson]
    return table(("Lesson", "What it is about", "Your minutes", "Seconds to run", "Exercises"), rows)


def checks(content: Content) -> str:
    """What became of spoilt solutions in each lesson, and in all."""
    known = {stem: tally for stem, tally in mutants.kept(content.root).items() if stem[:2] in content.stops}
    rows = [[link(content.stops[stem[:2]]), *_tally(tally)] for stem, tally in known.items()]
    total = ["all lessons", *_tally(sum(known.values(), mutants.Tally()))]
    return table(("Lesson", "Questions", "Spoilt solutions", "Found out", "Equivalent"), [*rows, total])


def _tally(tally: mutants.Tally) -> list[str]:
    return [f"{tally.questions}", f"{tally.mutants}", f"{tally.killed} ({tally.share:.1%})", f"{tally.equivalent}"]


def equivalents(content: Content) -> str:
    """The spoilt solutions that are right all the same, and why."""
    rows = [[slug, f"`{change}`", reason] for (slug, change), reason in mutants.equivalents(content.root).items()]
    return table(("Question", "Change", "Why no check can tell"), rows)


PARTS: dict[str, Callable[[Content], str]] = {
    "api": reference.contents,
    "checks": checks,
    "chinese_path": chinese_path,
    "chinese_terms": chinese_terms,
    "coming": coming,
    "equivalents": equivalents,
    "glossary": glossary,
    "help": lambda content: startpage.help_text(words="glossary.md"),
    "instructor_times": instructor_times,
    "instructor_tree": instructor_tree,
    "methods": methods,
    "path": path,
    "questions": questions,
    "records": records.contents,
    "source_texts": source_texts,
    "toctree": toctree,
    "totals": totals,
}


def fill(template: str, content: Content) -> str:
    """Return a page's text with every ``{{…}}`` replaced."""
    for name, part in PARTS.items():
        placeholder = f"{{{{{name}}}}}"
        if placeholder in template:
            template = template.replace(placeholder, part(content))
    return template
