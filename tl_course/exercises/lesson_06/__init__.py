"""Questions on lesson 06, judging a fine-tuned model."""

from tl_course.exercises.lesson_06.calibration import QUESTION as CALIBRATION
from tl_course.exercises.lesson_06.choose_fairly import QUESTION as CHOOSE_FAIRLY
from tl_course.exercises.lesson_06.company import QUESTION as COMPANY
from tl_course.exercises.lesson_06.flatters import QUESTION as FLATTERS
from tl_course.exercises.lesson_06.interval import QUESTION as INTERVAL
from tl_course.exercises.lesson_06.paired import QUESTION as PAIRED
from tl_course.exercises.lesson_06.recall_by_class import QUESTION as RECALL_BY_CLASS
from tl_course.exercises.lesson_06.temperature import QUESTION as TEMPERATURE

QUESTIONS = (
    INTERVAL,
    RECALL_BY_CLASS,
    CALIBRATION,
    TEMPERATURE,
    PAIRED,
    COMPANY,
    FLATTERS,
    CHOOSE_FAIRLY,
)
