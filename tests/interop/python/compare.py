"""What of two replies must be equal: everything but what the clock, the kernel or chance has chosen."""
import re

# Fields of the instance maps whose value is an age or a count of the moment.
MOMENTARY = {
    "last-ping-sent", "last-ok-ping-reply", "last-ping-reply", "s-down-time", "o-down-time", "info-refresh",
    "role-reported-time", "link-pending-commands", "last-hello-message", "slave-repl-offset", "master-link-down-time",
    "run-time", "run-delay", "pid", "age-seconds", "entry-id", "timestamp-created", "timestamp-last-updated", "id",
}
CLIENT_VALUES = re.compile(r"\b(id|addr|laddr|fd|age|idle|qbuf|qbuf-free|argv-mem|multi-mem|rbs|rbp|obl|oll|omem|tot-mem"
                           r"|events)=\S*")
HEX40 = re.compile(r"\b[0-9a-f]{40}\b")
AGED = re.compile(r"\b(\w+_(?:usec|seconds|days)):\d+")


class Mask:
    """Puts names in the place of what differs between two equal clusters: ports, ids, folders."""

    def __init__(self, side):
        self.side = side
        self.names = side.roles()

    def text(self, text):
        side = self.side
        text = text.replace(side.folder, "<folder>").replace(side.sentinel_program, "<program>")
        for name, port in reversed(self.names.items()):
            text = re.sub(rf"(?<!\d){port}(?!\d)", f"<{name}>", text)
        text = HEX40.sub(lambda found: f"<{side.ids.get(found.group(), 'id')}>", text)
        return CLIENT_VALUES.sub(lambda found: found.group(1) + "=<n>", text)

    def tree(self, tree):
        mark, value = tree
        if isinstance(value, list):
            masked = [self.tree(item) for item in value]
            for i, (_, name) in enumerate(masked[:-1]):
                after = masked[i + 1]
                if isinstance(name, str) and name in MOMENTARY and not isinstance(after[1], list) and re.fullmatch(r"-?[\d.]+", after[1] or ""):
                    masked[i + 1] = (after[0], "<n>")
            return mark, masked
        return mark, None if value is None else self.text(value)


def shape(tree):
    """Types and lengths only."""
    mark, value = tree
    if isinstance(value, list):
        return mark, [shape(item) for item in value]
    return mark, None if value is None else "<text>" if mark in "$=+" else value if mark == "-" else "<n>"


def outline(tree):
    """Types and lengths of the reply itself; not of what lies within it."""
    mark, value = tree
    return (mark, len(value)) if isinstance(value, list) else shape(tree)


def documented(tree):
    """Of COMMAND DOCS what programs use: release, group, and the arguments without the names that people read."""
    kept = {"group", "arguments", "type", "token", "flags", "key_spec_index"}
    mark, value = tree
    if not isinstance(value, list):
        return tree
    if len(value) % 2 == 0 and any(name in (("$", "type"), ("$", "group")) for name in value[::2]):
        if ("$", "group") in value[::2]:
            kept.add("since")  # of a command; we do not tell it of single arguments
        pairs = [(name, documented(each)) for name, each in zip(value[::2], value[1::2]) if name[1] in kept]
        return mark, sorted(pairs, key=repr)
    return mark, [documented(each) for each in value]


def in_order(tree):
    """For replies that come out of a hash table: order says nothing."""
    mark, value = tree
    if not isinstance(value, list):
        return tree
    items = [in_order(item) for item in value]
    return mark, sorted(items, key=repr)


def pairs_in_order(tree):
    """A list of maps or a list in no order, whose elements keep theirs."""
    mark, value = tree
    return mark, sorted(value, key=repr) if isinstance(value, list) else value


def field_names(tree):
    """INFO: sections and fields, without their values."""
    mark, value = tree
    if value is None or isinstance(value, list):
        return tree
    return mark, [line.partition(":")[0] for line in value.split("\r\n")]


def head(tree):
    """HELP: the words are everybody's own; the first line is not, nor is the type."""
    mark, value = tree
    return (mark, value[0]) if isinstance(value, list) and value else tree


def kind(tree):
    """The type of the reply alone."""
    return tree[0]


def render(tree, indent=""):
    if not isinstance(tree, tuple):
        return indent + repr(tree)
    mark, value = tree
    if isinstance(value, list):
        lines = [f"{indent}{mark}{len(value)}"]
        lines += [render(item, indent + "  ") for item in value]
        return "\n".join(lines)
    return f"{indent}{mark} {value!r}"
