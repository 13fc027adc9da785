"""What help says beside the options: a line for each verb, examples of what to type, and exit codes."""

SUMMARIES: dict[str, str] = {
    "up": "Start a Prefect server and a worker for simulations, and end both with Ctrl-C.",
    "set-up": "Set up the work pool, queues, limit, automation and deployments on your own server.",
    "doctor": "Check everything that a run needs, and say what is wrong and how to fix it.",
    "templates": "List the shipped templates, and your own in FUSION_TEMPLATES_DIR.",
    "topologies": "List the shipped topologies. `network` takes one of these names, or the path of your "
    "own file.",
    "spectrum": "Draw which lightpath holds which slots of each link at one moment, and write the table.",
    "topology": "Draw a network, or how full its links were in a run, as PNG, PDF and SVG.",
    "examples": "Write the shipped examples into a folder: sweeps, policies to change, a learner, a "
    "notebook.",
    "new": "Write an INI file of your own to start from: a template with a comment at each key.",
    "explain": "Explain keys of the settings: meaning, unit, what is allowed, default, which template has "
    "what.",
    "validate": "Check settings and the files they name, without running anything.",
    "schema": "Print the JSON Schema of the settings: types, bounds, choices, defaults and "
    "meanings.",
    "run": "Simulate: here, or with --detach on a worker such as that of `fusion up`.",
    "rerun": "Simulate once more what an earlier run did, with changes: here, or with --detach on a "
    "worker.",
    "runs": "List runs, the newest first. Without a server, from what the files of the runs say.",
    "show": "Show a run: its setting, state, points and files; or the start of one of its files.",
    "open": "Open the report of a run in your browser, or its page in Prefect.",
    "logs": "Show the log of a run, line by line. Without a server, from its file on this machine.",
    "report": "Write the report of a run or a sweep, with the results so far, as one HTML file.",
    "pause": "Pause runs that are going on, for as long as you like; `resume` lets them go on.",
    "resume": "Let paused runs go on. One that has left its process waits in line for its place "
    "first.",
    "cancel": "Cancel runs; what they have finished is kept.",
    "delete": "Delete runs: the flow run with its artifacts and logs, and the run directory with "
    "all its files.",
    "clean": "Remove what is left over: runs that did not succeed, old compiled code, temporary "
    "files.",
    "plan": "Show what a sweep would do: its points, what the store has, how long it will take. "
    "Nothing is computed.",
    "sweep": "Compute what is still missing of a sweep: here, or with --detach on a worker.",
    "schedule": "Run a sweep at set times, by a schedule of the deployment `fusion-sweep/sweep`.",
    "compare": "Show which value on an axis of a sweep blocks less, or which of several runs, at each load.",
    "loads-at": "Show the load at which each curve of a sweep reaches a blocking probability, by "
    "interpolation.",
    "find-load": "Find the load at which each combination of a sweep reaches a blocking probability, "
    "without a grid.",
    "plot": "Draw the results of a sweep so far: PNG, PDF, SVG, and the numbers as CSV.",
    "diff": "Show what differs between two runs, INI files or points of the store: each name with both "
    "values.",
    "merge": "Add the results of another store, such as that of another machine, and say how many "
    "are new.",
}
"""Verb to the first sentences of its help, for the list of verbs, which loads none of them."""

EXAMPLES: dict[str, str] = {
    "up": """
  fusion up                              # server, UI, worker; Ctrl-C ends all
  fusion up --max-concurrent-runs 4      # further runs wait
  fusion up --host 0.0.0.0 --port 4201   # for other machines, too
""",
    "set-up": """
  fusion set-up                          # on the server of PREFECT_API_URL
  fusion set-up --max-concurrent-runs 8  # from now on
""",
    "doctor": """
  fusion doctor
  fusion doctor --json
""",
    "templates": """
  fusion templates
""",
    "topologies": """
  fusion topologies
""",
    "spectrum": """
  fusion spectrum 9f0f                   # a run at its end, highest load
  fusion spectrum 9f0f --load 160 --request 5000 --color modulation
  fusion spectrum my.ini -s allocation_method=best_fit
""",
    "topology": """
  fusion topology usnet_ptrnet           # a shipped one
  fusion topology my_network.graphml     # yours
  fusion topology 9f0f                   # a run: how full its links are
  fusion topology 9f0f --metric fragmentation --load 160
""",
    "examples": """
  fusion examples                        # into the folder examples, as below
  fusion examples --to ~/first_steps
  fusion plan examples/path_orders.toml
""",
    "new": """
  fusion new study.ini                   # from the template quick
  fusion new study.ini --from deeprmsa -s network=my_network.graphml
""",
    "explain": """
  fusion explain k_paths
  fusion explain erlang_start erlang_stop erlang_step
  fusion explain routing_settings        # all keys of a section
  fusion explain                         # all keys
""",
    "validate": """
  fusion validate quick
  fusion validate my.ini
  fusion validate my.ini -s topology_settings.network=my_network.csv
  fusion validate my.ini --json     # problems, keys left out, loads
""",
    "schema": """
  fusion schema > config.schema.json     # for an editor, a form, a check
""",
    "run": """
  fusion run quick                       # a template; NSFNET at five loads
  fusion run my.ini                      # settings of your own
  fusion run quick -s routing_settings.k_paths=5 --name "five paths"
  fusion run quick --detach              # on the worker of `fusion up`
  fusion run --resume 9f0f               # finish what Ctrl-C has left
  fusion run quick --json > result.json
""",
    "rerun": """
  fusion rerun 9f0f                      # the same results, in a new directory
  fusion rerun 9f0f -s k_paths=5 --name "five paths"
  fusion rerun "five paths" -s seed=1 --detach
""",
    "runs": """
  fusion runs
  fusion runs --state running
  fusion runs --name paths --since 2d --limit 50
""",
    "show": """
  fusion show 9f0f                       # a run id or the start of one
  fusion show "five paths"               # or its name
  fusion show 9f0f output/points.csv     # a file of the run
""",
    "open": """
  fusion open 9f0f                       # its report
  fusion open --page 9f0f                # its page in Prefect
""",
    "logs": """
  fusion logs 9f0f --lines 20
  fusion logs 9f0f --follow              # until the run is over
""",
    "report": """
  fusion report 9f0f                     # report.html in its directory
  fusion report 9f0f --to five_paths.html
  fusion report my_sweep.toml            # of what the store has
""",
    "pause": """
  fusion pause 9f0f                      # its place goes to the next run
  fusion pause 9f0f a4e2 --no-wait
""",
    "resume": """
  fusion resume 9f0f                     # continues a run that was paused
  fusion run --resume a4e2               # for a run that was ended
  fusion sweep runs/02da1e5d9b7c/sweep.json   # for a sweep that was ended
""",
    "cancel": """
  fusion cancel 9f0f                     # what is finished stays in its folder
  fusion cancel 9f0f a4e2 --no-wait
""",
    "delete": """
  fusion delete 9f0f                     # shows what it is, and asks
  fusion delete 9f0f a4e2 --yes
  fusion delete 9f0f --cancel --yes      # also when it is going on
  fusion delete OLD NEW                  # a run and the one that resumed it
""",
    "clean": """
  fusion clean                           # shows what it is, and asks
  fusion clean --dry-run
  fusion clean --older-than 4w --yes
""",
    "plan": """
  fusion examples                        # writes examples/path_orders.toml
  fusion plan examples/path_orders.toml
  fusion plan my_sweep.toml --all
""",
    "sweep": """
  fusion sweep examples/path_orders.toml
  fusion sweep my_sweep.toml             # template = "my.ini" in it
  fusion sweep my_sweep.toml --detach    # on the worker of `fusion up`
  fusion sweep my_sweep.toml --failed    # only what failed last time
  fusion sweep my_sweep.toml --engine fusion-points/worker-points  # elsewhere
""",
    "schedule": """
  fusion schedule my_sweep.toml "0 2 * * *"   # each night at 2, UTC
  fusion schedule my_sweep.toml "0 7 * * 1" --timezone Europe/Berlin
""",
    "compare": """
  fusion compare 9f0f a4e2               # runs: settings, verdicts, one picture
  fusion compare examples/path_orders.toml path_order
  fusion compare examples/path_orders.toml path_order --base hops
""",
    "loads-at": """
  fusion loads-at examples/path_orders.toml 0.01   # loads with 1 % blocking
""",
    "find-load": """
  fusion find-load examples/path_orders.toml 0.01
  fusion find-load my_sweep.toml 1e-3 --precision 0.005
""",
    "plot": """
  fusion plot examples/path_orders.toml
  fusion plot examples/path_orders.toml --against path_order --base km
  fusion plot examples/path_orders.toml --heat-map erlang k_paths
  fusion plot examples/path_orders.toml --metric utilisation --to figures
  fusion plot examples/path_orders.toml --title ""   # its caption says it
  fusion plot examples/path_orders.toml --label km="by length"
""",
    "diff": """
  fusion diff 9f0f a4e2                  # the settings of two runs
  fusion diff study.ini quick
  fusion plan my_sweep.toml              # its last column: keys of points
  fusion diff 3f2a91 b07c44
""",
    "merge": """
  fusion merge /media/usb/runs/store     # the store of another machine
""",
}
"""Verb to lines of examples."""

_USUAL = "0 done, 2 something in the command or its files is wrong, 130 Ctrl-C, 1 anything else."

EXIT_CODES: dict[str, str] = {
    "run": "0 complete, 2 bad settings, or --resume of a run that is complete (nothing was "
    "started), 130 Ctrl-C (it says what is kept), 1 anything else.",
    "sweep": "0 complete, 2 a bad sweep (nothing was started), 130 Ctrl-C, 1 points failed or "
    "anything else.",
    "validate": "0 the settings can be run, 2 they cannot.",
    "doctor": "0 nothing is wrong, or warnings only; 1 there is a problem.",
    "pause": "0 paused, 1 it does not compute: it is over, waits, or is paused already, 2 no such run.",
    "resume": "0 resumed, 1 it is not paused, 2 no such run.",
    "cancel": "0 cancelled, 1 it was over already, or is not over yet, 2 no such run.",
}
"""Verb to exit codes, where there is more to say than usual."""

FIRST_STEPS = f"""First steps:

  fusion run quick                       # simulate NSFNET here; half a minute
  fusion templates                       # what else there is to start from
  fusion run my.ini                      # settings of your own
  fusion sweep my_sweep.toml             # many points, each computed once
  fusion up                              # the same in a browser

`fusion VERB --help` has the options and examples of a verb.

Exit codes: {_USUAL}
"""


def epilogue(verb: str) -> str:
    """Return what the help of a verb ends with."""
    return f"Examples:\n{EXAMPLES[verb]}\nExit codes: {EXIT_CODES.get(verb, _USUAL)}\n"
