import pytest

from gnomon.core.errors import BadInput
from gnomon.formats.device_file import parse_device
from gnomon.formats.system_file import parse_system


@pytest.mark.parametrize(("kind", "parse"), [("device", parse_device), ("system", parse_system)])
def test_a_file_of_a_later_version_asks_for_a_later_gnomon_in_one_line(kind, parse):
    with pytest.raises(BadInput) as fault:
        parse(f"# mine\nschema: gnomon/{kind}/9\nunheard_of: 1\n", "f.yaml")
    assert str(fault.value) == (
        f"f.yaml:2: schema: gnomon/{kind}/9 is newer than this Gnomon reads (gnomon/{kind}/1): "
        "`git pull` in your clone of Gnomon"
    )


def test_a_file_of_an_earlier_version_says_how_to_mend_it():
    with pytest.raises(BadInput, match="and mend what `gnomon check f"):
        parse_device("schema: gnomon/device/0\n", "f.yaml")
