"""`kubectl sealift`: the program as a plugin of the real kubectl, its options, and its completion."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from parts.control_plane import ControlPlane
from parts.need import CHECKOUT, need_part
from parts.sealift import default_program


class Kubectl:
    """kubectl as a person has it, with the plugin in PATH."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        folder.mkdir()
        for name in ("kubectl-sealift", "kubectl_complete-sealift"):
            (folder / name).symlink_to(default_program())
        self._kubectl = str(need_part("kubernetes", "kubectl"))
        path = f"{folder}:{os.environ['PATH']}"
        self.env = {**plane.kubectl_env(), "PATH": path, "SEALIFT_CONFIG": str(folder), "SEALIFT_STATE": str(folder)}

    def run(self, *words: Any) -> subprocess.CompletedProcess[str]:
        line = [self._kubectl, *map(str, words)]
        return subprocess.run(line, env=self.env, capture_output=True, text=True, timeout=60)

    def __call__(self, *words: Any) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def completes(self, *words: str) -> list[str]:
        """What kubectl's completion offers."""
        lines = self("__complete", "sealift", *words).splitlines()
        assert lines[-1].startswith(":")
        return [line.partition("\t")[0] for line in lines[:-1]]


@pytest.fixture
def kubectl(plane: ControlPlane, tmp_path: Path) -> Kubectl:
    return Kubectl(plane, tmp_path / "bin")


@pytest.fixture
def bundle(plane: ControlPlane, namespace: str) -> str:
    spec = {
        "source": {"git": {"url": "https://git.example.com/acme/config.git"}},
        "artifact": {"repository": "oci://r.example.com/acme/shop", "tags": ["prod"]},
        "sign": {"secretRef": {"name": "packager-key"}},
    }
    meta = {"name": "shop", "namespace": namespace}
    plane.apply({"apiVersion": "sealift.dev/v1alpha1", "kind": "Bundle", "metadata": meta, "spec": spec})
    return "bundle.sealift.dev/shop\n"


def test_it_is_a_plugin(plane: ControlPlane, kubectl: Kubectl, namespace: str, bundle: str) -> None:
    assert "kubectl-sealift" in kubectl("plugin", "list")
    assert kubectl("sealift", "version").startswith("sealift ")
    assert "Usage: kubectl sealift get" in kubectl("sealift", "get", "--help")
    assert "Usage: kubectl sealift COMMAND" in kubectl("sealift", "help")
    # $SEALIFT_CONFIG is for hosts: a plugin of kubectl speaks of the cluster.
    get = ["get", "bundles", "-o", "name"]
    assert kubectl("sealift", *get, "-n", namespace) == bundle
    assert kubectl("sealift", "-n", namespace, *get) == bundle
    assert kubectl("sealift", f"--namespace={namespace}", *get) == bundle
    assert "shop" in kubectl("sealift", "get", "bundles", "-A")
    done = kubectl.run("sealift", "fly")
    assert done.returncode != 0 and "see kubectl sealift help" in done.stderr


def test_it_takes_kubectl_s_options(
    plane: ControlPlane, kubectl: Kubectl, namespace: str, bundle: str, tmp_path: Path
) -> None:
    config = yaml.safe_load(plane.kubeconfig.read_text())
    context = config["contexts"][0]
    mine = {**context["context"], "namespace": namespace}
    good, bad = {"name": "good", "context": mine}, {"name": "bad", "context": {**mine, "cluster": "gone", "user": "no"}}
    config["clusters"].append({"name": "gone", "cluster": {"server": "https://127.0.0.1:1"}})
    config["users"].append({"name": "no", "user": {"token": "no"}})
    config["contexts"] += [good, bad]
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    get = ["sealift", "get", "bundles", "-o", "name", "--kubeconfig", file]
    assert kubectl(*get, "--context", "good") == bundle
    same = ["--cluster", context["context"]["cluster"], "--user", context["context"]["user"]]
    assert kubectl(*get, "--context", "bad", *same) == bundle
    assert "renew it" in kubectl.run(*get, "--context", "good", "--user", "no").stderr
    assert kubectl(*get, "--context", "good", "--user", "no", "--token", plane.admin_token) == bundle
    assert kubectl(*get, "--context", "good", "--server", plane.url) == bundle
    assert '"nobody"' in kubectl.run(*get, "--context", "good", "--as", "nobody").stderr
    assert kubectl(*get, "--context", "good", "--as", "nobody", "--as-group", "system:masters") == bundle
    assert "--as USER" in kubectl.run(*get, "--context", "good", "--as-group", "x").stderr
    uid = ["--as", "nobody", "--as-group", "system:masters", "--as-uid", "7"]
    assert kubectl(*get, "--context", "good", *uid) == bundle
    assert kubectl(*get, "--context", "good", "-s", plane.url) == bundle
    assert 'no context "none"' in kubectl.run(*get, "--context", "none").stderr
    assert 'has no user "none"; it has ' in kubectl.run(*get, "--context", "good", "--user", "none").stderr
    assert 'has no cluster "none"; it has ' in kubectl.run(*get, "--context", "good", "--cluster", "none").stderr


def test_it_takes_an_address_and_credentials_alone(
    plane: ControlPlane, kubectl: Kubectl, namespace: str, bundle: str, tmp_path: Path
) -> None:
    kubectl.env["KUBECONFIG"] = str(tmp_path / "none")
    get = ["sealift", "get", "bundles", "-o", "name", "-n", namespace, "-s", plane.url]
    token = ["--token", plane.admin_token]
    authority = ["--certificate-authority", str(plane.ca)]
    assert kubectl(*get, *token, *authority) == bundle
    assert kubectl(*get, *token, "--insecure-skip-tls-verify") == bundle
    assert kubectl(*get, *token, *authority, "--insecure-skip-tls-verify=false") == bundle
    assert kubectl(*get, *token, *authority, "--tls-server-name", "localhost") == bundle
    assert kubectl.run(*get, *token, *authority, "--tls-server-name", "elsewhere.example.com").returncode == 1
    assert kubectl.run(*get, *token).returncode == 1  # nobody vouches for its certificate
    certificate = ["--client-certificate", str(plane.folder / "admin.crt"), "--client-key", str(plane.folder / "admin.key")]
    assert kubectl(*get, *certificate, *authority) == bundle
    assert "go together" in kubectl.run(*get, *certificate[:2], *authority).stderr
    assert "contradict" in kubectl.run(*get, *token, *authority, "--insecure-skip-tls-verify").stderr
    assert "--certificate-authority" in kubectl.run(*get, *token, "--certificate-authority", "/none").stderr


def test_it_says_what_to_do_without_a_cluster(plane: ControlPlane, kubectl: Kubectl, tmp_path: Path) -> None:
    get = ["sealift", "get", "bundles"]
    for more in (["-s", "https://127.0.0.1:1"], ["-s", "https://127.0.0.1:1", "--request-timeout", "1s"]):
        said = kubectl.run(*get, *more).stderr
        assert "Connection refused" in said and "the API server that --server names; without it" in said
        assert f"the one of $KUBECONFIG ({plane.kubeconfig})" in said
    config = yaml.safe_load(plane.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    file = tmp_path / "away"
    file.write_text(yaml.safe_dump(config))
    said = kubectl.run(*get, "--kubeconfig", file).stderr
    assert f"the API server of --kubeconfig {file}" in said and "--context" in said and "--config DIR" in said
    said = kubectl.run(*get, "--as", "nobody").stderr
    allow = "kubectl create rolebinding 'sealift-view:nobody' -n default --clusterrole=view '--user=nobody'"
    assert allow in said and "--context or --user" in said
    said = kubectl.run(*get, "--as", "o'neill").stderr
    assert "create rolebinding 'sealift-view:o-neill'" in said and r"""'--user=o'\''neill';""" in said
    assert "--clusterrole=edit" in kubectl.run("sealift", "suspend", "bundle", "x", "--as", "nobody").stderr
    assert "-n instead of -A" in kubectl.run(*get, "-A", "--as", "nobody").stderr
    for option in ("--context", "--namespace", "--kubeconfig"):
        assert f"{option} is empty" in kubectl.run(*get, f"{option}=").stderr
    assert "it has " in kubectl.run(*get, "--context", "none").stderr
    kubectl.env["KUBECONFIG"] = str(tmp_path / "none")
    said = kubectl.run(*get).stderr
    assert "--config DIR" in said and "$KUBECONFIG" in said


def test_request_timeout(kubectl: Kubectl) -> None:
    with socket.socket() as deaf:  # takes connections and never answers
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        server = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        said = kubectl.run("sealift", "get", "bundles", "-s", server, "--request-timeout", "300ms").stderr
        assert server.removeprefix("http://") in said and "--server names" in said


def test_it_completes(kubectl: Kubectl, namespace: str, bundle: str) -> None:
    assert {"get", "install", "create"} <= set(kubectl.completes(""))
    assert kubectl.completes("susp") == ["suspend"]
    assert set(kubectl.completes("create", "")) == {"bundle", "sync", "hook", "policy", "secret"}
    assert kubectl.completes("get", "sy") == ["syncs"]
    assert kubectl.completes("get", "bundles", "-n", namespace, "s") == ["shop"]
    assert kubectl.completes("get", "bundles", "-n", namespace, "shop", "") == []
    assert kubectl.completes("get", "-n", namespace[:-1]) == [namespace]
    assert kubectl.completes("get", "bundles", "-o", "j") == ["json"]
    assert kubectl.completes("create", "sync", "x", "--drift", "") == ["Heal", "Report"]
    assert "--show-path" in kubectl.completes("get", "--sh")
    assert kubectl.completes("install", "--overlay", "p") == ["production"]
    assert kubectl("__complete", "sealift", "apply", "-f", "").splitlines()[-1] == ":0"  # file names


def test_it_is_installed(tmp_path: Path) -> None:
    build = default_program().parents[1]
    if not (build / "cmake_install.cmake").exists():
        pytest.skip("the program under test has no build folder")
    subprocess.run(["cmake", "--install", build, "--prefix", tmp_path], check=True, capture_output=True, cwd=CHECKOUT)
    for name in ("kubectl-sealift", "kubectl_complete-sealift"):
        assert os.readlink(tmp_path / "bin" / name) == "sealift"
