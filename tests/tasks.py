"""Small made-up tasks and networks for tests of training."""

import torch
from torch import nn

from tl_course import models
from tl_course.data import Split, Task
from tl_course.models.heads import seeded
from tl_course.models.zoo import architecture


def images(seed: int = 0, train: int = 20, validation: int = 8, augment=()) -> Task:
    """Pictures of 32 pixels, in three classes that differ in brightness."""
    draw = torch.Generator().manual_seed(seed)

    def split(count: int) -> Split:
        labels = torch.arange(count) % 3
        pixels = torch.randint(0, 120, (count, 3, 32, 32), generator=draw) + 50 * labels.view(-1, 1, 1, 1)
        return Split(pixels.to(torch.uint8), labels)

    return Task("toy", "Toy", "image", ("a", "b", "c"), split(train), split(validation), split(9), "made up", augment)


def points(seed: int = 0, train: int = 50, validation: int = 30, noise: float = 1.0, width: int = 8) -> Task:
    """Points around three centres."""
    draw = torch.Generator().manual_seed(seed)
    centres = torch.randn(3, width, generator=draw)

    def split(count: int) -> Split:
        labels = torch.randint(0, 3, (count,), generator=draw)
        return Split(centres[labels] + noise * torch.randn(count, width, generator=draw), labels)

    return Task("points", "Points", "features", ("a", "b", "c"), split(train), split(validation), split(40), "made up")


def texts(seed: int = 0) -> Task:
    """Sentences of a few words; the label is whether "good" is among them."""
    draw = torch.Generator().manual_seed(seed)

    def split(count: int) -> Split:
        words = [torch.randint(0, 4, (length,), generator=draw).tolist() for length in range(2, count + 2)]
        labels = torch.tensor([int(0 in chosen) for chosen in words])
        return Split([" ".join(("good", "bad", "a", "film")[word] for word in chosen) for chosen in words], labels)

    return Task("words", "Words", "text", ("no", "yes"), split(12), split(6), split(6), "made up")


def linear(seed: int = 0, width: int = 8, classes: int = 3) -> nn.Linear:
    with seeded(seed):
        return nn.Linear(width, classes)


def mlp(seed: int = 0, width: int = 8, classes: int = 3) -> nn.Sequential:
    with seeded(seed):
        return nn.Sequential(nn.Linear(width, 16), nn.ReLU(), nn.Linear(16, classes))


def tiny_bert(seed: int = 0) -> nn.Module:
    from transformers import BertConfig, BertTokenizer

    from tl_course.data import TextPreprocess

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "a", "film"]
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    with seeded(seed):
        model = architecture("bert", 2, config.to_dict())
    model.preprocess = TextPreprocess(BertTokenizer(vocab={word: number for number, word in enumerate(words)}), 16)
    return model.eval()


def resnet(seed: int = 0) -> nn.Module:
    return models.create("resnet_small", num_classes=3, seed=seed)


def state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def assert_same(ours, theirs) -> None:
    """Equal to the last bit."""
    ours, theirs = (each if isinstance(each, dict) else state(each) for each in (ours, theirs))
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), f"{name} differs by {(tensor - theirs[name]).abs().max():.3g}"
