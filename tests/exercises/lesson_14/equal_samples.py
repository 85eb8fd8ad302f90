"""Answers to ``equal_samples`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = ["a, c and d", {"D", "A", "C"}, ["A", "C", "D"]]

WRONG = {
    "B chosen": "ABCD",
    "E chosen": "ACDE",
    "A forgotten": ["C", "D"],
    "C forgotten": "ad",
    "D forgotten": "AC",
}
