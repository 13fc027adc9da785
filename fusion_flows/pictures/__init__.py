"""Figures of runs and sweeps, ready for a paper, independent of Prefect.

Importing one loads matplotlib, which costs half a second of CPU: it is done where a picture is drawn.
"""
