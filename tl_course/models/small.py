"""Two small networks for 32-pixel pictures, built as torchvision builds the big ones.

They carry torchvision's attribute names, so that what a learner types for ``resnet_small`` (``model.layer4``,
``model.fc``) is what works on ``resnet18``, and likewise for ``vgg_small`` and ``vgg16``. The differences are those
that 32 pixels ask for: the first convolution keeps the resolution, there is no max pooling after it, and the last
stages are narrower. Both train at a few hundred pictures a second on two CPU cores.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

RESNET_WIDTHS = (32, 64, 160, 288)
TINY_WIDTHS = (16, 32, 80, 144)
VGG_WIDTHS = (32, "M", 64, 64, "M", 128, 128, "M", 288, 288, "M")
VGG_HIDDEN = 256


class ResNetSmall(nn.Module):
    """A ResNet with one basic block in each of four stages (He et al. 2016), for 32-pixel pictures.

    Parameters
    ----------
    num_classes : int
        Outputs of the head ``fc``.
    widths : four int
        Channels of the stages. ``TINY_WIDTHS`` are half as many, and so a quarter of the weights: the student of
        lesson 12.

    Examples
    --------
    >>> ResNetSmall(num_classes=10)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, num_classes: int, widths: tuple[int, int, int, int] = RESNET_WIDTHS) -> None:
        super().__init__()
        stem, second, third, last = widths
        self.conv1 = nn.Conv2d(3, stem, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = _stage(stem, stem, stride=1)
        self.layer2 = _stage(stem, second, stride=2)
        self.layer3 = _stage(second, third, stride=2)
        self.layer4 = _stage(third, last, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(last, num_classes)
        _initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """Turn normalised pictures N×3×32×32 into N×num_classes logits."""
        x = self.relu(self.bn1(self.conv1(images)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class VGGSmall(nn.Module):
    """A VGG with BatchNorm: seven convolutions, then two linear layers (Simonyan & Zisserman 2015), for 32 pixels.

    Parameters
    ----------
    num_classes : int
        Outputs of the head, the last layer of ``classifier``.

    Examples
    --------
    >>> VGGSmall(num_classes=10)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(*_vgg_layers())
        self.avgpool = nn.AdaptiveAvgPool2d(2)
        self.classifier = nn.Sequential(
            nn.Linear(VGG_WIDTHS[-2] * 4, VGG_HIDDEN),
            nn.ReLU(inplace=True),
            nn.Dropout(0.2),
            nn.Linear(VGG_HIDDEN, num_classes),
        )
        _initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """Turn normalised pictures N×3×32×32 into N×num_classes logits."""
        return self.classifier(torch.flatten(self.avgpool(self.features(images)), 1))


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    from torchvision.models.resnet import BasicBlock

    shortcut = None
    if stride != 1 or inputs != outputs:
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    return nn.Sequential(BasicBlock(inputs, outputs, stride, shortcut))


def _vgg_layers() -> list[nn.Module]:
    layers, channels = [], 3
    for width in VGG_WIDTHS:
        if width == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [
                nn.Conv2d(channels, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            channels = width
    return layers


def _initialise(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
