"""Answers to ``survives_shuffle`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = ["a, d and f", {"F", "A", "D"}, ["FDA"]]

WRONG = {
    "filters believed whole": "ABDF",
    "sums of filters believed whole": {"A", "C", "D", "F"},
    "the function believed whole": "A D E F",
    "spread left out": ["D", "F"],
    "extremes left out": "A and D",
}
