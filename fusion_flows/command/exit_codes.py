"""Exit codes of the command `fusion`; `examples.EXIT_CODES` says them in words."""

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
