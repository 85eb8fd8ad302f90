"""Answers to ``company`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = ["a, c and f", {"F", "A", "C"}, ["CFA"]]

WRONG = {
    "order suspected": "ABCF",
    "gradients suspected": {"A", "C", "D", "F"},
    "small batch suspected": "A C E F",
    "no_grad believed": ["C", "F"],
    "freezing believed": "AF",
    "only dropout suspected": "A and C",
}
