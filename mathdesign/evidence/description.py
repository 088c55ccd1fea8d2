"""What a table of trained networks holds: its space in the words of a specification, its columns.

```yaml
version: 1
name: my_table
table: networks.csv                      # beside this file, or `--table`
targets: {top1: {unit: points}}          # `better: low` for a loss
budgets:
  macs: {column: macs}
  gpu: {column: images_per_second, keep: at_least}
  params: {metric: params}               # counted by the program instead of read
space: {family: inverted_residual, ...}  # as in design.yaml; what rows say may be left out
rows:                                    # word of the space -> column; a list: a column a block
  stages[0].depth: d1
  stages[0].expansion: [e1, e2, e3]
where: {epochs: 90}                      # only rows that say so
values: {se: {"yes": true, "no": false}}  # what the cells of a column stand for
objectives:                              # beside those of the kind: as in design.yaml, or a column
  deepest: {metric: blocks}
  naswot: {column: naswot}
```
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from mathdesign.kinds.load import read_document, schema_faults, validated
from mathdesign.spec.blocks import Block, Finite, Name
from mathdesign.spec.document import Document, data_faults
from mathdesign.spec.faults import CrossFault, SpecError, did_you_mean
from mathdesign.spec.recognise import DESCRIPTION, instead

#: Descriptions that come with the package.
FOLDER = Path(__file__).parent / "described"
STEP = re.compile(r"([A-Za-z_]\w*)|\[(\d+)\]")
PLACE = re.compile(r"[A-Za-z_]\w*(\[\d{1,4}\]|\.[A-Za-z_]\w*)*")

Column = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class TargetSpec(Block):
    """What was measured after training; its column is called as the target unless told."""

    column: Column | None = None
    better: Literal["high", "low"] = "high"
    unit: str = Field("", max_length=64)


class BudgetSpec(Block):
    """What a network may cost: a column, or a metric that the program counts."""

    column: Column | None = None
    metric: str | None = Field(None, min_length=1, max_length=64)
    keep: Literal["at_most", "at_least"] = "at_most"
    windows: tuple[tuple[Finite, Finite], ...] | None = Field(
        None, min_length=1, description="Networks between two costs, instead of quantiles."
    )


class DescriptionSpec(Block):
    """A whole description."""

    version: Literal[1] = 1
    name: Name
    about: str = Field("", max_length=4096)
    table: str | None = Field(None, min_length=1, max_length=4096)
    targets: dict[Column, TargetSpec] = Field(..., min_length=1, max_length=64)
    budgets: dict[Label, BudgetSpec] = Field(..., min_length=1, max_length=256)
    space: dict[str, Any]
    at: dict[str, Any] | None = None
    counting: str | None = None
    rows: dict[str, Column | Annotated[tuple[Column, ...], Field(min_length=1, max_length=256)]] = (
        Field(default_factory=dict)
    )
    where: dict[Column, str | int | float] = Field(
        default_factory=dict, description="Only rows in which these columns say this."
    )
    values: dict[Column, dict[str, str | int | float | bool]] = Field(
        default_factory=dict, description="What the cells of a column stand for."
    )
    objectives: dict[Label, dict[str, Any]] = Field(default_factory=dict)

    def columns(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Every column that is named, with its place; those of rows apart."""
        for name, target in self.targets.items():
            yield ("targets", name), target.column or name
        for name, budget in self.budgets.items():
            if budget.column is not None:
                yield ("budgets", name, "column"), budget.column
        for column in self.where:
            yield ("where", column), column
        for column in self.values:
            yield ("values", column), column
        for name, words in self.objectives.items():
            if isinstance(words.get("column"), str):
                yield ("objectives", name, "column"), words["column"]
        for path, given in self.rows.items():
            for column in (given,) if isinstance(given, str) else given:
                yield ("rows", path), column


def described() -> list[str]:
    """Names of the descriptions that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def comes_along(name: str) -> bool:
    """Whether ``name`` is meant as one that comes with the package, and not as a file."""
    return "/" not in name and not Path(name).suffix


def read_description(name: str) -> tuple[DescriptionSpec, Document]:
    """A description that comes with the package, or a YAML file, and its document.

    Raises :class:`SpecError` with every fault that shows without the table.
    """
    if comes_along(name):
        known = described()
        if name not in known:
            cure = did_you_mean(name, known)
            raise SpecError.plain(name, f"a YAML file, or one of {', '.join(known)}{cure}")
        document = read_document(FOLDER / f"{name}.yaml", f"{name}.yaml")
    else:
        document = read_document(name)
    return validated_description(document), document


def validated_description(document: Document) -> DescriptionSpec:
    """The description that a document states. Raises :class:`SpecError` with all its faults."""
    if other := instead(document.data, DESCRIPTION):
        raise SpecError([document.fault((), other, DESCRIPTION)])
    if hostile := list(data_faults(document.data)):
        raise SpecError([document.fault(*fault) for fault in hostile])
    try:
        spec = DescriptionSpec.model_validate(document.data)
    except ValidationError as error:
        found = schema_faults(document, error, DescriptionSpec)
        raise SpecError([*document.faults, *found]) from None
    faults = [document.fault(*fault) for fault in _faults(spec)]
    if faults or document.faults:
        raise SpecError([*document.faults, *faults])
    return spec


def _faults(spec: DescriptionSpec) -> Iterator[CrossFault]:
    place = PurePath(spec.table or "table")
    if place.is_absolute() or ".." in place.parts or "\0" in str(place):
        yield ("table",), repr(spec.table), "a file beside the description, or in its folders", ""
    for name, budget in spec.budgets.items():
        if (budget.column is None) == (budget.metric is None):
            found = "neither `column` nor `metric`" if budget.column is None else "both"
            yield ("budgets", name), found, "one of `column` and `metric`", ""
        for i, (low, high) in enumerate(budget.windows or ()):
            if low > high:
                yield ("budgets", name, "windows", i), f"{low:g} above {high:g}", "low, high", ""
    for path in spec.rows:
        if not PLACE.fullmatch(path):
            yield ("rows", path), repr(path), "a place such as stages[0].depth", ""
    for name, words in spec.objectives.items():
        if "column" in words and set(words) - {"column", "better"}:
            yield ("objectives", name), ", ".join(words), "`column` and `better` alone", ""
        elif words.get("better", "high") not in ("high", "low"):
            yield ("objectives", name, "better"), repr(words["better"]), "high, low", ""


def placed(space: Mapping[str, Any], words: Mapping[str, Any]) -> dict[str, Any]:
    """``space`` with each value of ``words`` at its place. Raises ``KeyError`` for one without."""
    found = copy.deepcopy(dict(space))
    for path, value in words.items():
        steps = [int(i) if i else name for name, i in STEP.findall(path)]
        here: Any = found
        for step in steps[:-1]:
            if isinstance(here, dict) and isinstance(step, str):
                here = here.setdefault(step, {})
            elif isinstance(here, list) and isinstance(step, int) and step < len(here):
                here = here[step]
            else:
                raise KeyError(path)
        if not isinstance(here, dict) or not isinstance(steps[-1], str):
            raise KeyError(path)
        here[steps[-1]] = value
    return found


def specified(
    spec: DescriptionSpec, document: Document, space: Mapping[str, Any],
    objective: tuple[str, Mapping[str, Any]] | None = None,
) -> Any:  # fmt: skip
    """The specification of a space and an objective; faults stand where the description says it."""
    data: dict[str, Any] = {"version": 1, "name": spec.name, "space": space}
    data |= {} if spec.at is None else {"at": spec.at}
    data |= {} if spec.counting is None else {"counting": spec.counting}
    positions = {p: at for p, at in document.positions.items() if p[:1] in (("space",), ("at",))}
    if objective is not None:
        label, words = objective
        data["objective"] = dict(words)
        own = ("objectives", label)
        positions |= {
            ("objective", *p[2:]): at for p, at in document.positions.items() if p[:2] == own
        }
    return validated(Document(document.file, data, positions), aimless=objective is None)
