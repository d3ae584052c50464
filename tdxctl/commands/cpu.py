# SPDX-License-Identifier: Apache-2.0
"""`tdxctl cpu`."""

from __future__ import annotations

import click

from tdxctl.commands.choice import OneOf
from tdxctl.commands.options import format_option, machine_option
from tdxctl.commands.output import write_operations


@click.command("cpu")
@click.argument("action", type=OneOf(["online", "offline"]))
@click.argument("cpus", metavar="LIST")
@machine_option
@format_option("text", "json")
def command(action: str, cpus: str, machine: str | None, output_format: str) -> int:
    """Bring CPUs of a running machine online or offline.

    \b
      tdxctl cpu online 3 --machine offline-cpu
      tdxctl cpu offline 0-1,5 --machine spr-2s-512g

    LIST is a kernel cpulist of logical CPUs. Exit 1 when the kernel refuses one; the ones
    after it are then left alone.
    """
    from tdxctl import lab
    from tdxctl.commands.parse import cpulist
    from tdxctl.commands.stored import machine_row

    operations: list[dict[str, object]] = [
        {"op": f"cpu_{action}", "cpu": cpu} for cpu in cpulist(cpus)
    ]
    name = machine_row(machine).name
    results = lab.operate(name, operations)
    labels = [f"cpu {operation['cpu']} {action}" for operation in operations]
    write_operations(name, list(zip(labels, results, strict=False)), output_format)
    return 1 if results[-1].returned else 0
