"""Questions on lesson 10, across domains of text."""

from tl_course.exercises.lesson_10.down_a_column import QUESTION as DOWN_A_COLUMN
from tl_course.exercises.lesson_10.equal_pool import QUESTION as EQUAL_POOL
from tl_course.exercises.lesson_10.no_twins import QUESTION as NO_TWINS
from tl_course.exercises.lesson_10.proxy_distance import QUESTION as PROXY_DISTANCE
from tl_course.exercises.lesson_10.sign_f1 import QUESTION as SIGN_F1
from tl_course.exercises.lesson_10.whole_documents import QUESTION as WHOLE_DOCUMENTS

QUESTIONS = (
    SIGN_F1,
    DOWN_A_COLUMN,
    WHOLE_DOCUMENTS,
    NO_TWINS,
    EQUAL_POOL,
    PROXY_DISTANCE,
)
