"""Tasks: raw labelled data with names and origin, and the batches a model is fed with.

>>> from tl_course import data
>>> task = data.load("digits", train_per_class=10)
>>> print(task)
scikit-learn's 8×8 digits: 80 train, 20 validation, 359 test images 8×8, 10 classes
>>> task.labels_used
100
"""

from tl_course.data.batches import Batch, Batches, batches, per_example
from tl_course.data.features import features
from tl_course.data.lengths import LengthChoice, choose_max_length
from tl_course.data.loading import LOADERS, load, target
from tl_course.data.own_images import image_folder
from tl_course.data.own_texts import csv_text
from tl_course.data.preprocess import ImagePreprocess, TextPreprocess
from tl_course.data.task import Dataset, Split, Task

__all__ = [
    "LOADERS",
    "Batch",
    "Batches",
    "Dataset",
    "ImagePreprocess",
    "LengthChoice",
    "Split",
    "Task",
    "TextPreprocess",
    "batches",
    "choose_max_length",
    "csv_text",
    "features",
    "image_folder",
    "load",
    "per_example",
    "target",
]
