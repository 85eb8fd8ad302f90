"""Losses of transfer learning: pure functions of tensors, and losses for the training loop made from them.

A loss for the loop is called as ``loss(model, batch)`` and returns named scalar terms, which the loop sums and logs.
`cross_entropy` is one; the classes are others, each adding its term to a `base` loss:

======================== ============================================ ======================================
For the loop             Pure functions                               Idea
======================== ============================================ ======================================
`TransferRisk`           `transfer_risk`                              learn from source and target together
`L2SP`                   `l2_sp`                                      stay near the source's weights
`DELTA`                  `delta`                                      stay near the source's feature maps
`BSS`                    `bss`                                        shrink what features hardly use
`Distillation`           `distillation`                               imitate a teacher's soft answers
`Hints`                  `hint`                                       imitate a teacher's features
`AttentionTransfer`      `attention_transfer`                         look where a teacher looks
`RelationalDistillation` `relational_distance`, `relational_angle`    keep a teacher's distances and angles
`DistilBERTLoss`         `hidden_cosine`, `masked_language_modelling` a BERT's answers and hidden states
`ClassWeighted`          `class_weights`                              rare classes count as much as others
`next_token`                                                          a language, from texts without labels
`CORAL`                  `coral`                                      same covariance in both domains
`MMD`                    `mmd2`                                       same distribution in both domains
`DomainAdversarial`      `reverse_gradient`, `domain_loss`            no classifier can tell the domains
======================== ============================================ ======================================

The last three adapt to a target of which only inputs are known: ``fit`` trains on the source, and the loss draws the
target's batches. Losses with something to learn (`Hints`' regressor, `DomainAdversarial`'s discriminator) are modules,
which ``fit`` trains; put them outside, and others in their `base`.

All are computed in float32, also where a model runs in half precision. Where several processes share a batch, losses
that are no mean over its examples (`BSS`, `RelationalDistillation`, `CORAL`, `MMD`, `DomainAdversarial`) gather its
features first. Losses over tokens weigh each process by its tokens. The run is then that of one process.
"""

from tl_course.losses.adaptation import Adaptation
from tl_course.losses.adversarial import DomainAdversarial, domain_loss, reversal_strength, reverse_gradient
from tl_course.losses.attention_transfer import AttentionTransfer, attention_transfer
from tl_course.losses.bss import BSS, bss
from tl_course.losses.class_weights import ClassWeighted, class_weights
from tl_course.losses.coral import CORAL, coral
from tl_course.losses.cross_entropy import cross_entropy
from tl_course.losses.delta import DELTA, channel_importance, delta
from tl_course.losses.distilbert import DistilBERTLoss, hidden_cosine
from tl_course.losses.distillation import Distillation, distillation, soft_target_divergence
from tl_course.losses.hints import Hints, hint
from tl_course.losses.kernels import (
    gaussian_kernel,
    laplacian_kernel,
    linear_kernel,
    median_bandwidth,
    polynomial_kernel,
)
from tl_course.losses.l2_sp import L2SP, l2_sp
from tl_course.losses.language import masked_language_modelling, next_token
from tl_course.losses.mmd import MMD, mmd2
from tl_course.losses.relational import RelationalDistillation, relational_angle, relational_distance
from tl_course.losses.transfer_risk import TransferRisk, transfer_risk

__all__ = [
    "BSS",
    "CORAL",
    "DELTA",
    "L2SP",
    "MMD",
    "Adaptation",
    "AttentionTransfer",
    "ClassWeighted",
    "DistilBERTLoss",
    "Distillation",
    "DomainAdversarial",
    "Hints",
    "RelationalDistillation",
    "TransferRisk",
    "attention_transfer",
    "bss",
    "channel_importance",
    "class_weights",
    "coral",
    "cross_entropy",
    "delta",
    "distillation",
    "domain_loss",
    "gaussian_kernel",
    "hidden_cosine",
    "hint",
    "l2_sp",
    "laplacian_kernel",
    "linear_kernel",
    "masked_language_modelling",
    "median_bandwidth",
    "mmd2",
    "next_token",
    "polynomial_kernel",
    "relational_angle",
    "relational_distance",
    "reversal_strength",
    "reverse_gradient",
    "soft_target_divergence",
    "transfer_risk",
]
