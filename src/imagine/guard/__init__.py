"""Texts compared by what they mean, in a process of their own: a sentence encoder by numpy alone."""
