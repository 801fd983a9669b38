"""The program under valgrind: every invalid access, every definite leak and every forgotten file is a failure."""

from __future__ import annotations

from pathlib import Path

from .need import CHECKOUT, missing, need_program
from .sealift import Sealift

ERROR_CODE = 99


def under_valgrind(home: Path) -> Sealift:
    """Runs the dev build: sanitizers and valgrind do not go together. Give a daemon time: about 30 times slower.
    Its report is in the result's `err`, or in the daemon's output."""
    program = CHECKOUT / "build/dev/cli/sealift"
    if not program.exists():
        missing("the dev build is missing: cmake --preset dev && cmake --build --preset dev")
    options = (
        "--quiet",
        f"--error-exitcode={ERROR_CODE}",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite",
        "--show-leak-kinds=definite",
        "--fair-sched=yes",
        "--num-callers=30",
    )
    return Sealift(home, program, (need_program("valgrind", "valgrind"), *options))
