import pytest

from gnomon.core.errors import BadInput
from gnomon.formats.strict import load_yaml, read_json, read_text


def test_a_document_comes_with_the_line_of_every_field():
    data, lines = load_yaml("a: 1\nb:\n  c: [5,\n    6]\n", "f.yaml")
    assert data == {"a": 1, "b": {"c": [5, 6]}}
    assert lines[("a",)] == 1
    assert lines[("b", "c")] == 3
    assert lines[("b", "c", 1)] == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: key 'a' is given twice, first on line 1"),
        ("a:\n  b: 1\n  b: 2\n", "f.yaml:3:3: key 'b' is given twice, first on line 2"),
        ("", "f.yaml: the file is empty"),
        ("# only a comment\n", "f.yaml: the file is empty"),
        ("a: [1, 2\n", "f.yaml:2:1: "),
        ("a:\n\tb: 1\n", "f.yaml:2:1: found character '\\t' that cannot start any token"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: but found another document"),
        ("a: !!python/object:os.system x\n", "f.yaml:1:4: could not determine a constructor"),
        ("a: 2020-99-99\n", "f.yaml: month must be in 1..12"),
        ("? [x]\n: 1\n", "f.yaml:1:3: a key must be plain text"),
        ("a: &x [*x]\n", "f.yaml:1:4: found unconstructable recursive node"),
        ("a: \x00\n", "f.yaml: unacceptable character #x0000"),
        ("[" * 3000 + "]" * 3000, "f.yaml: nested too deeply"),
    ],
)
def test_malformed_yaml_is_refused_with_its_place(text, message):
    with pytest.raises(BadInput) as fault:
        load_yaml(text, "f.yaml")
    assert str(fault.value).startswith(message)


def test_malformed_json_is_refused_with_line_and_column(tmp_path):
    file = tmp_path / "config.json"
    file.write_text('{"a": 1,\n "b" 2}')
    with pytest.raises(BadInput, match=r"config\.json:2:6: not JSON: Expecting ':' delimiter"):
        read_json(file)
    file.write_text("[" * 100_000)
    with pytest.raises(BadInput, match=r"config\.json: nested too deeply"):
        read_json(file)


def test_what_is_no_text_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"none\.yaml: no such file$"):
        read_text(tmp_path / "none.yaml")
    with pytest.raises(BadInput, match="a folder, not a file"):
        read_text(tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff")
    with pytest.raises(BadInput, match=r"bytes\.yaml: not text in UTF-8 \(byte 3\)"):
        read_text(tmp_path / "bytes.yaml")


def test_aliases_upon_aliases_are_read_without_unfolding_them():
    levels = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30))
    data, _ = load_yaml(f"a0: &a0 [x]\n{levels}\n", "bomb.yaml")
    assert len(data) == 30
