# ---
# tl_course:
#   summary: What lets a loss carry knowledge from source to target, each formula by hand, by autograd and as a picture.
#   minutes: 35
# ---

# %% [markdown]
# # The mathematics of the loss
#
# **When you have finished this lesson you will be able to**
#
# * write down what training minimises, and say why a mini-batch may stand for all examples;
# * tell from a formula, before any run, whether it can transfer anything at all;
# * repair a formula that cannot, in three ways, and compute each gradient by hand;
# * say where the two ends of a penalty's weight lead, and compute where it puts the minimum between them.
#
# {{budget}}

# %% [markdown]
# ## A question to predict
#
# You have many labelled examples of a *source* task and few of the *target* task that you care about. Somebody offers this
# recipe. Give each task its own network, with weights $w_s$ and $w_t$, and train both on
#
# $$L_{\text{transfer}} = \alpha\,L_{\text{source}}(w_s) + (1-\alpha)\,L_{\text{target}}(w_t).$$
#
# > **Predict.** Compare the target network with one that was trained on the target alone. Will it be better, worse, or
# > the same? And what changes when someone replaces all source labels by coin flips?
#
# Write your answers down. The networks in this lesson are small, and one thread is fastest for them.

# %%
import copy
from itertools import combinations

import matplotlib as mpl
import torch
import torch.nn.functional as F
from torch import nn

import tl_course as tl
from tl_course.figures.style import GREEN, GREY, INK, PURPLE, RC, VERMILION, headline
from tl_course.losses import l2_sp, transfer_risk

mpl.rcParams.update(RC)
env = tl.setup(threads=1)

# %% [markdown]
# The data of this lesson are invented, so that we know how near the two tasks are. An example is ten random numbers $x$.
# Two hidden directions decide: the label is 1 when $x$ lies on the same side of both. (`qr` makes directions that stand
# at right angles.)


# %%
def examples(first, second, count, generator):
    """Labels are 1 where x lies on the same side of both directions."""
    x = torch.randn(count, 10, generator=generator)
    return x, ((x @ first) * (x @ second) > 0).float()


def problem(seed, degrees=20):
    """A target with few labels, its test set, a related and an unrelated source."""
    generator = torch.Generator().manual_seed(seed)
    axes = torch.linalg.qr(torch.randn(10, 10, generator=generator))[0].T
    angle = torch.deg2rad(torch.tensor(float(degrees)))
    turned = [angle.cos() * axes[i] + angle.sin() * axes[i + 2] for i in (0, 1)]
    wanted = {"target": (turned, 100), "test": (turned, 4000)}
    wanted |= {"related": (axes[:2], 1000), "unrelated": (axes[6:8], 1000)}
    return {name: examples(*two, n, generator) for name, (two, n) in wanted.items()}


# %% [markdown]
# The *related* source task (源任务) uses the directions of the target task (目标任务), each turned by 20 degrees. By
# geometry, source and target agree on $\left(1-\tfrac{20}{180}\right)^2+\left(\tfrac{20}{180}\right)^2 = \tfrac{65}{81}$ of
# all examples. The *unrelated* source has other directions and agrees on half of them, as a coin does. It is our control.
#
# Here are the network and its **loss** (损失函数). The network gives a *logit*, a number before the sigmoid; the loss
# applies the sigmoid itself, where it is numerically safe.


# %%
def network(seed):
    """10 numbers in, layers of 64 and 32, one logit out."""
    torch.manual_seed(seed)
    body = nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU()
    return nn.Sequential(*body, nn.Linear(32, 1))


def risk(net, data, reduction="mean"):
    """The mean loss of a network over labelled examples."""
    logits = net(data[0]).squeeze(1)
    return F.binary_cross_entropy_with_logits(logits, data[1], reduction=reduction)


# %% [markdown]
# ## A loss is an average
#
# We would like to be right on *all* examples the world can offer, and we own $N$ of them. So we minimise the average loss
# over those, the **empirical risk** (经验风险). We hope that it stands for the rest:
#
# $$\hat L(w) = \frac{1}{N}\sum_{i=1}^{N} \ell\big(f(x_i; w),\, y_i\big).$$
#
# Even $N$ is often too many for one step. A **mini-batch** (小批量) takes $B$ of them at random. The gradient of one batch
# is off. But average over *every* batch that could have been drawn, and each example counts equally often:
#
# $$\mathbb{E}_{\text{batch}}\big[\nabla \hat L_{\text{batch}}\big] = \nabla \hat L .$$
#
# We check this with 12 examples and a single linear layer, whose **gradient** (梯度) fits on one line:
# $\nabla \hat L = \frac{1}{N} X^{\top}(\sigma(Xw) - y)$. First by hand, then by autograd.

# %%
data = problem(env.seed)
x, y = (part[:12].double() for part in data["target"])
dice = tl.environment.generator(env.seed)
w = torch.randn(10, generator=dice, dtype=torch.float64, requires_grad=True)

each = x * (torch.sigmoid(x @ w.detach()) - y)[:, None]  # a row: one example's gradient
full = each.mean(dim=0)
loss = F.binary_cross_entropy_with_logits(x @ w, y)
assert torch.allclose(full, torch.autograd.grad(loss, w)[0], atol=1e-12)

# %% [markdown]
# Hand and autograd agree. Of 12 examples there are 495 batches of 4, and as many of 8. We try them all.

# %%
clouds = {}
for size in (4, 8):
    batches = combinations(range(12), size)
    clouds[size] = torch.stack([each[list(rows)].mean(dim=0) for rows in batches])
    one = (clouds[size] - full).norm(dim=1).mean()
    mean = (clouds[size].mean(dim=0) - full).norm()
    print(f"a batch of {size} is off by {one:.2f} on average, their mean by {mean:.0e}")
    assert mean < 1e-12

# %% [markdown]
# Here are the first two of the ten numbers of every gradient.

# %% tags=["hide-input"]
fig, panels = tl.figures.axes(8.4, 3.8, 1, 2, sharex=True, sharey=True)
for ax, (size, cloud) in zip(panels, clouds.items(), strict=True):
    ax.scatter(*cloud[:, :2].T, s=5, color=GREY, linewidth=0, label="one mini-batch")
    ax.plot(*full[:2], "*", color=VERMILION, markersize=13, label="mean = all 12")
    ax.set(title=f"batches of {size}", xlabel="gradient, 1st number")
panels[0].set_ylabel("gradient, 2nd number")
handles = panels[0].get_legend_handles_labels()
fig.legend(*handles, loc="outside lower center", ncols=2)
headline(fig, "Each mini-batch points elsewhere; their mean points exactly right")
alt = (
    "Two clouds of 495 grey dots, the gradients of all mini-batches, each centred on a "
)
alt += "star, the gradient of all examples. For batches of 8 the cloud is narrower."
tl.figures.show(fig, alt=alt, caption="You just ran this.")

# %% [markdown]
# One condition hides in "equally often". Cut 12 examples into batches of 5, 5 and 2, and average the three means. Each of
# the last two examples then counts two and a half times as much as any other. So a loop that averages means
# drops a short last batch, or weighs it.
#
# We say that a mini-batch estimates the gradient **without bias**: it errs, but not to one side.
#
# ## Two losses, and nothing crosses
#
# Back to your prediction. Each task has its own network. Differentiate the recipe by hand: $L_{\text{source}}(w_s)$ does
# not contain $w_t$, so its derivative is zero, and
#
# $$\frac{\partial L_{\text{transfer}}}{\partial w_t} = (1-\alpha)\,\nabla L_{\text{target}}(w_t).$$
#
# There is no trace of the source in it. Now train three times from the same start: with the source's labels, with coin
# flips in their place, and with the source's term crossed out.


# %%
def train_apart(source, target, alpha, steps=100):
    """The recipe. Returns the target network's first gradient and last weights."""
    nets, gradients = nn.ModuleList([network(1), network(2)]), []
    optimizer = torch.optim.SGD(nets.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (1 - alpha) * risk(nets[1], target)
        if source is not None:
            loss = loss + alpha * risk(nets[0], source)
        loss.backward()
        gradients.append(nets[1][0].weight.grad.clone())
        optimizer.step()
    return gradients[0], nn.utils.parameters_to_vector(nets[1].parameters()).detach()


# %% [markdown]
# The comparison asks for equality of every bit, not for closeness.

# %%
alpha, source, target = 0.5, data["related"], data["target"]
labels = source[1]
coin_flips = torch.randint(2, labels.shape, generator=dice).float()
variants = (source, (source[0], coin_flips), None)
runs = [train_apart(variant, target, alpha) for variant in variants]
lone = network(2)
by_definition = torch.autograd.grad(risk(lone, target), lone[0].weight)[0]

for gradient, final in runs:
    assert torch.equal(gradient, (1 - alpha) * by_definition)
    assert torch.equal(final, runs[0][1])
gap = max((final - runs[0][1]).abs().max().item() for _, final in runs)
print(f"largest difference in any weight: {gap}")

# %% [markdown]
# The target networks are identical in every bit. With true labels, with coin flips, with no source at all: the formula
# transfers **nothing**. All that $\alpha$ did was to shorten the steps.
#
# Keep this test. Before you believe that a loss transfers, ask: *through which weights does the source's term reach the
# target's network?*

# %% [markdown]
# ## Three couplings
#
# **First: shared weights** (参数共享). Let $w_s = w_t = w$. Then both terms touch the same weights, and
#
# $$\nabla L(w) = \alpha\,\nabla L_{\text{source}}(w) + (1-\alpha)\,\nabla L_{\text{target}}(w).$$
#
# $\alpha = 0$ learns from the target alone, $\alpha = 1$ from the source alone. (Here $\alpha$ weighs the *source*.
# [Ben-David and others](https://doi.org/10.1007/s10994-009-5152-4) put it on the *target*: look before you copy a value.)
# The package calls the mixture `transfer_risk`.

# %%
net = network(env.seed)
weights = list(net.parameters())
of_source = torch.autograd.grad(risk(net, source), weights)
of_target = torch.autograd.grad(risk(net, target), weights)
both = transfer_risk(risk(net, source), risk(net, target), alpha)
mixed = torch.autograd.grad(both, weights)
for gradient, s, t in zip(mixed, of_source, of_target, strict=True):
    assert torch.allclose(gradient, alpha * s + (1 - alpha) * t, atol=1e-6)
print("by hand and by autograd: the same gradient in", len(weights), "tensors")

# %% [markdown]
# **Second: source initialisation** (源模型初始化). Train $w_s$ first, then start $w_t$ there. The loss of the second stage
# is plain $L_{\text{target}}$, with the gradient of training from scratch. What transfers is the *starting point*, which no
# loss shows.
#
# **Third: a penalty** with a weight $\lambda$, a **regulariser** (正则化项):
#
# $$\min_{w_t}\; L_{\text{target}}(w_t) + \tfrac{\lambda}{2}\lVert w_t - w_s \rVert^2, \qquad
# \text{gradient: } \nabla L_{\text{target}}(w_t) + \lambda\,(w_t - w_s).$$
#
# The second term is a spring that pulls towards the source's weights. At $\lambda = 0$ there is no spring, and the target
# is alone. As $\lambda \to \infty$ nothing else counts, and $w_t$ ends at $w_s$. This penalty is called
# [**L2-SP**](https://arxiv.org/abs/1802.01483), "SP" for *starting point*: its authors also start the training at the
# source. We start at random, so that the penalty is seen alone.
#
# Between the two ends, the minimum lies where both pulls balance and the gradient is zero. Here is the spring's gradient,
# by hand and by autograd.

# %%
lam = 0.03
at_source = [weight.detach().clone() for weight in network(7).parameters()]
penalty = l2_sp(weights, at_source, alpha=lam, beta=0.0)  # its alpha is our λ

by_autograd = torch.autograd.grad(penalty, weights)
for gradient, now, s in zip(by_autograd, weights, at_source, strict=True):
    assert torch.allclose(gradient, lam * (now - s), atol=1e-7)
print("the spring's gradient, by hand and by autograd: the same")

# %% [markdown]
# (`beta` is for weights that the source does not have, such as a new head. For those $w_t - w_s$ is not defined, and they
# get **weight decay** (权重衰减): a spring to zero.)
#
# ## The experiment, and its control
#
# One loop trains everything. Only the loss and the start differ.


# %%
def accuracy(net, data):
    """The share of examples that a network gets right."""
    with torch.no_grad():
        return ((net(data[0]).squeeze(1) > 0) == (data[1] > 0)).float().mean().item()


def fit(net, loss, steps=100):
    """Minimise loss(net) with Adam and return the network."""
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(net).backward()
        optimizer.step()
    return net


# %% [markdown]
# Here are the losses of the recipe and of its repairs.


# %%
def mixture(one, other, source, target, alpha=0.5):
    """α times the loss of one on the source, 1 − α times the other's on the target."""
    return transfer_risk(risk(one, source), risk(other, target), alpha)


def tied(net, target, at_source, lam=0.03):
    """The target's loss and a spring to the source's weights."""
    return risk(net, target) + l2_sp(net.parameters(), at_source, alpha=lam, beta=0)


# %% [markdown]
# All fresh target networks of one draw start from the same random weights. `fit` trains the network that it is given.


# %%
def transfer(source, target, seed):
    """Target networks by how they were coupled to the source."""
    teacher = fit(network(seed + 2000), lambda net: risk(net, source))
    at_source = [weight.detach().clone() for weight in teacher.parameters()]
    pair = nn.ModuleList([network(seed + 1000), network(seed)])
    copied = copy.deepcopy(teacher)
    nets = {"source model as it is": teacher, "separate networks": pair[1]}
    nets["1 shared weights"] = net = network(seed)
    fit(pair, lambda pair: mixture(*pair, source, target))
    fit(net, lambda net: mixture(net, net, source, target))
    nets["2 source initialisation"] = fit(copied, lambda net: risk(net, target))
    nets["3 penalty (L2-SP)"] = net = network(seed)
    fit(net, lambda net: tied(net, target, at_source))
    return nets


# %% [markdown]
# Two controls see no source. One trains longer. The other has the penalty's spring, but tied to zero: weight decay.


# %%
def without(target, seed):
    """Networks that never see a source, by how they were trained."""
    zero = [torch.zeros_like(weight) for weight in network(seed).parameters()]
    lone, longer, decayed = (network(seed) for _ in range(3))
    fit(lone, lambda net: risk(net, target))
    fit(longer, lambda net: risk(net, target), 400)
    fit(decayed, lambda net: tied(net, target, zero))
    return {
        "target alone": lone,
        "target alone, 400 steps": longer,
        "target alone, weight decay": decayed,
    }


# %% [markdown]
# > **Predict.** With the related source, which couplings will lie to the right of "target alone"? And with the
# > **control**, the *unrelated* source: will the couplings do no good, or do harm?
#
# We draw the whole problem three times, each time with other data and other random weights.

# %%
results = {}
for draw in range(env.seed, env.seed + 3):
    data = problem(draw)
    found = {"no source": without(data["target"], draw)}
    for kind in ("related", "unrelated"):
        found[f"{kind} source"] = transfer(data[kind], data["target"], draw)
    for kind, nets in found.items():
        for how, net in nets.items():
            scores = results.setdefault(how, {}).setdefault(kind, [])
            scores.append(accuracy(net, data["test"]))
    print(f"draw {draw}: {len(results)} kinds of network")

# %% [markdown]
# Every mark is a network, tested on 4,000 new examples of the target.

# %%
alone = results["target alone"]["no source"]
tl.figures.dots(
    results,
    xlabel="test accuracy (%); guessing gives 50 %",
    band=(min(alone), max(alone)),
    title="Only a coupling lets the source be heard; it had better be related",
    caption="You just ran this: three draws. Grey band: the target alone.",
)

# %% [markdown]
# The notebook checks what the picture seems to say, draw by draw.

# %%
# tests/lessons/test_lesson_02.py checks the same on other draws.
COUPLINGS = ("1 shared weights", "2 source initialisation", "3 penalty (L2-SP)")
longer = results["target alone, 400 steps"]["no source"]
for draw, lone in enumerate(alone):
    for how in COUPLINGS:
        assert results[how]["related source"][draw] > lone, (how, draw)
        assert results[how]["unrelated source"][draw] < lone, (how, draw)
    for scores in results["separate networks"].values():
        assert abs(scores[draw] - lone) < 0.01, "as good as the target alone"
    assert abs(longer[draw] - lone) < 0.03, "more steps change little"

# %% [markdown]
# The other rivals: weight decay, and the source model as it is.

# %%
decayed = results["target alone, weight decay"]["no source"]
as_it_is = results["source model as it is"]["related source"]
assert sum(decayed) > sum(alone)
for how in COUPLINGS:
    assert sum(results[how]["related source"]) > sum(as_it_is), how
for how in COUPLINGS[1:]:
    total = sum(results[how]["related source"])
    assert total > sum(decayed), how
    assert total > 65 / 81 * len(alone), "ahead of a source model without errors"

# %% [markdown]
# * **Separate networks** score as the target alone does, with both sources. They never hear the source.
# * **Each coupling** beats the target alone in every draw, when the source is related. It is not a matter of training
#   longer: four times as many steps change little for the target alone.
# * **Weight decay** needs no source, and on average it helps, too. So the target alone without it is a weak rival. On
#   average couplings 2 and 3 are ahead of weight decay at the same $\lambda$ as well; for shared weights we do not claim it.
# * **The source model as it is** has seen no target label. So hold each coupling against *it*, too. On average over the
#   draws each coupling lies to the right of it. Couplings 2 and 3 also lie to the right of $\tfrac{65}{81}$, which a source
#   model without errors would get: there your hundred target labels count.
# * **The control:** with the unrelated source the same couplings do harm, in every draw. This is **negative transfer**
#   (负迁移). A coupling makes the source heard, not right.
#
# The settings are one choice among many: $\alpha = \tfrac12$, $\lambda = 0.03$, 100 steps for each fit. So do not read an
# order of the three couplings out of this picture, nor what weight decay can do at its best $\lambda$.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Fifteen minutes of talk, twenty of work. Before the bits are compared, ask for hands on "better",
# "worse", "same"; we expect most to vote "better", because the formula *looks* like a mixture. Let someone say which
# symbol would have to appear twice. Likely wrong answers later: that a sum "trains faster" (it only changes the learning
# rate), that a larger α helps under Adam, that weight decay and L2-SP are one thing because both are called L2. The folded
# sections make a second sitting of forty-five minutes; the picture of the penalty comes first.

# %% [markdown]
# ## What to remember
#
# * A loss is a **mean**, and the gradient of a mini-batch estimates its gradient without bias.
# * A formula transfers only through something that **both tasks touch**: shared weights, the starting point, a penalty.
#   Look for it with $\partial/\partial w_t$ before you train.
# * A coupling makes the source heard, not right. Keep three controls: an unrelated source, the source model as it is, and
#   the target alone with weight decay.

# %% [markdown]
# ## Check yourself
#
# Choose first, then open.
#
# **1. Separate networks, the formula of this lesson, SGD. You raise α from one half to nine tenths. The target network …**
#
# <details><summary>… listens more to the source.</summary>Not this. No term connects its weights to the source, at
# any α.</details>
# <details><summary>… learns from the target's gradients, five times shorter.</summary><b>Right.</b> They are multiplied by
# 1−α, which fell from one half to one tenth.</details>
# <details><summary>… does not change at all.</summary>Not this. With SGD the steps are shorter, so it gets less far in as
# many steps.</details>
#
# **2. Someone keeps the source as `start = [w.detach() for w in model.parameters()]` and trains `model` with L2-SP.
# What does the penalty do?**
#
# <details><summary>It pulls the weights back to the source.</summary>That was the wish. But <code>detach</code> makes no
# copy: both names point to one memory.</details>
# <details><summary>It stays zero.</summary><b>Right.</b> The start moves along with the weights. It takes
# <code>.detach().clone()</code>, as above.</details>
# <details><summary>It raises an error.</summary>Not this, and that makes it dangerous: everything runs, and nothing
# happens.</details>
#
# **3. λ is huge and the source unrelated. Where does the target network end?**
#
# <details><summary>At its own minimum: such a source cannot hold it.</summary>Not this. The spring does not know what it
# is tied to.</details>
# <details><summary>At the source, about as good as guessing.</summary><b>Right.</b> It is the limit λ → ∞. So choose λ on
# validation data, with zero among the candidates.</details>
# <details><summary>At zero.</summary>Not this. <i>Weight decay</i> leads there, L2-SP leads to the source.</details>

# %% [markdown] tags=["further"]
# ## The penalty, on a surface you can see

# %% [markdown]
# Thousands of weights cannot be drawn. Two can. Say you estimate rents from a flat's **area** and its number of **rooms**,
# both counted from their averages, in units of their spread. Large flats have many rooms. So a dozen adverts from a new
# city tell what area and rooms are worth *together*. They hardly tell which of the two it is: the loss is a long valley,
# and those few adverts decide by chance where its lowest point lies. We invent the truth, so we can measure who gets near.

# %%
TRUTH = torch.tensor([1.4, 0.6]).double()
SOURCES = {
    "related source": torch.tensor([1.0, 0.9]).double(),
    "zero: plain weight decay": torch.zeros(2).double(),
    "unrelated source": torch.tensor([2.9, -1.0]).double(),
}


def adverts(worth, count, seed):
    """Area and rooms (correlated) of flats, and their rents."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(3, *count, generator=generator, dtype=torch.float64)
    area, other, noise = drawn
    x = torch.stack([area, 0.9 * area + (1 - 0.9**2) ** 0.5 * other], dim=-1)
    return x, x @ worth + noise


# %% [markdown]
# The loss is half the mean squared error, a bowl with curvature $H = \tfrac1N X^{\top}X$. Set the gradient of loss plus
# penalty to zero, by hand:
#
# $$H\theta - \tfrac1N X^{\top}y + \lambda(\theta - \theta_s) = 0 \quad\Longrightarrow\quad
# \theta(\lambda) = (H + \lambda I)^{-1}\big(\tfrac1N X^{\top}y + \lambda\,\theta_s\big).$$
#
# Weight decay is the same with $\theta_s = 0$: a source that knows nothing.


# %%
def mean_loss(theta, x, y):
    """Half the mean squared error; theta: one pair of weights or a grid of them."""
    return (theta @ x.mT - y).square().mean(dim=-1) / 2


def minimum(x, y, source, lam):
    """The minimiser of mean_loss plus lam/2 · ‖theta − source‖²."""
    count = x.shape[-2]
    curvature = x.mT @ x / count + lam * torch.eye(2, dtype=torch.float64)
    pull = (x.mT @ y[..., None]).squeeze(-1) / count + lam * source
    return torch.linalg.solve(curvature, pull)


# %% [markdown]
# Autograd must find no slope where the formula puts the minimum, and both limits must hold.

# %%
x, y = adverts(TRUTH, (12,), seed=env.seed + 53)  # chosen because its picture is clear
own = minimum(x, y, SOURCES["related source"], 0.0)
for theta_s in SOURCES.values():
    theta = minimum(x, y, theta_s, 0.3).requires_grad_()
    (mean_loss(theta, x, y) + l2_sp([theta], [theta_s], alpha=0.3, beta=0)).backward()
    assert theta.grad.norm() < 1e-12
    assert torch.allclose(minimum(x, y, theta_s, 0.0), own), "λ = 0: target alone"
    assert torch.allclose(minimum(x, y, theta_s, 1e9), theta_s, atol=1e-6), "λ → ∞"

# %% [markdown]
# > **Predict.** As $\lambda$ grows, the minimum walks from the target's own to the source. There are three walks: to a
# > related source, to zero, to an unrelated source. Which of them passes nearest to the truth? And is a walk a straight
# > line?
#
# One dozen adverts may mislead, so we also draw three hundred dozens and average.

# %%
lambdas = torch.logspace(-3, 2, 61, dtype=torch.float64)
many = adverts(TRUTH, (300, 12), seed=env.seed)
paths, distances, best = {}, {}, {}
for name, theta_s in SOURCES.items():
    paths[name] = torch.stack([minimum(x, y, theta_s, lam) for lam in lambdas])
    misses = torch.stack([minimum(*many, theta_s, lam) - TRUTH for lam in lambdas])
    distances[name] = misses.square().sum(dim=-1).mean(dim=-1).sqrt()
    best[name] = distances[name].min().item()
    print(f"{name:<25} at λ ≈ 0 {distances[name][0]:.2f} from the truth,", end=" ")
    print(f"at best {best[name]:.2f}, the source itself {theta_s.dist(TRUTH):.2f}")

# tests/lessons/test_lesson_02.py checks this order on 20 other sets.
related, zero, unrelated = best.values()
assert related < zero < unrelated

# %% [markdown]
# A small helper draws the surface, the truth on it, and other points that are asked for.

# %% tags=["hide-input"]
AXES = [torch.linspace(*ends, 101).double() for ends in ((-0.7, 3.3), (-1.5, 2.1))]
GRID = torch.stack(torch.meshgrid(*AXES, indexing="xy"), dim=-1)


def surface(ax, loss, points):
    """Contours of a loss, closer together near its floor; points by their markers."""
    steps = torch.linspace(0.02, 1, 18) ** 2.2
    levels = loss.min() + (loss.max() - loss.min()) * steps
    ax.contour(*AXES, loss, levels=levels, colors="#889098", linewidths=0.8)
    ax.plot(*TRUTH, color=VERMILION, marker="*", markersize=17, linestyle="")
    for marker, point in points.items():
        ax.plot(*point, color=INK, marker=marker, markersize=8, linestyle="")
    ax.set(xlabel="worth of area", ylabel="worth of rooms", aspect="equal")


# %% [markdown]
# Grey lines join points of equal target loss. Each coloured walk leaves the diamond and ends at its source.

# %% tags=["hide-input"]
LOOKS = zip((GREEN, GREY, PURPLE), ("-", "--", "-."), "sPX", strict=True)
fig, (left, right) = tl.figures.axes(9.4, 4.2, 1, 2, width_ratios=(1.1, 1))
surface(left, mean_loss(GRID, x, y), {"D": own})
left.set_title("◆ target's own minimum, ★ truth")
for (name, theta_s), (color, line, marker) in zip(SOURCES.items(), LOOKS, strict=True):
    left.plot(*paths[name].T, color=color, linestyle=line)
    left.plot(*theta_s, color=color, marker=marker, markersize=10)
    right.semilogx(lambdas, distances[name], color=color, linestyle=line, label=name)
right.set(xlabel="λ (logarithmic)", ylabel="distance from the truth", ylim=(0, None))
right.legend(loc="lower left", fontsize=9.5)
headline(fig, "Each source draws the minimum to itself; the near one lies by the truth")
alt = "Left: a long valley and three walks from its floor to three sources. Right: "
alt += "distance from the truth over λ; lowest for the related source, then zero."
tl.figures.show(fig, alt=alt, caption="You just ran this: one dozen; 300 dozens.")

# %% [markdown]
# We know the truth here and took the best $\lambda$ by it. In your own work validation has to choose. The last number
# printed is how far the source itself is from the truth. What the best gains on it is what your adverts added: for the
# related source, little.
#
# The walks bend. A small penalty first corrects what the adverts say least about, the place *along* the valley. On the
# right, all curves leave together ($\lambda = 0$: no source counts), and each ends at its source's own distance. The
# unrelated source is the control: its curve ends above where it began. (At a small $\lambda$ it lies a little
# below.) A penalty is a bet on where the truth lies.

# %% [markdown] tags=["further"]
# ## One dial for α and λ

# %% [markdown]
# (This section needs the one above.) The mixture keeps the source's *data*, the penalty only its *weights*. How near are
# the two? Divide the mixture by $1-\alpha$:
#
# $$\frac{\alpha L_s + (1-\alpha)L_t}{1-\alpha} = L_t + \lambda\,L_s \qquad\text{with}\qquad \lambda = \frac{\alpha}{1-\alpha}.$$
#
# So L2-SP is the mixture, with the source's loss replaced by a round bowl $R$ around its minimum. At $\alpha = 0$ both are
# the target alone, at $\alpha = 1$ both are the source alone. A dial will set both at once, $\alpha$ and with it
# $\lambda$.
#
# > **Predict.** At $\alpha = \tfrac12$, has the mixture's minimum gone half of the way to the source? Has the penalty's?
# > One of the two surfaces keeps its shape all the way, and the other changes. Which one changes, and into what?

# %%
source_x, source_y = adverts(SOURCES["related source"], (400,), seed=env.seed)
theta_s = minimum(source_x, source_y, own, 0.0)


def of_mixture(alpha):
    """The minimum of α·L_source + (1−α)·L_target, by least squares on all adverts."""
    shares = (alpha / len(source_x)) ** 0.5, ((1 - alpha) / len(x)) ** 0.5
    pairs = (source_x, x), (source_y, y)
    both = [torch.cat([shares[0] * s, shares[1] * t]) for s, t in pairs]
    return minimum(*both, own, 0.0)


def of_penalty(alpha):
    """The minimum of α·R + (1−α)·L_target: L2-SP with λ = α/(1−α)."""
    return theta_s if alpha == 1 else minimum(x, y, theta_s, alpha / (1 - alpha))


# %% [markdown]
# First, what one panel of the picture shows.

# %% tags=["hide-input"]
bowl, target_loss = (GRID - theta_s).square().sum(dim=-1) / 2, mean_loss(GRID, x, y)
source_loss = mean_loss(GRID, source_x, source_y)
PANELS = {
    "mixture: α·L_source + (1−α)·L_target": (source_loss, of_mixture),
    "penalty: α·R + (1−α)·L_target": (bowl, of_penalty),
}

# %% [markdown]
# The grey lines show what is minimised, and the green one is the walk of its minimum.


# %% tags=["hide-input"]
def objective(ax, name, alpha):
    """The surface that is minimised at this α, and its minimum's walk."""
    of_source, lowest = PANELS[name]
    loss = alpha * of_source + (1 - alpha) * target_loss
    surface(ax, loss, {"D": own, "s": theta_s})
    ax.plot(*torch.stack([lowest(step / 40) for step in range(41)]).T, color=GREEN)
    ax.plot(*lowest(alpha), color=GREEN, marker="o", markersize=12, mec=INK)
    ax.set_title(name)


# %% [markdown]
# Move the dial with the mouse or the arrow keys. Start at the left end and go right one step at a time. Watch the green
# dot first: where on its walk is it at one half? Then watch the grey lines.


# %% tags=["hide-input"]
def picture(alpha):
    """Both objectives at one position of the dial."""
    fig, panels = tl.figures.axes(9.0, 4.2, 1, 2, sharey=True)
    for ax, name in zip(panels, PANELS, strict=True):
        objective(ax, name, alpha)
    lam = f"{alpha / (1 - alpha):.3g}" if alpha < 1 else "∞"
    headline(fig, f"α = {alpha:g}, λ = {lam}: the minimum ● from target ◆ to source ■")
    walked = [1 - lowest(alpha).dist(theta_s) / own.dist(theta_s) for lowest in WALKS]
    alt = f"Contours at α = {alpha:g}. The mixture's minimum has gone {walked[0]:.0%} "
    alt += f"of the way to the source, the penalty's {walked[1]:.0%}."
    return tl.figures.show(fig, alt=alt, caption="★ truth, ● minimum of what is drawn.")


alphas, WALKS = [0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1], (of_mixture, of_penalty)
tl.figures.dial(picture, alphas, label="α, the weight of the source", start=0.25)

# %% [markdown]
# In the left picture, at half of the weight the dot is about half of the way to the source. The valley keeps its shape,
# because flats of both cities are built alike. In the right picture the dot has gone much further: $R$ pulls alike in all
# directions, and along its valley the target hardly resists. The surface grows round. The source's *data* would have told
# which directions matter, and its weights alone do not. Where the data may not be kept, $R$ is what remains.

# %% [markdown] tags=["further"]
# ## The same as a constraint, and its dual

# %% [markdown]
# (This section needs the two above.) $\lambda$ is hard to picture. A *fence* is not: go where you like, but not far from
# the source. This is the **constraint** (约束) form,
#
# $$\min_{\theta}\; L_t(\theta) \quad\text{subject to}\quad R(\theta) = \tfrac12\lVert\theta-\theta_s\rVert^2 \le c .$$
#
# Stand at the solution, on the fence. If a way down stayed inside, you would not have stopped. So downhill points straight
# *out*: $-\nabla L_t = \lambda(\theta-\theta_s)$ with some $\lambda \ge 0$. That is the penalty's equation, with
# $\lambda$ as **Lagrange multiplier** (拉格朗日乘子). Each $\lambda$ has its fence, and each fence that is felt has its
# $\lambda$. We check it with a solver that knows only the fence, of radius $\sqrt{2c}$ around the source: step downhill,
# and if you left, go back to it.


# %%
def fenced(source, radius, steps=3000):
    """Descent no farther than radius from the source; θ and the multiplier there."""
    theta = source
    for _ in range(steps):
        downhill = x.T @ (y - x @ theta) / len(x)
        away = theta + 0.3 * downhill - source
        theta = source + away * min(1.0, radius / away.norm().item())
    away = theta - source
    return theta, (downhill @ away / away.square().sum()).item()


# %% [markdown]
# Three times: take the penalty's $\lambda$, measure how far from the source it ends, and build a fence there.

# %%
for lam in (0.02, 0.1, 0.5):
    radius = theta_s.dist(minimum(x, y, theta_s, lam)).item()
    theta, multiplier = fenced(theta_s, radius)
    print(f"λ = {lam:<4} ends {radius:.2f} away; that fence has λ = {multiplier:.4f}")
    assert torch.allclose(theta, minimum(x, y, theta_s, lam), atol=1e-4)

# %% [markdown]
# The solver finds $\lambda$ again, and it was never told. A larger $\lambda$ is a tighter fence; $\lambda \to \infty$ is
# $c = 0$, the source itself. A fence may be so wide that the target's own minimum lies inside. Such a fence is never felt:
# its multiplier is zero.
#
# The **dual** (对偶) problem turns the question round. The fence may be crossed, at a price of $\lambda$ for each unit of
# $R$ beyond $c$. From which price on is it not worth crossing? For each price take the lowest value that can be reached,
#
# $$g(\lambda) = \min_{\theta}\; L_t(\theta) + \lambda\,\big(R(\theta) - c\big) \;\le\; \min_{R(\theta) \le c} L_t(\theta),$$
#
# and look for the highest $g$. For a bowl the gap closes: the dual's top *is* the fenced minimum, and it sits at the
# multiplier.

# %%
touch = minimum(x, y, theta_s, 0.1)
c, floor = (touch - theta_s).square().sum() / 2, mean_loss(touch, x, y)


def dual(price):
    """The lowest value that loss plus price · (R − c) can take."""
    theta = minimum(x, y, theta_s, price)
    return mean_loss(theta, x, y) + price * ((theta - theta_s).square().sum() / 2 - c)


prices = torch.linspace(0, 0.4, 401, dtype=torch.float64)
values = torch.stack([dual(price) for price in prices])
top = prices[values.argmax()]
print(f"fenced minimum {floor:.6f}; top of the dual {values.max():.6f} at {top:.3f}")
assert torch.allclose(values.max(), floor)

# %% [markdown]
# Where the dark contour touches the fence, they share a tangent. The loss there is the height of the dual's top.

# %% tags=["hide-input"]
fig, (left, right) = tl.figures.axes(9.4, 4.1, 1, 2, width_ratios=(1.1, 1))
turn = torch.linspace(0, 2 * torch.pi, 200).double()
fence = theta_s[:, None] + (2 * c).sqrt() * torch.stack([turn.cos(), turn.sin()])
left.fill(*fence, color=GREEN, alpha=0.2)
surface(left, target_loss, {"D": own, "s": theta_s})
left.contour(*AXES, target_loss, levels=[floor.item()], colors=INK, linewidths=1.8)
right.plot(prices, values, color=GREEN)
right.axhline(floor, color=INK, linestyle="--")
for ax, point in ((left, touch), (right, (0.1, floor))):
    ax.plot(*point, color=GREEN, marker="o", markersize=11, mec=INK)
right.set(xlabel="price λ", ylabel="g(λ)")
headline(fig, "The fenced minimum, seen from the ground and from the dual")
alt = "Left: a disc around the source; a contour touches it. Right: g's top is there."
said = "You just ran this. ● fenced minimum, ■ source; dashed: the loss at ●."
tl.figures.show(fig, alt=alt, caption=said)

# %% [markdown]
# Source text 002 lists "dual optimisation" beside gradient descent. For a deep network the loss is no bowl, and the gap
# need not close. The idea stays useful. A best $\theta$ for some $\lambda$ solves the fenced problem with its own $c$, and
# [Gouk and others](https://arxiv.org/abs/2002.08253) fine-tune inside a fence, as we just did.

# %% [markdown] tags=["further"]
# ## Sum or mean?

# %% [markdown]
# Source text 004 writes both its stages, $L_{\text{pre}}$ over $N$ examples and $L_{\text{fine}}$ over $M$, as *sums*,
# without $\frac1N$ and $\frac1M$. The minimum stays where it was. The gradient does not: it is exactly $N$ times as long.
# Plain SGD takes steps of the gradient's length, so the **learning rate** (学习率) that suits the mean is $N$ times too
# large for the sum.

# %%
net = network(env.seed)
weights = list(net.parameters())
batch = tuple(part[:64] for part in problem(env.seed)["target"])
of_sum = torch.autograd.grad(risk(net, batch, reduction="sum"), weights)
of_mean = torch.autograd.grad(risk(net, batch), weights)
ratio = of_sum[0].norm() / of_mean[0].norm()
print(f"gradient of the sum / gradient of the mean, at N = 64: {ratio:.3f}")
for s, m in zip(of_sum, of_mean, strict=True):
    assert torch.allclose(s, 64 * m, rtol=1e-4, atol=1e-5)

# %% [markdown]
# This matters between the two stages. Fine-tuning usually has far fewer examples, $M \ll N$. So with sums over all
# examples SGD would take steps that are shorter by $M/N$, at one rate. And in a mixture, the task with more examples would count more. This course
# uses means. (The same text calls the fine-tuned parameters $\theta$ again. They *start* at $\theta$, then move, and a new
# head comes along: $\theta'$ and $\varphi$ would be kinder names.)

# %% [markdown] tags=["further"]
# ## A loss that falls and teaches nothing

# %% [markdown]
# The recipe of this lesson is that of source text 001. The program beside it does something else. It builds a source
# network that is **never trained**, feeds both networks the same inputs, and pulls the target's outputs towards the
# source's. Here is that idea in lines of our own. Beside it stands the loss it *meant*, with labels, as a control.
#
# > **Predict.** Will the imitation loss fall? And the accuracy on the target's test set, will it rise?

# %%
data = problem(env.seed)
guide, student, taught = network(11), network(12), network(12)  # the guide: untrained
wanted = torch.sigmoid(guide(data["target"][0])).detach()
losses, imitating, with_labels = [], [], []


def imitation(net):
    """α times the mean squared difference of two networks' outputs: no labels."""
    imitating.append(accuracy(net, data["test"]))
    loss = 0.5 * (torch.sigmoid(net(data["target"][0])) - wanted).square().mean()
    losses.append(loss.item())
    return loss


# %% [markdown]
# And the loss that was meant:


# %%
def with_answers(net):
    """The mean loss over labelled examples."""
    with_labels.append(accuracy(net, data["test"]))
    return risk(net, data["target"])


# %% [markdown]
# Both networks start alike and take as many steps.

# %%
fit(student, imitation)
fit(taught, with_answers)
print(f"the imitation loss fell to one part in {losses[0] / losses[-1]:.0f}")

# tests/lessons/test_lesson_02.py checks this on draws 0 to 19.
assert losses[0] > 20 * losses[-1]
assert abs(imitating[-1] - 0.5) < 0.08 < with_labels[-1] - 0.5

# %% [markdown]
# On the left is what the program watches. On the right is what it should have watched.

# %% tags=["hide-input"]
fig, (left, right) = tl.figures.axes(8.4, 3.5, 1, 2)
left.semilogy(losses, color=PURPLE)
left.set(xlabel="step", ylabel="imitation loss (logarithmic)")
right.plot(with_labels, color=GREEN, linestyle="--", label="with labels (control)")
right.plot(imitating, color=PURPLE, label="imitating an untrained network")
right.axhline(0.5, color=GREY, linewidth=1.4, linestyle=":", label="guessing")
right.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
right.set(xlabel="step", ylabel="test accuracy (%)", ylim=(0.42, 0.98))
right.legend(loc="upper left", fontsize=9.5)
headline(fig, "The loss falls and falls; the network learns nothing of the task")
alt = "Left, the imitation loss falls by orders of magnitude. Right, that network's "
alt += "accuracy stays at guessing; with labels it rises."
tl.figures.show(fig, alt=alt, caption="You just ran this.")

# %% [markdown]
# A falling loss proves that *something* is being minimised. Here it is the distance to a network that knows nothing, and
# the student arrives there. Imitating a *trained* teacher is another idea, knowledge distillation (知识蒸馏): lesson 12.
#
# ### A factor that Adam hardly feels
#
# That program's $\alpha$ multiplies the whole loss. Under plain gradient descent (SGD) this is a change of learning rate.
# [Adam](https://arxiv.org/abs/1412.6980) divides each gradient $g$ by a running measure of its own size,
#
# $$\Delta w = -\eta\,\frac{\hat m}{\sqrt{\hat v} + \varepsilon}, \qquad \hat m \propto g, \quad \hat v \propto g^2,$$
#
# so a constant factor cancels, except against $\varepsilon$.
#
# > **Predict.** Multiply the loss by $\tfrac12$, or by $\tfrac1{16}$. What becomes of the training curve under SGD? Under
# > Adam? And under Adam with a vanishing $\varepsilon$?


# %%
def scaled(make, factor, steps=60):
    """Train on factor · loss; return the unscaled losses and the final weights."""
    net, curve = network(3), []
    optimizer = make(net.parameters())
    for _ in range(steps):
        optimizer.zero_grad()
        loss = risk(net, data["target"])
        (factor * loss).backward()
        optimizer.step()
        curve.append(loss.item())
    return curve, nn.utils.parameters_to_vector(net.parameters()).detach()


# %% [markdown]
# How far apart do the three runs end, compared with the way the first one went?

# %%
adam, sgd = torch.optim.Adam, torch.optim.SGD
OPTIMIZERS = {
    "SGD": lambda weights: sgd(weights, lr=0.3),
    "Adam": lambda weights: adam(weights, lr=0.003),
    "Adam, ε → 0": lambda weights: adam(weights, lr=0.003, eps=1e-30),
}
curves, apart = {}, {}
start = nn.utils.parameters_to_vector(network(3).parameters()).detach()
for name, make in OPTIMIZERS.items():
    runs = [scaled(make, factor) for factor in (1, 1 / 2, 1 / 16)]
    curves[name], ends = zip(*runs, strict=True)
    apart[name] = (max(end.dist(ends[0]) for end in ends) / ends[0].dist(start)).item()
    print(f"{name:<12}{apart[name]:8.2%}")
assert apart["SGD"] > 0.5 > 0.2 > apart["Adam"]
assert apart["Adam, ε → 0"] == 0.0  # in every bit: halving is exact in binary

# %% [markdown]
# What Adam still feels comes through $\varepsilon$: without it, not one bit of one weight differs.

# %% tags=["hide-input"]
LINES = [(GREEN, "-", 5), (INK, "--", 2.2), (PURPLE, ":", 2.8)]
fig, panels = tl.figures.axes(8.4, 3.4, 1, 2, sharey=True)
for ax, name in zip(panels, ("SGD", "Adam"), strict=True):
    named = zip(curves[name], ("× 1", "× 1/2", "× 1/16"), LINES, strict=True)
    for curve, label, (color, line, width) in named:
        ax.plot(curve, line, color=color, linewidth=width, label=f"loss {label}")
    ax.set(xlabel="step", title=name)
panels[0].set_ylabel("target loss, unscaled")
panels[0].legend(loc="lower left")
headline(fig, "A constant factor slows SGD down; Adam hardly notices it")
alt = "Left, SGD: three curves fan out. Right, Adam: three curves lie on one another."
tl.figures.show(fig, alt=alt, caption="You just ran this: one network, one start.")

# %% [markdown]
# So in that program, under Adam, $\alpha$ does almost nothing, unless it is zero: then nothing moves at all. A real mixture
# is another case. There $\alpha$ turns the gradient's *direction*, and Adam follows directions.

# %% [markdown] tags=["further"]
# ## What the source texts print

# %% [markdown]
# This lesson takes apart formulas of the texts that the course grew from.
#
# * **001 §3–4**: the recipe with separate networks, and a program whose data hold no labels. We gave it labels.
# * **002 §3.3**: $\min L_t + \lambda R(\theta_t, \theta_s)$, for samples $D_s$ and $D_t$. It leaves out the labels, the mean,
#   and what to do with weights that the source does not have. Written out over the $n_t$ examples of $D_t$, it is
#   $\min_{\theta_t} \frac{1}{n_t} \sum_i \ell\big(f_t(x_i; \theta_t),\, y_i\big) + \lambda R(\theta_t, \theta_s)$. No example of
#   $D_s$ stands in it: the source is heard through $\theta_s$ alone.
# * **003 §3**: plain empirical risk for fine-tuning, the formula of training from scratch. Only the start differs.
# * **004 §4**: both stages as sums.

# %% [markdown] tags=["further"]
# ## Sources

# %% [markdown]
# * S. Ben-David and others: [*A theory of learning from different domains*](https://doi.org/10.1007/s10994-009-5152-4),
#   Machine Learning 79, 2010. Mixtures of both risks, with α on the target; lesson 13.
# * X. Li, Y. Grandvalet, F. Davoine: [*Explicit inductive bias for transfer learning with convolutional
#   networks*](https://arxiv.org/abs/1802.01483), ICML 2018. L2-SP.
# * H. Gouk, T. Hospedales, M. Pontil: [*Distance-based regularisation of deep networks for
#   fine-tuning*](https://arxiv.org/abs/2002.08253), ICLR 2021. Fine-tuning inside a fence.
# * R. Caruana: *Multitask learning*, Machine Learning 28, 1997. Shared weights.
# * D. Kingma, J. Ba: [*Adam: a method for stochastic optimization*](https://arxiv.org/abs/1412.6980), ICLR 2015.
# * L. Bottou, F. Curtis, J. Nocedal: [*Optimization methods for large-scale machine
#   learning*](https://arxiv.org/abs/1606.04838), SIAM Review 60, 2018. Mini-batches as estimates.
# * S. Boyd, L. Vandenberghe: [*Convex Optimization*](https://web.stanford.edu/~boyd/cvxbook/), 2004, chapter 5. Duality.
