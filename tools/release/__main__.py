# SPDX-License-Identifier: Apache-2.0
"""Everything about a release but the suite: archives, metadata, and how people install it.

    make release-check

A line for each thing that was looked at, with what it said where it is wrong; 1 then.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

import yaml

from tdxctl import __version__

ROOT = Path(__file__).parent.parent.parent
TOOLS = ROOT / ".venv-release" / "bin"
_FAILED = "emr-2s-256g-fragmented"


class Wrong(Exception):
    """What a look at the release found."""


def main() -> int:
    """Look at everything, whatever is wrong before."""
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="tdxctl-release-") as folder:
        dist = Path(folder) / "dist"
        for name, look in _looks(Path(folder), dist):
            try:
                found = look()
            except (Wrong, OSError, KeyError, subprocess.TimeoutExpired) as problem:
                wrong += 1
                print(f"WRONG  {name}: {problem}", flush=True)
            else:
                print(f"ok     {name}: {found}", flush=True)
    return min(wrong, 1)


def _looks(folder: Path, dist: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "archives", lambda: _build(dist)
    yield "twine check", lambda: _run(TOOLS / "twine", "check", "--strict", *_archives(dist))
    yield "contents of the sdist", lambda: _sdist(dist)
    yield "contents of the wheel", lambda: _wheel(dist)
    yield "metadata", lambda: _metadata(_only(dist, "*.whl"))
    yield "changelog", _changelog
    for archive in ("*.whl", "*.tar.gz"):
        yield (
            f"uvx, from the {archive[2:]}",
            lambda archive=archive: _as_installed(  # type: ignore[misc]
                folder, TOOLS / "uvx", "--quiet", "--no-cache", "--from", str(_only(dist, archive))
            ),
        )
    yield (
        "pipx run, from the whl",
        lambda: _as_installed(
            folder,
            TOOLS / "pipx",
            "run",
            "--quiet",
            "--no-cache",
            "--spec",
            str(_only(dist, "*.whl")),
        ),
    )
    yield (
        "action.yml",
        lambda: _run(
            TOOLS / "check-jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml"
        ),
    )
    yield "steps of the action", lambda: _action(folder)
    yield "hooks of pre-commit", lambda: _hooks(folder)


def _run(
    *command: str | Path, cwd: Path = ROOT, code: int = 0, environment: dict[str, str] | None = None
) -> str:
    # The last line that it prints. Raises Wrong with all of them where it exits otherwise.
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode != code:
        raise Wrong(f"exit {done.returncode}\n{done.stdout.strip()}")
    return ([""] + [line for line in done.stdout.splitlines() if line.strip()])[-1].strip()


def _build(dist: Path) -> str:
    _run(Path(sys.executable), "-m", "hatchling", "build", "--directory", dist)
    return ", ".join(path.name for path in _archives(dist))


def _archives(dist: Path) -> list[Path]:
    return sorted(dist.iterdir())


def _only(dist: Path, pattern: str) -> Path:
    [path] = dist.glob(pattern)
    return path


def _tracked(*folders: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *folders], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return set(filter(None, listed.stdout.split("\0")))


def _same(found: set[str], wanted: set[str]) -> str:
    if found != wanted:
        raise Wrong(
            f"not wanted: {sorted(found - wanted)[:5]}; missing: {sorted(wanted - found)[:5]}"
        )
    return f"{len(found)} files"


def _sdist(dist: Path) -> str:
    with tarfile.open(_only(dist, "*.tar.gz")) as archive:
        found = {name.partition("/")[2] for name in archive.getnames()}
    return _same(found, _tracked() | {"PKG-INFO"}) + ", those of the repository"


def _wheel(dist: Path) -> str:
    with zipfile.ZipFile(_only(dist, "*.whl")) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
        about = {name.partition("/")[2] for name in archive.namelist()} - {None}
    wanted = _tracked("tdxctl") | {f"tdxctl/{name}" for name in _tracked("platforms")}
    if not {"METADATA", "entry_points.txt", "licenses/LICENSE"} <= about:
        raise Wrong("no METADATA, entry_points.txt or LICENSE")
    return _same(found, wanted) + ", those of tdxctl/ and platforms/"


def _metadata(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as archive:
        name = next(each for each in archive.namelist() if each.endswith("/METADATA"))
        said: Message = BytesParser().parsebytes(archive.read(name))
    links = {label.partition(", ")[0] for label in said.get_all("Project-URL", [])}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wrong = [
        what
        for what, holds in {
            f"version {said['Version']}": said["Version"] == __version__,
            f"links {sorted(links)}": links == {"Documentation", "Changelog", "Issues", "Source"},
            "license": said["License-Expression"] == "Apache-2.0",
            "requires-python": said["Requires-Python"] == project["requires-python"],
            "summary": said["Summary"] == project["description"],
            "description": said["Description-Content-Type"] == "text/markdown",
            "classifiers": set(said.get_all("Classifier", [])) == set(project["classifiers"]),
        }.items()
        if not holds
    ]
    if wrong:
        raise Wrong("; ".join(wrong))
    return f"version {__version__}, {len(links)} links, {len(project['classifiers'])} classifiers"


def _changelog() -> str:
    text = (ROOT / "CHANGELOG.md").read_text()
    if not re.search(rf"^## \[{re.escape(__version__)}\]", text, re.MULTILINE):
        raise Wrong(f"has no section {__version__}")
    return f"has a section {__version__}"


def _as_installed(folder: Path, *runner: str | Path) -> str:
    empty = Path(tempfile.mkdtemp(dir=folder))
    state = {"TDXCTL_STATE": str(empty / "state"), "PYTHONPATH": ""}
    version = _run(*runner, "tdxctl", "--version", cwd=empty, environment=state)
    if version != f"tdxctl {__version__}":
        raise Wrong(version)
    init = ("tdxctl", "init", "--once", "--platform")
    _run(*runner, *init, _FAILED, cwd=empty, code=1, environment=state)
    return f"{version}; {_run(*runner, *init, 'spr-2s-512g', cwd=empty, environment=state)}"


def _scratch(folder: Path) -> Path:
    # A project with a description and two scenarios, one of which does not hold.
    scratch = Path(tempfile.mkdtemp(dir=folder))
    (scratch / "platforms").mkdir()
    shutil.copyfile(ROOT / "platforms" / "small.yaml", scratch / "platforms" / "ours.yaml")
    (scratch / "scenarios").mkdir()
    for name, status in (("good", "INITIALIZED"), ("bad", "NONE")):
        scenario = {
            "schema": "tdxctl.scenario/1",
            "platform": "../platforms/ours.yaml",
            "steps": [{"init": 1, "expect": {"status": status}}],
        }
        (scratch / "scenarios" / f"{name}.yaml").write_text(yaml.safe_dump(scenario))
    return scratch


def _action(folder: Path) -> str:
    scratch = _scratch(folder)
    run = (Path(sys.executable), "-m", "tools.action", scratch, "platforms=platforms/*.yaml")
    _run(*run, code=1)
    (scratch / "scenarios" / "bad.yaml").unlink()
    _run(*run)
    if "failures=" not in (scratch / "tdxctl.xml").read_text():
        raise Wrong("no report of JUnit")
    return "a scenario that fails is exit 1, without it 0"


def _hooks(folder: Path) -> str:
    scratch = _scratch(folder)
    head = _run("git", "rev-parse", "HEAD")
    hooks = [{"id": "tdxctl-validate"}, {"id": "tdxctl-test"}]
    config = {"repos": [{"repo": str(ROOT), "rev": head, "hooks": hooks}]}
    (scratch / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    for command in (("init", "-q"), ("add", "-A")):
        _run("git", *command, cwd=scratch)
    cache = {"PRE_COMMIT_HOME": str(folder / "pre-commit")}
    run = (TOOLS / "pre-commit", "run", "--all-files")
    _run(*run, cwd=scratch, code=1, environment=cache)
    _run("git", "rm", "-q", "-f", "scenarios/bad.yaml", cwd=scratch)
    _run(*run, cwd=scratch, environment=cache)
    return "a scenario that fails stops a commit, without it there is none"


if __name__ == "__main__":
    sys.exit(main())
