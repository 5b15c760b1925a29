"""Read what is posted, never more than may be kept."""

from typing import Any

from django.http import HttpRequest, UnreadablePostError

_PIECE = 64 * 1024


class TooLarge(Exception):
    """Longer than allowed. `length` is what was announced, or what had been read when it was enough."""

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length


class CutOff(Exception):
    """It ended before its end: the sender went away, was too slow, or wrote nonsense in between."""


def read(request: HttpRequest, *, most: int) -> bytes:
    """The body, with a Content-Length or in chunks. Raises TooLarge or CutOff."""
    announced = request.META.get("CONTENT_LENGTH")
    # Django takes a body in chunks for an empty one; servers that can end it say so.
    chunked = not announced and request.META.get("wsgi.input_terminated")
    try:
        return _chunks(request, most) if chunked else _announced(request, _number(announced), most)
    except (OSError, UnreadablePostError) as error:
        raise CutOff from error


def _announced(request: HttpRequest, length: int, most: int) -> bytes:
    if length > most:
        raise TooLarge(length)
    body = request.body
    if len(body) < length:
        raise CutOff
    return body


def _chunks(request: HttpRequest, most: int) -> bytes:
    body = bytearray()
    while piece := _piece(request.META["wsgi.input"]):
        body += piece
        if len(body) > most:
            raise TooLarge(len(body))
    return bytes(body)


def _piece(stream: Any) -> bytes:
    try:
        piece: bytes = stream.read(_PIECE)
    except Exception as error:
        # Each server has errors of its own for chunks and trailers that make no sense.
        raise CutOff from error
    return piece


def _number(text: object) -> int:
    try:
        return max(0, int(str(text or 0)))
    except ValueError:
        return 0
