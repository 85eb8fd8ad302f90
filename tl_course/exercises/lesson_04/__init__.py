"""Questions on lesson 04, VGG as a feature extractor."""

from tl_course.exercises.lesson_04.compute_once import QUESTION as COMPUTE_ONCE
from tl_course.exercises.lesson_04.cut_head import QUESTION as CUT_HEAD
from tl_course.exercises.lesson_04.eval_or_freeze import QUESTION as EVAL_OR_FREEZE
from tl_course.exercises.lesson_04.grey_layer import QUESTION as GREY_LAYER
from tl_course.exercises.lesson_04.head_parameters import QUESTION as HEAD_PARAMETERS
from tl_course.exercises.lesson_04.may_keep import QUESTION as MAY_KEEP
from tl_course.exercises.lesson_04.prepare import QUESTION as PREPARE
from tl_course.exercises.lesson_04.vgg_head import QUESTION as VGG_HEAD

QUESTIONS = (
    VGG_HEAD,
    HEAD_PARAMETERS,
    CUT_HEAD,
    PREPARE,
    GREY_LAYER,
    EVAL_OR_FREEZE,
    MAY_KEEP,
    COMPUTE_ONCE,
)
