# %% [markdown]
# # Exercises 05: fine-tuning a ResNet
#
# {{budget}}
#
# Your answers act on a tiny network with the names of a ResNet: `conv1`, `bn1`, `layer1`, `layer2`, and the head `fc`.
# The checks do not read flags. They train it for a few steps and look at what moved. `tl.hint("freeze_bn")` gives a
# hint, `tl.progress()` shows how far you are.

# %%
import torch

import tl_course as tl
from tl_course.exercises.networks import TinyResNet

env = tl.setup(threads=1, quiet=True)
print(TinyResNet(classes=4, seed=0))

# %% [markdown]
# {{question freeze_bn}}
#
# Your function is called at the start of each epoch, right after `model.train()`. After it, training must move the head
# `model.fc` and *nothing else*: no weight of the backbone, and none of the statistics that BatchNorm keeps.


# %%
def answer_freeze_bn(model):
    """Freeze everything but the head, until the next model.train()."""
    ### BEGIN SOLUTION
    for name, part in model.named_children():
        if name != "fc":
            part.requires_grad_(False)
            part.eval()
    ### END SOLUTION


# %%
tl.check("freeze_bn", answer_freeze_bn)

# %% [markdown]
# {{question loud_or_silent}}
#
# Four programs prepare a pretrained model with a new head, each followed by an ordinary training loop over all trainable
# parameters. Meant is always: the parameters of the head learn (in B those of the last stage too), and no others. (Here
# we ask about parameters alone, and leave BatchNorm's statistics aside.)
#
# * **A.** `model.requires_grad_(False)`, then `model.fc.requires_grad = True`
# * **B.** `model.requires_grad_(False)`, then `model.layer2.requires_grad_(True)` and `model.fc.requires_grad = True`
# * **C.** `model.requires_grad_(False)`, then `model.fc.requires_grad_(True)`
# * **D.** `model.requires_grad = False`, then `model.fc.requires_grad = True`
#
# Which of them run without an error, and still do *not* do what was meant? Look closely at the underscores.

# %%
### BEGIN SOLUTION
answer_loud_or_silent = "BD"
### END SOLUTION

# %%
tl.check("loud_or_silent", answer_loud_or_silent)

# %% [markdown]
# {{question thaw_head}}
#
# Program B once more, after an idea in source text 002. Its loss falls, and its head stays as random as it was made.


# %%
def broken_plan(model):
    """Meant: the last stage and the head learn."""
    for weight in model.parameters():
        weight.requires_grad = False
    for weight in model.layer2.parameters():
        weight.requires_grad = True
    model.fc.requires_grad = True


# %% [markdown]
# Repair it: `layer2` and `fc` learn, and no other part.


# %%
def answer_thaw_head(model):
    """Let the last stage and the head learn, and nothing else."""
    ### BEGIN SOLUTION
    for weight in model.parameters():
        weight.requires_grad = False
    for part in (model.layer2, model.fc):
        part.requires_grad_(True)
    ### END SOLUTION


# %%
tl.check("thaw_head", answer_thaw_head)

# %% [markdown]
# {{question choose_rate}}
#
# Five rates were tried under three seeds. `validation[i][j]` is the accuracy of rate `rates[i]` under seed `j` on the
# validation pictures, `test[i][j]` that on the test pictures. Return the rate to use, and the accuracy to report for it:
# a mean over the seeds.


# %%
def answer_choose_rate(rates, validation, test):
    """The rate chosen, and its accuracy: two numbers."""
    ### BEGIN SOLUTION
    means = [sum(row) / len(row) for row in validation]
    place = means.index(max(means))
    return rates[place], sum(test[place]) / len(test[place])
    ### END SOLUTION


# %%
tl.check("choose_rate", answer_choose_rate)

# %% [markdown]
# {{question probe_then_tune}}
#
# `train(model, n)` takes `n` steps with all that is trainable, each part in the mode in which it is. The model comes in
# train mode, with all its layers trainable and a new head `fc`. Spend `steps // 3` steps on the head alone: no weight of
# the backbone and none of BatchNorm's statistics may move. Spend the rest on all layers, in train mode.


# %%
def answer_probe_then_tune(model, train, steps):
    """Train the head, then everything, in two calls of train."""
    ### BEGIN SOLUTION
    backbone = (model.conv1, model.bn1, model.layer1, model.layer2)
    for part in backbone:
        part.requires_grad_(False).eval()
    train(model, steps // 3)
    for part in backbone:
        part.requires_grad_(True).train()
    train(model, steps - steps // 3)
    ### END SOLUTION


# %%
tl.check("probe_then_tune", answer_probe_then_tune)

# %% [markdown]
# {{question two_stages}}
#
# Source text 004 announces pretraining and fine-tuning. Its two loops are the same text over the same data:


# %%
def broken_stages(model, source, target, new_head, train):
    """Meant: pretrain on the source, then fine-tune on the target."""
    train(model, target)
    train(model, target)
    return model


# %% [markdown]
# Write the two stages. `model.fc` fits the source's classes, `new_head` those of the target. `train(model, data)` trains
# all of the model on one of the two data sets.


# %%
def answer_two_stages(model, source, target, new_head, train):
    """Pretrain on the source, replace the head, fine-tune, return the model."""
    ### BEGIN SOLUTION
    train(model, source)
    model.fc = new_head
    train(model, target)
    return model
    ### END SOLUTION


# %%
tl.check("two_stages", answer_two_stages)

# %% [markdown]
# {{question fair_test}}
#
# Source text 003 tests its network as training left it:


# %%
def broken_test(model, images):
    """Logits of all pictures, in batches of five."""
    with torch.no_grad():
        return torch.cat([model(batch) for batch in images.split(5)])


# %% [markdown]
# Repair it. A picture's logits must not depend on who shares its batch. The test must change nothing in the model, keep
# no graph, and give the model back in the mode in which it came, be it train or eval. Here all its parts are in one mode.
# (With a frozen part in eval, you would have to remember the mode of each part.)


# %%
def answer_fair_test(model, images):
    """Logits N×classes of the pictures N×3×6×6."""
    ### BEGIN SOLUTION
    mode = model.training
    model.eval()
    with torch.no_grad():
        logits = model(images)
    model.train(mode)
    return logits
    ### END SOLUTION


# %%
tl.check("fair_test", answer_fair_test)

# %% [markdown]
# {{question report}}
#
# A loop in source text 003 is to print the running loss every 2,000 steps. But its batches are large, and an epoch has
# 500 steps:

# %%
printed = [step for step in range(500) if step % 2000 == 1999]
print(f"{len(printed)} lines printed in an epoch")

# %% [markdown]
# Given all losses of an epoch and `every`, return a list of `[step, mean]`: one entry after each `every` steps with the
# mean loss of those steps, and one at the end for what is left over, if anything is. Steps are counted from one.


# %%
def answer_report(losses, every):
    """What to print: a list of [step, mean loss since the last report]."""
    ### BEGIN SOLUTION
    rows = []
    for start in range(0, len(losses), every):
        part = losses[start : start + every]
        rows.append([start + len(part), sum(part) / len(part)])
    return rows
    ### END SOLUTION


# %%
tl.check("report", answer_report)

# %% [markdown]
# {{question layer_rates}}
#
# Return a `torch.optim.SGD` in which the head has the learning rate `rate`, and each group below it `decay` times the
# rate of the one above. From the top: `fc`, `layer2`, `layer1`, and the stem, that is `conv1` and `bn1` together.


# %%
def answer_layer_rates(model, rate, decay):
    """Plain SGD over all parameters: no momentum, no weight decay."""
    ### BEGIN SOLUTION
    groups = []
    for power, parts in enumerate([["fc"], ["layer2"], ["layer1"], ["conv1", "bn1"]]):
        weights = [
            weight for name in parts for weight in getattr(model, name).parameters()
        ]
        groups.append({"params": weights, "lr": rate * decay**power})
    return torch.optim.SGD(groups)
    ### END SOLUTION


# %%
tl.check("layer_rates", answer_layer_rates)

# %% [markdown]
# ## Explain it (not graded)
#
# A colleague freezes a ResNet with `requires_grad_(False)`, trains a new head in `model.train()`, saves only the head,
# and puts it on a fresh copy of the pretrained backbone. The test accuracy is much lower than in training. What happened,
# and which one line would have prevented it? Write here:
#
# *your words*

# %% [markdown] tags=["solution"]
# **One answer.** In train mode BatchNorm's running statistics went on moving, so the head was trained and tested behind a
# backbone that is no longer the pretrained one. The saved head does not fit the fresh copy, whose statistics are the old
# ones. Putting the backbone in `eval()` in each epoch, or `tl.models.freeze(model, except_head=True)` once, prevents it.
