"""Our rendering of kustomizations beside kustomize's own, byte for byte."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from parts.need import CHECKOUT, missing, need_part

TREES = CHECKOUT / "tests/trees"
OURS = ["operator/default", *(f"operator/overlays/{cloud}" for cloud in ("aws", "gcp", "azure")), "shop/dev", "shop/prod", "shop/staging"]


def build_folder() -> Path:
    """Of the sealift that the tests run: the programs made beside it are those to compare."""
    program = Path(os.environ.get("SEALIFT_BIN", CHECKOUT / "build/dev/cli/sealift"))
    folder = program.resolve().parents[1]
    if not (folder / "tests/differential/kustomize_batch").exists():
        missing(f"{folder} holds no tests/differential/kustomize_batch")
    return folder


def compare_random_trees(trees: int, seed: int, *more: str) -> None:
    need_part("kustomize", "oracle")
    command = [CHECKOUT / "tests/differential/kustomize", "--build", build_folder(), "--trees", str(trees), "--seed", str(seed), *more]
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


def render(command: list[str], folders: list[str]) -> list[dict[str, str]]:
    text = "".join(json.dumps({"dir": folder}) + "\n" for folder in folders)
    done = subprocess.run(command, input=text, text=True, stdout=subprocess.PIPE, timeout=60)
    assert done.returncode == 0
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def compare(root: Path, folders: list[str]) -> None:
    oracle = need_part("kustomize", "oracle")
    ours = render([str(build_folder() / "tests/differential/kustomize_batch"), str(root)], folders)
    theirs = render([str(oracle)], [str(root / folder) for folder in folders])
    for folder, our, their in zip(folders, ours, theirs):
        assert "error" not in their, f"{folder}: {their['error']}"
        assert our == their, folder


def test_trees_written_by_hand() -> None:
    compare(TREES, OURS)


def test_monorepo_of_a_hundred_apps(tmp_path: Path) -> None:
    subprocess.run([TREES / "make_monorepo", tmp_path, "100"], check=True)
    compare(tmp_path, ["prod", "staging", "prod/app7", "staging/app15", "apps/app100"])


def test_random_trees() -> None:
    compare_random_trees(300, 1)


def test_odd_random_trees() -> None:
    compare_random_trees(200, 41000, "--wide")


def random_url(chance: random.Random) -> str:
    """What might be a URL of a remote base, of the pieces that matter to how it is read."""
    pick = chance.choice
    scheme = pick(["", "", "https://", "http://", "ssh://", "file://", "HTTPS://", "git::", "git::https://", "scp://"])
    user = pick(["", "", "git@", "org-1@", "1a@", "@"])
    host = pick(["github.com", "GitHub.com", "git.example.com", "git.example.com:7999", "github.com.example", "", ".."])
    names = ["org", "repo", "repo.git", "_git", "a_git", "", "a", "..", ".", "x.yaml", ".github", "git@", "b:c"]
    path = "/".join(pick(names) for _ in range(chance.randrange(6)))
    pairs = ["ref=v1", "ref=", "version=v2", "ref=a%2Fb", "ref=a+b", "ref=%zz", "a;b", "timeout=3", "submodules=0", "=", "ref", "ref=c?d"]
    query = pick(["", "?"]) + "&".join(pick(pairs) for _ in range(chance.randrange(3)))
    return scheme + user + host + pick(["/", "/", "//", ":", ""]) + path + query


def test_urls_of_remote_bases() -> None:
    """Are taken apart as kustomize does it, or left alone as it does. (Passwords are cut here, and not there.)"""
    oracle = need_part("kustomize", "oracle")
    chance = random.Random(1)
    urls = [url for url in (random_url(chance) for _ in range(20_000)) if url and not re.search("://[^/]*:[^/]*@", url)]
    text = "".join(json.dumps({"url": url}) + "\n" for url in urls)
    ours, theirs = (
        [
            json.loads(line)
            for line in subprocess.run(
                command, input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60
            ).stdout.splitlines()
        ]
        for command in ([str(build_folder() / "tests/differential/kustomize_batch"), "/"], [str(oracle)])
    )
    assert sum("output" in answer for answer in theirs) > 2000
    for url, our, their in zip(urls, ours, theirs):
        assert our == their, url


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_five_thousand_random_trees() -> None:
    compare_random_trees(5000, 1000)
