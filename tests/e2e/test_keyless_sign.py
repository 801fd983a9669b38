"""Signing by identity, with the real Fulcio, Rekor v2 and timestamp authority, and with servers that lie."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

import pytest

from parts.cosign import Cosign
from parts.journey import config_map
from parts.keyless import KeylessServers, Liar
from parts.loopback import LoopbackHandler
from parts.net import Answer
from parts.objects import Config
from parts.oci_registry import ReferrersRegistry
from parts.sealift import Daemon, Result, Sealift
from parts.secrecy import Secrecy
from parts.sigstore import Sigstore, statement

Serve = Callable[..., Daemon]
PREDICATE = "https://example.com/p"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeylessServers]:
    with KeylessServers(tmp_path_factory.mktemp("keyless")) as started:
        assert isinstance(started, KeylessServers)
        yield started


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    path = tmp_path / "artifact"
    path.write_text("bytes that somebody signs\n")
    return path


class Signer:
    """`sealift sign-bundle` of one file, with a token that must never come out."""

    def __init__(self, sealift: Sealift, servers: KeylessServers, artifact: Path) -> None:
        self.sealift, self.servers, self.artifact = sealift, servers, artifact
        self.bundle = artifact.with_suffix(".sigstore.json")
        self.token = servers.token()
        self.secrecy = Secrecy()

    def run(self, *words: Any, token: Optional[str] = None, flags: Optional[list[str]] = None, **options: Any) -> Result:
        used = token or self.token
        for part in used.split("."):
            # The header is the same for all tokens, and no secret.
            if len(part) >= 60:
                self.secrecy.add("the token", part, part[20:52])
        done = self.sealift.run(
            "sign-bundle", "--bundle", self.bundle, *(self.servers.flags if flags is None else flags), *words,
            self.artifact, env={"SIGSTORE_ID_TOKEN": used, **options.pop("env", {})}, **options,
        )  # fmt: skip
        self.secrecy.check("what it said", done.out + done.err)
        return done

    def __call__(self, *words: Any, **options: Any) -> Result:
        done = self.run(*words, **options)
        assert done.code == 0, done.err
        self.secrecy.check("the bundle", self.bundle.read_bytes())
        return done

    def fails(self, *words: Any, **options: Any) -> str:
        self.bundle.unlink(missing_ok=True)
        done = self.run(*words, **options)
        assert done.code == 1, done.out + done.err
        assert not self.bundle.exists()
        return done.err


@pytest.fixture
def signer(sealift: Sealift, servers: KeylessServers, artifact: Path) -> Signer:
    return Signer(sealift, servers, artifact)


# What others make of it


def test_a_file_as_cosign_sees_it(sealift: Sealift, servers: KeylessServers, cosign: Cosign, signer: Signer) -> None:
    done = signer("-o", "json")
    assert done.json()["subject"] == "dev@example.com" and done.json()["issuer"] == servers.issuer
    root = ("--bundle", str(signer.bundle), "--trusted-root", str(servers.root))
    cosign.run("verify-blob", *root, *servers.who(), str(signer.artifact))
    sealift("verify-bundle", *root, *servers.who(), signer.artifact)
    for other in (servers.who("mallory@example.com"), [*servers.who()[:2], "--certificate-oidc-issuer", "https://x"]):
        assert cosign.try_run("verify-blob", *root, *other, str(signer.artifact)).returncode
        assert "not by" in sealift.fails("verify-bundle", *root, *other, signer.artifact).err
    signer.artifact.write_text("other bytes\n")
    sealift.fails("verify-bundle", *root, *servers.who(), signer.artifact)


def test_a_statement_as_cosign_sees_it(
    sealift: Sealift, servers: KeylessServers, cosign: Cosign, signer: Signer, tmp_path: Path
) -> None:
    subject, signer.artifact = signer.artifact, tmp_path / "statement.json"
    digest = "sha256:" + hashlib.sha256(subject.read_bytes()).hexdigest()
    signer.artifact.write_text(statement(digest, PREDICATE, name="artifact"))
    signer("--in-toto")
    root = ("--bundle", str(signer.bundle), "--trusted-root", str(servers.root))
    sealift("verify-bundle", *root, *servers.who(), subject)
    cosign.run("verify-blob-attestation", *root, *servers.who(), "--type", PREDICATE, str(subject))
    # The statement is about the artifact, not about itself.
    sealift.fails("verify-bundle", *root, *servers.who(), signer.artifact)


def test_the_suites_own_command_line(sealift: Sealift, servers: KeylessServers, signer: Signer) -> None:
    """sigstore-conformance's, word by word; the token is read from wherever it may be."""
    verify = ("verify-bundle", "--bundle", signer.bundle, "--trusted-root", servers.root)
    file = signer.artifact.with_name("token")
    file.write_text(f"\n{servers.token('file@example.com')}\n")
    actions = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{servers.urls['tokens']}/actions?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "job",
    }
    for words, env, who in (
        (["--identity-token", servers.token("line@example.com")], {}, "line@example.com"),
        (["--identity-token-file", file], {}, "file@example.com"),
        ([], {"SIGSTORE_ID_TOKEN": servers.token("env@example.com")}, "env@example.com"),
        ([], actions, "job@example.com"),
    ):
        sealift("sign-bundle", *words, "--bundle", signer.bundle, *servers.flags, signer.artifact, env=env)
        sealift(*verify, *servers.who(who), signer.artifact)
    wrong = {**actions, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "nobody"}
    refused = sealift.fails("sign-bundle", "--bundle", signer.bundle, *servers.flags, signer.artifact, env=wrong).err
    assert "`id-token: write`" in refused


@pytest.fixture
def pushed(sealift: Sealift, tmp_path: Path, referrers_registry: ReferrersRegistry, repository: str) -> str:
    folder = tmp_path / "manifests"
    folder.mkdir()
    (folder / "web.yaml").write_text(config_map("web"))
    reference = f"{referrers_registry.oci(repository)}:prod"
    return sealift("push", folder, reference, "--insecure", "--unsigned").out.strip()


def test_an_artifact(
    sealift: Sealift,
    servers: KeylessServers,
    cosign: Cosign,
    config: Config,
    serve: Serve,
    tmp_path: Path,
    referrers_registry: ReferrersRegistry,
    repository: str,
    pushed: str,
) -> None:
    reference = f"{referrers_registry.oci(repository)}:prod"
    place = f"{referrers_registry.repository(repository)}@{pushed}"
    trust = ["--trusted-root", str(servers.root), *servers.who("ci@example.com")]
    config.secret("sigstore-root", namespace="sealift-system", trusted_root__json=servers.root)
    config.policy(
        "prod",
        require=[
            {
                "name": "ci",
                "keyless": [{"issuer": servers.issuer, "subject": "ci@example.com"}],
                "attests": True,
            }
        ],
        trustedRoot={"secretRef": {"name": "sigstore-root"}},
    )
    config.sync(
        "shop",
        interval="1s",
        artifact={"repository": referrers_registry.oci(repository), "tag": "prod", "insecure": True},
        target={"directory": {"path": str(tmp_path / "target")}},
    )
    # Somebody else's signature is none.
    sign = ("sign", reference, "--insecure", "--channel", "prod", "--expiry", "24h", *servers.flags)
    sealift(*sign, env={"SIGSTORE_ID_TOKEN": servers.token("mallory@example.com")})
    daemon = serve()
    refused = daemon.wait_condition("Sync", "shop", "Ready", "False")
    assert "ci@example.com" in json.dumps(refused["conditions"])
    said = sealift(*sign, env={"SIGSTORE_ID_TOKEN": servers.token("ci@example.com")})
    assert said.out.strip() == pushed
    daemon.wait_condition("Sync", "shop", "Ready", "True")
    assert daemon.status("Sync", "shop")["artifact"]["verifiedBy"] == ["ci: ci@example.com"]
    sealift("verify", reference, "--insecure", "--channel", "prod", *trust)
    common = ("--allow-http-registry", *trust, place)
    cosign.run("verify", *common)
    release = cosign.run("verify-attestation", "--type", "https://sealift.dev/release/v1", *common)
    payload = json.loads(base64.b64decode(json.loads(release.splitlines()[0])["payload"]))
    assert payload["predicate"]["channel"] == "prod" and payload["predicate"]["notAfter"] > payload["predicate"]["issuedAt"]
    other = ("--allow-http-registry", "--trusted-root", str(servers.root), *servers.who("x@example.com"), place)
    assert cosign.try_run("verify", *other).returncode


# What is refused before anybody is asked


def test_what_is_wrong_from_the_start(sealift: Sealift, servers: KeylessServers, signer: Signer) -> None:
    assert "no signed JSON Web Token" in signer.fails(token="not-a-token-of-any-kind")
    assert "give one" in signer.fails("--identity-token", signer.token, "--identity-token-file", "x")
    assert "two signers" in signer.fails("--identity-token", signer.token, "--key", "x")
    assert "staging instance is not built in" in signer.fails("--staging", flags=[])
    folder = signer.artifact.parent

    def changed(change: Callable[[dict[str, Any]], object]) -> str:
        config = servers.config_with(folder / "changed.json", change)
        return signer.fails(flags=["--trusted-root", str(servers.root), "--signing-config", str(config)])

    def clear(config: dict[str, Any]) -> None:
        config["caUrls"][0]["url"] = "http://fulcio.example.com"

    def past(config: dict[str, Any]) -> None:
        config["rekorTlogUrls"][0]["validFor"]["end"] = "2021-01-01T00:00:00Z"

    assert "not sent to http://fulcio.example.com" in changed(clear)
    assert "no log that is valid now" in changed(past)
    assert "no timestamp authority" in changed(lambda config: config.update(tsaUrls=[]))
    assert "mediaType" in changed(lambda config: config.pop("mediaType"))
    # Without a token of any kind it is a matter of keys, as ever.
    none = sealift.fails("sign-bundle", "--bundle", signer.bundle, signer.artifact).err
    assert "--key KEY" in none and "--identity-token-file" in none


def test_a_token_that_fulcio_refuses(servers: KeylessServers, signer: Signer) -> None:
    refused = signer.fails(token=servers.token(audience="somebody else"))
    assert "no certificate for this identity token" in refused and 'audience than "sigstore"' in refused


# Servers that lie


@pytest.fixture
def before(servers: KeylessServers, tmp_path: Path, stack: contextlib.ExitStack) -> Callable[[str], Liar]:
    return lambda service: stack.enter_context(Liar(servers, service, tmp_path))


SHOWN = {"fulcio": "Fulcio http://", "rekor": "Rekor http://", "tsa": "timestamp authority http://"}


@pytest.mark.parametrize("service", SHOWN)
@pytest.mark.parametrize(
    "status, body, sentence",
    [
        (500, b"the disk is full", "the disk is full"),
        (404, b"", "404"),
        (302, b"", "302"),
        (200, b"<html>welcome</html>", ""),
        (200, b"", ""),
        (200, b"{}", ""),
        (200, b"[" * 5000, ""),
        (200, b" " * (5 << 20), "limit"),
    ],
    ids=["broken", "absent", "elsewhere", "html", "empty", "nothing", "deep", "endless"],
)
def test_answers_that_are_none(
    signer: Signer, before: Callable[[str], Liar], service: str, status: int, body: bytes, sentence: str
) -> None:
    liar = before(service)
    liar.say(status, body, {"Location": "http://127.0.0.1:1/"})
    err = signer.fails(flags=liar.flags)
    assert SHOWN[service] in err and sentence in err, err


@pytest.mark.parametrize("service", SHOWN)
def test_a_server_that_is_slow(signer: Signer, before: Callable[[str], Liar], service: str) -> None:
    liar = before(service)
    liar.script = lambda request: request.stall()
    # The time is over all servers, and those before this one must have enough of it.
    err = signer.fails("--timeout", "2s" if service == "fulcio" else "10s", flags=liar.flags)
    assert SHOWN[service] in err


@pytest.mark.parametrize("service", SHOWN)
def test_a_server_that_is_busy(signer: Signer, before: Callable[[str], Liar], service: str) -> None:
    liar = before(service)
    liar.say(503, b"later", {"Retry-After": "0"}, times=2)
    signer(flags=liar.flags)


@pytest.mark.parametrize(
    "service, sentence",
    [
        ("fulcio", "its certificate is for another key"),
        ("tsa", "the timestamp is about another signature"),
        ("rekor", "the log entry is about another"),
    ],
    ids=SHOWN,
)
def test_an_answer_about_something_else(signer: Signer, before: Callable[[str], Liar], service: str, sentence: str) -> None:
    """What a server said about one signature is no answer about the next."""
    liar = before(service)
    liar.replay()
    signer(flags=liar.flags)
    assert sentence in signer.fails(flags=liar.flags)


def test_a_timestamp_of_another_request(signer: Signer, before: Callable[[str], Liar]) -> None:
    liar = before("tsa")

    def script(request: LoopbackHandler) -> Answer:
        body = bytearray(request.body)
        assert body[-3:] == b"\x01\x01\xff"  # certReq; the nonce's last byte is before it
        body[-4] ^= 1
        return liar.ask(request, bytes(body))

    liar.script = script
    assert "the nonce is not ours" in signer.fails(flags=liar.flags)


def test_an_entry_with_a_broken_proof(signer: Signer, before: Callable[[str], Liar]) -> None:
    liar = before("rekor")

    def script(request: LoopbackHandler) -> Answer:
        answer = liar.ask(request)
        entry = answer.json()
        index = int(entry["logIndex"]) + 1
        entry["logIndex"] = entry["inclusionProof"]["logIndex"] = str(index)
        return Answer(answer.status, {}, json.dumps(entry).encode())

    liar.script = script
    assert "Rekor http://" in signer.fails(flags=liar.flags)


def test_the_root_of_others(servers: KeylessServers, signer: Signer, tmp_path: Path) -> None:
    others = Sigstore(tmp_path / "others")
    others.bundle("b", artifact=signer.artifact)
    others.mint()
    ours = json.loads(servers.root.read_text())
    theirs = json.loads(others.root.read_text())
    root = tmp_path / "mixed.json"
    for name, sentence in (
        ("certificateAuthorities", "what it issued is not to be trusted"),
        ("ctlogs", "promised to publish the certificate"),
        ("timestampAuthorities", "by nobody that the trusted root names"),
        ("tlogs", "of a log that the trusted root does not name"),
    ):
        root.write_text(json.dumps({**ours, name: theirs[name]}))
        flags = ["--trusted-root", str(root), "--signing-config", str(servers.config)]
        assert sentence in signer.fails(flags=flags), name


def test_a_server_that_shows_the_token(signer: Signer, before: Callable[[str], Liar]) -> None:
    """signer itself looks for it in all that comes out."""
    liar = before("fulcio")
    for status in (400, 401, 500):
        liar.script = lambda request: Answer(status, {}, f"you said {request.headers['Authorization']}".encode())
        assert str(status) in signer.fails(flags=liar.flags)
    liar.script = lambda request: Answer(401, {}, request.headers["Authorization"][-150:].encode())
    assert "401" in signer.fails(flags=liar.flags)
    # As what it is not: its parts must not come out of messages about JSON or PEM, either.
    for body in ('{{"{}":1}}', '{{"signedCertificateEmbeddedSct":{{"chain":{{"certificates":["{}"]}}}}}}', "{}"):
        liar.script = lambda request: Answer(200, {}, body.format(request.headers["Authorization"]).encode())
        signer.fails(flags=liar.flags)
