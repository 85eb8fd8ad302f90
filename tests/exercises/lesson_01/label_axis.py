"""Answers to ``label_axis`` as learners write them: right ones in other ways, wrong ones by name."""

RIGHT = [
    ("Inductive", "Transductive", "Unsupervised", "Semi-supervised"),
    ["inductive ", "transductive", "unsupervised", " semi-supervised"],
]

WRONG = {
    "source without a word": ["inductive", "unsupervised", "unsupervised", "inductive"],
    "inductive and transductive": ["transductive", "inductive", "unsupervised", "semi-supervised"],
    "unlabelled ones unused": ["inductive", "transductive", "unsupervised", "Inductive"],
    "no label anywhere": ["inductive", "transductive", "semi-supervised", "semi-supervised"],
}
