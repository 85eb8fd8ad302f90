"""Grading a class: submissions found and matched, run apart, judged here, and told in a table and pages.

``grade(Job(...))`` is what ``tl-course grade`` calls. The learner's code never runs in the grader's process. A server
(`server`) loads PyTorch once and forks; in each fork a keeper (`sandbox`) puts up walls and lets the learner's cells
run behind them (`runner`); what comes back are plain data, which the grader judges (`marking`).
What is protected and what is not: ``docs/grading.md``.
"""

import lazy_loader

# Loaded when first used: a server can be on its way (`starting`) before PyTorch is loaded here.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"job": ["Job", "Report", "grade"], "limits": ["Limits"], "results": ["Mark"]}
)
