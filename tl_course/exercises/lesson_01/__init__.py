"""Questions on lesson 01, what transfer learning is and how its gain is measured."""

from tl_course.exercises.lesson_01.equal_footing import QUESTION as EQUAL_FOOTING
from tl_course.exercises.lesson_01.gain_interval import QUESTION as GAIN_INTERVAL
from tl_course.exercises.lesson_01.gradient_histogram import QUESTION as GRADIENT_HISTOGRAM
from tl_course.exercises.lesson_01.label_axis import QUESTION as LABEL_AXIS
from tl_course.exercises.lesson_01.labels_to import QUESTION as LABELS_TO
from tl_course.exercises.lesson_01.only_domain import QUESTION as ONLY_DOMAIN

QUESTIONS = (
    ONLY_DOMAIN,
    LABEL_AXIS,
    LABELS_TO,
    EQUAL_FOOTING,
    GAIN_INTERVAL,
    GRADIENT_HISTOGRAM,
)
