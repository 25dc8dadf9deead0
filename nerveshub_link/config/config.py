# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.config.config`
====================================================

Holds the checked options, which all modules read. Not in `nerveshub_link.config.options`, which
checks them, because that module is removed from memory after the construction of a link.
"""


class Config:
    """
    The options as attributes of the same names, see `nerveshub_link.NervesHubLink`. Further
    attributes: ``use_secret``, whether the device signs by a shared secret; ``known_meta``, the
    running firmware's metadata at construction; ``warning``, why the connection is not safe, or
    None.
    """

    def running_meta(self):
        """Return the running firmware's metadata: the writer's, else the option's, else None."""
        meta = None
        if self.fwup_writer is not None:
            meta = self.fwup_writer.firmware_meta()
        return self.firmware_meta if meta is None else meta
