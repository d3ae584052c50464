# SPDX-License-Identifier: Apache-2.0
"""Runs the suite on each Python that pyproject promises and this machine has.

Looked for on PATH as python3.N, then under pyenv. mypy runs on the lowest and the highest
found. Exit 1 if a suite fails; a Python that is not found is said, and no failure.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tools.locked_requirements import PYPROJECT

_CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.\d+)")


def promised() -> list[str]:
    """The versions that pyproject's classifiers name, lowest first."""
    classifiers = tomllib.loads(PYPROJECT.read_text())["project"]["classifiers"]
    return [match[1] for text in classifiers if (match := _CLASSIFIER.fullmatch(text))]


def found(version: str) -> str | None:
    """An interpreter of this version that starts, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    candidates = [shutil.which(f"python{version}")]
    candidates += sorted(map(str, pyenv.glob(f"{version}*/bin/python{version}")))
    return next((path for path in candidates if path is not None and _starts(path)), None)


def _starts(path: str) -> bool:
    # A version manager's shim is on PATH for versions that are not selected, and then fails.
    done = subprocess.run([path, "-c", "import venv"], capture_output=True, check=False)
    return done.returncode == 0


def main() -> int:
    """The exit code: 0 unless a suite or mypy fails."""
    pythons = {version: path for version in promised() if (path := found(version)) is not None}
    missing = [version for version in promised() if version not in pythons]
    outermost = {min(pythons, key=promised().index), max(pythons, key=promised().index)}
    outcomes = dict.fromkeys(missing, "not found on this machine")
    for version, path in pythons.items():
        verbs = ["test", "type"] if version in outermost else ["test"]
        print(f"== Python {version}: {path}: make {' '.join(verbs)}", flush=True)
        make = ["make", *verbs, f"PYTHON={path}", f"VENV=.venv-{version}"]
        code = subprocess.run(make, cwd=PYPROJECT.parent, check=False).returncode
        outcomes[version] = "passed" if code == 0 else "FAILED"
    for version in promised():
        print(f"Python {version}: {outcomes[version]}")
    return 1 if "FAILED" in outcomes.values() else 0


if __name__ == "__main__":
    sys.exit(main())
