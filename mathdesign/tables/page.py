"""The page of a finished table: one HTML file with everything in it, for any browser, offline."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mathdesign.files import write_atomic
from mathdesign.report.web import asset, document
from mathdesign.tables.payload import payload

if TYPE_CHECKING:
    from pandas import DataFrame

#: In this order: each uses only what comes before it.
SCRIPTS = ("data.js", "filters.js", "drawing.js", "detail.js", "plot.js", "rows.js", "page.js")
#: What each row's folder holds, as the page links it.
ROW_FILES = ("design.yaml", "model.py")
#: What it may hold besides, where the kind of a design has it.
MORE_FILES = ("report.html", "config.json")


def write_page(
    frame: DataFrame,
    designs: Mapping[str, Mapping[str, Any]],
    path: Path | str,
    *,
    pareto: Sequence[str] = ("macs", "objective"),
    title: str = "Designs",
    files: Sequence[str] = ROW_FILES,
    downloads: Sequence[str] = (),
) -> Path:
    """Write the page of ``frame`` to ``path`` and return the path.

    ``frame`` has one row a request: ``name``, ``status``, ``reason``, the figures and one column
    a grid key; ``folder`` is relative to the page. ``designs`` maps ``request_sha256`` (or the
    row's name) to a design as ``Design.to_dict`` gives it; it may load lazily, each is read once.
    ``pareto`` are the metrics of the front (see :func:`mathdesign.pareto`), ``files`` what is
    linked in each row's folder, ``downloads`` what is linked for the whole table, beside the
    page. Equal tables give equal bytes. Raises ``ValueError`` for a metric that is no column.
    """
    text = page(frame, designs, pareto=pareto, title=title, files=files, downloads=downloads)
    return write_atomic(path, text)


def page(
    frame: DataFrame,
    designs: Mapping[str, Mapping[str, Any]],
    *,
    pareto: Sequence[str] = ("macs", "objective"),
    title: str = "Designs",
    files: Sequence[str] = ROW_FILES,
    downloads: Sequence[str] = (),
) -> str:
    """The page as text; see :func:`write_page`."""
    found = payload(frame, designs, pareto)
    table = {**found.table, "files": list(files)}
    links = "".join(
        f'<a href="./{escape(quote(name))}" download>{escape(name)}</a>' for name in downloads
    )
    parts = {
        "title": escape(title),
        "downloads": links,
        "table": _packed(json.dumps(table, separators=(",", ":"), allow_nan=False)),
        "architectures": _packed("\n".join(found.architectures)),
        "budgets": _packed("\n".join(found.budgets)),
    }
    # In one pass: a title that looks like a placeholder stays a title.
    body = re.sub(
        r"\{\{(\w+)\}\}", lambda hole: parts[hole[1]], asset("mathdesign.tables", "body.html")
    )
    script = "\n".join(asset("mathdesign.tables", name) for name in SCRIPTS)
    style = asset("mathdesign.tables", "page.css")
    return document(title, body, style=style, script=script)


def _packed(text: str) -> str:
    """Gzip in base64: small, and no text of a user's can end the script element it stands in.

    The time in gzip's header is fixed, so that equal tables give equal bytes.
    """
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=6, mtime=0)).decode()
