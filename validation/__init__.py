"""Comparisons with exact, independent and published figures; `python -m validation.validate`."""
