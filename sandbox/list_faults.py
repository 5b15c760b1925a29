"""Faults in the response to a list: empty, short, with a gap, or cut off in the middle."""

import json
from typing import Any

from aiohttp import web

from sandbox.faults import Fault

LIST_FAULTS = ("empty_list", "short_list", "gap", "cut_body")


async def apply_list_fault(
    fault: Fault, request: web.Request, response: web.StreamResponse
) -> web.StreamResponse:
    """The response with the fault. A response that is no list, such as an error, stays as it is."""
    if not isinstance(response, web.Response) or not response.text:
        return response
    if fault.kind == "cut_body":
        return await _send_half(request, response)
    body = json.loads(response.text)
    if response.status != 200 or not isinstance(body, dict) or body.get("object") != "list":
        return response
    _change_list(body, fault)
    return web.json_response(body)


def _change_list(body: dict[str, Any], fault: Fault) -> None:
    rows = body["data"]
    if fault.kind == "gap":
        count = min(int(fault.values["count"]), len(rows))
        first = (len(rows) - count) // 2
        body["data"] = rows[:first] + rows[first + count :]
        return
    body["data"] = rows[: int(fault.values["keep"])] if fault.kind == "short_list" else []
    # A complete list ends with `after: null`.
    body["list_metadata"] = dict.fromkeys(body["list_metadata"])


async def _send_half(request: web.Request, response: web.Response) -> web.StreamResponse:
    body = response.text.encode() if response.text else b""
    cut = web.StreamResponse(status=response.status)
    cut.content_type = response.content_type
    cut.content_length = len(body)
    await cut.prepare(request)
    await cut.write(body[: len(body) // 2])
    if request.transport is not None:
        # Not `abort`, which would discard what has not been sent.
        request.transport.close()
    return cut
