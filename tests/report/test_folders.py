"""A folder holds one answer: what an earlier one left goes, what is somebody else's stays."""

import json

import pytest

from mathdesign.files import MANIFEST, digest_of, note_ours, noted_in, write_whole
from mathdesign.report.files import files_of, write_design, write_training
from mathdesign.report.html import Trained
from mathdesign.result import Design
from tests.places import ROOT

CHAIN, DECODER, LIST = (
    Design.load(ROOT / f"tests/saved/{name}.yaml") for name in ("chain", "decoder", "list")
)
FOUND = {
    "test_accuracy": 0.9944, "test_loss": 0.02, "data": "digits", "images": [3, 2, 1],
    "options": {"epochs": 5, "seed": 0}, "batch_size": 64, "seconds": 69.04, "device": "cpu",
}  # fmt: skip
TRAINED = Trained(FOUND, b"\x89PNG")


def names(folder):
    return {path.name for path in folder.iterdir()} - {MANIFEST}


def test_another_kind_of_design_leaves_no_file_of_the_first(tmp_path):
    write_design(DECODER, tmp_path)
    assert "config.json" in names(tmp_path)
    for design in (CHAIN, LIST, DECODER):
        write_design(design, tmp_path)
        assert names(tmp_path) == set(files_of(design))


def test_what_came_of_training_goes_with_its_design_and_stays_with_it(tmp_path):
    write_design(CHAIN, tmp_path)
    write_training(CHAIN, tmp_path, TRAINED)
    page = (tmp_path / "report.html").read_text()
    write_design(CHAIN, tmp_path)  # the same again
    assert names(tmp_path) == {*files_of(CHAIN), "curve.png", "training.json"}
    assert (tmp_path / "report.html").read_text() == page and "99.44%" in page
    write_design(LIST, tmp_path)
    assert names(tmp_path) == set(files_of(LIST))


def test_files_of_others_stay(tmp_path):
    (tmp_path / "curve.png").write_bytes(b"mine")
    (tmp_path / "notes.txt").write_text("mine")
    write_design(DECODER, tmp_path)
    (tmp_path / "config.json").write_text("{}")  # changed by a user since
    write_design(CHAIN, tmp_path)
    assert names(tmp_path) == {*files_of(CHAIN), "curve.png", "notes.txt", "config.json"}
    write_design(LIST, tmp_path)
    assert {"curve.png", "notes.txt", "config.json"} <= names(tmp_path)


def test_a_link_is_not_followed(tmp_path):
    folder, other = tmp_path / "out", tmp_path / "other.json"
    write_design(DECODER, folder)
    other.write_bytes((folder / "config.json").read_bytes())
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to(other)
    write_design(CHAIN, folder)
    assert other.is_file() and (folder / "config.json").is_symlink()


@pytest.mark.parametrize(
    "manifest",
    ["", "[", "[]", "null", '"x"', "[" * 5000, '{"../mine": "%s"}', '{"/%s": 1}', '{"..": "%s"}'],
)
def test_a_manifest_that_is_none_removes_nothing(tmp_path, manifest):
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "mine").write_text("mine")
    (folder / MANIFEST).write_text(manifest.replace("%s", digest_of("mine")))
    assert noted_in(folder) == {}
    write_whole(folder, {"a": "1"})
    assert (tmp_path / "mine").read_text() == "mine"
    assert noted_in(folder) == {"a": digest_of("1")}


def test_equal_answers_write_equal_manifests(tmp_path):
    for name in ("a", "b"):
        write_design(DECODER, tmp_path / name)
        write_design(CHAIN, tmp_path / name)
    one, two = ((tmp_path / name / MANIFEST).read_bytes() for name in ("a", "b"))
    assert one == two and json.loads(one).keys() == files_of(CHAIN).keys()


def test_what_other_commands_add_goes_with_the_answer(tmp_path):
    write_whole(tmp_path, {"design.yaml": "1"})
    (tmp_path / "why.json").write_text("about 1")
    note_ours([tmp_path / "why.json"])
    write_whole(tmp_path, {"design.yaml": "2"})
    assert names(tmp_path) == {"design.yaml"}
