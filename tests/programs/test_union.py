"""Unions: what they refuse, what they say of themselves, pins. The laws of all programs are elsewhere."""

import numpy as np
import pytest

from mathdesign.programs.base import Budget, Limit
from mathdesign.programs.slots import SlotProblem
from mathdesign.programs.union import Member, Union
from tests.gallery import BEST_CHAIN, _chain, _nine, _sizes, _slots, _two_forms


def test_a_union_of_nothing_or_of_other_limits_is_none():
    with pytest.raises(ValueError, match="at least one member"):
        Union("empty", ())
    with pytest.raises(ValueError, match="distinct numbers"):
        Union("twice", (Member(3, _chain()), Member(3, _chain())))
    tight = _chain().with_budgets([Budget("m", 9)])
    with pytest.raises(ValueError, match="size 2: other limits than size 1"):
        Union.of("limits", [({"size": 1}, _chain()), ({"size": 2}, tight)])
    inherent = _chain().with_budgets([Budget("m", 9, inherent=True)])
    assert Union.of("inherent", [({}, _chain()), ({}, inherent)]).budgets == ()
    with pytest.raises(ValueError, match=r"first\.width: a label that its own program decides"):
        Member(0, _chain(), {"first.width": 2})


def test_what_it_says_of_itself():
    union = _sizes(1, 2).with_budgets([Budget("m", 51, 3)])
    assert union.limits == (Limit("m", "max", 51), Limit("m", "min", 3))
    assert union.size == union.points == union.count() == 48
    assert union.extent == "in 2 choices of size, each in 2 stages"
    assert union.labels == ("size",) and next(iter(union.decisions)) == "size"
    assert [member.title for member in union.members] == ["size 1", "size 2"]
    assert _two_forms().members[1].title == "member 1"
    assert _two_forms().extent == "in 2 choices, each in 2 slots or in 1 choices of widths"
    assert (
        repr(union)
        == "<Union tiny: 48 designs before rules, " + union.extent + ", m <= 51, m >= 3>"
    )
    other = union._with(name="other", units={"m": "channels"})
    assert (other.name, other.unit("m"), union.unit("m")) == ("other", "channels", "")


def test_rules_that_are_not_counted_are_said():
    ruled = _slots(((0, 1), (0, 1)), rules={(0, 1): ((1, 0), (1, 1))})
    assert isinstance(ruled, SlotProblem) and ruled.census() == "4 designs before rules"
    assert Union.of("u", [({}, ruled), ({}, ruled)]).census() == "8 designs before rules"
    assert Union.of("u", [({}, _nine())]).census() == "9 designs"


def test_a_member_keeps_its_number_when_others_go():
    union = _sizes(1, 2, 3).pinned({"size": 2})
    assert [member.number for member in union.members] == [1]
    assert union.costs((1, *BEST_CHAIN)) == {"m": 104}
    for point in ((0, *BEST_CHAIN), (3, *BEST_CHAIN), (), (1,)):
        with pytest.raises(ValueError):
            union.costs(point)
        assert not union.feasible(point)


def test_pins_that_no_member_has_together():
    other = _chain().pinned({"first.width": 2})
    union = Union.of("u", [({"size": 1}, _chain()), ({"size": 2}, other)])
    assert union.decisions["first.width"] == (2, 4)
    with pytest.raises(ValueError, match=r"size 2 and first\.width 4: each is possible, together"):
        union.pinned({"size": 2, "first.width": 4})
    with pytest.raises(ValueError, match="size: found 5, accepted: 1, 2"):
        union.pinned({"size": 5})
    with pytest.raises(KeyError, match="no decision width"):
        union.pinned({"width": 5})


def test_the_only_point_of_a_space_of_one():
    pins = dict(zip(_chain().decisions, BEST_CHAIN))
    union = _sizes(1, 2).pinned({"size": 2, **pins})
    assert union.size == 1 and union.only() == (1, *BEST_CHAIN)
    with pytest.raises(ValueError):
        _sizes(1, 2).only()


def test_a_label_of_one_member_may_be_a_decision_of_another():
    union = Union.of("u", [({}, _chain()), ({"first.depth": 0}, _nine())])
    assert union.decisions["first.depth"] == (0, 1, 2, 3)
    assert [m.number for m in union.pinned({"first.depth": 0}).members] == [1]
    assert [m.number for m in union.pinned({"first.depth": 2}).members] == [0]
    assert union.pinned({"first.depth": 2}).decisions["first.depth"] == (2,)


def test_distances_are_those_of_the_members():
    union = _sizes(1, 2).apart_from((1, *BEST_CHAIN), at_least=2)
    (distance,) = union.distances
    assert distance.point == (1, *BEST_CHAIN) and distance.at_least == 2
    assert union.feasible((0, *BEST_CHAIN)) and not union.feasible((1, *BEST_CHAIN))
    assert union.widened().distances == ()


def test_values_of_points_of_all_members_at_once():
    points = [(1, *BEST_CHAIN), (0, *BEST_CHAIN), (1, 2, 1, 3, 1)]
    assert _sizes(1, 2).values(points).tolist() == [104.0, 52.0, 16.0]
    assert _sizes(1).values(np.zeros((0, 5), dtype=int)).tolist() == []
