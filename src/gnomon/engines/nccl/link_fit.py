"""What measured collectives tell of one kind of link, kept in calibration.json."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib.resources import files

from gnomon.core.system import Dimension
from gnomon.stats.calibration import Calibration
from gnomon.stats.intervals import RatioBand

PROTOCOLS = ("LL", "LL128", "Simple")
NETWORK = "network"  # any level between nodes: rows know one of them


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFit:
    """How the library drives one kind of link. Seconds, and shares of the line rate."""

    launch_s: float  # of a collective on rings before its first step
    # NCCL's three protocols: of every 8 bytes that LL stores 4 are a flag, of every 128 of LL128 8, of Simple none [its
    # src/include/device.h]; each step's latency, and the share of Simple's rate that remains.
    hop_ll_s: float
    hop_ll128_s: float
    hop_simple_s: float
    share_ll: float
    share_ll128: float
    rate: float  # share of the line rate that Simple reaches in a ring of two
    ends: float  # steps that nothing hides
    fill_s: float  # start-up of each piece that Simple cuts an array into
    crowding: float  # exponent by which the rate of each falls with the members
    pairs_launch_s: float  # of an all-to-all in LL
    pairs_ll_bytes_per_s: float  # of one pair in LL
    pairs_simple_s: float  # launch of an all-to-all in Simple
    pairs_rate: float  # share of the line rate of an all-to-all of two
    pairs_ends: float  # of the share that a member keeps, what nothing hides
    pairs_crowding: float
    pairs_fill_s: float
    switch_s: float  # launch of an all-reduce in the switch
    switch_rate: float  # share of the line rate that it reaches
    send_s: float  # launch of a message
    send_rate: float  # share of the line rate of a message

    def protocols(self) -> tuple[tuple[float, float], ...]:
        """Latency of a step in seconds and share of Simple's rate, of each of PROTOCOLS."""
        return (
            (self.hop_ll_s, self.share_ll),
            (self.hop_ll128_s, self.share_ll128),
            (self.hop_simple_s, 1.0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFits:
    """What is fitted by kind of link, what it was fitted to, and the bands around predictions."""

    links: Mapping[str, LinkFit]
    fitted: Mapping[str, object]  # command, table, rows of each kind of link
    bands: Mapping[str, Calibration]

    def of(self, level: Dimension) -> LinkFit:
        """That of the level's kind of link; where it is not among them the geometric mean of its family, or of all."""
        return self.named(kind_of_link(level.name))

    def named(self, kind: str) -> LinkFit:
        """The same by kind of link."""
        if kind in self.links:
            return self.links[kind]
        family = kind.split()[0]
        alike = [f for name, f in self.links.items() if name.split()[0] == family]
        return pooled(alike or [f for name, f in self.links.items() if name != NETWORK])

    def knows(self, level: Dimension) -> bool:
        """Whether rows of that kind of link stand behind its numbers."""
        return kind_of_link(level.name) in self.links


def kind_of_link(name: str) -> str:
    """The kind of link that a level's name tells: "NVLink 4", "PCIe 5", "network"; the name itself where it tells none."""
    found = re.search(r"(NVLink|PCIe)\s*(\d)", name, re.IGNORECASE)
    if found is not None:
        return f"{'PCIe' if found[1].lower() == 'pcie' else 'NVLink'} {found[2]}"
    return NETWORK if re.search(r"infiniband|ethernet|roce|\bEFA\b|slingshot", name, re.IGNORECASE) else name


def pooled(several: Sequence[LinkFit]) -> LinkFit:
    """The geometric mean of each number over those that have it; 0 where none has."""

    def mean(values: list[float]) -> float:
        return math.exp(sum(map(math.log, values)) / len(values)) if values else 0.0

    return LinkFit(**{f.name: mean([v for one in several if (v := getattr(one, f.name)) > 0]) for f in fields(LinkFit)})


def parse(text: str) -> LinkFits:
    """What a calibration file holds. ValueError, KeyError or TypeError when it is damaged."""
    data = json.loads(text)
    bands = {
        kind: Calibration(**{**one, "bands": {name: RatioBand(**band) for name, band in one["bands"].items()}})
        for kind, one in data["bands"].items()
    }
    return LinkFits(
        links={kind: LinkFit(**one) for kind, one in data["fabrics"].items()}, fitted=data["fitted"], bands=bands
    )


def text_of(links: LinkFits) -> str:
    """The text of a calibration file."""
    found = {
        "fitted": dict(links.fitted),
        "fabrics": {kind: asdict(one) for kind, one in links.links.items()},
        "bands": {kind: asdict(one) for kind, one in links.bands.items()},
    }
    return json.dumps(found, indent=1) + "\n"


@cache
def shipped() -> LinkFits:
    """Those that come with Gnomon."""
    return parse((files(__package__) / "calibration.json").read_text(encoding="utf-8"))
