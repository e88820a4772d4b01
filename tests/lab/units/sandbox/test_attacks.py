"""What a hostile unit tries is denied by the kernel and recorded, and the run goes on."""

from __future__ import annotations

import os

import pytest

from tests.lab.units.sandbox.attacks import ATTACKS, SPEC
from tests.lab.units.sandbox.conftest import besieged

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("sieges"),
]  # whole sandboxes are started for all attacks together: once, and by one worker

_WHO = ("root", "user")
_ME = ("root",) if os.geteuid() == 0 else ("user",)
_DAEMON, _OTHER_ROOM = "leaves_a_process_that_writes_later", "writes_in_the_room_of_another"


@pytest.mark.parametrize("who", _WHO)
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_sandbox_denies_and_records_a_unit_that(attack: str, who: str) -> None:
    found = besieged("sandbox", who)["attacks"][attack]
    assert found["changed"] == []
    _assert_denied(attack, found)
    _assert_recorded(attack, found)
    assert found["next_one"] == ["exited", 0]


@pytest.mark.parametrize("who", _WHO)
@pytest.mark.parametrize("attack", ATTACKS)
def test_landlock_alone_keeps_contents_from_a_unit_that(attack: str, who: str) -> None:
    found = besieged("landlock", who)["attacks"][attack]
    assert found["changed_contents"] == []
    if ATTACKS[attack].contents:
        assert found["changed"] == []
        _assert_denied(attack, found)
    _assert_recorded(attack, found)
    assert found["next_one"] == ["exited", 0]


@pytest.mark.parametrize("who", _ME)
@pytest.mark.parametrize("attack", [each for each in ATTACKS if each != _OTHER_ROOM])
def test_bubblewrap_alone_denies_a_unit_that(attack: str, who: str) -> None:
    found = besieged("bubblewrap", who)["attacks"][attack]
    assert found["changed"] == []
    _assert_recorded(attack, found)
    assert found["how"] == "exited"
    assert found["next_one"] == ["exited", 0]


@pytest.mark.parametrize("who", _WHO)
@pytest.mark.parametrize("attack", ["changes_its_mode", "changes_its_times", "sets_an_attribute"])
def test_landlock_alone_does_not_cover_a_unit_that(attack: str, who: str) -> None:
    found = besieged("landlock", who)["attacks"][attack]
    assert SPEC in found["changed"]
    assert SPEC not in found["changed_contents"]


@pytest.mark.parametrize("who", _ME)
def test_bubblewrap_alone_does_not_cover_a_unit_that_writes_in_the_room_of_another(who: str) -> None:
    found = besieged("bubblewrap", who)["attacks"][_OTHER_ROOM]
    assert [path.rsplit("/", 1)[-1] for path in found["changed_contents"]] == ["result"]
    _assert_recorded(_OTHER_ROOM, found)


def _assert_denied(attack: str, found: dict) -> None:
    assert found["came"], found["stderr"]
    assert found["how"] == "exited"
    assert found["signals"] == 0
    if attack == _DAEMON:
        assert not found["late"]
    else:
        assert [what for what, came in found["came"] if came == "done"] == []


def _assert_recorded(attack: str, found: dict) -> None:
    """A process that was left is named as such; all else that was attempted is an event."""
    assert found["came"], found["stderr"]
    if attack == _DAEMON:
        assert len(found["leftovers"]) == 1
        return
    wanted = [(ATTACKS[attack].aim, ATTACKS[attack].target.format(supervisor=found["supervisor"]))]
    if attack == "hides_what_it_does":
        wanted.append(("protected", SPEC))  # from root outside of a sandbox nothing is hidden
    assert any(
        (aim, True) == (met, target.endswith(end)) for aim, end in wanted for _, met, target in found["events"]
    ), found
