"""Logins that are kept elsewhere: by credential helpers, by the cloud a machine is in, and client certificates."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

import pytest

from parts.certificates import Authority, Certificate
from parts.cloud import Cloud
from parts.faulty_registry import FaultyRegistry, RegistryFault
from parts.line import Line
from parts.sealift import Daemon, Sealift

Serve = Callable[..., Daemon]
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop, namespace: shop}\ndata: {greeting: hello}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "manifests"
    path.mkdir()
    (path / "config.yaml").write_text(CONFIG_MAP)
    return path


class Helpers:
    """A folder of docker-credential-* programs, and a docker config that names them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "programs"
        self.folder.mkdir()
        self.config = folder / "docker.json"
        self.calls = folder / "calls"
        self.env = {"PATH": f"{self.folder}:{os.environ['PATH']}"}

    def add(self, suffix: str, script: str) -> None:
        path = self.folder / f"docker-credential-{suffix}"
        path.write_text(f'#!/bin/sh\nread server\necho "$0 $1 $server" >> {self.calls}\n{script}\n')
        path.chmod(0o755)

    def configure(self, **config: object) -> Path:
        self.config.write_text(json.dumps(config))
        return self.config


@pytest.fixture
def helpers(tmp_path: Path) -> Helpers:
    return Helpers(tmp_path)


@pytest.fixture
def private(stack: ExitStack) -> FaultyRegistry:
    return stack.enter_context(FaultyRegistry("ada", "secret", bearer=True))


GOOD = """printf '{"ServerURL":"x","Username":"ada","Secret":"secret"}'"""


@pytest.mark.parametrize("way", ["credHelpers", "credsStore"])
def test_helper(sealift: Sealift, folder: Path, helpers: Helpers, private: FaultyRegistry, way: str) -> None:
    helpers.add("vault", GOOD)
    named = {"credHelpers": {private.host: "vault"}} if way == "credHelpers" else {"credsStore": "vault"}
    config = helpers.configure(**named)
    ref = private.oci("acme/shop:prod")
    sealift("push", folder, ref, "--unsigned", "--docker-config", config, env=helpers.env)
    assert helpers.calls.read_text().splitlines() == [f"{helpers.folder}/docker-credential-vault get {private.host}"]


def test_helpers_come_before_auths(
    sealift: Sealift, folder: Path, helpers: Helpers, private: FaultyRegistry
) -> None:
    """And one that knows nothing leaves it to the next."""
    helpers.add("empty", "echo credentials not found in native keychain; exit 1")
    helpers.add("vault", GOOD)
    ref = private.oci("acme/shop:prod")
    wrong = {private.host: {"username": "eve", "password": "guess"}}
    config = helpers.configure(auths=wrong, credHelpers={private.host: "empty"}, credsStore="vault")
    sealift("push", folder, ref, "--unsigned", "--docker-config", config, env=helpers.env)
    config = helpers.configure(auths={private.host: {"username": "ada", "password": "secret"}}, credsStore="absent")
    assert "docker-credential-absent cannot be started" in refused(sealift, folder, ref, helpers)
    config = helpers.configure(credsStore="absent")
    assert "no credentials were given" in refused(sealift, folder, ref, helpers)


def refused(sealift: Sealift, folder: Path, ref: str, helpers: Helpers) -> str:
    flags = ("--unsigned", "--docker-config", helpers.config, "--timeout", "5s")
    return sealift.fails("push", folder, ref, *flags, env=helpers.env).err


@pytest.mark.parametrize(
    ("suffix", "script", "says"),
    [
        ("bad", "echo cannot open the vault; exit 3", "exit code 3: cannot open the vault"),
        ("bad", """printf '{"Secret":"hush"}'; exit 1""", "says nothing"),
        ("bad", "echo hello", "no JSON"),
        ("bad", """printf '{"Username":"a\\\\nb","Secret":"hush"}'""", "control character"),
        ("bad", "yes hush | head -c 1000000", "limit"),
        ("../../bin/sh", "", "is no name"),
        ("-x", "", "is no name"),
    ],
)
def test_bad_helpers(
    sealift: Sealift, folder: Path, helpers: Helpers, private: FaultyRegistry, suffix: str, script: str, says: str
) -> None:
    if "/" not in suffix:
        helpers.add(suffix, script)
    helpers.configure(credHelpers={private.host: suffix})
    said = refused(sealift, folder, private.oci("acme/shop:prod"), helpers)
    assert says in said and "hush" not in said


def test_a_secret_starts_no_program(
    sealift: Sealift, helpers: Helpers, private: FaultyRegistry, line: Line, serve: Serve
) -> None:
    """A tenant's .dockerconfigjson names a helper: it is refused, even where the process may run its own."""
    helpers.add("vault", GOOD)
    line.repository = private.oci("acme/shop")
    login = json.dumps({"credHelpers": {private.host: "vault"}})
    line.journey.config.write(
        "registry.yaml",
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "registry", "namespace": "default"},
            "stringData": {".dockerconfigjson": login},
        },
    )
    line.journey.bundle(line.url, line.repository, artifact={"secretRef": {"name": "registry"}})
    line.repo.commit({"web.yaml": CONFIG_MAP})
    line.repo.push()
    daemon = serve("--credential-helpers", env=helpers.env)
    daemon.wait_condition("Bundle", "shop", "Ready", "False")
    assert "credential helper" in daemon.condition("Bundle", "shop")["message"]
    assert not helpers.calls.exists()


@pytest.mark.parametrize("allowed", [True, False])
def test_helpers_of_the_daemon(
    sealift: Sealift, helpers: Helpers, private: FaultyRegistry, line: Line, serve: Serve, allowed: bool
) -> None:
    """Those of its own login file, where it was told to: one call serves many requests."""
    helpers.add("vault", GOOD)
    config = helpers.configure(credHelpers={private.host: "vault"})
    line.repository = private.oci("acme/shop")
    flags = ("--docker-config", config, *(["--credential-helpers"] if allowed else []))
    if allowed:
        line.start(serve, *flags, env=helpers.env)
        line.goes_on()
        assert len(helpers.calls.read_text().splitlines()) <= 4
        return
    line.write()
    line.repo.commit({"web.yaml": CONFIG_MAP})
    line.repo.push()
    daemon = serve(*flags, env=helpers.env)
    daemon.wait_condition("Bundle", "shop", "Ready", "False")
    assert "--credential-helpers" in daemon.condition("Bundle", "shop")["message"]
    assert not helpers.calls.exists()


@pytest.fixture
def cloud(stack: ExitStack) -> Cloud:
    return stack.enter_context(Cloud())



CLOUDS = {
    "google": ("europe-docker.pkg.dev", "oauth2accesstoken"),
    "ecr machine": ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "AWS"),
    "ecr variables": ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "AWS"),
    "ecr web identity": ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "AWS"),
    "ecr container": ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "AWS"),
    "azure machine": ("acme.azurecr.io", "00000000-0000-0000-0000-000000000000"),
    "azure web identity": ("acme.azurecr.io", "00000000-0000-0000-0000-000000000000"),
}


def variables(case: str, cloud: Cloud, folder: Path) -> dict[str, str]:
    token = folder / "web-token"
    token.write_text("web-token\n")
    pod = folder / "pod-token"
    pod.write_text("pod-token\n")
    ecr = {"AWS_ENDPOINT_URL_ECR": cloud.url}
    return {
        "google": {"GCE_METADATA_HOST": cloud.authority},
        "ecr machine": {**ecr, "AWS_EC2_METADATA_SERVICE_ENDPOINT": cloud.url},
        "ecr variables": {**ecr, "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "aws-secret"},
        "ecr web identity": {
            **ecr,
            "AWS_ENDPOINT_URL_STS": cloud.url,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/pull",
        },
        "ecr container": {
            **ecr,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{cloud.url}/container-credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(pod),
        },
        "azure machine": {"AZURE_POD_IDENTITY_AUTHORITY_HOST": cloud.url},
        "azure web identity": {
            "AZURE_AUTHORITY_HOST": cloud.url,
            "AZURE_FEDERATED_TOKEN_FILE": str(token),
            "AZURE_CLIENT_ID": "client",
            "AZURE_TENANT_ID": "tenant",
        },
    }[case]


@pytest.mark.parametrize("case", list(CLOUDS))
def test_cloud(sealift: Sealift, folder: Path, tmp_path: Path, stack: ExitStack, cloud: Cloud, case: str) -> None:
    host, user = CLOUDS[case]
    registry = stack.enter_context(FaultyRegistry(user, cloud.password))
    registry.relative_location = True
    registry.exchange = {"entra-token": cloud.password}
    env = {**variables(case, cloud, tmp_path), "http_proxy": registry.url}
    ref = f"oci://{host}/acme/shop:prod"
    sealift("push", folder, ref, "--unsigned", "--insecure", "--cloud-login", env=env)
    assert cloud.asked, "the login came from the cloud"
    assert ("acme/shop", "prod") in registry.manifests
    # Not without being asked to, and not for another host.
    cloud.asked.clear()
    sealift.fails("pull", ref, "--output", tmp_path / "out", "--insecure", env=env)
    other = f"oci://{host}.example.com/acme/shop:prod"
    sealift.fails("pull", other, "--output", tmp_path / "out", "--insecure", "--cloud-login", env=env)
    assert not cloud.asked


def test_cloud_that_says_no(sealift: Sealift, folder: Path, cloud: Cloud) -> None:
    env = {"AWS_ENDPOINT_URL_ECR": cloud.url, "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "hush-hush"}
    ref = "oci://123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme/shop:prod"
    said = sealift.fails("push", folder, ref, "--unsigned", "--cloud-login", env=env).err
    assert "ECR answered 400" in said and "hush" not in said


def test_client_certificate(
    sealift: Sealift, folder: Path, tmp_path: Path, stack: ExitStack, authority: Authority
) -> None:
    issued = authority.issue("localhost", file="demanding")
    demanding = Certificate(issued.cert, issued.key, clients=authority.cert)
    registry = stack.enter_context(FaultyRegistry(tls=demanding, host="localhost"))
    client = authority.issue("client", file="client")
    ref = registry.oci("acme/shop:prod")
    ca = ("--ca-file", authority.cert)
    sealift("push", folder, ref, "--unsigned", *ca, "--client-cert", client.cert, "--client-key", client.key)
    sealift.fails("push", folder, ref, "--unsigned", *ca)
    assert "both --client-cert and --client-key" in sealift.fails(
        "push", folder, ref, "--unsigned", *ca, "--client-cert", client.cert
    ).err


def test_a_realm_may_not_point_at_this_machine(sealift: Sealift, tmp_path: Path, stack: ExitStack) -> None:
    """Not even without credentials: the answer decides what a request from inside the network would do."""
    inside = stack.enter_context(FaultyRegistry())
    registry = stack.enter_context(FaultyRegistry(host="127.0.0.2"))
    challenge = f'Bearer realm="http://localhost:{inside.port}/token",service="tests"'
    registry.fail(RegistryFault(status=401, challenge=challenge))
    said = sealift.fails("pull", registry.oci("acme/shop:prod"), "--output", tmp_path / "out", "--insecure").err
    assert "loopback address" in said
    assert not inside.requests
