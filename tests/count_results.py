"""Adds up what ctest and pytest wrote as JUnit XML, for tests/run.

count_results.py [--broken N] DIR     print "N passed, N failed, N skipped"; fail when something failed
count_results.py --has-failures FILE  succeed when FILE names a failed test
"""

from __future__ import annotations

import argparse
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple


class Counts(NamedTuple):
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def plus(self, other: Counts) -> Counts:
        return Counts(*(mine + theirs for mine, theirs in zip(self, other)))


def judge(case: ElementTree.Element) -> Counts:
    """One <testcase>. ctest says "disabled" or "notrun" in an attribute; pytest speaks in children."""
    if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
        return Counts(failed=1)
    if case.find("skipped") is not None or case.get("status") in ("disabled", "notrun"):
        return Counts(skipped=1)
    return Counts(passed=1)


def count_file(path: Path) -> Counts:
    total = Counts()
    for case in ElementTree.parse(path).iter("testcase"):
        total = total.plus(judge(case))
    return total


def has_failures(path: Path) -> bool:
    try:
        return count_file(path).failed > 0
    except (OSError, ElementTree.ParseError):
        return False


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--broken", type=int, default=0, help="failures that no file knows of")
    parser.add_argument("--has-failures", action="store_true")
    parser.add_argument("path", type=Path)
    options = parser.parse_args()
    if options.has_failures:
        return 0 if has_failures(options.path) else 1

    total = Counts(failed=options.broken)
    for path in sorted(options.path.glob("*.xml")):
        try:
            total = total.plus(count_file(path))
        except ElementTree.ParseError:
            total = total.plus(Counts(failed=1))
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
