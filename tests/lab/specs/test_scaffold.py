"""What `gnomon init` makes, and that it touches nothing that is there."""

import subprocess

import pytest

from gnomon.core.errors import BadInput
from gnomon.lab.repository import PROTECTED, root_of
from gnomon.lab.specs.new import new_spec
from gnomon.lab.specs.registration import sound
from gnomon.lab.specs.scaffold import FILES, FOLDERS, scaffold


def test_every_place_of_a_research_repository_is_made(tmp_path):
    made = scaffold(tmp_path / "deep" / "study")
    assert made.kept == ()
    assert all((made.root / folder).is_dir() for folder in FOLDERS)
    assert {name for name in PROTECTED if name != ".git"} <= set(FOLDERS) | set(FILES)
    assert (made.root / "README.md").read_text().startswith("# study\n")
    assert made.git == ""


def test_a_spec_has_its_place_in_it(tmp_path):
    scaffold(tmp_path)
    path = new_spec(tmp_path, "first")
    assert sound(path)[1].id == "exp-001-first"
    assert root_of(path) == tmp_path


def test_made_twice_it_is_the_same_and_what_was_written_stays(tmp_path):
    first = scaffold(tmp_path)
    (tmp_path / "QUESTIONS.md").write_text("mine")
    (tmp_path / "claims" / "README.md").unlink()
    again = scaffold(tmp_path)
    assert again.made == ("claims/README.md",)
    assert set(again.kept) == set(first.made) - {"claims/README.md"}
    assert (tmp_path / "QUESTIONS.md").read_text() == "mine"


def test_a_link_that_leads_nowhere_is_a_file_that_is_there(tmp_path):
    (tmp_path / "README.md").symlink_to(tmp_path / "elsewhere.md")
    assert "README.md" in scaffold(tmp_path).kept
    assert not (tmp_path / "elsewhere.md").exists()


@pytest.mark.parametrize("name", ["experiments", "data", "data/evaluation"])
def test_a_file_where_a_folder_is_to_be_is_refused_before_anything_is_made(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(BadInput, match=f"{name}: a file stands where a folder is to be"):
        scaffold(tmp_path)
    assert not (tmp_path / "README.md").exists()
    with pytest.raises(BadInput, match="a file, not a folder"):
        scaffold(tmp_path / name)


def test_git_is_begun_where_it_is_asked_for_and_once(tmp_path):
    assert scaffold(tmp_path / "r", git=True).git == "made"
    assert scaffold(tmp_path / "r", git=True).git == "there"
    assert scaffold(tmp_path / "r" / "inside", git=True).git == "there"
    assert not (tmp_path / "r" / "inside" / ".git").exists()
    listed = subprocess.run(
        ["git", "-C", str(tmp_path / "r"), "status", "--porcelain", "--untracked-files=all"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "data/evaluation/README.md" in listed
