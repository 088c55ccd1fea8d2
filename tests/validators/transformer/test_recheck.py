"""The recount reads plain words alone, and finds what was tampered with."""

import ast
from dataclasses import replace

import pytest

import mathdesign
from mathdesign.spaces.transformer.shape import Layer, Stack
from mathdesign.validators.errors import (
    BudgetExceeded,
    ObjectiveMismatch,
    OutsideSpace,
    RecheckError,
)
from mathdesign.validators.transformer.recheck import counted, recount, verify_transformer
from tests.places import ROOT

TEXT = """
space:
  family: decoder_lm
  vocabulary: 50
  context: 32
  stacks: [{width: 32, depth: 2..4, heads: [2, 4], ffn: [48, 64], attention: [softmax, linear]}]
effectiveness: 1
"""


def test_it_shares_no_code_with_the_space():
    tree = ast.parse((ROOT / "validators" / "transformer" / "recheck.py").read_text())
    names = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    ours = {name for name in names if name and name.startswith("mathdesign")}
    assert ours == {"mathdesign.validators.errors"}


@pytest.fixture(scope="module")
def design():
    return mathdesign.design(mathdesign.loads(TEXT))


def test_an_honest_design_passes(design):
    spec = mathdesign.loads(TEXT)
    found = verify_transformer(
        design.network.to_dict(), spec, design.metrics, design.certificate.objective
    )
    assert found.metrics == design.metrics and found.entropy == design.figures["entropy"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"attention": "window", "window": 8}, OutsideSpace),
        ({"heads": 8}, OutsideSpace),
        ({"repeat": 9}, OutsideSpace),
    ],
)
def test_what_was_not_asked_for_is_outside(design, change, error):
    words = design.network.to_dict()
    words["stacks"][0]["layers"][0] |= change
    with pytest.raises(error):
        verify_transformer(words, mathdesign.loads(TEXT), design.metrics, 0.0)


def test_budgets_and_objective_are_held_against_it(design):
    words, value = design.network.to_dict(), design.certificate.objective
    over = mathdesign.loads(TEXT + f"budgets: {{params: {design.metrics['params'] - 1}}}\n")
    with pytest.raises(BudgetExceeded, match="params"):
        verify_transformer(words, over, design.metrics, value)
    for factor in (1.001, float("nan"), float("inf")):
        with pytest.raises(ObjectiveMismatch):
            verify_transformer(words, mathdesign.loads(TEXT), design.metrics, value * factor)


def test_linear_attention_loses_what_its_rank_leaves_out(design):
    words = design.network.to_dict()
    before = recount(words, 32).entropy
    for layer in words["stacks"][0]["layers"]:
        layer |= {"attention": "linear", "features": 1}
    assert recount(words, 32).entropy < before
    assert recount(words, 8).entropy == recount(design.network.to_dict(), 8).entropy


def test_a_network_outside_of_the_space_is_counted_by_the_request_all_the_same():
    """What rivals are held to: metrics of the user's own and peaks too."""
    text = (
        TEXT
        + """
budgets: {activation_bytes: 1M}
linear_metrics: [{name: time, terms: {layers: 2, constant: 5, ffn: 0.5}}]
at: {length: 16, batch: 3}
"""
    )
    spec = mathdesign.loads(text)
    layer = Layer(1, 1, 24, 50)
    shape = (Stack(24, (layer,) * 7),)
    alien = replace(mathdesign.design(spec).network, stacks=shape)
    found = counted(alien.to_dict(), spec).metrics
    assert found["params"] == alien.params() and found["macs"] == alien.macs(16)
    assert found["time"] == 5 + 7 * (2 + 25)
    assert found["activation_bytes"] >= alien.activation_bytes(3, 16, 2)
    with pytest.raises(OutsideSpace):
        verify_transformer(alien.to_dict(), spec, {}, 0.0)


def test_a_claimed_peak_is_counted_too():
    spec = mathdesign.loads(TEXT + "budgets: {activation_bytes: 1M}\n")
    design = mathdesign.design(spec)
    words, objective = design.network.to_dict(), design.certificate.objective
    verify_transformer(words, spec, design.metrics, objective)
    forged = {**design.metrics, "activation_bytes": design.metrics["activation_bytes"] - 1}
    with pytest.raises(RecheckError, match="activation_bytes: claimed"):
        verify_transformer(words, spec, forged, objective)
