"""What a kind of space offers, typed: everything that the one pipeline asks of it.

``load -> pose -> choose -> solve -> recheck -> Design -> written, shown, checked`` is one piece of
code (:mod:`mathdesign.api`, :mod:`mathdesign.kinds.load`, :mod:`mathdesign.report`). What differs from kind to
kind is asked here: its words, how they are posed as a program, what a point means, how an answer is
counted again, and how its network is written and shown. :mod:`mathdesign.kinds` has a module a kind.
"""

from __future__ import annotations

import abc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from mathdesign.certificate import BudgetUse
from mathdesign.devices.operators import Operator
from mathdesign.programs.base import FloatArray, IntArray, Limit, Program
from mathdesign.programs.slot_space import TableSpace
from mathdesign.solvers.base import Solution
from mathdesign.solvers.portfolio import names
from mathdesign.spaces.watch import Watch, unwatched
from mathdesign.spec.blocks import Specification
from mathdesign.spec.faults import CrossFault, SpecError
from mathdesign.spec.pins import Choices

if TYPE_CHECKING:
    from torch import Tensor, nn


Cells = Mapping[str, Sequence[tuple[Any, ...]]]
"""What the rows of a table say: word of the space -> a cell a row; a cell lists blocks or layers."""


class NamedNetwork(Protocol):
    """What every network has: the name that the request gave it."""

    @property
    def name(self) -> str:
        """The name given in the request."""


class TextTable(NamedTuple):
    """A table whose first ``left`` columns are flush left, the others flush right."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1


@dataclass(frozen=True, slots=True)
class ReadsImages:
    """What a network that tells images apart reads: channels, pixels a side, classes.

    ``fixed``: no other size than this.
    """

    channels: int
    size: int
    classes: int
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class ReadsText:
    """What a language model reads: tokens of a vocabulary, at most ``context`` of them."""

    vocabulary: int
    context: int


@dataclass(frozen=True, slots=True)
class Recount:
    """An answer counted again by code that shares nothing with the solver.

    ``figures`` are what the kind reports beside integer metrics; ``uses`` the budgets in order.
    """

    metrics: Mapping[str, int]
    figures: Mapping[str, Any]
    uses: tuple[BudgetUse, ...]
    objective: float


@dataclass(frozen=True, slots=True)
class Check:
    """One independent check of a finished design: its name, verdict and what was found."""

    check: str
    ok: bool
    found: str


#: Bytes of a weight with its gradient and the copies that checks make of it.
WEIGHT_BYTES = 16
#: A forward pass of more multiply-adds on one input takes minutes on any machine.
MOST_MACS = 10**13
#: A module of more layers takes minutes to make.
MOST_LAYERS = 4096


def refuse_heavy(params: int, macs: int, layers: int) -> None:
    """Raise :class:`CannotBuild` for a network that this machine cannot hold, before it is built."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if params * WEIGHT_BYTES > memory:
        needs, has = params * WEIGHT_BYTES / 2**30, memory / 2**30
        raise CannotBuild(f"{params:,} weights need {needs:,.1f} GiB; this machine has {has:,.1f}")
    if macs > MOST_MACS:
        raise CannotBuild(f"{macs:,} multiply-adds on one input; accepted: at most {MOST_MACS:,}")
    if layers > MOST_LAYERS:
        raise CannotBuild(f"{layers:,} blocks; accepted: at most {MOST_LAYERS:,}")


class CannotBuild(ValueError):
    """No module can be built of this network; the message says why."""


class NoOperators(ValueError):
    """A network that no runtime executes as it is; the message says why."""


S = TypeVar("S", bound=Specification)


@dataclass(frozen=True, eq=False)
class Posed(Generic[S]):
    """A specification as a program. Kinds add what gives its points a meaning."""

    spec: S
    program: Program


P = TypeVar("P", bound=Posed[Any])


def pinned(posed: P, choices: Mapping[str, int]) -> P:
    """The same with a program whose points hold ``choices``: raises ``SpecError`` where none can."""
    if not choices:
        return posed
    try:
        return replace(posed, program=posed.program.pinned(choices))
    except ValueError as error:
        raise SpecError.plain(f"pins: {error}", "values that one design can have") from None


N = TypeVar("N", bound=NamedNetwork)


@dataclass(frozen=True, slots=True)
class Ladder(Generic[N]):
    """What people know by one name, at any size: rungs 1 to ``rungs``, no cost falls on the way up.

    ``rung`` is the network of a rung, ``told`` the shape that it came to, in words.
    """

    name: str
    rungs: int
    rung: Callable[[int], N]
    told: Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Lifted:
    """A program without the limits that shaped its choices, and those limits.

    ``needs``: each such limit with the least value that any network of the space has. ``held``
    gives the program under those of them that can shape it again, each at its bound or, where that
    is below the least, at the least; ``holds`` names their metrics.
    """

    program: Program
    needs: tuple[tuple[Limit, int | float], ...] = field(default=())
    holds: tuple[str, ...] = ()
    held: Callable[[], Program] | None = None


class Kind(abc.ABC, Generic[S, P, N]):
    """A kind of space. Stateless; registered in :mod:`mathdesign.kinds`."""

    name: str
    families: tuple[str, ...]
    """The values of ``space.family`` that belong to it."""
    spec: type[S]
    """Its words: a pydantic model."""
    program: type[Program]
    """The form in which it is posed."""
    layout: tuple[str, ...]
    """The keys of a design file, in order."""
    presets: Mapping[str, tuple[str, ...]] = {}
    """Model -> keys that a preset may supply, so that a schema must not require them."""
    starts: bool = False
    """Whether rows of a table begin at :meth:`starting_point` of a neighbouring design."""
    picture: tuple[str, ...] = ("space", "input")
    """Where a specification says what images are read."""
    sizes: tuple[str, ...] = ()
    """Metrics of which an upper limit alone makes a network of some size."""

    # ---- words -----------------------------------------------------------------------------------

    @abc.abstractmethod
    def faults(self, spec: S) -> Iterator[CrossFault]:
        """What is wrong with a valid document as a whole, limits and backend aside."""

    @abc.abstractmethod
    def described(self) -> list[dict[str, Any]]:
        """Each family in words: name, summary, block, decisions, preset."""

    def quick(
        self, family: str, image: tuple[int, int] | None, classes: int | None,
        budgets: Mapping[str, Any],
    ) -> dict[str, Any]:  # fmt: skip
        """Blocks of a specification of which only this is known, sound defaults for the rest.

        ``image`` is ``(channels, size)``. Raises ``SpecError`` where a family needs more.
        """
        raise SpecError.plain(f"family {family} without a file", "a file: its space is the user's")

    def choices(self, spec: S) -> Choices:
        """What the space decides and may be pinned: name -> every value, as it is written."""
        return {}

    def held(self, network: N) -> Mapping[str, str]:
        """What a network holds of each decision that may be pinned, as it is written."""
        return {}

    def backends(self, spec: S) -> tuple[str, ...]:
        """What ``solve.backend`` may say; asking imports every backend's module."""
        return names(self.program)

    # ---- program ---------------------------------------------------------------------------------

    @abc.abstractmethod
    def pose(self, spec: S, watch: Watch = unwatched) -> P:
        """The program of a specification. Raises ``SpecError`` where nothing can be built.

        ``watch`` is asked often enough to keep a limit of time.
        """

    @abc.abstractmethod
    def network(self, posed: P, point: Sequence[int]) -> N:
        """The network that a point of the program names."""

    def starting_point(self, posed: P, network: Any) -> tuple[int, ...] | None:
        """The point of a network of a neighbouring request, to start from; ``None``: none."""
        return None

    def settled(self, posed: P, program: Program, solution: Solution) -> Solution:
        """A solver's answer to ``program`` (the posed one, or one with fewer points) beside what is
        known without solving: measured designs. The answer and bound of both together.
        """
        return solution

    def lifted(self, posed: P) -> Lifted:
        """The program that an explanation is about."""
        return Lifted(posed.program)

    def reported(self, posed: P) -> tuple[str, ...]:
        """The metrics that users know by name."""
        return posed.program.metric_names

    def option_space(self, spec: S) -> TableSpace | None:
        """The slots and costs of a space of option lists, which predictors are fitted on."""
        return None

    # ---- tables of trained networks --------------------------------------------------------------

    def is_choice(self, path: str) -> bool:
        """Whether the word at ``path`` of ``space`` is decided by the program.

        Any other word is part of the space: rows that differ in it belong to different programs.
        """
        return False

    def row_words(self, spec: S) -> Mapping[str, str]:
        """Word -> the column that says it, where a table need not be told how to be read."""
        return {}

    @abc.abstractmethod
    def row_points(self, posed: P, cells: Cells) -> list[IntArray]:
        """The points of each row, shape ``(points, ...)``: its value is the mean of theirs.

        Raises ``TableError`` for a row that is no network of the space.
        """

    def rival_objectives(self, spec: S) -> Mapping[str, Mapping[str, Any]]:
        """What may be maximised over the space, as ``objective:`` says it; the default first."""
        return {}

    def parts(self, posed: P, points: IntArray) -> Mapping[str, FloatArray]:
        """What the default objective adds up, by name, shape ``(points,)`` each; empty: no sum.

        ``posed`` is the program of the first of :meth:`rival_objectives`.
        """
        return {}

    def weighted(self, spec: S, multipliers: Mapping[str, float]) -> Mapping[str, Any]:
        """The ``objective:`` whose :meth:`parts` count so many times as the default's."""
        return {}

    # ---- rivals of a design ----------------------------------------------------------------------

    def restated(self, spec: S, objective: Mapping[str, Any]) -> dict[str, Any]:
        """The request with another objective; a limit that the old one brought along stays."""
        return {**spec.to_dict(), "objective": dict(objective)}

    def ladders(self, network: N) -> Mapping[str, Ladder[N]]:
        """Known networks that people scale to a budget by hand, by name, on a design's own task."""
        return {}

    def reading(self, network: N, ours: N) -> N:
        """A published network that reads what ``ours`` reads and tells apart as many classes.

        Raises :class:`CannotBuild` where it cannot.
        """
        if (self.images(network), self.text(network)) != (self.images(ours), self.text(ours)):
            raise CannotBuild("it does not read what the design reads")
        return network

    # ---- independent checks ----------------------------------------------------------------------

    @abc.abstractmethod
    def recheck(self, posed: P, network: N, solution: Solution) -> Recount:
        """The answer counted again. Raises ``RecheckError``: a bug, never returned as a design."""

    def counts(self, spec: S, network: N) -> Mapping[str, int]:
        """Every metric that ``spec`` may limit, of any network, inside the space or not.

        Counted by the code that rechecks answers; empty for networks that belong to one space.
        """
        return {}

    @abc.abstractmethod
    def checks(self, posed: P, network: N, claimed: Recount) -> Iterator[Check]:
        """Everything about a finished design that can be checked without a solver."""

    # ---- files -----------------------------------------------------------------------------------

    @abc.abstractmethod
    def words_of(self, network: N) -> dict[str, Any]:
        """The keys of a design file that describe its network."""

    @abc.abstractmethod
    def network_from(self, data: Mapping[str, Any]) -> N:
        """Inverse of :meth:`words_of`. Raises ``NetworkError``, ``KeyError``, ``TypeError``."""

    @abc.abstractmethod
    def figures_from(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The figures in a design file. Raises ``KeyError``, ``ValueError``, ``TypeError``."""

    def build(self, network: N) -> nn.Module:
        """The network as a plain ``torch.nn`` module. Raises :class:`CannotBuild`."""
        raise CannotBuild(f"no module is built for designs of {', '.join(self.families)}")

    def outline(self, network: N) -> nn.Module:
        """The same without storage, of any size: what counts it need not hold it. Raises as build."""
        import torch

        with torch.device("meta"):
            return self.build(network)

    def example(self, network: N) -> tuple[Tensor, ...]:
        """What one call of :meth:`outline` takes: one image, or one sequence as long as it may be.

        Without storage. Raises :class:`CannotBuild` where nothing says what the network reads.
        """
        import torch

        if (seen := self.images(network)) is not None:
            return (torch.empty(1, seen.channels, seen.size, seen.size, device="meta"),)
        if (read := self.text(network)) is not None:
            return (torch.zeros(1, read.context, dtype=torch.long, device="meta"),)
        raise CannotBuild("what the network reads is not known")

    def source(self, network: N, objective: float) -> str:
        """Python source of a module that builds it with torch alone. Raises as :meth:`build`."""
        raise CannotBuild(f"no module is built for designs of {', '.join(self.families)}")

    def more_files(self, network: N) -> Mapping[str, str]:
        """Files beside ``design.yaml`` and ``model.py``."""
        return {}

    # ---- devices ---------------------------------------------------------------------------------

    def operators(self, network: N, length: int | None = None) -> tuple[Operator, ...]:
        """What a runtime executes for one input, in order; ``length``: tokens of a sequence.

        Raises :class:`NoOperators` where a network is no module.
        """
        raise NoOperators(f"designs of {', '.join(self.families)} have no operators")

    # ---- presentation ----------------------------------------------------------------------------

    def drawn(self, network: N) -> Mapping[str, Any] | None:
        """What :func:`mathdesign.report.drawing.stages_of` draws to scale; ``None``: no page."""
        return None

    @abc.abstractmethod
    def table(self, network: N) -> TextTable:
        """The architecture."""

    @abc.abstractmethod
    def figure_rows(self, figures: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Label and text of the figures, in the order in which they are read."""

    def in_target(self, posed: P, objective: float) -> tuple[str, float] | None:
        """What an objective stands for, by name and in its unit; ``None``: for nothing but itself."""
        return None

    def beside(self, figures: Mapping[str, Any], figure: str) -> str:
        """What is told beside the ``objective`` or the ``bound``: the same in another unit."""
        return ""

    def proven_of(self, figures: Mapping[str, Any]) -> str:
        """What a proof speaks of where that is not the network itself (``the predictor``)."""
        return ""

    def units(self, request: Mapping[str, Any]) -> Mapping[str, str]:
        """Of metrics of the user's own that have one: what their integers are steps of."""
        return {}

    def counts_as_built(self, request: Mapping[str, Any]) -> bool:
        """Whether the metrics of its designs are those of the built module, nothing left out."""
        return True

    def as_built(self, network: N) -> Mapping[str, int]:
        """Metrics of the built module, where :meth:`counts_as_built` says that others are counted."""
        return {}

    def images(self, network: N) -> ReadsImages | None:
        """What it reads, where it tells images apart."""
        return None

    def text(self, network: N) -> ReadsText | None:
        """What it reads, where it is a language model."""
        return None

    def reads(self, network: N) -> str:
        """One input of it, in a word or two: ``3x224x224``, ``512 tokens``; empty: not known."""
        if (image := self.images(network)) is not None:
            return f"{image.channels}x{image.size}x{image.size}"
        text = self.text(network)
        return "" if text is None else f"{text.context:,} tokens"
