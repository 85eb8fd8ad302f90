"""Evidence is what a question says it is, or it is refused."""

import pytest

from tl_course.exercises import Evidence


@pytest.mark.parametrize(
    "data", [None, 3, {}, {"value": 1}, dict.fromkeys(("value", "fault", "error", "where", "printed"))]
)
def test_evidence_of_another_form_is_refused(data):
    with pytest.raises(ValueError, match="no evidence"):
        Evidence.from_data(data)
