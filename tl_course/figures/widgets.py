"""A dial over recorded results."""

from collections.abc import Callable, Sequence
from typing import Any

from tl_course.figures.html import HtmlFigure


class Dial:
    """A slider above a picture. Made by :func:`dial`; the last line of a cell shows it.

    Where widgets cannot run (a printed page, a site, GitHub) the picture at the start value stands alone.
    """

    def __init__(self, frames: dict[Any, HtmlFigure], label: str, start: Any):
        import ipywidgets

        self.frames = frames
        self.fallback = frames[start]
        self.slider = ipywidgets.SelectionSlider(
            options=[(str(value), value) for value in frames],
            value=start,
            description=label,
            tooltip=f"{label}: move with the arrow keys",
            # the label is a whole phrase: give it the room it needs instead of cutting it
            style={"description_width": "initial"},
            layout={"width": "min(100%, 640px)"},
        )
        self.picture = ipywidgets.HTML(frames[start]._repr_html_())
        self.widget = ipywidgets.VBox([self.slider, self.picture])
        self.slider.observe(self._turn, names="value")

    def _turn(self, change: dict) -> None:
        self.picture.value = self.frames[change["new"]]._repr_html_()

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle = self.widget._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return {**data, "text/html": self.fallback._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"Dial “{self.slider.description}” over {len(self.frames)} values, here at {self.slider.label}. " + repr(
            self.frames[self.slider.value]
        )


def dial(draw: Callable[[Any], HtmlFigure], values: Sequence[Any], *, label: str, start: Any = None) -> Dial:
    """A labelled slider, moved by mouse or arrow keys, that shows one recorded result at a time.

    All pictures are drawn once, now (about 0.1 s each), so that each move only swaps one for another.

    Parameters
    ----------
    draw
        value → figure, from recorded results: called once for each value, so it must not train.
    values
        The positions of the slider, in order; their ``str`` is the read-out.
    label
        What the slider sets, with its unit.
    start
        The first position shown and the one printed where widgets cannot run; the first value unless given.

    Raises
    ------
    ValueError
        Without values, without a label, or for a start that is none of the values.

    Examples
    --------
    >>> from tl_course.figures import axes, show
    >>> def draw(angle):
    ...     fig, ax = axes(2, 2)
    ...     return show(fig, alt=f"An empty square, turned by {angle} degrees.")
    >>> turn = dial(draw, [0, 45, 90], label="angle (degrees)", start=45)
    >>> turn.slider.value = 90
    >>> turn
    Dial “angle (degrees)” over 3 values, here at 90. Figure: An empty square, turned by 90 degrees.
    """
    values = list(values)
    start = values[0] if start is None and values else start
    if not values or start not in values:
        raise ValueError(f"the dial starts at {start!r}, which is none of its values {values}.")
    if not label.strip():
        raise ValueError("the dial needs a label: say what it sets, with its unit.")
    return Dial({value: draw(value) for value in values}, label, start)
