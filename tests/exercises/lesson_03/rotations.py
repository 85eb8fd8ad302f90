"""Answers to ``rotations`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


def _by_flips(images):
    quarter = images.transpose(2, 3).flip(2)
    versions = [images, quarter, images.flip(2).flip(3), images.transpose(2, 3).flip(3)]
    return torch.cat(versions), torch.tensor([k for k in range(4) for _ in images])


def _by_loop(images):
    made, labels = [], []
    for k in range(4):
        for image in images:
            made.append(torch.rot90(image, k, dims=(1, 2)))
            labels.append(k)
    return torch.stack(made), torch.tensor(labels)


def _one_after_another(images):
    versions = torch.stack([torch.rot90(images, k, dims=(-2, -1)) for k in range(4)])
    return versions.flatten(0, 1), torch.arange(4)[:, None].expand(4, len(images)).reshape(-1)


def _with(*, turns=(0, 1, 2, 3), dims=(2, 3), factor=1, repeat=False):
    def answer(images):
        labels = [factor * k for k in turns]
        labels = labels * len(images) if repeat else [label for label in labels for _ in images]
        return torch.cat([torch.rot90(images, k, dims) for k in turns]), torch.tensor(labels)

    return answer


def _backwards(images):
    return torch.cat([torch.rot90(images, k, (3, 2)) for k in range(4)]), torch.arange(4).repeat_interleave(len(images))


def _mirrored(images):
    versions = (images, torch.flip(images, [3]), torch.flip(images, [2]), torch.flip(images, [2, 3]))
    return torch.cat(versions), torch.arange(4).repeat_interleave(len(images))


RIGHT = [_by_flips, _by_loop, _one_after_another]

WRONG = {
    "wrong axes": _with(dims=(1, 2)),
    "labels in another order": _with(repeat=True),
    "the other way round": _backwards,
    "degrees": _with(factor=90),
    "upright left out": _with(turns=(1, 2, 3)),
    "flipped": _mirrored,
}

NO_ANSWERS = [lambda images: (images, torch.zeros(len(images)))]
"""Wrong answers that have no name: they must not pass."""
