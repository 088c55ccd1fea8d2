"""``validate``: a finished design recounted, checked, measured, trained, compared with rivals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mathdesign.cli.against import Against, study
from mathdesign.cli.reading import Unreadable, folder_of, read_design
from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_CHECK_FAILED, EXIT_FAILURE, Session
from mathdesign.cli.training import train_on_images, train_on_text
from mathdesign.extras import how_to_install
from mathdesign.files import refuse_folder
from mathdesign.kinds.load import reworded
from mathdesign.result import Design
from mathdesign.spaces.kind import ReadsImages
from mathdesign.spec.blocks import Block, TextTrainingSpec, TrainingSpec
from mathdesign.spec.faults import Fault, SpecError, quoted

#: What networks read that are trained by a block.
READS: Mapping[type[Block], str] = {TrainingSpec: "images", TextTrainingSpec: "text"}


def validate(
    session: Session, path: Path, changes: Mapping[str, Any], train: bool, out: Path | None,
    against: Against | None = None, measured: bool = False,
) -> int:  # fmt: skip
    """The ``validate`` command; returns the exit status."""
    from mathdesign.checking import checks as independent_checks

    if train or out is not None:  # a recount writes nothing
        refuse_folder(out if out is not None else folder_of(path))
    try:
        design = read_design(path)
        kind, network = design.kind, design.network
        images, text = kind.images(network), kind.text(network)
        block = TrainingSpec if text is None else TextTrainingSpec
        words = training_words(block, design.to_dict()["request"], changes)
        checks = independent_checks(design)
    except Unreadable as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    except SpecError as error:
        return session.fail(EXIT_BAD_INPUT, f"cannot be checked here: {error.of(str(path))}")
    except ImportError as error:
        return session.fail(EXIT_FAILURE, how_to_install(error))
    document: dict[str, Any] = {"design": design.name, "checks": [asdict(c) for c in checks]}
    for check in checks:
        session.say(f"{'ok' if check.ok else 'FAILED':>6}  {check.check}: {check.found}")
    if not all(check.ok for check in checks):
        return session.fail(EXIT_CHECK_FAILED, "the design is not what it claims to be", document)
    code = 0
    folder = out if out is not None else folder_of(path)
    if measured and images is None:
        found = "--measure: accepted for networks that read images"
        return session.fail(EXIT_BAD_INPUT, found)
    if measured and images is not None:
        document["latency"] = latency(session, design, images, words.device or "auto")
    if train and images is not None and images.fixed and words.size not in (None, images.size):
        found = f"--size {words.size}: this network reads {images.size} pixels only"
        return session.fail(EXIT_BAD_INPUT, found)
    if train and against is not None:
        found = document["checks"]
        code, document["study"] = study(session, design, words, against, folder, found)
    elif train and images is not None:
        code, document["training"] = train_on_images(session, design, images, words, folder)
    elif train and text is not None:
        code, document["training"] = train_on_text(session, design, text, words, folder)
    session.result(document)
    return code


def training_words(
    block: type[Block], request: Mapping[str, Any], changes: Mapping[str, Any]
) -> Any:
    """What the design's request says under ``validate:``, with ``changes`` that are not None.

    ``block`` is that of networks that read what this one reads. Raises :class:`Unreadable`.
    """
    from pydantic import ValidationError

    given = {key: value for key, value in changes.items() if value is not None}
    if alien := [f"--{key.replace('_', '-')}" for key in given if key not in block.model_fields]:
        raise Unreadable(f"{', '.join(alien)}: not accepted for networks that read {READS[block]}")
    asked = request.get("validate")
    # What is no mapping is told with the other faults of the request.
    words = dict(asked) if isinstance(asked, Mapping) else {}
    try:
        return block(**{**words, **given})
    except ValidationError as error:
        faults = []
        for item in error.errors(include_url=False):
            name, found = ".".join(map(str, item["loc"])), quoted(item["input"])
            place = f"--{name.replace('_', '-')}" if name in given else f"validate: {name}"
            faults.append(str(Fault(place, 0, 0, "", found, reworded(item["msg"]))))
        raise Unreadable("\n".join(faults)) from None


def latency(session: Session, design: Design, images: ReadsImages, device: str) -> dict[str, Any]:
    """What one image takes on this machine, beside what was counted."""
    from mathdesign.validators.convnet.recount import recount
    from mathdesign.validators.training.latency import measure

    module = design.build()
    found = measure(module, images.channels, images.size, device=device)
    counted = recount(module, images.channels, images.size)
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
