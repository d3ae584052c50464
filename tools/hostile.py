# SPDX-License-Identifier: Apache-2.0
"""`make hostile`: every hostile string in every place where a text can stand."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.hostile import findings
from tests.hostile_places import PLACES
from tests.hostile_strings import STRINGS


def main() -> int:
    """Try each string in each place; 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("places", nargs="*", metavar="PLACE", help="its name, or the beginning")
    chosen = tuple(parser.parse_args().places) or ("",)
    places = {name: place for name, place in PLACES.items() if name.startswith(chosen)}
    failed = 0
    for name, place in places.items():
        for text in STRINGS:
            with tempfile.TemporaryDirectory() as folder:
                found = findings(place, text, Path(folder))
            failed += bool(found)
            for what in found:
                sys.stdout.write(f"{name}: {text[:40]!r}: {what}\n")
    tried = len(places) * len(STRINGS)
    sys.stdout.write(f"{len(STRINGS)} strings, {len(places)} places, {tried} runs: {failed} bad\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
