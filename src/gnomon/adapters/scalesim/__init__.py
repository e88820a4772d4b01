"""SCALE-Sim: a systolic array, cycle by cycle, in one dataflow."""
