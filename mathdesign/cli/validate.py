"""``export`` and ``validate``: what can be done with a finished design."""

from __future__ import annotations

import hashlib
import json as json_module
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_CHECK_FAILED, EXIT_FAILURE, Session
from mathdesign.files import write_atomic
from mathdesign.kinds import kind_of_answer
from mathdesign.result import Answer, Design, DesignError, read_answer
from mathdesign.spaces.convnet.network import NetworkError
from mathdesign.spaces.transformer.answer import TransformerDesign
from mathdesign.spec.blocks import TrainingSpec
from mathdesign.spec.faults import SpecError

if TYPE_CHECKING:
    from torch import nn

    from mathdesign.cli.against import Against
    from mathdesign.validators.training.images import TrainingOptions

#: Kinds of transformers that are trained on text.
TEXT = ("decoder_lm", "prefix_lm")
#: Test accuracy is on images that training never saw; the split is seeded and recorded.
HOW_TO_INSTALL = "training needs the extra packages: pip install 'mathdesign[validate]'"


class Unreadable(Exception):
    """A design file that cannot be used; the message says why."""


def read_design(path: Path) -> Answer:
    """The finished design in ``path``, of any kind. Raises :class:`Unreadable`."""
    try:
        return read_answer(path)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror or error}") from None
    except (DesignError, NetworkError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path}: {error}") from None


def export(session: Session, path: Path, out: Path | None) -> int:
    """The ``export`` command: ``model.py`` beside the design, or in ``out``."""
    try:
        design = read_design(path)
    except Unreadable as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    folder = out if out is not None else path.parent
    source = kind_of_answer(design.to_dict()).part("files")(design).get("model.py")
    if source is None:
        return session.fail(EXIT_BAD_INPUT, f"{path}: no module is built for this kind of design")
    try:
        written = write_atomic(folder / "model.py", source)
    except OSError as error:
        return session.fail(EXIT_FAILURE, f"cannot write to {folder}: {error.strerror or error}")
    session.say(f"wrote {written}")
    session.result({"files": [str(written)]})
    return 0


def validate(
    session: Session, path: Path, changes: Mapping[str, Any], train: bool, out: Path | None,
    against: Against | None = None, measured: bool = False,
) -> int:  # fmt: skip
    """The ``validate`` command: recount, re-check the certificate, train, compare."""
    try:
        design = read_design(path)
        chain = isinstance(design, Design)
        options = training_options(design.to_dict()["request"] if chain else {}, changes)
        checks = kind_of_answer(design.to_dict()).part("checks")(design)
    except Unreadable as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    except ImportError:
        return session.fail(EXIT_FAILURE, HOW_TO_INSTALL)
    document: dict[str, Any] = {"design": design.name, "checks": checks}
    for check in checks:
        session.say(f"{'ok' if check['ok'] else 'FAILED':>6}  {check['check']}: {check['found']}")
    if not all(check["ok"] for check in checks):
        return session.fail(EXIT_CHECK_FAILED, "the design is not what it claims to be", document)
    code = 0
    folder = out if out is not None else path.parent
    model = image_model(design)
    if measured and model is not None:
        document["latency"] = latency(session, model, options)
    if train and against is not None:
        from mathdesign.cli.against import study

        code, document["study"] = study(session, design, options, against, folder, checks)
    elif train and model is not None:
        if not chain and options.size not in (None, model.size):
            found = f"--size {options.size}: this transformer reads {model.size} pixels only"
            return session.fail(EXIT_BAD_INPUT, found)
        code, document["training"] = train_briefly(session, model, options, folder)
    elif train and isinstance(design, TransformerDesign) and design.network.kind in TEXT:
        from mathdesign.cli.text_training import train_text_briefly

        code, document["training"] = train_text_briefly(session, design, changes, folder)
    session.result(document)
    return code


def training_options(request: Mapping[str, Any], changes: Mapping[str, Any]) -> TrainingSpec:
    """What the design's request says under ``validate:``, with ``changes`` that are not None."""
    from pydantic import ValidationError

    given = {key: value for key, value in changes.items() if value is not None}
    try:
        return TrainingSpec(**{**request.get("validate", {}), **given})
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise Unreadable("; ".join(faults)) from None


def latency(session: Session, model: ImageModel, words: TrainingSpec) -> dict[str, Any]:
    """What one image takes on this machine, beside what was counted."""
    from mathdesign.validators.convnet.recount import recount
    from mathdesign.validators.training.latency import measure

    module = model.build()
    found = measure(module, model.channels, model.size, device=words.device or "auto")
    counted = recount(module, model.channels, model.size)
    low, high = found.quartiles_ms
    session.say(
        f"latency of one image: {found.median_ms:.2f} ms (quartiles {low:.2f} .. {high:.2f}, "
        f"{found.repeats} runs, {found.device}, {found.threads} thread); "
        f"{counted.macs:,} multiply-adds: {counted.macs / found.median_ms / 1e6:.2f} G a second"
    )
    session.say(
        f"memory: {found.peak_bytes / 2**20:.2f} MiB at most, weights {found.weight_bytes / 2**20:.2f} MiB "
        f"({counted.params:,} params of 4 bytes: {4 * counted.params / 2**20:.2f} MiB)"
    )
    return {**asdict(found), "params": counted.params, "macs": counted.macs}


def training_recipe(words: TrainingSpec) -> TrainingOptions:
    """The recipe of a ``validate:`` block; what it does not name is as the recipe has it."""
    from mathdesign.validators.training.images import TrainingOptions

    names = ("epochs", "batch_size", "seed", "learning_rate", "optimizer", "weight_decay",
             "label_smoothing", "warm_up", "device", "compile")  # fmt: skip
    given = {name: getattr(words, name) for name in names}
    return TrainingOptions(**{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True, slots=True)
class ImageModel:
    """What is trained on images: how it is built, and what it reads."""

    name: str
    build: Callable[[], nn.Module]
    channels: int
    size: int
    classes: int


def image_model(design: Answer) -> ImageModel | None:
    """A design that tells images apart; ``None`` for any other."""
    if isinstance(design, Design):
        net = design.network
        return ImageModel(
            design.name, design.build, net.input_channels, net.input_size, net.classes
        )
    if isinstance(design, TransformerDesign) and design.network.image is not None:
        image = design.network.image
        classes = design.network.classes
        return ImageModel(design.name, design.build, image.channels, image.size, classes)
    return None


def train_briefly(
    session: Session, design: ImageModel, words: TrainingSpec, folder: Path
) -> tuple[int, dict[str, Any]]:
    """Train the design as ``words`` say; write the curve and the figures; (exit code, document)."""
    try:
        from mathdesign.validators.training import data as images
        from mathdesign.validators.training.checkpoint import CheckpointError
        from mathdesign.validators.training.curves import draw_curve
        from mathdesign.validators.training.images import TrainingDiverged, initialised, train

        size = words.size or design.size
        session.say(f"training {words.epochs} epochs on {words.data} at {size}x{size} ...")
        loaded = images.load(
            words.data,
            channels=design.channels,
            size=size,
            classes=design.classes,
            limit=words.limit,
        )
        split = images.split(loaded, words.seed)
        module = initialised(design.build, words.seed)
        options = training_recipe(words)
        with session.training_progress() as on_progress:
            # A killed run goes on where it was; another recipe starts a file of its own.
            mark = hashlib.sha256(repr((words, module)).encode()).hexdigest()[:16]
            checkpoint = folder / f".training-{mark}.pt"
            result = train(module, split, options, on_progress, checkpoint=checkpoint)
            checkpoint.unlink(missing_ok=True)
        curve = draw_curve(result.curve, folder / "curve.png", design.name)
        document = asdict(result)
        text = json_module.dumps(document, indent=2) + "\n"
        written = [curve, write_atomic(folder / "training.json", text)]
    except ImportError:
        return session.fail(EXIT_FAILURE, HOW_TO_INSTALL), {"error": HOW_TO_INSTALL}
    except (images.DataError, SpecError, CheckpointError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error)), {"error": str(error)}
    except (TrainingDiverged, MemoryError) as error:
        return session.fail(EXIT_FAILURE, str(error)), {"error": str(error)}
    except KeyboardInterrupt:
        return session.fail(EXIT_FAILURE, "training stopped"), {"error": "stopped"}
    counts = " + ".join(f"{n:,}" for n in result.images)
    session.say(
        f"test accuracy {result.test_accuracy:.2%} after {words.epochs} epochs, "
        f"{result.seconds:.1f} s ({counts} training, validation, test images)"
    )
    session.say("wrote " + ", ".join(str(path) for path in written))
    return 0, {**document, "files": [str(path) for path in written]}
