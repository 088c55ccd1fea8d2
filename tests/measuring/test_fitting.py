"""Numbers that made the times come back; what a fit is worth is said by what it did not see."""

from fractions import Fraction

import numpy as np
import pytest

from mathdesign.devices.header import Header
from mathdesign.devices.model import CostModel, Rates, model_of, model_text
from mathdesign.devices.operators import convolution, plain
from mathdesign.measuring.fitting import CannotFit, corrected, correction, fit_model

HEADER = Header("latency", "us", device="a board", dtype="float32", batch=2)
CONVS = [
    convolution(a, s, s, b, k)
    for a in (8, 48, 200)
    for b in (16, 90)
    for s in (7, 28)
    for k in (1, 3)
]
ADDS = [plain("add", c, s, s) for c in (8, 40, 300) for s in (4, 7, 28, 56)]
RATES = {
    "conv": Rates(Fraction(1, 10**5), Fraction(1, 4 * 10**10), Fraction(1, 10**10)),
    "add": Rates(Fraction(1, 10**6), Fraction(0), Fraction(1, 2 * 10**10)),
}


def times(form):
    model = CostModel(HEADER, RATES, form)
    return {o: float(model.cost(o)) for o in (*CONVS, *ADDS)}


@pytest.mark.parametrize("form", ["additive", "roofline"])
def test_a_model_comes_back_and_auto_finds_its_form(form):
    fitted = fit_model(times(form), HEADER)
    assert fitted.model.form == form and fitted.held_out < 1e-4
    for kind, rates in RATES.items():
        found = fitted.model.rates[kind]
        for name in ("overhead", "per_mac", "per_byte"):
            assert float(getattr(found, name)) == pytest.approx(
                float(getattr(rates, name)), rel=1e-3
            )
    again = model_of(model_text(fitted.model), "model.yaml")
    assert again.cost(CONVS[-1]) == pytest.approx(fitted.model.cost(CONVS[-1]), rel=1e-6)
    assert {k.kind: k.operators for k in fitted.kinds} == {"conv": len(CONVS), "add": len(ADDS)}


def test_the_error_is_of_operators_held_out():
    """Times without any rule: seen errors shrink with three numbers for eleven operators, others do not."""
    rng = np.random.default_rng(0)
    wild = {o: t * rng.uniform(0.5, 2) for o, t in times("additive").items()}
    fitted = fit_model(wild, HEADER, "additive")
    assert 0.1 < fitted.held_out < 0.6
    assert all(kind.held_out > 0.9 * kind.error for kind in fitted.kinds)
    few = fit_model(dict(list(times("additive").items())[:4]), HEADER, "additive")
    assert few.kinds[0].held_out is None


def test_a_model_of_what_was_not_measured_is_refused():
    with pytest.raises(CannotFit, match="no operators"):
        fit_model({}, HEADER)
    with pytest.raises(CannotFit, match="above 0: add-8x4x4"):
        fit_model({ADDS[0]: 0.0, CONVS[0]: 1.0}, HEADER)


def test_what_sums_miss_is_a_factor_and_a_time_once():
    sums = [1e-3, 2e-3, 3e-3, 7e-3, 9e-3, 2e-2]
    found = correction(sums, [1.25 * s + 5e-4 for s in sums])
    assert (found.factor, found.base) == (pytest.approx(1.25), pytest.approx(5e-4))
    assert found.held_out < 1e-9 < found.before and found.networks == 6
    few = correction(sums[:3], [1.25 * s for s in sums[:3]])
    assert (few.factor, few.base) == (pytest.approx(1.25), 0.0)
    with pytest.raises(CannotFit, match="at least two"):
        correction([1.0], [1.0])
    with pytest.raises(CannotFit, match="above 0"):
        correction([1.0, 0.0], [1.0, 1.0])


def test_a_corrected_model_says_what_networks_take():
    model = CostModel(HEADER, RATES, "additive", base=Fraction(1, 1000), factor=Fraction(2))
    found = corrected(model, correction([1e-3, 2e-3, 4e-3], [1.5e-3, 3e-3, 6e-3]))
    before = model.base + model.cost(CONVS[0])
    assert found.base + found.cost(CONVS[0]) == pytest.approx(Fraction(3, 2) * before)
    again = model_of(model_text(found), "m.yaml")
    assert again.base + again.cost(CONVS[0]) == pytest.approx(Fraction(3, 2) * before, rel=1e-6)
