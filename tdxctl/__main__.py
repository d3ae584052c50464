# SPDX-License-Identifier: Apache-2.0
"""The entry point: the only place that turns errors into exit codes."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from tdxctl.errors import Diagnostic, TdxctlError

EXIT_BUG = 70
EXIT_OUTPUT = 74
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
EXIT_TERMINATED = 143


def main() -> None:
    """Run the command line and exit."""
    import os

    _open_closed_streams(os)
    if sys.argv[1:] == ["--version"]:
        # Before anything is imported: the cheapest question gets the cheapest answer.
        sys.exit(_guarded(_version))
    import gc

    # Objects made by imports live as long as the process: not worth a collection.
    gc.disable()
    # OpenBLAS starts a thread per core; nothing here is floating point.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # pydantic looks for plugins in the metadata of everything that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Text that the terminal's encoding cannot show is escaped, not an error.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    code = _guarded(lambda: _command(sys.argv[1:]))
    gc.freeze()
    sys.exit(code)


def _open_closed_streams(os: ModuleType) -> None:
    # Started with `>&-` Python has no stream there at all. One that is open for reading fails
    # as writing to a closed one would: with an OSError, where it happens.
    if sys.stdout is None:
        sys.stdout = open(os.devnull)  # noqa: SIM115  # stays open as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def _version() -> int:
    from tdxctl import __version__

    sys.stdout.write(f"tdxctl {__version__}\n")
    return 0


def _guarded(run: Callable[[], int]) -> int:
    # What run returns, once its output is written.
    try:
        code = run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()
        return EXIT_BROKEN_PIPE
    except OSError as error:
        _discard_stdout()
        return _say(f"cannot write the output: {(error.strerror or str(error)).lower()}")
    return code


def _command(argv: list[str]) -> int:
    import signal

    import click

    from tdxctl.cli import cli
    from tdxctl.errors import TdxctlError, UsageError

    # As an exception, so that a transaction under way is rolled back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    try:
        # Not cli.main(): it has its own ideas of a broken pipe and of Ctrl-C.
        with cli.make_context("tdxctl", argv) as context:
            return int(cli.invoke(context) or 0)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(error.format_message() + "\n")
        return UsageError.exit_code
    except click.UsageError as error:
        help_hint = f"`{error.ctx.command_path} --help` explains" if error.ctx else None
        return _fail(UsageError(error.format_message(), hint=help_hint), argv)
    except TdxctlError as error:
        return _fail(error, argv)
    except (OSError, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001  # the last resort: our bug, said in one line
        return _bug(error, argv)


def _fail(error: TdxctlError, argv: list[str]) -> int:
    diagnostics = error.diagnostics()
    _report(diagnostics, error.exit_code, argv)
    return error.exit_code


def _bug(error: Exception, argv: list[str]) -> int:
    import os

    if os.environ.get("TDXCTL_DEBUG"):
        import traceback

        traceback.print_exc()
    from tdxctl.errors import Diagnostic

    what = Diagnostic(
        f"this is a bug in tdxctl: {type(error).__name__}",
        hint="set TDXCTL_DEBUG=1 for the traceback, and report it",
    )
    _report((what,), EXIT_BUG, argv)
    return EXIT_BUG


def _report(diagnostics: tuple[Diagnostic, ...], code: int, argv: list[str]) -> None:
    # For a person on standard error; for a program that asked for JSON on standard output too.
    for diagnostic in diagnostics:
        prefix = "" if diagnostic.file is not None else "error: "
        sys.stderr.write(f"{prefix}{diagnostic.render()}\n")
    if _wants_json(argv):
        import json

        entry = {
            "schema": "tdxctl.error/1",
            "exit": code,
            "diagnostics": [diagnostic.to_dict() for diagnostic in diagnostics],
        }
        sys.stdout.write(json.dumps(entry) + "\n")


def _wants_json(argv: list[str]) -> bool:
    # Read from the raw words: the command line itself may be what is wrong.
    from itertools import pairwise

    words = argv[: argv.index("--")] if "--" in argv else argv
    wanted = ""
    for word, following in pairwise([*words, ""]):
        if word.startswith("--format="):
            wanted = word.partition("=")[2]
        elif word == "--format":
            wanted = following
    return wanted in ("json", "jsonl")


def _say(text: str) -> int:
    from contextlib import suppress

    with suppress(OSError):
        sys.stderr.write(f"error: {text}\n")
    return EXIT_OUTPUT


def _discard_stdout() -> None:
    # What is still buffered goes nowhere; the interpreter would complain at exit otherwise.
    import os

    with open(os.devnull, "w") as devnull:
        os.dup2(devnull.fileno(), sys.stdout.fileno())


if __name__ == "__main__":
    main()
