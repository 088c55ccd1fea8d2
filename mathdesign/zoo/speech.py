"""EfficientTDNN: Wang et al., arXiv 2103.13581; three networks of its model card, on 3 s of speech."""

from __future__ import annotations

from collections.abc import Iterator

from mathdesign.zoo.member import Figure, Member

SOURCE, CARD = "arXiv 2103.13581", "its model card"
#: Channels between blocks, kernel of the first convolution; inner width and kernel of each block;
#: channels that join them; params and multiply-adds of the card, norms counted twice a value.
NETWORKS = {
    "efficient_tdnn_base": (512, 5, ((512, 3), (512, 3), (512, 3)), 1536, "5.79 M", "1.45 G"),
    "efficient_tdnn_mobile": (384, 5, ((256, 3), (256, 3), (256, 3)), 768, "2.42 M", "570.98 M"),
    "efficient_tdnn_small": (256, 3, ((256, 3), (256, 3)), 400, "899.20 K", "204.07 M"),
}


def members() -> Iterator[Member]:
    """Three."""
    for name, (width, kernel, blocks, joined, params, macs) in NETWORKS.items():
        first, second, *more = (f"m{inner}_k{k}" for inner, k in blocks)
        options = {
            "first": f"k{kernel}", "block1": first, "block2": second,
            "blocks3_4": "+".join(more) or "none", "joined": str(joined),
        }  # fmt: skip
        space = {"family": "efficient_tdnn", "settings": {"width": width}}
        request = {"space": space, "objective": {"metric": "macs"}}
        figures = (Figure("params", params, CARD), Figure("published_macs", macs, CARD))
        yield Member(name, "EfficientTDNN", SOURCE, request, {"options": options}, figures)
