r"""The prices of least bound, by column generation in compiled code.

The bound of :mod:`.bound` is convex in the prices, and each path that attains it is a subgradient:
the master program mixes the paths found so far, its duals are the next prices (Dantzig and Wolfe,
Operations Research 8, 1960). Rows are scaled to units of what they may range over, the objective to
units of its own range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.solvers.viterbi.bound import Completion
from mathdesign.solvers.viterbi.graph import Graph
from mathdesign.solvers.viterbi.kernels.master import Sides, priced
from mathdesign.solvers.viterbi.kernels.sweeps import to_end
from mathdesign.solvers.viterbi.plan import FREE

#: Rounds of column generation, arcs looked at in all of them (about a second), and how close
#: (relative to the range) the mix must come to stop.
ROUNDS, ARCS, CLOSE = 300, 20_000_000, 1e-9
#: What breaking a whole range costs in the master program, in ranges of the objective.
BROKEN = 1e4


@dataclass(frozen=True, eq=False)
class Priced:
    """Completions, that of the least bound first, and the paths that were met."""

    completions: tuple[Completion, ...]
    paths: IntArray
    """(paths, layers) arcs."""
    mix: FloatArray
    """(paths,) how much of each the best mix takes."""


def prices(graph: Graph, kept: int, rounds: int = ROUNDS) -> Priced:
    """Completions under the ``kept`` best prices found."""
    scale, row_scale = _ranges(graph)
    rounds = max(min(rounds, ARCS // len(graph.head)), 20)
    found, bounds, paths, mix = priced(
        graph.first, graph.head, graph.gain / scale, graph.costs / row_scale,
        _sides(graph, row_scale), len(graph.slots), rounds, BROKEN, CLOSE, kept,
    )  # fmt: skip
    tried = [Completion.of(graph, np.zeros(len(row_scale)))]
    for own in found[np.isfinite(bounds)]:
        real = own * scale / row_scale
        if np.isfinite(real).all() and real.any():
            tried.append(Completion.of(graph, real))
    tried = sorted((c for c in tried if np.isfinite(c.bound)), key=lambda c: c.bound)
    return Priced(tuple(tried[:kept]), paths, mix)


def best_of(graph: Graph, paths: IntArray, least: float) -> tuple[int, ...] | None:
    """The point of the best of some paths that keep the budgets, if it is worth ``least``."""
    value = np.where(graph.keeps(paths), graph.gain[paths].sum(axis=1), -np.inf)
    best = int(np.argmax(value))
    return graph.point(paths[best]) if graph.constant + value[best] > least else None


def _ranges(graph: Graph) -> tuple[float, FloatArray]:
    """What the objective and each row range over, at least next to nothing."""
    high = to_end(graph.first, graph.head, graph.gain)[0]
    low = -to_end(graph.first, graph.head, -graph.gain)[0]
    least, most = (ends[0] for ends in graph.rest)
    scale = float(high - low)
    if scale <= 1e-12 * float(np.abs(graph.gain).max()):
        scale = 1.0  # nothing to choose from
    return scale, np.maximum((most - least).astype(np.float64), 1.0)


def _sides(graph: Graph, scale: FloatArray) -> Sides:
    """All sides, in units of their rows."""
    found = [
        (r, sign, sign * float(bound) / scale[r])
        for r in range(len(scale))
        for sign, bound in ((1.0, graph.upper[r]), (-1.0, graph.lower[r]))
        if (bound < FREE if sign > 0 else bound > 0)
    ]
    rows, signs, bounds = zip(*found) if found else ((), (), ())
    return Sides(np.array(rows, dtype=np.int64), np.array(signs), np.array(bounds))
