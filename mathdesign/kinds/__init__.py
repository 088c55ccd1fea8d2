"""The kinds of problem that a specification can state, told apart by ``space.family``.

A kind is a handful of functions: its words and their cross-checks, its way from a specification to
a design, the class of its finished designs, and how one is shown, written and checked. They are
named ``module:attribute`` and imported on use, so that a kind costs nothing until it is asked for,
and one whose libraries are absent takes nothing from the others. To add a kind, add its record.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mathdesign.spaces.convnet.families import BODY_FAMILIES


@dataclass(frozen=True, slots=True)
class Kind:
    """What there is to know about a kind of problem. Every string is ``module:attribute``."""

    name: str
    families: tuple[str, ...]
    """The values of ``space.family`` that belong to it."""
    spec: str
    """Its pydantic model, a :class:`mathdesign.spaces.convnet.words.Specification`."""
    faults: str
    """``(spec) -> Iterator[CrossFault]``: what is wrong with a valid document as a whole."""
    design: str
    """``(spec, hooks) -> answer``; raises as :func:`mathdesign.api.design` says."""
    answer: str
    """Class of the finished design, a :class:`mathdesign.result.Answer` with ``from_dict``."""
    tables: str
    """``(answer) -> (tables, figures)``: what the terminal shows."""
    files: str
    """``(answer) -> {file name: text}``: what is written, ``design.yaml`` first."""
    checks: str
    """``(answer) -> [{check, ok, found}]``: everything that can be checked without a solver."""

    check: str
    """``(session, spec, out) -> exit status``: the command ``check`` on a valid specification."""

    def part(self, name: str) -> Any:
        """The function or class behind one of the strings, imported now."""
        module, _, attribute = getattr(self, name).partition(":")
        return getattr(importlib.import_module(module), attribute)


CHAIN = Kind(
    name="chain",
    families=BODY_FAMILIES,
    spec="mathdesign.spaces.convnet.words:Spec",
    faults="mathdesign.spaces.convnet.faults:cross_faults",
    design="mathdesign.api:design_chain",
    answer="mathdesign.result:Design",
    tables="mathdesign.report.terminal:chain_tables",
    files="mathdesign.report.files:chain_files",
    checks="mathdesign.report.checks:chain_checks",
    check="mathdesign.cli.design:check_chain",
)
LISTS = Kind(
    name="lists",
    families=("nasbench101", "nasbench201", "nats_size", "proxyless", "slots"),
    spec="mathdesign.spaces.lists.words:ListSpec",
    faults="mathdesign.spaces.lists.words:list_faults",
    design="mathdesign.spaces.lists.pose:design_list",
    answer="mathdesign.spaces.lists.answer:ListDesign",
    tables="mathdesign.spaces.lists.shown:list_tables",
    files="mathdesign.spaces.lists.shown:list_files",
    checks="mathdesign.spaces.lists.shown:list_checks",
    check="mathdesign.spaces.lists.shown:check_list",
)
TRANSFORMERS = Kind(
    name="transformers",
    families=(
        "decoder_lm", "prefix_lm", "encoder", "encoder_decoder", "vit", "hierarchical_vit",
    ),
    spec="mathdesign.spaces.transformer.words:TransformerSpec",
    faults="mathdesign.spaces.transformer.faults:transformer_faults",
    design="mathdesign.spaces.transformer.designing:design_transformer",
    answer="mathdesign.spaces.transformer.answer:TransformerDesign",
    tables="mathdesign.spaces.transformer.shown:transformer_tables",
    files="mathdesign.spaces.transformer.shown:transformer_files",
    checks="mathdesign.spaces.transformer.shown:transformer_checks",
    check="mathdesign.spaces.transformer.shown:check_transformer",
)  # fmt: skip
KINDS: tuple[Kind, ...] = (CHAIN, LISTS, TRANSFORMERS)


def families() -> tuple[str, ...]:
    """Every family that a specification may name."""
    return tuple(family for kind in KINDS for family in kind.families)


def kind_of(document: object) -> Kind:
    """The kind that a document's ``space.family`` names; the chain where it names none."""
    space = document.get("space") if isinstance(document, Mapping) else None
    family = space.get("family") if isinstance(space, Mapping) else None
    return next((k for k in KINDS if isinstance(family, str) and family in k.families), CHAIN)


def kind_of_answer(document: object) -> Kind:
    """The kind of a finished design, as its ``request`` says."""
    return kind_of(document.get("request") if isinstance(document, Mapping) else None)


def kind_of_spec(spec: object) -> Kind:
    """The kind whose model ``spec`` is an instance of."""
    return kind_of({"space": {"family": spec.space.family}})  # type: ignore[attr-defined]
