"""The store: claims, refusals, a full disk."""

import sqlite3

import pytest

import mathdesign
from mathdesign.files import digest_of
from mathdesign.tables import store as module
from mathdesign.tables.store import Result, Store, StoreError, metrics_of
from mathdesign.tables.writing import write_folders
from tests.mutants import SPECS


def test_a_result_comes_back_as_it_was(tmp_path):
    result = Result("r", "optimal", objective=0.1 + 0.2, params=2**40, design={"a": [1, "é"]})
    with Store(tmp_path / "s.sqlite") as store:
        store.save(result)
    with Store(tmp_path / "s.sqlite") as store:
        found = store.results()["r"]
        assert (found.objective, found.params, found.status) == (0.1 + 0.2, 2**40, "optimal")
        assert store.design("r") == {"a": [1, "é"]}
        assert store.design("none") is None


def test_a_claim_holds_until_it_lapses_or_is_given_back(tmp_path, monkeypatch):
    path = tmp_path / "s.sqlite"
    first, second = Store(path), Store(path)
    assert first.claim("abc", 2) == ["a", "b"]
    assert second.claim("abc", 3) == ["c"]
    now = module.time.time()
    monkeypatch.setattr(module.time, "time", lambda: now + module.CLAIM_S + 1)
    first.renew()
    assert second.claim("abc", 3) == ["c"]
    first.close()
    assert second.claim("abc", 3) == ["a", "b", "c"]
    second.save(Result("a", "optimal"))
    assert Store(path).claim("a", 1) == []


def test_files_that_are_no_store_are_refused_and_left_alone(tmp_path):
    text = tmp_path / "notes.sqlite"
    text.write_text("my notes")
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE mine (x)")
    connection.commit()
    connection.close()
    folder = tmp_path / "folder.sqlite"
    folder.mkdir()
    for path in (text, other):
        before = path.read_bytes()
        with pytest.raises(StoreError, match="name another --out"):
            Store(path)
        assert path.read_bytes() == before
    with pytest.raises(StoreError, match="not a file"):
        Store(folder)


def test_a_damaged_store_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        for number in range(300):
            store.save(Result(f"{number:064}", "optimal", reason="x" * 200))
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 6] = b"\xff" * 4096 * 3
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        Store(path)
    assert path.read_bytes() == data


def test_a_newer_format_is_refused(tmp_path):
    path = tmp_path / "s.sqlite"
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="format 99"):
        Store(path)


def test_a_full_disk_is_a_clear_error_and_the_store_stays_whole(tmp_path):
    path = tmp_path / "s.sqlite"
    store = Store(path)
    store.save(Result("kept", "optimal"))
    (pages,) = store.connection.execute("PRAGMA page_count").fetchone()
    store.connection.execute(f"PRAGMA max_page_count = {pages + 2}")  # SQLITE_FULL, as a full disk
    import os

    with pytest.raises(StoreError, match="free some space"):
        for number in range(100):
            design = {"noise": os.urandom(4000).hex()}
            store.save(Result(f"r{number}", "optimal", design=design))
    store.close()
    with Store(path) as again:
        assert "kept" in again.finished()
        again.save(Result("more", "optimal"))


@pytest.mark.parametrize(
    "edit",
    ["[1, 2]", '{"macs": 1}', '{"macs": 1e999}', "{", "7"],
)
def test_metrics_that_are_not_its_designs_are_dropped(tmp_path, edit):
    made = mathdesign.design(mathdesign.loads(SPECS["slots"])).to_dict()
    claimed = made["certificate"]
    figures = {name: claimed[name] for name in ("objective", "bound", "gap", "gap_target")}
    figures |= {"macs": made["metrics"]["macs"], "metrics": metrics_of(made), "design": made}
    with Store(tmp_path / "s.sqlite") as store:
        store.save(Result("designed", claimed["status"], **figures))
        store.save(Result("none", "infeasible"))
        assert store.drop_damaged() == {}
        with store.connection:
            store.connection.execute("UPDATE results SET metrics = ?", (edit,))
        assert set(store.drop_damaged()) == {"designed", "none"}
        assert store.results() == {}


@pytest.mark.parametrize("folder", ["../other", "..", ".", "", "a/b", "/tmp", b"x", "a\0b"])
def test_no_name_in_a_store_leads_out_of_its_folder(tmp_path, folder):
    out, other = tmp_path / "out", tmp_path / "other"
    out.mkdir()
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    digest = digest_of("mine")
    with Store(out / "s.sqlite") as store:
        store.note_folder("row", "r", {"design.yaml": digest, "../../other/mine.txt": digest})
        with store.connection:
            store.connection.execute("UPDATE folders SET folder = ?", (folder,))
            store.connection.execute(
                "INSERT INTO written VALUES (?, ?)", (f"{module.FILE}{folder}/mine.txt", digest)
            )
        assert store.folders() == {}
        assert store.files_in("row") == {"design.yaml": digest}
        write_folders(store, out, [])
    assert (other / "mine.txt").read_text() == "mine" and other.is_dir()
