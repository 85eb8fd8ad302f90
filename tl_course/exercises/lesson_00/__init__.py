"""Questions on lesson 00, a first network and a first control."""

from tl_course.exercises.lesson_00.by_chance import QUESTION as BY_CHANCE
from tl_course.exercises.lesson_00.top_words import QUESTION as TOP_WORDS

QUESTIONS = (
    TOP_WORDS,
    BY_CHANCE,
)
