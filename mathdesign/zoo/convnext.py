"""ConvNeXt: Liu et al., arXiv 2201.03545, section 2 and table 1."""

from __future__ import annotations

from collections.abc import Iterator

from mathdesign.zoo.chains import chain
from mathdesign.zoo.member import Figure, Member

SOURCE = "arXiv 2201.03545, table 1"
TORCHVISION = "torchvision's documentation"
#: Width of the first stage, blocks of each; parameters as torchvision prints them; the paper's FLOPs.
NETWORKS = {
    "convnext_t": (96, (3, 3, 9, 3), "28,589,128", "4.5 G"),
    "convnext_s": (96, (3, 3, 27, 3), "50,223,688", "8.7 G"),
    "convnext_b": (128, (3, 3, 27, 3), "88,591,464", "15.4 G"),
    "convnext_l": (192, (3, 3, 27, 3), "197,767,336", "34.4 G"),
}


def members() -> Iterator[Member]:
    """Four networks."""
    for name, (width, depths, params, macs) in NETWORKS.items():
        stages = [
            {
                "stride": 1 if i == 0 else 2, "width": width << i, "bottleneck": 4 * width << i,
                "kernel_size": 7, "depth": depth, "as_published": True,
                **({"shortcut": "identity"} if i == 0 else {}),
            }
            for i, depth in enumerate(depths)
        ]  # fmt: skip
        stem = {"family": "patchify", "width": width, "kernel_size": 4, "stride": 4}
        request = chain("convnext", stages, stem, classifier="normed_classifier")
        figures = (Figure("params", params, TORCHVISION), Figure("macs", macs, SOURCE))
        yield Member(name, "ConvNeXt", SOURCE, request, None, figures)
