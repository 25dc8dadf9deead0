# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.common.identify`
====================================================

Blinks the board's NeoPixel or LED, the default of `Client.identify`. Imported when an operator asks
a board to identify itself.

Blinking is a generator, so that the main loop does not wait for it: each step yields the
milliseconds to the next one. However it ends, the pin is released.
"""

from micropython import const

from ..errors import NervesHubError

_HALF = const(250)  # milliseconds on, and as many off
_TIMES = const(20)
_COLOUR = const(b"\x18\x18\x18")  # white in any order of the colours, and little current


def blink():
    """
    Find an LED or NeoPixel, and blink.

    :return: generator of the milliseconds to its next step
    :raises NervesHubError: if the board has none, or the application uses it
    """
    light = _find()
    if light is None:
        raise NervesHubError("no free LED or NeoPixel on this board: override Client.identify")
    return _blink(light)


def _find():
    try:
        import board  # noqa: PLC0415 only boards have these
        import digitalio  # noqa: F401, PLC0415
    except ImportError:
        return None
    for name, kind in (("NEOPIXEL", _NeoPixel), ("LED", _Led)):
        pin = getattr(board, name, None)
        if pin is not None:
            try:
                return kind(pin)
            except (ValueError, ImportError, RuntimeError):
                pass  # in use by the application, or its driver is missing
    return None


def _blink(light):
    try:
        for _ in range(_TIMES):
            light.set(True)
            yield _HALF
            light.set(False)
            yield _HALF
    finally:
        light.release()


class _Led:
    def __init__(self, pin) -> None:
        from digitalio import DigitalInOut  # noqa: PLC0415

        self._pin = DigitalInOut(pin)
        self._pin.switch_to_output(False)

    def set(self, on: bool) -> None:
        self._pin.value = on

    def release(self) -> None:
        try:
            self.set(False)
        finally:
            self._pin.deinit()


class _NeoPixel(_Led):
    def __init__(self, pin) -> None:
        from neopixel_write import neopixel_write  # noqa: PLC0415

        super().__init__(pin)
        self._write = neopixel_write

    def set(self, on: bool) -> None:
        self._write(self._pin, bytearray(_COLOUR if on else 3))
