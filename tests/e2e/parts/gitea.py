"""A real forge: Gitea, with its webhooks and its container registry."""

from __future__ import annotations

import base64
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from .need import need_program, need_part, part_folder
from .net import Answer, free_port, http, http_json
from .server import Server

_CONFIG = """\
RUN_MODE = prod
WORK_PATH = {home}
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = http://127.0.0.1:{port}/
STATIC_ROOT_PATH = {home}/static
OFFLINE_MODE = true
DISABLE_SSH = true
LFS_START_SERVER = false
[database]
DB_TYPE = sqlite3
PATH = {home}/gitea.db
[security]
INSTALL_LOCK = true
SECRET_KEY = of-the-tests-of-the-tests
INTERNAL_TOKEN = {token}
PASSWORD_HASH_ALGO = pbkdf2_v2
[webhook]
ALLOWED_HOST_LIST = loopback
[service]
DISABLE_REGISTRATION = true
[cron]
ENABLED = false
[actions]
ENABLED = false
[packages]
ENABLED = true
[log]
MODE = console
LEVEL = info
"""

# A token of the right form that opens nothing outside this process.
_INTERNAL_TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJuYmYiOjE3NjcyMjU2MDB9.c2VhbGlmdC10ZXN0cy1zZWFsaWZ0LXRlc3RzLXNlYQ"
)


class Gitea:
    """`user`/`password` is an administrator. It refuses to run as root; as root it is run as `nobody`."""

    user = "ada"
    password = "correct-horse-battery"

    def __init__(self) -> None:
        program = need_part("gitea")
        # Not pytest's folder, which other users may not enter.
        self._home = Path(tempfile.mkdtemp(prefix="sealift-gitea-"))
        try:
            self._start(program)
        except BaseException:
            shutil.rmtree(self._home, ignore_errors=True)
            raise

    def _start(self, program: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._config = self._home / "app.ini"
        self._config.write_text(_CONFIG.format(home=self._home, port=self.port, token=_INTERNAL_TOKEN))
        shutil.copytree(part_folder("gitea") / "static", self._home / "static")
        self._program = self._home / "gitea"
        shutil.copy(program, self._program)
        self._env = {
            "HOME": str(self._home),
            "GITEA_WORK_DIR": str(self._home),
            "GIT_CONFIG_GLOBAL": str(self._home / "gitconfig"),  # it writes there
        }
        self._user: list[object] = []
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            for path in (self._home, self._config):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
            self._env["USER"] = "nobody"
            words = ["--reuid", nobody.pw_uid, "--regid", nobody.pw_gid, "--clear-groups", "--"]
            self._user = [need_program("setpriv", "util-linux"), *words]
        self._home.chmod(0o755)
        self._admin("migrate")
        who = ["--username", self.user, "--password", self.password, "--email", "ada@example.com"]
        self._admin("admin", "user", "create", *who, "--admin", "--must-change-password=false")
        self._server = Server("gitea", self._command("web"), self._home / "gitea.log", self._env, self._home)
        self._server.wait_until(lambda: http("GET", f"{self.url}/api/healthz").status == 200, timeout=60)

    def _command(self, *words: str) -> list[object]:
        return [*self._user, self._program, "--config", self._config, *words]

    def _admin(self, *words: str) -> None:
        env = {**os.environ, **self._env}
        command = [str(word) for word in self._command(*words)]
        done = subprocess.run(command, env=env, cwd=self._home, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"gitea {' '.join(words)}: {done.stdout}{done.stderr}"

    # API

    def api(self, method: str, path: str, body: Any = None) -> Answer:
        credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return http_json(method, f"{self.url}/api/v1{path}", body, {"Authorization": f"Basic {credentials}"})

    def create(self, name: str, private: bool = False) -> str:
        """Makes an empty repository; returns its clone URL, without credentials."""
        answer = self.api("POST", "/user/repos", {"name": name, "private": private, "default_branch": "main"})
        assert answer.status == 201, answer.text
        return f"{self.url}/{self.user}/{name}.git"

    def push_url(self, name: str) -> str:
        """With credentials in it, for GitRepo's origin."""
        return f"http://{self.user}:{self.password}@127.0.0.1:{self.port}/{self.user}/{name}.git"

    def add_hook(self, name: str, url: str, secret: str) -> int:
        """A webhook of repository `name` for pushes; its number."""
        config = {"url": url, "content_type": "json", "secret": secret}
        body = {"type": "gitea", "active": True, "events": ["push"], "config": config}
        answer = self.api("POST", f"/repos/{self.user}/{name}/hooks", body)
        assert answer.status == 201, answer.text
        return int(answer.json()["id"])

    def statuses(self, name: str, commit: str) -> list[Any]:
        return list(self.api("GET", f"/repos/{self.user}/{name}/statuses/{commit}").json())

    def token(self, name: str, *scopes: str) -> str:
        """An access token, for bearer authentication."""
        body = {"name": name, "scopes": list(scopes) or ["write:repository", "write:package"]}
        answer = self.api("POST", f"/users/{self.user}/tokens", body)
        assert answer.status == 201, answer.text
        return str(answer.json()["sha1"])

    @property
    def registry_host(self) -> str:
        """Its container registry; repositories are HOST/ada/NAME."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._server.output()

    def close(self) -> None:
        self._server.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def __enter__(self) -> "Gitea":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
