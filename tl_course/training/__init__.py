"""Training: one readable loop for every model, task and loss, and what stands beside it.

:func:`fit` trains and returns a :class:`Run`; one that Ctrl-C ended is what :func:`interrupted_run` returns. Layer-wise
rates (:func:`parameter_groups`), schedules (:func:`make_schedule`) and gradual unfreezing (:func:`gradual`) are small
functions that can be used without it.
"""

from tl_course.training.checkpoint import CheckpointError
from tl_course.training.finite_check import NonFiniteError
from tl_course.training.interrupting import interrupted_run
from tl_course.training.loop import fit
from tl_course.training.optim import make_optimizer, parameter_groups, set_rates
from tl_course.training.run import Run
from tl_course.training.schedules import SCHEDULES, make_schedule
from tl_course.training.unfreezing import gradual

__all__ = [
    "SCHEDULES",
    "CheckpointError",
    "NonFiniteError",
    "Run",
    "fit",
    "gradual",
    "interrupted_run",
    "make_optimizer",
    "make_schedule",
    "parameter_groups",
    "set_rates",
]
