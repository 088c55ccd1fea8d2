"""Networks of inverted residuals as rows of words, and the requests of family ``layers`` they are.

A row such as ``k5 40x5 s2 e3 se`` is five blocks of kernel 5 and 40 channels, the first of stride 2, of
expansion 3, with squeeze-and-excitation; ``p0`` says zeros at the border where they are not half the
kernel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

ROW = re.compile(r"k(\d) (\d+)(?:x(\d+))?(?: s(\d))? e(\d+)( se)?(?: p(\d))?")
Words = dict[str, Any]


def blocks(
    rows: Sequence[str], c_in: int, squeeze: Callable[[int], int], **every: Any
) -> Iterator[Words]:
    """One mapping a block; ``squeeze`` says the inner width of SE from what enters, ``every`` the rest."""
    for row in rows:
        match = ROW.fullmatch(row)
        if match is None:
            raise ValueError(f"no row of blocks: {row}")
        kernel, width, count, stride, expansion, se, padding = match.groups()
        for i in range(int(count or 1)):
            words: Words = {
                "block": "inverted_residual",
                "kernel": int(kernel),
                "width": int(width),
            }
            if stride and i == 0:
                words["stride"] = int(stride)
            if expansion != "1":
                words["expansion"] = int(expansion)
            if se:
                words["squeeze"] = squeeze(c_in)
            if padding is not None:
                words["padding"] = int(padding)
            yield {**words, **every}
            c_in = int(width)


def request(
    size: int, stem: Sequence[Words], body: Sequence[Words], tail: Sequence[Words], **rest: Any
) -> Mapping[str, Any]:
    """A space of one network: a slot of one option for each block."""
    slots = [{"name": f"block{i}", "options": [words]} for i, words in enumerate(body, 1)]
    given = {"channels": 3, "size": size}
    space = {"family": "layers", "input": given, "classes": 1000, "stem": [*stem], "slots": slots,
             "tail": [*tail, {"block": "classifier"}], **rest}  # fmt: skip
    return {"space": space, "objective": {"metric": "macs"}}
