"""The commands of ``marketplace``, one module each.

What a command needs is imported inside it, so that ``--help`` answers at once.
"""
