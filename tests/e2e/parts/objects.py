"""Writes the objects of a --config folder: Bundle, Sync, Hook, TrustPolicy, Secret, Namespace."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Mapping, Optional, Union

import yaml

API = "sealift.dev/v1alpha1"
Spec = Mapping[str, Any]


class Config:
    """`config.bundle("shop", source={...}, ...)` writes the file and returns its path; writing again replaces it at
    once, as editors do. Keyword arguments are the spec; fields are named as in the API."""

    def __init__(self, folder: Path, namespace: str = "default") -> None:
        self.folder = folder
        self.namespace = namespace
        folder.mkdir(parents=True, exist_ok=True)

    def bundle(self, name: str, **spec: Any) -> Path:
        return self.put("Bundle", name, spec)

    def sync(self, name: str, **spec: Any) -> Path:
        return self.put("Sync", name, spec)

    def hook(self, name: str, **spec: Any) -> Path:
        return self.put("Hook", name, spec)

    def policy(self, name: str, **spec: Any) -> Path:
        return self.put("TrustPolicy", name, spec, namespaced=False)

    def secret(self, name: str, namespace: Optional[str] = None, **data: Union[str, bytes, Path]) -> Path:
        """Values are text or files; in names `_` stands for itself and `__` for a dot (`tls__crt`)."""
        values = {}
        for key, value in data.items():
            raw = value.read_bytes() if isinstance(value, Path) else value
            values[key.replace("__", ".")] = raw.decode() if isinstance(raw, bytes) else raw
        metadata = {"name": name, "namespace": namespace or self.namespace}
        document = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}
        return self.write(f"secret-{metadata['namespace']}-{name}.yaml", document)

    def namespace_labels(self, name: str, **labels: str) -> Path:
        document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        return self.write(f"namespace-{name}.yaml", document)

    def put(
        self, kind: str, name: str, spec: Spec, namespaced: bool = True, metadata: Optional[Mapping[str, Any]] = None
    ) -> Path:
        head: dict[str, Any] = {"name": name, **(metadata or {})}
        if namespaced:
            head.setdefault("namespace", self.namespace)
        document = {"apiVersion": API, "kind": kind, "metadata": head, "spec": dict(spec)}
        return self.write(self._file(kind, name, head.get("namespace")), document)

    def remove(self, kind: str, name: str) -> None:
        (self.folder / self._file(kind, name, None if kind == "TrustPolicy" else self.namespace)).unlink()

    @staticmethod
    def _file(kind: str, name: str, namespace: Optional[str]) -> str:
        return "-".join(filter(None, (kind.lower(), namespace, name))) + ".yaml"

    def write(self, file: str, document: Union[str, Mapping[str, Any]]) -> Path:
        """Any text, for what does not parse."""
        path = self.folder / file
        temporary = self.folder / f".{file}.new"
        temporary.write_text(document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False))
        os.replace(temporary, path)
        return path
