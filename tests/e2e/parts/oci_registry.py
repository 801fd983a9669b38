"""Real registries: Debian's docker-registry and one with the referrers API, plain or asking for credentials."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Optional

import yaml

from .certificates import Certificate
from .need import need_part, need_program
from .net import accepts, free_port, http
from .server import Server
from .token_server import TokenServer

MANIFEST_TYPES = ",".join(
    (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


class OciRegistry:
    """What both have: `host` is what stands before the repository; stop() and start() keep the port."""

    has_referrers = False

    def __init__(self, name: str, command: list[object], folder: Path, port: int, tls: bool, env: dict[str, str]) -> None:
        self.port = port
        self.host = f"localhost:{port}" if tls else f"127.0.0.1:{port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self._server = Server(name, command, folder / f"{name}.log", env=env)
        self._server.wait_until(lambda: accepts(port))

    def repository(self, path: str) -> str:
        """HOST/path, as crane and cosign want it."""
        return f"{self.host}/{path}"

    def oci(self, path: str) -> str:
        """oci://HOST/path, as sealift wants it."""
        return f"oci://{self.host}/{path}"

    @property
    def log(self) -> str:
        return self._server.output()

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()
        self._server.wait_until(lambda: accepts(self.port))

    def close(self) -> None:
        self._server.stop()

    def __enter__(self):  # type: ignore[no-untyped-def]
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Without credentials; for the plain ones.

    def manifest(self, path: str, reference: str) -> Any:
        answer = http("GET", f"{self.url}/v2/{path}/manifests/{reference}", headers={"Accept": MANIFEST_TYPES})
        assert answer.status == 200, f"{path} {reference}: {answer.status} {answer.text}"
        return answer.json()

    def digest(self, path: str, reference: str) -> Optional[str]:
        """The digest behind a tag, or None."""
        answer = http("HEAD", f"{self.url}/v2/{path}/manifests/{reference}", headers={"Accept": MANIFEST_TYPES})
        return answer.headers["Docker-Content-Digest"] if answer.status == 200 else None

    def blob(self, path: str, digest: str) -> bytes:
        answer = http("GET", f"{self.url}/v2/{path}/blobs/{digest}")
        assert answer.status == 200, f"{path} {digest}: {answer.status} {answer.text}"
        return answer.body

    def tags(self, path: str) -> list[str]:
        answer = http("GET", f"{self.url}/v2/{path}/tags/list")
        return sorted(answer.json().get("tags") or []) if answer.status == 200 else []

    def referrers(self, path: str, digest: str) -> list[Any]:
        """Descriptors of what refers to a digest, by the API or by the fallback tag."""
        answer = http("GET", f"{self.url}/v2/{path}/referrers/{digest}")
        if answer.status != 200:
            fallback = f"{self.url}/v2/{path}/manifests/{digest.replace(':', '-')}"
            answer = http("GET", fallback, headers={"Accept": MANIFEST_TYPES})
        return list(answer.json().get("manifests") or []) if answer.status == 200 else []

    def put_manifest(self, path: str, reference: str, content: bytes, media_type: str) -> None:
        """Writes a manifest as it stands: for moving a tag behind sealift's back."""
        url = f"{self.url}/v2/{path}/manifests/{reference}"
        answer = http("PUT", url, content, {"Content-Type": media_type})
        assert answer.status == 201, f"{path} {reference}: {answer.status} {answer.text}"


class DockerRegistry(OciRegistry):
    """Debian's docker-registry, which has no referrers API. With `user` it asks for Basic credentials; with
    `token_server` for Bearer tokens of that server."""

    def __init__(
        self,
        folder: Path,
        user: str = "",
        password: str = "",
        tls: Optional[Certificate] = None,
        token_server: Optional[TokenServer] = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.user, self.password = user, password
        port = free_port()
        settings: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
            "http": {"addr": f"127.0.0.1:{port}", "secret": "of the tests"},
        }
        if tls is not None:
            settings["http"]["tls"] = {"certificate": str(tls.cert), "key": str(tls.key)}
        if user:
            settings["auth"] = {"htpasswd": {"realm": "tests", "path": str(self._htpasswd(folder))}}
        if token_server is not None:
            settings["auth"] = {"token": token_server.registry_settings()}
        config = folder / "config.yml"
        config.write_text(yaml.safe_dump(settings))
        program = need_program("docker-registry", "docker-registry")
        # Without this its tracing looks for a collector.
        env = {"OTEL_TRACES_EXPORTER": "none"}
        super().__init__("docker-registry", [program, "serve", config], folder, port, tls is not None, env)

    def _htpasswd(self, folder: Path) -> Path:
        program = need_program("htpasswd", "apache2-utils")
        words = [program, "-nbB", "-C", "4", self.user, self.password]
        made = subprocess.run(words, check=True, capture_output=True)
        path = folder / "htpasswd"
        path.write_bytes(made.stdout)
        return path


class ReferrersRegistry(OciRegistry):
    """go-containerregistry's registry in memory, with the referrers API; stop() forgets its content."""

    has_referrers = True

    def __init__(self, folder: Path, user: str = "", password: str = "", tls: Optional[Certificate] = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.user, self.password = user, password
        port = free_port()
        command: list[object] = [need_part("registry"), "-addr", f"127.0.0.1:{port}"]
        if user:
            command += ["-user", user]
        if tls is not None:
            command += ["-cert", tls.cert, "-key", tls.key]
        super().__init__("referrers-registry", command, folder, port, tls is not None, {"PASSWORD": password})
