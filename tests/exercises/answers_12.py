"""Answers to the questions of lesson 12 as learners write them: right ones in other ways, wrong ones by name."""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tl_course import losses

# --- distil_loss ------------------------------------------------------------------------------------------------------


def _by_hand(z_s, z_t, y, T, a):
    p = F.softmax(z_t.detach() / T, dim=-1)
    soft = (p * (p.log() - F.log_softmax(z_s / T, dim=-1))).sum(dim=-1).mean()
    return (1 - a) * nn.CrossEntropyLoss()(z_s, y) + a * T * T * soft


def _by_package(z_s, z_t, y, T, a):
    return losses.distillation(z_s, z_t, y, temperature=T, weight=a)


def _by_module(z_s, z_t, y, T, a):
    with torch.no_grad():
        target = torch.log_softmax(z_t / T, dim=1)
    divergence = nn.KLDivLoss(reduction="sum", log_target=True)(torch.log_softmax(z_s / T, 1), target)
    return torch.lerp(F.cross_entropy(z_s, y), divergence / len(y) * T**2, a)


def _by_entropy(z_s, z_t, y, T, a):
    p = (z_t.detach() / T).softmax(dim=1)
    entropy = -(p * p.log()).sum(dim=1).mean()
    return (1 - a) * F.cross_entropy(z_s, y) + a * T**2 * (F.cross_entropy(z_s / T, p) - entropy)


def _mixed(soft, stop=True):
    """With this soft term, the teacher's gradient stopped or, as many forget, not."""

    def answer(z_s, z_t, y, T, a):
        z_t = z_t.detach() if stop else z_t
        return F.cross_entropy(z_s, y) * (1 - a) + soft(z_s, z_t, T) * a

    return answer


def _log(z, T):
    return F.log_softmax(z / T, dim=1)


def _soft(z, T):
    return F.softmax(z / T, dim=1)


def _teacher_in_the_graph(z_s, z_t, y, T, a):
    soft = F.kl_div(_log(z_s, T), _soft(z_t, T), reduction="batchmean")
    return (1 - a) * F.cross_entropy(z_s, y) + a * soft * T**2


def _with_item(z_s, z_t, y, T, a):
    return _by_hand(z_s, z_t, y, T, a).item()


def _soft_half_cut(z_s, z_t, y, T, a):
    return _by_hand(z_s.detach(), z_t, y, T, a)


# --- asked_teacher ----------------------------------------------------------------------------------------------------


def _on_a_copy(student, teacher, images, divergence, optimizer):
    teacher = copy.deepcopy(teacher).eval().requires_grad_(False)
    optimizer.zero_grad()
    divergence(student(images), teacher(images)).backward()
    optimizer.step()


def _one_by_one(student, teacher, images, divergence, optimizer):
    mode = teacher.training
    teacher.train(False)
    with torch.inference_mode():
        wanted = torch.cat([teacher(image[None]) for image in images])
    teacher.train(mode)
    optimizer.zero_grad(set_to_none=False)
    divergence(student(images), wanted.clone()).backward()
    optimizer.step()


def _detached(student, teacher, images, divergence, optimizer):
    wanted = teacher.eval()(images).detach()
    divergence(student(images), wanted).backward()
    optimizer.step()
    optimizer.zero_grad()


def _no_grad_alone(student, teacher, images, divergence, optimizer):
    with torch.no_grad():
        wanted = teacher(images)
    optimizer.zero_grad()
    divergence(student(images), wanted).backward()
    optimizer.step()


def _flags_alone(student, teacher, images, divergence, optimizer):
    for weight in teacher.parameters():
        weight.requires_grad = False
    optimizer.zero_grad()
    divergence(student(images), teacher(images)).backward()
    optimizer.step()


def _eval_alone(student, teacher, images, divergence, optimizer):
    teacher.eval()
    student.train()
    optimizer.zero_grad()
    divergence(student(images), teacher(images)).backward()
    optimizer.step()


def _everybody_in_eval(student, teacher, images, divergence, optimizer):
    for model in (student, teacher):
        model.eval()
    wanted = teacher(images).detach()
    optimizer.zero_grad()
    divergence(student(images), wanted).backward()
    optimizer.step()


def _no_grad_for_all(student, teacher, images, divergence, optimizer):
    teacher.eval()
    with torch.no_grad():
        answers, wanted = student(images), teacher(images)
    optimizer.zero_grad()
    divergence(answers, wanted).backward()
    optimizer.step()


def _no_step(student, teacher, images, divergence, optimizer):
    wanted = teacher.eval()(images).detach()
    divergence(student(images), wanted).backward()


def _swapped_roles(student, teacher, images, divergence, optimizer):
    wanted = teacher.eval()(images).detach()
    optimizer.zero_grad()
    divergence(wanted, student(images)).backward()
    optimizer.step()


# --- unseen_digit -----------------------------------------------------------------------------------------------------


def _other_columns(logits, unseen):
    return logits[:, [c for c in range(logits.shape[1]) if c != unseen]]


def _by_bisection(logits, unseen, count):
    low, high = -1e4, 1e4
    for _ in range(200):
        middle = (low + high) / 2
        raised = logits.clone()
        raised[:, unseen] += middle
        called = int((raised.argmax(dim=1) == unseen).sum())
        if called == count:
            return middle
        low, high = (middle, high) if called < count else (low, middle)
    return middle


def _exactly_at_rank(logits, unseen, count):
    gaps = _other_columns(logits, unseen).max(dim=1).values - logits[:, unseen]
    return gaps.kthvalue(count).values


def _by_numpy(logits, unseen, count):
    table = logits.numpy()
    gaps = np.sort(np.delete(table, unseen, axis=1).max(axis=1) - table[:, unseen])
    return gaps[count - 1] + 0.01 * (gaps[count] - gaps[count - 1])


def _rank(logits, unseen, rank):
    gaps = (_other_columns(logits, unseen).max(dim=1).values - logits[:, unseen]).sort().values
    return gaps[rank]


def _from_the_other_end(logits, unseen, count):
    gaps = (_other_columns(logits, unseen).max(dim=1).values - logits[:, unseen]).sort(descending=True).values
    return (gaps[count - 1] + gaps[count]) / 2


def _against_the_mean(logits, unseen, count):
    gaps = (_other_columns(logits, unseen).mean(dim=1) - logits[:, unseen]).sort().values
    return (gaps[count - 1] + gaps[count]) / 2


def _own_logit_too(logits, unseen, count):
    gaps = (logits.max(dim=1).values - logits[:, unseen]).sort().values
    return (gaps[count - 1] + gaps[count]) / 2


def _log_of_shares(logits, unseen, count):
    present = F.softmax(logits, dim=1)[:, unseen].mean().item()
    return math.log(count / len(logits) / present)


# --- learned_regressor ------------------------------------------------------------------------------------------------


def _trained(which, factor=0.5, per_picture=True, clear="optimizer", cut=False):
    """A loop as learners write it: which of the three the optimiser holds, and what is made of the squares."""

    def answer(student, teacher, regressor, images, rate):
        networks = {"s": student, "r": regressor, "t": teacher}
        optimizer = torch.optim.SGD([w for key in which for w in networks[key].parameters()], lr=rate)
        for _ in range(3):
            if clear == "optimizer":
                optimizer.zero_grad()
            elif clear == "student":
                student.zero_grad()
            features = student(images)
            gap = teacher(images) - regressor(features.detach() if cut else features)
            loss = factor * (gap.pow(2).flatten(1).sum(1).mean() if per_picture else gap.pow(2).sum())
            loss.backward()
            optimizer.step()

    return answer


def _by_loss_of_package(student, teacher, regressor, images, rate):
    groups = [{"params": student.parameters()}, {"params": regressor.parameters()}]
    optimizer = torch.optim.SGD(groups, lr=rate)
    for _ in range(3):
        optimizer.zero_grad()
        losses.hint(regressor(student(images)), teacher(images)).backward()
        optimizer.step()


def _two_optimizers(student, teacher, regressor, images, rate):
    both = [torch.optim.SGD(network.parameters(), lr=rate) for network in (student, regressor)]
    wanted = teacher(images).detach()
    for _ in range(3):
        loss = F.mse_loss(regressor(student(images)), wanted, reduction="sum") / len(images) / 2
        student.zero_grad()
        regressor.zero_grad()
        loss.backward()
        for optimizer in both:
            optimizer.step()


def _as_one_model(student, teacher, regressor, images, rate):
    model = nn.Sequential(student, regressor)
    weights = list(model.parameters())
    for _ in range(3):
        gap = model(images) - teacher(images).detach()
        gradients = torch.autograd.grad(gap.square().sum(dim=(1, 2, 3)).mean() / 2, weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight -= rate * gradient


def _mean_of_squares(factor):
    def answer(student, teacher, regressor, images, rate):
        optimizer = torch.optim.SGD([*regressor.parameters(), *student.parameters()], lr=rate)
        for _ in range(3):
            optimizer.zero_grad()
            (factor * F.mse_loss(regressor(student(images)), teacher(images).detach())).backward()
            optimizer.step()

    return answer


def _without_step(student, teacher, regressor, images, rate):
    for _ in range(3):
        losses.hint(regressor(student(images)), teacher(images)).backward()


# --- attention_map ----------------------------------------------------------------------------------------------------


def _attention_by_einsum(maps):
    energy = torch.einsum("nchw,nchw->nhw", maps, maps).reshape(len(maps), -1)
    return energy / energy.norm(dim=1, keepdim=True).clamp(min=1e-12)


def _attention_by_numpy(maps):
    energy = (maps.numpy() ** 2).sum(axis=1).reshape(len(maps), -1)
    length = np.sqrt((energy**2).sum(axis=1, keepdims=True))
    return np.divide(energy, length, out=np.zeros_like(energy), where=length > 0)


def _attention_by_loop(maps):
    rows = []
    for picture in maps:
        row = (picture**2).mean(0).reshape(-1)  # the mean has the same direction
        rows.append(row / row.norm() if row.any() else row)
    return torch.stack(rows)


def _over_length(energy):
    return energy / energy.norm(dim=1, keepdim=True).clamp(min=1e-12)


# --- equal_rows -------------------------------------------------------------------------------------------------------


def _by_cdist(x):
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    apart = distances > 0
    return distances / distances[apart].mean() if apart.any() else distances


def _by_vector_norm(x):
    distances = torch.linalg.vector_norm(x.unsqueeze(1) - x.unsqueeze(0), dim=-1)
    return distances / (distances.sum() / max(int((distances > 0).sum()), 1) + 0.0 + (distances.sum() == 0))


def _by_small_addition(x):
    squares = ((x[:, None] - x[None, :]) ** 2).sum(-1)
    apart = squares > 0
    distances = torch.where(apart, torch.sqrt(squares + 1e-14), 0.0)
    return distances / (distances.sum() / apart.sum()) if apart.any() else distances * 0


def _by_pairs(x):
    table = [[(a - b).norm() if (a != b).any() else 0 * a.sum() for b in x] for a in x]
    distances = torch.stack([torch.stack(row) for row in table])
    nonzero = [d for row in table for d in row if d > 0]
    return distances / (sum(nonzero) / len(nonzero)) if nonzero else distances


def _by_upper_triangle(x):
    rows, columns = torch.triu_indices(len(x), len(x), offset=1)
    apart = ((x[rows] - x[columns]) ** 2).sum(dim=1).sqrt()
    distances = torch.zeros(len(x), len(x), dtype=x.dtype)
    distances[rows, columns] = apart
    distances = distances + distances.T
    return distances / distances[distances > 0].mean()


def _where_after_root(x):
    squares = ((x[:, None] - x[None]) ** 2).sum(dim=-1)
    distances = torch.where(squares > 0, squares.sqrt(), torch.zeros_like(squares))
    mean = distances.sum() / (squares > 0).sum().clamp(min=1)
    return distances / (mean if mean > 0 else 1)


def _nan_replaced(x):
    distances = torch.nan_to_num((x[:, None] - x[None]).square().sum(dim=2).sqrt())
    mean = distances[distances > 0].mean() if distances.any() else 1
    return distances / mean


def _mean_as_number(x):
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    return distances / distances[distances > 0].mean().item() if distances.any() else distances


def _without_a_guard(x):
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    return distances / distances[distances > 0].mean()


def _mean_of_everything(x):
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    return distances / distances.mean()


def _as_given(x):
    distances = (x[:, None] - x[None]).square().sum(dim=2).sqrt()
    return distances / distances.mean()


def _mean_off_diagonal(x):
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    others = ~torch.eye(len(x), dtype=torch.bool)
    return distances / distances[others].mean()


def _raw(x):
    return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")


def _never_rooted(x):
    squares = ((x[:, None] - x[None]) ** 2).sum(dim=-1)
    return squares / squares[squares > 0].mean() if squares.any() else squares


# --- student_layers ---------------------------------------------------------------------------------------------------


def _by_deepcopy(teacher, student):
    step = len(teacher.layers) // len(student.layers)
    student = copy.deepcopy(teacher)
    student.layers = student.layers[::step]
    return student


def _by_state(teacher, student):
    step, theirs = len(teacher.layers) // len(student.layers), teacher.state_dict()
    chosen = {}
    for name in student.state_dict():
        parts = name.split(".")
        if parts[0] == "layers":
            parts[1] = str(int(parts[1]) * step)
        chosen[name] = theirs[".".join(parts)]
    student.load_state_dict(chosen)
    return student


@torch.no_grad()
def _by_copy(teacher, student):
    step = len(teacher.layers) // len(student.layers)
    pairs = [(student.embeddings, teacher.embeddings), (student.classifier, teacher.classifier)]
    pairs += [(own, teacher.layers[i * step]) for i, own in enumerate(student.layers)]
    for own, theirs in pairs:
        for mine, other in zip(own.parameters(), theirs.parameters(), strict=True):
            mine.copy_(other)
    return student


def _same_modules(teacher, student):
    step = len(teacher.layers) // len(student.layers)
    student.embeddings = teacher.embeddings
    student.classifier = teacher.classifier
    for number in range(len(student.layers)):
        student.layers[number] = teacher.layers[number * step]
    return student


def _same_data(teacher, student):
    step = len(teacher.layers) // len(student.layers)
    pairs = [(student.embeddings, teacher.embeddings), (student.classifier, teacher.classifier)]
    pairs += [(own, teacher.layers[i * step]) for i, own in enumerate(student.layers)]
    for own, theirs in pairs:
        for mine, other in zip(own.parameters(), theirs.parameters(), strict=True):
            mine.data = other.data
    return student


def _not_strict(teacher, student):
    student.load_state_dict(teacher.state_dict(), strict=False)
    return student


def _some_layers(chosen):
    def answer(teacher, student):
        student.load_state_dict(teacher.state_dict(), strict=False)
        for own, theirs in zip(student.layers, chosen(list(teacher.layers), len(student.layers)), strict=True):
            own.load_state_dict(theirs.state_dict())
        return student

    return answer


def _without(part):
    def answer(teacher, student):
        before = copy.deepcopy(getattr(student, part))
        student = _by_deepcopy(teacher, student)
        setattr(student, part, before)
        return student

    return answer


def _returns_nothing(teacher, student):
    _by_copy(teacher, student)


def _teacher_cut(teacher, student):
    teacher.layers = teacher.layers[:: len(teacher.layers) // len(student.layers)]
    return teacher


RIGHT = {
    "forgotten_square": [1 / 4, torch.tensor(0.25), 0.2487],
    "distil_loss": [_by_hand, _by_package, _by_module, _by_entropy],
    "asked_teacher": [_on_a_copy, _one_by_one, _detached],
    "unseen_digit": [_by_bisection, _exactly_at_rank, _by_numpy],
    "learned_regressor": [_by_loss_of_package, _two_optimizers, _as_one_model, _trained("rs")],
    "attention_map": [_attention_by_einsum, _attention_by_numpy, _attention_by_loop],
    "equal_rows": [_by_cdist, _by_vector_norm, _by_small_addition, _by_pairs],
    "student_layers": [_by_deepcopy, _by_state, _by_copy],
}

WRONG = {
    "forgotten_square": {
        "half": 1 / 2,
        "unchanged": 1,
        "an eighth": 1 / 8,
        "a sixteenth": 1 / 16,
        "grows": 2,
    },
    "distil_loss": {
        "teacher not detached": _teacher_in_the_graph,
        "student cut off": _with_item,
        "no T squared": _mixed(lambda s, t, T: F.kl_div(_log(s, T), _soft(t, T), reduction="batchmean")),
        "T once": _mixed(lambda s, t, T: T * F.kl_div(_log(s, T), _soft(t, T), reduction="batchmean"), stop=False),
        "KL swapped": _mixed(lambda s, t, T: T**2 * F.kl_div(_log(t, T), _soft(s, T), reduction="batchmean")),
        "divided by the classes": _mixed(
            lambda s, t, T: T**2 * (_soft(t, T) * (_log(t, T) - _log(s, T))).mean(), stop=False
        ),
        "summed over the batch": _mixed(lambda s, t, T: T**2 * nn.KLDivLoss(reduction="sum")(_log(s, T), _soft(t, T))),
        "probabilities for logarithms": _mixed(
            lambda s, t, T: T**2 * F.kl_div(_soft(s, T), _soft(t, T), reduction="batchmean"), stop=False
        ),
        "logarithm of a logarithm": _mixed(
            lambda s, t, T: T**2 * F.kl_div(_log(s, T), _log(t, T), reduction="sum") / len(s)
        ),
        "only the student softened": _mixed(
            lambda s, t, T: T**2 * F.kl_div(_log(s, T), _soft(t, 1), reduction="batchmean"), stop=False
        ),
        "only the teacher softened": _mixed(
            lambda s, t, T: T**2 * F.kl_div(_log(s, 1), _soft(t, T), reduction="batchmean")
        ),
        "weights swapped": lambda s, t, y, T, a: losses.distillation(s, t, y, temperature=T, weight=1 - a),
        "labels softened": lambda s, t, y, T, a: (
            a * losses.soft_target_divergence(s, t, T) + (1 - a) * F.cross_entropy(s / T, y)
        ),
        "cross-entropy with the teacher": _mixed(lambda s, t, T: -(T**2) * (_soft(t, T) * _log(s, T)).sum(1).mean()),
    },
    "asked_teacher": {
        "teacher in train mode": _no_grad_alone,
        "graph through the teacher": _eval_alone,
        "student in eval": _everybody_in_eval,
        "student without graph": _no_grad_for_all,
    },
    "unseen_digit": {
        "minus": lambda z, unseen, count: -_by_numpy(z, unseen, count),
        "enough for all": lambda z, unseen, count: _rank(z, unseen, -1),
        "wrong end": _from_the_other_end,
        "mean gap": lambda z, unseen, count: (_other_columns(z, unseen).max(1).values - z[:, unseen]).mean(),
        "mean of the others": _against_the_mean,
        "own among the others": _own_logit_too,
        "one too many": _rank,
        "ratio of shares": _log_of_shares,
    },
    "learned_regressor": {
        "regressor not trained": _trained("s"),
        "student stands still": _trained("sr", cut=True),
        "teacher moves": _trained("srt"),
        "nothing moves": _without_step,
        "no half": _trained("sr", factor=1.0),
        "summed over the batch": _trained("sr", per_picture=False),
        "mean over every number": _mean_of_squares(1.0),
        "gradients add up": _trained("sr", clear=""),
    },
    "attention_map": {
        "nan where nothing fires": lambda A: (e := (A**2).sum(1).flatten(1)) / (e**2).sum(1, keepdim=True).sqrt(),
        "positions summed": lambda A: _over_length((A**2).flatten(2).sum(-1)),
        "not normalised": lambda A: (A**2).mean(1).flatten(1),
        "not squared": lambda A: _over_length(A.mean(1).flatten(1)),
        "squared too late": lambda A: _over_length(A.sum(1).pow(2).flatten(1)),
        "absolute values": lambda A: _over_length(A.abs().mean(1).flatten(1)),
        "root taken": lambda A: _over_length(A.pow(2).sum(1).sqrt().flatten(1)),
        "divided by its sum": lambda A: (e := (A**2).sum(1).flatten(1)) / e.sum(1, keepdim=True).clamp(min=1e-12),
        "whole batch as one": lambda A: F.normalize((A**2).sum(1).flatten(), dim=0).reshape(len(A), -1),
    },
    "equal_rows": {
        "only the diagonal": _by_upper_triangle,
        "masked too late": _where_after_root,
        "constant mean": _mean_as_number,
        "nobody apart": _without_a_guard,
        "zeros in the mean": _as_given,
        "twins in the mean": _mean_off_diagonal,
        "not divided": _raw,
        "squares": _never_rooted,
    },
    "student_layers": {
        "shared weights": _same_data,
        "first layers": _not_strict,
        "last layers": _some_layers(lambda layers, count: layers[-count:]),
        "last of each group": _some_layers(
            lambda layers, count: layers[len(layers) // count - 1 :: len(layers) // count]
        ),
        "head not copied": _without("classifier"),
        "embeddings not copied": _without("embeddings"),
        "layers not copied": _without("layers"),
        "nothing copied": lambda teacher, student: copy.deepcopy(student),
    },
}

NO_ANSWERS = {
    "forgotten_square": [0, -0.25, math.nan, "1/4", None],
    "distil_loss": [_soft_half_cut, lambda s, t, y, T, a: F.mse_loss(s, t), lambda s, t, y, T, a: 0.0],
    "asked_teacher": [_no_step, _swapped_roles, _flags_alone],
    "unseen_digit": [lambda z, u, c: 0.0, lambda z, u, c: math.inf, lambda z, u, c: z[:, u], lambda z, u, c: "much"],
    "learned_regressor": [_trained("sr", clear="student"), _trained("t"), _mean_of_squares(0.25)],
    "attention_map": [lambda A: A, lambda A: A.flatten(1).softmax(1), lambda A: torch.full_like(A[:, 0], 0.5)],
    "equal_rows": [_nan_replaced, _mean_of_everything, lambda x: x, lambda x: torch.ones(len(x), len(x))],
    "student_layers": [_returns_nothing, _teacher_cut, lambda teacher, student: teacher],
}
"""Wrong answers that have no name: they must not pass."""
