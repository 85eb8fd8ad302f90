"""JupyterLab as `make lab` opens it: start page, lessons run through, dials by keyboard, an exercise, both themes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from slicing import needed

from authoring import lab, sources
from tl_course import exercises
from tl_course.app import course, startpage

if TYPE_CHECKING:
    from playwright.sync_api import Locator

pytestmark = [pytest.mark.browser, pytest.mark.full, pytest.mark.assets]

RUN_THROUGH = ("00", "02")
IN_A_MOMENT = 5000
"""Milliseconds within which a dial must answer: far above what benchmarks/dial_latency.py measures."""
_WIDGET = re.compile(r"Dial\b|An interactive widget")  # as committed notebooks say it


def lesson(number: str) -> Path:
    [path] = course.lessons([number])
    return path


def code_cells(path: Path) -> list[dict]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def dials() -> list[tuple[str, int]]:
    """Every cell of a lesson that shows a widget: its lesson's number, and its position among the code cells."""
    return [
        (path.stem[:2], position)
        for path in course.lessons()
        for position, cell in enumerate(code_cells(path))
        if any(_WIDGET.match("".join(one.get("data", {}).get("text/plain", ""))) for one in cell["outputs"])
    ]


# --- the start page ----------------------------------------------------------------------------------------------


def test_the_course_opens_on_its_start_page(page, learner, picture):
    page.goto(learner.address(startpage.PAGE))
    path = page.locator(".jp-MarkdownViewer")
    path.get_by_role("heading", name="Your course").wait_for()
    assert path.locator("tbody tr").count() == len(course.lessons())
    page.locator("#jp-main-statusbar").wait_for()
    page.wait_for_timeout(3000)  # JupyterLab asks about its news a moment after it is there
    assert page.locator(".jp-toast, .jp-Dialog, .Toastify__toast").all_inner_texts() == []
    picture("light")
    dark(page)
    picture("dark")
    light(page)
    path.locator("tbody a").first.click()
    page.locator(".jp-NotebookPanel .jp-Notebook h1").first.wait_for()
    lab.wait_until_at_rest(page)


def test_what_was_saved_shows_on_the_start_page_and_links_lead_back_to_it(page, learner, picture):
    path = lesson("02")
    page.goto(learner.address(startpage.PAGE))
    row = page.locator(f'.jp-MarkdownViewer tr:has-text("{startpage.stops(learner.workspace)[2].title}")')
    assert "not begun" in row.inner_text()
    row.get_by_role("link").first.click()
    page.locator(".jp-NotebookPanel .jp-Notebook h1").first.wait_for()
    lab.wait_until_at_rest(page)
    notebook = lab.Notebook.__new__(lab.Notebook)
    notebook.page = page
    notebook.run(0)
    page.keyboard.press("Control+s")
    wait_for(page, lambda: "1 of" in (learner.workspace / startpage.PAGE).read_text(encoding="utf-8"))
    page.evaluate("jupyterapp.shell.currentWidget.content.scrollToItem(0)")
    in_front = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    in_front.get_by_role("link", name="Exercises").first.click()
    wait_for(page, lambda: kinds(page) == ["", "notebooks", "exercises"])
    lab.wait_until_at_rest(page)
    picture("tabs")
    in_front.get_by_role("link", name="Your course").first.click()
    row.get_by_text("cells run").wait_for()
    assert (learner.workspace / "notebooks" / path.name).is_file()  # a tab's name is no file's name


def kinds(page) -> list[str]:
    return page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab").evaluate_all(
        "tabs => tabs.map(tab => tab.dataset.tlKind ?? '')"
    )


def wait_for(page, condition) -> None:
    for _ in range(300):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it did not happen within 30 s")


def dark(page) -> None:
    in_theme(page, "Dark")


def light(page) -> None:
    in_theme(page, "Light")


def in_theme(page, name: str) -> None:
    lab.choose(page, "Settings", "Theme", f"JupyterLab {name}")
    page.locator(f'body[data-jp-theme-name="JupyterLab {name}"]').wait_for(state="attached")
    page.locator("#jupyterlab-splash").wait_for(state="detached")  # it covers all while the colours change


# --- a lesson ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", RUN_THROUGH)
def test_a_lesson_runs_through(page, learner, picture, number):
    path = lesson(number)
    notebook = lab.Notebook(page, learner, f"notebooks/{path.name}")
    picture("begins")
    notebook.run_all()
    assert notebook.complaints() == []
    assert [cell["count"] for cell in notebook.cells() if cell["source"].strip()] == numbers(path)
    shown = []
    for position, cell in enumerate(code_cells(path)):
        for wanted in range("".join(map("".join, _html_of(cell))).count("<figure")):
            figure = notebook.show(position).locator(".jp-OutputArea-output figure img").nth(wanted)
            assert figure.evaluate("img => img.decode().then(() => img.naturalWidth)") > 0
            assert len(figure.get_attribute("alt")) >= 20
            shown.append(figure)
    shown[0].scroll_into_view_if_needed()
    picture("light")
    dark(page)
    picture("dark")
    light(page)


def numbers(path: Path) -> list[int]:
    """What stands beside the code cells once each has run, in order."""
    return [position + 1 for position in range(len(code_cells(path)))]


def _html_of(cell: dict) -> list[str]:
    return [one["data"]["text/html"] for one in cell["outputs"] if "text/html" in one.get("data", {})]


# --- dials -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "position"), dials(), ids=lambda value: str(value))
def test_every_control_moves_by_keyboard_and_the_figure_follows(page, learner, picture, number, position):
    path = lesson(number)
    notebook = lab.Notebook(page, learner, f"notebooks/{path.name}")
    for before in needed(["".join(cell["source"]) for cell in code_cells(path)], position):
        cell = notebook.run(before)
        assert notebook.complaints() == []
    box = cell.locator(".jp-OutputArea-output .jupyter-widgets").first
    handles = box.locator(".noUi-handle")
    handles.first.wait_for()
    figure = box.locator("figure img")
    figure.scroll_into_view_if_needed()
    picture("before")
    assert handles.count() == box.locator(CONTROLS).count(), "a kind of control that nobody here knows how to move"
    for handle in handles.all():
        assert handle.get_attribute("tabindex") == "0"
        shown, reading = figure.get_attribute("src"), box.locator(".widget-readout").all_inner_texts()
        assert turned(handle)
        page.wait_for_function(
            "([box, old]) => box.querySelector('figure img').src !== old",
            arg=[box.element_handle(), shown],
            timeout=IN_A_MOMENT,
        )
        assert figure.evaluate("img => img.decode().then(() => img.naturalWidth)") > 0
        assert box.locator(".widget-readout").all_inner_texts() != reading
    for slider in box.locator(".widget-slider").all():  # what a screen reader says
        handle, value = slider.locator(".noUi-handle"), slider.locator(".widget-readout").inner_text()
        wait_for(page, lambda handle=handle, value=value: handle.get_attribute("aria-valuetext") == value)
        assert handle.get_attribute("aria-label") == slider.locator(".widget-label").inner_text()
    picture("moved")


def test_a_saved_dial_shows_its_picture_after_a_restart(browser, tmp_path):
    page = browser.new_page()  # not watched: JupyterLab complains of the widget in its console
    page.set_default_timeout(lab.PATIENCE)
    number, position = min(dials(), key=lambda dial: dial[0] != "02")  # that lesson trains nothing large
    path = lesson(number)
    with lab.serve(tmp_path) as today:
        notebook = lab.Notebook(page, today, f"notebooks/{path.name}")
        for before in needed(["".join(cell["source"]) for cell in code_cells(path)], position):
            cell = notebook.run(before)
        cell.locator(".noUi-handle").first.wait_for()
        page.keyboard.press("Control+s")
        saved = today.workspace / "notebooks" / path.name
        wait_for(page, lambda: "tl-dial" in saved.read_text() or "widget-view" in saved.read_text())
        page.goto("about:blank")
    with lab.serve(tmp_path) as tomorrow:
        notebook = lab.Notebook(page, tomorrow, f"notebooks/{path.name}")
        cell = notebook.show(position)
        cell.get_by_text("Run the cell again for one that moves.").wait_for()
        figure = cell.locator("figure img")
        assert figure.evaluate("img => img.decode().then(() => img.naturalWidth)") > 0
        assert "Error displaying widget" not in cell.inner_text()
        page.close()


def test_drawn_figures_and_cards_are_dark_in_the_dark(page, learner, picture):
    path = sources.ROOT / "exercises" / lesson("02").name
    notebook = lab.Notebook(page, learner, f"exercises/{path.name}")
    notebook.run(0)
    draw = "from tl_course import figures\nfig, ax = figures.axes(3, 2)\n"
    notebook.write(1, draw + 'figures.show(fig, alt="Two empty axes, to look at.")')
    figure = notebook.run(1).locator("figure.tl-drawn img")
    notebook.write(2, 'tl.hint("sum_or_mean")')
    card = notebook.run(2).locator('[role="status"]')
    look = "node => [getComputedStyle(node).filter, getComputedStyle(node).backgroundColor]"
    assert figure.evaluate(look)[0] == "none"
    assert card.evaluate(look)[1] == "rgb(252, 252, 250)"
    dark(page)
    assert figure.evaluate(look)[0] == "invert(1) hue-rotate(180deg)"
    assert card.evaluate(look)[1] == "rgb(31, 36, 40)"
    picture("dark")
    light(page)


CONTROLS = ".noUi-handle, select, button, input, textarea, [contenteditable=true]:not(.widget-readout)"


def turned(handle: Locator) -> bool:
    """Press the arrow keys on a slider; whether one of them, at least, moved it: at an end the other must."""
    handle.focus()
    before = handle.get_attribute("aria-valuenow")
    for key in ("ArrowRight", "ArrowLeft"):
        handle.press(key)
        if handle.get_attribute("aria-valuenow") != before:
            return True
    return False


# --- an exercise ---------------------------------------------------------------------------------------------------


def test_an_exercise_wrong_then_a_hint_then_right(page, learner, picture):
    question = next(one for one in exercises.questions("02") if one.slug == "sum_or_mean")
    path = sources.ROOT / "exercises" / lesson("02").name
    code = ["".join(cell["source"]) for cell in code_cells(path)]
    answer = next(place for place, text in enumerate(code) if text.startswith("def answer_sum_or_mean"))
    notebook = lab.Notebook(page, learner, f"exercises/{path.name}")
    notebook.run(0)

    notebook.run(answer)
    assert "Not attempted yet" in notebook.run(answer + 1).inner_text()

    notebook.write(answer, "def answer_sum_or_mean(rate, count):\n    return rate * count")
    notebook.run(answer)
    said = notebook.run(answer + 1)
    assert "Not right yet" in said.inner_text()
    assert "The wrong way round" in said.inner_text()
    said.scroll_into_view_if_needed()
    picture("wrong")
    dark(page)
    picture("wrong-dark")
    light(page)

    notebook.write(answer, 'tl.hint("sum_or_mean")')
    assert plain(question.hints[0]) in notebook.run(answer).inner_text()
    picture("hint")

    notebook.write(answer, "def answer_sum_or_mean(rate, count):\n    return rate / count")
    notebook.run(answer)
    said = notebook.run(answer + 1)
    assert "Right" in said.inner_text()
    assert plain(question.why)[:60] in said.inner_text()
    said.scroll_into_view_if_needed()
    picture("right")
    assert notebook.complaints() == []


def plain(text: str) -> str:
    return text.replace("`", "")
