"""A decoder's graph, a system and sources of times -> what steps of serving take and how many blocks of KV cache fit."""
