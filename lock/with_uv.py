#!/usr/bin/env python3
"""Installs files of requirements as pip would, with uv, for a sixth of its processor time: with_uv.py PYTHON FILE...

PYTHON is that of the environment into which they go; the one that runs this has pip and uv.

It asks whom pip was told to ask, in pip's configuration files or its variables. Ends with another code than 0 where uv
does not run here or could not install them; pip may still can, for it knows more ways to be told of an index.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys

SAME = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
}
"""Option of pip → the variable that tells uv the same."""
WORDS = {"UV_FIND_LINKS": ","}
"""What stands between several values, where it is not a blank."""
NEAREST = ("global", "install", ":env:")
"""Sections of pip's configuration: each goes before those to its left."""
INSTALL = ("pip", "install", "--quiet", "--no-config", "--system-certs", "--require-hashes", "--no-build-isolation")


def told(listed: str) -> dict[str, str]:
    """What `pip config list` shows as variables for uv."""
    found: dict[str, str] = {}
    for section in NEAREST:
        for line in listed.splitlines():
            name, _, value = line.partition("=")
            where, _, option = name.rpartition(".")
            variable = SAME.get(option)
            if where == section and variable is not None:
                found[variable] = WORDS.get(variable, " ").join(ast.literal_eval(value).split())
    return {variable: value for variable, value in found.items() if value}


def main(python: str, *files: str) -> int:
    pip = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(pip, capture_output=True, text=True, check=True).stdout
    if ".no-index=" in listed:
        return 1
    environment = {**os.environ, **told(listed)}
    for file in files:
        words = [sys.executable, "-m", "uv", *INSTALL, "--python", python, "--requirements", file]
        if subprocess.run(words, env=environment, check=False).returncode != 0:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
