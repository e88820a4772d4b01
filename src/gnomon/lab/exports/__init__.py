"""Experiments for other programs, one file a format: results from a sealed run that is whole, and a workflow from a spec.

Nothing is written where the protocol's own files stand: an export is a copy, and never an authority.
"""
