"""Figures as HTML: a picture, the text that stands for it, and a caption."""

import base64
import html
import io
import sys
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure

from tl_course import environment
from tl_course.figures.style import BACKGROUND, DPI, in_style

SHORTEST_ALT = 20
DRAWN = "tl-drawn"
"""The class of a figure without an image in it, for style sheets."""


@dataclass(frozen=True)
class HtmlFigure:
    """A finished figure: notebooks show the picture, screen readers and terminals its text.

    ``drawn`` says that it holds no image: no photographs, no table of shades. JupyterLab as the course opens it, and
    the site, turn a drawn figure into a dark one in their dark themes (`tl_course.figures.style.in_the_dark`).
    """

    png: bytes = field(repr=False)
    alt: str
    caption: str
    width: int
    height: int
    drawn: bool = False

    def _repr_html_(self) -> str:
        source = base64.b64encode(self.png).decode()
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>" if self.caption else ""
        kind = f' class="{DRAWN}"' if self.drawn else ""
        return (
            f'<figure{kind} style="margin: 0.5em 0"><img alt="{html.escape(self.alt)}" width="{self.width}" '
            f'height="{self.height}" style="max-width: 100%; height: auto; background: {BACKGROUND}" '
            f'src="data:image/png;base64,{source}">{caption}</figure>'
        )

    def __repr__(self) -> str:
        return f"Figure: {self.alt}" + (f" ({self.caption})" if self.caption else "")

    def save(self, path: str | Path) -> Path:
        """Write the picture as a PNG file and return its path."""
        path = Path(path)
        path.write_bytes(self.png)
        return path


def show(fig: Figure, *, alt: str, caption: str = "") -> HtmlFigure:
    """Turn a matplotlib figure into HTML with a text for those who cannot see it, and close it.

    Parameters
    ----------
    fig
        Any matplotlib figure; rendered at 100 dpi on the course's opaque light background.
    alt
        What the picture shows and what follows from it, at least 20 characters and not its title; escaped for HTML
        here.
    caption
        Printed below: "you just ran" or "recorded, n seeds", units, the target's name.

    Raises
    ------
    ValueError
        When ``alt`` is missing, too short to stand for a picture, or nothing but its title.

    Examples
    --------
    >>> from tl_course.figures import axes
    >>> fig, ax = axes(3, 2)
    >>> _ = ax.plot([0, 1], [0, 1])
    >>> show(fig, alt="A straight line rising from 0 to 1.")
    Figure: A straight line rising from 0 to 1.
    """
    alt = " ".join(alt.split())
    if len(alt) < SHORTEST_ALT:
        raise ValueError(
            f"alt={alt!r} has {len(alt)} characters: say in at least {SHORTEST_ALT} what the picture shows, "
            "for those who cannot see it."
        )
    title = " ".join(fig.get_suptitle().split())
    if alt.casefold().rstrip(".") == title.casefold().rstrip("."):
        raise ValueError(
            f"alt={alt!r} only repeats the figure's title: say what the picture shows, for those who cannot see it."
        )
    buffer = io.BytesIO()
    with in_style():
        # no date and no version inside, so that the same figure is the same bytes
        fig.savefig(buffer, format="png", dpi=DPI, facecolor=BACKGROUND, metadata={"Software": None})
    width, height = (round(side * DPI) for side in fig.get_size_inches())
    if "matplotlib.pyplot" in sys.modules:  # a figure made with pyplot is kept in its list until closed
        sys.modules["matplotlib.pyplot"].close(fig)
    if environment.is_rehearsal():
        caption = f"A rehearsal, with stand-ins: no number here means anything. {caption}".strip()
    # the colours of photographs are their own, and words on a table of shades lose their contrast when it is turned
    drawn = not any(ax.images for ax in fig.axes)
    return HtmlFigure(buffer.getvalue(), alt, caption, width, height, drawn)
