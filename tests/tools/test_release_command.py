# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""``release`` brings a folder to a fleet, and names the setting where it can't."""

import pytest
from nerveshub_tools.packer import pack
from nerveshub_tools.release_settings import BadSettings, find, version_from_git
from support import checkout
from support.board import application
from support.fleet import META, Fleet

SETTINGS = """\
[tool.nerveshub_link]
app = "app"
product = "demo"
platform = "board"
architecture = "xtensa"
private-key = "known.priv"
group = "beta"
create = true
tags = ["roof"]
timeout = 5
"""


@pytest.fixture(name="fleet")
def hub_and_project(tmp_path, monkeypatch):
    with Fleet(tmp_path) as fleet:
        monkeypatch.chdir(tmp_path)
        application(tmp_path / "app", "print(1)\n")
        (tmp_path / "pyproject.toml").write_text(SETTINGS)
        yield fleet


def uuid_of(folder, version):
    """The uuid that a release of the folder will have."""
    return pack(folder / "app", folder / "twin.fw", {**META, "version": version}).uuid


# From the folder to the fleet


def test_release_packs_uploads_deploys_and_sees_the_fleet_run_it(fleet):
    uuid = uuid_of(fleet.folder, "1.1.0")
    fleet.hub.add_device("dev 1", tags=["roof"])
    fleet.hub.add_device("dev 2", tags=["cellar"])
    with fleet.device(nerves_fw_uuid=uuid, nerves_fw_version="1.1.0"):
        said = fleet.run("release", "--version", "1.1.0")
    assert f"packed {fleet.folder}/demo-1.1.0.fw: demo 1.1.0, {uuid}" in said
    assert f"uploaded demo 1.1.0: {uuid}" in said
    assert "made the group beta, switched on, for devices with tags roof" in said
    assert "dev 1: runs it, runs 1.1.0" in said
    assert said.endswith("the device runs 1.1.0")
    assert "dev 2" not in said
    (group,) = fleet.hub.deployments.values()
    assert (group.name, group.uuid, group.tags) == ("beta", uuid, ["roof"])


def test_release_ends_with_1_and_names_who_does_not_run_it(fleet):
    fleet.hub.add_device("dev 1", tags=["roof"])
    with fleet.device():
        said = fleet.run("release", "--version", "1.1.0", "--timeout", "0", code=1)
        assert "0 of 1 devices run 1.1.0" in said
        assert "dev 1 still runs 1.0.0 (updating): the time is over" in said


def test_no_watch_ends_at_once(fleet):
    said = fleet.run("release", "--version", "1.1.0", "--no-watch")
    assert said.endswith("beta: release 1, 1.1.0")


def test_another_release_of_the_same_version_is_refused_before_it_is_sent(fleet):
    fleet.run("release", "--version", "1.1.0", "--no-watch")
    assert "has this release already" in fleet.run("release", "--version", "1.1.0", "--no-watch")
    (fleet.folder / "app" / "code.py").write_text("print(2)\n")
    said = fleet.run("release", "--version", "1.1.0", "--no-watch", code=1)
    assert "NervesHub has demo 1.1.0 already, with other content" in said
    assert "Give another --version, or tag the commit" in said
    assert len(fleet.hub.firmwares) == 1


def test_the_version_is_that_of_the_tag_and_the_commit_is_told(fleet):
    committed(fleet.folder)
    checkout.git(fleet.folder, "tag", "v2.3.4")
    commit = checkout.git(fleet.folder, "rev-parse", "HEAD").strip()
    assert "demo 2.3.4" in fleet.run("release", "--no-watch")
    (firmware,) = fleet.hub.firmwares.values()
    assert firmware.meta["vcs_identifier"] == commit


def test_options_go_before_settings(fleet):
    fleet.run("release", "--version", "1.1.0", "--group", "g", "--output", "out", "--no-watch")
    assert (fleet.folder / "out" / "demo-1.1.0.fw").is_file()
    assert [group.name for group in fleet.hub.deployments.values()] == ["g"]


def test_a_release_may_lie_like_the_one_before_it(fleet):
    fleet.run("release", "--version", "1.1.0", "--no-watch")
    (fleet.folder / "app" / "lib").mkdir(exist_ok=True)
    (fleet.folder / "app" / "lib" / "new.py").write_text("#\n")
    lines = SETTINGS + 'like = "demo-1.1.0.fw"\n'
    (fleet.folder / "pyproject.toml").write_text(lines)
    meta = {**META, "version": "1.2.0"}
    uuid = pack(
        fleet.folder / "app",
        fleet.folder / "twin.fw",
        meta,
        like=fleet.folder / "demo-1.1.0.fw",
    ).uuid
    assert uuid != uuid_of(fleet.folder, "1.2.0")
    assert uuid in fleet.run("release", "--version", "1.2.0", "--no-watch")


# What is missing or wrong


@pytest.mark.parametrize(
    "name", ["app", "product", "platform", "architecture", "group", "private-key"]
)
def test_a_setting_that_is_missing_is_named_with_the_fix(fleet, name):
    file = fleet.folder / "pyproject.toml"
    lines = [line for line in SETTINGS.splitlines() if not line.startswith(name)]
    file.write_text("\n".join(lines))
    said = fleet.run("release", "--version", "1.1.0", code=1)
    assert f'{name} is not set: write {name} = "' in said
    assert f"under [tool.nerveshub_link] in {file}, or give --{name}" in said
    assert fleet.asked("POST") == []


def test_what_the_packer_refuses_sends_nothing(fleet):
    (fleet.folder / "app" / "key.pem").write_bytes(fleet.private.read_bytes())
    said = fleet.run("release", "--version", "1.1.0", code=1)
    assert "'key.pem' holds a private key" in said
    (fleet.folder / "app" / "key.pem").unlink()
    assert "--version must be like 1.2.3" in fleet.run("release", "--version", "1", code=1)
    said = fleet.run("release", "--version", "1.1.0", "--private-key", "none.priv", code=1)
    assert "none.priv: No such file or directory" in said
    assert fleet.asked("POST") == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("platfrom = 'x'", "has no setting 'platfrom'; did you mean platform?"),
        ("q = 1", "has no setting 'q'; there are app, architecture, author, create"),
        ("slot-size = '317'", "must be a whole number of KB, not '317'"),
        ("slot_size = true", "must be a whole number of KB, not True"),
        ("tags = 'roof'", "must be a list of texts"),
        ("create = 1", "must be true or false"),
        ("product = 7", "must be a text in quotes, not 7"),
        ("product = ", "can't be read"),
    ],
)
def test_a_setting_that_is_wrong_is_named(tmp_path, line, words):
    (tmp_path / "pyproject.toml").write_text(f"[tool.nerveshub_link]\n{line}\n")
    with pytest.raises(BadSettings) as caught:
        find(tmp_path)
    assert words in str(caught.value)
    assert str(tmp_path / "pyproject.toml") in str(caught.value)


def test_the_file_may_be_above_the_folder_and_paths_begin_at_it(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.nerveshub_link]\nprivate_key = "k.priv"\n')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (below.parent / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    found = find(below)
    assert found.root == tmp_path
    assert found.settings == {"private-key": str(tmp_path / "k.priv")}


# The version


def committed(folder):
    (folder / ".gitignore").write_text("*.fw\n*.priv\n")
    checkout.git(folder, "init", "-q")
    checkout.git(folder, "add", "-A")
    checkout.git(folder, "commit", "-q", "-m", "One")


@pytest.fixture(name="repository")
def folder_that_git_looks_after(tmp_path):
    (tmp_path / "code.py").write_text("print(1)\n")
    committed(tmp_path)
    return tmp_path


def test_commits_behind_a_tag_make_a_version_that_is_later(repository):
    commit = checkout.git(repository, "rev-parse", "--short", "HEAD").strip()
    for tag, version in (("1.2.3", "1.2.4-dev.1+g"), ("v2.0.0-rc.1", "2.0.0-rc.1.dev.1+g")):
        checkout.git(repository, "tag", tag)
        assert version_from_git(repository, find(repository))[0] == tag.removeprefix("v")
        checkout.git(repository, "commit", "-q", "--allow-empty", "-m", "Two")
        found, _ = version_from_git(repository, find(repository))
        assert found.startswith(version)
    assert commit not in found


def test_no_version_is_told_with_the_fix(repository, tmp_path_factory):
    project = find(repository)
    with pytest.raises(BadSettings, match="no tag like 1.2.3 .*: git tag 1.0.0 makes one. Or give"):
        version_from_git(repository, project)
    checkout.git(repository, "tag", "1.0")
    with pytest.raises(BadSettings, match="git's tag is not like 1.2.3"):
        version_from_git(repository, project)
    (repository / "new.py").write_text("")
    with pytest.raises(BadSettings, match="not committed, such as new.py: commit them. Or give"):
        version_from_git(repository, project)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with pytest.raises(BadSettings, match="git knows none of .* Or give --version"):
        version_from_git(elsewhere, find(elsewhere))
