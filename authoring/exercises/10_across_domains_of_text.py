# %% [markdown]
# # Exercises 10: across domains of text
#
# {{budget}}
#
# Scores, splits and pools: what decides whether a matrix of domains means anything. No text is fetched and no network is
# trained. `tl.hint("sign_f1")` gives a hint, `tl.progress()` shows how far you are. The core of the lesson is enough for
# all but `no_twins` and `proxy_distance`, which take its folded sections.

# %%
import torch

import tl_course as tl

env = tl.setup(threads=1, quiet=True)

# %% [markdown]
# {{question sign_f1}}
#
# Given for each text are the mean `rating` of people, and VADER's `compound` score. Compute the F1 that Hutto and Gilbert
# report, as lesson 10 found it:
#
# * the true class is the sign of the rating; neutral only if it is exactly zero;
# * the answer is positive from plus `LIMIT` up, negative from minus `LIMIT` down, and neutral between;
# * the F1 of the three classes are averaged, each weighed by the share of its texts in the truth. The F1 of a class that
#   neither occurs nor is called counts as 0.

# %%
LIMIT = 0.05


# %%
def answer_sign_f1(rating, compound):
    """Weighted F1, of two tensors of N numbers."""
    ### BEGIN SOLUTION
    truth = torch.sign(rating)
    said = (compound >= LIMIT).long() - (compound <= -LIMIT).long()
    total = 0.0
    for side in truth.unique():
        right = ((truth == side) & (said == side)).sum()
        f1 = 2 * right / ((truth == side).sum() + (said == side).sum())
        total += float(f1) * float((truth == side).double().mean())
    return total
    ### END SOLUTION


# %%
tl.check("sign_f1", answer_sign_f1)

# %% [markdown]
# {{question down_a_column}}
#
# An invented matrix of weighted F1: questions to *shops*, posts in *forums*, and *letters* to newspapers. Each row is what
# a network learned from, each column what it was tested on.

# %%
MATRIX = {
    "shops": (0.80, 0.66, 0.58),
    "forums": (0.72, 0.78, 0.60),
    "letters": (0.75, 0.70, 0.62),
    "always positive": (0.45, 0.60, 0.50),
}
print(f"{'tested on':<16}" + "".join(f"{name:>9}" for name in list(MATRIX)[:3]))
for name, row in MATRIX.items():
    print(f"{name:<16}" + "".join(f"{score:>9.2f}" for score in row))

# %% [markdown]
# Suppose that the seeds agree, so that every difference is real. Which of these sentences does the matrix support?
#
# * **A.** For shops, letters are a better source than forums.
# * **B.** The network from shops carries over to forums better than to letters, since it scores higher there.
# * **C.** On letters, little is lost by learning from forums in place of letters.
# * **D.** The network that learned at home on shops learned more than the one at home on letters, since it scores higher.
# * **E.** The network from shops brought something of use to forums: it does better there than a constant.

# %%
### BEGIN SOLUTION
answer_down_a_column = "ACE"
### END SOLUTION

# %%
tl.check("down_a_column", answer_down_a_column)

# %% [markdown]
# {{question whole_documents}}
#
# `document` holds the number of the document that each text belongs to, such as the review that a sentence was taken from.
# `order` is a random order of the texts' positions. This split takes the first `count` of them for the test:


# %%
def broken_split(document, order, count):
    """Positions of the test texts."""
    return order[:count]


# %% [markdown]
# The sentences of one review then stand on both sides. Repair it: go through the texts in `order`; as long as the test
# holds fewer than `count` texts, put the *whole document* of the next text into it. Return the positions of all texts of
# the test, in any order.


# %%
def answer_whole_documents(document, order, count):
    """Positions of the test texts; no document stands on both sides."""
    ### BEGIN SOLUTION
    test = []
    for place in order:
        if len(test) < count and place not in test:
            test += [
                other
                for other in range(len(document))
                if document[other] == document[place]
            ]
    return test
    ### END SOLUTION


# %%
tl.check("whole_documents", answer_whole_documents)

# %% [markdown]
# {{question no_twins}}
#
# Two texts are *twins* if their words are the same: small and capital letters count alike, every character that is no
# letter or digit is a space, and many spaces are one. Return the training texts that have no twin in the test, unchanged
# and in their order.


# %%
def answer_no_twins(train, test):
    """The texts of ``train`` that have no twin in ``test``, both lists of texts."""

    ### BEGIN SOLUTION
    def bare(text):
        letters = [c if c.isalnum() else " " for c in text.lower()]
        return "".join(letters).split()

    met = [bare(text) for text in test]
    return [text for text in train if bare(text) not in met]
    ### END SOLUTION


# %%
tl.check("no_twins", answer_no_twins)

# %% [markdown]
# {{question equal_pool}}
#
# One source against three is a fair comparison only at equal labels. `sources` is a list of lists, the numbers of the
# texts of each source in random order. This should draw `count` of them, equally many from each source:


# %%
def broken_pool(sources, count):
    """Numbers of the texts of the pool."""
    joined = [text for source in sources for text in source]
    return joined[:count]


# %% [markdown]
# Repair it: take the first texts of each source, from all sources equally many, `count` in all. Where that cannot be
# divided, the first sources give one text more. (Every source is large enough.)


# %%
def answer_equal_pool(sources, count):
    """Numbers of the texts of the pool: `count` of them, in any order."""
    ### BEGIN SOLUTION
    share, left = divmod(count, len(sources))
    pool = []
    for place, source in enumerate(sources):
        pool += source[: share + (place < left)]
    return pool
    ### END SOLUTION


# %%
tl.check("equal_pool", answer_equal_pool)

# %% [markdown]
# {{question proxy_distance}}
#
# A classifier was asked of held-out texts from which of two domains they come. `domain` has a 0 or a 1 for each text,
# `wrong` says whether it erred. Compute the proxy A-distance $2\,(1 - 2\epsilon)$. The domains are not equally large;
# each counts a half in $\epsilon$.


# %%
def answer_proxy_distance(wrong, domain):
    """The distance, from N bools and N zeros or ones."""
    ### BEGIN SOLUTION
    errors = [wrong[domain == one].double().mean() for one in (0, 1)]
    return 2 * (1 - (errors[0] + errors[1]))
    ### END SOLUTION


# %%
tl.check("proxy_distance", answer_proxy_distance)

# %% [markdown]
# ## Explain it (not graded)
#
# A firm wants to read the mood of letters to its insurance desk. It has labelled film reviews, and reads: "our network
# scores high on film reviews, and the proxy A-distance from film reviews to letters is smaller than to tweets, so film
# reviews are the right source." Which two conclusions are too quick, and what would you measure instead, with money for a
# hundred labels? Write here:
#
# *your words*

# %% [markdown] tags=["solution"]
# **One answer.** A score on film reviews is another exam; no test at home showed which networks would fail abroad. And the
# distance says that texts look different, not that they differ in what carries the mood: pairs at one distance lost from
# nearly nothing to nearly a third, and one pair lost differently in its two directions. I would have a hundred letters
# labelled, whole correspondences kept together, and hold some of them back as a test. On these I would compare, down one
# column: the constant answer, a lexicon, each source alone, all sources pooled at equal labels, and the pool with the
# other labelled letters in it. With so few test letters I would look at the interval before I chose.
