"""Milliseconds that are real: operators and networks of a few sizes, on both runtimes."""

import pytest
import torch

from mathdesign.devices.header import Header
from mathdesign.devices.operators import parse_key
from mathdesign.devices.prices import priced
from mathdesign.devices.table import CostTable, Row
from mathdesign.devices.timing import Protocol, Timing
from mathdesign.kinds.convnet import Convnet
from mathdesign.measuring.calls import Bench, example
from mathdesign.measuring.judging import COLUMNS, MissingOperators, as_csv, judge, plot, predict
from mathdesign.measuring.runtimes import RuntimeRefused, runtime
from mathdesign.measuring.surroundings import Surroundings
from tests.validators.training.test_measuring import NETWORKS

QUICK = Protocol(1, 3, 2e-4)
KIND = Convnet()
NETS = {name: NETWORKS[name] for name in ("basic", "inverted_residual")}


def bench(name="torch"):
    return Bench(runtime(name, clock="cpu"), Surroundings(), protocol=QUICK)


@pytest.mark.parametrize("name", ["torch", "onnxruntime"])
def test_larger_operators_take_longer(name):
    if name != "torch":
        pytest.importorskip(name)
    keys = ("conv-8x8x8", "conv-64x32x32-k3x3", "linear-64x1x1-10")
    threads = torch.get_num_threads()
    small, large, linear = bench(name).timer([parse_key(key) for key in keys])
    assert 0 < 5 * small.seconds < large.seconds < 1 and 0 < linear.seconds < large.seconds
    assert torch.get_num_threads() == threads and not torch.is_inference_mode_enabled()


def test_what_cannot_be_run_is_said_beside_what_can():
    class Odd:
        kind, key, weights = "lstm", "lstm-1x1x1", 0

    first, odd = bench().timer([parse_key("add-8x4x4"), Odd()])
    assert isinstance(first, Timing) and "nothing runs operators of kind lstm" in odd


def table(seconds_a_mac=1e-11):
    operators = {o for network in NETS.values() for o in KIND.operators(network)}
    rows = {o.key: Row(1000 + int(o.macs * seconds_a_mac * 1e9)) for o in operators}
    return CostTable(Header("latency", "us"), rows, "t.csv")


def test_networks_are_held_to_what_was_predicted():
    found = judge(bench(), KIND, NETS, table(), interpolate=False)
    prices = priced(table(), KIND.operators(NETS["basic"]))
    assert found.verdicts[0].predicted == pytest.approx(
        1e-9 * prices.total(KIND.operators(NETS["basic"]))
    )
    assert [v.name for v in found.verdicts] == list(NETS) and found.drift is None
    assert all(v.measured > 0 and v.error == v.predicted / v.measured - 1 for v in found.verdicts)
    lines = as_csv(found.verdicts).splitlines()
    assert lines[0] == ",".join(COLUMNS) and len(lines) == 3
    assert plot(found, "a title").startswith(b"\x89PNG")


def test_drift_is_of_the_same_operators_timed_again():
    operators = KIND.operators(NETS["basic"])
    true = bench().timer(operators)
    slow = {o: 2 * t.seconds for o, t in zip(operators, true)}
    found = judge(bench(), KIND, {"basic": NETS["basic"]}, table(), interpolate=False, table=slow)
    assert -0.75 < found.drift < -0.2  # half of what the table says


def test_all_missing_operators_are_told_before_anything_is_measured():
    few = table()
    gone = [key for key in few.rows if key.startswith("depthwise")]
    for key in gone:
        del few.rows[key]
    with pytest.raises(MissingOperators, match=f"{len(gone)} operators have no cost") as told:
        predict(KIND, NETS, few, interpolate=False)
    assert all(key in str(told.value) for key in gone)


def test_what_a_network_reads_is_made_for_it():
    (images,) = example(KIND, NETS["basic"], batch=2)
    assert images.shape == (2, 3, 16, 16)


def test_runtimes_that_cannot_be_are_refused_with_every_reason():
    with pytest.raises(RuntimeRefused) as told:
        runtime("tflite", "tpu", 0, "sun")
    words = str(told.value)
    assert all(w in words for w in ("runtime tflite", "device tpu", "0 threads", "clock sun"))
    with pytest.raises(RuntimeRefused, match="one thread"):
        runtime("torch", threads=2, clock="cpu")
    with pytest.raises(RuntimeRefused, match="onnxruntime on cuda"):
        runtime("onnxruntime", "cuda")
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeRefused, match="no GPU"):
            runtime("torch", "cuda")
