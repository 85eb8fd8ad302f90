"""Answers to ``never_urgent`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = ["a, b and e", {"E", "A", "B"}, ["A", "B", "E"]]

WRONG = {
    "macro": "ABC",
    "weighted forgotten": "A and E",
    "accuracy forgotten": ["B", "E"],
    "precision forgotten": {"A", "B"},
    "D hides nothing": "AD",
}
