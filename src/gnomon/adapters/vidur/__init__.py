"""Driving Vidur."""
