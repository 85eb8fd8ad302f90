# ---
# tl_course:
#   summary: A pretrained VGG with a new head - where the head is, what freezing takes, what the weights expect, what it saves.
#   minutes: 35
# ---

# %% [markdown]
# # VGG as a feature extractor
#
# **When you have finished this lesson you will be able to**
#
# * find a network's head, and put a new one in its place;
# * compute the features of a frozen backbone once, and say what that saves;
# * freeze a backbone so that nothing moves, and prove it;
# * feed a backbone what its *weights* expect, and hold its accuracy against two controls.
#
# {{budget}}

# %% [markdown]
# ## A question to predict
#
# You want to sort pictures into ten classes, and you do not want to train a large network. So you take a
# [VGG](https://arxiv.org/abs/1409.1556) that knows ImageNet, and take off its last layer. The rest, its **backbone**
# (骨干网络), stays as it is. You train a single new layer behind it: a **linear probe** (线性探针).
#
# > **Predict.**
# >
# > 1. The test accuracy of the probe; and of the same probe on a VGG with *random* weights.
# > 2. The pictures can go through the backbone in each of four epochs, or only once, before the first. Which of the two
# >    is more accurate? How many times faster is the second?
# > 3. Somebody forgets to normalise the pictures. How many points does it cost?

# %%
import copy
import time
from dataclasses import replace

import torch
import torch.nn.functional as F
import torchvision
from torch import nn

import tl_course as tl

env = tl.setup()
options = {"train_per_class": env.labels(100), "test": env.examples(500), "seed": 0}
task = tl.data.load(tl.data.target(), **options)
print(task)

# %% [markdown]
# The last line says what the target is: CIFAR-10 where a copy is at hand, else MNIST-M, rebuilt as in lesson 01.
#
# ## What is copied, what is new, what is trained
#
# Both rows train the same head. The second computes once what the backbone gives, and keeps it.

# %%
tl.figures.schematic(
    ["linear_probe", "features"],
    backbone="VGG backbone",
    title="The features of a frozen backbone can be stored",
)

# %% [markdown]
# ## Where is the head?
#
# torchvision's `vgg16` has three parts: `features` (convolutions, 卷积), `avgpool`, and `classifier`. The **head** (分类头)
# is the last layer of `classifier`; in a ResNet it is called `fc`. Look, do not guess. In your own program write
# `vgg16(weights="IMAGENET1K_V1")`. Here the network is on the device *meta*: it has shapes and no numbers, and nothing
# is downloaded.

# %%
with torch.device("meta"):
    vgg16 = torchvision.models.vgg16()
print(vgg16.classifier)

width = vgg16.classifier[6].in_features
vgg16.classifier[6] = nn.Linear(width, 10, device="meta")
images = torch.empty(4, 3, 224, 224, device="meta")
print("answers of shape", tuple(vgg16(images).shape))

# %% [markdown]
# The small profile uses `vgg_small`: torchvision's names, BatchNorm after each convolution, and two linear layers.
# `replace_head` does what you just did by hand.


# %%
def pretrained(**options):
    """The VGG of the profile with its ImageNet knowledge."""
    network = tl.models.create(
        env.extractor, weights=env.weights, size=env.pixels, **options
    )
    return network.to(env.device)


model = pretrained()
print("before:", tl.models.head_of(model))
tl.models.replace_head(model, task.num_classes, seed=0)
print("after: ", tl.models.head_of(model))

# %% [markdown]
# The weights of `vgg_small` were **distilled** from an ImageNet network (lesson 03): it learned to give that network's
# answers to the training pictures of CIFAR-10, without their labels. Is CIFAR-10 your target? Then the backbone has seen
# these training pictures before, and none of the test pictures. Say so when you report a result.
#
# ## Features, by hand and with the verb
#
# Write $\varphi$ for the frozen backbone, $\ell$ for the loss. A probe minimises over $W$ and $b$ alone
#
# $$\frac{1}{N}\sum_{i=1}^{N} \ell\big(W\varphi(x_i) + b,\; y_i\big).$$
#
# $\varphi(x_i)$ contains neither $W$ nor $b$: it is the same in every epoch. First in plain PyTorch, then with the
# package's verb, `tl.data.features`:


# %%
def look(network, images):
    """What the head of a VGG is given: uint8 N×3×H×W → N×D."""
    network.eval()
    scaled = network.preprocess(images.to(env.device))  # size and statistics: see below
    with torch.no_grad():
        maps = [network.avgpool(network.features(part)) for part in scaled.split(200)]
        return network.classifier[:-1](torch.flatten(torch.cat(maps), 1)).cpu()


points = tl.data.features(model, task)
verb = points.train.inputs[:200]
apart = (look(model, task.train.inputs[:200]) - verb).abs().max()
assert apart < 1e-3 * verb.abs().max(), "the verb must give the same features"
print(points)

# %% [markdown]
# A probe then is `fit` of one linear layer. Features are standardised by mean and spread of the training pictures, so
# that no backbone looks useless only because its features are small.

# %%
settings = {"batch_size": 32, "schedule": "one_cycle", "progress": False}


def probe(points, seed=0):
    """Train a linear layer on standardised features."""
    seen, parts = points.train.inputs, {}
    mean, spread = seen.mean(0), seen.std(0).clamp_min(1e-6)
    for name in ("train", "validation", "test"):
        part = getattr(points, name)
        parts[name] = replace(part, inputs=(part.inputs - mean) / spread)
    torch.manual_seed(seed)
    layer, steps = nn.Linear(len(mean), points.num_classes), env.steps(200)
    again = {"steps": steps, "evaluate_every": steps, "seed": seed, **settings}
    return tl.training.fit(layer, replace(points, **parts), lr=1e-2, **again)


# %% [markdown]
# Run it, and with it the first **control**: the same probe, on the same architecture with random weights (随机权重).

# %%
untrained = tl.models.create(env.extractor, size=env.pixels, seed=0).to(env.device)
runs = {
    "linear_probe": probe(points),
    "random_features": probe(tl.data.features(untrained, task)),
}
for name, run in runs.items():
    print(f"{name:<16}{run.evaluate('test')}, {run.seconds:.1f} s of steps")
better = runs["random_features"].evaluate("test").low > 1 / task.num_classes
tl.expect(better, "random weights must do better than guessing")

# %% [markdown]
# Compare with your first prediction. Random weights, too, do better than guessing one class in ten. Without this control
# you would have credited ImageNet with all of it. One seed is one story; is it like the recorded ones?

# %%
live = runs["linear_probe"].evaluate("test").value
where = {"target": task.name, "profile": "mini"}
band = tl.records.within_band("04.probe_needs_labels", live, **where)
print("linear_probe", band)
assert band, "the probe is outside what the recorded seeds lead us to expect"

# %% [markdown]
# ## Once, or in every step?
#
# Let a forward pass cost $C$; a backward pass costs about $2C$. For $E$ epochs over $N$ pictures,
#
# $$\underbrace{3\,E\,N\,C}_{\text{train everything}} \;>\; \underbrace{E\,N\,C}_{\text{frozen, recomputed}} \;>\;
# \underbrace{N\,C}_{\text{frozen, computed once}}.$$
#
# Four epochs; two heads that start with the same weights and see the same batches in the same order. First in every
# step:


# %%
def frozen():
    """The backbone, frozen, with a new head, and the report that can prove it."""
    network = pretrained(num_classes=task.num_classes, seed=0)
    return network, tl.models.freeze(network, except_head=True)


longer = settings | {"steps": 4 * len(task.train) // 32, "lr": 1e-2}
slow_network, report = frozen()
slow = tl.training.fit(slow_network, task, **longer)
print(f"{slow.seconds:.1f} s;", report)

# %% [markdown]
# Then once. The clock counts the computing of features, too, but not for the test pictures: no training needs those.

# %%
start = time.perf_counter()
fast_network, _ = frozen()
cached = tl.data.features(fast_network, replace(task, test=task.test[:0]))
tl.training.fit(tl.models.head_of(fast_network)[1], cached, **longer)
seconds = time.perf_counter() - start
print(f"in every step {slow.seconds:.1f} s, once {seconds:.1f} s,", end=" ")
print(f"{slow.seconds / seconds:.1f} times as fast")

# %% [markdown]
# Compare with your second prediction. And are the two heads equally good? Here are their logits for the same pictures:

# %%
shown = slow_network.preprocess(task.test.inputs[:100].to(env.device))
with torch.no_grad():
    one, other = (tl.models.logits(net, shown) for net in (slow_network, fast_network))
apart, largest = (one - other).abs().max(), one.abs().max()
print(f"largest difference between logits {apart:.0e}, of {largest:.1f}")
if env.precision == "fp32":
    assert apart < 1e-2 * max(largest, 1), "the two heads must be the same"

# %% [markdown]
# They are the same head, to rounding. Computing features once is no approximation, as long as the pictures stay the same
# from epoch to epoch. With augmentation (数据增强) they do not, and `tl.data.features` refuses.
#
# ## What freezing takes
#
# A method of the name `eval()` sounds like freezing (冻结). Is it?

# %%
network = pretrained(num_classes=task.num_classes, seed=0).eval()
before = network.features[0].weight.detach().clone()
optimizer = torch.optim.SGD(network.parameters(), lr=0.001)
batch = next(iter(tl.data.batches(task, network, batch_size=8, seed=0)))
F.cross_entropy(network(batch.inputs), batch.labels).backward()
optimizer.step()
print("eval() stops the first layer:", torch.equal(network.features[0].weight, before))

# %% [markdown]
# It is not. `eval()` makes BatchNorm (批归一化) and dropout work as they do in a test. What stops a weight is
# `requires_grad_(False)`. But that is half of it. BatchNorm keeps running statistics (滑动统计量),
# $m \leftarrow (1-\rho)\,m + \rho\,m_{\text{batch}}$ with a small $\rho$. They are not parameters and get no gradient. They
# move with every batch that passes in train mode. (VGG16 has no BatchNorm; so this cell takes `vgg_small`.)

# %%
careless = tl.models.create("vgg_small", weights="imagenet_distilled").to(env.device)
careless.requires_grad_(False)
before = look(careless, task.test.inputs[:200])
careless.train()
for batch in task.train.inputs[:80].to(env.device).split(8):
    careless(careless.preprocess(batch))  # no loss, no optimiser: only looking
change = (look(careless, task.test.inputs[:200]) - before).norm() / before.norm()
print(f"the 'frozen' features of the test pictures moved by {change:.0%}")
tl.expect(change > 0.01, "the running statistics must have moved the features")

# %% [markdown]
# `tl.models.freeze` turns the gradients off *and* keeps frozen parts in eval, even when someone calls `train()`. Its
# report holds a hash of every frozen tensor. Did anything move while we trained a head behind it?

# %%
print("nothing moved:", report.check(slow_network))
tl.models.freeze(careless, except_head=True)
print("BatchNorm in train mode after train():", careless.train().features[1].training)

# %% [markdown]
# ## What the weights expect
#
# A network learned from pixels on one scale. On another scale the same picture is another picture to it. Mean and
# standard deviation (均值与标准差) belong to the **weights**, not to your data. Here somebody forgets them everywhere; and
# then for the test pictures alone, as happens when a model goes from one program to another.

# %%
print("these weights:", model.preprocess)
plain = copy.copy(model)  # another preprocess, the same weights
plain.preprocess = replace(model.preprocess, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
unscaled = tl.data.features(plain, task)
print("as the weights expect   ", runs["linear_probe"].evaluate("test"))
print("forgotten everywhere    ", probe(unscaled).evaluate("test"))
tested = probe(replace(points, test=unscaled.test))
print("forgotten when testing  ", tested.evaluate("test"))

# %% [markdown]
# Compare with your third prediction. Nothing raised, nothing warned. On CIFAR-10 both slips cost accuracy in every
# recorded seed:

# %% tags=["claim"]
tl.records.claim("04.statistics_vgg", target="cifar10", profile="mini")

# %% [markdown]
# On MNIST-M the second slip cost accuracy in each seed, too. But with the first, the probe scored *higher* in each seed.
# So accuracy alone does not tell you that something is wrong.
#
# ## Near and far
#
# The second control is the same network, trained **from scratch** (从零训练): all of it learns, from random weights, in as
# many steps. Beside it stands **fine-tuning** (微调): all of it learns, from ImageNet's weights. Both see augmented
# pictures, which a probe on stored features cannot. Lesson 05 does this; here it comes from a record. First the target
# near ImageNet:

# %%
record = tl.records.read("04_vgg_features").select(profile="mini", setting=[10, 100])
order = ("random_features", "scratch", "linear_probe", "fine_tune")
title = "CIFAR-10: the frozen backbone keeps up with fine-tuning"
tl.figures.label_budget(record.select(target="cifar10"), methods=order, title=title)

# %% tags=["claim"]
tl.records.claim("04.probe_beats_random_100", target="cifar10", profile="mini")

# %% [markdown]
# With ten labels a class, in as many steps, the probe is ahead of fine-tuning.[^04.probe_beats_finetune_10] (How much do
# these weights owe to ImageNet, and how much to the pictures they were distilled on? That is a third control, which
# lesson 03 has for a small ResNet.) Now the far target:

# %%
title = "MNIST-M: the frozen backbone is left behind, clearly with many labels"
tl.figures.label_budget(record.select(target="mnist_m"), methods=order, title=title)

# %% tags=["claim"]
tl.records.claim("04.frozen_hurts_far", target="mnist_m", profile="mini")

# %% [markdown]
# A probe has nothing but its features, and these come from a network that named photographs. Between the two probes three
# seeds do not decide: in one of them random weights came out above. When a probe disappoints, hold it against a network
# that may move. (Here all whole networks learned at one rate. Lesson 05 chooses one for each.)
#
# ## What to remember
#
# * Cut a network before its **head**, look at what the layer before gives, and put a new one there. The name differs
#   from family to family: look, do not guess.
# * Freezing takes two things: no gradients, **and** eval for BatchNorm and dropout. What is frozen can be computed **once**.
# * Size and statistics follow the **weights**. A mistake here raises nothing. Hold a probe against random weights and
#   against training from scratch.
#
# ## Check yourself
#
# Choose first, then open.
#
# **1. Your pictures are X-rays: grey, with a mean far from that of ImageNet's photographs. You probe an ImageNet network.
# With which mean and deviation do you normalise?**
#
# <details><summary>With those of the X-rays.</summary>Not this, for a probe. The frozen layers expect pixels on the scale
# that they learned from. (Statistics of your own are for networks trained from scratch.)</details>
# <details><summary>With those of the weights.</summary><b>Right.</b> The same grey is then the same number as when the
# weights were made. If another scale scores higher, as it did on MNIST-M, only validation can tell you.</details>
# <details><summary>With none; the new head will adapt.</summary>Not this. On CIFAR-10 the head could not make up for
# it.</details>
#
# **2. All gradients of a ResNet's backbone are off, and you call `model.train()` to train the head. What moves?**
#
# <details><summary>The head alone.</summary>Not this. No optimiser touches BatchNorm's running statistics, and they move
# all the same.</details>
# <details><summary>The head, and BatchNorm's running statistics.</summary><b>Right.</b> In eval you then have other
# features than those the head was trained on.</details>
# <details><summary>The head, and the weights of BatchNorm.</summary>Not this. Its weights are parameters without a
# gradient; its statistics are the trouble.</details>
#
# **3. When may you *not* compute features once?**
#
# <details><summary>When there are many epochs.</summary>Not this: then it saves most.</details>
# <details><summary>When the backbone is large.</summary>Not this: then it saves most, too.</details>
# <details><summary>When pictures are augmented in each epoch, or the backbone is fine-tuned.</summary><b>Right.</b>
# Either way $\varphi(x_i)$ is no longer the same from epoch to epoch.</details>
#
# **Next:** lesson 05 lets the backbone move: how fast, and what is trained really.

# %% [markdown] tags=["further"]
# ## The anatomy of a VGG
#
# A VGG is blocks of 3 × 3 convolutions, each block followed by a pooling (池化) that halves the side, and three linear
# layers. A hook is a function that a layer calls when it has run. Ours counts the multiplications for one picture.


# %%
def work(model, side):
    """Kind, parameters, multiplications of each layer with weights, one picture."""
    rows = []

    def note(layer, _, output):
        kind = "conv" if isinstance(layer, nn.Conv2d) else "linear"
        weights = layer.weight.numel() + layer.bias.numel()
        rows.append((kind, weights, layer.weight[0].numel() * output[0].numel()))

    layers = [part for part in model.modules() if hasattr(part, "weight")]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    model(torch.empty(1, 3, side, side, device="meta"))
    for hook in hooks:
        hook.remove()
    return rows


# %% [markdown]
# Where do the numbers sit, and where is the work done?

# %%
with torch.device("meta"):
    rows = work(torchvision.models.vgg16(), 224)
for i, (kind, weights, products) in enumerate(rows, start=1):
    print(f"{kind:<7}{i:>3}{weights:>14,} parameters{products:>16,} multiplications")
for column, what in ((1, "parameters"), (2, "multiplications")):
    linear = sum(row[column] for row in rows if row[0] == "linear")
    whole = sum(row[column] for row in rows)
    print(f"in the three linear layers: {linear / whole:.0%} of the {what}")

# %% [markdown]
# ### Where source text 000 looks for the head
#
# It asks `features` for it, under the name that ResNets use.

# %%
with torch.device("meta"):
    vgg16 = torchvision.models.vgg16()
try:
    print(vgg16.features.fc.in_features)
except AttributeError as error:
    print("AttributeError:", error)

# %% [markdown]
# Nor does it help to put one there. `features` is a `Sequential`: a layer that you assign becomes its *last*, right
# behind the last pooling, and a linear layer looks at the last axis. Three guesses at its width:

# %%
images = torch.empty(4, 3, 224, 224, device="meta")
for width in (25_088, 512, 7):
    body = copy.deepcopy(vgg16.features)
    body.fc = nn.Linear(width, 10, device="meta")
    try:
        print(f"{width} inputs: answers of shape {tuple(body(images).shape)}")
    except RuntimeError as error:
        print(f"{width} inputs: {error}")

# %% [markdown]
# The third runs, and no loss accepts its answers, since (4, 10) was wanted. It reads along the width of the map. Cut off
# are `avgpool`, the flattening, and most of the parameters.

# %% [markdown] tags=["further"]
# ## Hours an epoch: source text 000's way
#
# It sends pictures enlarged to 224 pixels through all of VGG16 in batches of four, and trains every layer. Here is
# one such step through the convolutions, with random weights: the time does not depend on them.

# %%
convolutions = vgg16.features.to_empty(device=env.device)
for weight in convolutions.parameters():
    nn.init.kaiming_normal_(weight) if weight.ndim > 1 else nn.init.zeros_(weight)
small, large = (torch.rand(4, 3, side, side, device=env.device) for side in (32, 224))
convolutions(small)  # the first call sets things up

start = time.perf_counter()
convolutions(large).mean().backward()
convolutions[0].bias.grad.sum().item()  # once this can be read, a GPU has finished
step, an_epoch = time.perf_counter() - start, 50_000 // 4
hours = step * an_epoch / 3600
print(f"{step:.2g} s a step, {an_epoch:,} steps: {hours:.1f} h an epoch")

# %% [markdown]
# From the same measurement, what would 50,000 pictures cost other networks of the course, were all of them to multiply
# as fast? `MODELS` knows their multiplications.

# %%
rate = 3 * len(large) * sum(row[2] for row in rows if row[0] == "conv") / step
print(f"{rate / 1e9:.0f} billion multiplications a second; for 50,000 pictures, hours:")
print(f"{'':<22}{'one epoch, all layers':>22}{'features, once':>18}")
for name in ("vgg16", "resnet50", "resnet18", "vgg_small"):
    info = tl.models.MODELS[name]
    hours = 50_000 * info.macs / rate / 3600
    print(f"{info.title + f', {info.size} px':<22}{3 * hours:>22.2f}{hours:>18.2f}")
print(f"VGG16's maps after avgpool: {50_000 * 25_088 * 4 / 1e9:.1f} GB to be kept")
print(f"its last hidden layer: {50_000 * 4096 * 4 / 1e9:.1f} GB")

# %% [markdown]
# The second column is paid once, for all heads that you then try.

# %% [markdown] tags=["further"]
# ## More of what weights expect
#
# ### Other statistics
#
# Source text 000 has `ToTensor` alone: pixels from 0 to 1. torchvision's VGG16 wants others:

# %%
imagenet = torchvision.models.VGG16_Weights.IMAGENET1K_V1.transforms()
print("torchvision's VGG16:", imagenet.mean, imagenet.std)

# %% [markdown]
# EfficientNet-Lite0 wants mean and deviation one half, as our small VGG does; ImageNet's statistics, which "everybody
# uses", are not its own. On CIFAR-10 they cost accuracy:

# %% tags=["claim"]
tl.records.claim("04.statistics_lite0", target="cifar10", profile="mini")

# %% [markdown]
# ### Channels
#
# Grey pictures have one channel. Repeat it three times; or add up the first layer's weights over their input channels,
# which gives the same numbers at a third of that layer's work. (The same where all channels share one mean and deviation,
# as our small VGG's do. With ImageNet's, repeat and normalise first.)

# %%
conv = model.features[0]
summed = copy.deepcopy(conv)
summed.in_channels = 1
summed.weight = nn.Parameter(conv.weight.sum(dim=1, keepdim=True))

grey = model.preprocess(task.test.inputs[:8].to(env.device)).mean(dim=1, keepdim=True)
with torch.no_grad():
    assert torch.allclose(summed(grey), conv(grey.expand(-1, 3, -1, -1)), atol=1e-4)
print(f"{tuple(grey.shape)} went in, {tuple(summed(grey).shape)} came out")

# %% [markdown]
# ### Size
#
# Convolutions take any size, so pictures of 32 pixels raise no error in networks made for 224. Look at what is left:

# %%
with torch.no_grad():
    maps = convolutions(torch.rand(1, 3, 32, 32, device=env.device))
pooled = vgg16.avgpool(maps)
print("VGG16, last map", tuple(maps.shape), "then pooled to", tuple(pooled.shape))
print("all 49 places alike:", torch.equal(pooled, maps.expand_as(pooled)))

# %% [markdown]
# And the same picture in a ResNet, stage by stage:

# %%
with torch.device("meta"):
    x, resnet = torch.empty(1, 3, 32, 32), torchvision.models.resnet18().eval()
sides = []
for name, part in list(resnet.named_children())[:-2]:
    x = part(x)
    sides.append(f"{name} {x.shape[-1]}")
print("ResNet-18, sides of the maps:", ", ".join(sides))

# %% [markdown]
# VGG16's classifier gets one place copied 49 times, and a ResNet's last stage (source texts 003 and 004 feed it this way)
# sees a map of a single pixel. Either the stem changes, as in our small networks, or the pictures are enlarged: with
# `model.preprocess = replace(model.preprocess, size=96)`. That adds no detail. But the maps get larger, and the filters
# meet edges as wide as those they learned from.
#
# > **Predict.** The pictures stay as they are, 32 pixels wide. EfficientNet-Lite0 gets them as they are, or enlarged
# > to 64 or 96. What happens to its probe?

# %%
lite = tl.records.read("04_vgg_features").select(profile="mini", method="linear_probe")
sides, lines = ["32", "64", "96"], {}
for target in ("cifar10", "mnist_m"):
    found = [lite.select(target=target, setting=f"lite0_{side}") for side in sides]
    lines[tl.records.target_title(target)] = [seeds.interval() for seeds in found]
tl.figures.sweep(
    {"": lines},
    sides,
    xlabel="side of the enlarged picture (pixels)",
    ylabel="test accuracy",
    title="Enlarged pictures raise the probe of EfficientNet-Lite0",
    caption="Recorded: Lite0, 100 labels a class, 3 seeds; 95% t intervals.",
)

# %% tags=["claim"]
tl.records.claim("04.size_lite0", target="cifar10", profile="mini")

# %% [markdown] tags=["further"]
# ## More than the last layer, and a backbone inside a new model
#
# Nothing forces you to cut before the *last* layer. Here all linear layers are new; `until` freezes the blocks before.

# %%
deeper = pretrained()
inputs = deeper.classifier[0].in_features
hidden = [nn.Linear(inputs, 256), nn.ReLU(), nn.Dropout(0.2)]
deeper.classifier = nn.Sequential(*hidden, nn.Linear(256, task.num_classes))
groups = [name for name, _ in tl.models.layer_groups(deeper)]
print(groups)
# frozen: all before the two new layers, which are the last two groups
print(tl.models.freeze(deeper, until=groups[-3]))

# %% [markdown]
# The record has two new layers on the last convolution, with a ReLU between them:

# %% tags=["claim"]
tl.records.claim("04.deeper_cut_far", target="mnist_m", profile="mini")

# %% tags=["claim"]
tl.records.claim("04.deeper_cut_near", target="cifar10", profile="mini")

# %% [markdown]
# The two cut at another place, have a larger head, and learn at another rate: this record does not tell which of the three
# it was. Lesson 07 asks layer by layer what transfers.
#
# A backbone can also be a *part* of a model of yours (source
# text 004 names this and shows nothing). `nn.Identity` in place of the head lets the features out. This model sees the
# mean colour beside them.


# %%
class WithColour(nn.Module):
    """A backbone's features and the mean colour, side by side before one head."""

    def __init__(self, backbone, num_classes):
        super().__init__()
        self.preprocess = backbone.preprocess
        width = backbone.classifier[-1].in_features
        backbone.classifier[-1] = nn.Identity()
        self.backbone, self.head = backbone, nn.Linear(width + 3, num_classes)

    def forward(self, images):
        colour = images.mean(dim=(2, 3))
        return self.head(torch.cat([self.backbone(images), colour], dim=1))


# %% [markdown]
# It is an ordinary model to all verbs.

# %%
both = WithColour(pretrained(), task.num_classes)
kept = tl.models.freeze(both, parts=["backbone"])
print(kept)
run = tl.training.fit(both, task, steps=env.steps(10), lr=1e-2, progress=False)
print(f"after {run.steps} steps nothing frozen moved:", kept.check(both))

# %% [markdown] tags=["further"]
# ## Four small things in source text 000
#
# **The last batches are never reported.** It prints after every 2,000 of an epoch's 12,500 steps, and counts from zero:

# %%
reported = [i + 1 for i in range(12_500) if i % 2000 == 1999]
print("reports after", reported, "and not after the last of 12,500")

# %% [markdown]
# **The test set is loaded and never used.** Then a training loss is all there is to look at. Here are two: one of a
# probe, one of a probe with random labels.

# %%
shuffle = torch.randperm(len(points.train), generator=tl.environment.generator(0))
mixed = replace(points.train, labels=points.train.labels[shuffle])
nonsense = probe(replace(points, train=mixed))
both_runs = {"labels as they are": runs["linear_probe"], "random labels": nonsense}
for name, run in both_runs.items():
    first, last = (run.history[place]["train_loss"] for place in (0, -1))
    print(f"{name:<19} loss {first:.2f} → {last:.2f}, test {run.evaluate('test')}")

# %% [markdown]
# Both losses fall. That one falls less is a hint; how much there is to expect of new pictures, neither says. That takes
# pictures that were kept apart.
#
# **`pretrained=True` is deprecated.** It still works, with a warning, and does not say *which* weights you get.
# (`False` downloads nothing, and warns alike.)

# %%
import warnings

with warnings.catch_warnings(record=True) as heard, torch.device("meta"):
    warnings.simplefilter("always")
    torchvision.models.vgg16(pretrained=False)
print(heard[0].category.__name__, "-", str(heard[0].message).split(",")[0])

# %% [markdown]
# **`num_workers=2` without a main guard.** Where new processes start from nothing (macOS, Windows), each worker runs the
# script from its top, wants workers of its own, and Python stops with a `RuntimeError`. In a script put what runs under
# `if __name__ == "__main__":`. We need no workers: all our pictures lie in memory.

# %% [markdown] tags=["further"]
# ## The big ones
#
# Today's way is an *enum*. It names the weights and brings along what they expect, so you need not remember statistics.

# %%
weights = torchvision.models.VGG16_Weights.IMAGENET1K_V1
print(weights.transforms())
print(weights.meta["num_params"], "parameters,", weights.meta["_file_size"], "MB")
print(weights.meta["_metrics"])

# %% [markdown]
# `tl.models.create("vgg16", weights="imagenet")` sets its `preprocess` from this enum. All verbs stay as they are: after
# `tl-course fetch --profile cpu`, `TL_PROFILE=cpu` runs this whole lesson with VGG16.
#
# **Inception**, which source text 003 names, differs twice. It is made for pictures of 299 pixels. And while it trains it
# has two heads: the usual one, and an *auxiliary* one in the middle, with a loss of its own. Its authors found that this
# head [acts as a regulariser](https://arxiv.org/abs/1512.00567). On the meta device we see the shapes, and compute nothing.

# %%
with torch.device("meta"):
    inception = torchvision.models.inception_v3(weights=None, init_weights=False)
    large, usual = torch.empty(2, 3, 299, 299), torch.empty(2, 3, 224, 224)
    print("eval mode, 224 px: ", tuple(inception.eval()(usual).shape))
    both_answers = inception.train()(large)
    print("train mode, 299 px:", type(both_answers).__name__, both_answers._fields)
    try:
        inception(usual)
    except RuntimeError as error:
        print("train mode, 224 px:", error)

# %% [markdown]
# So a loop for one answer stops, since the network gives back two. Add their losses, the second with a small weight; and
# replace two heads, `fc` and `AuxLogits.fc`. `tl.models.create("inception_v3")` goes without the second one.

# %% [markdown] tags=["further"]
# ## Source text 000's program, whole
#
# A VGG with a new last layer, from loading to a test accuracy, in PyTorch and torchvision alone. The first cell takes
# pictures and network from this lesson; its comments say what stands there in a program of your own.

# %%
# data = torchvision.datasets.CIFAR10("data", download=True), and train=False
# pictures = torch.tensor(data.data).permute(0, 3, 1, 2)
# answers = torch.tensor(data.targets)
pictures, answers = task.train.inputs, task.train.labels
test_pictures, test_answers = task.test.inputs, task.test.labels

# network = torchvision.models.vgg16(weights="IMAGENET1K_V1")
# side, mean, std = 224, imagenet.mean, imagenet.std
network = pretrained()
side, mean, std = model.preprocess.size, model.preprocess.mean, model.preprocess.std
device = env.device  # torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %% [markdown]
# Pictures become what the weights expect, batch by batch. The network is frozen, and stays in eval mode for it; the new
# layer is all that learns.

# %%
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

torch.manual_seed(0)
scale = v2.ToDtype(torch.float32, scale=True)
resize = v2.Resize((side, side), antialias=True)
prepare = v2.Compose([resize, scale, v2.Normalize(mean, std)])
train = DataLoader(TensorDataset(pictures, answers), batch_size=32, shuffle=True)
test = DataLoader(TensorDataset(test_pictures, test_answers), batch_size=100)

# %% [markdown]
# The frozen network with its new layer:

# %%
network.requires_grad_(False).eval()
network.classifier[-1] = nn.Linear(network.classifier[-1].in_features, 10)
network.to(device)
optimizer = torch.optim.AdamW(network.classifier[-1].parameters(), lr=0.003)

# %% [markdown]
# The loop, with the mean loss of each epoch:

# %%
for epoch in range(3):
    total = 0.0
    for images, labels in train:
        logits = network(prepare(images.to(device)))
        loss = F.cross_entropy(logits, labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
    print(f"epoch {epoch + 1}: mean loss {total / len(pictures):.3f}")

# %% [markdown]
# At its end comes the test that source text 000 left out.

# %%
right = 0
with torch.no_grad():
    for images, labels in test:
        said = network(prepare(images.to(device))).argmax(dim=1).cpu()
        right += (said == labels).sum().item()
share = right / len(test_pictures)
print(f"test accuracy {share:.3f}, all {len(test_pictures):,} test pictures")

# %% [markdown]
# To train every layer, as source text 000 does, leave out `requires_grad_(False)`, write `network.train()` before the
# loop and `network.eval()` behind it, and give the optimiser `network.parameters()` and a tenth of the rate.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Ten minutes to the head, ten for the probe and its control, ten for the saving, the rest for
# freezing and what weights expect. Collect the three predictions first. Usual wrong answers: features computed once are
# "less accurate, because they are old" (ask what in them could have changed); forgetting to normalise "breaks everything"
# (ask what a new head can make up for, and what it cannot when only the test pictures are wrong). A question for the
# room: *which lines would you change to augment behind a frozen backbone, and what becomes of the saving?* In the further
# sections, the step through VGG16 takes a few hundred megabytes.

# %% [markdown] tags=["further"]
# ## Sources
#
# * Source texts 000 §4–5, 003 §2–3 and 004 §3, whose code this lesson takes apart.
# * K. Simonyan, A. Zisserman: [*Very deep convolutional networks for large-scale image
#   recognition*](https://arxiv.org/abs/1409.1556), ICLR 2015. VGG.
# * A. Sharif Razavian and others: [*CNN features off-the-shelf*](https://arxiv.org/abs/1403.6382), CVPR workshops 2014.
#   Frozen features, with a simple classifier, on many tasks.
# * S. Ioffe, C. Szegedy: [*Batch normalization*](https://arxiv.org/abs/1502.03167), ICML 2015.
# * S. Kornblith, J. Shlens, Q. Le: [*Do better ImageNet models transfer better?*](https://arxiv.org/abs/1805.08974),
#   CVPR 2019. Probe, fine-tuning and training from scratch, compared over many networks.
# * torchvision: [*Models and pre-trained weights*](https://docs.pytorch.org/vision/stable/models.html), the enums.
# * Data: CIFAR-10 ([Krizhevsky 2009](https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf)); MNIST-M after
#   [Ganin and others 2016](https://jmlr.org/papers/v17/15-239.html), rebuilt.
