"""Answers over option lists, checked by code that shares nothing with the solvers.

Costs are summed in Python integers from the plain tables; the objective is asked of what is
maximised: LightGBM itself, every member of an ensemble, from the model as its text was read and
written again; a separable predictor's tables; a metric's own count; the logarithms of the options.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mathdesign.spaces.blocks.network import traced
from mathdesign.validators.errors import (
    BudgetExceeded,
    ObjectiveMismatch,
    OutsideSpace,
    RecheckError,
)

#: The encoded ensemble and the booster agree to this much, relative to max(1, |objective|).
TOLERANCE = 1e-9


def verify_list(
    slots: Sequence[Any],
    metrics: Mapping[str, Any],
    budgets: Iterable[Any],
    options: Mapping[str, str],
    claimed: Mapping[str, int],
    rules: Iterable[Any] = (),
) -> dict[str, int]:
    """The costs of ``options`` (slot -> option), summed here. Raises :class:`RecheckError`.

    ``rules`` are boolean pair tables: options that may occur together.
    """
    at = []
    for slot in slots:
        if options.get(slot.name) not in slot.options:
            raise OutsideSpace(f"{slot.name}: {options.get(slot.name)!r} is no option")
        at.append(list(slot.options).index(options[slot.name]))
    for rule in rules:
        if not rule.table[at[rule.first]][at[rule.second]]:
            names = slots[rule.first].name, slots[rule.second].name
            raise OutsideSpace(f"{' and '.join(names)}: options that do not go together")
    found = {}
    for name, sums in metrics.items():
        total = int(sums.constant)
        for table, k in zip(sums.unary, at):
            total += int(table[k])
        for pair in sums.pairs:
            total += int(pair.table[at[pair.first]][at[pair.second]])
        found[name] = total
        if claimed.get(name) != total:
            raise RecheckError(f"{name}: claimed {claimed.get(name)}, counted {total}")
    for budget in budgets:
        used = found[budget.metric]
        if budget.upper is not None and used > budget.upper:
            raise BudgetExceeded(f"{budget.metric}: {used:,} exceeds {budget.upper:,}")
        if budget.lower is not None and used < budget.lower:
            raise BudgetExceeded(f"{budget.metric}: {used:,} is less than {budget.lower:,}")
    return found


def booster_score(
    booster_texts: Sequence[str], features: Any, uncertainty: float = 0.0
) -> float | None:
    """What LightGBM itself predicts: the first booster, plus ``uncertainty`` standard deviations
    (population form) of the others; ``None`` where it is not installed (designing does not need it).

    The texts are never a file's own, which can end the interpreter, but what
    :func:`mathdesign.surrogate.booster.rewritten` makes of it.
    """
    try:
        import lightgbm
    except ImportError:
        return None
    asked = booster_texts if uncertainty else booster_texts[:1]
    row = [list(features)]
    found = [float(lightgbm.Booster(model_str=text).predict(row)[0]) for text in asked]
    if not uncertainty:
        return found[0]
    mean = math.fsum(found[1:]) / len(found[1:])
    variance = math.fsum((value - mean) ** 2 for value in found[1:]) / len(found[1:])
    return found[0] + uncertainty * math.sqrt(variance)


def cell_variance(options: Mapping[str, str]) -> float:
    """The variance of a NAS-Bench-201 cell's output, node by node; the input's is 1."""
    at = {1: 0.0, 2: 0.0, 3: 0.0, 0: 1.0}
    for node in (1, 2, 3):
        for source in range(node):
            operation = options[f"e{source}{node}"]
            gain = {"none": 0.0, "skip_connect": 1.0, "avg_pool_3x3": 1 / 9}.get(operation)
            if gain is None:
                kernel = int(operation[-1])
                gain = float(32 * kernel * kernel)
            at[node] += gain * at[source]
    return at[3]


def measured_score(folder: Path, options: Mapping[str, str]) -> float:
    """The score of the row in ``folder`` that measured ``options``.

    Raises :class:`ObjectiveMismatch` where none did.
    """
    data = json.loads((folder / "measured.json").read_text(encoding="utf-8"))
    wanted = [options[slot] for slot in data["slots"]]
    for row, score in zip(data["options"], data["scores"]):
        if row == wanted:
            return float(score)
    raise ObjectiveMismatch("objective: claimed of a measured design, which no row is")


def table_score(
    slots: Sequence[Any], tables: Sequence[Sequence[float]], options: Mapping[str, str]
) -> float:
    """What a separable predictor says of ``options``: the sum of one number a slot."""
    at = [list(slot.options).index(options[slot.name]) for slot in slots]
    return math.fsum(table[k] for table, k in zip(tables, at))


def check_objective(found: float, claimed: float) -> None:
    """Raise :class:`ObjectiveMismatch` unless the objective ``found`` here is as claimed."""
    if not abs(found - claimed) <= TOLERANCE * max(1.0, abs(found)):
        raise ObjectiveMismatch(f"objective: claimed {claimed!r}, found {found!r}")


def logs_of(options: Mapping[str, str], weights: Sequence[float]) -> float:
    """The sum of ``weight * ln(option)``."""
    return math.fsum(w * math.log(float(o)) for w, o in zip(weights, options.values()))


def chosen_volume(
    chosen: Sequence[tuple[Sequence[Any], Any]], kernel_size: float, squeeze: float, rise: float
) -> float:
    """The log-volume of slots, each the blocks of its option and the shape that enters them.

    Added up block by block, without the tables of a program.
    """
    total = 0.0
    for at, (blocks, given) in enumerate(chosen, 1):
        volume = 0.0
        for block in blocks:
            operators = traced([block], given)
            outside = [o for o in operators if o.op == "conv"
                       and (math.prod(o.size_out) > 1 or math.prod(given.size) == 1)]  # fmt: skip
            roots = [math.prod(o.kernel) ** (1 / len(o.kernel)) for o in outside]
            widest = max(roots, default=1.0)
            wide = sum(o.c_out for o, root in zip(outside, roots) if root == widest)
            gated = squeeze if "multiply" in {o.op for o in operators} else 1.0
            volume += wide * widest**kernel_size * gated
            given = operators[-1].made
        total += (at / len(chosen)) ** rise * math.log(given.channels + volume)
    return total
