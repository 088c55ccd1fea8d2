"""How many designs there are, as `design` says it: those that the rules leave, and of how many."""

import itertools

import mathdesign
from mathdesign.solvers.portfolio import choose
from tests.gallery import GALLERY

RULED = """
space:
  family: bottleneck
  input: {size: 16}
  classes: 2
  stem: {width: [8, 16]}
  stages:
    - {width: 8..32/8, bottleneck: 8..32/8, depth: 1..3}
    - {width: 8..64/8, bottleneck: 8..32/8, depth: 1..3}
  rules: {monotone_width: true, bottleneck_ratio: 0.5..1}
objective: {entropy: {}}
budgets: {params: 1M}
"""


def test_rules_are_counted():
    program = mathdesign.problem(mathdesign.loads(RULED))
    widths = range(8, 33, 8)
    left = sum(
        9
        for stem, w1, b1, w2, b2 in itertools.product(
            (8, 16), widths, widths, range(8, 65, 8), widths
        )
        if stem <= w1 <= w2 and w1 <= 2 * b1 <= 2 * w1 and w2 <= 2 * b2 <= 2 * w2
    )
    assert program.count() == left
    assert program.census() == f"{left:.3g} designs ({program.size:.3g} before rules)"


def test_without_rules_there_is_one_number():
    text = RULED.replace("rules: {monotone_width: true, bottleneck_ratio: 0.5..1}", "")
    program = mathdesign.problem(mathdesign.loads(text))
    assert program.census() == f"{program.size:.3g} designs"


def test_every_form_says_it():
    for entry in GALLERY:
        program = entry.make()
        assert "designs" in program.census() and len(program.census()) < 60


def test_an_enumeration_that_goes_by_two_names_is_refused_once():
    text = RULED.replace("depth: 1..3", "depth: 1..1000")
    choice = choose(mathdesign.problem(mathdesign.loads(text)))
    assert choice.reason.count("enumeration stops at") == 1
