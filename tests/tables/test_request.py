"""Keys of rows in the store."""

from mathdesign.tables.request import Keys


def test_a_predictor_that_is_fitted_anew_makes_another_request(tmp_path):
    document = {"objective": {"predictor": str(tmp_path)}}
    (tmp_path / "predictor.json").write_text("{}")
    (tmp_path / "trees-0.txt").write_text("tree")
    first = Keys().key("a", document)
    assert first == Keys().key("a", document) != Keys().key("b", document)
    (tmp_path / "notes.txt").write_text("not part of it")
    assert Keys().key("a", document) == first
    (tmp_path / "trees-0.txt").write_text("another tree")
    assert Keys().key("a", document) != first


def test_words_alone_are_the_key_where_no_predictor_is_named():
    for document in ({}, {"objective": {"entropy": {}}}, {"objective": {"predictor": 3}}):
        assert Keys().key("a", document) == "a"
