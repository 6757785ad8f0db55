"""`make install`: what it refuses it says in a sentence; what is there is not installed again; what has changed is.

Python is a script here that notes what it was asked for, so nothing is downloaded and nothing built.
"""

from __future__ import annotations

import ast
import os
import runpy
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.build import REPOSITORY, copy_of_the_package, run_python

PYTHON = """#!/bin/sh
# A Python {version} that notes in {notes} what it is asked to do.
case "$*" in
  *version_info*) {runs} && echo {new} ;;
  -V) echo "Python {version}" ;;
  *cache_tag*) echo {tag} ;;
  *_base_executable*) echo {self} ;;
  *ensurepip*) {venv} ;;
  "-m venv "*) echo "$*" >>{notes}; for directory; do :; done; mkdir -p "$directory/bin"; cp {self} "$directory/bin/python" ;;
  "-m pip "*) echo "$*" >>{notes}; {pip} ;;
  "lock/with_uv.py "*) echo "$*" >>{notes}; {uv} ;;
  *sysconfig*) echo tools ;;
  "setup.py tell") echo "Compiling the engine" ;;
esac
"""


@dataclass
class Tree:
    """A repository's installing half, and a Python for it."""

    root: Path

    @property
    def notes(self) -> list[str]:
        """What Python was asked to do since the last look."""
        file = self.root / "notes"
        found = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return found

    def python(self, name: str = "python3", **says: str) -> Path:
        file = self.root / name
        usual = {
            "version": "3.11.7",
            "runs": "true",
            "new": "1",
            "tag": "cpython-311",
            "venv": "true",
            "pip": "true",
            "uv": "true",
        }
        text = PYTHON.format(**(usual | says), notes=self.root / "notes", self=file)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)
        return file

    def run(self, script: str, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.root / "lock" / script), "env", *map(str, words)],
            cwd=self.root,
            env={**os.environ, "PATH": f"{self.root}:{os.defpath}"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    shutil.copytree(REPOSITORY / "lock", tmp_path / "lock")
    for name in ("service/domain", "schemas"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "module.py").write_text("X = 1\n", encoding="utf-8")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        (tmp_path / name).write_text("", encoding="utf-8")
    return Tree(tmp_path)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a refusal."""
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def test_no_python(tree: Tree) -> None:
    sentence = refused(tree.run("install", "/nowhere/python3.12"))

    assert sentence.startswith("error: /nowhere/python3.12 was not found: install Python 3.11 or newer, or name one")
    assert not (tree.root / "env").exists()


def test_an_old_python(tree: Tree) -> None:
    sentence = refused(tree.run("install", tree.python(new="0", version="3.8.1")))

    assert "Python 3.11 or newer is needed" in sentence
    assert "is Python 3.8.1" in sentence
    assert tree.notes == []


def test_a_python_that_does_not_run(tree: Tree) -> None:
    assert "does not run" in refused(tree.run("install", tree.python(runs="false")))


def test_a_python_without_its_venv_module(tree: Tree) -> None:
    assert "apt install python3-venv" in refused(tree.run("install", tree.python(venv="exit 1")))


def test_no_index_is_told_in_a_sentence_and_tried_again_the_next_time(tree: Tree) -> None:
    sentence = refused(tree.run("install", tree.python(pip="exit 1")))

    assert "pip could not install uv of lock/build.txt" in sentence
    assert tree.run("install", tree.python()).returncode == 0
    assert len(tree.notes) == 2 + 4  # an environment and one attempt; an environment, uv and both files


@pytest.mark.skipif(shutil.which("make") is None, reason="THE MAKEFILE WAS NOT TESTED: no make")
def test_make_passes_the_sentence_on(tree: Tree) -> None:
    shutil.copy(REPOSITORY / "Makefile", tree.root / "Makefile")

    ours = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    done = subprocess.run(  # of a make that runs these tests nothing is handed on
        ["make", "install", "PYTHON=/nowhere/python3"],
        cwd=tree.root,
        env=ours,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert done.stderr.splitlines()[0].startswith("error: /nowhere/python3 was not found")


def test_an_environment_is_made_with_hashes_and_not_made_again(tree: Tree) -> None:
    made = tree.run("install", tree.python())

    assert made.returncode == 0, made.stderr
    assert made.stdout == "Installing into env (a minute the first time)\n"
    venv, uv, *installed = tree.notes
    assert venv == "-m venv --clear env"
    assert "--require-hashes" in uv
    assert [line.split()[0] for line in (tree.root / "env/uv.txt").read_text().splitlines() if "==" in line] == [
        line.split()[0] for line in (tree.root / "lock/build.txt").read_text().splitlines() if line.startswith("uv==")
    ]
    assert installed == [f"lock/with_uv.py env/bin/python lock/{name}.txt" for name in ("build", "all")]

    again = tree.run("install")

    assert (again.returncode, again.stdout, again.stderr, tree.notes) == (0, "", "", [])


def test_what_uv_cannot_install_pip_does(tree: Tree) -> None:
    made = tree.run("install", tree.python(uv="false"))

    assert made.returncode == 0, made.stderr
    by_pip = [line for line in tree.notes if line.startswith("-m pip")][1:]
    assert [line.rpartition(" ")[2] for line in by_pip] == ["lock/build.txt", "lock/all.txt"]
    assert all("--require-hashes" in line and "--no-build-isolation" in line for line in by_pip)


def test_uv_asks_whom_pip_was_told_to_ask() -> None:
    told = runpy.run_path(str(REPOSITORY / "lock" / "with_uv.py"))["told"]

    assert told(
        "global.cert='/etc/ours.pem'\nglobal.index-url='https://one.example/simple'\nglobal.timeout='60'\n"
        "install.find-links='/wheels\\n/more'\ninstall.index-url='https://two.example/simple'\n"
        ":env:.extra-index-url='https://three.example/a=b https://four.example'\n:env:.proxy=''\n"
    ) == {
        "SSL_CERT_FILE": "/etc/ours.pem",
        "UV_DEFAULT_INDEX": "https://two.example/simple",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_INDEX": "https://three.example/a=b https://four.example",
    }


def test_uv_installs_only_what_has_the_locked_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "nothing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        for name, text in (
            ("METADATA", "Metadata-Version: 2.1\nName: nothing\nVersion: 1.0\n"),
            ("WHEEL", "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("RECORD", ""),
        ):
            packed.writestr(f"nothing-1.0.dist-info/{name}", text)
    locked, to = tmp_path / "lock.txt", tmp_path / "to"
    install = runpy.run_path(str(REPOSITORY / "lock" / "with_uv.py"))["main"]
    for name, value in (("FIND_LINKS", tmp_path), ("NO_INDEX", 1), ("OFFLINE", 1), ("CACHE_DIR", tmp_path / "cache")):
        monkeypatch.setenv(f"UV_{name}", str(value))
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setitem(install.__globals__, "INSTALL", (*install.__globals__["INSTALL"], "--target", str(to)))

    for digest, ends, there in (
        ("0" * 64, 1, []),
        (sha256(wheel.read_bytes()).hexdigest(), 0, ["nothing-1.0.dist-info"]),
    ):
        locked.write_text(f"nothing==1.0 --hash=sha256:{digest}\n", encoding="utf-8")
        assert install(sys.executable, str(locked)) == ends
        assert [found.name for found in to.glob("nothing*")] == there


def test_an_environment_keeps_its_python_until_another_is_named(tree: Tree) -> None:
    tree.python(tag="cpython-311")
    other = tree.python("python3.13", tag="cpython-313", version="3.13.0")
    assert tree.run("install", other).returncode == 0
    assert len(tree.notes) == 4

    tree.run("install")
    assert tree.notes == []

    tree.run("install", "python3")
    assert len(tree.notes) == 4


def test_an_environment_whose_python_was_replaced_is_renewed(tree: Tree) -> None:
    tree.run("install", tree.python())
    assert tree.notes

    (tree.root / "env/bin/python").unlink()
    tree.run("install")

    assert len(tree.notes) == 4


def test_another_lock_renews_the_environment(tree: Tree) -> None:
    tree.run("install", tree.python())
    assert tree.notes

    with (tree.root / "lock/all.txt").open("a", encoding="utf-8") as file:
        file.write("# another\n")
    tree.run("install")

    assert len(tree.notes) == 4


def test_the_package_is_installed_when_its_source_has_changed_and_only_then(tree: Tree) -> None:
    tree.run("install", tree.python())
    assert tree.notes

    first = tree.run("package")
    assert first.stdout == "Compiling the engine\n"
    (line,) = tree.notes
    assert "--force-reinstall" in line
    assert not line.endswith((" .", str(tree.root))), "built in the tree"
    assert "--no-index" in line

    again = tree.run("package")
    assert (again.returncode, again.stdout, tree.notes) == (0, "", [])

    (tree.root / "service/domain/module.py").rename(tree.root / "service/domain/renamed.py")
    tree.run("package")
    assert len(tree.notes) == 1


def list_of_setup_py(wanted: str) -> tuple[str, ...]:
    """A literal of setup.py, which cannot be imported: it would build."""
    for node in ast.parse((REPOSITORY / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == wanted:
            found: tuple[str, ...] = ast.literal_eval(node.value)
            return found
    raise LookupError(wanted)


def test_every_module_to_be_compiled_exists() -> None:
    engine, beside = list_of_setup_py("HOT"), list_of_setup_py("FILES")
    files = [*(f"service/domain/{name}.py" for name in engine), *(f"service/{name}.py" for name in beside)]

    assert len(files) > 20
    assert [name for name in files if not (REPOSITORY / name).is_file()] == []


@pytest.mark.skipif(sys.platform == "win32", reason="NOT TESTED: there the compiler is not found by name")
def test_without_a_compiler_one_line_says_what_is_lost(tmp_path: Path) -> None:
    package = copy_of_the_package(tmp_path / "package")

    told = run_python(["setup.py", "tell"], cwd=package, CC="no-such-compiler")

    (line,) = told.stdout.splitlines()
    assert line.startswith("The engine is not compiled, no C compiler (no-such-compiler was not found)")
    assert line.endswith("four to five times slower")

    insisted = run_python(["setup.py", "--version"], cwd=package, CC="no-such-compiler", CHURN_ALERT_COMPILE="1")

    assert insisted.returncode == 1
    assert "error: CHURN_ALERT_COMPILE=1, but there is no C compiler" in insisted.stderr


def test_pure_python_can_be_asked_for(tmp_path: Path) -> None:
    package = copy_of_the_package(tmp_path / "package")

    told = run_python(["setup.py", "tell"], cwd=package, CHURN_ALERT_COMPILE="0")

    assert told.stdout.startswith("The engine is not compiled, CHURN_ALERT_COMPILE=0")


def test_the_engine_can_be_compiled_where_only_what_builds_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an image and `pip install .` do it: without the libraries that the service runs on."""
    monkeypatch.setattr(sys, "argv", ["setup.py", "tell"])
    build = runpy.run_path(str(REPOSITORY / "setup.py"))

    said = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-site-packages", *build["OWN_TYPES"], *build["COMPILED"]],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert said.returncode == 0, said.stdout + said.stderr
