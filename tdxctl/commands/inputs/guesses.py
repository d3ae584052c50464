# SPDX-License-Identifier: Apache-2.0
"""What was meant by a first word that is no command."""

from __future__ import annotations

import os

from tdxctl.commands.inputs.choices import meant
from tdxctl.sentences import SENTENCES
from tdxctl.units import FILE_SUFFIXES, printable

#: What people type who do not know the commands yet, and the command that does it.
_OTHER_WORDS = {
    "analyse": "diagnose",
    "analyze": "diagnose",
    "check": "validate",
    "describe": "capture",
    "draw": "map",
    "emulate": "init",
    "errno": "explain",
    "fake": "root",
    "help": "--help",
    "import": "capture",
    "inject": "fault",
    "list": "platforms",
    "log": "dmesg",
    "lookup": "explain",
    "parse": "diagnose",
    "remove": "forget",
    "report": "html",
    "rm": "forget",
    "simulate": "init",
    "start": "boot",
    "update": "module",
    "version": "--version",
    "what": "explain",
    "why": "diagnose",
}


def no_such_command(word: str) -> str:
    """What to say of it: a file's command, the command of that meaning, the nearest one."""
    shown = printable(word)
    if os.path.exists(word):
        described = word.lower().endswith(FILE_SUFFIXES)
        command = "init --platform" if described else "diagnose"
        return f"A file is given to a command: tdxctl {command} {shown}"
    other = _OTHER_WORDS.get(word.lower())
    near = f" Did you mean '{other}'?" if other else meant(word, SENTENCES)
    return f"No such command '{shown}'.{near}"
