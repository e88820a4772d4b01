"""Timeloop: its model of a given mapping, or its search for one."""
