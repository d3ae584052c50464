# SPDX-License-Identifier: Apache-2.0
"""Every shipped platform under every kernel: written as a root, captured, booted again.

    python -m tools.roots

Exit 1 where one of them is not the machine again.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tdxctl import Machine, Platform
from tdxctl.errors import NotModelledError
from tdxctl.linux.releases import KERNELS
from tests.rootfs.round_trips import round_trip

PLATFORMS = Path(__file__).parent.parent / "platforms"


def main() -> int:
    """Print what came of all of them."""
    equal, alone, not_modelled, lost = 0, 0, 0, Counter[str]()
    broken: list[str] = []
    for path in sorted(PLATFORMS.glob("*.yaml")):
        platform = Platform.load(path)
        for kernel in KERNELS:
            try:
                machine = Machine.boot(platform, kernel)
                machine.init_host()
            except NotModelledError:
                not_modelled += 1
                continue
            with TemporaryDirectory(prefix="tdxctl-roots-") as folder:
                found = round_trip(machine, Path(folder))
            lost.update(found.alone)
            alone += not found.alone
            equal += not found.differs
            if found.differs:
                broken.append(f"{platform.name}, {kernel.id}: {', '.join(found.differs)}")
    print("\n".join(broken))
    print(f"the machine again: {equal} of {equal + len(broken)}; not modelled: {not_modelled}")
    print(f"the same without host.json: {alone}; lost in the others: {dict(lost)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
