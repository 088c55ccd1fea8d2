"""LightGBM's text format -> :class:`mathdesign.programs.slots.Ensemble`, without LightGBM and without trust.

The text is data: it is split into lines and numbers and nothing else. A tree that could answer
differently from the encoded one (categorical splits, missing values as a class of their own, linear
leaves, averaged outputs) is refused by name. Format: github.com/microsoft/LightGBM,
src/io/tree.cpp (``decision_type``: bit 0 categorical, bit 1 default left, bits 2 and 3 the kind of
missing value: 0 none, 1 zero, 2 NaN).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mathdesign.programs.slots import Ensemble, Feature, Tree

MOST_NODES = 10_000_000


class ModelError(ValueError):
    """A model file that cannot be used; says what was found and what is accepted."""


def read_booster(text: str, features: Sequence[Feature]) -> Ensemble:
    """The regression ensemble in ``text`` over ``features``. Raises :class:`ModelError`."""
    header, *blocks = text.split("\nTree=")
    words = _fields(header)
    _check_header(words, header, features)
    if "end of trees" not in text:
        raise ModelError("the model file is truncated: its line 'end of trees' is missing")
    expected = len(words.get("tree_sizes", "").split())
    if len(blocks) != expected:
        raise ModelError(f"the model file holds {len(blocks)} trees where its head says {expected}")
    trees, offset = [], 0.0
    for number, block in enumerate(blocks):
        tree = _tree(_fields(block.split("\nend of trees")[0]), number, len(features))
        if len(tree.leaf_values) == 1:  # a constant
            offset += float(tree.leaf_values[0])
        else:
            trees.append(tree)
    return Ensemble(tuple(features), tuple(trees), offset)


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {key: value for key, equals, value in pairs if equals}


def _check_header(words: Mapping[str, str], header: str, features: Sequence[Feature]) -> None:
    if not header.startswith("tree"):
        raise ModelError("not a LightGBM model in text form: its first line is not 'tree'")
    if not words.get("objective", "").startswith("regression"):
        raise ModelError(f"objective {words.get('objective', '')!r}, accepted: regression")
    if "average_output" in header.splitlines():
        raise ModelError("averaged outputs (random forests), accepted: gradient boosting")
    if words.get("num_tree_per_iteration") != "1" or words.get("num_class") != "1":
        raise ModelError("several outputs, accepted: one")
    names = [name_in_file(feature.name) for feature in features]
    found = words.get("feature_names", "").split()
    if found != names:
        strange = [n for n in found if n not in names] or [n for n in names if n not in found]
        what = f"e.g. {strange[0]!r}" if strange else "in another order"
        raise ModelError(f"trained on other features than those of this space ({what})")


def name_in_file(name: str) -> str:
    """A feature's name as the text format can hold it: no space, no character of JSON."""
    return "".join(c if c.isalnum() or c in "_.-" else "_" for c in name)


def _tree(words: Mapping[str, str], number: int, features: int) -> Tree:
    def numbers(key: str, kind: type, count: int) -> np.ndarray:
        try:
            values = np.array([kind(word) for word in words.get(key, "").split()])
        except ValueError:
            raise ModelError(f"tree {number}: {key} is no list of numbers") from None
        if len(values) != count:
            raise ModelError(f"tree {number}: {len(values)} entries of {key}, accepted: {count}")
        return values.astype(np.int64 if kind is int else np.float64)

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
    tree = Tree(
        numbers("split_feature", int, nodes), numbers("threshold", float, nodes),
        numbers("left_child", int, nodes), numbers("right_child", int, nodes),
        numbers("leaf_value", float, leaves),
    )  # fmt: skip
    _check_tree(tree, number, features)
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
