"""Comparing arms that lived under the same luck: paired differences, their intervals, and what they allow to say."""
