# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Bytes and messages: radio, TCP and TLS, HTTP heads, WebSocket frames, Phoenix channels, signatures,
the server's time. One module touches sockets, `nerveshub_link.wire.transport`.

Input: received bytes and the clock's ticks. Output: messages, events, or errors.

May call: common.
"""
