"""How the flows are served and deployed; no logic."""
