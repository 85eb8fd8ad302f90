"""Answers to ``may_keep`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = ["FDA", "a, d and f", {"A", "D", "F"}]

WRONG = {
    "augmentation kept": "ABDF",
    "backbone moves": {"A", "C", "D", "F"},
    "order forgotten": "D F",
    "fixed preparation forgotten": "AF",
    "head's own business forgotten": ["A", "D"],
}
