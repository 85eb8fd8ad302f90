# %% [markdown]
# # Exercises 13: weighing the source
#
# {{budget}}
#
# Weights, their price, their control, and a bound. No network is trained; a few lines of PyTorch each. The package's verbs
# would do some of it: write it yourself, and let them check you. `tl.hint("domain_odds")` gives a hint, `tl.progress()`
# shows how far you are. Up to `worth_of_aim` the core of the lesson is enough; the others take its folded sections.

# %%
import math

import torch
import torch.nn.functional as F

import tl_course as tl

env = tl.setup(threads=1, quiet=True)

# %% [markdown]
# {{question examples_left}}
#
# How many equally weighed examples tell as much as these? Write the effective sample size.


# %%
def answer_examples_left(weights):
    """Effective sample size of N weights: none negative, not all 0; any sum."""
    ### BEGIN SOLUTION
    return weights.sum() ** 2 / (weights**2).sum()
    ### END SOLUTION


# %%
tl.check("examples_left", answer_examples_left)

# %% [markdown]
# {{question domain_odds}}
#
# A classifier was trained to say where an input comes from, on `n_source` inputs of the source and `n_target` of the
# target. `chance` is what it says of each *source* example: the probability of the target. Return the raw weights
# $p_t(x)/p_s(x)$. Do not rescale them afterwards: their mean tells whether you can trust the classifier.


# %%
def answer_domain_odds(chance, n_source, n_target):
    """A weight for each source example; 0 < chance < 1."""
    ### BEGIN SOLUTION
    return n_source / n_target * chance / (1 - chance)
    ### END SOLUTION


# %%
tl.check("domain_odds", answer_domain_odds)

# %% [markdown]
# {{question weighed_loss}}
#
# Somebody divides the weights by their sum, trains with the learning rate that was good without weights, and reports that
# weighing makes everything worse:


# %%
def broken_loss(theta, x, y, weights):
    """Meant: the weighed loss, as large as the plain mean loss would be."""
    each = F.binary_cross_entropy_with_logits(x @ theta, y, reduction="none")
    return (weights / weights.sum() * each).mean()


# %% [markdown]
# Repair it. With equal weights it must be the mean loss, and a common factor of all weights must change nothing.


# %%
def answer_weighed_loss(theta, x, y, weights):
    """The weighed loss. theta: d; x: N×d; y: N labels 0 or 1; weights: N, none < 0."""
    ### BEGIN SOLUTION
    each = F.binary_cross_entropy_with_logits(x @ theta, y, reduction="none")
    return (weights / weights.mean() * each).mean()
    ### END SOLUTION


# %%
tl.check("weighed_loss", answer_weighed_loss)

# %% [markdown]
# {{question when_it_pays}}
#
# In which of these six would you expect importance weights to bring the error on the target *down*, compared with none?
#
# * **A.** The rule is a straight line, and so is the model. The target lies to the right of the source.
# * **B.** The same inputs occur in both domains, equally often. In the target they have other labels.
# * **C.** The rule is a curve, and the model is a straight line. The target lies to the right of the source, and both
#   overlap.
# * **D.** As C, with the same weights, shuffled among the source's points.
# * **E.** Opinions depend on age. People were asked in a street where the share of the young is three times that of the whole
#   town, and one number should say what the town thinks on average. Everybody's age is known.
# * **F.** Reviews and tweets, as hundreds of features each. A classifier tells the two apart without a mistake, on held-out
#   texts too, and its odds are the weights.
#
# Answer with the letters, for instance `"AF"`.

# %%
### BEGIN SOLUTION
answer_when_it_pays = "CE"
### END SOLUTION

# %%
tl.check("when_it_pays", answer_when_it_pays)

# %% [markdown]
# {{question worth_of_aim}}
#
# `run(weights)` trains on the weighed source and returns the error on the target. Somebody wants to know what it is worth
# that the weights point at the *right* examples, and not at others:


# %%
def broken_worth(run, weights, orders):
    """Meant: by how much the aim of the weights lowers the error."""
    return run(torch.ones_like(weights)) - run(weights)


# %% [markdown]
# But weights also leave fewer effective examples, and that differs here, too. Repair it. Each row of `orders` is a
# permutation of the source's examples, drawn at random: `weights[orders[0]]` gives the same weights to other examples. Use
# all of them.


# %%
def answer_worth_of_aim(run, weights, orders):
    """Error of shuffled weights minus that of aimed ones; above 0 where aim helps."""
    ### BEGIN SOLUTION
    shuffled = [run(weights[order]) for order in orders]
    return sum(shuffled) / len(shuffled) - run(weights)
    ### END SOLUTION


# %%
tl.check("worth_of_aim", answer_worth_of_aim)

# %% [markdown]
# {{question boosting_round}}
#
# A learner of TrAdaBoost has been trained, and `wrong_source` and `wrong_target` say for each example whether it was wrong.
# Return the weights after this round, `[source, target]`, for `rounds` rounds in all:
#
# $$\varepsilon = \frac{\text{weight of the mistakes on the target}}{\text{weight of the target}}, \qquad
# \beta = \frac{1}{1 + \sqrt{2 \ln n_s / N}}, \qquad \beta_t = \frac{\varepsilon}{1 - \varepsilon}.$$
#
# Take at least `1e-10` for $\beta_t$. If $\varepsilon$ is one half or more, boosting ends: give both back as they came. Do not
# rescale anything.


# %%
def answer_boosting_round(w_source, wrong_source, w_target, wrong_target, rounds):
    """[source, target] weights after one round; wrong_… hold True or False."""
    ### BEGIN SOLUTION
    error = float((w_target * wrong_target).sum() / w_target.sum())
    if error >= 0.5:
        return [w_source, w_target]
    beta = 1 / (1 + math.sqrt(2 * math.log(len(w_source)) / rounds))
    beta_t = max(error / (1 - error), 1e-10)
    return [
        w_source * beta ** wrong_source.double(),
        w_target / beta_t ** wrong_target.double(),
    ]
    ### END SOLUTION


# %%
tl.check("boosting_round", answer_boosting_round)

# %% [markdown]
# {{question weighed_gap}}
#
# For thresholds on a line, $\tfrac12 d_{\mathcal{H}\Delta\mathcal{H}}$ is the largest difference between the two domains'
# shares of an interval. Let every source point count with its weight, and return that difference *after* weighing: the
# weight of the source's points in the interval over the weight of all, against the share of the target's points in it.
# Points may coincide.


# %%
def answer_weighed_gap(z_source, weights, z_target):
    """The largest difference. z_source, weights: n_s numbers; z_target: n_t."""
    ### BEGIN SOLUTION
    cuts = torch.cat([torch.tensor([-math.inf]), z_source, z_target])
    below = (weights * (z_source <= cuts[:, None])).sum(dim=1) / weights.sum()
    gap = below - (z_target <= cuts[:, None]).double().mean(dim=1)
    return gap.max() - gap.min()
    ### END SOLUTION


# %%
tl.check("weighed_gap", answer_weighed_gap)

# %% [markdown]
# Yours at work, if you have written it: the two bells of the lesson, before weighing and after.

# %%
z_s, z_t = (
    torch.randn(2000, dtype=torch.float64),
    torch.randn(2000, dtype=torch.float64) + 1,
)
for name, weights in {
    "before": torch.ones_like(z_s),
    "after": (z_s - 1 / 2).exp(),
}.items():
    gap = answer_weighed_gap(z_s, weights, z_t)
    print(name, "not written yet" if gap is None else round(float(gap), 3))

# %% [markdown]
# {{question joint_error}}
#
# Several models have answered all points of both domains: row `i` of `said_source` and of `said_target` holds what model
# `i` said. Somebody computed the last term of the bound:


# %%
def broken_joint_error(said_source, y_source, said_target, y_target):
    """Meant: λ*, over the models at hand."""
    on_source = (said_source != y_source).double().mean(dim=1)
    on_target = (said_target != y_target).double().mean(dim=1)
    return on_source.min() + on_target.min()


# %% [markdown]
# Repair it.


# %%
def answer_joint_error(said_source, y_source, said_target, y_target):
    """λ* over K models. said_source: K×n_s; y_source: n_s; target alike."""
    ### BEGIN SOLUTION
    on_source = (said_source != y_source).double().mean(dim=1)
    on_target = (said_target != y_target).double().mean(dim=1)
    return (on_source + on_target).min()
    ### END SOLUTION


# %%
tl.check("joint_error", answer_joint_error)

# %% [markdown]
# ## Explain it (not graded)
#
# "We aligned the features of our two hospitals," a colleague reports. "A classifier cannot tell them apart any more, and the
# error on the labelled hospital is down to three in a hundred. By the bound the other hospital must be fine." What is
# missing, and what would you do with twenty labels from the other hospital? Write here:
#
# *your words*

# %% [markdown] tags=["solution"]
# **One answer.** Two of three terms are small, and the third was not looked at: λ*, the error of the best *single* model on
# both. Nothing that reads inputs alone can see it. If the hospitals name things differently, or if alignment has laid the
# sick of the one over the healthy of the other, the features match perfectly and the answers are wrong. Twenty labels are
# few, but enough to ask: how many of the twenty does the model get wrong (with its interval), and does a small model trained
# on *both* hospitals' labels get both right? Before and after alignment, since alignment itself may have raised λ*.
