"""sealift installed in a cluster by its own command, and a tenant with a Sync there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import yaml

from .cluster import ClusterDaemon
from .control_plane import ControlPlane
from .journey import KEY_PASSWORD, make_key
from .sealift import Result, Sealift
from .wait import wait_for

SYSTEM = "sealift-system"
IMAGE = "registry.example.org/sealift:1"
OURS = ("bundles", "hooks", "syncs", "trustpolicies")


class Cluster:
    """Commands on a plane."""

    def __init__(self, sealift: Sealift, plane: ControlPlane) -> None:
        self.sealift, self.plane = sealift, plane

    def __call__(self, *words: Any, **options: Any) -> Result:
        return self.sealift(*words, "--kubeconfig", self.plane.kubeconfig, **options)

    def fails(self, *words: Any, kubeconfig: Optional[Path] = None) -> str:
        return self.sealift.fails(*words, "--kubeconfig", kubeconfig or self.plane.kubeconfig).err

    def run(self, *words: Any) -> Result:
        return self.sealift.run(*words, "--kubeconfig", self.plane.kubeconfig)

    def said(self, *words: Any) -> list[str]:
        """What a command said, without its marks."""
        return [line[2:] for line in self(*words).err.splitlines()]

    def install(self, *words: Any) -> list[str]:
        return self.said("install", "--image", IMAGE, *words)

    def has(self, *words: str) -> bool:
        return self.plane.try_kubectl("get", *words).returncode == 0

    def serve(self, role: str, *flags: Any) -> ClusterDaemon:
        """A role under the account that the install gave it; kwok runs nothing in its pods."""
        self.plane.kubectl("delete", "lease", "--all", "-n", SYSTEM)
        kubeconfig = self.plane.kubeconfig_of(SYSTEM, f"sealift-{role}")
        words: list[Any] = [self.sealift, self.plane, kubeconfig, SYSTEM, "--allow-loopback", *flags]
        return ClusterDaemon(*words, roles=role)

    def remove(self) -> None:
        """Whatever is left of an install."""
        plane = self.plane
        syncs = plane.try_kubectl("get", "syncs", "-A", "-o", "jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}\n{end}")
        for line in syncs.stdout.splitlines():
            namespace, name = line.split()
            patch = '{"metadata":{"finalizers":null}}'
            plane.try_kubectl("patch", "sync", name, "-n", namespace, "--type=merge", "-p", patch)
        plane.kubectl("delete", "namespace", SYSTEM, "elsewhere", "--ignore-not-found", "--timeout=60s")
        for kind in ("clusterrole", "clusterrolebinding"):
            plane.kubectl("delete", kind, "-l", "app.kubernetes.io/name=sealift")
        definitions = [f"{plural}.sealift.dev" for plural in OURS]
        plane.kubectl("delete", "crd", *definitions, "--ignore-not-found", "--timeout=60s")


class Tenant:
    """A namespace that may use sealift, with a Sync `shop` that follows a layout on disk."""

    def __init__(self, cluster: Cluster, name: str, folder: Path) -> None:
        self.cluster, self.name = cluster, name
        self.plane = cluster.plane
        self.manifests = folder / "manifests"
        self.manifests.mkdir()
        self.layout = f"oci-layout://{folder}/layout"
        self.private, self.public = make_key(cluster.sealift, folder / "tenant")
        self.plane.namespace(name)
        self.plane.apply(cluster.sealift("export", "tenant", "-n", name).out)

    def push(self, *things: Any) -> str:
        """Seals these objects and no others; the digest."""
        (self.manifests / "all.yaml").write_text(yaml.safe_dump_all(things))
        words = ["push", self.manifests, f"{self.layout}:prod", "--key", self.private, "--allow-secrets"]
        return self.cluster.sealift(*words, env={"COSIGN_PASSWORD": KEY_PASSWORD}).out.strip()

    def sync(self, **spec: Any) -> None:
        keys = [{"name": "tenant", "pem": self.public.read_text()}]
        base = {"artifact": {"repository": self.layout, "tag": "prod"}, "verify": {"keys": keys}, "interval": "24h"}
        meta = {"name": "shop", "namespace": self.name}
        kind = {"apiVersion": "sealift.dev/v1alpha1", "kind": "Sync", "metadata": meta}
        self.plane.apply({**kind, "spec": {**base, **spec}})

    def wait_applied(self, controller: ClusterDaemon) -> None:
        user = f"system:serviceaccount:{self.name}:sealift"
        wait_for("the tenant's rights", lambda: self.plane.can(user, "create", "configmaps", self.name))
        controller.wait_condition("Sync", "shop", self.name, "True")

    def get(self, *words: str) -> Any:
        return self.plane.get(*words, "-n", self.name)
