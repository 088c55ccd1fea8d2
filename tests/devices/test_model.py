"""Cost models: the two forms to the last digit, their files, and everything wrong with one at once."""

from fractions import Fraction

import pytest

from mathdesign.devices.model import model_of, model_text, read_model, write_model
from mathdesign.devices.operators import convolution, plain
from mathdesign.devices.prices import priced
from mathdesign.spec.faults import SpecError

ROOFLINE = """
version: 1
cost_model: latency
device: a board
threads: 4
form: roofline
base: 0.2 ms
factor: 1.05
operators:
  default: {overhead: 5 us, rate: 20 G, bandwidth: 8 GB/s}
  depthwise: {overhead: 8 us, rate: 4 G/s, bandwidth: 8 GB}
"""
CONV, ADD = convolution(3, 224, 224, 32, 3, 2), plain("add", 32, 112, 112)
DEPTHWISE = convolution(32, 112, 112, 32, 3, groups=32)


def test_a_roofline_takes_the_slower_of_two():
    model = model_of(ROOFLINE, "m.yaml")
    moved = 4 * (864 + 3 * 224 * 224 + 32 * 112 * 112)
    assert CONV.macs / 20 > moved / 8
    assert model.cost(CONV) == Fraction("1.05") * (
        Fraction(5, 10**6) + Fraction(CONV.macs, 20 * 10**9)
    )
    adding = Fraction(4 * 3 * 32 * 112 * 112, 8 * 10**9)
    assert model.cost(ADD) == Fraction("1.05") * (Fraction(5, 10**6) + adding)
    assert model.rates_of("depthwise").per_mac == Fraction(1, 4 * 10**9)
    assert model.base == Fraction("1.05") * Fraction(2, 10**4)


def test_the_additive_form_adds():
    model = model_of(ROOFLINE.replace("roofline", "additive"), "m.yaml")
    rates = model.rates_of("depthwise")
    own = DEPTHWISE.macs * rates.per_mac + DEPTHWISE.bytes_moved(4) * rates.per_byte
    assert model.cost(DEPTHWISE) == Fraction("1.05") * (Fraction(8, 10**6) + own)


def test_energy_by_multiply_adds_and_bytes():
    text = "version: 1\ncost_model: energy\ndtype: int8\noperators: {default: {per_mac: 4.6 pJ, per_byte: 20 pJ}}"
    model = model_of(text, "e.yaml")
    exact = CONV.macs * Fraction("4.6") + CONV.bytes_moved(1) * 20  # pJ
    assert model.cost(CONV) == exact / 10**12
    assert priced(model, [CONV]).costs[CONV] == -(-exact // 1)


def test_kinds_without_rates_are_missing():
    text = "version: 1\ncost_model: latency\noperators: {conv: {overhead: 1 us}}"
    found = priced(model_of(text, "m.yaml"), [CONV, ADD, DEPTHWISE])
    assert list(found.missing) == [ADD.key, DEPTHWISE.key] and found.costs == {CONV: 1000}
    assert "neither add nor default" in found.missing[ADD.key]


def test_models_are_written_and_read_back(tmp_path):
    model = model_of(ROOFLINE, "m.yaml")
    for name in ("m.yaml", "m.json"):
        again = read_model(write_model(tmp_path / name, model))
        assert (again.header, again.rates, again.form) == (model.header, model.rates, model.form)
        assert (again.base, again.factor) == (model.base, model.factor)
        assert model_text(again) == model_text(model)


def test_everything_wrong_is_told_at_once_with_its_place():
    text = """version: 2
cost_model: latencyy
device: {}
form: curved
base: 3
factor: -1
speed: 4
operators:
  default: {overhead: 5, rate: 0, bandwidth: 8 GX, per_byte: 1 ns}
  convv: {overhead: 5 us}
  add: fast
  conv: {overhead: -3 us, per_mac: .nan, rates: 3}
"""
    with pytest.raises(SpecError) as caught:
        model_of(text, "m.yaml")
    said = "\n".join(map(str, caught.value.faults))
    for words in (
        "m.yaml:1:1: version: found 2", "m.yaml:2:1: cost_model: found 'latencyy'",
        "m.yaml:3:1: device: found {}; accepted: a word", "m.yaml:4:1: form: found 'curved'", "m.yaml:5:1: base: found 3; accepted: a time with its unit",
        "m.yaml:6:1: factor: found -1", "m.yaml:7:1: speed: found the key 'speed'",
        "operators.default.overhead: found 5", "operators.default.rate: found 0",
        "operators.default.bandwidth: found both per_byte and bandwidth",
        "operators.convv: found the key 'convv'", "did you mean conv?", "operators.add: found 'fast'",
        "operators.conv.overhead: found '-3 us'", "operators.conv.per_mac: found nan",
        "operators.conv.rates: found the key 'rates'",
    ):  # fmt: skip
        assert words in said, words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 1\ncost_model: energy\nform: roofline\noperators: {default: {}}", "additive"),
        ("version: 1\ncost_model: energy\noperators: {default: {rate: 3 G}}", "an energy knows no rate"),
        ("version: 1\ncost_model: latency\n", "operators: found nothing"),
        ("version: 1\ncost_model: latency\noperators: {default: {overhead: 3 mJ}}", "a time with its unit"),
        ("- 1", "no mapping"), ("!!python/object:os.system {}", "tag"),
    ],
)  # fmt: skip
def test_what_is_no_model(text, words):
    with pytest.raises(SpecError, match=words):
        model_of(text, "m.yaml")
