"""Every network of the zoo counted three times: by its space, by the calls its module makes, by torch.

    python benchmarks/zoo_counters.py [NAME ...]

``torch.utils.flop_counter`` sees the operators below the calls and is slow on long sequences, so that
`mathdesign zoo check` counts calls. Prints one line a network, the seconds of each counter, and ends
with status 1 where two numbers differ.
"""

from __future__ import annotations

import sys
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from mathdesign.validators.calls import drawn_nowhere, macs_of
from mathdesign.zoo.designs import design_of
from mathdesign.zoo.members import member, members


def main(names: list[str]) -> int:
    spent, differing = [0.0, 0.0, 0.0], 0
    for found in [member(name) for name in names] or members().values():
        start = time.perf_counter()
        design = design_of(found)
        posed = time.perf_counter()
        with drawn_nowhere():
            module = design.kind.outline(design.network).eval()
        inputs = design.kind.example(design.network)
        calls = macs_of(module, inputs)
        called = time.perf_counter()
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            module(*inputs)
        ended = time.perf_counter()
        built = {**design.metrics, **design.kind.as_built(design.network)}["macs"]
        counts = (built, calls, counter.get_total_flops() // 2)
        differing += len(set(counts)) > 1
        spent = [a + b for a, b in zip(spent, (posed - start, called - posed, ended - called))]
        verdict = "agree" if len(set(counts)) == 1 else "DIFFER " + ", ".join(map(str, counts[1:]))
        print(f"{found.name:22}{built:>24,}  {verdict}", flush=True)
    print("seconds: {:.1f} by spaces, {:.1f} by calls, {:.1f} by torch".format(*spent))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
