# SPDX-License-Identifier: Apache-2.0
"""Linux 6.17: all metadata is read before memory is listed; an old module is refused.

arch/x86/virt/vmx/tdx/tdx.c of that release, as far as it differs from 6.8; specification
linux-host, profile 6.17.
"""

from __future__ import annotations

from msgspec.structs import replace

from tdxctl.causes import RbpClobbered, TooManyCpuidConfigs
from tdxctl.errnos import Errno
from tdxctl.events import Wbinvd
from tdxctl.linux.steps import KernelErrno
from tdxctl.linux.sysinfo import TdmrSysInfo
from tdxctl.linux.tdx_6_8 import Kernel68
from tdxctl.messages import bring_up, runtime
from tdxctl.seam.features import FEATURES0

_FEATURES0 = 0x0A00000300000008
#: Read and kept for KVM: control structures, attributes; their values decide nothing here.
_BEFORE_CPUID_CONFIG = (
    *(0x9800000100000000, 0x9800000100000100, 0x9800000100000200),
    *(0x1900000300000000, 0x1900000300000001, 0x1900000300000002, 0x1900000300000003),
)
_NUM_CPUID_CONFIG, _MAX_VCPUS_PER_TD = 0x9900000100000004, 0x9900000100000008
_CPUID_CONFIG_LEAVES, _CPUID_CONFIG_VALUES = 0x9900000300000400, 0x9900000300000500
_MAX_CPUID_CONFIG = 128
_NO_RBP_MOD = 1 << FEATURES0["NO_RBP_MOD"]


class Kernel617(Kernel68):
    """Linux 6.17."""

    # What is emulated was taken from the code of 6.18: 6.17 has no kexec beside TDX.
    RELEASE = (6, 18)

    def _enumerate(self) -> TdmrSysInfo:
        # "all after the metadata reads and checks"
        sysinfo = self._get_tdx_sysinfo()
        self._check_features(sysinfo)
        self._build_tdx_memlist()
        return sysinfo

    def _check_features(self, sysinfo: TdmrSysInfo) -> None:
        if not sysinfo.features0 & _NO_RBP_MOD:
            self.pr(bring_up.NO_RBP_MOD)
            raise KernelErrno(Errno.EINVAL, RbpClobbered())

    def _get_tdx_sysinfo(self) -> TdmrSysInfo:
        features0 = self._read_sys_metadata_field(_FEATURES0)
        sysinfo = super()._get_tdx_sysinfo()
        for field_id in _BEFORE_CPUID_CONFIG:
            self._read_sys_metadata_field(field_id)
        num_cpuid_config = self._read_sys_metadata_field(_NUM_CPUID_CONFIG)
        self._read_sys_metadata_field(_MAX_VCPUS_PER_TD)
        if num_cpuid_config > _MAX_CPUID_CONFIG:
            cause = TooManyCpuidConfigs(num_cpuid_config, _MAX_CPUID_CONFIG)
            raise KernelErrno(Errno.EINVAL, cause)
        for i in range(num_cpuid_config):
            self._read_sys_metadata_field(_CPUID_CONFIG_LEAVES + i)
        for i in range(2 * num_cpuid_config):
            self._read_sys_metadata_field(_CPUID_CONFIG_VALUES + i)
        return replace(sysinfo, features0=features0)

    def _tdmrs_reset_pamt_all(self) -> None:
        # "MOVDIR64B only with X86_BUG_TDX_PW_MCE"
        if self.pw_mce:
            super()._tdmrs_reset_pamt_all()

    def kexec(self) -> int:
        """Caches of CPUs that made SEAMCALLs are flushed; no image is loaded with the erratum."""
        if self.pw_mce:
            self.pr(runtime.KEXEC_REFUSED)
            return -Errno.EOPNOTSUPP
        for cpu in sorted(self._lp_initialized & set(self.cpus.online())):
            self._journal.record(Wbinvd(cpu))
        return 0
