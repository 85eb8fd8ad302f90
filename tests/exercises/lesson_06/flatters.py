"""Answers to ``flatters`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = ["b, d and e", {"E", "D", "B"}, ["DEB"]]

WRONG = {
    "validation suspected": "ABDE",
    "a mean suspected": {"B", "D", "E", "F"},
    "looking forgotten": "B D",
    "best seed forgotten": ["B", "E"],
    "epoch forgotten": "DE",
}
