"""EfficientNet-B0 (Tan and Le, arXiv 1905.11946, table 1) and its Lite0.

Squeeze-and-excitation has a quarter of the channels that enter its *block*. Lite0 (the authors' code)
leaves it out and has ReLU6 in place of SiLU.
"""

from __future__ import annotations

from collections.abc import Iterator

from mathdesign.zoo.member import Figure, Member
from mathdesign.zoo.rows import blocks, request

SOURCE = "arXiv 1905.11946, table 1"
ROWS = ("k3 16 e1{0}", "k3 24x2 s2 e6{0}", "k5 40x2 s2 e6{0}", "k3 80x3 s2 e6{0}", "k5 112x3 e6{0}",
        "k5 192x4 s2 e6{0}", "k3 320 e6{0}")  # fmt: skip
STEM, HEAD = 32, 1280
LITE = "its authors' page"
MORE = "what that page counts beside convolutions is not said"
NETWORKS = {
    "efficientnet_b0": ("silu", " se", (
        Figure("params", "5,288,548", "torchvision's documentation"),
        Figure("params", "5.3 M", "table 2"), Figure("macs", "0.39 B", "table 2"))),
    "efficientnet_lite0": ("relu6", "", (
        Figure("params", "4.7 M", LITE), Figure("macs", "407 M", LITE, differs=MORE))),
}  # fmt: skip


def members() -> Iterator[Member]:
    """Both."""
    for name, (activation, squeeze, figures) in NETWORKS.items():
        act = {"activation": activation}
        inside = {"squeeze_activation": activation} if squeeze else {}
        rows = [row.format(squeeze) for row in ROWS]
        body = list(blocks(rows, STEM, lambda c: c // 4, **act, **inside))
        first = {"block": "conv", "width": STEM, "kernel": 3, "stride": 2, **act}
        last = {"block": "conv", "width": HEAD, "kernel": 1, **act}
        words = request(224, [first], body, [last])
        yield Member(name, "EfficientNet", SOURCE, words, None, figures)
