"""Every operator that some design of a space has: what a budget needs costs of.

A budget on a table in which an operator is missing is refused before anything is solved, with all that
the space may need. So the space is posed under a table that has none, and says what it is.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from mathdesign.devices.header import Header
from mathdesign.devices.operators import Operator
from mathdesign.devices.sources import MissingCosts
from mathdesign.devices.table import BASE, write_table
from mathdesign.kinds import kind_of_spec
from mathdesign.kinds.load import validated
from mathdesign.spec.blocks import Specification
from mathdesign.spec.document import Document
from mathdesign.spec.faults import SpecError

#: The device of that table, and its file.
NAME, FILE = "latency_to_be_measured", "none.csv"


def everything(spec: Specification) -> tuple[Operator, ...]:
    """All operators of the space of ``spec``, which names no device; of a union those of one member.

    Empty where that cannot be told: the folder that we are in cannot be written, options are names
    alone, or there are more combinations of choices than a table of a chain holds.
    """
    with (
        contextlib.suppress(OSError),
        tempfile.TemporaryDirectory(prefix=".mathdesign-", dir=Path.cwd()) as folder,
    ):  # files of a specification lie below the folder that we are in
        place = Path(folder).relative_to(Path.cwd()) / FILE
        write_table(place, Header("latency", "us"), {BASE: (0, None, None)})
        words = {**spec.to_dict(), "devices": {NAME: {"table": str(place)}}}
        try:
            asked = validated(Document("<space>", words), aimless=True)
            kind_of_spec(asked).pose(asked)
        except MissingCosts as error:
            return error.operators
        except SpecError:
            return ()
    return ()
