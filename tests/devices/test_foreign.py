"""Tables of others become ours: each form by hand and on real data, hostile files, everything at once."""

import gzip
import json
import math
from decimal import Decimal

import pytest

from mathdesign.devices.foreign import FORMS, Asked, imported
from mathdesign.devices.table import table_of
from mathdesign.spec.faults import SpecError
from tests.places import SHARED

DATA = SHARED / "data"
OFA = {
    "expanded_conv-input:112x112x16-output:56x56x24-expand:6-kernel:3-stride:2-idskip:0":
        {"count": 50, "mean": 1.25, "var": 0.0004},
    "Conv-input:224x224x3-output:112x112x32": {"mean": 2, "count": 3},
    "Logits-input:7x7x1280-output:1000": 0.5,
}  # fmt: skip
NNI = """{'op_name': 'mb_k3', 'op_data_shape': (112, 56, 16, 24, 2), 'op_dtype': 'float', 'op_latency': 12.5}
{'op_name': 'mb_k3', 'op_data_shape': (112, 56, 16, 24, 2), 'op_dtype': 'int8', 'op_latency': 9}

{"op_name": "skip", "op_data_shape": [56, 56, 24, 24, 1], "op_dtype": "float", "op_latency": 0.001}
"""
TF_NAS = """device,block,mid_channels,latency_ms
cpu,base,,9.5
cpu,MB_112_16_0_24_k3_s2_relu,1,-0.25
cpu,MB_112_16_0_24_k3_s2_relu,2,0.125
gpu,base,,1
"""
TINY = """precision,conv_type,batch,in_c,in_h,out_c,kernel,stride,elmt_fused,latency_ms
fp16,Regular,1,3,224,32,3,2,0,0.02
fp16,Depthwise,1,32,112,32,3,1,0,0.01
fp32,Regular,1,3,224,32,3,2,0,0.04
"""
PERF = """precisions:
  float:
    components:
      Part A:
        performance_metrics:
          Phone X:
            tflite: {job_id: a, inference_time_milliseconds: 12.5}
            onnx: {inference_time_milliseconds: 15}
          Phone Y:
            tflite: {job_status: Failed}
"""


def read(tmp_path, form, text, name="t.txt", **asked):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    found, notes = imported(FORMS[form], path, Asked(**asked))
    table = table_of(found, "t.csv")
    return table, {k: row.cost for k, row in table.rows.items()}, "\n".join(notes)


def faults(tmp_path, form, text, **asked):
    with pytest.raises(SpecError) as caught:
        read(tmp_path, form, text, **asked)
    return str(caught.value)


@pytest.mark.parametrize("name", ["t.json", "t.yaml", "t.json.gz"])
def test_once_for_all(tmp_path, name):
    yaml = "\n".join(f'"{k}": {json.dumps(v)}' for k, v in OFA.items())
    table, costs, _ = read(tmp_path, "ofa", yaml if "yaml" in name else json.dumps(OFA), name)
    key = "expanded_conv:input112x112x16-output56x56x24-expand6-kernel3-stride2-idskip0"
    assert costs == {key: 1_250_000, "Conv:input224x224x3-output112x112x32": 2_000_000,
                     "Logits:input7x7x1280-output1000": 500_000}  # fmt: skip
    assert table.rows[key].spread == 20_000 and table.rows[key].runs == 50
    assert (table.header.unit, table.header.spread) == ("ms", "standard deviation")


def test_nn_meter(tmp_path):
    csv = "key,pixel1,pixel4\nconv_112_16_16_1_1_hard_swish_3_nose,1.5,0.7218150000000001\n"
    table, costs, _ = read(tmp_path, "nnmeter", csv, unit="ms", column="pixel4")
    assert costs == {"conv:112_16_16_1_1_hard_swish_3_nose": 721_816}  # rounded up
    assert table.header.device == "pixel4" and table.rounded == 1
    said = faults(tmp_path, "nnmeter", csv)
    assert "no unit: files of nnmeter do not say one" in said and "pixel1, pixel4" in said
    assert read(tmp_path, "nnmeter", '{"conv_1_2": 3}', unit="us")[1] == {"conv:1_2": 3000}


def test_nni(tmp_path):
    said = faults(tmp_path, "nni", NNI, unit="us")
    assert (
        "op_dtype: found 2 values: float, int8; accepted: one of them: --where op_dtype=float"
        in said
    )
    table, costs, _ = read(tmp_path, "nni", NNI, unit="us", where={"op_dtype": "float"})
    assert costs == {"mb_k3:16x56x112-24-s2": 12_500, "skip:24x56x56-24-s1": 1}
    assert table.header.dtype == "float32"
    assert (
        read(tmp_path, "nni", NNI, unit="us", where={"op_dtype": "int8"})[0].header.dtype == "int8"
    )


def test_tf_nas(tmp_path):
    table, costs, notes = read(tmp_path, "tfnas", TF_NAS, where={"device": "cpu"})
    assert costs == {"base": 9_500_000, "MB_112_16_0_24_k3_s2_relu:1": 0,
                     "MB_112_16_0_24_k3_s2_relu:2": 125_000}  # fmt: skip
    assert "1 costs below 0" in notes and "0.25 at the most" in notes
    assert table.header.device == "cpu" and table.base == 9_500_000


def test_tiny_nas_times_operators(tmp_path):
    where = {"precision": "fp16"}
    table, costs, notes = read(tmp_path, "tinynas", TINY, where=where)
    assert costs == {"conv-3x224x224-32-k3x3-s2x2": 20_000, "depthwise-32x112x112-k3x3-g32": 10_000}
    assert table.header.dtype == "float16" and "blocks" not in notes


def test_ai_hub_times_whole_models(tmp_path):
    where = {"runtime": "tflite"}
    name = "mobilenet_v2/perf.yaml"
    table, costs, notes = read(tmp_path, "aihub", PERF, name, where=where)
    assert costs == {"mobilenet_v2:Part-A": 12_500_000} and "no costs of operators" in notes
    assert (table.header.device, table.header.runtime) == ("Phone X", "tflite")
    csv = "model,component,precision,device,runtime,ms\nm,c,float,d,tflite,2.5\nm,e,float,d,tflite,1\n"
    assert read(tmp_path, "aihub", csv)[1] == {"m:c": 2_500_000, "m:e": 1_000_000}


@pytest.mark.parametrize(
    ("form", "text", "words"),
    [
        ("ofa", "", "an empty file"),
        ("ofa", "[1, 2]", "mapping"),
        ("ofa", '{"nothing": 3}', "the key 'nothing'"),
        ("ofa", '{"Conv-input:1x1x1-output:1x1x1": {"count": 3}}', "no mean"),
        ("ofa", '{"Conv-input:1x1x1-output:1x1x1": NaN}', "a decimal number"),
        ("ofa", "!!python/object/apply:os.system ['touch x']", "no mapping"),
        ("ofa", "{" * 100_000, "no JSON"),
        ("nni", "__import__('os').system('touch x')\n", "a dict of op_name"),
        ("nni", "{'op_name': 'a', 'op_data_shape': (1, 2), 'op_dtype': 'f', 'op_latency': 1}", "a dict of"),
        ("nni", "(" * 4000, "a dict of"),
        ("tfnas", "device,block\ncpu,base\n", "no column mid_channels, latency_ms"),
        ("tfnas", "device,block,mid_channels,latency_ms\ncpu,a b,1,2\n", "the key 'a b:1'"),
        ("tfnas", "device,block,mid_channels,latency_ms\ncpu,a,1,nan\n", "'nan'; accepted: a decimal"),
        ("tfnas", "device,block,mid_channels,latency_ms\ncpu,a,1,2\ncpu,a,1,3\n", "a:1 again"),
        ("tinynas", TINY.replace(",32,3,2,0,0.02", ",x,3,2,0,0.02"), "whole numbers of in_c"),
        ("aihub", "precisions: {}", "no rows"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_others(tmp_path, monkeypatch, form, text, words):
    monkeypatch.chdir(tmp_path)
    assert words in faults(tmp_path, form, text, unit="ms" if form in ("nni",) else "")
    assert not (tmp_path / "x").exists()


def test_what_a_user_says_wrongly(tmp_path):
    said = faults(tmp_path, "tfnas", TF_NAS, unit="us", where={"devize": "cpu"})
    assert "us, where tfnas files are in ms" in said and "did you mean device?" in said
    assert "did you mean ms?" in faults(tmp_path, "nni", NNI, unit="MS")
    with pytest.raises(SpecError, match="a gzip file"):
        path = tmp_path / "broken.gz"
        path.write_bytes(b"no gzip")
        imported(FORMS["tfnas"], path, Asked())


@pytest.mark.parametrize(
    ("form", "path", "asked", "rows", "total"),
    [
        ("nnmeter", "nnmeter_block_lut/block_lut_ms.csv.gz", {"unit": "ms", "column": "pixel4"}, 12_116, None),
        ("aihub", "qualcomm_ai_hub/perf.csv.gz",
         {"where": {"runtime": "tflite", "precision": "float", "device": "Samsung Galaxy S24"}}, None, None),
    ],
)  # fmt: skip
def test_real_files(form, path, asked, rows, total):
    if not (DATA / path).is_file():
        pytest.skip(f"no {path} here")
    text, _ = imported(FORMS[form], DATA / path, Asked(**asked))
    table = table_of(text, "t.csv")
    assert len(table.rows) == rows if rows else len(table.rows) > 50


def test_real_tf_nas_counts_no_less_than_its_differences():
    path = DATA / "op_latency_luts" / "tfnas_lut.csv.gz"
    if not path.is_file():
        pytest.skip("no table of TF-NAS here")
    text, notes = imported(FORMS["tfnas"], path, Asked(where={"device": "gpu"}))
    table = table_of(text, "t.csv")
    assert table.base == 1_985_810 and "costs below 0" in notes[1]
    with gzip.open(path, "rt") as file:
        lines = [line.strip().split(",") for line in file][1::97]
    for device, block, mid, ms in lines:
        if device == "gpu" and mid:
            cost = table.rows[f"{block}:{mid}"].cost
            assert cost == max(0, math.ceil(Decimal(ms) * 10**6))
