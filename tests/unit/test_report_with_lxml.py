"""Charts do not depend on what else is installed: pygal draws with lxml where it finds it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

STAND_IN = """
from xml.etree.ElementTree import *


class _Element:
    pass


def Element(*args, **more):
    raise TypeError("an element of lxml")


SubElement = Element
"""
DRAWS = "from service.report import charts; from pygal.etree import etree; print(etree.lxml, etree.Element.__module__)"


def test_what_draws_is_the_standard_library_where_lxml_is_installed_too(tmp_path: Path) -> None:
    package = tmp_path / "lxml"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "etree.py").write_text(STAND_IN)
    root = Path(__file__).parents[2]

    drawn = subprocess.run(
        [sys.executable, "-c", DRAWS],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{root}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert drawn.stdout.split() == ["False", "xml.etree.ElementTree"]
