"""Finds the function of a ``package.module:function`` source, and checks it without running it."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from edgeq.errors import ModelError, reason_of
from edgeq.io.syntax import syntax_tree
from edgeq.models.export_request import ExportRequest
from edgeq.registry import suggestion

_MOVES_IMPORTS = ("sys.path", "sys.meta_path", "addsitedir", "sys.modules")
"""Code that mentions these may import modules that can't be found from outside."""

_MAKES_NAMES = ("globals()", "__getattr__", "exec(", "import *", "setattr(")
"""Code that mentions these may define names that do not appear in its text."""


def check_function(text: str, root: Path, where: str) -> None:
    """Refuse a function whose module can't be found, read or imported, or does not define it.

    The module is parsed, not run; problems that only show at run time are left to the export.

    Raises:
        ModelError: The source is certain to fail.
    """
    module, _, function = text.partition(":")
    spec = _find(module, root, text, where)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return  # compiled code, or a package without a file of its own
    file = Path(spec.origin)
    try:
        content = file.read_bytes()
        tree = syntax_tree(content)
    except OSError as error:
        raise ModelError(
            f"{text!r} can't be imported: {file.name} can't be read: {reason_of(error)}",
            where=where,
            remedy="Permit reading it",
        ) from error
    except (SyntaxError, ValueError) as error:
        place = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        reason = error.msg if isinstance(error, SyntaxError) else error
        raise ModelError(
            f"{text!r} can't be imported: {file.name}{place}: {reason}",
            where=where,
            remedy="Fix the file",
        ) from error
    source = content.decode("latin-1")  # only searched for ASCII
    names = _names(tree)
    if function not in names and not any(sign in source for sign in _MAKES_NAMES):
        raise ModelError(
            f"module {module!r} has no function {function!r}",
            where=where,
            remedy=suggestion(function, _functions(tree)),
        )
    if any(sign in source for sign in _MOVES_IMPORTS):
        return
    for package, line in _imports(tree):
        if _top_level(package, root) is None:
            raise ModelError(
                f"{text!r} can't be imported: {file.name}, line {line}: no module named "
                f"{package!r}",
                where=where,
                remedy=f"Install {package}, or put it in the project's folder",
            )


def function_of(request: ExportRequest) -> Callable[[], object]:
    """Import the function that a request names; in the export child only.

    Raises:
        ModelError: Its module has no such function.
    """
    sys.path.insert(0, request.root)
    module_name, _, function_name = request.name.partition(":")
    module = importlib.import_module(module_name)
    function: Callable[[], object] | None = getattr(module, function_name, None)
    if function is None or not callable(function):
        names = [name for name, value in vars(module).items() if callable(value)]
        raise ModelError(
            f"module {module_name!r} has no function {function_name!r}",
            remedy=suggestion(function_name, names),
        )
    return function


def _find(module: str, root: Path, text: str, where: str) -> ModuleSpec | None:
    """Locate a module; None means that only the package's own finder could tell.

    Packages are searched one level at a time and not imported.
    """
    first, *inner = module.split(".")
    name, spec = first, _top_level(first, root)
    elsewhere = spec is not None and _in_folders(first, [str(root), *sys.path]) is None
    for part in inner:
        if spec is None:
            break
        name = f"{name}.{part}"
        # Searched by its last name: a search by full name would import the package.
        spec = _in_folders(part, list(spec.submodule_search_locations or ()))
    if spec is None and not elsewhere:
        raise ModelError(
            f"{text!r} can't be imported: no module named {name!r}",
            where=where,
            remedy='Write "package.module:function" as it is imported from the folder of the spec',
        )
    return spec


def _top_level(name: str, root: Path) -> ModuleSpec | None:
    """Locate a package or module, including editable installations."""
    spec = _in_folders(name, [str(root)])
    for finder in sys.meta_path:
        spec = spec or finder.find_spec(name, None)
    return spec


def _in_folders(name: str, folders: Sequence[str]) -> ModuleSpec | None:
    return PathFinder.find_spec(name, folders)


def _imports(tree: ast.Module) -> list[tuple[str, int]]:
    """Return the packages that a module imports unconditionally, with line numbers."""
    packages = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            packages += [(alias.name.partition(".")[0], node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            packages.append((node.module.partition(".")[0], node.lineno))
    return [(name, line) for name, line in packages if name not in sys.stdlib_module_names]


def _names(tree: ast.Module) -> set[str]:
    """Return every name that a module binds, including in branches, loops and functions."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return names


def _functions(tree: ast.Module) -> set[str]:
    """Return the functions that a module defines at top level."""
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
