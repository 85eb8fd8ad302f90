"""Answers to ``crosses_over`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = ["a, b and e", {"E", "B", "A"}, ["A", "B", "E"]]

WRONG = {
    "head carried along": "ABCE",
    "optimiser carried along": {"A", "B", "D", "E"},
    "examples carried along": "a, b, e and f",
    "buffers forgotten": ["A", "E"],
    "how to feed it forgotten": "AB",
}
