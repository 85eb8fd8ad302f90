"""How verdicts look: a card that can be read without its colours, text, and a number for nbgrader."""

import pytest
from asked import check

from tl_course import exercises


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
        assert "background: #FCFCFA; color: #22272B" in card
        assert words in repr(verdict)


@pytest.mark.parametrize("mode", ["autograde", "validate"])
def test_for_nbgrader_a_check_is_its_points(use, monkeypatch, mode):
    monkeypatch.setenv("NBGRADER_EXECUTION", mode)
    assert repr(check(lambda x, factor: x * factor)) == "2"
    assert repr(check(lambda x, factor: x)) == "0"
    assert repr(check(...)) == "0"
