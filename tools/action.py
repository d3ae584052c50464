# SPDX-License-Identifier: Apache-2.0
"""action.yml, run as a runner of GitHub's runs a composite action: step by step, in bash.

    python -m tools.action FOLDER [INPUT=VALUE...]

Of expressions it knows `${{ inputs.NAME }}`, which is all that the action has; a step that exits
otherwise than 0 is the last.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
_INPUT = re.compile(r"\$\{\{ inputs\.(\w+) \}\}")


def run(folder: Path, given: dict[str, str], environment: dict[str, str]) -> tuple[int, str]:
    """The exit code of the last step that ran, and what all of them printed.

    folder: the checkout that the action works on. given: values of inputs. environment: that of the
    runner, beside what it tells an action. Raises KeyError for an input that the action lacks.
    """
    inputs = {name: str(declared["default"]) for name, declared in ACTION["inputs"].items()}
    if unknown := set(given) - set(inputs):
        raise KeyError(f"action.yml has no input {', '.join(sorted(unknown))}")
    inputs |= given
    printed = ""
    for step in ACTION["runs"]["steps"]:
        values = {
            name: _INPUT.sub(lambda found: inputs[found[1]], value)
            for name, value in step.get("env", {}).items()
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=folder,
            env={**environment, "GITHUB_ACTION_PATH": str(ROOT), **values},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        printed += done.stdout
        if done.returncode:
            return done.returncode, printed
    return 0, printed


def main() -> int:
    """Run it in the folder that is named."""
    folder, *words = sys.argv[1:]
    given = dict(word.split("=", 1) for word in words)
    with tempfile.TemporaryDirectory() as temporary:
        summary = Path(temporary) / "summary.md"
        environment = {
            **os.environ,
            "RUNNER_TEMP": temporary,
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_ACTIONS": "true",
        }
        code, printed = run(Path(folder), given, environment)
        sys.stdout.write(printed)
        if summary.exists():
            sys.stdout.write(f"the summary of the job:\n{summary.read_text()}")
    return code


if __name__ == "__main__":
    sys.exit(main())
