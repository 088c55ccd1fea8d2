r"""Ceilings: what is alive at each operator of the network, against what may be.

An operator is a sum of multiples of few values, which runs always, or where its stage has a second
block, or where two widths are equal (:class:`mathdesign.programs.stages.Alive`). A ceiling is one
inequality an operator: too many, and each too short, to be rows of the relaxation as budgets are.
Boxes are tightened by them, points judged, and an operator that runs everywhere in a box and may be
too much in it gives one sparse row, a tangent.

**Validity.** With values :math:`v_i = e^{x_i}` the inequality :math:`\sum c_i e^{x_i} \le L` is
convex, and :math:`e^x \ge e^p (1 + x - p)` for any ``p``: the row holds wherever it does. Where an
operator need not run, nothing is asked of the box but what it takes to forbid that it does.
"""

from __future__ import annotations

import math

from mathdesign.programs.base import IntArray
from mathdesign.solvers.compiled import inner
from mathdesign.solvers.exact.kernels.state import RELAXED, Work
from mathdesign.solvers.exact.model import BoxModel

#: Whether an operator runs in a box: nowhere, in parts of it, everywhere.
NOWHERE, PARTLY, EVERYWHERE = range(3)


@inner
def said_of(m: BoxModel, r: int) -> int:
    """What a sparse row says it is of where it is a tangent of operator ``r``: below planes, that say
    -1, and tables.
    """
    return -2 - m.table_var.shape[0] - r


@inner
def held(m: BoxModel, r: int, index: IntArray) -> int:
    """What the variables of operator ``r`` add up to at ``index``."""
    total = 0
    for t in range(m.held_var.shape[1]):
        j = m.held_var[r, t]
        if j >= 0:
            total += m.held_coef[r, t] * m.value[j, index[j]]
    return total


@inner
def runs_in(m: BoxModel, r: int, lo: IntArray, hi: IntArray) -> int:
    """Whether operator ``r`` runs in a box."""
    d, a, b = m.held_deep[r], m.held_same[r, 0], m.held_same[r, 1]
    if d >= 0:
        if m.value[d, lo[d]] > 0:
            return EVERYWHERE
        return PARTLY if m.value[d, hi[d]] > 0 else NOWHERE
    if a >= 0:
        first, last = m.value[a, lo[a]], m.value[a, hi[a]]
        if first > m.value[b, hi[b]] or last < m.value[b, lo[b]]:
            return NOWHERE
        fixed = lo[a] == hi[a] and lo[b] == hi[b]
        return EVERYWHERE if fixed else PARTLY
    return EVERYWHERE


@inner
def ceilings_broken(m: BoxModel, point: IntArray) -> float:
    """The sum of relative excesses of a point, 0 where every ceiling is kept."""
    broken = 0.0
    for r in range(m.held_limit.shape[0]):
        if runs_in(m, r, point, point) == NOWHERE:
            continue
        total = held(m, r, point)
        if total > m.held_limit[r]:
            excess = float(total - m.held_limit[r]) / max(abs(float(m.held_limit[r])), 1.0)
            broken += max(excess, 1e-11)
    return broken


@inner
def tighten_held(m: BoxModel, w: Work) -> int:
    """Ceilings against the lowest corner: 1 if something changed, 0 if not, -1 if a box is empty."""
    changed = 0
    for r in range(m.held_limit.shape[0]):
        where = runs_in(m, r, w.ilo, w.ihi)
        if where == NOWHERE:
            continue
        room = m.held_limit[r] - held(m, r, w.ilo)
        if where == EVERYWHERE:
            if room < 0:
                return -1
            for t in range(m.held_var.shape[1]):
                j = m.held_var[r, t]
                if j < 0:
                    continue
                least = m.value[j, w.ilo[j]]
                while m.held_coef[r, t] * (m.value[j, w.ihi[j]] - least) > room:
                    w.ihi[j] -= 1
                    changed = 1
        elif room < 0 and m.held_deep[r] >= 0:  # no second block
            w.ihi[m.held_deep[r]] = w.ilo[m.held_deep[r]]
            changed = 1
        elif room < 0:
            changed = max(changed, part_widths(m, w, r))
    return changed


@inner
def part_widths(m: BoxModel, w: Work, r: int) -> int:
    """Take a width that is fixed from the ends of the other one: the two must differ."""
    changed = 0
    for side in range(2):
        a, b = m.held_same[r, side], m.held_same[r, 1 - side]
        if w.ilo[a] == w.ihi[a] and w.ilo[b] < w.ihi[b]:
            value = m.value[a, w.ilo[a]]
            if m.value[b, w.ilo[b]] == value:
                w.ilo[b] += 1
                changed = 1
            elif m.value[b, w.ihi[b]] == value:
                w.ihi[b] -= 1
                changed = 1
    return changed


@inner
def is_cut(m: BoxModel, w: Work, r: int) -> bool:
    """Whether operator ``r`` gives a row: it runs, may be too much, and has few open variables."""
    if runs_in(m, r, w.ilo, w.ihi) != EVERYWHERE or held(m, r, w.ihi) <= m.held_limit[r]:
        return False
    count = 0
    for t in range(m.held_var.shape[1]):
        j = m.held_var[r, t]
        if j >= 0 and w.act[j] >= 0:
            count += 1
    return 1 <= count <= 3


@inner
def along(m: BoxModel, w: Work, r: int, share: float) -> float:
    """What operator ``r`` holds at a point of the diagonal of the box, in logarithms."""
    total = 0.0
    for t in range(m.held_var.shape[1]):
        j = m.held_var[r, t]
        if j >= 0:
            x = w.lo[j] + share * (w.hi[j] - w.lo[j])
            total += m.held_coef[r, t] * math.exp(x)
    return total


@inner
def build_held(m: BoxModel, w: Work, count: int) -> int:
    """A tangent for each operator that may be too much, where the diagonal of the box meets the
    ceiling; in units of the ceiling. The third place of a row stays empty: planes have one there.
    """
    for r in range(m.held_limit.shape[0]):
        if not is_cut(m, w, r):
            continue
        limit = float(m.held_limit[r])
        low, high = 0.0, 1.0
        for _ in range(20):
            middle = 0.5 * (low + high)
            if along(m, w, r, middle) > limit:
                high = middle
            else:
                low = middle
        unit, const, place = 1.0 / max(limit, 1.0), 0.0, 0
        for p in range(4):
            w.lin_var[count, p], w.lin_val[count, p] = -1, 0.0
        for t in range(m.held_var.shape[1]):
            j = m.held_var[r, t]
            if j < 0:
                continue
            x = w.lo[j] + low * (w.hi[j] - w.lo[j])
            slope = unit * m.held_coef[r, t] * math.exp(x)
            if w.act[j] < 0:
                const += slope
                continue
            const += slope * (1.0 - x)
            w.lin_var[count, place], w.lin_val[count, place] = w.act[j], slope
            place = 3 if place == 1 else place + 1
        rhs = unit * limit - const
        w.lin_rhs[count] = rhs + RELAXED * (1.0 + abs(rhs))
        w.lin_rule[count] = said_of(m, r)
        count += 1
    return count


@inner
def score_held(m: BoxModel, w: Work, r: int, price: float, row: int) -> None:
    """What a tangent misses at the relaxed solution goes to its variables."""
    limit = float(m.held_limit[r])
    unit, true, line = 1.0 / max(limit, 1.0), 0.0, 0.0
    for t in range(m.held_var.shape[1]):
        j = m.held_var[r, t]
        if j >= 0:
            true += unit * m.held_coef[r, t] * math.exp(w.y[j])
    for p in range(4):
        if w.lin_var[row, p] >= 0:
            line += w.lin_val[row, p] * w.y[w.full[w.lin_var[row, p]]]
    error = price * max(true - unit * limit + w.lin_rhs[row] - line, 0.0)
    for t in range(m.held_var.shape[1]):
        j = m.held_var[r, t]
        if j >= 0 and w.act[j] >= 0:
            w.score[j] += error
