"""What clients asked of an API server, from its audit log."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import Any, Iterator

_POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
"""


class Audit:
    """`ControlPlane(folder, *audit.flags)` writes the log."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._log = folder / "audit.log"
        (folder / "policy.yaml").write_text(_POLICY)
        self.flags = [f"--audit-policy-file={folder}/policy.yaml", f"--audit-log-path={self._log}"]

    def mark(self) -> int:
        """Now, for requests()."""
        return self._log.stat().st_size

    def requests(self, since: int, namespace: str, account: str) -> Counter[str]:
        """What a ServiceAccount asked for since then, as "patch syncs/status" by how often. A watch counts when it
        ends."""
        user = f"system:serviceaccount:{namespace}:{account}"
        found: Counter[str] = Counter()
        for event in self._events(since):
            if event["user"]["username"] != user or event["stage"] == "ResponseStarted":
                continue
            about = event.get("objectRef", {})
            resource = about.get("resource", event["requestURI"])
            found[f"{event['verb']} {resource}{'/' if 'subresource' in about else ''}{about.get('subresource', '')}"] += 1
        return found

    def _events(self, since: int) -> Iterator[dict[str, Any]]:
        with self._log.open("rb") as log:
            log.seek(since)
            for line in log.read().splitlines():
                with contextlib.suppress(ValueError):  # the last may be half written
                    yield json.loads(line)
