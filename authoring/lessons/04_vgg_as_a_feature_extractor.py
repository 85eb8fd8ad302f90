# ---
# tl_course:
#   summary: A pretrained VGG with a new head - where the head is, what the weights expect, what freezing takes, what it saves.
#   minutes: 55
# ---

# %% [markdown]
# # VGG as a feature extractor
#
# **When you have finished this lesson you will be able to**
#
# * find a network's head, replace the last layer or the last few, and make a network a part of another one;
# * feed a backbone what its *weights* expect: size, channels, statistics;
# * freeze it so that nothing moves, and prove it;
# * compute its features once, and say what that saves;
# * tell with two controls how much of an accuracy is owed to the pretrained weights.
#
# {{budget}}

# %% [markdown]
# ## A question to predict
#
# Source text 000 takes VGG16, a famous network of 2014, and wants to give it a new last layer for CIFAR-10. Its program
# does not run. We shall find out why, mend it, and learn in a minute what its way of training would take many hours to
# show. Our network is a VGG that knows ImageNet, in the size of your profile; our target has labels for ten classes.
#
# > **Predict.**
# >
# > 1. The test accuracy of a **linear probe** (线性探针) of the ImageNet features; of the same probe on *random* weights;
# >    of the same network, all of it trained, from ImageNet's weights and **from scratch**.
# > 2. A head behind a frozen backbone is trained for four epochs: once with the pictures going through the backbone in
# >    each step, once on features that were computed before. Which is more accurate? How many times faster is the second?
# > 3. Somebody forgets to normalise the pictures. How many points does it cost?

# %%
import copy
import time
import warnings
from dataclasses import replace

import torch
import torchvision
from torch import nn

import tl_course as tl

env = tl.setup()
task = tl.data.load(tl.data.target(), train_per_class=env.labels(100), test=env.examples(500), seed=0)
print(task)

# %% [markdown]
# The last line says what the target is: CIFAR-10 where a copy is at hand, else MNIST-M, rebuilt as in lesson 01.

# %%
first = [int((task.train.labels == k).nonzero()[0]) for k in range(task.num_classes)]
tl.figures.image_grid(
    task.train.inputs[first],
    titles=task.class_names,
    columns=10,
    title=f"{task.title}: a training picture of each class",
    alt=f"Ten small pictures of {task.title}, one for each class: {', '.join(task.class_names)}.",
)

# %% [markdown]
# ## The anatomy of a VGG
#
# A [VGG](https://arxiv.org/abs/1409.1556) is blocks of 3 × 3 convolutions (卷积), each block followed by a pooling (池化)
# that halves the side, and three linear layers. torchvision's `vgg16` has three parts: `features`, `avgpool`,
# `classifier`. On PyTorch's device *meta* a network has shapes and no numbers, so that it costs neither memory nor time.

# %%
with torch.device("meta"):
    vgg16 = torchvision.models.vgg16()

for name, part in vgg16.named_children():
    print(f"{name:<12}{tl.models.count_parameters(part).total:>12,} parameters")
print(f"{'together':<12}{4 * tl.models.count_parameters(vgg16).total / 1e6:>12.0f} MB in fp32")
print(vgg16.classifier)

# %% [markdown]
# A hook is a function that a layer calls when it has run. Ours counts the multiplications for one picture.


# %%
def work(model, side):
    """Parameters and multiplications of each layer that has weights, for one picture of side × side pixels."""
    rows = []

    def note(layer, _, output):
        kind = "conv" if isinstance(layer, nn.Conv2d) else "linear"
        rows.append((kind, layer.weight.numel() + layer.bias.numel(), layer.weight[0].numel() * output[0].numel()))

    layers = [part for part in model.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    model(torch.empty(1, 3, side, side, device="meta"))
    for hook in hooks:
        hook.remove()
    return rows


# %% [markdown]
# Where do the numbers sit, and where is the work done?

# %%
rows = work(vgg16, 224)
names = [f"{kind} {i + 1}" for i, (kind, _, _) in enumerate(rows)]
colors = ["#D55E00" if kind == "linear" else "#0072B2" for kind, _, _ in rows]
fig, panels = tl.figures.axes(8.4, 4.6, 1, 2, sharey=True)
for ax, column, label in zip(panels, (1, 2), ("parameters (millions)", "multiplications (billions)"), strict=True):
    ax.barh(names, [row[column] / (1e6 if column == 1 else 1e9) for row in rows], color=colors)
    ax.set_xlabel(label)
panels[0].invert_yaxis()
fig.suptitle("VGG16: parameters sit in the linear layers, work in the convolutions", x=0.01, ha="left")
parts = [sum(row[c] for row in rows if row[0] == "linear") / sum(row[c] for row in rows) for c in (1, 2)]
said = f"The three linear layers hold {parts[0]:.0%} of the parameters and do {parts[1]:.0%} of the multiplications."
tl.figures.show(fig, alt=f"Bars for 16 layers. {said}", caption=f"{said} One picture of 224 × 224 pixels.")

# %% [markdown]
# ## Where is the head?
#
# Source text 000 asks `features` for it, under the name that ResNets use.

# %%
try:
    print(vgg16.features.fc.in_features)
except AttributeError as error:
    print("AttributeError:", error)

# %% [markdown]
# Nor does it help to put one there. `features` is a `Sequential`: whatever you assign becomes its *last layer*, right
# behind the last pooling, and a linear layer looks at the last axis. Three guesses at its width:

# %%
images = torch.empty(4, 3, 224, 224, device="meta")
for width in (25_088, 512, 7):
    body = copy.deepcopy(vgg16.features)
    body.fc = nn.Linear(width, 10, device="meta")
    try:
        print(f"{width} inputs: answers of shape {tuple(body(images).shape)}, and (4, 10) was wanted")
    except RuntimeError as error:
        print(f"{width} inputs: {error}")

# %% [markdown]
# The third runs, and no loss accepts its answers. It reads along the width of the map. Cut off are `avgpool`, the
# flattening, and, as the bars say, most of the parameters. The **head** (分类头) is the last layer of `classifier`:

# %%
vgg16.classifier[6] = nn.Linear(vgg16.classifier[6].in_features, 10, device="meta")
print("answers of shape", tuple(vgg16(images).shape), "from", tl.models.head_of(vgg16))

# %% [markdown]
# The larger profiles use this `vgg16`, with its ImageNet weights. The mini profile uses `vgg_small`: torchvision's names,
# BatchNorm after each convolution, and two linear layers. `replace_head` does what you just did by hand.


# %%
def pretrained(**options):
    """The VGG of the profile with its ImageNet knowledge, where the lesson computes."""
    network = tl.models.create(env.extractor, weights=env.weights, size=env.pixels, **options)
    return network.to(env.device)


model = pretrained()
print("before:", tl.models.head_of(model))
tl.models.replace_head(model, task.num_classes, seed=0)
print("after: ", tl.models.head_of(model))
print(f"{tl.models.count_parameters(model).total:,} parameters")

# %% [markdown]
# The weights of `vgg_small` were **distilled** from an ImageNet network (lesson 03): it learned to answer as that one does,
# on the training pictures of CIFAR-10, without their labels. Is CIFAR-10 your target? Then this backbone has seen its
# training pictures, though no label, and none of the test pictures. The model card says so; say it, too, when you report a
# result.

# %% [markdown]
# ## The least mathematics
#
# With the backbone (骨干网络) $\varphi$ frozen, a probe minimises over $W$ and $b$ alone
#
# $$\frac{1}{N}\sum_{i=1}^{N} \ell\big(W\varphi(x_i) + b,\; y_i\big).$$
#
# $\varphi(x_i)$ contains neither $W$ nor $b$: it is the same in every epoch. Let a forward pass cost $C$; a backward pass
# costs about $2C$. For $E$ epochs over $N$ pictures,
#
# $$\underbrace{3\,E\,N\,C}_{\text{train everything}} \;>\; \underbrace{E\,N\,C}_{\text{frozen, recomputed}} \;\gg\;
# \underbrace{N\,C}_{\text{frozen, computed once}}.$$
#
# ## By hand
#
# The features are what the head is given. In plain PyTorch:


# %%
def look(network, images):
    """What the head of a VGG is given: uint8 N×3×H×W → N×D on the CPU, without gradients."""
    network.eval()
    scaled = network.preprocess(images.to(env.device))  # size and statistics: see below
    with torch.no_grad():
        maps = torch.cat([network.avgpool(network.features(part)) for part in scaled.split(200)])
        return network.classifier[:-1](torch.flatten(maps, 1)).cpu()


points = tl.data.features(model, task)
apart = (look(model, task.train.inputs[:200]) - points.train.inputs[:200]).abs().max()
assert apart < 1e-3 * points.train.inputs.abs().max(), "the verb must give the same features"
print(points)

# %% [markdown]
# `tl.data.features` gives the same for all three splits. A probe then is `fit` of one linear layer. Features are
# standardised first, so that no backbone looks useless only because its features are small.

# %%
often = {"steps": env.steps(200), "evaluate_every": env.steps(200)}
settings = {**often, "batch_size": 32, "schedule": "one_cycle", "progress": False}

# %% [markdown]
# Mean and spread come from the training pictures alone.


# %%
def probe(points, seed=0):
    """Train a linear layer on standardised features."""
    mean, spread = points.train.inputs.mean(0), points.train.inputs.std(0).clamp_min(1e-6)
    splits = {name: getattr(points, name) for name in ("train", "validation", "test")}
    scaled = {name: replace(split, inputs=(split.inputs - mean) / spread) for name, split in splits.items()}
    torch.manual_seed(seed)
    layer = nn.Linear(len(mean), points.num_classes)
    return tl.training.fit(layer, replace(points, **scaled), lr=1e-2, seed=seed, **settings)


runs = {"linear_probe": probe(points)}
print(runs["linear_probe"].evaluate("test"))

# %% [markdown]
# Before you are pleased: the first control. The same probe, on features of the same architecture with random weights.

# %%
untrained = tl.models.create(env.extractor, size=env.pixels, seed=0).to(env.device)
runs["random_features"] = probe(tl.data.features(untrained, task))
print(runs["random_features"].evaluate("test"))
del untrained  # VGG16 takes half a gigabyte

# %% [markdown]
# ## Once, or in every step?
#
# Now your second prediction: four epochs, two heads with the same weights at the start, the same batches in the same order.


# %%
def frozen():
    """The backbone, frozen, with a new head, and the report that can prove it."""
    network = pretrained(num_classes=task.num_classes, seed=0)
    return network, tl.models.freeze(network, except_head=True)


longer = settings | {"steps": 4 * len(task.train) // 32}
slow_network, report = frozen()
slow = tl.training.fit(slow_network, task, lr=1e-2, **longer)
print(report)

# %% [markdown]
# And with features. Their time counts, those of the test pictures aside, which no training needs.

# %%
start = time.perf_counter()
fast_network, _ = frozen()
cached = tl.data.features(fast_network, replace(task, test=task.test[:0]))
tl.training.fit(tl.models.head_of(fast_network)[1], cached, lr=1e-2, **longer)
seconds = time.perf_counter() - start

with torch.no_grad():
    shown = slow_network.preprocess(task.test.inputs[:100].to(env.device))
    answers = [tl.models.logits(net, shown) for net in (slow_network, fast_network)]
apart, largest = (answers[0] - answers[1]).abs().max(), answers[0].abs().max()
print(f"largest difference between logits {apart:.0e}, of {largest:.1f}")
print(f"in every step {slow.seconds:.1f} s, once {seconds:.1f} s: {slow.seconds / seconds:.0f} times faster")
if env.precision == "fp32":
    assert apart < 1e-2 * max(largest, 1), "the two heads must be the same"
del fast_network

# %% [markdown]
# The same head, to rounding. So computing features once is no approximation, as long as nothing changes the pictures
# from epoch to epoch: with augmentation (数据增强) the features change, and `tl.data.features` refuses.
#
# ### Source text 000's way
#
# It sends pictures enlarged to 224 pixels through all of VGG16 in batches of four, and trains every layer. Here is a step
# of two pictures through the convolutions, with random weights: the time does not depend on them.

# %%
convolutions = vgg16.features.to_empty(device=env.device)
for weight in convolutions.parameters():
    nn.init.kaiming_normal_(weight) if weight.ndim > 1 else nn.init.zeros_(weight)
convolutions(torch.rand(4, 3, 32, 32, device=env.device))  # the first call sets things up

start = time.perf_counter()
convolutions(torch.rand(2, 3, 224, 224, device=env.device)).mean().backward()
_ = convolutions[0].bias.grad.sum().item()  # a GPU has finished when its numbers can be read
step = time.perf_counter() - start
an_epoch = 50_000 // 2
print(f"{step:.2g} s a step, {an_epoch:,} steps an epoch: {step * an_epoch / 3600:.1f} hours an epoch")

# %% [markdown]
# From the same measurement, what would 50,000 pictures cost other networks of the course, were all of them to multiply
# as fast? `MODELS` knows their multiplications.

# %%
rate = 3 * 2 * sum(row[2] for row in rows if row[0] == "conv") / step
print(f"measured: {rate / 1e9:.0f} billion multiplications a second. For 50,000 pictures, hours of")
print(f"{'':<22}{'one epoch, all layers':>22}{'features, once':>18}")
for name in ("vgg16", "resnet50", "resnet18", "vgg_small"):
    info = tl.models.MODELS[name]
    hours = 50_000 * info.macs / rate / 3600
    print(f"{info.title + f', {info.size} px':<22}{3 * hours:>22.2f}{hours:>18.2f}")
print(
    f"VGG16's maps after avgpool, to be kept: {50_000 * 25_088 * 4 / 1e9:.1f} GB; its last hidden layer: "
    f"{50_000 * 4096 * 4 / 1e9:.1f} GB"
)

# %% [markdown]
# The second column is paid once; every head that you then try costs seconds.
#
# ## What the weights expect
#
# ### Statistics
#
# A network learned from pictures scaled in one way, and reads others as other pictures. Mean and standard deviation
# (均值与标准差) belong to the **weights**, never to your data. Source text 000 has `ToTensor` alone: pixels from 0 to 1.

# %%
print("these weights:      ", model.preprocess)
imagenet = torchvision.models.VGG16_Weights.IMAGENET1K_V1.transforms()
print("torchvision's VGG16:", imagenet.mean, imagenet.std)

plain = copy.copy(model)  # another preprocess, the same weights
plain.preprocess = replace(model.preprocess, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
unscaled = tl.data.features(plain, task)

# %% [markdown]
# Forgotten everywhere; and forgotten for the test pictures alone, as happens when a model goes from one program to
# another.

# %%
print("as the weights expect   ", runs["linear_probe"].evaluate("test"))
print("forgotten everywhere    ", probe(unscaled).evaluate("test"))
print("forgotten when testing  ", probe(replace(points, test=unscaled.test)).evaluate("test"))

# %% [markdown]
# Compare with your third number. Nothing raised, nothing warned. What such a slip costs depends on network and target:
# where features do not suit the target anyway, it may cost nothing. Here are the recorded seeds for CIFAR-10.
# EfficientNet-Lite0 wants mean and deviation one half, as our small VGG does; ImageNet's statistics, which "everybody
# uses", are not its own.

# %% tags=["claim"]
tl.records.claim("04.statistics_vgg", target="cifar10", profile="mini")

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
summed.in_channels, summed.weight = 1, nn.Parameter(conv.weight.sum(dim=1, keepdim=True))

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

with torch.device("meta"):
    x, resnet, sides = torch.empty(1, 3, 32, 32), torchvision.models.resnet18().eval(), []
for name, part in list(resnet.named_children())[:-2]:
    x = part(x)
    sides.append(f"{name} {x.shape[-1]}")
print("ResNet-18, sides of the maps:", ", ".join(sides))

# %% [markdown]
# VGG16's classifier gets one place copied 49 times, and a ResNet's last stage (source texts 003 and 004 feed it this way)
# sees a map of a single pixel. Either the stem changes, as in our small networks, or the pictures are enlarged: with
# `model.preprocess = replace(model.preprocess, size=96)`. No detail is added. But the filters meet edges as wide as those
# they learned from.
#
# > **Predict.** The pictures stay as they are, 32 pixels wide. EfficientNet-Lite0 gets them as they are, or enlarged
# > to 64 or 96. What happens to its probe?

# %%
record = tl.records.read("04_vgg_features").select(profile="mini")
sizes, said = (32, 64, 96), []
fig, ax = tl.figures.axes(6.8, 3.6)
for target, marker, line in (("cifar10", "s", "-"), ("mnist_m", "D", "--")):
    cells, name = record.select(target=target, method="linear_probe"), tl.records.target_title(target)
    found = [cells.select(setting=f"lite0_{size}").interval() for size in sizes]
    means, errors = [i.mean for i in found], [i.half_width for i in found]
    ax.errorbar(sizes, means, errors, color="#0072B2", marker=marker, linestyle=line, capsize=4, label=name)
    said.append(f"{name}: " + ", ".join(f"{m:.0%} at {size} pixels" for m, size in zip(means, sizes, strict=True)))
ax.set(xticks=sizes, ylim=(0, 1), xlabel="side of the enlarged picture (pixels)", ylabel="test accuracy (fraction)")
_ = ax.legend(loc="lower right")

# %% [markdown]
# One probe, one backbone, the same pictures:

# %%
fig.suptitle("Enlarged pictures suit a backbone that learned from large ones", x=0.01, ha="left", fontweight="bold")
caption = "Recorded: probes of EfficientNet-Lite0, 100 labels a class, 3 seeds, 95% t intervals."
tl.figures.show(fig, alt=f"Accuracy rises with the size. {'; '.join(said)}.", caption=caption)

# %% tags=["claim"]
tl.records.claim("04.size_lite0", target="cifar10", profile="mini")

# %% [markdown]
# ## What freezing takes
#
# Source text 000 calls `features.eval()`, as if that froze them. On VGG16's convolutions, with source text 000's optimiser:

# %%
pictures = torch.rand(8, 3, 32, 32, device=env.device)
with torch.no_grad():
    same = torch.equal(convolutions.train()(pictures), convolutions.eval()(pictures))
print("eval() changes an output:        ", not same)

before = convolutions[0].weight.detach().clone()
optimizer = torch.optim.SGD(convolutions.parameters(), lr=0.001, momentum=0.9)
convolutions(pictures).square().mean().backward()
optimizer.step()
print("eval() stops the first layer:    ", torch.equal(convolutions[0].weight, before))

# %% [markdown]
# `eval()` tells BatchNorm (批归一化) and dropout that nobody is training. These convolutions have neither, so it does
# *nothing at all*, and one step moved the very first layer. **Freezing** (冻结) is `requires_grad_(False)`.
#
# It is half of it, that is. BatchNorm keeps running statistics (滑动统计量), $m \leftarrow (1-\rho)\,m + \rho\,m_{\text{batch}}$
# with $\rho = \frac{1}{10}$. They are no parameters, get no gradient, and move with every picture that passes in train
# mode. VGG16 has no BatchNorm, so this is `vgg_small` in every profile. The backbone's gradients are off, as in source
# text 002, and nobody thought of the mode:

# %%
careless = tl.models.create("vgg_small", weights="imagenet_distilled", num_classes=task.num_classes)
for name, weight in careless.to(env.device).named_parameters():
    weight.requires_grad_(name.startswith("classifier.3"))

before = look(careless, task.test.inputs[:200])
careless.train()
eights = task.train.inputs[:80].to(env.device).split(8)
for batch in eights:
    careless(careless.preprocess(batch))  # no loss, no optimiser: only looking
change = (look(careless, task.test.inputs[:200]) - before).norm() / before.norm()
print(f"after {len(eights)} batches of eight, the 'frozen' features of the test pictures moved by {change:.0%}")

# %% [markdown]
# `tl.models.freeze` takes the gradients *and* keeps frozen parts in eval, even when someone calls `train()`. Its report
# holds a hash of every frozen number. Has anything moved while we trained a head behind it?

# %%
print("nothing moved:", report.check(slow_network))
tl.models.freeze(careless, except_head=True)
print("BatchNorm in train mode after train():", careless.train().features[1].training)

# %% [markdown]
# ## More than the last layer, and a backbone inside a new model
#
# Nothing forces you to cut before the *last* layer. Here all linear layers are new; `until` freezes the blocks before.

# %%
deeper = pretrained()
inputs = deeper.classifier[0].in_features
deeper.classifier = nn.Sequential(nn.Linear(inputs, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, task.num_classes))
groups = [name for name, _ in tl.models.layer_groups(deeper)]
print(groups)
print(tl.models.freeze(deeper, until=groups[-3]))  # the last convolutions, before the two new layers

# %% [markdown]
# When is that worth while? The last experiment will tell. A backbone can also be a *part* of a model of yours (source
# text 004 names this and shows nothing). `nn.Identity` in place of the head lets the features out. This model sees the
# mean colour beside them.


# %%
class WithColour(nn.Module):
    """A backbone's features and the mean colour of the picture, side by side before one head."""

    def __init__(self, backbone, num_classes):
        super().__init__()
        self.preprocess, width = backbone.preprocess, backbone.classifier[-1].in_features
        backbone.classifier[-1] = nn.Identity()
        self.backbone, self.head = backbone, nn.Linear(width + 3, num_classes)

    def forward(self, images):
        return self.head(torch.cat([self.backbone(images), images.mean(dim=(2, 3))], dim=1))


# %% [markdown]
# It is an ordinary model to all verbs.

# %%
both = WithColour(pretrained(), task.num_classes)
kept = tl.models.freeze(both, parts=["backbone"])
print(kept)
run = tl.training.fit(both, task, steps=env.steps(10), lr=1e-2, progress=False)
print(f"after {run.steps} steps nothing frozen moved:", kept.check(both))

# %% [markdown]
# ## The experiment, and its controls
#
# Two contestants are missing, and with them the second control: the whole network, fine-tuned (微调) from ImageNet and
# trained from scratch (从零训练), in as many steps as the probes. Their pictures are shifted by a few pixels, and
# photographs mirrored, too; probes on features cannot do that. To train all layers is the business of lesson 05, and
# takes its time; here both come from the record, where the network is `vgg_small`. You hold your two probes against them.

# %%
accuracy = {method: run.evaluate("test") for method, run in runs.items()}
for method, run in runs.items():
    print(f"{method:<16} {accuracy[method]}, {run.parameters.trainable:,} trained, {run.seconds:.1f} s of steps")

hundred = record.select(target=task.name, setting="100")
whole = {method: hundred.select(method=method).interval() for method in ("scratch", "fine_tune")}
trained = tl.models.MODELS["vgg_small"].parameters
for method, found in whole.items():
    print(
        f"{method:<16} {found.mean:.3f} [{found.low:.3f}, {found.high:.3f}], {trained:,} trained, {found.n} recorded seeds"
    )

# %% [markdown]
# The seconds of the probes leave out the features. Compare with your first prediction.

# %%
order = ("random_features", "scratch", "linear_probe", "fine_tune")
looks = [tl.figures.method_style(method) for method in order]
values = [(accuracy | whole)[method] for method in order]
heights = [value.mean if method in whole else value.value for method, value in zip(order, values, strict=True)]
errors = [
    [h - v.low for h, v in zip(heights, values, strict=True)],
    [v.high - h for h, v in zip(heights, values, strict=True)],
]
names = [style.label + " (recorded)" * (method in whole) for method, style in zip(order, looks, strict=True)]
said = ", ".join(f"{name} {height:.0%}" for name, height in zip(names, heights, strict=True))

# %% [markdown]
# Side by side:

# %% tags=["hide-input"]
fig, ax = tl.figures.axes(7.4, 2.9)
bars = ax.barh(names, heights, xerr=errors, color=[s.color for s in looks])
ax.bar_label(bars, [f"{height:.0%}" for height in heights], padding=8)
ax.axvline(1 / task.num_classes, color="#22272B", linestyle=":")
ax.set(xlim=(0, 1), xlabel="test accuracy (fraction); dotted: guessing")
title = f"{task.title}: {heights[-1]:.0%} fine-tuned from ImageNet, {heights[1]:.0%} from scratch"
fig.suptitle(title, x=0.01, ha="left", fontweight="bold")
caption = f"You just ran the probes ({task.labels_used} labels, one seed). Recorded on the mini profile: "
caption += f"3 seeds, {task.title}, 100 labels a class, 95% intervals."
tl.figures.show(fig, alt=f"Bars of test accuracy: {said}.", caption=caption)

# %% [markdown]
# One seed is one story; is it like the recorded ones? (Random weights are left out: each draw is another network, and
# three draws set no useful band.)

# %%
live = accuracy["linear_probe"].value
band = tl.records.within_band("04.probe_needs_labels", live, target=task.name, profile="mini")
print("linear_probe", band)
assert band, "the probe is outside what the recorded seeds lead us to expect"

# %% tags=["claim"]
tl.records.claim("04.finetune_beats_random", target=task.name, profile="mini")

# %% [markdown]
# ## Two targets, one backbone
#
# CIFAR-10 holds photographs of things, as ImageNet does. MNIST-M holds digits over pieces of photographs. The recorded
# runs cover both, whichever was yours. First the near one.

# %%
near, title = record.select(target="cifar10", setting=[10, 100]), "Near ImageNet, a frozen backbone keeps up"
tl.figures.label_budget(near, methods=order, title=title)

# %% tags=["claim"]
tl.records.claim("04.probe_beats_random_100", target="cifar10", profile="mini")

# %% tags=["claim"]
tl.records.claim("04.finetune_beats_scratch_100", target="cifar10", profile="mini")

# %% tags=["claim"]
tl.records.claim("04.probe_beats_finetune_10", target="cifar10", profile="mini")

# %% [markdown]
# Here the frozen backbone is hard to beat, and it costs seconds. Both controls matter. Random weights (随机权重) do better
# than guessing: convolution and pooling alone give something, and ImageNet would have been credited with it. A third
# control asks how much the distilled weights owe to ImageNet, and how much to the pictures they were distilled on:
# lesson 03 has it.
#
# Now the far one.

# %%
far, title = record.select(target="mnist_m", setting=[10, 100]), "Far from ImageNet, a frozen backbone is left behind"
tl.figures.label_budget(far, methods=order, title=title)

# %% tags=["claim"]
tl.records.claim("04.frozen_hurts_far", target="mnist_m", profile="mini")

# %% [markdown]
# What hurts is that the backbone is frozen: with a hundred labels a class, the same network, fine-tuned, stands level with
# from scratch in the figure. A probe sees nothing but its features, and these were made to tell dogs from trucks, not
# strokes from the patch of photograph behind them. Is everything lost? Cut earlier, with two new layers on the last
# convolution, which can do more than a probe:

# %% tags=["claim"]
tl.records.claim("04.deeper_cut_far", target="mnist_m", profile="mini")

# %% tags=["claim"]
tl.records.claim("04.deeper_cut_near", target="cifar10", profile="mini")

# %% [markdown]
# How much of this is the earlier cut, and how much the larger head, this record does not tell: lesson 07 asks layer by
# layer what transfers. Two things are worth trying when a probe disappoints: cut earlier, or let the backbone move, which
# lesson 05 does.
#
# ## Four small things in source text 000
#
# **The last batches are never reported.** It prints after every 2,000 of an epoch's 12,500 steps, and counts from zero:

# %%
reported = [i + 1 for i in range(12_500) if i % 2000 == 1999]
print("reports after", reported, "and nothing about the", 12_500 - reported[-1], "steps after the last")

# %% [markdown]
# **The test set is loaded and never used.** Then a training loss is all there is to look at. Here are two: one of a
# probe, one of a probe whose training labels were drawn by lot.

# %%
lots = points.train.labels[torch.randperm(len(points.train), generator=torch.Generator().manual_seed(0))]
nonsense = probe(replace(points, train=replace(points.train, labels=lots)))
for name, run in (("labels as they are", runs["linear_probe"]), ("labels by lot", nonsense)):
    first, last = (run.history[place]["train_loss"] for place in (0, -1))
    print(f"{name:<20} training loss {first:.2f} → {last:.2f}, test accuracy {run.evaluate('test')}")

# %% [markdown]
# Both losses fall, one of them less. How much there is to expect of new pictures, neither says: that takes pictures that
# were kept apart.
#
# **`pretrained=True` is deprecated.** It still works, with a warning, and does not say *which* weights you get.

# %%
with warnings.catch_warnings(record=True) as heard, torch.device("meta"):
    warnings.simplefilter("always")
    torchvision.models.vgg16(pretrained=False)
print(heard[0].category.__name__, "-", str(heard[0].message).split(",")[0])

# %% [markdown]
# **`num_workers=2` without a main guard.** Where new processes start from nothing (macOS, Windows), each worker runs the
# script from its top, wants workers of its own, and Python stops with a `RuntimeError`. In a script put what runs under
# `if __name__ == "__main__":`. We need no workers: all our pictures lie in memory.
#
# ## The big ones
#
# Today's way is an *enum*. It names the weights and brings along what they expect, so nobody has to remember statistics.

# %%
weights = torchvision.models.VGG16_Weights.IMAGENET1K_V1
print(weights.transforms())
print(weights.meta["num_params"], "parameters,", weights.meta["_file_size"], "MB,", weights.meta["_metrics"])

# %% [markdown]
# `tl.models.create("vgg16", weights="imagenet")` sets its `preprocess` from this enum. All verbs stay as they are: after
# `tl-course fetch --profile cpu`, `TL_PROFILE=cpu` runs this whole lesson with VGG16.

# %% [markdown] tags=["further"]
# ## Source text 000's program, whole
#
# A VGG with a new last layer, from loading to a test accuracy, in PyTorch and torchvision alone. The first cell takes
# pictures and network from this lesson; its comments say what stands there in a program of your own.

# %%
# cifar = torchvision.datasets.CIFAR10("data", train=True, download=True), and again with train=False
# pictures, answers = torch.tensor(cifar.data).permute(0, 3, 1, 2), torch.tensor(cifar.targets)
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
prepare = v2.Compose([v2.Resize((side, side), antialias=True), scale, v2.Normalize(mean, std)])
train = DataLoader(TensorDataset(pictures, answers), batch_size=32, shuffle=True)
test = DataLoader(TensorDataset(test_pictures, test_answers), batch_size=100)

network.requires_grad_(False).eval()
network.classifier[-1] = nn.Linear(network.classifier[-1].in_features, 10)
network.to(device)
optimizer = torch.optim.AdamW(network.classifier[-1].parameters(), lr=0.003)

# %% [markdown]
# The loop, with the mean loss of each epoch, and at its end the test that source text 000 left out.

# %%
for epoch in range(3):
    total = 0.0
    for images, labels in train:
        loss = nn.functional.cross_entropy(network(prepare(images.to(device))), labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
    print(f"epoch {epoch + 1}: mean loss {total / len(pictures):.3f}")

with torch.no_grad():
    right = sum((network(prepare(x.to(device))).argmax(1).cpu() == y).sum().item() for x, y in test)
print(f"test accuracy {right / len(test_pictures):.3f}, all {len(test_pictures):,} test pictures")

# %% [markdown]
# To train every layer, as source text 000 does, leave out `requires_grad_(False)`, write `network.train()` before the
# loop and `network.eval()` behind it, and give the optimiser `network.parameters()` and a tenth of the rate.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Fifteen minutes for anatomy and head, fifteen for the probe and the saving, twenty for what
# weights expect and what freezing takes, the rest for the experiment. Collect the three predictions first. Usual wrong
# answers: features computed once are "less accurate, because they are old" (ask what in them could have changed);
# forgetting to normalise "breaks everything" (ask what a new head can make up for, and what it cannot when only the
# test pictures are wrong). A question for the room at the four bars: *which lines would you change to
# augment behind a frozen backbone, and what becomes of the saving?* The step through VGG16 takes a few hundred
# megabytes; on a small machine use a batch of two and double the time.

# %% [markdown]
# ## What to remember
#
# * Cut a network before its **head**, look at what the layer before gives, and put a new one there. The name differs
#   from family to family: look, do not guess.
# * Size, channels and statistics follow the **weights**. A mistake here raises nothing. What it costs depends on network
#   and target: on CIFAR-10 it cost points.
# * Freezing takes two things: no gradients, **and** eval for BatchNorm and dropout. What is frozen is computed **once**.

# %% [markdown]
# ## Check yourself
#
# Choose first, then open.
#
# **1. `vgg16.features.fc = nn.Linear(25088, 10)` raises nothing. Why does the network not run afterwards?**
#
# <details><summary>The number of inputs is wrong; it should be 512.</summary>Not this. With 512 it fails, too: a linear
# layer looks at the last axis, and that is the width of the map, 7.</details>
# <details><summary>The new layer stands right behind the pooling, before anything was flattened.</summary><b>Right.</b> A
# <code>Sequential</code> runs whatever is in it, in the order in which it came.</details>
# <details><summary>A <code>Sequential</code> ignores attributes that it did not have.</summary>Not this. It takes the
# layer as its last one, which is worse.</details>
#
# **2. Your pictures are X-rays: grey, with a mean far from that of ImageNet's photographs. You probe an ImageNet network.
# With which mean and deviation do you normalise?**
#
# <details><summary>With those of the X-rays.</summary>Not this, for a probe. The frozen layers expect pixels on the scale
# that they learned from. (Statistics of your own are for networks trained from scratch.)</details>
# <details><summary>With those of the weights.</summary><b>Right.</b> The same grey must mean the same number as it
# did when the weights were made.</details>
# <details><summary>With none; the new head will adapt.</summary>It will, in part. You saw what it could not make up
# for.</details>
#
# **3. All gradients of a ResNet's backbone are off, and you call `model.train()` to train the head. What moves?**
#
# <details><summary>The head alone.</summary>Not this. No optimiser touches BatchNorm's running statistics, and they move
# all the same.</details>
# <details><summary>The head, and BatchNorm's running statistics.</summary><b>Right.</b> In eval you then have other
# features than those the head was trained on.</details>
# <details><summary>The head, and the weights of BatchNorm.</summary>Not this. Its weights are parameters without a
# gradient; its statistics are the trouble.</details>
#
# **4. When may you *not* compute features once?**
#
# <details><summary>When there are many epochs.</summary>Not this: then it saves most.</details>
# <details><summary>When the backbone is large.</summary>Not this: then it saves most, too.</details>
# <details><summary>When pictures are augmented anew in each epoch, or the backbone is fine-tuned.</summary><b>Right.</b>
# Either way $\varphi(x_i)$ is no longer the same from epoch to epoch.</details>

# %% [markdown]
# **Next:** lesson 05 lets the backbone move: how fast, which layers first, and what it forgets.
#
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
