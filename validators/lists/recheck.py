"""Answers over option lists, checked by code that shares nothing with the solvers.

Costs are summed in Python integers from the plain tables; the objective is asked of LightGBM
itself, from the model as its text was read and written again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

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


def check_objective(booster_text: str, features: Any, objective: float) -> None:
    """Raise :class:`ObjectiveMismatch` unless LightGBM predicts ``objective`` for ``features``.

    ``booster_text`` is never a file's own text, which can end the interpreter, but what
    :func:`mathdesign.surrogate.booster.rewritten` makes of it.
    Left out silently where LightGBM is not installed: designing does not need it.
    """
    try:
        import lightgbm
    except ImportError:
        return
    booster = lightgbm.Booster(model_str=booster_text)
    value = float(booster.predict([list(features)])[0])
    if abs(value - objective) > TOLERANCE * max(1.0, abs(objective)):
        raise ObjectiveMismatch(f"objective: claimed {objective!r}, the booster predicts {value!r}")


def check_cell(options: Mapping[str, str], claimed: float) -> None:
    """Raise :class:`ObjectiveMismatch` unless a NAS-Bench-201 cell's output has this variance.

    Node by node, the input's variance being 1.
    """
    at = {1: 0.0, 2: 0.0, 3: 0.0, 0: 1.0}
    for node in (1, 2, 3):
        for source in range(node):
            operation = options[f"e{source}{node}"]
            gain = {"none": 0.0, "skip_connect": 1.0, "avg_pool_3x3": 1 / 9}.get(operation)
            if gain is None:
                kernel = int(operation[-1])
                gain = float(32 * kernel * kernel)
            at[node] += gain * at[source]
    if abs(at[3] - claimed) > TOLERANCE * max(1.0, abs(claimed)):
        raise ObjectiveMismatch(f"objective: claimed {claimed!r}, counted {at[3]!r}")


def check_measured(folder: Path, options: Mapping[str, str], claimed: float) -> None:
    """Raise :class:`ObjectiveMismatch` unless ``folder`` holds a row of ``options`` with that score."""
    data = json.loads((folder / "measured.json").read_text(encoding="utf-8"))
    wanted = [options[slot] for slot in data["slots"]]
    scores = [s for row, s in zip(data["options"], data["scores"]) if row == wanted]
    if not any(abs(float(s) - claimed) <= TOLERANCE * max(1.0, abs(claimed)) for s in scores):
        raise ObjectiveMismatch(f"objective: claimed {claimed!r}, measured {scores!r}")


def check_logs(options: Mapping[str, str], weights: Sequence[float], claimed: float) -> None:
    """Raise :class:`ObjectiveMismatch` unless the sum of ``weight * ln(option)`` is as claimed."""
    found = logs_of(options, weights)
    if abs(found - claimed) > TOLERANCE * max(1.0, abs(found)):
        raise ObjectiveMismatch(f"objective is {found!r} by recount, {claimed!r} by claim")


def logs_of(options: Mapping[str, str], weights: Sequence[float]) -> float:
    """The sum of ``weight * ln(option)``."""
    return math.fsum(w * math.log(float(o)) for w, o in zip(weights, options.values()))
