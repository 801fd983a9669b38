"""The path of a change, put together: a signing key, the objects of one Bundle and one Sync, and a signed push."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Optional, Union

from .git_repo import GitRepo
from .net import Answer
from .objects import Config
from .sealift import Daemon, Sealift
from .wait import wait_for
from .webhook import hook_path, push_payload, send_github

TOKEN = b"a-token-of-the-tests-0123456789abcdef"
KEY_PASSWORD = "open sesame"
NEVER = "24h"  # an interval that no test lives to see: what happens was caused by an event

Spec = Mapping[str, Any]
_keys: dict[str, tuple[bytes, bytes]] = {}  # private and public, by name


def config_map(name: str, namespace: Optional[str] = None, **data: str) -> str:
    """A manifest; `object_file` is where it stands in the artifact and in a Tree."""
    where = f"  namespace: {namespace}\n" if namespace else ""
    lines = "".join(f"  {key}: {value!r}\n" for key, value in data.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{where}data:\n{lines or '  a: b' + chr(10)}"


def maps(*names: str, **data: str) -> dict[str, str]:
    """Files, each with one of these ConfigMaps."""
    return {f"{name}.yaml": config_map(name, **(data or {"color": "red"})) for name in names}


def object_file(name: str, namespace: str = "_", kind: str = "ConfigMap") -> str:
    return f"{namespace}/{kind}/{name}.yaml"


def merged(base: Spec, extra: Spec) -> dict[str, Any]:
    """`extra` over `base`, maps merged."""
    result = dict(base)
    for name, value in extra.items():
        both = isinstance(value, Mapping) and isinstance(result.get(name), Mapping)
        result[name] = merged(result[name], value) if both else value
    return result


class Journey:
    """Writes Secrets, and on demand a Bundle, a Hook and a Sync, into `config`; all of them named `shop`. Journeys
    with the same `key` share a signing key."""

    def __init__(self, sealift: Sealift, config: Config, folder: Path, key: str = "packager") -> None:
        self.sealift, self.config = sealift, config
        self.folder = folder
        self.target = folder / "target"
        self.private, self.public = folder / "packager.key", folder / "packager.pub"
        self._write_key(key)
        config.secret("packager-key", cosign__key=self.private, cosign__password=KEY_PASSWORD)
        config.secret("packager-pub", cosign__pub=self.public)
        config.secret("hook", token=TOKEN)

    def _write_key(self, name: str) -> None:
        """Made once in a run: the password is stretched, which takes its time."""
        if name not in _keys:
            made = make_key(self.sealift, self.folder / "packager")
            _keys[name] = (made[0].read_bytes(), made[1].read_bytes())
        self.private.write_bytes(_keys[name][0])
        self.public.write_bytes(_keys[name][1])

    def bundle(self, url: str, repository: str, name: str = "shop", **spec: Any) -> None:
        """`spec` is merged into a Bundle that follows main and writes the tag prod."""
        base = {
            "source": {"git": {"url": url, **({} if "ref" in _git(spec) else {"ref": {"branch": "main"}})}},
            "artifact": {"repository": repository, "tags": ["prod"]},
            "sign": {"secretRef": {"name": "packager-key"}},
            "interval": NEVER,
        }
        self.config.bundle(name, **merged(base, spec))

    def hook(self, name: str = "shop", provider: str = "github", **spec: Any) -> None:
        base = {"provider": provider, "secretRef": {"name": "hook"}, "resources": [{"kind": "Bundle", "name": "shop"}]}
        self.config.hook(name, **{**base, **spec})

    def sync(self, name: str = "shop", target: Optional[Path] = None, layout: str = "Tree", **spec: Any) -> None:
        """Follows the Bundle, unless `artifact` names a repository."""
        base: dict[str, Any] = {
            "verify": {"keys": [{"name": "packager", "secretRef": {"name": "packager-pub"}}]},
            "target": {"directory": {"path": str(target or self.target), "layout": layout}},
            "interval": NEVER,
        }
        if "repository" not in spec.get("artifact", {}):
            base["bundleRef"] = {"name": "shop"}
        self.config.sync(name, **merged(base, spec))

    def at(self, *words: str) -> list[Any]:
        """The words with the folders: journey.sealift(*journey.at("get", "syncs"))."""
        return [*words, "--config", self.config.folder, "--state", self.folder / "state"]

    def run(self, *words: str, **options: Any) -> Any:
        return self.sealift(*self.at(*words), **options)


def _git(spec: Spec) -> Spec:
    return dict((spec.get("source") or {}).get("git") or {})


def make_key(sealift: Sealift, prefix: Path) -> tuple[Path, Path]:
    """Private and public key, of sealift's own making."""
    sealift("keygen", "--output-prefix", prefix, env={"COSIGN_PASSWORD": KEY_PASSWORD})
    return Path(f"{prefix}.key"), Path(f"{prefix}.pub")


def deliver(daemon: Daemon, url: str, commit: str, ref: str = "refs/heads/main", **options: Any) -> Answer:
    """A push as GitHub tells it, to the Hook `shop`; `event` and `form` as in send_github."""
    answer = send_github(
        daemon.hook_url + hook_path(TOKEN, options.pop("namespace", "default"), options.pop("hook", "shop")),
        push_payload(url, commit, ref),
        TOKEN,
        **options,
    )
    assert answer.status in (200, 202, 204), f"{answer.status} {answer.text}"
    return answer


def push(daemon: Daemon, repo: GitRepo, url: str, files: Mapping[str, Union[str, bytes]], **options: Any) -> str:
    """Commits, pushes, and lets the forge tell; returns the commit."""
    commit = repo.commit(files)
    repo.push()
    deliver(daemon, url, commit, **options)
    return commit


def released(daemon: Daemon, commit: str, name: str = "shop", timeout: float = 20) -> dict[str, Any]:
    """Waits until the Bundle released the artifact of this commit; its status.artifact."""
    status = daemon.wait_status(
        "Bundle", name, lambda status: status["artifact"]["revision"].endswith(commit), f"the release of {commit}",
        timeout=timeout,
    )  # fmt: skip
    return dict(status["artifact"])


def seen(daemon: Daemon, commit: str, name: str = "shop") -> dict[str, Any]:
    """Waits until the Bundle dealt with this commit, with or without a new artifact; its status.artifact."""
    status = daemon.wait_status(
        "Bundle", name, lambda status: status["source"]["revision"].endswith(commit), f"a look at {commit}"
    )
    return dict(status["artifact"])


def applied(daemon: Daemon, digest: str, name: str = "shop", timeout: float = 20) -> dict[str, Any]:
    """Waits until the Sync applied this digest and is Ready; its status."""

    def holds(status: Any) -> bool:
        ready = next(c for c in status["conditions"] if c["type"] == "Ready")
        return status["artifact"]["digest"] == digest and ready["status"] == "True"

    return daemon.wait_status("Sync", name, holds, f"Sync {name} at {digest}", timeout=timeout)


def wait_content(path: Path, part: str, timeout: float = 15) -> None:
    wait_for(f"{part!r} in {path}", lambda: part in path.read_text(), timeout)


def tree(folder: Path) -> dict[str, str]:
    """What stands in a target: visible files and their content."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    named = {str(path.relative_to(folder)): path.read_text() for path in files}
    return {name: text for name, text in named.items() if not any(part.startswith(".") for part in name.split("/"))}


