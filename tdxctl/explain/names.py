# SPDX-License-Identifier: Apache-2.0
"""From a name of tdxctl's or a kernel's to what it is: a status, a kernel, a release, a key."""

from __future__ import annotations

import re

from tdxctl.advice.states import STATES
from tdxctl.advice.words import MEANS, MORE, TO_DO
from tdxctl.errors import UsageError
from tdxctl.explain.answer import Answer

#: Which kernels have a status.
_KERNELS_WITH = {
    "UNKNOWN": "v5",
    "NONE": "v5",
    "SHUTDOWN": "v5",
    "UNINITIALIZED": "6.8 to 7.0",
    "ERROR": "6.8 to 7.0",
    "NOT_INITIALIZED": "7.1 and later",
    "INITIALIZED": "all",
}
# How the kernel's own enumerations call one.
_ENUMERATOR = re.compile(r"(?:TDX_MODULE_|TDX_)?([A-Z_]+)")
_MODULE = re.compile(r"[0-9]{1,2}\.[0-9]{1,2}(?:\.[0-9]{1,2})?")
_KERNEL = re.compile(r"v5(?:-posted)?|v?[2-9][0-9]?\.[0-9]+[0-9A-Za-z.+_-]*|ubuntu-[0-9.-]+")
_KEY = re.compile(r"[a-z_]+[a-z0-9_]*(?:\.(?:[a-z0-9_]+)|\[\])+")
_INDEX = re.compile(r"\.\d+(?=\.|$)")


def of_state(asked: str, text: str) -> Answer | None:
    """A status of the module as kernels know it: NONE, TDX_MODULE_NONE, `status NONE`."""
    match = _ENUMERATOR.fullmatch(text.removeprefix("status "))
    if match is None or (name := match[1]) not in STATES:
        return None
    lines = ((MEANS, STATES[name]), ("kernels", _KERNELS_WITH[name]))
    return Answer(asked, "state", name, lines)


def of_name(asked: str, text: str) -> Answer | None:
    """A release of the module, a kernel, a change of one, a key of a description."""
    return (
        _of_module(asked, text) or _of_kernel(asked, text) or _of_change(asked, text)
    ) or _of_key(asked, text)


def _of_module(asked: str, text: str) -> Answer | None:
    if not _MODULE.fullmatch(text):
        return None
    from tdxctl.seam.releases import exactly, releases

    release = exactly(text)
    of_line = [each for each in releases() if text == f"{each.line[0]}.{each.line[1]}"]
    if release is None and not of_line:
        return None
    if release is None:
        names = ", ".join(each.version for each in of_line)
        lines = [(MEANS, f"A line of releases of the TDX module: {names}.")]
        lines.append((MORE, "tdxctl modules"))
        return Answer(asked, "module", f"TDX module {text}", tuple(lines))
    lines = [
        (MEANS, f"A release of the TDX module, with TDX_FEATURES0 {release.features0:#x}."),
        ("evidence", release.evidence),
        (MORE, f"tdxctl modules {release.version}"),
    ]
    return Answer(asked, "module", f"TDX module {release.version}", tuple(lines))


def _of_kernel(asked: str, text: str) -> Answer | None:
    if not _KERNEL.fullmatch(text):
        return None
    from tdxctl.linux.lookup import find_kernel

    try:
        kernel = find_kernel(text.removeprefix("v") if "." in text else text)
    except UsageError as error:
        to_do = () if error.hint is None else ((TO_DO, error.hint),)
        return Answer(asked, "kernel", text, ((MEANS, error.message), *to_do))
    lines = [(MEANS, f"{kernel.title} ({kernel.date})")]
    if kernel.asked is not None and kernel.asked != kernel.id:
        lines.append(("behaves as", kernel.id))
    lines.append(("evidence", f"{kernel.evidence.word}: {kernel.validated_by}"))
    lines.append((MORE, f"tdxctl kernels {kernel.id}"))
    return Answer(asked, "kernel", kernel.asked or kernel.id, tuple(lines))


def _of_change(asked: str, text: str) -> Answer | None:
    if "-" not in text:
        return None
    from tdxctl.linux.changes import CHANGES

    change = next((each for each in CHANGES if each.id == text.lower().removeprefix("+")), None)
    if change is None:
        return None
    lines = [("change of", "a kernel"), (MEANS, f"{change.title}: {change.does}.")]
    if change.commits:
        lines.append(("commits", "; ".join(map(str, change.commits))))
    lines.append((TO_DO, f"`--kernel RELEASE+{change.id}` boots a release with it"))
    return Answer(asked, "change", change.id, tuple(lines))


def _of_key(asked: str, text: str) -> Answer | None:
    if not _KEY.fullmatch(text):
        return None
    from tdxctl.platform.description import Platform
    from tdxctl.platform.keys import every_key

    wanted = _INDEX.sub("[]", text)
    doc = next((doc for path, _, doc in every_key(Platform) if path == wanted), None)
    if doc is None:
        return None
    lines = [(MEANS, doc), (TO_DO, f"`--set {text}=VALUE` changes it")]
    lines.append((MORE, "tdxctl schema platform"))
    return Answer(asked, "key", wanted, tuple(lines))
