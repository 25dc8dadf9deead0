# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
`nerveshub_tools.login_page`
================================================================================

The page that a command line's login opens in the browser: shows its code and asks.

Separate because it is the only HTML that the hub itself serves: the operator's page is a server of
its own. Like the operator's interface it answers this computer only.
"""

import html

from aiohttp import web

from .api_tools import HUB, guard, hub_of
from .rest_tools import not_found

_PAGE = """<!doctype html><meta charset="utf-8"><title>Development hub</title>
<style>body {{ font: 1.1rem sans-serif; margin: 4rem auto; max-width: 32rem; }}
button {{ font: inherit; padding: .4rem 1.2rem; }}</style>
{}
"""
_ASK = """<h1>Log a command line in?</h1>
<p>Does {note} show the code <b>{code}</b>? Then it is yours.</p>
<form method="post"><button>Log it in</button></form>"""
_DONE = "<h1>Done</h1><p>The command line has its token. Close this page.</p>"


def application(hub) -> web.Application:
    """What answers under ``/auth/cli``."""
    app = web.Application(middlewares=[guard])
    app[HUB] = hub
    app.add_routes([web.get("/{session}", _ask), web.post("/{session}", _confirm)])
    return app


def _login(request: web.Request):
    login = hub_of(request).organization.logins.get(request.match_info["session"])
    if login is None:
        raise not_found()
    return login


def _page(body: str) -> web.Response:
    # No other site may show it in a frame and have the button pressed.
    headers = {"X-Frame-Options": "DENY", "Cache-Control": "no-store"}
    return web.Response(text=_PAGE.format(body), content_type="text/html", headers=headers)


async def _ask(request: web.Request) -> web.Response:
    login = _login(request)
    note = html.escape(login.note or "A command line")
    return _page(_ASK.format(note=note, code=login.code))


async def _confirm(request: web.Request) -> web.Response:
    _login(request).confirmed = True
    return _page(_DONE)
