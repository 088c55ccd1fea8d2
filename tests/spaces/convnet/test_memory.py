"""The memory of a published network on a microcontroller, beside what was measured there."""

import csv

import pytest

from mathdesign.kinds.load import loads
from mathdesign.memory.steps import MemoryOptions
from mathdesign.spaces.convnet.pose import to_space
from mathdesign.spaces.convnet.program import pose
from tests.places import ROOT
from tests.spaces.convnet.families.test_mobilenet import words

TABLE = ROOT.parent / "shared/data/mcu_tables/mcunet.csv"


@pytest.mark.skipif(not TABLE.is_file(), reason="no table of MCUNet")
def test_mobilenet_v2_at_035_as_mcunet_measured_it():
    """MCUNet scales its last width too. SRAM and flash are measured with the engine's own buffers
    and code: a tenth and an eighth more than tensors and weights, never less.
    """
    with TABLE.open(newline="") as file:
        row = next(r for r in csv.DictReader(file) if r["net"] == "mbv2-w0.35")
    text = words(0.35).replace("head: {width: 1280}", "head: {width: 448}")
    space = to_space(loads(text.replace("size: 224", f"size: {row['resolution']}")))
    program = pose(space, memory=MemoryOptions("int8", True))
    found = program.measured(tuple(domain[0] for domain in program.decisions.values()))
    assert round(found["macs"], -5) == float(row["macs"])
    assert round(found["params"], -4) == float(row["params"])
    assert found["activation_bytes"] == 290_304
    assert found["activation_bytes"] <= 1000 * int(row["sram_kb"]) <= 1.1 * 290_304
    assert found["weight_bytes"] <= 1000 * int(row["flash_kb"]) <= 1.13 * found["weight_bytes"]
