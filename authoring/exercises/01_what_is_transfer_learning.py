# %% [markdown]
# # Exercises 01: what is transfer learning?
#
# {{budget}}
#
# Words first, then the measures of a gain, and a feature made by hand. No network is trained. A ★ needs nothing of the
# lesson's folded sections. `tl.hint("only_domain")` gives a hint, `tl.progress()` shows how far you are.

# %%
import math

import torch
from scipy import stats

import tl_course as tl

env = tl.setup(threads=1, quiet=True)

# %% [markdown]
# {{question only_domain}}
#
# ★ In which of these do the *domains* differ, and the tasks not?
#
# * **A.** Source: adults speak commands to a lamp, which must tell the commands apart. Target: children speak the same
#   commands.
# * **B.** Source: is this photograph taken indoors or outdoors? Target: the same photographs, and which room is it?
# * **C.** Source: leaves from a garden, named from photographs. Target: further leaves of the same garden, same camera,
#   same names.
# * **D.** Source: name printed Greek letters. Target: name handwritten Arabic letters.
# * **E.** Source: a camera counts bicycles by day. Target: the same camera counts bicycles by night.
#
# Write the letters.

# %%
### BEGIN SOLUTION
answer_only_domain = "AE"
### END SOLUTION

# %%
tl.check("only_domain", answer_only_domain)

# %% [markdown]
# {{question label_axis}}
#
# Four situations, and the axis of labels of the folded map in lesson 01:
#
# 1. The source has labels, and so has each of the target's hundred pictures.
# 2. The source has labels, the target has none. The question is the same for both.
# 3. Neither source nor target has labels. The target's pictures must be put into groups.
# 4. Fifty pictures of the target have labels, and five thousand have none; all of them are used.
#
# Write the words *inductive, transductive, unsupervised, semi-supervised* in the order of the situations. Each word is used
# once: for each situation, take the one that says most about it.

# %%
### BEGIN SOLUTION
answer_label_axis = ["inductive", "transductive", "unsupervised", "semi-supervised"]
### END SOLUTION

# %%
tl.check("label_axis", answer_label_axis)

# %% [markdown]
# {{question labels_to}}
#
# `budgets` are numbers of labels in rising order, `means` the mean accuracies that they reached. How many labels does it
# take to reach `threshold`?
#
# * If the first budget is enough: the first budget.
# * Else where the curve *first* comes from below to the threshold, straight from point to point on an axis on which labels
#   stand logarithmically.
# * If it never does: infinity.


# %%
def answer_labels_to(budgets, means, threshold):
    """Labels to reach the threshold, not rounded."""
    ### BEGIN SOLUTION
    if means[0] >= threshold:
        return budgets[0]
    for i in range(1, len(budgets)):
        if means[i] >= threshold:
            share = (threshold - means[i - 1]) / (means[i] - means[i - 1])
            return budgets[i - 1] * (budgets[i] / budgets[i - 1]) ** share
    return math.inf
    ### END SOLUTION


# %%
tl.check("labels_to", answer_labels_to)

# %% [markdown]
# {{question equal_footing}}
#
# ★ `run(method, labels, steps, seed)` trains and returns a test accuracy; `method` is `"fine_tune"` or `"scratch"`. The seed
# draws the labels. Somebody computes gains in this way:


# %%
def broken_gains(run, labels, steps, seeds):
    """What transfer gained, once for each seed."""
    baseline = run("scratch", labels, steps // 2, seeds[0])  # half the time
    return [run("fine_tune", labels, steps, seed) - baseline for seed in seeds]


# %% [markdown]
# Repair it: return a list with one gain for each seed, of two runs that differ in nothing but the method. (Equal steps are
# the least that you owe the baseline. In the lesson it got more.)


# %%
def answer_equal_footing(run, labels, steps, seeds):
    """What transfer gained, once for each seed."""
    ### BEGIN SOLUTION
    gains = []
    for seed in seeds:
        baseline = run("scratch", labels, steps, seed)
        gains.append(run("fine_tune", labels, steps, seed) - baseline)
    return gains
    ### END SOLUTION


# %%
tl.check("equal_footing", answer_equal_footing)

# %% [markdown]
# {{question gain_interval}}
#
# ★ `transfer` and `scratch` hold the accuracies of the two methods under the same seeds, in the same order. Return the low
# and the high end of the interval of the mean gain, mean ± $t \cdot s / \sqrt{n}$, paired within the seeds. The quantile
# $t$ for n seeds is given:


# %%
def t_quantile(n):
    """The quantile of Student's t for an interval of the usual level from n numbers."""
    return float(stats.t.ppf(0.975, n - 1))


# %%
def answer_gain_interval(transfer, scratch):
    """[low, high] of the mean gain, from two tensors of n accuracies."""
    ### BEGIN SOLUTION
    gain = transfer - scratch
    half = t_quantile(len(gain)) * gain.std() / math.sqrt(len(gain))
    return [gain.mean() - half, gain.mean() + half]
    ### END SOLUTION


# %%
tl.check("gain_interval", answer_gain_interval)

# %% [markdown]
# {{question gradient_histogram}}
#
# HOG in small, for one cell. `patch` is a table of brightness, H×W; the first index counts downwards. For each pixel that
# has four neighbours take
#
# * the change *across*, its right neighbour minus its left one, and the change *down*, the one below minus the one above;
# * the strength of the gradient, $\sqrt{\text{across}^2 + \text{down}^2}$, and its angle `atan2(down, across)`, modulo π, so
#   that from dark to light and from light to dark are one direction.
#
# Divide the angles from 0 to π into `bins` equal parts, and add up the *strengths* in each. Rounding can give π itself: it
# belongs to the last part.


# %%
def answer_gradient_histogram(patch, bins):
    """A tensor of ``bins`` numbers."""
    ### BEGIN SOLUTION
    across = patch[1:-1, 2:] - patch[1:-1, :-2]
    down = patch[2:, 1:-1] - patch[:-2, 1:-1]
    strength = torch.hypot(across, down)
    place = (torch.atan2(down, across) % math.pi / math.pi * bins).long()
    # an angle a hair below zero is rounded to π itself
    place = place.clamp(max=bins - 1)
    return torch.bincount(place.flatten(), weights=strength.flatten(), minlength=bins)
    ### END SOLUTION


# %%
tl.check("gradient_histogram", answer_gradient_histogram)

# %% [markdown]
# ## Explain it (not graded)
#
# A paper fine-tunes a network that was trained on a million drawings, and reports that it beats a network from scratch on
# X-rays with fifty labels, over five seeds, at equal steps. "So drawings teach what X-rays need", its authors write. Name
# two control experiments that they owe you, and what each could show. Write here:
#
# *your words*

# %% [markdown] tags=["solution"]
# **One answer.** First the same source network taught *random labels*: if fine-tuning from it gains as much, it is
# any training of the weights that helps (their scale, the first layers), and not what drawings show. Second a source
# further away, such as drawings whose tiles were put into another order, taught the same names: if that gains as much,
# shapes do not matter. A probe of random weights and a longer training from scratch would belong there, too: the one says
# what the architecture does alone, the other whether the baseline was only slow. And all of it speaks about these X-rays
# with fifty labels; with all labels the gain may be gone.
