"""A policy of the user's: read, checked, tried out, and made a part of the event loop."""
