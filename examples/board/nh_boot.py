# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The boot guard: decides at each start which application runs, and goes back if a new one fails.

It is in the root directory, is never part of a release, and imports nothing of nerveshub_link, so
that neither an update of the library nor a new CircuitPython can break it. ``/boot.py``,
``/code.py`` and ``/safemode.py`` only call `boot`, `code` and `safemode`.

The format of its record (``/nh_a/state.bin``, ``nh_b``, ``nh_c``) is documented in the library's
record module, that of a slot (``/images/a/app.img``) in its slot_file. These modules share no code
with this file; a test compares them. This file is long, since on a drive that a power cut has
damaged, each further file is one that may be missing.

=======================================  ==========================================================
situation                                what runs
=======================================  ==========================================================
a confirmed slot                         that slot
a slot on trial, starts left             that slot; the start is counted first
a slot on trial, 3 starts that failed,   the old slot, which stays confirmed; if there is no
or not confirmed in time                 complete one: the rescue application, ``/app``
5 crashes of a confirmed slot            the old slot, if there is one and it is complete; else the
                                         same slot again
a slot whose image is damaged            the other slot, else the rescue application
no record                                the newer complete slot, on trial
NERVESHUB_DEVELOP in settings.toml       ``/develop``, if it has a ``code.py``
=======================================  ==========================================================
"""

import binascii
import json
import os
import struct
import time

STARTS = 3
"""Starts of a trial; after them the guard goes back."""
CRASHES = 5
"""Crashes of a confirmed application until it goes back; ten steady minutes reset the count."""
LONGEST_WAIT = 600
"""Longest wait in seconds before a reset out of safe mode; the first wait is 10 seconds."""
PAUSE = 30
"""Seconds before the next try, if at most the rescue application is left."""

ROOT = __file__.rsplit("/", 1)[0].rstrip("/") if "/" in __file__ else ""
"""The drive's path: ``""`` on a board, the folder of this file elsewhere."""
CRASHED, LATE, COUNTED = "/images", "/nh_b", "/nh_a"
"""
The guard's current directory after a crash, after a crash later than ten minutes, and if there is
nothing to count: see `nh_run`. Never an application's folder, whose modules the guard's imports
would find first.
"""

# The most severe first, for a tie.
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
        print("nh_boot:", error)  # into boot_out.txt; the board must start nevertheless
    # If something ends the guard itself, such as a Ctrl-C in noise on a serial line, the guard must
    # start again, instead of a prompt.
    start_in("/")


def developing() -> bool:
    """
    Tell whether NERVESHUB_DEVELOP leaves the drive to the PC. An invalid value does not: a board in
    the field must get its updates. The library's ``settings`` module has the same rules.
    """
    try:
        value = os.getenv("NERVESHUB_DEVELOP")  # text or int
    except ValueError:
        return False  # CircuitPython 10.1 reads only texts in double quotes and integers
    return str(value).lower() in ("1", "true", "yes", "on")


def code() -> None:
    """For ``/code.py``: choose a slot, count the start, run it. Does not return on a board."""
    import supervisor  # noqa: PLC0415

    try:
        disarm()
        if not _develop():
            try:
                slot, trial = _prepare()
            except Exception as error:
                # An application must run in any case: a complete one, without counting.
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
    """With NERVESHUB_DEVELOP on: run ``/develop``, and count nothing."""
    if not developing():
        return False
    if _size(ROOT + "/develop/code.py") is None:
        print("nh_boot: NERVESHUB_DEVELOP is on, but there is no /develop/code.py")
        return False
    return _set_next(ROOT + "/nh_run.py", ROOT + "/develop", False)


def at_desk() -> bool:
    """Tell whether a person may have pressed Ctrl-C. If not, it was noise on a serial line."""
    import supervisor  # noqa: PLC0415

    return bool(supervisor.runtime.usb_connected or developing())


def start_in(folder: str) -> bool:
    """
    Run the guard next, with ``folder`` as its current directory, which tells the guard how this run
    ended: without a write to the flash, and only until a reset.
    """
    return _set_next(ROOT + "/code.py", ROOT + folder)


def _set_next(file: str, folder: str, again: bool = True) -> bool:
    """Run a file next; with ``again``, CircuitPython reloads after it instead of waiting."""
    try:
        import supervisor  # noqa: PLC0415

        supervisor.set_next_code_file(
            file, working_directory=folder, reload_on_success=again, reload_on_error=again
        )
        return True
    except Exception as error:
        print("nh_boot:", file, folder, error)  # file or folder is missing
        return False


def safemode() -> None:
    """For ``/safemode.py``: count the fault, wait, and reset the board."""
    import microcontroller  # noqa: PLC0415

    try:
        import storage  # noqa: PLC0415
        import supervisor  # noqa: PLC0415

        storage.remount("/", readonly=False)
        state = load()
        count = state.get("safe", 0)
        # Wait first: writing to the flash right after a brownout can damage the drive.
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
        time.sleep(10)  # at most one reset in 10 seconds
    finally:
        microcontroller.reset()


# What happened


def _prepare() -> tuple:
    """Choose a slot, tell whether it is on trial, and write the record."""
    state = load()
    if state.get("make"):  # the first start of a prepared drive
        try:
            import nh_slots  # noqa: PLC0415 only at the first start

            nh_slots.make(state)
        except Exception as error:
            print("nh_boot:", error)
    before = json.dumps(state)
    _mend(state)
    try:
        letter, text = _last_end()
    except Exception as error:
        letter, text = "p", "nh_boot: " + str(error)  # on trial, an unknown end counts, too
    settle(state, letter, text)
    slot = decide(state, _whole, _uuid)
    trial = bool(slot and state.get("trial"))
    if json.dumps(state) != before:
        try:
            save(state)
        except Exception as error:
            print("nh_boot:", error)
            if trial and state.get("old") and _whole(state["old"]):
                slot, trial = state["old"], False  # no trial, since it can't be counted
    if letter == "c" and (not slot or not trial):
        time.sleep(min(1 << min(state.get("crashes", 0), 6), 60) if slot else PAUSE)
    elif letter in ("e", "s"):
        time.sleep(1)
    return slot, trial


def _mend(state: dict) -> None:
    """Remove invalid values from the record. An invalid "trial" counts as on trial."""
    for key, kind in _KINDS:
        value = state.get(key)
        if key in state and (not isinstance(value, kind) or value not in _SLOTS.get(key, (value,))):
            del state[key]
            if key == "trial":
                state[key] = 1


def _hand_over(slot: str, trial: bool) -> None:
    """Run the application of a slot next; if a file is missing, the rescue application."""
    folder = ROOT + ("/images/" + slot if slot else "/app")
    if _woke_up():
        # Only this VM has alarm.wake_alarm, so the application must run in it.
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
    start_in(COUNTED)  # try again


def _last_end() -> tuple:
    """Return how the previous start ended: a letter, or "" if it does not count; and a text."""
    import microcontroller  # noqa: PLC0415
    import supervisor  # noqa: PLC0415

    reason, reasons = supervisor.runtime.run_reason, supervisor.RunReason
    here = _here()
    if reason in (reasons.AUTO_RELOAD, reasons.REPL_RELOAD) or _woke_up() or here == COUNTED:
        return "", ""  # a file was saved, or the board slept, or the end is counted already
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
    """Return the last part of the current directory, which the launcher has set."""
    try:
        return "/" + os.getcwd().rsplit("/", 1)[-1]
    except OSError:
        return ""  # a power cut has damaged the parent folder


def _woke_up() -> bool:
    try:
        import alarm  # noqa: PLC0415 not every board has it

        return alarm.wake_alarm is not None
    except Exception:
        return False


def disarm() -> None:
    """Stop the watchdog, which stays armed after a crash: it must not reset the guard."""
    try:
        import microcontroller  # noqa: PLC0415

        microcontroller.watchdog.mode = None
    except Exception as error:
        print("nh_boot: can't stop the watchdog:", error)


def settle(state: dict, letter: str, text: str) -> None:
    """
    Note in the record how the last start ended.

    :param dict state: the record; changed
    :param str letter: ``"c"`` crashed, ``"e"`` ended, ``"h"`` hung, ``"p"`` power cut, ``"r"``
        reset, ``"s"`` crashed after ten minutes, which counts on trial only; ``""`` does not count
    :param str text: description for the operator
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
    Choose the slot to run, and note it in the record.

    :param dict state: the record; changed
    :param whole: function of a slot that tells whether its image is complete and undamaged
    :param uuid_of: function of a slot that returns its release's uuid
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
    """Return the most frequent end of the starts; in a tie the more severe one."""
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
    # The other slot, if it is not the old one or is newer, was installed but never started: it runs
    # on trial. But not if it has failed before, or the two would alternate.
    trial = other != state.get("old") or _number(other) > _number(run)
    known_bad = trial and known_bad is not None and uuid_of(other) == known_bad
    state["run"] = other = other if whole(other) and not known_bad else ""
    state["old"], state["crashes"] = "", 0
    state["trial"], state["ends"] = (1, "?") if other and trial else (0, "")
    return other


def _guess(state: dict, whole) -> None:
    """Choose a slot without a record: the newer one, on trial."""
    found = [(_number(slot), slot) for slot in ("a", "b") if whole(slot)]
    found.sort()
    state["run"] = found[-1][1] if found else ""
    state["old"] = found[0][1] if len(found) > 1 else ""
    state["trial"], state["ends"] = (1, "") if found else (0, "")


# The record


def load() -> dict:
    """Return the newest valid copy of the record; an empty dict if there is none."""
    newest = (0, {})
    for name in _FILES:
        copy = _read(name)
        if copy and copy[0] > newest[0]:
            newest = copy
    return newest[1]


def save(state: dict) -> None:
    """
    Write the record over its oldest copy; the others stay. A file that is missing or has another
    length is not used: to make it would write the FAT.

    :param dict state: the record; its traceback ``tb`` is shortened if the record is too long
    :raises OSError: if no copy can be written
    :raises ValueError: if the record is too long
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
    """Tell whether a slot holds a complete, undamaged release."""
    header = _header(slot)
    return header is not None and _checksum(slot, header[1]) == header[2]


def _header(slot: str):
    """Return the installation's number, the image's length and CRC-32, and texts; or None."""
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
    For the launcher: write to the record how the application ended.

    :param str letter: as for `settle`; with ``""`` this start does not count
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
