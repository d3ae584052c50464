# SPDX-License-Identifier: Apache-2.0
"""The entry point: the only place that turns errors into exit codes."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import NoReturn, TextIO

    from click import Parameter

    from tdxctl.errors import Diagnostic, TdxctlError

EXIT_BUG = 70
EXIT_OUTPUT = 74
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
EXIT_TERMINATED = 143

#: Imported where there are workers, for which the interpreter waits as it ends.
_WORKERS = "concurrent.futures"

# The exit of the signal that came: an import that it interrupts may fail with anything.
_ended_by: list[int] = []


def main() -> NoReturn:
    """Run the command line and end the process."""
    code = run()
    if _WORKERS in sys.modules:
        sys.exit(code)
    import os

    # All is written, and no one waits for anything: what the interpreter does at its end, taking
    # every module apart, would be a thirtieth of what a command takes.
    os._exit(code)


def run() -> int:
    """Run the command line: its exit code, after all that it writes."""
    code = _guarded(_run)
    if "signal" in sys.modules:
        import signal

        # What remains is not interrupted any more.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            _discard(stream)
    return code


def _run() -> int:
    import os

    _open_closed_streams(os)
    sys.unraisablehook = _unraisable
    if instruction := os.environ.get("_TDXCTL_COMPLETE"):
        return _complete(instruction)
    if sys.argv[1:] == ["--version"]:
        # Before anything is imported: the cheapest question gets the cheapest answer.
        return _version()
    import gc

    # Objects made by imports live as long as the process: not worth a collection.
    gc.disable()
    # OpenBLAS starts a thread per core; nothing here is floating point.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Text that the terminal's encoding cannot show is escaped, not an error.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    return _command(sys.argv[1:])


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    # Ctrl-C and SIGTERM inside a callback, from which Python lets no exception out.
    import os

    if _ended_by and isinstance(unraisable.exc_value, KeyboardInterrupt | SystemExit):
        os._exit(_ended_by[0])
    sys.__unraisablehook__(unraisable)


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


def _complete(instruction: str) -> int:
    # At a TAB there is no place for a message: what fails offers nothing.
    import click.shell_completion

    from tdxctl.cli import cli
    from tdxctl.commands import COMPLETE_VARIABLE

    try:
        return click.shell_completion.shell_complete(
            cli, {}, "tdxctl", COMPLETE_VARIABLE, instruction
        )
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception:  # noqa: BLE001
        return 1


def _guarded(run: Callable[[], int]) -> int:
    # What run returns, once its output is written.
    try:
        code = run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _discard(sys.stdout)
        return EXIT_BROKEN_PIPE
    except OSError as error:
        _discard(sys.stdout)
        return _say(f"cannot write the output: {(error.strerror or str(error)).lower()}")
    except Exception:
        if _ended_by:
            return _ended_by[0]
        raise
    return code


def _command(argv: list[str]) -> int:
    _hear_signals()
    import click

    from tdxctl.cli import cli
    from tdxctl.errors import TdxctlError, UsageError

    if sys.stderr.isatty():
        from tdxctl import progress

        progress.enable()
    try:
        # Not cli.main(): it has its own ideas of a broken pipe and of Ctrl-C.
        with cli.make_context("tdxctl", argv) as context:
            return int(cli.invoke(context))
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(error.format_message() + "\n")
        return UsageError.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "tdxctl"
        hint = f"`{path} --help` explains"
        if isinstance(error, click.MissingParameter) and _is_a_file(error.param):
            hint = f"- is standard input; {hint}"
        return _fail(UsageError(error.format_message(), hint=hint), argv)
    except TdxctlError as error:
        return _fail(error, argv)
    except (OSError, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001  # the last resort: our bug, said in one line
        return _ended_by[0] if _ended_by else _bug(error, argv)


def _is_a_file(parameter: Parameter | None) -> bool:
    # One that reads files, and standard input where it is named.
    return (getattr(parameter, "metavar", None) or "").startswith("FILE")


def _hear_signals() -> None:
    # As exceptions, so that a transaction under way is rolled back.
    import os
    import signal

    def end(number: int, _: object) -> None:
        _ended_by.append(EXIT_INTERRUPTED if number == signal.SIGINT else EXIT_TERMINATED)
        if _is_being_imported("numpy"):
            # Its C code prints what interrupts it; and nothing is under way yet.
            os._exit(_ended_by[0])
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(EXIT_TERMINATED)

    signal.signal(signal.SIGTERM, end)
    # A shell starts what runs in the background with Ctrl-C ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end)


def _is_being_imported(name: str) -> bool:
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return getattr(spec, "_initializing", False)


def _fail(error: TdxctlError, argv: list[str]) -> int:
    import click

    from tdxctl.cli import cli, command_in
    from tdxctl.commands.inputs.environment import told
    from tdxctl.errors import StateError, UsageError

    diagnostics = error.diagnostics()
    if isinstance(error, UsageError | StateError):
        # What was asked for may have been asked for out of sight.
        command = cli.get_command(click.Context(cli), command_in(argv))
        diagnostics = told(diagnostics, command, argv)
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

        from tdxctl.commands.outputs.stdout import print_json
        from tdxctl.report.problems import error

        print_json(json.dumps(error(code, diagnostics).to_dict()))


def _wants_json(argv: list[str]) -> bool:
    # Read from the raw words: the command line itself may be what is wrong.
    from itertools import pairwise

    from tdxctl.cli import command_in
    from tdxctl.commands.inputs.environment import set_format

    words = argv[: argv.index("--")] if "--" in argv else argv
    wanted = set_format(command_in(argv))
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


def _discard(stream: TextIO) -> None:
    # What is still buffered goes nowhere; the interpreter would complain at exit otherwise.
    import os

    with open(os.devnull, "w") as devnull:
        os.dup2(devnull.fileno(), stream.fileno())


if __name__ == "__main__":
    main()
