"""Answers to ``down_a_column`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = ["a, c, e", {"C", "A", "E"}, ["A", "C", "E"]]

WRONG = {
    "along a row": "ABE",
    "along the diagonal": "A, C, D, E",
    "A forgotten": {"C", "E"},
    "C forgotten": "AE",
    "E forgotten": "AC",
}
