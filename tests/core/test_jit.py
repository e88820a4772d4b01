"""Functions are compiled wherever Gnomon runs."""

import numba

from gnomon.core.jit import compiled


def _twice(value):
    return 2 * value


def test_a_function_is_compiled_where_nothing_can_be_kept_on_disk(monkeypatch):
    def refuse(self):
        raise RuntimeError("no locator available")

    monkeypatch.setattr(numba.core.dispatcher.Dispatcher, "enable_caching", refuse)
    assert compiled(_twice)(21) == 42


def test_a_function_is_kept_on_disk_where_that_is_possible():
    assert compiled(_twice)(21) == 42
    assert compiled(_twice).stats.cache_path
