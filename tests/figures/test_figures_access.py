"""What every figure of the package looks like to eyes that see little contrast or few colours.

Drawn is what the package draws, with as many series as it is asked for; measured are the finished artists and pixels.
"""

import itertools

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from test_figures import EVERY_PLOT, RNG, toy_record, toy_row
from test_figures_calibration import answers

from tl_course import figures
from tl_course.figures import style

MANY = {
    "learning_curves of five runs": lambda: figures.learning_curves(
        {name: [{"step": s, "accuracy": 0.1 * k + s / 20} for s in range(6)] for k, name in enumerate("abcde")},
        y=["accuracy"],
    ),
    "label_budget of six": lambda: figures.label_budget(
        toy_record(("scratch", "linear_probe", "fine_tune", "lp_ft", "layer_wise", "gradual"))
    ),
    "embeddings of eight classes in two domains": lambda: figures.embeddings(
        RNG.normal(size=(64, 2)), list(range(8)) * 8, "abcdefgh", domains=["old"] * 32 + ["new"] * 32
    ),
    "confusion of every shade": lambda: figures.confusion(np.outer(np.arange(1, 7), np.arange(6)), "abcdef"),
    "reliability of two": lambda: figures.reliability({"one": answers(0)[2], "fine_tune": answers(1)[2]}),
    "transfer_matrix of four": lambda: figures.transfer_matrix(
        {name: toy_row(*RNG.random(3)) for name in "abcd"}, ["a", "b", "c"]
    ),
    "concept_map with a highlight": lambda: figures.concept_map(
        {"a": (0, 0), "b": (2, 0)}, [("a", "b", "why")], highlight=["a"], alt="An arrow from a, filled, to b: why."
    ),
    "sweep with one line in question": lambda: figures.sweep(
        {"near": dict.fromkeys("abc", toy_row(0.5, 0.7)), "far": dict.fromkeys("abc", toy_row(0.6, 0.4))},
        ["slow", "fast"],
        emphasis="b",
    ),
    "schematic of every way": lambda: figures.schematic(
        ["scratch", "linear_probe", "fine_tune", "features", "distilled"], title="Every way there is"
    ),
}
PLOTS = EVERY_PLOT | MANY


DAILY = list(PLOTS)[::5]


@pytest.fixture(params=[pytest.param(name, marks=() if name in DAILY else pytest.mark.integration) for name in PLOTS])
def fig(request, monkeypatch):
    """The matplotlib figure that a function of the package has finished."""
    drawn = []
    saved = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *args, **kw: drawn.append(self) or saved(self, *args, **kw))
    PLOTS[request.param]()
    return drawn[-1]


def over_background(color) -> str:
    """A colour with its opacity, as it looks on the background."""
    *rgb, opacity = mpl.colors.to_rgba(color)
    return style.over(mpl.colors.to_hex(rgb), opacity)


def faint(color, background=style.BACKGROUND, ratio=3.0) -> bool:
    return figures.contrast(over_background(color), background) < ratio


def faint_marks(fig) -> list[str]:
    """Lines, points, bars and boxes whose outline and face both stay below 3:1; bands around a line are none."""
    found = []
    for ax in fig.axes:
        found += [f"line {line.get_label()}" for line in ax.lines if faint(_with_alpha(line.get_color(), line))]
        for marks in ax.collections:
            if isinstance(marks, LineCollection | PathCollection):
                faces = [] if isinstance(marks, LineCollection) else list(marks.get_facecolors())
                if all(faint(color) for color in [*faces, *marks.get_edgecolors()]):
                    found.append(f"marks {marks.get_label()}")
        for patch in ax.patches:
            if faint(patch.get_facecolor()) and faint(patch.get_edgecolor()):
                found.append(f"patch {patch}")
    return found


def _with_alpha(color, artist):
    alpha = artist.get_alpha()
    return mpl.colors.to_rgba(color, 1.0 if alpha is None else alpha)


def faint_texts(fig, turned=lambda color: color) -> list[str]:
    """Texts below 4.5:1 on what lies behind them, which is found by drawing the figure without its texts.

    ``turned`` makes of each colour what a theme makes of it.
    """
    fig.canvas.draw()
    texts = [text for text in fig.findobj(Text) if text.get_visible() and text.get_text().strip()]
    places = [text.get_window_extent() for text in texts]
    for text in texts:
        text.set_alpha(0)
    pixels = _pixels(fig)
    found = []
    for text, place in zip(texts, places, strict=True):
        rows = slice(*(int(len(pixels) - edge) for edge in (place.y1, place.y0)))
        behind = pixels[rows, int(place.x0) : int(place.x1)].reshape(-1, 3)
        if not len(behind):
            continue
        text.set_alpha(None)
        back = style.BACKGROUND if text.get_path_effects() else mpl.colors.to_hex(np.median(behind, axis=0) / 255)
        if figures.contrast(turned(mpl.colors.to_hex(text.get_color())), turned(back)) < 4.5:
            found.append(f"{text.get_text()!r} in {text.get_color()} on {back}")
    return found


def _pixels(fig) -> np.ndarray:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def told_apart_by_colour_alone(fig) -> list[str]:
    """Pairs of lines, or of clouds of points, that share marker and line and differ in colour."""
    found = []
    for ax in fig.axes:
        lines = [(line.get_color(), (line.get_marker(), line._unscaled_dash_pattern)) for line in ax.lines]
        clouds = [
            (tuple(map(tuple, marks.get_edgecolors())), marks.get_paths()[0].vertices.tobytes())
            for marks in ax.collections
            if isinstance(marks, PathCollection) and len(marks.get_offsets())
        ]
        for drawn in (lines, clouds):
            for (color, look), (other, same) in itertools.combinations(drawn, 2):
                if look == same and color != other:
                    found.append(f"{color} and {other}")
    return found


@pytest.mark.usual(4)
@pytest.mark.daily(1)
def test_every_mark_can_be_seen(fig):
    assert faint_marks(fig) == []


@pytest.mark.usual(4)
@pytest.mark.daily(1)
def test_every_word_can_be_read(fig):
    assert faint_texts(fig) == []


@pytest.mark.usual(4)
@pytest.mark.daily(1)
def test_no_series_speaks_by_colour_alone(fig):
    assert told_apart_by_colour_alone(fig) == []


def test_the_measures_find_what_is_wrong():
    """A figure that does all of it wrong, so that a measure that sees nothing is noticed."""
    fig, ax = figures.axes(4, 3)
    ax.plot([0, 1], [0, 1], color=style.BLUE)
    ax.plot([0, 1], [1, 0], color=style.GREEN)
    ax.plot([0, 1], [1, 1], color=style.BLUE, alpha=0.3, linestyle=":", label="pale")
    ax.scatter([0], [0], color="#DDDDDD", label="dots")
    ax.bar([0.5], [0.5], color="#EEEEEE")
    ax.text(0.5, 0.5, "hardly there", color="#AAAAAA")
    ax.scatter([0.2], [0.2], color=style.BLUE)
    ax.scatter([0.2], [0.7], color=style.GREEN)
    assert [name.split()[0] for name in faint_marks(fig)] == ["line", "marks", "patch"]
    assert len(faint_texts(fig)) == 1
    assert len(told_apart_by_colour_alone(fig)) == 4


def test_every_public_figure_is_drawn_here():
    drawn = {name.split()[0] for name in PLOTS}
    others = {"METHODS", "HtmlFigure", "MethodStyle", "Dial", "axes", "contrast", "dial", "method_style", "show"}
    assert drawn | others == set(figures.__all__)


# --- dark themes --------------------------------------------------------------------------------------------------

DARK = style.in_the_dark(style.BACKGROUND)


def test_in_the_dark_every_method_can_be_seen_and_its_name_read():
    assert style.luminance(DARK) < 0.01
    for look in style.METHODS.values():
        assert style.contrast(style.in_the_dark(look.color), DARK) >= 3
        assert style.contrast(style.in_the_dark(look.text_color), DARK) >= 4.5
    for color in (style.INK, style.SOFT_INK):
        assert style.contrast(style.in_the_dark(color), DARK) >= 4.5


@pytest.mark.usual(4)
@pytest.mark.daily(1)
def test_in_the_dark_every_word_of_a_drawn_figure_can_be_read(fig):
    if not any(ax.images for ax in fig.axes):
        assert faint_texts(fig, style.in_the_dark) == []


def test_figures_with_an_image_in_them_stay_as_they_are():
    def shown(draw):
        fig, ax = figures.axes(2, 2)
        draw(ax)
        return figures.show(fig, alt="Marks or pixels of some kind.")

    drawn, pixels = shown(lambda ax: ax.plot([0, 1])), shown(lambda ax: ax.imshow(RNG.random((4, 4))))
    assert (drawn.drawn, pixels.drawn) == (True, False)
    assert '<figure class="tl-drawn" style=' in drawn._repr_html_()
    assert "tl-drawn" not in pixels._repr_html_()
    assert figures.dial(lambda value: drawn, [0], label="x")._repr_mimebundle_()["text/html"].count("tl-drawn") == 1
