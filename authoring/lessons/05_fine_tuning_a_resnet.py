# ---
# tl_course:
#   summary: One pretrained ResNet, three ways to train it - what is copied, how fast is too fast, what is trained really.
#   minutes: 35
# ---

# %% [markdown]
# # Fine-tuning a ResNet
#
# **When you have finished this lesson you will be able to**
#
# * train a pretrained network in three ways, and say of each what is copied, what is new and what is trained;
# * choose a rate by validation pictures, and open the test once;
# * prove which parameters learn, and catch code that trains something else than it says.
#
# {{budget}}

# %% [markdown]
# ## A question to predict
#
# You have a hundred labelled pictures in ten classes, a laptop, and one evening. You also have a small
# [ResNet](https://arxiv.org/abs/1512.03385) whose backbone knows ImageNet (lesson 03 tells how it learned).
#
# > **Predict** the test accuracy of each, after equally many steps:
# >
# > 1. **from scratch** (从零训练): random weights, all layers trained;
# > 2. **linear probe** (线性探针): only a new last layer is trained;
# > 3. **fine-tuning** (微调): all layers are trained.

# %%
import copy
import dataclasses
import time

import torch
import torch.nn.functional as F

import tl_course as tl

env = tl.setup()

# %% [markdown]
# The target is CIFAR-10 where a copy is at hand, else MNIST-M, rebuilt as in lesson 01. Two of ten labels are kept apart
# for **validation**. A training picture is shifted a little each time it is seen, and mirrored where that does
# not change what it is: **augmentation** (数据增强).

# %%
name = tl.data.target()
options = {"train_per_class": env.labels(10), "test": env.examples(500), "seed": 0}
changes = {"cifar10": ("flip", "crop"), "mnist_m": ("crop",)}[name]
task = tl.data.load(name, augment=changes, **options)
print(task)

# %% [markdown]
# ## What is copied, what is new, what is trained
#
# All three ways minimise the same loss. They differ in where the weights start, and in which of them may move.

# %%
tl.figures.schematic(
    ["scratch", "linear_probe", "fine_tune"],
    backbone="ResNet without its head",
    title="The ways differ in how the backbone starts and moves",
)

# %% [markdown]
# In plain PyTorch, fine-tuning is a new last layer and a loop. For torchvision's ResNet, replace the first line by
# `torchvision.models.resnet18(weights="IMAGENET1K_V1")`; the attribute `fc` has the same name there. (Its pictures go
# through `weights.transforms()`; ours through `model.preprocess`.)

# %%
model = tl.models.create(env.backbone, weights=env.weights, size=env.pixels)
torch.manual_seed(0)
model.fc = torch.nn.Linear(model.fc.in_features, task.num_classes)
by_hand, with_fit = copy.deepcopy(model), copy.deepcopy(model)

few = dataclasses.replace(task, train=task.train[:40])
batches = tl.data.batches(few, by_hand.to(env.device), batch_size=20, seed=0)
optimizer = torch.optim.SGD(
    by_hand.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4
)

# %% [markdown]
# The loop, for one epoch (轮次) over a few pictures, in the precision that `tl.setup` chose:

# %%
by_hand.train()
for batch in batches:
    with torch.autocast(
        env.device.type, torch.bfloat16, enabled=env.precision == "bf16"
    ):
        loss = F.cross_entropy(by_hand(batch.inputs), batch.labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"{len(batches)} steps, loss of the last batch {loss:.2f}")

# %% [markdown]
# The package's verb is `fit`. Both must arrive at the same weights. We compare how far they are apart with how far they
# went.

# %%
same = {"steps": len(batches), "batch_size": 20, "seed": 0, "progress": False}
tl.training.fit(with_fit, few, lr=1e-3, optimizer="sgd", schedule="constant", **same)

start, one, other = (
    torch.cat([weight.detach().flatten() for weight in net.cpu().parameters()])
    for net in (model, by_hand, with_fit)
)
apart = (one - other).norm() / (one - start).norm()
print(f"the two are apart by {apart:.0e} of the way they went")
assert apart < 0.1, "the loop by hand and fit must take the same steps"

# %% [markdown]
# ## Run the three
#
# The rates were chosen beforehand, for each way and each target, on other pictures. The probe's features are computed
# once, since nothing in its backbone changes.


# %%
def pretrained(seed=0):
    """The ResNet with its ImageNet knowledge and a new head."""
    options = {"num_classes": task.num_classes, "size": env.pixels, "seed": seed}
    return tl.models.create(env.backbone, weights=env.weights, **options).to(env.device)


blank = tl.models.create(env.backbone, num_classes=10, size=env.pixels, seed=0)
points = tl.data.features(pretrained(), dataclasses.replace(task, augment=()))
rates = {"cifar10": (1e-3, 1e-2, 1e-3), "mnist_m": (3e-3, 1e-1, 1e-2)}[name]
ways = {
    "scratch": (blank.to(env.device), task, rates[0]),
    "linear_probe": (pretrained().fc, points, rates[1]),
    "fine_tune": (pretrained(), task, rates[2]),
}

# %% [markdown]
# Most of the lesson's seconds go into this cell. Each way shows its progress.

# %%
runs, accuracy, steps = {}, {}, env.steps(60)
recipe = {
    "steps": steps,
    "batch_size": 32,
    "schedule": "one_cycle",
    "log_every": env.steps(10),
}
for way, (network, data, rate) in ways.items():
    began = time.perf_counter()
    runs[way] = tl.training.fit(network, data, lr=rate, evaluate_every=steps, **recipe)
    cost = time.perf_counter() - began
    accuracy[way] = runs[way].evaluate("test")
    moved = runs[way].parameters.trainable
    print(f"{way:<13}{accuracy[way]}, {moved:>9,} trained, {cost:.0f} s")

# %% [markdown]
# Compare with your prediction. What do two of the networks say of single pictures? A cross marks a mistake. So few
# pictures cannot tell which network is better: look at *what* each of them takes for what.

# %%
shown = slice(0, 480, 60)  # the test pictures are in the order of their classes
pictures, answers = task.test.inputs[shown], task.test.labels[shown]
said = {
    way: runs[way].predictions("test")[shown].cpu() for way in ("scratch", "fine_tune")
}
tl.figures.image_grid(
    torch.cat([pictures, pictures]),
    titles=[task.class_names[k] for row in said.values() for k in row],
    wrong=[
        bool(k != y) for row in said.values() for k, y in zip(row, answers, strict=True)
    ],
    title="Above: from scratch. Below: fine-tuned. The same test pictures",
)

# %% [markdown]
# One seed is one story. Are your three like the recorded ones? Each **band** is where one more seed is expected, ninety-nine
# times in a hundred.

# %%
expected = {
    "scratch": ("05.finetune_beats_scratch_10", "worse"),
    "linear_probe": ("05.probe_beats_scratch_10", "better"),
    "fine_tune": ("05.finetune_beats_scratch_10", "better"),
}
where = {"target": task.name, "profile": "mini"}
for way, (id, side) in expected.items():
    band = tl.records.within_band(id, accuracy[way].value, side=side, **where)
    print(f"{way:<13} {band}")
    assert band, f"{way} is outside what the recorded seeds lead us to expect"

# %% [markdown]
# ## What is left of the gain: near and far
#
# The record holds two targets. CIFAR-10 is **near** the source: the backbone was taught on its training pictures, without
# their labels. MNIST-M, digits over photographs, is **far**. Each way has a rate of its own on each.
#
# > **Predict.** On which of the two does the probe keep up with fine-tuning, and on which is it left behind?

# %%
record = tl.records.read("05_strategies").select(profile="mini")
three = ("scratch", "linear_probe", "fine_tune")
tl.figures.label_budget(
    record.select(target="cifar10"),
    methods=three,
    title="Near: the probe keeps up with fine-tuning",
)

# %% [markdown]
# Near, with ten labels a class, the probe ends above fine-tuning.[^05.near_probe_beats_finetune_10] Now far:

# %%
tl.figures.label_budget(
    record.select(target="mnist_m"),
    methods=three,
    title="Far, with many labels, the probe is left behind",
)

# %% [markdown]
# Far, with a hundred labels a class, the probe ends below training from scratch: **negative transfer** (负迁移) by a
# frozen backbone.[^05.far_probe_hurts_100] With ten, it does not.[^05.probe_beats_scratch_10] But there training from
# scratch stands just above guessing: in so few steps that baseline has hardly begun, and to beat it proves little.
#
# ### The control
#
# Was training from scratch only too short? Here it gets three times the steps, with a hundred labels a class.

# %% tags=["claim"]
tl.records.claim(
    "05.near_longer_scratch_stays_behind", target="cifar10", profile="mini"
)

# %% tags=["claim"]
tl.records.claim("05.far_longer_scratch_catches_up", target="mnist_m", profile="mini")

# %% [markdown]
# Far, three times the steps close most of the gap to fine-tuning, on average: there the pretrained start bought mostly
# **time**. Near, most of the gap stays: it bought accuracy that these steps did not bring. Only a control like this one tells
# which of the two a published gain is.
#
# ## How fast is too fast?
#
# The rates above were chosen beforehand. How does one choose? By pictures that neither train the network nor judge it.
# Here you choose the rate of a probe with a hundred labels a class; a fifth of them is for validation.
#
# > **Predict.** Which of these rates is best? What do the two ends look like?

# %%
many = tl.data.load(name, **options | {"train_per_class": env.labels(100)})
points = tl.data.features(pretrained(), many)
tried, settings = {}, {"batch_size": 32, "schedule": "one_cycle", "progress": False}
for rate in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0):
    head = pretrained().fc
    tried[rate] = tl.training.fit(head, points, steps=steps, lr=rate, **settings)
    print(f"{rate:<8g}{tried[rate].evaluate('validation')}")

# %% [markdown]
# Compare with your prediction: at the smallest rates the head hardly leaves guessing. Write down your rate. Then the test
# opens, once, for the rate that was best on validation:

# %%
best = max(tried, key=lambda rate: tried[rate].evaluate("validation").value)
print(f"at {best:g}:", tried[best].evaluate("test"))

# %% [markdown]
# A rate belongs to source, target *and* the steps that you can pay. In a record of few steps, with the backbone free to
# move, the small rate `1e-4` beats `1e-2` near the source.[^05.near_wants_small_rates] Far from it, `1e-2` beats
# `1e-4`.[^05.far_wants_large_rates] So "fine-tune with a small rate" is advice for a near target. A rate that is too large
# also makes a network **forget** (灾难性遗忘) its source.[^05.large_rates_forget_imagenet] A further section below lets you
# turn that dial.
#
# ## What is trained, really?
#
# Code that fine-tunes can train something else than it says, and still print a falling loss. Here somebody freezes
# everything, then means to free the new head. But `requires_grad` belongs to *parameters*. On a *module*, the line makes a
# new attribute that nothing reads:

# %%
network = pretrained()
for weight in network.parameters():
    weight.requires_grad = False
network.fc.requires_grad = True  # the bug

batch = next(iter(tl.data.batches(task, network, batch_size=16, seed=0)))
try:
    F.cross_entropy(network(batch.inputs), batch.labels).backward()
except RuntimeError as error:
    print("backward says:", str(error).split(" and ")[0])

# %% [markdown]
# As written it raises, which is lucky. Let one more block learn, by its parameters, and the luck is gone:

# %%
network.layer4.requires_grad_(True)
head_before = network.fc.weight.clone()
learns = [weight for weight in network.parameters() if weight.requires_grad]
optimizer = torch.optim.AdamW(learns, lr=1e-3)
losses = []
for _ in range(15):
    loss = F.cross_entropy(network(batch.inputs), batch.labels)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
moved = (network.fc.weight - head_before).norm()
print(f"loss from {losses[0]:.2f} to {losses[-1]:.2f}, the head moved by {moved:.1f}")
tl.expect(losses[-1] < losses[0] / 2, "something learns")
assert moved == 0, "and it is not the head"

# %% [markdown]
# No error, a falling loss, and a head that stays random: the block before it bends to suit it. The loss cannot tell you.
# **Counting** can. Make it a habit before every run:

# %%
for group, modules in tl.models.layer_groups(network):
    counted = [tl.models.count_parameters(part) for part in modules]
    total, free = (sum(numbers) for numbers in zip(*counted, strict=True))
    print(f"{group:<8}{free:>10,} of {total:>10,} learn")

# %% [markdown]
# `tl.models.freeze` does it rightly. Its report keeps a hash of all that is frozen, so that you can **check** after the
# run that nothing of it moved. Here it catches a frozen network that only *looked* at pictures in train mode:

# %%
careless = pretrained()
report = tl.models.freeze(copy.deepcopy(careless), except_head=True)
print(report)
careless.requires_grad_(False).train()  # no gradients, but train mode
with torch.no_grad():
    careless(batch.inputs)
try:
    report.check(careless)
except ValueError as error:
    print(error)
moved = report.moved(careless)
assert all("running" in key or "tracked" in key for key in moved), "no weight moved"

# %% [markdown]
# No weight moved. What moved are BatchNorm's running statistics, which follow every picture that passes in train mode
# (lesson 04).
#
# ## What to remember
#
# * Fine-tuning minimises the same loss as training from scratch. Transfer is in **where the weights start, which may move,
#   and how fast**. Hold it against a probe and against from scratch, trained for long.
# * A rate belongs to source, target and steps. **Choose it on validation**, for each way; then open the test once.
# * A falling loss does not prove that the right part learns. **Count** what is trainable before, and **check** what was
#   frozen after.
#
# ## Check yourself
#
# Choose first, then open.
#
# **1. Two programs minimise the same loss with the same optimiser. One is training from scratch, the other
# fine-tuning. What tells them apart?**
#
# <details><summary>The loss function.</summary>Not this. Both are the mean cross-entropy over the target's labels.</details>
# <details><summary>Where the weights start.</summary><b>Right.</b> The loss and the loop are the same.</details>
# <details><summary>The cost of a step.</summary>Not this. With all layers trained, a step costs the same.</details>
#
# **2. You tried five rates. Which accuracy do you report?**
#
# <details><summary>The best of the five on the test.</summary>Not this. The test would have chosen, and part of what it
# chose is luck.</details>
# <details><summary>The best of the five on validation.</summary>Not this. That number did the choosing, so it
# flatters.</details>
# <details><summary>The test accuracy at the rate that was best on validation.</summary><b>Right.</b> The pictures that
# chose are not those that judge.</details>
#
# **3. Somebody froze a backbone with `requires_grad_(False)` and called `model.train()`. The report of `freeze`, taken
# before, no longer checks. What moved?**
#
# <details><summary>The convolutions.</summary>Not this. They get no gradient.</details>
# <details><summary>The running statistics of BatchNorm.</summary><b>Right.</b> They follow the mode, not the
# gradients.</details>
# <details><summary>Nothing; the report is too strict.</summary>Not this. Other statistics are other features.</details>
#
# **Next:** lesson 06 asks whether a fine-tuned model can be believed.

# %% [markdown] tags=["further"]
# ## All six ways
#
# Cut the network into groups of layers $g$, from the input to the head, each with a rate of its own:
#
# $$w_g \leftarrow w_g - \eta_g \nabla_{w_g} L .$$
#
# | way | backbone starts | $\eta_g$ |
# |---|---|---|
# | from scratch | at random | one $\eta$ for all |
# | linear probe | at the source | $\eta$ at the head, 0 elsewhere |
# | fine-tuning | at the source | one $\eta$ for all |
# | layer-wise rates (分层学习率) | at the source | $\eta\,\delta^{k}$, $k$ groups before the head, $\delta < 1$ |
# | gradual unfreezing (逐层解冻) | at the source | 0 until a group's turn comes, then $\eta$ |
# | probe, then fine-tune | at the source | first as the probe, then one $\eta$ |
#
# [ULMFiT](https://arxiv.org/abs/1801.06146) proposed slow early layers and gradual unfreezing, since early layers hold
# what is general. The last way has [another reason](https://arxiv.org/abs/2202.10054): a random head sends random
# gradients into a good backbone and spoils it before the head knows anything. So let the head learn first. The groups:

# %%
for group, modules in tl.models.layer_groups(pretrained()):
    count = sum(tl.models.count_parameters(part).total for part in modules)
    print(f"{group:<8}{count:>12,} parameters")

# %% [markdown]
# By hand, rates of their own are groups of the optimiser. With `fit`, they are one argument, and so is unfreezing by the
# clock: steps done, and what begins to learn then.

# %%
network = pretrained()
body = [w for key, w in network.named_parameters() if not key.startswith("fc.")]
parts = [{"params": body, "lr": 1e-3}, {"params": network.fc.parameters(), "lr": 1e-2}]
by_hand = torch.optim.SGD(parts, momentum=0.9)

for group in tl.training.parameter_groups(network, lr=1e-3, layer_decay=0.5):
    print(f"{group['name']:<8} rate {group['lr']:.2e}")
for steps_done, names in tl.training.gradual(network, every=10).items():
    print(f"after {steps_done:>2} steps: {', '.join(names)}")

# %% [markdown]
# `fit` takes these as `head_lr=1e-2`, `layer_decay=0.5` and `unfreeze=...`. The clock must end before the steps do, or
# the stem never wakes.
#
# The record holds every way at two label budgets (标注预算), with a rate chosen for each way, target and budget. Within a
# budget all take equally many steps.

# %%
tl.figures.label_budget(record.select(target=task.name))

# %% [markdown]
# Among the five ways that transfer there is no single order. Near:

# %% tags=["claim"]
tl.records.claim("05.near_probe_beats_finetune_10", target="cifar10", profile="mini")

# %% tags=["claim"]
tl.records.claim("05.near_lpft_beats_finetune_10", target="cifar10", profile="mini")

# %% tags=["claim"]
tl.records.claim("05.near_lpft_equals_probe_10", target="cifar10", profile="mini")

# %% tags=["claim"]
tl.records.claim("05.near_lpft_equals_probe_100", target="cifar10", profile="mini")

# %% [markdown]
# Far, where each way has a rate chosen for that target:

# %% tags=["claim"]
tl.records.claim("05.far_probe_hurts_100", target="mnist_m", profile="mini")

# %% tags=["claim"]
tl.records.claim("05.far_finetune_beats_probe_100", target="mnist_m", profile="mini")

# %% tags=["claim"]
tl.records.claim("05.far_finetune_beats_lpft_100", target="mnist_m", profile="mini")

# %% [markdown]
# With ten labels a class, too, plain fine-tuning is ahead of the probe, of gradual unfreezing and of *probe, then
# fine-tune* there.[^05.far_finetune_beats_three_10] Between it and layer-wise rates these seeds do not
# decide.[^05.far_layer_wise_equals_finetune_100] Mind that the order hangs on the rates: with those that were chosen near,
# an earlier version of this record had another one. *Probe, then fine-tune* was found
# [better on average](https://arxiv.org/abs/2202.10054) by its authors, above all on shifted test data. No way wins in all
# of these cases: validation decides.

# %% [markdown] tags=["further"]
# ## What it costs
#
# Accuracy is half of a comparison. Here is the other half: parameters that learn, and seconds.

# %%
costs = record.select(target=task.name)
most = costs.settings[-1]
free = {"linear_probe": pretrained().fc}
print(f"{most} labels a class, means of {len(costs.seeds)} seeds, processor seconds")
for method in costs.methods:
    cell = costs.select(method=method, setting=most)
    moved = tl.models.count_parameters(free.get(method, pretrained())).trainable
    label = tl.figures.method_style(method).label
    print(f"{label:<24}{moved:>10,} parameters {cell.seconds:6.0f} s {cell.mean:8.1%}")

# %% [markdown]
# A step of fine-tuning is the same computation as a step from scratch, since it is the same network. What is dear is
# pretraining, which somebody paid once.
#
# **How far does this go?** With *all* labels of CIFAR-10, ResNet-50 from ImageNet reaches
# [93.6 as a probe, 97.5 fine-tuned, 95.9 from scratch](https://arxiv.org/abs/2002.05709), a far smaller gap than here; a
# network from scratch passes [94 within seconds](https://arxiv.org/abs/2404.00498) on a large GPU. With enough data and
# time, pretraining [speeds up but need not improve](https://arxiv.org/abs/1811.08883), in
# [medical pictures](https://arxiv.org/abs/1902.07208) too; and with strong augmentation and more labels it
# [can even hurt](https://arxiv.org/abs/2006.06882).

# %% [markdown] tags=["further"]
# ## What is forgotten
#
# A pretrained network can lose what it knew while it learns the target: **catastrophic forgetting** (灾难性遗忘), known
# [since 1989](https://doi.org/10.1016/S0079-7421%2808%2960536-8). To *see* it, ask the source's question again. So keep the
# old head, fine-tune backbone and new head, and afterwards put the old head back on:
#
# * the **letters** network of lesson 01 is asked about letters that no training has seen, and their names are known;
# * for the **ImageNet** network we hold no ImageNet pictures. We count on how many held-out photographs its old head
#   still names *the same* class as before.
#
# The head learns at one fixed rate. The dial sets the rate of all layers before it. It shows test pictures: here we want
# to understand, not to choose.
#
# > **Predict.** Is there a rate at which both curves are high? And at rate 0, where no weight of the backbone moves, is
# > everything kept?

# %%
forgot = tl.records.read("05_learning_rate").select(profile="mini", target=task.name)
rates = list(forgot.settings)
MEASURES = {"target": f"accuracy on {task.title}", "kept": "kept of the source"}


def over_rates(source):
    """Both measures of the network from one source, an interval for each rate."""
    return {
        label: [
            forgot.select(method=f"{what}_from_{source}", setting=rate).interval()
            for rate in rates
        ]
        for what, label in MEASURES.items()
    }


# %% [markdown]
# Start in the middle, then go to both ends.

# %%
panels = {f"from {source}": over_rates(source) for source in ("imagenet", "letters")}
looks = {"xlabel": "rate of the backbone", "ylabel": "share of test pictures"}
looks["caption"] = "Recorded: 30 labels a class, 30 steps, 3 seeds; 95% t intervals."


def at(rate):
    """The sweep, read off at one rate."""
    title = f"The backbone at rate {rate}"
    return tl.figures.sweep(panels, rates, at=rate, title=title, **looks)


tl.figures.dial(at, rates, label="rate of the backbone", start="1e-3")

# %% tags=["claim"]
tl.records.claim("05.large_rates_forget_letters", target=task.name, profile="mini")

# %% tags=["claim"]
tl.records.claim("05.large_rates_forget_imagenet", target=task.name, profile="mini")

# %% tags=["claim"]
tl.records.claim("05.too_fast_for_the_target", target=task.name, profile="mini")

# %% [markdown]
# Forgetting is not wrong in itself, if the old question is never asked again. Lesson 02's penalty L2-SP holds the weights
# near the source.
#
# ### Two dials: how much is frozen, and how fast the rest moves
#
# A rate of zero, with BatchNorm in eval, is **freezing** (冻结). So there are two choices: up to which group of layers
# everything stands still, and at which rate the layers between there and the head move. The record took every
# combination, from the ImageNet network, on both targets.

# %%
depth_record = tl.records.read("05_frozen_layers").select(profile="mini")
speeds = list(depth_record.settings)
depths = ["nothing", "layer1", "layer2", "layer3", "layer4"]
PLACES = {"near: CIFAR-10": "cifar10", "far: MNIST-M": "mnist_m"}


def over_depths(place, rate):
    """Accuracy on one target at one rate, an interval for each depth of freezing."""
    cells = depth_record.select(target=PLACES[place], setting=rate)
    return [cells.select(method=f"frozen_{depth}").interval() for depth in depths]


# %% [markdown]
# Begin with nothing frozen and a rate that is too large for one of the two. Then go right with the first dial.

# %%
every = {place: {f"at {r}": over_depths(place, r) for r in speeds} for place in PLACES}
looks = {"xlabel": "frozen, from the input up to", "ylabel": "test accuracy"}
looks["caption"] = "Recorded: 30 labels a class, 30 steps, 3 seeds; 95% t intervals."

# %% [markdown]
# All lines are there; the dials choose which one is thick, and where the dotted line stands.


# %%
def both(depth, rate):
    """Near and far, at one position of the dials."""
    title = f"Frozen up to: {depth}. The rest at rate {rate}"
    line = f"at {rate}"
    return tl.figures.sweep(
        every, depths, at=depth, emphasis=line, title=title, **looks
    )


dials = {"frozen up to": depths, "rate of the rest": speeds}
tl.figures.dial(both, dials, start=("nothing", "1e-2"))

# %% tags=["claim"]
tl.records.claim("05.near_freezing_protects", target="cifar10", profile="mini")

# %% tags=["claim"]
tl.records.claim(
    "05.near_small_rate_needs_no_freezing", target="cifar10", profile="mini"
)

# %% tags=["claim"]
tl.records.claim("05.far_freezing_hurts", target="mnist_m", profile="mini")

# %% [markdown]
# Freezing and a small rate say the same thing: *trust the source*. Near it, freezing more repairs part of what a rate
# that is too large spoils.[^05.near_freezing_protects] Far from it, at that same rate, freezing up to layer3 costs
# accuracy.[^05.far_freezing_hurts]
#
# ### Forgotten without a single step
#
# At rate 0 no weight of the backbone moves, and something can be lost all the same: BatchNorm's (批归一化) running
# statistics follow the inputs that pass in train mode. Ask the letters network, before and after:

# %%
letters = tl.data.load("letters", count=100, test_count=300).test
old = tl.models.create("resnet_small", weights="letters")


def letters_right():
    """The share of test letters that the old network names rightly."""
    with torch.no_grad():
        said = old.eval()(old.preprocess(letters.inputs)).argmax(dim=1)
    return (said == letters.labels).float().mean()


before = letters_right()

# %% [markdown]
# Now batches of the target pass by, in train mode, and nothing else happens.

# %%
loader = tl.data.batches(task, old.train(), batch_size=20, seed=0)
with torch.no_grad():
    for _ in range(5):
        for batch in loader:
            old(batch.inputs)
print(f"letters named rightly: {before:.0%} before, {letters_right():.0%} after")

# %% [markdown]
# That is source text 002's "unchanged" backbone: gradients off, train mode on. How much it costs depends on how many
# batches pass, and on what they show.

# %% [markdown] tags=["further"]
# ## Two choices beside the rate
#
# **How should the new head start?** Source text 003 draws its weights from $\mathcal N(0, 0.02^2)$. PyTorch's default is
# uniform in $\pm 1/\sqrt d$, of standard deviation $1/\sqrt{3d}$: for the 512 features of ResNet-18 that is $0.0255$,
# nearly the same. **And which optimiser?** On cached features we can afford every answer: three seeds, two optimisers,
# four rates.


# %%
def head_alone(seed=0, std=None, **how):
    """Validation accuracy of a new head on the cached features."""
    head = tl.models.replace_head(pretrained(), task.num_classes, seed=seed, std=std)
    quick = {"steps": steps, "batch_size": 64, "schedule": "one_cycle", "seed": seed}
    quick |= {"evaluate_every": steps, "progress": False}
    return tl.training.fit(head, points, **quick | how).evaluate("validation").value


# %% [markdown]
# First the three starts:

# %%
starts = {"N(0, 0.02²)": 0.02, "PyTorch's default": None, "all zero": 0.0}
heads = {
    name: [head_alone(s, std, lr=1e-2) for s in range(3)]
    for name, std in starts.items()
}
for name, values in heads.items():
    print(f"{name:<18} {', '.join(f'{value:.1%}' for value in values)}")
zero = heads["all zero"]
apart = [
    abs(a - b) for values in heads.values() for a, b in zip(values, zero, strict=True)
]
tl.expect(max(apart) < 0.05, "the start of the head must make nearly no difference")

# %% [markdown]
# In this run the start of the head makes nearly no difference. (A backbone that moves at the same time is another case:
# that is what probing first is for.) Now the optimisers:

# %%
for optimizer in ("adamw", "sgd"):
    for rate in (1e-4, 1e-3, 1e-2, 1e-1):
        values = [head_alone(seed, optimizer=optimizer, lr=rate) for seed in range(3)]
        print(f"{optimizer:<6} at {rate:<7g}{sum(values) / 3:6.0%} on validation")

# %% [markdown]
# Do not carry a rate from one to the other. AdamW divides each step by the size of recent gradients, so its rate is about
# how far a weight moves; SGD's is a factor on the gradient. Divide the loss by a hundred, and see which one notices:


# %%
def small(model, batch):
    """The same loss in other units: a hundredth of the cross-entropy."""
    return {"small": tl.losses.cross_entropy(model, batch)["cross_entropy"] / 100}


for optimizer in ("adamw", "sgd"):
    usual = head_alone(optimizer=optimizer, lr=1e-2)
    hundredth = head_alone(optimizer=optimizer, lr=1e-2, loss=small)
    print(
        f"{optimizer:<6} {usual:.0%}, and {hundredth:.0%} with a hundredth of the loss"
    )

# %% [markdown]
# To SGD it was a rate a hundred times smaller; to AdamW, almost nothing. That is how a rate from a recipe with the other
# optimiser goes wrong, and it raises no error.

# %% [markdown] tags=["further"]
# ## A minute of two cores
#
# How far do a thousand labels of CIFAR-10 go in about a minute of two cores? Two networks, each as probe, then
# fine-tuned, with smoothed labels (lesson 12), shifted and mirrored pictures, and about as many processor seconds. Their
# recipes were chosen on other training pictures.
#
# * **EfficientNet-Lite0** sees the pictures enlarged, in few steps, with frozen BatchNorm. ImageNet is all it ever saw.
# * The **small ResNet** sees them as they are, in many steps. Its source looked at CIFAR-10's training pictures, without
#   their labels.

# %%
minute = tl.records.read("05_minute").select(profile="mini")
names = {"efficientnet_lite0": "Lite0, enlarged", "resnet_small": "small ResNet"}
shown = {}
for method, label in names.items():
    cell = minute.select(method=method)
    shown[label] = cell.interval()
    print(f"{label:<16} {cell.seconds:.0f} processor seconds")
tl.figures.bars(
    {"test accuracy": shown},
    looks=dict.fromkeys(shown, "lp_ft"),
    title="In equal seconds, the network that saw ImageNet alone comes further",
    caption="Recorded on CIFAR-10: 100 labels a class, 5 seeds, 95% t intervals.",
)

# %% tags=["claim"]
tl.records.claim("05.minute", target="cifar10", profile="mini")

# %% [markdown] tags=["further"]
# ## The source texts' programs
#
# Source text 003 prints a formula as *the* objective of fine-tuning,
# $\min_w \frac1m \sum_{i=1}^m \ell(f(x_i; w), y_i)$. It is the empirical risk of lesson 02, and training from scratch
# minimises the very same. Its program prints its loss every 2,000 batches, which suited the batch size of the tutorial it
# came from; with its own batches a line never appears. Source text 002 sets `requires_grad` on a module, and sends its
# network to "ten classes of cats and dogs": they are two classes, or
# [37 breeds](https://www.robots.ox.ac.uk/~vgg/data/pets/). Source text 004 gives a network two outputs for ten classes;
# and its two stages are the same loop over the same data, one stage, run twice.

# %%
batches_in_an_epoch = 50_000 // 100
printed = [i for i in range(batches_in_an_epoch) if i % 2000 == 1999]
print("source text 003 prints in the steps", printed)

try:  # source text 004: two outputs, ten classes
    F.cross_entropy(torch.zeros(10, 2), torch.arange(10))
except IndexError as error:
    print("source text 004 stops:", error)

# %% [markdown]
# Source text 003 fine-tunes a ResNet-18 on CIFAR-10, source text 002 a ResNet-50, once the head alone and once end to end.
# Here are both, from loading to a test accuracy, in PyTorch and torchvision alone. The first cell takes pictures and sizes
# from this lesson; its comments say what stands there in a program of your own.

# %%
# data = torchvision.datasets.CIFAR10("data", download=True), and train=False
# pictures = torch.tensor(data.data).permute(0, 3, 1, 2)
# answers = torch.tensor(data.targets)
pictures, answers = task.train.inputs, task.train.labels
test_pictures, test_answers = task.test.inputs, task.test.labels

# weights = torchvision.models.ResNet50_Weights.IMAGENET1K_V1
# mean, std = weights.transforms().mean, weights.transforms().std
expects = pretrained().preprocess
side, mean, std = expects.size, expects.mean, expects.std
device = env.device  # torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %% [markdown]
# Pictures become what the weights expect, batch by batch.

# %%
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

torch.manual_seed(0)
scale = v2.ToDtype(torch.float32, scale=True)
resize = v2.Resize((side, side), antialias=True)
prepare = v2.Compose([resize, scale, v2.Normalize(mean, std)])
train = DataLoader(TensorDataset(pictures, answers), batch_size=16, shuffle=True)
test = DataLoader(TensorDataset(test_pictures, test_answers), batch_size=100)

# %% [markdown]
# The share of test pictures that a network names rightly:


# %%
@torch.no_grad()
def test_accuracy(network):
    network.eval()
    hits = [
        (network(prepare(x.to(device))).argmax(1).cpu() == y).sum() for x, y in test
    ]
    return sum(hits).item() / len(test_pictures)


# %% [markdown]
# One loop for both. Where the body is frozen it stays in eval mode, or BatchNorm's statistics would move.


# %%
def adapt(network, whole, rate, epochs=4):
    network.requires_grad_(whole)
    network.fc = torch.nn.Linear(network.fc.in_features, 10)
    network.to(device).train(whole)
    learns = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learns, lr=rate)
    for _ in range(epochs):
        for images, labels in train:
            logits = network(prepare(images.to(device)))
            loss = F.cross_entropy(logits, labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


# %% [markdown]
# `pretrained()` gives the network of your profile; in a program of your own,
# `torchvision.models.resnet50(weights="IMAGENET1K_V1")`.

# %%
for title, whole, rate in (("head only", False, 1e-2), ("end to end", True, 1e-3)):
    adapted = adapt(pretrained(), whole, rate)
    count = f"all {len(test_pictures):,} test pictures"
    print(f"{title}: test accuracy {test_accuracy(adapted):.3f}, {count}")

# %% [markdown]
# One seed and few epochs: which way is better at how many labels is what the records above are for.
#
# ### Questions of the source texts
#
# * *How do I adapt, or fine-tune, a pretrained model?* (001, 003) Replace the head and train it alone: that is cheap, and a
#   mark to beat. Then let all layers move, at a rate chosen on validation. Keep what is better on validation, and compare
#   with from scratch.
# * *Change structure, weights "or parameters"?* (001) Weights are the parameters. The structure is copied, the weights
#   initialise it, and these are two things.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Fifteen minutes to the live run, ten for near and far, ten for the rate, ten for what is
# trained. Collect the order of the three on the board before the live cell; people tend to put the probe last. Let the
# room choose the rates before the test opens, and let them defend a rate that is second on validation. For the silent
# bug let the room vote whether a falling loss proves that the head learns. In the further sections, ask before the dial:
# *what would you have to keep in order to measure forgetting?* (The old head.) A usual wrong answer there: "with a small
# enough rate nothing is forgotten", which BatchNorm contradicts.

# %% [markdown] tags=["further"]
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
