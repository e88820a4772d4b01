"""The ledger of claims: what others published as a hypothesis, until an experiment decides it.

from gnomon.lab import claims
for entry in claims.ledger(Path(".")):
    ...
for found in claims.check(Path(".")):  # what sealed results say of each claim that names a test
    claims.update(found)
"""

from gnomon.lab.claims.check import Checked, check, update
from gnomon.lab.claims.claim import KINDS, RELATIONS, STATUSES, Claim
from gnomon.lab.claims.ledger import Entry, add, ledger, own, shipped, take_over
from gnomon.lab.claims.report import markdown, report

__all__ = [
    "KINDS",
    "RELATIONS",
    "STATUSES",
    "Checked",
    "Claim",
    "Entry",
    "add",
    "check",
    "ledger",
    "markdown",
    "own",
    "report",
    "shipped",
    "take_over",
    "update",
]
