"""Answers to ``only_domain`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = ["a and e", {"E", "A"}, ["A", "E"]]

WRONG = {
    "new question": "AB",
    "more of the same": ["C", "E"],
    "both differ": "DE",
    "voices forgotten": "e",
    "light forgotten": {"A"},
}
