"""Keep the tokens in URLs out of logs."""

import re

# What hostapp.views.SetPasswordView puts in the token's place once the token is in the session.
TOKEN_PLACEHOLDER = "set-password"  # noqa: S105
# Paths after which a token follows, whatever it looks like.
_AFTER_PREFIX = re.compile(
    r"((?<![\w-])(?:(?:invitations|webhooks/workos|portal/returned|portal/finished)/"
    r"|account/reset/[^/\s?\"']+/))"
    rf"(?!accept/|{TOKEN_PLACEHOLDER}/)[^/\s?\"']+"
)
# In other paths: long enough to be a secret, and made of a token's characters. Slugs and file names are
# words.
_TOKEN = re.compile(r"(?<=/)(?=[^/\s?]*\d)[A-Za-z0-9_:=-]{20,}(?=[/\s?\"]|$)")
_QUERY = re.compile(r"(?<=\?)[^\s\"]+")


def hide_tokens(text: str) -> str:
    """`text` with `…` in the place of tokens and query strings in URLs."""
    return _TOKEN.sub("…", _AFTER_PREFIX.sub(r"\1…", _QUERY.sub("…", text)))
