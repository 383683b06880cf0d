"""The page ``docs/validity.md``: theory, facts and parameters, each with how far it may be believed."""
