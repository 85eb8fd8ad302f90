"""The sweep: what it says in words, what it draws, and what it refuses."""

import pytest
from matplotlib.figure import Figure

from tl_course import figures
from tl_course.records import Interval


def line(*means) -> list[Interval]:
    return [Interval(mean, mean - 0.05, mean + 0.05, 3) for mean in means]


PANELS = {"near": {"kept": line(0.9, 0.1), "target": line(0.2, 0.8)}, "far": {"kept": line(0.7, 0.3)}}


@pytest.fixture
def drawn(monkeypatch):
    finished = []
    saved = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *args, **kw: finished.append(self) or saved(self, *args, **kw))
    return finished


def test_the_words_are_read_off_at_the_marked_position():
    assert figures.sweep(PANELS, ["0", "1"], at="1").alt == "At 1, near: kept 10%, target 80%; far: kept 30%."
    said = figures.sweep(PANELS, ["nothing", "1"], at="nothing", xlabel="frozen up to").alt
    assert said.startswith("Frozen up to: nothing. near: kept ")


def test_without_a_position_the_words_name_both_ends():
    assert "kept 70% at slow, 30% at fast" in figures.sweep(PANELS, ["slow", "fast"]).alt


def test_a_name_keeps_colour_and_marker_in_every_panel(drawn):
    figures.sweep(PANELS, ["0", "1"])
    looks = [
        {
            one.get_label(): (one.get_color(), one.get_marker())
            for one in ax.lines
            if one.get_label() in ("kept", "target")
        }
        for ax in drawn[-1].axes
    ]
    assert looks[0]["kept"] == looks[1]["kept"] != looks[0]["target"]


def test_only_the_line_in_question_has_a_band(drawn):
    figures.sweep(PANELS, ["0", "1"], emphasis="target")
    assert [len(ax.collections) for ax in drawn[-1].axes] == [1, 0]


@pytest.mark.parametrize(
    ("panels", "options", "message"),
    [
        ({}, {}, "at least one panel"),
        ({"near": {"kept": line(0.5)}}, {}, "has 1 intervals for 2 positions"),
        (PANELS, {"at": "2"}, "at='2' names no position; choose among 0, 1"),
        (PANELS, {"emphasis": "lost"}, "emphasis='lost' names no line; choose among kept, target"),
    ],
)
def test_what_it_cannot_draw_is_said(panels, options, message):
    with pytest.raises(ValueError, match=message):
        figures.sweep(panels, ["0", "1"], **options)
