r"""Cost models: what an operator costs by its kind, its multiply-adds and its bytes.

.. code-block:: yaml

    version: 1
    cost_model: latency          # or energy
    device: a board
    dtype: float32
    form: roofline               # or additive
    base: 0.2 ms                 # once a network
    factor: 1.05                 # of whole networks: what sums over operators miss
    operators:
      default: {overhead: 5 us, rate: 20 G, bandwidth: 8 GB}    # multiply-adds and bytes a second
      depthwise: {overhead: 8 us, rate: 4 G, bandwidth: 8 GB}

With :math:`m` multiply-adds and :math:`b` bytes moved an operator takes

.. math:: f \cdot (o + \max(m / r,\; b / w)) \quad\text{or}\quad f \cdot (o + m / r + b / w)

(roofline, Williams et al. 2009; additive). ``per_mac`` and ``per_byte`` say the same as amounts
(``50 ps``; energy: ``4.6 pJ``), and an energy knows no other form than the additive one. All
numbers are exact fractions; who sums them scales them to whole steps, rounded up.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from mathdesign.devices.header import FIELDS, UNITS, Header, read_field
from mathdesign.devices.operators import OPERATOR_KINDS, Operator
from mathdesign.files import digest_of, write_atomic, yaml_text
from mathdesign.spec import quantities
from mathdesign.spec.document import LARGEST_FILE_BYTES, Document, parse
from mathdesign.spec.document import Path as Place
from mathdesign.spec.faults import SpecError, near_miss, quoted
from mathdesign.spec.quantities import QuantityError

Form = Literal["roofline", "additive"]
VERSION = 1
DEFAULT = "default"
RATES = ("overhead", "rate", "bandwidth", "per_mac", "per_byte")
KEYS = ("version", "cost_model", *(f for f in FIELDS if f not in ("unit", "spread")), "form",
        "base", "factor", "operators")  # fmt: skip
#: A step is fine enough for a rate that is so many of them.
FINE = 1000
_HINT = {
    "latency": "a time with its unit, such as 5 us, 1.5 ms or 50 ps",
    "energy": "an energy with its unit, such as 4.6 pJ or 3 uJ",
}


@dataclass(frozen=True, slots=True)
class Rates:
    """Of one kind of operator: seconds or joules an operator, a multiply-add, a byte."""

    overhead: Fraction = Fraction(0)
    per_mac: Fraction = Fraction(0)
    per_byte: Fraction = Fraction(0)


@dataclass(frozen=True, eq=False, repr=False)
class CostModel:
    """A model. ``rates`` by kind, or :data:`DEFAULT` for all others."""

    header: Header
    rates: Mapping[str, Rates]
    form: Form = "additive"
    base: Fraction = Fraction(0)
    """Seconds or joules that a network costs once, ``factor`` included."""
    factor: Fraction = Fraction(1)
    path: str = ""
    sha256: str = ""
    """Of the file; empty where it was said in the request."""

    def __repr__(self) -> str:
        return f"<CostModel {self.path}: {self.form}; {self.header.about()}>"

    def rates_of(self, kind: str) -> Rates | None:
        """Those of a kind of operators; ``None``: it has none."""
        return self.rates.get(kind, self.rates.get(DEFAULT))

    def whole_rates(self, step: Fraction) -> Mapping[str, tuple[int, int, int]] | None:
        """By kind: steps an operator, a multiply-add and a byte moved cost, rounded up, ``factor`` in.

        ``None`` where ``step`` is too coarse: rounding would add more than a share of 1 /
        :data:`FINE` to one of them.
        """
        return _whole_rates(self, step)

    def steps(self, operator: Operator, step: Fraction) -> int | None:
        """:meth:`cost` in whole steps, rounded up; by :meth:`whole_rates` where there are some."""
        whole = self.whole_rates(step)
        if whole is None:
            cost = self.cost(operator)
            return None if cost is None else -(-cost // step)
        rates = whole.get(operator.kind, whole.get(DEFAULT))
        if rates is None:
            return None
        overhead, per_mac, per_byte = rates
        compute = per_mac * operator.macs * self.header.batch
        moving = per_byte * operator.bytes_moved(self.header.value_bytes, self.header.batch)
        both = max(compute, moving) if self.form == "roofline" else compute + moving
        return overhead + both

    def cost(self, operator: Operator) -> Fraction | None:
        """Seconds or joules of one execution (of all inputs of a batch), exact."""
        rates = self.rates_of(operator.kind)
        if rates is None:
            return None
        batch = self.header.batch
        compute = rates.per_mac * (operator.macs * batch)
        moving = rates.per_byte * operator.bytes_moved(self.header.value_bytes, batch)
        both = max(compute, moving) if self.form == "roofline" else compute + moving
        return self.factor * (rates.overhead + both)

    def notes(self) -> Iterator[str]:
        """What a reader ought to know of how it was read: nothing."""
        yield from ()


@functools.lru_cache(maxsize=16)
def _whole_rates(model: CostModel, step: Fraction) -> Mapping[str, tuple[int, int, int]] | None:
    found: dict[str, tuple[int, int, int]] = {}
    for kind, rates in model.rates.items():
        exact = [model.factor * rate / step
                 for rate in (rates.overhead, rates.per_mac, rates.per_byte)]  # fmt: skip
        if any(0 < rate < FINE and rate.denominator > 1 for rate in exact):
            return None
        overhead, per_mac, per_byte = (-(-rate // 1) for rate in exact)
        found[kind] = (overhead, per_mac, per_byte)
    return found


def read_model(path: Path | str) -> CostModel:
    """The model in a YAML or JSON file. Raises :class:`SpecError` with every fault, ``OSError``."""
    path = Path(path)
    with path.open("rb") as file:
        data = file.read(LARGEST_FILE_BYTES + 1)
    return model_of(data.decode(errors="replace"), str(path))


def model_of(text: str, name: str) -> CostModel:
    """The model in ``text``; ``name`` stands in messages. Raises :class:`SpecError`."""
    document = parse(text, name)
    if document.data is None:  # a tag where the mapping should be
        raise SpecError(document.faults)
    found = _Reader(document).read()
    if document.faults:
        raise SpecError(document.faults)
    return replace(found, sha256=digest_of(text))


class _Reader:
    """Reads one document, collecting faults with their places."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.quantity: Literal["latency", "energy"] = "latency"

    def fault(self, path: Place, found: str, accepted: str, meant: str = "") -> None:
        """Remember one."""
        self.document.faults.append(self.document.fault(path, found, accepted, meant))

    def read(self) -> CostModel:
        """The model; without meaning where there are faults."""
        data = self.document.data
        self.unknown((), data, KEYS)
        if data.get("version") != VERSION:
            self.fault(("version",), quoted(data.get("version")), f"{VERSION}")
        if data.get("cost_model") in ("latency", "energy"):
            self.quantity = data["cost_model"]
        else:
            self.fault(("cost_model",), quoted(data.get("cost_model")), "latency or energy")
        header = self.header(data)
        form = data.get("form", "additive")
        if form not in ("roofline", "additive") or (form, self.quantity) == ("roofline", "energy"):
            accepted = "additive" if self.quantity == "energy" else "roofline or additive"
            self.fault(("form",), quoted(form), accepted)
        factor = self.number(
            ("factor",), data.get("factor", 1), quantities.SHARES, "a number above 0"
        )
        if factor is not None and not 0 < factor <= 1000:
            self.fault(("factor",), quoted(data.get("factor")), "a number above 0, at most 1000")
        base = self.amount(("base",), data["base"]) if "base" in data else None
        rates = self.operators(data.get("operators"))
        factor = factor or Fraction(1)
        once = factor * (base or 0)
        return CostModel(header, rates, form, once, factor, self.document.file)

    def unknown(self, path: Place, data: Mapping[str, Any], known: tuple[str, ...]) -> None:
        """Keys that mean nothing here."""
        for key in data:
            if key not in known:
                self.fault(
                    (*path, key), f"the key {key!r}", ", ".join(known), near_miss(key, known)
                )

    def header(self, data: Mapping[str, Any]) -> Header:
        """Device, runtime and the rest, as tables have them."""
        given: dict[str, Any] = {}
        for name in FIELDS:
            if name not in data or name in ("unit", "spread"):
                continue
            if not isinstance(data[name], str | int | float):
                self.fault((name,), quoted(data[name]), "a word or a number")
                continue
            value, finding = read_field(self.quantity, name, str(data[name]))
            if finding is not None:
                self.fault((name,), *finding)
            given[name] = value
        return Header(self.quantity, "s" if self.quantity == "latency" else "J", **given)

    def operators(self, data: Any) -> dict[str, Rates]:
        """Rates by kind of operator."""
        if not isinstance(data, dict) or not data:
            self.fault(
                ("operators",), quoted(data), "a mapping of kinds of operators, or `default`"
            )
            return {}
        known = (DEFAULT, *OPERATOR_KINDS)
        self.unknown(("operators",), data, known)
        return {kind: self.rates(("operators", kind), own) for kind, own in data.items()}

    def rates(self, path: Place, data: Any) -> Rates:
        if not isinstance(data, dict):
            self.fault(path, quoted(data), f"a mapping of {', '.join(RATES)}")
            return Rates()
        self.unknown(path, data, RATES)
        overhead = (
            self.amount((*path, "overhead"), data["overhead"]) if "overhead" in data else None
        )
        return Rates(
            overhead or Fraction(0),
            self.per(path, data, "per_mac", "rate", quantities.COUNTS),
            self.per(path, data, "per_byte", "bandwidth", quantities.BYTES),
        )

    def per(
        self, path: Place, data: Mapping[str, Any], amount: str, speed: str, units: quantities.Units
    ) -> Fraction:
        """What one multiply-add or byte costs, said as an amount or as so many a second."""
        if amount in data and speed in data:
            self.fault((*path, speed), f"both {amount} and {speed}", "one of the two")
        if amount in data:
            return self.amount((*path, amount), data[amount]) or Fraction(0)
        if speed not in data:
            return Fraction(0)
        if self.quantity == "energy":
            self.fault((*path, speed), f"a {speed}", f"{amount}: an energy knows no {speed}")
            return Fraction(0)
        text = data[speed]
        if isinstance(text, str):
            text = text.removesuffix("/s").rstrip()
        found = self.number((*path, speed), text, units, "so many a second, such as 20 G or 8 GB")
        if found == 0:
            self.fault((*path, speed), "0", "more than 0 a second")
        return 1 / found if found else Fraction(0)

    def amount(self, path: Place, value: Any) -> Fraction | None:
        """A time or an energy; its unit has to be said."""
        if value == 0 and not isinstance(value, bool):
            return Fraction(0)
        return self.number(path, value, UNITS[self.quantity], _HINT[self.quantity])

    def number(
        self, path: Place, value: Any, units: quantities.Units, accepted: str
    ) -> Fraction | None:
        try:
            return quantities.exact(value, units, accepted)
        except QuantityError as error:
            self.fault(path, quoted(value), str(error), error.meant)
            return None


# ---- writing -------------------------------------------------------------------------------------


def model_text(model: CostModel) -> str:
    """The model as YAML, read back exactly where its numbers are decimals (else rounded up)."""
    words = {k: v for k, v in model.header.words().items() if k not in ("unit", "spread")}
    data: dict[str, Any] = {"version": VERSION, "cost_model": model.header.quantity}
    data |= {k: int(v) if k in ("threads", "batch") else v for k, v in words.items()}
    data["form"] = model.form
    say = _sayer(model.header.quantity)
    if model.base:
        data["base"] = say(model.base / model.factor)
    if model.factor != 1:
        data["factor"] = float(_decimal(model.factor))
    data["operators"] = {
        kind: {
            name: say(value)
            for name in ("overhead", "per_mac", "per_byte")
            if (value := getattr(rates, name))
        }
        for kind, rates in model.rates.items()
    }
    return yaml_text(data)


def write_model(path: Path | str, model: CostModel) -> Path:
    """Write :func:`model_text` whole or not at all; as JSON where the name ends so."""
    text = model_text(model)
    if str(path).endswith(".json"):
        text = json.dumps(parse(text, str(path)).data, indent=1) + "\n"
    return write_atomic(path, text)


#: Digits behind the point of an amount that is written: of picoseconds or picojoules.
DIGITS = 9


def _sayer(quantity: str) -> Callable[[Fraction], str]:
    """An amount in words, in the largest unit that leaves digits before the point."""
    base = "s" if quantity == "latency" else "J"
    steps = [
        (f"{prefix}{base}", Fraction(1, 1000**i))
        for i, prefix in enumerate(("", "m", "u", "n", "p"))
    ]

    def say(value: Fraction) -> str:
        unit, size = next((step for step in steps if value >= step[1]), steps[-1])
        return f"{_decimal(value / size)} {unit}"

    return say


def _decimal(value: Fraction) -> str:
    """Rounded up to so many digits behind the point."""
    return quantities.decimal(Fraction(-(-value * 10**DIGITS // 1), 10**DIGITS))
