# SPDX-License-Identifier: Apache-2.0
"""Damaged inputs: bytes changed, cut, doubled, numbers at their limits."""

from __future__ import annotations

from hypothesis import strategies as st

_NUMBERS = (b"0", b"1", b"-1", b"255", b"256", b"65536", b"4294967295", b"18446744073709551615")
_HEX = (b"0x0", b"0xff", b"0xffffffff", b"0xffffffffffffffff", b"0x8000000000000000")


@st.composite
def damaged(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """One of seeds with up to six changes."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 32))
        match draw(st.integers(0, 5)):
            case 0:  # bytes changed
                data = data[:at] + draw(st.binary(max_size=8)) + data[at + length :]
            case 1:  # cut
                data = data[:at]
            case 2:  # a piece left out
                data = data[:at] + data[at + length :]
            case 3:  # a piece twice
                data = data[:at] + data[at : at + length] * draw(st.integers(2, 4)) + data[at:]
            case 4:  # a number at a limit
                data = data[:at] + draw(st.sampled_from(_NUMBERS + _HEX)) + data[at + length :]
            case _:  # lines in another order
                lines = data.split(b"\n")
                first, second = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
                lines[first], lines[second] = lines[second], lines[first]
                data = b"\n".join(lines)
    return data
