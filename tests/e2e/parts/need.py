"""What a test needs from the machine: a word why it is skipped, or a failure where everything must be there."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Optional

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]


def missing(why: str) -> None:
    """Skips the test; in CI (SEALIFT_REQUIRE_PARTS=1) fails it. Does not return."""
    if os.environ.get("SEALIFT_REQUIRE_PARTS", "0") not in ("", "0"):
        pytest.fail(f"{why}, and SEALIFT_REQUIRE_PARTS asks for all parts", pytrace=False)
    pytest.skip(why)


def need_program(name: str, package: str) -> str:
    """The path of a Debian program, also of those in sbin."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        missing(f"{name} is missing: apt-get install {package}")
    return str(path)


@functools.lru_cache(maxsize=None)
def part_folder(name: str) -> Path:
    build = CHECKOUT / "tests/parts/build"
    return Path(subprocess.run([build, "--where", name], check=True, text=True, stdout=subprocess.PIPE).stdout.strip())


def need_part(name: str, program: Optional[str] = None) -> Path:
    """A program (default: the one called as the part) of a part that tests/parts/build makes, or KUBEBUILDER_ASSETS'."""
    asset = Path(os.environ.get("KUBEBUILDER_ASSETS") or os.devnull) / (program or name)
    path = asset if asset.exists() else part_folder(name) / (program or name)
    if not path.exists():
        missing(f"{program or name} is not built: tests/parts/build {name}")
    return path
