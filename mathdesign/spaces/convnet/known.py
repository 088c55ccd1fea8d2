"""Networks that people know: the stages of published ones, and templates of scaling by hand.

Structures of DeepMAD (CVPR 2023): facts of the published code, commit 8ccaf88. ResNet: arXiv
1512.03385, table 1; MobileNetV2: arXiv 1801.04381, table 2; ConvNeXt-T: arXiv 2201.03545.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownStage:
    """Blocks of one width. ``inner``: bottleneck channels (0: the family has none)."""

    width: int
    depth: int
    inner: int = 0
    kernel_size: int = 3
    stride: int = 2


@dataclass(frozen=True, slots=True)
class Known:
    """A network at its own size: ``size`` pixels, a stem of stride 2, body stages, maybe a head."""

    name: str
    family: str
    size: int
    stem: int
    stages: tuple[KnownStage, ...]
    head: int = 0
    squeeze_excitation: bool = False
    pooled: bool = False
    """A stride-2 pooling follows the stem (ResNet); here the first stage halves instead."""


def _resnet(name: str, depths: tuple[int, ...]) -> Known:
    widths = (64, 128, 256, 512)
    stages = tuple(KnownStage(w, d) for w, d in zip(widths, depths))
    return Known(name, "basic", 224, 64, stages, pooled=True)


def _tinynas(name: str, stem: int, *rows: tuple[int, int, int, int, int]) -> Known:
    """Rows: width, bottleneck, kernel size, depth, stride."""
    stages = tuple(KnownStage(w, d, b, k, s) for w, b, k, d, s in rows)
    return Known(name, "bottleneck", 224, stem, stages)


RESNET50 = Known(
    "resnet50", "bottleneck", 224, 64,
    tuple(KnownStage(4 * w, d, w) for w, d in zip((64, 128, 256, 512), (3, 4, 6, 3))), pooled=True,
)  # fmt: skip
#: Expansion 6; its first stage (16 channels, no expansion, stride 1) is left out, as a body stage
#: with a free expansion would not have it.
MOBILENET_V2 = Known(
    "mobilenet_v2", "inverted_residual", 224, 32,
    (KnownStage(24, 2, 144), KnownStage(32, 3, 192), KnownStage(64, 4, 384),
     KnownStage(96, 3, 576, stride=1), KnownStage(160, 3, 960)), head=1280,
)  # fmt: skip
CONVNEXT_T = Known(
    "convnext_t", "convnext", 224, 96,
    tuple(KnownStage(w, d, 4 * w, 7) for w, d in zip((96, 192, 384, 768), (3, 3, 9, 3))),
    pooled=True,
)  # fmt: skip
HAND_SCALED = {
    k.name: k
    for k in (_resnet("resnet18", (2, 2, 2, 2)), _resnet("resnet34", (3, 4, 6, 3)), RESNET50,
              MOBILENET_V2, CONVNEXT_T)
}  # fmt: skip
PUBLISHED = {
    k.name: k
    for k in (
        _tinynas("deepmad_r18", 32, (96, 40, 5, 1, 2), (384, 40, 5, 6, 2), (384, 64, 5, 9, 2),
                 (1024, 104, 3, 10, 1), (672, 104, 5, 12, 2)),
        _tinynas("deepmad_r34", 24, (128, 24, 5, 1, 2), (512, 48, 5, 10, 2),
                 (896, 88, 5, 13, 2), (1024, 104, 5, 11, 1), (616, 128, 5, 14, 2)),
        _tinynas("deepmad_r50", 32, (128, 40, 5, 1, 2), (512, 48, 5, 11, 2),
                 (872, 88, 5, 12, 2), (1024, 104, 5, 13, 1), (1232, 120, 5, 15, 2)),
        Known("deepmad_29m", "inverted_residual", 224, 40,
              (KnownStage(40, 2, 240, 5, 1), KnownStage(85, 4, 512, 5), KnownStage(134, 6, 800, 5),
               KnownStage(201, 6, 1208, 5), KnownStage(312, 5, 1872, 5)), 1792, True),
        Known("deepmad_29m_288", "inverted_residual", 288, 40,
              (KnownStage(61, 4, 368, 5), KnownStage(96, 4, 576, 5), KnownStage(145, 5, 872, 5),
               KnownStage(217, 6, 1304, 5, 1), KnownStage(328, 4, 1968, 5)), 1792, True),
        Known("deepmad_50m", "inverted_residual", 224, 48,
              (KnownStage(112, 7, 672, 5), KnownStage(168, 9, 1008, 5), KnownStage(252, 7, 1512, 5),
               KnownStage(378, 3, 2272, 5), KnownStage(576, 1, 3456, 3, 1)), 2048, True),
        Known("deepmad_89m", "inverted_residual", 224, 56,
              (KnownStage(136, 10, 816, 5), KnownStage(204, 9, 1224, 5),
               KnownStage(326, 7, 1952, 5), KnownStage(490, 4, 2944, 5),
               KnownStage(744, 1, 4464, 3, 1)), 2560, True),
    )
}  # fmt: skip
#: Networks of the same repository by Zen-NAS (ICCV 2021), of the sizes of three ResNets.
ZEN_NAS = {
    k.name: k
    for k in (
        _tinynas("zen_nas_r18", 40, (256, 64, 3, 2, 2), (360, 88, 3, 3, 2), (512, 128, 3, 6, 2),
                 (512, 176, 3, 4, 2), (512, 176, 3, 12, 1)),
        _tinynas("zen_nas_r50", 16, (256, 64, 3, 6, 2), (360, 88, 3, 8, 2), (512, 176, 3, 7, 2),
                 (720, 360, 3, 2, 2), (2896, 256, 3, 4, 1)),
        _tinynas("zen_nas_r152", 128, (512, 88, 3, 4, 2), (720, 176, 3, 8, 2), (720, 256, 3, 13, 2),
                 (1024, 360, 3, 10, 2), (1024, 256, 3, 12, 1)),
    )
}  # fmt: skip
#: What `uniform` and `published` mean for a design of each family.
UNIFORM = {
    "basic": "resnet18", "bottleneck": "resnet50", "inverted_residual": "mobilenet_v2",
    "convnext": "convnext_t",
}  # fmt: skip
DEFAULT_PUBLISHED = {"bottleneck": "deepmad_r18", "basic": "deepmad_r18",
                     "inverted_residual": "deepmad_29m"}  # fmt: skip
