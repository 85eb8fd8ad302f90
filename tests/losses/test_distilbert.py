"""DistilBERT's three terms."""

import pytest
import tasks
import torch
import torch.nn.functional as F
from loss_inputs import QUIET, SEEDS, draw
from tasks import assert_same, state

from tl_course import losses
from tl_course.data import batches
from tl_course.training import fit


@pytest.mark.parametrize("seed", SEEDS)
def test_hidden_cosine_leaves_padding_out(seed):
    student, teacher = draw(seed, 3, 5, 4).requires_grad_(), draw(seed + 10, 3, 5, 4).requires_grad_()
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]])
    value = losses.hidden_cosine(student, teacher, mask)
    each = [1 - F.cosine_similarity(student[i, j], teacher[i, j], dim=0) for i, j in mask.nonzero().tolist()]
    torch.testing.assert_close(value, torch.stack(each).mean())
    other = torch.where(mask[..., None] == 1, student, 7.0)
    torch.testing.assert_close(losses.hidden_cosine(other, teacher, mask), value)
    torch.testing.assert_close(losses.hidden_cosine(2 * student, teacher), losses.hidden_cosine(student, 3 * teacher))
    value.backward()
    assert teacher.grad is None
    # the term of DistilBERT's code: cosine embedding loss over the kept tokens
    rows = mask.flatten() == 1
    pairs = (student.flatten(0, 1)[rows], teacher.flatten(0, 1)[rows])
    torch.testing.assert_close(F.cosine_embedding_loss(*pairs, torch.ones(int(rows.sum()))), value)
    with pytest.raises(ValueError, match="as wide as their teacher"):
        losses.hidden_cosine(student, teacher[..., :2])


def test_distilbert_loss_has_three_terms_of_given_weights():
    teacher, student, task = tasks.tiny_bert(1), tasks.tiny_bert(2), tasks.texts()

    batch = next(iter(batches(task, student, batch_size=6)))
    student.eval()
    terms = losses.DistilBERTLoss(teacher)(student, batch)  # the paper's weights, unless told otherwise
    own, theirs = (model(**batch.inputs, output_hidden_states=True) for model in (student, teacher))
    expected = {
        "distillation": 5 * losses.soft_target_divergence(own.logits, theirs.logits, 2.0),
        "cross_entropy": 2 * F.cross_entropy(own.logits, batch.labels),
        "cosine": losses.hidden_cosine(own.hidden_states[-1], theirs.hidden_states[-1], batch.inputs["attention_mask"]),
    }
    assert list(terms) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value)
    with pytest.raises(ValueError, match="has no hidden states: give DistilBERTLoss a BERT"):
        losses.DistilBERTLoss(tasks.mlp())
    with pytest.raises(ValueError, match="temperature=0"):
        losses.DistilBERTLoss(teacher, temperature=0)


def test_distilbert_loss_trains_a_student_of_fewer_layers():
    teacher, student = tasks.tiny_bert(1), tasks.tiny_bert(2)
    student.bert.encoder.layer = student.bert.encoder.layer[:1]
    before = state(teacher)
    run = fit(student, tasks.texts(), loss=losses.DistilBERTLoss(teacher), steps=3, batch_size=6, **QUIET)
    assert {"distillation", "cross_entropy", "cosine"} <= run.history[-1].keys()
    assert_same(teacher, before)
