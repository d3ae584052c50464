# SPDX-License-Identifier: Apache-2.0
"""pytest collects scenarios as tests, and boots platforms with the fixture `tdx_machine`.

Found through an entry point: nothing of tdxctl is imported before a scenario or the fixture is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from tdxctl.machine import Machine
    from tdxctl.platform.description import Platform
    from tdxctl.rootfs.run import Ran
    from tdxctl.rootfs.sandbox import Place
    from tdxctl.scenario.description import Case, Outcome


#: units.FILE_SUFFIXES, which is not imported for it: a test holds the two equal.
_SUFFIXES = (".yaml", ".yml", ".json")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A file that says that it is a scenario is a file of tests."""
    # Every file of everybody's tests is asked: the suffix first, and here, for tdxctl to stay out.
    if file_path.suffix not in _SUFFIXES:
        return None
    from tdxctl.scenario.find import is_scenario

    if not is_scenario(str(file_path)):
        return None
    found: pytest.Collector = ScenarioFile.from_parent(parent, path=file_path)
    return found


class ScenarioFile(pytest.File):
    """A scenario's file: a test for each of its cases."""

    def collect(self) -> Iterator[pytest.Item]:
        """Load it; what is wrong in it is a collection error."""
        from tdxctl.errors import DescriptionError
        from tdxctl.scenario.load import load_cases

        try:
            cases = load_cases(str(self.path))
        except DescriptionError as error:
            raise self.CollectError(error.message) from None
        for case in cases:
            yield ScenarioItem.from_parent(self, name=case.name, case=case)


class ScenarioFailed(Exception):
    """An expectation of a scenario did not hold."""


class ScenarioItem(pytest.Item):
    """One case."""

    def __init__(self, *, case: Case, **more: Any) -> None:
        super().__init__(**more)
        self._case = case

    def runtest(self) -> None:
        """Run it. A waiver is an expected failure, and one that is not needed fails."""
        from tdxctl.scenario.description import WAIVED
        from tdxctl.scenario.runner import run_case

        outcome = run_case(self._case)
        if outcome.outcome == WAIVED:
            pytest.xfail(outcome.reason or "")
        if outcome.is_bad:
            raise ScenarioFailed(_shown(outcome))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]
        """The differences, without a traceback."""
        if isinstance(excinfo.value, ScenarioFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        """File, line and name."""
        return self.path, self._case.line - 1, self.name


def _shown(outcome: Outcome) -> str:
    from tdxctl.report.results import text

    return text.render([outcome]).rpartition("\n\n")[0]


@pytest.fixture
def tdx_machine() -> Callable[..., Machine]:
    """What boots a machine.

    `tdx_machine("spr-2s-512g", kernel="6.8", set={"cpus.online": "0-3"})`; the platform is a
    shipped one's name, a file's path, a description as a dict, or a Platform.
    """
    return _boot


def _boot(
    platform: str | Mapping[str, object] | Platform = "small",
    kernel: str = "v5",
    set: Mapping[str, object] | None = None,  # noqa: A002  # as in a scenario
) -> Machine:
    import json

    from tdxctl.machine import Machine
    from tdxctl.platform.description import Platform
    from tdxctl.platform.load import load_file, platform_of
    from tdxctl.platform.settings import with_settings
    from tdxctl.platform.shipped import resolve
    from tdxctl.platform.source import Source

    if isinstance(platform, Platform):
        return Machine.boot(platform, kernel)
    settings = tuple(f"{key}={json.dumps(value)}" for key, value in (set or {}).items())
    if isinstance(platform, str):
        return Machine.boot(load_file(resolve(platform), settings), kernel)
    document = with_settings(Source(file=None, data=dict(platform)), settings)
    return Machine.boot(platform_of(document, default_name="platform"), kernel)


class TdxHost:
    """A host that is not there: machine, the folder of its files, and commands on it."""

    def __init__(self, machine: Machine, place: Place) -> None:
        self.machine = machine
        self.root = Path(place.root)
        self._place = place

    def run(self, *command: str, env: Mapping[str, str] | None = None, timeout: float = 60) -> Ran:
        """Run a command with the host's files in place of the real ones.

        It has exit_code, stdout and stderr. Skips the test where that cannot be had, and says what
        is missing.
        """
        from tdxctl.rootfs.run import RunError, isolation_for, run_captured

        try:
            way = isolation_for(self._place)
        except RunError as error:
            pytest.skip(error.message)
        return run_captured(self._place, command, way, environment=env, seconds=timeout)


@pytest.fixture
def tdx_host() -> Iterator[Callable[..., TdxHost]]:
    """What makes a host, ready for TDs where its platform and kernel let it.

    `tdx_host("no-module", kernel="7.2")` as `tdx_machine`, by default with Linux 6.18; `.root` is
    the folder of its files, `.run("sh", "-c", "...")` runs a command on it, `.machine` is behind
    it.
    """
    from contextlib import ExitStack

    from tdxctl.rootfs.document import machine_root
    from tdxctl.rootfs.run import placed

    with ExitStack() as hosts:

        def made(
            platform: str | Mapping[str, object] | Platform = "small",
            kernel: str = "6.18",
            set: Mapping[str, object] | None = None,  # noqa: A002  # as in a scenario
        ) -> TdxHost:
            machine = _boot(platform, kernel, set)
            machine.init_host()
            return TdxHost(machine, hosts.enter_context(placed(machine_root(machine))))

        yield made
