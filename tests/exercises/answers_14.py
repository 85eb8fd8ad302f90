"""Answers to the questions of lesson 14 as learners write them: right ones in other ways, wrong ones by name."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from tl_course import adaptation, losses

# --- coral ------------------------------------------------------------------------------------------------------------


def _coral_by_torch(source, target):
    width = source.shape[1]
    return (torch.cov(source.T) - torch.cov(target.T)).pow(2).sum() / 4 / width / width


def _coral_by_norm(source, target):
    def covariance(x):
        n = x.size(0)
        total = x.sum(dim=0, keepdim=True)
        return (x.t() @ x - total.t() @ total / n) / (n - 1)

    distance = torch.linalg.matrix_norm(covariance(source) - covariance(target))
    return distance**2 / (2 * source.size(1)) ** 2


def _coral_wrong(covariance=lambda x: torch.cov(x.T), loss=lambda gap, d: gap.square().sum() / (4 * d**2)):
    return lambda source, target: loss(covariance(source) - covariance(target), source.shape[1])


def _coral_one_mean(source, target):
    joined = torch.cat([source, target])
    source, target = (joined - joined.mean(0)).split([len(source), len(target)])
    gap = source.T @ source / (len(source) - 1) - target.T @ target / (len(target) - 1)
    return gap.square().sum() / (4 * source.shape[1] ** 2)


def _coral_with_means(source, target):
    return losses.coral(source, target) + torch.mean((source.mean(0) - target.mean(0)) ** 2)


def _coral_by_numpy(source, target):
    import numpy as np

    gap = np.cov(source.detach().numpy().T) - np.cov(target.detach().numpy().T)
    return float((gap**2).sum() / (4 * source.shape[1] ** 2))


# --- mmd --------------------------------------------------------------------------------------------------------------


def _mmd_by_package(source, target, width):
    return losses.mmd2(source, target, bandwidth=width.item())


def _mmd_one_table(source, target, width):
    n, joined = len(source), torch.cat([source, target])
    table = torch.exp(-(joined[:, None, :] - joined[None, :, :]).pow(2).sum(-1) / 2 / width.item() ** 2)
    table = table * (1 - torch.eye(len(table)))
    m = len(target)
    inside = table[:n, :n].sum() / n / (n - 1) + table[n:, n:].sum() / m / (m - 1)
    crossed = torch.exp(-(torch.cdist(source, target) ** 2) / (2 * width.item() ** 2))
    return inside - 2 * crossed.mean()


def _mmd_by_mask(source, target, width):
    gamma = 1 / (2 * width.detach() ** 2)

    def mean(x, y, others):
        table = (-gamma * ((x.unsqueeze(1) - y.unsqueeze(0)) ** 2).sum(dim=2)).exp()
        return table[~torch.eye(len(x), dtype=torch.bool)].mean() if others else table.mean()

    return mean(source, source, True) + mean(target, target, True) - 2 * mean(source, target, False)


def _mmd_loop(source, target, width):
    sigma = width.detach()

    def k(x, y):
        return torch.exp(-torch.sum((x - y) ** 2) / (2 * sigma**2))

    def pairs(a):
        return sum(k(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j) / (len(a) * (len(a) - 1))

    crossed = sum(k(x, y) for x in source for y in target) / (len(source) * len(target))
    return pairs(source) + pairs(target) - 2 * crossed


def _mmd_wrong(exponent=lambda d, s: -(d**2) / (2 * s**2), within=None, factor=2.0, width=torch.Tensor.detach):
    def others(table):
        n = len(table)
        return (table.sum() - table.trace()) / (n * (n - 1))

    def answer(source, target, measured):
        s = width(measured)
        xx, yy, xy = (
            torch.exp(exponent(torch.cdist(a, b), s)) for a, b in ((source, source), (target, target), (source, target))
        )
        mean = within or others
        return mean(xx) + mean(yy) - factor * xy.mean()

    return answer


# --- reverse ----------------------------------------------------------------------------------------------------------


class _Flip(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.save_for_backward(torch.tensor(float(strength)))
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        (strength,) = ctx.saved_tensors
        return gradient.neg() * strength, None


class _FlipNot(_Flip):
    @staticmethod
    def backward(ctx, gradient):
        return _Flip.backward(ctx, -gradient)


class _FlipFully(_Flip):
    @staticmethod
    def backward(ctx, gradient):
        return -gradient, None


class _FlipTwice(_Flip):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.save_for_backward(torch.tensor(float(strength) ** 2))
        return x.clone()


class _FlipForward(_Flip):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.save_for_backward(torch.tensor(float(strength)))
        return strength * x


class _FlipStopped(_Flip):
    @staticmethod
    def backward(ctx, gradient):
        return torch.zeros_like(gradient), None


def _reverse_by_detach(features, strength):
    turned = -strength * features
    return turned + (features - turned).detach()


def _reverse_by_hook(features, strength):
    own = features.clone()
    own.register_hook(lambda gradient: gradient * -strength)
    return own


def _hook_in_place(features, strength):
    features.register_hook(lambda gradient: -strength * gradient)
    return features.view_as(features)


# --- dann -------------------------------------------------------------------------------------------------------------


def _dann_by_package(backbone, head, discriminator, source, target, strength):
    of_source, of_target = backbone(source[0]), backbone(target[0])
    answers = [discriminator(losses.reverse_gradient(one, strength)) for one in (of_source, of_target)]
    return nn.CrossEntropyLoss()(head(of_source), source[1]) + losses.domain_loss(*answers)


def _dann_joined(backbone, head, discriminator, source, target, strength):
    n, m = len(source[0]), len(target[0])
    features = backbone(torch.cat([source[0], target[0]]))
    logits = discriminator(_reverse_by_detach(features, strength)).squeeze(1)
    truth = torch.cat([torch.zeros(n), torch.ones(m)]).to(logits)
    weights = torch.cat([torch.full((n,), 0.5 / n), torch.full((m,), 0.5 / m)]).to(logits)
    domain = F.binary_cross_entropy_with_logits(logits, truth, weight=weights, reduction="sum")
    return F.cross_entropy(head(features[:n]), source[1]) + domain


def _dann_by_hand(backbone, head, discriminator, source, target, strength):
    features = [backbone(x) for x, _ in (source, target)]
    chances = [torch.sigmoid(discriminator(_Flip.apply(one, strength))) for one in features]
    domain = -0.5 * (torch.log(1 - chances[0]).mean() + torch.log(chances[1]).mean())
    rows = F.log_softmax(head(features[0]), dim=1)
    return domain - rows[torch.arange(len(rows)), source[1]].mean()


def _dann_wrong(
    labels=lambda head, features, y: F.cross_entropy(head(features[0]), y[0]),
    turn=losses.reverse_gradient,
    truth=(0.0, 1.0),
    domain=lambda one, two: (one + two) / 2,
    sum_up=lambda label, domain, strength: label + domain,
):
    def answer(backbone, head, discriminator, source, target, strength):
        features = [backbone(source[0]), backbone(target[0])]
        said = [discriminator(turn(one, strength)) for one in features]
        parts = [
            F.binary_cross_entropy_with_logits(one, torch.full_like(one, side))
            for one, side in zip(said, truth, strict=True)
        ]
        return sum_up(labels(head, features, (source[1], target[1])), domain(*parts), strength)

    return answer


def _dann_reads_labels(backbone, head, discriminator, source, target, strength):
    x, y = torch.cat([source[0], target[0]]), torch.cat([source[1], target[1]])
    loss = _dann_by_package(backbone, head, discriminator, source, target, strength)
    return loss - F.cross_entropy(head(backbone(source[0])), source[1]) + F.cross_entropy(head(backbone(x)), y)


def _dann_one_mean(backbone, head, discriminator, source, target, strength):
    features = backbone(torch.cat([source[0], target[0]]))
    logits = discriminator(losses.reverse_gradient(features, strength))
    truth = torch.zeros_like(logits)
    truth[len(source[0]) :] = 1
    return F.cross_entropy(head(features[: len(source[0])]), source[1]) + F.binary_cross_entropy_with_logits(
        logits, truth
    )


def _dann_with_backward(backbone, head, discriminator, source, target, strength):
    loss = F.cross_entropy(head(backbone(source[0])), source[1])
    loss.backward()
    return loss


def _dann_head_reversed(backbone, head, discriminator, source, target, strength):
    features = [losses.reverse_gradient(backbone(x), strength) for x, _ in (source, target)]
    return F.cross_entropy(head(features[0]), source[1]) + losses.domain_loss(*map(discriminator, features))


# --- joint_norm -------------------------------------------------------------------------------------------------------


def _joint_split(model, source, target):
    return torch.split(model(torch.vstack((source, target))), [len(source), len(target)])


def _joint_target_first(model, source, target):
    rows = model(torch.cat([target, source], dim=0))
    return [rows[len(target) :], rows[: len(target)]]


def _joint_by_mask(model, source, target):
    is_target = torch.arange(len(source) + len(target)) >= len(source)
    logits = model(torch.cat([source, target]))
    return logits[~is_target], logits[is_target]


def _target_before_source(model, source, target):
    of_target = model(target)
    return model(source), of_target


def _in_eval(model, source, target):
    model.eval()
    logits = model(torch.cat([source, target]))
    model.train()
    return logits[: len(source)], logits[len(source) :]


def _quiet_target(model, source, target):
    model.eval()
    of_target = model(target)
    model.train()
    return model(source), of_target


def _joint_no_grad(model, source, target):
    with torch.no_grad():
        return _joint_split(model, source, target)


def _joint_and_eval(model, source, target):
    parts = _joint_split(model, source, target)
    model.eval()
    return parts


def _cut_by_target(model, source, target):
    logits = model(torch.cat([source, target]))
    return logits[: len(target)], logits[len(target) :]


def _wrong_order(model, source, target):
    logits = model(torch.cat([target, source]))
    return logits[: len(source)], logits[len(source) :]


# --- choose_blind -----------------------------------------------------------------------------------------------------


def _choose_by_package(runs, slack):
    best = max(run["source_accuracy"] for run in runs)
    scores = [
        adaptation.negative_entropy(run["target_probabilities"])
        if best - run["source_accuracy"] <= slack
        else -float("inf")
        for run in runs
    ]
    return scores.index(max(scores))


def _choose_by_tensors(runs, slack):
    source = torch.tensor([run["source_accuracy"] for run in runs], dtype=torch.float64)
    entropy = torch.stack([torch.special.entr(run["target_probabilities"]).sum(1).mean() for run in runs])
    entropy[source < source.max() - slack] = torch.inf
    return entropy.argmin()


def _choose_by_sorting(runs, slack):
    def doubt(run):
        return torch.distributions.Categorical(probs=run["target_probabilities"]).entropy().mean().item()

    best = sorted(run["source_accuracy"] for run in runs)[-1]
    for run in sorted(runs, key=doubt):
        if run["source_accuracy"] + slack >= best:
            return next(place for place, other in enumerate(runs) if other is run)


def _choose_wrong(score, passes=lambda run, best, slack: best - run["source_accuracy"] <= slack):
    def answer(runs, slack):
        best = max(run["source_accuracy"] for run in runs)
        found = [score(run) if passes(run, best, slack) else -1e9 for run in runs]
        return max(range(len(found)), key=found.__getitem__)

    return answer


def _sure(run):
    return (run["target_probabilities"] * run["target_probabilities"].log()).sum(1).mean().item()


def _sure_of_the_mean(run):
    mean = run["target_probabilities"].mean(0)
    return (mean * mean.log()).sum().item()


RIGHT = {
    "coral": [losses.coral, _coral_by_torch, _coral_by_norm],
    "equal_samples": ["a, c and d", {"D", "A", "C"}, ["A", "C", "D"]],
    "mmd": [_mmd_by_package, _mmd_one_table, _mmd_by_mask, _mmd_loop],
    "reverse": [losses.reverse_gradient, _Flip.apply, _reverse_by_detach, _reverse_by_hook],
    "dann": [_dann_by_package, _dann_joined, _dann_by_hand],
    "joint_norm": [_joint_split, _joint_target_first, _joint_by_mask],
    "choose_blind": [_choose_by_package, _choose_by_tensors, _choose_by_sorting],
    "aligned_wrong": [2 / 5, torch.tensor(0.4), 0.9 - 0.5],
}

WRONG = {
    "coral": {
        "not centred": _coral_wrong(lambda x: x.T @ x / len(x)),
        "divided by n": _coral_wrong(lambda x: torch.cov(x.T, correction=0)),
        "sums of squares": _coral_wrong(lambda x: (x - x.mean(0)).T @ (x - x.mean(0))),
        "4d² missing": _coral_wrong(loss=lambda gap, d: (gap**2).sum()),
        "4 missing": _coral_wrong(loss=lambda gap, d: gap.square().mean()),
        "d not squared": _coral_wrong(loss=lambda gap, d: gap.square().sum() / (4 * d)),
        "norm not squared": _coral_wrong(loss=lambda gap, d: gap.norm() / (4 * d**2)),
        "differences not squared": _coral_wrong(loss=lambda gap, d: gap.sum() / (4 * d**2)),
        "variances only": _coral_wrong(lambda x: x.var(0)),
        "one mean for both": _coral_one_mean,
        "means compared": _coral_with_means,
        "gradient lost": _coral_by_numpy,
    },
    "equal_samples": {
        "B chosen": "ABCD",
        "E chosen": "ACDE",
        "A forgotten": ["C", "D"],
        "C forgotten": "ad",
        "D forgotten": "AC",
    },
    "mmd": {
        "diagonal kept": lambda source, target, width: losses.mmd2(source, target, bandwidth=width, unbiased=False),
        "diagonal added": _mmd_wrong(within=lambda table: table.sum() / (len(table) * (len(table) - 1))),
        "divided by all": _mmd_wrong(within=lambda table: (table * (1 - torch.eye(len(table)))).mean()),
        "distance not squared": _mmd_wrong(lambda d, s: -d / (2 * s**2)),
        "another width": _mmd_wrong(lambda d, s: -(d**2) / s**2),
        "cross term once": _mmd_wrong(factor=1.0),
        "cross term added": _mmd_wrong(factor=-2.0),
        "root taken": lambda source, target, width: _mmd_loop(source, target, width) ** 0.5,
        "cut off at zero": lambda source, target, width: torch.relu(_mmd_loop(source, target, width)),
        "gradient lost": lambda source, target, width: _mmd_loop(source, target, width).item(),
        "width followed": _mmd_wrong(width=lambda measured: measured),
    },
    "reverse": {
        "forward changed": _FlipForward.apply,
        "nothing reversed": lambda features, strength: features,
        "sign lost": _FlipNot.apply,
        "lambda forgotten": _FlipFully.apply,
        "lambda twice": _FlipTwice.apply,
        "stopped": _FlipStopped.apply,
        "label loss reversed too": _hook_in_place,
    },
    "dann": {
        "target labels read": _dann_reads_labels,
        "no domain loss": lambda backbone, head, discriminator, source, target, strength: F.cross_entropy(
            head(backbone(source[0])), source[1]
        ),
        "features detached": _dann_wrong(turn=lambda features, strength: features.detach().clone()),
        "discriminator reversed": _dann_wrong(
            turn=lambda features, strength: features, sum_up=lambda label, domain, strength: label - strength * domain
        ),
        "not reversed": _dann_wrong(turn=lambda features, strength: features),
        "discriminator slowed": _dann_wrong(
            turn=lambda features, strength: losses.reverse_gradient(features, 1.0),
            sum_up=lambda label, domain, strength: label + strength * domain,
        ),
        "lambda twice": _dann_wrong(sum_up=lambda label, domain, strength: label + strength * domain),
        "lambda forgotten": _dann_wrong(turn=lambda features, strength: losses.reverse_gradient(features, 1.0)),
        "not halved": _dann_wrong(domain=lambda one, two: one + two),
        "one mean for both": _dann_one_mean,
        "domains swapped": _dann_wrong(truth=(1.0, 0.0)),
        "one domain shown": _dann_wrong(domain=lambda one, two: one),
        "label loss reversed too": _dann_head_reversed,
        "backward called": _dann_with_backward,
    },
    "joint_norm": {
        "two passes": _target_before_source,
        "eval mode": _in_eval,
        "target by the running ones": _quiet_target,
        "answers swapped": lambda model, source, target: _joint_split(model, source, target)[::-1],
        "cut in the wrong place": _cut_by_target,
        "gradient lost": _joint_no_grad,
        "left in eval": _joint_and_eval,
    },
    "choose_blind": {
        "chosen by the test": lambda runs, slack: max(enumerate(runs), key=lambda x: x[1]["target_test_accuracy"])[0],
        "test among the good ones": _choose_wrong(lambda run: run["target_test_accuracy"]),
        "entropy alone": _choose_wrong(_sure, lambda run, best, slack: True),
        "source alone": _choose_wrong(lambda run: run["source_accuracy"]),
        "least sure": _choose_wrong(lambda run: -_sure(run)),
        "edge left out": _choose_wrong(_sure, lambda run, best, slack: best - run["source_accuracy"] < slack),
        "largest probability": _choose_wrong(lambda run: run["target_probabilities"].max(1).values.mean().item()),
        "entropy of the mean": _choose_wrong(_sure_of_the_mean),
    },
    "aligned_wrong": {"none": 0, "one tenth": 0.1, "one half": 1 / 2, "share that is right": 0.6, "in percent": 40.0},
}


def _two_discriminators(backbone, head, discriminator, source, target, strength):
    other = copy.deepcopy(discriminator)
    of_source, of_target = (losses.reverse_gradient(backbone(x), strength) for x, _ in (source, target))
    return F.cross_entropy(head(backbone(source[0])), source[1]) + losses.domain_loss(
        discriminator(of_source), other(of_target)
    )


NO_ANSWERS = {
    "coral": [lambda source, target: torch.zeros(()), lambda source, target: losses.coral(source, 2 * target)],
    "mmd": [lambda source, target, width: losses.mmd2(source, target, "laplacian")],
    "reverse": [lambda features, strength: features[:2], lambda features, strength: strength],
    "dann": [_two_discriminators],
    "joint_norm": [lambda model, source, target: model(torch.cat([source, target])), _wrong_order],
    "choose_blind": [lambda runs, slack: 0, lambda runs, slack: len(runs) - 1, lambda runs, slack: runs[0]],
    "aligned_wrong": [0.45, 1.0, "a lot"],
}
"""Wrong answers that have no name: they must not pass."""
