# SPDX-License-Identifier: Apache-2.0
"""Every way tdxctl can fail, each with its exit code. Only `__main__` turns them into exits."""

from __future__ import annotations

from typing import NamedTuple

from tdxctl.units import did_you_mean, printable


class Diagnostic(NamedTuple):
    """One thing that is wrong: what, where, what was found instead, what to try."""

    summary: str
    detail: str | None = None
    hint: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None
    path: str | None = None
    severity: str = "error"

    def render(self) -> str:
        """`file:line:column: path: what is wrong (got ...)`, the hint on a line of its own.

        Whatever its parts hold, it is one line, or two with a hint.
        """
        place = [self.file] if self.file is not None else []
        if self.line is not None:
            place += [str(self.line), str(self.column)]
        where = ":".join(place)
        parts = [where] if where else []
        if self.path:
            parts.append(self.path)
        if self.severity != "error":
            parts.append(self.severity)
        text = ": ".join([*parts, self.summary])
        if self.detail:
            text += f" ({self.detail})"
        return printable(text) + (f"\n  hint: {printable(self.hint)}" if self.hint else "")


class TdxctlError(Exception):
    """Base of all: a message for a person, perhaps a hint, and an exit code."""

    exit_code = 70

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What is wrong, one entry each, for a person or a program."""
        return (Diagnostic(self.message, hint=self.hint),)


class UsageError(TdxctlError):
    """The command line, or a name that does not exist; problems, where it has several."""

    exit_code = 2

    def __init__(
        self, message: str, hint: str | None = None, problems: tuple[Diagnostic, ...] = ()
    ) -> None:
        super().__init__(message, hint)
        self.problems = problems

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """The problems, or the message alone."""
        return self.problems or super().diagnostics()


class DescriptionError(TdxctlError):
    """A platform description is wrong; carries every problem found."""

    exit_code = 3

    def __init__(self, problems: tuple[Diagnostic, ...]) -> None:
        super().__init__("\n".join(problem.render() for problem in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type[DescriptionError], tuple[tuple[Diagnostic, ...]]]:
        return type(self), (self.problems,)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All problems, in the order of the file."""
        return self.problems


class FirmwareDataError(TdxctlError):
    """A log, a firmware table or a kernel's file cannot be parsed: what, where, what was found."""

    exit_code = 4

    def __init__(
        self, message: str, *, file: str, detail: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint)
        self.file = file
        self.detail = detail

    def __reduce__(self) -> tuple[object, ...]:
        return _firmware_data_error, (self.message, self.file, self.detail, self.hint)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What is wrong with the file."""
        return (Diagnostic(self.message, self.detail, self.hint, self.file),)


def _firmware_data_error(
    message: str, file: str, detail: str | None, hint: str | None
) -> FirmwareDataError:
    return FirmwareDataError(message, file=file, detail=detail, hint=hint)


class StateError(TdxctlError):
    """Stored state: busy, corrupt, of another version, not writable, booted from another text."""

    exit_code = 5


class BrokenStoreError(StateError):
    """The database refuses, and not because another process is using it."""


class NotModelledError(TdxctlError):
    """The real kernel or module would do something that tdxctl does not model."""

    exit_code = 3


def hint_for_missing(path: str) -> str | None:
    """The nearest name in the folder of a file that is not there, None where none is near."""
    import os

    folder, name = os.path.split(path)
    try:
        near = did_you_mean(name, os.listdir(folder or os.curdir))
    except OSError:
        return f"there is no folder '{printable(folder)}'"
    return printable(near) if near else None
