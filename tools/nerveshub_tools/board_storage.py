# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.board_storage`
================================================================================

The part of ``storage`` that mounts images, for `nerveshub_tools.board_modules.Board` on a computer,
with the errors of CircuitPython's ``shared-module/storage/__init__.c``. In a small VM, the VM's own
FatFs does it. The images themselves are shown to the code by another object.
"""

import errno
import os


class VfsFat:
    """``storage.VfsFat``, as far as `Mounts` takes it: whole, and to read."""

    def __init__(self, block_device):
        self._device = block_device
        self._read_only = False
        sector = self._read(0)
        self._is_fat = sector[510:] == b"\x55\xaa"  # FatFs tells the lack of it at the mount only

    @property
    def readonly(self):
        """May code only read?"""
        return self._read_only

    def _read(self, number):
        sector = bytearray(512)
        if self._device.readblocks(number, sector):
            raise _error(errno.EIO)
        return bytes(sector)

    def _image(self):
        if not self._is_fat:
            raise _error(errno.ENODEV)
        return b"".join(self._read(number) for number in range(self._device.count()))


class Mounts:
    """
    What a VM has mounted.

    :param images: what shows it to the code: an object with ``mount(path, image)``, of the image's
        bytes, and ``umount(path)``
    """

    def __init__(self, images):
        self._images = images
        self._mounted = {}  # path -> VfsFat

    def add_to(self, storage):
        """Give the module ``storage`` what it has more of when it can mount."""
        getmount = storage.getmount
        storage.VfsFat = VfsFat
        storage.mount = self._mount
        storage.umount = self._umount
        storage.getmount = lambda mount_path: self._mounted.get(mount_path) or getmount(mount_path)

    def unmount_all(self):
        """The VM ends, and with it all mounts but that of the drive."""
        for path in sorted(self._mounted):
            self._umount(path)

    def _mount(self, filesystem, mount_path, *, readonly=False):
        path = os.path.join(os.getcwd(), mount_path).rstrip("/")
        if not os.path.isdir(path):
            raise RuntimeError("Mount point directory missing")
        if any((path + "/").startswith(known + "/") for known in self._mounted):
            raise _error(errno.EPERM)
        self._images.mount(path, filesystem._image())
        filesystem._read_only = readonly
        self._mounted[path] = filesystem

    def _umount(self, mount):
        for path, filesystem in self._mounted.items():
            if mount in (path, path + "/") or filesystem is mount:
                del self._mounted[path]
                self._images.umount(path)
                return
        raise _error(errno.EINVAL)


def _error(number):
    return OSError(number, os.strerror(number))
