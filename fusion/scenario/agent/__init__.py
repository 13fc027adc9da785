"""A trained agent as a policy: its file, what it was trained on, and its network inside the event loop."""
