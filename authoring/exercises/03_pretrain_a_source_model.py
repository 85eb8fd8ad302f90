# %% [markdown]
# # Exercises 03: pretrain a source model
#
# {{budget}}
#
# What passes from the first stage to the second is a file. Most of these questions are about that file: what has to be in
# it, how to write and open it, and how to go on from it. `tl.hint("safe_load")` gives a hint, `tl.progress()` shows how
# far you are.
#
# For the first five questions the core of the lesson is enough (★). The last two, `rotations` and `split_first`, go with
# its folded section *Who gives the answers?*.

# %%
import copy

import torch

import tl_course as tl

env = tl.setup(threads=1, quiet=True)

# %% [markdown]
# {{question crosses_over}}
#
# You have pretrained a network on printed letters. A colleague, who has photographs of digits, keeps all of its backbone as
# it is and trains a new head on its features. Which of these does the *second stage* need?
#
# * **A.** The convolutions' weights.
# * **B.** BatchNorm's running means and variances.
# * **C.** The weights of the head that named the letters.
# * **D.** The optimiser's momentum at the end of pretraining.
# * **E.** Size, mean and standard deviation of the pictures that it was fed.
# * **F.** The letters and their labels.
#
# Answer with the letters, for instance `"AF"`.

# %%
### BEGIN SOLUTION
answer_crosses_over = "ABE"
### END SOLUTION

# %%
tl.check("crosses_over", answer_crosses_over)

# %% [markdown]
# {{question save_whole}}
#
# Write a checkpoint into `file`, an open binary file. Your reader will make a network of the same architecture, open the
# file with `torch.load(file, weights_only=True)`, and give what comes out to `load_state_dict`, strictly. She must get
# your network, number for number. Leave the model as it is: its training goes on.


# %%
def answer_save_whole(model, file):
    """Write all numbers of the model into an open file, and nothing that runs."""
    ### BEGIN SOLUTION
    torch.save(model.state_dict(), file)
    ### END SOLUTION


# %%
tl.check("save_whole", answer_save_whole)

# %% [markdown]
# {{question safe_load}}
#
# Lines like these stand in much code that you find:


# %%
def broken_load(model, file):
    """Meant: fill the model with the numbers of a checkpoint."""
    model.load_state_dict(torch.load(file, weights_only=False), strict=False)


# %% [markdown]
# Repair it. The file was written by `torch.save`. Good files must fill the model, all of its tensors. A file with missing
# or strange names must end in an error that your caller sees, and no file may run code of its own. (One of ours tries to.
# Its code does nothing but leave a trace.)


# %%
def answer_safe_load(model, file):
    """Fill the model from an open file, completely and safely, or raise."""
    ### BEGIN SOLUTION
    state = torch.load(file, weights_only=True)
    model.load_state_dict(state)
    ### END SOLUTION


# %%
tl.check("safe_load", answer_safe_load)

# %% [markdown]
# {{question resume}}
#
# A long pretraining is interrupted. What is left is what was saved. A new process builds a new model and optimiser, with
# `make()`, and goes on:


# %%
def broken_resume(model, optimizer, make):
    """Meant: new objects that go on as if nothing had happened."""
    saved = copy.deepcopy(model.state_dict())
    model, optimizer = make()
    model.load_state_dict(saved)
    return model, optimizer


# %% [markdown]
# It goes on, but not as if nothing had happened: the loss jumps at each restart. Repair it, so that training the new pair
# gives exactly the weights that training the old one would have given. The optimiser is SGD with momentum, and its learning
# rate was lowered on the way. (`copy.deepcopy` stands for writing a file and reading it.)


# %%
def answer_resume(model, optimizer, make):
    """A new model and optimiser from make(), which go on where the old ones stopped."""
    ### BEGIN SOLUTION
    saved = copy.deepcopy([model.state_dict(), optimizer.state_dict()])
    model, optimizer = make()
    model.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    return model, optimizer
    ### END SOLUTION


# %%
tl.check("resume", answer_resume)

# %% [markdown]
# {{question credit}}
#
# Three backbones of one architecture, each probed on the target with the same seeds. The first has `random` weights. The
# second, the `control`, learned by imitating a network with random weights on many pictures. The third learned by
# imitating an `imagenet` network on the same pictures, for as many steps. You have their test accuracies, one for each
# seed. How much, on average, did *having seen the pictures* give, and how much did *the teacher's knowledge* add to that?


# %%
def answer_credit(random, control, imagenet):
    """[what the pictures gave, what the teacher added]; arguments: a number a seed."""
    ### BEGIN SOLUTION
    pictures = (control - random).mean()
    knowledge = (imagenet - control).mean()
    return [pictures, knowledge]
    ### END SOLUTION


# %%
tl.check("credit", answer_credit)

# %% [markdown]
# {{question rotations}}
#
# Make a labelled source out of pictures that nobody labelled. From N pictures make 4N: first all of them as they are, with
# label 0; then all of them turned by one quarter, as `torch.rot90` turns, with label 1; then by two; then by three.


# %%
def answer_rotations(images):
    """Pictures uint8 N×3×H×H → pictures 4N×3×H×H and 4N labels."""
    ### BEGIN SOLUTION
    turned = [torch.rot90(images, k, dims=(2, 3)) for k in range(4)]
    labels = torch.arange(4).repeat_interleave(len(images))
    return torch.cat(turned), labels
    ### END SOLUTION


# %%
tl.check("rotations", answer_rotations)

# %% [markdown]
# {{question split_first}}
#
# With such a source somebody wants to know how well the network tells which way is up, on photographs it has not seen.
# `turn(photographs)` gives four versions of each photograph and their labels, as in the question before:


# %%
def broken_split(photographs, held, turn):
    """Meant: training examples, and test examples from the last `held` photographs."""
    images, labels = turn(photographs)
    cut = len(images) - 4 * held
    return (images[:cut], labels[:cut]), (images[cut:], labels[cut:])


# %% [markdown]
# The same photographs are on both sides, only turned otherwise, and nearly all test pictures are turned alike. Repair it:
# the last `held` photographs are for the test, in all four versions, and no
# version of them is trained on.


# %%
def answer_split_first(photographs, held, turn):
    """Two pairs: training pictures and labels, test pictures and labels."""
    ### BEGIN SOLUTION
    train, test = photographs[:-held], photographs[-held:]
    return turn(train), turn(test)
    ### END SOLUTION


# %%
tl.check("split_first", answer_split_first)

# %% [markdown]
# ## Explain it (not graded)
#
# A program has a loop headed *pretraining* and, below it, the same loop headed *fine-tuning*. "Mine is different," a
# friend says: "before the second loop I lower the learning rate." Is it two stages now? Say what passes from the first
# loop to the second, and what would have to differ for you to speak of transfer. Write here:
#
# *your words*

# %% [markdown] tags=["solution"]
# **One answer.** It is one training with a schedule. Both loops see the same data with the same labels, so nothing is
# learned in the first that the second could not have learned; what passes on is a network half-way through its task. For
# transfer the first loop needs *other data or another question* (a source), and therefore a head of its own; then the
# backbone and its way of being fed cross over, a new head and a new optimiser begin, and the loss jumps at the seam.
