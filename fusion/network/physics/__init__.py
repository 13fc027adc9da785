"""The physical layer: noise and crosstalk in closed form, and tables of them for the event loop."""
