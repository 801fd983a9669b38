"""Trees as kustomize_trees makes them, with what they have seldom: odd files (line ends, marks, comments, documents
of nothing), anchors and tags, lists of objects, patches of every directive and operation, chains of generators, bases
used twice, fields out of fashion."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from kustomize_text import Documents, Raw, Written, to_yaml
from kustomize_trees import NAMES, NAMESPACES, TEXTS, Maker

Json = Any

ODD_TEXTS = [
    "no-break\u00a0space", "line\u2028separator", "next\u0085line", "e\u0301", "\u65e5\u672c\u8a9e", "tab\tinside\nand lines", "  two lead\nlines", "ends in space \nline",
    "\n", "\n\nlead", "1:30", "190:20:30", "0b101", "0x_1", "1_0.5", "010", "+.inf", ".NaN", "<<", "y", "Y", "NO", "On", "NULL", "Null", "True",
    "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43", "a\rb", "%", "a%b", "\"", "'", "it's", "a: ", ":a", "#a", "a#b", "|", ">", "- ", "---", "...", "--- a",
    "x" * 127, "x y " * 40, "word " * 15 + "\nnext", "$(VAR) and $$(VAR)", "$(V", "$$", "${X}", "{{ .Values.x }}", "{}", "[]", "{a", "a]", "@", "`", "~x", "=", "!!str x", "&", "*",
    "-1", "- 1", "-a", "?x", "? x", "0.", "-.5", "1e", "e1", "1e+5", "0o8", "08", "0x", "00", "-0x1", "1__0", "_1", "99999999999999999999", "-9223372036854775808", "18446744073709551615",
]
ODD_SCALARS = [Raw(text) for text in (
    "010", "0o10", "!!str 5", "!!int \"5\"", "!!float 5", "!!bool \"true\"", "!!binary aGVsbG8=", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43", "1:30", "190:20:30.15",
    "0b101", "-0x1F", "1_0.5", "yes", "No", "on", "y", "!!null x", "! text", "plain text, with comma", "a:b", "http://x:80/y", "&anchor 5", "&anchor text",
    "\"a\\tb\\x41\\u00e9\\n\"", "\"one\\\n    two\"", "'it''s'", "1e3", "1E3", "-1e-3", "123456789012", "12345678901234567890", "1.0e+3", "0.1e1", "1.", "+1.5", "00.5", "99999.0", "1e6", "1e21", "1234567.0",
    ".0", "-.0", "0x7fffffffffffffff", "9223372036854775808", "0777", "0o777", "08", "1_", "_", "__1", "-", "-.", "!!timestamp 2001-01-01", "[]", "{}", "[ ]", "{ }", "\"\"", "''", "")]
ODD_KEYS = ["a b", "1", "true", "null", "x.y/z", "\u00e9", "with:colon", "#k", "~", "1.5", "-", "a'b", "yes", "k" * 130, "<<x", "0x1", "2001-01-01"]

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


class WideMaker(Maker):
    KINDS = Maker.KINDS + ["ReplicationController", "Endpoints", "Gadget", "Gadget", "ServiceAccount", "PodTemplate", "ClusterGadget"]

    def __init__(self, seed: int, root: Path) -> None:
        super().__init__(seed, root)
        self.made: dict[str, list[str]] = {}  # names, by the field that generates

    # ---- files ----

    def write(self, path: str, value: Json) -> None:
        data = value if isinstance(value, bytes) else self.yaml(value).encode()
        if path.endswith((".yaml", ".yml", "Kustomization")):
            data = self.odd(data)
        super().write(path, data)

    def odd(self, data: bytes) -> bytes:
        """The same documents in a file that was written by another editor."""
        if self.chance(0.03):
            data = self.pick([b"---\n", b"# head\n---\n", b"\n\n", b"--- # first\n", b"# a\n\n# b\n"]) + data
        if self.chance(0.03):
            data += self.pick([b"---\n", b"---\n# nothing\n", b"...\n", b"\n\n", b"# end", b"---\n---\n", b"---\nnull\n", b"---\n{}\n"])
        if self.chance(0.03):
            data = data.replace(b"---\n", self.pick([b"---\n---\n", b"--- # next\n", b"---  \n", b"...\n---\n", b"---\n# a comment\n\n---\n"]))
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
            "hostAliases": [{"ip": ip, "hostnames": ["a"]} for ip in self.some(["1.1.1.1", "2.2.2.2"], 1)],
            "topologySpreadConstraints": [{"topologyKey": key, "whenUnsatisfiable": when, "maxSkew": 1}
                                          for key in ("zone", "host") for when in self.some(["DoNotSchedule", "ScheduleAnyway"], 1, 2)],
            "imagePullSecrets": [{"name": name} for name in self.some(NAMES, 1, 3)],
            "volumes": [{"name": name, **self.pick([{"emptyDir": {}}, {"configMap": {"name": self.pick(NAMES)}},
                         {"secret": {"secretName": self.pick(NAMES)}}])} for name in self.some(["data", "more", "tmp"], 1, 3)],
            "ephemeralContainers": [{"name": "debug", "image": "nginx"}],
            "nodeSelector": self.plain_pairs(), "priorityClassName": self.pick(NAMES), "runtimeClassName": self.pick(NAMES),
            "affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": self.plain_pairs()}, "topologyKey": "zone"}]}},
        }
        if self.chance(0.3):
            for field in self.some(sorted(more), 1, 3):
                pod["spec"][field] = more[field]
        for container in pod["spec"]["containers"]:
            if self.chance(0.1):
                container["volumeMounts"] = [{"name": "data", "mountPath": path} for path in self.some(["/a", "/b", "/c"], 1, 3)]
            if self.chance(0.1):
                container["ports"] = [{"containerPort": 80, "protocol": protocol} for protocol in self.some(["TCP", "UDP", "SCTP"], 1, 3)]
        return pod

    def body(self, kind: str, ns: Optional[str]) -> tuple[str, Json]:
        if kind == "ReplicationController":
            return "v1", {"spec": {"replicas": 1, "selector": self.plain_pairs(), "template": self.pod()}}
        if kind == "PodTemplate":
            return "v1", {"template": self.pod()}
        if kind == "Endpoints":
            return "v1", {"subsets": [{"addresses": [{"ip": "1.1.1.1"}], "ports": [{"port": 80}]}]}
        if kind in ("Gadget", "ClusterGadget"):
            return "acme.io/v1alpha1", {"spec": {"items": [{"name": name, "ref": self.pick(NAMES)} for name in self.some(["a", "b"], 1)],
                                                 "configMapName": self.pick(NAMES), "thing": {"name": self.pick(NAMES), "namespace": self.pick(NAMESPACES)},
                                                 "image": "nginx:1", "names": self.some(NAMES, 0, 3), self.pick(ODD_KEYS): self.scalar(),
                                                 "template": {"spec": {"containers": [self.container("main")]}}}}
        version, body = super().body(kind, ns)
        if kind == "ServiceAccount" and self.chance(0.5):
            body["secrets"] = [{"name": name} for name in self.some(NAMES, 1, 3)]
            body["imagePullSecrets"] = [{"name": name} for name in self.some(NAMES, 1, 2)]
        if kind == "ConfigMap" and self.chance(0.15):
            body["data"][self.pick(["with space", "x.y", "UP", "1a"])] = self.text()
        if kind == "ConfigMap" and self.chance(0.06):
            body = self.pick([{}, {"data": None}, {"data": {}}, {"binaryData": {"b": "AAEC"}}, {"data": {"k": self.scalar()}}, {"immutable": True, "data": {"k": "v"}}])
        if kind == "Thing" and self.chance(0.1):
            body["status"] = {self.pick(ODD_KEYS): self.scalar(), "conditions": [{"type": "Ready", "status": "True"}]}
        return version, body

    def metadata(self, kind: str, name: str, ns: Optional[str]) -> Json:
        metadata = super().metadata(kind, name, ns)
        if self.chance(0.04):
            metadata[self.pick(["labels", "annotations"])] = self.pick([None, {}, {"a": None}, {"a": ""}])
        if self.chance(0.02):
            metadata.update(self.pick([{"creationTimestamp": None}, {"namespace": ""}, {"generateName": "x-"}, {"uid": "5"}, {"namespace": None}]))
        if self.chance(0.03):
            metadata.setdefault("annotations", {})
            if metadata["annotations"] is not None:
                metadata["annotations"].update(self.pick([
                    {"config.kubernetes.io/local-config": "true"}, {"config.kubernetes.io/local-config": "false"}, {"config.kubernetes.io/index": "3"},
                    {"internal.config.kubernetes.io/index": "0"}, {"config.kubernetes.io/path": "x.yaml"}, {"kustomize.config.k8s.io/needs-hash": "false"},
                    {"config.kubernetes.io/function": "x"}, {"config.kubernetes.io/origin": "path: x\n"}, {"internal.config.kubernetes.io/previousNames": "a"} if self.chance(0.1) else {}]))
        return metadata

    def objects(self) -> list[Json]:
        objects = super().objects()
        taken = {(o["kind"], o["metadata"]["name"]) for o in objects}
        while self.chance(0.12):
            name = self.pick(["web", "api", "db", "cache"])
            text = self.pick(ANCHORED).format(name=name)
            kind = next(k for k in ("Deployment", "Thing", "ConfigMap", "Service") if f"kind: {k}" in text or f"\n: {k}" in text or f'"{k}"' in text)
            version = {"Deployment": "apps/v1", "Thing": "example.com/v1"}.get(kind, "v1")
            if (kind, name) not in taken:
                taken.add((kind, name))
                body = {"spec": {"deep": {"er": {"x": 1}}}} if kind == "Thing" else {}
                objects.append(Written(text, {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **body}))
        return objects

    def file(self, folder: str, stem: str, value: Json) -> str:
        if isinstance(value, Documents) and stem == "r" and not any(isinstance(o, Written) for o in value):
            if self.chance(0.05):
                kinds = {o["kind"] for o in value}
                value = {"apiVersion": "v1", "kind": f"{kinds.pop()}List" if len(kinds) == 1 else "List", "metadata": {}, "items": list(value)}
            elif self.chance(0.05):
                half = len(value) // 2
                value = Documents([{"apiVersion": "v1", "kind": "List", "items": list(value[:half])}, *value[half:]])
            elif self.chance(0.02):
                value = Documents([*value, {"apiVersion": "v1", "kind": "List", "items": self.pick([[], None])}])
        return super().file(folder, stem, value)

    # ---- patches ----

    def strategic_patch(self, chosen: Json) -> Json:
        patch = super().strategic_patch(chosen)
        if patch.get("$patch") or not self.chance(0.4):
            return patch
        pod: Json = self.pick([
            {"hostAliases": [{"ip": "1.1.1.1", "hostnames": ["patched"]}, {"ip": "3.3.3.3", "hostnames": []}]},
            {"topologySpreadConstraints": [{"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 9}]},
            {"topologySpreadConstraints": [{"topologyKey": "zone", "maxSkew": 9}]},
            {"imagePullSecrets": [{"name": self.pick(NAMES)}, {"name": self.pick(NAMES), "$patch": "delete"}]},
            {"volumes": [{"name": "data", "$patch": self.pick(["delete", "replace", "merge"])}]},
            {"volumes": [{"name": "data", "emptyDir": None, "secret": {"secretName": "web"}}]},
            {"volumes": [{"$patch": "replace"}, {"name": "only", "emptyDir": {}}]},
            {"volumes": None}, {"containers": None}, {"containers": []}, {"nodeSelector": {"$patch": "replace", "x": "y"}}, {"nodeSelector": {"app": None}},
            {"nodeSelector": {"$patch": "delete"}}, {"$patch": "replace", "containers": [{"name": "main", "image": "only"}]}, {"$patch": "delete"},
            {"initContainers": [self.container("init"), self.container("more")]},
            {"containers": [{"name": "main", "ports": [{"containerPort": 80, "name": "patched"}]}]},
            {"containers": [{"name": "main", "ports": [{"containerPort": 80, "protocol": "UDP", "$patch": "delete"}]}]},
            {"containers": [{"name": "main", "ports": [{"containerPort": 80, "protocol": self.pick(["TCP", "UDP"]), "hostPort": 1}, {"containerPort": 81}]}]},
            {"containers": [{"name": "main", "env": [{"name": "A", "value": self.scalar()}, {"name": "B", "$patch": "delete"}]}]},
            {"containers": [{"name": "main", "env": [{"$patch": "replace"}, {"name": "Z", "value": "z"}]}]},
            {"containers": [{"name": "main", "env": [{"name": "A", "value": None, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}]},
            {"containers": [{"name": "main", "env": None, "args": ["patched"], "$setElementOrder/env": [{"name": "A"}]}]},
            {"containers": [{"name": "main", "volumeMounts": [{"mountPath": "/a", "name": "other"}, {"mountPath": "/z", "name": "data"}]}]},
            {"containers": [{"name": "main", "$patch": "replace", "image": "replaced"}, {"name": "side", "$patch": "merge", "image": "merged"}]},
            {"containers": [{"image": "no-name"}]}, {"containers": [{"name": "main"}, {"name": "main", "image": "twice"}]},
            {"$setElementOrder/containers": [{"name": "side"}, {"name": "main"}], "containers": [{"name": "side", "image": "x"}]},
            {"tolerations": [{"key": "x"}], "$retainKeys": ["tolerations"]}, {"securityContext": {}}, {"affinity": {"podAffinity": None}},
            {"ephemeralContainers": [{"name": "debug", "image": "y"}]}])
        if chosen["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet", "ReplicationController"):
            patch["spec"] = {"template": {"spec": pod}}
            if self.chance(0.1):
                patch["spec"]["strategy"] = self.pick([{"type": "Recreate", "rollingUpdate": None}, {"$retainKeys": ["type"], "type": "Recreate"}, None])
        elif chosen["kind"] == "Pod":
            patch["spec"] = pod
        elif chosen["kind"] == "Service":
            patch["spec"] = self.pick([{"ports": [{"port": 80, "protocol": "UDP"}]}, {"ports": [{"port": 80, "$patch": "delete"}]}, {"ports": [{"$patch": "replace"}, {"port": 1}]},
                                       {"ports": None, "clusterIP": "None"}, {"selector": {"app": None, "x": "y"}}, {"selector": {"$patch": "replace", "x": "y"}}, {"$patch": "replace", "x": 1}])
        elif chosen["kind"] == "ServiceAccount":
            patch.update(self.pick([{"secrets": [{"name": self.pick(NAMES)}]}, {"imagePullSecrets": [{"name": "web", "$patch": "delete"}]}, {"secrets": [{"name": "x", "$patch": "replace"}]}]))
        elif chosen["kind"] in ("ConfigMap", "Secret"):
            patch[self.pick(["data", "stringData"])] = self.pick([{"$patch": "replace", "only": "x"}, {"$patch": "delete"}, None, {}, {"k": self.scalar()}, {"new\nkey": "x"}, {"k": None}])
        elif chosen["kind"] in ("Role", "ClusterRole"):
            patch["rules"] = self.pick([self.rules(), [], [{"$patch": "replace"}, *self.rules()], [{"$patch": "delete", "apiGroups": [""]}]])
        elif chosen["kind"] in ("Thing", "Gadget"):
            patch["spec"] = self.pick([{"$patch": "replace", "a": 1}, {"$patch": "delete"}, {"$patch": "merge", "a": 1}, {"deep": {"$patch": "delete"}}, {"deep": {"er": None, "x": self.scalar()}},
                                       {"items": [{"name": "one", "value": 1}]}, {"items": [{"name": "one", "$patch": "delete"}]}, {"list": [{"$patch": "replace"}, 1]}, {"list": None}, {"list": {}}, {"a": {"x": 1}},
                                       {"deep": self.scalar()}, {"list": [None, 1]}, {self.pick(ODD_KEYS): self.scalar()}, {"template": {"spec": {"containers": [{"name": "main", "image": "z"}]}}}])
        if self.chance(0.1):
            patch["metadata"].update(self.pick([{"labels": None}, {"annotations": None}, {"labels": {"$patch": "replace", "l": "x"}}, {"annotations": {"$patch": "delete"}},
                                                {"finalizers": ["a/b", "x/y"]}, {"finalizers": None}, {"ownerReferences": [{"uid": "u1", "$patch": "delete"}]}, {"labels": {"app": self.scalar()}}]))
        return patch

    def patches(self, folder: str, objects: list[Json]) -> list[Json]:
        patches = super().patches(folder, objects)
        if self.chance(0.1):
            pair = Documents([self.strategic_patch(self.pick(objects)) for _ in range(2)])
            patches.append(self.pick([{"path": self.file(folder, "several", pair)}, {"patch": to_yaml(pair)}]))
        if self.chance(0.05):
            patches.append({"target": self.target(objects), "patch": self.pick(["- op: add\n  path: /metadata/labels/j\n  value: 1\n", "[]", "- {op: remove, path: /spec}\n", "# nothing\n"])})
        return patches

    def json_patch(self, chosen: Json) -> list[Json]:
        operations = super().json_patch(chosen)
        more: list[Json] = [
            {"op": "move", "from": "/metadata/labels", "path": "/metadata/annotations"},
            {"op": "copy", "from": "/metadata/name", "path": "/metadata/labels/name"}, {"op": "test", "path": "/metadata/name", "value": chosen["metadata"]["name"]},
            {"op": "test", "path": "/metadata/none", "value": None}, {"op": "remove", "path": "/metadata/labels"}, {"op": "add", "path": "/metadata/labels/a~1b~0c", "value": self.text()},
            {"op": "replace", "path": "/spec", "value": {"x": self.scalar(), "list": [1.0, 10000000, None, True, "y"]}}, {"op": "add", "path": "/spec/new", "value": {"a": {"b": [{"c": self.scalar()}]}}},
            {"op": "remove", "path": "/status"}, {"op": "add", "path": "/data/j", "value": self.text()}, {"op": "add", "path": "spec/x", "value": 1},
            {"op": "replace", "path": "/spec/absent", "value": 2}, {"op": "add", "path": "/metadata/namespace", "value": "patched"}, {"op": "test", "path": "/spec", "value": chosen.get("spec", {})}]
        if chosen["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
            at = "/spec/template/spec/containers"
            more += [{"op": "add", "path": f"{at}/0", "value": {"name": "zero", "image": "x"}}, {"op": "remove", "path": f"{at}/-1"}, {"op": "copy", "from": f"{at}/0", "path": f"{at}/-"},
                     {"op": "move", "from": f"{at}/0", "path": f"{at}/1"}, {"op": "add", "path": f"{at}/0/env", "value": [{"name": "A", "value": "1"}]}, {"op": "replace", "path": f"{at}/0/name", "value": "renamed"},
                     {"op": "add", "path": f"{at}/0/env/-", "value": {"name": "J", "value": self.text()}}, {"op": "test", "path": f"{at}/0/name", "value": "main"},
                     {"op": "add", "path": f"{at}/9", "value": {}}, {"op": "remove", "path": "/spec/template/metadata"}] * 2
        if chosen["kind"] == "Thing":
            more += [{"op": "add", "path": "/spec/list/-", "value": self.scalar()}, {"op": "remove", "path": "/spec/list/0"}, {"op": "replace", "path": "/spec/list/-1", "value": self.scalar()},
                     {"op": "move", "from": "/spec/deep/er", "path": "/spec/shallow"}, {"op": "copy", "from": "/spec/list", "path": "/spec/deep/list"}, {"op": "test", "path": "/spec/list", "value": chosen["spec"].get("list")},
                     {"op": "add", "path": "/spec/list/1", "value": [1, [self.scalar()]]}, {"op": "copy", "from": "/spec/ref", "path": "/metadata/annotations"}] * 2
        return operations + self.some(more, 1, 2) if self.chance(0.2) else operations

    # ---- replacements, generators ----

    def replacement(self, objects: list[Json]) -> Json:
        made = super().replacement(objects)
        target = made["targets"][0]
        if self.chance(0.9):
            target["options"] = {**target.get("options", {}), "create": True}
        if self.chance(0.15):
            made["targets"].append({"select": self.target(objects), "fieldPaths": [self.pick(["metadata.annotations.second", "metadata.labels.app\\.kubernetes\\.io/name", "spec.replicas", "metadata.namespace"])],
                                    "options": {"create": self.chance(0.8)}})
        if self.chance(0.1):
            target["select"] = self.target(objects)
        if self.chance(0.1):
            target["fieldPaths"] = [self.pick([
                "metadata.annotations.[x/y.z]", "metadata.annotations.x\\.y", "spec.template.spec.containers.[name=main].env.[name=A].value", "spec.template.spec.containers.0.image",
                "spec.template.spec.containers.[name=mai].image", "spec.template.spec.containers.-", "spec.template.spec.*.[name=data]", "spec.list.-", "spec.list.9", "spec.items.*.value",
                "spec.template.spec.containers.[name=new].image", "spec.template.metadata.labels.app", "spec.ports.[port=80].name", "spec.ports.*.targetPort", "data.*", "subjects.*.namespace", "roleRef.name",
                "spec.template.spec.containers.*.env.*.value", "metadata.labels", "spec..a", "", "spec.rules.0.host", "rules.0.resourceNames.0"])]
        if self.chance(0.08) and "source" in made:
            made["source"].update(self.pick([{"version": "v1"}, {"group": "apps"}, {"namespace": "shop"}, {"fieldPath": "metadata.labels.app"}, {"fieldPath": "spec.template.spec.containers.0.image"},
                                             {"fieldPath": "spec.template.spec.containers.[name=main].image", "options": {"delimiter": ":", "index": self.pick([0, 1, 2])}}, {"fieldPath": "spec.ports.0.port"},
                                             {"fieldPath": "spec.replicas"}, {"fieldPath": "spec.template.spec.containers.*.name"}]))
        if self.chance(0.1):
            target["options"] = {**target.get("options", {}), "delimiter": self.pick(["/", ":", ".", "-", "ng"]), "index": self.pick([-5, -1, 0, 1, 2, 9])}
        return made

    def generator(self, folder: str, behavior: Optional[str] = None) -> Json:
        if behavior is None and self.generated and folder.startswith("overlay") and self.chance(0.35):
            behavior = self.pick(["merge", "merge", "merge", "replace"])
        elif behavior is not None and not folder.startswith("overlay") and self.chance(0.9):
            behavior = None
        generator = super().generator(folder, behavior)
        if self.chance(0.15):
            literals = generator.setdefault("literals", [])
            literals += self.some(["q1='single'", 'q2="double"', "q3='open", "e=", "e2=a=b=c", "u=\u65e5\u672c", "s= lead and trail ", "m=a\nb\n", "n=\n", "t=tab\there", "z=true", "0x=1", "w=a\\nb", "c=\U0001f389", "d.e-f_g=1"], 1)
        if self.chance(0.08):
            self.count += 1
            self.write(f"{folder}/x{self.count}.env", self.pick([b"A=1\r\nB=2\r\n", b"\xef\xbb\xbfA=1\n", b"A='q'\nB=\"q\"\n", b" \t\n#x\nA= 1 \n", b"A=1", b"", b"A=\xc3\xa9\nB==\n", b"HOME\n", b"A=1 # no comment\n"]))
            generator[self.pick(["env", "envs"])] = f"x{self.count}.env"
            if "envs" in generator and isinstance(generator["envs"], str):
                generator["envs"] = [generator["envs"]]
        if self.chance(0.08):
            self.count += 1
            self.write(f"{folder}/g{self.count}.txt", self.pick(["\u00e9\n".encode(), b"a\r\nb\r\n", b"tail \nx\n", b"\n\nx", b"\xef\xbb\xbfmarked", b"x" * 200, b"a: b\n  - c\n", b"no end", b"\x7f", "\U0001f389\n".encode()]))
            generator["files"] = [*generator.get("files", []), f"g{self.count}.txt"]
        if self.chance(0.1):
            generator["options"] = self.pick([{"labels": {"o": "1"}, "annotations": {"p": "2"}, "disableNameSuffixHash": False}, {"immutable": True, "disableNameSuffixHash": True}, {"labels": {}}, {}, {"annotations": {"x": self.text()}}])
        return generator

    # ---- kustomizations ----

    def change(self, folder: str, k: Json, objects: list[Json], layer: int) -> None:
        super().change(folder, k, objects, layer)
        for field in ("configMapGenerator", "secretGenerator"):
            for generator in k.get(field, []):
                self.settle(generator, self.made.setdefault(field, []))
        if self.chance(0.06):
            self.count += 1
            body = [self.replacement(objects) for _ in range(self.random.randint(1, 2))] if objects else []
            if body:
                k.setdefault("replacements", []).append({"path": self.file(folder, "replacement", body if self.chance(0.7) else body[0])})
        if self.chance(0.05):
            k["secretGenerator"] = [*k.get("secretGenerator", []), {"name": f"typed{layer}", "type": self.pick(["kubernetes.io/tls", "Opaque", ""]), "literals": ["tls.crt=a", "tls.key=b"]}]
        if objects and self.chance(0.06):
            several = Documents([self.strategic_patch(self.pick(objects)) for _ in range(2)])
            k.setdefault("patchesStrategicMerge", []).append(self.pick([self.file(folder, "smp", several), to_yaml(several)]))
        if "labels" in k and self.chance(0.2):
            k["labels"].append({"pairs": {self.pick(["x", "app", "y/z"]): self.pick(["1", "true", "v", ""])},
                                **self.pick([{"includeSelectors": True, "includeTemplates": True}, {"fields": [{"path": "spec/template/metadata/labels", "create": True}, {"path": "spec/names", "kind": "Gadget"}]},
                                             {"fields": [{"path": "metadata/labels", "create": True, "group": "apps", "version": "v1", "kind": "Deployment"}], "includeSelectors": False}])})
        if "images" in k and self.chance(0.2):
            k["images"].append(self.pick([{"name": "nginx", "newTag": "1.0", "digest": "sha256:" + "2" * 64}, {"name": "ngin", "newName": "none"}, {"name": "nginx", "newName": "a/b", "digest": "sha256:" + "3" * 64},
                                          {"name": "n.inx", "newTag": "re"}, {"name": "registry.example.com:5000/shop/web", "tagSuffix": "-x"}, {"name": "nginx", "newTag": ""}, {"name": "redis", "newName": "redis", "newTag": "0123"}]))
        if self.chance(0.04) and "images" in k:
            k["imageTags"] = k.pop("images")
        if self.chance(0.04):
            k["metadata"] = {"name": "k", **self.pick([{}, {"annotations": {"config.kubernetes.io/local-config": "true"}}, {"labels": {"a": "b"}, "namespace": "x"}])}
        if self.chance(0.06):
            k["transformers"] = [*k.get("transformers", []), self.pick([self.file(folder, "plugin", Documents([Written(self.plugin()), Written(self.plugin())])), self.plugin_folder(folder)])]
        if self.chance(0.02):
            k["validators"] = [self.pick([self.plugin(), "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: v}\nlabels: {}\nfieldSpecs: []\n"])]
        if self.chance(0.04):
            k["generators"] = [*k.get("generators", []), self.file(folder, "generator", Written(self.generator_plugin()))]
        if objects and self.chance(0.06):
            chosen = self.pick(objects)
            field = self.pick(["metadata.name", "metadata.namespace", "spec.replicas", "spec.template.spec.containers[0].image", "data.k", "spec.a", "metadata.labels.app", "spec.ports[0].port", "metadata.annotations[app.kubernetes.io/name]"])
            self.count += 1
            k["vars"] = [*k.get("vars", []), {"name": self.pick(["VAR", f"W{self.count}"]), "objref": {"kind": chosen["kind"], "name": chosen["metadata"]["name"], "apiVersion": chosen["apiVersion"],
                                              **({"namespace": chosen["metadata"]["namespace"]} if chosen["metadata"].get("namespace") and self.chance(0.5) else {})}, "fieldref": {"fieldpath": field}}]

    def settle(self, generator: Json, made: list[str]) -> None:
        """Lets it merge into what was made, mostly."""
        if generator.get("behavior", "create") == "create":
            made.append(generator["name"])
        elif made and self.chance(0.95):
            generator["name"] = self.pick(made)
            generator.pop("namespace", None)
        elif self.chance(0.95):
            del generator["behavior"]

    def plugin_folder(self, folder: str) -> str:
        self.count += 1
        name = f"plugins{self.count}"
        self.write(f"{name}/p.yaml", Written(self.plugin()))
        self.finish(name, {"resources": ["p.yaml"]})
        return f"../{name}"

    def configuration(self) -> Json:
        config = super().configuration()
        more: Json = {
            "nameReference": [{"kind": "ConfigMap", "fieldSpecs": [{"path": "spec/configMapName", "kind": "Gadget"}, {"path": "spec/names", "group": "acme.io", "kind": "Gadget"}]},
                              {"kind": "Thing", "group": "example.com", "fieldSpecs": [{"path": "spec/thing", "kind": "Gadget"}, {"path": "spec/items/ref", "kind": "Gadget"}]},
                              {"kind": "Gadget", "fieldSpecs": [{"path": self.pick(["metadata/annotations/app", "spec/ref/name"]), "kind": "Thing"}]}],
            "namespace": [{"path": "metadata/namespace", "create": True}, {"path": "spec/thing/namespace", "kind": "Gadget"}],
            "labels": [{"path": "spec/names", "kind": "Gadget"}, {"path": "metadata/labels", "create": True}],
            "templateLabels": [{"path": "spec/template/metadata/labels", "create": True, "kind": "Gadget"}],
            "nameSuffix": [{"path": "spec/configMapName", "kind": "Gadget"}],
            "images": [{"path": "spec/image", "kind": "Gadget"}],
            "replicas": [{"path": "spec/copies", "create": True, "kind": "Gadget"}],
            "varReference": [{"path": "spec", "kind": "Gadget"}, {"path": "metadata/annotations"}],
            "commonAnnotations": [{"path": "spec/items[]/notes", "create": True, "kind": "Gadget"}]}
        if self.chance(0.5):
            config.update({key: more[key] for key in self.some(sorted(more), 1, 3)})
        return config

    def finish(self, folder: str, k: Json, kind: str = "Kustomization") -> None:
        if "resources" in k and self.chance(0.05):
            folders = [path for path in k["resources"] if path.startswith("..")]
            if folders:
                k["resources"] = [path for path in k["resources"] if path not in folders]
                k["bases"] = folders
        if "resources" in k and self.chance(0.05):
            k["resources"] = [self.pick([f"./{path}", f"{path}/" if path.startswith("..") else path, path]) for path in k["resources"]]
        if self.chance(0.05):
            names = list(k)
            self.random.shuffle(names)
            k = {name: k[name] for name in names}
        super().finish(folder, k, kind)

    def tree(self) -> str:
        top = super().tree()
        if self.chance(0.08):
            # One base below two overlays that come together again.
            for side in ("left", "right"):
                k: Json = {"resources": [f"../{top}"], self.pick(["namePrefix", "nameSuffix"]): f"{side}-" if self.chance(0.9) else "", **({"namespace": side} if self.chance(0.5) else {})}
                if self.chance(0.3):
                    k["configMapGenerator"] = [{"name": "both", "literals": [f"side={side}"]}]
                self.finish(side, k)
            both: Json = {"resources": ["../left", "../right"]}
            self.change("both", both, [], 9)
            self.finish("both", both)
            top = "both"
        if self.chance(0.1):
            two = self.some(["alpha", "beta", "gamma"], 2, 3)
            for name in two:
                component: Json = {}
                self.change(name, component, [], 8)
                if self.chance(0.3):
                    component["resources"] = [self.file(name, "r", Documents(self.objects()[:1]))]
                self.finish(name, component, "Component")
            self.finish("last", {"resources": [f"../{top}"], "components": [f"../{name}" for name in two]})
            top = "last"
        return top
