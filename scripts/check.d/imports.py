"""The modules of server-bin's source, and where each path in them leads."""

import re
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "server-bin/src"

MODULES = {}  # each Module by its path, the crate's root as ()
OUTSIDE = {"std", "core", "alloc"}  # and the crates that server-bin builds on

TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*|/\*(?s:.*?)\*/)
  | (?P<raw>[bc]?r(?P<hashes>\#*)"(?s:.*?)"(?P=hashes))
  | (?P<text>[bc]?"(?s:\\.|[^"\\])*")
  | (?P<char>b?'(?:\\(?:x..|u\{[^}]*\}|.)|[^'\\])')
  | (?P<life>'\w+)
  | (?P<word>(?:r\#)?[A-Za-z_]\w*)
  | (?P<number>\d[\w.]*)
  | (?P<sign>::|=>|->|==|.)
    """,
    re.X,
)


def tokens_of(text):
    """The words and signs of a file, each with its line."""
    found, line, at = [], 1, 0
    while at < len(text):
        token = TOKEN.match(text, at)
        kind, what = token.lastgroup, token.group()
        if kind not in ("space", "raw", "text", "char", "life", "hashes"):
            found.append((what, line))
        elif kind in ("raw", "text", "hashes"):
            found.append(('""', line))
        line += what.count("\n")
        at = token.end()
    return found


OPEN = {"{": "}", "(": ")", "[": "]"}


def closing(tokens, at):
    """The place of what closes the bracket at `at`."""
    depth = 0
    for place in range(at, len(tokens)):
        what = tokens[place][0]
        depth += (what in OPEN) - (what in OPEN.values())
        if depth == 0:
            return place
    sys.exit(f"line {tokens[at][1]}: a bracket that does not close")


def without_tests(tokens):
    """Leaves out each item, field or statement behind `#[cfg(test)]`, or another cfg that needs it."""
    kept, at = [], 0
    while at < len(tokens):
        if [what for what, _ in tokens[at : at + 4]] == ["#", "[", "cfg", "("]:
            end = closing(tokens, at + 1)
            words = [what for what, _ in tokens[at + 4 : end - 1]]
            if words in (["test"], ["loom"]) or (words[:3] == ["all", "(", "test"]):
                at = end_of_item(tokens, end + 1)
                continue
        kept.append(tokens[at])
        at += 1
    return kept


ITEM = {"fn", "impl", "mod", "use", "struct", "enum", "const", "static", "type", "trait", "pub", "unsafe", "let", "extern"}
ENDS_BY_BRACE = {"fn", "impl", "mod", "struct", "enum", "trait", "extern"}


def end_of_item(tokens, at):
    """The place behind the item, field or statement that begins at `at`, maybe with more attributes."""
    while tokens[at][0] == "#":
        at = closing(tokens, at + 1) + 1
    is_item = tokens[at][0] in ITEM
    words = set()
    while True:
        what = tokens[at][0]
        if what in OPEN.values():
            return at
        if what == ";" or (what == "," and not is_item):
            return at + 1
        words.add(what)
        if what in OPEN:
            at = closing(tokens, at)
            ends = words & ENDS_BY_BRACE and not words & {"use", "let"}
            if what == "{" and (ends or not is_item):
                return at + 1
        at += 1


class Module:
    """One file of the source."""

    def __init__(self, file):
        self.file = file.relative_to(SOURCE)
        parts = list(self.file.with_suffix("").parts)
        if parts[-1] in ("mod", "lib"):
            parts.pop()
        self.path = tuple(parts)
        self.tokens = without_tests(tokens_of(file.read_text()))
        self.names = {}  # what each imported name stands for, as a whole path
        self.paths = []  # (whole path, line)


def read():
    """Fills MODULES and OUTSIDE."""
    section = ""
    for line in (SOURCE.parent / "Cargo.toml").read_text().splitlines():
        section = line if line.startswith("[") else section
        if section == "[dependencies]" and (name := re.match(r"[a-z][\w-]*", line)):
            OUTSIDE.add(name.group().replace("-", "_"))
    for file in sorted(SOURCE.rglob("*.rs")):
        if not is_for_tests(file) and file != SOURCE / "main.rs":
            module = Module(file)
            MODULES[module.path] = module
    for module in MODULES.values():
        read_imports(module)
    for module in MODULES.values():
        read_paths(module)


def is_for_tests(file):
    parts = file.relative_to(SOURCE).parts
    return {"tests", "simulator", "models.rs", "tests.rs"} & set(parts) or file.name.endswith("_tests.rs")


def whole(module, path):
    """A path from the crate's root, or from outside of it. `None` for a name that belongs to the file alone."""
    here, rest = list(module.path), list(path)
    if rest[0] in ("self", "super", "crate"):
        if rest[0] == "crate":
            here = []
        while rest and rest[0] in ("self", "super", "crate"):
            if rest.pop(0) == "super":
                if not here:
                    sys.exit(f"{module.file}: {'::'.join(path)} leads out of the crate")
                here.pop()
        return ("crate", *here, *rest)
    if rest[0] in module.names:
        return (*module.names[rest[0]], *rest[1:])
    if tuple(here + rest[:1]) in MODULES:
        return ("crate", *here, *rest)
    if rest[0] in OUTSIDE:
        return tuple(rest)
    return None


def tree(tokens, at, imports=False, before=()):
    """The leaves of the path or group at `at`: (path, the name that it gets), and the place behind it."""
    path = list(before)
    while True:
        what = tokens[at][0]
        if what == "{":
            leaves, at = [], at + 1
            while tokens[at][0] != "}":
                more, at = tree(tokens, at, imports, path)
                leaves += more
                at += tokens[at][0] == ","
            return leaves, at + 1
        if what == "self" and path:
            pass
        else:
            path.append(what)
        at += 1
        if at < len(tokens) and tokens[at][0] == "::" and at + 1 < len(tokens) and is_step(tokens[at + 1][0]):
            at += 1
            continue
        name = path[-1]
        if imports and tokens[at][0] == "as":
            name, at = tokens[at + 1][0], at + 2
        return [(tuple(path), name)], at


def is_step(what):
    return what in ("{", "*") or is_word(what)


def is_word(what):
    return re.fullmatch(r"(r#)?[A-Za-z_]\w*", what) is not None


def read_imports(module):
    """Notes what each `use` brings, and takes it out of the tokens that are looked at for other paths."""
    rest, at, tokens, leaves = [], 0, module.tokens, []
    while at < len(tokens):
        if tokens[at][0] == "use" and (at == 0 or tokens[at - 1][0] not in ("+", ":", ",", "<")):
            line, start = tokens[at][1], at + 1 + (tokens[at + 1][0] == "::")
            more, at = tree(tokens, start, imports=True)
            leaves += [(path, name, line) for path, name in more]
        else:
            rest.append(tokens[at])
            at += 1
    module.tokens = rest
    # A name may be imported through another import of the file, so this goes round until nothing is new.
    while True:
        left = []
        for path, name, line in leaves:
            found = whole(module, path)
            if found is None:
                left.append((path, name, line))
                continue
            module.paths.append((found, line))
            module.names[name] = found
        if len(left) == len(leaves):
            break
        leaves = left
    # What is left are variants of an enum of this file.
    for path, _, line in left:
        if not path[0][0].isupper():
            sys.exit(f"{module.file}:{line}: {'::'.join(path)}: this check does not know where that leads")


def read_paths(module):
    """Notes each other path of more than one step, and what has no path: methods and macros, as `.name` and `name!`."""
    tokens, at = module.tokens, 0
    while at < len(tokens):
        what, line = tokens[at]
        before = tokens[at - 1][0] if at else ""
        if before == "mod" and tokens[at + 1][0] == "{":
            words = [word for word, _ in tokens[at + 1 : closing(tokens, at + 1)]]
            if "use" in words or ("super", "::") in zip(words, words[1:]):
                sys.exit(f"{module.file}:{line}: mod {what}: this check follows imports of modules with a file of their own only")
        if not is_word(what) or (before == "::" and at > 1 and is_word(tokens[at - 2][0])):
            at += 1
            continue
        if before == ".":
            module.paths.append(((f".{what}",), line))
        elif at + 1 < len(tokens) and tokens[at + 1][0] == "!":
            module.paths.append(((f"{what}!",), line))
        else:
            ((path, _),), after = tree(tokens, at)
            if len(path) > 1 or path[0] in module.names or before == "::":
                # `Self::name` and `<T>::name` lead to nothing that is known, and keep their last step for the rules.
                module.paths.append((whole(module, path) or ("", path[-1]), line))
            at = after
            continue
        at += 1


def leads_to(path, depth=0):
    """The module that has what a path from the crate's root names, through all that re-exports it."""
    assert depth < 20, path
    steps = path[1:]
    home = max((steps[:n] for n in range(len(steps) + 1) if steps[:n] in MODULES), key=len)
    rest = steps[len(home) :]
    if rest and rest[0] != "*":
        module = MODULES[home]
        if rest[0] in module.names and module.names[rest[0]][0] == "crate":
            return leads_to((*module.names[rest[0]], *rest[1:]), depth + 1)
    return home


read()
