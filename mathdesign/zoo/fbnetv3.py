"""FBNetV3: Dai et al., arXiv 2006.02049. Block lists: facts of the authors' published code.

Squeeze-and-excitation has a quarter of the channels that enter its *block*, rounded to a multiple of 8
not a tenth below; hard swish everywhere. The head is expanded before the mean, and goes on after it.
Some blocks of stride 2 have fewer zeros at the border than half their kernel: with as many as others
FBNetV3-A would count 407.5 M multiply-adds instead of 355.5 M.
"""

from __future__ import annotations

from collections.abc import Iterator

from mathdesign.zoo.member import Figure, Member
from mathdesign.zoo.mobile import eights
from mathdesign.zoo.rows import blocks, request

SOURCE, CARDS = "arXiv 2006.02049", "timm's model cards"
HEAD, EXPANSION, ACTIVATION = 1984, 6, "hard_swish"
A = ("k3 16x2 e1", "k5 24 s2 e4", "k5 24x3 e2", "k5 40 s2 e5 se", "k5 40x4 e3 se", "k5 72 s2 e5 p1",
     "k3 72x4 e3", "k3 120 e5 se", "k5 120x5 e3 se", "k3 184 s2 e6 se p0", "k5 184x5 e4 se",
     "k5 224 e6 se")  # fmt: skip
#: Pixels a side, width of the stem, blocks.
NETWORKS = {
    "fbnetv3_a": (224, 16, A),
    "fbnetv3_b": (248, 16, A),
    "fbnetv3_c": (248, 16, (
        "k3 16x2 e1", "k5 24 s2 e5", "k3 24x4 e3", "k5 48 s2 e5 se", "k5 48x4 e2 se",
        "k5 88 s2 e4 p1", "k3 88x4 e3", "k3 120 e4 se", "k5 120x5 e3 se", "k5 216 s2 e5 se p1",
        "k5 216x5 e5 se", "k5 216 e6 se")),
    "fbnetv3_d": (248, 24, (
        "k3 16x2 e1", "k3 24 s2 e5", "k3 24x5 e2", "k5 40 s2 e4 se", "k3 40x4 e3 se",
        "k3 72 s2 e5", "k3 72x4 e3", "k3 128 e5 se", "k5 128x6 e3 se", "k3 208 s2 e6 se",
        "k5 208x5 e5 se", "k5 240 e6 se")),
    "fbnetv3_e": (264, 24, (
        "k3 16x3 e1", "k5 24 s2 e4", "k5 24x4 e2", "k5 48 s2 e4 se", "k5 48x4 e3 se",
        "k5 80 s2 e5 p1", "k3 80x4 e3", "k3 128 e5 se", "k5 128x7 e3 se", "k3 216 s2 e6 se",
        "k5 216x5 e5 se", "k5 240 e6 se")),
    "fbnetv3_f": (272, 24, (
        "k3 24x3 e1", "k5 32 s2 e4", "k5 32x4 e2", "k5 56 s2 e4 se", "k5 56x4 e3 se",
        "k5 88 s2 e5", "k3 88x4 e3", "k3 144 e5 se", "k5 144x8 e3 se", "k3 248 s2 e6 se p0",
        "k5 248x6 e5 se", "k5 272 e6 se")),
    "fbnetv3_g": (320, 32, (
        "k3 24x3 e1", "k5 40 s2 e4", "k5 40x4 e2", "k5 56 s2 e4 se", "k5 56x4 e3 se",
        "k5 104 s2 e5", "k3 104x4 e3", "k3 160 e5 se", "k5 160x8 e3 se", "k3 264 s2 e6 se",
        "k5 264x6 e5 se", "k5 288x2 e6 se")),
}  # fmt: skip
#: What timm's cards print; the paper counts networks before widths became multiples of 8.
FIGURES = {
    "fbnetv3_b": (Figure("params", "8.60 M", CARDS),),
    "fbnetv3_d": (Figure("params", "10.31 M", CARDS),),
    "fbnetv3_g": (Figure("params", "16.62 M", CARDS),),
}
WIDTHS = "widths are those of the published code, multiples of 8, of which the paper gives no count"


def members() -> Iterator[Member]:
    """A to G."""
    for name, (size, stem, rows) in NETWORKS.items():
        gate = {"gate": "hard_sigmoid", "activation": ACTIVATION}
        body = list(blocks(rows, stem, lambda c: eights(c // 4), **gate))
        act = {"activation": ACTIVATION}
        first = {"block": "conv", "width": stem, "kernel": 3, "stride": 2, **act}
        tail = (
            {"block": "conv", "width": EXPANSION * body[-1]["width"], "kernel": 1, **act},
            {"block": "pooled", "width": HEAD, "bias": True, **act},
        )
        words = request(size, [first], body, tail)
        yield Member(name, "FBNetV3", SOURCE, words, None, FIGURES.get(name, ()), (WIDTHS,))
