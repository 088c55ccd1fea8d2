"""The exported file stands alone and is the module that ``build`` makes."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mathdesign.export.convnet import build, source
from mathdesign.spaces.convnet.network import Network
from mathdesign.validators.convnet.recheck import count
from tests.small import two_stages
from tests.spaces.convnet.families.random_spaces import points, spaces

torch.set_num_threads(1)  # tiny tensors; several threads only wait for each other

POINT = (16, 3, 1, 32, 8, 3, 2, 48, 16, 5, 3, 10, 1)
NASTY = 'x"""\nimport os\n\u2028# \\ {name} \ud800'


def imported(path: Path):
    spec = importlib.util.spec_from_file_location("exported_model", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@settings(deadline=None, derandomize=True, max_examples=50)
@given(data=st.data())
def test_the_file_and_the_built_module_are_one_network(data, tmp_path_factory):
    space = data.draw(spaces(st.integers(8, 33)))
    try:
        network = Network.from_point(space, data.draw(points(space)), "random")
    except ValueError:
        return
    path = tmp_path_factory.mktemp("export") / "model.py"
    path.write_text(source(network))
    ours, theirs = build(network), imported(path).build()
    shapes = {k: v.shape for k, v in ours.state_dict().items()}
    assert shapes == {k: v.shape for k, v in theirs.state_dict().items()}
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(2, network.input_channels, network.input_size, network.input_size)
    with torch.no_grad():
        scores = ours.eval()(images)
        assert torch.equal(scores, theirs.eval()(images))
    assert scores.shape == (2, network.classes)


def test_the_file_imports_torch_only_and_runs_anywhere(tmp_path):
    network = Network.from_point(two_stages(), POINT, "small")
    path = tmp_path / "model.py"
    path.write_text(source(network, objective=12.5))
    names = {
        name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
        )
    }
    assert names == {"torch"}
    # -I: no user site, no current folder; the package itself must not be needed.
    run = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", str(path)],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    params = count(network, "macs")["params"]
    assert run.stdout.splitlines() == [f"{params:,} parameters", "output shape (1, 10)"]


def test_the_header_says_what_the_network_is():
    network = Network.from_point(two_stages(), POINT, "small")
    head = source(network, objective=12.5).split("\n\n")[0]
    counts = count(network, "macs")
    assert "'small'" in head
    assert "3 x 32 x 32" in head
    assert f"{counts['params']:,} parameters, {counts['macs']:,} multiply-adds" in head
    assert "Objective 12.5" in head
    assert "Objective" not in source(network)


def test_each_class_once_and_one_line_per_stage():
    text = source(Network.from_point(two_stages(), POINT, "small"))
    assert [text.count(f"class {c}(") for c in ("ConvBlock", "BottleneckBlock", "Network")] == [
        1
    ] * 3
    assert text.count("BottleneckBlock, dict") == 2
    assert "type: ignore" not in text


def test_a_name_cannot_escape_its_comment():
    network = Network.from_point(two_stages(), POINT, NASTY)
    text = source(network)
    assert text.encode()  # printable as UTF-8, surrogates escaped
    plain = source(Network.from_point(two_stages(), POINT, "plain"))
    assert ast.dump(ast.parse(text)) == ast.dump(ast.parse(plain))


@pytest.mark.parametrize("family", ["bottleneck", "basic"])
def test_blocks_start_as_their_shortcut(family):
    """So that stages of dozens of blocks train from the first step (arXiv 1706.02677, 5.1)."""
    values = [16, 3, 1, 32, 8, 3, 1, 48, 16, 5, 3, 10, 1]
    if family == "basic":
        values = [16, 3, 1, 32, 3, 1, 48, 5, 3, 10, 1]
    module = build(Network.from_point(two_stages(family), values, "start"))
    x = torch.rand(2, 48, 4, 4)
    later = module.stages[2][1].eval()
    with torch.no_grad():
        assert torch.equal(later(x), x)  # the rectifier keeps positive inputs
