"""The forms: Once-for-All, nn-Meter, NNI, TF-NAS, TinyNAS, Qualcomm AI Hub.

Most of them time *blocks*, whose operators nobody can tell apart: a row ``name:shape`` keeps the form's
own words, so that a space whose slots and options are called so, or a table made of these rows, finds
it. TinyNAS times convolutions, which are operators of ours.
"""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import PurePath
from typing import Any

from mathdesign.devices.foreign.base import Asked, BadRecord, Foreign, Record
from mathdesign.devices.operators import OperatorError, convolution
from mathdesign.devices.table import BASE
from mathdesign.spec.document import parse
from mathdesign.spec.faults import Fault, SpecError, quoted

Records = Iterator[Record | BadRecord]
#: A line of Python literals that is longer is none; nodes of a YAML table.
LONGEST_LINE, MOST_NODES = 4096, 500_000
BLOCKS = (
    "costs of blocks, keyed by the form's own words: for spaces whose slots and options have them"
)


# ---- mappings ------------------------------------------------------------------------------------

_OFA_KEY = re.compile(r"([A-Za-z0-9_.]{1,60})-(input:[0-9x]+-output:[A-Za-z0-9:x_.-]+)")


def _mapping(data: bytes, name: str) -> Mapping[str, Any]:
    """JSON, or YAML without tags. Raises :class:`SpecError`."""
    text = data.decode("utf-8", "replace")
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
        except (ValueError, RecursionError) as error:
            raise SpecError([Fault(name, 1, 1, "", f"no JSON: {error}", "a mapping")]) from None
    else:
        document = parse(text, name, most_nodes=MOST_NODES)
        if document.faults:
            raise SpecError(document.faults)
        found = document.data
    if not isinstance(found, dict):
        raise SpecError([Fault(name, 1, 1, "", quoted(found), "a mapping of keys to numbers")])
    return found


def read_ofa(data: bytes, name: str, asked: Asked) -> Records:
    """``op-input:HxWxC-output:...: {count, mean, var}``, milliseconds."""
    for i, (key, entry) in enumerate(_mapping(data, name).items(), 1):
        match = _OFA_KEY.fullmatch(key)
        if match is None:
            yield BadRecord(i, f"the key {key[:60]!r}", "op-input:HxWxC-output:HxWxC-...")
            continue
        own = f"{match[1]}:{match[2].replace(':', '')}"
        if not isinstance(entry, Mapping):
            yield Record(i, own, str(entry))
            continue
        if "mean" not in entry:
            yield BadRecord(i, f"no mean of {key[:60]}", "{count: ..., mean: ..., var: ...}")
            continue
        count = str(entry.get("count", ""))
        runs = int(count) if count.isascii() and count.isdigit() and len(count) < 10 else None
        yield Record(i, own, str(entry["mean"]), spread=_deviation(entry.get("var")), runs=runs)


def _deviation(variance: Any) -> str | None:
    """The square root of a variance; nothing where there is none."""
    try:
        value = Decimal(str(variance))
    except ArithmeticError:
        return None
    fine = value.is_finite() and value >= 0
    return str(value.sqrt().quantize(Decimal("1e-9"))) if fine else None


def read_nnmeter(data: bytes, name: str, asked: Asked) -> Records:
    """``kind_HW_Cin_...``: a mapping to numbers, or a CSV of ``key`` and a column a device."""
    if data.lstrip().startswith(b"{"):
        for i, (key, value) in enumerate(_mapping(data, name).items(), 1):
            yield Record(i, _own(key), str(value))
        return
    for line, row in _rows(data, name, ("key",)):
        devices = [column for column in row if column != "key"]
        column = asked.column or (devices[0] if len(devices) == 1 else "")
        if column not in devices:
            found = f"no column {column!r}" if column else f"{len(devices)} columns"
            raise SpecError([Fault(name, 1, 1, "--column", found, ", ".join(devices))])
        yield Record(line, _own(row["key"]), row[column], {"device": column})


def _own(key: str) -> str:
    """``conv_112_16`` -> ``conv:112_16``."""
    kind, _, rest = key.partition("_")
    return f"{kind}:{rest}"


# ---- lines ---------------------------------------------------------------------------------------


def read_nni(data: bytes, name: str, asked: Asked) -> Records:
    """A dict a line: op_name, op_data_shape (width, height, c_in, c_out, stride), op_dtype, op_latency."""
    keys = ("op_name", "op_data_shape", "op_dtype", "op_latency")
    for line, text in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        if not text.strip():
            continue
        entry = _literal(text)
        shape = entry.get("op_data_shape") if isinstance(entry, dict) else None
        sized = isinstance(shape, list | tuple) and len(shape) == 5
        whole = sized and all(type(n) is int and 0 < n < 10**7 for n in shape)  # type: ignore[union-attr]
        if not isinstance(entry, dict) or not whole or any(key not in entry for key in keys):
            yield BadRecord(line, text.strip()[:60], f"a dict of {', '.join(keys)}")
            continue
        w, h, c_in, c_out, stride = shape  # type: ignore[misc]
        key = f"{entry['op_name']}:{c_in}x{h}x{w}-{c_out}-s{stride}"
        yield Record(line, key, str(entry["op_latency"]), {"op_dtype": str(entry["op_dtype"])})


def _literal(text: str) -> Any:
    """A Python literal; ``None``: it is none. Nothing is evaluated."""
    if len(text) > LONGEST_LINE:
        return None
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def read_tf_nas(data: bytes, name: str, asked: Asked) -> Records:
    """``device,block,mid_channels,latency_ms``; row ``base`` is the fixed part of a network."""
    for line, row in _rows(data, name, ("device", "block", "mid_channels", "latency_ms")):
        base = row["block"] == BASE and not row["mid_channels"]
        key = BASE if base else f"{row['block']}:{row['mid_channels']}"
        yield Record(line, key, row["latency_ms"], {"device": row["device"]})


_CONV = ("in_c", "in_h", "out_c", "kernel", "stride")


def read_tiny_nas(data: bytes, name: str, asked: Asked) -> Records:
    """``precision,conv_type,batch,in_c,in_h,out_c,kernel,stride,elmt_fused,latency_ms``: convolutions."""
    context = ("precision", "batch", "elmt_fused")
    for line, row in _rows(data, name, (*context, "conv_type", *_CONV, "latency_ms")):
        sizes = [row[column] for column in _CONV]
        if not all(s.isascii() and s.isdigit() and len(s) < 7 for s in sizes):
            yield BadRecord(line, ", ".join(sizes), f"whole numbers of {', '.join(_CONV)}")
            continue
        c_in, side, c_out, kernel, stride = map(int, sizes)
        groups = c_in if row["conv_type"] == "Depthwise" else 1
        try:
            operator = convolution(c_in, side, side, c_out, kernel, stride, groups)
        except OperatorError as error:
            yield BadRecord(line, ", ".join(sizes), str(error))
            continue
        yield Record(line, operator.key, row["latency_ms"], {c: row[c] for c in context})


def read_ai_hub(data: bytes, name: str, asked: Asked) -> Records:
    """``perf.yaml`` of one model, or rows ``model,component,precision,device,runtime,ms`` of several."""
    first = data.lstrip()[:40]
    if first.startswith(b"model,"):
        columns = ("model", "component", "precision", "device", "runtime", "ms")
        for line, row in _rows(data, name, columns):
            context = {c: row[c] for c in columns[2:5]}
            yield Record(
                line, f"{_word(row['model'])}:{_word(row['component'])}", row["ms"], context
            )
        return
    model = _word(PurePath(name).parent.name or "model")
    precisions = _mapping(data, name).get("precisions")
    for precision, own in _entries(precisions):
        for component, part in _entries(own.get("components")):
            for device, runtimes in _entries(part.get("performance_metrics")):
                for runtime, entry in _entries(runtimes):
                    value = entry.get("inference_time_milliseconds")
                    if value is not None:
                        context = {"precision": precision, "device": device, "runtime": runtime}
                        yield Record(0, f"{model}:{_word(component)}", str(value), context)


def _entries(data: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """The entries of a mapping that are mappings themselves."""
    found = data.items() if isinstance(data, Mapping) else ()
    return [(str(key), value) for key, value in found if isinstance(value, Mapping)]


def _word(text: str) -> str:
    """A name without what separates keys."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:60] or "model"


def _rows(data: bytes, name: str, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines of a CSV by column, with their numbers. Raises :class:`SpecError` for missing columns."""
    lines = data.decode("utf-8-sig", "replace").splitlines()
    reader = csv.reader(lines)
    head = [cell.strip() for cell in next(reader, [])]
    if missing := [column for column in needed if column not in head]:
        found = f"no column {', '.join(missing)} among {', '.join(head)[:80]}"
        raise SpecError([Fault(name, 1, 1, "", found, ", ".join(needed))])
    for line, cells in enumerate(reader, 2):
        if cells:
            yield line, dict(zip(head, [*cells, *[""] * (len(head) - len(cells))]))


OFA = Foreign("ofa", "Once-for-All and ProxylessNAS: JSON or YAML of blocks", read_ofa, "ms",
              "standard deviation", BLOCKS)  # fmt: skip
NNMETER = Foreign("nnmeter", "nn-Meter: JSON or CSV of blocks, no unit", read_nnmeter, note=BLOCKS)
NNI = Foreign("nni", "NNI: a dict a line, of blocks", read_nni, note=BLOCKS)
TF_NAS = Foreign("tfnas", "TF-NAS: CSV of blocks by width", read_tf_nas, "ms", note=BLOCKS)
TINY_NAS = Foreign("tinynas", "TinyNAS: CSV of convolutions", read_tiny_nas, "ms")
AI_HUB = Foreign("aihub", "Qualcomm AI Hub: perf.yaml, or CSV, of whole models", read_ai_hub, "ms",
                 note="whole models: rows to compare with, no costs of operators")  # fmt: skip
