"""Adds up what ctest and pytest wrote as JUnit XML, for tests/run.

count_results.py [--broken N] DIR     print "N passed, N failed, N skipped"; fail when something failed
count_results.py --show FILE           say which tests failed and how; fail when FILE names none
"""

from __future__ import annotations

import argparse
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple


MAX_SHOWN = 10  # failed tests
MAX_LINES = 25  # of each
MAX_COLUMNS = 300


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


def account(case: ElementTree.Element) -> str:
    """The name of a failed test and the end of what it said: sanitizers and pytest come to the point last."""
    words = [case.get("name", "")]
    for child in case:
        if child.tag in ("failure", "error", "system-out"):
            words += (child.text or child.get("message") or "").strip().splitlines()[-MAX_LINES:]
    return "\n".join("        " + line[:MAX_COLUMNS] for line in words)


def show_failures(path: Path) -> bool:
    try:
        failed = [case for case in ElementTree.parse(path).iter("testcase") if judge(case).failed]
    except (OSError, ElementTree.ParseError):
        return False
    for case in failed[:MAX_SHOWN]:
        print(account(case))
    if len(failed) > MAX_SHOWN:
        print(f"        and {len(failed) - MAX_SHOWN} more")
    return bool(failed)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--broken", type=int, default=0, help="failures that no file knows of")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("path", type=Path)
    options = parser.parse_args()
    if options.show:
        return 0 if show_failures(options.path) else 1

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
