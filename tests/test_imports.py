# SPDX-License-Identifier: Apache-2.0
"""What each command may import, and which room may import which.

Start-up is a budget: the third-party and the dear standard modules that a command loads are
compared with a list. The rooms are those of the README's architecture section.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.cli.runner import ROOT, tdxctl

PACKAGE = ROOT / "tdxctl"

# Of the standard library, what is dear; NumPy and pydantic bring THEIRS along by themselves.
DEAR = {
    "asyncio",
    "concurrent",
    "difflib",
    "email",
    "importlib.metadata",
    "importlib.resources",
    "logging",
    "multiprocessing",
    "sqlite3",
    "subprocess",
    "unittest",
    "urllib",
    "xml",
}
# pydantic looks in the metadata of all that is installed for plugins; its core does not.
THEIRS = DEAR - {"asyncio", "multiprocessing", "sqlite3", "unittest", "xml"}
CLICK = {"click"}
# msgspec takes typing_extensions where it is. What needs no record starts without.
RECORDS = CLICK | {"msgspec", "typing_extensions"}
PYDANTIC = {
    "annotated_types",
    "pydantic",
    "pydantic_core",
    "typing_extensions",
    "typing_inspection",
}
YAML = {"yaml"}
LOADING = RECORDS | {"pydantic_core"} | YAML
BOOTING = LOADING | {"numpy"}
# Command -> third-party packages and dear standard modules it may load; nothing else.
ALLOWED = {
    ("--version",): set[str](),
    ("--help",): CLICK,
    ("init", "--help"): CLICK,
    ("init", "--platform", "no"): RECORDS | {"difflib", "numpy"} | {"sqlite3"},
    ("init", "--platform", "spr-2s-512g"): BOOTING | {"sqlite3"},
    ("init", "--platform", "spr-2s-512g", "--once"): BOOTING,
    ("status",): CLICK | {"sqlite3"},
    ("status", "--format", "json"): RECORDS | {"sqlite3"},  # that there is no machine
    ("explain", "0xc0000a2100000300"): RECORDS,
    ("seamcall", "tests/data/bring-up.yaml"): BOOTING | PYDANTIC | {"sqlite3"},
    ("dmesg",): RECORDS | {"sqlite3"},
    ("trace",): RECORDS | {"sqlite3"},
    ("machines",): RECORDS | {"sqlite3"},
    ("init", "--platform", "spr-2s-512g", "--format", "json"): BOOTING | {"sqlite3"},
    ("init", "--platform", "spr-2s-512g", "--format", "dmesg"): BOOTING | {"sqlite3"},
    ("validate", "platforms/spr-2s-512g.yaml"): LOADING,
    ("capture", "--dmesg", "tests/data/boot.log"): LOADING | {"urllib"},  # pathlib's
    ("diagnose", "tests/data/boot.log"): RECORDS | {"numpy"},
    ("diagnose", "tests/data/failed.log"): RECORDS,
    ("plan", "--platform", "spr-2s-512g"): BOOTING | {"sqlite3"},
    ("map", "--platform", "spr-2s-512g"): BOOTING | {"sqlite3"},
    ("map", "--platform", "spr-2s-512g", "--format", "svg"): BOOTING | {"sqlite3"},
    ("map", "--machine", "no"): BOOTING | {"sqlite3"},
    ("html", "--platform", "spr-2s-512g", "-o", "-"): BOOTING | {"sqlite3"},
    ("kernels",): RECORDS,
    ("modules",): RECORDS,
    ("test", "tests/data/passes.yaml"): BOOTING | PYDANTIC,
    ("platforms",): RECORDS | YAML,
    ("platforms", "spr-2s-512g"): CLICK,
    ("schema",): LOADING,
    ("completion", "zsh"): CLICK,
}
# The same for a description that the store knows: neither pydantic nor YAML.
KNOWN = RECORDS | {"numpy", "sqlite3"}
ALLOWED_KNOWN = {
    ("init", "--reboot", "--platform", "spr-2s-512g"): KNOWN,
    ("boot", "--platform", "spr-2s-512g", "--format", "json"): KNOWN,
    ("plan", "--platform", "spr-2s-512g"): KNOWN,
    # What is stored is printed as it is.
    ("status", "--machine", "spr-2s-512g", "--format", "json"): CLICK | {"sqlite3"},
}
# Commands that answer before anything happens: tdxctl's own modules, to the last one.
OWN = {
    ("--version",): {"tdxctl", "tdxctl.__main__"},
    ("--help",): {"tdxctl", "tdxctl.__main__", "tdxctl.cli", "tdxctl.errors", "tdxctl.units"},
}

_PROBE = """
import sys
sys.argv = ["tdxctl", *sys.argv[1:]]
from tdxctl.__main__ import main
try:
    main()
except SystemExit:
    pass
sys.stderr.write("\\n" + " ".join(sys.modules))
"""


@pytest.mark.parametrize("arguments", ALLOWED, ids=" ".join)
def test_a_command_imports_only_what_it_needs(arguments: tuple[str, ...]) -> None:
    loaded = loaded_by(arguments, ALLOWED[arguments])
    if arguments in OWN:
        assert {name for name in loaded if name.startswith("tdxctl")} == OWN[arguments]


@pytest.mark.parametrize("arguments", ALLOWED_KNOWN, ids=" ".join)
def test_a_known_description_needs_neither_pydantic_nor_yaml(arguments: tuple[str, ...]) -> None:
    assert tdxctl("init", "--platform", "spr-2s-512g").returncode == 0
    loaded_by(arguments, ALLOWED_KNOWN[arguments])


def loaded_by(arguments: tuple[str, ...], allowed: set[str]) -> set[str]:
    """The modules that the command loads; its dear ones are all allowed."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    loaded = set(done.stderr.splitlines()[-1].split()) - _loaded_at_start()
    packages = {name for name in loaded if "." not in name}
    # Names with an underscore are the insides of packages that are named themselves.
    known = sys.stdlib_module_names | {"tdxctl", "cython_runtime"}
    third_party = {p for p in packages if not p.startswith("_")} - known
    theirs = THEIRS if allowed & {"numpy", "pydantic"} else set[str]()
    if "pydantic" not in allowed:
        theirs = theirs - {"importlib.metadata"}
    assert third_party <= allowed
    assert loaded & DEAR <= allowed | theirs
    return loaded


@cache
def _loaded_at_start() -> set[str]:
    # What the interpreter's own start loads: an editable installation's finder, for one.
    code = "import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing() -> None:
    code = "import sys; before = set(sys.modules); import tdxctl; print(*set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert set(done.stdout.split()) <= {"tdxctl", "__future__"}


# Room -> what it may import of tdxctl. A room is a folder or a module; `seam tables` are the
# modules of seam/ that hold enums and tables only.
LEAVES = {"errors", "errnos", "units"}
SEAM_TABLES = {
    "seam.cpu_models",
    "seam.msrs",
    "seam.platform_tables",
    "seam.leaves",
    "seam.status",
    "seam.codes",
    "seam.features",
    "seam.releases",
    "seam.metadata",
}
# What a platform is, and what that is declared with: nothing that reads a text.
DESCRIPTION = {
    "platform.description",
    "platform.faults",
    "platform.canonical",
    "platform.limits",
}
DECLARATION = {"platform.cmrs", "platform.fields", "platform.keys", "platform.source"} | DESCRIPTION
ROOMS: dict[str, set[str]] = {
    "units": set(),
    "errnos": set(),
    "progress": set(),
    "errors": {"units"},
    "document": set(),
    "messages": {"messages", "errors", "units"},
    "causes": {"errnos"},
    "verdicts": {"errnos"},
    "entries": {"document"},
    "events": {"causes", "verdicts", "entries", "units"},
    "platform.limits": set(),
    "platform.cmrs": {"units"},
    "platform.source": {"errors", "units"},
    "platform.description": DECLARATION | LEAVES | SEAM_TABLES,
    "platform.faults": DECLARATION | LEAVES | SEAM_TABLES,
    "platform.canonical": DECLARATION | LEAVES | SEAM_TABLES,
    "platform.keys": DECLARATION | LEAVES | SEAM_TABLES,
    "platform.fields": DECLARATION | LEAVES | SEAM_TABLES,
    "platform.calls": {*DESCRIPTION, "seam.status"},
    "platform": {"platform"} | LEAVES | SEAM_TABLES,
    "seam.leaves": {"seam.codes"},
    "seam.cpu_models": set(),
    "seam.msrs": set(),
    "seam.platform_tables": {"seam.msrs", "seam.releases"},
    "seam.status": {"seam.codes"},
    "seam.codes": set(),
    "seam.features": set(),
    "seam.releases": {"seam.cpu_models", "seam.metadata"},
    "seam.metadata": set(),
    "seam": {"seam", "memory", "errors", "units"},
    "layout": {"layout", "units"},
    "memory": {"units"},
    "hardware": {"hardware", *DESCRIPTION, "errors", "units"},
    "linux": {"linux", "seam.port", "seam.tdmr_info", "layout", "messages", "causes", "events"}
    | {"verdicts"}
    | LEAVES
    | SEAM_TABLES,
    "assembly": {*DESCRIPTION, "hardware", "memory", "seam", "linux", "events"},
    "machine": {"assembly", *DESCRIPTION, "hardware", "memory", "seam", "linux", "events"} | LEAVES,
    "advice": {"advice", "causes", "verdicts", "messages"} | LEAVES | SEAM_TABLES,
    "explain": {"explain", "advice", "causes", "messages", "events"} | LEAVES | SEAM_TABLES,
    "platform.changes": {"platform.cmrs", *DESCRIPTION} | LEAVES,
    "capture": {"capture", "messages", *DESCRIPTION, "seam.cpu_models", "seam.releases"} | LEAVES,
    "diagnose": {"diagnose", "capture", "advice", "explain", "machine", "messages", *DESCRIPTION}
    | {"causes", "events"}
    | LEAVES
    | SEAM_TABLES,
    "plan": {"machine", "assembly", "linux.releases", *DESCRIPTION, "events"} | LEAVES,
    "scenario": {"scenario", "machine", "operations", "platform", "linux.lookup", "linux.releases"}
    | {"linux.steps", "events", "progress"}
    | LEAVES
    | SEAM_TABLES,
    "state": {"progress", "errors", "units"},
    "database": {"state", "errors", "units"},
    "store": {"database", "state", "errors", "units"},
    "operations": {"machine", *DESCRIPTION, "seam.port", "linux.parts"}
    | {"events", "errors", "units"},
    "lab": {"store", "machine", "operations", *DESCRIPTION, "linux.lookup", "linux.releases"}
    | {"events", "report", "progress", "errors", "units"},
    "script": {"operations", "platform.calls", "seam.port", "events", "units"},
    "report": {
        "report",
        "document",
        "entries",
        "causes",
        "events",
        "script",
        "plan",
        "advice",
        "explain",
    }
    | {"linux.changes", "linux.releases", "diagnose.outcome"}
    | {*DESCRIPTION, "platform.calls", "scenario.description"}
    | LEAVES
    | SEAM_TABLES,
}
FREE = {"__init__", "__main__", "cli", "commands", "pytest_plugin"}  # everything, lazily
# `load()` and `from_dict()` of the description import their reader when they are called.
LAZY_EXCEPTIONS = {
    ("platform.description", "platform"),
    ("errors", "units"),
}

FENCED = {
    "pytest": {"pytest_plugin"},
    "click": {"__main__", "cli", "commands"},
    "pydantic": {"platform", "scenario"},
    "pydantic_core": {"platform"},
    "yaml": {"platform"},
    "numpy": {
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
    },
    "rich": {"report.terminal", "report.terminal_status"},
}


@cache
def _modules() -> tuple[tuple[str, ast.Module], ...]:
    return tuple(
        (
            ".".join(path.relative_to(PACKAGE).with_suffix("").parts),
            ast.parse(path.read_text()),
        )
        for path in sorted(PACKAGE.rglob("*.py"))
    )


@cache
def _known_modules() -> frozenset[str]:
    return frozenset(name.removesuffix(".__init__") for name, _ in _modules())


def _imports(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _in(module: str, rooms: set[str]) -> bool:
    return any(module == room or module.startswith(room + ".") for room in rooms)


def _room_of(module: str) -> str:
    parts = module.split(".")
    names = [".".join(parts[: i + 1]) for i in range(len(parts))]
    return next(name for name in reversed(names) if name in ROOMS or name in FREE)


def _own_imports(module: str, tree: ast.Module) -> set[str]:
    # Modules of tdxctl that module imports, names inside them left out.
    known = _known_modules()
    return {
        name.removeprefix("tdxctl.")
        for name in _imports(tree)
        if name.startswith("tdxctl.") and name.removeprefix("tdxctl.") in known
    } - {
        _parent
        for _parent in ("platform", "seam", "linux", "hardware", "layout", "scenario")
        if _parent
    }


def test_arrows_between_the_rooms_point_one_way() -> None:
    wrong = []
    for module, tree in _modules():
        room = _room_of(module)
        if room in FREE:
            continue
        for imported in _own_imports(module, tree):
            lazily = any(room == a and _in(imported, {b}) for a, b in LAZY_EXCEPTIONS)
            if not _in(imported, ROOMS[room] | {module}) and not lazily:
                wrong.append(f"{module} imports {imported}")
    assert wrong == []


def _graph(of: Callable[[str], str]) -> dict[str, set[str]]:
    # What each module, or each room where of() names it, imports; lazily and as types too.
    graph: dict[str, set[str]] = {}
    for module, tree in _modules():
        found = {of(imported) for imported in _own_imports(module, tree)}
        graph.setdefault(of(module), set()).update(found - {of(module)})
    return graph


def _circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_room_looks_back_at_one_that_looks_at_it() -> None:
    """A room is a folder of the package, or a module beside the folders."""
    assert _circle(_graph(lambda module: module.split(".")[0])) == []


def test_no_module_looks_back_at_one_that_looks_at_it() -> None:
    assert _circle(_graph(str)) == []


def test_third_party_packages_stay_behind_their_fences() -> None:
    wrong = []
    for module, tree in _modules():
        for imported in _imports(tree):
            package = imported.split(".")[0]
            if package in FENCED and not _in(module, FENCED[package]):
                wrong.append(f"{module} imports {package}")
    assert wrong == []


def test_every_module_begins_with_its_licence_and_what_it_is() -> None:
    for path in sorted(
        p for name in ("tdxctl", "tests", "tools") for p in (ROOT / name).rglob("*.py")
    ):
        text = path.read_text()
        assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n"), path
        docstring = ast.get_docstring(ast.parse(text))
        assert docstring, path
