"""Waiting for something to become true, with a limit and a useful sentence when it does not."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

T = TypeVar("T")


def wait_for(what: str, probe: Callable[[], T], timeout: float = 15, every: float = 0.02) -> T:
    """Returns the first true value of probe(). A probe that raises AssertionError or OSError is asked again; its
    last words stand in the failure."""
    deadline = time.monotonic() + timeout
    last: object = None
    while True:
        try:
            value = probe()
            if value:
                return value
            last = value
        except (AssertionError, OSError, LookupError) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s for {what}; at last: {last!r}")
        time.sleep(every)


def stays(what: str, probe: Callable[[], object], duration: float = 1, every: float = 0.05) -> None:
    """Fails when probe() becomes false within `duration` seconds."""
    deadline = time.monotonic() + duration
    while time.monotonic() < deadline:
        assert probe(), f"{what} did not stay so for {duration:g} s"
        time.sleep(every)
