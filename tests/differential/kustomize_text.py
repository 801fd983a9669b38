"""Objects as people write them: block or flow style, quotes where none are needed, odd numbers, comments, anchors."""

from __future__ import annotations

import json
import random
import re
from typing import Any

Json = Any

# What may stand without quotes anywhere and stays text.
PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./@-]*\Z")
WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
BLOCK = re.compile(r"[a-z][a-z0-9 ]*(\n[a-z][a-z0-9 ]*)*\n?\Z")
NAMED = re.compile(r"(?i)(name|namespace|kind|apiversion|path|key|behavior|prefix|suffix|tag|group|version|op|order|from|target|type|selector)\"?:\Z|-\Z")


class Raw(str):
    """A scalar that stands in the file as it is: 0644, 1.10, ~."""


class Documents(list):  # type: ignore[type-arg]
    """Objects that go into one file."""


class Written(dict):  # type: ignore[type-arg]
    """An object whose text is given; the members are for who reads it."""

    def __init__(self, text: str, members: Json = None) -> None:
        super().__init__(members or {})
        self.written = text


def to_yaml(value: Json) -> str:
    """The plain form: JSON is YAML."""
    if isinstance(value, Written):
        return value.written
    if isinstance(value, Documents):
        return "---\n".join(to_yaml(item) for item in value)
    if isinstance(value, dict):
        return "".join(f"{json.dumps(key)}: {inline(item)}\n" for key, item in value.items()) or "{}\n"
    return inline(value) + "\n"


def inline(value: Json) -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


class Writer:
    """Writes each value in a style of its own, as the random numbers say."""

    def __init__(self, choices: random.Random) -> None:
        self.random = choices

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def text(self, value: Json) -> str:
        if isinstance(value, Documents):
            return "---\n".join(self.text(item) for item in value)
        if isinstance(value, Written):
            return value.written
        if not isinstance(value, dict) or not value:
            return to_yaml(value)
        return "\n".join(self.mapping(value, 0)) + "\n"

    def key(self, key: str) -> str:
        plain = PLAIN.match(key) and key.lower() not in WORDS
        return key if plain and self.chance(0.9) else json.dumps(key, ensure_ascii=False)

    def comment(self, lines: list[str], indent: int) -> None:
        if self.chance(0.04):
            lines.append(" " * indent + "# a comment")

    def mapping(self, value: dict[str, Json], indent: int) -> list[str]:
        lines: list[str] = []
        for key, item in value.items():
            self.comment(lines, indent)
            self.member(lines, " " * indent + self.key(key) + ":", item, indent)
        return lines

    def sequence(self, value: list[Json], indent: int) -> list[str]:
        lines: list[str] = []
        for item in value:
            self.comment(lines, indent)
            if isinstance(item, dict) and item and self.chance(0.9):
                inner = self.mapping(item, indent + 2)
                while inner and inner[0].lstrip().startswith("#"):
                    inner = inner[1:]
                inner[0] = " " * indent + "- " + inner[0][indent + 2:]
                lines += inner
            else:
                self.member(lines, " " * indent + "-", item, indent)
        return lines

    def member(self, lines: list[str], start: str, item: Json, indent: int) -> None:
        if isinstance(item, dict) and item and self.chance(0.93):
            inner = self.mapping(item, indent + 2)
            if start.endswith("-"):
                lines.append(start)
            else:
                lines.append(start)
            lines += inner
        elif isinstance(item, list) and item and self.chance(0.93):
            lines.append(start)
            lines += self.sequence(item, indent + (2 if start.endswith("-") or self.chance(0.5) else 0))
        elif isinstance(item, str) and not isinstance(item, Raw) and "\n" in item and BLOCK.match(item) and self.chance(0.6):
            lines.append(start + (" |" if item.endswith("\n") else " |-"))
            lines += [" " * (indent + 2) + line for line in item.rstrip("\n").split("\n")]
        elif isinstance(item, (dict, list)):
            lines.append(f"{start} {inline(item)}")
        elif isinstance(item, str) and not isinstance(item, Raw) and not NAMED.search(start) and self.chance(0.03):
            lines += self.folded(start, indent + 2)
        else:
            lines.append(f"{start} {self.scalar(item)}".rstrip())

    def folded(self, start: str, indent: int) -> list[str]:
        """A text of its own, with lines that are deeper, empty or kept at the end."""
        lines = [start + " >" + self.random.choice(["", "-", "+"]), " " * indent + "folded"]
        for _ in range(self.random.randint(0, 4)):
            line = self.random.choice(["text", "# no comment", "  deeper", " - item", "", "\U0001f389", "key: value"])
            lines.append(" " * indent + line if line else "")
        return lines

    def scalar(self, item: Json) -> str:
        if isinstance(item, Raw) or not isinstance(item, str):
            return inline(item)
        single = "'" + item.replace("'", "''") + "'"
        may_be_single = item.isprintable() and "\n" not in item
        if PLAIN.match(item) and item.lower() not in WORDS:
            text = self.random.choice([item, item, item, json.dumps(item), single])
        else:
            text = single if may_be_single and self.chance(0.3) else json.dumps(item, ensure_ascii=False)
        if self.chance(0.02):
            text += " # a comment"
        return text
