"""A set of pictures of one source tree, to be compared with the same set of another: nothing lost on the way?

    python -m tools.same_pictures make --source TREE OUT [--before SET] [--models FOLDER]
    python -m tools.same_pictures compare BEFORE AFTER [--mended FIELD ...]
    python -m tools.same_pictures against COMMIT [--mended FIELD ...]

Both trees are looked at from outside only, by real servers, HTTP and the command line, so that either may be of any
age. `make same-pictures BEFORE=COMMIT` is the last, for the working tree.
"""
