"""Sliding windows: costs by hand, where they may stand, how they are laid out."""

import pytest

import mathdesign
from mathdesign.spaces.transformer.mixers import MIXERS
from mathdesign.spaces.transformer.network import Layer, Stack, Transformer
from mathdesign.spaces.transformer.network_faults import ArchitectureError
from mathdesign.spec.faults import SpecError

SLIDING = MIXERS["sliding"]
TEXT = """
space:
  family: FAMILY
  vocabulary: 64
  context: 256
  stacks:
    - {width: 64, depth: 12, heads: 4, ffn: 128, attention: [softmax, sliding], window: 16,
       softmax_every: 4}
effectiveness: 1
objective: {metric: kv_cache_bytes, minimise: true}
"""


def layer(window):
    return Layer(4, 2, 8, 40, attention="sliding", window=window)


def pairs(n, window):
    """Queries times keys read: one run of queries after the other."""
    total = 0
    for at in range(0, n, window):
        end = min(at + window, n)
        total += (end - at) * (end - max(0, at - window + 1))
    return total


@pytest.mark.parametrize("window", [1, 2, 7, 16, 40])
@pytest.mark.parametrize("tokens", [1, 2, 15, 16, 17, 31, 33])
def test_runs_read_themselves_and_a_window_before(tokens, window):
    said = SLIDING.macs(layer(window), tokens)
    assert said == 2 * 32 * pairs(tokens, window)
    # No more than full attention, no less than what the windows hold.
    held = sum(min(i + 1, window) for i in range(tokens))
    assert 2 * 32 * held <= said <= MIXERS["softmax"].macs(Layer(4, 2, 8, 40), tokens)


def test_a_token_and_the_cache_need_the_window_alone():
    assert SLIDING.token_macs(layer(16), 100) == 2 * 16 * 32
    assert SLIDING.token_macs(layer(16), 9) == 2 * 9 * 32
    assert SLIDING.cache_values(layer(16), 100) == 2 * 16 * 16
    assert SLIDING.peak_values(layer(16), 16) == 16 * (2 * 32 + 2 * 16)
    assert SLIDING.peak_values(layer(16), 17) == 17 * (3 * 32 + 2 * 16)


def test_one_full_layer_in_four_closes_each_run():
    design = mathdesign.design(mathdesign.loads(TEXT.replace("FAMILY", "decoder_lm")))
    (stack,) = design.network.stacks
    assert [x.attention for x in stack.layers] == [*["sliding"] * 3, "softmax"] * 3
    assert design.metrics["softmax_layers"] == 3


def test_only_decoders_have_them():
    with pytest.raises(SpecError, match="sliding: only in decoder_lm"):
        mathdesign.loads(TEXT.replace("FAMILY", "prefix_lm"))
    with pytest.raises(ArchitectureError, match="sliding attention is for decoder_lm"):
        Transformer("x", "encoder", (Stack(32, (layer(4),)),), 5, 8)
    with pytest.raises(ArchitectureError, match="found 0; above 0 for attention `sliding`"):
        Transformer("x", "decoder_lm", (Stack(32, (layer(0),)),), 5, 8)
