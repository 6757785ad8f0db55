"""Which engine runs is read from where it would be imported from, not from how it was meant to be installed."""

from __future__ import annotations

import platform
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec

import pytest

from service import build_info
from service.domain import engine


def test_the_tests_run_the_source() -> None:
    assert engine.__file__ is not None
    assert engine.__file__.endswith(".py")
    assert build_info.flavour() == "pure"


@pytest.mark.parametrize(("suffix", "flavour"), [(EXTENSION_SUFFIXES[0], "compiled"), (".py", "pure")])
def test_the_file_that_holds_the_engine_tells_the_flavour(
    monkeypatch: pytest.MonkeyPatch, suffix: str, flavour: str
) -> None:
    spec = ModuleSpec(build_info.ENGINE, None, origin=f"/somewhere/service/domain/engine{suffix}")
    monkeypatch.setattr(build_info, "find_spec", lambda name: spec if name == build_info.ENGINE else None)

    assert build_info.flavour() == flavour


def test_a_tree_that_was_never_installed_has_version_0(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", unknown)

    assert build_info.version() == "0"


def test_while_it_is_being_installed_it_has_version_0_and_not_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip takes the old files away before it puts the new ones there."""
    monkeypatch.setattr(metadata, "version", lambda _: None)

    assert build_info.version() == "0"


def test_the_sentence_names_version_flavour_and_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "1.2.3" if name == "churn-alert" else "")

    assert build_info.sentence() == f"churn-alert 1.2.3, pure, Python {platform.python_version()}"
