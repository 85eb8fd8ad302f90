# ---
# tl_course:
#   summary: What in a pretrained network helps - layers kept, re-initialised or shuffled - and when a heat map may be believed.
#   minutes: 35
# ---

# %% [markdown]
# # What transfers, and why
#
# **When you have finished this lesson you will be able to**
#
# * take a pretrained network apart, and say what its features and what the mere statistics of its weights are worth;
# * measure how alike two layers' features are, by an estimator that does not call strangers alike;
# * draw a heat map, and put it to tests that it could fail.
#
# {{budget}}

# %% [markdown]
# ## A question to predict
#
# Lesson 05 measured what a pretrained network is worth. But what *in* it is worth that? Here are five copies of one ResNet,
# prepared in different ways. Then each is trained, with the same labels and equally many steps.
#
# | copy | the stem and two stages | the two stages after them |
# |---|---|---|
# | 1 | kept | kept |
# | 2 | kept | re-initialised |
# | 3 | kept | shuffled: each tensor keeps its numbers, in a random order |
# | 4 | shuffled | shuffled |
# | 5 | re-initialised | re-initialised (this is *from scratch*) |
#
# > **Predict** the order of their test accuracies.
# >
# > And: each picture gets a coloured square, and the square's colour is the label. A network with random weights, never
# > trained, draws a **heat map** of where it looks. Does it find the square more often than a blind guess?

# %%
import dataclasses
import itertools

import torch

import tl_course as tl
from tl_course.figures.style import headline

env = tl.setup()
target = tl.data.target()
augment = {"cifar10": ("flip", "crop"), "mnist_m": ("crop",)}[target]
sizes = {"train_per_class": env.labels(100), "test": env.examples(300)}
task = tl.data.load(target, **sizes, seed=0, augment=augment)
print(task)

# %% [markdown]
# ## Three explanations
#
# Why should weights help that were trained on something else?
#
# * **Features** are used again: an edge is an edge, in photographs of dogs and of lorries.
# * The weights have good **statistics**: numbers of a size with which training goes well, whatever they compute.
# * They are a good **starting point**: the features do not fit yet, but from there training needs fewer steps than from
#   random weights.
#
# The three are not rivals; each can hold in part. To tell them apart, take one away and see what is left. *Shuffling*
# takes features away and leaves statistics. It is quickly done by hand:


# %%
def fresh(**options):
    """The profile's ResNet with a new head for this task."""
    sizes = {"num_classes": task.num_classes, "size": env.pixels}
    return tl.models.create(env.backbone, **sizes, seed=0, **options).to(env.device)


weight = fresh(weights=env.weights).layer4[0].conv1.weight.detach().cpu()
chance = torch.Generator().manual_seed(0)
order = torch.randperm(weight.numel(), generator=chance)
shuffled = weight.flatten()[order].reshape(weight.shape)

assert torch.equal(shuffled.flatten().sort()[0], weight.flatten().sort()[0])
print(f"mean and spread: {weight.mean():.5f}, {weight.std():.5f}")
print(f"shuffled:        {shuffled.mean():.5f}, {shuffled.std():.5f}")
print("the same first filter:", torch.equal(shuffled[0], weight[0]))

# %% [markdown]
# The verbs do it for whole groups of layers, and report what they did. `donor` is a network with random weights.

# %%
copies = {f"copy {number}": fresh(weights=env.weights) for number in range(1, 6)}
reports = {
    "copy 2": tl.models.reinitialise(copies["copy 2"], keep=3, donor=fresh()),
    "copy 3": tl.models.shuffle_weights(copies["copy 3"], keep=3),
    "copy 4": tl.models.shuffle_weights(copies["copy 4"]),
    "copy 5": tl.models.reinitialise(copies["copy 5"], keep=0, donor=fresh()),
}
for name, report in reports.items():
    print(f"{name}: {report}")

# %% [markdown]
# Now train all five, in fewer steps than the record below. Each has a rate of its own, which was chosen for the record,
# on other training pictures; for fewer steps it may not be the best.

# %%
near, far = (3e-3, 1e-3, 3e-3, 1e-2, 3e-3), (1e-2, 3e-3, 1e-2, 3e-3, 3e-3)
rates = {"cifar10": near, "mnist_m": far}[target]
settings = {"batch_size": 32, "schedule": "one_cycle", "seed": 0}
steps = env.steps(30)
runs = {
    name: tl.training.fit(
        network, task, steps=steps, lr=lr, evaluate_every=steps, **settings
    )
    for (name, network), lr in zip(copies.items(), rates, strict=True)
}

# %% [markdown]
# Compare with your prediction.

# %%
labels = [
    "all kept",
    "two stages re-initialised",
    "two stages shuffled",
    "all shuffled",
    "from scratch",
]
found = {name: run.evaluate("test") for name, run in runs.items()}
for label, score in zip(labels, found.values(), strict=True):
    print(f"{label:<26} {score}")

# %% [markdown]
# One seed and a few hundred test pictures: the order of neighbours may be luck. The record has more seeds and more ways. Its
# *linear probe* uses the features as they are: nothing before the head moves. *BatchNorm kept* shuffles convolutions
# alone.

# %%
record = tl.records.read("07_layers").select(profile="mini", target=target)
rows = {
    "from scratch": ("reuse", "0"),
    "all shuffled": ("statistics", "0"),
    "all shuffled, BatchNorm kept": ("convolutions", "0"),
    "two stages shuffled": ("statistics", "3"),
    "two stages shuffled, BatchNorm kept": ("convolutions", "3"),
    "two stages re-initialised": ("reuse", "3"),
    "all frozen: linear probe": ("linear_probe", "5"),
    "all kept: fine-tuning": ("reuse", "5"),
}
cells = {name: dict(method=way, setting=kept) for name, (way, kept) in rows.items()}

# %% [markdown]
# The dotted line is from scratch: what lies to its right was worth something.

# %%
tl.figures.ladder(
    record,
    cells,
    baseline=cells["from scratch"],
    title="Shuffle everything, and the gain is gone",
    xlabel=f"accuracy on {task.title}",
    caption=f"Recorded: {task.title}, {len(record.seeds)} seeds, mini profile.",
)

# %% [markdown]
# What explains how much? The record holds both targets of lesson 05: CIFAR-10, **near** the source, and MNIST-M, **far**
# from it. Here is what it says of each explanation, for a hundred labels a class and few steps.
#
# * **Statistics** alone do not explain it. On both targets the network with everything kept ends far ahead of the one with
#   everything shuffled, and of the one from scratch.[^07.features_carry] Near, everything shuffled ends about where from
#   scratch does.[^07.near_statistics_bring_little] Far, it ends *below*.[^07.far_shuffling_harms] In the last two stages it
#   depends on the target. Near, shuffled numbers are worse than new ones there.[^07.near_renewed_beats_shuffled] Far, they
#   are better: they bring a part of the gain.[^07.far_shuffled_beats_renewed] Why, we have not tested.
# * **Features**, used as they are, explain it near: the probe never moves its backbone, and ends above
#   fine-tuning.[^07.near_probe_keeps_up]
# * **The starting point** counts far from the source. There the features as they are do not do: the probe ends far below
#   fine-tuning.[^07.far_probe_is_left_behind] But once they may move, fine-tuning ends far ahead of from scratch in as many
#   steps.[^07.features_carry]
#
# And patience? With four times the steps, from scratch stays far behind near the
# source.[^07.near_longer_stays_behind] Far from it, it reaches the accuracy of fine-tuning, which took a quarter
# as many steps.[^07.far_longer_draws_level] So there the start could be bought by time, too, as in lesson 05. (We gave more steps to
# from scratch alone, not to the shuffled ones.)
#
# How deep does it go? Keep more and more groups from the input on, and re-initialise the rest:

# %%
reuse = record.select(method="reuse")
means = [reuse.select(setting=str(k)).mean for k in range(6)]
steps_up = [high - low for low, high in itertools.pairwise(means)]
assert max(steps_up) < (means[-1] - means[0]) / 2, "no group brings half of it"
tl.figures.over_settings(
    record,
    {"reuse": "kept, the rest re-initialised"},
    setting="groups kept, from the input on",
    title="No group alone brings half of the gain",
    caption=f"Recorded: {task.title}, {len(record.seeds)} seeds, 95% t intervals.",
)

# %% [markdown]
# [Yosinski and others](https://arxiv.org/abs/1411.1792) asked this of ImageNet's own classes, in two halves, and called
# early layers *general* and late ones *specific*. Our curve alone cannot show that: the more groups are kept, the
# fewer new ones are left to train.
#
# ## How alike are two layers?
#
# What did fine-tuning change inside? Two networks have seen the same $n$ pictures. Their features may have other widths,
# and one may be a rotation of the other. So compare what does not depend on that: which pictures lie close together.
# $K = AA^\top$ holds the inner products of all pairs in one network, $L = BB^\top$ in the other. **HSIC** (Hilbert-Schmidt
# independence criterion) measures how far the two agree, and **CKA** (centred kernel alignment, 中心核对齐) scales it:
#
# $$\mathrm{CKA} = \frac{\mathrm{HSIC}(K, L)}{\sqrt{\mathrm{HSIC}(K, K)\;\mathrm{HSIC}(L, L)}}.$$
#
# Each HSIC is *estimated* from the pictures at hand. The simplest estimator centres both matrices (takes
# each feature's mean away) and multiplies.
# Try it on features that have nothing in common:

# %%
chance = torch.Generator().manual_seed(0)
strangers = torch.randn(2, 64, 512, generator=chance, dtype=torch.float64)
K, L = (features - features.mean(dim=0) for features in strangers)
K, L = K @ K.T, L @ L.T
by_hand = (K * L).sum() / ((K * K).sum() * (L * L).sum()).sqrt()
biased = tl.metrics.cka(*strangers, unbiased=False)
assert abs(by_hand - biased) < 1e-9
print(f"biased: {biased:.2f}   unbiased: {tl.metrics.cka(*strangers):+.2f}")

# %% [markdown]
# Strangers come out almost the same! Each picture is compared with itself, too. These diagonals are large in both
# matrices, and for few pictures with many features they decide. The unbiased estimator leaves the diagonals out and
# corrects for it. Use that one: it costs nothing more.
#
# Now the networks from above. We keep what each stage gives, as a mean over places.


# %%
@torch.no_grad()
def stages(network):
    """What each stage says of the test pictures: its name → N×K."""
    kept, hooks = {}, []
    for name in ("layer1", "layer2", "layer3", "layer4"):

        def keep(_module, _given, out, name=name):
            kept[name] = out.mean(dim=(2, 3)).float().cpu()

        hooks.append(getattr(network, name).register_forward_hook(keep))
    network.eval()(network.preprocess(task.test.inputs.to(env.device)))
    [hook.remove() for hook in hooks]
    return kept


# %% [markdown]
# The control for *before against after* is another pair: from scratch against fine-tuned. Both learned these labels.

# %%
before = stages(fresh(weights=env.weights))
tuned, scratch = (stages(copies[name]) for name in ("copy 1", "copy 5"))
print("against fine-tuned:", *tuned, sep="  ")
for name, other in {"before": before, "from scratch": scratch}.items():
    alike = [tl.metrics.cka(other[stage], tuned[stage]) for stage in tuned]
    print(f"{name:<19}", *(f"{value:8.2f}" for value in alike))

# %% [markdown]
# That was one run. The record has more, in more steps, and for both targets. Below, the *stranger* is the network from scratch.

# %%
likeness = tl.records.read("07_alike").select(profile="mini")
fig, panels = tl.figures.axes(8.4, 3.6, 1, 2, sharey=True)
places = {"cifar10": "near: CIFAR-10", "mnist_m": "far: MNIST-M"}
for ax, (place, title) in zip(panels, places.items(), strict=True):
    for other, look in (("before", "o-"), ("scratch", "s--")):
        cells = likeness.select(target=place, method=other)
        found = [cells.select(setting=stage).interval() for stage in tuned]
        means, ends = zip(*((one.mean, one.half_width) for one in found), strict=True)
        ax.errorbar(list(tuned), means, ends, fmt=look, label=other)
    ax.set(title=title, xlabel="stage", ylim=(0, 1.05))
panels[0].set_ylabel("CKA with the fine-tuned")
panels[0].legend(["its own past", "the stranger"], loc="lower left")
headline(fig, "Near, it is more like its own past; far, more like the stranger")

# %% [markdown]
# The notebook checks each stage, and then shows the figure:

# %%
ways = ("before", "scratch")
for place, (nearer, other) in {"cifar10": ways, "mnist_m": ways[::-1]}.items():
    for stage in tuned:
        cells = likeness.select(target=place, setting=stage)
        one, two = (cells.select(method=method) for method in (nearer, other))
        assert tl.records.paired_difference(one, two).low > 0, (place, stage)
caption = f"Recorded: {len(likeness.seeds)} seeds, 95% t intervals, mini profile."
alt = "Near, its own past lies above the stranger in every stage; far, below it."
tl.figures.show(fig, alt=alt, caption=caption)

# %% [markdown]
# Near the source, the fine-tuned network is in every stage more like the one that it was than like the stranger, on average
# over the seeds, though both learned the same labels. Far from it, it is the other way about: less is left of its past, least in the last stage. That
# fits the bars above, where far from the source the features as they are do not do. But the rate differs, too: far, the best
# one was larger, and larger steps move a network further. We have not tested which of the two it is. CKA says *how much*
# changed, and not what it was good for.
#
# ## Where does it look?
#
# A **heat map** (热力图) claims to show which places of a picture speak for an answer. **Grad-CAM** takes the feature maps
# $A_k$ of one layer, weighs each by how fast the logit $z$ grows with it, and keeps what is positive:
#
# $$\mathrm{ReLU}\Big(\sum_k a_k A_k\Big), \qquad a_k = \text{mean over places of } \frac{\partial z}{\partial A_k}.$$
#
# May it be believed? On a photograph nobody knows where the network *should* look. So make pictures where we know. Each
# gets a square at a place drawn at random, red or blue, and the colour is the label: nothing else tells it.


# %%
def planted(part, seed, side=8):
    """The same pictures with squares; labels 0 (red) and 1 (blue); where they are."""
    chance = torch.Generator().manual_seed(seed)
    colours = torch.tensor([[220, 40, 40], [40, 40, 220]], dtype=torch.uint8)
    images, count = part.inputs.clone(), len(part)
    labels = torch.randint(0, 2, (count,), generator=chance)
    room = images.shape[-1] - side + 1
    corners = torch.randint(0, room, (count, 2), generator=chance)
    for image, label, (y, x) in zip(images, labels, corners, strict=True):
        image[:, y : y + side, x : x + side] = colours[label][:, None, None]
    boxes = torch.cat([corners, corners + side], dim=1)
    return dataclasses.replace(part, inputs=images, labels=labels), boxes


# %% [markdown]
# Training, validation and test pictures get squares of their own.

# %%
parts = {
    "train": planted(task.train, 1)[0],
    "validation": planted(task.validation, 2)[0],
}
test, boxes = planted(task.test, 3)
words = {"class_names": ("red", "blue"), "augment": ()}
cue = dataclasses.replace(task, **parts, test=test, **words)

# %% [markdown]
# Three networks: one learns the squares; one learns the same pictures with **shuffled labels**, so that the square
# tells the label no longer; one keeps **random weights** and learns nothing at all.

# %%
mixed = torch.randperm(len(cue.train), generator=torch.Generator().manual_seed(3))
wrong = dataclasses.replace(cue.train, labels=cue.train.labels[mixed])
tasks = {"trained": cue, "shuffled labels": dataclasses.replace(cue, train=wrong)}
options = {"num_classes": 2, "size": env.pixels, "seed": 0}
networks = {}
for name, data in tasks.items():
    network = tl.models.create(env.backbone, weights=env.weights, **options)
    run = tl.training.fit(network, data, steps=env.steps(25), lr=1e-3, **settings)
    networks[name] = network
    print(f"{name:<16} {run.evaluate('test')}")
networks["random weights"] = tl.models.create(env.backbone, **options).to(env.device)

# %% [markdown]
# The network with shuffled labels need not be right on one half. By chance it can lean to one answer for one colour, right or
# wrong. (Its interval knows of other test pictures, and of no other draw of labels.)
#
# The map in the open, for layer 3, and the verb. (Why layer 3? The last stage has the fewest places, and a large square is
# easy to hit there.)

# %%
trained = networks["trained"].eval()
pictures = trained.preprocess(test.inputs.to(env.device))
few, wanted = pictures[:50], test.labels[:50].to(env.device)
kept = []
hook = trained.layer3.register_forward_hook(lambda _m, _given, out: kept.append(out))
logits = trained(few)
hook.remove()
[slopes] = torch.autograd.grad(logits.gather(1, wanted[:, None]).sum(), kept[0])
by_hand = (slopes.mean(dim=(2, 3), keepdim=True) * kept[0]).sum(dim=1).relu()

verb = tl.models.grad_cam(trained, few, "layer3", wanted)
assert (by_hand - verb).abs().max() < 1e-3 * verb.abs().max()
print("maps of shape", tuple(verb.shape))

# %% [markdown]
# In the **pointing game** a map scores if its largest cell touches the square. A blind guess scores, too, now and then; how
# often is computed from the boxes.

# %%
labels = test.labels.to(env.device)
maps, scores = {}, {}
for name, network in networks.items():
    maps[name] = tl.models.grad_cam(network, pictures, "layer3", labels).cpu()
    scores[name] = tl.metrics.pointing_game(maps[name], boxes, side=32)
    print(f"{name:<16} {scores[name]}")
blind = tl.metrics.pointing_by_chance(maps["trained"], boxes, side=32)
print(f"{'blind guess':<16} {blind:.3f}")

tl.expect(
    scores["trained"].low > 0.8, "the trained network's maps must find the square"
)
for name in ("shuffled labels", "random weights"):
    tl.expect(scores[name].high < 0.8, f"{name}: the test must fail")
tl.expect(scores["random weights"].low > blind, "random weights beat a blind guess")

# %% [markdown]
# Here are the first six pictures, three times. The lighter a cell, the larger the map there.

# %%
shown = [(name, index) for name in networks for index in range(6)]
tl.figures.heat_maps(
    torch.stack([test.inputs[index] for _, index in shown]),
    torch.stack([maps[name][index] for name, index in shown]),
    boxes=torch.stack([boxes[index] for _, index in shown]),
    titles=[name for name, _ in shown],
    title="The maps follow what was learned",
    alt="In the first row, the trained network's, the lightest cells lie in the framed "
    "squares. In the rows of the two controls many lie elsewhere.",
    caption=f"You just ran this: {task.title} with squares (framed), layer 3.",
)

# %% [markdown]
# In this run the map passed. It finds the square where the network has learned the square, and far less often where it has
# not.
#
# But look at the random weights: this network's share lies above that of a blind guess. Nothing was learned there. Perhaps a large
# square of one colour excites many filters, whatever their weights. Here are six pictures in which the middle of that
# network's largest cell lies in the frame:

# %%
untrained = maps["random weights"]
side = untrained.shape[-1]
place = untrained.flatten(1).argmax(dim=1)
middle = (torch.stack([place // side, place % side], dim=1) + 0.5) * 32 / side
inside = ((middle > boxes[:, :2]) & (middle < boxes[:, 2:])).all(dim=1)
hit = inside.int().argsort(descending=True, stable=True)[:6]
tl.expect(bool(inside[hit].all()), "there must be six such pictures")
tl.figures.heat_maps(
    test.inputs[hit],
    untrained[hit],
    boxes=boxes[hit],
    title="Right by their looks: maps of a network that knows nothing",
    alt="Six pictures. In each, the map's lightest cell lies in the framed square.",
    caption="You just ran this: random weights; these six were chosen.",
)

# %% [markdown]
# Had you been shown these six alone, you would have believed them. A map that looks right is no evidence. What counts is
# how often it is right where the truth is known, and that it *changes* when what was learned is taken away.
#
# ## What to remember
#
# * A pretrained network can help by its features, by the statistics of its weights, or as a starting point. **Take one away
#   and train again**, each copy at a rate of its own. Here, with everything shuffled, the gain was gone.
# * Compare features by the **unbiased** CKA. The simplest estimator calls strangers alike when features outnumber pictures.
# * Believe a heat map only after tests that it could have failed: a **planted cue**, **shuffled labels**, **random
#   weights**.
#
# ## Check yourself
#
# Choose first, then open.
#
# **1. You shuffle all tensors of a pretrained network and train it. It ends higher than from scratch, at equal steps and
# rates of their own. What does that show?**
#
# <details><summary>That its features were used again.</summary>Not this. Shuffling has destroyed every feature.</details>
# <details><summary>That something in the sizes of its numbers helps training.</summary><b>Right.</b> Each tensor's numbers are
# all that is left.</details>
# <details><summary>That features do not matter.</summary>Not this. For that it would have to do as well as the network that was
# not shuffled.</details>
#
# **2. Two networks have nothing to do with each other. You compare wide features of few pictures, and CKA is near one.
# What now?**
#
# <details><summary>They have learned the same after all.</summary>Not this. Features drawn at random come out so as
# well.</details>
# <details><summary>See which estimator computed it.</summary><b>Right.</b> The biased one is high for strangers.</details>
# <details><summary>Take wider features.</summary>Not this. That makes the bias larger.</details>
#
# **3. A heat map of your network outlines the dog neatly. A colleague asks whether it shows why the network said *dog*.**
#
# <details><summary>Yes: it lies on the dog.</summary>Not this. A network with random weights can do that.</details>
# <details><summary>Not known yet: replace the weights by random ones and look again.</summary><b>Right.</b> If the outline
# stays, the map shows the picture, not the network.</details>
# <details><summary>No: heat maps never show that.</summary>Not this. On the planted squares they did.</details>
#
# **Next:** the exercises. Then lesson 09 goes from pictures to texts. (Lesson 08 is yet to come.) The sections below are
# further: open those that you need.

# %% [markdown] tags=["further"]
# ## Does it matter where the weights come from?
#
# The same network, but its weights learned rendered letters; and from scratch with four times the steps.

# %%
tl.figures.ladder(
    record,
    {
        "from scratch": {"method": "reuse", "setting": "0"},
        "from scratch, four times the steps": {"method": "longer", "setting": "0"},
        "all kept, from letters": {"method": "letters", "setting": "5"},
        "all kept, from ImageNet": {"method": "reuse", "setting": "5"},
    },
    title="Another source, and more steps",
    xlabel=f"accuracy on {task.title}",
    caption=f"Recorded: {task.title}, {len(record.seeds)} seeds.",
)

# %% [markdown]
# Near, ImageNet's weights are far ahead of those of the letters.[^07.near_imagenet_beats_letters] Far, the letters are
# ahead.[^07.far_letters_beat_imagenet] Perhaps because printed letters look more like digits; we have not tested it. So *what transfers* is a
# question about a pair, never about a network.

# %% [markdown] tags=["further"]
# ## Three bugs in published code
#
# Packages that compute CKA have had bugs that raise no error. Each breaks something that must hold for *any* features: a
# network is like itself (CKA is one, HSIC not negative); strangers come out near zero, on average over many draws; a
# rotation or another scale changes nothing.
#
# | what was written | what it does | what finds it |
# |---|---|---|
# | [`K - torch.diag(K)`](https://github.com/dmarx/cka_pytorch/issues/2), meant to set the diagonal to zero | `torch.diag` of a matrix is a row, and is taken from *every* row | likeness to itself: negative, and so NaN |
# | [an HSIC called unbiased](https://github.com/Project-MONAI/MONAI/pull/9129) that keeps the diagonals | strangers look alike, the more the fewer the examples | strangers |
# | [a sum over batches, divided by the number of layers](https://github.com/ykumards/simtorch/pull/52) | the table has a wrong scale | likeness to itself: not one |
#
# In the open, on a small matrix:

# %%
ones = torch.ones(3, 3)
print("meant:", (ones - torch.diag(torch.diag(ones))).tolist())
print("done: ", (ones - torch.diag(ones)).tolist())

# %% [markdown] tags=["further"]
# ## The map that dies on a frozen backbone
#
# After `freeze`, nothing before the head needs gradients. Then the way by hand from above has nothing to differentiate:

# %%
frozen = fresh(weights=env.weights)
tl.models.freeze(frozen, except_head=True)
kept = []
hook = frozen.layer3.register_forward_hook(lambda _m, _given, out: kept.append(out))
logits = frozen(few)
hook.remove()
try:
    torch.autograd.grad(logits[:, 0].sum(), kept[0])
except RuntimeError as error:
    print("by hand:", error)
print("the verb:", tuple(tl.models.grad_cam(frozen, few, "layer3").shape))

# %% [markdown]
# The verb begins its graph at the layer itself, so it needs no gradients before. Libraries have had this bug, too:
# [MONAI](https://github.com/Project-MONAI/MONAI/issues/3035), [captum](https://github.com/pytorch/captum/pull/226).

# %% [markdown] tags=["further"]
# ## Maps of right and wrong answers
#
# The fine-tuned network on real pictures: six that it got right, six that it got wrong, each explained for the class that it
# *said*.

# %%
model = copies["copy 1"].eval()
images = model.preprocess(task.test.inputs.to(env.device))
with torch.no_grad():
    said = model(images).argmax(dim=1).cpu()
good = (said == task.test.labels).nonzero().flatten()[:6]
bad = (said != task.test.labels).nonzero().flatten()[:6]
chosen = torch.cat([good, bad])
names = task.class_names
tl.figures.heat_maps(
    task.test.inputs[chosen],
    tl.models.grad_cam(model, images[chosen.to(env.device)], "layer3").cpu(),
    titles=[f"{names[task.test.labels[i]]}: {names[said[i]]}" for i in chosen.tolist()],
    title="What it is: what the network said",
    caption=f"You just ran this: {task.title}, fine-tuned, layer 3, one seed.",
)

# %% [markdown]
# Here no truth is known. Such a map can give you an idea of what went wrong. It cannot prove it: change the picture there,
# and see whether the answer changes.

# %% [markdown] tags=["further"]
# ## Features in the plane
#
# The last stage's features of the test pictures, in the two directions in which they vary most: before fine-tuning, and
# after.

# %%
caption = f"You just ran this: {task.title}, {len(task.test)} test pictures."
points, names = task.test.labels, task.class_names
title = "Before fine-tuning: the last stage, in two directions"
tl.figures.embeddings(before["layer4"], points, names, title=title, caption=caption)

# %% [markdown]
# Each class is written where the middle of its points lies.

# %%
title = "After fine-tuning: the last stage, in two directions"
tl.figures.embeddings(tuned["layer4"], points, names, title=title, caption=caption)

# %% [markdown]
# Which classes lie closer together than before, and which further apart? Two of the many directions are shown, and the larger
# part of what varies may lie in the others. Such a picture can suggest a question. The answer is an accuracy.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Five minutes of predictions, fifteen for the five copies and the record, ten for CKA, fifteen for the
# heat maps. Let the room vote on copy 3 against copy 2, and on whether an untrained network's map finds the square. On the
# copies both votes are right somewhere: near the source the new numbers do better, far from it the shuffled ones. The point is
# that one has to look.[^07.near_renewed_beats_shuffled] Usual wrong answers: "CKA near one means both have learned the same"
# (ask for the estimator); "the map lies on the dog, so it is right". A question for the room: *which control would convince
# you that a map of your own network is wrong?* With twenty minutes more: let everyone move the square's colours closer
# together, until the network fails, and see whether the map fails first.

# %% [markdown] tags=["further"]
# ## Questions of the source texts, and sources
#
# * *Why does transfer help?* (003) "Because it uses a trained model" repeats the question. The three explanations above are
#   answers that an experiment can refute.
# * *Explaining models, as a trend* (003): a heat map is one way, and the tests above are what it has to pass.
#
# Sources:
#
# * J. Yosinski and others: [*How transferable are features in deep neural networks?*](https://arxiv.org/abs/1411.1792),
#   NeurIPS 2014. B. Neyshabur and others: [*What is being transferred in transfer
#   learning?*](https://arxiv.org/abs/2008.11687), NeurIPS 2020. M. Raghu and others:
#   [*Transfusion*](https://arxiv.org/abs/1902.07208), NeurIPS 2019: weights with the right statistics and no features.
# * S. Kornblith and others: [*Similarity of Neural Network Representations Revisited*](https://arxiv.org/abs/1905.00414),
#   ICML 2019. L. Song and others: [*Feature Selection via Dependence
#   Maximization*](https://jmlr.org/papers/v13/song12a.html), JMLR 2012. T. Nguyen and others: [*Do Wide and Deep Networks
#   Learn the Same Things?*](https://arxiv.org/abs/2010.15327), ICLR 2021: CKA in batches.
# * R. Selvaraju and others: [*Grad-CAM*](https://arxiv.org/abs/1610.02391), ICCV 2017. J. Adebayo and others: [*Sanity Checks
#   for Saliency Maps*](https://arxiv.org/abs/1810.03292), NeurIPS 2018. J. Zhang and others: [*Top-down Neural Attention by
#   Excitation Backprop*](https://arxiv.org/abs/1608.00507), 2016: the pointing game.
