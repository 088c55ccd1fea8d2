"""Exact shares of widths, put into whole coefficients."""

from fractions import Fraction

import pytest

from mathdesign.metrics.base import Product, symbol
from mathdesign.programs.stages import Derived, Monomial, Repeat
from mathdesign.spaces.convnet.whole import whole

QUARTER = Fraction(1, 4)
PREV, W, B = symbol("prev"), symbol("width"), symbol("bottleneck")
STEM = ({"width": (8, 16), "depth": (1,)}, {"params": ()})


def body(*terms, widths=(12, 16), inner=(6, 10)):
    return {"width": widths, "bottleneck": inner, "depth": (1, 2)}, {"params": terms}


def test_whole_terms_stay_as_they_are():
    (stage,) = whole([body((Repeat.EACH, 3 * W * W))], 3)
    assert stage.costs == {"params": [Monomial(3, Repeat.EACH, (("width", 2),))]}
    assert not stage.derived


def test_a_denominator_goes_into_a_decision_that_it_divides():
    terms = (Repeat.FIRST, QUARTER * 2 * PREV * B), (Repeat.REST, QUARTER * 2 * W * B)
    _, stage = whole([STEM, body(*terms)], 3)
    half = ("bottleneck_over_2", 1)
    assert stage.costs["params"] == [
        Monomial(1, Repeat.FIRST, (half, ("prev", 1))),
        Monomial(1, Repeat.REST, (half, ("width", 1))),
    ]
    assert list(stage.derived.values()) == [Derived("bottleneck_over_2", "bottleneck", (3, 5))]


def test_a_share_of_the_width_before_is_counted_where_that_width_is_chosen():
    before, stage = whole([STEM, body((Repeat.FIRST, QUARTER * PREV))], 3)
    assert stage.costs["params"] == []
    assert before.costs["params"] == [Monomial(1, Repeat.FIRST, (("width_over_4", 1),))]
    assert list(before.derived.values()) == [Derived("width_over_4", "width", (2, 4))]
    (alone,) = whole([body((Repeat.FIRST, QUARTER * PREV))], 8)
    assert alone.costs["params"] == [Monomial(2, Repeat.FIRST)]


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ((Repeat.REST, QUARTER * B), "params: bottleneck must be divisible by 4"),
        ((Repeat.FIRST, Product(QUARTER)), "params: a constant must be divisible by 4"),
        ((Repeat.FIRST, QUARTER * PREV * B), "bottleneck and prev must be divisible by 4"),
    ],
)
def test_what_cannot_be_whole_says_so(term, message):
    with pytest.raises(ValueError, match=message):
        whole([STEM, body(term)], 3)


def test_an_odd_width_before_says_so():
    with pytest.raises(ValueError, match="width must be divisible by 4"):
        whole([({"width": (6,)}, {}), body((Repeat.FIRST, QUARTER * PREV))], 3)
