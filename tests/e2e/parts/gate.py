"""Between an artifact and a target: a Sync that follows a tag, and what it lets in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Mapping, Optional

from .journey import KEY_PASSWORD, NEVER, Journey, config_map, make_key, merged, tree, wait_content
from .handmade import put_blob
from .oci_registry import MANIFEST_TYPES, OciRegistry
from .net import http
from .sealift import Daemon, Result
from .wait import wait_for

SOURCE = "https://git.example.com/acme/config.git"


class Gate:
    """Artifacts are made with `sealift push`, and judged by the Sync `shop` of `daemon`, a controller."""

    def __init__(self, journey: Journey, registry: OciRegistry, repository: str) -> None:
        self.journey, self.registry, self.repository = journey, registry, repository
        self.target = journey.target
        self.password = journey.folder / "password"
        self.password.write_text(KEY_PASSWORD)
        self.keys: dict[str, tuple[Path, Path]] = {"packager": (journey.private, journey.public)}
        self.daemon: Daemon
        self.digest = ""  # of what `open` pushed

    def open(self, serve: Callable[..., Daemon], roles: str = "controller") -> "Gate":
        """The Sync, an artifact `good`, and the daemon that judges it."""
        self.sync()
        self.digest = self.push("good")
        self.daemon = serve(roles=roles)
        return self

    # Artifacts

    def key(self, name: str) -> tuple[Path, Path]:
        if name not in self.keys:
            self.keys[name] = make_key(self.journey.sealift, self.journey.folder / name)
        return self.keys[name]

    def pem(self, name: str) -> str:
        return self.key(name)[1].read_text()

    def reference(self, end: str = "", repository: str = "") -> str:
        return self.registry.oci(repository or self.repository) + end

    def push(
        self, content: str, tag: str = "prod", key: Optional[str] = "packager", repository: str = "", **flags: str
    ) -> str:
        """An artifact of one ConfigMap with `content`; its digest. Without a key it is unsigned."""
        folder = self.journey.folder / "src"
        folder.mkdir(exist_ok=True)
        (folder / "web.yaml").write_text(config_map("web", "shop", content=content))
        signer = ["--key", self.key(key)[0], "--password-file", self.password] if key else ["--unsigned"]
        words = [word for name, value in flags.items() for word in (f"--{name.replace('_', '-')}", value)]
        self.journey.sealift("push", folder, self.reference(f":{tag}", repository), *signer, *words, "--insecure")
        digest = self.registry.digest(repository or self.repository, tag)
        assert digest
        return digest

    def sign(self, digest: str, key: str, *flags: str) -> None:
        signer = ("--key", self.key(key)[0], "--password-file", self.password)
        self.journey.sealift("sign", self.reference(f"@{digest}"), *signer, *flags, "--insecure")

    def copy(self, source: str, tag: str, of: str = "") -> None:
        """Writes a manifest or index (of the repository `of`) under another tag, as anybody can who may push."""
        whence = of or self.repository
        url = f"{self.registry.url}/v2/{whence}/manifests/{source}"
        answer = http("GET", url, headers={"Accept": MANIFEST_TYPES})
        assert answer.status == 200, f"{source}: {answer.status}"
        content = answer.json()
        for entry in content.get("manifests", []):
            self.copy(entry["digest"], entry["digest"], of)
        for blob in [content["config"], *content["layers"]] if of and "layers" in content else []:
            put_blob(self.registry, self.repository, self.registry.blob(of, blob["digest"]))
        self.registry.put_manifest(self.repository, tag, answer.body, answer.headers["Content-Type"])

    def copy_signatures(self, source: str, digest: str, of: str = "") -> None:
        """What is attached to `source` is attached to `digest`, too, in both forms."""
        for end in (".sig", ""):
            self.copy(source.replace(":", "-") + end, digest.replace(":", "-") + end, of)

    # The Sync and its policies

    def sync(self, name: str = "shop", **spec: Any) -> None:
        """Verified by what `spec` says only; follows the tag prod unless told otherwise."""
        base: dict[str, Any] = {
            "target": {"directory": {"path": str(self.target), "layout": "Tree"}},
            "artifact": {"repository": self.reference(), "insecure": True},
            "interval": NEVER,
        }
        if not {"tag", "digest", "semver"} & set(spec.get("artifact", {})):
            base["artifact"]["tag"] = "prod"
        self.journey.config.sync(name, **merged(base, spec))

    def policy(self, name: str = "prod", *, keys: tuple[str, ...] = ("packager",), **spec: Any) -> None:
        entry = {"name": "packager", "attests": True, "keys": [{"name": key, "pem": self.pem(key)} for key in keys]}
        self.journey.config.policy(name, **{"require": [entry], **spec})

    def entry(self, name: str, *keys: str, **more: Any) -> Mapping[str, Any]:
        return {"name": name, "keys": [{"name": key, "pem": self.pem(key)} for key in keys], **more}

    # What came of it

    def content(self) -> str:
        return (self.target / "shop/ConfigMap/web.yaml").read_text()

    def write(self, content: str) -> None:
        """What nobody may do to a target."""
        (self.target / "shop/ConfigMap/web.yaml").write_text(content)

    def look(self) -> Result:
        return self.journey.sealift.run(*self.journey.at("reconcile", "sync", "shop", "--timeout", "20s"))

    def passes(self, content: str) -> dict[str, Any]:
        result = self.look()
        assert result.code == 0, f"{result.out}{result.err}"
        assert content in self.content()
        return self.daemon.status("Sync", "shop")

    def refuses(self, reason: str, *parts: str) -> str:
        """The Sync says no, for this reason and with these words, tells it, and leaves the target as it was."""
        before = tree(self.target)
        result = self.look()
        condition = self.daemon.condition("Sync", "shop")
        told = condition.get("message", "")
        assert result.code != 0 and condition["status"] == "False", f"{result.out}{condition}"
        assert condition["reason"] == reason, condition
        for part in parts:
            assert part in told, f"{part!r} is not in: {told}"
        assert tree(self.target) == before
        wait_for(f"an event {reason}", lambda: any(self.is_warning(event, reason) for event in self.daemon.events()))
        return str(told)

    @staticmethod
    def is_warning(event: Mapping[str, Any], reason: str) -> bool:
        return event["reason"] == reason and event["type"] == "Warning"

    def heals(self, content: str) -> None:
        """What runs is kept, whatever was refused since."""
        self.write("drifted")
        wait_content(self.target / "shop/ConfigMap/web.yaml", content)

    def holds(self, content: str) -> None:
        """What runs is left alone, also where somebody changed it: what was written stays over a whole look."""
        self.write("drifted")
        self.look()
        assert "drifted" in self.content()
        self.write(content)

    def explain(self, *flags: Any, end: str = ":prod", key: str = "packager") -> str:
        """What `sealift verify --explain` says of the same artifact; it refuses, too."""
        words = ("verify", self.reference(end), "--explain", "--insecure", "--key", self.key(key)[1], *flags)
        result = self.journey.sealift.fails(*words)
        return result.out + result.err
