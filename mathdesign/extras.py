"""Packages that not every installation has, and the line that brings them."""

from __future__ import annotations

import importlib.util

#: Extra of ours -> the modules that come with it; of several extras the first is named.
EXTRAS: dict[str, tuple[str, ...]] = {
    "torch": ("torch",),
    "exact": ("numba", "llvmlite"),
    "predictor": ("lightgbm",),
    "table": ("pandas", "pyarrow", "plotly", "matplotlib"),
    "validate": ("sklearn", "PIL"),
    "solvers": ("pyomo", "pyscipopt", "cvxpy", "clarabel"),
    "cluster": ("distributed", "dask"),
    "text": ("tokenizers",),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
}


class MissingPackage(ImportError):
    """A package that a command needs is not installed; the message has the line that brings it."""


def require(extra: str, *modules: str) -> None:
    """Raise :class:`MissingPackage` unless all ``modules`` are there, which ``extra`` brings.

    Nothing is imported: a command asks for what it needs in its last step before its first one.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise MissingPackage(_line(module, extra), name=module)


def how_to_install(error: ImportError) -> str:
    """What is missing and the line of pip that mends it; other errors in their own words."""
    if isinstance(error, MissingPackage):
        return str(error)
    module = (error.name or "").partition(".")[0]
    extra = next((name for name, modules in EXTRAS.items() if module in modules), None)
    if extra is None:
        return f"cannot import {module or 'a module'}: {error}"
    return _line(module, extra)


def _line(module: str, extra: str) -> str:
    return f"{module} is missing: pip install 'mathdesign[{extra}]'"


def version() -> str:
    """The version of the installed package."""
    import importlib.metadata  # most commands, and their help, start without

    return importlib.metadata.version("mathdesign")
