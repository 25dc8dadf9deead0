# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The launcher after a wake from deep sleep: runs the application within the guard's own VM, because
``alarm.wake_alarm`` is told to that one alone. The guard ends this run by a reload, so nobody finds
the application's traceback afterwards: it goes into the record here.
"""

import os
import time
import traceback

import nh_boot
import nh_run
import nh_trial


def run(folder: str, trial: bool) -> None:
    """
    Run the application.

    :param str folder: where it is
    :param bool trial: is it on trial?
    """
    begun = time.monotonic()
    os.chdir(folder)
    try:
        nh_run.run(nh_trial.seconds() if trial else 0)
    except Exception as error:
        late = time.monotonic() - begun >= nh_run.STEADY
        try:
            _remember(error, "s" if late else "c")
        except Exception as failure:
            print("nh_wake:", failure)  # out of memory? The launcher has left its mark


def _remember(error: Exception, letter: str) -> None:
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__)).strip()
    print(text)
    state = nh_boot.load()
    nh_boot.settle(state, letter, text)
    nh_boot.save(state)
    nh_boot.start_in(nh_boot.COUNTED)
