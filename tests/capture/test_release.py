# SPDX-License-Identifier: Apache-2.0
"""Which release a module is: by its version, and by its build where that is all a log shows."""

from __future__ import annotations

import pytest

from tdxctl.capture.findings import ModuleShown
from tdxctl.capture.lines_on_tdx import shown_version
from tdxctl.capture.release import describe_release, name_release


def _shown(version: str, date: int | None = None, number: int | None = None) -> ModuleShown:
    return ModuleShown(loaded=True, version=version, build_date=date, build_num=number)


@pytest.mark.parametrize(
    ("version", "date", "number", "release"),
    [  # releases whose every behaviour was measured
        ("1.5", 20231008, 595, "1.5.01"),
        ("1.5", 20240129, 698, "1.5.05"),
        ("1.5", 20240407, 744, "1.5.06"),
        ("1.5", 20240725, 784, "1.5.08"),
        ("1.5", 20240912, 813, "1.5.09"),
        ("1.5", 20250207, 864, "1.5.13"),
        ("1.5", 20250210, 864, "1.5.13"),
        ("1.5", 20250531, 920, "1.5.20"),
        ("1.5", 20250902, 954, "1.5.25"),
    ],
)
def test_a_build_names_the_release(version: str, date: int, number: int, release: str) -> None:
    named = name_release(_shown(version, date, number))
    assert named is not None
    assert named == (release, f"shown as {version}: its build names it", None)
    assert describe_release(_shown(version, date, number)) == (
        f"{release} (build {date}, number {number})"
    )


@pytest.mark.parametrize(
    ("version", "date", "number", "release", "evidence"),
    [
        ("1.5", 20251126, 989, "1.5.28", "read, not run"),
        ("2.0", 20250325, 882, "2.0.08", "not validated"),
        ("2.0", 20260211, 1013, "2.0.18", "not validated"),
    ],
)
def test_a_release_that_was_not_measured_is_marked(
    version: str, date: int, number: int, release: str, evidence: str
) -> None:
    named = name_release(_shown(version, date, number))
    known_by = f"shown as {version}: its build names it; what it does is {evidence}"
    assert named == (release, known_by, None)


@pytest.mark.parametrize(
    ("shown", "release"),
    [
        (_shown("1.5.24"), "1.5.24"),
        (_shown("2.0.8"), "2.0.08"),
        (_shown("1.5.06", 20240407, 744), "1.5.06"),
        # A build that nobody published: the version is enough.
        (_shown("1.5.24", 20250801, 940), "1.5.24"),
        (_shown("1.0", 20211209, 160), "1.0"),
    ],
)
def test_a_version_with_its_update_is_the_release(shown: ModuleShown, release: str) -> None:
    named = name_release(shown)
    assert named is not None
    assert (named.version, named.note) == (release, None)


@pytest.mark.parametrize(
    ("shown", "note", "described"),
    [
        (
            _shown("1.5"),
            "module 1.5 is shown without its build: assumed is 1.5.25",
            "1.5, whose release is not shown",
        ),
        (
            _shown("1.5", 20230420, 507),
            "no release of module 1.5 that is known has build 20230420, number 507: assumed is "
            "1.5.25",
            "1.5 (build 20230420, number 507), no release that is known",
        ),
        # The date of 1.5.08, and not its number.
        (
            _shown("1.5", 20240725, 785),
            "no release of module 1.5 that is known has build 20240725, number 785: assumed is "
            "1.5.25",
            "1.5 (build 20240725, number 785), no release that is known",
        ),
        (
            _shown("1.5", 20250325, 882),
            "module 1.5 has 2.0.08's build 20250325, number 882: assumed is 1.5.25",
            "1.5 (build 20250325, number 882), whose build is 2.0.08's",
        ),
    ],
)
def test_what_is_not_known_is_said_to_be_assumed(
    shown: ModuleShown, note: str, described: str
) -> None:
    """Expect the version as it was shown, which is taken for the newest that was measured."""
    named = name_release(shown)
    assert named == ("1.5", "as shown; taken for 1.5.25, as its release is not known", note)
    assert describe_release(shown) == described


def test_a_build_of_another_release_than_the_version_names_is_told() -> None:
    named = name_release(_shown("1.5.06", 20240725, 784))
    assert named is not None
    assert named.version == "1.5.06"
    assert named.note == (
        "the module says that it is 1.5.06, and its build 20240725, number 784 is 1.5.08's"
    )


def test_a_release_that_is_not_modelled_has_no_name() -> None:
    assert name_release(_shown("1.5.07", 20240501, 750)) is None
    assert describe_release(_shown("1.5.07", 20240501, 750)) == (
        "1.5.07 (build 20240501, number 750), which is not modelled"
    )


@pytest.mark.parametrize(
    ("date", "number", "build"),
    [
        (20240129, 65535, (20240129, 65535)),
        (20240129, 65536, (None, None)),
        (0xFFFFFFFF, 698, (0xFFFFFFFF, 698)),
        (0x100000000, 698, (None, None)),
    ],
)
def test_a_build_has_the_width_that_the_modules_metadata_has(
    date: int, number: int, build: tuple[int | None, int | None]
) -> None:
    """Expect 32 bits of a date and 16 of a number; what has more is none."""
    shown = shown_version({"major": 1, "minor": 5, "build_date": date, "build_num": number})
    assert (shown.version, shown.build_date, shown.build_num) == ("1.5", *build)
