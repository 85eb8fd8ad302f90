# %% [markdown]
# # Exercises 04: VGG as a feature extractor
#
# {{budget}}
#
# Your answers act on a tiny network with the names of a VGG: `features`, `avgpool`, and `classifier`, whose last layer is
# the head. The checks do not read attributes. They look at what your network answers. `tl.hint("vgg_head")` gives a hint,
# `tl.progress()` shows how far you are.

# %%
from itertools import pairwise

import torch
from torch import nn

import tl_course as tl
from tl_course.exercises.networks import TinyVGG

env = tl.setup(threads=1, quiet=True)
print(TinyVGG(classes=5, hidden=[40], seed=0))

# %% [markdown]
# {{question vgg_head}}
#
# Source text 000 gives VGG16 a new head like this, in lines of our own:


# %%
def broken_head(model, num_classes):
    """Meant: a new last layer, for another number of classes."""
    model.features.fc = nn.Linear(model.features.fc.in_features, num_classes)


# %% [markdown]
# Repair it. Replace the last layer, and only that, in the model itself. VGG16 has two hidden layers in its `classifier`,
# our `vgg_small` has one: yours will be tried on both kinds.


# %%
def answer_vgg_head(model, num_classes):
    """Put a new last layer with num_classes outputs into the model."""
    ### BEGIN SOLUTION
    old = model.classifier[-1]
    model.classifier[-1] = nn.Linear(old.in_features, num_classes)
    ### END SOLUTION


# %%
tl.check("vgg_head", answer_vgg_head)

# %% [markdown]
# {{question head_parameters}}
#
# The lesson puts one linear layer where the head was. You may put a chain of linear layers there, each with a bias. Given
# its `widths`, inputs first and classes last, return how many parameters the chain has. `[256, 10]` is a single layer
# with 256 inputs and 10 outputs.


# %%
def answer_head_parameters(widths):
    """Number of weights and biases of all layers together."""
    ### BEGIN SOLUTION
    total = 0
    for inputs, outputs in pairwise(widths):
        total += inputs * outputs + outputs
    return total
    ### END SOLUTION


# %%
tl.check("head_parameters", answer_head_parameters)

# %% [markdown]
# How many of VGG16's 138 million parameters lie in its three linear layers, then? And how many has a new last layer for
# ten classes?

# %%
for widths in ([25088, 4096, 4096, 1000], [4096, 10]):
    print(widths, answer_head_parameters(widths))

# %% [markdown]
# {{question cut_head}}
#
# Turn a VGG into a feature extractor: return what its head is given, one row for each picture. The model may come in train
# mode. The features must be those of a network at rest, they must keep no graph, and afterwards the model must still
# answer as before. (In which mode you leave it does not matter here.)


# %%
def answer_cut_head(model, images):
    """What the head is given for pictures N×3×6×6: a tensor with N rows."""
    ### BEGIN SOLUTION
    model.eval()
    with torch.no_grad():
        maps = model.avgpool(model.features(images))
        return model.classifier[:-1](torch.flatten(maps, 1))
    ### END SOLUTION


# %%
tl.check("cut_head", answer_cut_head)

# %% [markdown]
# {{question prepare}}
#
# Source text 000 brings pixels to between 0 and 1, and hands them to a network that knows ImageNet:


# %%
def broken_prepare(images, mean, std):
    """Meant: pictures as the weights expect them."""
    return images / 255


# %% [markdown]
# The model card of the weights names the `mean` and the standard deviation `std` of each of the three channels, for
# pixels between 0 and 1. Repair it. The pictures are uint8, N×3×H×W.


# %%
def answer_prepare(images, mean, std):
    """Pictures uint8 N×3×H×W as the weights expect them; mean, std: 3 numbers each."""
    ### BEGIN SOLUTION
    scaled = images / 255
    return (scaled - mean[:, None, None]) / std[:, None, None]
    ### END SOLUTION


# %%
tl.check("prepare", answer_prepare)

# %% [markdown]
# {{question grey_layer}}
#
# Your pictures are grey: one channel. The pretrained network begins with a convolution that takes three. You could repeat
# each picture three times. Build a layer that gives the same answers from the one channel. It must fit any first layer:
# with a bias or without, whatever its stride and padding (an `nn.Conv2d` knows its own). Leave the old layer as it is.


# %%
def answer_grey_layer(conv):
    """An nn.Conv2d for one grey channel, equal to conv on that channel three times."""
    ### BEGIN SOLUTION
    geometry = {"stride": conv.stride, "padding": conv.padding}
    layer = nn.Conv2d(
        1, conv.out_channels, conv.kernel_size, bias=conv.bias is not None, **geometry
    )
    with torch.no_grad():
        layer.weight.copy_(conv.weight.sum(dim=1, keepdim=True))
        if conv.bias is not None:
            layer.bias.copy_(conv.bias)
    return layer
    ### END SOLUTION


# %%
tl.check("grey_layer", answer_grey_layer)

# %% [markdown]
# {{question eval_or_freeze}}
#
# A pretrained VGG *with* BatchNorm, such as our `vgg_small`, gets a new head and is trained for an epoch. The optimiser
# holds all of `model.parameters()`. After `model.train()`, in each step, one of these is done:
#
# * **A.** `model.features.eval()`
# * **B.** `model.features.requires_grad_(False)`
# * **C.** `model.features.requires_grad_(False)` and `model.features.eval()`
# * **D.** the pictures go through `model.features` under `torch.no_grad()`
# * **E.** as D, with `model.features.eval()` before
#
# After the epoch, and `model.eval()`, we look at what `model.features` makes of one picture. In which cases is it what it
# was before the epoch? Answer with the letters, for instance `"AD"`.

# %%
### BEGIN SOLUTION
answer_eval_or_freeze = "CE"
### END SOLUTION

# %%
tl.check("eval_or_freeze", answer_eval_or_freeze)

# %% [markdown]
# {{question may_keep}}
#
# The backbone is frozen and in eval mode, unless the line says otherwise. In which of these trainings may the features be
# computed once, before the first epoch, without a change in the head that comes out?
#
# * **A.** The pictures come in another random order in each epoch.
# * **B.** Each picture is shifted by a few random pixels whenever it is drawn.
# * **C.** The backbone learns too, at a hundredth of the head's rate.
# * **D.** The middle of each picture is cut out, and normalised.
# * **E.** The backbone's parameters are frozen, and its BatchNorm layers are in train mode.
# * **F.** The new head has two layers with dropout between them.

# %%
### BEGIN SOLUTION
answer_may_keep = "ADF"
### END SOLUTION

# %%
tl.check("may_keep", answer_may_keep)

# %% [markdown]
# {{question compute_once}}
#
# Here is a training of a head behind a frozen backbone. `look(pictures)` runs the backbone, and is dear. `step(features,
# labels)` takes one step with the head, and is cheap. `orders` holds one order of all pictures for each epoch, and
# `order.split(size)` cuts it into batches.


# %%
def slow_epochs(look, step, images, labels, orders, size):
    """Train the head: one step for each batch of each epoch."""
    for order in orders:
        for index in order.split(size):
            step(look(images[index]), labels[index])


# %% [markdown]
# Repair it: the same steps with the same batches in the same order, and each picture goes through the backbone once.


# %%
def answer_compute_once(look, step, images, labels, orders, size):
    """The same steps as slow_epochs, with each picture looked at once."""
    ### BEGIN SOLUTION
    features = torch.cat([look(part) for part in images.split(size)])
    for order in orders:
        for index in order.split(size):
            step(features[index], labels[index])
    ### END SOLUTION


# %%
tl.check("compute_once", answer_compute_once)

# %% [markdown]
# ## Explain it (not graded)
#
# A friend trains a linear probe on the features of a pretrained VGG and gets 62 of 100 right on ten classes. "Guessing gives
# ten," she says, "so ImageNet is worth 52 points." Which two controls would you ask her for, and what does each of them
# take away from the 52? Write here:
#
# *your words*

# %% [markdown] tags=["solution"]
# **One answer.** *The same probe on the same architecture with random weights.* Convolution and pooling alone give
# something, and that is not ImageNet's. *The whole network, trained from scratch on the same labels in as many steps.* If
# that does as well, nothing was gained by the source, whatever the probe says about its features. A third: were the
# pictures prepared as the weights expect? If not, the 62 may be too few.
