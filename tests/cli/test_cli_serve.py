"""What `imagine serve` says at its start of settings that have no effect."""

from pathlib import Path

from imagine.cli.serve import _read


def test_a_folder_of_models_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    said = {"models": (str(tmp_path / "there"), str(tmp_path / "nonexist"))}
    assert _read(said, None)[1] == [f"there is no folder of models {tmp_path / 'nonexist'}"]
    assert _read({"home": str(tmp_path / "new")}, None)[1] == []
