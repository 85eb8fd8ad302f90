"""The rules of the notebook lint, one small function each, grouped by what they look at."""

from authoring.rules import access, code, core, evidence, execution, outputs, prose, sizes, whole
from authoring.rules.base import RULES, Document, Kind, Problem

__all__ = [
    "RULES",
    "Document",
    "Kind",
    "Problem",
    "access",
    "code",
    "core",
    "evidence",
    "execution",
    "outputs",
    "prose",
    "sizes",
    "whole",
]
