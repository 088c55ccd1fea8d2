"""Atomic writes: the old file or the new one, never half."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from mathdesign import files
from mathdesign.files import write_atomic, yaml_text


def test_text_and_bytes_arrive_and_folders_are_made(tmp_path):
    assert write_atomic(tmp_path / "a" / "b.txt", "é\n").read_bytes() == "é\n".encode()
    assert write_atomic(str(tmp_path / "c.bin"), b"\0\1").read_bytes() == b"\0\1"


def test_a_failure_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = write_atomic(tmp_path / "out.txt", "old")

    def refuse(self: Path, target: Path) -> Path:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="no space"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_names_the_file_that_was_meant(tmp_path, monkeypatch):
    """As the system says it: by an error without a name, while the bytes are written."""

    def full(handle: int, mode: str) -> io.IOBase:
        os.close(handle)
        return Path("/dev/full").open(mode)

    monkeypatch.setattr(files.os, "fdopen", full)
    with pytest.raises(OSError, match="No space left") as error:
        write_atomic(tmp_path / "out.txt", "new")
    assert error.value.filename == str(tmp_path / "out.txt") and not list(tmp_path.iterdir())


def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("")
    assert write_atomic(tmp_path / "new", "").stat().st_mode == plain.stat().st_mode
    plain.chmod(0o640)
    assert os.stat(write_atomic(plain, "again")).st_mode & 0o777 == 0o640  # noqa: PTH116


TEXTS = st.text(max_size=20) | st.sampled_from(
    ["8..32/8", "yes", "Null", "1e3", "0.1..1", "- x", "a: b", "#x", "=1", "2026-01-01", "0x1f",
     "1_000", "12:30:00", "~", ".5", "<<", "=", " a", "a ", "é", "\x85", "\u2028", "x\ny"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
PLAIN_DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(PLAIN_DATA)
def test_yaml_text_is_what_ruamel_writes(data):
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.width = 4096
    yaml.representer.sort_base_mapping_type_on_output = False
    yaml.representer.ignore_aliases = lambda _: True
    stream = io.StringIO()
    yaml.dump(data, stream)
    assert yaml_text(data) == stream.getvalue()
