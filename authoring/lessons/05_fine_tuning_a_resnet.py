# ---
# tl_course:
#   summary: One pretrained ResNet, six ways to train it at equal steps - which rates, what moves, and what is forgotten.
#   minutes: 60
# ---

# %% [markdown]
# # Fine-tuning a ResNet
#
# **When you have finished this lesson you will be able to**
#
# * train one pretrained network in six ways, at equal labels and equal steps, and say what each costs;
# * give the parts of a network rates of their own, in plain PyTorch and with `fit`;
# * choose a rate, and show what a rate that is too large makes the network **forget**;
# * prove which parameters learn, and catch code that trains something else than it says.
#
# {{budget}}

# %% [markdown]
# ## A question to predict
#
# You have **ten labels for each of ten classes**, two of the ten set aside for validation. You also have a small
# [ResNet](https://arxiv.org/abs/1512.03385) whose backbone knows ImageNet: it was taught by a larger network, without
# labels, as lesson 03 tells. All get the same number of steps.
#
# > **Predict** the order, from worst to best, and the distance between the two ends:
# >
# > 1. **from scratch** (从零训练): random weights, all layers trained;
# > 2. **linear probe** (线性探针): only a new last layer is trained;
# > 3. **fine-tuning** (微调): all layers are trained, with one rate;
# > 4. **layer-wise rates** (分层学习率): all layers, the early ones more slowly;
# > 5. **gradual unfreezing** (逐层解冻): the head first, then one more group of layers at a time;
# > 6. **probe, then fine-tune**: a third of the steps for the head alone, the rest for everything.
#
# And one more: after fine-tuning, how much of what the network knew *before* is left?

# %%
import copy
import dataclasses
import time

import torch
import torch.nn.functional as F

import tl_course as tl
from tl_course.figures.style import BLUE, GREY, INK, PURPLE, VERMILION, headline

env = tl.setup()

# %% [markdown]
# The target is CIFAR-10 where a copy is at hand, else MNIST-M, rebuilt as in lesson 01. A training picture is shifted a
# little each time it is seen, and mirrored where that does not change what it is: **augmentation** (数据增强), for all
# methods but the probe.

# %%
name = tl.data.target()
AUGMENT = {"cifar10": ("flip", "crop"), "mnist_m": ("crop",)}[name]
task = tl.data.load(name, train_per_class=env.labels(10), test=env.examples(500), seed=0, augment=AUGMENT)
print(task)
print("labels used:", task.labels_used, "- training pictures are changed by", " and ".join(task.augment))

# %% [markdown]
# ## One loss, six ways down
#
# Source text 003 prints a formula as *the* objective of fine-tuning,
#
# $$\min_w \frac1m \sum_{i=1}^m \ell\big(f(x_i; w),\, y_i\big).$$
#
# Look closely: it is the empirical risk of lesson 02, and training from scratch minimises the very same. Transfer is not
# in the loss. It is in **where $w$ starts, which parts may move, and how fast**. Cut the network into groups of layers
# $g$, from the input to the head, each with a rate of its own:
#
# $$w_g \leftarrow w_g - \eta_g \nabla_{w_g} L .$$
#
# | way | backbone starts | $\eta_g$ |
# |---|---|---|
# | from scratch | at random | one $\eta$ for all |
# | linear probe | at the source | $\eta$ at the head, 0 elsewhere |
# | fine-tuning | at the source | one $\eta$ for all |
# | layer-wise rates | at the source | $\eta\,\delta^{k}$, $k$ groups before the head, $\delta < 1$ |
# | gradual unfreezing | at the source | 0 until a group's turn comes, then $\eta$ |
# | probe, then fine-tune | at the source | first as the probe, then one $\eta$ |
#
# Early layers see edges and colours, which serve many tasks; late ones see what the source was about. That is the
# reason for slow early layers, from [ULMFiT](https://arxiv.org/abs/1801.06146), like gradual unfreezing. The last way has
# [another reason](https://arxiv.org/abs/2202.10054): a random head sends random gradients into a good backbone and
# spoils it before the head knows anything. So let the head learn first.

# %%
model = tl.models.create(env.backbone, weights=env.weights, size=env.pixels)
print("head before:", tl.models.head_of(model))
tl.models.replace_head(model, task.num_classes, seed=0)
for group, modules in tl.models.layer_groups(model):
    print(f"{group:<8}{sum(tl.models.count_parameters(part).total for part in modules):>12,} parameters")

# %% [markdown]
# The source's head answered for a thousand classes. (Source text 002 sends such a network to a target of "ten classes of
# cats and dogs". Cats and dogs are two classes, or [37 breeds](https://www.robots.ox.ac.uk/~vgg/data/pets/); and ImageNet
# already holds more than a hundred kinds of dog, so there is little left to transfer *to*.)
#
# ## By hand: two groups, two rates
#
# The smallest case has two groups, backbone and head. The backbone knows something, so it walks; the head knows nothing,
# so it runs.

# %%
by_hand, with_fit = copy.deepcopy(model), copy.deepcopy(model)
body = [weight for key, weight in by_hand.named_parameters() if not key.startswith("fc.")]
optimizer = torch.optim.SGD(
    [{"params": body, "lr": 1e-3}, {"params": by_hand.fc.parameters(), "lr": 1e-2}], momentum=0.9, weight_decay=1e-4
)

# %% [markdown]
# Then two epochs (轮次) over a few pictures, in the precision that `tl.setup` chose.

# %%
few = dataclasses.replace(task, train=task.train[:80])
loader = tl.data.batches(few, by_hand.to(env.device), batch_size=40, seed=0)
by_hand.train()
for _ in range(2):
    for batch in loader:
        with torch.autocast(env.device.type, torch.bfloat16, enabled=env.precision == "bf16"):
            loss = F.cross_entropy(by_hand(batch.inputs), batch.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
by_hand.eval()
print(f"{2 * len(loader)} steps, loss of the last batch {loss:.3f}")

# %% [markdown]
# With the package's verb, the same is one call. Both must arrive at the same weights; we compare how far they are apart
# with how far they went.

# %%
settings = {"steps": 2 * len(loader), "batch_size": 40, "optimizer": "sgd", "schedule": "constant", "seed": 0}
tl.training.fit(with_fit, few, lr=1e-3, head_lr=1e-2, progress=False, **settings)

start, one, other = (
    torch.cat([weight.detach().flatten() for weight in net.cpu().parameters()]) for net in (model, by_hand, with_fit)
)
apart = (one - other).norm() / (one - start).norm()
print(f"the two are apart by {apart:.1e} of the way they went")
assert apart < 0.1, "the loop by hand and fit must take the same steps"

# %% [markdown]
# ## The experiment: three of the six, live
#
# You run three; all six stand in the record below. The rates were chosen beforehand, for each method apart, on other
# pictures of CIFAR-10; they serve both targets. To draw smooth curves, some test pictures *look on* while a network
# learns. `fit` calls such pictures *validation*. We choose nothing by them here; lesson 06 says why we may not.


# %%
onlookers = torch.randperm(len(task.test), generator=tl.environment.generator(0))[: env.examples(120)]
watched = dataclasses.replace(task, validation=task.test.subset(onlookers))
often = {"evaluate_every": env.steps(10), "log_every": env.steps(10)}
recipe = {"batch_size": 32, "schedule": "one_cycle", "progress": False, **often}


def pretrained(seed=0):
    """The ResNet with its ImageNet knowledge and a new head, where the lesson computes."""
    options = {"num_classes": task.num_classes, "size": env.pixels, "seed": seed}
    return tl.models.create(env.backbone, weights=env.weights, **options).to(env.device)


# %% [markdown]
# The probe's features are computed once, of the pictures as they are, and before its seconds are counted.

# %%
points = tl.data.features(pretrained(), dataclasses.replace(watched, augment=()))


def live(method):
    """Train in one of the three ways."""
    steps = env.steps(60)
    if method == "linear_probe":
        return tl.training.fit(pretrained().fc, points, steps=steps, lr=1e-2, **recipe)
    blank = tl.models.create(env.backbone, num_classes=task.num_classes, size=env.pixels, seed=0)
    network = blank if method == "scratch" else pretrained()
    return tl.training.fit(network, watched, steps=steps, lr=1e-3, **recipe)


# %% [markdown]
# Run it. Most of the lesson's seconds go into this cell.

# %%
runs, accuracy = {}, {}
for method in ("scratch", "linear_probe", "fine_tune"):
    began = time.perf_counter()
    runs[method] = live(method)
    cost = time.perf_counter() - began
    accuracy[method] = runs[method].evaluate("test")
    moved = runs[method].parameters.trainable
    print(f"{method:<13}{accuracy[method]}, {moved:>9,} parameters moved, {cost:4.1f} s")

# %% [markdown]
# Compare with your prediction. How did they get there?

# %%
tl.figures.learning_curves(
    runs,
    y=["validation_accuracy"],
    title="From a pretrained start the curves rise sooner and end higher",
    caption=f"You just ran this: {task.title}, {task.labels_used} labels, one seed, {len(onlookers)} onlookers.",
)

# %% [markdown]
# "It converges faster" is what source text 002 promises, and says no more. As a number: after how many steps does each
# reach what training from scratch has *at its end*?

# %%
goal = runs["scratch"].history[-1]["validation_accuracy"]
for method, run in runs.items():
    needed = next((entry["step"] for entry in run.history if entry["validation_accuracy"] >= goal), None)
    print(f"{method:<13} reaches {goal:.0%} after {needed} of {run.steps} steps")

# %% [markdown]
# (They were looked at now and then only.) One seed is one story. Are your three like the recorded ones?

# %%
expected = {
    "scratch": ("05.finetune_beats_scratch_10", "worse"),
    "linear_probe": ("05.probe_beats_scratch_10", "better"),
    "fine_tune": ("05.finetune_beats_scratch_10", "better"),
}
for method, (id, side) in expected.items():
    band = tl.records.within_band(id, accuracy[method].value, side=side, target=task.name, profile="mini")
    print(f"{method:<13} {band}")
    assert band, f"{method} is outside what the recorded seeds lead us to expect"

# %% [markdown]
# ## All six, five seeds, more labels
#
# The record holds every way at two label budgets (标注预算). Within a budget all take equally many steps.

# %%
record = tl.records.read("05_strategies").select(profile="mini", target=task.name)
tl.figures.label_budget(record)

# %% tags=["claim"]
tl.records.claim("05.finetune_beats_scratch_10", target=task.name, profile="mini")

# %% tags=["claim"]
tl.records.claim("05.finetune_beats_scratch_100", target=task.name, profile="mini")

# %% [markdown]
# That is the heart of it: equal pictures, equal labels, equal steps, one architecture. Only the starting point differs.
#
# ### Near and far
#
# Among the five ways that transfer there is no single order. The record holds two targets, and they disagree. CIFAR-10 is
# **near** the backbone, which was taught on its training pictures, without their labels. MNIST-M, digits over photographs,
# is **far**.
#
# > **Predict.** On which of the two does it pay to move the backbone, and on which to leave it alone? And the **control**:
# > if training from scratch gets three times the steps, does it catch up with fine-tuning, near or far?
#
# Near:

# %% tags=["claim"]
tl.records.claim("05.near_probe_beats_finetune_10", target="cifar10", profile="mini")

# %% tags=["claim"]
tl.records.claim("05.near_lpft_beats_finetune_10", target="cifar10", profile="mini")

# %% tags=["claim"]
tl.records.claim("05.near_lpft_equals_probe_100", target="cifar10", profile="mini")

# %% [markdown]
# Far:

# %% tags=["claim"]
tl.records.claim("05.far_probe_hurts_100", target="mnist_m", profile="mini")

# %% tags=["claim"]
tl.records.claim("05.far_finetune_beats_probe_100", target="mnist_m", profile="mini")

# %% tags=["claim"]
tl.records.claim("05.far_finetune_beats_lpft_100", target="mnist_m", profile="mini")

# %% [markdown]
# Near, with ten labels a class, every way that moves the backbone ends below the probe, plain fine-tuning the furthest.
# Far, with a hundred labels a class, the probe falls below from scratch: **negative transfer** (负迁移) by a frozen
# backbone. With ten, far, it does not:
# %% tags=["claim"]
tl.records.claim("05.probe_beats_scratch_10", target="mnist_m", profile="mini")

# %% [markdown]
# Do not read more out of the far order than is in it. The rates were chosen near, and the dial further down shows that far
# the backbone wants a larger one. How the ways rank there with rates of their own is not recorded. *Probe, then fine-tune*
# was found [better on average](https://arxiv.org/abs/2202.10054) by its authors, above all on shifted test data. No way
# wins everywhere: validation decides, and the probe and from scratch are the two ends to hold it against.
#
# **The control**: from scratch with three times the steps, recorded with 100 labels a class.

# %% tags=["claim"]
tl.records.claim("05.near_longer_scratch_stays_behind", target="cifar10", profile="mini")

# %% tags=["claim"]
tl.records.claim("05.far_longer_scratch_catches_up", target="mnist_m", profile="mini")

# %% [markdown]
# Far, the pretrained start bought **time**. Near, it bought what more time did not bring: so few labels do not hold it.
# Which of the two a published gain is, only a control like this one tells.

# %% [markdown]
# ### What it costs
#
# Accuracy is half of a comparison. Here is the other half: parameters that learn, and seconds.

# %%
most = record.settings[-1]
free = {"linear_probe": pretrained().fc}
print(f"{most} labels a class on {task.title}, means of {len(record.seeds)} seeds, processor seconds")
for method in record.methods:
    cell = record.select(method=method, setting=most)
    moved = tl.models.count_parameters(free.get(method, pretrained())).trainable
    print(f"{tl.figures.method_style(method).label:<24}{moved:>10,} parameters {cell.seconds:6.0f} s {cell.mean:8.1%}")

# %% [markdown]
# Source text 003 names as a limit of transfer that it needs *more* computing, against its own words before. See the
# table: a step of fine-tuning costs what a step from scratch costs, since it is the same network. What costs is
# pretraining, which somebody paid once. And a probe on features computed once is the cheapest row.
#
# **How far does this go?** Source texts promise large gains always. With *all* labels of CIFAR-10, ResNet-50 from
# ImageNet reaches [93.6 as a probe, 97.5 fine-tuned, 95.9 from scratch](https://arxiv.org/abs/2002.05709), a far smaller
# gap; a network from scratch passes [94 within seconds](https://arxiv.org/abs/2404.00498) on a large GPU. With enough data
# and time, pretraining [speeds up but need not improve](https://arxiv.org/abs/1811.08883), in
# [medical pictures](https://arxiv.org/abs/1902.07208) too; and with strong augmentation and more labels it
# [can even hurt](https://arxiv.org/abs/2006.06882). Few labels or little computing: there it shines.
#
# ## Rates by layer, and unfreezing by the clock
#
# Two of the ways that you did not run are one argument each. Layer-wise rates:

# %%
groups = tl.training.parameter_groups(pretrained(), lr=1e-3, layer_decay=0.5)
for group in groups:
    print(f"{group['name']:<8} rate {group['lr']:.2e}")
assert groups[-1]["lr"] == 2 * groups[-2]["lr"]

# %% [markdown]
# And gradual unfreezing is a calendar: steps done, and what begins to learn then.

# %%
for steps_done, names in tl.training.gradual(pretrained(), every=env.steps(10)).items():
    print(f"after {steps_done:>2} steps: {', '.join(names)}")

# %% [markdown]
# `fit` takes the first as `layer_decay=0.5`, the second as `unfreeze=...`. Freezing at the start takes the early layers
# out of the backward pass, so gradual unfreezing is the cheaper of the two; you saw the seconds.
#
# ## How fast is too fast? The rate, and what is forgotten
#
# A pretrained network can lose what it knew while it learns the target: **catastrophic forgetting** (灾难性遗忘), known
# [since 1989](https://doi.org/10.1016/S0079-7421%2808%2960536-8). To *see* it we need to ask the source's question again. So
# keep the old head, fine-tune backbone and new head, and afterwards put the old head back on:
#
# * the **letters** network of lesson 01 is asked about letters that nobody has trained on, and their names are known;
# * for the **ImageNet** network we hold no ImageNet pictures. We count on how many held-out photographs its old head
#   still names *the same* class as before.
#
# The head learns at one fixed rate. The dial sets the rate of all layers before it, by powers of ten.
#
# > **Predict.** Draw two curves over the rate of the backbone: accuracy on the target, and what is kept of the source. Is
# > there a rate at which both are high? And at rate 0, where no weight of the backbone moves, is everything kept?

# %%
sweep = tl.records.read("05_learning_rate").select(profile="mini", target=task.name)
rates = list(sweep.settings)
LINES = {"target": (VERMILION, "^", f"accuracy on {task.title}"), "kept": (BLUE, "s", "kept of the source")}
SWEEP = f"Recorded: {task.title}, 30 labels a class, 30 steps, {len(sweep.seeds)} seeds; bands are 95% t intervals."


def curve(ax, method, color, marker, label):
    """One measure over the rates, with the band of its seeds."""
    cells = [sweep.select(method=method, setting=each).interval() for each in rates]
    ax.fill_between(range(len(rates)), [c.low for c in cells], [c.high for c in cells], color=color, alpha=0.15)
    ax.plot([c.mean for c in cells], color=color, marker=marker, label=label)


# %% [markdown]
# What stands in the title of the figure is read off the record at one rate:


# %%
def read_off(source, rate):
    """Mean accuracy on the target, and mean of what is kept."""
    return [sweep.select(method=f"{what}_from_{source}", setting=rate).mean for what in LINES]


# %% [markdown]
# Turn the dial. The numbers in its title belong to the dotted line.


# %%
def at(rate):
    """The sweep, read off at one rate."""
    fig, panels = tl.figures.axes(8.6, 3.9, 1, 2, sharey=True)
    said = []
    for ax, source in zip(panels, ("imagenet", "letters"), strict=True):
        for what, look in LINES.items():
            curve(ax, f"{what}_from_{source}", *look)
        ax.axvline(rates.index(rate), color=GREY, linestyle=":")
        ax.set(title=f"from {source}", xlabel="rate of the backbone", ylim=(-0.02, 1.02))
        ax.set_xticks(range(len(rates)), rates, fontsize=9)
        said.append("from {}: {:.0%} on the target, {:.0%} kept".format(source, *read_off(source, rate)))
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    panels[0].set_ylabel("share of test pictures")
    headline(fig, f"Backbone at rate {rate}, {'; '.join(said)}")
    return tl.figures.show(fig, alt=f"At rate {rate}, {'; '.join(said)}.", caption=SWEEP)


# %% [markdown]
# Start in the middle, then go to both ends.

# %%
tl.figures.dial(at, rates, label="rate of the backbone", start="1e-3")

# %% tags=["claim"]
tl.records.claim("05.large_rates_forget_letters", target=task.name, profile="mini")

# %% tags=["claim"]
tl.records.claim("05.large_rates_forget_imagenet", target=task.name, profile="mini")

# %% tags=["claim"]
tl.records.claim("05.too_fast_for_the_target", target=task.name, profile="mini")

# %% [markdown]
# At the large end hardly anything is kept, from either source and on either target, and on average the target's accuracy
# falls, too. Before that end, near and far part again.

# %% tags=["claim"]
tl.records.claim("05.near_wants_small_rates", target="cifar10", profile="mini")

# %% tags=["claim"]
tl.records.claim("05.far_wants_large_rates", target="mnist_m", profile="mini")

# %% [markdown]
# "Fine-tune with a small rate", as source text 002 advises, is right near the source and wrong far from it. The rate
# belongs to the *pair* of source and target: try powers of ten and choose on validation. Nor is forgetting wrong in
# itself, if nobody will ask the old question again. For whoever needs both from one network, lesson 02's L2-SP was made.
#
# ### Two dials: how much is frozen, and how fast the rest moves
#
# A rate of nothing at all is **freezing** (冻结). So there are two choices: down to which group of layers everything
# stands still, and at which rate the layers between there and the head move. The record took every combination, from the
# ImageNet network, on both targets.
#
# > **Predict.** Where would you put the two dials near the source? And far from it? Which of the two mistakes costs more:
# > a wrong rate with nothing frozen, or a wrong rate with nearly everything frozen?

# %%
frozen = tl.records.read("05_frozen_layers").select(profile="mini")
speeds, depths = list(frozen.settings), ["nothing", "layer1", "layer2", "layer3", "layer4"]
PLACES = {"cifar10": "near: CIFAR-10", "mnist_m": "far: MNIST-M"}


def reached(place, depth, rate):
    """The recorded accuracies on one target, with so much frozen and the rest at this rate."""
    return frozen.select(target=place, method=f"frozen_{depth}", setting=rate).interval()


# %% [markdown]
# For each target, accuracy over the frozen groups. The chosen rate is thick, the ring is where you are.


# %%
def one_target(ax, place, depth, rate):
    """Accuracy over the frozen groups, at the chosen rate and, thin, at the others."""
    for other in speeds:
        bands, mine = [reached(place, each, other) for each in depths], other == rate
        look = {"color": VERMILION, "marker": "o", "lw": 2.4} if mine else {"color": GREY, "lw": 1}
        ax.plot([band.mean for band in bands], zorder=2 + mine, **look)
        if mine:
            ax.fill_between(range(5), [b.low for b in bands], [b.high for b in bands], color=VERMILION, alpha=0.15)
            ring = {"ms": 15, "mfc": "none", "mec": INK, "mew": 1.6, "zorder": 4}
            ax.plot(depths.index(depth), reached(place, depth, rate).mean, "o", **ring)
    ax.set(title=PLACES[place], xlabel="frozen, from the input up to", ylim=(0, 1))
    ax.set_xticks(range(5), depths, fontsize=9)


# %% [markdown]
# Both targets in one picture:

# %%
CAPTION = (
    f"Recorded: 30 labels a class, 30 steps, {len(frozen.seeds)} seeds; bands are 95% t intervals. Grey: other rates."
)


def both(depth, rate):
    """Near and far, at one position of the dials."""
    fig, panels = tl.figures.axes(8.6, 3.4, 1, 2, sharey=True)
    for ax, place in zip(panels, PLACES, strict=True):
        one_target(ax, place, depth, rate)
    panels[0].set_ylabel("test accuracy")
    said = [f"{where.partition(':')[0]} {reached(place, depth, rate).mean:.0%}" for place, where in PLACES.items()]
    headline(fig, f"Frozen: {depth}, the rest at {rate}: {', '.join(said)}")
    return tl.figures.show(fig, alt=f"Frozen: {depth}; rate of the rest {rate}: {', '.join(said)}.", caption=CAPTION)


# %% [markdown]
# Begin with nothing frozen and a rate that is too large for one of the two. Then go right with the first dial.

# %%
tl.figures.dial(both, {"frozen up to": depths, "rate of the rest": speeds}, start=("nothing", "1e-2"))

# %% tags=["claim"]
tl.records.claim("05.near_freezing_protects", target="cifar10", profile="mini")

# %% tags=["claim"]
tl.records.claim("05.near_small_rate_needs_no_freezing", target="cifar10", profile="mini")

# %% tags=["claim"]
tl.records.claim("05.far_freezing_hurts", target="mnist_m", profile="mini")

# %% [markdown]
# Freezing and a small rate say the same thing: *trust the source*. So the two dials stand in for each other near it, where
# that trust is earned: a rate that is too large does less harm the more is frozen. Far from it, at the rate that is best
# there, each further frozen group costs accuracy; at the smallest rate hardly any is missed. And the further the first dial
# goes, the less the second one matters: frozen layers have no rate to choose.
#
# ### Forgotten without a single step
#
# Look at rate 0: no weight of the backbone moves, and something is lost. It is BatchNorm (批归一化), whose running
# statistics follow whatever passes in train mode, as lesson 04 showed. What does that cost the *source*? Ask the letters
# network, before and after:

# %%
letters = tl.data.load("letters", count=100, test_count=300).test
old = tl.models.create("resnet_small", weights="letters")
report = tl.models.freeze(copy.deepcopy(old))  # hashes of everything, as it was


def letters_right():
    """The share of test letters that the old network, with its old head, names rightly."""
    with torch.no_grad():
        said = old.eval()(old.preprocess(letters.inputs)).argmax(dim=1)
    return (said == letters.labels).float().mean()


# %% [markdown]
# Now batches of the target pass by, in train mode, and nothing else happens.

# %%
before = letters_right()
loader = tl.data.batches(few, old.train(), batch_size=20, seed=0)
with torch.no_grad():
    for _ in range(5):
        for batch in loader:
            old(batch.inputs)
passed = 5 * len(loader)
print(f"letters named rightly: {before:.0%} before, {letters_right():.0%} after {passed} batches of {task.title}")

# %% [markdown]
# That is source text 002's "unchanged" backbone: gradients off, train mode on. The report of `freeze` keeps a hash of each
# tensor, and names what moved:

# %%
try:
    report.check(old)
except ValueError as error:
    print(error)
assert all("running" in key or "tracked" in key for key in report.moved(old)), "statistics moved, weights did not"

# %% [markdown]
# `freeze` also puts frozen parts in eval and keeps them there, through `model.train()`.
#
# ## Two choices that matter less than the rate
#
# **How should the new head start?** Source text 003 draws its weights from $\mathcal N(0, 0.02^2)$. PyTorch's default is
# uniform in $\pm 1/\sqrt d$, of standard deviation $1/\sqrt{3d}$: for the 512 features of ResNet-18 that is $0.0255$,
# nearly the same. **And which optimiser?** On cached features we can afford every answer: three seeds, two optimisers, five
# rates.


# %%
def head_alone(seed=0, std=None, **options):
    """Test accuracy of a new head on the cached features."""
    head = tl.models.replace_head(pretrained(), task.num_classes, seed=seed, std=std)
    steps = env.steps(60)
    quick = {"steps": steps, "batch_size": 64, "schedule": "one_cycle", "evaluate_every": steps, "progress": False}
    return tl.training.fit(head, points, seed=seed, **quick | options).evaluate("test").value


starts = {"N(0, 0.02²)": 0.02, "PyTorch's default": None, "all zero": 0.0}
heads = {start: [head_alone(seed, std, lr=1e-2) for seed in range(3)] for start, std in starts.items()}
for start, values in heads.items():
    print(f"{start:<18} {', '.join(f'{value:.1%}' for value in values)}")
apart = [abs(a - b) for values in heads.values() for a, b in zip(values, heads["all zero"], strict=True)]
tl.expect(max(apart) < 0.05, "the start of the head must make nearly no difference")

# %% [markdown]
# The start of the head makes nearly no difference; a linear head forgets where it came from. (It can matter for a backbone
# that moves at the same time: that is what probing first takes away.) Now the optimisers.

# %%
TRIED = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
fig, ax = tl.figures.axes(7.2, 3.4)
said = []
for optimizer, color, marker in (("adamw", PURPLE, "D"), ("sgd", GREY, "o")):
    means = [sum(head_alone(seed, optimizer=optimizer, lr=lr) for seed in range(3)) / 3 for lr in TRIED]
    ax.plot(TRIED, means, color=color, marker=marker, label=optimizer)
    said += [f"{optimizer} {mean:.0%} at {lr:g}" for mean, lr in zip(means, TRIED, strict=True)]
ax.set(xscale="log", xlabel="rate of the head (logarithmic)", ylabel="test accuracy (%)")
ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
ax.legend()
headline(fig, "Between the optimisers little, between the rates a lot")
tl.figures.show(
    fig, alt=f"Accuracy of a head: {', '.join(said)}.", caption=f"You just ran this: {task.title}, 3 seeds."
)

# %% [markdown]
# Choose either, then choose the rate. Just do not carry a rate from one to the other. AdamW divides each step by the size
# of recent gradients, so its rate is about how far a weight moves; SGD's is a factor on the gradient. That both like
# similar rates for this head is chance. Divide the loss by a hundred, and see who notices:


# %%
def small(model, batch):
    """The same loss in other units: a hundredth of the cross-entropy."""
    return {"small": tl.losses.cross_entropy(model, batch)["cross_entropy"] / 100}


for optimizer in ("adamw", "sgd"):
    usual, hundredth = (head_alone(optimizer=optimizer, lr=1e-2, **how) for how in ({}, {"loss": small}))
    print(f"{optimizer:<6} {usual:.0%} with the usual loss, {hundredth:.0%} with a hundredth of it")

# %% [markdown]
# To SGD it was a rate a hundred times smaller; to AdamW, nothing. That is how a rate from a recipe with the other
# optimiser goes wrong, and it raises no error.
#
# ## What is trained, really?
#
# Code that fine-tunes can train something else than it says, and still print a falling loss. Source text 002 freezes
# everything, then means to free the new head by `model.fc.requires_grad = True`. But `requires_grad` belongs to
# *parameters*. On a *module* the line makes a new attribute that nobody reads:

# %%
network = pretrained()
for weight in network.parameters():
    weight.requires_grad = False
network.fc.requires_grad = True  # the bug

batch = next(iter(tl.data.batches(task, network, batch_size=16, seed=0)))
print("trainable numbers:", tl.models.count_parameters(network).trainable)
try:
    F.cross_entropy(network(batch.inputs), batch.labels).backward()
except RuntimeError as error:
    print("backward says:", str(error).split(" and ")[0])

# %% [markdown]
# As written it raises, which is lucky. Let one more block learn, by its parameters, and the luck is gone:

# %%
for weight in network.layer4.parameters():
    weight.requires_grad = True
head_before = network.fc.weight.clone()
optimizer = torch.optim.AdamW([w for w in network.parameters() if w.requires_grad], lr=1e-3)
losses = []
for _ in range(15):
    loss = F.cross_entropy(network(batch.inputs), batch.labels)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
moved = (network.fc.weight - head_before).norm()
print(f"the loss fell from {losses[0]:.2f} to {losses[-1]:.2f}; the head moved by {moved:.1f}")
tl.expect(losses[-1] < losses[0] / 2, "something learns")
assert moved == 0, "and it is not the head"

# %% [markdown]
# No error, a falling loss, and a head that stays as random as it was born: the block before it bends to suit it. The loss
# cannot tell you. **Counting** can. Make it a habit before every run:

# %%
for group, modules in tl.models.layer_groups(network):
    total, trainable = (sum(numbers) for numbers in zip(*map(tl.models.count_parameters, modules), strict=True))
    print(f"{group:<8}{trainable:>10,} of {total:>10,} learn")

print("with freeze:", tl.models.freeze(pretrained(), until="layer3"))

# %% [markdown]
# Two more, from programs that were published.

# %%
batches_in_an_epoch = 50_000 // 100
print("source text 003 prints in the steps", [i for i in range(batches_in_an_epoch) if i % 2000 == 1999])

try:  # source text 004: two outputs, ten classes
    F.cross_entropy(torch.zeros(10, 2), torch.arange(10))
except IndexError as error:
    print("source text 004 stops:", error)

# %% [markdown]
# The first program prints its loss every 2,000 batches, which suited the batch size of the tutorial it came from; with
# its own there are 500 in an epoch, and not a line ever appears. The second gives a network two outputs for ten classes;
# `fit` refuses that before the first step. Its two stages, called pretraining and fine-tuning, are the same loop over
# the same data (lesson 03 takes them apart): one stage, run twice.

# %% [markdown] tags=["further"]
# ## The source texts' programs, whole
#
# Source text 003 fine-tunes a ResNet-18 on CIFAR-10, source text 002 a ResNet-50, once the head alone and once end to end.
# Here are both, from loading to a test accuracy, in PyTorch and torchvision alone. The first cell takes pictures and sizes
# from this lesson; its comments say what stands there in a program of your own.

# %%
# cifar = torchvision.datasets.CIFAR10("data", train=True, download=True), and again with train=False
# pictures, answers = torch.tensor(cifar.data).permute(0, 3, 1, 2), torch.tensor(cifar.targets)
pictures, answers = task.train.inputs, task.train.labels
test_pictures, test_answers = task.test.inputs, task.test.labels

# weights = torchvision.models.ResNet50_Weights.IMAGENET1K_V1; mean, std = weights.transforms().mean, weights.transforms().std
side, mean, std = model.preprocess.size, model.preprocess.mean, model.preprocess.std
device = env.device  # torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %% [markdown]
# Pictures become what the weights expect, batch by batch. The test is a function, since two networks are tested.

# %%
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

torch.manual_seed(0)
scale = v2.ToDtype(torch.float32, scale=True)
prepare = v2.Compose([v2.Resize((side, side), antialias=True), scale, v2.Normalize(mean, std)])
train = DataLoader(TensorDataset(pictures, answers), batch_size=16, shuffle=True)
test = DataLoader(TensorDataset(test_pictures, test_answers), batch_size=100)


@torch.no_grad()
def test_accuracy(network):
    network.eval()
    right = sum((network(prepare(x.to(device))).argmax(1).cpu() == y).sum().item() for x, y in test)
    return right / len(test_pictures)


# %% [markdown]
# One loop for both. Where the body is frozen it stays in eval mode, or BatchNorm's statistics would move.


# %%
def adapt(network, whole, rate, epochs=4):
    network.requires_grad_(whole)
    network.fc = torch.nn.Linear(network.fc.in_features, 10)
    network.to(device).train(whole)
    optimizer = torch.optim.AdamW([w for w in network.parameters() if w.requires_grad], lr=rate)
    for epoch in range(epochs):
        total = 0.0
        for images, labels in train:
            loss = F.cross_entropy(network(prepare(images.to(device))), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
        print(f"  epoch {epoch + 1}: mean loss {total / len(pictures):.3f}")
    return network


# %% [markdown]
# `pretrained()` gives the network of your profile; in a program of your own,
# `torchvision.models.resnet50(weights="IMAGENET1K_V1")`.

# %%
for title, whole, rate in (("head only", False, 1e-2), ("end to end", True, 1e-3)):
    print(title)
    adapted = adapt(pretrained(), whole, rate)
    print(f"  test accuracy {test_accuracy(adapted):.3f}, all {len(test_pictures):,} test pictures")

# %% [markdown]
# One seed and few epochs: which way is better at how many labels is what the records above are for.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Fifteen minutes to the live run, twenty for record and costs, fifteen for the dials, ten for the
# bugs. Collect the six-way order on the board before the live cell; people tend to put plain fine-tuning first and the
# probe last. Ask before the dial: *what would you have to keep in order to measure forgetting?* (The old head.) A usual
# wrong answer there: "with a small enough rate nothing is forgotten", which BatchNorm contradicts. For the silent bug
# let the room vote whether a falling loss proves that the head learns.

# %% [markdown]
# ## What to remember
#
# * Fine-tuning minimises the same loss as training from scratch. Transfer is in **where the weights start, which may move,
#   and how fast**. Near the source move little, far from it move much; compare at equal labels and equal steps.
# * The rate decides between learning and **forgetting** (灾难性遗忘). Rates belong to their optimiser, and may differ by
#   layer. Train mode alone already moves BatchNorm.
# * A falling loss does not prove that the right part learns. **Count** what is trainable before, and **check** what was
#   frozen after.

# %% [markdown]
# ## Check yourself
#
# Choose first, then open.
#
# **1. Two programs minimise the same empirical risk with the same optimiser. One is training from scratch, the other
# fine-tuning. What tells them apart?**
#
# <details><summary>The loss function.</summary>Not this. Both are the mean cross-entropy over the target's labels.</details>
# <details><summary>Where the weights start.</summary><b>Right.</b> And, if you like, which of them may move and how
# fast.</details>
# <details><summary>The cost of a step.</summary>Not this. With all layers trained, a step costs the same.</details>
#
# **2. Why train the head alone before all layers are trained?**
#
# <details><summary>A random head would send large, meaningless gradients into a backbone that is already good.</summary>
# <b>Right.</b> Once the head fits the features, what comes back to the backbone is worth listening to.</details>
# <details><summary>Because the head has the most parameters.</summary>Not this. It has by far the fewest.</details>
# <details><summary>To keep BatchNorm's statistics.</summary>Not this. They move as soon as the backbone is in train
# mode.</details>
#
# **3. You take a rate from a recipe for AdamW and train with SGD. The loss hardly falls. First suspicion?**
#
# <details><summary>The source does not fit the target.</summary>Possible, but look at the cheap cause first.</details>
# <details><summary>The rate.</summary><b>Right.</b> It means something else for each optimiser: SGD's is multiplied by the
# size of the gradients, AdamW's is not.</details>
# <details><summary>Momentum is missing.</summary>Not this. It would help a little, not by orders of magnitude.</details>
#
# **4. Somebody froze a backbone with `requires_grad_(False)` and called `model.train()`. The report of `freeze`, taken
# before, no longer checks. What moved?**
#
# <details><summary>The convolutions.</summary>Not this. They get no gradient.</details>
# <details><summary>The running statistics of BatchNorm.</summary><b>Right.</b> They follow the mode, not the
# gradients.</details>
# <details><summary>Nothing; the report is too strict.</summary>Not this. Other statistics are other features: you saw the
# letters suffer.</details>

# %% [markdown]
# ## Questions of the source texts
#
# * *How do I adapt, or fine-tune, a pretrained model?* (001, 003) Replace the head and train it alone: that is cheap, and a
#   mark to beat. Then let all layers move, at a rate chosen on validation. Keep whichever is better, and compare with
#   from scratch.
# * *Change structure, weights "or parameters"?* (001) Weights are the parameters. The structure is copied, the weights
#   initialise it, and these are two things.
#
# **Next:** lesson 06 asks whether a fine-tuned model can be believed.

# %% [markdown]
# ## Sources
#
# * J. Howard, S. Ruder: [*Universal Language Model Fine-tuning for Text Classification*](https://arxiv.org/abs/1801.06146),
#   ACL 2018 (layer-wise rates, gradual unfreezing). A. Kumar and others:
#   [*Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution*](https://arxiv.org/abs/2202.10054),
#   ICLR 2022 (probe, then fine-tune).
# * K. He and others: [*Deep Residual Learning for Image Recognition*](https://arxiv.org/abs/1512.03385), CVPR 2016.
# * M. McCloskey, N. J. Cohen: [*Catastrophic Interference in Connectionist Networks*](https://doi.org/10.1016/S0079-7421%2808%2960536-8),
#   1989.
# * K. He, R. Girshick, P. Dollár: [*Rethinking ImageNet Pre-training*](https://arxiv.org/abs/1811.08883), ICCV 2019;
#   M. Raghu and others: [*Transfusion*](https://arxiv.org/abs/1902.07208), NeurIPS 2019; B. Zoph and others:
#   [*Rethinking Pre-training and Self-training*](https://arxiv.org/abs/2006.06882), NeurIPS 2020.
# * T. Chen and others: [*A Simple Framework for Contrastive Learning*](https://arxiv.org/abs/2002.05709), ICML 2020 (the
#   supervised rows for CIFAR-10); K. Jordan: [*94% on CIFAR-10 in 3.29 Seconds*](https://arxiv.org/abs/2404.00498), 2024.
