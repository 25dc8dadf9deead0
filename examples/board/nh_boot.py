# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The boot guard: decides at each start which application runs, and goes back when a new one is bad.

It stands in the root directory, is never part of a release, and imports nothing of nerveshub_link,
so that neither an update of the library nor a new CircuitPython can break it. ``/boot.py``,
``/code.py`` and ``/safemode.py`` only call `boot`, `code` and `safemode`.

What it remembers (``/nh_a/state.bin``, ``nh_b``, ``nh_c``) is told in the library's record module,
what a slot holds (``/images/a/app.img``) in its slot_file. They share the formats with this file
and no code; a test holds them against each other. It is one file, though a long one: on a drive
that a power cut has torn, each file more is one that may be missing.

=======================================  ==========================================================
what it finds                            what runs
=======================================  ==========================================================
a confirmed slot                         that one
a slot on trial, starts left             that one; the start is counted before it is handed over
a slot on trial, 3 starts that failed,   the old slot, confirmed as it was; if it is torn or there
or not confirmed in time                 is none: the rescue application, ``/app``
5 crashes of a confirmed slot            the old slot, if there is a whole one
a slot whose image is torn               the other slot, else the rescue application
no record                                the newer whole slot, on trial
NERVESHUB_DEVELOP in settings.toml       ``/develop``, if there is a ``code.py`` in it
=======================================  ==========================================================
"""

import binascii
import json
import os
import struct
import time

STARTS = 3
"""Starts of a trial that may fail."""
CRASHES = 5
"""Crashes of a confirmed application, without ten steady minutes in between, until it goes back."""
LONGEST_WAIT = 600
"""Seconds between two resets out of safe mode, at the most; the first wait has 10."""
PAUSE = 30
"""Seconds before the next try, where nothing but the rescue application is left, or not even it."""

ROOT = __file__.rsplit("/", 1)[0].rstrip("/") if "/" in __file__ else ""
"""Where the drive is: ``""`` on a board, the folder of this file elsewhere."""
CRASHED, LATE, COUNTED = "/images", "/nh_b", "/nh_a"
"""
Where the guard starts after a crash, after a crash behind ten steady minutes, and if there is
nothing to count: `nh_run` tells why. Never in an application's folder: the guard's imports would
find the application's modules first.
"""

# Severest first: it breaks a tie.
_CLASSES = (("crashed", "ce"), ("hung", "h"), ("unconfirmed", "ur"), ("power", "p"))
_KINDS = (("run", str), ("old", str), ("ends", str), ("trial", int), ("crashes", int))
_SLOTS = {"run": ("a", "b", ""), "old": ("a", "b", "")}
_FILES = ("/nh_a/state.bin", "/nh_b/state.bin", "/nh_c/state.bin")
_OFFSET = 7 * 512
_SIZE = 15 * 512
_ROOM = 496


def boot() -> None:
    """For ``/boot.py``: let code write to the drive, unless settings.toml leaves it to the PC."""
    try:
        import storage  # noqa: PLC0415 only boards have it

        if not developing():
            storage.remount("/", readonly=False)
    except Exception as error:
        print("nh_boot:", error)  # into boot_out.txt; the board must start all the same
    # If anything ends the guard's own run, such as a Ctrl-C in the noise on a serial line, the
    # board shall not wait at its prompt.
    start_in("/")


def developing() -> bool:
    """
    Does NERVESHUB_DEVELOP leave the drive to the PC? What is neither on nor off does not: a board
    in the field must get its updates. The library's ``settings`` reads it by the same rules.
    """
    try:
        value = os.getenv("NERVESHUB_DEVELOP")  # text or int
    except ValueError:
        return False  # CircuitPython 10.1 reads nothing but texts in double quotes and integers
    return str(value).lower() in ("1", "true", "yes", "on")


def code() -> None:
    """For ``/code.py``: choose, count, hand over. Does not return on a board."""
    import supervisor  # noqa: PLC0415

    try:
        disarm()
        if not _develop():
            try:
                slot, trial = _prepare()
            except Exception as error:
                # Whatever it was, an application must run: a whole one, without any counting.
                print("nh_boot:", error)
                slot, trial = _whole("a") and "a" or _whole("b") and "b" or "", False
            _hand_over(slot, trial)
    except KeyboardInterrupt:
        if at_desk():
            raise SystemExit from None  # the only way to the prompt
        start_in(COUNTED)
    except Exception as error:
        print("nh_boot:", error)
        time.sleep(PAUSE)
        start_in(COUNTED)
    while True:
        supervisor.reload()  # takes effect a moment after the call


def _develop() -> bool:
    """With NERVESHUB_DEVELOP on, what is edited in ``/develop`` runs, and nothing is counted."""
    if not developing():
        return False
    if _size(ROOT + "/develop/code.py") is None:
        print("nh_boot: NERVESHUB_DEVELOP is on, but there is no /develop/code.py")
        return False
    return _set_next(ROOT + "/nh_run.py", ROOT + "/develop", False)


def at_desk() -> bool:
    """Is somebody there who may have pressed Ctrl-C? Else it was noise on a serial line."""
    import supervisor  # noqa: PLC0415

    return bool(supervisor.runtime.usb_connected or developing())


def start_in(folder: str) -> bool:
    """
    Let the guard be the next run, with ``folder`` as its current directory. That is a mark which
    costs no write to the flash, and is gone after a reset.
    """
    return _set_next(ROOT + "/code.py", ROOT + folder)


def _set_next(file: str, folder: str, again: bool = True) -> bool:
    """``again``: does the guard follow when that has ended? Else CircuitPython waits, as ever."""
    try:
        import supervisor  # noqa: PLC0415

        supervisor.set_next_code_file(
            file, working_directory=folder, reload_on_success=again, reload_on_error=again
        )
        return True
    except Exception as error:
        print("nh_boot:", file, folder, error)  # one of them is missing
        return False


def safemode() -> None:
    """For ``/safemode.py``: a fault is counted, and after a while the board starts again."""
    import microcontroller  # noqa: PLC0415

    try:
        import storage  # noqa: PLC0415
        import supervisor  # noqa: PLC0415

        storage.remount("/", readonly=False)
        state = load()
        count = state.get("safe", 0)
        # Wait first: after a brownout, writing to the flash at once is what loses drives.
        time.sleep(min(10 << min(count, 8), LONGEST_WAIT))
        state["safe"] = count + 1
        reason = supervisor.runtime.safe_mode_reason
        reasons = supervisor.SafeModeReason
        if reason == reasons.BROWNOUT:
            letter = "p"
        elif reason in (reasons.WATCHDOG, reasons.INTERRUPT_ERROR):
            letter = "h"
        else:
            letter = "c"
        text = "safe mode: " + str(reason).rsplit(".", 1)[-1]
        settle(state, letter, text)
        state["tb"] = text
        save(state)
    except Exception as error:
        print("nh_boot:", error)
        time.sleep(10)  # never at full speed
    finally:
        microcontroller.reset()


# What happened


def _prepare() -> tuple:
    """Which slot, and whether it is on trial. The record is written before this returns."""
    state = load()
    if state.get("make"):  # the first start of a prepared drive
        try:
            import nh_slots  # noqa: PLC0415 once in a board's life

            nh_slots.make(state)
        except Exception as error:
            print("nh_boot:", error)
    before = json.dumps(state)
    _mend(state)
    try:
        letter, text = _last_end()
    except Exception as error:
        letter, text = "p", "nh_boot: " + str(error)  # on trial, what is not known counts as well
    settle(state, letter, text)
    slot = decide(state, _whole, _uuid)
    trial = bool(slot and state.get("trial"))
    if json.dumps(state) != before:
        try:
            save(state)
        except Exception as error:
            print("nh_boot:", error)
            if trial and state.get("old") and _whole(state["old"]):
                slot, trial = state["old"], False  # a trial that can't be counted is none
    if letter == "c" and (not slot or not trial):
        time.sleep(min(1 << min(state.get("crashes", 0), 6), 60) if slot else PAUSE)
    elif letter in ("e", "s"):
        time.sleep(1)
    return slot, trial


def _mend(state: dict) -> None:
    """Drop what makes no sense, so that the rest counts. Nothing is confirmed by that."""
    for key, kind in _KINDS:
        value = state.get(key)
        if key in state and (not isinstance(value, kind) or value not in _SLOTS.get(key, (value,))):
            del state[key]
            if key == "trial":
                state[key] = 1


def _hand_over(slot: str, trial: bool) -> None:
    """Let the application in a slot be the next run; if anything is missing, the next best."""
    folder = ROOT + ("/images/" + slot if slot else "/app")
    if _woke_up():
        # Only this VM knows why, so the application runs in it.
        try:
            import nh_wake  # noqa: PLC0415

            nh_wake.run(folder, trial)
            return
        except Exception as error:
            print("nh_boot:", error)
    launchers = [ROOT + "/nh_trial.py"] if trial else []
    launchers.append(ROOT + "/nh_run.py")
    for place in (folder, ROOT + "/app") if slot else (folder,):
        for file in launchers:
            if _set_next(file, place):
                return
    if _set_next(ROOT + "/app/code.py", ROOT + "/app"):
        return
    time.sleep(PAUSE)
    start_in(COUNTED)  # perhaps another time


def _last_end() -> tuple:
    """How the start before this one ended: a letter, or "" if nothing is to blame; and words."""
    import microcontroller  # noqa: PLC0415
    import supervisor  # noqa: PLC0415

    reason, reasons = supervisor.runtime.run_reason, supervisor.RunReason
    here = _here()
    if reason in (reasons.AUTO_RELOAD, reasons.REPL_RELOAD) or _woke_up() or here == COUNTED:
        return "", ""  # somebody works on it, or it slept, or that is done
    if reason != reasons.STARTUP:
        traceback = (supervisor.get_previous_traceback() or "").strip()
        if not traceback and here not in (CRASHED, LATE):
            return "e", "the application ended"
        words = traceback or "the application crashed without a traceback: out of memory?"
        return "s" if here == LATE else "c", words
    reset, resets = microcontroller.cpu.reset_reason, microcontroller.ResetReason
    if reset == resets.WATCHDOG:
        return "h", "watchdog: the application did not call poll()"
    if reset == resets.SOFTWARE:
        return "r", ""
    return ("", "") if reset == resets.DEEP_SLEEP_ALARM else ("p", "")


def _here() -> str:
    """The folder in which the launcher has let this run start, without those above."""
    try:
        return "/" + os.getcwd().rsplit("/", 1)[-1]
    except OSError:
        return ""  # a power cut has torn the folder above


def _woke_up() -> bool:
    try:
        import alarm  # noqa: PLC0415 not every board has it

        return alarm.wake_alarm is not None
    except Exception:
        return False


def disarm() -> None:
    """A watchdog goes on after a crash: it must not bite the guard, or somebody at the prompt."""
    try:
        import microcontroller  # noqa: PLC0415

        microcontroller.watchdog.mode = None
    except Exception as error:
        print("nh_boot: the watchdog goes on:", error)


def settle(state: dict, letter: str, text: str) -> None:
    """
    Note in the record how the last start ended. ``"s"`` is a crash after ten steady minutes: it
    counts on trial only.
    """
    if state.get("trial"):
        ends = state.get("ends", "")
        if ends[-1:] != "?":
            return
        state["ends"] = ends[:-1] + ("c" if letter == "s" else letter)
    elif letter in ("c", "h") and state.get("run"):
        state["crashes"] = min(state.get("crashes", 0) + 1, CRASHES)
    elif letter != "s":
        return
    if letter and text:
        state["tb"] = text


def decide(state: dict, whole, uuid_of) -> str:
    """
    Choose what runs, and note it in the record.

    :param dict state: the record; changed
    :param whole: function of a slot: is its image there, byte for byte?
    :param uuid_of: function of a slot: the uuid of its release
    :return: ``"a"``, ``"b"``, or ``""`` for the rescue application
    """
    if "run" not in state:
        _guess(state, whole)
    run, old = state["run"], state.get("old", "")
    if not run:
        return ""
    if state.get("trial"):
        ends = state.get("ends", "")
        if len(ends) >= STARTS or ends[-1:] == "u":
            return _go_back(state, _class(ends), whole, uuid_of)
    elif state.get("crashes", 0) >= CRASHES and old and whole(old):
        return _go_back(state, "crashed", whole, uuid_of)
    if not whole(run):
        return _go_back(state, "torn", whole, uuid_of)
    if state.get("trial"):
        state["ends"] = state.get("ends", "") + "?"
    return run


def _class(ends: str) -> str:
    """What most of the starts died of; of two as frequent, the severer."""
    best, most = "", 0
    for name, letters in _CLASSES:
        count = sum(ends.count(letter) for letter in letters)
        if count > most:
            best, most = name, count
    return best


def _go_back(state: dict, why: str, whole, uuid_of) -> str:
    run = state["run"]
    other = "a" if run == "b" else "b"
    bad, known_bad = uuid_of(run), state.get("bad")
    if bad:
        state["bad"], state["why"] = bad, why
    state["rev"] = 1
    # A whole slot that is not the old one, or newer than what ran, was installed and not yet
    # tried: that is a trial. Unless it was given up before: else the two would take turns.
    trial = other != state.get("old") or _number(other) > _number(run)
    known_bad = trial and known_bad is not None and uuid_of(other) == known_bad
    state["run"] = other = other if whole(other) and not known_bad else ""
    state["old"], state["crashes"] = "", 0
    state["trial"], state["ends"] = (1, "?") if other and trial else (0, "")
    return other


def _guess(state: dict, whole) -> None:
    """All copies of the record are gone. What runs then must prove itself."""
    found = [(_number(slot), slot) for slot in ("a", "b") if whole(slot)]
    found.sort()
    state["run"] = found[-1][1] if found else ""
    state["old"] = found[0][1] if len(found) > 1 else ""
    state["trial"], state["ends"] = (1, "") if found else (0, "")


# The record


def load() -> dict:
    """The newest whole copy of the record; an empty dict if there is none."""
    newest = (0, {})
    for name in _FILES:
        copy = _read(name)
        if copy and copy[0] > newest[0]:
            newest = copy
    return newest[1]


def save(state: dict) -> None:
    """
    Write the oldest copy; the others stay. A file that is missing or has another length is left
    alone: to make it would write the FAT, and its place is lost.
    """
    last, oldest, path = 0, None, None
    for name in _FILES:
        copy = _read(name)
        number = copy[0] if copy else 0
        last = max(last, number)
        if (oldest is None or number < oldest) and _size(ROOT + name) == _SIZE:
            oldest, path = number, ROOT + name
    if path is None:
        raise OSError("no copy of the record can be written")
    text = json.dumps(state).encode()
    while len(text) > _ROOM and state.get("tb"):
        state["tb"] = state["tb"][16:]
        text = json.dumps(state).encode()
    if len(text) > _ROOM:
        raise ValueError("the record is too long")
    frame = struct.pack("<4sHHI", b"NHst", 1, len(text), last + 1) + text
    frame += struct.pack("<I", binascii.crc32(frame))
    sector = bytearray(512)
    sector[: len(frame)] = frame
    with open(path, "r+b") as file:
        file.seek(_OFFSET)
        file.write(sector)


def _size(path: str):
    try:
        return os.stat(path)[6]
    except OSError:
        return None


def _read(name: str):
    try:
        with open(ROOT + name, "rb") as file:
            file.seek(_OFFSET)
            data = file.read(512)
        magic, version, length, number = struct.unpack_from("<4sHHI", data, 0)
        end = 12 + length
        if magic == b"NHst" and version and end + 4 <= len(data):
            if struct.unpack_from("<I", data, end)[0] == binascii.crc32(data[:end]):
                values = json.loads(data[12:end].decode())
                return (number, values) if isinstance(values, dict) else None
    except Exception:
        pass
    return None


# The slots: a file each, with a header and a FAT image


def _whole(slot: str) -> bool:
    """Is there a release in a slot, byte for byte?"""
    header = _header(slot)
    return header is not None and _checksum(slot, header[1]) == header[2]


def _header(slot: str):
    """Number of the installation, length of the image, its CRC-32, texts; None: no release."""
    try:
        with open(ROOT + "/images/" + slot + "/app.img", "rb") as file:
            file.seek(_OFFSET)
            data = file.read(512)
        magic, version, length, number, image, _, crc = struct.unpack_from("<4sHHIIII", data, 0)
        if magic == b"NHsl" and version == 1 and length <= 416:
            if struct.unpack_from("<I", data, 508)[0] == binascii.crc32(data[:508]):
                return number, image, crc, data[92 : 92 + length]
    except Exception:
        pass
    return None


def _checksum(slot: str, length: int):
    try:
        buffer = bytearray(4096)
        view = memoryview(buffer)
        crc = 0
        with open(ROOT + "/images/" + slot + "/app.img", "rb") as file:
            file.seek(_OFFSET + 512)
            while length > 0:
                count = file.readinto(view[: min(length, 4096)])
                if not count:
                    return None
                crc = binascii.crc32(view[:count], crc)
                length -= count
        return crc
    except Exception:
        return None


def _uuid(slot: str):
    header = _header(slot)
    if header is None:
        return None
    texts = header[3]
    try:
        for _ in range(4):  # product, version, platform, architecture
            texts = texts[1 + texts[0] :]
        return texts[1:].decode()
    except (IndexError, UnicodeError):
        return None


def _number(slot: str) -> int:
    header = _header(slot)
    return header[0] if header else 0


def note(letter: str, error) -> None:
    """
    For the launcher: write how its run ended.

    :param str letter: as `settle` takes it; ``""``: the start that ends now uses up no trial
    :param error: the exception that ended it, or None
    """
    state = load()
    before = json.dumps(state)
    if letter:
        text = "the application ended after it had begun an update"
        if error is not None:
            import traceback  # noqa: PLC0415 after a crash only

            text = traceback.format_exception(type(error), error, error.__traceback__)
            text = "".join(text).strip()
            print(text)
        settle(state, letter, text)
    elif state.get("trial") and state.get("ends", "")[-1:] == "?":
        state["ends"] = state["ends"][:-1]
    if json.dumps(state) != before:
        save(state)
