# %% [markdown]
# # Exercises 02: the mathematics of the loss
#
# {{budget}}
#
# Write your answer where it says `# YOUR CODE HERE`, run the cell, and run the check below it. A check says *not
# attempted yet*, *not right yet* and why, or *right* and why it matters. It tries your answer on fresh numbers, leaves
# your own objects alone, and may be asked as often as you like. `tl.hint("l2_sp")` gives a hint, and the next one when
# you ask again; `tl.progress()` shows how far you are. Predictions earn no points: being wrong is what they are for.
#
# For all questions but `sum_or_mean` and `fence` the core of the lesson is enough (★); these two go with its folded
# sections.

# %%
import torch
import torch.nn.functional as F
from torch import nn

import tl_course as tl

env = tl.setup(threads=1, quiet=True)

# %% [markdown]
# {{question sum_or_mean}}
#
# Two people train the same network by plain gradient descent. One takes the *mean* loss over a batch of `count`
# examples with the learning rate `rate`. The other takes the *sum*. Which learning rate must the second one use, so that
# both take exactly the same steps?


# %%
def answer_sum_or_mean(rate, count):
    """The learning rate for the sum that makes the steps of `rate` for the mean."""
    ### BEGIN SOLUTION
    return rate / count
    ### END SOLUTION


# %%
tl.check("sum_or_mean", answer_sum_or_mean)

# %% [markdown]
# {{question short_batch}}
#
# Twelve examples are cut into batches of 5, 5 and 2. You have the gradient of the *mean* loss over each batch, one row of
# `gradients` for each, and the batches' `sizes`. Put them together to the gradient of the mean loss over all examples.


# %%
def answer_short_batch(gradients, sizes):
    """The gradient of the mean over all examples; gradients: batches × weights."""
    ### BEGIN SOLUTION
    shares = sizes / sizes.sum()
    return (shares[:, None] * gradients).sum(dim=0)
    ### END SOLUTION


# %%
tl.check("short_batch", answer_short_batch)

# %% [markdown]
# {{question reaches_target}}
#
# Five recipes for a target network with weights $w_t$. The source's data have labels. Someone replaces them by coin
# flips, and trains again from the same seeds. For which recipes does $w_t$ come out different?
#
# * **A.** Minimise $\tfrac12 L_s(w_s) + \tfrac12 L_t(w_t)$ over both, each network from its own random start, with SGD.
# * **B.** Minimise $\tfrac12 L_s(w_t) + \tfrac12 L_t(w_t)$ from a random start.
# * **C.** Train $w_s$ on the source. Then minimise $L_t(w_t) + \tfrac12\lVert w_t - w_s\rVert^2$ from a random start.
# * **D.** Train $w_s$ on the source. Then minimise $L_t(w_t)$, starting at $w_t = w_s$, for a hundred steps.
# * **E.** As A, but with nine tenths for the source and one tenth for the target.
#
# Answer with the letters, for instance `"AE"`.

# %%
### BEGIN SOLUTION
answer_reaches_target = "BCD"
### END SOLUTION

# %%
tl.check("reaches_target", answer_reaches_target)

# %% [markdown]
# {{question transfer_loss}}
#
# Write $\alpha\,L_{\text{source}} + (1-\alpha)\,L_{\text{target}}$. Both losses are tensors of one number, and autograd
# must be able to follow. At α = 0 the source's loss must do no harm, even if it is NaN, and at α = 1 the target's.
# Between the ends a NaN must show.


# %%
def answer_transfer_loss(source_loss, target_loss, alpha):
    """α times the source's loss and 1 − α times the target's."""
    ### BEGIN SOLUTION
    if alpha == 0:
        return target_loss
    if alpha == 1:
        return source_loss
    return alpha * source_loss + (1 - alpha) * target_loss
    ### END SOLUTION


# %%
tl.check("transfer_loss", answer_transfer_loss)

# %% [markdown]
# {{question meant_loss}}
#
# Somebody wants to transfer, and writes this. It runs, its loss falls, and the target network learns nothing of its task.


# %%
def broken_loss(source_net, target_net, x, alpha):
    """How differently two networks answer; the source network is untrained."""
    difference = torch.sigmoid(source_net(x)) - torch.sigmoid(target_net(x))
    return alpha * difference.square().mean()


# %% [markdown]
# Write the loss that was meant: *one* network for both tasks, so that they share weights, and labels to be right about.
# `source` and `target` are pairs: inputs N×d, and N labels, each 0 or 1. The two sets differ in size. `net` gives N×1
# logits; use the mean binary cross-entropy of each task, and α for the source.


# %%
def answer_meant_loss(net, source, target, alpha):
    """The mixture of both tasks' mean losses, for one shared network."""

    ### BEGIN SOLUTION
    def risk(x, y):
        return F.binary_cross_entropy_with_logits(net(x).squeeze(1), y)

    return alpha * risk(*source) + (1 - alpha) * risk(*target)
    ### END SOLUTION


# %%
tl.check("meant_loss", answer_meant_loss)

# %% [markdown]
# {{question l2_sp}}
#
# Write a function that looks at a model *now* and gives back a penalty: a function without arguments that can be called
# after any number of training steps, and says how far the model has moved since,
#
# $$\frac{\lambda}{2}\sum\lVert\theta - \theta_s\rVert^2,$$
#
# summed over all parameters. Training changes the parameters in place. The penalty must be differentiable.


# %%
def answer_l2_sp(model, strength):
    """Return penalty(), which remembers where the model's parameters are now."""
    ### BEGIN SOLUTION
    start = [weight.detach().clone() for weight in model.parameters()]

    def penalty():
        pairs = zip(model.parameters(), start, strict=True)
        moved = sum((weight - source).square().sum() for weight, source in pairs)
        return strength / 2 * moved

    return penalty
    ### END SOLUTION


# %%
tl.check("l2_sp", answer_l2_sp)

# %% [markdown]
# Watch yours at work, if you have written it: the further a model moves, the harder it is pulled back.

# %%
model = nn.Linear(2, 1)
penalty = answer_l2_sp(model, 1.0)
for _ in range(3):
    with torch.no_grad():
        model.weight.add_(1.0)
    print(penalty() if penalty else "not written yet")

# %% [markdown]
# {{question spring}}
#
# Near its minimum $\theta_t$ the target's loss is a valley, $\tfrac12\,h\,(\theta-\theta_t)^2$ with the curvature
# $h > 0$, and L2-SP adds a spring, $\tfrac12\,\lambda\,(\theta-\theta_s)^2$. Where is the minimum of both together? There
# are several weights at once, each with its own $h$, $\theta_t$ and $\theta_s$: compute with tensors.


# %%
def answer_spring(curvature, target, source, lam):
    """The weights at rest, from three tensors of one shape and a number from 0 on."""
    ### BEGIN SOLUTION
    return (curvature * target + lam * source) / (curvature + lam)
    ### END SOLUTION


# %%
tl.check("spring", answer_spring)

# %% [markdown]
# {{question fence}}
#
# A network has one weight θ. The target's loss is $\tfrac14(\theta-11)^2$, and the source's weight is 1. You minimise the
# loss inside a fence, $|\theta-1|\le 4$. A friend has no fence and adds the penalty $\tfrac{\lambda}{2}(\theta-1)^2$
# instead. With which $\lambda$ does she end where you end? Answer with a number.

# %%
### BEGIN SOLUTION
answer_fence = 0.5 * (11 - 5) / (5 - 1)
### END SOLUTION

# %%
tl.check("fence", answer_fence)

# %% [markdown]
# ## Explain it (not graded)
#
# A friend shows you a training curve. "The loss fell to a thousandth of what it was," she says, "so transfer works." Name
# two questions you would ask her before you believe it, and for each the experiment that would answer it. Write here:
#
# *your words*

# %% [markdown] tags=["solution"]
# **One answer among many.** *Which labels are in that loss?* If there are none, the network may be imitating one that
# knows nothing; measure accuracy on test labels beside the loss. *Through which weights does the source reach the target
# network?* Replace the source's labels by coin flips and train again: if the target network is the same in every bit,
# nothing was transferred. A third: *compared with what?* Train on the target alone, with weight decay, too, and take the
# source model as it is.
