"""Scores with their uncertainty: accuracy, precision, recall, F1, calibration, and paired comparisons. Beside them
stand questions about features: how alike two representations are, how well a source promises to transfer, and whether
a heat map may be believed.

Labels and predictions may be tensors on any device, arrays or lists. Where *predictions* are asked for, N class numbers
and an N×C table of scores (logits or probabilities; the largest wins) are both accepted.
"""

from tl_course.metrics.accuracy import accuracy
from tl_course.metrics.calibration import Calibration, calibration_error
from tl_course.metrics.comparison import Comparison, compare, paired_difference
from tl_course.metrics.confusion import confusion
from tl_course.metrics.heat_maps import map_agreement, pointing_by_chance, pointing_game
from tl_course.metrics.interval import Interval, wilson
from tl_course.metrics.precision_recall_f1 import Average, ClassReport, precision_recall_f1
from tl_course.metrics.similarity import cka, cka_in_batches
from tl_course.metrics.temperature import MOST_TEMPERATURE, fit_temperature
from tl_course.metrics.transferability import h_score, leep, log_me, nce, rank_agreement

__all__ = [
    "MOST_TEMPERATURE",
    "Average",
    "Calibration",
    "ClassReport",
    "Comparison",
    "Interval",
    "accuracy",
    "calibration_error",
    "cka",
    "cka_in_batches",
    "compare",
    "confusion",
    "fit_temperature",
    "h_score",
    "leep",
    "log_me",
    "map_agreement",
    "nce",
    "paired_difference",
    "pointing_by_chance",
    "pointing_game",
    "precision_recall_f1",
    "rank_agreement",
    "wilson",
]
