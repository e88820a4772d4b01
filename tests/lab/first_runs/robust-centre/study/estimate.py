"""Estimate the centre of a drawn half of the readings, and leave it as JSON in the folder of the unit."""

import csv
import json
import os
import random
import statistics
import sys
from pathlib import Path

table, seed = Path(sys.argv[1]), int(sys.argv[2])
with table.open(newline="") as stream:
    readings = [float(row["reading"]) for row in csv.DictReader(stream)]
drawn = random.Random(seed).sample(readings, len(readings) // 2)
estimate = {"mean": statistics.fmean, "median": statistics.median}[os.environ["ESTIMATOR"]](drawn)
found = {"centre": {"estimate": estimate}, "drawn": [len(drawn), len(readings)]}
(Path(os.environ["GNOMON_ROOM"]) / "found.json").write_text(json.dumps(found))
