# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""How long the signature of a release takes in the VM, against textbook code in the same run."""

from support.signing import Signer

from .rows import Row, at_least

_ROUNDS = 25
_HEAP = 8 * 1024 * 1024
_CONF = bytes(700)  # as long as a meta.conf is


def measure(vms: list, short: bool = False) -> list:
    """
    All rows of this module.

    :param vms: (name, `support.vm.Vm`) of each VM there is
    :param bool short: True for one round in the first VM
    """
    rows = []
    for name, vm in vms[:1] if short else vms:
        rows += _measure(name, vm, 1 if short else _ROUNDS)
    return rows or [Row("signatures", "no MicroPython")]


def _measure(name: str, vm, count: int) -> list:
    signer = Signer()
    parts = {"key": signer.public, "signature": signer.sign(_CONF), "message": _CONF}
    options = {key: value.hex() for key, value in parts.items()}
    result = vm.run("signature_speed", dict(options, rounds=count), heap=_HEAP)
    rounds = result.all("round")
    assert len(rounds) == count, result
    # The best rounds: others had the processor, too, in the rest.
    best = {key: min(line[key] for line in rounds) for key in ("textbook", "ours", "hashed")}
    longest = min(line["slice"] for line in rounds)
    words = "{:.1f} ms, and {:.1f} ms to hash {} bytes".format(
        best["ours"] / 1000, (best["hashed"] - best["ours"]) / 1000, len(_CONF) + 64
    )
    return [
        at_least(
            "a signature, speed against textbook double-and-add, " + name,
            best["textbook"] / best["ours"],
            4,
            "{:.1f} times",
        ),
        Row("a signature, " + name, words),
        Row(
            "its longest slice, " + name,
            "{:.0f} % of all".format(100 * longest / best["hashed"]),
        ),
    ]
