"""How a replica of a service lies on its devices, and the largest sizes of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gnomon.core.errors import BadInput
from gnomon.core.training_plan import Axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Devices of one replica, and whom it shares experts with. BadInput."""

    tensor: int = 1  # devices of a stage
    stages: int = 1  # of the pipeline
    # Devices that share the experts of a mixture: 1, and each expert is divided by `tensor`; or all devices of a stage, of
    # this replica and of others that step together with it.
    experts: int = 1

    def __post_init__(self) -> None:
        for name in ("tensor", "stages", "experts"):
            if getattr(self, name) < 1:
                raise BadInput(f"{getattr(self, name)} is not a positive whole number", field=name)
        if self.experts > 1 and self.experts % self.tensor:
            raise BadInput(
                f"{self.experts} devices that share experts are not a multiple of the {self.tensor} of a stage",
                field="experts",
            )

    @property
    def together(self) -> int:
        """Replicas that share experts, and hence run each step together."""
        return max(1, self.experts // self.tensor)

    @property
    def sizes(self) -> Mapping[Axis, int]:
        """Members along each axis of a plan."""
        return {"tp": self.tensor, "cp": 1, "dp": self.together, "pp": self.stages}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest step that a replica runs."""

    step_tokens: int  # of prompts and answers together
    requests: int  # running at once
    sequence_tokens: int  # prompt and answer of a request
    decode_tokens: int = 1  # that a step computes of a request which decodes: one, and those drafted
