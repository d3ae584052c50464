# SPDX-License-Identifier: Apache-2.0
"""Random SEAMCALLs, right and wrong: what holds after every one [tdx-module 1.3, 3, 5, 6]."""

from __future__ import annotations

import struct
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tdxctl.errors import NotModelledError
from tdxctl.seam import ModulePlatform, Registers, TdxModule
from tdxctl.seam.conditions import Conditions, GlobalLock
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.status import base_status

GIB, BASE, SEAMRR = 1 << 30, 0x100000000, 0x3FFE000000
PA_ARRAY, TDMR_INFOS, PAGE = 0x3600, 0x8000, 0x200000
HALTED = 0x8000FF00FFFF0000
NOTES = (0x0000081500000000, 0x00000A0300000000, 0x00000C0B00000000)  # neither 0 nor an error

# A successful leaf and the states around it: no other state lets it succeed, no other call moves.
MOVES = {
    33: ("SYSINIT_PENDING", "SYSINIT_DONE"),
    45: ("SYSINIT_DONE", "SYSCONFIG_DONE"),
    53: ("SYSINIT_DONE", "SYS_READY"),
    31: ("SYSCONFIG_DONE", "SYS_READY"),  # on the last package; before it nothing moves
    52: ("SYS_READY", "SYS_SHUTDOWN"),
}
STAYS = {
    35: "SYSINIT_DONE",
    36: "SYS_READY",
    24: "SYS_READY",
    58: "SYS_READY",
    59: "SYS_READY",
}
BEFORE_READY = {31, 32, 33, 34, 35, 37, 44, 45, 53}
VERSIONED = {"1.5.01": {3, 11, 23, 26, 30}, "1.5.25": {3, 11, 22, 23, 26, 30, 33, 53}}

LPS = st.integers(0, 1)
LEAVES = st.sampled_from([leaf & 0xFFFF for leaf in Leaf]) | st.integers(0, 0xFFFF)
ADDRESSES = st.sampled_from(
    [
        *(0, PA_ARRAY, TDMR_INFOS, PAGE, 0x10000, SEAMRR, 1 << 51, 1 << 52, 5 << 46 | PAGE),
        *(BASE, BASE + 1, BASE + 0x200001, BASE + 0x201000, BASE + 0x202000, BASE + GIB),
    ]
)
REGISTER = (
    ADDRESSES
    | st.integers(0, 70)
    | st.sampled_from([0x10020, 1024, 0x9100000100000008, (1 << 64) - 1])
    | st.integers(0, (1 << 64) - 1)
)
PAGE_PAIRS = st.just((BASE + 0x201000, BASE + 0x202000)) | st.tuples(ADDRESSES, ADDRESSES)
# Nearly always 0: with a version or a reserved bit of RAX hardly a leaf gets past the dispatcher.
HIGH_BITS = st.sampled_from([0] * 6 + [1 << 16, 2 << 16, 255 << 16, 1 << 24, 1 << 62])

reached: Counter[str] = Counter()


def tdmr(i: int) -> list[int]:
    """The words of a good TDMR of 1 GiB and its PAMTs, 1 MiB of it reserved."""
    pamts = 0x1000000 + i * 0x1000000
    area = (0x40000000 - 0x100000, 0x100000)
    sizes = (pamts, 0x1000, pamts + 0x1000, 0x2000, pamts + 0x400000, 0x400000)
    return [BASE + i * GIB, GIB, *sizes, *area, *[0] * 30]


class RandomCalls(RuleBasedStateMachine):
    """A module with two packages, and whoever calls it."""

    @initialize(
        version=st.sampled_from(["1.5.25", "1.5.01"]),
        lps=st.integers(2, 4),
        steps=st.integers(0, 20),
        dice=st.integers(0, 7),
    )
    def load(self, version: str, lps: int, steps: int, dice: int) -> None:
        """A module, often one that is ready."""
        self.version, self.lps = version, lps
        self.module = TdxModule(
            ModulePlatform(
                lps=lps,
                packages=2,
                keyid_bits=6,
                mktme_keyids=31,
                tdx_keyids=32,
                cmrs=[(0x100000, 0x7FF00000), (BASE, 8 * GIB)],
                seamrr=(SEAMRR, 0x2000000),
            ),
            version=version,
        )
        self.halted = False
        #: RDX of the last successful TDMR.INIT by TDMR base; the same as SHUTDOWN noted it,
        #: None once UPDATE has taken it over.
        self.progress: dict[int, int] = {}
        self.handed_over: dict[int, int] | None = None
        self.bring_up(steps, 2, dice)

    def call(self, cpu: int, rax: int, *operands: int) -> Registers | None:
        """One SEAMCALL and everything that must hold after it; None if it is not modelled."""
        module, leaf = self.module, rax & 0xFFFF
        state, kept, refused = module.sys_state, self.kept(), self.gate(rax)
        try:
            out = module.seamcall(cpu, Registers(rax, *operands))
        except NotModelledError:
            # Leaves of a TD's life get as far as the dispatcher lets them.
            assert (self.halted, state) == (False, "SYS_READY")
            assert refused is None
            assert leaf < 99
            assert leaf not in BEFORE_READY
            return None
        assert all(0 <= register < 1 << 64 for register in out)
        assert base_status(out.rax) is not None
        if self.halted:
            assert out == (HALTED, *Registers(rax, *operands)[1:])
        else:
            assert refused in {None, out.rax}
        if out.rax:
            # "Failed calls never change SYS_STATE", and notes do not either. A KEY.CONFIG that
            # halts leaves its package bit ("the package bit then stays set"), a refused UPDATE
            # the TDMRs ("checked after the handoff data has been consumed").
            assert module.sys_state == state
            assert self.kept() == kept or leaf == 53 or (leaf == 31 and out.rax == HALTED)
            assert out.rax >> 63 or out.rax in NOTES
        else:
            self.succeeded(leaf, state)
        if out.rax == HALTED and not self.halted:
            # A PCONFIG code that nobody expects; nothing else is scripted that is fatal.
            assert leaf == 31
            self.halted = True
        if leaf == 36 and not self.halted and refused is None:
            self.tdmr_init_moves_on(Registers(rax, *operands).rcx, out)
        reached[f"{state} {leaf}" if out.rax == 0 else state] += 1
        return out

    def kept(self) -> tuple[object, ...]:
        # What a failed call leaves alone. The global HKID is not: "kept even if a later check ...
        # fails".
        state = self.module.state
        return (
            sorted(state.initialized_lps),
            state.initialized_packages,
            state.package_config_bitmap,
            [(tdmr.base, tdmr.size, tdmr.next, tdmr.reserved) for tdmr in state.tdmrs],
        )

    def gate(self, rax: int) -> int | None:
        # What the dispatcher answers, whatever the leaf.
        leaf, state = rax & 0xFFFF, self.module.sys_state
        if rax >> 24 or (rax >> 16 and leaf not in VERSIONED[self.version]):
            return 0xC000010000000000
        # After SYS.SHUTDOWN only LP.SHUTDOWN, which does nothing, until there is a new module.
        if state == "SYS_SHUTDOWN" and leaf != 44:
            return 0xC000050600000000
        if state not in {"SYS_READY", "SYS_SHUTDOWN"} and leaf not in BEFORE_READY:
            return 0xC000050500000000
        return None

    def succeeded(self, leaf: int, state: str) -> None:
        now = self.module.sys_state
        if leaf in MOVES:
            moves = {MOVES[leaf]}
            if leaf == 31:
                moves.add(("SYSCONFIG_DONE", "SYSCONFIG_DONE"))
            assert (state, now) in moves
        else:
            assert now == state == STAYS.get(leaf, state)
        # INFO, RD, RDALL and LP.SHUTDOWN; no unknown leaf, no TD life-cycle leaf.
        assert leaf in {*MOVES, *STAYS, 32, 34, 37, 44}
        if leaf == 45:
            self.progress = {}
        elif leaf == 52:
            self.handed_over = dict(self.progress)
        elif leaf == 53:
            # "restore, invalidate header"; "TDMR.INIT may continue a half-done TDMR"
            assert self.handed_over is not None
            self.progress, self.handed_over = self.handed_over, None

    def tdmr_init_moves_on(self, base: int, out: Registers) -> None:
        last = self.progress.get(base, base)
        size = {tdmr.base: tdmr.size for tdmr in self.module.state.tdmrs}.get(base, 0)
        if out.rax == 0:
            assert last <= out.rdx <= base + size
            assert out.rdx % GIB == 0
            self.progress[base] = out.rdx
        elif out.rax == 0x00000A0300000000:
            assert (last, out.rdx) == (base + size, 0)
        else:
            assert out.rdx == 0

    def write_tdmrs(self, infos: list[bytes]) -> None:
        pointers = [TDMR_INFOS + 512 * i for i in range(len(infos))]
        self.module.memory.write(PA_ARRAY, struct.pack(f"<{len(infos)}Q", *pointers))
        for pointer, info in zip(pointers, infos, strict=True):
            self.module.memory.write(pointer, info.ljust(512, b"\0"))

    @rule(steps=st.integers(1, 20), tdmrs=st.integers(1, 3), dice=st.integers(0, 7))
    def bring_up(self, steps: int, tdmrs: int, dice: int) -> None:
        """The right call for the state succeeds, whatever came before it."""
        for _ in range(steps):
            conditions = self.module.conditions
            conditions.pconfig.clear()
            conditions.rdrand_failures, conditions.global_lock = 0, GlobalLock.FREE
            conditions.locked_tdmrs.clear()
            conditions.busy_lps.clear()
            right = self.right_call(tdmrs, dice)
            if right is None:
                self.new_module()
            else:
                out = self.call(*right)
                assert out is not None
                assert out.rax == 0

    def right_call(self, tdmrs: int, dice: int) -> tuple[int, ...] | None:
        # CPU, RAX and operands; None where only a new module helps.
        state = self.module.state
        match "halted" if self.halted else self.module.sys_state:
            case "SYSINIT_PENDING":
                return 0, 33
            case "SYSINIT_DONE" if len(state.initialized_lps) < self.lps:
                return min(set(range(self.lps)) - state.initialized_lps), 35
            case "SYSINIT_DONE" if self.module.handoff.valid and dice % 2:
                return 0, 53
            case "SYSINIT_DONE":
                self.write_tdmrs([struct.pack("<40Q", *tdmr(i)) for i in range(tdmrs)])
                dynamic = self.version == "1.5.25" and dice > 3
                return 0, 45, PA_ARRAY, tdmrs, 32 | dynamic << 16
            case "SYSCONFIG_DONE":
                # LP 0 is of package 0, the last one of package 1.
                return self.lps - 1 if state.package_config_bitmap & 1 else 0, 31
            case "SYS_READY":
                left = [tdmr.base for tdmr in state.tdmrs if tdmr.next < tdmr.end]
                if dice > 5 or not left:
                    return 0, 52, 1 if self.version == "1.5.25" else 0
                return 0, 36, left[0]
            case _:
                return None

    @rule(cpu=LPS, leaf=LEAVES, high=HIGH_BITS, operands=st.lists(REGISTER, max_size=6))
    def any_call(self, cpu: int, leaf: int, high: int, operands: list[int]) -> None:
        self.call(cpu, leaf | high, *operands)

    @rule(cpu=LPS, rax=st.integers(0, (1 << 64) - 1), operands=st.lists(REGISTER, max_size=6))
    def noise(self, cpu: int, rax: int, operands: list[int]) -> None:
        self.call(cpu, rax, *operands)

    @rule(cpu=LPS, leaf=st.sampled_from([31, 33, 35, 44]), high=HIGH_BITS)
    def plain_call(self, cpu: int, leaf: int, high: int) -> None:
        self.call(cpu, leaf | high)

    @rule(
        infos=st.lists(st.binary(max_size=320), min_size=1, max_size=3),
        keyid=st.integers(30, 66),
    )
    def config_of_random_bytes(self, infos: list[bytes], keyid: int) -> None:
        self.write_tdmrs(infos)
        self.call(0, 45, PA_ARRAY, len(infos), keyid)

    @rule(
        count=st.integers(1, 4),
        changes=st.lists(
            st.tuples(st.integers(0, 3), st.integers(0, 39), REGISTER | st.just(0x1000)),
            max_size=3,
        ),
        r8=st.sampled_from([32, 32, 63, 64, 0x10020, 0x20020]),
    )
    def config_of_tdmrs(self, count: int, changes: list[tuple[int, int, int]], r8: int) -> None:
        """Good TDMRs, and a few words of them changed."""
        words = [tdmr(i) for i in range(count)]
        for i, word, value in changes:
            words[i % count][word] = value
        self.write_tdmrs([struct.pack("<40Q", *info) for info in words])
        self.call(0, 45, PA_ARRAY, count, r8)

    @rule(cpu=LPS, i=st.integers(0, 3), times=st.sampled_from([1, 3, 64, 257]))
    def tdmr_init(self, cpu: int, i: int, times: int) -> None:
        for _ in range(times):
            out = self.call(cpu, 36, BASE + i * GIB)
            if out is None or out.rax:
                break

    @rule(times=st.sampled_from([256, 1, 300]))
    def update(self, times: int) -> None:
        """A ready module replaced by one that takes over, TDMRs included."""
        if not self.halted and self.module.sys_state == "SYS_READY":
            self.tdmr_init(0, 0, times)
            self.bring_up(4 + self.lps, 1, 7)
            self.tdmr_init(0, 0, 1)

    @rule(
        leaves=st.lists(st.sampled_from([24, 58, 59]), min_size=1, max_size=4),
        initialized=st.booleans(),
        pages=PAGE_PAIRS,
    )
    def pamt(self, leaves: list[int], initialized: bool, pages: tuple[int, int]) -> None:
        """What is said of a page, and Dynamic PAMT's pairs, in an initialized TDMR or not."""
        while initialized:
            out = self.call(0, 36, BASE)
            initialized = out is not None and out.rax == 0
        for leaf in leaves:
            self.call(0, leaf, BASE + (0x200000 if leaf == 24 else 0x200001), *pages)

    @rule(
        leaf=st.sampled_from([32, 34, 37]),
        size=st.sampled_from([1024, 1023, PAGE]),
        field=st.sampled_from([(1 << 64) - 1, 0x0800000200000000, 0x9000000300000080, PAGE]),
        r9=st.sampled_from([31, 32]),
    )
    def read(self, leaf: int, size: int, field: int, r9: int) -> None:
        self.call(0, leaf, PAGE, field if leaf == 34 else size, field, r9)

    @rule(leaf=st.sampled_from([52, 53]), high=HIGH_BITS, hv=st.integers(0, 2), r9=REGISTER)
    def shut_down_or_update(self, leaf: int, high: int, hv: int, r9: int) -> None:
        self.call(0, leaf | high, hv, 0, 0, r9)

    @rule(
        codes=st.lists(st.sampled_from([0, 2, 5, 2, 5, 1]), max_size=2),
        rdrand=st.integers(0, 2),
        lock=st.sampled_from(GlobalLock),
        tdmrs=st.sets(st.integers(0, 2), max_size=1),
        lps=st.sets(LPS, max_size=1),
        dice=st.integers(0, 7),
    )
    def conditions(
        self,
        *,
        codes: list[int],
        rdrand: int,
        lock: GlobalLock,
        tdmrs: set[int],
        lps: set[int],
        dice: int,
    ) -> None:
        """Other LPs, key generation and entropy get in the way of the right call and of others."""
        conditions: Conditions = self.module.conditions
        conditions.pconfig[:] = codes
        conditions.rdrand_failures, conditions.global_lock = rdrand, lock
        conditions.locked_tdmrs.clear()
        conditions.locked_tdmrs.update(tdmrs)
        conditions.busy_lps.clear()
        conditions.busy_lps.update(lps)
        right = self.right_call(2, dice)
        if right is not None:
            self.call(*right)

    @rule()
    def new_module(self) -> None:
        self.module.install()
        self.halted, self.progress = False, {}
        assert self.module.sys_state == "SYSINIT_PENDING"


def test_whatever_is_called_the_module_keeps_its_rules() -> None:
    """Expect every state to be called in, and every leaf that moves it to succeed somewhere."""
    reached.clear()
    run_state_machine_as_test(
        RandomCalls, settings=settings(max_examples=200, stateful_step_count=40, deadline=None)
    )
    moves = {f"{before} {leaf}" for leaf, (before, _) in MOVES.items()}
    tdmr_init_and_rdmd = {"SYS_READY 36", "SYS_READY 24"}
    assert moves | tdmr_init_and_rdmd | {"SYSINIT_DONE 35", "SYS_SHUTDOWN"} <= set(reached)
