"""How much of a bounded thing one client may hold, so that there is always some left for who comes next."""

from __future__ import annotations

_SHARE = 3
_RESERVED = 8


def may_wait(waiting: int, own: int, most: int) -> bool:
    """May a client that has `own` of the `waiting` jobs have one more, where there are `most` places?

    One alone may hold three quarters of them; of several each gets the same number, three times as many as are left
    free: dynamic thresholds (Choudhury and Hahne 1998). Nobody has to give anything back for it. Beyond `most` there
    are a few places more, one for each client that has none.
    """
    if own == 0:
        return waiting < most + max(_RESERVED, most // _RESERVED)
    return waiting < most and own < _SHARE * (most - waiting)
