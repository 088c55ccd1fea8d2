"""AutoDistil's closed forms at BERT's own size (arXiv 2201.12507)."""

from fractions import Fraction

from mathdesign.spaces.transformer.students import Student


def test_bert_base_by_the_formula():
    """768 weights more than BERT's own count; multiply-adds on 128 tokens."""
    bert = Student(12, 12, 768, Fraction(4))
    assert bert.params() == 109_483_008
    assert round(bert.flops(128) / 1e9, 3) == 11.249
