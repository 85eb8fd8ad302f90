# %% [markdown]
# # Exercises 09: BERT text classification
#
# {{budget}}
#
# You build by hand what a text classifier is made of: the weight of a rare word, the mean of the tokens, a head and its
# optimiser, the scores at the end. Nothing is fetched; all tables are small. `tl.hint("mean_pool")` gives a hint,
# `tl.progress()` shows how far you are.
#
# ★ Start with `idf`, `mean_pool`, `far_enough` and `three_scores`: for them the core of the lesson is enough. The others use
# its further sections.

# %%
import math

import torch

import tl_course as tl

env = tl.setup(threads=1, quiet=True)

# %% [markdown]
# {{question one_head}}
#
# `q` and `k` are tables of queries and keys, one row for each of L tokens, d numbers wide; `v` holds the values. `mask`
# has a 1 for each token that counts and a 0 for padding. Compute
#
# $$a_{ij} = \underset{j}{\mathrm{softmax}}\left(\frac{q_i \cdot k_j}{\sqrt{d}}\right), \qquad
# \text{new}_i = \sum_j a_{ij}\, v_j ,$$
#
# and let no token look at padding: its weight is 0 in every row, and each row's weights add up to one. (Rows of padding
# are computed like all others; nothing uses them.)


# %%
def answer_one_head(q, k, v, mask):
    """What each token fetches: as many rows as q, as many columns as v."""
    ### BEGIN SOLUTION
    scores = q @ k.T / math.sqrt(q.shape[1])
    scores = scores.masked_fill(mask == 0, -math.inf)
    return scores.softmax(dim=1) @ v
    ### END SOLUTION


# %%
tl.check("one_head", answer_one_head)

# %% [markdown]
# {{question idf}}
#
# `texts` is a list of texts in small letters, with spaces between the words. In TF-IDF a word that $n_w$ of $n$ texts
# hold counts $\ln\frac{1+n}{1+n_w} + 1$ times. Compute this number for `word`. Beware of *film* and *films*.


# %%
def answer_idf(texts, word):
    """The weight of a word by how many texts hold it."""
    ### BEGIN SOLUTION
    having = sum(word in text.split() for text in texts)
    return math.log((1 + len(texts)) / (1 + having)) + 1
    ### END SOLUTION


# %%
tl.check("idf", answer_idf)

# %% [markdown]
# {{question padding_share}}
#
# `batches` is a plan of an epoch: a list of batches, each a list of the lengths of its texts, in tokens. Each batch is
# padded to its own longest text. Which share of all places in the epoch is padding? Give a number between 0 and 1.


# %%
def answer_padding_share(batches):
    """Padding as a share of all places, over all batches."""
    ### BEGIN SOLUTION
    places = sum(len(batch) * max(batch) for batch in batches)
    real = sum(sum(batch) for batch in batches)
    return 1 - real / places
    ### END SOLUTION


# %%
tl.check("padding_share", answer_padding_share)

# %% [markdown]
# With it you can try a plan before you train. The same eight texts, as they come and sorted into buckets:

# %%
for plan in ([[4, 31, 9, 30], [29, 5, 8, 33]], [[4, 5, 8, 9], [29, 30, 31, 33]]):
    print(plan, answer_padding_share(plan))

# %% [markdown]
# {{question mean_pool}}
#
# `states` is N×L×D: D numbers for each of L places in each of N texts. `mask`, N×L, has a 1 where a token counts and a 0
# for padding. Return the mean of the states of each text, padding left out.


# %%
def answer_mean_pool(states, mask):
    """One vector for each text: N×D."""
    ### BEGIN SOLUTION
    count = mask.sum(dim=1, keepdim=True)
    return (states * mask[:, :, None]).sum(dim=1) / count
    ### END SOLUTION


# %%
tl.check("mean_pool", answer_mean_pool)

# %% [markdown]
# {{question far_enough}}
#
# A new head stands on the frozen vectors of BERT. Its weights are about two hundredths large at the start. It is trained
# with Adam, at one rate throughout. In which runs can a weight come at least as far as its own size?
#
# * **A.** 60 steps at 2e-5
# * **B.** 60 steps at 1e-3
# * **C.** 3,000 steps at 2e-5
# * **D.** 500 steps at 1e-5
# * **E.** 60 steps at 1e-2
# * **F.** 60 steps at 1e-4

# %%
### BEGIN SOLUTION
answer_far_enough = "BCE"
### END SOLUTION

# %%
tl.check("far_enough", answer_far_enough)

# %% [markdown]
# {{question head_only}}
#
# A model with the names of a BERT classifier, `bert` and `classifier`, knows two classes. It gets a new head for three,
# and only this head shall be trained. The program runs, nothing is raised, and the loss is the same in every step:


# %%
def broken_head_only(model, new_head, rate):
    """Meant: freeze all of the model, and train a new head."""
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    model.requires_grad_(False)
    model.classifier = new_head
    return optimizer


# %% [markdown]
# Repair it. The check takes some steps with the optimiser that you return, and looks at what moved: the new head must,
# and nothing else may.


# %%
def answer_head_only(model, new_head, rate):
    """Prepare the model; return plain SGD with this rate, no momentum or decay."""
    ### BEGIN SOLUTION
    model.requires_grad_(False)
    model.classifier = new_head
    return torch.optim.SGD(
        model.parameters(), lr=rate
    )  # what is frozen has no gradient, and stays
    ### END SOLUTION


# %%
tl.check("head_only", answer_head_only)

# %% [markdown]
# {{question three_scores}}
#
# From the counts of true positives, false positives and false negatives compute precision, recall and F1, in this
# order. A fraction with nothing above and nothing below the line counts as 0.


# %%
def answer_three_scores(tp, fp, fn):
    """[precision, recall, F1] of the class."""
    ### BEGIN SOLUTION
    precision = tp / max(
        tp + fp, 1
    )  # where nothing stands below the line, nothing stands above it either
    recall = tp / max(tp + fn, 1)
    f1 = 2 * tp / max(2 * tp + fp + fn, 1)
    return [precision, recall, f1]
    ### END SOLUTION


# %%
tl.check("three_scores", answer_three_scores)

# %% [markdown]
# {{question never_urgent}}
#
# Of a thousand texts 950 are *ordinary* and 50 *urgent*. A classifier calls every one of them ordinary. Which of these
# numbers are above nine tenths, so that a reader of these alone will never know?
#
# * **A.** accuracy
# * **B.** weighted F1
# * **C.** macro F1
# * **D.** the recall of *urgent*
# * **E.** the precision of *ordinary*
#
# (The F1 of a class that is never called counts as 0.)

# %%
### BEGIN SOLUTION
answer_never_urgent = "ABE"
### END SOLUTION

# %%
tl.check("never_urgent", answer_never_urgent)

# %% [markdown]
# ## Explain it (not graded)
#
# A friend trains a new head on a frozen BERT, sixty steps with AdamW at a rate of 2e-5, and gets the accuracy of
# guessing, on training and test texts alike. "BERT knows nothing about my texts", he says. What do you answer, and which
# two things do you ask him to try, in which order? Write here:
#
# *your words*

# %% [markdown] tags=["solution"]
# **One answer.** AdamW moves a weight by about the rate in each step, so in sixty steps the head went no further than
# about a thousandth: it is still the random head that it was. That the *training* accuracy is no better than guessing
# says the same, since a head that had learned would at least know its training texts. First try a rate of 1e-3 or more,
# which costs one run, and look how far the weights moved. If the head then learns and is poor on new texts, try the mean
# of the tokens in place of the pooler. Only when both fail, and a control with other labels does no better either, speak
# about what BERT knows.
