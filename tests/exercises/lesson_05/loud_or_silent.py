"""Answers to ``loud_or_silent`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = ["b and d", {"D", "B"}, ["B", "D"]]

WRONG = {"A is loud": "ABD", "C is right": "BC", "D forgotten": ["B"], "B forgotten": "D"}
