"""Questions on lesson 05, fine-tuning a ResNet."""

from tl_course.exercises.lesson_05.choose_rate import QUESTION as CHOOSE_RATE
from tl_course.exercises.lesson_05.fair_test import QUESTION as FAIR_TEST
from tl_course.exercises.lesson_05.freeze_bn import QUESTION as FREEZE_BN
from tl_course.exercises.lesson_05.layer_rates import QUESTION as LAYER_RATES
from tl_course.exercises.lesson_05.loud_or_silent import QUESTION as LOUD_OR_SILENT
from tl_course.exercises.lesson_05.probe_then_tune import QUESTION as PROBE_THEN_TUNE
from tl_course.exercises.lesson_05.report import QUESTION as REPORT
from tl_course.exercises.lesson_05.thaw_head import QUESTION as THAW_HEAD
from tl_course.exercises.lesson_05.two_stages import QUESTION as TWO_STAGES

QUESTIONS = (
    FREEZE_BN,
    LOUD_OR_SILENT,
    THAW_HEAD,
    CHOOSE_RATE,
    PROBE_THEN_TUNE,
    TWO_STAGES,
    FAIR_TEST,
    REPORT,
    LAYER_RATES,
)
