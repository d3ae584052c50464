# SPDX-License-Identifier: Apache-2.0
"""Workers of a Dask cluster that is running already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Client, KilledWorker

from tdxctl.errors import UsageError
from tdxctl.fleet.pools import Pool
from tdxctl.units import printable

#: Seconds to find the scheduler in.
_WAIT = 10
#: How often Dask itself does a task again whose worker is gone.
_RETRIES = 3


def _connected(address: str) -> Any:
    connect: Any = Client
    return connect(address, timeout=_WAIT, set_as_default=False)


@contextmanager
def cluster(address: str) -> Iterator[Pool]:
    """The cluster whose scheduler has that address. Raises UsageError where there is none.

    Tasks name a file and its row groups, and give back a number: hosts never go over the wire. The
    workers need tdxctl[dask], and see the same files.
    """
    try:
        client: Any = _connected(address)
    except (OSError, ValueError, TimeoutError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"no Dask scheduler at {printable(address)}: {printable(said)}") from None
    with client:
        yield Pool(lambda: client.get_executor(retries=_RETRIES, pure=False), (KilledWorker,))
