"""Questions on lesson 07, what transfers, and why."""

from tl_course.exercises.lesson_07.believe import QUESTION as BELIEVE
from tl_course.exercises.lesson_07.cam_by_hand import QUESTION as CAM_BY_HAND
from tl_course.exercises.lesson_07.cka_table import QUESTION as CKA_TABLE
from tl_course.exercises.lesson_07.hsic import QUESTION as HSIC
from tl_course.exercises.lesson_07.keep_layers import QUESTION as KEEP_LAYERS
from tl_course.exercises.lesson_07.points_at import QUESTION as POINTS_AT
from tl_course.exercises.lesson_07.survives_shuffle import QUESTION as SURVIVES_SHUFFLE

QUESTIONS = (SURVIVES_SHUFFLE, KEEP_LAYERS, HSIC, CKA_TABLE, CAM_BY_HAND, POINTS_AT, BELIEVE)
