"""What core may import."""

import ast
import sys
from pathlib import Path

import pytest

import gnomon.core

FILES = sorted(Path(gnomon.core.__file__).parent.rglob("*.py"))
# What a function imports when it is called, and nobody pays for who does not call it.
LATE = {"jit.py": ("numba",)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}.{file.stem}")
def test_core_imports_the_standard_library_and_numpy_only(file):
    imported = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    known = {*sys.stdlib_module_names, "numpy", "gnomon", *LATE.get(file.name, ())}
    outside = {name for name in imported if name.split(".")[0] not in known}
    above = {name for name in imported if name.startswith("gnomon") and not name.startswith("gnomon.core")}
    assert not outside | above
