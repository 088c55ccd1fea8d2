"""The command line: ``mathdesign design|check|export|validate|families|schema``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
import typer.core

from mathdesign.cli.interrupts import insisting
from mathdesign.cli.session import (
    EXIT_BAD_INPUT,
    EXIT_FAILURE,
    STOPPED,
    Session,
    guarded,
    plain_output,
)
from mathdesign.extras import how_to_install
from mathdesign.extras import version as installed


class Commands(typer.Typer):
    """Commands that end in one line where the machine refuses them something."""

    def command(  # type: ignore[override]  # all of typer's own options, passed on
        self, *arguments: Any, **options: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """As typer's own."""
        register = super().command(*arguments, **options)
        return lambda function: register(guarded(function))


app = Commands(
    name="mathdesign",
    help=(
        "Neural architectures designed as mathematical programs, with a proof.\n\n"
        "State in one YAML file what must hold; get a network that is proven best, as PyTorch.\n\n"
        "Exit status: 0 done, 2 bad input, 3 infeasible, 4 stopped without a design, "
        "5 a check failed, 6 a table has rows without a design, 1 anything else."
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


#: How typer leaves where Ctrl-C comes before a command is at work.
INTERRUPTED = 130


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"mathdesign {installed()}")
        raise typer.Exit()


def _read(reader: str) -> Callable[[Any], float]:
    """A reader of quantities as the parser of an option: what is wrong is said in its own words."""

    def parsed(text: Any) -> float:
        from mathdesign.spec import quantities  # only where an option is read

        try:
            found: float = getattr(quantities, reader)(text)
        except quantities.QuantityError as error:
            raise typer.BadParameter(error.about(text)) from None
        return found

    return parsed


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print it and leave."),
    ] = False,
) -> None:
    """What stands before a command."""


def _end(session: Session, command: Callable[[], int]) -> NoReturn:
    """Leave with what a command returns; what can end any command ends it in words."""
    try:
        code = command()
    except KeyboardInterrupt:
        code = session.fail(EXIT_FAILURE, STOPPED)
    except ImportError as error:
        code = session.fail(EXIT_FAILURE, how_to_install(error))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        code = session.fail(EXIT_FAILURE, f"{place}{error.strerror or error}")
    raise typer.Exit(code)


SpecFile = Annotated[
    Path | None,
    typer.Argument(help="The specification, a YAML file; -: standard input.", show_default=False),
]
DesignFile = Annotated[
    Path,
    typer.Argument(help="A design.yaml written by `mathdesign design`; -: standard input."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no tables.")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="Folder to write to.", show_default=False)
]
FamilyName = Annotated[
    str | None, typer.Option("--family", help="The family; without a file and this: regnet.")
]
InputShape = Annotated[str | None, typer.Option("--input", help="Images: CxHxW, e.g. 3x224x224.")]
Maximum = Annotated[
    list[str] | None,
    typer.Option("--max", help="An upper limit, e.g. macs=1.8G. Repeatable."),
]
Minimum = Annotated[
    list[str] | None,
    typer.Option("--min", help="A lower limit, e.g. params=1M. Repeatable."),
]
Macs = Annotated[str | None, typer.Option("--macs", help="As --max macs=...: multiply-adds.")]
Params = Annotated[str | None, typer.Option("--params", help="As --max params=...: weights.")]
Classes = Annotated[int | None, typer.Option("--classes", help="Number of classes.")]
Pinned = Annotated[
    list[str] | None,
    typer.Option("--pin", help="A decision made already, e.g. stage2.width=64. Repeatable."),
]
Positions = Annotated[
    list[str] | None,
    typer.Option(
        "--positions",
        help="A slot whose cells in --table are positions of its options from 0, not their names; "
        "all: every slot. Repeatable.",
    ),
]

Description = Annotated[
    str | None, typer.Argument(help="What a table holds: a YAML file, or a name.")
]
InsteadOfDescription = Annotated[
    str | None, typer.Option("--space", help="Instead of a description: nats_size, ...")
]
Labels = Annotated[str | None, typer.Option("--target", help="The column of labels.")]


@app.command()
def design(
    spec: SpecFile = None,
    family: FamilyName = None,
    macs: Macs = None,
    params: Params = None,
    maximum: Maximum = None,
    minimum: Minimum = None,
    input_shape: InputShape = None,
    classes: Classes = None,
    pin: Pinned = None,
    backend: Annotated[
        str | None, typer.Option("--backend", help="Force a backend instead of `solve.backend`.")
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option("--time-limit", help="Instead of `solve.time_limit`, e.g. 30s.")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option("--start", help="A design.yaml, or zoo:NAME, that the search begins with."),
    ] = None,
    train: Annotated[
        bool, typer.Option("--train/--no-train", help="Train briefly if the file has `validate:`.")
    ] = True,
    out: Out = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Design a network: solve, check, write design.yaml, model.py and report.html, train briefly.

    Beside a file, options override what it says, and a line tells what.

    Example: mathdesign design examples/01_resnet18_budget/design.yaml --max macs=1G

    Example: mathdesign design --macs 300M

    Example: mathdesign design --params 100M --family decoder_lm
    """
    from mathdesign.cli import design as designing

    session = Session(json, quiet)
    dials = {"macs": macs, "params": params}
    request = designing.Request.of(
        spec, dials, maximum, minimum, family=family, input_shape=input_shape, classes=classes,
        backend=backend, time_limit=time_limit, pins=tuple(pin or ()),
    )  # fmt: skip
    _end(session, lambda: designing.design(session, request, out, train, start))


@app.command()
def check(
    spec: SpecFile = None,
    family: FamilyName = None,
    macs: Macs = None,
    params: Params = None,
    maximum: Maximum = None,
    minimum: Minimum = None,
    input_shape: InputShape = None,
    classes: Classes = None,
    pin: Pinned = None,
    out: Out = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Validate a specification; print the size of its space and what each metric can reach.

    Example: mathdesign check examples/01_resnet18_budget/design.yaml
    """
    from mathdesign.cli import check as checking
    from mathdesign.cli.design import Request

    session = Session(json, quiet)
    dials = {"macs": macs, "params": params}
    request = Request.of(
        spec, dials, maximum, minimum, family=family, input_shape=input_shape, classes=classes,
        pins=tuple(pin or ()),
    )  # fmt: skip
    _end(session, lambda: checking.check(session, request, out))


@app.command()
def fit(
    table: Annotated[Path, typer.Option("--table", help="Measured designs: CSV or Parquet.")],
    space: Annotated[
        str, typer.Option("--space", help="A named space, or a YAML file with `space:`.")
    ],
    target: Annotated[str, typer.Option("--target", help="The column to predict.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the predictor.")],
    model: Annotated[str, typer.Option("--model", help="auto, trees or tables.")] = "auto",
    ensemble: Annotated[
        int, typer.Option("--ensemble", min=0, max=100, help="Members for `uncertainty:`.")
    ] = 0,
    pretrain: Annotated[
        list[str] | None,
        typer.Option("--pretrain", help="A free label to try a head start on, e.g. macs."),
    ] = None,
    duplicates: Annotated[
        str, typer.Option("--duplicates", help="refuse, or mean: average their labels.")
    ] = "refuse",
    positions: Positions = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of folds and samples.")] = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit a predictor on measured designs; `objective: {predictor: FOLDER}` then maximises it.

    Example: mathdesign fit --table cells.csv --space nasbench201 --target val_acc --out runs/model
    """
    from mathdesign.cli import fit as fitting

    session = Session(json, quiet)
    free = tuple(dict.fromkeys(pretrain or ()))
    request = fitting.FitRequest(
        table, space, target, out, model, ensemble, free, duplicates, seed, tuple(positions or ())
    )
    _end(session, lambda: fitting.fit(session, request))


@app.command()
def search(
    space: Annotated[
        str,
        typer.Option("--space", help="A named space, or a YAML file with `space:`, `budgets:`."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the log and the result.")],
    evaluate: Annotated[
        str | None,
        typer.Option("--evaluate", help="A command with {design}; prints the value last."),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option("--table", help="Measured designs: the start; alone: they answer queries."),
    ] = None,
    target: Annotated[str | None, typer.Option("--target", help="Column of --table.")] = None,
    positions: Positions = None,
    minimise: Annotated[
        bool, typer.Option("--minimise", help="The least value is the best: losses, latencies.")
    ] = False,
    queries: Annotated[int, typer.Option("--queries", min=1, help="Measurements in all.")] = 200,
    start: Annotated[int, typer.Option("--start", min=1, help="Random ones at first.")] = 40,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Between two fits.")] = 5,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Measured at once.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    timeout: Annotated[
        float,
        typer.Option("--timeout", parser=_read("seconds"), metavar="TIME", help="Of one query."),
    ] = "24 h",  # type: ignore[assignment]  # read as if it were typed
    baselines: Annotated[
        bool | None,
        typer.Option("--baselines/--no-baselines", help="random and evolution; with --table: yes."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", help="Queries on a Dask cluster, tcp://host:port."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the best design with few measurements: fit, solve exactly, query, repeat; resumable.

    Example: mathdesign search --space nasbench201 --table nb201.csv --target val_acc --out runs/s

    Example: mathdesign search --space own.yaml --evaluate "python train.py {design}" --out runs/s

    Example: mathdesign search --space own.yaml --evaluate "python train.py {design}" --out runs/s
    --table measured.csv --target loss --minimise
    """
    from mathdesign.cli import search as searching

    session = Session(json, quiet)
    wanted = baselines if baselines is not None else table is not None and evaluate is None
    request = searching.SearchRequest(
        space,
        out,
        evaluate,
        table,
        target,
        queries,
        start,
        batch,
        jobs,
        seed,
        timeout,
        wanted,
        scheduler,
        minimise,
        tuple(positions or ()),
    )
    _end(session, lambda: searching.search(session, request))


@app.command()
def evidence(
    description: Description = None,
    table: Annotated[
        Path | None,
        typer.Option("--table", help="Trained networks: a file, or the folder of a description's."),
    ] = None,
    space: InsteadOfDescription = None,
    target: Labels = None,
    budget: Annotated[
        str | None, typer.Option("--budget", help="A budget kind and its range of quantiles.")
    ] = None,
    quantiles: Annotated[int, typer.Option("--quantiles", min=2, help="Budgets.")] = 18,
    positions: Positions = None,
    out: Out = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """What an objective's picks miss, on a table of networks that were really trained.

    Example: mathdesign evidence accel_nasbench --table accel_nasbench.csv.gz --out runs/accel
    Example: mathdesign evidence --table sss.csv --space nats_size --target val_acc_cifar10
    """
    from mathdesign.cli import described as describing
    from mathdesign.cli import evidence as evidencing

    session = Session(json, quiet)
    if description is not None and space is None and positions is None:
        asked = describing.Asked(description, table, target, budget, quantiles, out)
        _end(session, lambda: describing.evidence(session, asked))
    if description is not None or table is None or space is None or target is None:
        words = "evidence: accepted: a description, or --table, --space and --target without one"
        _end(session, lambda: session.fail(EXIT_BAD_INPUT, words))
    measured = evidencing.Measured(table, space, target, tuple(positions or ()))
    asked_budget = budget or "macs=10%..95%"
    _end(session, lambda: evidencing.evidence(session, measured, asked_budget, quantiles, out))


class LatencyGroup(typer.core.TyperGroup):
    """``latency`` followed by options is ``latency fit``: as it was called when that was all of it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As typer's own."""
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = ["fit", *args]
        return super().parse_args(ctx, args)


latency = Commands(
    cls=LatencyGroup,
    help="Times on a device: measured here, fitted as budgets, held to whole networks.",
    no_args_is_help=True,
)
app.add_typer(latency, name="latency")

RuntimeName = Annotated[str, typer.Option("--runtime", help="torch or onnxruntime.")]
DeviceName = Annotated[str, typer.Option("--device", help="cpu or cuda.")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Of the runtime.")]
ClockName = Annotated[
    str,
    typer.Option("--clock", help="wall, or cpu: processor time of one thread, on a busy machine."),
]
BatchSize = Annotated[int, typer.Option("--batch", min=1, help="Inputs of one execution.")]
SpaceFile = Annotated[Path, typer.Option("--space", help="A specification with the space.")]


@latency.command("measure")
def latency_measure(
    space: SpaceFile,
    out: Annotated[Path, typer.Option("--out", "-o", help="The table, a CSV file.")],
    model: Annotated[
        Path | None, typer.Option("--model", help="A model fitted on the table, a YAML file.")
    ] = None,
    budget: Annotated[
        float,
        typer.Option("--budget", parser=_read("seconds"), metavar="TIME", help="Of this run."),
    ] = "2 min",  # type: ignore[assignment]  # read as if it were typed
    passes: Annotated[int, typer.Option("--passes", min=1, help="Times all is timed.")] = 5,
    designs: Annotated[
        int, typer.Option("--designs", min=1, help="Random designs whose operators are measured.")
    ] = 64,
    runtime: RuntimeName = "torch",
    device: DeviceName = "cpu",
    threads: Threads = 1,
    clock: ClockName = "wall",
    batch: BatchSize = 1,
    form: Annotated[str, typer.Option("--form", help="auto, additive or roofline.")] = "auto",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the designs.")] = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Time the operators of a space on this machine: a table for budgets, and a model of it.

    The same command goes on where it was stopped. Exit status: 0 the time is spent or all is measured,
    6 stopped by Ctrl-C before, what was measured is kept, 2 bad input.

    Example: mathdesign latency measure --space design.yaml --out cpu.csv --model cpu.yaml
    """
    from mathdesign.cli import measuring

    session = Session(json, quiet)
    how = measuring.How(runtime, device, threads, clock, batch)
    request = measuring.MeasureRequest(space, out, model, how, budget, passes, designs, seed, form)
    _end(session, lambda: measuring.measure(session, request))


@latency.command("soft")
def latency_soft(
    spec: Annotated[Path, typer.Argument(help="A specification with a device.")],
    target: Annotated[str, typer.Option("--target", help="Of the rule: 25 ms.")],
    metric: Annotated[str, typer.Option("--metric", help="The device.")] = "latency",
    below: Annotated[float, typer.Option("--below", help="The exponent up to the target.")] = -0.07,
    above: Annotated[float, typer.Option("--above", help="The exponent beyond it.")] = -0.07,
    out: Out = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """MnasNet's soft rule: the greatest objective * (latency / target)^w, proven, beside the hard budget.

    Example: mathdesign latency soft design.yaml --target "25 ms" --below 0 --above -1
    """
    from mathdesign.cli import soft

    session = Session(json, quiet)
    request = soft.SoftRequest(spec, target, metric, below, above, out)
    _end(session, lambda: soft.run(session, request))


@latency.command("import")
def latency_import(
    form: Annotated[str, typer.Argument(help="ofa, nnmeter, nni, tfnas, tinynas or aihub.")],
    file: Annotated[Path, typer.Argument(help="The table of others; .gz is unpacked.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The table, a CSV file.")],
    unit: Annotated[str, typer.Option("--unit", help="Where the file does not say it: ms.")] = "",
    column: Annotated[
        str, typer.Option("--column", help="The device's, where there are several.")
    ] = "",
    where: Annotated[
        list[str] | None, typer.Option("--where", help="Only rows with COLUMN=VALUE.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Its name in the table.")] = "",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """A latency table of others as ours: Once-for-All, nn-Meter, NNI, TF-NAS, TinyNAS, Qualcomm AI Hub.

    Example: mathdesign latency import nnmeter block_lut.csv --unit ms --column pixel4 --out pixel4.csv
    """
    from mathdesign.cli import importing

    session = Session(json, quiet)
    request = importing.ImportRequest(form, file, out, unit, column, tuple(where or ()), device)
    _end(session, lambda: importing.run(session, request))


@latency.command("check")
def latency_check(
    space: SpaceFile,
    costs: Annotated[
        Path, typer.Option("--costs", help="What is held to whole networks: a table or a model.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of check.csv and check.png.")],
    design: Annotated[
        list[Path] | None, typer.Option("--design", help="A finished design too. Repeatable.")
    ] = None,
    designs: Annotated[
        int, typer.Option("--designs", min=0, help="Random designs, from small to large.")
    ] = 12,
    table: Annotated[
        Path | None,
        typer.Option("--table", help="Beside a model: the table, to tell how the machine drifted."),
    ] = None,
    interpolate: Annotated[
        bool, typer.Option("--interpolate", help="A table: between measured channels.")
    ] = False,
    at_most: Annotated[
        float | None,
        typer.Option(
            "--at-most",
            parser=_read("share"),
            metavar="SHARE",
            help="Median error above which the exit status is 5.",
        ),
    ] = None,
    runtime: RuntimeName = "torch",
    device: DeviceName = "cpu",
    threads: Threads = 1,
    clock: ClockName = "wall",
    batch: BatchSize = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the designs.")] = 1,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Whole networks on this machine: predicted, measured, error of each, and the median.

    Example: mathdesign latency check --space design.yaml --costs cpu.yaml --out runs/check --at-most 15%
    """
    from mathdesign.cli import measuring

    session = Session(json, quiet)
    how = measuring.How(runtime, device, threads, clock, batch)
    request = measuring.CheckRequest(
        space, costs, tuple(design or ()), designs, how, interpolate, table, at_most, out, seed
    )
    _end(session, lambda: measuring.check(session, request))


@latency.command("fit")
def latency_fit(
    table: Annotated[
        Path, typer.Option("--table", help="Operators, or measured networks: CSV or Parquet.")
    ],
    target: Annotated[
        str | None, typer.Option("--target", help="Networks: the column of times.")
    ] = None,
    space: Annotated[
        str | None,
        typer.Option("--space", help="Networks: a named space or a YAML file: a cost an option."),
    ] = None,
    term: Annotated[
        list[str] | None,
        typer.Option("--term", help="Transformers: a column of sums, such as params; repeatable."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Networks: of the metric.")] = "latency_us",
    scale: Annotated[
        float, typer.Option("--scale", help="Networks: units of the metric in one of the table's.")
    ] = 1000.0,
    positions: Positions = None,
    form: Annotated[
        str, typer.Option("--form", help="Operators: auto, additive or roofline.")
    ] = "auto",
    networks: Annotated[
        Path | None,
        typer.Option("--networks", help="Operators: a check.csv, which corrects sums."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the folds.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Operators: the model, a YAML file. Networks: a folder.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit times: a model of operators, or with --target `linear_metrics` on whole networks.

    Example: mathdesign latency fit --table cpu.csv --networks runs/check/check.csv --out cpu.yaml

    Example: mathdesign latency fit --table phone.csv --space nasbench201 --target pixel3_ms --out runs/phone

    Example: mathdesign latency fit --table gpus.csv --term macs --term layers --target a100_ms
    """
    from mathdesign.cli import latency as fitting
    from mathdesign.cli import measuring

    session = Session(json, quiet)
    if target is None:
        whole = {"--space": space, "--term": term, "--positions": positions}
        given = [word for word, value in whole.items() if value]
        operators = measuring.FitRequest(table, out, form, networks, seed, tuple(given))
        _end(session, lambda: measuring.fit(session, operators))
    terms = tuple(dict.fromkeys(term or ()))
    by_position = tuple(positions or ())
    request = fitting.LatencyRequest(
        table, target, space, terms, name, scale, out, seed, by_position
    )
    _end(session, lambda: fitting.latency(session, request))


@app.command()
def calibrate(
    description: Description = None,
    table: Annotated[
        Path | None, typer.Option("--table", help="Trained networks: CSV or Parquet.")
    ] = None,
    space: InsteadOfDescription = None,
    target: Labels = None,
    labels: Annotated[
        int, typer.Option("--labels", min=20, help="Use only so many rows; judge on the others.")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the rows and the folds.")] = 0,
    positions: Positions = None,
    out: Out = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit an objective's weights on a few trained networks, or say that labels do not help.

    Example: mathdesign calibrate accel_nasbench --table accel_nasbench.csv.gz --labels 200
    Example: mathdesign calibrate --table sss.csv --space nats_size --target val_acc_cifar10
    """
    from mathdesign.cli import described as describing
    from mathdesign.cli import evidence as evidencing

    session = Session(json, quiet)
    if description is not None and space is None and positions is None:
        asked = describing.Asked(description, table, target, None, 0, out)
        _end(session, lambda: describing.calibrate(session, asked, labels, seed))
    if description is not None or table is None or space is None or target is None:
        words = "calibrate: accepted: a description, or --table, --space and --target without one"
        _end(session, lambda: session.fail(EXIT_BAD_INPUT, words))
    measured = evidencing.Measured(table, space, target, tuple(positions or ()))
    _end(session, lambda: evidencing.calibrate(session, measured, labels, seed, out))


@app.command()
def prune(
    spec: Annotated[
        Path, typer.Argument(help="A specification with `objective: {predictor: ..}`.")
    ],
    table: Annotated[
        Path, typer.Option("--table", help="Designs to average over: CSV or Parquet.")
    ],
    most: Annotated[int, typer.Option("--most", min=1, help="Cut no more options.")] = 20,
    positions: Positions = None,
    out: Out = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Cut options that harm by their SHAP values; for each, the proven bound of what was lost.

    Example: mathdesign prune cell.yaml --table cells.csv --most 6 --out runs/pruned
    """
    from mathdesign.cli import fit as fitting

    session = Session(json, quiet)
    by_position = tuple(positions or ())
    _end(session, lambda: fitting.prune(session, spec, table, most, out, by_position))


@app.command()
def why(design: DesignFile, out: Out = None, json: Json = False, quiet: Quiet = False) -> None:
    """For each slot of a design over option lists: what choosing otherwise costs, proven.

    Example: mathdesign why runs/cell/design.yaml --out runs/cell
    """
    from mathdesign.cli import why as reasons

    session = Session(json, quiet)
    _end(session, lambda: reasons.why(session, design, out))


@app.command()
def table(
    sweep: Annotated[Path, typer.Argument(help="A sweep: base, grid, rows, pareto (YAML).")],
    out: Out = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Local processes.")] = 1,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first row without a design.")
    ] = False,
    html: Annotated[bool, typer.Option("--html/--no-html", help="Write report.html.")] = True,
    plots: Annotated[
        str, typer.Option("--plots", help="Pictures of the front: png, svg or both.")
    ] = "",
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", help="A Dask cluster instead: tcp://host:port."),
    ] = None,
    allow_outside: Annotated[
        bool, typer.Option("--allow-outside", help="`base:` may leave the sweep's folder.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Solve every row of a sweep, resumably; write table.csv, .parquet, .md and report.html.

    Example: mathdesign table examples/10_budget_table/sweep.yaml --out runs/phones --jobs 2
    """
    from mathdesign.cli import table as tabling

    session = Session(json, quiet)
    request = tabling.TableRequest(sweep, out, jobs, scheduler, strict, html, plots, allow_outside)
    _end(session, lambda: tabling.table(session, request))


@app.command()
def compare(
    first: DesignFile,
    second: Annotated[Path, typer.Argument(help="Another design.yaml.")],
    out: Out = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Two designs side by side: stage by stage, metric by metric, with what differs marked.

    Example: mathdesign compare runs/a/design.yaml runs/b/design.yaml --out runs/a-b
    """
    from mathdesign.cli import compare as comparing

    session = Session(json, quiet)
    _end(session, lambda: comparing.compare(session, first, second, out))


@app.command()
def export(design: DesignFile, out: Out = None, json: Json = False, quiet: Quiet = False) -> None:
    """Write model.py: the network in plain torch.nn, with no dependency on mathdesign.

    Example: mathdesign export runs/resnet18-budget/design.yaml --out my_project/
    """
    from mathdesign.cli import export as exporting

    session = Session(json, quiet)
    _end(session, lambda: exporting.export(session, design, out))


@app.command()
def validate(
    design: DesignFile,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", help="`digits`, a Parquet file, CIFAR batches or an image folder; text."
        ),
    ] = None,
    size: Annotated[int | None, typer.Option("--size", help="Image size in pixels.")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Passes over the data.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Text: batches in all.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the training run.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", help="At most so many images.")] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", help="Images or sequences a step.")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate")] = None,
    device: Annotated[str | None, typer.Option("--device", help="auto, cpu or cuda.")] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            help="Rivals: random:N, params, macs, volume, ...; uniform, published or names of "
            "networks; decoders: gpt2, llama; vit: vit; zoo:NAME. Commas between.",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=100, help="With --against: runs of each network.")
    ] = 3,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, help="With --against: local processes.")
    ] = 1,
    halving: Annotated[
        bool, typer.Option("--halving", help="With --against: stop the worse half early, twice.")
    ] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Latency and memory of the network, here.")
    ] = False,
    train: Annotated[bool, typer.Option("--train/--no-train", help="Recount only.")] = True,
    out: Out = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Recount a design on its built module, check its certificate's figures, train it briefly.

    With --against, rivals under the same budgets train by the same recipe, and a verdict is given
    with its statistics. A command that was killed goes on where it was.

    Example: mathdesign validate runs/resnet18-budget/design.yaml --data digits --epochs 5

    Example: mathdesign validate design.yaml --data cifar10.parquet --against random:5,uniform

    Example: mathdesign validate decoder.yaml --steps 300 --against random:3,entropy,gpt2,llama
    """
    from mathdesign.cli import validate as validating
    from mathdesign.cli.against import Against

    session = Session(json, quiet)
    changes = {
        "data": data, "size": size, "epochs": epochs, "steps": steps, "seed": seed, "limit": limit,
        "batch_size": batch_size, "learning_rate": learning_rate, "device": device,
    }  # fmt: skip
    rivals = tuple(word.strip() for word in (against or "").split(",") if word.strip())
    asked = Against(rivals, seeds, jobs, halving) if against is not None else None
    _end(session, lambda: validating.validate(session, design, changes, train, out, asked, measure))


@app.command()
def families(out: Out = None, json: Json = False, quiet: Quiet = False) -> None:
    """List the families of blocks, their decisions and their presets.

    Example: mathdesign families --json
    """
    from mathdesign.cli import families as listing

    session = Session(json, quiet)
    _end(session, lambda: listing.families(session, out))


@app.command()
def schema(out: Out = None, json: Json = False, quiet: Quiet = False) -> None:
    """Print the JSON Schema of the specification, for editors that complete YAML.

    Example: mathdesign schema --out .
    """
    from mathdesign.cli import families as listing

    session = Session(json, quiet)
    _end(session, lambda: listing.schema(session, out))


bench = Commands(help="Measure mathdesign on this machine.", no_args_is_help=True)
app.add_typer(bench, name="bench")


@bench.command("solvers")
def bench_solvers(
    problems: Annotated[
        str, typer.Option("--problems", help="Published programs, comma-separated.")
    ] = "R18,R34,R50",
    backends: Annotated[
        str, typer.Option("--backends", help="Backends, comma-separated.")
    ] = "exact,highs,evolution,anneal",
    time_limit: Annotated[
        float,
        typer.Option("--time-limit", parser=_read("seconds"), metavar="TIME", help="Per run."),
    ] = "60 s",  # type: ignore[assignment]  # read as if it were typed
    gap: Annotated[
        float,
        typer.Option(
            "--gap", parser=_read("share"), metavar="SHARE", help="Relative gap to reach."
        ),
    ] = "0.1%",  # type: ignore[assignment]
    seeds: Annotated[int, typer.Option("--seeds", help="Runs of each heuristic.")] = 1,
    evaluations: Annotated[
        int, typer.Option("--evaluations", help="Budget of each heuristic run.")
    ] = 100_000,
    out: Out = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Every backend on the published DeepMAD programs: objective, bound, gap, seconds, memory.

    Example: mathdesign bench solvers --problems R18 --backends exact,evolution --out runs/bench
    """
    from mathdesign.cli import bench as command

    session = Session(json, quiet)
    limits = (time_limit, gap)
    _end(
        session,
        lambda: command.bench_solvers(session, problems, backends, limits, seeds, evaluations, out),
    )


zoo = Commands(
    help="Published networks as points of spaces: starts, baselines, references.",
    no_args_is_help=True,
)
app.add_typer(zoo, name="zoo")
MemberName = Annotated[str, typer.Argument(help="As `zoo list` names it.")]


@zoo.command("list")
def zoo_list(out: Out = None, json: Json = False, quiet: Quiet = False) -> None:
    """Every network: family, params, multiply-adds, what it reads, its paper.

    Example: mathdesign zoo list --json
    """
    from mathdesign.cli import zoo as command

    session = Session(json, quiet)
    _end(session, lambda: command.listing(session, out))


@zoo.command("show")
def zoo_show(name: MemberName, out: Out = None, json: Json = False, quiet: Quiet = False) -> None:
    """One network as a design is shown, and what its source says beside what we count.

    Example: mathdesign zoo show resnet18
    """
    from mathdesign.cli import zoo as command

    session = Session(json, quiet)
    _end(session, lambda: command.show(session, name, out))


@zoo.command("export")
def zoo_export(name: MemberName, out: Out = None, json: Json = False, quiet: Quiet = False) -> None:
    """Write design.yaml and model.py of a network; nothing is proven of it, and the file says so.

    Wherever a design.yaml is read, zoo:NAME stands for that network.

    Example: mathdesign zoo export resnet18 --out runs/resnet18
    """
    from mathdesign.cli import zoo as command

    session = Session(json, quiet)
    _end(session, lambda: command.export(session, name, out))


@zoo.command("check")
def zoo_check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Networks; none: all.", show_default=False)
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Hold networks to the figures of their sources and to their modules, counted by other code.

    Example: mathdesign zoo check resnet18 vit-b
    """
    from mathdesign.cli import zoo as command

    session = Session(json, quiet)
    _end(session, lambda: command.check(session, tuple(names or ())))


def main() -> None:
    """Entry point of the ``mathdesign`` command."""
    plain_output()
    try:
        with insisting():
            app(prog_name="mathdesign")
    except (SystemExit, KeyboardInterrupt) as leaving:
        if isinstance(leaving, SystemExit) and leaving.code != INTERRUPTED:
            raise
        # While a command was still being imported.
        typer.echo(STOPPED, err=True)
        raise SystemExit(EXIT_FAILURE) from None
