"""Runs in AccelForge's own Python: searches, writes result.json. Nothing of Gnomon's is imported here."""

import json
import os
from importlib.metadata import version
from pathlib import Path

# It draws every mapping that it finds, and forgets them all where Graphviz is not there: this answers in its place.
_DRAWING = "#!/bin/sh\necho '<svg xmlns=\"http://www.w3.org/2000/svg\"/>'\n"
_BEST = {
    "latency": lambda found: (found[0], found[1]),
    "energy": lambda found: (found[1], found[0]),
    "edp": lambda found: (found[0] * found[1], found[0]),
}


def main() -> None:
    """Search for the mappings of which none is better in time and energy; write down the one that is asked for."""
    programs = Path("programs").absolute()
    programs.mkdir()
    (programs / "dot").write_text(_DRAWING)
    (programs / "dot").chmod(0o755)
    os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    import accelforge

    options = json.loads(Path("options.json").read_text())
    specification = accelforge.Spec.from_yaml("specification.yaml")
    specification.mapper.metrics = accelforge.Metrics.LATENCY | accelforge.Metrics.ENERGY
    found = specification.map_workload_to_arch(print_progress=False)
    cycles = found.latency(list_if_one_mapping=True)
    both = list(zip(cycles, found.energy(list_if_one_mapping=True), strict=True))
    best = min(range(len(both)), key=lambda index: _BEST[options["objective"]](both[index]))
    energies = found.energy(per_component=True, per_tensor=True, list_if_one_mapping=True)
    apart = found.latency(per_component=True, list_if_one_mapping=True)
    result = {
        "version": version("accelforge"),
        "cycles": float(both[best][0]),
        "energy_pj": float(both[best][1]),
        "pareto": len(both),
        "component_cycles": {component: float(values[best]) for component, values in apart.items()},
        "parts": [
            {"component": component, "tensor": str(tensor), "energy_pj": float(values[best])}
            for (component, tensor), values in energies.items()
        ],
        "mapping": found.data.iloc[best]["Total<SEP>mapping"]().compact_str(),
    }
    Path("result.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
