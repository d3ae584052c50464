# SPDX-License-Identifier: Apache-2.0
"""Change the code in one place, run the tests of its room, do that for a sample of each room."""

from __future__ import annotations

import argparse
import compileall
import marshal
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tools.mutants import equivalent
from tools.mutants.changes import Mutant, mutants, source_of
from tools.mutants.patch import code_of
from tools.mutants.rooms import ROOMS, ROOT, Room, test_files
from tools.mutants.seen import Definition, instrument
from tools.mutants.served import UNPATCHABLE, Asked, Server
from tools.mutants.trial import Outcome, Trial, import_all, share

#: Times its seconds: for a mutant whose tests have to be collected again.
_TIMES_ALONE = 2
#: Tests that are run without a mutant, before a room and after it.
_CONTROLS = 40
#: How likely a test that runs what is changed is to notice, as long as nothing is known of it: one
#: that takes no time, more of it a second, and where it is not of the room, times so much; it
#: counts as much as so many mutants that it was asked of.
_LIKELY, _LIKELY_A_SECOND, _ELSEWHERE, _ASKED = 0.03, 0.3, 0.05, 2
#: What kills of the same file count beside those of the room.
_KILLS_OF_ITS_FILE = 2
_QUICKEST = 0.002  # seconds that are told apart
_PATIENCE = 300.0  # seconds of a CPU for a file of tests, without a mutant


def main() -> int:
    """Run a sample of each room's mutants, or of one's; 1 where a floor was not reached."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    names = [room.name for room in ROOMS]
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=", ".join(names))
    parser.add_argument("--sample", type=int, default=100, help="mutants of a room (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="text in the mutant's file:line: what -> what")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=45, help="for all rooms (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=8, help="of a CPU, for a mutant (%(default)s)"
    )
    options = parser.parse_args()
    if unknown := sorted(set(options.rooms) - set(names)):
        parser.error(f"no room: {', '.join(unknown)}")
    rooms = [room for room in ROOMS if room.name in (options.rooms or names)]
    share()
    end = time.monotonic() + options.minutes * 60
    failed = False
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
        copies = [_copy(Path(folder) / str(i)) for i in range(options.processes)]
        telling = [_copy(Path(folder) / f"telling-{i}") for i in range(options.processes)]
        tests = without_any(test_files(), copies, telling)
        servers = {
            copy: Server(copy, sorted({t.partition("::")[0] for t in tests.seconds}))
            for copy in copies
        }
        for number, room in enumerate(rooms):
            found = _mutants_of(room, options.only)
            random.Random(options.seed).shuffle(found)
            until = time.monotonic() + (end - time.monotonic()) / (len(rooms) - number)
            tried = Tried(room, servers, tests, options.seconds)
            tried.check()
            tried.run(found[: options.sample], until)
            tried.check()
            failed |= tried.report(min(options.sample, len(found)), len(found))
        for server in servers.values():
            server.end()
    return 1 if failed else 0


def _mutants_of(room: Room, only: str) -> list[Mutant]:
    known = equivalent.names()
    return [
        mutant
        for file in room.files()
        for mutant in mutants(file)
        if only in str(mutant) and mutant.name not in known
    ]


def _copy(folder: Path) -> Path:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


class Tests(NamedTuple):
    """The suite without a mutant: the seconds that each test takes, which tests run a definition
    (or any of a file: its name is empty then), and what runs when the package is imported.
    """

    seconds: Mapping[str, float]
    of: Mapping[Definition, frozenset[str]]
    at_import: frozenset[Definition]


def without_any(files: list[str], copies: list[Path], telling: list[Path]) -> Tests:
    """Run all tests of the files in copies that tell what runs; copies then have their byte code.

    What fails there is run in one that does not tell. What fails there too is told and left out: it
    would notice any mutant.
    """
    started = time.monotonic()
    definitions, *_ = [instrument(copy) for copy in telling]
    at_import = frozenset(definitions[number] for number in import_all(telling[0]))
    told = _run_each(files, telling)
    seconds = {test: taken for each in told.values() for test, taken in each.seconds.items()}
    failed = {test or file for file, each in told.items() for test in each.failed}
    again = _run_each(sorted({test.partition("::")[0] for test in failed}), copies)
    for file, outcome in again.items():
        seconds |= outcome.seconds
        for test in outcome.failed:
            print(f"left out, fails without any mutant: {test or file}")
            seconds.pop(test, None)
    of: defaultdict[Definition, set[str]] = defaultdict(set)
    for each in told.values():
        for test, ran in each.seen.items():
            for number in ran if test in seconds else ():
                of[definitions[number]].add(test)
                of[definitions[number][0], ""].add(test)
    Trial(copies[0], files, [], _PATIENCE, collect=True).wait()
    compileall.compile_dir(copies[0] / "tdxctl", quiet=2)
    for other in copies[1:]:
        shutil.copytree(copies[0], other, ignore=_but_byte_code, dirs_exist_ok=True)
    print(f"no mutant: {len(seconds)} tests, {time.monotonic() - started:.0f} s", flush=True)
    return Tests(seconds, {key: frozenset(tests) for key, tests in of.items()}, at_import)


def _run_each(files: list[str], copies: list[Path]) -> dict[str, Outcome]:
    # What came of each file of tests.
    outcomes: dict[str, Outcome] = {}
    waiting = list(files)
    running: dict[Trial, str] = {}
    free = list(copies)
    while waiting or running:
        while free and waiting:
            file = waiting.pop(0)
            running[Trial(free.pop(), [file], [], _PATIENCE)] = file
        for trial, outcome in _ended(running):
            free.append(trial.copy)
            outcomes[running.pop(trial)] = outcome
    return outcomes


def _but_byte_code(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not (Path(folder, name).is_dir() or name.endswith(".pyc"))]


class Tried:
    """The mutants of a room that were tried, and what came of each."""

    def __init__(self, room: Room, servers: dict[Path, Server], tests: Tests, limit: float) -> None:
        self.room = room
        self._servers = servers
        self._tests = tests
        files = set(room.test_files())
        self._of_room = {test for test in tests.seconds if test.split("::")[0] in files}
        self._limit = limit
        # Test -> how many mutants it was asked of, and how many it noticed, of a file and of all.
        self._asked: Counter[str] = Counter()
        self._kills: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._outcomes: list[tuple[Mutant, Outcome]] = []
        self._elapsed = 0.0

    def run(self, found: list[Mutant], until: float) -> None:
        """Try each, as many at once as there are copies; none is begun after until."""
        started = time.monotonic()
        waiting = iter(found)
        running: dict[Trial | Server, Mutant] = {}
        free = list(self._servers)
        try:
            while True:
                while free and time.monotonic() < until and (mutant := next(waiting, None)):
                    running[self._begun(mutant, free.pop())] = mutant
                if not running:
                    break
                for trial, outcome in _ended(running):
                    mutant = running.pop(trial)
                    served = isinstance(trial, Server)
                    if served and (outcome == UNPATCHABLE or self._is_kept(mutant, outcome)):
                        running[self._trial(mutant, trial.copy)] = mutant
                        continue
                    self._restore(mutant, trial.copy)
                    free.append(trial.copy)
                    self._outcomes.append((mutant, outcome))
                    self._asked.update(outcome.seconds.keys())
                    self._kills[mutant.file].update(outcome.failed)
                    self._kills[""].update(outcome.failed)
        finally:
            for trial in running:
                trial.end()
        self._elapsed = time.monotonic() - started

    def check(self) -> None:
        """Raise RuntimeError where any of some tests of the room fails without any mutant."""
        some = random.Random(0).sample(sorted(self._of_room), min(_CONTROLS, len(self._of_room)))
        for server in self._servers.values():
            server.check(some)

    def report(self, wanted: int, all_of_them: int) -> bool:
        """Print what came of them; whether the floor was not reached."""
        tried = len(self._outcomes)
        killed = sum(bool(outcome.failed) for _, outcome in self._outcomes)
        percent = 100 * killed / max(tried, 1)
        cpu = sum(outcome.cpu for _, outcome in self._outcomes) / max(tried, 1)
        missed = percent < self.room.floor
        print(
            f"{self.room.name}: {killed} of {tried} killed, {percent:.1f} % (floor "
            f"{self.room.floor}); {all_of_them} mutants, {self._elapsed / max(tried, 1):.1f} s and "
            f"{cpu:.1f} s of a CPU each{'; BELOW THE FLOOR' if missed else ''}"
        )
        if tried < wanted:
            print(f"  {wanted - tried} were not tried: out of time")
        for mutant, outcome in sorted(self._outcomes):
            if not outcome.failed:
                print(f"  survived{'' if outcome.complete else ' what time allows'}: {mutant}")
        sys.stdout.flush()
        return missed

    def _begun(self, mutant: Mutant, copy: Path) -> Trial | Server:
        patch = code_of(mutant)
        if patch is None:
            return self._trial(mutant, copy)
        self._write(mutant, copy)
        names, code = patch
        order = self._order(mutant)
        server = self._servers[copy]
        server.ask(Asked(mutant.file, names, marshal.dumps(code), order, self._limit))
        return server

    def _trial(self, mutant: Mutant, copy: Path) -> Trial:
        # In a process of its own, which has to collect them again: the room's, the quickest first,
        # for what runs at import is not seen with the tests that rest on it.
        self._write(mutant, copy)
        chosen = sorted(self._of_room, key=lambda test: (-self._worth(mutant, test), test))
        return Trial(copy, [], chosen, _TIMES_ALONE * self._limit)

    def _is_kept(self, mutant: Mutant, outcome: Outcome) -> bool:
        # Whether it was not noticed, and what it changes has done its work where the package is
        # imported: what that made is the same in a process that had imported it.
        names = mutant.definition.split(".")
        around = {(mutant.file, ".".join(names[: at + 1])) for at in range(len(names))}
        return not outcome.failed and not self._tests.at_import.isdisjoint(around)

    def _write(self, mutant: Mutant, copy: Path) -> None:
        file = copy / mutant.file
        before = file.stat()
        file.write_text(source_of(mutant))
        # Byte code of the original is not taken: another time.
        os.utime(file, (before.st_atime, before.st_mtime + 2))

    def _restore(self, mutant: Mutant, copy: Path) -> None:
        shutil.copy2(ROOT / mutant.file, copy / mutant.file)

    def _order(self, mutant: Mutant) -> list[str]:
        # Those that run what is changed, then all of the room: what runs at import, or was kept
        # from another test, is seen with none of them.
        of = self._tests.of
        running = of.get((mutant.file, mutant.definition), of.get((mutant.file, ""), frozenset()))
        return sorted(
            self._of_room | running,
            key=lambda test: (test not in running, -self._worth(mutant, test), test),
        )

    def _worth(self, mutant: Mutant, test: str) -> float:
        # How likely it notices the mutant, a second. Before it was asked of any: one of the room,
        # and one that takes long, which looks at much.
        seconds = max(self._tests.seconds[test], _QUICKEST)
        likely = min(_LIKELY + _LIKELY_A_SECOND * seconds, 1.0)
        if test not in self._of_room:
            likely *= _ELSEWHERE
        kills = self._kills[""][test] + _KILLS_OF_ITS_FILE * self._kills[mutant.file][test]
        return (kills + _ASKED * likely) / (self._asked[test] + _ASKED) / seconds


def _ended(running: Iterable[Any]) -> Iterator[tuple[Any, Outcome]]:
    time.sleep(0.01)
    for trial in list(running):
        if (outcome := trial.outcome()) is not None:
            yield trial, outcome


if __name__ == "__main__":
    sys.exit(main())
