# SPDX-License-Identifier: Apache-2.0
"""Prints what the lock holds beside pyproject's dependencies: pip and the build backend."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def main() -> None:
    """One requirement a line."""
    build = tomllib.loads(PYPROJECT.read_text())["build-system"]
    # An editable install needs more than the table says; PEP 660: the backend names it.
    backend = importlib.import_module(build["build-backend"])
    print("\n".join(["pip", *build["requires"], *backend.get_requires_for_build_editable()]))


if __name__ == "__main__":
    main()
