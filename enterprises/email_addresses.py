"""One spelling of an e-mail address, so that two spellings are one person. Plain Python."""

import idna


def normalize_email(typed: str) -> str:
    """`Ada@Bücher.Example` → `ada@xn--bcher-kva.example`: lower case, the domain in ASCII.

    What is not an address is only stripped and lowered.
    """
    local, at, domain = typed.strip().lower().rpartition("@")
    return f"{local}{at}{domain if domain.isascii() else _encode_domain(domain)}"


def _encode_domain(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        return domain
