# SPDX-License-Identifier: Apache-2.0
"""The rooms of tdxctl, from the ground up: what each holds, and what it may import.

The one table of them: `tests/test_imports.py` holds the code to it, and `python -m tools.tables`
writes the README's of it.
"""

from __future__ import annotations

from typing import NamedTuple

#: Of the rooms that put the others together.
EVERYTHING = "everything, lazily"

#: Parts of platform/, and the part of seam/ that is no module.
DECLARATION = "the declaration"
READERS = "the readers"
DESCRIPTION = "the description"
TABLES = "the tables of seam"


class Room(NamedTuple):
    """Modules of tdxctl by their names, a folder's standing for all in it that has no other room.

    imports: rooms by name, whole folders, or single modules. Its own modules it may import anyway,
    and msgspec, of which records are made.
    """

    name: str
    holds: str
    imports: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()

    @property
    def members(self) -> tuple[str, ...]:
        """The modules and folders that are this room's."""
        return self.modules or (self.name,)


_WORDS = ("errors", "errnos", "units")

ROOMS = (
    Room("units", "numbers, sizes, lists and text in the field's notation"),
    Room("errnos", "the errnos by name"),
    Room("screens", "what the terminal that is written to can show"),
    Room("progress", "a line on a terminal while something takes long", ("screens",)),
    Room("document", "what a JSON document is: a record, of which its schema is made"),
    Room("sentences", "what `tdxctl --help` says of each command"),
    Room("errors", "ways to fail, an exit code each", ("units",)),
    Room("causes", "why a bring-up fails: a type per cause, with its numbers", ("errnos",)),
    Room("verdicts", "what the load of kvm_intel leaves a host with: a type each", ("errnos",)),
    Room("entries", "events as they are stored and printed", ("document",)),
    Room("events", "what happened: typed events and results", ("causes", "verdicts", "entries")),
    Room("messages", "every line that a kernel prints or a user sends: words, stage, meaning"),
    Room("layout", "NumPy: ranges to TDMRs, sizes of PAMTs, holes", ("units",)),
    Room("memory", "physical memory", ("units",)),
    Room(
        TABLES,
        "module releases as data, codes, leaves, MSRs, CPU models",
        modules=(
            "seam.codes",
            "seam.cpu_models",
            "seam.features",
            "seam.leaves",
            "seam.metadata",
            "seam.msrs",
            "seam.platform_tables",
            "seam.releases",
            "seam.returned",
            "seam.status",
        ),
    ),
    Room("seam", "the TDX module; knows nothing of Linux", (TABLES, "memory", "errors", "units")),
    Room(
        DECLARATION,
        "what a description's keys are declared with; kinds of fault, limits",
        (TABLES, *_WORDS),
        modules=(
            "platform.canonical",
            "platform.cmrs",
            "platform.faults",
            "platform.fields",
            "platform.keys",
            "platform.limits",
            "platform.source",
        ),
    ),
    Room(
        READERS,
        "from YAML and JSON to records, all mistakes at once; pydantic lives here",
        (DECLARATION, TABLES, "errors", "units"),
        modules=(
            "platform.checks",
            "platform.declared_schema",
            "platform.document",
            "platform.json_reader",
            "platform.model",
            "platform.problems",
            "platform.reader",
            "platform.reading",
            "platform.settings",
            "platform.text",
            "platform.yaml_reader",
        ),
    ),
    Room(
        DESCRIPTION,
        "what a platform is, one declaration per record; the readers when it is asked to load",
        (DECLARATION, READERS, TABLES, "errors", "units"),
        modules=("platform.calls", "platform.changes", "platform.description"),
    ),
    Room(
        "platform",
        "descriptions and scripts by name: shipped, known from before, judged",
        (DESCRIPTION, DECLARATION, READERS, TABLES, "errors", "units"),
    ),
    Room("hardware", "CPUs, firmware's registers", (DESCRIPTION, TABLES)),
    Room(
        "linux",
        "the kernel: three engines, changes, releases; Linux mm",
        (
            "layout",
            "messages",
            "seam.port",
            "seam.tdmr_info",
            TABLES,
            "causes",
            "events",
            "verdicts",
            *_WORDS,
        ),
    ),
    Room(
        "assembly",
        "the parts of a machine, made of a description",
        (DESCRIPTION, DECLARATION, "hardware", "memory", "seam", "linux", "events"),
    ),
    Room(
        "machine",
        "boots, operates, nothing else",
        (
            "assembly",
            DESCRIPTION,
            DECLARATION,
            "hardware",
            "memory",
            "seam",
            "linux",
            "events",
            "errors",
            "errnos",
        ),
    ),
    Room(
        "operations",
        "a type per operation on a machine: what it does, its words, how it is stored",
        ("machine", DECLARATION, "seam.port", "linux.parts", "events", "errors", "units"),
    ),
    Room(
        "script",
        "operations of a SEAMCALL script, and what came of each",
        ("operations", DESCRIPTION, "seam.port", "events", "errors", "units"),
    ),
    Room(
        "advice",
        "what causes, statuses, errnos and failed checks mean, and what to do",
        ("causes", "verdicts", "messages", TABLES, "errnos", "units"),
    ),
    Room(
        "explain",
        "from what a person pastes, or a failure, to its words",
        (
            "advice",
            "messages",
            "events",
            DESCRIPTION,
            DECLARATION,
            TABLES,
            "linux.changes",
            "linux.lookup",
            *_WORDS,
        ),
    ),
    Room(
        "capture",
        "from what a real machine shows to a description",
        (
            "messages",
            DESCRIPTION,
            DECLARATION,
            TABLES,
            "errors",
            "units",
        ),
    ),
    Room(
        "diagnose",
        "checks as data over a real kernel's log",
        (
            "capture",
            "advice",
            "explain",
            "machine",
            "messages",
            DESCRIPTION,
            TABLES,
            "causes",
            "linux.changes",
            "linux.lookup",
            "linux.releases",
            *_WORDS,
        ),
    ),
    Room(
        "plan",
        "one platform across kernels",
        (
            "machine",
            "assembly",
            DESCRIPTION,
            TABLES,
            "linux.releases",
            "events",
            "verdicts",
            "errors",
            "units",
        ),
        ("plan", "guests"),
    ),
    Room(
        "sweep",
        "every error path of a bring-up at once, and every state that a host can be in",
        (
            "machine",
            "operations",
            DESCRIPTION,
            "platform.faults",
            TABLES,
            "seam.faults",
            "linux.changes",
            "linux.releases",
            "linux.steps",
            "events",
            *_WORDS,
        ),
    ),
    Room(
        "fleet",
        "many hosts at once: columns in, verdicts out; pyarrow lives here",
        (
            "document",
            "layout",
            "machine",
            DESCRIPTION,
            DECLARATION,
            TABLES,
            "causes",
            "events",
            "linux.changes",
            "linux.releases",
            "errors",
            "units",
        ),
    ),
    Room(
        "lint",
        "what a pattern for logs says of hosts",
        (
            "machine",
            "messages",
            DESCRIPTION,
            "platform.faults",
            TABLES,
            "linux.releases",
            *_WORDS,
        ),
    ),
    Room(
        "rootfs",
        "a booted machine as files of a host, and programs that run on it",
        (
            "machine",
            "hardware",
            "advice",
            "document",
            DESCRIPTION,
            DECLARATION,
            TABLES,
            "linux.changes",
            "events",
            "verdicts",
            *_WORDS,
        ),
    ),
    Room(
        "scenario",
        "platforms, operations and what is expected; pydantic in `model` and `load`",
        (
            "machine",
            "rootfs",
            "operations",
            "platform",
            TABLES,
            "linux.lookup",
            "linux.releases",
            "linux.steps",
            "verdicts",
            "events",
            "progress",
            *_WORDS,
        ),
    ),
    Room(
        "report",
        "documents and blocks: text, terminal, json, jsonl, dmesg, junit, ktap, svg, html",
        (
            "document",
            "entries",
            "causes",
            "verdicts",
            "events",
            "advice",
            "explain",
            "script",
            "plan",
            "sweep",
            "fleet.counts",
            "lint",
            "diagnose.outcome",
            "diagnose.signals",
            "rootfs.record",
            "scenario.description",
            "screens",
            DESCRIPTION,
            DECLARATION,
            TABLES,
            "linux.changes",
            "linux.releases",
            *_WORDS,
        ),
    ),
    Room("state", "where the store is, waiting for it", ("progress", "errors", "units")),
    Room(
        "database",
        "the SQLite file: made whole, opened, told from others",
        ("state", "errors", "units"),
    ),
    Room(
        "store",
        "rows and their seals; knows only text",
        ("database", "state", "errors", "units"),
    ),
    Room(
        "lab",
        "a verb on a stored machine: lock, rebuild, operate, record, commit",
        (
            "store",
            "machine",
            "operations",
            DESCRIPTION,
            "linux.lookup",
            "linux.releases",
            "report",
            "events",
            "progress",
            "errors",
            "units",
        ),
    ),
    Room("commands", "a file per command; where inputs come from, where outputs go", (EVERYTHING,)),
    Room(
        "the command line",
        "the list of commands; the place that turns errors into exit codes; pytest's plugin",
        (EVERYTHING,),
        modules=("__init__", "__main__", "cli", "pytest_plugin"),
    ),
)

#: Third-party package -> the only modules that import it. msgspec is everyone's.
FENCED = {
    "pytest": ("pytest_plugin",),
    "click": ("__main__", "cli", "commands"),
    "pydantic": ("platform", "scenario"),
    "pydantic_core": ("platform",),
    "yaml": ("platform",),
    "pyarrow": ("fleet",),
    "distributed": ("fleet.on_dask",),
    "numpy": (
        "fleet",
        "layout",
        "seam.tdmr_info",
        "seam.sys_config",
        "linux.mm",
        "linux.tdmr",
        "linux.construct",
        "linux.pamt",
        "linux.v5",
        "linux.v6_8",
        "assembly",
        "machine",
        "lab",
    ),
}


def room_of(module: str) -> Room:
    """The room of a module, `linux.v5`. Raises LookupError for one that has none."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        for room in ROOMS:
            if name in room.members:
                return room
    raise LookupError(f"{module} has no room")
