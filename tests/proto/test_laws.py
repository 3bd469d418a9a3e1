"""The laws that no type checker knows: no I/O in the core, arrows one way, small rooms."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("estuary_proto", "estuary_audio", "estuary_anyio")


def module_name(path: Path) -> str:
    """`a/b/__init__.py` as `a.b`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {
    module_name(path): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
CORE = {name: path for name, path in FILES.items() if name.split(".")[0] == "estuary_proto"}
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}

# Law 1: what is, or brings, I/O, a clock, a thread, a logger or chance of its own.
FORBIDDEN = {
    "anyio",
    "asyncio",
    "concurrent",
    "email",
    "http",
    "logging",
    "multiprocessing",
    "queue",
    "secrets",
    "select",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "time",
    "trio",
    "urllib.request",
    "uuid",
}
CALLS = {"os.urandom", "datetime.now", "datetime.utcnow", "date.today", "random.random"}
THIRD_PARTIES = {
    "estuary_proto.websocket": {"wsproto", "h11"},
    "estuary_proto.models.pcm": {"pybase64"},
    "estuary_proto.capture.encoding": {"msgspec"},
}
# What none of the core's modules may bring into a fresh interpreter, not even through others.
# (`time` is always there; `email.message` and the like would bring sockets.)
UNWELCOME = {
    "anyio",
    "asyncio",
    "email.utils",
    "http.client",
    "logging",
    "secrets",
    "select",
    "selectors",
    "socket",
    "ssl",
    "threading",
    "trio",
    "urllib.request",
}

# Law 2: imports within a function of the core, each with its reason.
LATE = {
    ("estuary_proto.config", "os"): "only who asks for the environment reads it",
    ("estuary_proto.testing.strategies", "hypothesis"): "an extra, and it brings threads",
}


def inner(tree: ast.AST) -> set[ast.AST]:
    """The nodes inside functions."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    return {n for f in ast.walk(tree) if isinstance(f, kinds) for n in ast.walk(f) if n is not f}


def typing_only(tree: ast.AST) -> set[ast.AST]:
    """The nodes that only a type checker sees."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            found |= {n for statement in node.body for n in ast.walk(statement)}
    return found


@cache
def imports(name: str, *, late: bool) -> set[str]:
    """What a module imports when it is run: at its top, or (`late`) within its functions."""
    tree = TREES[name]
    hidden, inside = typing_only(tree), inner(tree)
    package = name if FILES[name].stem == "__init__" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(tree):
        if node in hidden or (node in inside) is not late:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                parts = parts[: len(parts) - node.level + 1]
                base = ".".join([*parts, base] if base else parts)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found.add(full if full in FILES else base)
    return found


def test_the_laws_look_at_something() -> None:
    assert {"estuary_proto", "estuary_proto.connection", "estuary_proto.models"} <= set(CORE)
    assert "estuary_proto.errors" in imports("estuary_proto.connection", late=False)
    assert imports("estuary_proto.config", late=True) == {"os"}


@pytest.mark.parametrize("name", CORE)
def test_the_core_imports_no_io_no_clock_no_thread_no_logger(name: str) -> None:
    wanted = imports(name, late=False) | imports(name, late=True)
    for module in wanted:
        parents = [module.rsplit(".", n)[0] for n in range(module.count(".") + 1)]
        assert not FORBIDDEN & set(parents), f"{name} imports {module}"
    calls = {ast.unparse(n) for n in ast.walk(TREES[name]) if isinstance(n, ast.Attribute)}
    assert not CALLS & calls


@pytest.mark.parametrize("name", CORE)
def test_third_parties_have_one_room(name: str) -> None:
    wanted = imports(name, late=False) | imports(name, late=True)
    strangers = {m.split(".")[0] for m in wanted} - sys.stdlib_module_names - {"estuary_proto"}
    if name.startswith("estuary_proto.testing."):
        strangers -= {"hypothesis"}  # Its strategies; late.
        assert "hypothesis" not in {m.split(".")[0] for m in imports(name, late=False)}
    assert strangers <= THIRD_PARTIES.get(name, set())


def fresh(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after `code`."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


def test_a_fresh_interpreter_stays_clean() -> None:
    bare = fresh("pass")
    every = fresh("import " + ", ".join(n for n in CORE if n not in THIRD_PARTIES))
    assert UNWELCOME & (every - bare) == set()
    assert {n for n in every if n.startswith("estuary_")} >= set(CORE) - set(THIRD_PARTIES)


def test_the_byte_layer_brings_its_library_and_nothing_else() -> None:
    bare = fresh("import wsproto, h11")
    assert UNWELCOME & (fresh("import estuary_proto.websocket") - bare) == set()


@pytest.mark.parametrize("name", FILES)
def test_arrows_point_one_way(name: str) -> None:
    wanted = imports(name, late=False) | imports(name, late=True)
    mine = PACKAGES.index(name.split(".")[0])
    ours = {m.split(".")[0] for m in wanted} & set(PACKAGES)
    assert all(PACKAGES.index(package) <= mine for package in ours)


@pytest.mark.parametrize("package", PACKAGES)
def test_there_are_no_circles(package: str) -> None:
    graph = {n: imports(n, late=False) & set(FILES) for n in FILES if n.split(".")[0] == package}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle: {' -> '.join((*path, name))}"
        if name not in done:
            for target in sorted(graph.get(name, ())):
                visit(target, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_late_imports_of_the_core_are_listed_with_their_reason() -> None:
    found = {(name, target) for name in CORE for target in imports(name, late=True)}
    assert found == set(LATE)


def test_who_imports_by_name() -> None:
    """The tables of names that load their classes on first use, to start fast; nobody else."""
    users = {n for n, tree in TREES.items() if "import_module(" in ast.unparse(tree) and n in CORE}
    assert users <= {"estuary_proto", "estuary_proto.messages", "estuary_proto.models"}


@pytest.mark.parametrize("name", FILES)
def test_rooms_are_small(name: str) -> None:
    assert len(FILES[name].read_text("utf-8").splitlines()) <= 600
    for node in ast.walk(TREES[name]):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= 60, f"{name}.{node.name} has {lines} lines"


def undocumented(body: list[ast.stmt], prefix: str) -> list[str]:
    """Public names without a docstring; overloads and setters have their sibling's."""
    found = []
    for node in body:
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        decorators = {ast.unparse(d) for d in node.decorator_list}
        if node.name.startswith("_") or decorators & {"overload", f"{node.name}.setter"}:
            continue
        if not ast.get_docstring(node):
            found.append(f"{prefix}.{node.name}")
        if isinstance(node, ast.ClassDef):
            found += undocumented(node.body, f"{prefix}.{node.name}")
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_public_name_is_explained(name: str) -> None:
    tree = TREES[name]
    assert ast.get_docstring(tree), f"{name} says nothing about itself"
    if not any(part.startswith("_") for part in name.split(".")):
        assert undocumented(tree.body, name) == []
