"""Questions on lesson 09, BERT text classification."""

from tl_course.exercises.lesson_09.far_enough import QUESTION as FAR_ENOUGH
from tl_course.exercises.lesson_09.head_only import QUESTION as HEAD_ONLY
from tl_course.exercises.lesson_09.idf import QUESTION as IDF
from tl_course.exercises.lesson_09.mean_pool import QUESTION as MEAN_POOL
from tl_course.exercises.lesson_09.never_urgent import QUESTION as NEVER_URGENT
from tl_course.exercises.lesson_09.one_head import QUESTION as ONE_HEAD
from tl_course.exercises.lesson_09.padding_share import QUESTION as PADDING_SHARE
from tl_course.exercises.lesson_09.three_scores import QUESTION as THREE_SCORES

QUESTIONS = (
    ONE_HEAD,
    IDF,
    PADDING_SHARE,
    MEAN_POOL,
    FAR_ENOUGH,
    HEAD_ONLY,
    THREE_SCORES,
    NEVER_URGENT,
)
