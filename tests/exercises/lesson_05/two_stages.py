"""Answers to ``two_stages`` as learners write them: right ones in other ways, wrong ones by name."""


def _stages_in_a_loop(model, source, target, new_head, train):
    for data, head in ((source, model.fc), (target, new_head)):
        setattr(model, "fc", head)  # noqa: B010
        train(model, data)


def _stages_in_a_copy(model, source, target, new_head, train):
    import copy

    train(model, source)
    network = copy.deepcopy(model)
    network.fc = copy.deepcopy(new_head)
    train(network, target)
    return network


def _swapped_and_back(model, source, target, new_head, train):
    model.fc = new_head
    for _ in range(2):
        train(model, target)


def _source_with_new_head(model, source, target, new_head, train):
    model.fc = new_head
    train(model, source)
    return model


def _without_new_head(model, source, target, new_head, train):
    for data in (source, target):
        train(model, data)
    return model


def _without_second(model, source, target, new_head, train):
    train(model, source)
    model.fc = new_head


def _twice(model, source, target, new_head, train):
    for _ in (source, target):
        train(model, target)


RIGHT = [_stages_in_a_loop, _stages_in_a_copy]

WRONG = {
    "same data twice": _twice,
    "target only": _swapped_and_back,
    "head first": _source_with_new_head,
    "old head": _without_new_head,
    "no fine-tuning": _without_second,
}

NO_ANSWERS = [lambda model, source, target, new_head, train: train(model, source)]
"""Wrong answers that have no name: they must not pass."""
