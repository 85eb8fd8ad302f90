"""Answers to ``student_layers`` as learners write them: right ones in other ways, wrong ones by name."""

import copy

import torch


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


RIGHT = [_by_deepcopy, _by_state, _by_copy]

WRONG = {
    "shared weights": _same_data,
    "first layers": _not_strict,
    "last layers": _some_layers(lambda layers, count: layers[-count:]),
    "last of each group": _some_layers(lambda layers, count: layers[len(layers) // count - 1 :: len(layers) // count]),
    "head not copied": _without("classifier"),
    "embeddings not copied": _without("embeddings"),
    "layers not copied": _without("layers"),
    "nothing copied": lambda teacher, student: copy.deepcopy(student),
}

NO_ANSWERS = [_returns_nothing, _teacher_cut, lambda teacher, student: teacher]
"""Wrong answers that have no name: they must not pass."""
