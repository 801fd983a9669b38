"""Odd files (line ends, marks, comments, documents of nothing) and what is seldom in them: anchors
and tags, lists of objects, texts and numbers that look like other things."""

from __future__ import annotations

from typing import Any, Optional

from kustomize_objects import NAMES, NAMESPACES
from kustomize_text import Documents, Raw, Written
from kustomize_trees import Maker

Json = Any

ODD_TEXTS = [
    "no-break\u00a0space", "line\u2028separator", "next\u0085line", "e\u0301", "\u65e5\u672c\u8a9e",
    "tab\tinside\nand lines", "  two lead\nlines", "ends in space \nline",
    "\n", "\n\nlead", "1:30", "190:20:30", "0b101", "0x_1", "1_0.5", "010", "+.inf", ".NaN", "<<",
    "y", "Y", "NO", "On", "NULL", "Null", "True",
    "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43", "a\rb", "%", "a%b", "\"", "'", "it's",
    "a: ", ":a", "#a", "a#b", "|", ">", "- ", "---", "...", "--- a",
    "x" * 127, "x y " * 40, "word " * 15 + "\nnext", "$(VAR) and $$(VAR)", "$(V", "$$", "${X}",
    "{{ .Values.x }}", "{}", "[]", "{a", "a]", "@", "`", "~x", "=", "!!str x", "&", "*",
    "-1", "- 1", "-a", "?x", "? x", "0.", "-.5", "1e", "e1", "1e+5", "0o8", "08", "0x", "00",
    "-0x1", "1__0", "_1", "99999999999999999999", "-9223372036854775808", "18446744073709551615",
]
ODD_SCALARS = [Raw(text) for text in (
    "010", "0o10", "!!str 5", "!!int \"5\"", "!!float 5", "!!bool \"true\"", "!!binary aGVsbG8=",
    "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43", "1:30", "190:20:30.15",
    "0b101", "-0x1F", "1_0.5", "yes", "No", "on", "y", "!!null x", "! text",
    "plain text, with comma", "a:b", "http://x:80/y", "&anchor 5", "&anchor text",
    "\"a\\tb\\x41\\u00e9\\n\"", "\"one\\\n    two\"", "'it''s'", "1e3", "1E3", "-1e-3",
    "123456789012", "12345678901234567890", "1.0e+3", "0.1e1", "1.", "+1.5", "00.5", "99999.0",
    "1e6", "1e21", "1234567.0",
    ".0", "-.0", "0x7fffffffffffffff", "9223372036854775808", "0777", "0o777", "08", "1_", "_",
    "__1", "-", "-.", "!!timestamp 2001-01-01", "[]", "{}", "[ ]", "{ }", "\"\"", "''", "")]
ODD_KEYS = ["a b", "1", "true", "null", "x.y/z", "\u00e9", "with:colon", "#k", "~", "1.5", "-",
            "a'b", "yes", "k" * 130, "<<x", "0x1", "2001-01-01"]

ANCHORED = [
    """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels: &labels
    app: a
    tier: "b"
spec:
  selector:
    matchLabels: *labels
  template:
    metadata:
      labels: *labels
    spec:
      containers:
      - &main
        name: main
        image: nginx
        env: [{{name: A, value: "1"}}]
      - <<: *main
        name: side
""", """apiVersion: example.com/v1
kind: Thing
metadata: {{name: &n {name}, annotations: {{copy: *n}}}}
spec:
  base: &base {{a: 1, b: "2", list: [1, two]}}
  merged:
    <<: *base
    b: 3
  deep: {{er: &x {{x: 1}}}}
  again: *x
  a: &s
    text
  b: *s
  list: [*n, *s]
""", """apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
data:
  one: &one |
    lines
      deeper
  two: *one
  three: >-
    folded
    text

    more
  four: |2
      indented
    less
  five: |+
    kept

  six: "a
    b

    c"
  seven: plain
    over lines
""", """? apiVersion
: example.com/v1
? kind
: Thing
? metadata
: name: {name}
spec:
  ? a
  : b
  c: !!map {{x: !!seq [1]}}
  list:
  - - 1
    - 2
  - {{}}
  - []
  -
  deep:
    er:
      x:
""", """{{"apiVersion": "v1", "kind": "ConfigMap",
\t"metadata": {{"name": "{name}", "labels": {{"app": "a"}}}},
\t"data": {{"k": "\\u00e9\\n", "a.txt": "x"}}}}
""", """apiVersion: v1 # the version
kind: Service
# the name
metadata: # all
  # above
  name: {name} # behind
  # below
spec:
    ports:
        # first
        - port: 80 # eighty
          # inner
          name: a

        - port: 443
          name: b
    selector: {{app: a, # in brackets
      tier: b}}
# the end
"""]


class OddMaker(Maker):
    KINDS = Maker.KINDS + ["ReplicationController", "Endpoints", "Gadget", "Gadget",
                           "ServiceAccount", "PodTemplate", "ClusterGadget"]

    # ---- files ----

    def write(self, path: str, value: Json) -> None:
        data = value if isinstance(value, bytes) else self.yaml(value).encode()
        if path.endswith((".yaml", ".yml", "Kustomization")):
            data = self.odd(data)
        super().write(path, data)

    def odd(self, data: bytes) -> bytes:
        """The same documents in a file that was written by another editor."""
        if self.chance(0.03):
            data = self.pick([b"---\n", b"# head\n---\n", b"\n\n", b"--- # first\n",
                              b"# a\n\n# b\n"]) + data
        if self.chance(0.03):
            data += self.pick([b"---\n", b"---\n# nothing\n", b"...\n", b"\n\n", b"# end",
                               b"---\n---\n", b"---\nnull\n", b"---\n{}\n"])
        if self.chance(0.03):
            data = data.replace(b"---\n",
                                self.pick([b"---\n---\n", b"--- # next\n", b"---  \n",
                                           b"...\n---\n", b"---\n# a comment\n\n---\n"]))
        if self.chance(0.03):
            data = data.replace(b"\n", b"\r\n")
        if self.chance(0.02):
            data = b"\xef\xbb\xbf" + data
        if self.chance(0.02):
            data = data.rstrip(b"\r\n")
        return data

    def text(self) -> str:
        return self.pick(ODD_TEXTS) if self.chance(0.12) else super().text()

    def scalar(self) -> Json:
        return self.pick(ODD_SCALARS) if self.chance(0.15) else super().scalar()

    # ---- objects ----

    def pod(self) -> Json:
        pod = super().pod()
        more: Json = {
            "hostAliases": [{"ip": ip, "hostnames": ["a"]}
                            for ip in self.some(["1.1.1.1", "2.2.2.2"], 1)],
            "topologySpreadConstraints": [{"topologyKey": key, "whenUnsatisfiable": when,
                                           "maxSkew": 1}
                                          for key in ("zone", "host")
                                          for when in self.some(["DoNotSchedule", "ScheduleAnyway"],
                                                                1, 2)],
            "imagePullSecrets": [{"name": name} for name in self.some(NAMES, 1, 3)],
            "volumes": [{"name": name,
                         **self.pick([{"emptyDir": {}}, {"configMap": {"name": self.pick(NAMES)}},
                         {"secret": {"secretName": self.pick(NAMES)}}])}
                        for name in self.some(["data", "more", "tmp"], 1, 3)],
            "ephemeralContainers": [{"name": "debug", "image": "nginx"}],
            "nodeSelector": self.plain_pairs(), "priorityClassName": self.pick(NAMES),
            "runtimeClassName": self.pick(NAMES),
            "affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": self.plain_pairs()}, "topologyKey": "zone"}]}},
        }
        if self.chance(0.3):
            for field in self.some(sorted(more), 1, 3):
                pod["spec"][field] = more[field]
        for container in pod["spec"]["containers"]:
            if self.chance(0.1):
                container["volumeMounts"] = [{"name": "data", "mountPath": path}
                                             for path in self.some(["/a", "/b", "/c"], 1, 3)]
            if self.chance(0.1):
                container["ports"] = [{"containerPort": 80, "protocol": protocol}
                                      for protocol in self.some(["TCP", "UDP", "SCTP"], 1, 3)]
        return pod

    def body(self, kind: str, ns: Optional[str]) -> tuple[str, Json]:
        if kind == "ReplicationController":
            return "v1", {"spec": {"replicas": 1, "selector": self.plain_pairs(),
                                   "template": self.pod()}}
        if kind == "PodTemplate":
            return "v1", {"template": self.pod()}
        if kind == "Endpoints":
            return "v1", {"subsets": [{"addresses": [{"ip": "1.1.1.1"}], "ports": [{"port": 80}]}]}
        if kind in ("Gadget", "ClusterGadget"):
            return "acme.io/v1alpha1", {"spec": {
                "items": [{"name": name, "ref": self.pick(NAMES)}
                          for name in self.some(["a", "b"], 1)],
                "configMapName": self.pick(NAMES),
                "thing": {"name": self.pick(NAMES), "namespace": self.pick(NAMESPACES)},
                "image": "nginx:1", "names": self.some(NAMES, 0, 3),
                self.pick(ODD_KEYS): self.scalar(),
                "template": {"spec": {"containers": [self.container("main")]}}}}
        version, body = super().body(kind, ns)
        if kind == "ServiceAccount" and self.chance(0.5):
            body["secrets"] = [{"name": name} for name in self.some(NAMES, 1, 3)]
            body["imagePullSecrets"] = [{"name": name} for name in self.some(NAMES, 1, 2)]
        if kind == "ConfigMap" and self.chance(0.15):
            body["data"][self.pick(["with space", "x.y", "UP", "1a"])] = self.text()
        if kind == "ConfigMap" and self.chance(0.06):
            body = self.pick([{}, {"data": None}, {"data": {}}, {"binaryData": {"b": "AAEC"}},
                              {"data": {"k": self.scalar()}},
                              {"immutable": True, "data": {"k": "v"}}])
        if kind == "Thing" and self.chance(0.1):
            body["status"] = {self.pick(ODD_KEYS): self.scalar(),
                              "conditions": [{"type": "Ready", "status": "True"}]}
        return version, body

    def metadata(self, kind: str, name: str, ns: Optional[str]) -> Json:
        metadata = super().metadata(kind, name, ns)
        if self.chance(0.04):
            odd = self.pick([None, {}, {"a": None}, {"a": ""}])
            metadata[self.pick(["labels", "annotations"])] = odd
        if self.chance(0.02):
            metadata.update(self.pick([{"creationTimestamp": None}, {"namespace": ""},
                                       {"generateName": "x-"}, {"uid": "5"}, {"namespace": None}]))
        if self.chance(0.03):
            metadata.setdefault("annotations", {})
            if metadata["annotations"] is not None:
                earlier = self.chance(0.1)
                metadata["annotations"].update(self.pick([
                    {"config.kubernetes.io/local-config": "true"},
                    {"config.kubernetes.io/local-config": "false"},
                    {"config.kubernetes.io/index": "3"},
                    {"internal.config.kubernetes.io/index": "0"},
                    {"config.kubernetes.io/path": "x.yaml"},
                    {"kustomize.config.k8s.io/needs-hash": "false"},
                    {"config.kubernetes.io/function": "x"},
                    {"config.kubernetes.io/origin": "path: x\n"},
                    {"internal.config.kubernetes.io/previousNames": "a"} if earlier else {}]))
        return metadata

    def objects(self) -> list[Json]:
        objects = super().objects()
        taken = {(o["kind"], o["metadata"]["name"]) for o in objects}
        while self.chance(0.12):
            name = self.pick(["web", "api", "db", "cache"])
            text = self.pick(ANCHORED).format(name=name)
            kind = next(k for k in ("Deployment", "Thing", "ConfigMap", "Service")
                        if f"kind: {k}" in text or f"\n: {k}" in text or f'"{k}"' in text)
            version = {"Deployment": "apps/v1", "Thing": "example.com/v1"}.get(kind, "v1")
            if (kind, name) not in taken:
                taken.add((kind, name))
                body = {"spec": {"deep": {"er": {"x": 1}}}} if kind == "Thing" else {}
                head = {"apiVersion": version, "kind": kind, "metadata": {"name": name}}
                objects.append(Written(text, {**head, **body}))
        return objects

    def file(self, folder: str, stem: str, value: Json) -> str:
        resources = isinstance(value, Documents) and stem == "r"
        if resources and not any(isinstance(o, Written) for o in value):
            if self.chance(0.05):
                kinds = {o["kind"] for o in value}
                value = {"apiVersion": "v1",
                         "kind": f"{kinds.pop()}List" if len(kinds) == 1 else "List",
                         "metadata": {}, "items": list(value)}
            elif self.chance(0.05):
                half = len(value) // 2
                value = Documents([{"apiVersion": "v1", "kind": "List",
                                    "items": list(value[:half])}, *value[half:]])
            elif self.chance(0.02):
                empty = {"apiVersion": "v1", "kind": "List", "items": self.pick([[], None])}
                value = Documents([*value, empty])
        return super().file(folder, stem, value)
