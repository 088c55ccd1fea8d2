"""The words of a user: YAML in, a validated frozen specification out."""

from mathdesign.spec.build import Program, to_program, to_space
from mathdesign.spec.faults import Fault, SpecError
from mathdesign.spec.load import json_schema, load, loads, quick
from mathdesign.spec.schema import Spec, Specification

__all__ = [
    "Fault",
    "Program",
    "Spec",
    "SpecError",
    "Specification",
    "json_schema",
    "load",
    "loads",
    "quick",
    "to_program",
    "to_space",
]
