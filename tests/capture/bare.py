# SPDX-License-Identifier: Apache-2.0
"""A captured platform of which no more is shown than that there is one."""

from __future__ import annotations

from tdxctl.capture.merge import Captured, CpuSlot
from tdxctl.platform.description import Seamrr

BARE = Captured(
    slots=(CpuSlot(0, 0, enabled=True),),
    disabled_cpus=None,
    online=None,
    cpu=None,
    ranges=(),
    cmrs=None,
    seamrr=Seamrr.ABSENT,
    mktme_keyids=0,
    tdx_keyids=0,
    module=None,
    hibernation=False,
    kernel=None,
    assumed=False,
    seamrr_range=None,
    keyid_bits=None,
    features_off=(),
    not_shown={},
    origins={"madt": "M", "package": "P", "ranges": "R", "firmware": "F", "module": "no module"},
    warnings=(),
)
