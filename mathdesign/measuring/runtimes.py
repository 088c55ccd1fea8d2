"""What runs modules: torch on a CPU or a GPU, onnxruntime on a CPU.

A runtime turns a module and its inputs into a call without arguments that :mod:`mathdesign.devices.timing`
times. Operators and whole networks go the same way through it, so that what differs between a sum of
operators and a network is not how they were run.
"""

from __future__ import annotations

import abc
import contextlib
import ctypes
import io
import itertools
import logging
import platform
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.devices.timing import CLOCKS, Call, Clock
from mathdesign.extras import require

if TYPE_CHECKING:
    from torch import Tensor, nn

TORCH, ONNX = "torch", "onnxruntime"
RUNTIMES = (TORCH, ONNX)
WALL, CPU = "wall", "cpu"


class RuntimeRefused(ValueError):
    """What was asked of a runtime cannot be had; the message says what is accepted."""


class Runtime(abc.ABC):
    """Runs modules with so many ``threads``, on ``device``, timed by ``clock``."""

    name: str
    enters: bool = False
    """Whether each call enters the runtime anew, which a network does once for all of its operators."""

    def __init__(self, device: str, threads: int, clock: str) -> None:
        self.device, self.threads, self.clock_name = device, threads, clock

    @property
    def clock(self) -> Clock:
        """Seconds."""
        return CLOCKS[self.clock_name]

    @property
    @abc.abstractmethod
    def versions(self) -> str:
        """Of what is measured with."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Where calls are made and timed."""
        with inference(self.threads):
            yield

    @abc.abstractmethod
    def call(self, modules: Sequence[nn.Module], inputs: tuple[Tensor, ...]) -> Call:
        """Runs one of ``modules`` after the other, a pass a call; they are alike."""

    @abc.abstractmethod
    def whole(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> Call:
        """Runs a network as it would be deployed: in evaluation mode, batch norms folded."""

    def about(self) -> str:
        """The machine, in a word or two."""
        return processor() if self.device == "cpu" else self.device


class Torch(Runtime):
    """Eager torch."""

    name = TORCH

    @property
    def versions(self) -> str:
        """The one of torch."""
        import torch

        return f"torch {torch.__version__}"

    @property
    def clock(self) -> Clock:
        """On a GPU: when all that was asked of it is done.

        A window of many calls waits once, so that what it costs to ask is hidden where it is hidden in a
        network as well.
        """
        if self.device != "cuda":
            return super().clock
        import torch

        def synchronised() -> float:
            torch.cuda.synchronize()
            return time.perf_counter()

        return synchronised

    def call(self, modules: Sequence[nn.Module], inputs: tuple[Tensor, ...]) -> Call:
        """One pass a call, with the modules taking turns."""
        placed = [module.to(self.device) for module in modules]
        given = tuple(x.to(self.device) for x in inputs)
        if len(placed) == 1:
            (only,) = placed
            return lambda: only(*given)
        turn = itertools.cycle(placed).__next__
        return lambda: turn()(*given)

    def whole(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> Call:
        """Folded here (:mod:`mathdesign.measuring.folding`)."""
        from mathdesign.measuring.folding import folded

        return self.call([folded(module, inputs)], inputs)

    def about(self) -> str:
        """The processor, or the GPU."""
        if self.device != "cuda":
            return super().about()
        import torch

        return str(torch.cuda.get_device_name())


class Onnx(Runtime):
    """onnxruntime on a CPU; it folds batch norms by itself."""

    name = ONNX
    enters = True

    @property
    def versions(self) -> str:
        """onnxruntime's, and that of torch, which exports."""
        import onnxruntime
        import torch

        return f"onnxruntime {onnxruntime.__version__}, exported by torch {torch.__version__}"

    def call(self, modules: Sequence[nn.Module], inputs: tuple[Tensor, ...]) -> Call:
        """One pass a call, with the sessions taking turns."""
        runs = [self._run(module, inputs) for module in modules]
        if len(runs) == 1:
            return runs[0]
        turn = itertools.cycle(runs).__next__
        return lambda: turn()()

    def whole(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> Call:
        """As it is exported."""
        return self._run(module.eval(), inputs)

    def _run(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> Call:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        graph = exported(module, inputs)
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        names = [given.name for given in session.get_inputs()]
        feed = {name: x.numpy() for name, x in zip(names, inputs)}
        return lambda: session.run(None, feed)


def runtime(name: str, device: str = "cpu", threads: int = 1, clock: str = WALL) -> Runtime:
    """The runtime of that name. Raises :class:`RuntimeRefused` with everything that it cannot be.

    ``device``: ``cpu`` or ``cuda``; ``clock``: ``wall``, or ``cpu`` (of one thread on a CPU).
    """
    faults = []
    if name not in RUNTIMES:
        faults.append(f"runtime {name}: accepted: {', '.join(RUNTIMES)}")
    if device not in ("cpu", "cuda"):
        faults.append(f"device {device}: accepted: cpu, cuda")
    if device == "cuda" and name == ONNX:
        faults.append("onnxruntime on cuda: accepted: --runtime torch, or --device cpu")
    if threads < 1:
        faults.append(f"{threads} threads: accepted: at least 1")
    if clock not in CLOCKS:
        faults.append(f"clock {clock}: accepted: {', '.join(CLOCKS)}")
    if clock == CPU and (threads > 1 or device == "cuda"):
        faults.append(
            "the cpu clock sees one thread: accepted: --clock wall, or --threads 1 on a cpu"
        )
    if faults:
        raise RuntimeRefused("\n".join(faults))
    require("torch", "torch")
    if name == ONNX:
        require("onnx", "onnx", "onnxruntime")
        return Onnx(device, threads, clock)
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise RuntimeRefused("device cuda: no GPU is there; accepted: cpu")
    return Torch(device, threads, clock)


#: Of glibc's ``mallopt``: keep what is freed, take memory for tensors of up to 32 MiB from the heap.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_INT, LARGEST_MMAP = 2**31 - 1, 32 << 20


def keep_memory() -> None:
    """What a pass frees is kept for the next one, where the C library can be told so.

    glibc gives large blocks back to the system as soon as they are free. Each pass then takes its memory
    page by page anew, half of the time of some mobile networks, depending on which block comes last on
    the heap: something that no sum over operators knows, and no runtime with an arena of its own does.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP)
        mallopt(M_TRIM_THRESHOLD, LARGEST_INT)


@contextmanager
def inference(threads: int) -> Iterator[None]:
    """No gradients, so many threads of torch, and what both were before afterwards."""
    import torch

    keep_memory()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


def exported(module: nn.Module, inputs: tuple[Tensor, ...]) -> bytes:
    """The module as ONNX: by tracing, which takes a twentieth of the time, else as torch prefers."""
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        file = io.BytesIO()
        with contextlib.suppress(Exception):  # of many kinds: operations that it does not know
            torch.onnx.export(module, inputs, file, dynamo=False)  # type: ignore[arg-type]  # a stream too
            return file.getvalue()
        require("onnx", "onnxscript")
        program: Any = torch.onnx.export(module, inputs, dynamo=True, verbose=False)
    written: bytes = program.model_proto.SerializeToString()
    return written


def processor() -> str:
    """The processor's name, as the system tells it."""
    with contextlib.suppress(OSError):
        for line in (
            Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        ):
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
