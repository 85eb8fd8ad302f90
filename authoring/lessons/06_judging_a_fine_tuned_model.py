# ---
# tl_course:
#   summary: What a test score is worth - an interval, mistakes class by class - and two ways to spoil one.
#   minutes: 35
# ---

# %% [markdown]
# # Judging a fine-tuned model
#
# **When you have finished this lesson you will be able to**
#
# * give a test accuracy with its interval, and say what that interval leaves out;
# * read a network's mistakes from recall, precision, a confusion matrix and pictures;
# * find the two mistakes that spoil a test score: a network left in train mode, and a test set that was used to choose.
#
# {{budget}}

# %% [markdown]
# ## A question to predict
#
# You fine-tune a network, switch gradients off, and run it over the test pictures. Only one line is missing:
# `model.eval()`. It is the same network and the same pictures. All you vary is which pictures share a batch.
#
# > **Predict** whether the accuracy comes out higher, a little lower or much lower than with `model.eval()`, when the
# > test pictures come
# >
# > 1. **shuffled**, fifty at a time;
# > 2. **sorted by class**, fifty at a time;
# > 3. shuffled, **two** at a time;
# > 4. **one by one**.
# >
# > And: a hundred networks that do nothing but guess among ten classes are tried on a hundred test pictures. Which
# > accuracy does **the best of them** report?
#
# Write down your answers. First we need a network to judge.

# %%
import copy
import math

import torch
import torch.nn.functional as F

import tl_course as tl
from tl_course.figures.style import headline

env = tl.setup()

# %% [markdown]
# ## Two networks
#
# We take a few labels a class, and set a part of them aside for validation. From the test pictures nothing is learned.

# %%
sizes = {"train_per_class": env.labels(50), "test": env.examples(1000)}
task = tl.data.load(tl.data.target(), **sizes, seed=0)
labels = task.test.labels
print(task)

# %% [markdown]
# Two ways to learn them, as in lesson 05. The **linear probe** trains a head on the frozen features of a ResNet with
# ImageNet knowledge. **Probe, then fine-tune** starts from that head and trains all layers.

# %%
settings = {"batch_size": 50, "schedule": "one_cycle", "seed": 0}
probed = tl.models.create(env.backbone, weights=env.weights, size=env.pixels)
points = tl.data.features(probed.to(env.device), task)
head = tl.models.replace_head(probed, task.num_classes, seed=0)
probe_run = tl.training.fit(head, points, steps=env.steps(200), lr=1e-2, **settings)

tuned = copy.deepcopy(probed)  # with the head that was just trained in place
tuned_run = tl.training.fit(tuned, task, steps=env.steps(32), lr=1e-3, **settings)
runs = {"linear_probe": probe_run, "lp_ft": tuned_run}

# %% [markdown]
# From here on nothing is trained. We keep what each network says about the test pictures, a row of ten **logits**
# (scores before softmax) for each, and judge that. Does your run lie in the band of the recorded seeds? (`side` is the
# side of the recorded claim that our ways are on; from scratch is on the other.)

# %%
logits = {method: run.logits("test") for method, run in runs.items()}
accuracy = {way: tl.metrics.accuracy(labels, said) for way, said in logits.items()}
where, side = {"cifar10": ("near", "better"), "mnist_m": ("far", "worse")}[task.name]
recorded = {"side": side, "target": task.name, "profile": "mini"}
for method, score in accuracy.items():
    claim = f"06.{where}_{method}_against_scratch"
    band = tl.records.within_band(claim, score.value, **recorded)
    print(f"{method:<12} {score}\n  {band}")
    assert band, f"{method} is outside what the recorded seeds lead us to expect"

# %% [markdown]
# ## One number, and how far to trust it
#
# The test pictures are a sample. Others would have given another number. If $p$ is the share that came out
# right among $n$, **Wilson's interval** (置信区间, confidence interval) holds the true accuracy in about 95 of a hundred
# such samples:
#
# $$\frac{p + \frac{z^2}{2n} \;\pm\; z\sqrt{\frac{p(1-p)}{n} + \frac{z^2}{4n^2}}}{1 + \frac{z^2}{n}}, \qquad z = 1.96.$$
#
# In the open:

# %%
right = int((logits["lp_ft"].argmax(dim=1) == labels).sum())
n, z = len(labels), 1.96
p = right / n
centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
print(
    f"by hand: {right} of {n} right: {p:.3f} [{centre - half:.3f}, {centre + half:.3f}]"
)

assert abs(accuracy["lp_ft"].low - (centre - half)) < 1e-4, (
    "formula and verb must agree"
)
print("the verb:", accuracy["lp_ft"])

# %% [markdown]
# Why not the $p \pm z\sqrt{p(1-p)/n}$ of the textbooks? It breaks where you need it, with few pictures or near the ends:

# %%
print(f"{'right':>12}  {'textbook':^16}  Wilson")
for right, n in ((10, 10), (9, 10), (90, 100), (900, 1000), (9000, 10_000)):
    p = right / n
    half = z * math.sqrt(p * (1 - p) / n)
    wilson = tl.metrics.wilson(right, n)
    textbook = f"[{p - half:.3f}, {p + half:.3f}]"
    print(f"{right:>5} of {n:<6}  {textbook}  [{wilson.low:.3f}, {wilson.high:.3f}]")

# %% [markdown]
# Ten of ten right does not prove that a network is perfect, and no accuracy is above one. Read down the column, too: a
# hundred times the pictures make the interval a tenth as wide. With a thousand pictures a third decimal means nothing.
#
# And what does it leave out? It speaks of *this* trained network. Train again with another **seed** (other labelled
# pictures, another new head, another order), and you have another network.
# Further down, *The other uncertainty* shows five of them.
#
# ## Class by class
#
# Accuracy (准确率) adds up all classes. Two questions remain for each class $c$:
#
# * **recall** (召回率): of the pictures that *are* $c$, how many were called so?
# * **precision** (精确率): of the pictures that were *called* $c$, how many are?
#
# **F1** is the harmonic mean of the two, $2PR/(P+R)$: it is high only if both are. The table below has a row for each
# class; its *support* is the number of its pictures. The row *macro* is the mean over classes, each counting the same; in
# *weighted*, each counts by its support. In the open, for class number 3, and then for all:

# %%
said = logits["lp_ft"].argmax(dim=1)
recall = (said[labels == 3] == 3).float().mean()
precision = (labels[said == 3] == 3).float().mean().nan_to_num()  # 0 if never called
print(
    f"by hand, {task.class_names[3]}: precision {precision:.3f}, recall {recall:.3f}\n"
)

report = tl.metrics.precision_recall_f1(labels, said, class_names=task.class_names)
assert abs(report.recall[3] - recall) < 1e-6
assert abs(report.precision[3] - precision) < 1e-6
print(report)

# %% [markdown]
# Each recall rests on the pictures of one class, a tenth of all, so its interval is about three times as wide. And the
# worst of ten is worst partly by bad luck.
#
# You may *report* the test by class. But the confusions, which class is taken for which, will guide what you try next. The
# test must not guide it: that would be choosing by the test, the second mistake below. So the **confusion matrix** (混淆矩阵)
# is made from the **validation** pictures.

# %%
held = runs["lp_ft"].logits("validation").softmax(dim=1)
sure, said = held.max(dim=1)
truth, names = task.validation.labels, task.class_names
matrix = tl.metrics.confusion(truth, said)
caption = f"You just ran this: {task.title}, validation; probe, then fine-tune."
tl.figures.confusion(matrix, names, caption=caption)

# %% [markdown]
# The pictures are few. Even the darkest cell off the diagonal is a handful of them, and the largest of so many
# numbers is large partly by luck. So take a question from here, not an answer: do two classes change places on *both*
# sides of the diagonal? Is a column filled all the way down, a class that the network calls too often?
#
# No number replaces looking. Here are the validation mistakes of which the network was surest. Above each picture
# stands what it is, and then what the network said: *cat, not dog* is a cat that was called a dog.

# %%
wrong = (said != truth).nonzero().flatten()
worst = wrong[sure[wrong].argsort(descending=True)][:16]
counted = f"{len(wrong)} of {len(truth)} validation pictures of {task.title} are wrong."
tl.figures.image_grid(
    task.validation.inputs[worst],
    titles=[f"{names[truth[i]]}, not {names[said[i]]}" for i in worst],
    title="The mistakes it was surest of: what is there, and what it said",
    caption=f"You just ran this: {counted}",
)

# %% [markdown]
# Sort what you see into three heaps: pictures that you, too, would get wrong; labels that look doubtful; mistakes that
# no person would make. Begin with the third: there the network alone is at fault.
#
# ## First way to spoil a score: train mode at test time
#
# Such a loop is easily written: gradients are off, and `model.eval()` is forgotten. Here it is, on some of the test
# pictures, taken evenly from all classes.

# %%
by_class = labels.argsort(stable=True)[:: max(2, len(labels) // 500)]
chance = torch.Generator().manual_seed(0)
shuffled = by_class[torch.randperm(len(by_class), generator=chance)]


@torch.no_grad()
def test_loop(model, order, size):
    """Share of right answers, ``size`` pictures at a time, in the mode it is in."""
    right = 0
    for index in order.split(size):
        images = model.preprocess(task.test.inputs[index].to(env.device))
        right += (model(images).argmax(dim=1).cpu() == labels[index]).sum().item()
    return right / len(order)


# %% [markdown]
# First the control: in eval mode the order must not matter. Then copies of the network, left in train mode.

# %%
ways = {
    "shuffled, 50 at a time": (shuffled, 50),
    "sorted by class, 50 at a time": (by_class, 50),
    "shuffled, 2 at a time": (shuffled, 2),
    "one by one": (shuffled, 1),
}
proper = test_loop(tuned, shuffled, 50)
assert abs(test_loop(tuned, by_class, 50) - proper) < 0.005, "the order must not matter"
found = {
    way: test_loop(copy.deepcopy(tuned).train(), *how) for way, how in ways.items()
}

# %% [markdown]
# Compare with your prediction.

# %%
bars = {"eval mode, any order": proper}
bars |= {f"train mode, {way}": value for way, value in found.items()}
fig, ax = tl.figures.axes(7.4, 3.0)
colors = ["#B65C93"] + ["#6B7278"] * len(found)
drawn = ax.barh(list(bars), bars.values(), color=colors)
ax.bar_label(drawn, [f"{value:.0%}" for value in bars.values()], padding=4)
ax.invert_yaxis()
ax.set(xlim=(0, 1.05), xlabel="accuracy (fraction)")
headline(fig, "One network, the same pictures, and no gradient anywhere")
said = ", ".join(f"{way}: {value:.0%}" for way, value in bars.items())
caption = f"You just ran this: {task.title}, {len(by_class)} test pictures, one seed."
tl.figures.show(fig, alt=f"Accuracy by batch. {said}.", caption=caption)

# %% [markdown]
# In train mode, BatchNorm subtracts the mean *of the batch* and divides by the standard deviation *of the batch*. What
# the pictures of a batch have in common is subtracted away. In a batch sorted by class, that is the class: here a batch of
# fifty holds one, or nearly. Alone, a picture has all in common with itself: what is subtracted is its own mean. With two,
# each picture is half of what is subtracted.
#
# Over five recorded seeds a batch sorted by class misleads,[^06.sorted_batches_mislead] and so does a batch of
# two.[^06.small_batches_mislead] Shuffled, fifty at a time, the mistake hides.[^06.large_batches_hide_it] That makes it
# dangerous: you may not notice it until the pictures come one at a time. So test your own test:

# %%
images = tuned.preprocess(task.test.inputs[:50].to(env.device))
with torch.no_grad():
    alone, together = tuned(images[:1]), tuned(images)[:1]
apart = (alone - together).abs().max()
assert apart < 1e-2 * together.abs().max(), "an answer must not depend on its batch"
print("eval mode: the first picture gets the same logits alone and in company")

# %% [markdown]
# ## Second way: choosing on the test set
#
# Now the networks that guess. Each of a hundred is right with one chance in ten, on every picture.

# %%
chance = torch.Generator().manual_seed(0)
guesses = (torch.rand(100, 1000, generator=chance) < 0.1).float()
on_part, on_rest = (part.mean(dim=1) for part in guesses.split([100, 900], dim=1))
best = on_part.argmax()
print(f"the best on 100 test pictures reports {on_part[best]:.0%}")
print(f"the same network on 900 others:       {on_rest[best]:.0%}")

# %% [markdown]
# Nothing was learned, and yet there is something to report. The largest of many noisy numbers is large *because of its
# noise*. This is what happens when a learning rate, an epoch, a seed or an architecture is picked by its test score.
#
# With real attempts: 64 heads on frozen features. Each has another learning rate, another start, and another half of the
# labels. Some are tried; the best is chosen either by 100 test pictures or by the 100 validation pictures. What the chosen
# networks are really worth shows *on others*: pictures that had no say.

# %%
choosing = tl.records.read("06_choosing").select(profile="mini", target=task.name)
tl.figures.over_settings(
    choosing,
    {
        "by_test_score": "chosen by the test: its score there",
        "by_test_rest": "chosen by the test: on others",
        "by_validation_score": "chosen by validation: its test score",
        "by_validation_rest": "chosen by validation: on others",
    },
    setting="attempts to choose among",
    title="The more is tried, the more the test score of the chosen flatters",
    caption=f"Recorded on {task.title}: 10 seeds, 50 draws each, 95% t intervals.",
)

# %% tags=["claim"]
tl.records.claim("06.choosing_on_test_flatters", target=task.name, profile="mini")

# %% [markdown]
# Chosen by validation, the test score stays honest.[^06.validation_stays_honest] And on other pictures the two ways of
# choosing end close together: closer than the test score is to the truth.[^06.choosing_on_test_gains_little] So most of what
# cheating buys is a prettier number. (On MNIST-M it also bought a slightly better network.) By the same reasoning the
# *validation* score of what validation chose flatters: that is why there are three splits.
#
# ## What to remember
#
# * An accuracy comes with an **interval**, and the interval knows nothing of other training runs. Look at the classes and
#   at the mistakes, on validation pictures.
# * **`model.eval()`** before every test. An answer must not depend on which pictures share the batch.
# * What was **chosen** by a score is flattered by that score. Choose by validation, and test once.
#
# ## Check yourself
#
# Choose first, then open.
#
# **1. A network is right on 900 of 1,000 test pictures; Wilson's interval goes from 88 to 92 in a hundred. It says that**
#
# <details><summary>the same recipe, trained again, will score within it.</summary>Not this. Another training run is another
# network; the interval knows only this one.</details>
# <details><summary>this network's true accuracy probably lies within it.</summary><b>Right.</b> It is about the sample of
# pictures.</details>
# <details><summary>each class is right on 88 to 92 in a hundred.</summary>Not this. It is about all classes together.</details>
#
# **2. A colleague evaluates under `torch.no_grad()`, without `model.eval()`. Her network has dropout and no BatchNorm. What
# goes wrong?**
#
# <details><summary>Nothing: without BatchNorm the modes are equal.</summary>Not this. Dropout, too, obeys the mode.</details>
# <details><summary>Answers are noisy, and differ from run to run.</summary><b>Right.</b> Features are dropped at random.</details>
# <details><summary>The weights drift.</summary>Not this. Nothing is trained without gradients and an optimiser.</details>
#
# **3. You save the network after every epoch and publish the one with the best test accuracy. What should you do
# instead?**
#
# <details><summary>Report its test accuracy, with Wilson's interval.</summary>Not this. The interval knows nothing of the choice;
# the number in its middle is too high.</details>
# <details><summary>Choose the epoch by validation, then test that one network once.</summary><b>Right.</b></details>
# <details><summary>Report the mean test accuracy of all epochs.</summary>Not this. It is no accuracy of the network that you
# publish, and the test still chose that one.</details>
#
# **Next:** the exercises. Then lesson 07 takes a pretrained network apart. The sections below are further: open those that
# you need.

# %% [markdown] tags=["further"]
# ## The other uncertainty
#
# The interval speaks of *this* trained network. Here are five seeds, recorded, each with its own interval; with them
# **from scratch** (从零训练), the same architecture from random weights. (The record's ResNet is the small one. From
# scratch had as many steps as both stages of the other network together, at a rate chosen on other pictures.)

# %%
record = tl.records.read("06_judging").select(profile="mini", target=task.name)
fig, ax = tl.figures.axes(7.4, 3.6)
order = ("scratch", "linear_probe", "lp_ft")
judged = record.select(setting="eval")
spread = {method: judged.select(method=method).values for method in order}
for row, method in enumerate(order):
    style = tl.figures.method_style(method)
    look = {"color": style.color, "marker": style.marker}
    for seed, value in spread[method].items():
        score = tl.metrics.wilson(round(1000 * value), 1000)
        arms = [[value - score.low], [score.high - value]]
        ax.errorbar(value, row + 0.13 * (seed - 2), xerr=arms, **look)

# %% [markdown]
# A mark is a seed; its arms are what other test pictures could change.

# %%
ax.set(xlabel="test accuracy (fraction)", yticks=range(3), ylim=(-0.6, 2.6))
ax.set_yticklabels([tl.figures.method_style(method).label for method in order])
headline(fig, "Two uncertainties: across marks, and along the arms")
means = {way: tl.records.t_interval(values.values()) for way, values in spread.items()}
said = "; ".join(f"{way}: mean {found.mean:.1%}" for way, found in means.items())
caption = f"Recorded on {task.title}: 5 seeds, 50 labels a class, 95% Wilson intervals."
tl.figures.show(
    fig, alt=f"Accuracy of five seeds, with intervals. {said}.", caption=caption
)

# %% [markdown]
# With more test pictures the arms would be shorter, and each mark would move nearer to what its network is worth. More
# seeds tell you how far networks differ, and shorten no arm: all five are judged by the same thousand pictures. **Report
# both.**
#
# Throwing digits away in the printout is no cure. The format `%d`, which source text 003 prints its accuracy with,
# *truncates*:

# %%
template = "%d %%"
for right in (9201, 9299):
    print(template % (100 * right / 10_000), "is what it prints for", right, "of 10000")

# %% [markdown] tags=["further"]
# ## Does it know when it does not know?
#
# The largest probability of a picture is the network's **confidence**. It is *calibrated* (校准) if, of the pictures to
# which it gives four chances in five, about four in five come out right. Sort the pictures into bins by confidence; the **expected
# calibration error** is
#
# $$\mathrm{ECE} = \sum_b \frac{n_b}{n}\,\big|\,\text{accuracy}_b - \text{confidence}_b\,\big|.$$

# %%
probabilities = logits["lp_ft"].softmax(dim=1)
sure, said = probabilities.max(dim=1)
error = 0.0
for upper in torch.linspace(0.1, 1, 10):
    inside = (sure > upper - 0.1) & (sure <= upper)
    if inside.any():
        gap = (said[inside] == labels[inside]).float().mean() - sure[inside].mean()
        error += float(inside.float().mean() * gap.abs())
before = tl.metrics.calibration_error(labels, probabilities, bins=10)
assert abs(before.error - error) < 1e-3
print(f"by hand {error:.3f}, the verb {before.error:.3f}")
print(f"mean confidence {sure.mean():.3f}")

# %% [markdown]
# A cure without any training is **temperature scaling** (温度缩放, [Guo and others
# 2017](https://arxiv.org/abs/1706.04599)): divide all logits by one number $T$. Above 1 it makes every answer less sure
# and changes none, since the largest stays the largest. Choose $T$ on the validation pictures.

# %%
held, truth = runs["lp_ft"].logits("validation"), task.validation.labels
candidates = torch.linspace(0.5, 5, 91).tolist()
T = min(candidates, key=lambda t: F.cross_entropy(held / t, truth).item())
scaled = (logits["lp_ft"] / T).softmax(dim=1)
assert torch.equal(scaled.argmax(dim=1), said), "a temperature changes no answer"
after = tl.metrics.calibration_error(labels, scaled, bins=10)
tl.figures.reliability(
    {"lp_ft": before, f"the same, logits divided by {T:.2f}": after},
    title=f"On average {sure.mean():.0%} sure, and {accuracy['lp_ft'].value:.0%} right",
    caption=f"You just ran this: {task.title}, test pictures, 10 bins. One seed.",
)

# %% [markdown]
# Below the dashed line the network is surer than it is right. Over the five recorded seeds:

# %%
for method in ("lp_ft", "linear_probe"):
    rows = record.select(method=method)
    raw, cured = (rows.select(setting=name) for name in ("ece", "ece_scaled"))
    less = tl.records.paired_difference(raw, cured)
    gain = f"less by {less.mean:.1%} [{less.low:.1%}, {less.high:.1%}]"
    print(f"{method:<12} error {raw.mean:.1%}, scaled {cured.mean:.1%}: {gain}")

# %% [markdown]
# Where the interval of the difference holds zero, five seeds cannot tell whether it helped: a hundred validation pictures
# are not much to find a temperature by.
#
# Two cautions. The error depends on the number of bins, and with few pictures it is hardly ever zero, even for a
# network that is perfectly calibrated: compare only errors made with the same bins on the same pictures. And calibrated
# is not accurate: a network that gives each of ten equally frequent classes one chance in ten is calibrated, and
# useless.

# %% [markdown] tags=["further"]
# ## Which of two networks is better?
#
# The usual way: put two intervals side by side, and if they overlap, call it a draw. But both networks saw **the same
# pictures**. Those that both got right, and those that both got wrong, say nothing about which is better. Only the
# pictures on which they *disagree* do. Suppose that of a thousand,

# %%
both, only_a, only_b, neither = 830, 45, 20, 105
n = both + only_a + only_b + neither
print("A:", tl.metrics.wilson(both + only_a, n))
print("B:", tl.metrics.wilson(both + only_b, n))

# %% [markdown]
# The two intervals overlap. Yet of 65 pictures on which they disagree, A won 45. If they were equally good, each of the 65
# would be the toss of a coin. That is **McNemar's test** (配对比较, a paired comparison):

# %%
tosses = only_a + only_b
tail = sum(math.comb(tosses, k) for k in range(only_a, tosses + 1)) / 2**tosses
print(f"by hand: p = {2 * tail:.4f}, for a fair coin to be at least so one-sided")

picture = torch.arange(n)
a = (picture >= both + only_a).long()  # 0 is the right answer of every picture
b = ((picture >= both) & (picture < both + only_a) | (picture >= n - neither)).long()
comparison = tl.metrics.compare(torch.zeros(n, dtype=torch.long), a, b)
assert math.isclose(comparison.p_value, 2 * tail, rel_tol=1e-6)
print(comparison)

# %% [markdown]
# The interval behind it, Newcombe's, is one of the *difference*, and it does not hold zero. Two separate intervals would
# have called this a draw. Now our networks:

# %%
print("A = lp_ft, B = linear_probe")
print(tl.metrics.compare(labels, logits["lp_ft"], logits["linear_probe"]))

# %% [markdown]
# If the interval holds zero, these pictures cannot tell the two apart; that is not the same as *equal*. The interval is an
# approximation, and the test is exact. Near the border one can say yes and the other no: then call it undecided. And mind
# what was compared: two *trained networks*. Whether one **method** is better is a question for several seeds, paired seed by
# seed. (A method comes with its rates, and on MNIST-M only those of from scratch were chosen there: see *What it costs*.)

# %%
for other in ("linear_probe", "scratch"):
    one, two = (judged.select(method=method) for method in ("lp_ft", other))
    gap = tl.records.paired_difference(one, two)
    low, high = 100 * gap.low, 100 * gap.high
    said = f"{100 * gap.mean:+.1f} points [{low:+.1f}, {high:+.1f}]"
    print(f"lp_ft minus {other:<12} {said}, {gap.n} recorded seeds")

# %% [markdown]
# **Check yourself.** Two networks were tested on the same 1,000 pictures; their intervals overlap. You conclude that
#
# <details><summary>they are equally good.</summary>Not this. Not told apart is not the same as equal, and you have not used the
# pairs yet.</details>
# <details><summary>you should count the pictures on which only one of them is right.</summary><b>Right.</b> The rest says nothing
# about which is better.</details>
# <details><summary>you need five seeds of each before anything can be said.</summary>Not this. For the two <i>methods</i>, yes.
# Which of these two networks to use, the pairs may tell now.</details>

# %% [markdown] tags=["further"]
# ## The measurement changes what it measures
#
# In train mode BatchNorm also moves its running statistics, under `no_grad`, too: they are buffers, and no gradient is
# needed to move them. Take the probe, whose backbone was frozen on purpose. One pass over the test pictures sorted by
# class, in ten batches a class (as ten thousand pictures make in batches of a hundred); then back to eval mode. The
# control is a pass in shuffled batches of the same size.

# %%
print(f"eval mode, before any such pass: {test_loop(probed, shuffled, 50):.1%}")
for name, order in (("shuffled", shuffled), ("sorted", by_class)):
    spoiled = copy.deepcopy(probed).train()
    test_loop(spoiled, order, 5)
    spoiled.eval()
    moved = (spoiled.bn1.running_mean - probed.bn1.running_mean).abs().max()
    print(f"{name}, 5 at a time: running means moved by up to {moved:.3f}", end="; ")
    print(f"eval mode now {test_loop(spoiled, shuffled, 50):.1%}")
    assert all(
        torch.equal(one, two)
        for one, two in zip(probed.parameters(), spoiled.parameters(), strict=True)
    )
print("and not one parameter has changed")

# %% tags=["claim"]
tl.records.claim("06.testing_damages", target=task.name, profile="mini")

# %% tags=["claim"]
tl.records.claim("06.one_batch_a_class_harms_little", target=task.name, profile="mini")

# %% [markdown]
# On CIFAR-10 the shuffled pass in fives did next to nothing either: there, many small batches of *one class* did the
# harm. (Single pictures are such batches, too.) On MNIST-M the shuffled pass in fives already did most of it.

# %% [markdown] tags=["further"]
# ## One at a time
#
# You may have heard that a batch of one raises an error in train mode. Only where a channel has a single value left to
# average over:

# %%
for name in ("resnet_small", "resnet18"):
    model = tl.models.create(name, num_classes=10).train()
    try:
        model(torch.zeros(1, 3, 32, 32))
        print(f"{name}: runs, and says nothing")
    except ValueError as error:
        print(f"{name}: {error}")

# %% [markdown]
# The small ResNet keeps 4 × 4 places to its last stage; a single picture gives sixteen values to a channel. ResNet-18, made
# for large photographs, has brought 32 pixels down to one place. Its error is the lucky case: you notice.

# %% [markdown] tags=["further"]
# ## What it costs, and what it does not say
#
# Source text 000 asks to weigh accuracy against parameters and computing time. Beside the seconds, which depend on the
# machine, count multiplications: one forward pass is a fixed number, a training step costs about three. (The seconds are
# those of each way's last training alone. The multiplications hold the frozen features, too, so do not divide one column
# by the other.)

# %%
info = tl.models.MODELS[env.backbone]
macs = info.macs * env.pixels**2 // info.size**2  # work in proportion to the pixels
pictures = {"linear_probe": len(task.train) + len(task.validation)}
pictures["lp_ft"] = pictures["linear_probe"] + 3 * runs["lp_ft"].steps * 50
print(f"{'':<12}  accuracy  trained parameters  billion multiplications  seconds")
for method, run in runs.items():
    work, trained = macs * pictures[method] / 1e9, run.parameters.trainable
    cost = f"{trained:>18,}  {work:>23,.0f}  {run.seconds:>7.1f}"
    print(f"{method:<12}  {accuracy[method].value:>8.3f}  {cost}")
total = tl.models.count_parameters(tuned).total
print(f"to use, both alike: {total:,} parameters, {macs:,} multiplications a picture")

# %% [markdown]
# **Does the accuracy show that transfer helped?** No number of the fine-tuned network alone can: not recall, not F1. What
# transfer gave is a *difference* to the same network from scratch, with the same labels (source text 002 rightly asks for
# the gain; lesson 01 has three ways to put it).

# %% tags=["claim"]
tl.records.claim("06.near_lp_ft_against_scratch", target="cifar10", profile="mini")

# %% tags=["claim"]
tl.records.claim("06.far_lp_ft_against_scratch", target="mnist_m", profile="mini")

# %% [markdown]
# So the recipe gains much on the one target and loses on the other. Is the comparison fair? From scratch took as many steps
# as both stages together, at a rate chosen for it on each target. The recipe kept the rates that were chosen on CIFAR-10.
# On MNIST-M they are too small: in lesson 05, with rates chosen there, the same two stages reach more than from scratch
# does. This is the difference of *these two recipes*, and not what transfer is worth there. We had first given from scratch
# the steps and the rate of the second stage alone. Then it was near guessing on both targets, and the recipe seemed to win
# on both.

# %% [markdown]
# **Does it show that the network generalises?** Source text 000 lists accuracy and generalisation as two things.
# Accuracy on held-out pictures *is* generalisation, to more pictures of the same kind. Performance on another data set
# is something else, robustness to a *shift*. It needs test pictures from there.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Five minutes of predictions, ten for the interval, ten for mistakes and pictures, fifteen for the two
# ways to spoil a score. With twenty minutes more: calibration and the paired comparison. Collect the predictions for the four
# batchings by show of hands before the bars appear. Usual wrong answers: "no_grad, so nothing can change" (running statistics
# are buffers); "sorted is the same as shuffled, the pictures are the same"; for the guessing networks, ten in a hundred, which
# is the mean and not the maximum. A question for the room: *your network is used on a phone, one picture at a time; how would
# you notice that it was tested in train mode?* Let pairs of students compare a neighbour's seed by changing `seed=0` in the
# load cell: the interval of one run should usually hold the other's accuracy.

# %% [markdown] tags=["further"]
# ## Questions of the source texts, and sources
#
# * *How is a transferred model evaluated?* (000, 001, 002) By held-out accuracy with its interval, class by class, with its
#   cost, **and** against from scratch. On other data sets only if you mean to use it there. (001 names accuracy, recall and
#   F1 and leaves precision out.)
# * Of the five source texts only 003 measures a test accuracy. (The code of 000 loads test pictures and never uses them; that
#   of 001, 002 and 004 has none.) But its loop switches gradients off and forgets `model.eval()`: the first mistake above.
# * Is it so bad to choose by the test? A large test set flatters less, and
#   [a study of many published networks](https://arxiv.org/abs/1902.10811) found the harm on the big benchmarks smaller than
#   feared. On MNIST-M the test's choice was a little better on other pictures,
#   too.[^06.choosing_on_test_gains_little] Why, we have not tested; its test digits
#   stand on other photographs than its validation digits.
#
# Sources:
#
# * E. B. Wilson: [*Probable Inference, the Law of Succession, and Statistical Inference*](https://doi.org/10.1080/01621459.1927.10502953),
#   JASA 1927; L. D. Brown and others: [*Interval Estimation for a Binomial Proportion*](https://doi.org/10.1214/ss/1009213286),
#   Statistical Science 2001.
# * Q. McNemar: [*Note on the Sampling Error of the Difference between Correlated Proportions*](https://doi.org/10.1007/BF02295996),
#   1947; R. G. Newcombe: *Improved Confidence Intervals for the Difference between Binomial Proportions Based on Paired
#   Data*, Statistics in Medicine 1998; T. G. Dietterich:
#   [*Approximate Statistical Tests*](https://doi.org/10.1162/089976698300017197), 1998.
# * C. Guo and others: [*On Calibration of Modern Neural Networks*](https://arxiv.org/abs/1706.04599), ICML 2017.
# * S. Ioffe, C. Szegedy: [*Batch Normalization*](https://arxiv.org/abs/1502.03167), ICML 2015.
# * G. Cawley, N. Talbot: [*On Over-fitting in Model Selection*](https://jmlr.org/papers/v11/cawley10a.html), JMLR 2010;
#   B. Recht and others: [*Do ImageNet Classifiers Generalize to ImageNet?*](https://arxiv.org/abs/1902.10811), ICML 2019;
#   X. Bouthillier and others: [*Accounting for Variance in Machine Learning Benchmarks*](https://arxiv.org/abs/2103.03098),
#   MLSys 2021.
