"""How verdicts look: a card that can be read without its colours, text, and a number for nbgrader."""

import inspect
import re
from pathlib import Path

import pytest
from asked import check

from tl_course import exercises
from tl_course.app import course, serving
from tl_course.exercises import display
from tl_course.figures import style


def test_right_says_why_it_matters_and_gives_the_points(use):
    verdict = check(lambda x, factor: x * factor)
    assert (verdict.status, verdict.points, verdict.of) == ("right", 2, 2)
    assert repr(verdict) == "Right: scale (2 of 2 points)\nIt scales."


def test_a_card_says_in_words_what_its_colour_says_and_escapes(use):
    cards = [
        (check(lambda x, factor: x * factor), "Right"),
        (check(lambda x, factor: x["<b>"]), "Not right yet"),
        (check(...), "Not attempted yet"),
        (exercises.check("<script>", 1), "Not checked"),
    ]
    for verdict, words in cards:
        card = verdict._repr_html_()
        assert words in card
        assert "<script>" not in card
        assert "<b>" not in card
        assert 'role="status"' in card
        assert "background: var(--tl-ground, #FCFCFA); color: var(--tl-ink, #22272B)" in card
        assert words in repr(verdict)


@pytest.mark.parametrize("mode", ["autograde", "validate"])
def test_for_nbgrader_a_check_is_its_points(use, monkeypatch, mode):
    monkeypatch.setenv("NBGRADER_EXECUTION", mode)
    assert repr(check(lambda x, factor: x * factor)) == "2"
    assert repr(check(lambda x, factor: x)) == "0"
    assert repr(check(...)) == "0"


# --- words in asterisks, and the dark -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown", "plain"),
    [
        ("The *same* value.", "The <em>same</em> value.", "The same value."),
        ("*Not* this, *but that*.", "<em>Not</em> this, <em>but that</em>.", "Not this, but that."),
        ("Write `a * b * c`.", "a * b * c</code>.", "Write `a * b * c`."),
        ("It is 2 * 3 * 4.", "It is 2 * 3 * 4.", "It is 2 * 3 * 4."),
        ("x*y*z and **kwargs**", "x*y*z and **kwargs**", "x*y*z and **kwargs**"),
        ("*a<b*", "<em>a&lt;b</em>", "a<b"),
    ],
)
def test_no_asterisk_of_emphasis_is_printed(text, shown, plain):
    hint = exercises.Hint("scale", 1, 2, text)
    assert shown in hint._repr_html_()
    assert repr(hint).endswith(plain)


def dark_colors(file: Path) -> dict[str, str]:
    return dict(re.findall(r"(--tl-[a-z-]+): (#[0-9A-F]{6});", file.read_text(encoding="utf-8")))


def test_cards_can_be_read_in_the_dark_in_jupyterlab_and_on_the_site():
    [in_lab] = serving.LABEXTENSIONS.glob("*/static/*.css")
    colors = dark_colors(in_lab)
    used = set(re.findall(r"--tl-[a-z-]+", inspect.getsource(display)))
    assert used - {"--tl-"} == set(colors)
    grounds = ("--tl-ground", "--tl-code-ground")
    for name in used & set(colors) - set(grounds):
        assert style.contrast(colors[name], colors["--tl-ground"]) >= 4.5
    assert style.contrast(colors["--tl-ink"], colors["--tl-code-ground"]) >= 4.5
    site = course.root() / "docs" / "site" / "_static" / "site.css"
    assert dark_colors(site) == colors
