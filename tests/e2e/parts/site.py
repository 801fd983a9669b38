"""Artifacts in a layout on disk, and Syncs of a cluster that follow them: what a controller alone is tried with."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Optional

from .cluster import GROUP, ClusterDaemon, Rights
from .control_plane import ControlPlane
from .journey import KEY_PASSWORD, merged, make_key
from .sealift import Sealift
from .wait import wait_for

_keys: list[tuple[bytes, bytes]] = []


class Site:
    """One namespace with the Sync `shop`, applied as the namespace's account `sealift`, which may do everything there.
    Each artifact gets a tag of its own, and the Sync is pointed at it."""

    def __init__(self, plane: ControlPlane, rights: Rights, sealift: Sealift, folder: Path, namespace: str) -> None:
        self.plane, self.rights, self.sealift = plane, rights, sealift
        self.folder, self.namespace = folder, namespace
        self.layout = f"oci-layout://{folder}/layout"
        self.key, self.public = folder / "site.key", folder / "site.pub"
        self.password = folder / "password"
        self.password.write_text(KEY_PASSWORD)
        if not _keys:
            made = make_key(sealift, folder / "site")
            _keys.append((made[0].read_bytes(), made[1].read_bytes()))
        self.key.write_bytes(_keys[0][0])
        self.public.write_bytes(_keys[0][1])

    # Artifacts

    def push(self, files: Mapping[str, str], *flags: str) -> str:
        """An artifact of these files; its tag."""
        tag = f"v{len(list(self.folder.glob('v*'))) + 1}"
        source = self.folder / tag
        source.mkdir()
        for name, text in files.items():
            (source / name).write_text(text)
        words = ["--key", self.key, "--password-file", self.password]
        self.sealift("push", source, f"{self.layout}:{tag}", *words, *flags)
        return tag

    # The Sync

    def account(self, name: str = "sealift", namespace: Optional[str] = None) -> None:
        where = namespace or self.namespace
        api = "rbac.authorization.k8s.io"
        meta = {"name": name, "namespace": where}
        subject = {"kind": "ServiceAccount", **meta}
        rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
        reference = {"apiGroup": api, "kind": "Role", "name": name}
        binding = {"roleRef": reference, "subjects": [subject]}
        self.plane.apply(
            [
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
                {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": meta, "rules": rules},
                {"apiVersion": f"{api}/v1", "kind": "RoleBinding", "metadata": meta, **binding},
            ]
        )

    def sync(self, tag: str, name: str = "shop", namespace: Optional[str] = None, **spec: Any) -> None:
        base = {
            "artifact": {"repository": self.layout, "tag": tag},
            "verify": {"keys": [{"name": "site", "pem": self.public.read_text()}]},
            "interval": "24h",
        }
        whole = {key: value for key, value in merged(base, spec).items() if value is not None}
        metadata = {"name": name, "namespace": namespace or self.namespace}
        self.plane.apply({"apiVersion": "sealift.dev/v1alpha1", "kind": "Sync", "metadata": metadata, "spec": whole})

    def ship(self, files: Mapping[str, str], **spec: Any) -> None:
        """Pushes, and points the Sync there."""
        self.sync(self.push(files), **spec)

    def controller(
        self, *flags: Any, kubeconfig: Optional[Path] = None, fresh: bool = True, loopback: bool = True
    ) -> ClusterDaemon:
        """fresh: the lease of one that was killed does not hold it up."""
        if fresh:
            self.plane.kubectl("delete", "lease", "--all", "-n", self.rights.namespace)
        local = ["--allow-local-path", self.folder, *(["--allow-loopback"] if loopback else [])]
        config = kubeconfig or self.rights.kubeconfig("controller")
        words = [self.plane, config, self.rights.namespace, *local, *flags]
        return ClusterDaemon(self.sealift, *words, roles="controller")

    def clear(self) -> None:
        """Nothing of it is left for the controllers of tests that follow."""
        merge = {"Content-Type": "application/merge-patch+json"}
        for item in self.plane.get("syncs", "-n", self.namespace)["items"]:
            path = f"{GROUP}/namespaces/{self.namespace}/syncs/{item['metadata']['name']}"
            self.plane.api("DELETE", path)
            self.plane.api("PATCH", path, {"metadata": {"finalizers": None}}, headers=merge)

    # What came of it

    def object(self, kind: str = "syncs", name: str = "shop", namespace: Optional[str] = None) -> dict[str, Any]:
        path = f"{GROUP}/namespaces/{namespace or self.namespace}/{kind}/{name}"
        return dict(self.plane.api("GET", path).json())

    def condition(self, name: str = "shop", namespace: Optional[str] = None) -> dict[str, Any]:
        whole = self.object(name=name, namespace=namespace)
        assert whole.get("status", {}).get("observedGeneration") == whole["metadata"]["generation"], whole.get("status")
        return dict(next(one for one in whole["status"]["conditions"] if one["type"] == "Ready"))

    def becomes(
        self, status: str, reason: str = "", name: str = "shop", namespace: Optional[str] = None, timeout: float = 20
    ) -> str:
        """Waits until Ready is so for the spec as it is; its message."""

        def look() -> dict[str, Any]:
            found = self.condition(name, namespace)
            assert found["status"] == status and reason in ("", found["reason"]), found
            return found

        return str(wait_for(f"Ready={status} {reason}", look, timeout)["message"])

    def ready(self, timeout: float = 20) -> dict[str, Any]:
        self.becomes("True", "Applied", timeout=timeout)
        return dict(self.object()["status"])

    def map(self, name: str, namespace: Optional[str] = None) -> Optional[dict[str, Any]]:
        """A ConfigMap; None when there is none."""
        answer = self.plane.api("GET", f"/api/v1/namespaces/{namespace or self.namespace}/configmaps/{name}")
        return None if answer.status == 404 else dict(answer.json())

    def data(self, name: str) -> Optional[dict[str, str]]:
        found = self.map(name)
        return None if found is None else found.get("data")

    def names(self) -> set[str]:
        """The ConfigMaps of the set."""
        path = f"/api/v1/namespaces/{self.namespace}/configmaps?labelSelector=applyset.kubernetes.io%2Fpart-of"
        items = self.plane.api("GET", path, timeout=30).json()["items"]
        return {item["metadata"]["name"] for item in items}

    def change(self, name: str, **data: str) -> None:
        """As somebody else."""
        path = f"/api/v1/namespaces/{self.namespace}/configmaps/{name}"
        patch = {"Content-Type": "application/merge-patch+json"}
        answer = self.plane.api("PATCH", path, {"data": data}, headers=patch)
        assert answer.status == 200, answer.text

    def events(self, name: str = "shop") -> list[dict[str, Any]]:
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        items = self.plane.api("GET", path).json()["items"]
        return [item for item in items if item["regarding"]["name"] == name]
