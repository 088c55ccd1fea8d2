"""Published spaces, by name: ``space: {family: vit, preset: autoformer-t}``.

What a preset says may be overruled beside it. Where a source leaves a value open (vocabulary,
context, classes) the user's has to be given or the usual one stands here.
"""

from __future__ import annotations

from typing import Any

from mathdesign.spec.faults import quoted

_BERT = {
    "family": "encoder", "vocabulary": 30522, "context": 512, "token_types": 2,
    "embedding_norm": True, "pooler": True, "norm_first": False,
}  # fmt: skip
_IMAGENET = {"classes": 1000, "image": {"size": 224, "patch": 16}}


def _autoformer(width: str, heads: str, ratio: str, depth: str) -> dict[str, Any]:
    """AutoFormer (arXiv 2107.00651), table 1; query, key and value width are 64 a head."""
    stack = {"width": width, "heads": heads, "head_size": 64, "ffn_ratio": ratio, "depth": depth}
    return {"family": "vit", **_IMAGENET, "stacks": [stack]}


def _hw_gpt(width: list[int], depth: str, heads: list[int]) -> dict[str, Any]:
    """HW-GPT-Bench's spaces (Apache-2.0 repository, May 2024)."""
    stack = {
        "width": width, "depth": depth, "heads": heads, "head_size": 64, "ffn_ratio": [2, 3, 4],
        "gated": True,
    }  # fmt: skip
    return {
        "family": "decoder_lm", "vocabulary": 50254, "context": 1024, "norm": "layer",
        "tied": False, "stacks": [stack],
    }  # fmt: skip


def _hat(width: list[int], ffn: list[int]) -> dict[str, Any]:
    """HAT's translation spaces (arXiv 2005.14187): queries are 512 wide whatever the heads."""
    shared = {"width": width, "heads": 8, "head_size": 64, "ffn": ffn, "gated": False}
    decoder = {**shared, "depth": "1..6", "memory_layers": [1, 2, 3]}
    return {
        "family": "encoder_decoder", "vocabulary": 32768, "context": 1024, "positions": "none",
        "norm": "layer", "stacks": [{**shared, "depth": 6}, decoder],
    }  # fmt: skip


def _pooled(width: int, depths: tuple[str, ...]) -> dict[str, Any]:
    """Windows early, pooling between stages, global attention late: the pattern of TurboViT.

    Its table of stages is not published; sizes are Hiera-like (arXiv 2306.00989).
    """
    stacks: list[dict[str, Any]] = []
    for i, depth in enumerate(depths):
        local = {"attention": "window", "window": 64 // 4**i} if i < 2 else {}
        own = {"width": [round(width * s) * 2**i for s in (0.75, 1, 1.25)], "head_size": 24}
        ratio = {"ffn_ratio": [2, 3, 4], "depth": depth, "pool": 4 if i else 1}
        stacks.append({**own, **ratio, **local})
    return {"family": "hierarchical_vit", "classes": 1000, "image": {"size": 224, "patch": 4},
            "stacks": stacks}  # fmt: skip


SPACES: dict[str, dict[str, Any]] = {
    "autoformer-t": _autoformer("192..240/24", "3..4", "3.5..4/0.5", "12..14"),
    "autoformer-s": _autoformer("320..448/64", "5..7", "3..4/0.5", "12..14"),
    "autoformer-b": _autoformer("528..624/48", "8..10", "3..4/0.5", "14..16"),
    "instatune-vit": {
        "family": "vit", **_IMAGENET,
        "stacks": [{"width": 768, "depth": "10..12", "heads": [6, 8, 10, 12], "head_size": 64,
                    "ffn": [1024, 2048, 3072]}],
    },
    "instatune-bert": {
        **_BERT,
        "stacks": [{"width": 768, "depth": "6..12", "heads": [6, 8, 10, 12], "head_size": 64,
                    "ffn": [1024, 2048, 3072]}],
    },
    "hw-gpt-s": _hw_gpt([192, 384, 768], "10..12", [4, 8, 12]),
    "hw-gpt-m": _hw_gpt([256, 512, 1024], "22..24", [8, 12, 16]),
    "hw-gpt-l": _hw_gpt([320, 640, 1280], "34..36", [8, 16, 20]),
    "hat-wmt": _hat([512, 640], [1024, 2048, 3072]),
    "hat-iwslt": _hat([512, 640], [512, 1024, 2048]),
    "pooled-vit": _pooled(96, ("1..3", "2..4", "6..16", "2..4")),
}  # fmt: skip


def expanded(space: Any) -> Any:
    """``space`` with its preset's words where it says nothing else. Raises ``ValueError``."""
    if not isinstance(space, dict) or "preset" not in space:
        return space
    given = {key: value for key, value in space.items() if key != "preset"}
    name = space["preset"]
    if not isinstance(name, str) or name not in SPACES:
        raise ValueError(f"no preset {quoted(name)}; accepted: {', '.join(SPACES)}")
    preset = SPACES[name]
    if given.get("family", preset["family"]) != preset["family"]:
        raise ValueError(f"preset {name} is of family {preset['family']}")
    return {**preset, **given}
