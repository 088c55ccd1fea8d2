"""``validate --against``: the design and fair rivals, trained under one recipe, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_FAILURE, Session
from mathdesign.cli.training import (
    require_for_images,
    require_for_text,
    text_recipe,
    training_recipe,
)
from mathdesign.extras import how_to_install
from mathdesign.files import note_ours
from mathdesign.result import Design
from mathdesign.spec.blocks import Block, TextTrainingSpec, TrainingSpec

if TYPE_CHECKING:
    from mathdesign.evidence.baselines import Rivals
    from mathdesign.evidence.measure import Measure
    from mathdesign.evidence.recipes import Recipe
    from mathdesign.evidence.study import Study
    from mathdesign.evidence.verdict import Verdict

#: What draws a study.
PICTURES = ("matplotlib", "plotly")


@dataclass(frozen=True, slots=True)
class Against:
    """What the command line asks for: the rivals, seeds from ``validate.seed`` on, processes."""

    rivals: tuple[str, ...]
    seeds: int = 1
    jobs: int = 1
    halving: bool = False


def study(
    session: Session, design: Design, words: Block, asked: Against, folder: Path,
    checks: Sequence[Mapping[str, Any]],
) -> tuple[int, dict[str, Any]]:  # fmt: skip
    """Train, judge, write; (exit code, document)."""
    try:
        recipe = _recipe(design, words)
        if recipe is None:
            reason = "--against: accepted for networks that read images or generate text"
            return session.fail(EXIT_BAD_INPUT, reason), {"error": reason}
        from mathdesign.evidence.baselines import BaselineError, refuse_unknown
        from mathdesign.evidence.study import Study, run_study
        from mathdesign.validators.training.checkpoint import CheckpointError
        from mathdesign.validators.training.data import DataError

        refuse_unknown(design, asked.rivals)
        first, data = recipe.options.seed, recipe.load()
        rivals, seeds = _rivals(session, design, asked, first), range(first, first + asked.seeds)
        found = Study(design.kind, rivals.candidates, seeds, recipe, data, folder / "study")
        session.say(_plan(found, asked))
        with session.interruptible(), session.study_progress() as on_progress:
            runs = run_study(
                found, jobs=asked.jobs, halving=asked.halving, on_progress=on_progress,
                should_stop=session.should_stop,
            )  # fmt: skip
    except ImportError as error:
        reason = how_to_install(error)
        return session.fail(EXIT_FAILURE, reason), {"error": reason}
    except (DataError, BaselineError, CheckpointError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error)), {"error": str(error)}
    return _finished(session, design, found, runs, rivals, folder, checks)


def _recipe(design: Design, words: Block) -> Recipe[Any] | None:
    """How the network is trained; ``None`` where it reads neither images nor text."""
    kind, network = design.kind, design.network
    images, text = kind.images(network), kind.text(network)
    if images is not None and isinstance(words, TrainingSpec):
        require_for_images(words.data, *PICTURES)
        from mathdesign.evidence.recipes import ImageRecipe

        size, options = words.size or images.size, training_recipe(words)
        return ImageRecipe(words.data, images.channels, size, images.classes, words.limit, options)
    if text is not None and isinstance(words, TextTrainingSpec):
        require_for_text(text.vocabulary, *PICTURES)
        from mathdesign.evidence.recipes import TextRecipe

        return TextRecipe(words.data, text.vocabulary, text_recipe(words, text))
    return None


def _rivals(session: Session, design: Design, asked: Against, seed: int) -> Rivals:
    """Who takes part; who cannot is told. Raises ``BaselineError``: unknown words, nobody is left."""
    from mathdesign.evidence.baselines import BaselineError, rivals_of

    session.say("drawing rivals ...")
    rivals = rivals_of(design, asked.rivals, seed)
    told = [f"{skipped.rival}: skipped: {skipped.reason}" for skipped in rivals.skipped]
    if told and len(rivals.candidates) == 1:
        raise BaselineError("\n".join([*told, "--against: no rival is left"]))
    for line in told:
        session.warn(line)
    for rival in rivals.candidates[1:]:
        session.say(f"{rival.name}: {rival.note}")
    return rivals


def _plan(found: Study, asked: Against) -> str:
    """What will be done, and about how long it takes."""
    recipe, seconds = found.recipe, found.estimate_s() / asked.jobs
    return (
        f"{len(found.rivals)} networks x {asked.seeds} seeds x {recipe.told(found.data)}, "
        f"device {recipe.device}, {asked.jobs} processes of {recipe.options.threads} threads: "
        f"about {_time(seconds)}"
    )


def _finished(
    session: Session, design: Design, found: Study, runs: Sequence[Any], rivals: Rivals,
    folder: Path, checks: Sequence[Mapping[str, Any]],
) -> tuple[int, dict[str, Any]]:  # fmt: skip
    """Write and print what came out; (exit code, document)."""
    from mathdesign.evidence import texts as shown
    from mathdesign.evidence.card import write_card

    document = shown.document(design, found, runs, rivals.skipped)
    document["checks"] = list(checks)
    written = shown.write_study(folder, document, design.name)
    written += write_card(folder, design, document)
    note_ours(written)
    if not (session.json or session.quiet):
        _print(session, document["rows"], shown.judge(found, runs), found.recipe.measure)
    session.say("wrote " + ", ".join(str(path) for path in written))
    document["files"] = [str(path) for path in written]
    missing = len(rivals.candidates) * len(found.seeds) - len(runs)
    if missing:
        words = f"stopped with {missing} runs to go: the same command goes on from here"
        return session.fail(EXIT_FAILURE, words), document
    return 0, document


def _print(
    session: Session, rows: Sequence[Mapping[str, Any]], found: Sequence[Verdict], measure: Measure
) -> None:
    from mathdesign.evidence import texts as shown
    from mathdesign.report.terminal import print_table

    trained = shown.table_rows(rows, measure)
    print_table(session.out, "trained networks", shown.header(measure), trained)
    title = "the design against each, paired by seed"
    judged = shown.verdict_rows(found, measure)
    print_table(session.out, title, shown.verdict_header(measure), judged)


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
