"""Read the body of a delivery, up to a limit."""

from typing import Any

from django.http import HttpRequest, UnreadablePostError

from webhooks.receive.reasons import Reason, Refused

_CHUNK_BYTES = 64 * 1024


def read_body(request: HttpRequest, *, limit: int) -> bytes:
    """The body, with a Content-Length or in chunks, of at most `limit` bytes.

    Raises Refused if it is larger, or if it ends early: the sender went away, was too slow, or sent malformed
    chunks.
    """
    content_length = request.META.get("CONTENT_LENGTH")
    # Django takes a chunked body for an empty one. Servers that can tell where it ends say so.
    is_chunked = not content_length and request.META.get("wsgi.input_terminated")
    try:
        if is_chunked:
            return _read_chunked(request, limit)
        return _read_announced(request, _parse_length(content_length), limit)
    except (OSError, UnreadablePostError) as error:
        raise Refused(Reason.CUT_OFF) from error


def _read_announced(request: HttpRequest, length: int, limit: int) -> bytes:
    if length > limit:
        raise Refused(Reason.TOO_LARGE, body_length=length)
    body = request.body
    if len(body) < length:
        raise Refused(Reason.CUT_OFF)
    return body


def _read_chunked(request: HttpRequest, limit: int) -> bytes:
    body = bytearray()
    while chunk := _read_chunk(request.META["wsgi.input"]):
        body += chunk
        if len(body) > limit:
            raise Refused(Reason.TOO_LARGE, body_length=len(body))
    return bytes(body)


def _read_chunk(stream: Any) -> bytes:
    try:
        chunk: bytes = stream.read(_CHUNK_BYTES)
    except Exception as error:
        # Each server has its own errors for malformed chunks and trailers.
        raise Refused(Reason.CUT_OFF) from error
    return chunk


def _parse_length(text: object) -> int:
    try:
        return max(0, int(str(text or 0)))
    except ValueError:
        return 0
