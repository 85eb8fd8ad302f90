# %% [markdown]
# # Exercises 14: aligning features without target labels
#
# {{budget}}
#
# Losses that may look at the target's inputs and never at its labels, and what they cannot know. Nothing is fetched,
# and no network of any size is trained. `tl.hint("mmd")` gives a hint, `tl.progress()` shows how far you are. Up to
# `aligned_wrong` the core of the lesson is enough (★); the others go with its folded sections.

# %%
import torch
import torch.nn.functional as F

import tl_course as tl

env = tl.setup(threads=1, quiet=True)

# %% [markdown]
# {{question mmd}}
#
# Write the *unbiased* estimate of MMD², in plain PyTorch. The kernel is
# $k(x, y) = \exp\!\left(-\lVert x-y\rVert^2 / (2\sigma^2)\right)$; within a batch each example's kernel with itself
# is left out, and the mean is over the others:
#
# $$\operatorname*{mean}_{i\neq j}\,k(x_i, x_j) + \operatorname*{mean}_{i\neq j}\,k(y_i, y_j)
# - 2\operatorname*{mean}_{i,j}\,k(x_i, y_j).$$
#
# `width` is σ, the median distance. It was measured on these very features, and autograd could follow it back to them.
# Training must not be able to lower the loss by making the kernel wider: for your loss the width is a mere number.


# %%
def answer_mmd(source, target, width):
    """MMD² of features n×d and m×d, with gradients; width: a tensor of one number."""

    ### BEGIN SOLUTION
    def kernel(x, y):
        return torch.exp(-torch.cdist(x, y).square() / (2 * width.detach() ** 2))

    total = -2 * kernel(source, target).mean()
    for batch in (source, target):
        k = kernel(batch, batch)
        total = total + (k.sum() - k.diagonal().sum()) / (len(k) * (len(k) - 1))
    return total
    ### END SOLUTION


# %%
tl.check("mmd", answer_mmd)

# %% [markdown]
# {{question reverse}}
#
# Write the gradient reversal yourself. Forward, the features pass unchanged. Backward, what comes from behind is
# multiplied by −λ. The same features also go into the head, past the reversal: what flows back from there must stay
# as it is.


# %%
def answer_reverse(features, strength):
    """The same values as `features`; strength: λ, a number of at least 0."""

    ### BEGIN SOLUTION
    class Reversal(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.factor = factor
            return x.view_as(x)

        @staticmethod
        def backward(ctx, gradient):
            return -ctx.factor * gradient, None

    return Reversal.apply(features, strength)
    ### END SOLUTION


# %%
tl.check("reverse", answer_reverse)

# %% [markdown]
# {{question dann}}
#
# Write the loss of one step of domain-adversarial training, as one number whose `backward()` moves all three networks.
# `backbone` turns inputs into features, `head` features into logits of the classes, `discriminator` features into one
# logit (n×1): above zero it says *target*.
#
# * The label loss is the mean cross-entropy where labels may be known.
# * The domain loss is the mean binary cross-entropy of each domain, and each counts a half, however large it is. **The
#   source has the domain label 0, the target 1.**
# * The discriminator learns at rate 1, the backbone against it at rate λ. `tl.losses.reverse_gradient(features,
#   strength)` is there for you, or your own.
#
# `source` and `target` are pairs, inputs and labels, as their loaders deliver them.


# %%
def answer_dann(backbone, head, discriminator, source, target, strength):
    """Label loss + domain loss. Do not call backward()."""
    ### BEGIN SOLUTION
    (source_x, labels), (target_x, _) = source, target
    features, others = backbone(source_x), backbone(target_x)
    loss = F.cross_entropy(head(features), labels)
    for side, domain in ((features, 0.0), (others, 1.0)):
        said = discriminator(tl.losses.reverse_gradient(side, strength))
        loss = (
            loss
            + F.binary_cross_entropy_with_logits(said, torch.full_like(said, domain))
            / 2
        )
    return loss
    ### END SOLUTION


# %%
tl.check("dann", answer_dann)

# %% [markdown]
# {{question choose_blind}}
#
# Seven runs of DANN with seven values of λ. Of each there is a dict: `source_accuracy`, on held-out source examples;
# `target_probabilities`, a tensor N×C of what it says to N target examples without labels; and `target_test_accuracy`.
# This choice looks at what you do not have:


# %%
def broken_choice(runs, slack):
    """The place of the run to keep."""
    return max(range(len(runs)), key=lambda place: runs[place]["target_test_accuracy"])


# %% [markdown]
# Repair it by a rule that needs no target label. (Entropy chose well on one pair of the lesson. On the
# other it kept the network that never adapted.) Keep only runs whose source accuracy is *at most* `slack` below the
# best one. Of those, choose the run that is surest on the target: the one with the lowest mean entropy $-\sum_c p_c
# \log p_c$. (No probability is exactly zero.)


# %%
def answer_choose_blind(runs, slack):
    """The place of the run to keep, counted from zero."""

    ### BEGIN SOLUTION
    def entropy(place):
        p = runs[place]["target_probabilities"]
        return float(-(p * p.log()).sum(dim=1).mean())

    best = max(run["source_accuracy"] for run in runs)
    left = [
        place
        for place, run in enumerate(runs)
        if run["source_accuracy"] >= best - slack
    ]
    return min(left, key=entropy)
    ### END SOLUTION


# %%
tl.check("choose_blind", answer_choose_blind)

# %% [markdown]
# {{question aligned_wrong}}
#
# A backbone has been aligned perfectly: its features have *exactly* the same distribution in both domains. A head on
# these features tells cats from dogs, and makes no mistake on the source. There, half of the pictures are cats. On
# the target nine tenths are cats.
#
# What share of the target does it get wrong *at least*, however lucky it is? A number between 0 and 1.

# %%
### BEGIN SOLUTION
answer_aligned_wrong = 0.4
### END SOLUTION

# %%
tl.check("aligned_wrong", answer_aligned_wrong)

# %% [markdown]
# {{question coral}}
#
# Write CORAL in plain PyTorch,
#
# $$\frac{1}{4d^2}\,\lVert C_s - C_t\rVert_F^2,$$
#
# where $C$ is the d×d covariance matrix of a batch, with $n-1$, and the squared Frobenius norm is the sum of all
# squared entries. The batches differ in size. `torch.cov` is allowed; mind what it takes for an example.


# %%
def answer_coral(source, target):
    """CORAL of features n×d and m×d: one number, with gradients to both."""

    ### BEGIN SOLUTION
    def covariance(x):
        centred = x - x.mean(dim=0)
        return centred.T @ centred / (len(x) - 1)

    gap = covariance(source) - covariance(target)
    return gap.square().sum() / (4 * source.shape[1] ** 2)
    ### END SOLUTION


# %%
tl.check("coral", answer_coral)

# %% [markdown]
# {{question equal_samples}}
#
# MMD² with a Gaussian kernel of fixed width compares two batches of thirty-two examples. The *biased* estimate takes
# the mean of all kernels within a batch. The *unbiased* one leaves out each example's kernel with itself. Which of
# these sentences hold, but for rounding?
#
# * **A.** Both batches come from one domain. Over many draws, the unbiased estimate is zero on average.
# * **B.** Both batches come from one domain. The unbiased estimate is never below zero, for it estimates a square.
# * **C.** Both batches come from one domain. The biased estimate is above zero on average, and twice as far above with
#   batches of half the size.
# * **D.** The very same batch stands in both places. The biased estimate is zero.
# * **E.** The very same batch stands in both places. The unbiased estimate is zero.

# %%
### BEGIN SOLUTION
answer_equal_samples = "ACD"
### END SOLUTION

# %%
tl.check("equal_samples", answer_equal_samples)

# %% [markdown]
# When you have answered, look: two batches of one domain, drawn five hundred times.

# %%
for count in (16, 32):
    draws = torch.randn(500, 2, count, 4)
    for name, unbiased in (("biased", False), ("unbiased", True)):
        options = {"bandwidth": 2.0, "unbiased": unbiased}
        found = torch.stack([tl.losses.mmd2(s, t, **options) for s, t in draws])
        below = float((found < 0).float().mean())
        print(
            f"batches of {count}, {name:>8}: {found.mean():+.4f} on average,", end=" "
        )
        print(f"{below:.0%} below zero")

# %% [markdown]
# {{question joint_norm}}
#
# A step of alignment needs the model's answers for a batch of each domain. The model has BatchNorm and is in train
# mode:


# %%
def separate_answers(model, source, target):
    """Logits of the source's pictures, and of the target's."""
    return model(source), model(target)


# %% [markdown]
# Each domain is normalised by its own statistics. In a test all pictures are normalised by *one* set. Change it so
# that this holds in training, too, the lesson's `"joint"`: both batches are normalised by the mean and variance of
# the mixture, and so are the running statistics moved. Both domains must go on getting gradients, and the model stays
# in train mode.
#
# (Which of the two is *better* is a question for a measurement. On the lesson's digits DANN with "separate" is ahead
# of DANN with "joint", by the statistics that training left. And source only with the target's own statistics is not
# clearly behind "separate" with them.)


# %%
def answer_joint_norm(model, source, target):
    """Logits of the n source pictures and of the m target pictures, as two tensors."""
    ### BEGIN SOLUTION
    logits = model(torch.cat([source, target]))
    return logits[: len(source)], logits[len(source) :]
    ### END SOLUTION


# %%
tl.check("joint_norm", answer_joint_norm)

# %% [markdown]
# ## Explain it (not graded)
#
# After training with DANN a colleague shows you a curve: the discriminator is right half of the time, in the last
# thousand steps. "At chance," she says, "so the features are aligned, and the target will do as well as the source."
# Her sentence has two steps. What would you check for each of them, without a target label if you can? Write here:
#
# *your words*

# %% [markdown] tags=["solution"]
# **One answer.** *At chance, so aligned?* A discriminator that is dead, too small, too slow, or trained with the
# minus on the wrong side is at chance as well. Hold the features fixed, train a fresh discriminator on them, and look
# at it on held-out examples of both domains. *Aligned, so as good as the source?* Alignment compares the two crowds
# of features and not who stands where: it is content with cats on dogs. If the classes are not equally frequent in
# both domains, it even has to put some of them in the wrong place. Look at the shares of classes that the model
# predicts in both domains, and at its accuracy on the source before and after. But whether classes were swapped no
# number without labels will tell. So have a few dozen target examples labelled, for a test. And try what a model
# learns from so few labels alone: on the lesson's digits that was far ahead of every aligned network.
