"""A run as an RO-Crate: everything named is there, the digests hold, and each unit is an action."""

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from hashlib import sha256
from urllib.parse import unquote, unquote_to_bytes

import pytest

from gnomon.core.errors import BadInput
from gnomon.lab import export
from tests.lab.exports.runs import bytes_below, sealed

DATA = b"a\n1\n"
INPUT = {"path": "data/a b.csv", "sha256": sha256(DATA).hexdigest()}
FAILS = "[ {seed} != 2 ] || exit 3; cat 'data/a b.csv' > \"$GNOMON_ROOM/copy of it.csv\"; echo share=0.5"


def _sealed(root, **fields):
    (root / "data").mkdir(parents=True)
    (root / INPUT["path"]).write_bytes(DATA)
    return sealed(root, inputs=[INPUT], protocol__arms__1__command=FAILS, **fields)


@pytest.fixture(scope="module")
def crate(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    path = _sealed(root)
    before = bytes_below(root)
    export(path, "ro-crate", root / "crate")
    shutil.move(root / "crate", root.with_name("crate"))
    assert bytes_below(root) == before
    folder = root.with_name("crate")
    graph = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    return folder, {entity["@id"]: entity for entity in graph}, graph


def _references(value):
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            yield value["@id"]
        else:
            for item in value.values():
                yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def test_every_entity_is_there_once_and_everything_named_is_there(crate):
    _, entities, graph = crate
    assert len(entities) == len(graph)
    outside = {"https://w3id.org/ro/crate/1.1"}
    assert set(_references(graph)) - outside <= set(entities)


def test_the_root_says_what_a_crate_must(crate):
    _, entities, _ = crate
    about, root = entities["ro-crate-metadata.json"], entities["./"]
    assert (about["about"], about["conformsTo"]) == ({"@id": "./"}, {"@id": "https://w3id.org/ro/crate/1.1"})
    assert root["conformsTo"] == {"@id": "https://w3id.org/ro/wfrun/process/0.5"}
    assert all(root[key] for key in ("name", "description", "datePublished", "license", "hasPart", "mentions"))


def test_files_are_there_with_their_digests_and_no_other(crate):
    folder, entities, graph = crate
    files = {unquote(entity["@id"]): entity for entity in graph if entity["@type"] == "File"}
    there = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert set(there) - set(files) == {"ro-crate-metadata.json"}
    assert {name: sha256(there[name]).hexdigest() for name in files} == {
        name: one["sha256"] for name, one in files.items()
    }
    reached, left = set(), ["./"]
    while left:
        for part in _references(entities[left.pop()].get("hasPart", [])):
            reached.add(unquote(part))
            left.append(part)
    assert set(files) <= reached


def test_the_sealed_list_still_holds_in_the_crate(crate):
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    done = subprocess.run(["sha256sum", "-c", "--quiet", "MANIFEST.sha256"], cwd=crate[0], check=False)
    assert done.returncode == 0


def test_each_unit_is_an_action_with_instrument_objects_and_results(crate):
    _, entities, graph = crate
    actions = [entity for entity in graph if entity["@type"] == "CreateAction"]
    assert len(actions) == 14 == len(entities["./"]["mentions"])
    statuses = Counter(one["actionStatus"].rpartition("/")[2] for one in actions)
    assert statuses == {"CompletedActionStatus": 12, "FailedActionStatus": 2}
    (failed,) = [one for one in actions if one["name"] == "full: half/small/2"]
    assert failed["error"] == "exit 3"
    (one,) = [one for one in actions if one["name"] == "full: half/small/1"]
    assert "error" not in one
    assert one["startTime"] <= one["endTime"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", one["endTime"])
    assert entities[one["instrument"]["@id"]]["description"] == FAILS
    objects = [entities[item["@id"]] for item in one["object"]]
    assert [(item["name"], item.get("value")) for item in objects] == [
        ("inputs/data/a b.csv", None),
        ("size", 10),
        ("seed", 1),
    ]
    results = [unquote(item["@id"]).rpartition("/")[2] for item in one["result"]]
    assert {"copy of it.csv", "stdout.log"} <= set(results)


def test_an_input_that_changed_since_is_described_and_not_copied(tmp_path):
    path = _sealed(tmp_path / "a")
    (tmp_path / "a" / INPUT["path"]).write_bytes(b"other")
    written = export(path, "ro-crate", tmp_path / "crate")
    assert written.notes == ("data/a b.csv: its bytes are not what was registered any more: not in the crate",)
    assert not (tmp_path / "crate" / "inputs").exists()
    graph = json.loads((tmp_path / "crate" / "ro-crate-metadata.json").read_text())["@graph"]
    (gone,) = [entity for entity in graph if entity["@id"].startswith("#input/")]
    assert (gone["@type"], gone["sha256"]) == ("CreativeWork", INPUT["sha256"])


ODD = (
    b"a\nb",
    b"a\\nb",
    b"back\\slash",
    b"not utf-8 \xff",
    "line\u2028end\x0b\x85".encode(),
    b"100 %#?&+.txt",
    b"d\n/f\xfe",
)
WRITES_ODD = f"""
import os
room = os.fsencode(os.environ["GNOMON_ROOM"])
for name in {ODD!r}:
    path = os.path.join(room, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "wb").write(name)
os.symlink(b"nowhere \\xff", os.path.join(room, b"link \\n"))
os.symlink(b"two  spaces", os.path.join(room, b"link of  two"))
os.symlink(b"/", os.path.join(room, b"link to a folder"))
print("share=0.5")
"""


def test_files_of_any_name_are_copied_and_named_by_their_bytes(tmp_path):
    path = sealed(tmp_path / "a", protocol__arms__1__command=["{python}", "-c", WRITES_ODD])
    export(path, "ro-crate", tmp_path / "crate")
    graph = json.loads((tmp_path / "crate" / "ro-crate-metadata.json").read_text())["@graph"]
    top = os.fsencode(tmp_path / "crate")
    seen = Counter()
    for entity in (one for one in graph if one["@type"] == "File"):
        assert re.fullmatch(r"[A-Za-z0-9/._~%-]+", entity["@id"])
        name = unquote_to_bytes(entity["@id"])
        with open(os.path.join(top, name), "rb") as file:  # noqa: PTH118, PTH123 - bytes are what this is about
            raw = file.read()
        assert (sha256(raw).hexdigest(), str(len(raw))) == (entity["sha256"], entity["contentSize"])
        assert "\n" not in entity["name"]
        seen.update(odd for odd in ODD if name.endswith(b"/" + odd) and raw == odd)
    assert set(seen) == set(ODD)
    assert set(seen.values()) == {7}  # one of the minimum viable experiment, six of the full protocol
    links = {os.readlink(file) for file in (tmp_path / "crate").rglob("*") if file.is_symlink()}  # noqa: PTH115 - as text
    assert links == {os.fsdecode(b"nowhere \xff"), "two  spaces", "/"}
    entities = {entity["@id"] for entity in graph}
    assert set(_references(graph)) - {"https://w3id.org/ro/crate/1.1"} <= entities


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    path = _sealed(tmp_path / "a")
    (tmp_path / "crate").mkdir()
    (tmp_path / "crate" / "mine").write_text("x")
    before = bytes_below(tmp_path)
    for place in ("crate", "crate/mine"):
        with pytest.raises(BadInput, match="is there already"):
            export(path, "ro-crate", tmp_path / place)
    with pytest.raises(BadInput, match="the protocol keeps results"):
        export(path, "ro-crate", tmp_path / "a" / "results" / "crate")
    assert bytes_below(tmp_path) == before


def test_a_run_that_measured_nothing_is_a_crate_of_what_was_tried(tmp_path):
    path = _sealed(tmp_path / "a", sanity__0__command="false")
    assert export(path, "ro-crate", tmp_path / "crate").counts["actions"] == 1


def test_the_python_library_for_crates_reads_it(crate):
    rocrate = pytest.importorskip("rocrate.rocrate", reason="rocrate is not installed (pip install rocrate)")
    found = rocrate.ROCrate(crate[0])
    assert found.root_dataset["conformsTo"].id == "https://w3id.org/ro/wfrun/process/0.5"
    assert len(found.get_by_type("CreateAction")) == 14
    assert found.get("inputs/data/a%20b.csv") is not None
