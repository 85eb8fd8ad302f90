# ---
# tl_course:
#   target: cifar10
#   summary: Check your machine, let a real ImageNet network look at real photographs, and learn how this course works.
#   minutes: 30
# ---

# %% [markdown]
# # Start here
#
# **When you have finished this lesson you will be able to**
#
# * run a pretrained network on a photograph and say what each of the steps is for;
# * point at the two parts of such a network, the *backbone* (骨干网络) and the *head* (分类头), and predict what happens
#   when it meets a thing it has no word for;
# * read an experiment together with its *control* (对照实验), the run that shows what would have happened anyway;
# * tell whether your machine is ready for the course, and mend what is not.
#
# {{budget}}

# %% [markdown]
# ## How this course works: predict, run, check
#
# You are reading a notebook: text, and cells of Python that you run yourself with <kbd>Shift</kbd>+<kbd>Enter</kbd>,
# from top to bottom. Before an experiment, **predict** what will come out. Then **run** it: no GPU and no network are
# needed. Questions at the end let you **check** yourself.
#
# This file is your own copy. Change it, break it, run it again. Some sections are folded; the lesson stands without
# them. Open them when you are curious.
#
# Every lesson begins with the next line. It settles what to use, prints it on one card, and sets the random seed, so
# that a second run gives what the first one gave.

# %%
import tl_course as tl

env = tl.setup()

# %% [markdown]
# ## Four photographs and a prediction
#
# **ImageNet** is a collection of photographs in about [22,000 categories](https://arxiv.org/abs/1409.0575). Most people
# who say ImageNet mean a part of it, the 1,000 classes of a yearly contest: breeds of dog, kinds of vehicle, mushrooms,
# furniture. A network trained on that part has 1,000 words and no others. Here are four photographs of ours.

# %%
import torch
from skimage import data

photos = {
    name: getattr(data, name)() for name in ("cat", "coffee", "rocket", "astronaut")
}

# %% [markdown]
# Networks want square pictures.


# %%
def centre_square(photo):
    """Cut the largest square out of the middle: uint8 H×W×3 → uint8 3×S×S."""
    height, width, _ = photo.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut = photo[top : top + side, left : left + side].copy()
    return torch.from_numpy(cut).permute(2, 0, 1)


squares = {name: centre_square(photo) for name, photo in photos.items()}

# %% [markdown]
# And they want all pictures at one size. `antialias` matters: without it, shrinking leaves jagged edges that no
# training picture had.

# %%
from torch.nn.functional import interpolate


def resize(square, side=224):
    """Resize uint8 3×S×S to float 1×3×side×side, values 0 to 255."""
    how = {"size": (side, side), "mode": "bicubic", "antialias": True}
    return interpolate(square[None].float(), **how).clamp(0, 255)


small = torch.cat([resize(square) for square in squares.values()])

# %% [markdown]
# Look at them first. Every figure of this course says what it shows in words, too, for those who cannot see it.

# %%
tl.figures.image_grid(
    small.to(torch.uint8),
    titles=list(squares),
    columns=4,
    title="Which of these four will the network name?",
    alt="Four photographs: a ginger cat's face, a cup of coffee, a rocket on its pad, "
    "a smiling astronaut.",
)

# %% [markdown]
# > **Predict.** For each photograph: will the network's first answer be right? And what will it answer for the
# > astronaut, when *astronaut* is not among its 1,000 words: nothing, "I do not know", or something else?

# %% [markdown]
# ## In the open, step by step
#
# The network is EfficientNet-Lite0, small enough for a telephone. The library `timm` knows how it is built; the file with its
# trained weights was fetched when you installed the course, and its hash is checked before it is used.

# %%
import timm
from safetensors.torch import load_file

weights = load_file(tl.assets.get("efficientnet_lite0") / "model.safetensors")
network = timm.create_model("tf_efficientnet_lite0")
network.load_state_dict(weights)
network = network.eval()

# %% [markdown]
# `eval()` tells layers such as BatchNorm and dropout that we use the network and do not train it.
#
# Next the photographs must look the way the network's training pictures looked: 224 pixels wide, and numbers
# between −1 and 1 (the next cell subtracts a mean and divides by a spread). These statistics belong to the **weights**, not
# to your data.
#
# Then the network's two parts. The **backbone** turns a photograph into a list of numbers, its **features** (特征). The
# **head** turns features into a score for each word, a **logit**.

# %%
inputs = (small / 255 - 0.5) / 0.5

with torch.no_grad():
    backbone_output = network.forward_features(inputs)
    features = network.forward_head(backbone_output, pre_logits=True)
    logits = network.classifier(features)

print("photographs", tuple(inputs.shape))
print("features   ", tuple(features.shape))
print("logits     ", tuple(logits.shape))

# %% [markdown]
# *Softmax* makes probabilities of the scores. We print the three best words for each photograph. (`tl.expect`
# stops with a message if a result is not what the text says.) The words come from
# torchvision. Its networks and timm's that were trained on the 1,000 classes number them in the same order.

# %%
from torchvision.models import EfficientNet_B0_Weights

words = EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]
probabilities = logits.softmax(dim=1)

for name, row in zip(squares, probabilities, strict=True):
    best = row.topk(3)
    pairs = zip(best.values, best.indices, strict=True)
    print(f"{name:<10}", ", ".join(f"{words[k]} ({p:.0%})" for p, k in pairs))

first = dict(zip(squares, [words[row.argmax()] for row in probabilities], strict=True))
tl.expect("cat" in first["cat"] and first["coffee"] == "espresso", "two are right")

# %% [markdown]
# Mark your predictions.
#
# * **Cat: right**, as far as *cat* goes. Which kind, the network is unsure. (*Tabby* is a pattern of the coat.)
# * **Coffee: right**, in ImageNet's words.
# * **Rocket: wrong**, but near. Is there a word *rocket*? The next cell looks it up.
#
# And the astronaut?

# %%
for name in ("rocket", "astronaut"):
    print(f"words that contain {name!r}:", [word for word in words if name in word])
astronaut = list(squares).index("astronaut")
total = probabilities[astronaut].sum()
print(f"sum of the astronaut's probabilities: {total:.3f}")
tl.figures.probability_bars(
    words,
    probabilities[astronaut],
    image=squares["astronaut"],
    title="Without a word for her, the network names things that it knows",
)

# %% [markdown]
# It cannot say "I do not know". For a photograph $x$ the backbone gives features $\varphi(x)$, the head gives
# $z = W\varphi(x) + b$, and softmax gives
#
# $$p_k = \frac{e^{z_k}}{\sum_{j=1}^{K} e^{z_j}}, \qquad \text{so that} \quad \sum_{k=1}^{K} p_k = 1.$$
#
# The probabilities of every photograph add up to one, so some word always comes first. For the rocket and for the
# astronaut there is no right word. A head is a closed list of answers.

# %% [markdown]
# ## The same with the package
#
# Writing these steps out each time would hide what a lesson is about, so the companion package has a verb for them:
# `create` makes a network with its weights, and with its own preparation of pictures, `preprocess`.

# %%
model = tl.models.create("efficientnet_lite0", weights="imagenet")
batch = torch.cat([model.preprocess(square[None]) for square in squares.values()])

with torch.no_grad():
    same = tl.models.logits(model, batch)

assert torch.allclose(same, logits, atol=1e-3), "both ways must agree"
print("largest difference between the two:", f"{(same - logits).abs().max():.0e}")

# %% [markdown]
# ## The control experiment: where does the knowledge sit?
#
# The head has no word for the astronaut. Do the *features* know her all the same? If they do, we could throw the head
# away, keep the backbone, and teach it new words. That is the idea this course is about:
# **transfer learning** (迁移学习), using what was learned on one task for another.
#
# Here is a test. Take twelve photographs and compute the features of each. Then compute the features of a changed copy of
# each, cut out and mirrored. Which photograph has the features nearest to the copy's? First the twelve.

# %%
from skimage.exposure import equalize_hist
from sklearn.datasets import load_sample_images

others = ["retina", "hubble_deep_field", "immunohistochemistry"]
originals = [*photos.values(), *(getattr(data, name)() for name in others)]
originals += load_sample_images().images
for name in ("brick", "grass", "gravel"):
    originals.append(getattr(data, name)()[..., None].repeat(3, axis=2))

# %% [markdown]
# Then their changed copies. For a second test we take more away, from originals and copies alike: they become grey, and
# dark and bright occur equally often in each (*histogram equalisation*). So neither colour nor brightness tells one picture
# from another.


# %%
def zoom_and_mirror(square):
    """Keep the middle half of each side, and exchange left and right."""
    quarter = square.shape[1] // 4
    return square[:, quarter:-quarter, quarter:-quarter].flip(2)


def evened(pictures):
    """Grey pictures in which dark and bright occur equally often."""
    grey = [torch.tensor(equalize_hist(one.numpy())) for one in pictures.mean(dim=1)]
    return 255 * torch.stack(grey).float()[:, None].repeat(1, 3, 1, 1)


cut = [centre_square(photo) for photo in originals]
seen = torch.cat([resize(square) for square in cut])
changed = torch.cat([resize(zoom_and_mirror(square)) for square in cut])

# %% [markdown]
# Here are the first six, both ways. Some keep little of the original.

# %%
tl.figures.image_grid(
    torch.cat([changed[:6], evened(changed[:6])]).to(torch.uint8),
    titles=[*photos, "retina", "deep field"] + ["grey"] * 6,
    columns=6,
    title="Cut to the middle and mirrored; then made grey and equalised, too",
    alt="Six cut-out photographs, among them one eye of the cat, the rim of a cup, "
    "a space suit; below, the same in grey.",
)

# %% [markdown]
# > **Predict.** Of twelve copies in colour, how many will find their original: by ImageNet features? By the pixels? By
# > the features of the *same architecture with random weights*, which learned nothing? By the **mean colour**, three
# > numbers? And how many of twelve grey copies, among grey originals?
#
# Random weights and mean colour are the controls. Where one of them does as well, ImageNet deserves no credit. There are
# three random networks, since a single draw might be lucky.

# %%
ways = {"ImageNet weights": model.embed}
for seed in range(3):
    untrained = tl.models.create("efficientnet_lite0", seed=seed)
    ways[f"random weights, draw {seed + 1}"] = untrained.embed
ways["mean colour"] = lambda images: images.mean(dim=(2, 3))
ways["pixels"] = torch.nn.Identity()


def found_again(represent, copies, among):
    """Count the copies whose nearest neighbour among the originals is their own."""
    with torch.no_grad():
        own, other = (represent(x / 127.5 - 1).flatten(1) for x in (among, copies))
    nearest = torch.cdist(other, own).argmin(dim=1)
    return int((nearest == torch.arange(len(own))).sum())


# %% [markdown]
# The count, for each way and both kinds of copies:

# %%
kinds = {"coloured": (changed, seen), "grey": (evened(changed), evened(seen))}
found = {
    f"{kind} copies that find their original": {
        name: found_again(way, *pictures) for name, way in ways.items()
    }
    for kind, pictures in kinds.items()
}
tl.figures.bars(
    found,
    top=len(seen),
    looks={"ImageNet weights": "linear_probe"},
    title="Without colour, only the features trained on ImageNet find most of them",
    caption="You just ran this. Blind guessing finds one on average.",
)

# %% [markdown]
# The picture must hold on your machine as it does on ours, so the notebook checks itself:

# %%
coloured, greyed = found.values()
draws = [name for name in ways if name.startswith("random")]
rivals = [count for name, count in greyed.items() if name != "ImageNet weights"]
colour, trained = coloured["mean colour"], coloured["ImageNet weights"]
half = len(seen) / 2
best_draw = max(coloured[name] for name in draws)
tl.expect(colour > max(best_draw, half), "the mean colour must beat every draw")
tl.expect(trained >= colour, "in colour, ImageNet finds as many as the mean colour")
tl.expect(greyed["ImageNet weights"] > half > max(rivals), "grey: only ImageNet")

# %% [markdown]
# Two things to take from this picture.
#
# * **In colour, the test proves little.** Three numbers without any network find most copies, and random networks find
#   fewer. Without this control we would have credited ImageNet with what colour gives for free.
# * **Without colour, what ImageNet taught counts.** The random networks have the same architecture, and find less
#   than half. (Lesson 03 meets a random network that is given a fairer start, and is still far behind.)
#
# To find a photograph again is not to recognise what it shows. And twelve photographs are an illustration, not a proof.
# The lessons ahead measure with more pictures, several seeds, and intervals.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Ten minutes of talk, fifteen of work. Ask the room for a show of hands on "I do not know"
# before the bars appear; usually a third expects a low probability everywhere, and a few expect an error. The usual
# wrong answer to the control is that a random network finds none again. Let them say what survives both changes: the
# mean colour. Then ask what a grey copy could still be found by (its texture; how its grey values are distributed would
# serve, too, had we not evened it).

# %% [markdown]
# ## Is this machine ready? And when you are stuck
#
# The *profile* on the card at the top decides how large the experiments are. `mini` suits any laptop; `cpu` and `gpu`
# bring larger models to the same cells. *Precision* is the number format of the heavy arithmetic.
#
# The doctor looks further: is everything installed, is there room, are the files of your profile there? Each line
# that is not *good* comes with its remedy.

# %%
from tl_course.app.doctor import examine, report

print(report(examine()))

# %% [markdown]
# A cell raises an error? Read its last line first: our own errors say what is wrong and what to do. Then choose
# *Kernel → Restart Kernel and Run All Cells*; most surprises come from cells run out of order.
#
# For all else look at the line at the top and at the end of every lesson. It leads back, on, and to the exercises; to the
# *glossary*, English and Chinese; and under *Stuck?* to one page with hints and a way to a fresh copy of a lesson.

# %% [markdown]
# ## What to remember
#
# * A network is a **backbone** that makes features and a **head** that names classes. The head's list is closed.
# * Preparation of pictures follows the **weights**: their size, their statistics.
# * An experiment without its **control** tells you little. Ask what would have happened anyway.

# %% [markdown]
# ## Check yourself
#
# Choose first, then open.
#
# **1. You show this network a photograph of a bicycle bell, for which it has no word. What comes out?**
#
# <details><summary>An error, since the class is missing.</summary>Not this. Nothing in the network knows which
# photographs have a word and which do not.</details>
# <details><summary>1,000 probabilities that add up to one, with some word in front.</summary><b>Right.</b> Softmax always
# adds up to one. How high the first one is depends on what the photograph resembles.</details>
# <details><summary>Probabilities close to zero for all classes.</summary>Not this. They cannot all be close to zero and
# still add up to one; at their flattest they are all 1/1000.</details>
#
# **2. You want to tell ripe from unripe mangoes with this network. Which part do you replace?**
#
# <details><summary>The backbone, because mangoes are new to it.</summary>Not first. Colour, texture and shape are what the
# backbone already turns into features; you have just seen it find things again that have no word.</details>
# <details><summary>The head, by one with two outputs.</summary><b>Right.</b> The list of answers is what does not fit.
# Whether the backbone should also change a little is the question of fine-tuning.</details>
# <details><summary>Nothing: ask for the probability of "fig".</summary>Not this. A word that happens to be near is not the
# distinction you need.</details>
#
# **3. Why were there three random networks and not one?**
#
# <details><summary>Because three are more accurate when averaged.</summary>Not this. Nothing was averaged.</details>
# <details><summary>To see how much the result depends on the draw.</summary><b>Right.</b> Their bars differ. With one draw
# you could not tell an effect from luck.</details>
# <details><summary>Because random numbers need to warm up.</summary>Not this. Every draw from a seeded generator is as good
# as every other.</details>
#
# Now do the [exercises](../exercises/00_start_here.ipynb).

# %% [markdown] tags=["further"]
# ## The road ahead
#
# The course has six parts. The line at the top and bottom of each lesson leads to its neighbours.
#
# | part | what it asks |
# |---|---|
# | I Ideas | What is transfer learning, what does its loss look like, where do pretrained weights come from? |
# | II Vision | VGG as a feature extractor, fine-tuning a ResNet, judging the result, choosing a source. |
# | III Text | BERT for text classification, transfer between domains of text, fine-tuning only a few parameters. |
# | IV Compression | Knowledge distillation 知识蒸馏: a large teacher, a small student. |
# | V Between domains | Weighing source examples, aligning features, few labels or none. |
# | VI Practice | A clinic for silent bugs, privacy, a tour of applications, your own data. |

# %% [markdown] tags=["further"]
# ## What the source texts name, and where it stands here
#
# This course grew from five Chinese introductions to transfer learning, which we call the *source texts* 000 to 004.
# They name many tools, models, data sets and books. This is where each of them stands.
#
# | named in | name | here |
# |---|---|---|
# | 000, 001, 003, 004 | PyTorch | used: everything runs on it |
# | 000, 001, 003, 004 | TensorFlow, Keras | not used: two frameworks would double what you read; where a source text shows Keras, lessons rebuild the idea in PyTorch and say what differs |
# | 002 | Hugging Face Transformers | used: every BERT of the course comes through it |
# | 000, 003 | VGG | a small one on every laptop; torchvision's VGG16 in the larger profiles |
# | 002, 003, 004 | ResNet | a small one on every laptop; ResNet-18 and ResNet-50 in the larger profiles |
# | 003 | Inception | named only: `tl.models.create` makes it, and its 299-pixel inputs are too slow for a laptop |
# | 000, 002, 003, 004 | BERT | used: MiniLM, a BERT with six layers, on every laptop; BERT base in the `gpu` profile |
# | 003 | GPT-3 | not here: its weights were never published, so you cannot load them; from 2021 customers could have it [fine-tuned by its owner](https://openai.com/index/customizing-gpt-3/) over the network |
# | 000, 004 | recurrent networks (RNN) | used as the older relative of BERT in the text lessons |
# | 003 | Google's translation system (GNMT) | described only: it was trained from scratch on parallel texts and is no example of transfer |
# | 003 | "DeepMind speech recognition" | described only: DeepMind is known for speech *synthesis* (WaveNet); Google's recognisers came from other teams |
# | 000, 002, 003, 004 | ImageNet | used through networks trained on it, as in this lesson; the photographs themselves may not be passed on |
# | 000, 003, 004 | CIFAR-10 | used where you have a copy; it carries no licence, so the course does not ship it |
# | 000 | IMDb reviews | `gpu` profile |
# | 003 | Wikipedia | used through BERT, which was trained on it and on books |
# | 003 | *Deep Learning* (Goodfellow, Bengio, Courville 2016) | recommended: section 15.2 is on transfer; free to read on its authors' site |
# | 003 | a book called "Natural Language Processing" | cannot be found: no author is given |
# | 003 | the PyTorch documentation | recommended: start with its tutorial on transfer learning |

# %% [markdown]
# ## Sources
#
# * M. Tan, Q. Le: *EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks*, ICML 2019. The Lite
#   variant and its weights are Google's, under the Apache licence, converted from TensorFlow by a third party.
# * O. Russakovsky and others: *ImageNet Large Scale Visual Recognition Challenge*, IJCV 2015.
# * S. J. Pan, Q. Yang: *A Survey on Transfer Learning*, IEEE TKDE 2010, for the words this course uses.
# * Photographs: scikit-image (cat: S. van der Walt; coffee: R. Michetti; rocket: SpaceX; astronaut: NASA; and its
#   textures and medical pictures) and scikit-learn (China, flower).
