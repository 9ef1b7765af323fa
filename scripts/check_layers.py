#!/usr/bin/env python3
"""Checks who includes whom, and that pure folders stay pure.

    scripts/check_layers.py [--root DIR]

Reads every C++ file below replication/ and sentinel/ and prints one `file:line: reason` for each violation;
exit code 1 if there is any. Debian installs the headers of libuv, hiredis and the rest in the system include
folder, where CMake cannot hide them from a target, so the rule is enforced here, line by line:

- an include points down, never up or sideways (FLOORS);
- a library is used only where its subject lives (LIBRARIES);
- pure folders have no clock, thread, entropy, file or socket, and do not iterate over unordered containers,
  whose order differs between machines: the same seed would not give the same run.

Comments and strings are not code and do not count.
"""
import argparse
import bisect
import os
import re
import sys

SHARED = ["replication/base", "replication/resp", "replication/serve", "replication/net", "replication/host"]

# Folder -> the other folders of ours that it may include. "replication" and "sentinel" are the files that lie
# directly there (main.cc).
FLOORS = {
    "replication/base": [],
    "replication/resp": ["replication/base"],
    "replication/serve": ["replication/base", "replication/resp"],
    "replication/net": ["replication/base"],
    "replication/host": ["replication/base", "replication/net"],
    "replication/data": ["replication/base", "replication/resp", "replication/serve"],
    "replication/core": ["replication/base", "replication/resp", "replication/serve", "replication/data"],
    "replication/edge": SHARED + ["replication/data", "replication/core"],
    "replication": SHARED + ["replication/data", "replication/core", "replication/edge"],
    "sentinel/core": ["replication/base", "replication/resp", "replication/serve"],
    "sentinel/edge": SHARED + ["sentinel/core"],
    "sentinel/cli": SHARED,
    "sentinel": SHARED + ["sentinel/core", "sentinel/edge"],
}

PURE = {"replication/base", "replication/resp", "replication/serve", "replication/data", "replication/core",
        "sentinel/core"}

EDGES = ["replication/edge", "sentinel/edge"]
MAINS = ["replication", "sentinel"]

# (name, pattern of the included path, folders or files without suffix that may use it)
LIBRARIES = [
    ("libuv", r"uv\.h$|uv/", ["replication/net"] + EDGES),
    ("hiredis", r"hiredis(/|\.h$)", ["sentinel/edge", "sentinel/cli"]),
    ("OpenSSL", r"openssl/", ["replication/net", "replication/base/digest"]),
    ("nlohmann/json", r"nlohmann/", EDGES + ["sentinel/cli"]),
    ("spdlog", r"spdlog/", ["replication/host"]),
    ("liblzf", r"(lib)?lzf(/|\.h$)", ["replication/data"]),
    # With liblua's C++ build an error of Lua is an exception; only these files see one.
    ("Lua", r"(lua[^/]*/)?(lua|lauxlib|lualib|luaconf|lua-[a-z]+)\.(h|hpp)$",
     ["replication/core/script_engine", "replication/core/script_sandbox", "replication/core/script_values",
      "replication/core/script_struct", "replication/core/script_msgpack", "replication/core/script_register"]),
    ("CLI11", r"CLI/", EDGES + MAINS + ["sentinel/cli"]),
    ("libmicrohttpd", r"microhttpd", ["replication/net"]),
    ("prometheus-cpp", r"prometheus/", ["replication/host"]),
    ("jemalloc", r"jemalloc/", EDGES + MAINS),
    ("doctest", r"doctest(/|\.h$)", []),
]

# What a pure folder may not include: (kind, pattern of the path).
BANNED_HEADERS = [
    ("a clock", r"(sys/time|sys/times|sys/timerfd|sys/timeb)\.h$"),
    ("a thread", r"(thread|mutex|shared_mutex|atomic|condition_variable|future|semaphore|latch|barrier|stop_token"
                 r"|pthread\.h|stdatomic\.h|threads\.h|semaphore\.h)$"),
    ("entropy", r"sys/random\.h$"),
    ("a file", r"(fstream|filesystem|fcntl\.h|unistd\.h|dirent\.h|poll\.h|sys/stat\.h|sys/mman\.h|sys/file\.h|sys/uio\.h"
               r"|sys/epoll\.h|sys/wait\.h|sys/ioctl\.h)$"),
    ("a socket", r"(sys/socket\.h|sys/un\.h|netdb\.h|netinet/.*|arpa/.*|net/.*)$"),
]

# The one file (without suffix) that may have what its folder may not: (kind, why).
EXCEPTIONS = {
    "replication/base/owners": ("a thread", "counts those who share immutable memory; decides nothing by it"),
    "replication/base/fiber": ("a file", "the stack of a fiber ends in a page that nobody may touch"),
}

# Free functions that a pure folder may not call: (kind, names).
BANNED_CALLS = [
    ("a clock", "gettimeofday clock_gettime timespec_get clock localtime localtime_r nanosleep usleep sleep"),
    ("a thread", "pthread_create pthread_mutex_lock"),
    ("a process", "fork vfork execv execve execvp posix_spawn system"),
    ("entropy", "rand srand rand_r drand48 getrandom getentropy arc4random RAND_bytes"),
    ("a file", "fopen freopen fdopen open openat creat popen tmpfile mkstemp opendir unlink rename"),
    ("a socket", "getaddrinfo gethostbyname"),
    ("the environment", "getenv secure_getenv"),
]

# Other words that a pure folder may not say: (kind, pattern).
BANNED_WORDS = [
    ("a clock", r"\b(?:system|steady|high_resolution|utc|tai|gps|file)_clock\b"),
    ("a clock", r"(?<![\w.>])(?:std\s*::|::)?\s*\btime\s*\(\s*(?:nullptr|NULL|0|&\s*\w+)\s*\)"),
    ("a clock", r"\bstd\s*::\s*time\s*\((?!\s*(?:nullptr|NULL|0|&\s*\w+)\s*\))"),
    ("a thread", r"\bstd\s*::\s*(?:thread|jthread|async|mutex|recursive_mutex|shared_mutex|atomic\w*|condition_variable\w*"
                 r"|this_thread)\b"),
    ("entropy", r"\brandom_device\b"),
    ("a file", r"\bstd\s*::\s*(?:[io]?fstream|filesystem)\b"),
]

SUFFIXES = (".h", ".cc", ".hpp", ".cpp", ".inl")
UNORDERED = re.compile(r"\bunordered_(?:multi)?(?:map|set)\b")
ORDERED = re.compile(r"\b(?:std\s*::\s*)(?:multi)?(?:map|set|vector|array|span|deque|list|initializer_list|optional)\b")
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include\b", re.M)
QUOTED = re.compile(r'[^"\n]*"([^"\n]+)"')
ANGLED = re.compile(r"[ \t]*<([^>\n]+)>")
# Behind these a name and a parenthesis are a call; behind any other word they are a declaration.
BEFORE_A_CALL = {"return", "co_return", "co_await", "co_yield", "else", "do", "throw", "case", "and", "or", "not"}


def blank(text):
    """`text` with comments and literals overwritten by spaces; length and line breaks stay."""
    out = list(text)

    def wipe(begin, end):
        for k in range(begin, min(end, len(out))):
            if out[k] != "\n":
                out[k] = " "

    i, n = 0, len(text)
    while i < n:
        c = text[i]
        if text.startswith("//", i):
            end = i
            while True:  # a backslash before the line break continues the comment
                end = text.find("\n", end)
                if end < 0:
                    end = n
                    break
                if text[end - 1] != "\\":
                    break
                end += 1
        elif text.startswith("/*", i):
            end = text.find("*/", i + 2)
            end = n if end < 0 else end + 2
        elif c == '"' and re.search(r"(?<!\w)(?:u8|[uUL])?R$", text[max(0, i - 4):i]):
            opening = re.compile(r'"([^()\\\s]*)\(').match(text, i)
            if not opening:
                i += 1
                continue
            end = text.find(")" + opening.group(1) + '"', opening.end())
            end = n if end < 0 else end + len(opening.group(1)) + 2
        elif c == '"' or (c == "'" and not (i and text[i - 1].isalnum())):  # 1'000 is a number, not a literal
            end = i + 1
            while end < n and text[end] != c and text[end] != "\n":
                end += 2 if text[end] == "\\" else 1
            end += 1
        else:
            i += 1
            continue
        wipe(i, end)
        i = end
    return "".join(out)


def behind_angles(code, i):
    """The index behind the template arguments that begin at code[i] == '<', or None."""
    depth = 0
    while i < len(code):
        if code[i] == "<":
            depth += 1
        elif code[i] == ">" and code[i - 1] != "-":
            depth -= 1
            if depth == 0:
                return i + 1
        elif code[i] in ";{}":
            return None
        i += 1
    return None


def declared(code, template, types=()):
    """Names of variables whose type is an instance of `template` or one of the alias names `types`."""
    names = set()
    places = []
    for found in template.finditer(code):
        angle = re.compile(r"\s*<").match(code, found.end())
        if angle:
            end = behind_angles(code, angle.end() - 1)
            if end:
                places.append(end)
    for alias in types:
        places += [found.end() for found in re.finditer(r"\b%s\b" % re.escape(alias), code)]
    name = re.compile(r"\s*(?:const\b\s*)?[&*]*\s*(?:const\b\s*)?(\w+)\s*(?=[;={,)\[]|\()")
    for place in places:
        found = name.match(code, place)
        if found and not found.group(1).isdigit():
            # `Type Name(` may be a function that gives such a container; a variable is in lower case.
            if code[found.end():found.end() + 1] != "(" or found.group(1)[0].islower():
                names.add(found.group(1))
    return names


def aliases(code):
    """Names given to unordered containers by `using X = ...` or typedef."""
    names = set(re.findall(r"\busing\s+(\w+)\s*=\s*[^;]*\bunordered_(?:multi)?(?:map|set)\s*<", code))
    names.update(re.findall(r"\btypedef\b[^;]*\bunordered_(?:multi)?(?:map|set)\s*<[^;]*>\s*(\w+)\s*;", code))
    return names


def iterations(code, names):
    """(index, name) of each place that walks over a variable of `names`."""
    if not names:
        return
    word = r"\b(%s)\b" % "|".join(sorted(map(re.escape, names)))
    whole = word + r"(?!\s*(?:\[|\(|\.|->|::))"  # the container itself, not an element or a member
    for found in re.finditer(word + r"\s*(?:\.|->)\s*(?:c?r?begin)\s*\(", code):
        yield found.start(), found.group(1)
    for found in re.finditer(r"\b(?:std\s*::\s*c?r?begin|ranges\s*::\s*\w+)\s*\(\s*[\w.>*()-]*?" + whole, code):
        yield found.start(1), found.group(1)
    for found in re.finditer(r"\bfor\s*\(", code):
        depth, i, colon, semicolons = 1, found.end(), None, 0
        while i < len(code) and depth:
            c = code[i]
            if c in "([{":
                depth += 1
            elif c in ")]}":
                depth -= 1
            elif depth == 1 and c == ";":
                semicolons += 1
                colon = None
            elif depth == 1 and c == ":" and code[i - 1] != ":" and code[i + 1:i + 2] != ":" and colon is None:
                colon = i
            i += 1
        if colon is None or semicolons > 1:
            continue
        for used in re.finditer(whole, code[colon + 1:i - 1]):
            yield colon + 1 + used.start(), used.group(1)


def free_calls(code, names):
    """(index, name) of each call of a free function of `names`: not a member, not a declaration."""
    for found in re.finditer(r"\b(%s)\s*\(" % "|".join(names), code):
        before = code[:found.start()].rstrip()
        if before.endswith((".", "->")):
            continue
        if before.endswith("::"):
            owner = re.search(r"(\w+)\s*::$", before)
            if owner and owner.group(1) != "std" and owner.group(1) not in BEFORE_A_CALL:
                continue
        else:
            word = re.search(r"(\w+)$", before)
            if word and word.group(1) not in BEFORE_A_CALL:
                continue
        yield found.start(), found.group(1)


class Source:
    def __init__(self, root, path):
        self.path = path  # from the root, with slashes
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
            text = f.read()
        self.code = blank(text)
        self._starts = [0] + [m.end() for m in re.finditer("\n", text)]
        self.folder = folder_of(path)
        self.includes = []  # (line, path, is it in quotes)
        for found in INCLUDE.finditer(self.code):
            angled = ANGLED.match(self.code, found.end())
            target = angled or QUOTED.match(text, found.end())
            if target:
                self.includes.append((self.line(found.start()), target.group(1), not angled))

    def line(self, index):
        return bisect.bisect_right(self._starts, index)

    @property
    def stem(self):
        return os.path.splitext(self.path)[0]


def folder_of(path):
    """"replication/base" of replication/base/text.cc, "sentinel" of sentinel/main.cc."""
    parts = path.split("/")
    return parts[0] if len(parts) == 2 else "/".join(parts[:2])


def ours(path):
    return path.startswith(("replication/", "sentinel/", "tests/"))


def check_includes(source):
    allowed = FLOORS[source.folder]
    for line, path, quoted in source.includes:
        if ours(path):
            folder = folder_of(path)
            if path.startswith("tests/"):
                yield line, "the product does not include tests: %s" % path
            elif folder != source.folder and folder not in allowed:
                if path.startswith("sentinel/") and source.path.startswith("replication/"):
                    why = "replication never includes sentinel"
                elif path.startswith("replication/") and source.path.startswith("sentinel/") and folder not in SHARED:
                    why = "sentinel may use only the shared folders base, resp, serve, net and host of replication"
                else:
                    why = "an include points down, never up or sideways"
                yield line, "%s may not include %s: %s" % (source.folder, path, why)
            continue
        if quoted:
            yield line, "includes of ours are written from the root, others in angle brackets: %s" % path
        for name, pattern, places in LIBRARIES:
            if re.match(pattern, path) and source.folder not in places and source.stem not in places:
                where = ", ".join(places) if places else "tests"
                yield line, "%s is used only in %s: %s" % (name, where, path)


def check_purity(source, unordered):
    excepted = EXCEPTIONS.get(source.stem, (None, ""))[0]
    for line, path, _ in source.includes:
        for kind, pattern in BANNED_HEADERS:
            if kind != excepted and re.match(pattern, path):
                yield line, "%s is pure: %s (<%s>)" % (source.folder, kind, path)
    for kind, names in BANNED_CALLS:
        for index, name in free_calls(source.code, names.split()):
            yield source.line(index), "%s is pure: %s (%s)" % (source.folder, kind, name)
    for kind, pattern in BANNED_WORDS:
        if kind == excepted:
            continue
        for found in re.finditer(pattern, source.code):
            word = re.sub(r"\s+", "", found.group(0)).rstrip("(")
            yield source.line(found.start()), "%s is pure: %s (%s)" % (source.folder, kind, word)
    for index, name in iterations(source.code, unordered):
        yield source.line(index), "%s is pure: iteration over the unordered container %s" % (source.folder, name)


def unordered_names(source, by_path):
    """Unordered containers that `source` can name: its own, and fields of the headers it includes."""
    seen, todo = set(), [source.path]
    while todo:
        path = todo.pop()
        if path not in seen and path in by_path:
            seen.add(path)
            todo += [p for _, p, _ in by_path[path].includes]
    types = set()
    for path in seen:
        types |= aliases(by_path[path].code)
    names = set()
    for path in seen:
        found = declared(by_path[path].code, UNORDERED, types)
        # A member with a trailing underscore is private: only the class's own files can walk over it.
        # A name from another header that this file gives to an ordered container means that one here.
        if by_path[path].stem != source.stem:
            found = {n for n in found if not n.endswith("_")} - declared(source.code, ORDERED)
        names |= found
    return names


def check(root):
    """All violations below `root`, as (file, line, reason), sorted; and the number of files read."""
    by_path, problems = {}, set()
    for top in ("replication", "sentinel"):
        for folder, _, files in os.walk(os.path.join(root, top)):
            for name in files:
                if name.endswith(SUFFIXES):
                    path = os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")
                    by_path[path] = Source(root, path)
    for source in by_path.values():
        if source.folder not in FLOORS:
            problems.add((source.path, 1, "no floor is known for the folder %s: give it one in FLOORS" % source.folder))
            continue
        for line, reason in check_includes(source):
            problems.add((source.path, line, reason))
        if source.folder in PURE:
            for line, reason in check_purity(source, unordered_names(source, by_path)):
                problems.add((source.path, line, reason))
    return sorted(problems), len(by_path)


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--root", default=here, help="the tree to check (default: this one)")
    root = options.parse_args().root
    problems, files = check(root)
    for path, line, reason in problems:
        print("%s:%d: %s" % (path, line, reason))
    if files == 0:
        print("no C++ file below %s/replication or %s/sentinel" % (root, root), file=sys.stderr)
        return 1
    if not problems:
        print("check_layers: %d files, no violation" % files)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
