"""``fit``: a table of measured designs becomes a predictor that a program can maximise."""

from __future__ import annotations

import lzma
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_FAILURE, Session
from mathdesign.extras import require
from mathdesign.files import refuse_folder
from mathdesign.programs.counts import rough

MODELS = ("auto", "trees", "tables")
#: The word of ``--positions`` that stands for every slot.
ALL_SLOTS = "all"


@dataclass(frozen=True, slots=True)
class FitRequest:
    """What the command line asks for."""

    table: Path
    space: str
    target: str
    out: Path
    model: str
    ensemble: int
    pretrain: tuple[str, ...]
    duplicates: str
    seed: int
    positions: tuple[str, ...] = ()


class BadRequest(ValueError):
    """A word of the command line or a file at fault; the message says the way out."""


def fit(session: Session, request: FitRequest) -> int:
    """The ``fit`` command; returns the exit status."""
    require("predictor", "lightgbm", "pandas", "matplotlib")
    from mathdesign.programs.slot_space import TableError
    from mathdesign.spec.faults import SpecError
    from mathdesign.surrogate.fit import fitted, sample_of
    from mathdesign.surrogate.report import draw_calibration

    refuse_folder(request.out)
    try:
        _check_words(request)
        space = _space(request.space)
        sample = sample_of(
            read_table(request.table), space, request.target, request.duplicates,
            positions=by_position(request.positions, space),
        )  # fmt: skip
        session.say(f"{len(sample.labels):,} designs of {space.name} ({rough(space.size)} in all)")
        found = fitted(
            sample, space, request.target, model=request.model, ensemble=request.ensemble,
            pretrain=request.pretrain, seed=request.seed, say=session.say,
        )  # fmt: skip
        predictor, files = found.predictor, found.save(request.out)
        title = f"{request.target}: held-out predictions"
        files.append(
            draw_calibration(found.held_out, sample.labels, request.out / "calibration.png", title)
        )
    except (BadRequest, TableError, SpecError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    except OSError as error:
        reason = f"cannot write to {request.out}: {error.strerror or error}"
        return session.fail(EXIT_FAILURE, reason)
    quality = predictor.quality
    session.say(
        f"chosen: {predictor.kind}; cross-validated tau {quality.tau:.3f}, pairwise accuracy "
        f"{quality.pairwise:.1%}, error {quality.rmse:.4g} (RMSE)"
    )
    session.say("wrote " + ", ".join(str(path) for path in files))
    document: dict[str, Any] = {"kind": predictor.kind, "quality": asdict(quality)}
    session.result({**document, "files": [str(path) for path in files]})
    return 0


def prune(
    session: Session, path: Path, table: Path, most: int, out: Path | None,
    positions: tuple[str, ...] = (),
) -> int:  # fmt: skip
    """The ``prune`` command: ``pruned.yaml`` is the specification with ``space.without``."""
    import math

    require("predictor", "lightgbm", "pandas")
    from mathdesign.api import Hooks, solve_options
    from mathdesign.files import write_atomic, yaml_text
    from mathdesign.kinds import kind_of_spec
    from mathdesign.kinds.load import load
    from mathdesign.programs.slot_space import TableError
    from mathdesign.spec.faults import SpecError
    from mathdesign.surrogate.prune import prune as prune_options
    from mathdesign.surrogate.reading import with_slots

    if out is not None:
        refuse_folder(out)
    try:
        spec = load(path)
        kind = kind_of_spec(spec)
        space = kind.option_space(spec)
        if space is None or (posed := _predicted(kind, spec)).predictor is None:
            raise BadRequest(
                f"{path}: accepted: a specification with `objective: {{predictor: ..}}`"
            )
        asked = by_position(positions, space)
        points = space.points(with_slots(read_table(table), space, asked), asked)
        found = prune_options(
            posed.predictor, space, points, posed.program, most=most,
            options=solve_options(spec.solve, Hooks()), say=session.say,
        )  # fmt: skip
    except (BadRequest, TableError, SpecError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    request = spec.to_dict()
    request["space"]["without"] = found.without
    finite = {c: (None if math.isinf(v) else v) for c in found.cuts for v in [c.loss]}
    document: dict[str, Any] = {
        "kept_share": found.kept_share,
        "kept_optimum": found.kept_optimum,
        "cuts": [
            {"slot": c.slot, "option": c.option, "attribution": c.attribution,
             "designs": c.designs, "loss_at_most": finite[c]}
            for c in found.cuts
        ],
    }  # fmt: skip
    worst = max((c.loss for c in found.cuts), default=0.0)
    in_target = _lost_in_target(kind, posed, found)
    document["lost_in_target"] = in_target
    beside = "" if in_target is None else f" ({in_target['at_most']:.4f} of {in_target['target']})"
    session.say(
        f"{len(found.cuts)} options cut, {found.kept_share:.2%} of the designs kept; at most "
        f"{worst:.4f} of the predictor's score{beside} lost, proven"
    )
    if out is not None:
        session.say(f"wrote {write_atomic(out / 'pruned.yaml', yaml_text(request))}")
    session.result(document)
    return 0


def _predicted(kind: Any, spec: Any) -> Any:
    """The program of predictions: cuts are judged by the model, not by what was measured."""
    if spec.objective.predictor is None:
        return kind.pose(spec)
    objective = spec.objective.model_copy(update={"pick": "predicted"})
    return kind.pose(spec.model_copy(update={"objective": objective}))


def _lost_in_target(kind: Any, posed: Any, found: Any) -> dict[str, Any] | None:
    """The most that the cuts can have lost, in the unit of the predictor's target."""
    import math

    best = max((c.best for c in found.cuts), default=-math.inf)
    if found.kept_optimum is None or best == math.inf:
        return None
    values = [kind.in_target(posed, max(v, found.kept_optimum)) for v in (best, found.kept_optimum)]
    if None in values:
        return None
    return {"target": values[0][0], "at_most": values[0][1] - values[1][1]}


def _check_words(request: FitRequest) -> None:
    if request.model not in MODELS:
        raise BadRequest(f"--model {request.model}: accepted: {', '.join(MODELS)}")
    if request.duplicates not in ("refuse", "mean"):
        raise BadRequest(f"--duplicates {request.duplicates}: accepted: refuse, mean")
    if request.ensemble and request.model == "tables":
        raise BadRequest("--ensemble: only trees have an ensemble; leave --model out")
    if request.pretrain and request.model == "tables":
        raise BadRequest("--pretrain: only trees have a head start; leave --model out")
    if 0 < request.ensemble < 2:
        raise BadRequest("--ensemble 1: accepted: at least 2 members, e.g. 10")


def _space(name: str) -> Any:
    """A named space, or that of a YAML file."""
    return read_list_spec(name).table_space()


def read_list_spec(name: str) -> Any:
    """The specification of a named space, or in a YAML file, whose objective may be missing."""
    from mathdesign.kinds import kind_of_spec
    from mathdesign.kinds.load import STDIN, read_document, validated
    from mathdesign.spaces.lists.named import SPACES
    from mathdesign.spec.document import Document
    from mathdesign.spec.faults import did_you_mean

    if name in SPACES:
        document = Document("command line", {"space": {"family": name}})
    elif name == STDIN or Path(name).suffix:
        document = read_document(name)
    else:
        cure = did_you_mean(name, list(SPACES))
        known = ", ".join(SPACES)
        raise BadRequest(f"--space {name}: accepted: {known}, or a YAML file{cure}")
    spec = validated(document, aimless=True)
    kind = kind_of_spec(spec)
    if kind.option_space(spec) is None:
        raise BadRequest(f"--space {name}: family {spec.to_dict()['space']['family']!r} is no list "
                         "of options; accepted: " + ", ".join((*SPACES, "slots")))  # fmt: skip
    return spec


def by_position(words: tuple[str, ...], space: Any) -> tuple[str, ...]:
    """The slots whose cells are positions, ``all`` spelled out. Raises :class:`BadRequest`."""
    from mathdesign.spec.faults import did_you_mean

    names = [slot.name for slot in space.slots]
    for word in words:
        if word not in (*names, ALL_SLOTS):
            cure = did_you_mean(word, names)
            known = ", ".join([*names[:12], ALL_SLOTS])
            raise BadRequest(f"--positions {word}: accepted: {known}{cure}")
    return tuple(names) if ALL_SLOTS in words else words


def read_table(path: Path) -> Any:
    """The frame in a CSV (perhaps compressed) or Parquet file."""
    from mathdesign.surrogate.reading import read_frame

    if path.exists() and not path.is_file():
        raise BadRequest(f"{path}: not a file; accepted: CSV or Parquet")
    try:
        return read_frame(path)
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror or error}") from None
    except (EOFError, zlib.error, lzma.LZMAError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise BadRequest(f"{path}: not a table ({reason}); accepted: CSV or Parquet") from None
