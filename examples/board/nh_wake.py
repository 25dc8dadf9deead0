# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The launcher after a wake from deep sleep: runs the application within the guard's own VM, since
only that VM has ``alarm.wake_alarm``. The guard ends this run by a reload, which loses the
application's traceback: so it is written to the record here.
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

    :param str folder: the application's folder
    :param bool trial: whether it is on trial
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
            print("nh_wake:", failure)  # maybe no memory; the launcher has set the guard's folder


def _remember(error: Exception, letter: str) -> None:
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__)).strip()
    print(text)
    state = nh_boot.load()
    nh_boot.settle(state, letter, text)
    nh_boot.save(state)
    nh_boot.start_in(nh_boot.COUNTED)
