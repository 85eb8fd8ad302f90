"""The start page: what it says is what lies in the learner's folder; and a lesson can be made fresh again."""

import json
import os
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from authoring import assemble, generated
from authoring.sources import Lesson
from tl_course.app import course, startpage
from tl_course.app.course import CourseError, make_workspace, reset
from tl_course.app.startpage import Stop, page, stops
from tl_course.exercises import notes

FIRST, SECOND = "00_first.ipynb", "01_second.ipynb"


@pytest.fixture
def lessons(clone):
    """Two lessons with a title and minutes, and an exercise of two questions for the second."""
    metadata = {"tl_course": {"minutes": 45}}
    for name, title in ((FIRST, "Start here"), (SECOND, "A | second one")):
        prose = [new_markdown_cell("links"), new_markdown_cell(f"# {title}\n\nHello.")]
        cells = [*prose, new_code_cell("1 + 1"), new_code_cell("  "), new_code_cell("2 + 2")]
        nbformat.write(new_notebook(cells=cells, metadata=metadata), clone / "notebooks" / name)
    checks = [new_code_cell("x", metadata={"nbgrader": {"grade_id": f"{slug}-check"}}) for slug in ("one", "two")]
    nbformat.write(new_notebook(cells=checks), clone / "exercises" / SECOND)
    (clone / "exercises" / FIRST).unlink()
    return clone


@pytest.fixture
def work(lessons, tmp_path):
    make_workspace(tmp_path / "work")
    return tmp_path / "work"


def execute(path, count: int) -> None:
    """Mark the first code cells of a notebook as run."""
    notebook = nbformat.read(path, as_version=4)
    for number, cell in enumerate(
        [cell for cell in notebook.cells if cell.source.strip() and "execution_count" in cell]
    ):
        cell.execution_count = number + 1 if number < count else None
    nbformat.write(notebook, path)


# --- what is done -------------------------------------------------------------------------------------------------


def test_a_new_workspace_begins_at_the_first_lesson(work):
    first, second = stops(work)
    assert (first.title, first.minutes, first.cells, first.run, first.state) == ("Start here", 45, 2, 0, "not begun")
    assert (second.questions, second.solved) == (2, 0)
    assert startpage.next_stop([first, second]) == first


@pytest.mark.parametrize(("count", "state"), [(0, "not begun"), (1, "1 of 2 cells run"), (2, "✓ done")])
def test_cells_that_have_run_are_counted_and_empty_ones_are_not(work, count, state):
    execute(work / "notebooks" / FIRST, count)
    path = stops(work)
    assert path[0].state == state
    assert startpage.next_stop(path) == path[count == 2]


def test_solved_questions_come_from_the_notes_of_the_checks(work, tmp_path, monkeypatch):
    monkeypatch.setenv("TL_LEDGER", str(tmp_path / "ledger.jsonl"))
    notes.note_try("one", "right")
    notes.note_try("two", "wrong")
    notes.note_try("of another lesson", "right")
    assert stops(work)[1].solved == 1
    assert "[1 of 2 solved](exercises/01_second.ipynb)" in page(stops(work))


@pytest.mark.parametrize("content", ["my notes", "[]", '{"cells": 3}', '{"cells": [3]}', ""])
def test_a_file_that_is_no_notebook_any_more_counts_as_not_begun(work, content):
    (work / "notebooks" / FIRST).write_text(content)
    assert stops(work)[0].state == "not begun"
    (work / "notebooks" / FIRST).unlink()
    assert not stops(work)[0].done


def test_all_done(work):
    for name in (FIRST, SECOND):
        execute(work / "notebooks" / name, 2)
    assert "All 2 lessons are done." in page(stops(work))
    assert startpage.write(work) is None


# --- the page -----------------------------------------------------------------------------------------------------


def test_every_link_leads_somewhere(work, lessons):
    (lessons / "docs" / "site").mkdir(parents=True)
    terms = '[[term]]\nen = "a | b"\nzh = "词"\nmeaning = "A word."\n'
    (lessons / "docs" / "site" / "glossary.toml").write_text(terms)
    startpage.write(work)
    text = (work / "START.md").read_text()
    links = [part.partition(")")[0] for part in text.split("](")[1:]]
    assert {"notebooks/00_first.ipynb", "exercises/01_second.ipynb", "GLOSSARY.md", "HELP.md"} <= set(links)
    assert all((work / link).is_file() for link in links)
    for name in ("GLOSSARY.md", "HELP.md"):
        assert "[Back to the path](START.md)" in (work / name).read_text()
    assert "| a \\| b | 词 | A word. |" in (work / "GLOSSARY.md").read_text()


def path_of(*stops):
    """Lessons by number, minutes of the core and of what is folded."""
    return [Stop(f"{number}_x.ipynb", f"No. {number}", core, 5, 0, further=more) for number, core, more in stops]


def test_the_whole_and_the_short_path_say_how_long_they_take():
    shorts = [(number, 30, None) for number in startpage.SHORT]
    text = page(path_of(*shorts, ("10", 60, None)))
    assert "All 7 lessons take about 4 hours of yours.\n" in text
    [short] = [line for line in text.splitlines() if line.startswith("**Little time?**")]
    assert "about 3¼ hours" in short  # six times thirty, and ten
    assert all(f"[{number}](notebooks/{number}_x.ipynb) (30 min)" in short for number in startpage.SHORT)
    assert "notebooks/10" not in short
    assert short.index("notebooks/09") < short.index("`tl-course finetune`")
    assert "35 + 20" not in text


def test_minutes_of_folded_sections_stand_apart():
    text = page(path_of(("00", 30, 15), ("01", 30, None)))
    assert "take about 1 hour of yours, and their folded further sections about ¼ hour more." in text
    assert "| 30 + 15 |" in text
    assert "| 30 |" in text
    assert "*35 + 20* minutes" in text


def test_without_one_of_its_lessons_or_their_minutes_no_short_path_is_promised():
    rest = [(number, 30, None) for number in startpage.SHORT[1:]]
    assert "Little time" not in page(path_of(*rest))
    assert "Little time" not in page(path_of((startpage.SHORT[0], None, None), *rest))


def test_cells_of_a_folded_section_are_not_waited_for(work):
    path = work / "notebooks" / FIRST
    notebook = nbformat.read(path, as_version=4)
    folded = new_markdown_cell("## More", metadata={"tags": ["further"]})
    notebook.cells += [folded, new_code_cell("3"), new_markdown_cell("## Points"), new_code_cell("4")]
    nbformat.write(notebook, path)
    assert stops(work)[0].cells == 3
    execute(path, 3)
    assert stops(work)[0].state == "2 of 3 cells run"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].execution_count, notebook.cells[-3].execution_count = 3, None
    nbformat.write(notebook, path)
    assert stops(work)[0].done


def test_lessons_and_exercises_lead_back_to_the_start_page():
    nav = new_markdown_cell("**Lesson 00** · links", metadata={"tags": ["nav"]})
    made = course.for_learner(nbformat.writes(new_notebook(cells=[nav, new_markdown_cell("text"), new_code_cell("1")])))
    first, second, _ = nbformat.reads(made, as_version=4).cells
    assert first.source == "[Your course](../START.md) · **Lesson 00** · links"
    assert second.source == "text"


def test_without_a_glossary_none_is_promised(work):
    startpage.write(work)
    assert "glossary" not in (work / "START.md").read_text()


def test_in_the_repository_the_same_pages_lead_back_to_the_readme():
    there = startpage.beside_the_readme('[[term]]\nen = "a"\nzh = "词"\nmeaning = "A word."\n')
    assert set(there) == {startpage.GLOSSARY, startpage.HELP}
    for text in there.values():
        assert "[Back to README.md](README.md)" in text
        assert "START.md" not in text
    assert "type `.venv/bin/tl-course` in its place" in there["HELP.md"]
    assert startpage.help_text(words="words.md").count("](words.md)") == 1


def test_the_table_has_a_row_for_each_lesson_and_as_many_columns(work):
    rows = [line for line in page(stops(work)).splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert {row.replace("\\|", "").count("|") for row in rows} == {6}
    assert "| 00 | [Start here](notebooks/00_first.ipynb) | 45 | – | not begun |" in rows


def test_it_is_made_anew_by_each_start_and_never_over_notes_in_it(work):
    startpage.write(work)
    execute(work / "notebooks" / FIRST, 2)
    startpage.write(work)
    assert "1 of 2 lessons done" in (work / "START.md").read_text()
    (work / "START.md").write_text("my own notes")
    execute(work / "notebooks" / SECOND, 1)
    startpage.write(work)
    assert (work / "START.md").read_text() == "my own notes"
    assert "1 of 2 cells run" in (work / "START.new.md").read_text()


@pytest.mark.parametrize("metadata", [{}, {"tl_course": 3}, {"tl_course": {}}, {"tl_course": {"minutes": "45"}}])
def test_a_lesson_without_minutes_in_its_metadata_has_none_whatever_its_prose_says(lessons, tmp_path, metadata):
    cells = [new_markdown_cell("# Start\n\nYour own time: about 30 minutes, which is a guess.")]
    nbformat.write(new_notebook(cells=cells, metadata=metadata), lessons / "notebooks" / FIRST)
    assert stops(tmp_path)[0].minutes is None
    assert "| – | – | not begun |" in page([Stop(FIRST, "Start", None, 3, 0)])


def test_the_minutes_of_a_source_reach_the_start_page_however_they_are_worded(lessons, tmp_path, monkeypatch):
    monkeypatch.setattr(generated, "budget", lambda *of: "Nimm dir eine Stunde.")
    for name, minutes in ((FIRST, 17), (SECOND, 71)):
        cells = (new_markdown_cell("# A\n\n{{budget}}"), new_code_cell("1"))
        lesson = Lesson(lessons / name, "A", "x", minutes, None, cells)
        made = assemble.assemble(lesson, [lesson], root=lessons, target="mnist_m", timings={})
        nbformat.write(made, lessons / "notebooks" / name)
    assert [stop.minutes for stop in stops(tmp_path)] == [17, 71]


def test_a_terminal_that_does_not_know_the_environment_gets_the_whole_path(work, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    startpage.write(work)
    assert f"type `{startpage.anywhere()}` in its place" in (work / "HELP.md").read_text()
    assert startpage.command() == startpage.anywhere() != "tl-course"
    (tmp_path / "tl-course").write_text("#!/bin/sh\n")
    (tmp_path / "tl-course").chmod(0o755)
    assert startpage.command() == "tl-course"
    assert startpage.anywhere() != "tl-course"


@pytest.mark.parametrize("there", [True, False])
def test_what_is_typed_in_any_terminal_is_a_whole_path_also_with_a_space_in_it(monkeypatch, tmp_path, there):
    folder = tmp_path / "my course" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setattr(startpage.sys, "executable", str(folder / "python"))
    if there:
        (folder / "tl-course").touch()
    typed = startpage.anywhere()
    assert typed == (f'"{folder}/tl-course"' if there else f'"{folder}/python" -m tl_course.app.cli')


def test_the_terminals_of_jupyterlab_look_into_this_environment_first(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    folder, *others = startpage.jupyter_environment()["PATH"].split(os.pathsep)
    assert folder == os.path.dirname(sys.executable)
    assert others == ["/usr/bin"]


def test_help_names_the_option_for_a_workspace_elsewhere_and_how_to_stop():
    said = startpage.help_text()
    assert said.count("`--workspace FOLDER`") == 2
    assert "`tl-course stop`" in said


# --- the commands -------------------------------------------------------------------------------------------------


def test_start_goes_on_where_the_learner_is(tl, work):
    assert "start with notebooks/00_first.ipynb" in tl("start", "--only-copy", "--workspace", work)[1]
    execute(work / "notebooks" / FIRST, 2)
    assert "start with notebooks/01_second.ipynb" in tl("start", "--only-copy", "--workspace", work)[1]
    execute(work / "notebooks" / SECOND, 2)
    assert "every lesson in it is done" in tl("start", "--only-copy", "--workspace", work)[1]


def test_jupyterlab_is_told_to_show_markdown_and_keeps_other_settings(monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/of/the/institute")
    folders = startpage.jupyter_environment()["JUPYTER_CONFIG_PATH"].split(":")
    assert folders[0] == "/of/the/institute"
    [overrides] = [*startpage.JUPYTER_CONFIG.glob("labconfig/*.json")]
    plugin = json.loads(overrides.read_text())["@jupyterlab/docmanager-extension:plugin"]
    assert plugin == {"defaultViewers": {"markdown": "Markdown Preview"}}
    news = json.loads(overrides.read_text())["@jupyterlab/apputils-extension:notification"]
    assert news == {"checkForUpdates": False, "fetchNews": "false"}  # else its first question is not about the course
    assert overrides.stem == "default_setting_overrides"
    assert folders[1] == str(overrides.parent.parent)


def test_jupyterlab_server_reads_the_override(monkeypatch, tmp_path):
    from jupyterlab_server.settings_utils import _get_overrides

    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(startpage.JUPYTER_CONFIG))
    found, error = _get_overrides(str(tmp_path))
    assert not error
    assert found["@jupyterlab/docmanager-extension:plugin"]["defaultViewers"]["markdown"] == "Markdown Preview"


# --- a fresh lesson -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["00", "00_first", FIRST])
def test_reset_gives_a_fresh_lesson_and_keeps_every_old_one(work, name):
    target = work / "notebooks" / FIRST
    fresh = target.read_text()
    for number, mine in enumerate(("first try", "second try"), start=1):
        target.write_text(mine)
        line = reset(work, name)
        assert f"kept beside it as 00_first.mine-{number}.ipynb" in line
        assert target.read_text() == fresh
        assert (work / "notebooks" / f"00_first.mine-{number}.ipynb").read_text() == mine
    assert "nothing to reset" in reset(work, name)
    assert make_workspace(work) == []
    assert [stop.name for stop in stops(work)] == [FIRST, SECOND]


def test_a_number_is_never_used_twice(work):
    (work / "notebooks" / "00_first.mine-7.ipynb").write_text("old")
    (work / "notebooks" / "00_first.mine-x.ipynb").write_text("of the learner's own")
    (work / "notebooks" / FIRST).write_text("mine")
    assert "00_first.mine-8.ipynb" in reset(work, "00")


def test_reset_follows_the_course_of_today(work, write, lessons):
    (work / "notebooks" / FIRST).write_text("mine")
    write(lessons / "notebooks" / FIRST, "a new version")
    reset(work, "00")
    assert "a new version" in (work / "notebooks" / FIRST).read_text()
    assert make_workspace(work) == []


def test_reset_of_a_deleted_lesson_and_of_an_exercise(tl, work):
    (work / "notebooks" / FIRST).unlink()
    assert reset(work, "00").startswith("notebooks/00_first.ipynb is fresh. If it is open")
    (work / "exercises" / SECOND).write_text("my answers")
    code, out, _ = tl("reset", "01", "--exercise", "--workspace", work)
    assert code == 0
    assert "01_second.mine-1.ipynb" in out
    assert (work / "exercises" / "01_second.mine-1.ipynb").read_text() == "my answers"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("07",), "There is no lesson '07'"),
        (("00", "--exercise"), "Lesson 00_first has no exercises yet."),
        (("00", "--workspace", "/no/such/folder"), "There is no workspace at /no/such/folder"),
    ],
)
def test_what_cannot_be_reset_is_one_sentence(tl, work, arguments, message):
    code, out, err = tl("reset", "--workspace", work, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_nothing_is_lost_when_the_fresh_copy_cannot_be_written(work, monkeypatch):
    (work / "notebooks" / FIRST).write_text("mine")

    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(course, "_write", full)
    with pytest.raises(CourseError, match="No space left"):
        reset(work, "00")
    assert (work / "notebooks" / FIRST).read_text() == "mine"


# --- the profile ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["mini", "gpu"])
def test_the_page_names_the_profile_and_what_is_not_there(work, monkeypatch, profile):
    monkeypatch.setenv("TL_PROFILE", profile)
    startpage.write(work)
    text = (work / "START.md").read_text(encoding="utf-8")
    assert f"Profile: **{profile}**, " in text
    assert f"fetch --profile {profile}`" in text
    assert ("bert (" in text or "bert," in text) == (profile == "gpu")
    monkeypatch.setattr("tl_course.assets.status", lambda asset: "cached")
    startpage.write(work)
    assert "Not fetched yet" not in (work / "START.md").read_text(encoding="utf-8")


def test_the_page_says_what_the_lessons_do_without(work, monkeypatch):
    monkeypatch.setattr(startpage, "command", lambda: "tl-course")
    startpage.write(work)
    line = "no CIFAR-10 here: the vision lessons run on MNIST-M (rebuilt); `tl-course fetch cifar10` brings it"
    assert line in (work / "START.md").read_text(encoding="utf-8")
    monkeypatch.setenv("TL_TARGET", "mnist_m")
    startpage.write(work)
    assert "CIFAR-10" not in (work / "START.md").read_text(encoding="utf-8")
