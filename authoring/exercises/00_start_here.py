# %% [markdown]
# # Exercises 00: start here
#
# {{budget}}
#
# Two small ones, to see how exercises work. Neither needs the folded sections of the lesson. Write your answer in the
# place of `...  # YOUR CODE HERE`, run the cell, then run the check below it. A check tries your answer on fresh inputs
# and says *not attempted yet*, *not right yet* and why, or *right* and why it matters. It changes nothing of yours, and
# you may ask as often as you like. Stuck? `tl.hint("top_words")` in a cell of your own gives a hint, and the next one
# when you run it again; `tl.progress()` shows how far you are, over all exercises of the course.

# %%
import torch

import tl_course as tl

env = tl.setup(threads=1, quiet=True)

# %% [markdown]
# {{question top_words}}
#
# A head has made a score, a *logit*, for each of its words. Return the `count` most likely words with their probabilities,
# the most likely first, as a list such as `[["espresso", p], ["cup", q]]`.


# %%
def answer_top_words(logits, words, count):
    """A list of [word, probability]; logits holds one score for each word."""
    ### BEGIN SOLUTION
    best = logits.softmax(dim=0).topk(count)
    values, places = best.values.tolist(), best.indices.tolist()
    return [[words[k], p] for p, k in zip(values, places, strict=True)]
    ### END SOLUTION


# %%
tl.check("top_words", answer_top_words)

# %% [markdown]
# {{question by_chance}}
#
# In the lesson twelve changed copies looked for their originals among twelve. Suppose that they choose blindly: each copy
# takes one of the twelve originals at random. How many of the twelve find their own, *on average*? Write a number.

# %%
### BEGIN SOLUTION
answer_by_chance = 1
### END SOLUTION

# %%
tl.check("by_chance", answer_by_chance)

# %% [markdown]
# If you are not sure, let a computer toss. (Predict first.)

# %%
guesses = torch.randint(12, (100_000, 12))
found = (guesses == torch.arange(12)).sum(dim=1).double()
print("found on average:", found.mean().item())
