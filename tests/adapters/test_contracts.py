"""Every adapter keeps the contract of adapters."""

import json
import re

from gnomon.adapters.accelforge.adapter import AccelForge
from gnomon.adapters.scalesim.adapter import ScaleSim
from gnomon.adapters.timeloop.adapter import Timeloop
from gnomon.adapters.zigzag.adapter import ZigZag
from gnomon.testing import AdapterContract
from tests.adapters.asked import QUESTIONS, recorded
from tests.adapters.timeloop_stand_in import stand_in


def _without_numbers(output):
    """An output of JSON with every number zero."""

    def zero(value):
        if isinstance(value, dict):
            return {key: zero(item) for key, item in value.items()}
        if isinstance(value, list):
            return [zero(item) for item in value]
        return 0.0 if isinstance(value, float) else value

    return {name: json.dumps(zero(json.loads(text))) for name, text in output.items()}


class TestZigZag(AdapterContract):
    tool = ZigZag()

    def recorded(self):
        return QUESTIONS["eyeriss_p"](), recorded("zigzag", "eyeriss_p")

    def zeroed(self):
        return _without_numbers(recorded("zigzag", "eyeriss_p"))


class TestAccelForge(AdapterContract):
    tool = AccelForge()

    def recorded(self):
        return QUESTIONS["eyeriss_p"](), recorded("accelforge", "eyeriss_p")

    def zeroed(self):
        return _without_numbers(recorded("accelforge", "eyeriss_p"))


class TestScaleSim(AdapterContract):
    tool = ScaleSim()

    def recorded(self):
        return QUESTIONS["tpu_p"](), recorded("scalesim", "tpu_p")

    def zeroed(self):
        return _without_numbers(recorded("scalesim", "tpu_p"))


class TestTimeloop(AdapterContract):
    tool = Timeloop()

    def recorded(self):
        return QUESTIONS["halo"](), recorded("timeloop", "halo")

    def zeroed(self):
        output = recorded("timeloop", "halo")
        return output | {"stats.txt": re.sub(r"(?m)^Cycles: .*$", "Cycles: 0", output["stats.txt"])}

    def stand_in(self, folder, script, monkeypatch):
        stand_in(folder, script, monkeypatch)
