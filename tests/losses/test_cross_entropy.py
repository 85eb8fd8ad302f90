"""Cross-entropy in the loop."""

import pytest
import torch.nn.functional as F
from loss_inputs import image_batch, small_bert, text_batch

from tl_course import losses, models


@pytest.mark.parametrize("name", ["vgg_small", "resnet_small"])
def test_cross_entropy_of_an_image_model(name):
    model, batch = models.create(name, num_classes=10), image_batch()
    model.eval()
    expected = F.cross_entropy(model(batch.inputs), batch.labels)
    assert losses.cross_entropy(model, batch) == {"cross_entropy": expected}


def test_cross_entropy_of_a_text_model():
    model, batch = small_bert().eval(), text_batch()
    expected = F.cross_entropy(model(**batch.inputs).logits, batch.labels)
    assert losses.cross_entropy(model, batch) == {"cross_entropy": expected}
