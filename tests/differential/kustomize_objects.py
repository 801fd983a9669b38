"""Objects made at random that refer to each other, for trees to be made of."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, Optional

from kustomize_text import Raw, Writer, to_yaml

Json = Any

NAMES = ["web", "api", "db", "cache", "worker", "web-v2", "b9", "b10", "queue.main", "8080"]
NAMESPACES = ["shop", "default", "kube-system", "other"]
KEYS = ["app", "tier", "app.kubernetes.io/name", "x10", "x9", "on"]
TEXTS = [
    "a", "true", "yes", "1", "01", "0x1f", "1e3", "~", "null", "", " lead", "trail ", "a: b", "a #b", "- a", "# no",
    "two\nlines", "two\nlines\n", "tab\there", "é ü", "2001-01-01", "12:30:45", "*star", "&and", "!bang", "%pct", "@at",
    "`tick", "'single'", '"double"', "back\\slash", "long " * 30, "{x}", "[x]", "a,b", "key:", "?", "-", "=",
    "$(VAR)", "http://example.com/?a=b&c=d", "1_000", ".5", "+1", "-0", "0o17", "off", "N", "trailing\n\n", "\U0001f389", "\ufeffmarked text",
]
NUMBERS = [Raw(text) for text in (
    "0644", "0o17", "0x1F", "1.10", "1.0", "1e3", "+5", "-0", "1_000", "True", "FALSE", "~", "Null", "2001-01-01",
    ".5", "5.", "12e03", "100000000000000000000000", "-7", "0b11", "0.0", "1.5e300")]
IMAGES = [
    "nginx", "nginx:1.25", "registry.example.com:5000/shop/web:v1", "ghcr.io/a/b@sha256:" + "0" * 64, "redis:7-alpine",
]
FIELDS = ["a", "b", "c", "d", "e"]
CLUSTER_KINDS = {"PriorityClass", "IngressClass", "RuntimeClass", "APIService", "Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "StorageClass",
                 "ValidatingWebhookConfiguration", "PersistentVolume"}


class ObjectMaker:
    """The same seed makes the same ones, below the same root."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = random.Random(seed)
        self.root = root
        self.writer = Writer(self.random)
        self.count = 0
        self.generated: list[str] = []  # names that a merge may go to

    # ---- small things ----

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def some(self, items: list[Any], least: int = 0, most: int = 3) -> list[Any]:
        return self.random.sample(items, min(len(items), self.random.randint(least, most)))

    def pick(self, items: list[Any]) -> Any:
        return self.random.choice(items)

    def text(self) -> str:
        return self.pick(TEXTS) if self.chance(0.5) else self.pick(["x", "prod", "v1.2", "a-b"])

    def pairs(self, least: int = 1, most: int = 3) -> dict[str, str]:
        return {key: self.text() for key in self.some(KEYS, least, most)}

    def plain_pairs(self) -> dict[str, str]:
        return {key: self.pick(["a", "b", "true", "1"]) for key in self.some(KEYS, 1, 2)}

    def scalar(self) -> Json:
        return self.pick([self.text(), self.random.randint(-5, 70000), True, False, None, 1.5, 10**12, self.pick(NUMBERS)])

    def write(self, path: str, value: Json) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(value if isinstance(value, bytes) else self.yaml(value).encode())

    def yaml(self, value: Json) -> str:
        return self.writer.text(value) if self.chance(0.7) else to_yaml(value)

    # ---- objects ----

    def metadata(self, kind: str, name: str, ns: Optional[str]) -> Json:
        metadata: Json = {"name": name}
        if ns is not None and kind not in CLUSTER_KINDS:
            metadata["namespace"] = ns
        if self.chance(0.4):
            metadata["labels"] = self.pairs()
        if self.chance(0.3):
            metadata["annotations"] = self.pairs()
        for field in ("labels", "annotations"):
            if field in metadata and self.chance(0.06):
                metadata[field]["odd"] = self.pick([5, True, *NUMBERS])
        if self.chance(0.04):
            metadata["finalizers"] = self.some(["a/b", "c/d", "e/f"], 1)
        if self.chance(0.05):
            metadata["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": "Deployment", "name": self.pick(NAMES), "uid": uid}
                                           for uid in self.some(["u1", "u2"], 1)]
        return metadata

    def env(self) -> Json:
        name = self.pick(["A", "B", "C", "PATH_X"])
        source = self.random.randint(0, 3)
        if source == 0:
            return {"name": name, "valueFrom": {"configMapKeyRef": {"name": self.pick(NAMES + ["gen1", "gen2", "gen3"]), "key": "k"}}}
        if source == 1:
            return {"name": name, "valueFrom": {"secretKeyRef": {"name": self.pick(NAMES), "key": "k"}}}
        return {"name": name, "value": self.text()}

    def container(self, name: str) -> Json:
        container: Json = {"name": name, "image": self.pick(IMAGES)}
        if self.chance(0.5):
            container["env"] = list({e["name"]: e for e in (self.env() for _ in range(self.random.randint(1, 3)))}.values())
        if self.chance(0.3):
            container["envFrom"] = [{self.pick(["configMapRef", "secretRef"]): {"name": self.pick(NAMES)}}]
        if self.chance(0.5):
            ports = [{"containerPort": port} for port in self.some([80, 443, 8080], 1, 3)]
            for port in ports:
                if self.chance(0.5):
                    port["protocol"] = self.pick(["TCP", "UDP"])
                if self.chance(0.4):
                    port["name"] = f"p{port['containerPort']}"
            container["ports"] = ports
        if self.chance(0.3):
            container["args"] = [self.text() for _ in range(self.random.randint(1, 4))]
        if self.chance(0.3):
            container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        return container

    def pod(self) -> Json:
        spec: Json = {"containers": [self.container(name) for name in self.some(["main", "side", "log"], 1, 3)]}
        if self.chance(0.2):
            spec["initContainers"] = [self.container("init")]
        if self.chance(0.4):
            spec["serviceAccountName"] = self.pick(NAMES)
        if self.chance(0.3):
            spec["volumes"] = [{"name": "data", **self.pick([
                {"configMap": {"name": self.pick(NAMES)}}, {"secret": {"secretName": self.pick(NAMES)}},
                {"emptyDir": {}}, {"persistentVolumeClaim": {"claimName": self.pick(NAMES)}},
                {"projected": {"sources": [{"configMap": {"name": self.pick(NAMES)}}]}}])}]
        if self.chance(0.2):
            spec["imagePullSecrets"] = [{"name": self.pick(NAMES)}]
        if self.chance(0.2):
            spec["tolerations"] = [{"key": self.text(), "operator": "Exists"}]
        return {"metadata": {"labels": self.pairs()} if self.chance(0.8) else {}, "spec": spec}

    def workload(self, kind: str) -> Json:
        spec: Json = {"template": self.pod(), "selector": {"matchLabels": self.plain_pairs()}}
        if kind != "DaemonSet" and self.chance(0.7):
            spec["replicas"] = self.pick([self.random.randint(0, 5), "3", Raw("0x2")])
        if kind == "StatefulSet":
            spec["serviceName"] = self.pick(NAMES)
            if self.chance(0.4):
                spec["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": {"storageClassName": self.pick(NAMES)}}]
        return spec

    def rules(self) -> Json:
        return [{"apiGroups": [""], "resources": self.some(["pods", "secrets", "configmaps"], 1), "verbs": ["get"],
                 **({"resourceNames": [self.pick(NAMES)]} if self.chance(0.3) else {})}]

    def binding(self, kind: str, ns: Optional[str]) -> Json:
        role = "ClusterRole" if kind == "ClusterRoleBinding" or self.chance(0.3) else "Role"
        subjects = [{"kind": "ServiceAccount", "name": self.pick(NAMES + ["default"]),
                     **({"namespace": self.pick([ns, "shop"])} if ns and self.chance(0.7) else {})}]
        return {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": self.pick(NAMES)},
                "subjects": subjects}

    def body(self, kind: str, ns: Optional[str]) -> tuple[str, Json]:
        random_ = self.random
        if kind in ("Deployment", "StatefulSet", "DaemonSet"):
            return "apps/v1", {"spec": self.workload(kind)}
        if kind == "Service":
            ports = [{"port": port, **({"targetPort": self.pick([8080, "http"])} if self.chance(0.5) else {}),
                      **({"protocol": "TCP"} if self.chance(0.4) else {})} for port in self.some([80, 443, 9090], 1)]
            return "v1", {"spec": {"ports": ports, "selector": self.plain_pairs()}}
        if kind == "ConfigMap":
            data = {key: self.text() for key in self.some(["k", "a.txt", "B", "b10", "b9"], 0, 4)}
            if self.chance(0.4):
                data["doc"] = self.writer.text(self.document())
            if self.chance(0.3):
                data["json"] = json.dumps(self.document(), indent=self.pick([None, 2, 4]), default=str)
            return "v1", {"data": data}
        if kind == "Secret":
            return "v1", {"type": "Opaque", "stringData": self.pairs()}
        if kind == "Job":
            return "batch/v1", {"spec": {"template": self.pod()}}
        if kind == "CronJob":
            return self.pick(["batch/v1", "batch/v1beta1"]), {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": self.pod()}}}}
        if kind == "Ingress" and self.chance(0.3):
            return self.pick(["extensions/v1beta1", "networking.k8s.io/v1beta1"]), {"spec": {
                "rules": [{"host": self.text(), "http": {"paths": [{"backend": {"serviceName": self.pick(NAMES), "servicePort": 80}}]}}],
                **({"backend": {"serviceName": self.pick(NAMES), "servicePort": "http"}} if self.chance(0.5) else {})}}
        if kind == "Ingress":
            return "networking.k8s.io/v1", {"spec": {
                "tls": [{"secretName": self.pick(NAMES), "hosts": ["a.example"]}],
                "rules": [{"host": "a.example", "http": {"paths": [
                    {"path": "/", "backend": {"service": {"name": self.pick(NAMES), "port": {"number": 80}}}}]}}]}}
        if kind == "HorizontalPodAutoscaler":
            return self.pick(["autoscaling/v2", "autoscaling/v1", "autoscaling/v2beta2"]), {"spec": {"minReplicas": 1, "scaleTargetRef": {
                "apiVersion": "apps/v1", "kind": self.pick(["Deployment", "StatefulSet"]), "name": self.pick(NAMES)}}}
        if kind in ("Role", "ClusterRole"):
            return "rbac.authorization.k8s.io/v1", {"rules": self.rules()}
        if kind in ("RoleBinding", "ClusterRoleBinding"):
            return "rbac.authorization.k8s.io/v1", self.binding(kind, ns)
        if kind == "CustomResourceDefinition":
            return "apiextensions.k8s.io/v1", {"spec": {"group": "example.com", "names": {"kind": "Thing"}}}
        if kind == "Thing":
            return "example.com/v1", self.thing()
        if kind in ("PriorityClass", "IngressClass", "RuntimeClass"):
            return {"PriorityClass": "scheduling.k8s.io/v1", "IngressClass": "networking.k8s.io/v1",
                    "RuntimeClass": "node.k8s.io/v1"}[kind], {"value": self.scalar()}
        if kind == "PersistentVolume":
            return "v1", {"spec": {"storageClassName": self.pick(NAMES), "claimRef": {"name": self.pick(NAMES)},
                                   "hostPath": {"path": "/x"}}}
        if kind == "ReplicaSet":
            return "apps/v1", {"spec": self.workload(kind)}
        if kind == "Pod":
            return "v1", {"spec": self.pod()["spec"]}
        if kind == "APIService":
            return "apiregistration.k8s.io/v1", {"spec": {"service": {"name": self.pick(NAMES), "namespace": self.pick(NAMESPACES)},
                                                          "group": "x", "version": "v1"}}
        if kind == "EndpointSlice":
            return "discovery.k8s.io/v1", {"addressType": "IPv4", "endpoints": [], "ports": [{"port": 80, "name": self.text()}]}
        if kind == "PersistentVolumeClaim":
            return "v1", {"spec": {"storageClassName": self.pick(NAMES)}}
        if kind == "StorageClass":
            return "storage.k8s.io/v1", {"provisioner": "x"}
        if kind == "NetworkPolicy":
            return "networking.k8s.io/v1", {"spec": {"podSelector": {"matchLabels": self.plain_pairs()}}}
        if kind == "PodDisruptionBudget":
            return "policy/v1", {"spec": {"selector": {"matchLabels": self.plain_pairs()}, "minAvailable": 1}}
        if kind == "ValidatingWebhookConfiguration":
            return "admissionregistration.k8s.io/v1", {"webhooks": [{"name": "w", "clientConfig": {
                "service": {"name": self.pick(NAMES), "namespace": self.pick(NAMESPACES)}}}]}
        return "v1", {}

    KINDS = ["Deployment", "Deployment", "Deployment", "Service", "Service", "ConfigMap", "ConfigMap", "Secret",
             "StatefulSet", "DaemonSet", "Job", "CronJob", "Ingress", "HorizontalPodAutoscaler", "Role", "RoleBinding",
             "ClusterRole", "ClusterRoleBinding", "ServiceAccount", "CustomResourceDefinition", "Thing", "Namespace",
             "PersistentVolumeClaim", "StorageClass", "NetworkPolicy", "PodDisruptionBudget",
             "ValidatingWebhookConfiguration", "Thing", "Thing", "PriorityClass", "IngressClass", "RuntimeClass",
             "PersistentVolume", "ReplicaSet", "Pod", "APIService", "EndpointSlice"]

    def document(self) -> Json:
        """What a ConfigMap may hold inside a text."""
        return {"a": self.scalar(), "b": {"c": self.scalar(), "d": [1, self.scalar()]}, "list": [self.scalar() for _ in range(2)]}

    def thing(self) -> Json:
        """A custom resource, whose fields hold anything; patches and replacements go to the same few."""
        spec: Json = {field: self.scalar() for field in self.some(FIELDS, 2, 5)}
        spec["list"] = [self.scalar() for _ in range(self.random.randint(0, 4))]
        spec["ref"] = {"name": self.pick(NAMES)}
        spec["deep"] = {"er": {"x": self.scalar()}}
        if self.chance(0.3):
            spec["items"] = [{"name": name, "value": self.scalar()} for name in self.some(["one", "two", "8080", "~"], 1, 3)]
        if self.chance(0.15):
            spec["containers"] = [self.container("main")]
        return {"spec": spec}

    def objects(self) -> list[Json]:
        made: dict[tuple[str, str], Json] = {}
        ns = self.pick(NAMESPACES) if self.chance(0.4) else None
        for _ in range(self.random.randint(1, 8)):
            kind = self.pick(self.KINDS)
            name = self.pick(NAMES)
            api_version, body = self.body(kind, ns)
            made[kind, name] = {"apiVersion": api_version, "kind": kind, "metadata": self.metadata(kind, name, ns), **body}
        return list(made.values())
