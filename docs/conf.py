"""How the documentation is built: `make docs`."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

from docutils import nodes
from docutils.utils import get_source_line
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs" / "_ext"))

project = "Gnomon"
author = "The Gnomon authors"
copyright = "The Gnomon authors, Apache-2.0"
release = version = installed_version("gnomon")

extensions = ["myst_nb", "sphinx.ext.autodoc", "command_line", "experiment_reference", "python_reference"]
nb_execution_mode = "force"  # a notebook shows what this code answers, not what an earlier one did
nb_execution_timeout = 60
nb_execution_raise_on_error = True
smartquotes = False  # "--on" and quotes stand as they are typed
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"Gnomon {version}"
exclude_patterns = ["_ext"]
pygments_style = "sphinx"

ESSAYS_HERE = "<!-- the essay of every engine -->"


def essays() -> str:
    """Text that includes the README of every engine that has one, and of its parts, headings one level down."""
    files = sorted((ROOT / "src/gnomon/engines").rglob("README.md"))
    return "\n".join(f"```{{include}} /../{file.relative_to(ROOT)}\n:heading-offset: 1\n```\n" for file in files)


def insert_essays(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the essays where a page asks for them."""
    source[0] = source[0].replace(ESSAYS_HERE, essays())


def name_source_files(app: Sphinx, doctree: nodes.document) -> None:
    """Turn an essay's link to a file of the source tree, which has no page here, into the link's text alone."""
    for link in list(doctree.findall(pending_xref)):
        source = Path(get_source_line(link)[0] or "")
        if source.name == "README.md" and (source.parent / link["reftarget"].partition("#")[0]).is_file():
            link.replace_self(link.children)


def pages_to_read_again(app: Sphinx, env: BuildEnvironment, *_: set[str]) -> list[str]:
    """The pages made from the code, always: an essay, an argument or a number may have changed since they were read."""
    notebooks = sorted(name for name in env.found_docs if name.startswith("notebooks/"))
    made = ("explanation/engines", "reference/command-line", "reference/experiment", "reference/python")
    return [*made, *notebooks]


def setup(app: Sphinx) -> None:
    """Register them."""
    app.connect("source-read", insert_essays)
    app.connect("doctree-read", name_source_files)
    app.connect("env-get-outdated", pages_to_read_again)
