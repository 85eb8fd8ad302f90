# %% [markdown]
# # Exercises 12: knowledge distillation
#
# {{budget}}
#
# A distillation runs whether it is right or not: the loss falls, the student learns something, and a factor, a mode
# or a layer is missing. Here you write the parts by hand, on tables and networks so small that every number can be
# checked. `tl.hint("distil_loss")` gives a hint, `tl.progress()` shows how far you are. Predictions earn no points.
#
# ★ Start with `forgotten_square`, `distil_loss`, `asked_teacher` and `unseen_digit`: for them the core of the lesson is
# enough. The others use its further sections.

# %%
import torch
import torch.nn.functional as F

import tl_course as tl
from tl_course.exercises.networks import TinyEncoder

env = tl.setup(threads=1, quiet=True)

# %% [markdown]
# {{question forgotten_square}}
#
# Somebody distils with $\mathrm{KL}\big(\mathrm{softmax}(z_t/T)\,\Vert\,\mathrm{softmax}(z_s/T)\big)$ and forgets the
# factor $T^2$. At $T=20$ the student's logits $z_s$ get some gradient. Then the temperature is raised to $T=40$;
# logits, teacher and all else stay the same. How many times as long is the gradient now, roughly? Answer with a
# number: 1 for equally long, 2 for twice as long, and so on.

# %%
### BEGIN SOLUTION
answer_forgotten_square = 1 / 4
### END SOLUTION

# %%
tl.check("forgotten_square", answer_forgotten_square)

# %% [markdown]
# When you have answered, look: here are such gradients, for one student and one teacher.

# %%
generator = torch.Generator().manual_seed(env.seed)
student_logits, teacher_logits = torch.randn(2, 64, 10, generator=generator).unbind()
student_logits.requires_grad_()
for temperature in (1, 20, 40):
    student = (student_logits / temperature).log_softmax(dim=1)
    teacher = (teacher_logits / temperature).softmax(dim=1)
    divergence = F.kl_div(student, teacher, reduction="batchmean")
    (gradient,) = torch.autograd.grad(divergence, student_logits)
    print(f"T = {temperature:2}: length of the gradient {gradient.norm().item():.6f}")

# %% [markdown]
# {{question distil_loss}}
#
# Write the loss of Hinton, Vinyals and Dean,
#
# $$(1-a)\,\mathrm{CE}(z_s, y) + a\,T^2\,\mathrm{KL}\big(\mathrm{softmax}(z_t/T)\,\Vert\,\mathrm{softmax}(z_s/T)\big),$$
#
# with $a$ for `weight`. Both terms are means over the N examples; the divergence sums over the classes. The student
# gets the gradient, the teacher none. The definition that every implementation has to agree with is
# $\mathrm{KL}(q\,\Vert\,p)=\sum_c q_c \ln (q_c/p_c)$, here with $q$ for the teacher and $p$ for the student.


# %%
def answer_distil_loss(student_logits, teacher_logits, labels, temperature, weight):
    """The loss as a tensor of one number. Logits: N×C; labels: N class numbers."""
    ### BEGIN SOLUTION
    student = F.log_softmax(student_logits / temperature, dim=1)
    teacher = F.softmax(teacher_logits.detach() / temperature, dim=1)
    soft = temperature**2 * F.kl_div(student, teacher, reduction="batchmean")
    return (1 - weight) * F.cross_entropy(student_logits, labels) + weight * soft
    ### END SOLUTION


# %%
tl.check("distil_loss", answer_distil_loss)

# %% [markdown]
# {{question asked_teacher}}
#
# One step of a distillation. Teacher and student have BatchNorm; the optimiser holds the student's parameters and no
# others, so the teacher's weights are safe. The teacher is not:


# %%
def broken_step(student, teacher, images, divergence, optimizer):
    """Meant: the student takes a step towards the teacher's answers."""
    loss = divergence(student(images), teacher(images))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


# %% [markdown]
# Repair it. The student, which is in train mode, takes the step as before. The teacher may come in any mode. It must
# answer each picture by itself, whichever others are in the batch. After the step it must have the weights and
# statistics that it had before, and no gradients.


# %%
def answer_asked_teacher(student, teacher, images, divergence, optimizer):
    """Take one step: divergence(student's logits, teacher's logits) is the loss."""
    ### BEGIN SOLUTION
    teacher.eval()
    with torch.no_grad():
        wanted = teacher(images)
    loss = divergence(student(images), wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ### END SOLUTION


# %%
tl.check("asked_teacher", answer_asked_teacher)

# %% [markdown]
# {{question unseen_digit}}
#
# A student has learned from its teacher without ever seeing a picture of one class. Its logit for that class,
# `logits[:, unseen]`, is mostly too low, so it calls too few pictures so. One number, added to that logit in every
# row, can mend much of it. You have no labels; but you know that of these N pictures `count` belong to that class.
# Return a number with which exactly `count` pictures are called so, that is, have their largest logit there. (Where
# two are equally large, the unseen class wins.) `count` is at least 1 and smaller than N. No two pictures are alike.
# And if a class is called too often already, the number is negative.


# %%
def answer_unseen_digit(logits, unseen, count):
    """What to add to the logit of class number `unseen`. logits: N×C."""
    ### BEGIN SOLUTION
    others = logits.clone()
    others[:, unseen] = -torch.inf
    gaps = (others.amax(dim=1) - logits[:, unseen]).sort().values
    return (gaps[count - 1] + gaps[count]) / 2
    ### END SOLUTION


# %%
tl.check("unseen_digit", answer_unseen_digit)

# %% [markdown]
# {{question learned_regressor}}
#
# A hint in the sense of FitNets: the student's maps $v$ have fewer channels than the teacher's maps $u$, and a
# regressor $r$, a $1\times1$ convolution, stands between them. The loss is $\tfrac12\lVert u - r(v)\rVert^2$, summed
# over channels and positions, the mean over pictures. It falls nicely here, and something is wrong all the same.


# %%
def broken_hints(student, teacher, regressor, images, rate):
    """Meant: three steps of plain gradient descent towards the teacher's maps."""
    optimizer = torch.optim.SGD(student.parameters(), lr=rate)
    with torch.no_grad():
        wanted = teacher(images)
    for _ in range(3):
        loss = (wanted - regressor(student(images))).square().sum() / (2 * len(images))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


# %% [markdown]
# Repair it.


# %%
def answer_learned_regressor(student, teacher, regressor, images, rate):
    """Take three steps of torch.optim.SGD with this rate; return nothing."""
    ### BEGIN SOLUTION
    optimizer = torch.optim.SGD(
        [*student.parameters(), *regressor.parameters()], lr=rate
    )
    with torch.no_grad():
        wanted = teacher(images)
    for _ in range(3):
        loss = (wanted - regressor(student(images))).square().sum() / (2 * len(images))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    ### END SOLUTION


# %%
tl.check("learned_regressor", answer_learned_regressor)

# %% [markdown]
# {{question attention_map}}
#
# Attention transfer compares *where* two networks are active. From feature maps $A$, N×C×H×W, it makes one row of H·W
# numbers for each picture: the sum over channels of $A_c^2$, flattened, and divided by its Euclidean length. Where
# every activation of a picture is zero, its row is zero.


# %%
def answer_attention_map(maps):
    """The attention of each picture, N×(H·W), each row of length one. maps: N×C×H×W."""
    ### BEGIN SOLUTION
    energy = maps.square().sum(dim=1).flatten(1)
    return F.normalize(energy, dim=1)
    ### END SOLUTION


# %%
tl.check("attention_map", answer_attention_map)

# %% [markdown]
# {{question equal_rows}}
#
# Relational distillation asks that the student's examples lie to each other as the teacher's do. For that it needs all
# distances within a batch, divided by their mean.


# %%
def broken_distances(x):
    """Meant: all distances between the rows of x, over their mean."""
    distances = (x[:, None] - x[None]).square().sum(dim=2).sqrt()
    return distances / distances.mean()


# %% [markdown]
# The numbers look well. The gradient does not, and the diagonal alone is enough for that:

# %%
rows = torch.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 4.0]], requires_grad=True)
broken_distances(rows)[0, 1].backward()
print(rows.grad)

# %% [markdown]
# Repair it. Two equal rows have the distance 0, which must add nothing to any gradient. All other
# distances keep theirs. The mean is taken over the distances that are not 0. Where all rows are equal, all of the table
# is 0, and so is the gradient.


# %%
def answer_equal_rows(x):
    """The table N×N of distances over their mean, differentiable. x: N×D."""
    ### BEGIN SOLUTION
    squares = (x[:, None] - x[None]).square().sum(dim=2)
    apart = squares > 0
    distances = squares.where(apart, 1).sqrt().where(apart, 0)
    if not apart.any():
        return distances
    return distances / distances[apart].mean()
    ### END SOLUTION


# %%
tl.check("equal_rows", answer_equal_rows)

# %% [markdown]
# {{question student_layers}}
#
# The student of DistilBERT starts as its teacher with layers left out. Here is a network that is built so:

# %%
print(TinyEncoder(depth=6, classes=3, seed=0))

# %% [markdown]
# Fill a student with fewer layers. It takes the embeddings, the head `classifier`, and of each group of `step` layers
# the first (the lesson took the last): the teacher's layers 0, `step`, 2·`step` and so on, with `step` the teacher's
# number of layers over the student's, a whole number. Then the student is trained, and the teacher must not change.


# %%
def answer_student_layers(teacher, student):
    """Give the student the teacher's weights, and return it."""
    ### BEGIN SOLUTION
    step = len(teacher.layers) // len(student.layers)
    student.embeddings.load_state_dict(teacher.embeddings.state_dict())
    student.classifier.load_state_dict(teacher.classifier.state_dict())
    for own, theirs in zip(student.layers, teacher.layers[::step], strict=True):
        own.load_state_dict(theirs.state_dict())
    return student
    ### END SOLUTION


# %%
tl.check("student_layers", answer_student_layers)

# %% [markdown]
# ## Explain it (not graded)
#
# A colleague distils a large teacher into a small student, with labels and soft targets together. The student's test
# accuracy is nearly the teacher's. "Distillation works," he says, "and the student now knows what the teacher knows."
# Which experiment is missing before the first half of his sentence may be said? And what would you look at, beside the
# accuracy, before the second? Write here:
#
# *your words*

# %% [markdown] tags=["solution"]
# **One answer among many.** *For the first half*, two controls: the same student, from the same start, with the same
# steps and labels, without a teacher; and once more with smoothed labels. A small network may be good enough on its
# own, and softness alone may do what the teacher did. Only what is left over both, over several seeds, is the
# teacher's doing. *For the second half*, look at the answers and not at their score: how often do the two agree,
# above all where the teacher is wrong? Equal accuracy can come from different mistakes. A student inherits a
# teacher's errors and prejudices as willingly as its knowledge, agrees with it only on inputs like those it was asked
# about, and may be far worse on rare classes, on other data, or in how sure it is. And what the teacher could do
# besides, on tasks that it was never asked about, is not handed on at all.
