r"""DesignProblem -> flat arrays: what the compiled kernels of the exact engine read.

The problem is lowered once, in Python, and only from its tables; a new family needs nothing here.
Coordinates: every decision but a depth enters as :math:`x = \ln(\text{value})`, a depth as
:math:`M = \text{depth} - 1`. A :class:`~mathdesign.programs.chain.Derived` symbol becomes one more
variable with its own domain, tied to its source by a rule that allows exactly the pairs of its
table; so a step function needs no special case. A :class:`~mathdesign.programs.stages.Tabled` symbol
is a variable too, tied to its sources by its table (:mod:`.kernels.tables`). Then, with :math:`V = M x`,

.. math::
    \text{metric} &= \sum_k C^0_k \exp(p_k^\top x) + C^1_k\, M_k \exp(p_k^\top V_k / M_k) \\
    \text{log-width of a prefix} &= \text{affine in } (x, M, V) .

The first line is jointly convex in (x, M, V) (the second summand is a perspective function), the
second linear: the only thing left to relax in either is the product :math:`V = M x` itself. A
logarithm of a choice is linear in x, and :math:`\ln(1 + M)` concave; so is a depth that counts by
width, :math:`-\ln(1/(1+M) + K e^{-x})`, in (M, x), and it rises with :math:`\ln(1 + M)`.

**Depths apart.** A depth that only costs and logarithms read, under an objective with logarithms,
is put otherwise: :math:`M = \lambda n` with :math:`\lambda\in\{0,1\}`, whether there is a further
block, and :math:`n\ge 1`, how many, one more variable with :math:`\mu=\ln n`. Then
:math:`M e^{p x} = \lambda\, e^{(p V + V_\mu)/\lambda}` with :math:`V = \lambda x`,
:math:`V_\mu = \lambda\mu`: the perspective above for a depth of at most two blocks, of a monomial
with one more symbol. Where :math:`\lambda` is fixed nothing is left to relax in the costs; where it
is open, the product of a number of at most 1 is, not one of up to 59 blocks. The logarithm
:math:`\ln(1+\lambda e^\mu)` is over-estimated by :math:`\lambda` times a line in :math:`\mu`, linear
in :math:`(\lambda, V_\mu)` (:func:`~.kernels.terms.build_extra`). With :math:`\lambda=0` all values of
:math:`n` are one design; the least of its box stands for it, so that others may be cut off.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mathdesign.programs.base import EFFECTIVENESS_TOLERANCE, BoolArray, FloatArray, IntArray
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import DEPTH, PREV, WIDTH, Monomial, Repeat, When
from mathdesign.solvers.exact.tables import table_arrays

Arrays = dict[str, Any]

#: Larger than any metric (2^62) and than any budget that can bind.
UNBOUNDED = 2**62
#: Stands for no channels per block, whose logarithm does not exist: no depth feels it.
NOTHING = 1e-100


class BoxModel(NamedTuple):
    """Arrays for the kernels. ``n`` variables, ``Q`` products, ``S`` signatures, ``R`` rows."""

    size: IntArray
    """(n,) number of values of each variable; its box is an interval of indices into them."""
    value: IntArray
    """(n, values) the values, a depth as depth - 1."""
    at: FloatArray
    """(n, values) the coordinates: logarithms of values, depths as they are."""
    source: IntArray
    """(n,) the variable that a derived one follows, -1 for a decision."""
    follow: IntArray
    """(n, values) index of a derived variable for each index of its source."""
    is_depth: IntArray
    pair: IntArray
    """(G, 3) depths apart: lambda, n, and their product."""
    pair_weight: FloatArray
    """(G,) weight of ln(1 + lambda n)."""
    product: IntArray
    """(Q, 2) depth variable M and variable x of each product V = M x."""
    sig_depth: IntArray
    """(S,) depth variable of each monomial signature."""
    sig_var: IntArray
    """(S, P) its variables, -1 where none."""
    sig_pow: IntArray
    """(S, P) their exponents."""
    sig_product: IntArray
    """(S, P) index of the product of its depth with each variable (-1: it does not repeat)."""
    once: IntArray
    """(S, R) coefficient of the part that occurs once."""
    rest: IntArray
    """(S, R) coefficient of the part that occurs M times."""
    once_scaled: FloatArray
    rest_scaled: FloatArray
    """(S, R) the same in units of the row's budget."""
    var_sig: IntArray
    """(n, G) signatures that depend on each variable, -1 where none."""
    row_upper: IntArray
    """(R,) budgets, ``UNBOUNDED`` where absent."""
    row_lower: IntArray
    """(R,) minimum budgets, 0 where absent."""
    row_weight: FloatArray
    """(R,) weight of the metric in the objective."""
    row_scale: FloatArray
    """(R,) 1 / budget: rows are measured in units of their budget."""
    held_var: IntArray
    """(operators, T) the variables of what is alive at an operator that a ceiling may forbid, -1
    where none."""
    held_coef: IntArray
    """(operators, T) their coefficients."""
    held_limit: IntArray
    """(operators,) what that leaves for them."""
    held_deep: IntArray
    """(operators,) the depth that must be 2 for it to run, -1 where it always does."""
    held_same: IntArray
    """(operators, 2) the variables that must be equal for it to run, -1 where it always does."""
    end_first: FloatArray
    """(ends, n) the log-width up to a stage, linear part in x and M."""
    end_product: FloatArray
    """(ends, Q) ... linear part in V."""
    end_const: FloatArray
    end_layers: FloatArray
    """(ends, n) number of main-path layers up to the stage, linear in M."""
    end_layers_const: FloatArray
    scale_end: IntArray
    """(scales,) its end."""
    scale_var: IntArray
    """(scales,) its width variable."""
    scale_weight: FloatArray
    """(scales,) weight times log factor."""
    scale_area: FloatArray
    """(scales,) logarithm of the area."""
    additive: FloatArray
    """(1 + n + Q,) constant, linear parts of an additive objective: MAE-DET's form, log-volume."""
    log_depth: FloatArray
    """(n,) weight of ln(1 + M) of each depth."""
    deep: IntArray
    """(T, 3) depths that count by width: depth variable, width variable, its pair (-1: none)."""
    deep_weight: FloatArray
    deep_log: FloatArray
    """(T,) logarithm of the channels per block."""
    prefix_end: IntArray
    prefix_log: FloatArray
    """(prefixes,) logarithm of the effectiveness limit."""
    pen_var: IntArray
    """depth variables of the depth penalty."""
    pen: FloatArray
    """(2,) weight; 1.0 for the standard deviation, 0.0 for the variance."""
    rule_var: IntArray
    """(rules, 2) the two variables."""
    rule_at: IntArray
    """(rules, 3) where the rule's counts, transposed counts and ratio hulls start."""
    rule_count: IntArray
    """flat prefix counts of allowed partners, row by row."""
    rule_hull: FloatArray
    """flat sparse tables of the least and greatest log-ratio over ranges of the first variable."""
    tabled: IntArray
    """(n,) the table that a variable follows, -1 for none."""
    table_var: IntArray
    """(T, 4) the variable of each table, and its sources, -1 where none."""
    table_size: IntArray
    """(T, 3) values of each source, 1 where none."""
    table_at: IntArray
    """(T, 2) where its entries start, and its ranges."""
    table_entry: IntArray
    """flat entries: indices of the table's variable."""
    table_least: IntArray
    table_most: IntArray
    """flat sparse tables of the least and greatest entry over ranges of the last source."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """A model, and the way between points and indices of variables.

    ``column_variable`` holds the variable of each column of a point; ``further`` that of ``n`` for
    columns of depths apart.
    """

    problem: DesignProblem
    model: BoxModel
    column_variable: tuple[int, ...]
    further: Mapping[int, int]

    def index(self, point: Sequence[int]) -> IntArray | None:
        """A point as indices (derived variables still to follow), ``None`` if outside."""
        index = np.zeros(len(self.model.size), dtype=np.int64)
        for c, (j, value) in enumerate(zip(self.column_variable, point)):
            s, name = self.problem.variables[c]
            domain = self.problem.stages[s].domain(name)
            if value not in domain:
                return None
            at = domain.index(value)
            if c in self.further:
                ones = domain[0] == 1  # the first value of n belongs to the second depth
                index[j] = min(at, 1) if ones else 0
                at, j = max(at - ones, 0), self.further[c]
            index[j] = at
        return index

    def point(self, index: IntArray) -> tuple[int, ...]:
        """The point of indices."""
        value = self.model.value
        found = []
        for c, j in enumerate(self.column_variable):
            s, name = self.problem.variables[c]
            if c in self.further:
                n = self.further[c]
                found.append(1 + int(value[j, index[j]] * value[n, index[n]]))
            else:
                found.append(self.problem.stages[s].domain(name)[index[j]])
        return tuple(found)


@dataclass(slots=True)
class _Variables:
    domains: list[tuple[int, ...]]
    source: list[int]
    index: dict[tuple[int, str], int]
    further: dict[int, int]
    """By stage: n of a depth apart."""
    tables: list[int]
    """The variables that follow tables, in order."""


def lower(problem: DesignProblem) -> Lowered:
    """The problem as arrays. Pure; takes milliseconds."""
    variables = _variables(problem, _apart(problem))
    products = _Products()
    signatures = _signatures(problem, variables, products)
    ends = sorted(_read_ends(problem))
    pairs = _pairs(problem, variables, products)
    widths = _widths(problem, variables, products, ends)
    rules = _rules(problem, variables)
    rows = _rows(problem)
    model = BoxModel(
        **_domain_arrays(problem, variables),
        **pairs,
        **_depths_by_width(problem, variables),
        product=_table(products.pairs, 2),
        **signatures,
        once_scaled=signatures["once"] * rows["row_scale"],
        rest_scaled=signatures["rest"] * rows["row_scale"],
        var_sig=_where_used(len(variables.domains), signatures),
        **rows,
        **_held(problem, variables),
        **widths,
        **_objective(problem, variables, ends, widths, len(products.pairs)),
        **_prefixes(problem, ends),
        **rules,
        tabled=_tabled(variables),
        **table_arrays(problem, variables.index),
    )
    further = {problem.columns[s, DEPTH]: j for s, j in variables.further.items()}
    columns = tuple(variables.index[v] for v in problem.variables)
    return Lowered(problem, model, columns, further)


def _read_ends(problem: DesignProblem) -> set[int]:
    """The stages up to which a log-width is read."""
    scales = {scale.stage for scale in problem.objective.scales if scale.weight}
    return scales | set(problem.effectiveness.prefixes if problem.effectiveness else ())


def _apart(problem: DesignProblem) -> set[int]:
    """The stages whose depth is put as lambda times n."""
    objective, last = problem.objective, max(_read_ends(problem), default=-1)
    if not (objective.logs or objective.depths):
        return set()
    read = set(objective.depth_penalty.stages if objective.depth_penalty else ())
    for rule in problem.rules:
        read |= {rule.first_stage} if rule.first == DEPTH else set()
        read |= {rule.second_stage} if rule.second == DEPTH else set()
    return {
        s
        for s, stage in enumerate(problem.stages)
        if s > last
        and s not in read
        and stage.domain(DEPTH)[-1] > 1
        and all(derived.source != DEPTH for derived in stage.derived)
    }


def _variables(problem: DesignProblem, apart: set[int]) -> _Variables:
    result = _Variables([], [], {}, {}, [])
    for s, stage in enumerate(problem.stages):
        for decision in stage.decisions:
            result.index[s, decision.name] = len(result.domains)
            result.source.append(-1)
            if decision.name != DEPTH or s not in apart:
                result.domains.append(decision.values)
                continue
            result.domains.append((1, 2) if decision.values[0] == 1 else (2,))
            result.further[s] = len(result.domains)
            result.domains.append(tuple(v - 1 for v in decision.values if v > 1))
            result.source.append(-1)
        for derived in stage.derived:
            result.index[s, derived.name] = len(result.domains)
            result.domains.append(tuple(sorted(set(derived.values))))
            result.source.append(result.index[s, derived.source])
        for table in stage.tables:
            j = result.index[s, table.name] = len(result.domains)
            result.domains.append(tuple(np.unique(table.values).tolist()))
            result.source.append(j)  # of its table; itself, so that nobody decides it
            result.tables.append(j)
    return result


def _tabled(variables: _Variables) -> IntArray:
    """The table that each variable follows."""
    found = np.full(len(variables.domains), -1, dtype=np.int64)
    found[variables.tables] = np.arange(len(variables.tables))
    return found


class _Products:
    """The products V = M x that occur, numbered as they are met."""

    def __init__(self) -> None:
        self.number: dict[tuple[int, int], int] = {}

    def __call__(self, depth: int, variable: int) -> int:
        return self.number.setdefault((depth, variable), len(self.number))

    @property
    def pairs(self) -> list[tuple[int, int]]:
        return list(self.number)


def _split(repeat: Repeat) -> tuple[int, int]:
    """Occurrences as ``once + rest * M``."""
    return {Repeat.FIRST: (1, 0), Repeat.REST: (0, 1), Repeat.EACH: (1, 1)}[repeat]


def _powers(
    problem: DesignProblem, variables: _Variables, s: int, monomial: Monomial
) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Coefficient (with a constant ``prev`` folded in) and (variable, exponent) pairs."""
    coefficient, powers = monomial.coefficient, []
    for symbol, power in monomial.powers:
        if symbol != PREV:
            powers.append((variables.index[s, symbol], power))
        elif s:
            powers.append((variables.index[s - 1, WIDTH], power))
        else:
            coefficient *= problem.input_channels**power
    return coefficient, tuple(sorted(powers))


def metric_rows(problem: DesignProblem) -> tuple[str, ...]:
    """The metrics that a budget or the objective mentions."""
    used = {b.metric for b in problem.budgets} | {m for m, _ in problem.objective.metric_weights}
    return tuple(m for m in problem.metrics if m in used)


def _signatures(problem: DesignProblem, variables: _Variables, products: _Products) -> Arrays:
    """Monomials merged by stage and exponents; one exponential serves all rows."""
    rows = metric_rows(problem)
    once: dict[tuple[int, tuple[tuple[int, int], ...]], list[int]] = {}
    rest: dict[tuple[int, tuple[tuple[int, int], ...]], list[int]] = {}
    for s, stage in enumerate(problem.stages):
        for r, metric in enumerate(rows):
            for monomial in stage.costs.get(metric, ()):
                coefficient, powers = _powers(problem, variables, s, monomial)
                first, later = _split(monomial.repeat)
                depth, further = variables.index[s, DEPTH], variables.further.get(s)
                counts = {(depth, powers): (first, later)}
                if further is not None:  # n times in each further block: a signature of its own
                    repeated = tuple(sorted((*powers, (further, 1))))
                    counts = {(depth, powers): (first, 0), (depth, repeated): (0, later)}
                for key, times in counts.items():
                    for table, count in zip((once, rest), times):
                        table.setdefault(key, [0] * len(rows))[r] += count * coefficient
    width = max((len(powers) for _, powers in once), default=0) or 1
    shape = (len(once), width)
    var, power = np.full(shape, -1, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    product = np.full(shape, -1, dtype=np.int64)
    for k, (depth, powers) in enumerate(once):
        for p, (j, exponent) in enumerate(powers):
            var[k, p], power[k, p] = j, exponent
            if any(rest[depth, powers]):
                product[k, p] = products(depth, j)
    return {
        "sig_depth": np.array([depth for depth, _ in once], dtype=np.int64),
        "sig_var": var,
        "sig_pow": power,
        "sig_product": product,
        "once": _table(once.values(), len(rows)),
        "rest": _table(rest.values(), len(rows)),
    }


def _pairs(problem: DesignProblem, variables: _Variables, products: _Products) -> Arrays:
    """The depths apart, with the weight of their logarithms."""
    found, weights = [], []
    for s, n in variables.further.items():
        depth = variables.index[s, DEPTH]
        found.append((depth, n, products(depth, n)))
        logs = [log for log in problem.objective.logs if (log.stage, log.decision) == (s, DEPTH)]
        weights.append(sum(log.weight for log in logs))
    return {"pair": _table(found, 3), "pair_weight": np.array(weights, dtype=np.float64)}


def _depths_by_width(problem: DesignProblem, variables: _Variables) -> Arrays:
    """The depths that count by width; ``variables.further`` numbers the pairs."""
    pair = {s: g for g, s in enumerate(variables.further)}
    terms = [t for t in problem.objective.depths if t.weight]
    deep = [
        (variables.index[t.stage, DEPTH], variables.index[t.stage, WIDTH], pair.get(t.stage, -1))
        for t in terms
    ]
    return {
        "deep": _table(deep, 3),
        "deep_weight": np.array([t.weight for t in terms], dtype=np.float64),
        "deep_log": np.array([math.log(max(t.per_block, NOTHING)) for t in terms], np.float64),
    }


def _where_used(n: int, signatures: Arrays) -> IntArray:
    """For each variable the signatures that depend on it, padded with -1."""
    used: list[list[int]] = [[] for _ in range(n)]
    for k, (depth, var) in enumerate(zip(signatures["sig_depth"], signatures["sig_var"])):
        for j in {int(depth), *(int(v) for v in var if v >= 0)}:
            used[j].append(k)
    longest = max(1, *(len(u) for u in used))
    return np.array([u + [-1] * (longest - len(u)) for u in used], dtype=np.int64)


def _rows(problem: DesignProblem) -> Arrays:
    rows = metric_rows(problem)
    upper, lower = dict.fromkeys(rows, UNBOUNDED), dict.fromkeys(rows, 0)
    weight = dict.fromkeys(rows, 0.0)
    for budget in problem.budgets:
        if budget.upper is not None:
            # Metrics are never negative and never above 2^62: a budget beyond binds like one there.
            upper[budget.metric] = min(upper[budget.metric], max(budget.upper, -1))
        if budget.lower is not None:
            lower[budget.metric] = max(lower[budget.metric], min(budget.lower, UNBOUNDED))
    for metric, value in problem.objective.metric_weights:
        weight[metric] += value
    bounds = [upper[m] if upper[m] < UNBOUNDED else max(lower[m], 1) for m in rows]
    return {
        "row_upper": np.array([upper[m] for m in rows], dtype=np.int64),
        "row_lower": np.array([lower[m] for m in rows], dtype=np.int64),
        "row_weight": np.array([weight[m] for m in rows], dtype=np.float64),
        "row_scale": np.array([1.0 / max(b, 1) for b in bounds], dtype=np.float64),
    }


def _held(problem: DesignProblem, variables: _Variables) -> Arrays:
    """What ceilings may forbid, operator by operator. ``prev`` of the first stage is a number."""
    var, coef, limits, deep, same = [], [], [], [], []
    longest = max((len(a.terms) for part in problem.held for a, _ in part), default=0) or 1
    for s, part in enumerate(problem.held):
        before = variables.index[s - 1, WIDTH] if s else -1
        for alive, limit in part:
            terms = [(before if n == PREV else variables.index[s, n], c) for n, c in alive.terms]
            fixed = sum(c * problem.input_channels for j, c in terms if j < 0)
            pad = [(-1, 0)] * (longest - len(terms) + sum(j < 0 for j, _ in terms))
            kept = [*((j, c) for j, c in terms if j >= 0), *pad]
            var.append([j for j, _ in kept])
            coef.append([c for _, c in kept])
            limits.append(limit - fixed)
            deep.append(variables.index[s, DEPTH] if alive.when is When.AGAIN else -1)
            both = alive.when is When.SAME
            same.append((before, variables.index[s, WIDTH]) if both else (-1, -1))
    return {
        "held_var": _table(var, longest),
        "held_coef": _table(coef, longest),
        "held_limit": _ints(limits),
        "held_deep": _ints(deep),
        "held_same": _table(same, 2),
    }


def _widths(
    problem: DesignProblem, variables: _Variables, products: _Products, ends: list[int]
) -> Arrays:
    """Log-widths and layer counts up to each end, cumulated over stages."""
    n, stages = len(variables.domains), range(len(problem.stages))
    first, layers = np.zeros((len(stages), n)), np.zeros((len(stages), n))
    const, layers_const = np.zeros(len(stages)), np.zeros(len(stages))
    by_product: list[dict[int, float]] = []
    for s, stage in enumerate(problem.stages):
        depth = variables.index[s, DEPTH]
        layers[s, depth] = layers_const[s] = stage.layers_per_block
        by_product.append({})
        for monomial in stage.layer_widths:
            coefficient, powers = _powers(problem, variables, s, monomial)
            once, rest = _split(monomial.repeat)
            const[s] += once * math.log(coefficient)
            first[s, depth] += rest * math.log(coefficient)
            for j, exponent in powers:
                first[s, j] += once * exponent
                if rest:
                    q = products(depth, j)
                    by_product[s][q] = by_product[s].get(q, 0.0) + exponent
    product = np.zeros((len(stages), len(products.pairs)))
    for s in stages:
        for q, total in by_product[s].items():
            product[s, q] = total
    return {
        "end_first": np.cumsum(first, axis=0)[ends],
        "end_product": np.cumsum(product, axis=0)[ends],
        "end_const": np.cumsum(const)[ends],
        "end_layers": np.cumsum(layers, axis=0)[ends],
        "end_layers_const": np.cumsum(layers_const)[ends],
    }


def _objective(
    problem: DesignProblem,
    variables: _Variables,
    ends: list[int],
    widths: Arrays,
    products: int,
) -> Arrays:
    objective = problem.objective
    scales = [s for s in sorted(objective.scales, key=lambda s: s.stage) if s.weight]
    additive = np.zeros(1 + len(variables.domains) + products)
    if objective.combine == "sum":
        for scale in scales:
            e, factor = ends.index(scale.stage), scale.weight * objective.log_factor
            parts = ([widths["end_const"][e]], widths["end_first"][e], widths["end_product"][e])
            additive += factor * np.concatenate(parts)
            additive[1 + variables.index[scale.stage, WIDTH]] += scale.weight
        scales = []
    log_depth = np.zeros(len(variables.domains))
    additive[0] += objective.constant
    for log in objective.logs:
        j = variables.index[log.stage, log.decision]
        if log.decision == DEPTH:
            log_depth[j] += 0.0 if log.stage in variables.further else log.weight
        else:
            additive[1 + j] += log.weight
    penalty = objective.depth_penalty
    return {
        "scale_end": _ints(ends.index(s.stage) for s in scales),
        "scale_var": _ints(variables.index[s.stage, WIDTH] for s in scales),
        "scale_weight": np.array([s.weight * objective.log_factor for s in scales], np.float64),
        "scale_area": np.array([math.log(s.area) for s in scales], np.float64),
        "additive": additive,
        "log_depth": log_depth,
        "pen_var": _ints(variables.index[s, DEPTH] for s in penalty.stages)
        if penalty
        else _ints(()),
        "pen": np.array([penalty.weight, penalty.form == "std"] if penalty else [0.0, 0.0]),
    }


def _prefixes(problem: DesignProblem, ends: list[int]) -> Arrays:
    """Prefixes without a main-path layer have effectiveness 0 and are left out."""
    prefixes: list[int] = []
    limit = 1.0
    if problem.effectiveness is not None:
        limit = problem.effectiveness.limit * (1 + EFFECTIVENESS_TOLERANCE)
        layers = np.cumsum([stage.layers_per_block for stage in problem.stages])
        prefixes = [p for p in sorted(set(problem.effectiveness.prefixes)) if layers[p]]
    # A limit of 0 or less forbids every network; exp(-600) does as well and stays finite.
    log = math.log(limit) if limit > 0 else -600.0
    return {
        "prefix_end": _ints(ends.index(p) for p in prefixes),
        "prefix_log": np.full(len(prefixes), max(min(log, 600.0), -600.0)),
    }


def _domain_arrays(problem: DesignProblem, variables: _Variables) -> Arrays:
    n, longest = len(variables.domains), max(len(d) for d in variables.domains)
    depths = {j for (_, name), j in variables.index.items() if name == DEPTH}
    value = np.zeros((n, longest), dtype=np.int64)
    at = np.zeros((n, longest))
    follow = np.zeros((n, longest), dtype=np.int64)
    for j, domain in enumerate(variables.domains):
        entries = np.array(domain, dtype=np.int64) - (j in depths)
        value[j, : len(domain)] = entries
        at[j, : len(domain)] = entries if j in depths else np.log(entries)
    for s, stage in enumerate(problem.stages):
        for derived in stage.derived:
            j = variables.index[s, derived.name]
            places = np.searchsorted(variables.domains[j], derived.values)
            follow[j, : len(places)] = places
    return {
        "size": _ints(len(d) for d in variables.domains),
        "value": value,
        "at": at,
        "source": _ints(variables.source),
        "follow": follow,
        "is_depth": _ints(int(j in depths) for j in range(n)),
    }


def _rules(problem: DesignProblem, variables: _Variables) -> Arrays:
    """Pair rules and the ties of derived symbols, each with counts and ratio hulls."""
    tables: list[tuple[int, int, BoolArray]] = [
        (
            variables.index[r.first_stage, r.first],
            variables.index[r.second_stage, r.second],
            r.allowed,
        )
        for r in problem.rules
    ]
    for s, stage in enumerate(problem.stages):
        for derived in stage.derived:
            j = variables.index[s, derived.name]
            tie = np.equal.outer(np.array(derived.values), np.array(variables.domains[j]))
            tables.append((variables.source[j], j, tie))
    depths = {j for (_, name), j in variables.index.items() if name == DEPTH}
    counts: list[IntArray] = []
    hulls: list[FloatArray] = []
    at: list[tuple[int, int, int]] = []
    where = hull_at = 0
    for a, b, allowed in tables:
        forward, backward = _counts(allowed), _counts(allowed.T)
        first, second = (_coordinate(variables, j, j in depths) for j in (a, b))
        hull = _hull(first, second, allowed)
        at.append((where, where + forward.size, hull_at))
        counts += [forward, backward]
        hulls.append(hull)
        where, hull_at = where + forward.size + backward.size, hull_at + hull.size
    return {
        "rule_var": _table([(a, b) for a, b, _ in tables], 2),
        "rule_at": _table(at, 3),
        "rule_count": np.concatenate([*counts, np.zeros(1, dtype=np.int64)]),
        "rule_hull": np.concatenate([*hulls, np.zeros(1)]),
    }


def _coordinate(variables: _Variables, j: int, depth: bool) -> FloatArray:
    domain = np.array(variables.domains[j], dtype=np.float64)
    return domain - 1 if depth else np.log(domain)


def _counts(allowed: BoolArray) -> IntArray:
    """``counts[i, j]``: how many of the first ``j`` partners of ``i`` are allowed; flat."""
    counts = np.zeros((allowed.shape[0], allowed.shape[1] + 1), dtype=np.int64)
    counts[:, 1:] = np.cumsum(allowed, axis=1)
    return counts.ravel()


def _hull(first: FloatArray, second: FloatArray, allowed: BoolArray) -> FloatArray:
    """Sparse tables (level, index) of min and max of ``second - first`` over allowed pairs; flat.

    Entry (l, i) covers the 2^l indices from i on; two overlapping entries cover any range.
    """
    difference = second[None, :] - first[:, None]
    low = np.where(allowed, difference, np.inf).min(axis=1)
    high = np.where(allowed, difference, -np.inf).max(axis=1)
    levels = max(1, len(first).bit_length())
    table = np.empty((2, levels, len(first)))
    table[0, 0], table[1, 0] = low, high
    for level in range(1, levels):
        shift = 1 << (level - 1)
        table[:, level] = table[:, level - 1]
        table[0, level, :-shift] = np.minimum(
            table[0, level - 1, :-shift], table[0, level - 1, shift:]
        )
        table[1, level, :-shift] = np.maximum(
            table[1, level - 1, :-shift], table[1, level - 1, shift:]
        )
    return table.ravel()


def _ints(values: Iterable[int]) -> IntArray:
    return np.array(list(values), dtype=np.int64)


def _table(rows: Iterable[Iterable[int]], width: int) -> IntArray:
    table = [tuple(row) for row in rows]
    return np.array(table, dtype=np.int64).reshape(len(table), width)
