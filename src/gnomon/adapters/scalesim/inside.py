"""Runs in SCALE-Sim's own Python: simulates the layer, writes result.json. Nothing of Gnomon's is imported here."""

import csv
import json
import sys
from importlib.metadata import version
from pathlib import Path

if tuple(map(int, version("numpy").split(".")[:2])) >= (2, 3):
    sys.exit(f"numpy {version('numpy')} is there, with which SCALE-Sim fails when all is simulated; it needs numpy<2.3")

from scalesim.scale_sim import scalesim


def main() -> None:
    """Simulate, and write down its two reports. Its command line saves traces whatever is asked; this does not."""
    options = json.loads(Path("options.json").read_text())
    simulator = scalesim(
        save_disk_space=True,
        verbose=False,
        config="machine.cfg",
        topology="layers.csv",
        layout="layers.csv",  # must be there, and is not used
        input_type_gemm=options["is_product"],
    )
    simulator.run_scale(top_path="out")
    result: dict[str, object] = {"version": version("scalesim")}
    for report in ("COMPUTE_REPORT", "DETAILED_ACCESS_REPORT"):
        names, values = csv.reader(Path(f"out/run/{report}.csv").read_text().splitlines())
        result[report] = {
            name.strip(): float(value) for name, value in zip(names, values, strict=False) if name.strip()
        }
    Path("result.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
