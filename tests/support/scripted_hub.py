# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
NervesHub as one device sees it, over the connections of a `support.wires.Network` (the server's
``lib/nerves_hub/device_link.ex``, ``firmware_updates.ex``, ``extensions/``). It answers by itself:
it offers its release whenever the device runs another one, interrupts the first download, asks for
a health report at each attach, and records all messages, and those that would have crashed the real
server.
"""

from .desk import update

DAY = 86_400_000
_FORGOTTEN = 30 * 60_000
_STATUSES = "received started downloading updating completed failed ignored rescheduled".split()


class ScriptedHub:
    """
    :param bytes image: the release that it offers
    :param dict meta: that release's metadata
    """

    def __init__(self, image, meta):
        self._image = image
        self._meta = meta
        self.running = None
        """The uuid that the device runs, as it said last."""
        self.validated = None
        """Is that confirmed?"""
        self.statuses = []
        """The names of all statuses of updates, in order."""
        self.beats = 0
        """How many heartbeats came; in `reports` how many reports of its health."""
        self.reports = 0
        self.lines = []
        """The lines that it logged."""
        self.violations = []
        """What would have crashed a channel of the real one, or says that an extension failed."""
        self._network = self._clock = None
        self._topics = {}  # of each connection: topic to ref; None for a download
        self._breaks = 1  # so many downloads end half-way
        self._under_way = False  # does it know of an update in this device?
        self._changed = 0  # when that last changed
        self._blocked = 0  # until when it offers none

    def face(self, network, clock):
        """From now on these are the device's connections, and its clock."""
        self._network, self._clock, self._topics = network, clock, {}
        self._under_way, self._blocked = False, 0

    @property
    def peer(self):
        """The connection on which the device is joined; None if it is not."""
        found = [peer for peer, topics in self._topics.items() if topics and not peer.closed]
        return found[-1] if found else None

    @property
    def waits(self):
        """Has the device put off the update?"""
        return self._clock.passed + 60_000 < self._blocked < DAY

    def serve(self):
        """Answer everything that came."""
        for peer in self._network.peers:
            if peer.closed or not peer.asked:
                continue
            if peer not in self._topics:
                self._answer(peer)
            elif self._topics[peer] is not None:
                for frame in peer.heard():
                    self._frame(peer, frame)
        now, peer = self._clock.passed, self.peer
        if self._under_way and now - self._changed > _FORGOTTEN:
            self._under_way = False
        wanted = peer is not None and self.running != self._meta["uuid"] and now >= self._blocked
        if wanted and not self._under_way:
            self._under_way, self._changed = True, now
            offer = update(self._image, self._meta, deployment_id=1)
            peer.say(None, None, "device", "update", offer)

    def check_health(self):
        """An operator looks at the device's page."""
        peer = self.peer
        ref = peer and self._topics[peer].get("extensions")
        if ref:
            peer.say(ref, None, "extensions", "health:check", {})

    def _answer(self, peer):
        """The head of a request is here."""
        if peer.target.startswith("/device-socket/"):
            self._topics[peer] = {}
            peer.accept()
            return
        self._topics[peer] = None
        size = len(self._image)
        start = int(peer.headers.get("range", "bytes=0-")[6:-1])
        head = "HTTP/1.1 200 OK\r\n"
        if start:
            head = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes "
            head += "%d-%d/%d\r\n" % (start, size - 1, size)
        peer.put((head + "Content-Length: %d\r\n\r\n" % (size - start)).encode())
        end = size
        if self._breaks:
            self._breaks, end = 0, size // 2
        for at in range(start, end, 1000):
            peer.put(self._image[at : min(at + 1000, end)])
        if end < size:
            peer.end()

    def _frame(self, peer, frame):
        if not isinstance(frame, list):
            peer.close(1000)
            return
        _, ref, topic, event, payload = frame
        if event == "heartbeat":
            self.beats += 1
            peer.reply(ref, topic)
        elif event == "phx_join":
            self._join(peer, ref, topic, payload)
        elif event == "status_update":
            self._status(payload["status"], payload.get("delay_for"))
        elif event == "fwup_progress":
            self._status(payload["stage"])
            if type(payload["value"]) is not int:
                self.violations.append("a progress of %r" % payload["value"])
        elif event == "firmware_validated":
            self.validated = True
        elif event == "health:attached":
            self.check_health()
        elif event == "health:report":
            self.reports += 1
        elif event == "logging:send":
            self.lines.append(payload["message"])
        elif event.endswith(":error"):
            self.violations.append("%s: %s" % (event, payload["reason"]))

    def _join(self, peer, ref, topic, payload):
        self._topics[peer][topic] = ref
        if topic == "extensions":
            peer.reply(ref, topic, [key for key in ("health", "logging") if key in payload])
            return
        peer.reply(ref, topic)
        self.running = payload["nerves_fw_uuid"]
        self.validated = payload["meta"].get("firmware_validated")
        if not payload.get("currently_downloading_uuid"):
            self._under_way = False
        peer.say(ref, None, topic, "extensions:get", {})

    def _status(self, status, delay=DAY):
        now = self._clock.passed
        self.statuses.append(status)
        if status not in _STATUSES:
            self.violations.append("the status " + status)
        if not self._under_way:
            self.violations.append(status + " for an update that the server has forgotten")
        self._changed = now
        if status in ("failed", "ignored", "rescheduled"):
            self._under_way = False
            self._blocked = now + (delay if status == "rescheduled" else DAY)
