"""Published networks count to the unit; descriptions survive a round trip and trust nothing."""

import json

import pytest

from mathdesign.spaces.transformer.network import Image, Layer, Stack, Style, Transformer
from mathdesign.spaces.transformer.network_faults import ArchitectureError, nearest_divisors

GPT = Style("layer", bias=True)
BERT = Style("layer", bias=True, norm_first=False)


def uniform(depth: int, width: int, heads: int, kv: int, ffn: int, gated: bool = True) -> Stack:
    return Stack(width, (Layer(heads, kv, width // heads, ffn, gated),) * depth)


def llama(depth: int, width: int, heads: int, kv: int, ffn: int, vocabulary: int) -> Transformer:
    stack = uniform(depth, width, heads, kv, ffn)
    return Transformer("llama-like", "decoder_lm", (stack,), vocabulary, 2048)


@pytest.mark.parametrize(
    ("shape", "params"),
    [
        ((30, 576, 9, 3, 1536, 32000), 124_635_456),
        ((32, 960, 15, 5, 2560, 32000), 345_355_200),
        ((40, 1152, 18, 6, 3072, 32000), 603_188_352),
        ((54, 1280, 20, 5, 3584, 32000), 1_005_461_760),
        ((54, 1600, 25, 5, 4352, 32000), 1_511_188_800),
        ((30, 576, 9, 3, 1536, 49152), 134_515_008),
        ((32, 960, 15, 5, 2560, 49152), 361_821_120),
        ((24, 2048, 32, 32, 8192, 49152), 1_711_376_384),
    ],
)
def test_mobilellm_and_smollm(shape, params):
    assert llama(*shape).params() == params


def test_gpt2_layers_count_as_pythia_publishes_them():
    stack = uniform(12, 768, 12, 12, 3072, gated=False)
    net = Transformer("160m", "decoder_lm", (stack,), 50304, 2048, tied=False, style=GPT)
    assert net.non_embedding_params() == 85_056_000
    assert net.params() == 85_056_000 + 2 * 50304 * 768


def test_t5_style_pair_and_its_decoder_twin():
    stack = Stack(4096, (Layer(64, 64, 64, 10240, gated=True),) * 24)
    frame = {"vocabulary": 32128, "context": 512, "positions": "relative"}
    pair = Transformer("pair", "encoder_decoder", (stack, stack), **frame)
    twin = Transformer("twin", "decoder_lm", (stack,), **frame)
    assert pair.params() == 11_003_736_064
    assert twin.params() == 4_762_310_656


def test_bert_base():
    net = Transformer(
        "bert-base", "encoder", (uniform(12, 768, 12, 12, 3072, gated=False),), 30522, 512,
        "learned", style=BERT, token_types=2, embedding_norm=True, pooler=True,
    )  # fmt: skip
    assert net.params() == 109_482_240


@pytest.mark.parametrize(
    ("width", "params"), [(192, 5_717_416), (384, 22_050_664), (768, 86_567_656)]
)
def test_vit(width, params):
    stack = uniform(12, width, width // 64, width // 64, 4 * width, gated=False)
    net = Transformer(
        "vit", "vit", (stack,), positions="learned", style=GPT, image=Image(), classes=1000
    )
    assert net.params() == params
    assert Transformer.from_dict(json.loads(json.dumps(net.to_dict()))) == net


def test_linear_attention_is_cheaper_beyond_the_head_size():
    def macs(kind: str, length: int) -> int:
        layer = Layer(8, 8, 64, 2048, attention=kind)
        return Transformer("n", "decoder_lm", (Stack(512, (layer,)),), 256, 4096).macs(length)

    assert macs("softmax", 63) < macs("linear", 63)
    assert macs("softmax", 64) == macs("linear", 64)
    assert macs("softmax", 65) > macs("linear", 65)


def test_generation_repeats_a_sequence_token_by_token():
    """With a cache, n steps multiply as much as one pass, but for the triangle of attention."""
    net, n = llama(4, 64, 4, 2, 96, 100), 32
    steps = sum(net.token_macs(t) for t in range(1, n + 1))
    skipped = 4 * 2 * 64 * (n * n - n * (n + 1) // 2)
    assert steps == net.macs(n) - skipped


def test_cache_of_grouped_queries():
    assert llama(4, 64, 4, 2, 96, 100).kv_cache_bytes(3, 10, 2) == 3 * 4 * 2 * 10 * 32 * 2


def test_every_fault_at_once_with_the_nearest_values():
    with pytest.raises(ArchitectureError) as caught:
        Transformer("x", "decoder_lm", (Stack(64, (Layer(8, 3, 7, 10),)),), 0, 0)
    text = str(caught.value)
    assert len(caught.value.faults) == 4
    for words in ("vocabulary", "context", "nearest: 2 or 4", "need 6 or 8"):
        assert words in text


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"name": 3},
        {"name": "x", "kind": "vit", "stacks": [{"width": True}]},
        {"name": "x", "kind": "decoder_lm", "stacks": 7, "evil": 1},
        {"name": "x", "kind": "decoder_lm", "stacks": [{"width": 8, "layers": [{"repeat": 1e9}]}]},
        {"name": "x", "kind": "decoder_lm", "stacks": [{"width": 8, "layers": [3, "a", None]}]},
    ],
)
def test_nonsense_is_refused_by_name(data):
    with pytest.raises(ArchitectureError):
        Transformer.from_dict(data)


def test_nearest_divisors():
    assert nearest_divisors(5, 12) == (4, 6)
    assert nearest_divisors(6, 12) == (6,)
