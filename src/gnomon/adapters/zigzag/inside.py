"""Runs in ZigZag's own Python: reads the files of its folder, writes result.json. Nothing of Gnomon's is imported here."""

import contextlib
import io
import json
import logging
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

if find_spec("six") is None:
    sys.exit("six is not there, which ZigZag imports and does not ask for")

import yaml
from zigzag.api import get_hardware_performance_zigzag
from zigzag.visualization.results.print_mapping import print_mapping


def main() -> None:
    """Search, and write down the best mapping with every term of its cost."""
    logging.disable(logging.CRITICAL)
    options = yaml.safe_load(Path("options.yaml").read_text())
    _, _, found = get_hardware_performance_zigzag(
        "workload.yaml",
        "accelerator.yaml",
        "mapping.yaml",
        opt=options["opt"],
        dump_folder="dump",
        loma_show_progress_bar=False,
    )
    best = found[0][1][0][0]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        print_mapping(best)
    levels = [
        {"operand": str(operand), "memory": level.memory_instance.name, "energy_pj": float(energy_pj)}
        for operand, energies_pj in best.mem_energy_breakdown.items()
        for level, energy_pj in zip(
            best.accelerator.memory_hierarchy.get_memory_levels(best.memory_operand_links.layer_to_mem_op(operand)),
            energies_pj,
            strict=False,  # a layer may use fewer levels than there are
        )
    ]
    result = {
        "version": version("zigzag-dse"),
        "cycles": float(best.latency_total2),
        "ideal_cycles": float(best.ideal_cycle),
        "compute_cycles": float(best.ideal_temporal_cycle),
        "stall_cycles": float(best.stall_slack_comb),
        "load_cycles": float(best.data_onloading_cycle),
        "store_cycles": float(best.data_offloading_cycle),
        "energy_pj": float(best.energy_total),
        "units_pj": float(best.mac_energy),
        "levels": levels,
        "mapping": said.getvalue(),
    }
    Path("result.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
