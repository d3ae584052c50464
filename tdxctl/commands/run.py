# SPDX-License-Identifier: Apache-2.0
"""`tdxctl run`."""

from __future__ import annotations

from typing import Any

import click

from tdxctl.commands.inputs.choices import OneOf
from tdxctl.commands.inputs.subjects import Subject, subject_options
from tdxctl.errors import TdxctlError, UsageError

_CANNOT_SET_UP = 125


class _RunCommand(click.Command):
    # Its own failures are told from those of what it runs by their exit code.
    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **options)
        except click.UsageError as error:
            failed = UsageError(error.format_message(), hint="`tdxctl run --help` explains")
            failed.exit_code = _CANNOT_SET_UP
            raise failed from None
        except TdxctlError as error:
            error.exit_code = _CANNOT_SET_UP
            raise

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except TdxctlError as error:
            error.exit_code = max(error.exit_code, _CANNOT_SET_UP)
            raise


@click.command("run", cls=_RunCommand, context_settings={"allow_interspersed_args": False})
@click.argument("words", metavar="COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@subject_options()
@click.option(
    "--root-prefix",
    is_flag=True,
    help="Leave the real files in place: {root} in COMMAND is the root's folder.",
)
@click.option(
    "--with",
    "isolation",
    type=OneOf(("bubblewrap", "unshare")),
    help="How. Default: the first of these that works.",
)
def command(
    subject: Subject, words: tuple[str, ...], root_prefix: bool, isolation: str | None
) -> int:
    """Run a command on a host that is only described.

    \b
      tdxctl run --platform small --kernel 6.16 -- cat /sys/fs/cgroup/misc.capacity
      tdxctl run --platform no-module --kernel 7.2 --root-prefix -- lscpu --sysroot {root}

    /sys is the machine's, in /proc and /dev what `tdxctl root` writes; dmesg, rdmsr and `uname -r`
    tell of it. No root rights: bubblewrap, else user namespaces. What cannot be faked is the real
    machine's: CPUID (so detectors that execute it see this CPU), uname(2), KVM's ioctls, and
    /dev/cpu/N/msr, which is empty. Exit code is COMMAND's; 125 where tdxctl cannot set it up, 126
    and 127 as a shell has them.
    """
    from tdxctl.commands.inputs.machines import machine_as_host
    from tdxctl.rootfs.document import machine_root
    from tdxctl.rootfs.run import command_line, isolation_for, placed, run_through

    with placed(machine_root(machine_as_host(subject))) as place:
        way = None if root_prefix else isolation_for(place, isolation)
        found, environment = command_line(place, words, way)
        return run_through(found, environment)
