"""Ceilings of peaks against enumeration: ``python -m benchmarks.ceilings --seeds 0 100 [--only exact]``.

Small programs of every form that hold something (``tests/ceilings.py``), each solved by every backend
that takes it. Counts answers that are wrong: a point that breaks a ceiling, a bound below the true
optimum, an optimum that is none, an infeasibility that is none. The last two lines are the laws: a
looser ceiling is never worse, and how often the ceiling decided.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter

from mathdesign.programs.base import Limit
from mathdesign.solvers import SolveOptions, Status, backend
from mathdesign.solvers.portfolio import BACKENDS, cannot
from tests.ceilings import PEAK, held_chain, held_mixes, held_slots

MAKERS = (held_chain, held_slots, held_mixes)
MOST_POINTS = 100_000
SELF = ("brute", "scan")


def main() -> None:
    """Prints a count for each backend."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seeds", type=int, nargs=2, default=(0, 100))
    asked.add_argument("--only", nargs="*", default=[n for n in BACKENDS if n not in SELF])
    asked.add_argument("--seconds", type=float, default=5.0)
    options = asked.parse_args()
    limits = SolveOptions(gap=0.0, time_limit_s=options.seconds)
    done: Counter[str] = Counter()
    said: Counter[tuple[str, str]] = Counter()
    for seed in range(*options.seeds):
        for maker in MAKERS:
            program = maker(seed)
            if program.points > MOST_POINTS:
                continue
            done[program.form] += 1
            best = truth(program)
            free = truth(program.without(PEAK))
            (ceiling,) = program.ceilings
            loose = truth(program.relimited(Limit(PEAK, "max", 2 * (ceiling.upper or 0))))
            done["decided"] += best != free
            done["fell when loosened"] += not best <= loose <= free
            for name in options.only:
                if cannot(backend(name), program) is None:
                    word = verdict(backend(name).solve(program, limits), program, best)
                    said[name, word] += 1
                    if word.startswith("WRONG"):
                        print(f"{name}: {word} at {program.form} {seed}", flush=True)
    for name in options.only:
        words = {word: n for (who, word), n in said.items() if who == name}
        print(f"{name:13}", ", ".join(f"{n} {word}" for word, n in sorted(words.items())))
    print(", ".join(f"{n} {what}" for what, n in done.items()))


def truth(program) -> float:
    """The greatest objective, ``-inf`` where nothing is feasible."""
    found = backend("brute").solve(program, SolveOptions(gap=0.0, time_limit_s=600)).objective
    return -math.inf if found is None else found


def verdict(found, program, best: float) -> str:
    """What an answer is worth."""
    room = 2e-6 * max(1.0, abs(best)) if math.isfinite(best) else 0.0
    if found.point is not None and not program.feasible(found.point):
        return "WRONG point"
    if found.bound < best - room or (found.objective or -math.inf) > best + room:
        return "WRONG bound"
    if found.status is Status.INFEASIBLE:
        return "right" if best == -math.inf else "WRONG infeasible"
    if found.status is Status.OPTIMAL:
        return "right" if found.objective >= best - room else "WRONG optimum"
    return "open"


if __name__ == "__main__":
    main()
