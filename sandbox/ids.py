"""Ids in WorkOS's format: a prefix and a ULID."""

import random

from ulid import ULID

from sandbox.clock import Clock

_RANDOM_BITS = 80
ULID_LENGTH = 26


class IdGenerator:
    """Generates ids that sort in the order of their creation, even within one millisecond.

    With a `seed` and a frozen clock, every run generates the same ids.
    """

    def __init__(self, clock: Clock, seed: int | None = None) -> None:
        self._clock = clock
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        self._random = random.Random(self._seed) if self._seed is not None else random.SystemRandom()
        self._last = 0

    def new_id(self, prefix: str) -> str:
        value = (self._clock.now_ms() << _RANDOM_BITS) | self._random.getrandbits(_RANDOM_BITS)
        # Keep the order if the clock was set back, or for a second id in the same millisecond.
        if value <= self._last:
            value = self._last + 1
        self._last = value
        return f"{prefix}_{ULID.from_int(value)}"

    def random_key(self, length: int) -> str:
        """Random letters and digits, for keys and tokens."""
        return "".join(
            self._random.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=length)
        )
