"""What launches operators, as a user says it, and the fitted host that stands behind the words."""

import json
from dataclasses import replace
from importlib.resources import files

import pytest

from gnomon.core.errors import BadInput
from gnomon.engines.training.calibration import calibration
from gnomon.formats.host import host_of
from gnomon.parallel.host import NO_HOST, eager_host, host_text


def test_a_host_is_a_frameworks_or_none_or_takes_a_time_for_each():
    assert host_of("eager") == eager_host()
    assert host_of("graphs") == NO_HOST
    assert host_of("20 us") == replace(eager_host(), op_s=20e-6)


@pytest.mark.parametrize("text", ["gpu", "20 GB", "-1 us", "2 s", ""])
def test_what_is_no_host_is_refused_with_the_words_that_are(text):
    with pytest.raises(BadInput, match="; or eager, or graphs"):
        host_of(text)


def test_the_host_and_the_interval_of_the_training_engine_are_of_one_fit():
    text = (files("gnomon.parallel") / "host.json").read_text()
    found = json.loads(text)
    assert (found["data"], found["sha256"]) == (calibration().data, calibration().sha256)
    assert text == host_text(eager_host(), data=found["data"], sha256=found["sha256"])
