"""Answers to ``eval_or_freeze`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = ["c and e", {"E", "C"}, ["C", "E"]]

WRONG = {
    "eval freezes": "ACE",
    "statistics forgotten": "BCE",
    "C forgotten": "E",
    "E forgotten": ["C"],
}
