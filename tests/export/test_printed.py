"""Blocks are printed from source, without importing torch, and say what `inspect` says."""

import inspect
import subprocess
import sys
import textwrap

import pytest

from mathdesign.export.printed import printed
from mathdesign.spaces.convnet.families import FAMILIES

FAMILY_NAMES = [name for name, family in FAMILIES.items() if hasattr(family, "torch_block")]


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_text_and_defaults_are_those_of_the_class(name: str):
    family = FAMILIES[name]
    found, block = printed(type(family).torch_block), family.torch_block()
    lines = textwrap.dedent(inspect.getsource(block)).splitlines()
    assert found.text == "\n".join(line.split("  # type: ignore")[0] for line in lines) + "\n"
    assert found.name == block.__name__
    parameters = inspect.signature(block).parameters.values()
    assert found.defaults == {p.name: p.default for p in parameters if p.default is not p.empty}


def test_a_design_is_printed_without_torch():
    code = (
        "import sys, mathdesign; spec = mathdesign.load('examples/03_digits_tiny/design.yaml');"
        "assert 'class BasicBlock' in mathdesign.design(spec).source();"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_function_that_returns_no_class_is_refused():
    def maker() -> type:
        return int

    with pytest.raises(ValueError, match="does not define"):
        printed(maker)
