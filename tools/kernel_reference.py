# SPDX-License-Identifier: Apache-2.0
"""docs/kernels.md: what each kernel does, made of its release's row and its changes.

`python -m tools.kernel_reference > docs/kernels.md`
"""

from __future__ import annotations

from collections.abc import Callable

from tdxctl.linux.changes import (
    CACHES_MARKED_INCOHERENT,
    CHANGES,
    CMR_WALK,
    DYNAMIC_PAMT,
    INITIALIZED_AT_BOOT,
    KEXEC_BESIDE_TDX,
    KVM_ASKS_FOR_TDX,
    KVM_REFUSALS_FAIL,
    KVM_TELLS_OF_FAILURE,
    NO_RBP_MOD_REQUIRED,
    NONE_WHEN_NOT_LOADED,
    PAMT_RESET_ONLY_WITH_ERRATUM,
    RUNTIME_UPDATE,
    SYS_DISABLE_AT_SHUTDOWN,
    WBINVD_IN_CALLBACKS,
    Change,
)
from tdxctl.linux.lookup import ALIASES
from tdxctl.linux.releases import KERNELS, RELEASES, KernelId
from tdxctl.messages import bring_up

INTRO = """\
# Kernels

What each kernel that tdxctl boots does, made of its row and its changes
(`python -m tools.kernel_reference`). `tdxctl kernels KERNEL` tells one of them in full,
`tdxctl kernels KERNEL --against K` what lies between two.
"""
NAMES = """\
## Names

`--kernel` takes a release of the table, a release with changes on top (`6.14+cmr-walk`), what
`uname -r` says, another name, or a class of your own ([your-own-kernel.md](your-own-kernel.md)).
What another name stands for is said on standard error.

* A `uname -r` is its release's: {mainline}. Mainline of 6.8 to 6.15 has nobody who calls
  tdx_enable(): a generic kernel of these stays where its boot left it. Distributions' kernels that
  are known are rows of their own; another distribution's may carry more than its number says.
* Other names: {aliases}. `mainline` is the newest release that is out, and moves.
* An id stays what it is. Until kernels were releases with changes, `6.17` was the name of what is
  6.18 now, `mainline` and `2026-06` of what is 7.2+dynamic-pamt, `cmr-walk` of 6.8+cmr-walk: a
  stored machine of such a name is exit 5, and is booted again.
* Evidence is *executed* (golden results of the kernel's own code are reproduced), *read*, *seen in
  logs* or *assumed*; a combination has the weakest of its parts.
"""


def _has(kernel: KernelId, change: Change) -> bool:
    return change in kernel.changes


def _caller(kernel: KernelId) -> str:
    if kernel.release.engine == "v5":
        return "whoever wants TDX"
    if _has(kernel, INITIALIZED_AT_BOOT):
        return "the boot"
    return "KVM" if _has(kernel, KVM_ASKS_FOR_TDX) else "KVM of a distribution"


def _failure(kernel: KernelId) -> str:
    if kernel.release.engine == "v5":
        return "-EFAULT and shutdown"
    if _has(kernel, INITIALIZED_AT_BOOT):
        return "KVM works without TDX"
    if _has(kernel, KVM_ASKS_FOR_TDX):
        return "kvm_intel does not load (but for -ENODEV)"
    return "KVM says so and works" if _has(kernel, KVM_TELLS_OF_FAILURE) else "not known"


def _kexec(kernel: KernelId) -> str:
    if kernel.release.engine == "v5":
        return "yes; the module is left as it is"
    if _has(kernel, SYS_DISABLE_AT_SHUTDOWN):
        return "yes, after TDH.SYS.DISABLE"
    return "refused with the erratum" if _has(kernel, KEXEC_BESIDE_TDX) else "not built"


def _flush(kernel: KernelId) -> str:
    if _has(kernel, WBINVD_IN_CALLBACKS):
        return "by the core, if marked"
    if _has(kernel, CACHES_MARKED_INCOHERENT):
        return "by KVM, if marked"
    return "no"


def _yes(change: Change) -> Callable[[KernelId], str]:
    return lambda kernel: "yes" if _has(kernel, change) else "no"


COLUMNS: tuple[tuple[str, Callable[[KernelId], str]], ...] = (
    ("kernel", lambda kernel: f"`{kernel.id}`"),
    ("who calls", _caller),
    (
        "when it is initialized",
        lambda kernel: f"`{bring_up.MODULE_INITIALIZED.wording(kernel.wording).text}`",
    ),
    ("a failure", _failure),
    (
        "module not loaded",
        lambda kernel: (
            "UNKNOWN, tried again"
            if kernel.release.engine == "v5" and not _has(kernel, NONE_WHEN_NOT_LOADED)
            else "NONE, final"
            if kernel.release.engine == "v5"
            else "-ENODEV, final"
        ),
    ),
    ("metadata fields", lambda kernel: str(len(kernel.release.metadata.fields) or "SYS.INFO")),
    ("NO_RBP_MOD required", _yes(NO_RBP_MOD_REQUIRED)),
    ("holes from", lambda kernel: "CMRs" if _has(kernel, CMR_WALK) else "memory regions"),
    ("Dynamic PAMT", _yes(DYNAMIC_PAMT)),
    (
        "PAMTs reset after a failure",
        lambda kernel: (
            "no"
            if kernel.release.engine == "v5"
            else "with the erratum"
            if _has(kernel, PAMT_RESET_ONLY_WITH_ERRATUM)
            else "always"
        ),
    ),
    ("kexec", _kexec),
    ("WBINVD of an offlined CPU", _flush),
    ("runtime update", _yes(RUNTIME_UPDATE)),
    ("KVM's silent refusals fail", _yes(KVM_REFUSALS_FAIL)),
    ("evidence", lambda kernel: kernel.evidence.word),
)


def reference() -> str:
    """The page, as Markdown."""
    header = [f"| {' | '.join(name for name, _ in COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    rows = [f"| {' | '.join(cell(kernel) for _, cell in COLUMNS)} |" for kernel in KERNELS]
    mainline = "; ".join(
        f"{_dotted(row.wording)} to {_dotted(row.up_to)} behave as `{row.id}`"
        for row in RELEASES
        if row.up_to is not None and row.up_to != row.wording
    )
    aliases = ", ".join(f"`{name}` is {kernel}" for name, kernel in ALIASES.items())
    changes = [
        f"* **{change.id}**: {change.does}. {'; '.join(map(str, change.commits))}"
        for change in CHANGES
    ]
    return "\n".join(
        [
            INTRO,
            *header,
            *rows,
            "",
            NAMES.format(mainline=mainline, aliases=aliases),
            "## Changes",
            "",
            *changes,
            "",
        ]
    )


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


if __name__ == "__main__":
    print(reference(), end="")
