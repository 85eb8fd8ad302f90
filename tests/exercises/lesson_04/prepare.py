"""Answers to ``prepare`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


def _by_views(images, mean, std):
    images = images.float().div(255)
    return images.sub(mean.view(1, 3, 1, 1)).div(std.view(1, 3, 1, 1))


def _by_torchvision(images, mean, std):
    from torchvision.transforms.v2 import functional

    return functional.normalize(images.float() / 255, mean.tolist(), std.tolist())


def _channel_by_channel(images, mean, std):
    return torch.stack([(images[:, k] / 255 - mean[k]) / std[k] for k in range(3)], dim=1)


def _standardised(images, mean, std):
    x = images.float()
    return (x - x.mean()) / x.std()


def _by_channel_statistics(images, mean, std):
    x = images.float() / 255
    return (x - x.mean(dim=(0, 2, 3), keepdim=True)) / x.std(dim=(0, 2, 3), keepdim=True)


def _everybodys(images, mean, std):
    return _by_views(images, torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225]))


RIGHT = [_by_views, _by_torchvision, _channel_by_channel]

WRONG = {
    "ToTensor alone": lambda images, mean, std: images.float().div(255),
    "own statistics": _by_channel_statistics,
    "ImageNet's, as always": _everybodys,
    "not scaled first": lambda images, mean, std: _by_views(images.float() * 255, mean, std),
    "multiplied by std": lambda images, mean, std: _by_views(images, mean, 1 / std),
    "not divided": lambda images, mean, std: _by_views(images, mean, torch.ones(3)),
    "along the width": lambda images, mean, std: (images.float() / 255).sub(mean).div(std),
}

NO_ANSWERS = [_standardised, lambda images, mean, std: images]
"""Wrong answers that have no name: they must not pass."""
