# %% [markdown]
# # Exercises 07: what transfers, and why
#
# {{budget}}
#
# Nothing is trained here for long. You operate on tiny networks, measure how alike features are, and draw heat maps by
# hand. The package's verbs would do much of it; write it with PyTorch, and let them check you. `tl.hint("hsic")` gives a
# hint, `tl.progress()` shows how far you are.
#
# ★ Start with `survives_shuffle`, `keep_layers`, `hsic`, `cam_by_hand`, `points_at` and `believe`: for them the core of the
# lesson is enough. `cka_table` uses its further section on bugs in published code.

# %%
import torch

import tl_course as tl

env = tl.setup(threads=1, quiet=True)

# %% [markdown]
# {{question survives_shuffle}}
#
# A convolution's weight has shape 64×32×3×3. Its numbers are shuffled: each moves to a place drawn at random among all
# places of this tensor. What is the same afterwards?
#
# * **A.** The standard deviation of the tensor.
# * **B.** The numbers that filter 5 consists of.
# * **C.** The sum of the numbers of filter 5.
# * **D.** The largest number of the tensor.
# * **E.** What the layer computes from a picture.
# * **F.** The share of the tensor's numbers that lie near zero.

# %%
### BEGIN SOLUTION
answer_survives_shuffle = "ADF"
### END SOLUTION

# %%
tl.check("survives_shuffle", answer_survives_shuffle)

# %% [markdown]
# {{question keep_layers}}
#
# `model` and `donor` are two networks of one architecture, and `keep` lists names at their top, such as
# `["conv1", "bn1"]`. Change `model` in place: what is named in `keep` stays as it is, and everything else, the head
# included, gets the donor's numbers. Afterwards training one of them must not change the other: copy the numbers.


# %%
def answer_keep_layers(model, donor, keep):
    """Give all layers of model that are not named in keep the numbers of donor's."""
    ### BEGIN SOLUTION
    for name, child in donor.named_children():
        if name not in keep:
            getattr(model, name).load_state_dict(child.state_dict())
    ### END SOLUTION


# %%
tl.check("keep_layers", answer_keep_layers)

# %% [markdown]
# {{question hsic}}
#
# `K` and `L` hold the inner products of n examples with one another, in two networks: `K = A @ A.T`. Let $\tilde K$ and
# $\tilde L$ be these matrices with zeros on the diagonal. Without bias, likeness is
#
# $$\mathrm{HSIC} = \frac{1}{n(n-3)}\Big[\operatorname{tr}(\tilde K\tilde L) + \frac{\mathbf 1^\top\tilde K\mathbf 1\;
# \mathbf 1^\top\tilde L\mathbf 1}{(n-1)(n-2)} - \frac{2}{n-2}\,\mathbf 1^\top\tilde K\tilde L\mathbf 1\Big].$$
#
# This was meant. Find out with features that have nothing in common, and with a network against itself, what is wrong:


# %%
def broken_hsic(K, L):
    """Meant: likeness of two matrices of inner products, without bias."""
    n = len(K)
    K, L = K - K.diagonal(), L - L.diagonal()
    first = (K * L).sum()
    second = K.sum() * L.sum() / ((n - 1) * (n - 2))
    third = 2 * (K.sum(0) @ L.sum(0)) / (n - 2)
    return (first + second - third) / (n * (n - 3))


features = torch.randn(16, 64, generator=torch.Generator().manual_seed(0)).double() + 1
K = features @ features.T
print(f"a network against itself: {broken_hsic(K, K):.1f}")

# %% [markdown]
# Repair it.


# %%
def answer_hsic(K, L):
    """HSIC of two symmetric n×n matrices of inner products, without bias."""
    ### BEGIN SOLUTION
    n = len(K)
    K, L = (one - torch.diag(one.diagonal()) for one in (K, L))
    first = (K * L).sum()
    second = K.sum() * L.sum() / ((n - 1) * (n - 2))
    third = 2 * (K.sum(0) @ L.sum(0)) / (n - 2)
    return (first + second - third) / (n * (n - 3))
    ### END SOLUTION


# %%
tl.check("hsic", answer_hsic)

# %% [markdown]
# {{question cka_table}}
#
# Two networks have seen the same examples, in batches of one size. `batches_a[b][i]` holds the N×D features of batch b in
# layer i of network A, `batches_b[b][j]` those of network B. Return the table of CKA: a row for each layer of A, a column
# for each layer of B,
#
# $$\mathrm{CKA}_{ij} = \frac{\sum_b \mathrm{HSIC}(K_{bi}, L_{bj})}{\sqrt{\sum_b \mathrm{HSIC}(K_{bi}, K_{bi})\;
# \sum_b \mathrm{HSIC}(L_{bj}, L_{bj})}}.$$
#
# You are given `hsic`, which takes two matrices of inner products. [A published
# package](https://github.com/ykumards/simtorch/pull/52) once divided a sum over batches by the number of *layers*. Which
# test would have found that at once?


# %%
def answer_cka_table(batches_a, batches_b, hsic):
    """CKA of every layer of A with every layer of B, as a tensor."""

    ### BEGIN SOLUTION
    def over_batches(one, i, other, j):
        return sum(
            hsic(x[i] @ x[i].T, y[j] @ y[j].T) for x, y in zip(one, other, strict=True)
        )

    table = torch.zeros(len(batches_a[0]), len(batches_b[0]), dtype=torch.float64)
    for i in range(len(table)):
        for j in range(len(table[0])):
            own_a = over_batches(batches_a, i, batches_a, i)
            own_b = over_batches(batches_b, j, batches_b, j)
            table[i, j] = over_batches(batches_a, i, batches_b, j)
            table[i, j] /= (own_a * own_b) ** 0.5
    return table
    ### END SOLUTION


# %%
tl.check("cka_table", answer_cka_table)

# %% [markdown]
# {{question cam_by_hand}}
#
# `features` are the outputs of a layer for N pictures, of shape N×K×h×w, and `gradients` the derivatives of each picture's
# logit by them, in the same shape. Return the heat maps of Grad-CAM, N×h×w:
#
# $$\mathrm{ReLU}\Big(\sum_k a_k A_k\Big), \qquad a_k = \text{mean over places of } \frac{\partial\,\text{logit}}{\partial A_k}.$$


# %%
def answer_cam_by_hand(features, gradients):
    """Heat maps N×h×w from features and gradients N×K×h×w."""
    ### BEGIN SOLUTION
    weights = gradients.mean(dim=(2, 3), keepdim=True)
    return (weights * features).sum(dim=1).clamp(min=0)
    ### END SOLUTION


# %%
tl.check("cam_by_hand", answer_cam_by_hand)

# %% [markdown]
# {{question points_at}}
#
# Somebody hid a cue in each picture, and noted where: `boxes` has a row `top, left, bottom, right` for each, in pixels;
# bottom and right are the first outside. `maps` are the heat maps, N×c×c, for pictures of `side` × `side` pixels; `side`
# is a multiple of c. Return the share of maps whose *largest* cell overlaps the box.


# %%
def answer_points_at(maps, boxes, side):
    """Share of the maps that point at the cue."""
    ### BEGIN SOLUTION
    cells = maps.shape[-1]
    size = side / cells
    place = maps.flatten(1).argmax(dim=1)
    row, column = place // cells, place % cells
    top, left, bottom, right = boxes.T
    down = (row * size < bottom) & ((row + 1) * size > top)
    across = (column * size < right) & ((column + 1) * size > left)
    return (down & across).double().mean()
    ### END SOLUTION


# %%
tl.check("points_at", answer_points_at)

# %% [markdown]
# {{question believe}}
#
# A network tells cows from camels, and a heat map lights up on the animal. Which of these would give a map away that shows
# something of the *picture*, such as its edges, and nothing of what this network has learned?
#
# * **A.** The map follows the outline of the animal.
# * **B.** In networks trained on pictures with a coloured square that decides the label, the maps light up on the square, and
#   in untrained ones much less often.
# * **C.** A second method, made of the same features and gradients, gives nearly the same map.
# * **D.** With the network's weights replaced by random ones, the map becomes another one.
# * **E.** The network gives this picture a probability of nearly one.
# * **F.** For a network trained on shuffled labels, the maps no longer find the square.

# %%
### BEGIN SOLUTION
answer_believe = "BDF"
### END SOLUTION

# %%
tl.check("believe", answer_believe)

# %% [markdown]
# ## Explain it (not graded)
#
# A colleague shuffles the numbers of each tensor in a pretrained network, trains it, and finds that it learns faster than
# a random one. "So features do not matter," she says, "only the statistics of the weights do." Which two further networks
# does she have to train, each at a rate of its own, before she may say how much features and statistics are worth, and how
# much of the lead is only time? Say for each how many steps it gets. Write here:
#
# *your words*

# %% [markdown] tags=["solution"]
# **One answer.** The pretrained network as it is, with as many steps: only its lead over the shuffled one tells what the order
# of the numbers is worth. And a random network with more steps: a lead after few steps may be gone after many. It also helps to keep the
# first layers and renew the rest, since statistics and features can matter in different layers.
