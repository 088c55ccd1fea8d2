"""YAML text, file or plain data -> a specification, or :class:`SpecError` with every fault at once."""

from __future__ import annotations

import contextlib
import copy
import os
import stat
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema

from mathdesign.kinds import KINDS, AnyKind, families, kind_of
from mathdesign.solvers.portfolio import AUTO
from mathdesign.spec.blocks import COST_FILES, DeviceSpec, Specification
from mathdesign.spec.devices import gather, needs_device
from mathdesign.spec.document import LARGEST_FILE_BYTES, Document, data_faults, parse
from mathdesign.spec.faults import CrossFault, Fault, SpecError, near_miss, quoted
from mathdesign.spec.pins import pin_faults
from mathdesign.spec.quantities import QuantityError
from mathdesign.spec.recognise import SPECIFICATION, instead
from mathdesign.spec.shared import shared_faults

#: Stands for standard input where a file is asked for.
STDIN = "-"
#: The file by which a predictor's folder is known; longer paths than this are none.
PREDICTOR, LONGEST_PATH = "predictor.json", 4096

#: Blocks of budgets with keys of their own, where a device may stand by its name as well: what it is
#: counted by, or a limit with a unit of time or energy.
DEVICES_AMONG = ("BudgetsSpec",)
MEASURED_LIMIT = {"type": "string", "pattern": r"^[0-9].*(s|J|min|h)$"}

PATTERNS: dict[tuple[str | int, ...], str] = {
    ("name",): "1 to 64 letters, digits, `.`, `_`, `-`, the first a letter or digit",
    ("solve", "backend"): "auto, or a backend's name",
    ("devices",): "a name of 1 to 32 letters, digits, `_`, the first a letter",
}


def load(
    path: Path | str | Mapping[str, Any], *, solve: Mapping[str, Any] | None = None
) -> Specification:
    """The specification in a file, of the kind that its ``space.family`` names.

    Plain data in place of a path is such a file's content. ``solve`` replaces entries of its
    ``solve:`` block. Raises :class:`SpecError` with all faults; also where the file cannot be read.
    """
    if isinstance(path, Mapping):
        return specification(Document("<data>", copy.deepcopy(dict(path))), solve)
    return specification(read_document(path), solve)


def read_document(path: Path | str, name: str | None = None) -> Document:
    """The plain data in a YAML file, with positions; ``name`` stands for the file in messages.

    ``-`` is standard input. A predictor's folder is taken relative to the file where it is there.
    Raises :class:`SpecError` where the file cannot be read or is no plain YAML mapping.
    """
    stdin = str(path) == STDIN
    name = name if name is not None else "<stdin>" if stdin else str(path)
    try:
        mode = 0 if stdin else Path(path).stat().st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            raise SpecError([Fault(name, 0, 0, "", "a pipe", "a file, or `-` for standard input")])
        with contextlib.nullcontext(sys.stdin.buffer) if stdin else Path(path).open("rb") as file:
            raw = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SpecError([Fault(name, 0, 0, "", reason, "a readable YAML file")]) from None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SpecError([Fault(name, line, 1, "", "bytes that are not UTF-8", "UTF-8")]) from None
    document = parse(text, name)
    if not stdin:
        place_files(document.data, Path(path).parent)
    return document


def place_files(data: Any, folder: Path) -> None:
    """Files beside the file of ``data``: their paths from the working directory, as all others'."""
    objective = data.get("objective") if isinstance(data, dict) else None
    if isinstance(objective, dict) and "predictor" in objective:
        objective["predictor"] = placed(objective["predictor"], folder, PREDICTOR)
    for block in ("budgets", "devices"):
        named = data.get(block) if isinstance(data, dict) else None
        for own in named.values() if isinstance(named, dict) else ():
            for word in COST_FILES:
                if isinstance(own, dict) and word in own:
                    own[word] = placed(own[word], folder)


def placed(words: Any, folder: Path, inner: str = "") -> Any:
    """The path that lies in ``folder`` under ``words``, from the working directory.

    It is known by the file ``inner`` in it. Words that name none there are given back as they are.
    """
    if not isinstance(words, str) or not words or "\0" in words or len(words) > LONGEST_PATH:
        return words
    inside = not PurePath(words).is_absolute() and ".." not in PurePath(words).parts
    there = inside and folder != Path() and (folder / words / inner).is_file()
    return os.path.relpath(folder / words) if there else words


def loads(
    text: str, file: str = "<text>", *, solve: Mapping[str, Any] | None = None
) -> Specification:
    """The specification in ``text``; ``file`` names it in messages."""
    return specification(parse(text, file), solve)


def specification(document: Document, solve: Mapping[str, Any] | None = None) -> Specification:
    """The specification that a document states; ``solve`` replaces entries of its ``solve:``."""
    if solve and isinstance(document.data, dict):
        block = document.data.get("solve") or {}
        if isinstance(block, dict):
            document.data["solve"] = {**block, **solve}
            for key in solve:  # a command line has said which option of its
                document.given.setdefault(("solve", key), "given beside the file")
    return validated(document)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of specifications of every kind, for editors.

    Which kind's words hold is told by ``space.family``; the first kind's where none is named.
    """
    models = [(kind.spec, "validation") for kind in KINDS]
    _, found = models_json_schema(models, by_alias=True)  # type: ignore[arg-type]  # a literal
    defs = found["$defs"]
    for kind in KINDS:
        for model, supplied in kind.presets.items():
            required = [field for field in defs[model]["required"] if field not in supplied]
            defs[model]["required"] = required
    for model in DEVICES_AMONG:
        if model in defs:
            defs[model]["additionalProperties"] = {
                "anyOf": [{"$ref": f"#/$defs/{DeviceSpec.__name__}"}, MEASURED_LIMIT]
            }
    branches = [
        {
            "if": _named({"enum": [*kind.families]}),
            "then": {"$ref": f"#/$defs/{kind.spec.__name__}"},
        }
        for kind in KINDS
    ]
    first = {"$ref": f"#/$defs/{KINDS[0].spec.__name__}"}
    branches.append({"if": {"not": _named({})}, "then": first})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["space"],
        "properties": {"space": {"properties": {"family": {"enum": [*families()]}}}},
        "allOf": branches,
        "$defs": defs,
    }


def _named(family: dict[str, Any]) -> dict[str, Any]:
    """The schema of documents whose ``space.family`` is there and is a ``family``."""
    space = {"properties": {"family": family}, "required": ["family"]}
    return {"properties": {"space": space}, "required": ["space"]}


def validated(document: Document, *, aimless: bool = False) -> Specification:
    """The specification that a document states. Raises :class:`SpecError` with all its faults.

    ``aimless``: only its space is wanted, so that it need not say what is maximised.
    """
    if other := instead(document.data, SPECIFICATION):
        raise SpecError([document.fault((), other, SPECIFICATION)])
    gather(document)
    kind = _meant(document.data)
    model: type[Specification] = kind.spec
    if hostile := list(data_faults(document.data)):
        raise SpecError([document.fault(*fault) for fault in hostile])
    try:
        spec = model.model_validate(document.data)
    except ValidationError as error:
        schema = schema_faults(document, error, model)
        more = [document.fault(*fault) for fault in _beyond(document, error, aimless)]
        raise SpecError(
            [*document.faults, *_without_twins(schema, document.faults), *more]
        ) from None
    found = _cross_faults(kind, spec, aimless)
    if found or document.faults:
        raise SpecError([*document.faults, *(document.fault(*fault) for fault in found)])
    return spec


def _without_twins(found: list[Fault], known: list[Fault]) -> list[Fault]:
    """Those that are not at the place of a known one (a refused value reads as nothing)."""
    places = {(fault.line, fault.path) for fault in known}
    return [fault for fault in found if (fault.line, fault.path) not in places]


def _cross_faults(kind: AnyKind, spec: Specification, aimless: bool) -> list[CrossFault]:
    """What only shows when several parts are read together."""
    # Names of backends are asked of their modules, which a specification that names none never needs.
    backends = (AUTO,) if spec.solve.backend == AUTO else kind.backends(spec)
    found = [*kind.faults(spec), *shared_faults(spec, backends)]
    # What may be pinned is what the space says: one that is at fault has to be mended first.
    if spec.pins and not any(fault[0][:1] == ("space",) for fault in found):
        found += pin_faults(spec.pins, kind.choices(spec))
    return [fault for fault in found if not (aimless and fault[0] == ("objective",))]


def _meant(data: Any) -> AnyKind:
    """The kind of a document; of a family that does not exist, that of the nearest name."""
    space = data.get("space") if isinstance(data, dict) else None
    family = space.get("family") if isinstance(space, dict) else None
    if isinstance(family, str) and family not in families():
        return kind_of({"space": {"family": near_miss(family, list(families()))}})
    return kind_of(data)


#: With more faults than this, or in a larger file, what only shows between parts has to wait.
MOST_REPAIRED, LARGEST_REPAIRED = 40, 20_000
GONE = object()
#: What stands in for a value at fault, tried in order: that its key is not there, then values of
#: every type that a specification has.
STAND_INS: tuple[Any, ...] = (
    GONE, 8, 64, 1, 0.5, 0, "8", "auto", "macs", True, [1], [8, 64], [0.5], {}, {"max": 64}, "a", ["a"],
)  # fmt: skip


def _beyond(document: Document, error: ValidationError, aimless: bool) -> list[CrossFault]:
    """Faults between the parts that are sound, while others are not.

    Each value at fault is replaced, in two ways where two can stand there; what is found in both
    documents, neither at such a place nor around it, does not come from a replacement.
    """
    model = _meant(document.data).spec
    paths = list(dict.fromkeys(_path_in(document.data, e["loc"], model) for e in error.errors()))
    if len(paths) > MOST_REPAIRED or len(document.positions) > LARGEST_REPAIRED:
        return []
    found: list[list[CrossFault]] = []
    for order in (STAND_INS, (GONE, *reversed(STAND_INS[1:]))):
        data = copy.deepcopy(document.data)
        for path in paths:
            _repair(data, path, order, model)
        try:
            spec = _meant(data).spec.model_validate(data)
        except (ValidationError, ValueError, TypeError):
            return []
        found.append(_cross_faults(_meant(data), spec, aimless))
    inside = [f for f in found[0] if f in found[1]]

    def touches(place: tuple[str | int, ...]) -> bool:
        return any(place[: len(path)] == path or path[: len(place)] == place for path in paths)

    return [fault for fault in inside if not touches(fault[0])]


def _repair(
    data: Any, path: tuple[str | int, ...], order: Sequence[Any], model: type[BaseModel]
) -> None:
    """Put what can stand at ``path`` there, the first of ``order`` that makes its faults vanish."""
    if not path:
        return
    here = data
    for part in path[:-1]:
        here = here[part] if not isinstance(here, dict) else here.setdefault(part, {})
    last: Any = path[-1]
    if path == ("space", "family"):
        known = list(families())
        given = here.get(last) if isinstance(here, dict) else None
        hint = near_miss(given, known) if isinstance(given, str) else ""
        order = (hint,) if hint else KINDS[0].families[:: 1 if order[1] == STAND_INS[1] else -1]
    for value in order:
        if value is GONE:
            if not isinstance(here, dict):
                continue
            here.pop(last, None)
        elif isinstance(here, dict) or (isinstance(here, list) and isinstance(last, int)):
            here[last] = copy.deepcopy(value)
        try:
            model.model_validate(data)
        except ValidationError as error:
            if any(_path_in(data, e["loc"], model)[: len(path)] == path for e in error.errors()):
                continue
        except (ValueError, TypeError):
            continue
        return


def schema_faults(
    document: Document, error: ValidationError, model: type[BaseModel]
) -> list[Fault]:
    """Pydantic's errors as faults with positions, one per place."""
    found: dict[tuple[str | int, ...], Fault] = {}
    for item in error.errors(include_url=False):
        path = _path_in(document.data, item["loc"], model)
        kind, context = item["type"], item.get("ctx", {})
        if kind == "extra_forbidden":
            known = _known_keys(path[:-1], model)
            meant = near_miss(str(path[-1]), known) or needs_device(path)
            found_key = f"unknown key {quoted(path[-1])}"
            fault = document.fault(path, found_key, ", ".join(known), meant)
        elif kind == "string_pattern_mismatch":
            accepted = PATTERNS.get(path) or PATTERNS.get(path[:-1], "a plain word")
            fault = document.fault(path, quoted(item["input"]), accepted)
        elif kind == "missing":
            fault = document.fault(path, "nothing", f"the key {path[-1]!r} is needed")
        elif kind == "literal_error":
            accepted = str(context.get("expected", ""))
            if path == ("space", "family"):
                accepted = ", ".join(families())
            options = [o.strip().strip("'") for o in accepted.replace(" or ", ", ").split(",")]
            value = item["input"]
            hint = near_miss(value, options) if isinstance(value, str) else ""
            fault = document.fault(path, quoted(value), accepted, hint)
        else:
            cause = context.get("error")
            accepted = str(cause) if isinstance(cause, ValueError) else reworded(item["msg"])
            meant = cause.meant if isinstance(cause, QuantityError) else ""
            fault = document.fault(path, quoted(item["input"]), accepted, meant)
        known_fault = found.get(path)
        if known_fault is None or (not known_fault.suggestion and fault.suggestion):
            found[path] = fault
    # A block that fails because of what is inside it is no fault of its own.
    outer = {path[:n] for path in found for n in range(len(path))}
    return [fault for path, fault in found.items() if path not in outer]


def reworded(message: str) -> str:
    """Pydantic's sentence as what is accepted: without its subject, in the words of YAML."""
    for word, kind in (("list", "a list"), ("tuple", "a list"), ("dictionary", "a mapping")):
        if message.startswith(f"Input should be a valid {word}"):
            return kind
    for lead in ("Input should be ", "String should match pattern "):
        if message.startswith(lead):
            return message.removeprefix(lead)
    return message


def _path_in(
    data: Any, location: tuple[str | int, ...], model: type[BaseModel]
) -> tuple[str | int, ...]:
    """The part of a pydantic location that exists in the document, plus one missing key.

    Pydantic adds the branch of a union to its locations (``function-before``, ``literal``);
    those are no keys of the user's.
    """
    path: list[str | int] = []
    here = data
    for part in location:
        inside = isinstance(here, dict) and part in here
        if inside or (isinstance(here, list) and isinstance(part, int) and part < len(here)):
            path.append(part)
            here = here[part]
        elif isinstance(here, dict) and part in _known_keys(tuple(path), model):
            path.append(part)
            break
    return tuple(path)


def _known_keys(path: tuple[str | int, ...], root: type[BaseModel]) -> list[str]:
    """The keys that the schema accepts at ``path``."""
    model: Any = root
    named = False
    for part in path:
        if isinstance(part, int) or named:  # the name of an entry is the user's own
            named = False
            continue
        fields = _fields(model)
        if part not in fields:
            return []
        model, named = _model_in(fields[part]), _is_named(fields[part])
        if model is None:
            return []
    return [] if named else list(_fields(model))


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {f.alias or name: f.annotation for name, f in model.model_fields.items()}


def _is_named(annotation: Any) -> bool:
    """Whether what an annotation holds are blocks by a name of the user's."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        return any(map(_is_named, typing.get_args(annotation)))
    return typing.get_origin(annotation) is dict


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside an annotation such as ``tuple[StageSpec, ...]`` or ``Limits | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    origins = (typing.Union, types.UnionType, tuple, dict, typing.Annotated)
    if typing.get_origin(annotation) in origins:
        for argument in typing.get_args(annotation):
            if (model := _model_in(argument)) is not None:
                return model
    return None
