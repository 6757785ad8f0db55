"""Classes of the broker as the Java machine has them in memory once it has loaded them: with an archive of them a
broker of a test is ready after two seconds instead of six, for half of the processor's time.

It is made once for a machine and kept beside the jars. Every broker gets it, those of the demos and clusters too: the
launcher `java` takes options from an environment variable. Where it cannot be made brokers start as ever.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path

from kafka.admin import NewTopic

from service.connection.admin import open_admin
from service.errors import ConfigurationError
from service.local_broker.broker import SHORT_LIFE, LocalKafka
from service.local_broker.distribution import KAFKA_VERSION, cache_dir, find_java, kafka_jars

VARIABLE = "JDK_JAVA_OPTIONS"
QUIET = "-Xlog:disable -Xlog:all=error:stderr"
"""An archive that does not fit is passed over, and said so on standard output."""
DUMP_S = 60.0


def use_archive() -> None:
    """From now on, by whatever this process starts; made by the first of several that ask."""
    if VARIABLE in os.environ:
        return
    try:
        os.environ[VARIABLE] = _options()
    except (ConfigurationError, OSError, subprocess.SubprocessError) as error:
        os.environ[VARIABLE] = ""
        print(f"brokers start without an archive of their classes: {error}", flush=True)


def _options() -> str:
    java, jars = find_java(), kafka_jars(print)
    made_of = [java, java.resolve().stat().st_mtime_ns, *jars, *(jar.stat().st_mtime_ns for jar in jars)]
    mark = hashlib.sha256(repr(made_of).encode()).hexdigest()[:12]
    base, whole = (cache_dir() / f"kafka-{KAFKA_VERSION}-{mark}-{part}.jsa" for part in ("java", "broker"))
    with (cache_dir() / "archive.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            _make(java, base, whole)
    return f"-XX:SharedArchiveFile={base}:{whole} {QUIET}"


def _make(java: Path, base: Path, whole: Path) -> None:
    """A runtime from a package comes without an archive of its own classes, which the broker's stands on."""
    dump = [str(java), "-Xshare:dump", "-XX:+UseSerialGC", f"-XX:SharedArchiveFile={base}"]
    subprocess.run(dump, check=True, capture_output=True, timeout=DUMP_S)
    half = whole.with_suffix(".half")
    with _Learning(base, half) as learning:
        with closing(open_admin(learning.bootstrap_servers)) as admin:
            admin.create_topics([NewTopic("learned", num_partitions=1, replication_factor=1)])
        learning.end_in_order()
        half.rename(whole)


class _Learning(LocalKafka):
    """A broker that writes down at its end what it has loaded."""

    def __init__(self, base: Path, written: Path) -> None:
        written_at_exit = (f"-XX:SharedArchiveFile={base}", f"-XX:ArchiveClassesAtExit={written}", "-Xlog:disable")
        super().__init__(jvm_options=(*SHORT_LIFE, *written_at_exit))

    def end_in_order(self) -> None:
        self._end(signal.SIGTERM)
