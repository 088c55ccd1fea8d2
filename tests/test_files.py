"""Atomic writes: the old file or the new one, never half."""

import os
from pathlib import Path

import pytest

from mathdesign.files import write_atomic


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


def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("")
    assert write_atomic(tmp_path / "new", "").stat().st_mode == plain.stat().st_mode
    plain.chmod(0o640)
    assert os.stat(write_atomic(plain, "again")).st_mode & 0o777 == 0o640  # noqa: PTH116
