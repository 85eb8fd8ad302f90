"""Questions on lesson 13, weighing the source."""

from tl_course.exercises.lesson_13.boosting_round import QUESTION as BOOSTING_ROUND
from tl_course.exercises.lesson_13.domain_odds import QUESTION as DOMAIN_ODDS
from tl_course.exercises.lesson_13.examples_left import QUESTION as EXAMPLES_LEFT
from tl_course.exercises.lesson_13.joint_error import QUESTION as JOINT_ERROR
from tl_course.exercises.lesson_13.weighed_gap import QUESTION as WEIGHED_GAP
from tl_course.exercises.lesson_13.weighed_loss import QUESTION as WEIGHED_LOSS
from tl_course.exercises.lesson_13.when_it_pays import QUESTION as WHEN_IT_PAYS
from tl_course.exercises.lesson_13.worth_of_aim import QUESTION as WORTH_OF_AIM

QUESTIONS = (
    EXAMPLES_LEFT,
    DOMAIN_ODDS,
    WEIGHED_LOSS,
    WHEN_IT_PAYS,
    WORTH_OF_AIM,
    BOOSTING_ROUND,
    WEIGHED_GAP,
    JOINT_ERROR,
)
