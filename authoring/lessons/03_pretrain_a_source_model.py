# ---
# tl_course:
#   summary: Train a source network in the open, save it safely, look inside, and ask where ImageNet knowledge comes from.
#   minutes: 45
# ---

# %% [markdown]
# # Pretrain a source model
#
# **When you have finished this lesson you will be able to**
#
# * train a source network yourself, in a plain loop, and say what it costs;
# * open a file of weights completely and without risk, go on from it, and recognise files that carry a risk;
# * tell whether two stages of a program really are pretraining and fine-tuning;
# * say where a pretrained network has its knowledge from, and name the control that tells the teacher's share from that
#   of the pictures.
#
# {{budget}}

# %% [markdown]
# ## A question to predict
#
# In lesson 01 somebody handed you a network that knew letters. Today you make one.
#
# > **Predict.**
# >
# > 1. A small ResNet with random weights sees **fifteen hundred printed letters**, twice each. Then it is asked about
# >    new letters, on photographs it has never met. There are 37 kinds. How many in a hundred does it get right?
# > 2. Training moves all of its weights. Which turn further away from where they started: those of the **first** layer,
# >    which sees the pixels, or those of the **last** ones?
# > 3. One network learned by imitating a network that knows ImageNet. Its twin saw the same pictures for as many steps,
# >    but imitated a network with **random weights**, which knows nothing. Is the twin of any use?
#
# Write down three answers. The third question is the control experiment of this lesson.

# %%
import time
from dataclasses import replace
from itertools import pairwise
from math import log

import torch
import torch.nn.functional as F
from skimage import data as photographs
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

import tl_course as tl
from tl_course.figures.style import GREY, INK, VERMILION, headline

env = tl.setup()

# %% [markdown]
# ## Two stages, and what passes between them
#
# **Pretraining** (预训练) is ordinary training, on the source. With a backbone $\varphi$, its weights $\theta$, and a head
# $h$ with weights $\psi$,
#
# $$\theta^{*}, \psi^{*} = \arg\min_{\theta,\,\psi} \frac{1}{N}\sum_{i=1}^{N}
# \ell\big(h_\psi(\varphi_\theta(x_i)),\, y_i\big).$$
#
# Of all this only $\theta^{*}$ crosses over. The second stage has a new head, with weights $\omega$, and the target's
# examples:
#
# $$\min_{\theta',\,\omega} \frac{1}{M}\sum_{j=1}^{M} \ell\big(h_\omega(\varphi_{\theta'}(x'_j)),\, y'_j\big),
# \qquad \theta' \text{ starts at } \theta^{*}, \quad \omega \text{ at random.}$$
#
# If $\theta'$ may move, this is **fine-tuning** (微调). If it must stay, it is **feature extraction** (特征提取). So
# pretraining is a stage, and the other two are ways to go on from it. (Source text 004 announces three methods and lists
# fine-tuning twice: feature extraction is the one that got lost.)

# %%
boxes = {"source examples": (0, 0), "pretraining": (1, 0), "checkpoint: θ*\nand how to feed it": (2, 0)}
boxes |= {"target examples": (1, 1), "fine-tuning, or\nfeature extraction": (2, 1), "a model for\nthe target": (3, 1)}
above, below = list(boxes)[:3], list(boxes)[3:]
tl.figures.concept_map(
    boxes,
    [*pairwise(above), *pairwise(below), (above[-1], below[1])],
    highlight=[above[-1]],
    title="All that passes from one stage to the other is a file",
    alt="Two rows of boxes. Above: source examples lead to pretraining, and this to a checkpoint. Below: target examples "
    "lead to fine-tuning or feature extraction, and this to a model. One arrow goes down from the checkpoint.",
)

# %% [markdown]
# Three things that our source texts say differently:
#
# * 004 lets a *pretrained* model be trained on ImageNet. That goes in a circle: the training is what makes it pretrained.
# * 002 calls the structure an initialisation. The structure is *copied*; the weights *initialise*.
# * 004 writes the same $\theta$ in both stages, and sums without $\frac1N$ and $\frac1M$. The weights $\theta'$ only
#   *start* at $\theta^{*}$, and a sum is a mean with a larger learning rate (lesson 02).

# %% [markdown]
# ## The source: letters that anyone can draw
#
# A source (源任务) needs many labelled examples. These cost nothing: the package draws 37 kinds of letter in 16 faces,
# turned, sheared, and laid over photographs. The test letters lie over *other* photographs.

# %%
letters = tl.data.load("letters", count=1500, test_count=300, validation=0)
print(letters)
tl.figures.image_grid(
    letters.train.inputs[:16],
    titles=[letters.class_names[k] for k in letters.train.labels[:16]],
    title="The label comes from the font, so nobody had to write it",
    alt="Sixteen small pictures in two rows, each a printed letter in some typeface over a patch of a photograph.",
)

# %% [markdown]
# ## The loop, in the open
#
# `tl.data.batches` hands out the pictures in random order, scaled as the network expects them. All the rest is plain
# PyTorch: AdamW, and a learning rate that rises and falls once (*one-cycle*).


# %%
def pretrain(model, task, epochs, batch_size=16, peak=2e-3):
    """Train all of a network on a labelled source and return the loss of every step."""
    loader = tl.data.batches(task, model.to(env.device), batch_size=batch_size, seed=env.seed)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    schedule = OneCycleLR(optimizer, peak, total_steps=epochs * len(loader), cycle_momentum=False)
    losses = []
    for _ in range(epochs):
        for batch in loader:
            loss = F.cross_entropy(model(batch.inputs), batch.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    return losses


# %% [markdown]
# Here is what you wrote your first number for. This is the live experiment, and takes most of the lesson's seconds.

# %%
EPOCHS = 2

model = tl.models.create("resnet_small", num_classes=letters.num_classes, seed=0)
began = time.perf_counter()
model.train()
losses = pretrain(model, letters, EPOCHS)
model.eval()
seconds = time.perf_counter() - began
print(f"{len(losses)} steps in {seconds:.0f} s: the loss went from {losses[0]:.2f} to {losses[-1]:.2f}")

# %% [markdown]
# Who guesses among 37 kinds with equal odds has a loss of $\ln 37$.

# %%
fig, ax = tl.figures.axes(7.4, 3.2)
smooth = torch.tensor(losses).unfold(0, 20, 1).mean(dim=1)
ax.plot(losses, color=GREY, linewidth=0.5, label="one batch of 16")
ax.plot(range(19, len(losses)), smooth, color=VERMILION, label="mean of 20 batches")
ax.axhline(log(letters.num_classes), color=INK, linestyle="--", linewidth=1.2, label="guessing: ln 37")
ax.set(xlabel="step", ylabel="cross-entropy", ylim=(0, None))
ax.legend(loc="lower left", frameon=False)
headline(fig, "The source stage: it leaves guessing behind, in one sitting")
alt = f"The loss over {len(losses)} steps starts near guessing, {log(37):.1f}, and comes down to {smooth[-1]:.1f}."
tl.figures.show(fig, alt=alt, caption=f"You just ran this: {letters.title}, one seed.")

# %% [markdown]
# At first nothing seems to happen, and the network might as well guess. Then it finds out what makes a letter.
#
# A falling loss is no result, though. Ask about letters that it has not seen. Beside it stands the network that the package ships
# as `"letters"`: the same kind of loop, ten thousand letters, eight times each.


# %%
def accuracy(network, task):
    """Accuracy on the test split, with its interval."""
    loader = tl.data.batches(task, network.to(env.device).eval(), "test", batch_size=250)
    with torch.no_grad():
        guesses = torch.cat([network(batch.inputs).argmax(dim=1).cpu() for batch in loader])
    return tl.metrics.accuracy(task.test.labels, guesses)


shipped = tl.models.create("resnet_small", weights="letters")
ours, theirs = accuracy(model, letters), accuracy(shipped, letters)
print("yours, 1,500 letters    ", ours)
print("shipped, 10,000 letters ", theirs)
assert theirs.value > ours.value > 5 / letters.num_classes

# %% [markdown]
# Compare with your first number. Guessing would get fewer than three in a hundred. There is no point at which a source
# model is finished; more letters and more passes simply made a better one.
#
# **The same with the package's verb.** `fit` is this loop, with a history, evaluation and checkpoints around it. Two equal
# networks take a few steps each, and their losses must agree step for step.

# %%
few = tl.data.load("letters", count=400, test_count=100, train_per_class=5, validation=0)
left, right = (tl.models.create("resnet_small", num_classes=few.num_classes, seed=1).train() for _ in range(2))
by_hand = pretrain(left, few, epochs=1)
recipe = {"lr": 2e-3, "weight_decay": 0.05, "schedule": "one_cycle", "seed": env.seed, "progress": False}
run = tl.training.fit(right, few, epochs=1, batch_size=16, log_every=1, **recipe)

apart = [abs(mine - entry["train_loss"]) for mine, entry in zip(by_hand, run.history, strict=True)]
print("the losses by hand and by fit differ by", " ".join(f"{difference:.0e}" for difference in apart))
first, all_steps = (1e-5, 0.1) if env.precision == "fp32" else (0.05, 0.5)
assert apart[0] < first
assert max(apart) < all_steps

# %% [markdown]
# The first loss agrees to the last digit. Then rounding makes itself felt: Adam divides every gradient by its own size, and
# so it makes steps even of the smallest differences. Two correct programs drift apart like this, by little beside a loss of
# about three.

# %% [markdown]
# ## What it costs
#
# Count multiplications. The table `tl.models.MODELS` knows how many one picture takes on its way forward; the way back
# takes about twice as many. What would *this machine* need for ResNet-50 on ImageNet, 1,281,167 pictures
# [shown ninety times](https://github.com/pytorch/vision/tree/main/references/classification)?

# %%
small, big = (tl.models.MODELS[name] for name in ("resnet_small", "resnet50"))
done = 3 * small.macs * len(letters.train) * EPOCHS
wanted = 3 * big.macs * 1_281_167 * 90
total = tl.models.count_parameters(model)[0]
print(f"parameters       {total:>12,} here, {big.parameters:>12,} in ResNet-50")
print(f"multiplications  {done:>12.1e} here, {wanted:>12.1e} for ResNet-50")
print(f"time             {seconds:>10.0f} s here, {wanted / done * seconds / 86400:>7,.0f} days at the same speed")

# %% [markdown]
# That is why almost everybody starts from somebody else's $\theta^{*}$. Pretraining is dear, but it is paid **once**, by
# others; you pay for the second stage. (Source text 000 wants a source that needs little computing. What counts is that
# its weights exist already, and that a pass through the network is cheap for *you*.)

# %% [markdown]
# ## The checkpoint: what must be in the file
#
# A **checkpoint** (检查点) is the network's numbers by their names, its `state_dict`. There are two kinds: *parameters*,
# which training moves by gradients, and *buffers*, such as the running means and variances of BatchNorm, which move as
# pictures pass by. A file with the parameters alone looks complete. Watch.

# %%
state = model.state_dict()
parameters = dict(model.named_parameters())
print(f"{len(state)} tensors: {len(parameters)} parameters and {len(state) - len(parameters)} buffers")

forgetful = tl.models.create("resnet_small", num_classes=letters.num_classes, seed=2)
forgetful.load_state_dict(parameters, strict=False)  # strict=False: do not complain about what is missing
lost = accuracy(forgetful, letters)
print("all of it      ", ours)
print("parameters only", lost)
assert lost.value < ours.value / 2

# %% [markdown]
# No error, no warning, every weight in its place, and the network is ruined, since BatchNorm now scales by statistics of
# nothing. `strict=False` silenced the only witness. So save the whole `state_dict`, and load it strictly.
#
# The format matters too. **safetensors** is as plain as a file can be: the length of a list, the list of names, shapes
# and places, then the numbers. You can read it without any library:

# %%
import json
import tempfile
from pathlib import Path

from safetensors.torch import save_file

scratch = tempfile.TemporaryDirectory()
folder = Path(scratch.name)
save_file(state, folder / "source.safetensors")

raw = (folder / "source.safetensors").read_bytes()
length = int.from_bytes(raw[:8], "little")
listed = json.loads(raw[8 : 8 + length])
print(f"{len(raw) / 1e6:.1f} MB, of which the list takes {length:,} bytes. One entry:")
print({"conv1.weight": listed["conv1.weight"]})

# %% [markdown]
# ### What a pickle can do
#
# `torch.save` writes a **pickle**, and a pickle is not a list of numbers but a small *program* that rebuilds objects. A
# file may contain the instruction "call this function with these arguments". Ours calls `print`. It might as well delete
# your files.


# %%
class Stowaway:
    """Harmless. But whoever unpickles it calls the function that its author chose."""

    def __reduce__(self):
        return print, (">>> this line was written by the file, while it was being opened",)


torch.save({"conv1.weight": torch.zeros(3), "note": Stowaway()}, folder / "gift.pt")
_ = torch.load(folder / "gift.pt", weights_only=False)

# %% [markdown]
# It ran before you could look inside. With `weights_only=True` PyTorch reads tensors and plain values and refuses the
# rest. Since PyTorch 2.6 that is the default, but much code that you find switches it off.

# %%
import pickle

try:
    torch.load(folder / "gift.pt", weights_only=True)
except pickle.UnpicklingError as refused:
    print("refused:", str(refused).splitlines()[0].split(".")[0])
else:
    raise AssertionError("the stowaway came through")

# %% [markdown]
# (A safe format protects your machine, not your results: nothing in it says that the numbers are good, or honest. A hash
# from a source that you trust tells you whether they are the ones you wanted.)
#
# One more thing belongs to a checkpoint: how to **feed** it, the size of its pictures and their statistics.
# `tl.models.save` keeps these, and the names of the classes, in a readable file beside the tensors.

# %%
tl.models.save(model, folder / "my_source", class_names=letters.class_names)
again = tl.models.load(folder / "my_source")
print(sorted(file.name for file in (folder / "my_source").iterdir()))
print(again.preprocess)

probe = again.preprocess(letters.test.inputs[:8])
with torch.no_grad():
    assert torch.allclose(again(probe), model.cpu()(probe), atol=1e-5)
scratch.cleanup()

# %% [markdown]
# ## What did it learn? The first filters
#
# Textbooks show the first layer of large networks: neat little edges and spots of colour. Ours has 32 filters of 3 × 3
# pixels, each with a weight for red, green and blue. Here they are as pictures; grey stands for zero. The start can be
# drawn again, since its seed is known.


# %%
def mosaic(network):
    """The 32 first filters as one picture H×W×3: four rows of eight, with white lines between them."""
    weight = network.conv1.weight.detach().cpu()
    tiles = 0.5 + 0.5 * weight / weight.abs().amax(dim=(1, 2, 3), keepdim=True)
    tiles = F.pad(tiles, (0, 1, 0, 1), value=1.0).unflatten(0, (4, 8))
    return tiles.permute(0, 3, 1, 4, 2).reshape(16, 32, 3)


# %% [markdown]
# First the start, then yours, then the shipped network, which came from the same start.

# %%
start = tl.models.create("resnet_small", num_classes=letters.num_classes, seed=0)
networks = {"random start": start, "after 1,500 letters (yours)": model, "after 10,000 letters (shipped)": shipped}
fig, panels = tl.figures.axes(9.6, 2.2, 1, len(networks))
for ax, (name, network) in zip(panels, networks.items(), strict=True):
    ax.imshow(mosaic(network))
    ax.set_title(name, fontsize=10)
    ax.axis("off")
headline(fig, "The same filters, three times: letters hardly changed them")
tl.figures.show(
    fig,
    alt="Three mosaics of 32 coloured filters of 3 × 3 pixels. They look like coloured noise, and nearly alike in all three.",
)

# %% [markdown]
# Noise, before and after! Pictures deceive, so measure. The weights of a stage are one long vector. By which *angle* has
# training turned it, and how far has it *moved*? The second is the root mean square of the change of its weights.

# %%
STAGES = ["conv1", "layer1", "layer2", "layer3", "layer4"]


def vector(network, stage):
    """All convolution weights of a stage."""
    weights = (w.detach().cpu() for w in getattr(network, stage).parameters())
    return torch.cat([w.flatten() for w in weights if w.ndim == 4])


def turned(network, start):
    """Angle in degrees, for every stage, between its weights at the start and now."""
    ends = [(vector(start, stage), vector(network, stage)) for stage in STAGES]
    cosines = [F.cosine_similarity(then, now, dim=0) for then, now in ends]
    return [torch.rad2deg(cosine.acos()).item() for cosine in cosines]


# %% [markdown]
# Yours, and the shipped network's:

# %%
angles = {"your letters": turned(model, start), "shipped letters": turned(shipped, start)}


def report(name, network, start):
    """Print angle and movement of every stage."""
    changes = (vector(network, stage) - vector(start, stage) for stage in STAGES)
    moved = [change.square().mean().sqrt() for change in changes]
    print(f"{name:<17} angle  ", *(f"{angle:6.1f}°" for angle in turned(network, start)))
    print(f"{'':<17} moved  ", *(f"{way:7.4f}" for way in moved))


print(f"{'':<25}", *(f"{stage:>7}" for stage in STAGES))
report("your letters", model, start)
report("shipped letters", shipped, start)
assert all(values[0] < values[-1] for values in angles.values())

# %% [markdown]
# By angle the **last** stage turned furthest, in both. Did it learn most, then? **The control:** two equal networks take the
# few steps of above, one with the letters' labels, one with the same labels dealt out at random.

# %%
order = torch.randperm(len(few.train), generator=torch.Generator().manual_seed(0))
dealt = tl.data.Split(few.train.inputs, few.train.labels[order])
at_random = replace(few, train=dealt)
options = {"num_classes": few.num_classes, "seed": 1}
begin, blind = (tl.models.create("resnet_small", **options) for _ in range(2))
pretrain(blind.train(), at_random, epochs=1)
report("few, their labels", left, begin)
report("few, at random", blind, begin)
learned, control = turned(left, begin), turned(blind, begin)
assert control[0] < control[-1]
assert all(abs(a - b) < 0.25 * a for a, b in zip(learned, control, strict=True))

# %% [markdown]
# There is your second answer, and a trap in it. With labels that mean nothing the angles are nearly the same, so they do
# not show where letters were learned. The rows of movement show why: each stage moved about as far. AdamW's steps have the
# size of the learning rate, whether the gradient is large or small. But later stages *start* with smaller weights, since each of their
# outputs sums more inputs, and the same movement turns a shorter vector further. (What a layer is worth, lesson 07 asks.)
#
# ## Two stages, or one text twice?
#
# Source text 004 has a loop under the heading *pretraining* and a loop under the heading *fine-tuning*. The two are the
# same text: same data, same labels, same weights, same optimiser with its momentum. Here is a small case of our own, with
# the tiny digits that come with scikit-learn. A loop:


# %%
def loop(network, optimizer, x, y, epochs):
    """Train on batches of 32 in random order; return the mean loss of every epoch."""
    means = []
    for _ in range(epochs):
        total = 0.0
        for index in torch.randperm(len(x)).split(32):
            loss = F.cross_entropy(network(x[index]), y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index) / len(x)
        means.append(total)
    return means


# %% [markdown]
# A body, a head, and an optimiser that knows both:


# %%
def fresh(classes):
    """A body of one layer with a head, and an optimiser for both; the same ones on every call."""
    torch.manual_seed(env.seed)
    network = nn.Sequential(nn.Sequential(nn.Linear(64, 64), nn.ReLU()), nn.Linear(64, classes))
    return network, torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)


# %% [markdown]
# First two stages as in 004. Then, from the same start, one loop of twice the length.

# %%
digits = tl.data.load("digits", validation=0)
x, y = digits.train.inputs[:, 0].flatten(1).float() / 255, digits.train.labels

network, optimizer = fresh(10)
stages = loop(network, optimizer, x, y, 10)  # "pretraining"
stages += loop(network, optimizer, x, y, 10)  # "fine-tuning"

plain, optimizer = fresh(10)
once = loop(plain, optimizer, x, y, 20)  # 20 epochs of training, and no fine name

assert stages == once
assert torch.equal(network[1].weight, plain[1].weight)
print("Two stages and one loop: the same losses and the same weights, to the last bit.")

# %% [markdown]
# Nothing raises, the loss falls, and the names have changed nothing. In source text 004 the network comes with ImageNet
# weights before its first loop begins. So both its loops are *fine-tuning*, twenty epochs of it.
#
# Now two stages that deserve the names. The source is the digits below five, the target the others, five examples of each.
# The body is kept; the head and the optimiser are new. Beside them the control: a new head on the *same* digits.

# %%
low, high = y < 5, torch.cat([(y == k).nonzero()[:5, 0] for k in range(5, 10)])


def two_stages(first, second, classes):
    """Losses of two stages of ten epochs; head and optimiser of the second are new."""
    network, optimizer = fresh(classes)
    before = loop(network, optimizer, *first, 10)
    network[1] = nn.Linear(64, classes)  # the old optimiser holds the old head
    optimizer = torch.optim.SGD(network.parameters(), lr=0.03, momentum=0.9)
    return before + loop(network, optimizer, *second, 10)


same_task = two_stages((x, y), (x, y), 10)
new_task = two_stages((x[low], y[low]), (x[high], y[high] - 5), 5)
assert all(losses[10] > 2 * losses[9] for losses in (same_task, new_task))

# %% [markdown]
# Look for the seam between the stages.

# %%
titles = ("as in source text 004", "same task, new head", "source, then target")
fig, panels = tl.figures.axes(9.6, 3.2, 1, 3, sharey=True)
for ax, means, title in zip(panels, (stages, same_task, new_task), titles, strict=True):
    ax.plot(range(1, 11), means[:10], color=GREY, marker="o", label='"pretraining"')
    ax.plot(range(11, 21), means[10:], color=VERMILION, marker="^", label='"fine-tuning"')
    ax.axvline(10.5, color=INK, linestyle="--", linewidth=1)
    ax.set(title=title, xlabel="epoch", ylim=(0, None))
panels[0].set_ylabel("training loss")
panels[0].legend(loc="upper right", frameon=False)
headline(fig, "Where nothing changes there is no seam; a new head alone makes one")
alt = (
    "Left: one smooth falling curve; its second half simply goes on. Middle and right: the loss falls, jumps up where "
)
alt += "the head is new, and falls again."
tl.figures.show(fig, alt=alt, caption="You just ran this, on scikit-learn's digits.")

# %% [markdown]
# On the right the loss jumps, and in the middle, too, where only the head is new. So a jump shows a new head, and no curve
# shows whether there were two stages. What has to differ, as a list to hold against any program:
#
# | what | pretraining | the second stage |
# |---|---|---|
# | **data** | the source's, many | the target's, few |
# | **task**: the labels, and so the head | the source's | the target's; a new head |
# | **weights at the start** | random | the backbone's from the checkpoint |
# | **what is trained** | everything | the head; with fine-tuning the backbone, too |
# | **optimiser** | its own | a new one, and a smaller rate where the backbone moves |

# %% [markdown]
# ### The second stage, from your own file
#
# Now the two stages with the network that you trained, saved and loaded again. The target is that of lesson 01: MNIST-M,
# handwritten digits over photographs, with ten labels of each. Your network gets a new head and is fine-tuned. The
# control has random weights at the start, and all else is equal: architecture, pictures, their order, steps and rate.
#
# > **Predict.** How many of five hundred new digits does each of the two get right?

# %%
target = tl.data.load("mnist_m", train_per_class=10, validation=0, test=500, seed=0)
starts = {"from your letters": again, "from scratch": tl.models.create("resnet_small", seed=0)}
settings = {"steps": 30, "batch_size": 32, "lr": 1e-3, "schedule": "one_cycle", "seed": 0, "progress": False}
found = {}
for name, tuned in starts.items():
    tl.models.replace_head(tuned, target.num_classes, seed=0)
    found[name] = tl.training.fit(tuned, target, **settings).evaluate("test")
    print(f"{name:<18} {found[name]}")
tl.expect(found["from your letters"].low > found["from scratch"].high, "your letters must help here")

# %% [markdown]
# The two differ in their weights at the start alone. So the distance between the two lines is what your file brought
# along, for these few labels and these few steps. Would more labels or more steps bring the control nearer? Lesson 01 has
# several seeds, more labels, and controls that ask *what* in the letters it was.

# %% [markdown]
# ## Who gives the answers?
#
# The loop needs an answer for every picture. People are one source of answers among others.
#
# | pretraining | the answers come from | for example |
# |---|---|---|
# | **supervised** (有监督) | people who label, or a font | ImageNet networks; your letters |
# | **self-supervised** (自监督) | the data: hide a part, or change it, and ask for it | BERT (hidden words), GPT (the next word), [rotation](https://arxiv.org/abs/1803.07728) |
# | **distilled** (蒸馏) | another network | the network of the next section; lesson 12 |
#
# Self-supervision in one picture: turn a photograph, and ask by how much it was turned. Who wants to answer must know
# that a cat's nose is below its eyes. The labels cost nothing.

# %%
cat = torch.from_numpy(photographs.chelsea()[:300, 75:375].copy()).permute(2, 0, 1)
turns = torch.stack([torch.rot90(cat, k, dims=(1, 2)) for k in range(4)])
tl.figures.image_grid(
    turns,
    titles=[f"label {k}: {90 * k}°" for k in range(4)],
    columns=4,
    title="Four labelled examples from one photograph that nobody labelled",
    alt="The face of a ginger cat four times: upright, and turned by 90, 180 and 270 degrees.",
)

# %% [markdown]
# Lesson 15 pretrains in this way. And there are more kinds of pretrained model than the two in source text 003, language
# and vision: for speech ([wav2vec 2.0](https://arxiv.org/abs/2006.11477)), for pictures with texts
# ([CLIP](https://arxiv.org/abs/2103.00020)), for graphs, for tables. One in its list cannot be had: **GPT-3's** weights
# were never published: its makers tuned it for customers, but nobody outside could load it. Nor was it made of Wikipedia;
# [the largest part by far was Common Crawl](https://arxiv.org/abs/2005.14165), pages from all over the web.
#
# > **How are transfer learning and pretrained models related?** (Source text 000 asks.) A pretrained model is a *thing*:
# > weights, with instructions for feeding them. Transfer learning is a *use*. The thing can be used without transfer: in
# > lesson 00 it named photographs, which is what it was trained for. And there is transfer without the thing: when
# > source examples are weighed and trained on together with the target's (lesson 13), no checkpoint changes hands.

# %% [markdown]
# ## The same architecture with ImageNet knowledge
#
# Now a source that is out of reach for two cores. The package ships `resnet_small` a second time, as
# `"imagenet_distilled"`. It never saw a photograph of ImageNet. It was **distilled** (蒸馏):
#
# 1. The **teacher** (教师) is EfficientNet-Lite0, which Google trained on ImageNet and its labels. You met it in lesson 00.
# 2. It looked at CIFAR-10's fifty thousand *training* photographs, each as it is and mirrored, enlarged to 128 pixels. Its
#    features and its 1,000 scores were written down. CIFAR-10's labels were never read.
# 3. The **student** (学生), our `resnet_small` with random weights, looked at the same photographs at 32 pixels and learned
#    to predict what the teacher had said.
#
# The recipe is `authoring/weights/imagenet_distilled.py`, and anyone can run it again. How distillation works is lesson 12.
# The student came away with the teacher's 1,000 words. Does it name photographs?

# %%
from sklearn.datasets import load_sample_image
from torchvision.models import EfficientNet_B0_Weights

words = EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]
photos = {"cat": photographs.chelsea(), "rocket": photographs.rocket(), "coffee": photographs.coffee()}
photos |= {"astronaut": photographs.astronaut(), "flower": load_sample_image("flower.jpg")}
photos = {name: torch.from_numpy(photo.copy()).permute(2, 0, 1)[None] for name, photo in photos.items()}


def best_words(network, photo, k=1):
    """The k most likely of ImageNet's 1,000 words for a photograph, uint8 1×3×H×W."""
    with torch.no_grad():
        scores = tl.models.logits(network, network.preprocess(photo))
    return [words[i] for i in scores[0].topk(k).indices.tolist()]


# %% [markdown]
# The teacher sees 224 pixels. The student sees 32, as you do in the figure.

# %%
teacher = tl.models.create("efficientnet_lite0", weights="imagenet")
student = tl.models.create("resnet_small", weights="imagenet_distilled")
for name, photo in photos.items():
    print(
        f"{name:<9}  teacher: {best_words(teacher, photo)[0]:<12}  student: {', '.join(best_words(student, photo, 3))}"
    )

seen = torch.cat([student.preprocess(photo) for photo in photos.values()])
tl.figures.image_grid(
    (seen * 127.5 + 127.5).round().to(torch.uint8),
    titles=[best_words(student, photo)[0] for photo in photos.values()],
    wrong=["cat" not in best_words(student, photo)[0] for photo in photos.values()],
    columns=5,
    title="Of these five, the student can name the cat",
)

# %% [markdown]
# The cat is a cat, from 32 pixels. The rocket turns into a ship, and the words for cup, astronaut and flower are absurd. Two
# causes offer themselves. The student heard its teacher speak about CIFAR-10's photographs, and these are all of animals and
# vehicles: it has an output called *espresso*, but was never shown a cup. And it sees few pixels. **The control:** the
# teacher gets the student's pictures, enlarged.

# %%
small = (seen * 127.5 + 127.5).round().to(torch.uint8)
for name, picture in zip(photos, small, strict=True):
    said = ", ".join(best_words(teacher, picture[None], 3))
    print(f"{name:<9}  teacher, from 32 pixels: {said}")

# %% [markdown]
# From 32 pixels the teacher loses rocket, astronaut and flower, too: there the pixels are cause enough. The coffee it nearly
# names, and there the recipe is left. So before you blame a recipe, give both networks the same pictures.
#
# ### Its filters
#
# On the left the 32 first filters, on the right the angles once more. (The student's own random start has 1,000 outputs.)

# %%
angles["ImageNet, distilled"] = turned(student, tl.models.create("resnet_small", num_classes=1000, seed=0))

fig, (left, right) = tl.figures.axes(8.6, 3.1, 1, 2, width_ratios=(1.3, 1))
left.imshow(mosaic(student))
left.axis("off")
for (name, values), color, marker in zip(angles.items(), (GREY, INK, VERMILION), "os^", strict=True):
    right.plot(STAGES, values, color=color, marker=marker, label=name)
right.set(ylim=(0, 95), ylabel="turned by (degrees)")
right.legend(loc="upper left", frameon=False, fontsize=9)
headline(fig, "Every stage turned further, and still there are no neat edges")
said = "; ".join(f"{name} from {values[0]:.0f} to {values[-1]:.0f} degrees" for name, values in angles.items())
alt = f"Left: 32 coloured filters that still look like noise. Right: angles rise from the first stage to the last. {said}."
tl.figures.show(fig, alt=alt, caption="Computed just now from the weights.")

# %% [markdown]
# Nobody could tell from these filters which network knows cats. At this size, looking at weights tells little about what
# they are worth. Accuracy on a target does.
#
# ## What is it worth, and who gave it?
#
# Be careful whom you credit. The student met two things: the teacher's knowledge, *and CIFAR-10's training photographs*.
# If CIFAR-10 is your target, it has seen pictures of that kind before, without their labels; among them are those you now
# use with labels. A hospital with a hundred thousand X-rays and a few hundred diagnoses is in the same position. It is
# allowed, and it has to be said: "a hundred labels a class" is not "a hundred pictures a class". The test pictures were
# not touched. If MNIST-M is your target, the student has seen nothing of it.
#
# So was it ImageNet, or the pictures? **The control:** the same recipe once more, the same pictures, the same steps, but
# the teacher's weights are *random*. (Its BatchNorm statistics were measured on the pictures, to keep its answers in a
# healthy range.) Nothing that this student learns can come from ImageNet. It is the twin of your third prediction.
#
# These are the bars you are about to see:

# %%
NAMES = {"random_features": "probe of random weights", "control": "probe, random teacher"}
NAMES |= {"linear_probe": "probe, ImageNet teacher", "scratch": "from scratch, all trained"}
NAMES |= {"control_fine_tune": "fine-tuned, random teacher", "fine_tune": "fine-tuned, ImageNet teacher"}


# %% [markdown]
# A hundred labels a class, 1,000 in all. The control was made for CIFAR-10 only. The same question may be asked on MNIST-M,
# and has no answer here.


# %%
record = tl.records.read("03_backbones").select(profile="mini", setting="resnet_small")


def bars(ax, target):
    """Test accuracy of each method on one target, with intervals; returns it in words."""
    there = record.select(target=target)
    found = {method: there.select(method=method).interval() for method in NAMES if method in there.methods}
    places = [list(NAMES).index(method) for method in found]
    colors = [tl.figures.method_style(method.replace("control_fine_tune", "control")).color for method in found]
    means, errors = [i.mean for i in found.values()], [i.half_width for i in found.values()]
    drawn = ax.barh(places, means, xerr=errors, color=colors, ecolor="#22272B")
    ax.bar_label(drawn, [f"{mean:.0%}" for mean in means], padding=8)
    ax.set(title=tl.records.target_title(target), xlim=(0, 1.12), xlabel="test accuracy (fraction)")
    return ", ".join(f"{NAMES[method]} {i.mean:.0%}" for method, i in found.items())


# %% [markdown]
# Above the probes, below the networks that were trained as a whole.

# %%
fig, panels = tl.figures.axes(9.4, 3.6, 1, 2, sharey=True)
said = {target: bars(ax, target) for ax, target in zip(panels, ("cifar10", "mnist_m"), strict=True)}
panels[0].set_yticks(range(len(NAMES)), NAMES.values())
panels[0].invert_yaxis()
headline(fig, "On CIFAR-10 most of the gain is ImageNet's; digits are too far for a probe")
alt = "Bars of test accuracy. " + "; ".join(f"{tl.records.target_title(target)}: {s}" for target, s in said.items())
tl.figures.show(fig, alt=f"{alt}.", caption="Recorded, resnet_small, 3 seeds, 95% t intervals. No control on MNIST-M.")

# %% [markdown]
# **Is it worth having?**

# %% tags=["claim"]
tl.records.claim("03.probe_beats_random", profile="mini", target="cifar10")

# %% tags=["claim"]
tl.records.claim("03.finetune_beats_scratch", profile="mini", target="cifar10")

# %% tags=["claim"]
tl.records.claim("03.digits_are_far", profile="mini", target="mnist_m")

# %% [markdown]
# So it depends on the target. This student met ImageNet's words through pictures of animals and vehicles alone, and there
# were no strokes among them.
#
# **And who gave it?** Read the first three bars of CIFAR-10 as steps: what the architecture gives for free; what the
# pictures add, under a teacher who knows nothing; what ImageNet adds.

# %% tags=["claim"]
tl.records.claim("03.pictures_share", profile="mini", target="cifar10")

# %% tags=["claim"]
tl.records.claim("03.imagenet_share", profile="mini", target="cifar10")

# %% tags=["claim"]
tl.records.claim("03.control_finetuned_is_near_scratch", profile="mini", target="cifar10")

# %% [markdown]
# The twin is of *some* use, then. That was [found before](https://arxiv.org/abs/2302.12091) for students that have their
# teacher's architecture (*self-distillation*). But the twin's features are far behind those of the distilled
# network, and once everything is fine-tuned, little is left of its head start. The large step is ImageNet's, and only the
# control entitles us to say so.
#
# What this does not show: there is one student of each teacher; only labels, heads, order and random weights vary with the
# seed. And the control was made with the target's own pictures. With others, both shares may differ.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Fifteen minutes up to the end of the live run, fifteen for checkpoint and the two loops, fifteen
# for ImageNet and the control. While the loop runs, ask the room to compute $\ln 37$ and say why the curve starts there.
# Usual wrong answers: the first layer turns most ("it learns the edges"); the random teacher's student is put *below*
# random features ("it learned nonsense"). A question for the room before the pickle: *what is in a file that ends in
# .pt?* For the quick: let them find the smallest change to the two equal loops that makes them two stages. The live run
# fits into half a minute on two quiet cores.

# %% [markdown]
# ## What to remember
#
# * **Pretraining** is ordinary training on the source, paid once. What crosses to the target is a file: *all* of the
#   `state_dict`, and how to feed it. Keep it in safetensors; open pickles with `weights_only=True`.
# * Two stages differ in **data, task, start and what is trained**. If they do not, they are one stage with two names.
# * Ask of every pretrained network **what it saw and who gave the answers**. A control with a random teacher tells the
#   teacher's share from that of the pictures.

# %% [markdown]
# ## Check yourself
#
# Choose first, then open.
#
# **1. Your program trains on your target's images for ten epochs, "to pretrain", then with the same labels and the same
# optimiser for ten more, "to fine-tune". What have you got?**
#
# <details><summary>A model with general features, adapted to the target.</summary>Not this. Nothing general was ever shown to
# it.</details>
# <details><summary>Twenty epochs of ordinary training.</summary><b>Right.</b> You saw equality to the last bit.</details>
# <details><summary>A model that has overfitted twice.</summary>Not this. It may overfit, but as any model after twenty epochs
# may.</details>
#
# **2. A colleague sends you `best_model.pt`. `torch.load` refuses it and suggests `weights_only=False`. You …**
#
# <details><summary>… follow the suggestion; PyTorch must know.</summary>Not this, unless you would also run any program that
# this file's makers send you. That is what the setting allows.</details>
# <details><summary>… ask for the <code>state_dict</code> alone, best as safetensors.</summary><b>Right.</b> Weights are numbers
# and need no code to be read.</details>
# <details><summary>… rename it to <code>.safetensors</code>.</summary>Not this. The name changes nothing in the file, and it
# will not be read at all.</details>
#
# **3. After loading a checkpoint the network gets nearly everything wrong, though every weight is in place. The first thing
# you look at:**
#
# <details><summary>the learning rate.</summary>Not this. Nothing has been trained yet.</details>
# <details><summary>whether the buffers were loaded, too, and whether <code>strict=False</code> hid that they were
# not.</summary><b>Right.</b> And next, whether the pictures are fed as the weights expect.</details>
# <details><summary>the seed.</summary>Not this. In eval mode with given weights nothing is random.</details>
#
# **4. "Our network was distilled from an ImageNet teacher on the target's unlabelled pictures, and its probe is far ahead
# of random weights. So ImageNet helps." What is missing?**
#
# <details><summary>Nothing, the gain is large.</summary>Not this. The pictures might have given it.</details>
# <details><summary>A student of a teacher with random weights.</summary><b>Right.</b> It has seen the same pictures for as many
# steps. What the first is ahead of <i>it</i> is ImageNet's.</details>
# <details><summary>The accuracy of the teacher.</summary>Not first. It says what could have been learned, not what
# was, nor from whom.</details>

# %% [markdown]
# ## Sources
#
# * Source texts 004 §2–4 and 000 FAQ 3, which this lesson answers; 002 §3.2, 003 §2.
# * K. He and others: [*Deep residual learning for image recognition*](https://arxiv.org/abs/1512.03385), CVPR 2016.
#   O. Russakovsky and others: [*ImageNet large scale visual recognition challenge*](https://arxiv.org/abs/1409.0575), IJCV 2015.
# * M. Tan, Q. Le: [*EfficientNet*](https://arxiv.org/abs/1905.11946), ICML 2019. The Lite variant and its weights are Google's.
# * G. Hinton, O. Vinyals, J. Dean: [*Distilling the knowledge in a neural network*](https://arxiv.org/abs/1503.02531), 2015.
# * F. Sarnthein and others: [*Random teachers are good teachers*](https://arxiv.org/abs/2302.12091), ICML 2023.
# * S. Gidaris, P. Singh, N. Komodakis: [*Unsupervised representation learning by predicting image
#   rotations*](https://arxiv.org/abs/1803.07728), ICLR 2018.
# * L. Smith, N. Topin: [*Super-convergence*](https://arxiv.org/abs/1708.07120), 2018, for the one-cycle schedule.
# * I. Goodfellow, Y. Bengio, A. Courville: [*Deep Learning*](https://www.deeplearningbook.org), 2016, chapter 15: pretraining as a stage.
# * Python's manual on [pickle](https://docs.python.org/3/library/pickle.html) opens with a warning.
#   [safetensors](https://huggingface.co/docs/safetensors) describes its format on one page.
# * Data: letters from matplotlib's fonts; CIFAR-10 (Krizhevsky 2009); MNIST-M after
#   [Ganin and others 2016](https://jmlr.org/papers/v17/15-239.html); digits and flower of scikit-learn; photographs of
#   scikit-image (cat: S. van der Walt; coffee: R. Michetti; rocket: SpaceX; astronaut: NASA).
