"""A process that is killed between two changes of the disk, without a process: from one of them on nothing more is
done, not by what cleans up either."""

import os

import pytest

_CHANGES = ("link", "mkdir", "open", "rename", "replace", "rmdir", "unlink")


class Killed(BaseException):
    """It is gone by now."""


def killed_at(step, act):
    """Does `act` up to its change number `step`; was it killed there?"""
    left = step

    def changing(do, name):
        def change(*arguments, **said):
            nonlocal left
            if name == "open" and not arguments[1] & os.O_CREAT:
                return do(*arguments, **said)
            left -= 1
            if left < 0:
                raise Killed
            return do(*arguments, **said)

        return change

    with pytest.MonkeyPatch.context() as patch:
        for name in _CHANGES:
            patch.setattr(os, name, changing(getattr(os, name), name))
        try:
            act()
        except Killed:
            return True
    return False
