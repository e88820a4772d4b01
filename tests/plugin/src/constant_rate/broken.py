"""A module that cannot be imported, as when a library of the plug-in is missing."""

import a_library_that_nobody_has  # noqa: F401 - the fault is the point
