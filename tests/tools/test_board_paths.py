# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Nothing of a simulated drive ever leaves its folder, and an operator's restarts restart it."""

import base64
import os
import shutil

import pytest
from nerveshub_tools.server import HubThread
from nerveshub_tools.simulated_board import make_drive
from support.board import META, TIMEOUT, application, new_drive, running
from support.ca import ThrowawayCa
from test_hub_demo import simulated

BOARD = "0123456789ab"

PATHS = """
import io, os, ssl, sys
def refuses(function, *paths):
    try:
        function(*paths)
    except OSError as error:
        return "CIRCUITPY" not in str(error)  # no word of this computer's folders
def write(path, text="mine"):
    with open(path, "w") as file:
        file.write(text)

# Whether it is there or not, a path is one of the drive.
os.mkdir("/uploads")
write("/uploads/a")
write("/new.txt")
assert "new.txt" in os.listdir("/") and "etc" not in os.listdir("/")
assert refuses(open, "/etc/passwd") and refuses(os.stat, "/etc") and refuses(os.listdir, "/usr")
assert refuses(open, "{outside}/secret") and refuses(write, "{outside}/left")

# Nothing is above it.
os.chdir("/uploads")
assert refuses(open, "../../secret") and refuses(open, "/../secret")
write("../../../above.txt")
assert "above.txt" in os.listdir("/../..")
os.chdir("../../..")
assert os.getcwd() == "/", os.getcwd()
os.chdir("/images/a")
assert refuses(open, "../../../secret") and refuses(os.rename, "/new.txt", "/none/../x/y")
os.rename("../../new.txt", "/../moved.txt")

# A link leads nowhere, and none can be made.
assert refuses(open, "/link") and refuses(os.stat, "/link/secret") and refuses(os.listdir, "/link")
assert refuses(write, "/link/left") and refuses(write, "/dangling") and refuses(open, "/file")
assert refuses(os.symlink, "{outside}", "/mine") and refuses(os.link, "/moved.txt", "/mine")

# By whatever name it is called.
assert refuses(io.open, "{outside}/secret") and refuses(os.open, "{outside}/secret", os.O_RDONLY)
assert refuses(os.scandir, "{outside}") and refuses(open, b"{outside}/secret")
import pathlib
assert refuses(pathlib.Path("{outside}/secret").read_text)

# Modules: those of the drive, and this computer's own.
sys.path.append("/../lib/../more")
sys.path.append("/link")
import more_of_it
import colorsys
try:
    import linked
    raise AssertionError("a module outside of the drive")
except ImportError:
    pass

# Certificates.
context = ssl.create_default_context(cafile="/certs/ca.pem")
context.load_cert_chain("/certs/cert.pem", "/certs/key.pem")
context.load_verify_locations("/certs/ca.pem")
assert refuses(context.load_cert_chain, "{outside}/cert.pem", "{outside}/key.pem")
print("nothing left")
"""


def test_no_path_of_a_board_leads_out_of_its_drive(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("secret", "linked.py"):
        (outside / name).write_text("secret = 1\n")
        shutil.copy(outside / name, tmp_path / name)
    drive = new_drive(tmp_path, PATHS.replace("{outside}", str(outside)))
    (drive / "more").mkdir()
    (drive / "more" / "more_of_it.py").write_text("")
    (drive / "link").symlink_to(outside)
    (drive / "dangling").symlink_to(outside / "left")
    (drive / "file").symlink_to(outside / "secret")
    (drive / "certs").mkdir()
    ca = ThrowawayCa(tmp_path)
    for name, source in zip(("cert.pem", "key.pem"), ca.issue_device("d")):
        shutil.copy(source, drive / "certs" / name)
        shutil.copy(source, outside / name)
    (drive / "certs" / "ca.pem").write_text(ca.pem)
    with running(drive) as (_, events):
        events.until("started", file="/nh_run.py")
        ended = events.until("ended")
        assert ended["traceback"] is None, ended["traceback"]
    assert (drive / "uploads" / "a").read_text() == "mine"
    assert (drive / "moved.txt").exists() and (drive / "above.txt").exists()
    assert sorted(os.listdir(outside)) == ["cert.pem", "key.pem", "linked.py", "secret"]


def test_boot_out_txt_is_not_written_through_a_link(tmp_path):
    drive = new_drive(tmp_path, "print('runs')\n")
    elsewhere = tmp_path / "elsewhere"
    shutil.move(drive / "boot_out.txt", elsewhere)
    (drive / "boot_out.txt").symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    with running(drive) as (_, events):
        events.said("runs")
    assert elsewhere.read_bytes() == before
    assert b"boot.py output:" in (drive / "boot_out.txt").read_bytes()


SERVED = """
import time, wifi
from nerveshub_link import AppSlotWriter, Console, LocalShell, NervesHubLink
link = NervesHubLink.from_settings(
    wifi.radio, fwup_writer=AppSlotWriter(), console=Console(),
    extensions={"local_shell": LocalShell()}, client=None,
)
print("runs")
while True:
    link.poll()
    time.sleep(0.001)
"""


@pytest.fixture
def served(tmp_path):
    """A hub, and the drive of a board with a console and a shell."""
    with HubThread(product="demo") as hub:
        settings = {
            "NERVESHUB_HOST": hub.host,
            "NERVESHUB_PORT": str(hub.port),
            "NERVESHUB_SSL": "false",
            "NERVESHUB_PRODUCT_KEY": hub.product_key,
            "NERVESHUB_PRODUCT_SECRET": hub.product_secret,
        }
        app = application(tmp_path / "app", SERVED)
        yield hub, make_drive(tmp_path / "CIRCUITPY", app=app, meta=META, settings=settings)


def joined(hub, topic):
    """Wait for the console, or for the shell."""

    def is_there(hub):
        device = hub.device(BOARD)
        return "console" in device.topics if topic == "console" else topic in device.attached

    hub.wait(lambda hub: BOARD in hub.identifiers() and is_there(hub), TIMEOUT)


def upload(hub, identifier, name, data):
    """Send a file, as the operator's page does."""
    who = {"filename": name, "uploaded_by": 1}
    hub.push(identifier, "console", "file-data/start", who)
    chunk = {**who, "chunk": 0, "data": base64.b64encode(data).decode()}
    hub.push(identifier, "console", "file-data", chunk)
    hub.push(identifier, "console", "file-data/stop", who)
    received = "%d bytes received]" % len(data)
    hub.wait(lambda hub: received in hub.device(identifier).console, TIMEOUT)


def test_an_upload_lands_on_the_drive_and_restarts_restart_the_board(served):
    hub, drive = served
    had_uploads = os.path.exists("/uploads")
    with running(drive) as (_, events):
        joined(hub, "console")
        upload(hub, BOARD, "points.bin", b"1234567")
        assert (drive / "uploads" / "points.bin").read_bytes() == b"1234567"
        for topic, event, keys, how in (
            ("console", "dn", "import microcontroller\rmicrocontroller.reset()\r", "reset"),
            ("console", "dn", "import supervisor\rsupervisor.reload()\r", "reload"),
            ("extensions", "local_shell:shell_input", "reload\r", "reload"),
            ("extensions", "local_shell:shell_input", "reset\r", "reset"),
        ):
            joined(hub, "console" if topic == "console" else "local_shell")
            hub.push(BOARD, topic, event, {"data": keys})
            events.until("started", file="/nh_run.py")
            ended = events.until("ended")
            assert ended["how"] == how, ended
            hub.wait(lambda hub: not hub.device(BOARD).connected, TIMEOUT)
    assert os.path.exists("/uploads") == had_uploads


def test_what_an_operator_runs_on_a_simulated_device_sees_its_folder_only(tmp_path):
    (tmp_path / "secret").write_text("secret")
    with HubThread() as hub:
        options = {"ssl": False, "console": True, "host": hub.host}
        with simulated(hub, tmp_path / "device", **options) as (_, events):
            events.until("connected")
            hub.wait(lambda hub: "console" in hub.device("dev").topics, TIMEOUT)
            upload(hub, "dev", "../../points.bin", b"1234567")
            text = (
                "import os\nopen('/mine', 'w').close()\n"
                "print(os.getcwd(), sorted(os.listdir('/')))\n"
                "try:\n    open('../secret')\nexcept OSError as error:\n    print(error)\n"
            )
            ref = hub.run_script("dev", text)
            hub.wait(lambda hub: hub.script_answer("dev", ref), TIMEOUT)
            answer = hub.script_answer("dev", ref)
    assert answer.startswith("/ ['mine', 'uploads']\n[Errno 2] No such file"), answer
    assert (tmp_path / "device" / "uploads" / "points.bin").read_bytes() == b"1234567"
