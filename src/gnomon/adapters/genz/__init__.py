"""Driving GenZ."""
