"""Show the progress of a command: a line now and then on standard error."""

import time
from collections.abc import Callable

_SECONDS = 2.0


class Progress:
    """Writes a line, unless the last one, or the beginning, was just now. Quick work shows none."""

    def __init__(
        self, write: Callable[[str], object], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._shown_at = clock()

    def show(self, text: str) -> None:
        if self._clock() - self._shown_at >= _SECONDS:
            self._shown_at = self._clock()
            self._write(text)
