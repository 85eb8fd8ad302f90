"""Networks: make one with its weights and its preprocess, change its head, freeze it, save it.

>>> from tl_course import models
>>> model = models.create("resnet_small", num_classes=10)
>>> print(models.freeze(model, except_head=True))
1,620,000 numbers frozen, 2,890 trainable; 41 modules kept in eval
"""

from tl_course.models.attribution import grad_cam
from tl_course.models.exporting import Exported, export
from tl_course.models.freezing import FreezeReport, FrozenMovedError, freeze, unfreeze
from tl_course.models.heads import embed, logits, replace_head
from tl_course.models.storage import load, save
from tl_course.models.structure import count_parameters, head_of, layer_groups
from tl_course.models.surgery import SurgeryReport, reinitialise, shuffle_weights
from tl_course.models.tensors import TensorsDoNotFitError, write_half
from tl_course.models.zoo import MODELS, ModelInfo, ModelSpec, create

__all__ = [
    "MODELS",
    "Exported",
    "FreezeReport",
    "FrozenMovedError",
    "ModelInfo",
    "ModelSpec",
    "SurgeryReport",
    "TensorsDoNotFitError",
    "count_parameters",
    "create",
    "embed",
    "export",
    "freeze",
    "grad_cam",
    "head_of",
    "layer_groups",
    "load",
    "logits",
    "reinitialise",
    "replace_head",
    "save",
    "shuffle_weights",
    "unfreeze",
    "write_half",
]
