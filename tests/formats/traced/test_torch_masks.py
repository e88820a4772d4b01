"""Masks that a torch module makes: what is skipped of attention, against the masks that torch itself computes."""

import pytest

import gnomon
from gnomon.core.op import Attention

torch = pytest.importorskip("torch", reason="torch is not installed (make test EXTRAS=torch)")

pytestmark = [
    pytest.mark.torch,
    pytest.mark.xdist_group("torch"),
    pytest.mark.filterwarnings("ignore"),
]  # the libraries' own warnings


class _Masked(torch.nn.Module):
    """Attention of arrays (batch, heads, length, 8) under the mask that `make` gives for the two lengths."""

    def __init__(self, make, **settings):
        super().__init__()
        self.make, self.settings = make, settings

    def forward(self, query, key):
        mask = self.make(query.shape[-2], key.shape[-2])
        return torch.nn.functional.scaled_dot_product_attention(query, key, key, attn_mask=mask, **self.settings)


def _attention(module, queries, keys, batch=2, kv_batch=2, heads=4, kv_heads=4):
    arrays = (torch.zeros(batch, heads, queries, 8), torch.zeros(kv_batch, kv_heads, keys, 8))
    nodes = gnomon.workload(gnomon.from_torch(module, arrays)).nodes
    (found,) = (node.op for node in nodes if isinstance(node.op, Attention))
    return found


def _q(queries):
    return torch.arange(queries)[:, None]


def _k(keys):
    return torch.arange(keys)[None, :]


def _added(mask):
    return torch.zeros(mask.shape).masked_fill(~mask, float("-inf"))


MASKS = {
    "below": lambda q, k: _k(k) <= _q(q),
    "below, turned round": lambda q, k: _q(q) >= _k(k),
    "strictly above is hidden": lambda q, k: ~(_k(k) > _q(q)),
    "bottom right": lambda q, k: _k(k) <= _q(q) + (k - q),
    "difference": lambda q, k: (_k(k) - _q(q)) < 1,
    "twice the difference": lambda q, k: (2 * _k(k) - 2 * _q(q)) <= 5,
    "window": lambda q, k: (_k(k) <= _q(q)) & (_k(k) > _q(q) - 7),
    "window by distance": lambda q, k: ((_q(q) - _k(k)).abs() < 7) & (_q(q) >= _k(k)),
    "both sides": lambda q, k: (_q(q) - _k(k)).abs() <= 5,
    "not far": lambda q, k: ~((_q(q) - _k(k)).abs() > 5),
    "tril of ones": lambda q, k: torch.ones(q, k, dtype=torch.bool).tril(),
    "tril with a diagonal": lambda q, k: torch.ones(q, k, dtype=torch.bool).tril(3),
    "tril of everything": lambda q, k: torch.ones(q, k, dtype=torch.bool).tril(k),
    "triu that hides": lambda q, k: torch.triu(torch.full((q, k), float("-inf")), diagonal=1),
    "filled": lambda q, k: _added(_k(k) <= _q(q)),
    "where": lambda q, k: torch.where(_k(k) <= _q(q), 0.0, -1e9),
    "one less a mask, times the lowest": lambda q, k: (1.0 - (_k(k) <= _q(q)).float()) * -1e9,
    "two terms": lambda q, k: _added(_k(k) <= _q(q)) + _added(_k(k) > _q(q) - 4),
    "either": lambda q, k: (_k(k) <= _q(q)) | (_k(k) <= _q(q) + 2),
    "everything": lambda q, k: _k(k) < _q(q) + 1000,
    "expanded over heads": lambda q, k: (_k(k) <= _q(q))[None, None].expand(2, 4, q, k),
    "sliced": lambda q, k: (torch.arange(64)[None, :] <= torch.arange(64)[:, None])[:q, :k],
    "looked up": lambda q, k: torch.arange(100, 164)[_k(k)] <= torch.arange(100, 164)[_q(q)],
}


@pytest.mark.parametrize(("queries", "keys"), [(16, 16), (8, 24)])
@pytest.mark.parametrize("name", MASKS)
def test_what_is_skipped_is_hidden_and_what_is_hidden_at_either_end_is_skipped(name, queries, keys):
    found = _attention(_Masked(MASKS[name]), queries, keys)
    mask = MASKS[name](queries, keys)
    kept = (mask if mask.dtype == torch.bool else mask > -1e4).expand(2, 4, queries, keys)[0, 0]
    query, key = torch.nonzero(kept, as_tuple=True)
    offsets = (key - query).tolist()
    low, high = min(offsets), max(offsets)
    reached = min(keys, queries + high)
    is_causal = high <= reached - queries
    assert (found.kv_len, found.is_causal) == (reached, is_causal)
    whole_band = sum(max(min(keys - 1, q + high) - max(0, q + low) + 1, 0) for q in range(queries))
    assert kept.sum() == whole_band  # every mask above is a band
    assert found.pairs >= whole_band
    if is_causal:  # a kernel that goes from the first key of the window to the last skips all else
        assert found.pairs == whole_band


def test_a_mask_of_lengths_hides_nothing_that_is_known():
    class Padded(torch.nn.Module):
        def forward(self, x, lengths):
            mask = torch.arange(x.shape[-2])[None, :] < lengths[:, None]
            return torch.nn.functional.scaled_dot_product_attention(x, x, x, attn_mask=mask[:, None, None, :])

    arrays = (torch.zeros(2, 4, 32, 8), torch.zeros(2, dtype=torch.long))
    nodes = gnomon.workload(gnomon.from_torch(Padded(), arrays)).nodes
    (found,) = (node.op for node in nodes if isinstance(node.op, Attention))
    assert not found.is_causal
    assert found.pairs == 32 * 32


def test_padding_beside_an_order_leaves_the_order():
    class Both(torch.nn.Module):
        def forward(self, x, padding):
            mask = (_k(x.shape[-2]) <= _q(x.shape[-2])) & padding[:, None, None, :]
            return torch.nn.functional.scaled_dot_product_attention(x, x, x, attn_mask=mask)

    arrays = (torch.zeros(2, 4, 32, 8), torch.zeros(2, 32, dtype=torch.bool))
    nodes = gnomon.workload(gnomon.from_torch(Both(), arrays)).nodes
    (found,) = (node.op for node in nodes if isinstance(node.op, Attention))
    assert found.pairs == 32 * 33 / 2


@pytest.mark.parametrize(("queries", "keys", "pairs"), [(8, 24, 36), (24, 24, 300), (1, 24, 1)])
def test_is_causal_counts_from_the_first_key_as_torch_does(queries, keys, pairs):
    """torch's documentation of scaled_dot_product_attention: is_causal is a mask of ones.tril(diagonal=0)."""
    found = _attention(_Masked(lambda q, k: None, is_causal=True), queries, keys)
    assert found.pairs == pairs


def test_one_query_batch_on_many_of_keys_is_counted_for_each():
    assert _attention(_Masked(lambda q, k: None), 16, 32, batch=1, kv_batch=6).batch == 6


def test_grouped_heads_stay_grouped():
    found = _attention(_Masked(lambda q, k: None, enable_gqa=True), 16, 16, heads=8, kv_heads=2)
    assert (found.heads, found.kv_heads) == (8, 2)
