"""Dials over results: one slider or several, above a picture that was drawn beforehand for every position."""

import io
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from tl_course.figures.html import HtmlFigure

MOST_PICTURES = 200
COLORS = 256


class Dial:
    """Sliders above a picture. Made by :func:`dial`; the last line of a cell shows it.

    Where widgets cannot run (a printed page, a site, GitHub) the picture at the start stands alone and says so.

    Attributes
    ----------
    sliders : tuple of ipywidgets.SelectionSlider
        One for each control, in order; ``slider`` is the first.
    frames : dict
        Positions, a tuple of one value for each slider → the picture there.
    picture : ipywidgets.HTML
        Shows one of the frames.
    widget : ipywidgets.VBox
        All of it; on the page it has the class ``tl-dial``.
    """

    def __init__(self, frames: dict[tuple, HtmlFigure], controls: Mapping[str, Sequence[Any]], start: tuple[Any, ...]):
        import ipywidgets

        self.frames = frames
        self.sliders = tuple(
            ipywidgets.SelectionSlider(
                options=[(str(value), value) for value in values],
                value=first,
                description=label,
                tooltip=f"{label}: move with the arrow keys",
                # the label is a whole phrase: give it the room it needs instead of cutting it
                style={"description_width": "initial"},
                layout={"width": "min(100%, 640px)"},
            )
            for (label, values), first in zip(controls.items(), start, strict=True)
        )
        self.slider = self.sliders[0]
        self.fallback = _one_position_of(frames[start], self._where())
        self.picture = ipywidgets.HTML(frames[start]._repr_html_())
        self.widget = ipywidgets.VBox([*self.sliders, self.picture])
        self.widget.add_class("tl-dial")
        for slider in self.sliders:
            slider.observe(self._turn, names="value")

    @property
    def frame(self) -> HtmlFigure:
        """The picture at the present position."""
        return self.frames[tuple(slider.value for slider in self.sliders)]

    def _turn(self, _: dict) -> None:
        self.picture.value = self.frame._repr_html_()

    def _where(self) -> str:
        return ", ".join(f"{slider.description}: {slider.value}" for slider in self.sliders)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle = self.widget._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return {**data, "text/html": self.fallback._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"Dial over {len(self.frames)} pictures, here at {self._where()}. {self.frame!r}"


def dial(
    draw: Callable[..., HtmlFigure],
    values: Sequence[Any] | Mapping[str, Sequence[Any]],
    *,
    label: str = "",
    start: Any = None,
) -> Dial:
    """A labelled slider, or several, moved by mouse or arrow keys, that show one result at a time.

    All pictures are drawn once, now (about 0.1 s each, and about 30 kB), so that each move only swaps one for another.

    Parameters
    ----------
    draw
        value → figure, from results that are there: called once for each position, so it must not train. With several
        sliders it takes one value of each, in their order.
    values
        The positions of the slider, in order; their ``str`` is the read-out. For several sliders: label → positions,
        and a picture for every combination.
    label
        What a single slider sets, with its unit.
    start
        The position shown first, and the one printed where widgets cannot run; for several sliders a tuple. The first
        values unless given.

    Raises
    ------
    ValueError
        Without values, without a label, for a start that is not one of the positions, or for more than 200 pictures.

    Examples
    --------
    >>> from tl_course.figures import axes, show
    >>> def draw(angle, size="large"):
    ...     fig, ax = axes(2, 2)
    ...     return show(fig, alt=f"An empty {size} square, turned by {angle} degrees.")
    >>> turn = dial(draw, [0, 45], label="angle (degrees)", start=45)
    >>> turn.slider.value = 0
    >>> turn
    Dial over 2 pictures, here at angle (degrees): 0. Figure: An empty large square, turned by 0 degrees.

    Two sliders:

    >>> dial(draw, {"angle (degrees)": [0, 45], "size": ["small", "large"]}, start=(45, "small"))
    Dial over 4 pictures, here at angle (degrees): 45, size: small. Figure: An empty small square, turned by 45 degrees.
    """
    several = isinstance(values, Mapping)
    if several and label:
        raise ValueError(f"label={label!r} is for one slider; with several, their labels are the keys of values.")
    controls = {name: list(positions) for name, positions in (values if several else {label: values}).items()}
    if not controls or not all(name.strip() for name in controls):
        raise ValueError("the dial needs a label: say what it sets, with its unit.")
    start = _start(controls, start, several)
    positions = list(itertools.product(*controls.values()))
    if len(positions) > MOST_PICTURES:
        raise ValueError(f"the dial would draw {len(positions)} pictures, {MOST_PICTURES} at most: give fewer values.")
    return Dial({position: _light(draw(*position)) for position in positions}, controls, start)


def _start(controls: Mapping[str, Sequence[Any]], start: Any, several: bool) -> tuple[Any, ...]:
    """One position for each slider."""
    if start is None:
        chosen = tuple(next(iter(positions), None) for positions in controls.values())
    else:
        chosen = tuple(start) if several else (start,)
    if len(chosen) != len(controls):
        raise ValueError(f"start={start!r} must name one position for each of {', '.join(controls)}.")
    for value, (name, positions) in zip(chosen, controls.items(), strict=True):
        if value not in positions:
            raise ValueError(
                f"the dial {name!r} starts at {value!r}, which is not one of its values; choose among {positions}."
            )
    return chosen


def _one_position_of(figure: HtmlFigure, where: str) -> HtmlFigure:
    """The picture for a page where nothing moves, told apart from a figure that has no other positions."""
    return replace(figure, caption=f"{figure.caption} Here at {where}; run the cell to move it.".strip())


def _light(figure: HtmlFigure) -> HtmlFigure:
    """The figure with a palette: a third of the bytes that each move sends to the browser."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(figure.png)).convert("RGB").quantize(COLORS).save(buffer, format="PNG", optimize=True)
    return replace(figure, png=buffer.getvalue())
