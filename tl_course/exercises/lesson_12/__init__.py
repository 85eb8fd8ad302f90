"""Questions on lesson 12, knowledge distillation."""

from tl_course.exercises.lesson_12.asked_teacher import QUESTION as ASKED_TEACHER
from tl_course.exercises.lesson_12.attention_map import QUESTION as ATTENTION_MAP
from tl_course.exercises.lesson_12.distil_loss import QUESTION as DISTIL_LOSS
from tl_course.exercises.lesson_12.equal_rows import QUESTION as EQUAL_ROWS
from tl_course.exercises.lesson_12.forgotten_square import QUESTION as FORGOTTEN_SQUARE
from tl_course.exercises.lesson_12.learned_regressor import QUESTION as LEARNED_REGRESSOR
from tl_course.exercises.lesson_12.student_layers import QUESTION as STUDENT_LAYERS
from tl_course.exercises.lesson_12.unseen_digit import QUESTION as UNSEEN_DIGIT

QUESTIONS = (
    FORGOTTEN_SQUARE,
    DISTIL_LOSS,
    ASKED_TEACHER,
    UNSEEN_DIGIT,
    LEARNED_REGRESSOR,
    ATTENTION_MAP,
    EQUAL_ROWS,
    STUDENT_LAYERS,
)
