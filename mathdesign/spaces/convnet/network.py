"""One network: every choice made. What is counted, exported, trained and written to files.

A :class:`Network` is plain data: it serialises to a dictionary of words and integers and back,
and cannot be built inconsistent (the widths, resolutions and residual connections fit together).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from mathdesign.programs.stages import WIDTH
from mathdesign.spaces.convnet.families import FAMILIES, OPTIONS, Family, StageShape
from mathdesign.spaces.convnet.families.base import StageRole
from mathdesign.spaces.convnet.space import Space
from mathdesign.spaces.errors import NetworkError

#: Integers in a network description above this are refused: no layer comes near it.
LARGEST_VALUE = 2**20
#: A description of more blocks is refused: they are counted one by one.
MOST_BLOCKS = 2**16
ROLES: tuple[str, ...] = get_args(StageRole)
#: The flag that is no option of a family.
IDENTITY = "identity_shortcut"


class StageChoice(Mapping[str, int]):
    """The values of a stage's decisions: an immutable, hashable mapping."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, int]) -> None:
        self._values = dict(values)

    def __getitem__(self, decision: str) -> int:
        return self._values[decision]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return f"Choice({self._values!r})"


@dataclass(frozen=True, slots=True)
class NetworkStage:
    """A stage with its choice made. ``prev`` is the width that enters it, in channels."""

    name: str
    role: StageRole
    family: str
    shape: StageShape
    prev: int
    choice: Mapping[str, int]

    def __post_init__(self) -> None:
        if not isinstance(self.choice, StageChoice):
            object.__setattr__(self, "choice", StageChoice(self.choice))

    @property
    def block(self) -> Family:
        """The registered family of this stage."""
        return FAMILIES[self.family]

    @property
    def width(self) -> int:
        """The width that leaves the stage, in channels."""
        return self.choice[WIDTH]

    def to_dict(self) -> dict[str, Any]:
        """Words and integers only. ``prev`` and the resolutions follow from the chain."""
        options = self.shape.options
        flags = ([IDENTITY] if self.shape.identity_shortcut else []) + [
            o for o in OPTIONS if o in options
        ]
        return {
            "name": self.name,
            "role": self.role,
            "family": self.family,
            "stride": self.shape.stride,
            **dict.fromkeys(flags, True),
            **{decision: self.choice[decision] for decision in self.block.decisions},
        }


@dataclass(frozen=True, slots=True)
class Network:
    """A whole network for inputs of ``input_channels x input_size x input_size`` pixels.

    Raises :class:`NetworkError` where its stages do not fit together.
    """

    name: str
    input_channels: int
    input_size: int
    stages: tuple[NetworkStage, ...]

    def __post_init__(self) -> None:
        if faults := list(_faults(self)):
            raise NetworkError(faults)

    @classmethod
    def from_point(cls, space: Space, point: Sequence[int], name: str) -> Network:
        """The network that ``point`` names in ``space`` (values in ``DesignProblem`` order)."""
        expected = sum(len(stage.block.decisions) for stage in space.stages)
        if len(point) != expected:
            raise NetworkError([f"a point of {len(point)} values where the space has {expected}"])
        values = iter(point)
        stages, prev = [], space.input_channels
        for stage in space.stages:
            choice = StageChoice(
                {decision: int(next(values)) for decision in stage.block.decisions}
            )
            stages.append(
                NetworkStage(stage.name, stage.role, stage.family, stage.shape, prev, choice)
            )
            prev = choice[WIDTH]
        return cls(name, space.input_channels, space.input_size, tuple(stages))

    @property
    def point(self) -> tuple[int, ...]:
        """All choices in the order of ``DesignProblem.variables``."""
        return tuple(s.choice[decision] for s in self.stages for decision in s.block.decisions)

    @property
    def classes(self) -> int:
        """Number of outputs of the classifier."""
        return self.stages[-1].width

    def to_dict(self) -> dict[str, Any]:
        """Words, integers and lists only: ready for YAML or JSON."""
        return {
            "name": self.name,
            "input": {"channels": self.input_channels, "size": self.input_size},
            "stages": [stage.to_dict() for stage in self.stages],
        }

    @classmethod
    def from_dict(cls, data: object) -> Network:
        """The inverse of :meth:`to_dict`. Trusts nothing: raises :class:`NetworkError`."""
        fields = _mapping(data, "network", {"name", "input", "stages"})
        size = _mapping(fields["input"], "input", {"channels", "size"})
        channels = _integer(size["channels"], "input.channels")
        resolution = input_size = _integer(size["size"], "input.size")
        if not isinstance(fields["name"], str):
            raise NetworkError([f"name: found {fields['name']!r}, accepted: text"])
        if not isinstance(fields["stages"], list | tuple):
            raise NetworkError([f"stages: found {fields['stages']!r}, accepted: a list of stages"])
        stages, prev = [], channels
        for index, entry in enumerate(fields["stages"]):
            stage = _stage_from(entry, f"stages[{index}]", prev, resolution)
            stages.append(stage)
            prev, resolution = stage.width, stage.shape.resolution_out
        blocks = sum(stage.choice.get("depth", 1) for stage in stages)
        if blocks > MOST_BLOCKS:
            raise NetworkError([f"stages: {blocks:,} blocks, accepted: at most {MOST_BLOCKS:,}"])
        return cls(fields["name"], channels, input_size, tuple(stages))


def _stage_from(data: object, path: str, prev: int, resolution: int) -> NetworkStage:
    family = data.get("family") if isinstance(data, Mapping) else None
    if not isinstance(family, str) or family not in FAMILIES:
        raise NetworkError([f"{path}.family: found {family!r}, accepted: {', '.join(FAMILIES)}"])
    decisions = FAMILIES[family].decisions
    fields = _mapping(
        data, path, {"name", "role", "family", "stride", *decisions}, [IDENTITY, *OPTIONS]
    )
    if not isinstance(fields["name"], str):
        raise NetworkError([f"{path}.name: found {fields['name']!r}, accepted: text"])
    if fields["role"] not in ROLES:
        raise NetworkError([f"{path}.role: found {fields['role']!r}, accepted: {', '.join(ROLES)}"])
    stride = _integer(fields["stride"], f"{path}.stride")
    flags = {flag: fields.get(flag, False) for flag in (IDENTITY, *OPTIONS)}
    for flag, value in flags.items():
        if not isinstance(value, bool):
            raise NetworkError([f"{path}.{flag}: found {value!r}, accepted: true or false"])
    # The pooling of the classifier ends at one position, whatever its stride says.
    after = 1 if fields["role"] == "classifier" else -(-resolution // stride)
    options = frozenset(option for option in OPTIONS if flags[option])
    shape = StageShape(stride, resolution, after, flags[IDENTITY], options)
    choice = StageChoice({d: _integer(fields[d], f"{path}.{d}") for d in decisions})
    return NetworkStage(fields["name"], fields["role"], family, shape, prev, choice)


def _mapping(
    data: object, path: str, needed: set[str], optional: Iterable[str] = ()
) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise NetworkError([f"{path}: found {data!r}, accepted: a mapping"])
    missing, unknown = needed - set(data), set(data) - needed - set(optional)
    if missing or unknown:
        raise NetworkError(
            [f"{path}.{key}: missing" for key in sorted(missing)]
            + [f"{path}.{key}: unknown" for key in sorted(map(str, unknown))]
        )
    return data


def _integer(value: object, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_VALUE:
        raise NetworkError([f"{path}: found {value!r}, accepted: 1 to {LARGEST_VALUE}"])
    return value


def _faults(network: Network) -> Iterator[str]:
    """Everything that does not fit together along the chain."""
    roles = [stage.role for stage in network.stages]
    if not roles or roles[-1] != "classifier" or "classifier" in roles[:-1]:
        yield "stages: exactly one classifier is needed, at the end"
    prev, resolution = network.input_channels, network.input_size
    for stage in network.stages:
        yield from (f"stage {stage.name!r}: {fault}" for fault in _stage_faults(stage))
        if (stage.prev, stage.shape.resolution_in) != (prev, resolution):
            yield (
                f"stage {stage.name!r}: expects {stage.prev} channels at {stage.shape.resolution_in}"
                f" pixels, is given {prev} at {resolution}"
            )
        prev, resolution = stage.choice.get(WIDTH, 1), stage.shape.resolution_out


def _stage_faults(stage: NetworkStage) -> Iterator[str]:
    shape, family = stage.shape, FAMILIES.get(stage.family)
    if family is None:
        yield f"family {stage.family!r} is unknown"
        return
    if set(stage.choice) != set(family.decisions):
        yield f"decisions {sorted(stage.choice)} are not {sorted(family.decisions)}"
        return
    if any(not 1 <= value <= LARGEST_VALUE for value in stage.choice.values()):
        yield f"values {dict(stage.choice)} must lie in 1..{LARGEST_VALUE}"
    for decision in family.odd:
        if stage.choice.get(decision, 1) % 2 == 0:
            yield f"{decision} {stage.choice[decision]} is even; padding needs an odd one"
    if (stage.role == "classifier") != ("classifier" in family.roles):
        yield f"role {stage.role!r} does not go with family {stage.family!r}"
    if (stage.role != "body" or family.one_block) and stage.choice["depth"] != 1:
        yield f"a {stage.role} of family {stage.family!r} has one block"
    if shape.stride not in family.strides:
        yield f"stride {shape.stride}; accepted: {' or '.join(map(str, family.strides))}"
    elif stage.role != "classifier" and shape.resolution_out != -(
        -shape.resolution_in // shape.stride
    ):
        yield f"{shape.resolution_in} pixels at stride {shape.stride} are not {shape.resolution_out}"
    if shape.identity_shortcut and (shape.stride, stage.prev) != (1, stage.width):
        yield "an identity shortcut needs stride 1 and equal widths"
    for option in sorted(shape.options - {option.name for option in family.options}):
        title = OPTIONS[option].title if option in OPTIONS else option
        yield f"{title} does not exist in family {stage.family!r}"
    for tie in family.ties:
        first, second = stage.choice[tie.first], stage.choice[tie.second]
        if not tie.holds(first, second):
            yield f"{tie.first} {first} and {tie.second} {second}: {tie.reason}"
    yield from family.misfits(stage.prev, stage.choice, shape)
