"""The instructor's pack: every time in it is computed, no sentence of a note is lost, slides come from the lessons."""

import itertools
import re
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from authoring import assemble, sources, tags, timings
from authoring.instructor import building, notes, pages, slides, timetables
from authoring.instructor.__main__ import main
from authoring.instructor.building import InstructorError, build, with_notes
from authoring.instructor.built_course import BuiltCourse
from authoring.instructor.pages import PageError
from authoring.instructor.timetables import Frame
from authoring.sources import Lesson
from tl_course import records
from tl_course.app.running import Result

ROOT = sources.ROOT
FIGURE = '<figure><img alt="A line that falls." src="data:x"><figcaption>You just ran.</figcaption></figure>'

SOURCE = """\
# ---
# tl_course:
#   summary: A lesson.
#   minutes: 33
# ---

# %% [markdown]
# # Lesson {number} | of two
#
# * say what falls;
#
# {{{{budget}}}}

# %% [markdown]
# ## A question to predict
#
# Given $a_b$ and $c_d$.
#
# > **Predict** what falls:
# >
# > 1. this;
# > 2. that.

# %%
1 + {number}

# %% [markdown]
# It fell. So:

# %% tags=["claim"]
tl.records.claim("01.finetune_beats_scratch_10", profile="mini")

# %% [markdown] tags=["instructor"]
# **For the instructor.** Ten minutes of talk. Usual wrong answers: *nothing*; "all".
# A question for the room: *why
# not?* Let them think.

# %% [markdown]
# ## What to remember
#
# * It **fell**.
"""


@pytest.fixture
def root(tmp_path):
    """A repository of two lessons that were built, and one that was not."""
    for number in (1, 2, 3):
        path = tmp_path / "authoring" / "lessons" / f"{number:02d}_lesson.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SOURCE.format(number=number))
    for lesson in sources.find(tmp_path)[:2]:
        timings.record(tmp_path, lesson.stem, Result(20.0 * int(lesson.number), 10**9 * int(lesson.number), True))
        built = assemble.assemble(lesson, [lesson], root=tmp_path, target="mnist_m", timings=timings.read(tmp_path))
        code = [cell for cell in built.cells if cell.cell_type == "code"]
        code[0].outputs = [new_output("execute_result", {"text/html": FIGURE}, execution_count=1)]
        (tmp_path / "notebooks").mkdir(exist_ok=True)
        nbformat.write(built, tmp_path / "notebooks" / f"{lesson.stem}.ipynb")
    folder = tmp_path / "docs" / "instructor"
    folder.mkdir(parents=True)
    (folder / "index.md").write_text("# The pack\n\n[Times](times.md#here) {{lesson_count}}\n\n{{lessons}}\n")
    (folder / "times.md").write_text("# Times\n\n{{half_day}}\n\n{{semester}}\n\n{{room}}\n\n{{questions}}\n")
    (folder / "timetables.toml").write_text((ROOT / "docs" / "instructor" / "timetables.toml").read_text())
    return tmp_path


@pytest.fixture
def course(root):
    return BuiltCourse(root)


# --- what counts --------------------------------------------------------------------------------------------------


def test_only_lessons_that_were_built_count(course):
    assert [lesson.number for lesson in course.lessons] == ["01", "02"]
    assert [lesson.number for lesson in course.left_out] == ["03"]
    assert (course.megabytes, course.seconds) == (2000, 60)


def test_a_notebook_whose_code_is_older_than_its_source_does_not_count(root):
    path = root / "authoring" / "lessons" / "02_lesson.py"
    path.write_text(path.read_text().replace("1 + 2", "1 + 3"))
    assert [lesson.number for lesson in BuiltCourse(root).lessons] == ["01"]
    path.write_text(path.read_text().replace("1 + 3", "1 + 2").replace("It fell.", "It really fell."))
    assert [lesson.number for lesson in BuiltCourse(root).lessons] == ["01", "02"]


# --- timetables ---------------------------------------------------------------------------------------------------


def lesson(number: int, minutes: int) -> Lesson:
    return Lesson(Path(f"{number:02d}_x.py"), f"Lesson {number}", "x", minutes, None, ())


LESSONS = [lesson(number, 20 + 7 * number % 45) for number in range(20)]
ORDERS = [tuple(f"{(number * step) % 20:02d}" for number in range(20)) for step in (1, 3, 7, 11)]


@pytest.mark.parametrize("first", ORDERS, ids=["as they are", "by threes", "by sevens", "by elevens"])
@pytest.mark.parametrize(
    "frame",
    [
        Frame("", "", 1, 240, (), opening=15, closing=10, work=100, pause=15),
        Frame("", "", 2, 420, (), opening=20, closing=20, work=100, pause=15, lunch=60),
        Frame("", "", 5, 300, (), work=60, pause=10, lunch=45, noon=11 * 60),
        Frame("", "", 14, 90, ()),
    ],
)
def test_a_plan_keeps_to_its_frame(frame, first):
    frame = replace(frame, first=first)
    days = timetables.plan(frame, LESSONS)
    assert 0 < len(days) <= frame.days
    taught = [block.lesson for day in days for block in day if block.lesson]
    assert [one.number for one in taught] == sorted({one.number for one in taught})
    for day in days:
        assert day[0].start == frame.starts
        assert day[-1].end <= frame.starts + frame.minutes
        assert all(before.end == after.start for before, after in itertools.pairwise(day))
        assert all(block.minutes >= block.lesson.minutes for block in day if block.lesson)
        for stretch in stretches(day):
            assert not frame.pause or len(stretch) == 1 or sum(stretch) <= max(frame.work, 100)
        assert day[-1].what not in {"Pause", "Lunch"}
    assert sum(block.what == "Lunch" for day in days for block in day) <= len(days) * bool(frame.lunch)
    # the first in importance is never crowded out by a later one
    assert first[0] in {one.number for one in taught}


def stretches(day):
    """The minutes of the blocks between two pauses, closing words aside."""
    found = [[]]
    for block in day:
        if block.what in {"Pause", "Lunch"}:
            found.append([])
        elif block.lesson or (len(found) == 1 and not found[0]):
            found[-1].append(block.minutes)
    return found


def test_the_more_important_lesson_gets_the_place():
    frame = Frame("", "", 1, 60, ("02", "01"))
    [day] = timetables.plan(frame, [lesson(1, 40), lesson(2, 40)])
    assert [block.lesson.number for block in day] == ["02"]
    assert timetables.not_in([day], [lesson(1, 40), lesson(2, 40)]) == "Without a place here: 01 Lesson 1."


def test_lessons_that_do_not_exist_yet_and_none_at_all():
    frame = Frame("", "", 1, 120, ("07", "01"))
    assert [block.what for block in timetables.plan(frame, [lesson(1, 40)])[0]] == ["Lesson 1"]
    assert timetables.plan(frame, []) == [[]]


def test_the_times_of_a_table_are_those_of_the_lessons(course):
    text = pages.fill("{{half_day}}", course, "x.md")
    assert "| 09:15 | 09:50 | 35 | 01 Lesson 1 \\| of two | 20 |" in text
    assert "Without a place here: 02 Lesson 2 | of two." in text  # this frame does not name it
    assert "| 1 | 01 Lesson 1 \\| of two; 02 Lesson 2 \\| of two | 70 | – |" in pages.fill(
        "{{semester}}", course, "x.md"
    )


@pytest.mark.integration
def test_the_real_frames_name_each_lesson_once_and_fit_what_exists():
    frames = timetables.frames(ROOT)
    assert list(frames) == ["half_day", "two_days", "semester"]
    existing = sources.find(ROOT)
    for frame in frames.values():
        assert len(set(frame.first)) == len(frame.first)
        assert len(timetables.plan(frame, existing)) <= frame.days
    assert {one.number for one in existing} <= set(frames["semester"].first)


# --- notes --------------------------------------------------------------------------------------------------------


def test_sentences_are_sorted_and_none_is_lost(course):
    note = notes.of(course.lessons[0])
    assert note.predictions == ("**Predict** what falls:\n\n1. this;\n2. that.",)
    assert note.wrong == ('Usual wrong answers: *nothing*; "all".',)
    assert note.asks == ("A question for the room: *why not?*",)
    assert note.runs == ("Ten minutes of talk.", "Let them think.")


@pytest.mark.parametrize("one", sources.find(ROOT), ids=lambda one: one.number)
def test_no_word_of_a_real_note_is_lost_or_told_twice(one):
    written = " ".join(cell.source for cell in one.cells if "instructor" in tags.of(cell)).split()
    note = notes.of(one)
    told = " ".join((*note.asks, *note.wrong, *note.runs)).split()
    assert sorted(told) == sorted(" ".join(written).replace("**For the instructor.** ", "").split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One (two. Three) four. Five", ["One (two.", "Three) four.", "Five"]),
        ('He said "no." Then left.', ['He said "no."', "Then left."]),
        ("Look at $\\ln 37$. It is 3.6 or so", ["Look at $\\ln 37$.", "It is 3.6 or so"]),
        ("*Why?* (Because.) So", ["*Why?* (Because.)", "So"]),
        ("A file .pt? *Which one?* That", ["A file .pt? *Which one?*", "That"]),
        ("", []),
    ],
)
def test_where_a_sentence_ends(text, expected):
    assert notes.sentences([text]) == expected


def test_a_lesson_without_a_note_says_so(course):
    bare = replace(course.lessons[0], cells=())
    assert "no note yet" in notes.as_markdown([notes.of(bare)])


# --- notebooks and slides -----------------------------------------------------------------------------------------


def test_notes_stand_where_they_were_written_and_outputs_stay(course):
    lesson = course.lessons[0]
    notebook = with_notes(course, lesson)
    nbformat.validate(notebook)
    marked = [position for position, cell in enumerate(notebook.cells) if "instructor" in tags.of(cell)]
    [position] = marked
    assert notebook.cells[position].source.startswith("> **For the instructor.**")
    assert notebook.cells[position + 1].source.startswith("## What to remember")
    assert "claim" in tags.of(notebook.cells[position - 1])
    without = [cell.source for cell in notebook.cells if "instructor" not in tags.of(cell)]
    assert without == [cell.source for cell in course.notebook(lesson).cells]
    assert any(cell.get("outputs") for cell in notebook.cells)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_slides_come_from_headings_predictions_figures_and_what_to_remember(course):
    found = slides.of(course, course.lessons[0])
    assert [slide.kind for slide in found] == ["title", "predict", "figure", "remember"]
    title, predict, figure, remember = found
    assert title.heading == "01 Lesson 1 | of two"
    assert title.text[0] == "* say what falls;"
    assert "at most 20 s" in title.text[1]
    assert "Given $a_b$" in predict.text[0]
    assert 'alt="A line that falls."' in figure.figure
    said = records.claim("01.finetune_beats_scratch_10", profile="mini")
    assert figure.text == [f"* {said.markdown.replace('; [E1](#Evidence)', '')}"]
    assert remember.text == ["* It **fell**."]
    assert not any("For the instructor" in text for slide in found for text in slide.text)


def test_a_long_introduction_leaves_the_question_alone_on_its_slide(course):
    cell = new_markdown_cell("word " * slides.WORDS_A_SLIDE + "\n\n> **Predict.** What?")
    assert slides._questions(cell) == ["**Predict.** What?"]
    assert slides._questions(new_markdown_cell("No question.")) == []
    assert slides._questions(new_code_cell("1")) == []


def test_a_figure_has_room_for_three_claims_and_claims_belong_to_their_section(course):
    found = [slides.Slide("figure", "A", figure=FIGURE)]
    claim = new_markdown_cell("so", metadata={"tags": ["claim"]})
    slides._add_outputs(found, "another section", claim, claim)
    assert found[0].text == []
    for _ in range(5):
        slides._add_outputs(found, "A", claim, claim)
    assert len(found[0].text) == slides.CLAIMS_A_SLIDE


def test_formulas_survive_the_way_to_html(course):
    page = slides.as_html(slides.of(course, course.lessons[0]), title="x", mathjax=True)
    assert "$a_b$ and $c_d$" in page
    assert page.count("<section") == 4
    assert page.count("<h1") == 1
    assert "anchor-link" not in page


# --- pages --------------------------------------------------------------------------------------------------------


def test_a_page_that_asks_for_what_nobody_computes(course):
    with pytest.raises(PageError, match=r"wifi\.md asks for \{\{weather\}\}; there are half_day"):
        pages.fill("{{weather}}", course, "wifi.md")


@pytest.mark.parametrize(("megabytes", "limit"), [(900, 1500), (1450, 2000), (1600, 2000), (1650, 2500), (0, 0)])
def test_the_limit_leaves_a_quarter_and_ends_in_halves(megabytes, limit):
    class Measured:
        pass

    Measured.megabytes = megabytes
    assert pages.limit(Measured) == limit


@pytest.mark.integration
def test_the_real_pages_have_no_gaps_and_no_links_to_nowhere():
    course = BuiltCourse()
    folder = ROOT / "docs" / "instructor"
    names = {path.name for path in folder.glob("*.md")}
    used = set()
    for name in sorted(names):
        text = (folder / name).read_text()
        used |= set(re.findall(r"\{\{(\w+)\}\}", text))
        assert set(re.findall(r"\]\((\w+\.md)\)", text)) <= names
        assert text.startswith("# ")
        assert "{{" not in pages.fill(text, course, name)
    assert used == set(pages.PARTS)


def test_no_measured_number_is_typed_into_the_pages():
    for path in (ROOT / "docs" / "instructor").glob("*.md"):
        typed = re.findall(r"\b\d+(?:\.\d+)? ?(?:MB|GB|seconds|minutes|hours)\b", path.read_text())
        assert set(typed) <= {"4 GB"}, path.name  # FAT32's own limit


# --- the pack -----------------------------------------------------------------------------------------------------


def names_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def plain(monkeypatch):
    """No MathJax is installed."""
    monkeypatch.setattr(building, "_copy_mathjax", lambda folder: False)


def test_the_pack_is_whole_and_links_lead_to_its_own_pages(root, plain, tmp_path):
    (root / "exercises").mkdir()
    (root / "exercises" / "01_lesson.ipynb").write_text("{}")
    out = tmp_path / "pack"
    lines = list(build(root, out))
    assert names_in(out) - {building.MARK} == {
        "index.html", "times.html", "exercises/01_lesson.ipynb",
        *(f"{folder}/0{number}_lesson.{end}" for number in (1, 2) for folder, end in PARTS),
    }  # fmt: skip
    index = (out / "index.html").read_text()
    for link in re.findall(r'href="([^"#]+)', index):
        assert (out / link).is_file()
    assert "MathJax.js" not in index
    assert any("formulas stay as they are typed" in line for line in lines)
    assert "01_lesson: 1 note, 4 slides" in lines
    assert any(line.startswith("03_lesson is left out") for line in lines)


PARTS = (("notebooks", "ipynb"), ("slides", "html"))


def test_a_second_pack_replaces_the_first_and_nothing_else(root, plain, tmp_path, capsys):
    out = tmp_path / "pack"
    list(build(root, out))
    (out / "slides" / "old.html").write_text("")
    assert main(["--out", str(out)], root) == 0
    assert not (out / "slides" / "old.html").exists()
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "final.tex").write_text("years of work")
    assert main(["--out", str(thesis)], root) == 1
    assert "no instructor's pack" in capsys.readouterr().err
    assert (thesis / "final.tex").is_file()


def test_a_wrong_page_is_told_before_the_old_pack_is_deleted(root, plain, tmp_path):
    out = tmp_path / "pack"
    list(build(root, out))
    (root / "docs" / "instructor" / "index.md").write_text("{{weather}}")
    with pytest.raises(PageError):
        list(build(root, out))
    assert (out / "index.html").is_file()


def test_without_a_built_lesson_there_is_no_pack(root, tmp_path):
    for path in (root / "notebooks").iterdir():
        path.unlink()
    with pytest.raises(InstructorError, match=r"authoring\.build"):
        list(build(root, tmp_path / "pack"))


def test_mathjax_comes_along_where_it_is_installed(tmp_path):
    pytest.importorskip("jupyter_server_mathjax", reason="the site's extra `book` is not installed")
    assert building._copy_mathjax(tmp_path / "mathjax")
    assert (tmp_path / "mathjax" / "MathJax.js").is_file()
    assert (tmp_path / "mathjax" / "config" / "TeX-AMS-MML_HTMLorMML-full.js").is_file()
