# %% [markdown]
# # Exercises 06: judging a fine-tuned model
#
# {{budget}}
#
# Nothing is trained here. Your functions get what networks have said, labels, and counts, and make of them what may be
# reported. The package's verbs would do much of it; write it with PyTorch and plain Python, and let them check you.
# `tl.hint("paired")` gives a hint, `tl.progress()` shows how far you are.
#
# ★ Start with `interval`, `recall_by_class`, `company`, `flatters` and `choose_fairly`: for them the core of the lesson is
# enough. The others use its further sections.

# %%
import math

import torch
import torch.nn.functional as F

import tl_course as tl

env = tl.setup(threads=1, quiet=True)

# %% [markdown]
# {{question interval}}
#
# This is the interval of many textbooks, meant to hold the true accuracy in 95 of a hundred samples. A network got ten of
# ten pictures right:


# %%
def broken_interval(right, n):
    """Meant: where the true accuracy may lie."""
    p = right / n
    half = 1.96 * math.sqrt(p * (1 - p) / n)
    return [p - half, p + half]


print(broken_interval(10, 10))

# %% [markdown]
# Repair it: write Wilson's interval, from `right` right answers among `n`, with the same $z$ as above.


# %%
def answer_interval(right, n):
    """Lower and upper end of Wilson's 95% interval, as a list of two."""
    ### BEGIN SOLUTION
    z, p = 1.96, right / n
    centre = p + z**2 / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return [(centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)]
    ### END SOLUTION


# %%
tl.check("interval", answer_interval)

# %% [markdown]
# {{question recall_by_class}}
#
# `matrix[i, j]` counts the pictures of class i that were called j. Somebody wanted the recall of each class:


# %%
def broken_recall(matrix):
    """Meant: recall by class."""
    return torch.nan_to_num(matrix.diagonal() / matrix.sum(dim=0))


# %% [markdown]
# Two things are wrong with it. Repair it: one number for each class, and NaN for a class of which no picture was tested.


# %%
def answer_recall_by_class(matrix):
    """Recall of each class, from the confusion matrix of counts C×C."""
    ### BEGIN SOLUTION
    return matrix.diagonal() / matrix.sum(dim=1)
    ### END SOLUTION


# %%
tl.check("recall_by_class", answer_recall_by_class)

# %% [markdown]
# {{question calibration}}
#
# For each picture you have the network's `confidence` (between 0 and 1, never 0) and whether its answer was `right`
# (1 or 0). Cut the line from 0 to 1 into `bins` bins of equal width, and return the expected calibration error,
#
# $$\mathrm{ECE} = \sum_b \frac{n_b}{n}\,\big|\,\text{accuracy}_b - \text{confidence}_b\,\big|.$$
#
# Empty bins count nothing. A confidence of 1 belongs to the last bin; which of two bins gets another edge is your choice.


# %%
def answer_calibration(confidence, right, bins):
    """Expected calibration error; confidence and right: N numbers each."""
    ### BEGIN SOLUTION
    error = 0.0
    for k in range(bins):
        inside = (confidence > k / bins) & (confidence <= (k + 1) / bins)
        if inside.any():
            gap = right[inside].double().mean() - confidence[inside].mean()
            error += inside.double().mean() * gap.abs()
    return error
    ### END SOLUTION


# %%
tl.check("calibration", answer_calibration)

# %% [markdown]
# {{question temperature}}
#
# Choose a temperature T among `candidates`, so that the logits divided by T have the smallest cross-entropy. Then return
# the probabilities of the *test* pictures at that temperature, a row for each. Somebody put logits and labels of the
# validation (`held_…`) and of the test into your hands. Use what you may use.


# %%
def answer_temperature(held_logits, held_labels, test_logits, test_labels, candidates):
    """Probabilities N×C of the test pictures, with a temperature well chosen."""
    ### BEGIN SOLUTION
    best = min(
        candidates, key=lambda t: F.cross_entropy(held_logits / t, held_labels).item()
    )
    return (test_logits / best).softmax(dim=1)
    ### END SOLUTION


# %%
tl.check("temperature", answer_temperature)

# %% [markdown]
# {{question paired}}
#
# Two networks, A and B, have answered the same pictures. Return three numbers: how many pictures only A got right, how many
# only B, and the p-value of McNemar's test: the chance that a fair coin, tossed once for each of those pictures, comes out
# at least so one-sided, on whichever side. `math.comb(n, k)` says in how many ways k of n can be heads.


# %%
def answer_paired(labels, said_a, said_b):
    """[only A right, only B right, p]; labels and answers: N class numbers each."""
    ### BEGIN SOLUTION
    only_a = int(((said_a == labels) & (said_b != labels)).sum())
    only_b = int(((said_b == labels) & (said_a != labels)).sum())
    tosses = only_a + only_b
    tail = (
        sum(math.comb(tosses, k) for k in range(max(only_a, only_b), tosses + 1))
        / 2**tosses
    )
    return [only_a, only_b, min(1.0, 2 * tail)]
    ### END SOLUTION


# %%
tl.check("paired", answer_paired)

# %% [markdown]
# The example of the lesson, if you have written it: of a thousand pictures A alone got 45 right, and B alone 20.

# %%
picture = torch.arange(65)
print(answer_paired(torch.zeros(65), (picture >= 45).float(), (picture < 45).float()))

# %% [markdown]
# {{question company}}
#
# A network has BatchNorm and dropout. It is run over test pictures, and no optimiser takes a step. In which passes does the
# answer to a picture depend on *which other pictures share its batch*?
#
# * **A.** Train mode under `torch.no_grad()`, shuffled, fifty at a time.
# * **B.** Eval mode, sorted by class, fifty at a time.
# * **C.** Train mode, all parameters frozen by `requires_grad_(False)`, fifty at a time.
# * **D.** Eval mode, with gradients on, fifty at a time.
# * **E.** Eval mode, fifty at a time, with only three pictures left for the last batch.
# * **F.** Train mode, with every dropout set to 0, fifty at a time.

# %%
### BEGIN SOLUTION
answer_company = "ACF"
### END SOLUTION

# %%
tl.check("company", answer_company)

# %% [markdown]
# {{question flatters}}
#
# Six people report a test accuracy. Whose number is likely to be higher than what new pictures of the same kind would
# give, *because of how it came about*?
#
# * **A.** Twenty learning rates were tried; validation chose one; that network was tested once.
# * **B.** The network was saved after each epoch, and the epoch with the best test accuracy is reported.
# * **C.** Five seeds were trained; the mean of their five test accuracies is reported.
# * **D.** Five seeds were trained; the best of their five test accuracies is reported.
# * **E.** She looked at the test mistakes, added an augmentation for those she saw, trained again, and tested again.
# * **F.** The network was tested once, and its recall by class is reported beside its accuracy.

# %%
### BEGIN SOLUTION
answer_flatters = "BDE"
### END SOLUTION

# %%
tl.check("flatters", answer_flatters)

# %% [markdown]
# {{question choose_fairly}}
#
# Accuracies of each epoch, on the validation and on the test pictures. This was found in a program:


# %%
def broken_choice(validation, test):
    """Meant: the best epoch, and what the network of that epoch is worth."""
    best = int(test.argmax())
    return [best, float(test[best])]


# %% [markdown]
# Repair it. Of equally good epochs take the first.


# %%
def answer_choose_fairly(validation, test):
    """[the epoch, counted from zero; the accuracy to report]; one accuracy an epoch."""
    ### BEGIN SOLUTION
    best = int(validation.argmax())
    return [best, float(test[best])]
    ### END SOLUTION


# %%
tl.check("choose_fairly", answer_choose_fairly)

# %% [markdown]
# ## Explain it (not graded)
#
# Two students tested their networks on the same 500 pictures. "Mine gets 81 of 100 right, yours 78," says one, "so my *method*
# is better." "Our intervals overlap," says the other, "so both are *equally good*." What is wrong with each of the two
# sentences, and what would you have them do? Write here:
#
# *your words*

# %% [markdown] tags=["solution"]
# **One answer.** The first speaks of a method and has tried one network of each: another seed, other labels, another head
# might turn it round. Several seeds of both, paired seed by seed, could tell. The second takes *not told apart* for
# *equal*, and has not used the pairs: count the pictures that only one of the two networks got right. That can tell two
# networks apart whose intervals overlap. Only then ask whether the difference matters to anyone, and what it costs.
