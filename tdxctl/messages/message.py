# SPDX-License-Identifier: Apache-2.0
"""What a message is: its wordings by release, its place in a bring-up, its meaning.

A kernel prints with it, and `messages.reading` reads it back by a pattern made of the same words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, IntEnum

from msgspec import Struct

from tdxctl.messages.check_ids import CheckId

#: (major, minor) of a Linux release.
Release = tuple[int, int]
#: The on-demand series of June 2022, posted while 5.19 was made.
V5: Release = (5, 19)

#: printk's levels; the last two are backtraces, which have no prefix.
INFO, WARN, ERR, WARN_ON, BUG_ON = "info", "warn", "err", "WARN", "BUG"
BACKTRACES = frozenset({WARN_ON, BUG_ON})


class Stage(IntEnum):
    """How far a bring-up has got, at least, where a line is printed.

    BOOT: the kernel looks at CPU and firmware. ASKED: somebody asked for TDX. ENUMERATED: the
    module said what it is. CONFIGURED: the module's features were accepted, memory is laid out.
    DONE: all of it is initialized. RUNTIME: it is in use.
    """

    BOOT = 0
    ASKED = 1
    ENUMERATED = 2
    CONFIGURED = 3
    DONE = 4
    RUNTIME = 5


class Source(Enum):
    """The file of the kernel's source that prints a line, or who else does."""

    TDX = "arch/x86/virt/vmx/tdx/tdx.c"
    SEAMLDR = "arch/x86/virt/vmx/tdx/seamldr.c"
    KEXEC = "arch/x86/kernel/machine_kexec_64.c"
    KVM = "arch/x86/kvm/vmx/tdx.c"
    KVM_TDX = "arch/x86/kvm/vmx/tdx.c, of the CPU and of KeyIDs"
    HOTPLUG = "arch/x86/mm/init_64.c and drivers/acpi, as the series of 2022 changes them"
    SEAM_LOADER = "trees of 5.10 that load the module themselves"
    VMX = "KVM, of any kernel"
    AMD = "arch/x86/kvm/svm, of any kernel"
    CPU = "arch/x86/kernel/cpu, of any kernel"
    GUEST = "a kernel inside a TD"
    REPORT = "system-report.sh of canonical/tdx"
    MODPROBE = "modprobe, or systemd-modules-load"


#: What only a kernel with TDX host support prints.
TDX_HOST = frozenset(
    {
        *(Source.TDX, Source.SEAMLDR, Source.KEXEC, Source.KVM, Source.KVM_TDX, Source.HOTPLUG),
        Source.SEAM_LOADER,
    }
)

#: The prefixes of a source file's lines, each from a release on, V5 being the first of all; the
#: others have none.
PREFIXES: dict[Source, tuple[tuple[Release, str], ...]] = {
    Source.TDX: ((V5, "tdx: "), ((6, 8), "virt/tdx: ")),
    Source.SEAMLDR: ((V5, "seamldr: "),),
    Source.KEXEC: ((V5, "kexec: "),),
    Source.KVM: ((V5, "kvm_intel: "),),
    Source.KVM_TDX: ((V5, "kvm_intel: tdx: "),),
    Source.SEAM_LOADER: ((V5, "seam: "),),
    Source.AMD: ((V5, "kvm_amd: "), (V5, "kvm: "), (V5, "SVM: ")),
    Source.VMX: ((V5, "kvm_intel: "), (V5, "kvm: ")),
    Source.GUEST: ((V5, "tdx: "),),
}


class Template(Struct, frozen=True):
    """A wording: a format string with named fields.

    A field's conversion is C's: `{n:d}` is %u, `{n:-d}` is %d, `{a:#x}` is 0x%llx, `{r:016x}` is
    %016llx, and `{s}` is %s; `{words:s}` takes the rest of the line, whatever it is.

    since: the first release that prints it. None: no release that is modelled does, and of says
    where it was seen. level: where it is not the message's. newline: whether it ends with one;
    without, the next line runs into it.
    """

    text: str
    since: Release | None = None
    of: str = ""
    level: str | None = None
    newline: bool = True

    @property
    def takes_the_rest(self) -> bool:
        """Whether it ends in words that are not known here."""
        return self.text.endswith(":s}")


class Printed(Struct, frozen=True):
    """A line as printk has it."""

    level: str
    text: str
    newline: bool


class Message(Struct, frozen=True):
    """A line of a kernel's log in all its wordings.

    id: stable. check: the id of the check that looks at it, None where none does. sources: who
    prints it, the first one where a kernel does not say. generic: the words alone are other
    drivers' too, so that it is read only with its prefix, and at the start of a line.
    """

    id: str
    stage: Stage
    level: str
    templates: tuple[Template, ...]
    meaning: str
    check: CheckId | None = None
    sources: tuple[Source, ...] = (Source.TDX,)
    generic: bool = False

    @property
    def shown(self) -> str:
        """Its words for a person, the newest ones: a field is `...`, the full stop is left out."""
        printed = [template for template in self.templates if template.since is not None]
        template = printed[-1] if printed else self.templates[0]
        return re.sub(r"\{[^}]*\}", "...", template.text.removesuffix("."))

    @property
    def is_harmless(self) -> bool:
        """Whether it is no failure, whatever it looks like."""
        return self.meaning.startswith("Harmless: ")

    @property
    def is_of_tdx_host(self) -> bool:
        """Whether only a kernel with TDX host support prints it."""
        return not TDX_HOST.isdisjoint(self.sources)

    def wording(self, release: Release, of: frozenset[str] = frozenset()) -> Template:
        """The words of that release, or a template that is of one of those named.

        Raises LookupError for a release that prints no such line.
        """
        found = None
        for template in self.templates:
            if template.of in of:
                return template
            if template.since is not None and template.since <= release:
                found = template
        if found is None:
            raise LookupError(f"Linux {release[0]}.{release[1]} has no line '{self.id}'")
        return found

    def printed(
        self,
        release: Release,
        source: Source | None,
        fields: Mapping[str, int | str],
        of: frozenset[str] = frozenset(),
    ) -> Printed:
        """The line as that release prints it, from that source file or from its first one.

        of: whose words it has besides, where a distribution changed some.

        Raises LookupError for a release without it, and for a field that is missing.
        """
        template = self.wording(release, of)
        level = template.level or self.level
        prefix = ""
        if level not in BACKTRACES:
            for since, text in PREFIXES.get(source or self.sources[0], ()):
                prefix = text if since <= release else prefix
        return Printed(level, prefix + template.text.format_map(fields), template.newline)
