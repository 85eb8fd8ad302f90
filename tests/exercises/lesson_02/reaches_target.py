"""Answers to ``reaches_target`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = [{"B", "C", "D"}, ["D", "c", "b"], "b, c and d", ("B", "CD")]

WRONG = {
    "sum couples": "ABCD",
    "start forgotten": {"B", "C"},
    "penalty forgotten": "B D",
    "sharing forgotten": ["C", "D"],
}
