"""Answers to the questions of lesson 09 as learners write them: right ones in other ways, wrong ones by name."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import precision_recall_fscore_support

# --- one_head ---------------------------------------------------------------------------------------------------------


def _head_by_torch(q, k, v, mask):
    return F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=(mask == 1)[None, None])[0]


def _head_by_loop(q, k, v, mask):
    rows = []
    for query in q:
        weights = [math.exp(float(query @ key) / len(query) ** 0.5) * int(m) for key, m in zip(k, mask, strict=True)]
        rows.append(sum(w * value for w, value in zip(weights, v, strict=True)) / sum(weights))
    return torch.stack(rows)


def _head_by_sum(q, k, v, mask):
    scores = torch.einsum("id,jd->ij", q, k) * q.shape[-1] ** -0.5
    return torch.softmax(scores + (1 - mask) * -1e9, dim=-1) @ v


def _head_blind_to_mask(q, k, v, mask):
    return F.softmax(q @ k.transpose(0, 1) / q.shape[1] ** 0.5, dim=-1) @ v


def _head_masked_late(q, k, v, mask):
    weights = F.softmax(q @ k.T / q.shape[1] ** 0.5, dim=-1)
    weights[:, mask == 0] = 0
    return weights @ v


def _head_by_product(q, k, v, mask):
    scores = (q @ k.T / q.shape[1] ** 0.5) * mask[None, :]
    return F.softmax(scores, dim=-1) @ v


def _head_scaled(power):
    def answer(q, k, v, mask):
        scores = (q @ k.T) / q.shape[1] ** power
        scores[:, mask == 0] = -math.inf
        return scores.softmax(dim=-1) @ v

    return answer


def _head_columns(q, k, v, mask):
    scores = q @ k.T / q.shape[1] ** 0.5
    scores[:, mask == 0] = -1e9
    return scores.softmax(dim=0) @ v


def _head_keys_first(q, k, v, mask):
    scores = k @ q.T / q.shape[1] ** 0.5
    scores[:, mask == 0] = -math.inf
    return scores.softmax(dim=1) @ v


# --- idf --------------------------------------------------------------------------------------------------------------


def _idf_by_loop(texts, word):
    count = 0
    for text in texts:
        if word in set(text.split(" ")):
            count += 1
    return 1 + np.log(1 + len(texts)) - np.log(1 + count)


def _idf_by_sklearn(texts, word):
    words = TfidfVectorizer(token_pattern=r"\S+", vocabulary=[word]).fit(texts)
    return words.idf_[0]


def _idf_in_letters(texts, word):
    count = len([text for text in texts if word in text])
    return math.log((len(texts) + 1) / (count + 1)) + 1


def _idf_all_words(texts, word):
    count = " ".join(texts).split().count(word)
    return math.log((len(texts) + 1) / (count + 1)) + 1


def _idf_classic(texts, word):
    return math.log(len(texts) / sum(word in text.split() for text in texts)) + 1


# --- padding_share ----------------------------------------------------------------------------------------------------


def _padding_by_count(batches):
    padding = places = 0
    for batch in batches:
        for length in batch:
            padding += max(batch) - length
            places += max(batch)
    return padding / places


def _padding_by_masks(batches):
    masks = [torch.arange(max(batch)) < torch.tensor(batch)[:, None] for batch in batches]
    return 1 - sum(mask.sum() for mask in masks) / sum(mask.numel() for mask in masks)


def _padding_by_batch(batches):
    return np.mean([1 - np.mean(batch) / max(batch) for batch in batches])


def _padding_for_each_token(batches):
    padding = sum(max(batch) - length for batch in batches for length in batch)
    return padding / sum(length for batch in batches for length in batch)


def _padding_fixed(batches):
    lengths = [length for batch in batches for length in batch]
    return 1 - np.mean(lengths) / max(lengths)


# --- mean_pool --------------------------------------------------------------------------------------------------------


def _mean_by_loop(states, mask):
    return torch.stack([rows[here == 1].mean(dim=0) for rows, here in zip(states, mask, strict=True)])


def _mean_by_weights(states, mask):
    weights = mask / mask.sum(dim=1, keepdim=True)
    return torch.einsum("nl,nld->nd", weights.to(states.dtype), states)


def _mean_by_nan(states, mask):
    return states.masked_fill(mask.unsqueeze(2) == 0, float("nan")).nanmean(dim=1)


# --- head_only --------------------------------------------------------------------------------------------------------


def _all_parameters_late(model, new_head, rate):
    for weight in model.parameters():
        weight.requires_grad = False
    model.classifier = new_head
    return torch.optim.SGD(model.parameters(), lr=rate)


def _only_given(model, new_head, rate):
    model.classifier = new_head
    return torch.optim.SGD([new_head.weight, new_head.bias], lr=rate)


def _added_later(model, new_head, rate):
    optimizer = torch.optim.SGD(model.classifier.parameters(), lr=rate)
    model.requires_grad_(False)
    model.classifier = new_head
    optimizer.add_param_group({"params": new_head.parameters()})
    return optimizer


def _given_to_repair(model, new_head, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    model.requires_grad_(False)
    model.classifier = new_head
    return optimizer


def _early_without_freezing(model, new_head, rate):
    optimizer = torch.optim.SGD(model.classifier.parameters(), lr=rate)
    model.classifier = new_head
    return optimizer


def _frozen_last(model, new_head, rate):
    model.classifier = new_head
    for weight in model.parameters():
        weight.requires_grad = False
    return torch.optim.SGD(model.parameters(), lr=rate)


def _head_left_in(model, new_head, rate):
    model.bert.requires_grad_(False)
    return torch.optim.SGD([*model.classifier.parameters(), *new_head.parameters()], lr=rate)


def _whole_model(model, new_head, rate):
    model.classifier = new_head
    return torch.optim.SGD([{"params": model.bert.parameters(), "lr": rate / 10}, *_group(new_head)], lr=rate)


def _group(module):
    return [{"params": module.parameters()}]


def _body_alone(model, new_head, rate):
    model.classifier = new_head
    new_head.requires_grad_(False)
    return torch.optim.SGD(model.parameters(), lr=rate)


# --- three_scores -----------------------------------------------------------------------------------------------------


def _scores_by_try(tp, fp, fn):
    def share(above, below):
        try:
            return above / below
        except ZeroDivisionError:
            return 0.0

    precision, recall = share(tp, tp + fp), share(tp, tp + fn)
    return precision, recall, share(2 * precision * recall, precision + recall)


def _scores_by_sklearn(tp, fp, fn):
    if tp == 0:
        return [0, 0, 0]
    truth, said = [1] * (tp + fn) + [0] * fp, [1] * tp + [0] * fn + [1] * fp
    return np.array(precision_recall_fscore_support(truth, said, average="binary")[:3])


def _scores_guarded(precision_of, f1_of):
    def answer(tp, fp, fn):
        precision, recall = precision_of(tp, fp, fn), tp / max(tp + fn, 1)
        return [precision, recall, f1_of(precision, recall)]

    return answer


def _usual_precision(tp, fp, fn):
    return tp / max(tp + fp, 1)


def _scores_swapped(tp, fp, fn):
    return [tp / max(tp + fn, 1), tp / max(tp + fp, 1), 2 * tp / max(2 * tp + fp + fn, 1)]


def _scores_by_counts(tp, fp, fn):
    precision = tp / (tp + fp)
    recall = tp / (tp + fn)
    f1 = tp / (tp + (fp + fn) / 2)
    return [precision, recall, f1]


def _scores_by_formula(tp, fp, fn):
    precision = tp / (tp + fp)
    recall = tp / (tp + fn)
    f1 = 2 * (precision * recall) / (precision + recall)
    return [precision, recall, f1]


def _scores_perfect_if_empty(tp, fp, fn):
    precision = tp / (tp + fp) if tp + fp else 1.0
    recall = tp / (tp + fn) if tp + fn else 1.0
    return [precision, recall, 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1.0]


RIGHT = {
    "one_head": [_head_by_torch, _head_by_loop, _head_by_sum],
    "idf": [_idf_by_loop, _idf_by_sklearn],
    "padding_share": [_padding_by_count, _padding_by_masks],
    "mean_pool": [_mean_by_loop, _mean_by_weights, _mean_by_nan],
    "head_only": [_all_parameters_late, _only_given, _added_later],
    "three_scores": [_scores_by_try, _scores_by_sklearn],
    "never_urgent": ["a, b and e", {"E", "A", "B"}, ["A", "B", "E"]],
}

WRONG = {
    "one_head": {
        "padding seen": _head_blind_to_mask,
        "masked too late": _head_masked_late,
        "zero is no mask": _head_by_product,
        "not scaled": _head_scaled(0),
        "divided by d": _head_scaled(1),
        "wrong axis": _head_columns,
        "keys ask": _head_keys_first,
    },
    "idf": {
        "letters, not words": _idf_in_letters,
        "occurrences": _idf_all_words,
        "one at the end missing": lambda texts, word: _idf_by_loop(texts, word) - 1,
        "not smoothed": _idf_classic,
        "other logarithm": lambda texts, word: (_idf_by_loop(texts, word) - 1) / math.log(2) + 1,
    },
    "padding_share": {
        "mean of shares": _padding_by_batch,
        "padding over real": _padding_for_each_token,
        "longest of all": _padding_fixed,
        "share of real tokens": lambda batches: 1 - _padding_by_count(batches),
        "a number of tokens": lambda batches: sum(max(batch) - length for batch in batches for length in batch),
    },
    "mean_pool": {
        "padding averaged": lambda states, mask: states.sum(dim=1) / states.shape[1],
        "divided by the length of the batch": lambda states, mask: (states * mask[..., None]).mean(dim=1),
        "not divided": lambda states, mask: torch.einsum("nl,nld->nd", mask.double(), states),
        "divided by all tokens": lambda states, mask: (states * mask[..., None]).sum(dim=1) / mask.sum(),
        "only the first": lambda states, mask: states[:, 0, :],
    },
    "head_only": {
        "optimiser too early": _given_to_repair,
        "new head frozen": _frozen_last,
        "old head": _head_left_in,
        "body learns": _whole_model,
        "body instead of head": _body_alone,
    },
    "three_scores": {
        "swapped": _scores_swapped,
        "nothing over nothing": _scores_by_counts,
        "no precision and no recall": _scores_by_formula,
        "one for nothing": _scores_perfect_if_empty,
        "arithmetic mean": _scores_guarded(_usual_precision, lambda p, r: (p + r) / 2),
        "half of it": _scores_guarded(_usual_precision, lambda p, r: p * r / (p + r) if p + r else 0),
    },
    "never_urgent": {
        "macro": "ABC",
        "weighted forgotten": "A and E",
        "accuracy forgotten": ["B", "E"],
        "precision forgotten": {"A", "B"},
        "D hides nothing": "AD",
    },
}

NO_ANSWERS = {
    "one_head": [lambda q, k, v, mask: v, lambda q, k, v, mask: (q @ k.T).softmax(dim=1)],
    "mean_pool": [lambda states, mask: states.amax(dim=1), lambda states, mask: states.mean(dim=2)],
    "head_only": [
        lambda model, new_head, rate: torch.optim.AdamW(new_head.parameters(), lr=rate),
        _early_without_freezing,
    ],
    "three_scores": [lambda tp, fp, fn: (tp + fp) / max(tp + fp + fn, 1)],
    "padding_share": [lambda batches: 0.0],
}
"""Wrong answers that have no name: they must not pass."""
