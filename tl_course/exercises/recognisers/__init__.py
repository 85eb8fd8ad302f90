"""How a known mistake is told from others, where it shows in more than one way.

A recogniser is a function ``recognise(found, expected, cases) -> bool``: what an answer showed on every case, what the
reference showed, and the cases. The functions below make them. Give one to `Wrong` as ``recognise``; without it a
mistake is recognised when an answer shows on every case what the wrong answer shows.

* For predictions: `number`, `above`, `below`, `chose`, `left_out`, `entry`.
* For values with named parts: `agrees`, `differs`, `right_except`, `same_shape`, `zero`, `nonzero`, `has_nan`,
  `right_but_nan`, `nan_hidden`, `has_shape`, `equal_parts`, `swapped`, `scaled`, `proportional`.
* By another answer: `gives` what it gives, `shows` to a probe what it shows.
* For what no other fits: `each`, `some`; put together by `all_of`, `any_of`, `none_of`, and on some cases by `on`.
* For one of a question's own: `close`, `parts`, `multiple`, and `once` for what is the same for every answer.

A part is named by its key, and a part of a part by both keys with ``/`` between: ``"state/fc.weight"``. A name may
hold ``*`` for any letters, as in ``"student: *"``. Shapes are compared before numbers: a learner's process may send an
array of any shape, and NumPy would stretch it against ours, which can take gigabytes.
"""

from tl_course.exercises.recognisers._once import once
from tl_course.exercises.recognisers._parts import ATOL, RTOL, Recogniser, close, parts
from tl_course.exercises.recognisers.combining import all_of, any_of, each, none_of, on, some
from tl_course.exercises.recognisers.named_parts import (
    agrees,
    differs,
    equal_parts,
    has_nan,
    has_shape,
    multiple,
    nan_hidden,
    nonzero,
    proportional,
    right_but_nan,
    right_except,
    same_shape,
    scaled,
    swapped,
    zero,
)
from tl_course.exercises.recognisers.other_answers import gives, shows
from tl_course.exercises.recognisers.predictions import above, below, chose, entry, left_out, number

__all__ = [
    "ATOL",
    "RTOL",
    "Recogniser",
    "above",
    "agrees",
    "all_of",
    "any_of",
    "below",
    "chose",
    "close",
    "differs",
    "each",
    "entry",
    "equal_parts",
    "gives",
    "has_nan",
    "has_shape",
    "left_out",
    "multiple",
    "nan_hidden",
    "none_of",
    "nonzero",
    "number",
    "on",
    "once",
    "parts",
    "proportional",
    "right_but_nan",
    "right_except",
    "same_shape",
    "scaled",
    "shows",
    "some",
    "swapped",
    "zero",
]
