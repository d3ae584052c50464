# SPDX-License-Identifier: Apache-2.0
"""The shape of an entry: what something means, and what to do."""

from __future__ import annotations

from tdxctl.records import record


@record
class Words:
    """meaning: a sentence or two. hint: what to do."""

    meaning: str
    hint: str
