# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The stand-ins for a board's modules behave as CircuitPython 10 does, traps included."""

import os

import pytest
from nerveshub_tools import board_settings, fat_image
from nerveshub_tools.board_modules import WATCHDOG_MODES, Board, DeepSleepRequest, IDFError
from nerveshub_tools.board_storage import Mounts
from support import machine

RESET, RAISE = WATCHDOG_MODES.RESET, WATCHDOG_MODES.RAISE


@pytest.fixture(name="board")
def installed_board():
    made = Board()
    made.install()
    yield made
    made.uninstall()


@pytest.fixture(name="dog")
def armed_watchdog(board):
    board.watchdog.timeout = 90
    board.watchdog.mode = RESET
    return board.watchdog


# microcontroller.watchdog


def test_a_new_timeout_while_it_is_armed_raises_and_is_in_force(dog):
    with pytest.raises(OSError) as caught:
        dog.timeout = 8
    assert isinstance(caught.value, IDFError)
    assert dog.timeout == 8
    assert dog.mode == RESET


def test_disarmed_first_it_takes_another_timeout_and_mode(dog):
    dog.mode = None
    dog.timeout = 8
    dog.mode = RAISE
    assert (dog.timeout, dog.mode) == (8, RAISE)


def test_from_one_mode_to_the_other_it_must_be_disarmed_first(dog):
    dog.mode = RESET  # no change, no error
    with pytest.raises(OSError):
        dog.mode = RAISE
    assert dog.mode == RESET


def test_there_is_no_deinit_and_feeding_it_while_it_is_off_is_silent(board):
    assert not hasattr(board.watchdog, "deinit")
    board.watchdog.feed()
    assert board.fed == 0


@pytest.mark.parametrize(
    "error, mode",
    [(None, None), (KeyboardInterrupt(), None), (ValueError(), RESET), (SystemExit(), RESET)],
    ids=repr,
)
def test_it_outlives_a_run_that_ends_with_an_exception_but_ctrl_c(board, dog, error, mode):
    board.ended(error, error and "Traceback")
    assert dog.mode == mode


def test_a_reload_disarms_it(board, dog):
    board.reloaded()
    assert dog.mode is None


# supervisor


def test_the_next_code_file_and_its_folder_must_exist(board, tmp_path):
    import supervisor

    (tmp_path / "nh_run.py").touch()
    file = str(tmp_path / "nh_run.py")
    with pytest.raises(ValueError, match="File not found"):
        supervisor.set_next_code_file(str(tmp_path / "other.py"))
    with pytest.raises(ValueError, match="Invalid working_directory"):
        supervisor.set_next_code_file(file, working_directory=str(tmp_path / "none"))
    assert board.next_code is None
    supervisor.set_next_code_file(file, working_directory=str(tmp_path), reload_on_error=True)
    assert board.take_next_code() == (file, str(tmp_path), False, True)
    assert board.take_next_code() is None


@pytest.mark.parametrize(
    "error, told",
    [
        (ValueError("a bug"), "Traceback:\r\nValueError: a bug\r\n"),
        (MemoryError(), None),
        (None, None),
    ],
    ids=repr,
)
def test_the_traceback_is_told_once_and_not_after_memory_ran_out(board, error, told):
    import supervisor

    board.ended(error, "Traceback:\nValueError: a bug\n" if error else None)
    assert supervisor.get_previous_traceback() == told
    board.reloaded()
    assert supervisor.get_previous_traceback() is None


def test_a_drive_that_the_computer_has_can_be_remounted_in_boot_py_alone(board):
    import storage

    board.usb_connected = True
    board.take_next_code()
    with pytest.raises(RuntimeError, match="visible via USB"):
        storage.remount("/", readonly=False)
    board.boot()
    storage.remount("/", readonly=False)
    assert not storage.getmount("/").readonly


# storage.mount


class Blocks:
    """An image in memory as a block device."""

    def __init__(self, image):
        self._image = image
        self.broken = False

    def readblocks(self, number, buffer):
        """Fill the buffer, or say what went wrong; never an exception."""
        if self.broken:
            return -5
        buffer[:] = self._image[number * 512 : number * 512 + len(buffer)]
        return 0

    def count(self):
        """Number of blocks."""
        return len(self._image) // 512


IMAGE = fat_image.build({"code.py": b"pass", "lib/sensor.py": b"VALUE = 1"}).data


@pytest.fixture(name="mounts")
def board_that_mounts(tmp_path):
    """``storage``, and a folder to mount at."""
    shown = machine.Images()
    mounted = Mounts(shown)
    made = Board(mounts=mounted)
    made.install()
    (tmp_path / "slot").mkdir()
    import storage

    yield storage, str(tmp_path / "slot"), mounted, shown
    mounted.unmount_all()
    made.uninstall()


def test_an_image_is_mounted_to_be_read_and_gone_at_the_end_of_the_run(mounts):
    storage, path, mounted, shown = mounts
    image = storage.VfsFat(Blocks(IMAGE))
    storage.mount(image, path, readonly=True)
    assert sorted(os.listdir(path)) == ["code.py", "lib"]
    assert storage.getmount(path) is image and image.readonly
    assert shown.holds(path + "/lib/sensor.py") and not shown.holds(path + "2")
    mounted.unmount_all()
    assert os.listdir(path) == [] and not shown.holds(path)


def test_the_folder_to_mount_at_must_be_there_and_free(mounts):
    storage, path, _, _ = mounts
    with pytest.raises(RuntimeError, match="Mount point directory missing"):
        storage.mount(storage.VfsFat(Blocks(IMAGE)), path + "/missing")
    storage.mount(storage.VfsFat(Blocks(IMAGE)), path)
    for taken in (path, path + "/lib"):
        with pytest.raises(OSError) as caught:
            storage.mount(storage.VfsFat(Blocks(IMAGE)), taken)
        assert caught.value.errno == 1
    storage.umount(path)
    storage.mount(storage.VfsFat(Blocks(IMAGE)), path)


def test_what_is_not_mounted_is_an_invalid_argument(mounts):
    storage, path, _, _ = mounts
    image = storage.VfsFat(Blocks(IMAGE))
    for call in (storage.umount, storage.getmount, storage.remount):
        with pytest.raises(OSError) as caught:
            call(path)
        assert caught.value.errno == 22
    with pytest.raises(OSError):
        storage.umount(image)


@pytest.mark.parametrize("data", [bytes(4096), IMAGE[:512] + b"\xff" * 65024])
def test_what_is_no_file_system_is_told_by_the_mount_and_not_before(mounts, data):
    storage, path, _, _ = mounts
    image = storage.VfsFat(Blocks(data))
    with pytest.raises(OSError) as caught:
        storage.mount(image, path)
    assert caught.value.errno == 19


def test_a_device_that_can_t_be_read_is_an_input_output_error(mounts):
    storage, path, _, _ = mounts
    device = Blocks(IMAGE)
    image = storage.VfsFat(device)
    device.broken = True
    for call in (lambda: storage.VfsFat(device), lambda: storage.mount(image, path)):
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == 5


# alarm


def wake_alarm(board):
    board.take_next_code()
    board.install()
    import alarm

    return alarm.wake_alarm


def test_the_wake_alarm_belongs_to_the_first_run_after_the_start(board):
    board.boot("DEEP_SLEEP_ALARM")
    assert wake_alarm(board) is not None
    assert wake_alarm(board) is None
    board.woke_up()
    assert wake_alarm(board) is not None
    board.boot()
    assert wake_alarm(board) is None


def test_deep_sleep_is_no_exception_that_code_may_catch(board):
    import alarm

    with pytest.raises(DeepSleepRequest) as caught:
        alarm.exit_and_deep_sleep_until_alarms()
    assert not isinstance(caught.value, Exception)


# os.getenv

SETTINGS = r"""
# A comment = 1
TEXT = "a \"b\" \u00e9\n"  # and so on
NUMBER = 42
HEX=0x1F # 31
LATE = "first"
LATE = "second"
  INDENTED = "yes"
EMPTY =
FALSE = false
FLOAT = 1.5
SINGLE = 'x'
BEHIND = "a" b
OPEN = "a
QUOTED_NUMBER = "7"
[section]
BELOW = 1
"""
VOID = object()  # the default


@pytest.mark.parametrize(
    "key, old, new",
    [
        ("TEXT", 'a "b" é\n', 'a "b" é\n'),
        ("NUMBER", 42, "42"),
        ("HEX", 31, "0x1F"),
        ("LATE", "first", "first"),
        ("INDENTED", "yes", "yes"),
        ("EMPTY", ValueError, VOID),
        ("FALSE", ValueError, "false"),
        ("FLOAT", ValueError, "1.5"),
        ("SINGLE", ValueError, "'x'"),
        ("BEHIND", ValueError, VOID),
        ("OPEN", ValueError, VOID),
        ("QUOTED_NUMBER", "7", "7"),
        ("BELOW", VOID, VOID),
        ("NOT_THERE", VOID, VOID),
        ("NUMBE", VOID, VOID),
    ],
)
def test_settings_are_read_as_both_versions_read_them(tmp_path, key, old, new):
    file = tmp_path / "settings.toml"
    file.write_text(SETTINGS)
    assert board_settings.getenv(file, key, VOID, (10, 2)) == new
    if old is ValueError:
        with pytest.raises(ValueError):
            board_settings.getenv(file, key, VOID, (10, 1))
    else:
        assert board_settings.getenv(file, key, VOID, (10, 1)) == old


def test_without_a_file_there_are_no_settings(tmp_path):
    assert board_settings.getenv(tmp_path / "settings.toml", "ANY", circuitpython=(10, 1)) is None
