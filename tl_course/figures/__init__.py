"""The course's one style of figure: plots that take results and never train, as HTML with text.

JupyterLab never gives a picture an alternative text, so every
function returns an :class:`HtmlFigure` that carries one for those who cannot see.
Each method keeps one colour, marker and line through the whole course: :data:`METHODS`.
"""

from tl_course.figures.bars import bars
from tl_course.figures.calibration import reliability
from tl_course.figures.comparisons import method_gains, method_panels
from tl_course.figures.curves import label_budget, learning_curves
from tl_course.figures.diagrams import concept_map
from tl_course.figures.dots import dots
from tl_course.figures.grids import confusion, image_grid, probability_bars, share_table
from tl_course.figures.heat_maps import heat_maps
from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.intervals import intervals
from tl_course.figures.ladders import ladder
from tl_course.figures.points import embeddings, weighed_points
from tl_course.figures.recorded_bars import recorded_bars
from tl_course.figures.schematics import schematic
from tl_course.figures.settings import over_settings
from tl_course.figures.style import METHODS, MethodStyle, axes, contrast, method_style
from tl_course.figures.sweeps import sweep
from tl_course.figures.thresholds import thresholds
from tl_course.figures.transfer import transfer_matrix
from tl_course.figures.widgets import Dial, dial

__all__ = [
    "METHODS",
    "Dial",
    "HtmlFigure",
    "MethodStyle",
    "axes",
    "bars",
    "concept_map",
    "confusion",
    "contrast",
    "dial",
    "dots",
    "embeddings",
    "heat_maps",
    "image_grid",
    "intervals",
    "label_budget",
    "ladder",
    "learning_curves",
    "method_gains",
    "method_panels",
    "method_style",
    "over_settings",
    "probability_bars",
    "recorded_bars",
    "reliability",
    "schematic",
    "share_table",
    "show",
    "sweep",
    "thresholds",
    "transfer_matrix",
    "weighed_points",
]
