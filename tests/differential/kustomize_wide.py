"""Trees as kustomize_trees makes them, with what they have seldom: odd files, patches of every
directive and operation, chains of generators, bases used twice, fields out of fashion."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from kustomize_odd_patches import OddPatchMaker
from kustomize_text import Documents, Written, to_yaml

Json = Any

NO_LABELS = """apiVersion: builtin
kind: LabelTransformer
metadata: {name: v}
labels: {}
fieldSpecs: []
"""


class WideMaker(OddPatchMaker):
    def __init__(self, seed: int, root: Path) -> None:
        super().__init__(seed, root)
        self.made: dict[str, list[str]] = {}  # names, by the field that generates

    # ---- replacements, generators ----

    def replacement(self, objects: list[Json]) -> Json:
        made = super().replacement(objects)
        target = made["targets"][0]
        if self.chance(0.9):
            target["options"] = {**target.get("options", {}), "create": True}
        if self.chance(0.15):
            path = ["metadata.annotations.second", "metadata.labels.app\\.kubernetes\\.io/name",
                    "spec.replicas", "metadata.namespace"]
            made["targets"].append({"select": self.target(objects), "fieldPaths": [self.pick(path)],
                                    "options": {"create": self.chance(0.8)}})
        if self.chance(0.1):
            target["select"] = self.target(objects)
        if self.chance(0.1):
            target["fieldPaths"] = [self.pick([
                "metadata.annotations.[x/y.z]", "metadata.annotations.x\\.y",
                "spec.template.spec.containers.[name=main].env.[name=A].value",
                "spec.template.spec.containers.0.image",
                "spec.template.spec.containers.[name=mai].image", "spec.template.spec.containers.-",
                "spec.template.spec.*.[name=data]", "spec.list.-", "spec.list.9",
                "spec.items.*.value",
                "spec.template.spec.containers.[name=new].image",
                "spec.template.metadata.labels.app", "spec.ports.[port=80].name",
                "spec.ports.*.targetPort", "data.*", "subjects.*.namespace", "roleRef.name",
                "spec.template.spec.containers.*.env.*.value", "metadata.labels", "spec..a", "",
                "spec.rules.0.host", "rules.0.resourceNames.0"])]
        if self.chance(0.08) and "source" in made:
            made["source"].update(self.pick([
                {"version": "v1"}, {"group": "apps"}, {"namespace": "shop"},
                {"fieldPath": "metadata.labels.app"},
                {"fieldPath": "spec.template.spec.containers.0.image"},
                {"fieldPath": "spec.template.spec.containers.[name=main].image",
                 "options": {"delimiter": ":", "index": self.pick([0, 1, 2])}},
                {"fieldPath": "spec.ports.0.port"}, {"fieldPath": "spec.replicas"},
                {"fieldPath": "spec.template.spec.containers.*.name"}]))
        if self.chance(0.1):
            target["options"] = {**target.get("options", {}),
                                 "delimiter": self.pick(["/", ":", ".", "-", "ng"]),
                                 "index": self.pick([-5, -1, 0, 1, 2, 9])}
        return made

    def generator(self, folder: str, behavior: Optional[str] = None) -> Json:
        overlay = folder.startswith("overlay")
        if behavior is None and self.generated and overlay and self.chance(0.35):
            behavior = self.pick(["merge", "merge", "merge", "replace"])
        elif behavior is not None and not overlay and self.chance(0.9):
            behavior = None
        generator = super().generator(folder, behavior)
        if self.chance(0.15):
            literals = generator.setdefault("literals", [])
            literals += self.some(["q1='single'", 'q2="double"', "q3='open", "e=", "e2=a=b=c",
                                   "u=\u65e5\u672c", "s= lead and trail ", "m=a\nb\n", "n=\n",
                                   "t=tab\there", "z=true", "0x=1", "w=a\\nb", "c=\U0001f389",
                                   "d.e-f_g=1"], 1)
        if self.chance(0.08):
            self.count += 1
            self.write(f"{folder}/x{self.count}.env",
                       self.pick([b"A=1\r\nB=2\r\n", b"\xef\xbb\xbfA=1\n", b"A='q'\nB=\"q\"\n",
                                  b" \t\n#x\nA= 1 \n", b"A=1", b"", b"A=\xc3\xa9\nB==\n", b"HOME\n",
                                  b"A=1 # no comment\n"]))
            generator[self.pick(["env", "envs"])] = f"x{self.count}.env"
            if "envs" in generator and isinstance(generator["envs"], str):
                generator["envs"] = [generator["envs"]]
        if self.chance(0.08):
            self.count += 1
            self.write(f"{folder}/g{self.count}.txt",
                       self.pick(["\u00e9\n".encode(), b"a\r\nb\r\n", b"tail \nx\n", b"\n\nx",
                                  b"\xef\xbb\xbfmarked", b"x" * 200, b"a: b\n  - c\n", b"no end",
                                  b"\x7f", "\U0001f389\n".encode()]))
            generator["files"] = [*generator.get("files", []), f"g{self.count}.txt"]
        if self.chance(0.1):
            generator["options"] = self.pick([{"labels": {"o": "1"}, "annotations": {"p": "2"},
                                               "disableNameSuffixHash": False},
                                              {"immutable": True, "disableNameSuffixHash": True},
                                              {"labels": {}}, {},
                                              {"annotations": {"x": self.text()}}])
        return generator

    # ---- kustomizations ----

    def change(self, folder: str, k: Json, objects: list[Json], layer: int) -> None:
        super().change(folder, k, objects, layer)
        for field in ("configMapGenerator", "secretGenerator"):
            for generator in k.get(field, []):
                self.settle(generator, self.made.setdefault(field, []))
        if self.chance(0.06):
            self.count += 1
            several = range(self.random.randint(1, 2)) if objects else ()
            body = [self.replacement(objects) for _ in several]
            if body:
                path = self.file(folder, "replacement", body if self.chance(0.7) else body[0])
                k.setdefault("replacements", []).append({"path": path})
        if self.chance(0.05):
            k["secretGenerator"] = [*k.get("secretGenerator", []),
                                    {"name": f"typed{layer}",
                                     "type": self.pick(["kubernetes.io/tls", "Opaque", ""]),
                                     "literals": ["tls.crt=a", "tls.key=b"]}]
        if objects and self.chance(0.06):
            both = Documents([self.strategic_patch(self.pick(objects)) for _ in range(2)])
            patch = self.pick([self.file(folder, "smp", both), to_yaml(both)])
            k.setdefault("patchesStrategicMerge", []).append(patch)
        self.change_pairs_and_images(k)
        if self.chance(0.04):
            k["metadata"] = {"name": "k", **self.pick([
                {}, {"annotations": {"config.kubernetes.io/local-config": "true"}},
                {"labels": {"a": "b"}, "namespace": "x"}])}
        self.change_plugins(folder, k)
        if objects and self.chance(0.06):
            self.add_var(k, self.pick(objects))

    def change_pairs_and_images(self, k: Json) -> None:
        if "labels" in k and self.chance(0.2):
            pairs = {self.pick(["x", "app", "y/z"]): self.pick(["1", "true", "v", ""])}
            template = {"path": "spec/template/metadata/labels", "create": True}
            own = {"path": "metadata/labels", "create": True, "group": "apps", "version": "v1",
                   "kind": "Deployment"}
            k["labels"].append({"pairs": pairs, **self.pick([
                {"includeSelectors": True, "includeTemplates": True},
                {"fields": [template, {"path": "spec/names", "kind": "Gadget"}]},
                {"fields": [own], "includeSelectors": False}])})
        if "images" in k and self.chance(0.2):
            k["images"].append(self.pick([
                {"name": "nginx", "newTag": "1.0", "digest": "sha256:" + "2" * 64},
                {"name": "ngin", "newName": "none"},
                {"name": "nginx", "newName": "a/b", "digest": "sha256:" + "3" * 64},
                {"name": self.pick(["n.inx", "(.*/)?nginx", ".*", "ng[i]nx", "*", "nginx|redis"]),
                 "newTag": "re"},
                {"name": "registry.example.com:5000/shop/web", "tagSuffix": "-x"},
                {"name": "nginx", "newTag": ""},
                {"name": "redis", "newName": "redis", "newTag": "0123"}]))
        if self.chance(0.04) and "images" in k:
            k["imageTags"] = k.pop("images")

    def change_plugins(self, folder: str, k: Json) -> None:
        if self.chance(0.06):
            two = Documents([Written(self.plugin()), Written(self.plugin())])
            path = self.pick([self.file(folder, "plugin", two), self.plugin_folder(folder)])
            k["transformers"] = [*k.get("transformers", []), path]
        if self.chance(0.02):
            k["validators"] = [self.pick([self.plugin(), NO_LABELS])]
        if self.chance(0.04):
            path = self.file(folder, "generator", Written(self.generator_plugin()))
            k["generators"] = [*k.get("generators", []), path]

    def add_var(self, k: Json, chosen: Json) -> None:
        metadata = chosen["metadata"]
        field = self.pick(["metadata.name", "metadata.namespace", "spec.replicas",
                           "spec.template.spec.containers[0].image", "data.k", "spec.a",
                           "metadata.labels.app", "spec.ports[0].port",
                           "metadata.annotations[app.kubernetes.io/name]"])
        self.count += 1
        var = {"name": self.pick(["VAR", f"W{self.count}"]),
               "objref": {"kind": chosen["kind"], "name": metadata["name"],
                          "apiVersion": chosen["apiVersion"]},
               "fieldref": {"fieldpath": field}}
        if metadata.get("namespace") and self.chance(0.5):
            var["objref"]["namespace"] = metadata["namespace"]
        k["vars"] = [*k.get("vars", []), var]

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
        gadget = self.pick(["metadata/annotations/app", "spec/ref/name"])
        more: Json = {
            "nameReference": [{"kind": "ConfigMap",
                               "fieldSpecs": [{"path": "spec/configMapName", "kind": "Gadget"},
                                              {"path": "spec/names", "group": "acme.io",
                                               "kind": "Gadget"}]},
                              {"kind": "Thing", "group": "example.com",
                               "fieldSpecs": [{"path": "spec/thing", "kind": "Gadget"},
                                              {"path": "spec/items/ref", "kind": "Gadget"}]},
                              {"kind": "Gadget",
                               "fieldSpecs": [{"path": gadget, "kind": "Thing"}]}],
            "namespace": [{"path": "metadata/namespace", "create": True},
                          {"path": "spec/thing/namespace", "kind": "Gadget"}],
            "labels": [{"path": "spec/names", "kind": "Gadget"},
                       {"path": "metadata/labels", "create": True}],
            "templateLabels": [{"path": "spec/template/metadata/labels", "create": True,
                                "kind": "Gadget"}],
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
            k["resources"] = [self.pick([f"./{path}", f"{path}/" if path.startswith("..") else path,
                                         path]) for path in k["resources"]]
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
                affix = self.pick(["namePrefix", "nameSuffix"])
                k: Json = {"resources": [f"../{top}"],
                           affix: f"{side}-" if self.chance(0.9) else ""}
                if self.chance(0.5):
                    k["namespace"] = side
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
            self.finish("last",
                        {"resources": [f"../{top}"], "components": [f"../{name}" for name in two]})
            top = "last"
        return top
