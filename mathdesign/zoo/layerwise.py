"""Networks of the layer-wise spaces FBNet, ProxylessNAS and MnasNet: which option each slot takes.

EfficientNet-B0 (Tan and Le, arXiv 1905.11946, table 1) was sought in MnasNet's space; its Lite0 (the
authors' code) has no squeeze-and-excitation, and ReLU6 in place of SiLU.

Block lists are facts of the papers and of their authors' published code, said in our own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mathdesign.spaces.lists.proxyless import CELLS
from mathdesign.zoo.member import Figure, Member

FBNET, PROXYLESS = "arXiv 1812.03443", "arXiv 1812.00332"
MNASNET = "arXiv 1807.11626"
FBNET_CODE = "its authors' code"
#: A layer is ``kernel_expansion``, ``g2`` where its 1x1s have two groups; ``-`` is none.
FBNETS = {
    "fbnet_a": (1504, "- 3_3 3_1 - - 5_6 3_3 5_1 3_3 5_6 5_3 5_1g2 5_6 3_6 5_1g2 5_3 3_1g2 5_6 5_6 "
                "5_3 5_6 5_6", "244.5 M", "249 M"),
    "fbnet_b": (1984, "3_1 3_6 5_1 3_1 3_1 5_6 5_3 3_6 5_6 5_6 5_6 - 5_3 5_6 3_1 5_1 5_3 5_6 5_1 5_6 "
                "5_6 3_6", "291.1 M", "295 M"),
    "fbnet_c": (1984, "3_1 3_6 - 3_1 3_1 5_6 5_3 5_6 3_6 5_6 5_3 5_6 5_6 5_6 5_6 5_6 5_3 5_6 5_6 5_6 "
                "5_6 3_6", "378.2 M", "375 M"),
}  # fmt: skip
ABOVE = "0.1 M above what its block list counts; what the authors' counter adds is not said"
PAPER = (
    "neither with the first 1x1 of blocks that expand nothing, as the paper draws them, nor without"
)
#: A layer is ``expansion k kernel``; ``-`` is none. Params as the published code asserts them.
PROXYLESSNAS = {
    "proxyless_cpu": ("cpu", "6k3 3k3 3k3 3k3 6k3 3k3 3k3 3k5 6k3 - - 3k3 6k5 3k3 3k3 3k3 6k5 3k5 "
                      "3k5 3k3 6k5", "4,361,648"),
    "proxyless_gpu": ("gpu", "3k5 - - - 3k7 - - 3k3 6k7 - - 3k5 6k5 - 3k3 3k5 6k7 6k7 6k7 6k5 6k7",
                      "7,119,848"),
    "proxyless_mobile": ("mobile", "3k5 3k3 - - 3k7 3k3 3k5 3k5 6k7 3k5 3k5 3k5 6k5 3k5 3k5 3k5 6k7 "
                         "6k7 3k7 3k7 6k7", "4,080,512"),
    "proxyless_mobile_1.4": ("mobile_1.4", "3k5 3k3 - - 3k7 3k3 3k5 3k5 6k7 3k5 3k5 3k5 6k5 3k5 3k5 "
                             "3k5 6k7 6k7 3k7 3k7 6k7", "6,857,568"),
}  # fmt: skip
#: Stages: operation, kernel, squeeze-and-excitation, layers, width.
MNASNETS = {
    "mnasnet_a1": ((("sep", 3, 0, 1, 16), ("mb6", 3, 0, 2, 24), ("mb3", 5, 1, 3, 40),
                    ("mb6", 3, 0, 4, 80), ("mb6", 3, 1, 2, 112), ("mb6", 5, 1, 3, 160),
                    ("mb6", 3, 0, 1, 320)),
                   Figure("params", "3.9 M", "table 1"), Figure("macs", "312 M", "table 1")),
    "mnasnet_b1": ((("sep", 3, 0, 1, 16), ("mb3", 3, 0, 3, 24), ("mb3", 5, 0, 3, 40),
                    ("mb6", 5, 0, 3, 80), ("mb6", 3, 0, 2, 96), ("mb6", 5, 0, 4, 192),
                    ("mb6", 3, 0, 1, 320)),
                   Figure("params", "4,383,312", "torchvision's documentation"),
                   Figure("macs", "0.31 G", "torchvision's documentation")),
}  # fmt: skip
EFFICIENTNET = "arXiv 1905.11946, table 1"
LITE = "its authors' page"
MORE = "what that page counts beside convolutions is not said"
B0 = (("sep", 3, 1, 16), ("mb6", 3, 2, 24), ("mb6", 5, 2, 40), ("mb6", 3, 3, 80),
      ("mb6", 5, 3, 112), ("mb6", 5, 4, 192), ("mb6", 3, 1, 320))  # fmt: skip
#: Activation, squeeze-and-excitation, figures.
EFFICIENTNETS = {
    "efficientnet_b0": ("silu", 1, (
        Figure("params", "5,288,548", "torchvision's documentation"),
        Figure("params", "5.3 M", "table 2"), Figure("macs", "0.39 B", "table 2"))),
    "efficientnet_lite0": ("relu6", 0, (
        Figure("params", "4.7 M", LITE), Figure("macs", "407 M", LITE, differs=MORE))),
}  # fmt: skip


def members() -> Iterator[Member]:
    """Three, four, two and two."""
    yield from _fbnets()
    for name, (variant, layers, params) in PROXYLESSNAS.items():
        slots = [f"stage{s}_{c + 1}" for s, cells in enumerate(CELLS, 1) for c in range(cells)]
        options = ["zero" if x == "-" else f"mb{x[0]}_k{x[2]}" for x in layers.split()]
        request = _request("proxylessnas", settings={"variant": variant})
        figures = (Figure("params", params, "its authors' code"),)
        yield _member(name, "ProxylessNAS", PROXYLESS, request, slots, options, figures)
    for name, (stages, *said) in MNASNETS.items():
        source = f"{MNASNET}, figure 7" if name == "mnasnet_a1" else MNASNET
        yield _staged(name, "MnasNet", source, stages, tuple(said))
    for name, (activation, se, printed) in EFFICIENTNETS.items():
        found = [(op, k, se, n, width) for op, k, n, width in B0]
        yield _staged(name, "EfficientNet", EFFICIENTNET, found, printed, activation=activation)


def _staged(
    name: str, group: str, source: str, stages: Sequence[tuple[str, int, int, int, int]],
    figures: tuple[Figure, ...], **settings: str,
) -> Member:  # fmt: skip
    """A point of MnasNet's space."""
    slots = [f"stage{i}" for i in range(1, len(stages) + 1)]
    options = [f"{op}_k{k}_se{se}_skip1_l{n}_w{width}" for op, k, se, n, width in stages]
    request = _request("mnasnet", **({"settings": settings} if settings else {}))
    return _member(name, group, source, request, slots, options, figures)


def _fbnets() -> Iterator[Member]:
    for name, (head, layers, code, paper) in FBNETS.items():
        options = ["skip" if x == "-" else _fbnet_option(x) for x in layers.split()]
        kept = _request("fbnet", settings={"head": head, "keep_expansion": True})
        figures = (
            Figure("macs", code, FBNET_CODE, differs="" if name == "fbnet_a" else ABOVE),
            Figure("macs", paper, FBNET, {"space": kept["space"]},
                   differs="" if name == "fbnet_a" else PAPER),
        )  # fmt: skip
        request = _request("fbnet", settings={"head": head})
        slots = [f"op{i}" for i in range(len(options))]
        yield _member(name, "FBNet", FBNET, request, slots, options, figures)


def _fbnet_option(layer: str) -> str:
    kernel, expansion = layer.split("_")
    return f"k{kernel}_e{expansion}".replace("g2", "_g2")


def _request(family: str, **rest: Any) -> dict[str, Any]:
    return {"space": {"family": family, **rest}, "objective": {"metric": "macs"}}


def _member(
    name: str, group: str, source: str, request: dict[str, Any], slots: Sequence[str],
    options: Sequence[str], figures: tuple[Figure, ...],
) -> Member:  # fmt: skip
    chosen = {"options": dict(zip(slots, options, strict=True))}
    return Member(name, group, source, request, chosen, figures)
