"""The archive of a run: whole, or not at all."""

import tarfile

import pytest

from wattscan.bench import bundle
from wattscan.bench.bundle import write_bundle
from wattscan.bench.record import Record, write_record
from wattscan.contracts import WattscanError


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    (folder / "recording.om").write_text("up{} 1 900.000\n# EOF\n")
    return folder


def content(archive, name):
    with tarfile.open(archive) as packed:
        member = packed.getmember(name)
        assert member.isfile()
        return packed.extractfile(member).read().decode()


def test_it_lies_beside_the_folder_and_names_the_run(folder, monkeypatch):
    monkeypatch.chdir(folder)
    archive = write_bundle(type(folder)("."), "20261128T000000Z-cpu-quick")
    assert archive == folder.parent / "one.tar.gz"
    assert "cite run 20261128T000000Z-cpu-quick" in content(archive, "one/CITATION.md")
    assert {path.name for path in folder.parent.iterdir()} == {"one", "one.tar.gz"}


def test_a_recording_that_is_a_link_is_packed_whole(folder):
    recording = folder / "recording.om"
    text = recording.read_text()
    recording.rename(folder.parent / "elsewhere.om")
    recording.symlink_to("../elsewhere.om")
    (folder / "tables.md").hardlink_to(folder.parent / "elsewhere.om")
    archive = write_bundle(folder)
    assert content(archive, "one/recording.om") == content(archive, "one/tables.md") == text


def test_without_a_recording_an_earlier_archive_stays(folder):
    archive = write_bundle(folder)
    before = archive.read_bytes()
    (folder / "recording.om").unlink()
    with pytest.raises(WattscanError, match=r"there is no recording\.om in .*one"):
        write_bundle(folder)
    assert archive.read_bytes() == before


def test_one_that_cannot_be_written_leaves_the_earlier_one(folder, monkeypatch):
    archive = write_bundle(folder)
    before = archive.read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle.tarfile.TarFile, "addfile", full)
    with pytest.raises(WattscanError, match="cannot be written: No space left"):
        write_bundle(folder)
    assert archive.read_bytes() == before
    assert {path.name for path in folder.parent.iterdir()} == {"one", "one.tar.gz"}


def test_it_says_nothing_of_its_makers_disk(folder):
    record = Record(
        target="cpu", profile="quick", scenario="SingleStream", tasks=("chest-xray",), seed=1,
        models="/home/somebody/models", rate=20.0, sysfs="/sys",
        workload={"images": "/data/patients/mueller"},
        generator=("--token-file", "/home/somebody/secret/token"),
    )  # fmt: skip
    write_record(folder, record)
    (folder / "loadgen.log").write_text("there is no image in /data/patients/mueller/chest-xray\n")
    archive = write_bundle(folder)
    told = content(archive, "one/run.json") + content(archive, "one/loadgen.log")
    assert "/data/patients" not in told and "/home/somebody" not in told
    assert '"images": "mueller"' in told and "no image in mueller/chest-xray" in told
