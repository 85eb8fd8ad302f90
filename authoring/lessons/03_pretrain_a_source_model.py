# ---
# tl_course:
#   summary: Train a source network in the open, save it safely, look inside, and ask where ImageNet knowledge comes from.
#   minutes: 35
# ---

# %% [markdown]
# # Pretrain a source model
#
# **When you have finished this lesson you will be able to**
#
# * train a source network yourself, in a plain loop, and say what it costs;
# * save a checkpoint completely, open one without risk, and go on from it;
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
# > 1. A small ResNet with random weights sees **twelve hundred printed letters**, twice each. Then it is asked about new
# >    letters, on photographs that it has never met. There are 37 kinds. How many in a hundred does it get right?
# > 2. Your network then learns ten digits from **ten examples each**, in 20 steps. A twin with random weights does the same.
# >    How many in a hundred does each of the two get right?
# > 3. One network learned by imitating a network that knows ImageNet. Another saw the same pictures for as many steps, but
# >    imitated a network with **random weights**, which knows nothing. Is that of any use?
#
# Write down your answers. The third question is the control experiment of this lesson.

# %%
import tempfile
import time
from itertools import pairwise
from math import log
from pathlib import Path

import torch
import torch.nn.functional as F
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
# If $\theta'$ may move, this is **fine-tuning** (微调). If it must stay, it is **feature extraction** (特征提取).

# %% tags=["hide-input"]
boxes = {"source examples": (0, 0), "pretraining": (1, 0)}
boxes |= {"checkpoint: θ*\nand how to feed it": (2, 0), "target examples": (1, 1)}
boxes["fine-tuning, or\nfeature extraction"] = (2, 1)
boxes["a model for\nthe target"] = (3, 1)
above, below = list(boxes)[:3], list(boxes)[3:]
tl.figures.concept_map(
    boxes,
    [*pairwise(above), *pairwise(below), (above[-1], below[1])],
    highlight=[above[-1]],
    title="All that passes from one stage to the other is a file",
    alt="Source examples lead to pretraining, and this to a checkpoint. An arrow goes "
    "from it to fine-tuning or feature extraction, and on to a model for the target.",
)

# %% [markdown]
# ## The source: letters that cost nothing
#
# A source (源任务) needs many labelled examples. The package draws these: 37 kinds of letter in 16 faces, turned, sheared,
# and laid over photographs, 32 × 32 pixels each. The test letters lie over *other* photographs.

# %%
letters = tl.data.load("letters", count=1200, test_count=300, validation=0)
print(letters)
tl.figures.image_grid(
    letters.train.inputs[:16],
    titles=[letters.class_names[k] for k in letters.train.labels[:16]],
    title="The label comes from the font, so nobody had to write it",
    alt="Sixteen small pictures: printed letters, each over a patch of a photograph.",
)

# %% [markdown]
# ## The loop, in the open
#
# `tl.data.batches` hands out the pictures in random order, scaled as the network expects them. All the rest is plain
# PyTorch: the optimiser AdamW, and a learning rate that rises and falls once (*one-cycle*). The `for` line goes through
# all pictures, and then again, `epochs` times.


# %%
def pretrain(model, task, epochs, peak=2e-3):
    """Train all of a network on a labelled source; return the loss of every step."""
    loader = tl.data.batches(task, model.to(env.device), batch_size=16, seed=env.seed)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    steps, losses = epochs * len(loader), []
    schedule = OneCycleLR(optimizer, peak, total_steps=steps, cycle_momentum=False)
    for batch in (batch for _ in range(epochs) for batch in loader):
        loss = F.cross_entropy(model(batch.inputs), batch.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        print(end="." if len(losses) % 10 == 0 else "")  # a sign of life
    return losses


# %% [markdown]
# Here is what you wrote your first number for. It takes most of the lesson's seconds.

# %%
EPOCHS = 2
model = tl.models.create("resnet_small", num_classes=letters.num_classes, seed=0)
began = time.perf_counter()
losses = pretrain(model.train(), letters, EPOCHS)
seconds = time.perf_counter() - began
print(f"\n{len(losses)} steps in {seconds:.0f} s")

# %% [markdown]
# A dot stands for ten steps. A network that guesses among 37 kinds, with equal odds, has a loss of $\ln 37$.

# %% tags=["hide-input"]
fig, ax = tl.figures.axes(7.4, 3.2)
smooth = torch.tensor(losses).unfold(0, 20, 1).mean(dim=1)
ax.plot(losses, color=GREY, linewidth=0.5, label="one batch of 16")
ax.plot(range(19, len(losses)), smooth, color=VERMILION, label="mean of 20 batches")
ax.axhline(log(37), color=INK, linestyle="--", linewidth=1.2, label="guessing: ln 37")
ax.set(xlabel="step", ylabel="cross-entropy", ylim=(0, None))
ax.legend(loc="lower left")
headline(fig, "The source stage leaves guessing behind, in one sitting")
alt = f"The loss starts near guessing, {log(37):.1f}, and falls to {smooth[-1]:.1f}."
tl.figures.show(fig, alt=alt, caption=f"You just ran this: {letters.title}, one seed.")

# %% [markdown]
# At first nothing seems to happen. Then the loss falls. A falling loss is no result, though. Ask about letters that it
# has not seen. Beside it stands the network that the package ships as `"letters"`: the same kind of loop, with ten
# thousand letters, eight times each.


# %%
def accuracy(network, task):
    """Accuracy on the test split, with its interval."""
    network = network.to(env.device).eval()
    loader = tl.data.batches(task, network, "test", batch_size=250)
    with torch.no_grad():
        guesses = torch.cat([network(batch.inputs).argmax(dim=1) for batch in loader])
    return tl.metrics.accuracy(task.test.labels, guesses.cpu())


shipped = tl.models.create("resnet_small", weights="letters")
ours, theirs = accuracy(model, letters), accuracy(shipped, letters)
print("yours, 1,200 letters    ", ours)
print("shipped, 10,000 letters ", theirs)
tl.expect(theirs.value > ours.value > 5 / letters.num_classes, "more than guessing")

# %% [markdown]
# Compare with your first number; guessing would get fewer than three in a hundred. There is no point at which a source
# model is finished. More letters and more passes made a better one.
#
# What does it cost? Count multiplications. The table `tl.models.MODELS` knows how many one picture takes on its way
# forward; the way back takes about twice as many. What would *this machine* need for ResNet-50 on ImageNet: 1,281,167
# pictures of 224 × 224 pixels, [shown ninety times](https://github.com/pytorch/vision/tree/main/references/classification)?

# %%
small, big = (tl.models.MODELS[name] for name in ("resnet_small", "resnet50"))
done = 3 * small.macs * len(letters.train) * EPOCHS
wanted = 3 * big.macs * 1_281_167 * 90
days = wanted / done * seconds / 86400
print(f"multiplications: {done:.1e} here, {wanted:.1e} for ResNet-50")
print(f"time: {seconds:.0f} s here, {days:,.0f} days at the same speed")

# %% [markdown]
# That is why people start from somebody else's $\theta^{*}$. Pretraining is dear, but it is paid **once**, by others; you
# pay for the second stage.

# %% [markdown]
# ## The checkpoint: what must be in the file
#
# A **checkpoint** (检查点) is the network's numbers by their names, its `state_dict`. There are two kinds: *parameters*,
# which training moves by gradients, and *buffers*, such as the running means and variances of BatchNorm, which move as
# pictures pass by. A file with the parameters alone looks complete. Watch.

# %%
state = model.state_dict()
parameters = dict(model.named_parameters())
print(f"{len(state)} tensors, {len(parameters)} of them parameters, the rest buffers")

options = {"num_classes": letters.num_classes, "seed": 2}
forgetful = tl.models.create("resnet_small", **options)
forgetful.load_state_dict(parameters, strict=False)  # what is missing raises nothing
lost = accuracy(forgetful, letters)
print("all of it      ", ours)
print("parameters only", lost)
tl.expect(lost.value < ours.value / 2, "without buffers the network is ruined")

# %% [markdown]
# No error, no warning, every weight in its place, and the network is ruined: BatchNorm scales by statistics that were
# never measured. `strict=False` silenced the error. So save the whole `state_dict`, and load it strictly. To *resume*
# an interrupted training you need the optimiser's `state_dict`, too: its momentum and its rate.
#
# The format matters, too. `torch.save` writes a **pickle**, a small program that rebuilds objects. **Opening a stranger's
# pickle can run the stranger's code.** Two habits keep you safe:
#
# * Open a `.pt` file with `torch.load(file, weights_only=True)`, from PyTorch 2.6 on. It reads tensors and plain values,
#   and refuses the rest.
# * Save as **safetensors**: names, shapes and numbers, and nothing that runs.
#
# One more thing belongs to a checkpoint: how to **feed** it, the size of its pictures and their statistics.
# `tl.models.save` writes the tensors as safetensors, and this in a readable file beside them.

# %%
scratch = tempfile.TemporaryDirectory()
folder = Path(scratch.name)
tl.models.save(model, folder / "my_source", class_names=letters.class_names)
again = tl.models.load(folder / "my_source")
print(sorted(file.name for file in (folder / "my_source").iterdir()))
print(again.preprocess)

probe = again.preprocess(letters.test.inputs[:8])
with torch.no_grad():
    assert torch.allclose(again(probe), model.cpu()(probe), atol=1e-5)

# %% [markdown]
# ## The second stage, from your own file
#
# The target (目标任务) is that of lesson 01: MNIST-M, handwritten digits over photographs, 32 × 32 pixels, with ten labels
# of each digit, tested on 500 new digits. The network from your file gets a new head and is fine-tuned.
# `tl.training.fit` is your loop, ready-made. The **control** has random weights at the start. All else is equal:
# architecture, pictures, their order, steps and rate.

# %%
target = tl.data.load("mnist_m", train_per_class=10, validation=0, test=500, seed=0)
twin = tl.models.create("resnet_small", seed=0)
settings = {"steps": 20, "batch_size": 32, "lr": 1e-3, "schedule": "one_cycle"}
found = {}
for name, tuned in {"from your letters": again, "from scratch": twin}.items():
    tl.models.replace_head(tuned, target.num_classes, seed=0)
    run = tl.training.fit(tuned, target, **settings, seed=0, progress=False)
    found[name] = run.evaluate("test")
    print(f"{name:<18} {found[name]}")
yours, control = found.values()
tl.expect(yours.low > control.high, "your letters must help here")

# %% [markdown]
# There is your second answer. The two differ alone in what they hold at the start, weights and BatchNorm's statistics. So the
# difference is what your file brought along, in this run, for these labels and these few steps.
#
# Is the control fair? Random weights need more steps. Two records of lesson 01 tell, over several seeds and with as many
# labels. The first is from scratch in 300 steps, with shifted pictures and the better of two rates. The second is
# fine-tuned from the *shipped* letters, in far fewer steps.

# %%
mine = {"profile": "mini", "target": "mnist_m"}
patient = tl.records.read("01_patience").select(method="scratch", **mine)
patient = patient.select(setting="10, 3e-3").interval()
better = tl.records.read("01_label_budget").select(method="fine_tune", **mine)
better = better.select(setting=10).interval()
print(f"from scratch, 300 steps:  {patient.mean:.0%}")
print(f"from the shipped letters: {better.mean:.0%}")
assert better.low > patient.high

# %% [markdown]
# Hold your number against the first: with patience the lead of a hurried source may be gone. The shipped letters keep
# theirs. Lesson 01 compares both at several label budgets, and asks *what* in the letters it was.
#
# Two stages are more than two loops. This is what has to differ, as a list to hold against any program:
#
# | what | pretraining | the second stage |
# |---|---|---|
# | **data** | the source's, many | the target's, few |
# | **task**: the labels, and so the head | the source's | the target's; a new head |
# | **weights at the start** | random | the backbone's from the checkpoint |
# | **what is trained** | everything | the head; with fine-tuning the backbone, too |
# | **optimiser** | its own | a new one |
#
# Where data, labels and head stay the same, two loops are one training, under two headings.

# %% [markdown]
# ## Where does ImageNet's knowledge come from?
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
# Be careful whom you credit. The student met two things: the teacher's knowledge, *and CIFAR-10's training photographs*.
# If CIFAR-10 is your target, it has seen pictures of that kind before, without their labels. That is allowed, and it has
# to be said: "a hundred labels a class" is not "a hundred pictures a class". The test pictures were not touched.
#
# So was it ImageNet, or the pictures? **The control:** the same recipe once more, the same pictures, the same steps, but
# the teacher's weights are *random*. Nothing that this student learns can come from ImageNet. It is the network of your
# third prediction. (The teacher's BatchNorm statistics were measured on the pictures, to keep its answers in a healthy
# range.) These are the bars that you are about to see. A *probe* trains a new head on the frozen backbone.

# %%
NAMES = {
    "random_features": "probe of random weights",
    "control": "probe, random teacher",
    "linear_probe": "probe, ImageNet teacher",
    "scratch": "from scratch, all trained",
    "control_fine_tune": "fine-tuned, random teacher",
    "fine_tune": "fine-tuned, ImageNet teacher",
}
record = tl.records.read("03_backbones").select(profile="mini", setting="resnet_small")

# %% [markdown]
# Recorded with 100 labels a class, pictures of 32 × 32 pixels, all test pictures at hand, and equally many steps at one rate
# for all networks that were trained as a whole. (Lesson 05 chooses a rate for each.) The control was made for CIFAR-10 only.

# %% tags=["hide-input"]
tl.figures.recorded_bars(
    record,
    NAMES,
    ["cifar10", "mnist_m"],
    title="On CIFAR-10 most of the gain is ImageNet's; on digits its probe lags behind",
    caption="Recorded, resnet_small, 3 seeds, 95% t intervals. No control on MNIST-M.",
)

# %% [markdown]
# Read the first three bars of CIFAR-10 as steps. The first is what the architecture gives for free. The second is what
# the pictures add, under a teacher who knows nothing. The third is what ImageNet adds.

# %% tags=["claim"]
tl.records.claim("03.pictures_share", profile="mini", target="cifar10")

# %% tags=["claim"]
tl.records.claim("03.imagenet_share", profile="mini", target="cifar10")

# %% [markdown]
# So the random teacher's student is of *some* use. But its features are far behind those of ImageNet's student. Once
# everything is fine-tuned, it is about as good as a network from scratch.[^03.control_finetuned_is_near_scratch] The large
# step is ImageNet's, and only the control entitles us to say so.
#
# It depends on the target, too. On MNIST-M a probe of ImageNet's student is far behind a network from
# scratch.[^03.digits_are_far] This student met ImageNet's words through pictures of animals and vehicles alone.
# That may be why; no control tested it.
#
# What this does not show: there is one student of each teacher; only labels, heads, order and random weights vary with the
# seed. A random teacher's answers are one question to ask of the pictures, and another question may draw more from them.
# And the control was made with the target's own pictures. With others, both shares may differ.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Fifteen minutes up to the end of the live run, ten for the checkpoint and the second stage, ten
# for ImageNet and the control. While the loop runs, ask the room to compute $\ln 37$ and say why the curve starts there. A
# usual wrong answer: the random teacher's student is put *below* random features ("it learned nonsense"). A question for
# the room before the checkpoint: *what is in a file that ends in .pt?* The folded section on pickles is a good show. For
# the quick: let them find the smallest change to the two equal loops of the folded section that makes them two stages.

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
# **1. Your program trains on your target's images for ten epochs, "to pretrain", then with the same labels, head and
# optimiser for ten more, "to fine-tune". What have you got?**
#
# <details><summary>A model with general features, adapted to the target.</summary>Not this. Nothing general was ever shown to
# it.</details>
# <details><summary>Twenty epochs of ordinary training.</summary><b>Right.</b> Nothing of the list above differs. A folded
# section below shows equality to the last bit.</details>
# <details><summary>A model that has overfitted twice.</summary>Not this. It may overfit, but as any model after twenty epochs
# may.</details>
#
# **2. After loading a checkpoint the network gets nearly everything wrong, though every weight is in place. The first thing
# you look at:**
#
# <details><summary>the learning rate.</summary>Not this. Nothing has been trained yet.</details>
# <details><summary>whether the buffers were loaded, too, and whether <code>strict=False</code> hid that they were
# not.</summary><b>Right.</b> And next, whether the pictures are fed as the weights expect.</details>
# <details><summary>the seed.</summary>Not this. In eval mode with given weights nothing is random.</details>
#
# **3. "Our network was distilled from an ImageNet teacher on the target's unlabelled pictures, and its probe is far ahead
# of random weights. So ImageNet helps." What is missing?**
#
# <details><summary>Nothing, the gain is large.</summary>Not this. The pictures might have given it.</details>
# <details><summary>A student of a teacher with random weights.</summary><b>Right.</b> It has seen the same pictures for as many
# steps. The lead over <i>this</i> student is ImageNet's share.</details>
# <details><summary>The accuracy of the teacher.</summary>Not first. It says what could have been learned, not what
# was, nor from whom.</details>

# %% [markdown] tags=["further"]
# ## The same loop as a verb

# %% [markdown]
# `fit` is the loop of this lesson, with a history, evaluation and checkpoints around it. Two equal networks take a few
# steps each, and their losses must agree step for step.

# %%
sizes = {"count": 400, "test_count": 100, "train_per_class": 3, "validation": 0}
few = tl.data.load("letters", **sizes)
options = {"num_classes": few.num_classes, "seed": 1}
left, right = (tl.models.create("resnet_small", **options).train() for _ in range(2))
by_hand = pretrain(left, few, epochs=1)

recipe = {"lr": 2e-3, "weight_decay": 0.05, "schedule": "one_cycle", "seed": env.seed}
recipe |= {"batch_size": 16, "log_every": 1, "progress": False}
run = tl.training.fit(right, few, epochs=1, **recipe)

# %% [markdown]
# How far are they apart, step by step?

# %%
pairs = zip(by_hand, run.history, strict=True)
apart = [abs(mine - entry["train_loss"]) for mine, entry in pairs]
print("the losses differ by", " ".join(f"{difference:.0e}" for difference in apart))
first, all_steps = (1e-5, 0.1) if env.precision == "fp32" else (0.05, 0.5)
assert apart[0] < first
assert max(apart) < all_steps

# %% [markdown]
# The first loss agrees to the last digits. Then rounding makes itself felt: Adam divides every gradient by its own size,
# and so it makes steps even of the smallest differences. Two correct programs drift apart like this, by little beside a
# loss of about three.

# %% [markdown] tags=["further"]
# ## What a pickle can do

# %% [markdown]
# A pickle may contain the instruction "call this function with these arguments". Ours calls `print`. It might as well
# delete your files.


# %%
class Stowaway:
    """Harmless. But opening it calls the function that its author chose."""

    def __reduce__(self):
        return print, (
            ">>> this line was written by the file, while it was being opened",
        )


torch.save({"conv1.weight": torch.zeros(3), "note": Stowaway()}, folder / "gift.pt")
_ = torch.load(folder / "gift.pt", weights_only=False)

# %% [markdown]
# It ran before you could look inside. With `weights_only=True` PyTorch refuses. Since PyTorch 2.6 that is the default, but
# much code that you find switches it off.

# %%
import pickle

try:
    torch.load(folder / "gift.pt", weights_only=True)
except pickle.UnpicklingError as refused:
    print("refused:", str(refused).splitlines()[0].split(".")[0])
else:
    raise AssertionError("the stowaway came through")

# %% [markdown]
# A safetensors file is as plain as a file can be: the length of a list, the list of names, shapes and places, then the
# numbers. You can read it without any library:

# %%
import json

raw = (folder / "my_source" / "model.safetensors").read_bytes()
length = int.from_bytes(raw[:8], "little")
listed = json.loads(raw[8 : 8 + length])
print(f"{len(raw) / 1e6:.1f} MB, of which the list takes {length:,} bytes. One entry:")
print({"conv1.weight": listed["conv1.weight"]})

# %% [markdown]
# A safe format protects your machine, not your results: nothing in it says that the numbers are good, or honest. A hash
# from a source that you trust tells you whether they are the ones you wanted.

# %% [markdown] tags=["further"]
# ## What did it learn? The first filters

# %% [markdown]
# (This section needs *The same loop as a verb*.) Textbooks show the first layer of large networks: neat little edges and
# spots of colour. Ours has 32 filters of 3 × 3 pixels, each with a weight for red, green and blue. Here they are as
# pictures; grey stands for zero. The start can be drawn again, since its seed is known.
#
# > **Predict.** Training moves all weights. Which turn further away from where they started: those of the **first**
# > layer, which sees the pixels, or those of the **last** ones?


# %%
def mosaic(network):
    """The 32 first filters as one picture H×W×3: four rows of eight."""
    weight = network.conv1.weight.detach().cpu()
    tiles = 0.5 + 0.5 * weight / weight.abs().amax(dim=(1, 2, 3), keepdim=True)
    tiles = F.pad(tiles, (0, 1, 0, 1), value=1.0).unflatten(0, (4, 8))
    return tiles.permute(0, 3, 1, 4, 2).reshape(16, 32, 3)


# %% [markdown]
# First the start, then yours, then the shipped network, which came from the same start.

# %%
start = tl.models.create("resnet_small", num_classes=letters.num_classes, seed=0)
networks = {"random start": start, "1,200 letters (yours)": model}
networks["10,000 letters (shipped)"] = shipped
fig, panels = tl.figures.axes(9.6, 2.2, 1, len(networks))
for ax, (name, network) in zip(panels, networks.items(), strict=True):
    ax.imshow(mosaic(network))
    ax.set_title(name, fontsize=10)
    ax.axis("off")
headline(fig, "The same filters, three times: letters hardly changed them")
alt = "Three mosaics of 32 filters, coloured noise that is nearly alike in all three."
tl.figures.show(fig, alt=alt)

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
# A helper prints both for every stage.


# %%
def report(name, network, start):
    """Print angle and movement of every stage."""
    pairs = [(vector(network, stage), vector(start, stage)) for stage in STAGES]
    moved = [(now - then).square().mean().sqrt() for now, then in pairs]
    angles = turned(network, start)
    print(f"{name:<17} angle  ", *(f"{angle:6.1f}°" for angle in angles))
    print(f"{'':<17} moved  ", *(f"{way:7.4f}" for way in moved))


# %% [markdown]
# Yours, and the shipped network's:

# %%
angles = {"your letters": turned(model, start), "shipped": turned(shipped, start)}
print(f"{'':<25}", *(f"{stage:>7}" for stage in STAGES))
report("your letters", model, start)
report("shipped letters", shipped, start)
assert all(max(values) == values[-1] for values in angles.values())

# %% [markdown]
# By angle the **last** stage turned furthest, in both. Did it learn most, then? **The control:** two equal networks take a
# few steps, one with the letters' labels, one with the same labels in random order.

# %%
from dataclasses import replace

order = torch.randperm(len(few.train), generator=torch.Generator().manual_seed(0))
shuffled = tl.data.Split(few.train.inputs, few.train.labels[order])
begin, blind = (tl.models.create("resnet_small", **options) for _ in range(2))
pretrain(blind.train(), replace(few, train=shuffled), epochs=1)
report("few, their labels", left, begin)
report("few, random order", blind, begin)
learned, control = turned(left, begin), turned(blind, begin)
assert control[0] < control[-1]
assert all(abs(a - b) < 0.25 * a for a, b in zip(learned, control, strict=True))

# %% [markdown]
# There is your answer, and a trap in it. In so few steps neither network can have learned much, and the angles rise
# already, with random labels nearly alike. So a rise alone does not show where letters were learned. The rows of
# movement show why: each stage moved about as far. AdamW's steps have the size of the learning rate, whether the
# gradient is large or small. But later stages *start* with smaller weights: this network draws a layer's weights the
# smaller, the more outputs the layer has. And the same movement turns a shorter vector further. (What a layer is worth,
# lesson 07 asks.)
#
# The same for ImageNet's student. (Its own random start has 1,000 outputs.)

# %%
student = tl.models.create("resnet_small", weights="imagenet_distilled")
its_start = tl.models.create("resnet_small", num_classes=1000, seed=0)
angles["ImageNet, distilled"] = turned(student, its_start)

# %% [markdown]
# On the left its filters, on the right the angles of all three networks.

# %% tags=["hide-input"]
looks = zip((GREY, INK, VERMILION), "os^", strict=True)
fig, (left_ax, right_ax) = tl.figures.axes(8.6, 3.1, 1, 2, width_ratios=(1.3, 1))
left_ax.imshow(mosaic(student))
left_ax.axis("off")
for (name, values), (color, marker) in zip(angles.items(), looks, strict=True):
    right_ax.plot(STAGES, values, color=color, marker=marker, label=name)
right_ax.set(ylim=(0, 95), ylabel="turned by (degrees)")
right_ax.legend(loc="upper left", fontsize=9)
headline(fig, "Every stage turned further, and still there are no neat edges")
alt = "Left: 32 filters like noise. Right: the last stage turned furthest, in all."
tl.figures.show(fig, alt=alt, caption="Computed just now from the weights.")

# %% [markdown]
# These filters do not tell which network knows cats. Accuracy on a target does.

# %% [markdown] tags=["further"]
# ## One training under two headings

# %% [markdown]
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
from torch import nn


def fresh(classes):
    """A body of one layer, a head, an optimiser for both; the same on every call."""
    torch.manual_seed(env.seed)
    body = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
    network = nn.Sequential(body, nn.Linear(64, classes))
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
print("Two stages and one loop: the same losses, the same weights, to the last bit.")

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

# %% tags=["hide-input"]
titles = ("one text twice", "same task, new head", "source, then target")
fig, panels = tl.figures.axes(9.6, 3.2, 1, 3, sharey=True)
for ax, means, title in zip(panels, (stages, same_task, new_task), titles, strict=True):
    ax.plot(range(1, 11), means[:10], "o-", color=GREY, label='"pretraining"')
    ax.plot(range(11, 21), means[10:], "^-", color=VERMILION, label='"fine-tuning"')
    ax.axvline(10.5, color=INK, linestyle="--", linewidth=1)
    ax.set(title=title, xlabel="epoch", ylim=(0, None))
panels[0].set_ylabel("training loss")
panels[0].legend(loc="upper right")
headline(fig, "Where nothing changes there is no seam; a new head alone makes one")
alt = (
    "Left: one smooth falling curve. Middle and right: the loss falls, jumps up where "
)
alt += "the head is new, and falls again."
tl.figures.show(fig, alt=alt, caption="You just ran this, on scikit-learn's digits.")

# %% [markdown]
# On the right the loss jumps, and in the middle, too, where only the head is new. So a jump is no proof of two stages.
# Hold the core's list, *what has to differ*, against the program.

# %% [markdown] tags=["further"]
# ## Who gives the answers?

# %% [markdown]
# The loop needs an answer for every picture. People are one source of answers among others.
#
# | pretraining | the answers come from | for example |
# |---|---|---|
# | **supervised** (有监督) | people who label, or a font | ImageNet networks; your letters |
# | **self-supervised** (自监督) | the data: hide a part, or change it, and ask for it | BERT (hidden words), GPT (the next word), [rotation](https://arxiv.org/abs/1803.07728) |
# | **distilled** (蒸馏) | another network | `imagenet_distilled`; lesson 12 |
#
# Self-supervision in one picture: turn a photograph, and ask by how much it was turned. To answer, a network has to know
# that a cat's nose is below its eyes. The labels cost nothing. Lesson 15 pretrains in this way.

# %%
from skimage import data as photographs

cat = torch.from_numpy(photographs.chelsea()[:300, 75:375].copy()).permute(2, 0, 1)
turns = torch.stack([torch.rot90(cat, k, dims=(1, 2)) for k in range(4)])
tl.figures.image_grid(
    turns,
    titles=[f"label {k}: {90 * k}°" for k in range(4)],
    columns=4,
    title="Four labelled examples from one photograph that nobody labelled",
    alt="A ginger cat's face four times: upright, turned by 90, 180 and 270 degrees.",
)

# %% [markdown]
# There are more kinds of pretrained model than language and vision, the two in source text 003: for speech
# ([wav2vec 2.0](https://arxiv.org/abs/2006.11477)), for pictures with texts
# ([CLIP](https://arxiv.org/abs/2103.00020)), for graphs, for tables. One in its list cannot be had: **GPT-3's** weights
# were never published. Its makers tuned it for customers, but nobody outside could load it. Nor was it made of Wikipedia;
# [the largest part by far was Common Crawl](https://arxiv.org/abs/2005.14165), pages from all over the web.
#
# > **How are transfer learning and pretrained models related?** (Source text 000 asks.) A pretrained model is a *thing*:
# > weights, with instructions for feeding them. Transfer learning is a *use*. The thing can be used without transfer: in
# > lesson 00 it named photographs, which is what it was trained for. And there is transfer without the thing: when
# > source examples are weighed and trained on together with the target's (lesson 13), no checkpoint changes hands.

# %% [markdown] tags=["further"]
# ## What the student calls a photograph

# %% [markdown]
# ImageNet's student came away with its teacher's 1,000 words. Does it name photographs? The recipe is
# `authoring/weights/imagenet_distilled.py`, and anyone can run it again.

# %%
from skimage import data as photographs
from sklearn.datasets import load_sample_image
from torchvision.models import EfficientNet_B0_Weights

words = EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]
found = {name: getattr(photographs, name)() for name in ("rocket", "coffee")}
found |= {"cat": photographs.chelsea(), "astronaut": photographs.astronaut()}
found["flower"] = load_sample_image("flower.jpg")
photos = {}
for name, picture in found.items():
    photos[name] = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None]


# %% [markdown]
# The words that a network finds most likely:


# %%
def best_words(network, photo, k=1):
    """The k most likely of ImageNet's 1,000 words for a photograph, uint8 1×3×H×W."""
    with torch.no_grad():
        scores = tl.models.logits(network, network.preprocess(photo))
    return [words[i] for i in scores[0].topk(k).indices.tolist()]


# %% [markdown]
# The teacher sees 224 × 224 pixels, the student 32 × 32.

# %%
teacher = tl.models.create("efficientnet_lite0", weights="imagenet")
student = tl.models.create("resnet_small", weights="imagenet_distilled")
for name, photo in photos.items():
    said = ", ".join(best_words(student, photo, 3))
    print(f"{name:<9}  teacher: {best_words(teacher, photo)[0]:<12}  student: {said}")

# %% [markdown]
# Here are the photographs as the student sees them.

# %%
seen = torch.cat([student.preprocess(photo) for photo in photos.values()])
tiny = (seen * 127.5 + 127.5).round().to(torch.uint8)
names = [best_words(student, photo)[0] for photo in photos.values()]
tl.figures.image_grid(
    tiny,
    titles=names,
    wrong=["cat" not in name for name in names],
    columns=5,
    title="Of these five, the student can name the cat",
)

# %% [markdown]
# The cat is a cat, from 32 × 32 pixels. The rocket turns into a ship, and the words for cup and flower are absurd. (For
# the astronaut there is no right word.) Two causes offer themselves. The student heard its teacher speak about CIFAR-10's photographs, and these are all
# of animals and vehicles. It has an output called *espresso*, but was never shown a cup. And it sees few pixels. **The
# control:** the teacher gets the student's pictures, enlarged.

# %%
for name, picture in zip(photos, tiny, strict=True):
    said = ", ".join(best_words(teacher, picture[None], 3))
    print(f"{name:<9}  teacher, from 32 × 32 pixels: {said}")

# %% [markdown]
# From 32 × 32 pixels the teacher loses rocket and flower, too: there the pixels may be the cause. For the astronaut
# ImageNet has no word at any size. The coffee it nearly names: there the pixels do not explain the student's words. So
# before you blame a recipe, give both networks the same pictures.

# %% [markdown] tags=["further"]
# ## What the source texts say

# %% [markdown]
# Some things in the texts that the course grew from, said differently here:
#
# * 004 §2–4 lets a *pretrained* model be trained on ImageNet. That goes in a circle: the training is what makes it
#   pretrained. It announces three methods and lists fine-tuning twice: feature extraction is the one that got lost. And it
#   writes the same $\theta$ in both stages; $\theta'$ only *starts* at $\theta^{*}$. Its sums: lesson 02.
# * 002 §3.2 calls the structure an initialisation. The structure is *copied*; the weights *initialise*.
# * 000, FAQ 3, wants a source that needs little computing. What counts is that its weights exist already, and that a pass
#   through the network is cheap for *you*.

# %% [markdown] tags=["further"]
# ## Sources

# %% [markdown]
# * K. He and others: [*Deep residual learning for image recognition*](https://arxiv.org/abs/1512.03385), CVPR 2016.
#   O. Russakovsky and others: [*ImageNet large scale visual recognition challenge*](https://arxiv.org/abs/1409.0575), IJCV 2015.
# * M. Tan, Q. Le: [*EfficientNet*](https://arxiv.org/abs/1905.11946), ICML 2019. The Lite variant and its weights are Google's.
# * G. Hinton, O. Vinyals, J. Dean: [*Distilling the knowledge in a neural network*](https://arxiv.org/abs/1503.02531), 2015.
# * F. Sarnthein and others: [*Random teachers are good teachers*](https://arxiv.org/abs/2302.12091), ICML 2023: students
#   that have their teacher's architecture (*self-distillation*) gain from a random teacher, too.
# * S. Gidaris, P. Singh, N. Komodakis: [*Unsupervised representation learning by predicting image
#   rotations*](https://arxiv.org/abs/1803.07728), ICLR 2018.
# * L. Smith, N. Topin: [*Super-convergence*](https://arxiv.org/abs/1708.07120), 2018, for the one-cycle schedule.
# * I. Goodfellow, Y. Bengio, A. Courville: [*Deep Learning*](https://www.deeplearningbook.org), 2016, chapter 15: pretraining as a stage.
# * Python's manual on [pickle](https://docs.python.org/3/library/pickle.html) opens with a warning.
#   [safetensors](https://huggingface.co/docs/safetensors) describes its format on one page.
# * Data: letters from matplotlib's fonts; CIFAR-10 (Krizhevsky 2009); MNIST-M after
#   [Ganin and others 2016](https://jmlr.org/papers/v17/15-239.html); digits and flower of scikit-learn; photographs of
#   scikit-image (cat: S. van der Walt; coffee: R. Michetti; rocket: SpaceX; astronaut: NASA).
