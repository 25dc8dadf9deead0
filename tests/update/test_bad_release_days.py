# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
A bad release and its repaired successor, over days, by the server's own rules: attempts, penalty
box and the device's answers together.
"""

import pytest
from support.days import Days

CRASHES = "raise ValueError('a bug')"


@pytest.fixture(name="days")
def simulated_days(tmp_path, monkeypatch):
    made = Days(tmp_path, monkeypatch)
    made.release("bad", CRASHES)
    made.release("silent")
    made.release("hotfix")
    made.never_confirmed.add("silent")
    return made


def test_a_good_release_arrives_and_is_confirmed_within_minutes(days):
    days.hub.deploy("hotfix")
    days.live(hours=0.1)
    assert (days.installs, days.runs, days.answers) == (["hotfix"], "hotfix", [])
    assert days.hub.device("dev-1").validated


def test_a_release_that_crashes_is_installed_once_and_put_off_for_days(days):
    days.hub.deploy("bad")
    days.live(hours=72)
    assert days.installs == ["bad"]
    assert days.runs == "old"
    # One attempt was the installation. Then the device's answers, and after the third attempt the
    # server's own 24 hours.
    assert days.answers == [
        (0, "rescheduled", 1),
        (1, "rescheduled", 4),
        (29, "rescheduled", 4),
        (33, "rescheduled", 4),
        (37, "rescheduled", 4),
        (65, "rescheduled", 4),
        (69, "rescheduled", 4),
    ]


def test_the_repair_of_a_release_that_crashes_arrives_within_the_hour(days):
    days.hub.deploy("bad")
    days.live(hours=0.5)
    assert days.answers == [(0, "rescheduled", 1)]
    days.hub.deploy("hotfix")
    days.live(hours=0.75)
    assert days.installs == ["bad", "hotfix"]
    assert days.runs == "hotfix"
    assert days.hub.device("dev-1").validated


def test_a_release_that_is_never_confirmed_is_installed_three_times_and_then_put_off(days):
    days.hub.deploy("silent")
    days.live(hours=48)
    assert days.installs == ["silent"] * 3
    assert days.runs == "old"
    # Each join with the new uuid, and with the old one after it, empties the server's attempts.
    assert days.answers == [
        (0, "rescheduled", 1),
        (1, "rescheduled", 4),
        (5, "rescheduled", 4),
        (33, "rescheduled", 4),
        (37, "rescheduled", 4),
        (41, "rescheduled", 4),
    ]


def test_the_repair_of_a_release_that_was_never_confirmed_arrives_within_the_hour(days):
    days.hub.deploy("silent")
    days.live(hours=1)
    assert days.answers == [(0, "rescheduled", 1)]
    days.hub.deploy("hotfix")
    days.live(hours=1)
    assert days.installs == ["silent"] * 3 + ["hotfix"]
    assert days.hub.device("dev-1").validated


def test_an_operator_who_removes_the_penalty_gets_the_repair_to_the_board_at_once(days):
    days.hub.deploy("bad")
    days.live(hours=6)
    assert days.hub.device("dev-1").blocked_until > days.clock.time() + 20 * 3600
    days.hub.deploy("hotfix")
    days.hub.unblock("dev-1")
    days.live(hours=0.2)
    assert days.installs == ["bad", "hotfix"]


def test_a_push_by_hand_is_tried_and_lets_the_deployment_try_three_times_more(days):
    days.hub.deploy("silent")
    days.live(hours=2)
    days.hub.push_update("dev-1", "silent")
    days.live(hours=0.5)
    assert days.installs == ["silent"] * 4
    days.hub.unblock("dev-1")
    days.live(hours=2)
    assert days.installs == ["silent"] * 7


def test_a_push_by_hand_during_a_trial_is_put_off_and_does_not_come_again(days):
    days.hub.deploy("silent")
    days.live(hours=0.02)
    assert days.runs == "silent"
    days.hub.push_update("dev-1", "hotfix")
    days.live(hours=2)
    assert days.answers[0][1] == "rescheduled"
    assert "hotfix" not in days.installs
