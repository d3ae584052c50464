from tdxctl.errnos import Errno
from tdxctl.linux.v5 import V5


class NoneWhenNotLoaded(V5):
    """Review of patch 06/22: a module that is not loaded leaves NONE."""

    RELEASE = "v5-posted"

    def _tdx_init(self) -> int:
        returned = super()._tdx_init()
        if returned == -Errno.ENODEV:
            self.set_status("NONE")
        return returned
