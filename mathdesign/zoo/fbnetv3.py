"""FBNetV3: Dai et al., arXiv 2006.02049; A to G as points of the space of that name.

Block lists are facts of the authors' published code. Some blocks of stride 2 have a border one too small
there: with the border of the others FBNetV3-A would count 407.5 M multiply-adds instead of 355.5 M.
"""

from __future__ import annotations

from collections.abc import Iterator

from mathdesign.zoo.member import Figure, Member

SOURCE, CARDS = "arXiv 2006.02049", "timm's model cards"
A = "k3_l2 k55_e42_l4 k55_e53_l5 k53_e53_l5 k35_e53_l6 k35_e64_l6 k5_l1"
#: Widths, pixels a side; options of the seven stages: kernels and expansions of the first block and
#: of the others, layers.
NETWORKS = {
    "fbnetv3_a": ("b", 224, A),
    "fbnetv3_b": ("b", 248, A),
    "fbnetv3_c": ("c", 248, "k3_l2 k53_e53_l5 k55_e52_l5 k53_e43_l5 k35_e43_l6 k55_e55_l6 k5_l1"),
    "fbnetv3_d": ("d", 248, "k3_l2 k33_e52_l6 k53_e43_l5 k33_e53_l5 k35_e53_l7 k35_e65_l6 k5_l1"),
    "fbnetv3_e": ("e", 264, "k3_l3 k55_e42_l5 k55_e43_l5 k53_e53_l5 k35_e53_l8 k35_e65_l6 k5_l1"),
    "fbnetv3_f": ("f", 272, "k3_l3 k55_e42_l5 k55_e43_l5 k53_e53_l5 k35_e53_l9 k35_e65_l7 k5_l1"),
    "fbnetv3_g": ("g", 320, "k3_l3 k55_e42_l5 k55_e43_l5 k53_e53_l5 k35_e53_l9 k35_e65_l7 k5_l2"),
}
#: The paper counts networks before widths became multiples of 8.
FIGURES = {
    "fbnetv3_b": (Figure("params", "8.60 M", CARDS),),
    "fbnetv3_d": (Figure("params", "10.31 M", CARDS),),
    "fbnetv3_g": (Figure("params", "16.62 M", CARDS),),
}
WIDTHS = "widths are those of the published code, multiples of 8, of which the paper gives no count"


def members() -> Iterator[Member]:
    """A to G."""
    for name, (variant, size, stages) in NETWORKS.items():
        space = {
            "family": "fbnetv3", "input": {"channels": 3, "size": size},
            "settings": {"variant": variant},
        }  # fmt: skip
        request = {"space": space, "objective": {"metric": "macs"}}
        options = {f"stage{i}": option for i, option in enumerate(stages.split(), 1)}
        figures = FIGURES.get(name, ())
        yield Member(name, "FBNetV3", SOURCE, request, {"options": options}, figures, (WIDTHS,))
