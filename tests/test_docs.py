"""What the documents say runs: the README's YAML, its Python, its links."""

import re
from pathlib import Path

import pytest

from mathdesign.kinds.load import loads
from mathdesign.spaces.convnet.pose import to_program
from tests.places import ROOT

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_yaml_of_the_readme_is_valid():
    (text,) = blocks("yaml")
    assert to_program(loads(text)).program.size > 1e6


def test_the_python_of_the_readme_compiles():
    (text,) = blocks("python")
    compile(text, "README.md", "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


PLACE = re.compile(r"`((?:mathdesign|solvers|validators|tests|benchmarks|examples)/[\w/.-]*\w)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Path):
    text = page.read_text(encoding="utf-8")
    gone = [place for place in PLACE.findall(text) if not (ROOT / place).exists()]
    assert gone == []
