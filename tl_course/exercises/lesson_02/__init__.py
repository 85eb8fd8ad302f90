"""Questions on lesson 02, the mathematics of the loss."""

from tl_course.exercises.lesson_02.fence import QUESTION as FENCE
from tl_course.exercises.lesson_02.l2_sp import QUESTION as L2_SP
from tl_course.exercises.lesson_02.meant_loss import QUESTION as MEANT_LOSS
from tl_course.exercises.lesson_02.reaches_target import QUESTION as REACHES_TARGET
from tl_course.exercises.lesson_02.short_batch import QUESTION as SHORT_BATCH
from tl_course.exercises.lesson_02.spring import QUESTION as SPRING
from tl_course.exercises.lesson_02.sum_or_mean import QUESTION as SUM_OR_MEAN
from tl_course.exercises.lesson_02.transfer_loss import QUESTION as TRANSFER_LOSS

QUESTIONS = (
    SUM_OR_MEAN,
    SHORT_BATCH,
    REACHES_TARGET,
    TRANSFER_LOSS,
    MEANT_LOSS,
    L2_SP,
    SPRING,
    FENCE,
)
