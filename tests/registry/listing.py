"""What a registry lists of a folder."""

from imagine.registry.registry import Registry


def listed(root):
    """A registry that has looked at it."""
    registry = Registry([root])
    registry.refresh()
    return registry


def only(root):
    """The entry of the only file in it."""
    (entry,) = listed(root).files()
    return entry
