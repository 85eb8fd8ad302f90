"""Figures: contrast, texts that stand for pictures, no leaks, and what each plot says of its data."""

import base64
import html.parser
import io
import itertools
import sys

import matplotlib as mpl
import numpy as np
import pytest
import torch
from draws import seeds
from PIL import Image

from tl_course import figures
from tl_course.figures import style
from tl_course.records import Interval, Record, RecordError, Row

RNG = np.random.default_rng(0)


class _Figure(html.parser.HTMLParser):
    """The attributes of the picture and the text of the caption, as a browser reads them."""

    def __init__(self, figure):
        super().__init__()
        self.tags, self.image, self.text = [], {}, ""
        self.feed(figure._repr_html_())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "img":
            self.image = dict(attributes)

    def handle_data(self, data):
        self.text += data

    def picture(self) -> Image.Image:
        return Image.open(io.BytesIO(base64.b64decode(self.image["src"].removeprefix("data:image/png;base64,"))))


def toy_record(methods=("scratch", "fine_tune"), settings=("10", "30", "100"), seeds=4, **others) -> Record:
    where = {"profile": "mini", "target": "toy", "precision": "fp32", "machine": "cpu"} | others
    rows = [
        Row(**where, method=m, setting=n, seed=s, value=0.2 + 0.3 * i + 0.1 * j + 0.01 * ((s * 7) % 4),
            seconds=1.0, date="2026-01-01", version="0.1.0")
        for i, m in enumerate(methods) for j, n in enumerate(settings) for s in range(seeds)
    ]  # fmt: skip
    return Record("01_toy", tuple(rows))


def toy_row(*means) -> list[Interval]:
    return [Interval(mean, mean - 0.02, mean + 0.02, 3) for mean in means]


HISTORY = [{"step": s, "train_loss": 2 / (s + 1), "validation_accuracy": 0.1 + s / 100} for s in range(0, 60, 3)]

EVERY_PLOT = {
    "learning_curves": lambda: figures.learning_curves(HISTORY),
    "label_budget": lambda: figures.label_budget(toy_record()),
    "over_settings": lambda: figures.over_settings(
        toy_record(), {"scratch": "one", "fine_tune": "other"}, setting="rate", title="Two", caption="Toy."
    ),
    "thresholds": lambda: figures.thresholds(np.arange(20) / 20, np.arange(20) % 3 > 0, 0.5, caption="Toy."),
    "confusion": lambda: figures.confusion([[8, 2, 0], [1, 9, 0], [0, 0, 0]], ["cat", "dog", "none"]),
    "image_grid": lambda: figures.image_grid(RNG.integers(0, 255, (5, 3, 8, 8), np.uint8), wrong=[1, 0, 0, 0, 0]),
    "heat_maps": lambda: figures.heat_maps(
        RNG.integers(0, 255, (4, 3, 8, 8), np.uint8), RNG.random((4, 2, 2)), boxes=[[1, 2, 3, 5]] * 4, titles="abcd"
    ),
    "probability_bars": lambda: figures.probability_bars("abcdef", np.arange(6) / 15),
    "dots": lambda: figures.dots({"alone": {"none": [0.5, 0.7]}, "tied": {"near": [0.9]}}, xlabel="accuracy (%)"),
    "recorded_bars": lambda: figures.recorded_bars(
        toy_record(settings=("9",), target="mnist_m"), {"scratch": "alone"}, ["mnist_m"]
    ),
    "embeddings": lambda: figures.embeddings(RNG.normal(size=(20, 4)), [0, 1] * 10, ["a", "b"]),
    "transfer_matrix": lambda: figures.transfer_matrix({"a": toy_row(0.5, 0.7), "b": toy_row(0.6, 0.4)}, ["a", "c"]),
    "bars": lambda: figures.bars(
        {"accuracy": {"a": toy_row(0.5)[0], "b": toy_row(0.98)[0]}}, looks={"b": "fine_tune"}, title="b is ahead"
    ),
    "concept_map": lambda: figures.concept_map({"a": (0, 0), "b": (1, 0)}, [("a", "b")], alt="An arrow from a to b."),
    "share_table": lambda: figures.share_table(
        np.where(np.eye(3), np.nan, np.arange(9).reshape(3, 3) / 10), "abc", xlabel="to", ylabel="from", title="Shares"
    ),
    "intervals": lambda: figures.intervals(
        dict(zip("ab", toy_row(0.5, 0.7), strict=True)),
        looks={"a": "student", "b": "distilled"},
        xlabel="accuracy",
        chance=0.5,
        title="b is ahead",
    ),
}

WEIGHED = {"edge": np.square, "lines": {"source_only": np.abs}, "alt": "Four points and a line.", "title": "Points"}
EVERY_PLOT |= {
    "method_panels": lambda: figures.method_panels(
        {"near": {"kmm": toy_row(0.5, 0.7), "scratch": toy_row(0.4, 0.3)}, "far": {"kmm": toy_row(0.1, 0.2)}},
        [1, 2],
        title="Two panels",
        xlabel="shift",
        ylabel="error",
    ),
    "method_gains": lambda: figures.method_gains(
        toy_record(), "scratch", ["fine_tune"], cases=["10", "30"], overall="100", title="A gain", xlabel="points"
    ),
    "ladder": lambda: figures.ladder(
        toy_record(settings=("9",)), {"one": "scratch", "two": "fine_tune"}, baseline="scratch", title="Two"
    ),
    "weighed_points": lambda: figures.weighed_points(np.eye(4, 2), [0, 1] * 2, [1, 2, 3, 0], np.eye(3, 2), **WEIGHED),
}


@pytest.fixture(params=EVERY_PLOT)
def plot(request):
    return EVERY_PLOT[request.param]


# --- the style -------------------------------------------------------------------------------------------------------


def wcag(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance and contrast ratio, written out a second time."""

    def luminance(color):
        rgb = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    a, b = luminance(one), luminance(other)
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


@pytest.mark.parametrize("name", figures.METHODS)
def test_every_method_can_be_seen_and_its_name_read(name):
    method = figures.method_style(name)
    assert wcag(method.color, style.BACKGROUND) >= 3
    assert wcag(method.text_color, style.BACKGROUND) >= 4.5
    assert wcag(method.color, "#FFFFFF") >= 3


def test_other_colours_can_be_seen_and_read():
    for color in style.CYCLE:
        assert wcag(color, style.BACKGROUND) >= 3
        assert wcag(style.readable(color), style.BACKGROUND) >= 4.5
    for text in (style.INK, style.SOFT_INK):
        assert wcag(text, style.BACKGROUND) >= 4.5
    for _ in range(200):
        color = mpl.colors.to_hex(RNG.random(3)).upper()
        assert figures.contrast(color, style.BACKGROUND) == pytest.approx(wcag(color, style.BACKGROUND))
        assert wcag(style.ink_on(color), color) >= 4.5


def test_the_course_has_a_style_for_each_method_it_names():
    needed = (
        "scratch linear_probe fine_tune lp_ft hog sift teacher student distilled source_only dann coral mmd "
        "target_only tfidf vader"
    )
    assert set(needed.split()) <= set(figures.METHODS)
    with pytest.raises(KeyError, match=r"'magic' has no style; give it one in tl_course/figures/style.py"):
        figures.method_style("magic")


def test_methods_differ_in_more_than_colour():
    for one, other in itertools.combinations(figures.METHODS.values(), 2):
        assert (one.marker, one.line) != (other.marker, other.line)
        assert one.label != other.label
        assert one.color != other.color or one.marker != other.marker


# methods that a lesson draws together
TOGETHER = (
    ("scratch", "linear_probe", "fine_tune", "lp_ft", "hog", "sift"),
    ("scratch", "longer", "linear_probe", "fine_tune", "hog"),
    ("scratch", "linear_probe", "fine_tune", "lp_ft", "layer_wise", "gradual"),
    ("random_features", "control", "linear_probe", "fine_tune", "scratch"),
    ("teacher", "student", "distilled", "scratch"),
    ("teacher", "student", "distilled", "smoothed", "dealt"),
    ("teacher", "student", "distilled", "hints", "attention", "relations"),
    ("source_only", "dann", "coral", "mmd", "target_only"),
    ("source_only", "true_weights", "density_ratio", "kmm", "selection", "shuffled"),
    ("tfidf", "vader", "gru", "linear_probe", "fine_tune", "scratch"),
)

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB: what a colour-blind eye is left with
COLOUR_BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


@pytest.mark.parametrize("family", TOGETHER)
def test_methods_drawn_together_have_colours_of_their_own_for_colour_blind_eyes_too(family):
    from skimage.color import deltaE_ciede2000, rgb2lab

    colors = np.array([mpl.colors.to_rgb(figures.METHODS[name].color) for name in family])
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    for matrix in (np.eye(3), *map(np.array, COLOUR_BLIND.values())):
        seen = np.clip(linear @ matrix.T, 0, 1)
        lab = rgb2lab(np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055))
        for i, j in itertools.combinations(range(len(family)), 2):
            assert deltaE_ciede2000(lab[i], lab[j]) > 5, (family[i], family[j])


@pytest.mark.parametrize("seed", seeds(5))
def test_spread_keeps_order_and_gap_and_moves_only_what_must(seed):
    rng = np.random.default_rng(seed)
    wished = [*rng.random(6).tolist(), 0.5, 0.5]
    moved = style.spread(wished, 0.07)
    order = sorted(range(8), key=wished.__getitem__)
    gaps = np.diff([moved[index] for index in order])
    assert (gaps >= 0.07 - 1e-9).all()
    assert np.mean(moved) == pytest.approx(np.mean(wished))
    apart = [0.0, 1.0, 2.0]
    assert style.spread(apart, 0.5) == apart


# --- HTML ------------------------------------------------------------------------------------------------------------


@pytest.mark.daily(2)
def test_a_figure_is_an_opaque_light_picture_with_its_text(plot):
    figure = plot()
    read = _Figure(figure)
    picture = read.picture()
    assert read.tags[:2] == ["figure", "img"]
    assert len(read.image["alt"]) >= 20
    assert picture.size == (int(read.image["width"]), int(read.image["height"]))
    pixels = np.asarray(picture.convert("RGBA"))
    assert (pixels[..., 3] == 255).all()
    assert mpl.colors.to_hex(pixels[0, 0, :3] / 255).upper() == style.BACKGROUND
    assert repr(figure).startswith(f"Figure: {figure.alt}")
    assert "base64" not in repr(figure)


@pytest.mark.integration
def test_the_same_results_give_the_same_bytes():
    assert EVERY_PLOT["label_budget"]().png == EVERY_PLOT["label_budget"]().png


@pytest.mark.parametrize("alt", ["", "   ", "too short", " ".join("x" for _ in range(5)), "a\n" + " " * 30])
def test_a_picture_without_its_text_is_refused(alt):
    fig, _ = figures.axes(2, 2)
    with pytest.raises(ValueError, match="say in at least 20 what the picture shows"):
        figures.show(fig, alt=alt)
    with pytest.raises(TypeError, match="alt"):
        figures.show(fig)


def test_a_text_that_only_repeats_the_title_is_refused():
    fig, _ = figures.axes(3, 2)
    style.headline(fig, "Fine-tuning comes out ahead of training from scratch")
    with pytest.raises(ValueError, match="only repeats the figure's title"):
        figures.show(fig, alt="fine-tuning comes out ahead of  training from scratch.")
    assert figures.show(fig, alt="Two curves: fine-tuning comes out ahead of training from scratch.").alt


def test_texts_are_escaped():
    nasty = 'is 1 < 2 & "2" > 1? <script>alert(1)</script>'
    fig, _ = figures.axes(2, 2)
    figure = figures.show(fig, alt=nasty, caption=nasty)
    read = _Figure(figure)
    assert read.image["alt"] == nasty
    assert read.text == nasty
    assert read.tags == ["figure", "img", "figcaption"]
    assert "figcaption" not in _Figure(figures.show(fig, alt="x" * 20)).tags


@pytest.mark.daily(2)
def test_nothing_leaks(plot):
    from matplotlib import pyplot

    before, settings = pyplot.get_fignums(), dict(mpl.rcParams)
    plot()
    assert pyplot.get_fignums() == before
    assert dict(mpl.rcParams) == settings


def test_a_figure_of_pyplot_is_closed():
    from matplotlib import pyplot

    fig = pyplot.figure()
    figures.show(fig, alt="An empty figure made with pyplot.")
    assert fig.number not in pyplot.get_fignums()


def test_a_figure_can_be_saved(tmp_path):
    figure = EVERY_PLOT["confusion"]()
    assert Image.open(figure.save(tmp_path / "figure.png")).size == (figure.width, figure.height)


# --- what each plot says ---------------------------------------------------------------------------------------------


@pytest.mark.integration
def test_learning_curves_take_a_run_a_history_and_several():
    class Run:
        history = HISTORY

    assert figures.learning_curves(Run()).png == figures.learning_curves(HISTORY).png
    both = figures.learning_curves({"scratch": Run(), "fine_tune": HISTORY})
    assert "From scratch goes from 10% to 67%; Fine-tuning goes from 10% to 67%" in both.alt
    several = figures.learning_curves({"scratch": HISTORY, "with decay": HISTORY}, y=["train_loss"])
    assert several.alt == "Curves over step: From scratch goes from 2 to 0.0345; with decay goes from 2 to 0.0345."
    gaps = [{"step": 0, "train_loss": 1.0}, {"step": 1, "validation_accuracy": 0.5}, {"step": 2, "train_loss": 0.5}]
    assert (
        "train loss goes from 1 to 0.5; validation accuracy goes from 50% to 50%" in figures.learning_curves(gaps).alt
    )


@pytest.mark.parametrize(("history", "options"), [([], {}), ([{"step": 1}], {}), (HISTORY, {"x": "epoch"})])
def test_a_history_without_the_keys_is_refused(history, options):
    with pytest.raises(ValueError, match=r"the history holds .*: choose x and y among these"):
        figures.learning_curves(history, **options)


def test_label_budget_tells_the_means():
    figure = figures.label_budget(toy_record())
    assert "From scratch 22% at 10, 32% at 30, 42% at 100" in figure.alt
    assert "4 seeds" in figure.caption
    one = figures.label_budget(toy_record(), methods=["fine_tune"])
    assert "From scratch" not in one.alt
    assert figures.label_budget(toy_record(settings=("10",))).alt.count("%") == 2


def test_label_budget_says_what_it_counts():
    figure = figures.label_budget(toy_record(), labels="labels in all")
    assert "against labels in all" in figure.alt
    assert "a class" not in figure.alt


def test_over_settings_tells_the_means_of_the_methods_asked_for():
    record, words = toy_record(settings=("1e-4", "1e-2")), {"setting": "rate", "title": "Found", "caption": "Toy."}
    figure = figures.over_settings(record, {"scratch": "one"}, **words)
    assert figure.alt == "Accuracy over the rate. One: 22% at 1e-4, 32% at 1e-2."
    for methods in ({}, {"magic": "none"}):
        with pytest.raises(ValueError, match=r"give some of those in the record: scratch, fine_tune\."):
            figures.over_settings(record, methods, **words)


@pytest.mark.parametrize("at", [0.05, 0.5, 0.95])
def test_thresholds_counts_what_is_called_at_the_threshold(at):
    scores, truth = RNG.integers(0, 21, 60) / 20, RNG.random(60) < 0.5
    truth[0] = True
    called = scores >= at
    alt = figures.thresholds(scores, truth, at).alt
    counts = [int(kind.sum()) for kind in (called & truth, ~called & truth, called & ~truth)]
    assert alt.endswith("{} found, {} missed, {} wrong.".format(*counts))
    assert f"and {counts[0] / truth.sum():.0%}" in alt


def test_thresholds_needs_as_many_scores_as_truths_and_an_example_of_the_class():
    with pytest.raises(ValueError, match="give as many of both"):
        figures.thresholds([0.5], [True, False], 0.5)
    with pytest.raises(ValueError, match="no example is of the class"):
        figures.thresholds([0.5], [False], 0.5)


def test_the_title_names_all_that_the_seeds_cannot_tell_from_the_best():
    title = figures.curves._budget_title
    clear = toy_record(("scratch", "fine_tune"))
    assert title(clear, clear.methods) == "With 10 labels a class: Fine-tuning ahead, 52% against 22% (From scratch)"
    close = toy_record(("scratch", "fine_tune")).rows
    # a second method whose seeds scatter around the first's
    twin = tuple(
        Row(**{**vars(row), "method": "lp_ft", "value": row.value + (-1) ** row.seed * 0.02})
        for row in close
        if row.method == "fine_tune"
    )
    record = Record("01_toy", close + twin)
    assert title(record, record.methods).startswith("With 10 labels a class: Fine-tuning and Probe, then fine-tune")
    tied = record.select(method=["fine_tune", "lp_ft"])
    assert title(tied, tied.methods).endswith("not told apart")


def test_label_budget_refuses_mixed_records_and_settings_that_are_no_numbers():
    mixed = Record("01_toy", toy_record().rows + toy_record(target="other").rows)
    with pytest.raises(RecordError, match="several values of target"):
        figures.label_budget(mixed)
    for setting in ("all", "0", "-1", "inf", "nan"):
        with pytest.raises(ValueError, match=f"setting '{setting}' is not a number of labels"):
            figures.label_budget(toy_record(settings=(setting,)))
    with pytest.raises(KeyError, match="has no style"):
        figures.label_budget(toy_record(methods=("magic",)))


def test_confusion_names_the_most_frequent_mistake():
    figure = figures.confusion(torch.tensor([[5, 1, 0], [4, 6, 0], [0, 0, 9]]), ["a", "b", "c"])
    assert figure.alt.endswith("20 of 25 right. Most frequent mistake: b taken for a, 4 of 10.")
    assert "No mistakes" in figures.confusion(np.eye(2), ["a", "b"]).alt
    with pytest.raises(ValueError, match=r"shape \(2, 2\) and must be 3×3"):
        figures.confusion(np.eye(2), ["a", "b", "c"])


@pytest.mark.parametrize("seed", seeds(4))
def test_a_transfer_matrix_names_the_best_of_each_column_and_frames_what_was_learned_at_home(monkeypatch, seed):
    rng = np.random.default_rng(seed)
    names = ["films", "tweets", "products", "all"]
    means = rng.permutation(12).reshape(4, 3) / 20 + 0.2
    drawn = []
    monkeypatch.setattr("tl_course.figures.transfer.show", lambda fig, **texts: drawn.append((fig, texts)))
    figures.transfer_matrix({name: toy_row(*row) for name, row in zip(names, means, strict=True)}, names[:3])
    fig, texts = drawn[0]
    ax = fig.axes[0]
    winners = [f"for {names[column]}: {names[means[:, column].argmax()]}" for column in range(3)]
    assert texts["alt"].startswith("Best " + "; ".join(winners))
    bold = {(text.get_position()[0], text.get_position()[1]) for text in ax.texts if text.get_fontweight() == "bold"}
    assert bold == {(column, means[:, column].argmax()) for column in range(3)}
    frames = {(round(patch.get_x() + 0.47), round(patch.get_y() + 0.45)) for patch in ax.patches}
    assert frames == {(0, 0), (1, 1), (2, 2)}


def test_colours_of_a_transfer_matrix_do_not_know_the_other_columns(monkeypatch):
    drawn = []
    monkeypatch.setattr("tl_course.figures.transfer.show", lambda fig, **_: drawn.append(fig.axes[0].images[0]))
    for easier in (0.0, 0.3):
        rows = {"a": toy_row(0.5 + easier, 0.6), "b": toy_row(0.4 + easier, 0.3)}
        figures.transfer_matrix(rows, ["a", "b"])
    np.testing.assert_allclose(drawn[0].get_array(), drawn[1].get_array(), atol=1e-12)


@pytest.mark.parametrize("rows", [{}, {"a": toy_row(0.5)}, {"a": toy_row(0.5, 0.6), "b": toy_row(0.1, 0.2, 0.3)}])
def test_a_transfer_matrix_refuses_rows_that_do_not_fit(rows):
    with pytest.raises(ValueError, match="an interval for films, tweets"):
        figures.transfer_matrix(rows, ["films", "tweets"])


@pytest.mark.parametrize("seed", range(3))
def test_bars_are_as_long_as_their_values(seed, monkeypatch):
    drawn = []
    monkeypatch.setattr(mpl.figure.Figure, "savefig", lambda self, *args, **kw: drawn.append(self))
    values = np.random.default_rng(seed).integers(0, 13, (2, 4)).tolist()
    panels = {name: dict(zip("abcd", row, strict=True)) for name, row in zip(("near", "far"), values, strict=True)}
    figure = figures.bars(panels, top=12, title="Counts")
    assert [[bar.get_width() for bar in ax.patches] for ax in drawn[0].axes] == values
    assert all(f"{name}: {count}" in figure.alt for row in panels.values() for name, count in row.items())


@pytest.mark.parametrize("panels", [{}, {"near": {}}, {"near": {"a": 1, "b": 2}, "far": {"b": 1, "a": 2}}])
def test_bars_of_other_names_are_refused(panels):
    with pytest.raises(ValueError, match="bars of the same names in the same order"):
        figures.bars(panels, title="Counts")


@pytest.fixture
def drawn(monkeypatch):
    """Figures and words of the module named, as they are handed to ``show``."""
    found = []
    for module in ("comparisons", "points"):
        monkeypatch.setattr(f"tl_course.figures.{module}.show", lambda fig, **words: found.append((fig, words)))
    return found


@pytest.mark.parametrize("logarithmic", [False, True])
def test_panels_show_each_interval_near_its_place(drawn, logarithmic):
    rows = {"kmm": toy_row(0.5, 0.7, 0.6), "scratch": toy_row(0.4, 0.3, 0.2)}
    words = {"title": "t", "xlabel": "x", "ylabel": "y", "labels": {"kmm": "matched"}}
    figures.method_panels({"near": rows, "far": rows, "third": rows}, [1, 10, 20], logarithmic=logarithmic, **words)
    fig, said = drawn[0]
    assert [ax.get_title(loc="left") for ax in fig.axes if ax.get_visible()] == ["near", "far", "third"]
    for bars, row in zip(fig.axes[0].containers, rows.values(), strict=True):
        x, y = bars.lines[0].get_data()
        np.testing.assert_allclose(np.asarray(y, float), [one.mean for one in row])
        np.testing.assert_allclose(np.asarray(x, float), [1, 10, 20], atol=0.5)
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["matched", "From scratch"]
    assert "near: matched 0.50 at 1, 0.70 at 10, 0.60 at 20" in said["alt"]


def test_panels_refuse_intervals_that_do_not_fit():
    words = {"title": "t", "xlabel": "x", "ylabel": "y"}
    with pytest.raises(ValueError, match="at least one panel, and each of its methods 2 intervals"):
        figures.method_panels({}, [1, 2], **words)
    with pytest.raises(ValueError, match="2 intervals, one for each of x"):
        figures.method_panels({"near": {"kmm": toy_row(0.5)}}, [1, 2], **words)


def test_gains_are_differences_in_points_and_no_zero_has_a_minus(drawn):
    record = toy_record(("scratch", "fine_tune", "lp_ft"), ("a", "b", "all"))
    words = {"cases": ["a", "b"], "overall": "all", "title": "t", "xlabel": "points"}
    figures.method_gains(record, "scratch", ["fine_tune", "scratch"], **words)
    said, ax = drawn[0][1], drawn[0][0].axes[0]
    np.testing.assert_allclose(ax.collections[0].get_offsets()[:, 0], [30, 30])
    assert "Fine-tuning 30.0, interval 30.0 to 30.0, cases from 30.0 to 30.0" in said["alt"]
    assert "From scratch 0.0, interval 0.0 to 0.0" in said["alt"]
    assert "-0.0" not in said["alt"]
    with pytest.raises(ValueError, match="at least one method and one case"):
        figures.method_gains(record, "scratch", [], **words)


def test_weighed_points_are_as_large_as_their_weights(drawn):
    figures.weighed_points(np.eye(4, 2), [0, 1, 1, 0], [1, 2, 3, 0], np.eye(3, 2), **WEIGHED)
    _, first, second = drawn[0][0].axes[0].collections
    np.testing.assert_allclose(first.get_sizes() / first.get_sizes().max(), [1, 0])
    np.testing.assert_allclose(second.get_sizes() / second.get_sizes().max(), [2 / 3, 1])
    with pytest.raises(ValueError, match=r"N×2 points with N classes .* \(4, 3\)"):
        figures.weighed_points(np.eye(4, 3), [0, 1, 1, 0], [1, 2, 3, 0], np.eye(3, 2), **WEIGHED)


def test_wrong_images_are_marked_by_more_than_colour():
    images = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    plain = figures.image_grid(images, titles=["cat", "dog"])
    marked = figures.image_grid(images, titles=["cat", "dog"], wrong=torch.tensor([False, True]))
    assert plain.alt == "A grid of 2 images: cat, dog."
    assert marked.alt == "A grid of 2 images: cat, dog (wrong)."
    grey = [np.asarray(_Figure(figure).picture().convert("L"), int) for figure in (plain, marked)]
    assert np.abs(grey[0] - grey[1]).max() > 60


@pytest.mark.parametrize(
    ("shape", "dtype", "options", "said"),
    [
        ((2, 3, 8, 8), np.float32, {}, "must be uint8"),
        ((2, 8, 8, 3), np.uint8, {}, "must be uint8 N×3×H×W"),
        ((3, 8, 8), np.uint8, {}, "must be uint8 N×3×H×W"),
        ((0, 3, 8, 8), np.uint8, {}, "there are no images"),
        ((2, 3, 8, 8), np.uint8, {"titles": ["one"]}, "2 images and 1 titles"),
        ((2, 3, 8, 8), np.uint8, {"wrong": [True] * 3}, "2 images and 3 wrong"),
    ],
)
def test_images_of_another_kind_are_refused(shape, dtype, options, said):
    with pytest.raises(ValueError, match=said):
        figures.image_grid(np.zeros(shape, dtype), **options)


def test_a_heat_map_is_light_where_it_is_large_and_leaves_the_rest_grey(monkeypatch):
    """Each on its own scale: ten times the values are the same picture."""
    drawn = []
    module = sys.modules["tl_course.figures.heat_maps"]  # the package's attribute of this name is the function
    monkeypatch.setattr(module, "show", lambda fig, **words: drawn.append(fig))
    pictures, heat = np.full((3, 3, 8, 8), 120, np.uint8), np.zeros((3, 2, 2))
    heat[0, 0, 1], heat[1, 0, 1] = 1.0, 10.0
    figures.heat_maps(pictures, heat, boxes=[[0, 4, 4, 8]] * 3)
    layers = [ax.images[1].get_array() for ax in drawn[0].axes[:3]]
    np.testing.assert_array_equal(layers[0], layers[1])
    assert layers[0][0, 1, 3] > 0
    assert layers[0][0, 1, :3].mean() > 0.8
    assert all(layer[row, column, 3] == 0 for layer in layers for row, column in ((0, 0), (1, 0), (1, 1)))
    assert not layers[2][..., 3].any()  # a map of zeros
    frame = drawn[0].axes[0].patches[0]
    assert (frame.get_x(), frame.get_y(), frame.get_width(), frame.get_height()) == (3.5, -0.5, 4, 4)


@pytest.mark.parametrize(
    ("heat", "options", "said"),
    [
        (np.ones((2, 4)), {}, r"maps have shape \(2, 4\) and must be 2×h×w"),
        (np.ones((3, 4, 4)), {}, "one for each picture"),
        (-np.ones((2, 4, 4)), {}, "negative or infinite value"),
        (np.full((2, 4, 4), np.nan), {}, "or NaN"),
        (np.ones((2, 4, 4)), {"titles": ["one"]}, "2 images and 1 titles"),
        (np.ones((2, 4, 4)), {"boxes": [[0, 0, 4, 4]]}, r"must be 2×4: top, left, bottom, right"),
    ],
)
def test_heat_maps_that_do_not_fit_are_refused(heat, options, said):
    with pytest.raises(ValueError, match=said):
        figures.heat_maps(np.zeros((2, 3, 8, 8), np.uint8), heat, **options)


def test_probability_bars_take_the_most_likely():
    photo = np.zeros((3, 20, 30), np.uint8)
    figure = figures.probability_bars(["a", "b", "c", "d"], torch.tensor([0.1, 0.5, 0.15, 0.25]), image=photo, k=3)
    assert figure.alt == "The 3 most likely classes: b 50.0%, d 25.0%, c 15.0%."
    assert "2 most likely" in figures.probability_bars(["a", "b"], [0.5, 0.5], k=5).alt
    with pytest.raises(ValueError, match="2 names and 3 probabilities"):
        figures.probability_bars(["a", "b"], [0.1, 0.2, 0.7])


@pytest.mark.parametrize("seed", seeds(3))
def test_the_plane_is_that_of_scikit_learns_pca(seed):
    from sklearn.decomposition import PCA

    features = np.random.default_rng(seed).normal(size=(40, 6)) @ np.diag([5, 3, 1, 1, 1, 1])
    points, shares = figures.points.plane(torch.tensor(features))
    theirs = PCA(2).fit(features)
    assert np.abs(points) == pytest.approx(np.abs(theirs.transform(features)), abs=1e-9)
    assert shares == pytest.approx(theirs.explained_variance_ratio_)


def test_dots_name_every_mean_and_refuse_what_they_cannot_draw():
    rows = {"alone": {"none": [0.5, 0.7]}, "tied": {"near": [0.9], "far": [0.4]}}
    drawn = figures.dots(rows, xlabel="accuracy (%)", band=(0.5, 0.7), title="A coupling lets the source be heard")
    assert drawn.alt == "Means: alone, none 60%; tied, near 90%; tied, far 40%."
    for empty in ({}, {"alone": {}}, {"alone": {"none": []}}):
        with pytest.raises(ValueError, match="nothing to draw"):
            figures.dots(empty, xlabel="accuracy (%)")
    with pytest.raises(ValueError, match="7 groups"):
        figures.dots({"all": {str(group): [0.5] for group in range(7)}}, xlabel="accuracy (%)")


def test_recorded_bars_name_every_mean_and_refuse_a_target_without_rows():
    near = toy_record(settings=("100",), target="cifar10")
    far = toy_record(methods=("scratch",), settings=("100",), target="mnist_m")
    both, names = Record("01_toy", near.rows + far.rows), {"fine_tune": "tuned", "scratch": "alone"}
    drawn = figures.recorded_bars(both, names, ["cifar10", "mnist_m"])
    assert drawn.alt == "Test accuracy. CIFAR-10: tuned 52%, alone 22%; MNIST-M (rebuilt): alone 22%."
    with pytest.raises(ValueError, match="none of fine_tune"):
        figures.recorded_bars(both, {"fine_tune": "tuned"}, ["cifar10", "mnist_m"])


def test_a_table_of_shares_names_the_largest_of_each_row_and_draws_only_numbers():
    nan, words = float("nan"), {"xlabel": "to", "ylabel": "from", "title": "Shares"}
    figure = figures.share_table(torch.tensor([[nan, 0.2, 0.1], [0.0, nan, 0.4], [0.0, 0.0, nan]]), "abc", **words)
    assert figure.alt == "The largest share of each row: a, b 20%; b, c 40%; c, a 0%."
    for table in ([[0.1, 0.2]], [[nan, nan], [0.1, 0.2]]):
        with pytest.raises(ValueError, match="must be 2×2, with a number in every row"):
            figures.share_table(table, "ab", **words)


def test_intervals_read_their_means_and_want_a_look_for_each_row():
    rows = dict(zip("ab", toy_row(0.063, 0.051), strict=True))
    words = {"xlabel": "errors", "title": "Fewer"}
    figure = figures.intervals(rows, looks={"a": "student", "b": "distilled"}, **words)
    assert figure.alt == "Means, errors: a 6.3%; b 5.1%."
    for given, looks in (({}, {}), (rows, {"a": "student"})):
        with pytest.raises(ValueError, match="in looks a method for each row"):
            figures.intervals(given, looks=looks, **words)


def test_embeddings_say_what_is_drawn_and_refuse_what_does_not_fit():
    points = RNG.normal(size=(6, 2))
    figure = figures.embeddings(points, [0, 0, 1, 1, 2, 2], "abc", domains=["new", "old"] * 3)
    assert figure.alt == "6 points of 3 classes in the given coordinates, new filled and old hollow."
    with pytest.raises(ValueError, match="3 domains"):
        figures.embeddings(points, [0] * 6, "a", domains=["x", "y", "z"] * 2)
    with pytest.raises(ValueError, match="6 points, 5 labels"):
        figures.embeddings(points, [0] * 5, "a")
    for shape in ((6,), (6, 1), (2, 4)):
        with pytest.raises(ValueError, match="features must be N×D"):
            figures.embeddings(np.zeros(shape), [0] * shape[0], "a")


def test_a_concept_map_knows_its_boxes():
    with pytest.raises(ValueError, match="there is no box 'c'; there are a, b"):
        figures.concept_map({"a": (0, 0), "b": (1, 0)}, [("a", "c")], alt="An arrow to a box that is not there.")


# --- the dial --------------------------------------------------------------------------------------------------------


@pytest.fixture
def dial():
    record, drawn = toy_record(settings=("10", "30", "100", "300")), []

    def draw(setting):
        drawn.append(setting)
        return figures.label_budget(record.select(setting=setting))

    made = figures.dial(draw, record.settings, label="labels a class", start="30")
    made.drawn = drawn
    return made


@pytest.fixture
def panel():
    def draw(rate, depth):
        fig, ax = figures.axes(2, 2)
        ax.plot([0, 1], [0, rate * depth])
        return figures.show(fig, alt=f"A line that rises by {rate} times {depth}.", caption="Recorded, 3 seeds.")

    return figures.dial(draw, {"rate": [0.1, 1.0, 10.0], "frozen groups": [0, 2]}, start=(1.0, 2))


@pytest.mark.integration
def test_the_dial_swaps_recorded_pictures_and_draws_none(dial):
    assert dial.drawn == ["10", "30", "100", "300"]
    for setting in ("10", "300", "100"):
        dial.slider.value = setting
        assert dial.picture.value == dial.frames[(setting,)]._repr_html_()
    assert len(dial.drawn) == 4


@pytest.mark.integration
def test_a_dials_pictures_are_light_and_look_like_those_drawn(dial):
    for (setting,), frame in dial.frames.items():
        drawn = figures.label_budget(toy_record(settings=("10", "30", "100", "300")).select(setting=setting))
        assert len(frame.png) < 0.6 * len(drawn.png)
        assert (frame.alt, frame.width, frame.height) == (drawn.alt, drawn.width, drawn.height)
        before, after = (np.asarray(_Figure(figure).picture().convert("RGB"), int) for figure in (drawn, frame))
        assert np.abs(before - after).mean() < 0.5
        assert (after[0, 0] == before[0, 0]).all()


@pytest.mark.integration
def test_the_dial_has_a_label_and_moves_by_position(dial):
    from ipywidgets import SelectionSlider

    assert isinstance(dial.slider, SelectionSlider)
    assert dial.slider.description == "labels a class"
    assert "arrow keys" in dial.slider.tooltip
    dial.slider.index += 1  # what an arrow key does
    assert dial.slider.value == "100"
    assert "tl-dial" in dial.widget._dom_classes


@pytest.mark.integration
def test_the_dial_leaves_a_static_picture_where_widgets_cannot_run(dial):
    dial.slider.value = "300"
    bundle = dial._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == dial.widget.model_id
    static = _Figure(dial.fallback)
    assert bundle["text/html"] == dial.fallback._repr_html_()
    assert static.image["src"] == _Figure(dial.frames[("30",)]).image["src"]
    assert static.text.startswith("Recorded on toy")
    assert static.text.endswith("Here at labels a class: 30; run the cell to move it.")
    assert "run the cell" not in dial.picture.value
    said = "Dial over 4 pictures, here at labels a class: 300. Figure: Test accuracy"
    assert bundle["text/plain"].startswith(said)


@pytest.mark.integration
def test_two_sliders_reach_every_combination(panel):
    assert [slider.description for slider in panel.sliders] == ["rate", "frozen groups"]
    assert panel.slider is panel.sliders[0]
    assert panel.frame.alt == "A line that rises by 1.0 times 2."
    for rate, depth in itertools.product([10.0, 0.1, 1.0], [0, 2]):
        panel.sliders[0].value, panel.sliders[1].value = rate, depth
        assert panel.frame.alt == f"A line that rises by {rate} times {depth}."
        assert panel.picture.value == panel.frame._repr_html_()
    assert "Here at rate: 1.0, frozen groups: 2;" in panel.fallback.caption


@pytest.mark.integration
def test_two_sliders_start_at_their_first_values_unless_told():
    def draw(one, other):
        return figures.show(figures.axes(2, 2)[0], alt=f"Nothing but the pair {one} and {other}.")

    made = figures.dial(draw, {"one": "ab", "other": (3, 4)})
    assert made.frame.alt == "Nothing but the pair a and 3."
    assert repr(made).startswith("Dial over 4 pictures, here at one: a, other: 3. Figure: Nothing")


@pytest.mark.parametrize(
    ("values", "options", "said"),
    [
        ([], {"label": "x"}, "starts at None, which is not one of its values"),
        ([1, 2], {"label": "x", "start": 3}, "'x' starts at 3, which is not one of its values"),
        ([1], {"label": " "}, "needs a label"),
        ([1], {}, "needs a label"),
        ({}, {}, "needs a label"),
        ({"": [1]}, {}, "needs a label"),
        ({"x": [1]}, {"label": "y"}, "label='y' is for one slider"),
        ({"x": [1], "y": []}, {}, "'y' starts at None"),
        ({"x": [1], "y": [2]}, {"start": (1,)}, "must name one position for each of x, y"),
        ({"x": [1], "y": [2]}, {"start": (1, 3)}, "'y' starts at 3"),
        ({"x": range(20), "y": range(20)}, {}, "400 pictures, 200 at most"),
    ],
)
def test_a_dial_that_cannot_be_made_is_refused_before_anything_is_drawn(values, options, said):
    with pytest.raises(ValueError, match=said):
        figures.dial(lambda *_: pytest.fail("drawn"), values, **options)


# --- axes in percent -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [[0.5, 1.0], [0.99, 1.0], [1.0, 1.0], [0.0, 0.0], [0.0, 1.0], [0.96, 0.97], [0.502, 0.503], [0.02, 0.91], [0.5]],
)
def test_an_axis_in_percent_stays_within_0_and_100_and_no_tick_is_doubled(values):
    """A curve that reached 100 % had an axis to 104 %, and one from 99 % on the same ticks twice."""
    fig, ax = style.axes(4, 3)
    ax.plot(range(len(values)), values)
    figures.curves.percent_axis(ax)
    fig.canvas.draw()
    low, high = ax.get_ylim()
    assert 0 <= low <= min(values) <= max(values) <= high <= 1
    shown = [at for at in ax.get_yticks() if low - 1e-9 <= at <= high + 1e-9]
    labels = [ax.yaxis.get_major_formatter()(at) for at in shown]
    assert 2 <= len(labels) == len(set(labels)) <= 8
    for at, label in zip(shown, labels, strict=True):
        assert abs(at - float(label.rstrip("%")) / 100) < 1e-6
    if max(values) == 1:
        assert labels[-1] == "100%"
    assert not any(line.get_clip_on() for line in ax.get_lines())


@pytest.mark.parametrize("plot", ["learning_curves", "label_budget"])
def test_every_plot_of_accuracy_has_such_an_axis(plot, monkeypatch):
    seen = []
    whole = figures.curves.percent_axis
    monkeypatch.setattr(figures.curves, "percent_axis", lambda ax: (whole(ax), seen.append(ax.get_ylim())))
    history = [
        {"step": step, "train_loss": 1 / (step + 1), "validation_accuracy": min(1, step / 9)} for step in range(12)
    ]
    if plot == "learning_curves":
        figures.learning_curves(history)
    else:
        figures.label_budget(toy_record(settings=("10", "30", "100", "300", "900")))
    [(low, high)] = seen
    assert 0 <= low < high <= 1


def test_a_quantity_beyond_100_percent_is_no_share_and_is_shown_whole():
    _, ax = style.axes(4, 3)
    ax.plot([0, 1], [0.5, 3.0])
    figures.curves.percent_axis(ax)
    assert ax.get_ylim()[1] > 3


# --- ladders ---------------------------------------------------------------------------------------------------------


def test_a_ladder_reads_each_row_from_its_cell_of_the_record(monkeypatch):
    drawn = []
    monkeypatch.setattr(figures.ladders, "show", lambda fig, **words: drawn.append((fig, words)))
    record = toy_record()
    rows = {way: tuple({"method": way, "setting": n} for n in ("10", "100")) for way in ("scratch", "fine_tune")}
    figures.ladder(record, rows, baseline=rows["scratch"][0], kinds=("few", "many"), xlabel="share")
    fig, words = drawn[0]
    means = {(way, n): record.select(method=way, setting=n).mean for way in rows for n in ("10", "100")}
    dotted, *marks = [line for line in fig.axes[0].get_lines() if line.get_label().startswith("_")]
    assert set(dotted.get_xdata()) == {means["scratch", "10"]}
    filled = [line for line in marks if line.get_marker() in ("o", "^")]
    found = [(float(line.get_xdata()[0]), line.get_markerfacecolor() == style.BACKGROUND) for line in filled]
    assert found == [(means[way, n], n == "100") for way in rows for n in ("10", "100")]
    said = ", ".join(f"{way} {means[way, '10']:.0%} and {means[way, '100']:.0%}" for way in rows)
    assert words["alt"] == f"Share, few and many. {said}."


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        ({}, ()),
        ({"a": "scratch"}, ("one",)),
        ({"a": "scratch"}, ("one", "other")),
        ({"a": ("scratch", "fine_tune")}, ()),
        ({"a": "scratch", "b": ("scratch", "fine_tune")}, ("one", "other")),
    ],
)
def test_a_ladder_of_no_rows_or_of_half_a_pair_is_refused(rows, kinds):
    with pytest.raises(ValueError, match="at least one row"):
        figures.ladder(toy_record(settings=("9",)), rows, kinds=kinds)


def test_a_ladder_has_no_cell_that_was_not_recorded():
    with pytest.raises(RecordError):
        figures.ladder(toy_record(settings=("9",)), {"a": "dann"})
