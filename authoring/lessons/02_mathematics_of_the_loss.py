# ---
# tl_course:
#   summary: What lets a loss carry knowledge from source to target, each formula by hand, by autograd and as a picture.
#   minutes: 45
# ---

# %% [markdown]
# # The mathematics of the loss
#
# **When you have finished this lesson you will be able to**
#
# * write down what training minimises, and say what a mini-batch, a sum and a mean do to it;
# * tell from a formula, before any run, whether it can transfer anything at all;
# * repair a formula that cannot, in three ways, and compute each gradient by hand;
# * compute where a penalty puts the minimum, and say where both ends of its dial lead.
#
# {{budget}}

# %% [markdown]
# ## A question to predict
#
# You have many labelled examples of a *source* task and few of the *target* task you care about. Our source text 001
# offers this recipe. Give each task its own network, with weights $w_s$ and $w_t$, and train both on
#
# $$L_{\text{transfer}} = \alpha\,L_{\text{source}}(w_s) + (1-\alpha)\,L_{\text{target}}(w_t).$$
#
# > **Predict.** Compare the target network with one that was trained on the target alone. Will it be better, worse, or
# > the same? And what changes when someone replaces all source labels by coin flips?
#
# Write it down. The machine may answer after a few lines of preparation. (The networks here are so small that one
# thread is fastest.)

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
# Source text 001 builds a small network, 10 numbers in, layers of 64 and 32, one number out, but its program holds no
# labels: there is nothing to be right or wrong about. We give it real ones.
#
# An example is ten random numbers $x$. Two hidden directions decide: its label is 1 when $x$ lies on the same side of
# both. No straight line separates that, so the middle layers have work to do.


# %%
def examples(first, second, count, generator):
    """Draw examples whose label is 1 where x lies on the same side of both directions."""
    x = torch.randn(count, 10, generator=generator)
    return x, ((x @ first) * (x @ second) > 0).float()


def problem(seed, degrees=20):
    """A target with few labels, its test set, and two sources: one turned a little, one about something else."""
    generator = torch.Generator().manual_seed(seed)
    axes = torch.linalg.qr(torch.randn(10, 10, generator=generator))[0].T
    angle = torch.deg2rad(torch.tensor(float(degrees)))
    turned = [angle.cos() * axes[i] + angle.sin() * axes[i + 2] for i in (0, 1)]
    wanted = {"target": (turned, 100), "test": (turned, 4000)}
    wanted |= {"related": (axes[:2], 1000), "unrelated": (axes[6:8], 1000)}
    return {name: examples(*pair, count, generator) for name, (pair, count) in wanted.items()}


# %% [markdown]
# The *related* source task (源任务) uses the target's directions, each turned by 20 degrees. By geometry it agrees with
# the target task (目标任务) on $\left(1-\tfrac{20}{180}\right)^2+\left(\tfrac{20}{180}\right)^2 = \tfrac{65}{81}$ of all
# examples. The *unrelated* source has other directions and agrees on half, as a coin does: it will be our control.
#
# Here are the network and its **loss** (损失函数), with the sigmoid inside the loss, where it is numerically safe.


# %%
def network(seed):
    """10 numbers in, layers of 64 and 32, one logit out."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))


def risk(net, data, reduction="mean"):
    """The mean loss of a network over labelled examples."""
    return F.binary_cross_entropy_with_logits(net(data[0]).squeeze(1), data[1], reduction=reduction)


def accuracy(net, data):
    """The share of examples that a network gets right."""
    with torch.no_grad():
        return ((net(data[0]).squeeze(1) > 0) == (data[1] > 0)).float().mean().item()


# %% [markdown]
# ## A loss is an average
#
# We would like to be right on *all* examples the world can offer. We own $N$ of them. So we minimise the average loss
# over those, the **empirical risk** (经验风险), and hope that it stands for the rest:
#
# $$\hat L(w) = \frac{1}{N}\sum_{i=1}^{N} \ell\big(f(x_i; w),\, y_i\big).$$
#
# Even $N$ is often too many for one step. A **mini-batch** (小批量) takes $B$ of them at random. Is its gradient wrong?
# Each one is. But average over *every* batch that could have been drawn, and each example counts equally often:
#
# $$\mathbb{E}_{\text{batch}}\big[\nabla \hat L_{\text{batch}}\big] = \nabla \hat L .$$
#
# Of 12 examples there are 495 batches of 4, and as many of 8. We simply try them all. For a single linear layer the
# **gradient** (梯度) fits on one line by hand: $\nabla \hat L = \frac{1}{N} X^{\top}(\sigma(Xw) - y)$.

# %%
data = problem(env.seed)
x, y = (part[:12].double() for part in data["target"])
w = torch.randn(10, generator=tl.environment.generator(env.seed), dtype=torch.float64, requires_grad=True)

each = x * (torch.sigmoid(x @ w.detach()) - y)[:, None]  # by hand: one row, the gradient of one example
full = each.mean(dim=0)
assert torch.allclose(full, torch.autograd.grad(F.binary_cross_entropy_with_logits(x @ w, y), w)[0], atol=1e-12)

batches = {
    size: torch.stack([each[list(rows)].mean(dim=0) for rows in combinations(range(12), size)]) for size in (4, 8)
}
for size, gradients in batches.items():
    one, mean = (gradients - full).norm(dim=1).mean(), (gradients.mean(dim=0) - full).norm()
    print(f"{len(gradients)} batches of {size}: one is off by {one:.2f} on average, their mean by {mean:.0e}")
    assert mean < 1e-12

# %% [markdown]
# Hand and autograd agree. No single batch is right, and their average is, to the last digit. Here are the first two of
# the ten numbers of every gradient.

# %% tags=["hide-input"]
fig, panels = tl.figures.axes(8.4, 3.6, 1, 2, sharex=True, sharey=True)
for ax, (size, gradients) in zip(panels, batches.items(), strict=True):
    ax.scatter(*gradients[:, :2].T, s=5, color=GREY, linewidth=0, label="one mini-batch")
    ax.scatter(*full[:2], s=170, marker="*", color=VERMILION, label="their mean = all 12 examples", zorder=3)
    ax.set(title=f"batches of {size}", xlabel="gradient, 1st number")
panels[0].set_ylabel("gradient, 2nd number")
fig.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
headline(fig, "Each mini-batch points elsewhere; their mean points exactly right")
alt = "Two clouds of 495 grey dots, the gradients of all mini-batches, each centred on a star, the gradient of all "
alt += "examples. The cloud for batches of 8 is about half as wide as the cloud for batches of 4."
tl.figures.show(fig, alt=alt, caption="You just ran this.")

# %% [markdown]
# One condition hides in "equally often". Cut 12 examples into batches of 5, 5 and 2 and average the three means: each of
# the last two examples counts two and a half times as much as any other. So loops drop a short last batch, or weigh it.
#
# ## Sum or mean?
#
# Source text 004 writes both its stages, $L_{\text{pre}}$ over $N$ examples and $L_{\text{fine}}$ over $M$, as *sums*,
# without $\frac1N$ and $\frac1M$. The minimum stays where it was. The gradient does not: it is exactly $N$ times as long,
# and the **learning rate** (学习率) that suits the mean is $N$ times too large for the sum, where steps follow its length.

# %%
net = network(env.seed)
weights = list(net.parameters())
batch = tuple(part[:64] for part in data["target"])
of_sum = torch.autograd.grad(risk(net, batch, reduction="sum"), weights)
of_mean = torch.autograd.grad(risk(net, batch), weights)
print(f"gradient of the sum / gradient of the mean, at N = 64: {of_sum[0].norm() / of_mean[0].norm():.3f}")
for s, m in zip(of_sum, of_mean, strict=True):
    assert torch.allclose(s, 64 * m, rtol=1e-4, atol=1e-5)

# %% [markdown]
# This matters between the two stages. Fine-tuning usually has far fewer examples, $M \ll N$, so with sums SGD would take
# steps that are shorter by $M/N$. And in a mixture, the task with more examples would count more. This course uses means.
# (The same text calls the fine-tuned parameters $\theta$ again. They *start* at $\theta$, then move, and a new head
# comes along: $\theta'$ and $\varphi$ would be kinder names.)
#
# ## Two tasks in one loss
#
# Now the mixture. With **shared** weights $w$ it weighs two wishes,
#
# $$L(w) = \alpha\,L_{\text{source}}(w) + (1-\alpha)\,L_{\text{target}}(w), \qquad
# \nabla L = \alpha\,\nabla L_{\text{source}} + (1-\alpha)\,\nabla L_{\text{target}},$$
#
# and both ends are known already: $\alpha = 0$ learns from the target alone, $\alpha = 1$ from the source alone. Here
# $\alpha$ weighs the *source*. Ben-David and others, whose theory comes in lesson 13, put $\alpha$ on the *target*. Look
# which side it is on before you copy a value from a paper.

# %%
alpha = 0.5
source, target = data["related"], data["target"]
of_source, of_target = (torch.autograd.grad(risk(net, part), weights) for part in (source, target))
mixed = torch.autograd.grad(transfer_risk(risk(net, source), risk(net, target), alpha), weights)
for gradient, s, t in zip(mixed, of_source, of_target, strict=True):
    assert torch.allclose(gradient, alpha * s + (1 - alpha) * t, atol=1e-6)

broken = torch.tensor(float("nan"))
assert torch.equal(transfer_risk(broken, risk(net, target), 0), risk(net, target))
assert torch.equal(transfer_risk(risk(net, source), broken, 1), risk(net, source))

# %% [markdown]
# The package's `transfer_risk` is the formula. At its ends it leaves the other term out altogether, so that even a
# broken one does no harm ($0 \cdot \text{nan}$ would have been `nan`).
#
# ### The answer to the prediction
#
# Now each task gets its own network, as printed. Differentiate by hand: $L_{\text{source}}(w_s)$ does not contain $w_t$,
# so its derivative is zero, and
#
# $$\frac{\partial L_{\text{transfer}}}{\partial w_t} = (1-\alpha)\,\nabla L_{\text{target}}(w_t).$$
#
# No trace of the source. Autograd agrees, and so does training. Three times from the same start: with the source's
# labels, with coin flips in their place, and with the source's term crossed out.


# %%
def train_apart(source, steps=100):
    """The formula as printed: two networks, one sum. Returns the target network's first gradient and last weights."""
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
coin_flips = torch.randint(2, source[1].shape, generator=tl.environment.generator(env.seed)).float()
runs = [train_apart(source), train_apart((source[0], coin_flips)), train_apart(None)]
lone = network(2)
by_definition = torch.autograd.grad(risk(lone, target), lone[0].weight)[0]

for gradient, final in runs:
    assert torch.equal(gradient, (1 - alpha) * by_definition)
    assert torch.equal(final, runs[0][1])
print("largest difference in any weight:", max((final - runs[0][1]).abs().max().item() for _, final in runs))

# %% [markdown]
# Identical, not just similar. The formula as printed transfers **nothing**. With honest labels, with coin flips, with no
# source at all, the target network is the same in every bit. All that $\alpha$ did was to slow it down.
#
# Keep the test. Before you believe that a loss transfers, ask: *through which weights does the source's term reach
# the target's network?*
#
# ## Three couplings
#
# There are three classical repairs.
#
# 1. **Shared weights** (参数共享): $w_s = w_t = w$ in the mixture. The source's examples pull on the same weights.
# 2. **Source initialisation** (源模型初始化): train $w_s$, then start $w_t$ there. Source text 003 prints plain
#    empirical risk for this stage, the formula of training from scratch: what transfers is the *starting point*, which
#    no loss shows.
# 3. **A penalty** $R(\theta_t, \theta_s)$ with a weight $\lambda$, the form of source text 002:
#
# $$\min_{\theta_t}\; L_t(\theta_t) + \lambda\, R(\theta_t, \theta_s), \qquad
# R = \tfrac12\lVert \theta_t - \theta_s \rVert^2, \qquad \text{gradient: } \nabla L_t + \lambda\,(\theta_t - \theta_s).$$
#
# This $R$ is called **L2-SP**, "SP" for *starting point*: its authors also start the training at the source. We start at
# random in the third coupling, so that the penalty is seen alone. It is a **regulariser** (正则化项), and its gradient is a
# spring that pulls towards the source. First check that hand, autograd and the package's `l2_sp` agree.

# %%
start = [weight.detach().clone() for weight in network(7).parameters()]
penalty = l2_sp(weights, start, alpha=0.03, beta=0.0)
assert torch.allclose(penalty, 0.03 / 2 * sum((now - s).square().sum() for now, s in zip(weights, start, strict=True)))

for gradient, now, s in zip(torch.autograd.grad(penalty, weights), weights, start, strict=True):
    assert torch.allclose(gradient, 0.03 * (now - s), atol=1e-7)

# %% [markdown]
# The function's `alpha` is our $\lambda$. Its `beta` is for weights that the source does not have, such as a new head.
# There $\theta_t - \theta_s$ is not even defined, which source text 002 passes over; they get plain decay.
#
# Now the experiment. One loop trains everything; only the loss and the start differ.


# %%
def fit(net, loss, steps=100, watch=None):
    """Minimise loss(net) with Adam and return the network; watch(value) is called before each step."""
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(net)
        if watch:
            watch(value.item())
        value.backward()
        optimizer.step()
    return net


# %% [markdown]
# The formula as printed, and its three repairs. All fresh target networks of a draw start from the same seed.


# %%
def transfer(source, target, seed, alpha=0.5, lam=0.03):
    """Target networks by how they were coupled to the source."""
    teacher = fit(network(seed + 2000), lambda net: risk(net, source))
    start = [weight.detach().clone() for weight in teacher.parameters()]
    pair = nn.ModuleList([network(seed + 1000), network(seed)])
    fit(pair, lambda pair: alpha * risk(pair[0], source) + (1 - alpha) * risk(pair[1], target))

    def tied(net):
        return risk(net, target) + l2_sp(net.parameters(), start, alpha=lam, beta=0.0)

    nets = {"source model as it is": teacher, "separate, as printed": pair[1]}
    nets["1 shared weights"] = fit(network(seed), lambda n: transfer_risk(risk(n, source), risk(n, target), alpha))
    nets["2 source initialisation"] = fit(copy.deepcopy(teacher), lambda net: risk(net, target))
    nets["3 penalty (L2-SP)"] = fit(network(seed), tied)
    return nets


# %% [markdown]
# > **Predict.** With the related source, which rows of the picture below will beat "target alone"? And with the
# > **control**, the *unrelated* source: will the couplings do no good, or do harm?
#
# We draw the whole problem five times, so that a lucky draw cannot fool us.

# %%
results = {}
for draw in range(env.seed, env.seed + 3):
    data = problem(draw)
    nets = {("target alone", "no"): fit(network(draw), lambda net, data=data: risk(net, data["target"]))}
    for kind in ("related", "unrelated"):
        for how, net in transfer(data[kind], data["target"], draw).items():
            nets[how, kind] = net
    for key, net in nets.items():
        results.setdefault(key, []).append(accuracy(net, data["test"]))

# %% [markdown]
# Every mark is a network; the grey band spans what the hundred target labels reach on their own.

# %% tags=["hide-input"]
LOOK = {"no": (GREY, "o", 0), "related": (GREEN, "o", -0.16), "unrelated": (PURPLE, "X", 0.16)}
rows, band = list(dict.fromkeys(how for how, _ in results)), results["target alone", "no"]
fig, ax = tl.figures.axes(8.4, 4.2)
ax.axvspan(min(band), max(band), color=GREY, alpha=0.18, linewidth=0)
for (how, kind), values in results.items():
    color, marker, shift = LOOK[kind]
    heights = [rows.index(how) + shift + 0.06 * (draw - 1) for draw in range(3)]
    label = f"{kind} source" if how in rows[:2] else None
    ax.scatter(values, heights, s=58, color=color, marker=marker, edgecolor="white", linewidth=0.7, label=label)
ax.set(yticks=range(len(rows)), yticklabels=rows, ylim=(5.5, -0.5), xlabel="test accuracy (%); guessing gives 50 %")
ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
fig.legend(loc="outside lower center", ncols=3)
headline(fig, "Only a coupling lets the source be heard; it had better be related")
means = "; ".join(f"{how}, {kind} source {sum(values) / 3:.0%}" for (how, kind), values in results.items())
tl.figures.show(fig, alt=f"Mean test accuracies: {means}.", caption="You just ran this: three draws.")

# %% [markdown]
# The notebook checks what the picture seems to say, draw by draw.

# %%
# Checked before publication on draws 0 to 19: each of these orderings holds in every single draw.
for how in ("1 shared weights", "2 source initialisation", "3 penalty (L2-SP)"):
    assert all(value > lone for value, lone in zip(results[how, "related"], band, strict=True)), how
    assert all(value < lone for value, lone in zip(results[how, "unrelated"], band, strict=True)), how
for kind in ("related", "unrelated"):
    for value, lone in zip(results["separate, as printed", kind], band, strict=True):
        assert abs(value - lone) < 0.01, "separate networks must score as the target alone does"

# %% [markdown]
# * **As printed**, both sources give the marks of the target alone. A good source is not at fault: it is never heard.
# * **Each coupling** beats the target alone in every draw, when the source is related.
# * **The control:** with the unrelated source the same couplings do harm, in every draw. This is **negative transfer**
#   (负迁移). A coupling makes the source audible, not right.
# * The second row is a control too: the source model untouched. Hold each coupling against *it*: what lies above it is what
#   your target labels added.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Twenty minutes of talk, twenty-five of work. Before the bits are compared, ask for hands on
# "better", "worse", "same"; we expect most to vote "better", because the formula *looks* like a mixture. Let someone say
# which symbol would have to appear twice. Likely wrong answers later: that a sum "trains faster" (it only changes the
# learning rate), that a larger α helps under Adam, that weight decay and L2-SP are one thing because both are called L2.

# %% [markdown]
# ## What source text 001's program really trains
#
# The formula is one thing, the program beside it another. Stripped to its idea, the program builds a source network that
# is **never trained**, feeds both networks the same inputs, and pulls the target's outputs towards the source's. Here
# is that idea in lines of our own, and beside it the loss it *meant*, with labels, as a control.
#
# > **Predict.** Will the imitation loss fall? And the accuracy on the target's test set, will it rise?

# %%
data = problem(env.seed)
guide, student, taught = network(11), network(12), network(12)  # nobody trains the guide
wanted = torch.sigmoid(guide(data["target"][0])).detach()
losses, imitating, with_labels = [], [], []


def imitation(net):
    """α times the mean squared difference of two networks' outputs: no label in sight."""
    imitating.append(accuracy(net, data["test"]))
    return 0.5 * (torch.sigmoid(net(data["target"][0])) - wanted).square().mean()


fit(student, imitation, watch=losses.append)
fit(taught, lambda net: risk(net, data["target"]), watch=lambda _: with_labels.append(accuracy(taught, data["test"])))
print(f"the imitation loss fell to one part in {losses[0] / losses[-1]:.0f} of what it was")

# %% [markdown]
# On the left is what the program watches. On the right is what it should have watched.

# %% tags=["hide-input"]
fig, (left, right) = tl.figures.axes(8.4, 3.5, 1, 2)
left.semilogy(losses, color=PURPLE)
left.set(xlabel="step", ylabel="imitation loss (logarithmic)")
right.plot(with_labels, color=GREEN, linestyle=(0, (6, 2)), label="trained with labels (control)")
right.plot(imitating, color=PURPLE, label="imitating an untrained network")
right.axhline(0.5, color=GREY, linewidth=1.4, linestyle=":", label="guessing")
right.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
right.set(xlabel="step", ylabel="test accuracy (%)", ylim=(0.42, 0.98))
right.legend(loc="upper left", fontsize=9.5)
headline(fig, "The loss falls and falls; the network learns nothing of the task")
# tests/lessons/test_lesson_02.py checks this on draws 0 to 19.
assert losses[0] > 20 * losses[-1]
assert abs(imitating[-1] - 0.5) < 0.08 < with_labels[-1] - 0.5
alt = "Left, the imitation loss falls by orders of magnitude. Right, that network's accuracy stays at guessing; with labels it rises."
tl.figures.show(fig, alt=alt, caption="You just ran this.")

# %% [markdown]
# A falling loss proves that *something* is being minimised. Here it is the distance to a network that knows nothing, and
# the student arrives. Imitating a *trained* teacher is a fine idea, called knowledge distillation (知识蒸馏): lesson 12.
#
# ### A factor that Adam hardly feels
#
# That program's $\alpha$ multiplies the whole loss. Under plain gradient descent (SGD) this is a change of learning rate.
# **Adam** divides each gradient $g$ by a running measure of its own size,
#
# $$\Delta w = -\eta\,\frac{\hat m}{\sqrt{\hat v} + \varepsilon}, \qquad \hat m \propto g, \quad \hat v \propto g^2,$$
#
# so a constant factor cancels, all but for $\varepsilon$.
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
OPTIMIZERS = {
    "SGD": lambda weights: torch.optim.SGD(weights, lr=0.3),
    "Adam": lambda weights: torch.optim.Adam(weights, lr=0.003),
    "Adam, ε → 0": lambda weights: torch.optim.Adam(weights, lr=0.003, eps=1e-30),
}
curves, apart = {}, {}
beginning = nn.utils.parameters_to_vector(network(3).parameters()).detach()
for name, make in OPTIMIZERS.items():
    curves[name], ends = zip(*[scaled(make, factor) for factor in (1, 1 / 2, 1 / 16)], strict=True)
    apart[name] = max((end - ends[0]).norm() for end in ends).item() / (ends[0] - beginning).norm().item()
    print(f"{name:<12}{apart[name]:8.2%}")
assert apart["SGD"] > 0.5 > 0.2 > apart["Adam"]
assert apart["Adam, ε → 0"] == 0.0  # in every bit: halving is exact in binary numbers

# %% [markdown]
# What Adam still feels comes through $\varepsilon$: with it out of the way, not one bit of one weight differs.

# %% tags=["hide-input"]
fig, panels = tl.figures.axes(8.4, 3.4, 1, 2, sharey=True)
for ax, name in zip(panels, ("SGD", "Adam"), strict=True):
    for curve, label, color, line, width in zip(
        curves[name], ("× 1", "× 1/2", "× 1/16"), (GREEN, INK, PURPLE), ("-", "--", ":"), (5, 2.2, 2.8), strict=True
    ):
        ax.plot(curve, color=color, linestyle=line, linewidth=width, label=f"loss {label}")
    ax.set(xlabel="step", title=name)
panels[0].set_ylabel("target loss, unscaled")
panels[0].legend(loc="lower left")
headline(fig, "A constant factor slows SGD down; Adam hardly notices it")
alt = "Left, SGD: three curves fan out, the one for a sixteenth hardly falls. Right, Adam: three curves lie on one another."
tl.figures.show(fig, alt=alt, caption="You just ran this: one network, one start, three factors.")

# %% [markdown]
# So in that program, under Adam, $\alpha$ does almost nothing, unless it is zero: then nothing moves at all. But do not conclude that
# $\alpha$ is idle in a real mixture. With shared weights it turns the gradient's *direction*, and Adam follows directions.
#
# ## The penalty, on a surface you can see
#
# Thousands of weights cannot be drawn. Two can. Say you estimate rents from a flat's **area** and its number of
# **rooms**, both counted from their averages, in units of their spread. Large flats have many rooms. So a dozen adverts
# from a new city tell what area and rooms are worth *together*, but hardly which of the two it is: the loss is a long
# valley, and where its lowest point lies is an accident of those adverts. We invent the truth, and so can measure who
# gets near.

# %%
TRUTH = torch.tensor([1.4, 0.6], dtype=torch.float64)
ANCHORS = {"related source": [1.0, 0.9], "zero: plain weight decay": [0.0, 0.0], "unrelated source": [2.9, -1.0]}
ANCHORS = {name: torch.tensor(point, dtype=torch.float64) for name, point in ANCHORS.items()}


def adverts(worth, count, seed):
    """Area and rooms (correlated) of flats, and their rents, given what both are worth."""
    area, other, noise = torch.randn(3, *count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    x = torch.stack([area, 0.9 * area + (1 - 0.9**2) ** 0.5 * other], dim=-1)
    return x, x @ worth + noise


def mean_loss(theta, x, y):
    """Half the mean squared error; theta may be one pair of weights or a grid of them."""
    return (theta @ x.mT - y).square().mean(dim=-1) / 2


# %% [markdown]
# This loss is a bowl with curvature $H = \tfrac1N X^{\top}X$. Set the gradient of loss plus penalty to zero, by hand:
#
# $$H\theta - \tfrac1N X^{\top}y + \lambda(\theta - \theta_s) = 0 \quad\Longrightarrow\quad
# \theta(\lambda) = (H + \lambda I)^{-1}\big(\tfrac1N X^{\top}y + \lambda\,\theta_s\big).$$
#
# **Weight decay** (权重衰减) is the same with $\theta_s = 0$. Put the other way round: weight decay *is* a transfer, from
# a source that knows nothing.


# %%
def minimum(x, y, anchor, lam):
    """The minimiser of mean_loss plus lam/2 · ‖theta − anchor‖²."""
    curvature = x.mT @ x / x.shape[-2] + lam * torch.eye(2, dtype=torch.float64)
    return torch.linalg.solve(curvature, (x.mT @ y[..., None]).squeeze(-1) / x.shape[-2] + lam * anchor)


x, y = adverts(TRUTH, (12,), seed=env.seed + 53)  # one dozen, chosen because its picture is clear
own = minimum(x, y, ANCHORS["related source"], 0.0)
for anchor in ANCHORS.values():
    theta = minimum(x, y, anchor, 0.3).requires_grad_()
    (mean_loss(theta, x, y) + l2_sp([theta], [anchor], alpha=0.3, beta=0.0)).backward()
    assert theta.grad.norm() < 1e-12, "autograd must find no slope where the formula puts the minimum"
    assert torch.allclose(minimum(x, y, anchor, 0.0), own), "λ = 0: the target alone, whatever the anchor"
    assert torch.allclose(minimum(x, y, anchor, 1e9), anchor, atol=1e-6), "λ → ∞: the anchor, whatever the target"

# %% [markdown]
# Autograd finds no slope there, and both limits hold: $\lambda = 0$ is the target alone, $\lambda \to \infty$ gives the
# anchor back.
#
# > **Predict.** As $\lambda$ grows, the minimum walks from the target's own to the anchor. Which of three walks, to a
# > related source, to zero, to an unrelated source, passes nearest to the truth? And is a walk a straight line?
#
# One dozen adverts may be an accident, so we also draw three hundred dozens and average.

# %%
lambdas = torch.logspace(-3, 2, 61, dtype=torch.float64)
many = adverts(TRUTH, (300, 12), seed=env.seed)
paths, distances, best = {}, {}, {}
for name, anchor in ANCHORS.items():
    paths[name] = torch.stack([minimum(x, y, anchor, lam) for lam in lambdas])
    misses = torch.stack([minimum(*many, anchor, lam) - TRUTH for lam in lambdas])
    distances[name] = misses.square().sum(dim=-1).mean(dim=-1).sqrt()
    best[name] = distances[name].min().item()
    alone = (anchor - TRUTH).norm()
    print(f"{name:<25} from the truth: {distances[name][0]:.2f} at λ ≈ 0, {best[name]:.2f} at best, anchor {alone:.2f}")

# tests/lessons/test_lesson_02.py checks this order on 20 other sets.
assert best["related source"] < best["zero: plain weight decay"] < best["unrelated source"]

# %% [markdown]
# A small helper draws the surface, the truth on it, and whatever other points are wanted.

# %% tags=["hide-input"]
LINES = dict(
    zip(ANCHORS, ((GREEN, "-", "s"), (GREY, (0, (5, 2)), "P"), (PURPLE, (0, (6, 2, 1.2, 2)), "X")), strict=True)
)
AXES = torch.linspace(-0.7, 3.3, 101, dtype=torch.float64), torch.linspace(-1.5, 2.1, 101, dtype=torch.float64)
GRID = torch.stack(torch.meshgrid(*AXES, indexing="xy"), dim=-1)


def surface(ax, loss, points):
    """Contours of a loss over both weights, closer together near its floor, and points by their markers."""
    levels = loss.min() + (loss.max() - loss.min()) * torch.linspace(0.02, 1, 18) ** 2.2
    ax.contour(*AXES, loss, levels=levels, colors="#889098", linewidths=0.8)
    ax.plot(*TRUTH, color=VERMILION, marker="*", markersize=17, linestyle="")
    for marker, point in points.items():
        ax.plot(*point, color=INK, marker=marker, markersize=8, linestyle="")
    ax.set(xlabel="worth of area", ylabel="worth of rooms", aspect="equal")


# %% [markdown]
# Grey lines join points of equal target loss. Each coloured walk leaves the diamond and ends at its anchor.

# %% tags=["hide-input"]
fig, (left, right) = tl.figures.axes(9.4, 4.2, 1, 2, width_ratios=(1.1, 1))
surface(left, mean_loss(GRID, x, y), {"D": own})
for name, (color, line, marker) in LINES.items():
    left.plot(*paths[name].T, color=color, linestyle=line)
    left.plot(*ANCHORS[name], color=color, marker=marker, markersize=10, linestyle="")
    right.semilogx(lambdas, distances[name], color=color, linestyle=line, label=name)
left.annotate("target's own\nminimum", own, xytext=(-10, 2), textcoords="offset points", ha="right", va="top")
left.annotate("truth", TRUTH, xytext=(12, 4), textcoords="offset points")
right.set(xlabel="λ (logarithmic)", ylabel="distance from the truth", ylim=(0, None))
right.legend(loc="lower left", fontsize=9.5)
headline(fig, "A near anchor draws the minimum past the truth, a far one draws it away")
alt = "Left: a long narrow valley of target loss; three curved walks from the target's own minimum to three anchors. "
alt += "Right: mean distance from the truth over λ; lowest for the related source, then zero, then the unrelated one."
tl.figures.show(fig, alt=alt, caption="You just ran this. Left: one dozen adverts. Right: mean over 300 dozens.")

# %% [markdown]
# We know the truth here, and took the best $\lambda$ by it; in earnest, validation has to choose. The last number printed is
# the anchor's own distance, without any advert of yours: the difference from the best is what your adverts added to it.
#
# The walks bend. A small penalty first corrects what the target's adverts say least about, the place *along* the valley.
# On the right, all curves leave together ($\lambda = 0$: no anchor counts) and end at their anchor's own distance. The
# unrelated source is the control: beyond small $\lambda$ it does harm. A penalty is a bet on where the truth lies.
#
# ## One dial for α and λ
#
# The mixture keeps the source's *data*, the penalty only its *weights*. How near are the two? Divide the mixture by
# $1-\alpha$:
#
# $$\frac{\alpha L_s + (1-\alpha)L_t}{1-\alpha} = L_t + \lambda\,L_s \qquad\text{with}\qquad \lambda = \frac{\alpha}{1-\alpha}.$$
#
# So L2-SP is the mixture with the source's loss replaced by a round bowl around its minimum. At $\alpha = 0$ both are
# the target alone, at $\alpha = 1$ both are the source alone. A dial will set both at once, $\alpha$ and with it
# $\lambda$.
#
# > **Predict.** At $\alpha = \tfrac12$, has the mixture's minimum gone half of the way to the source? Has the penalty's? And
# > one of the two surfaces keeps its shape all the way while the other changes: which, and into what?

# %%
source_x, source_y = adverts(ANCHORS["related source"], (400,), seed=env.seed)
theta_s = minimum(source_x, source_y, own, 0.0)
bowl = (GRID - theta_s).square().sum(dim=-1) / 2
source_loss, target_loss = mean_loss(GRID, source_x, source_y), mean_loss(GRID, x, y)


def of_mixture(alpha):
    """The minimum of α·L_source + (1−α)·L_target: least squares on both sets of adverts, each with its share."""
    shares = (alpha / len(source_x)) ** 0.5, ((1 - alpha) / len(x)) ** 0.5
    return minimum(*[torch.cat([shares[0] * s, shares[1] * t]) for s, t in ((source_x, x), (source_y, y))], own, 0.0)


def of_penalty(alpha):
    """The minimum of α·R + (1−α)·L_target: L2-SP with λ = α/(1−α)."""
    return theta_s if alpha == 1 else minimum(x, y, theta_s, alpha / (1 - alpha))


# %% [markdown]
# First, what one panel of the picture shows.

# %% tags=["hide-input"]
PANELS = {
    "mixture: α·L_source + (1−α)·L_target": (source_loss, of_mixture),
    "penalty: α·R + (1−α)·L_target": (bowl, of_penalty),
}


def objective(ax, name, alpha):
    """One panel: the surface that is minimised at this α, and the minimum's walk from α = 0 to α = 1."""
    of_source, lowest = PANELS[name]
    surface(ax, alpha * of_source + (1 - alpha) * target_loss, {"D": own, "s": theta_s})
    ax.plot(*torch.stack([lowest(step / 40) for step in range(41)]).T, color=GREEN)
    ax.plot(*lowest(alpha), color=GREEN, marker="o", markersize=12, markeredgecolor=INK)
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
    headline(fig, f"α = {alpha:g}, λ = {lam}: the minimum ● between target ◆ and source ■")
    gone = [1 - lowest(alpha).dist(theta_s) / own.dist(theta_s) for _, lowest in PANELS.values()]
    alt = f"Contours at α = {alpha:g}. Nearer to the source than the target's own minimum was: the mixture's by "
    alt += f"{gone[0]:.0%}, the penalty's by {gone[1]:.0%}. The mixture keeps its valley, the penalty grows rounder."
    return tl.figures.show(fig, alt=alt, caption="★ truth, ◆ target's minimum, ■ source's, ● of what is drawn.")


tl.figures.dial(picture, [0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1], label="α, the weight of the source", start=0.25)

# %% [markdown]
# In the left picture, at half of the weight the dot is about half of the way to the source. The valley keeps its shape,
# because flats of both cities are built alike. In the right picture the dot is far ahead: $R$ pulls alike in all
# directions, and along its valley the target hardly resists. The surface grows round. The source's *data* would have told
# which directions matter, and its weights alone do not. Where the data may not be kept, $R$ is what remains.
#
# ## The same as a constraint, and its dual
#
# $\lambda$ is hard to picture. A *fence* is not: go where you like, but not far from the source. This is the
# **constraint** (约束) form,
#
# $$\min_{\theta}\; L_t(\theta) \quad\text{subject to}\quad R(\theta) = \tfrac12\lVert\theta-\theta_s\rVert^2 \le c .$$
#
# Stand at the solution, on the fence. If a way down stayed inside, you would not have stopped. So downhill points straight
# *out*: $-\nabla L_t = \lambda(\theta-\theta_s)$ with some $\lambda \ge 0$. That is the penalty's equation, with
# $\lambda$ as **Lagrange multiplier** (拉格朗日乘子). Each $\lambda$ has its fence and each fence its $\lambda$. We check it
# with a solver that knows only the fence, $\sqrt{2c}$ from the source: step downhill, and if you left, go back to it.


# %%
def fenced(anchor, radius, steps=3000):
    """Projected gradient descent no farther than radius from the anchor; returns θ and the multiplier found there."""
    theta = anchor
    for _ in range(steps):
        downhill = x.T @ (y - x @ theta) / len(x)
        away = theta + 0.3 * downhill - anchor
        theta = anchor + away * min(1.0, radius / away.norm().item())
    return theta, (downhill @ (theta - anchor) / (theta - anchor).square().sum()).item()


for lam in (0.02, 0.1, 0.5):
    radius = theta_s.dist(minimum(x, y, theta_s, lam)).item()
    theta, multiplier = fenced(theta_s, radius)
    print(f"λ = {lam:<4} ends {radius:.2f} from the source; a fence of that radius has the multiplier {multiplier:.4f}")
    assert torch.allclose(theta, minimum(x, y, theta_s, lam), atol=1e-4)

# %% [markdown]
# It recovers $\lambda$ without having been told. A larger $\lambda$ is a tighter fence; $\lambda \to \infty$ is $c = 0$,
# the source itself. And a fence so wide that the target's own minimum lies inside is never felt: its multiplier is zero.
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
print(f"fenced minimum {floor:.6f}, top of the dual {values.max():.6f} at the price {prices[values.argmax()]:.3f}")
assert torch.allclose(values.max(), floor)

# %% [markdown]
# Where the dark contour touches the fence, they share a tangent. The loss there is the height of the dual's top.

# %% tags=["hide-input"]
fig, (left, right) = tl.figures.axes(9.4, 4.1, 1, 2, width_ratios=(1.1, 1))
turn = torch.linspace(0, 2 * torch.pi, 200, dtype=torch.float64)
left.fill(*(theta_s[:, None] + (2 * c).sqrt() * torch.stack([turn.cos(), turn.sin()])), color=GREEN, alpha=0.2)
surface(left, target_loss, {"D": own, "s": theta_s})
left.contour(*AXES, target_loss, levels=[floor.item()], colors=INK, linewidths=1.8)
right.plot(prices, values, color=GREEN)
right.axhline(floor, color=INK, linestyle="--", linewidth=1.4, label="loss at the fenced minimum")
for ax, point in ((left, touch), (right, (0.1, floor))):
    ax.plot(*point, color=GREEN, marker="o", markersize=11, markeredgecolor=INK)
right.set(xlabel="price λ", ylabel="g(λ)")
right.legend(loc="lower center")
headline(fig, "The fenced minimum, seen from the ground and from the dual")
alt = "Left: a disc around the source; one contour just touches it. Right: g rises to a top, at the fenced minimum's loss."
tl.figures.show(fig, alt=alt, caption="You just ran this. ■ source, ◆ target's own minimum, ★ truth, ● fenced minimum.")

# %% [markdown]
# Source text 002 lists "dual optimisation" beside gradient descent. Deep networks are hardly ever trained through their
# dual: their loss is no bowl, and the gap need not close. What survives is useful all the same. A best $\theta$ for some
# $\lambda$ solves the fenced problem with its own $c$, and Gouk and others fine-tune inside a fence, as we just did.

# %% [markdown]
# ## What to remember
#
# * A loss is a **mean**, and a mini-batch estimates it without bias. Write a sum, and SGD takes longer steps.
# * A formula transfers only through something that **both terms touch**: shared weights, the starting point, a penalty.
#   Look for it with $\partial/\partial w_t$ before you train.
# * $\alpha$, $\lambda$ and $c$ all lead from "target alone" to "source alone", each on a way of its own. A coupling makes
#   the source heard, not right: keep an unrelated source as your control.

# %% [markdown]
# ## Check yourself
#
# Choose first, then open.
#
# **1. Separate networks, the printed formula, SGD. You raise α from one half to nine tenths. The target network …**
#
# <details><summary>… listens more to the source.</summary>Not this. No term connects its weights to the source, whatever
# that term's weight.</details>
# <details><summary>… learns from the same gradients, five times shorter.</summary><b>Right.</b> They are multiplied by 1−α,
# which fell from one half to one tenth.</details>
# <details><summary>… does not notice at all.</summary>Not quite. Under Adam this is nearly true; SGD feels the
# factor.</details>
#
# **2. A loss *sums* over the batch, and SGD minimises it. You double the batch and want steps as long as before. The
# learning rate must …**
#
# <details><summary>… be halved.</summary><b>Right.</b> The sum's gradient is about twice as long. With a mean there would
# be nothing to do.</details>
# <details><summary>… be doubled.</summary>Not this: steps four times as long. Rules that raise the rate with the batch are
# meant for means.</details>
# <details><summary>… stay: the minimum has not moved.</summary>Not this. The minimum stays, the slope does not.</details>
#
# **3. Someone keeps the source as `start = [w.detach() for w in model.parameters()]` and trains `model` with L2-SP.
# What does the penalty do?**
#
# <details><summary>It pulls the weights back to the source.</summary>That was the wish. But <code>detach</code> makes no
# copy: both names point to one memory.</details>
# <details><summary>It stays zero.</summary><b>Right.</b> The anchor walks along with the weights. It takes
# <code>.detach().clone()</code>, as above.</details>
# <details><summary>It raises an error.</summary>Not this, and that makes it dangerous: everything runs, and nothing
# happens.</details>
#
# **4. λ is huge and the source unrelated. Where does the target network end?**
#
# <details><summary>At its own minimum: such a source cannot hold it.</summary>Not this. The spring does not know what it
# is tied to.</details>
# <details><summary>At the source, about as good as guessing.</summary><b>Right.</b> It is the limit λ → ∞. So choose λ on
# validation data, with zero among the candidates.</details>
# <details><summary>At zero.</summary>Not this. <i>Weight decay</i> leads there, L2-SP leads to the source.</details>

# %% [markdown]
# ## Sources
#
# * Source texts 001 §3–4, 002 §3.3, 003 §3 and 004 §4, whose formulas this lesson takes apart.
# * S. Ben-David and others: [*A theory of learning from different domains*](https://doi.org/10.1007/s10994-009-5152-4),
#   Machine Learning 79, 2010. Mixtures of both risks, with α on the target.
# * X. Li, Y. Grandvalet, F. Davoine: [*Explicit inductive bias for transfer learning with convolutional
#   networks*](https://arxiv.org/abs/1802.01483), ICML 2018. L2-SP.
# * H. Gouk, T. Hospedales, M. Pontil: [*Distance-based regularisation of deep networks for
#   fine-tuning*](https://arxiv.org/abs/2002.08253), ICLR 2021. Fine-tuning inside a fence.
# * R. Caruana: *Multitask learning*, Machine Learning 28, 1997. Shared weights.
# * D. Kingma, J. Ba: [*Adam: a method for stochastic optimization*](https://arxiv.org/abs/1412.6980), ICLR 2015.
# * L. Bottou, F. Curtis, J. Nocedal: [*Optimization methods for large-scale machine
#   learning*](https://arxiv.org/abs/1606.04838), SIAM Review 60, 2018. Mini-batches as estimates.
# * S. Boyd, L. Vandenberghe: [*Convex Optimization*](https://web.stanford.edu/~boyd/cvxbook/), 2004, chapter 5. Duality.
