"""A path that works, into which a test throws one bad thing."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional, Union

from .git_repo import GitRepo
from .journey import TOKEN, Journey, applied, config_map, object_file, push, released, tree
from .net import Answer
from .sealift import Daemon
from .wait import wait_for
from .webhook import hook_path, push_payload, send_github

Serve = Callable[..., Daemon]


class Line:
    """Repository `repo` at `url`, Bundle, Hook and Sync `shop`; `start()` runs it until red is in the target."""

    def __init__(self, journey: Journey, repo: GitRepo, url: str, repository: str) -> None:
        self.journey, self.repo, self.url, self.repository = journey, repo, url, repository
        self.daemon: Daemon
        self.bundle: dict[str, Any] = {}
        self.sync: dict[str, Any] = {}
        self.path = hook_path(TOKEN, "default", "shop")

    def write(self) -> None:
        self.journey.bundle(self.url, self.repository, **self.bundle)
        self.journey.hook()
        self.journey.sync(**self.sync)

    def start(self, serve: Serve, *flags: Any, **options: Any) -> Line:
        self.write()
        self.repo.commit({"web.yaml": config_map("web", color="red")})
        self.repo.push()
        self.daemon = serve(*flags, **options)
        self.arrives("red")
        return self

    @property
    def web(self) -> str:
        return (self.journey.target / object_file("web")).read_text()

    def arrives(self, content: str, timeout: float = 20) -> None:
        """The newest commit is released and applied, and `content` is in the target."""
        applied(self.daemon, released(self.daemon, self.repo.head, timeout=timeout)["digest"], timeout=timeout)
        assert content in self.web

    def push(self, files: Mapping[str, Union[str, bytes]]) -> str:
        return push(self.daemon, self.repo, self.url, files)

    def goes_on(self, color: str = "blue", remove: tuple[str, ...] = ()) -> None:
        """A good commit, told by a hook, comes through."""
        if remove:
            self.repo.remove(*remove)
        self.push({"web.yaml": config_map("web", color=color)})
        self.arrives(color)

    def send(self, payload: Any = None, secret: bytes = TOKEN, path: Optional[str] = None, **options: Any) -> Answer:
        """A delivery as it stands, to any path."""
        payload = push_payload(self.url, self.repo.head) if payload is None else payload
        return send_github(self.daemon.hook_url + (path or self.path), payload, secret, **options)

    def bundle_refuses(self, reason: str, *parts: str, timeout: float = 20) -> str:
        """The Bundle says no, for this reason and with these words, and what is released and applied stays."""
        before = tree(self.journey.target)
        artifact = self.daemon.status("Bundle", "shop").get("artifact")

        def told() -> str:
            condition = self.daemon.condition("Bundle", "shop")
            assert condition["status"] == "False" and condition["reason"] == reason, condition
            assert all(part in condition["message"] for part in parts), condition
            return str(condition["message"])

        message = wait_for(f"Bundle shop to be refused as {reason} {parts}", told, timeout)
        assert self.daemon.status("Bundle", "shop").get("artifact") == artifact
        assert tree(self.journey.target) == before
        wait_for(f"an event {reason}", lambda: any(event["reason"] == reason for event in self.daemon.events()))
        return message
