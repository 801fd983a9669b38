"""`sealift trusted-root update` on a repository that go-tuf wrote. The attacks one by one are in unit_tuf."""

from __future__ import annotations

from pathlib import Path

import pytest

from parts.certificates import Authority
from parts.sealift import Sealift
from parts.sigstore import ISSUER, SUBJECT, Sigstore
from parts.tuf import Mirror, make_repository


@pytest.fixture
def sigstore(tmp_path: Path) -> Sigstore:
    return Sigstore(tmp_path / "sigstore")


def test_trusted_root_from_a_mirror(
    sealift: Sealift, sigstore: Sigstore, authority: Authority, tmp_path: Path
) -> None:
    """Three roots with other keys each; what comes out verifies a keyless signature."""
    artifact, output, state = tmp_path / "artifact", tmp_path / "trusted_root.json", tmp_path / "state"
    artifact.write_text("sealed")
    bundle = sigstore.bundle("artifact", artifact=artifact)
    sigstore.mint()
    repository = make_repository(tmp_path / "repository", sigstore.root)
    root = ("--root", repository / "1/1.root.json", "--state-dir", state)
    with Mirror(repository / "1", authority.issue(file="mirror")) as mirror:
        update = ("trusted-root", "update", "--mirror", mirror.url, *root)
        assert "certificate" in sealift.fails(*update).err
        update = (*update, "--ca-file", authority.cert)
        assert sealift(*update).out == sigstore.root.read_text()
        mirror.folder = repository / "2"
        assert "by TUF root 3" in sealift(*update, "--output", output).err
        assert output.read_bytes() == sigstore.root.read_bytes()
        who = ("--certificate-identity", SUBJECT, "--certificate-oidc-issuer", ISSUER)
        sealift("verify-bundle", "--bundle", bundle, "--trusted-root", output, *who, artifact)
        # The newest root is known now, and an older state is none any more.
        assert mirror.asked[-5:] == ["4.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json",
                                     mirror.asked[-1]]  # fmt: skip
        mirror.folder = repository / "1"
        assert "an older state" in sealift.fails(*update).err
        mirror.folder = repository / "2"
        for name in ("4.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"):
            mirror.endless = name
            assert name in sealift.fails(*update, "--output", output).err
        assert output.read_bytes() == sigstore.root.read_bytes()


def test_trusted_root_from_a_folder(sealift: Sealift, sigstore: Sigstore, tmp_path: Path) -> None:
    sigstore.mint()
    repository = make_repository(tmp_path / "repository", sigstore.root)
    update = ("trusted-root", "update", "--mirror", repository / "2", "--root", repository / "2/1.root.json")
    assert sealift(*update).out == sigstore.root.read_text()
    # What was seen is kept below the home, for each mirror.
    assert len(list((sealift.home / ".local/state/sealift/tuf").glob("*/timestamp.json"))) == 1
    target = next((repository / "2/targets").iterdir())
    target.write_bytes(target.read_bytes().replace(b"tlogs", b"tlogz"))
    assert "another hash" in sealift.fails(*update).err
    assert "--root" in sealift.fails("trusted-root", "update", "--mirror", repository / "2").err
    stranger = make_repository(tmp_path / "stranger", sigstore.root)
    other = sealift.fails(*update[:4], "--root", stranger / "1/1.root.json", "--state-dir", tmp_path / "new")
    assert "0 of the keys that root 1 names" in other.err


def test_public_instance_is_the_default(sealift: Sealift, tmp_path: Path) -> None:
    """Without a network: the sentence names what was asked for, after the root that is built in."""
    with Mirror(tmp_path) as proxy:
        refused = sealift.fails("trusted-root", "update", "--timeout", "5s", env={"https_proxy": proxy.url})
    assert "https://tuf-repo-cdn.sigstore.dev/15.root.json" in refused.err
