"""Images from every kind of place, and a clear way out where they cannot be used."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mathdesign.validators.training import image_files
from mathdesign.validators.training.data import DataError, load, split
from tests.places import SHARED

CIFAR = SHARED / "data" / "cifar10" / "test.parquet"


def png(colour: tuple[int, int, int] = (255, 0, 0), size: tuple[int, int] = (6, 6)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, format="PNG")
    return buffer.getvalue()


def parquet(path: Path, images, labels, column: str = "image", names=None) -> Path:
    cells = [{"bytes": image, "path": None} for image in images]
    table = pa.table({column: cells, "label": labels})
    if names:
        info = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    pq.write_table(table, path)
    return path


def test_digits_in_every_shape():
    small = load("digits", channels=1, size=8)
    assert small.pixels.shape == (1797, 1, 8, 8)
    assert (small.pixels.min(), small.pixels.max()) == (0, 255)
    assert small.classes == tuple("0123456789")
    assert not small.mirrored
    large = load("digits", channels=3, size=32)
    assert large.pixels.shape == (1797, 3, 32, 32)
    assert np.array_equal(large.pixels[:, 0], large.pixels[:, 2])


@pytest.mark.skipif(not CIFAR.exists(), reason="shared/data/cifar10 is not beside the checkout")
def test_a_parquet_file_in_hugging_face_layout():
    seen = []
    images = load(
        CIFAR, channels=3, size=32, classes=10, limit=500, on_progress=lambda *s: seen.append(s)
    )
    assert images.pixels.shape == (500, 3, 32, 32)
    assert len(images.classes) == 10
    assert images.mirrored
    assert (seen[0], seen[-1]) == ((1, 500), (500, 500))


def test_colours_class_names_and_resizing_of_a_parquet_file(tmp_path):
    path = parquet(
        tmp_path / "a.parquet", [png(), png((0, 0, 255), (40, 20))], [1, 0], "img", ["blue", "red"]
    )
    images = load(path, channels=3, size=4)
    assert images.classes == ("blue", "red")
    assert images.pixels[:, :, 0, 0].tolist() == [[255, 0, 0], [0, 0, 255]]
    assert load(path, channels=1, size=4).pixels.shape == (2, 1, 4, 4)


def test_a_whole_multiple_of_the_size_is_averaged_exactly():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    found = image_files.fit(Image.fromarray(pixels), 3, 4)
    mean = pixels.reshape(4, 2, 4, 2, 3).mean((1, 3)).transpose(2, 0, 1)
    assert np.abs(found - mean).max() <= 0.5
    assert np.array_equal(image_files.fit(Image.fromarray(pixels), 3, 8), pixels.transpose(2, 0, 1))


def test_a_limit_takes_rows_from_the_whole_file(tmp_path):
    path = parquet(tmp_path / "sorted.parquet", [png()] * 9, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    assert load(path, channels=3, size=6, limit=3).labels.tolist() == [0, 1, 2]


def test_a_folder_with_a_folder_per_class(tmp_path):
    for name, colour in (("cat", (0, 255, 0)), ("ant", (255, 0, 0))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(png(colour))
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    images = load(tmp_path, channels=3, size=6)
    assert images.classes == ("ant", "cat")
    assert images.labels.tolist() == [0, 1]
    assert images.pixels[1, :, 0, 0].tolist() == [0, 255, 0]


def broken(tmp_path: Path, case: str) -> Path:
    path = tmp_path / "data.parquet"
    if case == "corrupt":
        return parquet(path, [png(), png()[:-30]], [0, 1])
    if case == "no image":
        return parquet(path, [png(), b"hello"], [0, 1])
    if case == "empty cell":
        return parquet(path, [png(), None], [0, 1])
    if case == "label":
        return parquet(path, [png(), png()], [0, 7], names=["a", "b"])
    if case == "huge label":
        return parquet(path, [png(), png()], [0, 10**12])
    if case == "negative":
        return parquet(path, [png(), png()], [0, -1])
    if case == "text label":
        return parquet(path, [png(), png()], ["a", "b"])
    if case == "no label":
        return parquet(path, [png(), png()], [0, None])
    if case == "empty class":
        return parquet(path, [png()] * 3, [0, 2, 2])
    if case == "too many classes":
        return parquet(path, [png()] * 4, [0, 1, 2, 3])
    if case == "columns":
        return parquet(path, [png()], [0], column="picture")
    if case == "no rows":
        table = {"image": pa.array([], pa.binary()), "label": pa.array([], pa.int64())}
        pq.write_table(pa.table(table), path)
        return path
    if case == "not parquet":
        path.write_bytes(b"PAR1 or not")
        return path
    if case == "no classes":
        return tmp_path
    if case == "empty folder":
        (tmp_path / "cat").mkdir()
        return tmp_path
    return tmp_path / "missing"


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("corrupt", r"data.parquet: row 1: corrupt image .*; remove or replace it"),
        ("no image", r"row 1: corrupt image"),
        ("empty cell", r"row 1: no image bytes; embed"),
        ("label", r"row 1: label 7 is out of range; accepted: whole numbers 0\.\.1"),
        ("huge label", r"row 1: label 1000000000000 is out of range"),
        ("negative", r"row 1: label -1 is out of range"),
        ("text label", r"row 0: label 'a' is out of range"),
        ("no label", r"row 1: label None is out of range"),
        ("empty class", r"class '1' has no image .*; add images or remove the class"),
        ("too many classes", r"4 classes, but the network tells 3 apart; set `classes: 4`"),
        ("columns", r"no column 'image' or 'img'; it has 'picture', 'label': rename"),
        ("no rows", r"no images at all"),
        ("not parquet", r"not a readable Parquet file"),
        ("no classes", r"no sub-folders; one per class"),
        ("empty folder", r"cat: class without images; accepted files: .bmp"),
        ("missing", r"no such data; accepted: 'digits', a Parquet file"),
    ],
)
def test_unusable_data_says_where_and_the_way_out(tmp_path, case, message):
    with pytest.raises(DataError, match=message):
        load(broken(tmp_path, case), channels=3, size=6, classes=3)


def test_images_that_unpack_to_too_much_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "LARGEST_IMAGE_PIXELS", 35)
    path = parquet(tmp_path / "bomb.parquet", [png()], [0])
    with pytest.raises(DataError, match="6 x 6 pixels, above the limit of 35"):
        load(path, channels=3, size=6)


def test_more_images_than_memory_are_refused():
    with pytest.raises(DataError, match=r"need .* GiB, above 4 GiB; use a smaller size"):
        load("digits", channels=3, size=1024)


def test_a_split_is_seeded_disjoint_and_fair_to_every_class():
    images = load("digits", channels=1, size=8)
    first, again, other = split(images, 1), split(images, 1), split(images, 2)
    parts = (first.train, first.validation, first.test)
    assert sorted(np.concatenate(parts)) == list(range(1797))
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)
    assert first.seed == 1
    for part, share in zip(parts, (0.7, 0.1, 0.2)):
        counts = np.bincount(images.labels[part])
        assert np.all(np.abs(counts - share * np.bincount(images.labels)) <= 1.01)


def test_a_class_too_small_to_split_is_an_error(tmp_path):
    path = parquet(tmp_path / "few.parquet", [png()] * 5, [0, 0, 0, 1, 1])
    with pytest.raises(DataError, match="class '1' has 2 images, too few"):
        split(load(path, channels=3, size=6), 0)
