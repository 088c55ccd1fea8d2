"""A short training run of a designed language model, for ``validate``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_FAILURE, Session
from mathdesign.cli.validate import HOW_TO_INSTALL
from mathdesign.files import write_atomic
from mathdesign.spaces.transformer.words import TextTrainingSpec, TransformerSpec

if TYPE_CHECKING:
    from mathdesign.spaces.transformer.answer import TransformerDesign


def train_text_briefly(
    session: Session, design: TransformerDesign, changes: Mapping[str, Any], folder: Path
) -> tuple[int, dict[str, Any]]:
    """Train on text as the request's ``validate:`` says; (exit code, document).

    Of ``changes``, ``data`` (a file or folder) and ``seed`` overrule it; runs are counted in steps.
    """
    spec = TransformerSpec.model_validate(dict(design.request))
    given = {k: v for k, v in changes.items() if v is not None and k in ("data", "seed")}
    words = (spec.training or TextTrainingSpec()).model_copy(update=given)
    network = design.network
    length = min(words.length or network.context, network.context)
    try:
        from mathdesign.validators.training.data import DataError
        from mathdesign.validators.training.images import TrainingDiverged, initialised
        from mathdesign.validators.training.text import TextOptions, train_text
        from mathdesign.validators.training.text_data import encoding, load_text

        text = load_text(words.data)
        how = encoding(text, network.vocabulary)
        session.say(f"training {words.steps} steps on {text.name} ...")
        options = TextOptions(
            steps=words.steps, batch_size=words.batch_size, length=length,
            learning_rate=words.learning_rate, seed=words.seed,
        )  # fmt: skip
        result = train_text(
            initialised(design.build, words.seed), text, how, options,
            lambda c: session.say(f"step {c.step}: {c.bits_per_byte:.4f} bits per byte held out"),
        )  # fmt: skip
        document = asdict(result)
        path = write_atomic(folder / "training.json", json.dumps(document, indent=2) + "\n")
    except ImportError:
        return session.fail(EXIT_FAILURE, HOW_TO_INSTALL), {"error": HOW_TO_INSTALL}
    except (DataError, ValueError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error)), {"error": str(error)}
    except TrainingDiverged as error:
        return session.fail(EXIT_FAILURE, str(error)), {"error": str(error)}
    session.say(f"{result.bits_per_byte:.4f} bits per byte after {words.steps} steps; wrote {path}")
    return 0, {**document, "files": [str(path)]}
