"""What NCCL's all-reduce takes on HGX H100, and what ASTRA-sim's documentation plots and says beside it.

Microseconds of a ring all-reduce of 128 MiB, 256 MiB ... 2 GiB, by GPUs, read off the plots of the page "Validation on GPU
Systems - NCCL over HGX-H100 Systems" (ASTRA-sim documentation, commit 4a4dcf4) to 3 %; the page has no table.
"""

from statistics import geometric_mean

MIB = 2**20
SIZES_BYTES = tuple(128 * MIB * 2**at for at in range(5))
READING = 0.03  # how far off a figure may have been read
MEASURED_US = {
    2: (387, 766, 1503, 2977, 5842),
    4: (597, 1133, 2224, 4445, 8629),
    8: (702, 1318, 2598, 5123, 10073),
}
# The simulated curve of the same plots. Which configuration made it is not said.
PLOTTED_US = {
    2: (330, 667, 1348, 2703, 5336),
    4: (520, 1047, 2062, 4129, 8026),
    8: (628, 1219, 2414, 4778, 9371),
}
GPUS = tuple(MEASURED_US)


def errors(times_us: dict[int, tuple[float, ...]], measured_us: dict[int, tuple[float, ...]]) -> dict[int, list[float]]:
    """Signed, in per cent of the measured times, by GPUs."""
    return {
        gpus: [100 * (found / true - 1) for found, true in zip(times_us[gpus], measured_us[gpus], strict=True)]
        for gpus in GPUS
    }


def geomean(signed: list[float]) -> float:
    """Geometric mean of the absolute errors, in per cent; one that is nil counts as a millionth of a per cent."""
    return geometric_mean([max(abs(one), 1e-6) for one in signed])


def mean(signed: list[float]) -> float:
    """Arithmetic mean of the absolute errors, in per cent."""
    return sum(abs(one) for one in signed) / len(signed)
