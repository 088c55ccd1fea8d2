"""``latency soft``: the best design by MnasNet's rule, and what a hard budget gives instead."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.cli.session import (
    EXIT_BAD_INPUT,
    EXIT_INFEASIBLE,
    EXIT_NO_DESIGN,
    Session,
)
from mathdesign.files import refuse_folder, write_atomic

if TYPE_CHECKING:
    from mathdesign.devices.sources import Device
    from mathdesign.soft import Seen, SoftAnswer, SoftRule

FILE = "soft.json"


@dataclass(frozen=True, slots=True)
class SoftRequest:
    """What the command line asks for."""

    spec: Path
    target: str
    metric: str
    below: float
    above: float
    out: Path | None


def run(session: Session, request: SoftRequest) -> int:
    """The ``latency soft`` command; returns the exit status."""
    from mathdesign.api import solve_options
    from mathdesign.kinds import kind_of_spec
    from mathdesign.kinds.load import load
    from mathdesign.soft import NoSoftRule, soft_optimum
    from mathdesign.solvers import UnsupportedProblem
    from mathdesign.spec.faults import SpecError

    if request.out is not None:
        refuse_folder(request.out)
    try:
        spec = load(request.spec)
        posed = kind_of_spec(spec).pose(spec)
        device, rule = _rule(request, getattr(posed, "devices", ()))
        options = solve_options(spec.solve, _hooks(session))
        with session.interruptible():
            answer = soft_optimum(
                posed.program, device.name, rule, gap=spec.solve.gap, options=options
            )
    except SpecError as error:
        return session.fail(EXIT_BAD_INPUT, str(error), error.to_dict())
    except UnsupportedProblem as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    except NoSoftRule as error:
        return session.fail(EXIT_NO_DESIGN if "limit of time" in str(error) else EXIT_BAD_INPUT,
                            f"{request.spec}: {error}")  # fmt: skip
    if answer is None:
        return session.fail(EXIT_INFEASIBLE, "no design keeps the other budgets")
    document = _told(session, answer, rule, device)
    if request.out is not None:
        text = json_module.dumps(document, indent=2) + "\n"
        session.say(f"wrote {write_atomic(request.out / FILE, text)}")
    session.result(document)
    return 0


def _hooks(session: Session) -> Any:
    from mathdesign.api import Hooks

    return Hooks(should_stop=session.should_stop)


def _rule(request: SoftRequest, devices: Any) -> tuple[Device, SoftRule]:
    """The device by name, and the rule in its steps. Raises ``SpecError``."""
    from mathdesign.devices.sources import BASE
    from mathdesign.soft import NoSoftRule, SoftRule
    from mathdesign.spec.faults import SpecError, did_you_mean
    from mathdesign.spec.quantities import QuantityError, cost

    names = {device.name: device for device in devices}
    if request.metric not in names:
        known = ", ".join(names) or "a device in the specification"
        cure = did_you_mean(request.metric, list(names))
        raise SpecError.plain(f"--metric {request.metric}", f"{known}{cure}")
    device = names[request.metric]
    example = "a time such as 25 ms" if device.quantity == "latency" else "an energy such as 3 mJ"
    try:
        amount = cost(request.target)
    except QuantityError as error:
        raise SpecError.plain(f"--target {error.about(request.target)}", example) from None
    if amount.unit != BASE[device.quantity]:
        raise SpecError.plain(f"--target {request.target}", example)
    try:
        return device, SoftRule(amount.value / device.step, request.below, request.above)
    except NoSoftRule as error:
        raise SpecError.plain("--target, --below or --above", str(error)) from None


def _told(session: Session, answer: SoftAnswer, rule: SoftRule, device: Device) -> dict[str, Any]:
    """The table for people, the document for programs."""
    from mathdesign.report.terminal import print_table
    from mathdesign.spec.quantities import counted

    def row(title: str, seen: Seen) -> list[str]:
        worth = rule.worth(seen.objective, seen.cost)
        cost = counted(seen.cost, device.unit)
        return [title, f"{seen.objective:.6f}", cost, f"{worth:.6f}"]

    rows = [row("soft rule", answer.best)]
    if answer.hard is not None:
        rows.append(row("hard budget", answer.hard))
    if not (session.json or session.quiet):
        title = f"objective * ({device.name} / {counted(int(rule.target), device.unit)})^w"
        print_table(session.out, title, ["answer", "objective", device.name, "value"], rows)
        word = "proven" if answer.proven else "not proven"
        session.out.print(
            f"bound {answer.bound:.6f}, {word}; {answer.solves} solves; the front seen has "
            f"{len(answer.front)} designs", markup=False,
        )  # fmt: skip
        if answer.hard is None:
            session.out.print("no design keeps the target as a hard budget", markup=False)
    return {
        "best": asdict(answer.best), "value": answer.value, "bound": answer.bound,
        "proven": answer.proven, "unit": device.unit,
        "hard": None if answer.hard is None else asdict(answer.hard),
        "front": [asdict(seen) for seen in answer.front], "solves": answer.solves,
    }  # fmt: skip
