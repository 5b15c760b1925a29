"""IdGenerator in WorkOS's form: a prefix and a ULID, each later than the one before."""

import random

from ulid import ULID

from sandbox.clock import Clock

_RANDOM_BITS = 80
ULID_LENGTH = 26


class IdGenerator:
    """Hands out ids that sort in the order they were made, within one millisecond too.

    A seed makes two runs with a frozen clock give the same ids.
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
        # A clock set back, or many ids in one millisecond, must not break the order.
        if value <= self._last:
            value = self._last + 1
        self._last = value
        return f"{prefix}_{ULID.from_int(value)}"

    def random_key(self, length: int) -> str:
        """Letters and digits, for the keys and tokens that are not ids."""
        return "".join(
            self._random.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=length)
        )
