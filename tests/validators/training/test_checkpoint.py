"""A run that is killed and resumed ends where one that was not ends."""

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mathdesign.export.convnet import build
from mathdesign.spaces.convnet.network import Network
from mathdesign.validators.training.checkpoint import CheckpointError
from mathdesign.validators.training.data import Split, load, split
from mathdesign.validators.training.images import TrainingResult, initialised, train
from mathdesign.validators.training.recipe import TrainingOptions

TINY = Network.from_dict(
    {
        "name": "tiny",
        "input": {"channels": 1, "size": 8},
        "stages": [
            {"name": "stem", "role": "stem", "family": "conv", "stride": 1, "width": 8,
             "kernel_size": 3, "depth": 1},
            {"name": "a", "role": "body", "family": "basic", "kernel_size": 3, "depth": 1,
             "stride": 2, "width": 8},
            {"name": "end", "role": "classifier", "family": "classifier", "stride": 1,
             "width": 10, "depth": 1},
        ],
    }
)  # fmt: skip
RECIPE = TrainingOptions(epochs=6, batch_size=32)
torch.set_num_threads(1)


def some_digits() -> Split:
    return split(load("digits", channels=1, size=8, classes=10, limit=500), seed=0)


@pytest.fixture(scope="module")
def digits() -> Split:
    return some_digits()


def run(digits: Split, checkpoint: Path | None = None, on_progress=None, until=None):
    module = initialised(lambda: build(TINY), 0)
    return train(module, digits, RECIPE, on_progress, checkpoint=checkpoint, until=until)


@pytest.fixture(scope="module")
def whole(digits) -> TrainingResult:
    return run(digits)


def figures(result: TrainingResult):
    """Everything but the clock."""
    curve = tuple(replace(epoch, seconds=0.0) for epoch in result.curve)
    return curve, result.test_accuracy, result.test_loss


class Killed(BaseException):
    pass


def test_twelve_interruptions_at_random_steps_change_nothing(digits, whole, tmp_path):
    rng = random.Random(0)
    path = tmp_path / "run.pt"

    def after(steps):
        taken = 0

        def interrupt(report):
            nonlocal taken
            taken += 1
            if taken == steps:
                raise Killed

        return interrupt

    for _ in range(12):  # mostly within an epoch, which is then done again
        with pytest.raises(Killed):
            run(digits, path, after(rng.randint(1, 14)))
    assert figures(run(digits, path)) == figures(whole)


def test_ten_real_kills_at_random_times_change_nothing(digits, whole, tmp_path):
    """SIGKILL, while a child trains in a loop; each child says what it reached."""
    path = tmp_path / "run.pt"
    rng = random.Random(1)
    for _ in range(10):
        child = os.fork()
        if child == 0:  # no cleanup of any kind runs after the kill
            try:
                run(digits, path, lambda report: time.sleep(0.002))
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0.02, 0.25))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert figures(run(digits, path)) == figures(whole)
    assert [p.name for p in tmp_path.glob("*.pt")] == ["run.pt"]


def test_stopping_after_an_epoch_and_going_on_is_the_whole_run(digits, whole, tmp_path):
    path = tmp_path / "run.pt"
    first = run(digits, path, until=2)
    assert figures(first)[0] == figures(whole)[0][:2]
    assert figures(run(digits, path)) == figures(whole)


def test_a_checkpoint_of_another_run_is_refused(digits, tmp_path):
    path = tmp_path / "run.pt"
    run(digits, path, until=1)
    module = initialised(lambda: build(TINY), 1)
    with pytest.raises(CheckpointError, match="another run"):
        train(module, digits, RECIPE, checkpoint=path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        run(digits, path)


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("touched-by-pickle"),))


def test_a_checkpoint_from_a_stranger_runs_no_code(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for content in (pickle.dumps(Evil()), _saved(Evil())):
        Path("run.pt").write_bytes(content)
        with pytest.raises(CheckpointError):
            run(digits, Path("run.pt"))
    assert not Path("touched-by-pickle").exists()


def _saved(thing) -> bytes:
    import io

    buffer = io.BytesIO()
    torch.save({"format": 1, "mark": thing}, buffer)
    return buffer.getvalue()


def test_numbers_drawn_by_layers_repeat_too(digits, tmp_path):
    """Dropout draws from the global generator, which a resumed run must find as it was."""

    def module():
        body = build(TINY)
        return torch.nn.Sequential(torch.nn.Dropout(0.2), body)

    def go(path, until=None):
        return train(initialised(module, 0), digits, RECIPE, checkpoint=path, until=until)

    expected = figures(go(None))
    go(tmp_path / "d.pt", until=3)
    torch.manual_seed(99)
    assert figures(go(tmp_path / "d.pt")) == expected


def test_the_module_loads_without_torch():
    code = "import sys, mathdesign.validators.training.checkpoint; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
