"""What can become of an experiment besides a sealed and valid run, each with the exit code that it ends in."""

from __future__ import annotations

from gnomon.core.errors import BadInput, GnomonError


class SpecInvalid(BadInput):
    """The spec is not one that can be run; every fault on a line of its own."""


class Aborted(GnomonError):
    """An abort criterion of the spec fired."""

    exit_code = 10


class BudgetStop(GnomonError):
    """The budget is spent."""

    exit_code = 11


class ProtocolViolation(GnomonError):
    """Something was done that the protocol forbids."""

    exit_code = 12


class MissingMetrics(GnomonError):
    """Metrics that the spec declares have no value."""

    exit_code = 13


class Tampered(GnomonError):
    """Sealed or chained bytes are not what they were."""

    exit_code = 14


class NotRegistered(GnomonError):
    """The spec was not registered, or was edited afterwards."""

    exit_code = 15


class PreflightFailed(GnomonError):
    """Inputs, environment or enforcement are not what the spec asks for."""

    exit_code = 16


class SanityFailed(GnomonError):
    """A sanity check failed before anything was measured."""

    exit_code = 17


class BaselineNotReproduced(GnomonError):
    """The baseline is not within its tolerance: the treatment cannot start."""

    exit_code = 18


class MveFailed(GnomonError):
    """The minimum viable experiment did not pass."""

    exit_code = 19


class Locked(GnomonError):
    """Another runner is at work on the run."""

    exit_code = 75


class OutOfSpace(GnomonError):
    """The disk is full; the run can be resumed when it is not."""

    exit_code = 130


class OutOfTime(GnomonError):
    """The machine's time limit ended the run."""

    exit_code = 124
