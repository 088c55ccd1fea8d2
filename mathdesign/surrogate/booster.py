"""LightGBM's text format -> :class:`mathdesign.programs.slots.Ensemble`, without LightGBM and without trust.

The text is data: it is split into lines and numbers and nothing else. A tree that could answer
differently from the encoded one (categorical splits, missing values as a class of their own, linear
leaves, averaged outputs, an output that is no sum of leaves) is refused by name: words are compared
whole, since ``regression sqrt`` squares what ``regression`` adds. Format: github.com/microsoft/LightGBM,
src/io/tree.cpp (``decision_type``: bit 0 categorical, bit 1 default left, bits 2 and 3 the kind of
missing value: 0 none, 1 zero, 2 NaN), src/objective/ (``ConvertOutput`` of each objective).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from mathdesign.programs.slots import Ensemble, Feature, Tree

MOST_NODES = 10_000_000
LARGEST_COUNT = 2**31 - 1
#: Objectives whose output is the sum of the leaves itself: no logarithm, no square root.
OBJECTIVES = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
VERSIONS = ("v2", "v3", "v4")


class ModelError(ValueError):
    """A model file that cannot be used; says what was found and what is accepted."""


def read_booster(text: str, features: Sequence[Feature]) -> Ensemble:
    """The regression ensemble in ``text`` over ``features``. Raises :class:`ModelError`."""
    trees, offset = [], 0.0
    for tree in _trees(text, features):
        if len(tree.leaf_values) == 1:  # a constant
            offset += float(tree.leaf_values[0])
        else:
            trees.append(tree)
    return Ensemble(tuple(features), tuple(trees), offset)


def rewritten(text: str, features: Sequence[Feature]) -> str:
    """The same ensemble as a text of ours, the only kind that may reach LightGBM.

    LightGBM trusts what it reads: a word in place of a number ends the interpreter, a size of a
    tree that is too large reads memory that is not there. Raises :class:`ModelError` as
    :func:`read_booster`.
    """
    blocks = []
    _, given = _parts(text)
    for number, (block, tree) in enumerate(zip(given, _trees(text, features))):
        words = _fields(block)
        leaves = len(tree.leaf_values)
        rows: dict[str, Iterable[object]] = {"num_leaves": [leaves], "num_cat": [0]}
        if leaves > 1:
            rows |= {
                "split_feature": tree.split_feature, "split_gain": [0] * (leaves - 1),
                "threshold": map(repr, tree.threshold.tolist()),
                "decision_type": _whole(words, "decision_type", leaves - 1, number),
                "left_child": tree.left, "right_child": tree.right,
            }  # fmt: skip
        rows["leaf_value"] = map(repr, tree.leaf_values.tolist())
        if leaves > 1:
            counts, inner = _counts(words, leaves, number)
            rows |= {
                "leaf_weight": counts, "leaf_count": counts, "internal_value": [0] * (leaves - 1),
                "internal_weight": inner, "internal_count": inner,
            }  # fmt: skip
        rows |= {"is_linear": [0], "shrinkage": [1]}
        lines = [f"{key}={' '.join(map(str, values))}" for key, values in rows.items()]
        blocks.append("\n".join([f"Tree={number}", *lines]) + "\n\n\n")
    count = len(features)
    head = [
        "tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0",
        f"max_feature_idx={count - 1}", "objective=regression",
        "feature_names=" + " ".join(f"f{k}" for k in range(count)),
        "feature_infos=" + " ".join(["[-1e+300:1e+300]"] * count),
        "tree_sizes=" + " ".join(str(len(block)) for block in blocks),
    ]  # fmt: skip
    return (
        "\n".join(head)
        + "\n\n"
        + "".join(blocks)
        + "end of trees\n\nparameters:\nend of parameters\n"
    )


def _counts(words: Mapping[str, str], leaves: int, number: int) -> tuple[list[int], list[int]]:
    """Training rows of each leaf and of each node, for attributions; one each where none are told."""
    found = []
    for key, count in (("leaf_count", leaves), ("internal_count", leaves - 1)):
        counts = _whole(words, key, count, number) if key in words else [1] * count
        if any(not 1 <= n <= LARGEST_COUNT for n in counts):
            raise ModelError(f"tree {number}: an entry of {key} out of range")
        found.append(counts)
    return found[0], found[1]


def _whole(words: Mapping[str, str], key: str, count: int, number: int) -> list[int]:
    try:
        found = [int(word) for word in words.get(key, "").split()]
    except ValueError:
        raise ModelError(f"tree {number}: {key} is no list of whole numbers") from None
    if len(found) != count:
        raise ModelError(f"tree {number}: {len(found)} entries of {key}, accepted: {count}")
    return found


def _trees(text: str, features: Sequence[Feature]) -> list[Tree]:
    """Every tree of ``text``, constants too. Raises :class:`ModelError`."""
    header, blocks = _parts(text)
    words = _fields(header)
    _check_header(words, header, features)
    if "end of trees" not in text:
        raise ModelError("the model file is truncated: its line 'end of trees' is missing")
    expected = len(words.get("tree_sizes", "").split())
    if len(blocks) != expected:
        raise ModelError(f"the model file holds {len(blocks)} trees where its head says {expected}")
    return [_tree(_fields(block), number, len(features)) for number, block in enumerate(blocks)]


def _parts(text: str) -> tuple[str, list[str]]:
    """The header, and the lines of each tree."""
    header, *blocks = text.split("\nTree=")
    return header, [block.split("\nend of trees")[0] for block in blocks]


def _fields(text: str) -> dict[str, str]:
    """The lines ``key=value``. Raises :class:`ModelError` for a key that has two values."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and found.setdefault(key, value) != value:
            raise ModelError(f"the key {key[:40]!r} twice, with other values; the file is damaged")
    return found


def _check_header(words: Mapping[str, str], header: str, features: Sequence[Feature]) -> None:
    if header.partition("\n")[0].strip() != "tree":
        raise ModelError("not a LightGBM model in text form: its first line is not 'tree'")
    if (version := words.get("version", "")) not in VERSIONS:
        raise ModelError(f"version {version[:40]!r}, accepted: {', '.join(VERSIONS)}")
    if (objective := words.get("objective", "")) not in OBJECTIVES:
        raise ModelError(f"objective {objective[:80]!r}, accepted: {', '.join(OBJECTIVES)}")
    if "average_output" in header.splitlines():
        raise ModelError("averaged outputs (random forests), accepted: gradient boosting")
    if words.get("num_tree_per_iteration") != "1" or words.get("num_class") != "1":
        raise ModelError("several outputs, accepted: one")
    names = names_in_file([feature.name for feature in features])
    found = words.get("feature_names", "").split()
    if found != names:
        strange = [n for n in found if n not in names] or [n for n in names if n not in found]
        what = f"e.g. {strange[0]!r}" if strange else "in another order"
        raise ModelError(f"trained on other features than those of this space ({what})")


def names_in_file(names: Sequence[str]) -> list[str]:
    """:func:`name_in_file` of each; a name that is taken (``3x3 conv``, ``3x3_conv``) is numbered."""
    found: list[str] = []
    for name in map(name_in_file, names):
        found.append(next(n for n in _numbered(name) if n not in found))
    return found


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{k}" for k in itertools.count(2))


def name_in_file(name: str) -> str:
    """A feature's name as the text format can hold it: no space, no character of JSON."""
    return "".join(c if c.isalnum() or c in "_.-" else "_" for c in name)


def _tree(words: Mapping[str, str], number: int, features: int) -> Tree:
    def numbers(key: str, kind: type, count: int) -> np.ndarray:
        try:
            values = np.array([kind(word) for word in words.get(key, "").split()])
            found = values.astype(np.int64 if kind is int else np.float64)
        except (ValueError, OverflowError):
            raise ModelError(f"tree {number}: {key} is no list of numbers") from None
        if len(values) != count:
            raise ModelError(f"tree {number}: {len(values)} entries of {key}, accepted: {count}")
        return found

    if words.get("is_linear", "0") != "0":
        raise ModelError(f"tree {number}: linear leaves, accepted: constant leaves")
    if words.get("num_cat", "0") != "0":
        raise ModelError(f"tree {number}: categorical splits, accepted: numeric splits")
    try:
        leaves = int(words["num_leaves"])
    except (KeyError, ValueError):
        raise ModelError(f"tree {number}: no number of leaves; the file is damaged") from None
    if not 1 <= leaves <= MOST_NODES:
        raise ModelError(f"tree {number}: {leaves} leaves")
    nodes = leaves - 1
    kinds = numbers("decision_type", int, nodes)
    if (kinds & 1).any():
        raise ModelError(f"tree {number}: categorical splits, accepted: numeric splits")
    if ((kinds >> 2) == 1).any():
        raise ModelError(f"tree {number}: zero as missing value, accepted: none")
    if ((kinds < 0) | (kinds >= 12)).any():
        raise ModelError(f"tree {number}: decision_type {int(kinds.max())} is none of LightGBM's")
    tree = Tree(
        numbers("split_feature", int, nodes), numbers("threshold", float, nodes),
        numbers("left_child", int, nodes), numbers("right_child", int, nodes),
        numbers("leaf_value", float, leaves),
    )  # fmt: skip
    _check_tree(tree, number, features)
    if leaves > 1:
        _counts(words, leaves, number)
    return tree


def _check_tree(tree: Tree, number: int, features: int) -> None:
    """Every node but the root and every leaf is the child of one node; all numbers are finite."""
    nodes, leaves = len(tree.threshold), len(tree.leaf_values)
    children = np.concatenate([tree.left, tree.right])
    expected = np.concatenate([np.arange(-leaves, 0), np.arange(1, max(nodes, 1))])
    if nodes and not np.array_equal(np.sort(children), expected):
        raise ModelError(f"tree {number}: its children form no tree; the file is damaged")
    parents = np.tile(np.arange(nodes), 2)
    if (children[children >= 0] <= parents[children >= 0]).any():
        raise ModelError(f"tree {number}: a child before its parent; the file is damaged")
    if ((tree.split_feature < 0) | (tree.split_feature >= features)).any():
        raise ModelError(f"tree {number}: a split on a feature that is not there")
    if not (np.isfinite(tree.threshold).all() and np.isfinite(tree.leaf_values).all()):
        raise ModelError(f"tree {number}: a number that is not finite")
