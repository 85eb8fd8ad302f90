"""A few lines of Python that ask a saved model, for a reader to copy out of the report."""

from __future__ import annotations

from tl_course.recipes.results import Finished

IMAGE = """\
from pathlib import Path

import torch
from tl_course import models
from tl_course.data.image_files import read_image

model = models.load({folder!r})
look = model.preprocess
image = read_image(Path({example!r}), look.size, fit=look.fit, fill=look.fill)
"""
TEXT = """\
import torch
from tl_course import models

model = models.load({folder!r})
"""
ASK = """\
with torch.no_grad():
    logits = models.logits(model, model.preprocess({given}))
chances = (logits / model.temperature).softmax(1)[0].tolist()
for name, chance in sorted(zip(model.spec.class_names, chances), key=lambda pair: -pair[1]):
    print(f"{{name}}: {{chance:.1%}}")
"""


def snippet(finished: Finished) -> str:
    """Return lines that load the model and ask it about the first test example, from where the command was run.

    Parameters
    ----------
    finished : Finished

    Returns
    -------
    str
        Python that runs as it is.
    """
    prepared, folder = finished.prepared, str(finished.out)
    if prepared.task.kind == "image":
        example = str(finished.root / prepared.names["test"][0])
        return IMAGE.format(folder=folder, example=example) + ASK.format(given="image[None]")
    return TEXT.format(folder=folder) + ASK.format(given=[prepared.task.test.inputs[0]])
