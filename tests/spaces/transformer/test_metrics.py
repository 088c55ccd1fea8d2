"""Metrics: declared once, sums over layers that add up to the network, as recounted."""

import pytest

import mathdesign
from mathdesign.kinds.load import loads
from mathdesign.spaces.transformer.metrics import (
    LAYER_TERMS,
    METRICS,
    PEAKS,
    SUMS,
    At,
    PlacedLayers,
    layer_sums,
    units,
)
from mathdesign.spaces.transformer.network import Layer, Stack, Transformer
from mathdesign.spaces.transformer.pose import to_mix_problem
from mathdesign.spaces.transformer.words import OBJECTIVES, TERMS
from mathdesign.spec.faults import SpecError
from mathdesign.validators.transformer.recheck import recount

LAYERS = (
    Layer(4, 2, 8, 40),
    Layer(6, 1, 8, 24, True, attention="linear"),
    Layer(4, 4, 8, 40, attention="window", window=8),
)
NETWORKS = {
    "decoder": Transformer("d", "decoder_lm", (Stack(32, LAYERS), Stack(48, LAYERS)), 50, 32),
    "untied": Transformer("u", "decoder_lm", (Stack(32, LAYERS),), 50, 32, tied=False),
    "pair": Transformer("p", "encoder_decoder", (Stack(32, LAYERS), Stack(48, LAYERS)), 50, 32),
    "encoder": Transformer("e", "encoder", (Stack(32, LAYERS),), 50, 32, classes=3),
}


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_metric_is_said_in_words(metric):
    assert metric.unit and metric.meaning and metric.direction in ("less", "more")
    assert units()[metric.name] == metric.unit
    if metric.unit == "bytes":
        assert metric.name.endswith("_bytes")


@pytest.mark.parametrize("at", [At(), At(20, 3, 4)], ids=["context", "shorter"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_its_frame_and_its_layers(name, at):
    """Taking a layer away takes away what it is said to add."""
    net = NETWORKS[name]
    for i, stack in enumerate(net.stacks):
        fewer = list(net.stacks)
        fewer[i] = Stack(stack.width, stack.layers[1:], stack.pool)
        less = Transformer(**{**_fields(net), "stacks": tuple(fewer)})
        added = layer_sums(PlacedLayers(net, i, stack.layers[0], 1, at))
        for metric, part in zip(SUMS, added):
            whole = METRICS[metric].whole
            assert whole(net, at) - whole(less, at) == part, metric


def _fields(net):
    return {name: getattr(net, name) for name in net.__dataclass_fields__}


@pytest.mark.parametrize("at", [At(), At(20, 3, 4)], ids=["context", "shorter"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_recount_has_every_sum(name, at):
    net = NETWORKS[name]
    again = recount(net.to_dict(), at.length, at.batch, at.value_bytes).metrics
    assert again == {metric: METRICS[metric].whole(net, at) for metric in SUMS}


def test_copies_and_terms_of_a_linear_metric():
    net, at = NETWORKS["decoder"], At()
    one, three = (PlacedLayers(net, 1, LAYERS[1], n, at) for n in (1, 3))
    assert layer_sums(three) == [3 * value for value in layer_sums(one)]
    found = {name: term(three) for name, term in LAYER_TERMS.items()}
    assert found == {"layer_width": 144, "heads": 18, "query_width": 144, "kv_width": 24, "ffn": 72}


def test_relative_positions_have_one_table_a_stack():
    stack = Stack(32, (Layer(4, 4, 8, 64),))
    net = Transformer("r", "decoder_lm", (stack,), 50, 32, "relative")
    add = dict(zip(SUMS, layer_sums(PlacedLayers(net, 0, Layer(2, 2, 16, 64), 1, At()))))
    assert add["params"] == add["non_embedding_params"] - 2 * 32


TEXT = """
space:
  family: decoder_lm
  vocabulary: 50
  context: 32
  stacks: [{width: [32, 64], depth: 2..3, head_size: 16, ffn_ratio: [2, 3]}]
"""


def test_the_words_read_the_registry():
    assert ("entropy", "volume", *SUMS) == OBJECTIVES and PEAKS == ("activation_bytes",)
    assert set(TERMS) == {"constant", "width", *SUMS, *LAYER_TERMS}
    spec = mathdesign.loads(TEXT + "effectiveness: 1\n")
    assert to_mix_problem(spec).program.metrics == (*SUMS, "effectiveness")
    with pytest.raises(SpecError) as caught:
        mathdesign.loads(TEXT + "budgets: {latency: 3}\n")
    assert all(name in str(caught.value) for name in METRICS)


@pytest.mark.parametrize("limit", [9_000, 17_000, 30_000])
def test_a_peak_is_kept_by_leaving_options_out(limit):
    text = TEXT + f"effectiveness: 1\nbudgets: {{activation_bytes: {limit}}}\n"
    free = to_mix_problem(mathdesign.loads(TEXT + "effectiveness: 1\n"))
    tight = to_mix_problem(mathdesign.loads(text))
    assert sum(len(o) for p in tight.plans for o in p.options) < sum(
        len(o) for p in free.plans for o in p.options
    )
    for plan in tight.plans:
        for option in plan.options[0]:
            stack = Stack(plan.shell.width, (option.layer,) * 2)
            net = Transformer(**{**_fields(plan.shell), "stacks": (stack,)})
            assert METRICS["activation_bytes"].whole(net, At()) <= limit


def test_bytes_of_weights_are_a_budget_beside_the_others():
    text = """
space:
  family: decoder_lm
  vocabulary: 64
  context: 32
  stacks: [{width: 16..64/16, depth: 1..4, head_size: 16, ffn_ratio: [2, 4]}]
at: {value_bytes: 1}
budgets: {BUDGET}
solve: {gap: 0}
"""
    free = mathdesign.design(loads(text.replace("BUDGET", "params: 60k")))
    same = mathdesign.design(loads(text.replace("BUDGET", "weight_bytes: 60 kB")))
    assert same.network.stacks == free.network.stacks
    assert same.metrics["weight_bytes"] == same.metrics["params"] <= 60_000
    halves = text.replace("value_bytes: 1", "value_bytes: 2")
    half = mathdesign.design(loads(halves.replace("BUDGET", "weight_bytes: 60 kB")))
    assert half.metrics["weight_bytes"] == 2 * half.metrics["params"] <= 60_000
    with pytest.raises(mathdesign.Infeasible, match="weight_bytes"):
        mathdesign.design(loads(text.replace("BUDGET", "weight_bytes: 1 kB")))
    with pytest.raises(SpecError, match="weight_bytes"):
        loads(text.replace("BUDGET", "weights_bytes: 60 kB"))
