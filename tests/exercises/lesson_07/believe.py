"""Answers to ``believe`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = ["b, d and f", {"F", "B", "D"}, ["FDB"]]

WRONG = {
    "looks believed": "ABDF",
    "agreement believed": {"B", "C", "D", "F"},
    "confidence believed": "B D E F",
    "the cue left out": ["D", "F"],
    "a control left out": "B and F",
}
