"""Programs of every form by their definition, point by point, in plain Python: what to compare with.

Each function knows the forms once, so that a law of all programs is tested once. Nothing here
calls a solver, an evaluator or numpy's arithmetic.
"""

import itertools
import math
import statistics

from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.mixes import FRAME, MixProblem, option_name
from mathdesign.programs.slots import SlotProblem
from mathdesign.programs.stages import Repeat
from mathdesign.programs.union import Union

Point = tuple[int, ...]


def every_point(program) -> list[Point]:
    """All points in lexicographic order of their values, rules and budgets ignored."""
    if isinstance(program, Union):
        return [(m.number, *point) for m in program.members for point in every_point(m.program)]
    if not isinstance(program, MixProblem):
        return list(itertools.product(*program.decisions.values()))
    found = []
    for index, frame in enumerate(program.frames):
        parts = []
        for group in frame.groups:
            counts = itertools.product(range(group.most + 1), repeat=len(group.values))
            parts.append([c for c in counts if group.least <= sum(c) <= group.most])
        found += [(index, *itertools.chain(*chosen)) for chosen in itertools.product(*parts)]
    return sorted(found)


def held(program, point: Point) -> dict[str, int]:
    """What each decision is at a point; an option that its frame lacks is taken 0 times."""
    if isinstance(program, Union):
        member, rest = _member(program, point)
        return {**member.labels, **held(member.program, rest)}
    if not isinstance(program, MixProblem):
        return dict(zip(program.decisions, point))
    groups = program.frames[point[0]].groups
    names = [option_name(g, o) for g, group in enumerate(groups) for o in range(len(group.values))]
    return dict.fromkeys(program.decisions, 0) | dict(zip([FRAME, *names], point))


def difference(program, first: Point, second: Point) -> float:
    """In how many decisions two points differ; of mixes, by how many layers."""
    if isinstance(program, Union):
        member, rest = _member(program, first)
        return difference(member.program, rest, second[1:]) if first[0] == second[0] else math.inf
    if not isinstance(program, MixProblem):
        return sum(a != b for a, b in zip(first, second))
    apart = sum(abs(a - b) for a, b in zip(first[1:], second[1:]))
    return apart if first[0] == second[0] else math.inf


def costs(program, point: Point) -> dict[str, int]:
    """Every metric as a sum of Python integers."""
    if isinstance(program, Union):
        member, rest = _member(program, point)
        return costs(member.program, rest)
    if isinstance(program, MixProblem):
        frame = program.frames[point[0]]
        rows = [(1, frame.costs), *((n, costs) for n, costs, _ in _taken(program, point))]
        return {
            metric: sum(n * int(costs[m]) for n, costs in rows)
            for m, metric in enumerate(program.metrics)
        }
    if isinstance(program, SlotProblem):
        return {metric: _tables(sums, point, int) for metric, sums in program.metrics.items()}
    found = dict.fromkeys(program.metrics, 0)
    for stage, symbols in zip(program.stages, _symbols(program, point)):
        for metric, monomials in stage.costs.items():
            found[metric] += sum(times(m, symbols) * product(m, symbols) for m in monomials)
    return found


def value(program, point: Point) -> float:
    """The objective, term by term."""
    if isinstance(program, Union):
        member, rest = _member(program, point)
        return value(member.program, rest)
    if isinstance(program, MixProblem):
        taken = [n * float(value) for n, _, value in _taken(program, point)]
        return math.fsum([program.frames[point[0]].value, *taken])
    if isinstance(program, SlotProblem):
        objective = program.objective
        total = _tables(objective.tables, point, float)
        total += sum(w * _predicted(e, point) for w, e in objective.ensembles)
        members = [_predicted(e, point) for e in objective.spread]
        return total + objective.spread_weight * (statistics.pstdev(members) if members else 0.0)
    at, objective = dict(zip(program.variables, point)), program.objective
    volume = [log.weight * math.log(at[log.stage, log.decision]) for log in objective.logs]
    for term in objective.depths:
        depth, width = at[term.stage, "depth"], at[term.stage, "width"]
        counted = depth * width / (width + term.per_block * depth)
        volume.append(term.weight * math.log(counted))
    return math.fsum([_entropy(program, point), objective.constant, *volume]) + sum(
        weight * costs(program, point)[metric] for metric, weight in objective.metric_weights
    )


def keeps_rules(program, point: Point) -> bool:
    """Whether a point keeps the rules: pair tables, or nothing."""
    if isinstance(program, SlotProblem):
        return all(rule.table[point[rule.first], point[rule.second]] for rule in program.rules)
    if isinstance(program, DesignProblem):
        at = dict(zip(program.variables, point))
        return all(
            rule.allowed[
                _position(program, rule.first_stage, rule.first, at),
                _position(program, rule.second_stage, rule.second, at),
            ]
            for rule in program.rules
        )
    return True


def keeps_all(program, point: Point) -> bool:
    """Whether a point keeps rules, limits, inherent budgets and distances."""
    if isinstance(program, Union):
        member, rest = _member(program, point)
        return keeps_all(member.program, rest)
    found = program.measured(point)
    limits = [
        (x.metric, x.side, x.bound * (1 + 1e-9) if x.metric == "effectiveness" else x.bound)
        for x in program.limits
    ]
    limits += [(b.metric, *side) for b in program.budgets if b.inherent for side in b.sides]
    return (
        keeps_rules(program, point)
        and all(found[m] <= bound if s == "max" else found[m] >= bound for m, s, bound in limits)
        and all(difference(program, point, d.point) >= d.at_least for d in program.distances)
    )


def best(program) -> float | None:
    """The greatest objective of the feasible points, ``None`` if there are none."""
    values = [program.value(p) for p in every_point(program) if keeps_all(program, p)]
    return max(values, default=None)


def _member(program, point: Point):
    """The member that a point is of, and the point there."""
    (member,) = (m for m in program.members if m.number == point[0])
    return member, tuple(point[1:])


def _taken(program, point: Point):
    """How often each option of the point's frame is taken, its costs, its value."""
    groups = program.frames[point[0]].groups
    options = [(c, v) for group in groups for c, v in zip(group.costs, group.values)]
    return [(n, costs, value) for n, (costs, value) in zip(point[1:], options)]


def _tables(sums, point: Point, number):
    unary = sum(number(table[k]) for table, k in zip(sums.unary, point))
    return (
        sums.constant
        + unary
        + sum(number(p.table[point[p.first], point[p.second]]) for p in sums.pairs)
    )


def _predicted(ensemble, point: Point) -> float:
    seen = [sum(float(t[point[s]]) for s, t in zip(f.slots, f.tables)) for f in ensemble.features]
    total = ensemble.offset
    for tree in ensemble.trees:
        node = 0 if len(tree.split_feature) else ~0
        while node >= 0:
            left = seen[tree.split_feature[node]] <= tree.threshold[node]
            node = int(tree.left[node] if left else tree.right[node])
        total += float(tree.leaf_values[~node])
    return total


def _symbols(program, point: Point) -> list[dict[str, int]]:
    """The value of each symbol, stage by stage."""
    at, prev, found = dict(zip(program.variables, point)), program.input_channels, []
    for s, stage in enumerate(program.stages):
        symbols = {"prev": prev} | {d.name: at[s, d.name] for d in stage.decisions}
        for derived in stage.derived:
            symbols[derived.name] = derived.values[_position(program, s, derived.source, at)]
        for table in stage.tables:
            entry = table.values
            for source in table.sources:
                domain = program.domain_of(s, source)
                entry = entry[domain.index(symbols[source])]
            symbols[table.name] = int(entry)
        prev = symbols["width"]
        found.append(symbols)
    return found


def _entropy(program, point: Point) -> float:
    """Entropy less the depth penalty."""
    symbols, log_width, logs = _symbols(program, point), 0.0, []
    for stage, found in zip(program.stages, symbols):
        log_width += sum(times(m, found) * math.log(product(m, found)) for m in stage.layer_widths)
        logs.append(log_width)
    objective, total = program.objective, 0.0
    for scale in objective.scales:
        width, entropy = symbols[scale.stage]["width"], objective.log_factor * logs[scale.stage]
        if objective.combine == "product":
            total += scale.weight * math.log(scale.area * width) * entropy
        else:
            total += scale.weight * (math.log(width) + entropy)
    if (penalty := objective.depth_penalty) is not None:
        depths = [symbols[s]["depth"] for s in penalty.stages]
        spread = statistics.pstdev if penalty.form == "std" else statistics.pvariance
        at = spread(depths)
        total -= min(penalty.weight * math.exp(at), 1e300) if at < 709 else 1e300
    return total


def times(monomial, symbols: dict[str, int]) -> int:
    """How often a monomial occurs."""
    depth = symbols["depth"]
    return {Repeat.FIRST: 1, Repeat.REST: depth - 1, Repeat.EACH: depth}[monomial.repeat]


def product(monomial, symbols: dict[str, int]) -> int:
    """One occurrence of a monomial."""
    return monomial.coefficient * math.prod(
        symbols[name] ** power for name, power in monomial.powers
    )


def _position(program, stage: int, decision: str, at) -> int:
    return program.stages[stage].domain(decision).index(at[stage, decision])
