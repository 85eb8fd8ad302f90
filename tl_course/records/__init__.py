"""What was measured: the learner's own runs, the course's recorded results, and the claims made from them.

* :mod:`tl_course.records.ledger` keeps the runs that a learner notes, in one file.
* :mod:`tl_course.records.notes` keeps which exercises a learner has tried and solved.
* :func:`read` opens a recorded result, a small CSV beside this file, written only by ``authoring/records/NN_name.py``.
* :func:`claim` renders a sentence whose numbers come from a record; :func:`check_claims` proves every such sentence,
  and :func:`evidence` shows for each what was tested.

A record's ``value`` is a fraction (accuracy 0.87) unless its script says otherwise; ``seconds`` are wall-clock seconds.
"""

from tl_course.records import ledger, notes
from tl_course.records.claims import (
    HEADING,
    Band,
    Statement,
    Verdict,
    check_claims,
    claim,
    claim_ids,
    conditions,
    mark,
    registry,
    target_title,
    within_band,
)
from tl_course.records.intervals import Interval, t_interval
from tl_course.records.marks import EvidenceTable, evidence
from tl_course.records.table import (
    COLUMNS,
    FOLDER,
    Record,
    RecordError,
    Row,
    available,
    paired_difference,
    problems,
    read,
)

__all__ = [
    "COLUMNS",
    "FOLDER",
    "HEADING",
    "Band",
    "EvidenceTable",
    "Interval",
    "Record",
    "RecordError",
    "Row",
    "Statement",
    "Verdict",
    "available",
    "check_claims",
    "claim",
    "claim_ids",
    "conditions",
    "evidence",
    "ledger",
    "mark",
    "notes",
    "paired_difference",
    "problems",
    "read",
    "registry",
    "t_interval",
    "target_title",
    "within_band",
]
