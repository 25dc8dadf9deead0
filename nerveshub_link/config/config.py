# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_link.config.config`
====================================================

The checked options, for all modules to read. Apart from `nerveshub_link.config.options`, which
checks them, because that is needed once and this for ever.
"""


class Config:
    """
    The options as attributes of the same names, see `nerveshub_link.NervesHubLink`; ``use_secret``
    tells whether the device signs by a shared secret, ``known_meta`` what ran at construction,
    ``warning`` what is not safe about the connection, or None.
    """

    def running_meta(self):
        """Return the metadata of what runs: the writer's word, else the option's, else None."""
        meta = None
        if self.fwup_writer is not None:
            meta = self.fwup_writer.firmware_meta()
        return self.firmware_meta if meta is None else meta
