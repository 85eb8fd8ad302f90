"""The schematic: what its rows say of each part, how far its gradients reach, and what it refuses."""

import itertools

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Text

from tl_course import figures
from tl_course.figures.style import VERMILION


@pytest.fixture
def drawn(monkeypatch):
    """The matplotlib figures that were finished, in order."""
    finished = []
    saved = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *args, **kw: finished.append(self) or saved(self, *args, **kw))
    return finished


def gradients(fig) -> list[float]:
    """Where each arrow of gradients ends, from the left, one a row that learns."""
    arrows = [patch for patch in fig.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    return [arrow._posA_posB[1][0] for arrow in arrows if to_hex(arrow.get_edgecolor()) == VERMILION.lower()]


@pytest.mark.parametrize(("start", "state"), list(itertools.product(("copied", "new"), ("trained", "frozen"))))
def test_words_in_the_part_and_the_alternative_text_say_start_and_state(start, state, drawn):
    figure = figures.schematic({"My way": [("body", start, state), ("head", "new", "trained")]})
    assert figure.alt == f"My way: body {start} and {state}, head new and trained."
    texts = [text.get_text() for text in drawn[-1].findobj(Text)]
    assert f"{start}, {state}" in texts
    assert ("frozen: stays" in texts) == (state == "frozen")


def test_gradients_reach_as_far_as_the_first_part_that_learns(drawn):
    figures.schematic(["scratch", "linear_probe", "fine_tune"])
    scratch, probe, tuned = gradients(drawn[-1])
    assert scratch == pytest.approx(tuned)
    assert probe > scratch + 1


def test_a_row_where_all_is_frozen_has_no_gradients(drawn):
    figures.schematic({"As it is": [("network", "copied", "frozen")]})
    assert gradients(drawn[-1]) == []


def test_stored_features_are_data_without_weights():
    assert "features stored, new head new and trained" in figures.schematic("features").alt


def test_a_teacher_gives_answers_and_its_student_learns_from_them(drawn):
    assert "Student: student new and trained, taught by the answers of Teacher." in figures.schematic("distilled").alt
    texts = [text.get_text() for text in drawn[-1].findobj(Text)]
    assert (texts.count("answers"), texts.count("loss"), texts.count("teaches")) == (1, 1, 1)


def test_rows_of_ones_own_may_teach_one_another():
    rows = {"BERT": [("12 layers", "copied", "frozen")], "Small": [("2 layers", "copied", "trained")]}
    assert figures.schematic(rows, teaches=[("BERT", "Small")]).alt.endswith("taught by the answers of BERT.")


def test_parts_are_called_as_the_lesson_calls_them():
    assert figures.schematic("linear_probe", backbone="BERT", head="2 answers").alt.startswith("Linear probe: BERT ")
    assert figures.schematic(["scratch"], alt="A picture that the lesson describes.").alt.startswith("A picture that")


@pytest.mark.parametrize(
    ("ways", "more", "message"),
    [
        (["magic"], {}, "there is no way 'magic'; there are scratch, linear_probe"),
        ([], {}, "at least one way"),
        ({"Empty": []}, {}, "each way at least one part"),
        ({"Odd": [("head", "old", "trained")]}, {}, "part \\('head', 'old', 'trained'\\) of 'Odd': give"),
        ({"Odd": [("head", "new", "moving")]}, {}, "'trained' or 'frozen'"),
        ({"Odd": [("head",)]}, {}, "or \\(name, remark\\) for data"),
        (["scratch", "linear_probe", "fine_tune"], {"teaches": [("From scratch", "Fine-tuning")]}, "neighbouring rows"),
        (["scratch"], {"teaches": [("Nobody", "From scratch")]}, "the rows are From scratch"),
    ],
)
def test_what_it_cannot_draw_is_said(ways, more, message):
    with pytest.raises(ValueError, match=message):
        figures.schematic(ways, **more)
