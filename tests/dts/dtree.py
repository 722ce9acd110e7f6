#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What the overlay tests need and Debian has no program for.

  dtree.py param IN.dtbo OUT.dtbo [NAME[=VALUE]]...
      Does to an overlay what the Raspberry Pi firmware does with "dtoverlay=x,NAME=VALUE": carries out the entries of
      __overrides__. The result is applied with fdtoverlay. A name that the overlay does not have is an error.

  dtree.py diff BASE.dtb MERGED.dtb
      Prints what the overlay changed, one property a line, sorted: "+ path:property = value" for what is new,
      "- ..." for what is gone. phandles are printed as the path of their node, __symbols__ is left out.

The language of __overrides__ is described in the Raspberry Pi documentation, "Device Trees, overlays, and parameters".
Here are the parts of it that the overlay uses: cell, boolean, string and lookup targets, literals, and the
pseudo-properties "name" and "reg". Everything else is refused, so a new construct cannot pass untested.
"""
import re
import struct
import sys

MAGIC = 0xD00DFEED
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9


class Node:
    def __init__(self, name):
        self.name = name
        self.props = {}
        self.children = []

    def child(self, name):
        return next((c for c in self.children if c.name == name), None)

    def walk(self, path=""):
        yield path or "/", self
        for c in self.children:
            yield from c.walk(f"{path}/{c.name}")


def read(path):
    """A flattened tree as nodes (Devicetree Specification, chapter 5)."""
    data = open(path, "rb").read()
    magic, _, at, strings = struct.unpack_from(">4I", data)
    if magic != MAGIC:
        sys.exit(f"{path}: not a flattened device tree")

    def text(pos):
        return data[pos:data.index(b"\0", pos)].decode()

    stack, root = [], None
    while True:
        (token,) = struct.unpack_from(">I", data, at)
        at += 4
        if token == BEGIN_NODE:
            node = Node(text(at))
            at += (len(node.name) + 4) & ~3
            if stack:
                stack[-1].children.append(node)
            root = root or node
            stack.append(node)
        elif token == PROP:
            size, name = struct.unpack_from(">2I", data, at)
            stack[-1].props[text(strings + name)] = data[at + 8:at + 8 + size]
            at += (8 + size + 3) & ~3
        elif token == END_NODE:
            stack.pop()
        elif token == END:
            return root


def write(root, path):
    strings, offsets, out = bytearray(), {}, bytearray()

    def pad():
        out.extend(b"\0" * (-len(out) % 4))

    def put(node):
        out.extend(struct.pack(">I", BEGIN_NODE) + node.name.encode() + b"\0")
        pad()
        for name, value in node.props.items():
            if name not in offsets:
                offsets[name] = len(strings)
                strings.extend(name.encode() + b"\0")
            out.extend(struct.pack(">3I", PROP, len(value), offsets[name]) + value)
            pad()
        for c in node.children:
            put(c)
        out.extend(struct.pack(">I", END_NODE))

    put(root)
    out.extend(struct.pack(">I", END))
    header, reserve = 40, b"\0" * 16
    start = header + len(reserve)
    total = start + len(out) + len(strings)
    head = struct.pack(">10I", MAGIC, total, start, start + len(out), header, 17, 16, 0, len(strings), len(out))
    open(path, "wb").write(head + reserve + out + strings)


class Overlay:
    def __init__(self, root):
        self.root = root
        self.overrides = root.child("__overrides__")
        self.fixups = root.child("__fixups__")
        self.local = root.child("__local_fixups__")
        self.renamed_symbols = root.child("__symbols__")

    def by_phandle(self, phandle):
        for path, node in self.root.walk():
            if node.props.get("phandle") == struct.pack(">I", phandle):
                return path, node
        sys.exit(f"phandle {phandle}: no such node in the overlay")

    def fixup_symbol(self, place):
        """The label that the cell at "path:property:offset" will be filled with, or None."""
        for symbol, places in self.fixups.props.items():
            if place in places.decode().split("\0"):
                return symbol
        return None

    def set_fixup(self, place, symbol):
        """Lets the cell at place be filled with symbol, or with nothing (None)."""
        for name, places in list(self.fixups.props.items()):
            kept = [p for p in places.decode().split("\0") if p and p != place]
            if name == symbol:
                kept.append(place)
            self.fixups.props[name] = "".join(p + "\0" for p in kept).encode()
            if not kept:
                del self.fixups.props[name]

    def rename(self, path, node, name):
        """Renames a node, and all that names it by path."""
        new = path.rsplit("/", 1)[0] + "/" + name
        for table in (self.fixups, self.renamed_symbols):
            for prop, value in table.props.items():
                parts = [re.sub(rf"^{re.escape(path)}(?=[:/]|$)", new, p) for p in value.decode().split("\0")]
                table.props[prop] = "\0".join(parts).encode()
        twin = self.local
        for part in path.strip("/").split("/"):
            twin = twin and twin.child(part)
        if twin:
            twin.name = name
        node.name = name

    def apply(self, name, value):
        data = self.overrides.props.get(name)
        if data is None:
            sys.exit(f"{name}: the overlay has no such parameter; it has {' '.join(sorted(self.overrides.props))}")
        at = 0
        while at < len(data):
            (phandle,) = struct.unpack_from(">I", data, at)
            end = data.index(b"\0", at + 4)
            target = data[at + 4:end].decode()
            at = end + 1
            match = re.fullmatch(r"([\w,-]+)(?:(:)(\d+)|(\?))?(?:=(.*)|\{(.*)\})?", target)
            if phandle == 0 or not match:
                sys.exit(f"{name}: \"{target}\" is more than this program knows")
            prop, colon, offset, boolean, literal, lookup = match.groups()
            path, node = self.by_phandle(phandle)
            this = value
            if lookup is not None:
                table = dict(entry.split("=") for entry in lookup.split(","))
                if value not in table:
                    sys.exit(f"{name}={value}: the overlay allows {' '.join(table)}")
                this = table[value]
            elif literal:
                this = literal
            elif literal == "" and colon:
                # "target:0=" and then a label: the label's cell comes after the string and has a fixup of its own.
                symbol = self.fixup_symbol(f"/__overrides__:{name}:{at}")
                self.set_fixup(f"{path}:{prop}:{offset}", symbol)
                at += 4
                continue
            if this is None:
                sys.exit(f"{name}: needs a value, {name}=...")
            if boolean:
                self.set_fixup(f"{path}:{prop}:0", None)
                node.props.pop(prop, None)
                if number(this):
                    node.props[prop] = b""
            elif colon:
                cell, offset = struct.pack(">I", number(this)), int(offset)
                old = node.props[prop].ljust(offset + 4, b"\0")
                node.props[prop] = old[:offset] + cell + old[offset + 4:]
                if prop == "reg":
                    self.rename(path, node, f"{node.name.split('@')[0]}@{number(this):x}")
            elif prop == "name":
                self.rename(path, node, this)
            else:
                node.props[prop] = this.encode() + b"\0"

    def finish(self):
        """Drops __overrides__, as the firmware does before it merges."""
        self.root.children.remove(self.overrides)
        for name, places in list(self.fixups.props.items()):
            kept = [p for p in places.decode().split("\0") if p and not p.startswith("/__overrides__:")]
            self.fixups.props[name] = "".join(p + "\0" for p in kept).encode()
            if not kept:
                del self.fixups.props[name]
        twin = self.local.child("__overrides__")
        if twin:
            self.local.children.remove(twin)


def number(text):
    words = {"y": 1, "yes": 1, "on": 1, "true": 1, "down": 1, "n": 0, "no": 0, "off": 0, "false": 0, "up": 2}
    try:
        return words[text] if text in words else int(text, 0)
    except ValueError:
        sys.exit(f"\"{text}\": not a number")


def param(source, result, settings):
    overlay = Overlay(read(source))
    for setting in settings:
        name, _, value = setting.partition("=")
        overlay.apply(name, value or None)
    overlay.finish()
    write(overlay.root, result)


def lines(path):
    root = read(path)
    nodes = {node.props["phandle"]: p for p, node in root.walk() if "phandle" in node.props}

    def show(prop, value):
        # #gpio-cells is 2 on these boards: reference, line, flags.
        step = {"pinctrl-0": 1, "cs-gpios": 3}.get(prop)
        if step:
            cells = [value[i:i + 4] for i in range(0, len(value), 4)]
            return " ".join(nodes.get(c, "?") if i % step == 0 else str(int.from_bytes(c, "big"))
                            for i, c in enumerate(cells))
        if re.fullmatch(rb"([ -~]*\0)+", value) and value.strip(b"\0"):
            return " ".join(f"\"{s}\"" for s in value[:-1].decode().split("\0"))
        if len(value) % 4 == 0:
            return " ".join(str(int.from_bytes(value[i:i + 4], "big")) for i in range(0, len(value), 4))
        return value.hex()

    found = set()
    for node_path, node in root.walk():
        if node_path.startswith("/__symbols__"):
            continue
        found.add(f"{node_path}")
        found.update(f"{node_path}:{k} = {show(k, v)}".rstrip(" =") for k, v in node.props.items() if k != "phandle")
    return found


def diff(base, merged):
    old, new = lines(base), lines(merged)
    for line in sorted([(x, "-") for x in old - new] + [(x, "+") for x in new - old]):
        print(line[1], line[0])


if __name__ == "__main__":
    if len(sys.argv) >= 4 and sys.argv[1] == "param":
        param(sys.argv[2], sys.argv[3], sys.argv[4:])
    elif len(sys.argv) == 4 and sys.argv[1] == "diff":
        diff(sys.argv[2], sys.argv[3])
    else:
        sys.exit(__doc__)
