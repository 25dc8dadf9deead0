# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.page.summary`
================================================================================

Short texts about a device for the page.

Separate because it is text and numbers alone, without anything of a browser.
"""

from datetime import datetime
from typing import Dict, List, Optional, Tuple

METRICS = {
    "mem_used_percent": ("Memory used", "%"),
    "disk_used_percentage": ("Drive used", "%"),
    "cpu_temp": ("CPU temperature", "°C"),
    "wifi_rssi": ("Wi-Fi signal", "dBm"),
    "cpu_usage_percent": ("CPU used", "%"),
    "uptime_seconds": ("Uptime", "s"),
}
"""Metrics with a name of their own, in the order in which they are shown."""
POINTS = 60
"""How many reports a chart goes back."""
_ENDED = {"failed", "ignored", "rescheduled", "expired"}


def progress_of(device) -> Tuple[str, Optional[float]]:
    """(what the update does, how far it is from 0 to 1); ("", None) if there is nothing to say."""
    status, percent = device.progress
    if status in _ENDED:
        return device.audit[-1] if device.audit else status, None
    if status == "completed":
        version = device.meta.get("version", "?")
        done = f"went back to {version}" if device.auto_revert else f"updated to {version}"
        return "installed, the device restarts" if device.inflight else done, 1.0
    if status is None or not device.inflight:
        return "", None
    text = f"update {status}" if percent is None else f"{status} {percent} %"
    return text, (percent or 0) / 100


def state_of(device) -> str:
    """Is it there, and is its firmware confirmed?"""
    if not device.connected:
        return "offline"
    if not device.joined:
        return "connecting"
    return {"validated": "confirmed", "not_validated": "on trial"}.get(device.validation, "online")


def size_text(size: int) -> str:
    """A size in the unit that reads best."""
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.1f} kB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"


def time_text(seconds: float) -> str:
    """A time of this day."""
    return datetime.fromtimestamp(seconds).strftime("%H:%M:%S")


def log_text(line: dict) -> str:
    """A log line with its time: microseconds as text, or ISO 8601."""
    meta = line.get("meta") if isinstance(line.get("meta"), dict) else {}
    try:
        stamp = time_text(int(meta["time"]) / 1_000_000)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        stamp = str(line.get("timestamp", ""))[11:19]
    return f"{stamp:8}  {line.get('level', ''):7}  {line.get('message', '')}"


def series_of(device) -> Dict[str, List[Tuple[float, float]]]:
    """The last (time, value) of each metric, known ones first."""
    found: Dict[str, List[Tuple[float, float]]] = {}
    reports = list(zip(device.health_times, device.health))[-POINTS:]
    for at, report in reports:
        metrics = report.get("metrics")
        for name, value in metrics.items() if isinstance(metrics, dict) else ():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                found.setdefault(str(name), []).append((at, value))
    known = [name for name in METRICS if name in found]
    return {name: found[name] for name in known + sorted(set(found) - set(known))}
