"""Your own data: a folder of images or a table of texts in, a trained model and an honest report out.

This is what ``tl-course finetune`` and ``tl-course predict`` call. Everything is done with the verbs of the lessons: a
linear probe first, fine-tuning from it after, and validation examples, never test examples, choose between the two.
"""

from tl_course.recipes.answer_tables import write_csv
from tl_course.recipes.finetuning import Settings, examine, finetune
from tl_course.recipes.predicting import Prediction, predict
from tl_course.recipes.results import Finished

__all__ = ["Finished", "Prediction", "Settings", "examine", "finetune", "predict", "write_csv"]
