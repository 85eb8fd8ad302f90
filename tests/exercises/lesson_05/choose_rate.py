"""Answers to ``choose_rate`` as learners write them: right ones in other ways, wrong ones by name."""


def _mean(values):
    return sum(values) / len(values)


def _by_sorting(rates, validation, test):
    rows = sorted(zip(map(_mean, validation), map(_mean, test), rates, strict=True))
    return [rows[-1][2], rows[-1][1]]


def _by_loop(rates, validation, test):
    best = 0
    for place in range(len(rates)):
        if _mean(validation[place]) > _mean(validation[best]):
            best = place
    return rates[best], _mean(test[best])


def _best_place(rows, by):
    return max(range(len(rows)), key=lambda place: by(rows[place]))


def _test_decides(rates, validation, test):
    place = _best_place(test, _mean)
    return rates[place], _mean(test[place])


def _says_validation(rates, validation, test):
    place = _best_place(validation, _mean)
    return rates[place], _mean(validation[place])


def _best_of_all(rates, validation, test):
    place = _best_place(validation, max)
    return rates[place], _mean(test[place])


def _its_best_seed(rates, validation, test):
    place = _best_place(validation, _mean)
    return rates[place], max(test[place])


RIGHT = [_by_sorting, _by_loop]

WRONG = {
    "chosen by the test": _test_decides,
    "validation reported": _says_validation,
    "one lucky seed": _best_of_all,
    "best seed reported": _its_best_seed,
}

NO_ANSWERS = [lambda rates, validation, test: (rates[0], _mean(test[0]))]
"""Wrong answers that have no name: they must not pass."""
