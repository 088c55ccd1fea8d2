"""Short training runs of a finished design, for ``design`` and ``validate``."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_FAILURE, Session
from mathdesign.extras import how_to_install, require
from mathdesign.report.files import write_training
from mathdesign.report.html import Trained
from mathdesign.result import Design
from mathdesign.spaces.kind import ReadsImages, ReadsText
from mathdesign.spec.blocks import Block, Specification, TextTrainingSpec, TrainingSpec
from mathdesign.spec.faults import SpecError

if TYPE_CHECKING:
    from mathdesign.validators.training.recipe import TrainingOptions
    from mathdesign.validators.training.text import TextOptions


#: A vocabulary of this many tokens are the bytes themselves.
BYTES = 256


def require_for_images(data: str, *more: str) -> None:
    """Raise ``MissingPackage`` unless a run on images of ``data`` can end: read, train, draw."""
    readers = ("sklearn", "PIL") if data == "digits" else ("PIL",)
    if Path(data).suffix == ".parquet":
        readers = (*readers, "pyarrow")
    require("validate", "torch", "matplotlib", *readers, *more)


def require_for_text(vocabulary: int, *more: str) -> None:
    """Raise ``MissingPackage`` unless a run on text that is cut into such tokens can end."""
    require("text", "torch", *(() if vocabulary == BYTES else ("tokenizers",)))
    require("table", *more)


def training_recipe(words: TrainingSpec) -> TrainingOptions:
    """The recipe of a ``validate:`` block; what it does not name is as the recipe has it."""
    from mathdesign.validators.training.recipe import TrainingOptions

    names = ("epochs", "batch_size", "seed", "learning_rate", "optimizer", "weight_decay",
             "label_smoothing", "warm_up", "device", "compile")  # fmt: skip
    given = {name: getattr(words, name) for name in names}
    return TrainingOptions(**{name: value for name, value in given.items() if value is not None})


def text_recipe(words: TextTrainingSpec, reads: ReadsText) -> TextOptions:
    """The recipe of a ``validate:`` block for models of such text."""
    from mathdesign.validators.training.text import TextOptions

    return TextOptions(
        steps=words.steps, batch_size=words.batch_size, learning_rate=words.learning_rate,
        length=min(words.length or reads.context, reads.context), seed=words.seed,
    )  # fmt: skip


def refuse_training(spec: Specification) -> None:
    """Raise :class:`SpecError` where `validate:` names data that this network cannot learn from.

    What shows without reading images or packages that are not there: asked before solving.
    """
    from mathdesign.validators.training import data, text_data

    words, space = getattr(spec, "training", None), spec.to_dict()["space"]
    try:
        if isinstance(words, TrainingSpec):
            data.refuse(words.data, space.get("classes"))
        elif isinstance(words, TextTrainingSpec) and "vocabulary" in space:
            text_data.refuse(words.data, space["vocabulary"])
    except data.DataError as error:
        raise SpecError.plain(f"validate: data: {error}") from None
    except ImportError:
        return  # told where training begins; the design is made without


def train_briefly(
    session: Session, design: Design, words: Block, folder: Path
) -> tuple[int, dict[str, Any]]:
    """Train as a specification's ``validate:`` block says; (exit code, document)."""
    kind, network = design.kind, design.network
    images, text = kind.images(network), kind.text(network)
    if images is not None and isinstance(words, TrainingSpec):
        return train_on_images(session, design, images, words, folder)
    if text is not None and isinstance(words, TextTrainingSpec):
        return train_on_text(session, design, text, words, folder)
    session.say("not trained: `validate:` says nothing that this network can learn from")
    return 0, {}


def train_on_images(
    session: Session, design: Design, images: ReadsImages, words: TrainingSpec, folder: Path
) -> tuple[int, dict[str, Any]]:
    """Train the design as ``words`` say; write the curve and the figures; (exit code, document)."""
    try:
        require_for_images(words.data)
        from mathdesign.validators.training import data
        from mathdesign.validators.training.checkpoint import CheckpointError
        from mathdesign.validators.training.curves import curve_png
        from mathdesign.validators.training.images import TrainingDiverged, initialised, train

        size = words.size or images.size
        session.say(f"training {words.epochs} epochs on {words.data} at {size}x{size} ...")
        loaded = data.load(
            words.data,
            channels=images.channels,
            size=size,
            classes=images.classes,
            limit=words.limit,
        )
        split = data.split(loaded, words.seed)
        module = initialised(design.build, words.seed)
        options = training_recipe(words)
        with session.training_progress() as on_progress:
            # A killed run goes on where it was; another recipe starts a file of its own.
            mark = hashlib.sha256(repr((words, module)).encode()).hexdigest()[:16]
            checkpoint = folder / f".training-{mark}.pt"
            result = train(module, split, options, on_progress, checkpoint=checkpoint)
            checkpoint.unlink(missing_ok=True)
        document = asdict(result)
        trained = Trained(document, curve_png(result.curve, design.name))
        written = write_training(design, folder, trained)
    except ImportError as error:
        reason = how_to_install(error)
        return session.fail(EXIT_FAILURE, reason), {"error": reason}
    except (data.DataError, SpecError, CheckpointError) as error:
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
    if result.warning is not None:
        session.warn(result.warning)
    session.say("wrote " + ", ".join(str(path) for path in written))
    return 0, {**document, "files": [str(path) for path in written]}


def train_on_text(
    session: Session, design: Design, reads: ReadsText, words: TextTrainingSpec, folder: Path
) -> tuple[int, dict[str, Any]]:
    """Train on text as ``words`` say; write the figures; (exit code, document)."""
    try:
        require_for_text(reads.vocabulary)
        from mathdesign.validators.training.data import DataError
        from mathdesign.validators.training.images import TrainingDiverged, initialised
        from mathdesign.validators.training.text import train_text
        from mathdesign.validators.training.text_data import encoding, load_text

        text = load_text(words.data)
        how = encoding(text, reads.vocabulary)
        session.say(f"training {words.steps} steps on {text.name} ...")
        result = train_text(
            initialised(design.build, words.seed), text, how, text_recipe(words, reads),
            lambda c: session.say(f"step {c.step}: {c.bits_per_byte:.4f} bits per byte held out"),
        )  # fmt: skip
        document = asdict(result)
        path = write_training(design, folder, Trained(document))[0]
    except ImportError as error:
        reason = how_to_install(error)
        return session.fail(EXIT_FAILURE, reason), {"error": reason}
    except (DataError, ValueError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error)), {"error": str(error)}
    except TrainingDiverged as error:
        return session.fail(EXIT_FAILURE, str(error)), {"error": str(error)}
    session.say(f"{result.bits_per_byte:.4f} bits per byte after {words.steps} steps; wrote {path}")
    if result.warning is not None:
        session.warn(result.warning)
    return 0, {**document, "files": [str(path)]}
