"""Masked language modelling."""

import pytest
import torch
import torch.nn.functional as F
from loss_inputs import SEEDS, draw

from tl_course import losses
from tl_course.models.heads import seeded


@pytest.mark.parametrize("seed", SEEDS)
def test_masked_language_modelling_counts_masked_tokens_only(seed):
    logits, words = draw(seed, 4, 6, 11), torch.randint(11, (4, 6), generator=torch.Generator().manual_seed(seed))
    hidden = draw(seed + 5, 4, 6) > 0.5
    labels = words.where(hidden, -100)
    value = losses.masked_language_modelling(logits, labels)
    each = [-F.log_softmax(logits[i, j], dim=0)[words[i, j]] for i, j in hidden.nonzero().tolist()]
    torch.testing.assert_close(value, torch.stack(each).mean())
    changed = torch.where(hidden[..., None], logits, 3.0)
    torch.testing.assert_close(losses.masked_language_modelling(changed, labels), value)
    assert losses.masked_language_modelling(logits, torch.full((4, 6), -100)) == 0
    with pytest.raises(ValueError, match="language-modelling head"):
        losses.masked_language_modelling(logits[:, 0], labels)


def test_masked_language_modelling_equals_transformers_own():
    from transformers import BertConfig, BertForMaskedLM

    with seeded(0):
        config = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
        model = BertForMaskedLM(BertConfig(vocab_size=30, **config)).eval()
    words = torch.randint(30, (3, 7), generator=torch.Generator().manual_seed(1))
    labels = words.where(torch.arange(7) % 3 == 0, -100)
    output = model(input_ids=words, attention_mask=torch.ones_like(words), labels=labels)
    torch.testing.assert_close(losses.masked_language_modelling(output.logits, labels), output.loss)
