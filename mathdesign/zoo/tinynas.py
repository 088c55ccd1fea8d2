"""DeepMAD (arXiv 2303.02165) and Zen-NAS (arXiv 2102.01063): networks of one repository.

Structures and counts: facts of the published code, commit 8ccaf88 (:mod:`mathdesign.spaces.convnet.known`).
Its counting is profile ``tinynas``: norms and activations are counted, the classifier is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mathdesign.spaces.convnet.known import PUBLISHED, ZEN_NAS, Known
from mathdesign.zoo.chains import chain
from mathdesign.zoo.member import Figure, Member

CODE = "its repository's code, commit 8ccaf88"
DEEPMAD, ZEN = "arXiv 2303.02165", "arXiv 2102.01063"
TINYNAS = {"counting": "tinynas"}
#: Why the papers' tables print other numbers than their files count.
TABLE = "the table prints the budget that the network was sought under"
#: Parameters without classifier and operations by the code; greatest effectiveness; parameters and
#: operations as the paper's tables print them.
COUNTS = {
    "deepmad_r18": ("11,153,088", "1,837,323,208", "0.2991", "11.69 M", "1.82 G"),
    "deepmad_r34": ("21,073,160", "3,675,274,792", "0.3000", "21.8 M", "3.68 G"),
    "deepmad_r50": ("24,208,144", "4,087,263,656", "0.2998", "25.55 M", "4.13 G"),
    "deepmad_29m": ("26,876,956", "4,448,877,776", "0.4965", "29 M", "4.5 G"),
    "deepmad_29m_288": ("26,910,630", "4,434,568,884", "0.4966", "29 M", "4.5 G"),
    "deepmad_50m": ("47,359,964", "8,611,349,082", "0.4930", "50 M", "8.7 G"),
    "deepmad_89m": ("85,764,780", "15,257,277,784", "0.4951", "89 M", "15.4 G"),
    "zen_nas_r18": ("10,369,384", "1,705,271,344", "0.2002", "10.8 M", "1.7 G"),
    "zen_nas_r50": ("18,474,592", "3,674,831,048", "0.2171", "21.3 M", "3.6 G"),
    "zen_nas_r152": ("52,459,936", "10,505,227,208", "0.1981", "53.5 M", "10.5 G"),
}
#: Where the figure of the table is not that of the file.
AT_BUDGET = {
    "params": ("deepmad_r18", "deepmad_r34", "deepmad_r50", "deepmad_50m", "deepmad_89m"),
    "macs": ("deepmad_r18", "deepmad_r50", "deepmad_29m", "deepmad_29m_288", "deepmad_50m",
             "deepmad_89m"),
}  # fmt: skip


def members() -> Iterator[Member]:
    """Seven networks of DeepMAD, three of Zen-NAS."""
    for group, source, networks in (("DeepMAD", DEEPMAD, PUBLISHED), ("Zen-NAS", ZEN, ZEN_NAS)):
        for name, known in networks.items():
            params, macs, rho, claimed_params, claimed_macs = COUNTS[name]
            figures = (
                Figure("params", params, CODE, TINYNAS),
                Figure("macs", macs, CODE, TINYNAS),
                Figure("effectiveness", rho, CODE),
                _claimed("params", claimed_params, source, name in AT_BUDGET["params"]),
                _claimed("macs", claimed_macs, source, name in AT_BUDGET["macs"]),
            )
            yield Member(name, group, source, _request(known), None, figures)


def _claimed(metric: str, said: str, source: str, at_budget: bool) -> Figure:
    under = TINYNAS if metric == "macs" else {}
    return Figure(metric, said, source, under, TABLE if at_budget else "")


def _request(known: Known) -> dict[str, Any]:
    own = {"squeeze_excitation": known.squeeze_excitation} if known.squeeze_excitation else {}
    stages = [
        {"stride": s.stride, "width": s.width, "bottleneck": s.inner, "kernel_size": s.kernel_size,
         "depth": s.depth, **own}
        for s in known.stages
    ]  # fmt: skip
    head = {"head": {"width": known.head}} if known.head else {}
    return chain(known.family, stages, {"width": known.stem}, known.size, **head)
