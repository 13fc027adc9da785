"""The report of a run or a sweep: one page, as markdown for Prefect and as one HTML file.

Nothing here imports prefect.
"""
