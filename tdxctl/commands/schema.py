# SPDX-License-Identifier: Apache-2.0
"""`tdxctl schema`."""

from __future__ import annotations

import click

from tdxctl.commands.output import print_text


@click.command("schema")
@click.argument("name", type=click.Choice(["platform"]), default="platform")
def command(name: str) -> int:
    """Print a JSON Schema, for editors and other tools.

    \b
      tdxctl schema platform
      tdxctl schema platform > platform-1.schema.json

    platform is the schema of a platform description (tdxctl.platform/1).
    """
    from tdxctl.platform.schema import platform_schema

    print_text({"platform": platform_schema}[name]())
    return 0
