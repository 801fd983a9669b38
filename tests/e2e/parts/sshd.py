"""git over ssh: Debian's sshd on a free port, run by whoever runs the tests."""

from __future__ import annotations

import getpass
import os
import subprocess
from pathlib import Path

from .git_repo import git_environment
from .need import need_program
from .net import accepts, free_port
from .server import Server

_CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
LogLevel VERBOSE
AcceptEnv GIT_PROTOCOL
"""


class SshServer:
    """`create("shop")` makes a bare repository and returns its ssh:// URL; `identity` is the private key that may
    log in, `known_hosts` the line that a client needs."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        program = need_program("sshd", "openssh-server")
        self.port = free_port()
        self.user = getpass.getuser()
        self.identity = self._make_key("identity")
        self.stranger = self._make_key("stranger")  # a key that may not log in
        self._make_key("host_key")
        (folder / "authorized_keys").write_text((folder / "identity.pub").read_text())
        kind, key = (folder / "host_key.pub").read_text().split()[:2]
        self.known_hosts = f"[127.0.0.1]:{self.port} {kind} {key}\n"
        (folder / "known_hosts").write_text(self.known_hosts)
        (folder / "sshd_config").write_text(_CONFIG.format(port=self.port, folder=folder))
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd of root insists on it
        self._server = Server("sshd", [program, "-D", "-e", "-f", folder / "sshd_config"], folder / "sshd.log")
        self._server.wait_until(lambda: accepts(self.port))

    def _make_key(self, name: str) -> Path:
        path = self._folder / name
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True, capture_output=True
        )
        return path

    def create(self, name: str, branch: str = "main") -> str:
        path = self.path(name)
        path.mkdir(parents=True)
        subprocess.run(["git", "init", "-q", "--bare", "-b", branch], cwd=path, env=git_environment(), check=True)
        return self.url(name)

    def path(self, name: str) -> Path:
        return self._folder / "git" / f"{name}.git"

    def url(self, name: str) -> str:
        return f"ssh://{self.user}@127.0.0.1:{self.port}{self.path(name)}"

    @property
    def client_command(self) -> str:
        """For GIT_SSH_COMMAND of git itself."""
        return (
            f"ssh -F none -i {self.identity} -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes"
            f" -o UserKnownHostsFile={self._folder}/known_hosts"
        )

    @property
    def log(self) -> str:
        return self._server.output()

    def close(self) -> None:
        self._server.stop()

    def __enter__(self) -> "SshServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
