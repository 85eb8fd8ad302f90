"""Answers to ``one_head`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import torch
import torch.nn.functional as F


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


RIGHT = [_head_by_torch, _head_by_loop, _head_by_sum]

WRONG = {
    "padding seen": _head_blind_to_mask,
    "masked too late": _head_masked_late,
    "zero is no mask": _head_by_product,
    "not scaled": _head_scaled(0),
    "divided by d": _head_scaled(1),
    "wrong axis": _head_columns,
    "keys ask": _head_keys_first,
}

NO_ANSWERS = [lambda q, k, v, mask: v, lambda q, k, v, mask: (q @ k.T).softmax(dim=1)]
"""Wrong answers that have no name: they must not pass."""
