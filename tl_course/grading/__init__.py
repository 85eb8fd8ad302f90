"""Grading a class: submissions found and matched, run apart, judged here, and told in a table and pages.

``grade(Job(...))`` is what ``tl-course grade`` calls. The learner's code never runs in the grader's process. A server
(`server`) loads PyTorch once and forks; in each fork a keeper (`sandbox`) puts up walls and lets the learner's cells
run behind them (`runner`); what comes back are plain data, which the grader judges (`marking`).
What is protected and what is not: ``docs/grading.md``.
"""

from tl_course.grading.job import Job, Report, grade
from tl_course.grading.limits import Limits
from tl_course.grading.results import Mark

__all__ = ["Job", "Limits", "Mark", "Report", "grade"]
