"""A table killed at random moments and resumed, against one that nothing disturbed.

    python benchmarks/table_kills.py [--kills 50] [--rows 150] [--seed 2026]

One table is killed (``kill -9``) again and again while it runs and started anew by the same
command, until the wanted number of kills is reached; finished tables begin again in an empty
folder. Every finished table must have the bytes of the undisturbed one.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table_overhead import SMALL

RUN = "from mathdesign.cli.main import main\nif __name__ == '__main__':\n    main()\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    rng, folder = random.Random(options.seed), Path(tempfile.mkdtemp(prefix="kills-"))
    (folder / "design.yaml").write_text(SMALL)
    values = ", ".join(str(2_000_000 + 1000 * n) for n in range(options.rows))
    (folder / "sweep.yaml").write_text(f"base: design.yaml\ngrid: {{budgets.macs: [{values}]}}\n")
    (folder / "run.py").write_text(RUN)

    def start(out: Path) -> subprocess.Popen[bytes]:
        words = ["table", str(folder / "sweep.yaml"), "--out", str(out), "--jobs", "2", "--quiet"]
        command = [sys.executable, str(folder / "run.py"), *words]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    begun = time.perf_counter()
    assert start(folder / "whole").wait() == 0
    whole_s = time.perf_counter() - begun
    wanted = (folder / "whole" / "table.csv").read_bytes()
    kills = tables = equal = 0
    while kills < options.kills:
        out = folder / f"run{tables}"
        while True:
            process = start(out)
            try:
                process.wait(rng.uniform(0.1, whole_s * 1.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
                continue
            assert process.returncode == 0, process.returncode
            break
        tables += 1
        equal += (out / "table.csv").read_bytes() == wanted
    print(f"{kills} kills, {tables} tables of {options.rows} rows finished, {equal} equal byte for "
          f"byte; an undisturbed one takes {whole_s:.1f} s")  # fmt: skip
    shutil.rmtree(folder)
    sys.exit(equal != tables)


if __name__ == "__main__":
    main()
