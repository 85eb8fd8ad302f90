"""Questions on lesson 14, aligning features without target labels."""

from tl_course.exercises.lesson_14.aligned_wrong import QUESTION as ALIGNED_WRONG
from tl_course.exercises.lesson_14.choose_blind import QUESTION as CHOOSE_BLIND
from tl_course.exercises.lesson_14.coral import QUESTION as CORAL
from tl_course.exercises.lesson_14.dann import QUESTION as DANN
from tl_course.exercises.lesson_14.equal_samples import QUESTION as EQUAL_SAMPLES
from tl_course.exercises.lesson_14.joint_norm import QUESTION as JOINT_NORM
from tl_course.exercises.lesson_14.mmd import QUESTION as MMD
from tl_course.exercises.lesson_14.reverse import QUESTION as REVERSE

QUESTIONS = (
    MMD,
    REVERSE,
    DANN,
    CHOOSE_BLIND,
    ALIGNED_WRONG,
    CORAL,
    EQUAL_SAMPLES,
    JOINT_NORM,
)
