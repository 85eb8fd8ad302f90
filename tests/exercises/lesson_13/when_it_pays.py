"""Answers to ``when_it_pays`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = ["C and E", {"E", "C"}, ["c", "e"]]

WRONG = {
    "straight rule": "ACE",
    "another rule": ["B", "C"],
    "shuffled": "C, D, E",
    "told apart": "CEF",
    "curve forgotten": "E",
    "mean forgotten": {"C"},
}

NO_ANSWERS = ["", "ABCDEF"]
"""Wrong answers that have no name: they must not pass."""
