"""``validate --against``: the design and fair rivals, trained under one recipe, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_FAILURE, Session
from mathdesign.cli.training import require_for_images, training_recipe
from mathdesign.extras import how_to_install
from mathdesign.files import note_ours
from mathdesign.result import Design
from mathdesign.spec.blocks import TrainingSpec


@dataclass(frozen=True, slots=True)
class Against:
    """What the command line asks for: the rivals, seeds from ``validate.seed`` on, processes."""

    rivals: tuple[str, ...]
    seeds: int = 1
    jobs: int = 1
    halving: bool = False


def study(
    session: Session, design: Design, words: TrainingSpec, asked: Against, folder: Path,
    checks: Sequence[Mapping[str, Any]],
) -> tuple[int, dict[str, Any]]:  # fmt: skip
    """Train, judge, write; (exit code, document)."""
    if not design.kind.rivals:
        found = "--against: accepted for chains of convolutional stages only"
        return session.fail(EXIT_BAD_INPUT, found), {"error": found}
    try:
        require_for_images(words.data, "plotly")
        from mathdesign.evidence import texts as shown
        from mathdesign.evidence.baselines import BaselineError, candidates
        from mathdesign.evidence.card import write_card
        from mathdesign.evidence.study import Recipe, estimate_s, run_study
        from mathdesign.validators.training.checkpoint import CheckpointError
        from mathdesign.validators.training.data import DataError
        from mathdesign.validators.training.images import chosen_device

        options = training_recipe(words)
        net = design.network
        size = words.size or net.input_size
        recipe = Recipe(words.data, net.input_channels, size, net.classes, words.limit, options)
        session.say("drawing rivals ...")
        rivals = candidates(design, asked.rivals, words.seed)
        images = recipe.images()
        seeds = range(words.seed, words.seed + asked.seeds)
        seconds = estimate_s(rivals, recipe, len(images), asked.seeds) / asked.jobs
        session.say(
            f"{len(rivals)} networks x {asked.seeds} seeds x {options.epochs} epochs on {images.name} "
            f"({len(images):,} images of {size}x{size}), device {chosen_device(options.device)}, "
            f"{asked.jobs} processes of {options.threads} threads: about {_time(seconds)}"
        )
        with session.interruptible(), session.study_progress() as on_progress:
            runs = run_study(
                rivals, seeds, recipe, images, folder / "study", jobs=asked.jobs,
                halving=asked.halving, on_progress=on_progress, should_stop=session.should_stop,
            )  # fmt: skip
    except ImportError as error:
        reason = how_to_install(error)
        return session.fail(EXIT_FAILURE, reason), {"error": reason}
    except (DataError, BaselineError, CheckpointError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error)), {"error": str(error)}
    document = shown.document(design.name, recipe, seeds, rivals, runs)
    document["checks"] = list(checks)
    written = shown.write_study(folder, document, design.name)
    written += write_card(folder, design, document)
    note_ours(written)
    if not (session.json or session.quiet):
        _print(session, document["rows"], shown.judge(rivals, runs))
    session.say("wrote " + ", ".join(str(path) for path in written))
    document["files"] = [str(path) for path in written]
    missing = len(rivals) * asked.seeds - len(runs)
    if missing:
        found = f"stopped with {missing} runs to go: the same command goes on from here"
        return session.fail(EXIT_FAILURE, found), document
    return 0, document


def _print(session: Session, rows: Sequence[Mapping[str, Any]], found: Sequence[Any]) -> None:
    from mathdesign.evidence import texts as shown
    from mathdesign.report.terminal import print_table

    print_table(session.out, "trained networks", shown.HEADER, shown.table_rows(rows))
    title = "the design against each, paired by seed"
    print_table(session.out, title, shown.VERDICT_HEADER, shown.verdict_rows(found))


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
