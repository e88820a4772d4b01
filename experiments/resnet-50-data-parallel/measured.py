"""NCCL's ring all-reduce on HGX H100: 128 MiB, 256 MiB ... 2 GiB, microseconds by GPUs.

Read off the plots of ASTRA-sim's documentation, "Validation on GPU Systems - NCCL over HGX-H100 Systems" (commit 4a4dcf4), to 3 %.
"""

MIB = 2**20
SIZES_BYTES = tuple(128 * MIB * 2**at for at in range(5))
RING_US = {
    2: (387, 766, 1503, 2977, 5842),
    4: (597, 1133, 2224, 4445, 8629),
    8: (702, 1318, 2598, 5123, 10073),
}
