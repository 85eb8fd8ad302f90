"""Questions on lesson 03, pretrain a source model."""

from tl_course.exercises.lesson_03.credit import QUESTION as CREDIT
from tl_course.exercises.lesson_03.crosses_over import QUESTION as CROSSES_OVER
from tl_course.exercises.lesson_03.resume import QUESTION as RESUME
from tl_course.exercises.lesson_03.rotations import QUESTION as ROTATIONS
from tl_course.exercises.lesson_03.safe_load import QUESTION as SAFE_LOAD
from tl_course.exercises.lesson_03.save_whole import QUESTION as SAVE_WHOLE
from tl_course.exercises.lesson_03.split_first import QUESTION as SPLIT_FIRST

QUESTIONS = (
    CROSSES_OVER,
    SAVE_WHOLE,
    SAFE_LOAD,
    RESUME,
    CREDIT,
    ROTATIONS,
    SPLIT_FIRST,
)
