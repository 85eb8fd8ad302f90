"""Answers to ``far_enough`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = ["b, c and e", {"E", "C", "B"}, ["ECB"]]

WRONG = {
    "the paper's rate trusted": "ABCE",
    "many steps trusted": {"B", "C", "D", "E"},
    "half way": "B C E F",
    "a small rate despised": ["B", "E"],
    "only the largest": "C",
}
