"""What one symbolic layer counts, by hand, and how blocks are put together."""

from fractions import Fraction

import pytest

from mathdesign.metrics import METRICS
from mathdesign.metrics.base import ONE, Product, SymbolicLayer, merged, symbol
from mathdesign.programs.stages import Repeat
from mathdesign.validators.convnet.recheck import LAYER_COUNTS

B, W, K = symbol("bottleneck"), symbol("width"), symbol("kernel_size")
KXK = SymbolicLayer("conv", B, W, 49, K, batch_norm=True)
DEPTHWISE = SymbolicLayer("conv", B, B, 49, K, per_group=ONE, bias=True)


def at(products, **values):
    """The sum of ``products`` where their symbols take ``values``."""
    total = Fraction(0)
    for product in products:
        part = product.coefficient
        for name, power in product.powers:
            part *= values[name] ** power
        total += part
    return total


def counted(metric, layer, profile="macs"):
    return at(METRICS[metric].layer(layer, profile), bottleneck=6, width=10, kernel_size=3)


def test_products_multiply_and_keep_exact_shares():
    quarter = Fraction(1, 4) * W
    assert quarter * W * B == Product(Fraction(1, 4), (("bottleneck", 1), ("width", 2)))
    assert 8 * quarter == W * 2


@pytest.mark.parametrize(
    ("layer", "params", "macs", "tinynas"),
    [
        (KXK, 9 * 6 * 10 + 20, 9 * 6 * 10 * 49, 9 * 6 * 10 * 49 + 2 * 10 * 49),
        (DEPTHWISE, 9 * 6 + 6, 9 * 6 * 49, 9 * 6 * 49),
        (SymbolicLayer("conv", B, W, 1, tinynas=False), 60, 60, 0),
        (SymbolicLayer("act", B, B, 49), 0, 0, 6 * 49),
        (SymbolicLayer("add", W, W, 49), 0, 0, 10 * 49),
        (SymbolicLayer("pool", W, W, 196), 0, 0, 10 * 196),
        (SymbolicLayer("norm", W, W, 49), 20, 0, 2 * 10 * 49),
        (SymbolicLayer("scale", W, W, 49), 10, 0, 10 * 49),
    ],
)
def test_one_layer(layer, params, macs, tinynas):
    assert counted("params", layer) == counted("params", layer, "tinynas") == params
    assert counted("macs", layer) == macs
    assert counted("macs", layer, "tinynas") == tinynas
    assert counted("blocks", layer) == 0


def test_the_published_code_counts_the_classifier_nowhere():
    layer = SymbolicLayer("linear", B, W, 1, bias=True, tinynas=False)
    assert (counted("params", layer), counted("macs", layer)) == (70, 60)
    assert (counted("params", layer, "tinynas"), counted("macs", layer, "tinynas")) == (0, 0)


def test_what_first_and_other_blocks_share_is_in_each():
    terms = merged([W * 5, W * 2, B], [W * 3, K])
    assert set(terms) == {
        (Repeat.EACH, W * 3),
        (Repeat.FIRST, W * 4),
        (Repeat.FIRST, B),
        (Repeat.REST, K),
    }
    assert merged([W, W], None) == ((Repeat.EACH, W * 2),)


def test_the_registry_is_what_specifications_and_recounts_know():
    assert set(METRICS) == {*LAYER_COUNTS, "blocks"}
    assert all(name == metric.name and metric.unit for name, metric in METRICS.items())
