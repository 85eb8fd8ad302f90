"""Answers to ``recall_by_class`` as learners write them: right ones in other ways, wrong ones by name."""

import math


def _row_by_row(matrix):
    rows = []
    for k, row in enumerate(matrix):
        total = int(row.sum())
        rows.append(float(row[k]) / total if total else math.nan)
    return rows


def _zero_where_unknown(matrix):
    return matrix.diagonal() / matrix.sum(dim=1).clamp(min=1)


RIGHT = [_row_by_row, lambda m: m.diag().double() / m.double().sum(1), lambda m: (m / m.sum(1)).diag()]

WRONG = {
    "precision": lambda m: m.diag() / m.sum(0),
    "share of all": lambda m: m.diag().double() / m.sum(),
    "nan hidden": _zero_where_unknown,
    "one number": lambda m: (m.trace() / m.sum()).item(),
    "counts": lambda m: m.diag().tolist(),
}
