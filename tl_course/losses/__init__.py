"""Losses of transfer learning: pure functions of tensors, and losses for the training loop made from them.

A loss for the loop is called as ``loss(model, batch)`` and returns named scalar terms, which the loop sums and logs.
`cross_entropy` is one; the classes are others, each adding its term to a `base` loss:

=============== ================= ==========================================================
For the loop    Pure function     Idea
=============== ================= ==========================================================
`TransferRisk`  `transfer_risk`   learn from source and target examples together
`L2SP`          `l2_sp`           stay near the source's weights
`DELTA`         `delta`           stay near the source's feature maps
`BSS`           `bss`             shrink the directions that features hardly use
`Distillation`  `distillation`    imitate a teacher's softened probabilities
=============== ================= ==========================================================
"""

from tl_course.losses.finetuning import BSS, DELTA, L2SP, channel_importance
from tl_course.losses.functions import bss, delta, distillation, l2_sp, soft_target_divergence, transfer_risk
from tl_course.losses.loop import TransferRisk, cross_entropy
from tl_course.losses.teaching import Distillation

__all__ = [
    "BSS",
    "DELTA",
    "L2SP",
    "Distillation",
    "TransferRisk",
    "bss",
    "channel_importance",
    "cross_entropy",
    "delta",
    "distillation",
    "l2_sp",
    "soft_target_divergence",
    "transfer_risk",
]
