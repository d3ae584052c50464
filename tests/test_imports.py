# SPDX-License-Identifier: Apache-2.0
"""What each command may import, and which room may import which.

Start-up is a budget: the third-party and the dear standard modules that a command loads are
compared with a list. The rooms are those of `tools/rooms.py`.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter

import pytest

from tdxctl.cli import COMMANDS
from tests.cli.runner import ROOT, tdxctl
from tools.rooms import EVERYTHING, FENCED, ROOMS, Room, room_of

PACKAGE = ROOT / "tdxctl"
FOLDERS = {path.name for path in PACKAGE.iterdir() if path.is_dir()}

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
    ("root", "tests/data", "--platform", "spr-2s-512g"): BOOTING | {"sqlite3"},
    ("kernels",): RECORDS,
    ("modules",): RECORDS,
    ("test", "tests/data/passes.yaml"): BOOTING | PYDANTIC,
    ("platforms",): RECORDS | YAML,
    ("platforms", "spr-2s-512g"): CLICK,
    ("schema",): LOADING,
    ("completion", "zsh"): CLICK,
} | {(name, "--help"): CLICK for name in COMMANDS}
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
    ("--help",): {
        "tdxctl",
        "tdxctl.__main__",
        "tdxctl.cli",
        "tdxctl.commands",
        "tdxctl.errors",
        "tdxctl.sentences",
        "tdxctl.units",
    },
}

_PROBE = """
import sys
sys.argv = ["tdxctl", *sys.argv[1:]]
from tdxctl.__main__ import run
run()
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


def _in(module: str, places: Iterable[str]) -> bool:
    return any(module == place or module.startswith(place + ".") for place in places)


def _own_imports(tree: ast.Module) -> set[str]:
    # Modules of tdxctl, of `from tdxctl.linux import lookup` the one inside the folder alone.
    known = _known_modules()
    found = {name.removeprefix("tdxctl.") for name in _imports(tree) if name.startswith("tdxctl.")}
    return {name for name in found if name in known and name not in FOLDERS}


def _arrows() -> Iterator[tuple[str, Room, str]]:
    # Module, its room, and a module of another room that it imports.
    for module, tree in _modules():
        room = room_of(module)
        for imported in _own_imports(tree):
            if room_of(imported) is not room:
                yield module, room, imported


def _may_import(arrow: str, imported: str) -> bool:
    # An arrow leads to a room, or to a module of one.
    return arrow in (EVERYTHING, room_of(imported).name) or _in(imported, {arrow})


def test_arrows_between_the_rooms_point_one_way() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, room, imported in _arrows()
        if not any(_may_import(arrow, imported) for arrow in room.imports)
    ]
    assert wrong == []


def test_the_table_of_rooms_has_no_arrow_that_nobody_takes() -> None:
    arrows = {(room.name, arrow) for room in ROOMS for arrow in room.imports}
    taken = {
        (room.name, arrow)
        for _, room, imported in _arrows()
        for arrow in room.imports
        if _may_import(arrow, imported)
    }
    assert arrows - taken == set()


def _graph(of: Callable[[str], str]) -> dict[str, set[str]]:
    # What each module, or each room where of() names it, imports; lazily and as types too.
    graph: dict[str, set[str]] = {}
    for module, tree in _modules():
        found = {of(imported) for imported in _own_imports(tree)}
        graph.setdefault(of(module), set()).update(found - {of(module)})
    return graph


def _circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_folder_looks_back_at_one_that_looks_at_it() -> None:
    assert _circle(_graph(lambda module: module.split(".")[0])) == []


def test_no_room_looks_back_at_one_that_looks_at_it() -> None:
    """Expect each room to look only at those that stand before it in the table."""
    order = [room.name for room in ROOMS]
    graph = _graph(lambda module: room_of(module).name)
    wrong = [
        f"{room} looks up at {above}"
        for room, found in graph.items()
        for above in found
        if order.index(above) > order.index(room)
    ]
    assert wrong == []


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
