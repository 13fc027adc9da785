"""What help says beside the options: a line for each verb, examples of what to type, and exit codes."""

from fusion_flows.command.help_words import fitted

SUMMARIES: dict[str, str] = {
    "up": "Start a Prefect server and a simulation worker; Ctrl-C stops both.",
    "set-up": "Create the work pool, queues, limit, automation and deployments on your own server.",
    "doctor": "Check everything that a run needs, and report what is wrong and how to fix it.",
    "templates": "List the shipped templates and those in FUSION_TEMPLATES_DIR.",
    "topologies": "List the shipped topologies. `network` takes one of these names, or the path of a "
    "file.",
    "spectrum": "Draw which lightpath holds which slots of each link at one moment, and write the table.",
    "snapshot": "Write what is up at one moment of a run for GNPy, networkx and pandas, with a picture.",
    "bound": "Compute how little any policy can block at each load, and draw it below the curves of "
    "policies.",
    "import": "Write a network of another program as JSON for `network`: GNPy, SNDlib, the Topology Zoo and "
    "others.",
    "export": "Write a network as a topology of GNPy in JSON, the counterpart of `fusion import`.",
    "topology": "Draw a network, or the link utilisation of a run, as PNG, PDF and SVG.",
    "examples": "Write the shipped examples into a folder: sweeps, policies to modify, trained agents, "
    "a notebook.",
    "new": "Write an INI file to start from, a copy of a template with a comment on each key; or a "
    "sweep file.",
    "explain": "Explain settings: meaning, unit, allowed values, default, and the value in each "
    "template.",
    "validate": "Check settings, and the files they refer to, without running anything.",
    "schema": "Print a JSON Schema of the settings: types, bounds, choices, defaults and meanings.",
    "run": "Run a simulation, here or (with --detach) on a worker such as that of `fusion up`.",
    "rerun": "Repeat an earlier run, optionally with changes, here or (with --detach) on a worker.",
    "train": "Train an agent with MaskablePPO, here or (with --detach) on a worker; needs the extra `train`.",
    "agent": "Show what a trained agent is, or write one as a file for `policy`.",
    "runs": "List runs, newest first. Without a server, the list is read from the files of the runs.",
    "show": "Show the settings, state, points and files of a run, or the start of one of its files.",
    "open": "Open the report of a run in your browser, or its page in Prefect.",
    "logs": "Show the log of a run. Without a server, the log file on this machine is read.",
    "report": "Write the report of a run or a sweep, with the results so far, as one HTML file.",
    "pause": "Pause running runs for any length of time; `resume` continues them.",
    "resume": "Resume paused runs. A run whose process has ended is queued again.",
    "cancel": "Cancel runs; finished replications are kept.",
    "delete": "Delete runs: the flow run with its artifacts and logs, and the run directory with "
    "all its files.",
    "clean": "Remove leftovers: unsuccessful runs, old compiled code, temporary files.",
    "plan": "Show the points of a sweep, what the store has of them, and a time estimate. "
    "Nothing is computed.",
    "sweep": "Compute the missing points of a sweep, here or (with --detach) on a worker.",
    "schedule": "Run a sweep at regular times, by a schedule of the deployment `fusion-sweep/sweep`.",
    "compare": "Compare blocking at each load along an axis of a sweep, or between runs.",
    "loads-at": "Show the load at which each curve of a sweep reaches a blocking probability, by "
    "interpolation.",
    "find-load": "Find the load at which each combination of a sweep reaches a blocking probability, "
    "without a grid.",
    "ties": "Show how much the rule for ties between paths changes the blocking.",
    "plot": "Plot the results of a sweep so far, as PNG, PDF and SVG, with the numbers as CSV.",
    "diff": "Show the settings that differ between two runs, INI files or points of the store.",
    "merge": "Add the results of another store, such as one from another machine.",
    "reproduce": "Simulate published figures again, and compare; without a name, list the studies.",
}
"""Verb to the first sentences of its help, for the list of verbs, which loads none of them."""

EXAMPLES: dict[str, str] = {
    "up": """
  fusion up                              # server, UI, worker; Ctrl-C stops them
  fusion up --max-concurrent-runs 4      # further runs wait
  fusion up --host 0.0.0.0 --port 4201   # for other machines, too
""",
    "set-up": """
  fusion set-up                          # on the server of PREFECT_API_URL
  fusion set-up --max-concurrent-runs 8  # changes the limit at once
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
  fusion spectrum 9f0f --load 160 --at 5000 --color modulation
  fusion spectrum my.ini -s allocation_method=best_fit
""",
    "snapshot": """
  fusion snapshot 9f0f --at 5000         # in each format, beside its pictures
  fusion snapshot 9f0f --at 5000 -o now.graphml -o now.parquet
  fusion snapshot my.ini --load 160 -o now.json   # services for GNPy
  fusion snapshot quick --format gnpy --link 1,2  # spectrum of a link
""",
    "bound": """
  fusion bound quick                     # a template; at its loads
  fusion bound 9f0f                      # a run, with its curve
  fusion bound my.ini --runs 9f0f a4e2 --to figures
  fusion bound quick -s erlang_stop=300 --bounds-only
""",
    "import": """
  fusion import meshTopologyExampleV2.json -o mesh.json   # of GNPy
  fusion import mesh.xls --demands services.json     # traffic of GNPy
  fusion import germany50.xml --traffic germany50_traffic.csv   # of SNDlib
  fusion import net.json --demands gravity           # by population
  fusion import Abilene.gml --lengths great-circle   # of the Topology Zoo
  fusion import Abilene.gml --lengths 1.3   # times the great circle
""",
    "export": """
  fusion export nsfnet_deeprmsa          # nsfnet_deeprmsa_gnpy.json
  fusion export my_network.graphml -o net.json
""",
    "topology": """
  fusion topology usnet_ptrnet           # a shipped topology
  fusion topology my_network.graphml     # your own file
  fusion topology 9f0f                   # the link utilisation of a run
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
  fusion new my_sweep.toml               # a sweep of the template quick
  fusion new my_sweep.toml --from my.ini
""",
    "explain": """
  fusion explain k_paths
  fusion explain erlang_start erlang_stop erlang_step
  fusion explain routing_settings        # all keys of a section
  fusion explain KSP-FF MSCL             # policies, and the keys that set them
  fusion explain                         # all keys
""",
    "validate": """
  fusion validate quick
  fusion validate my.ini
  fusion validate my.ini -s topology_settings.network=my_network.csv
  fusion validate my.ini --json     # problems, keys left out, loads
""",
    "schema": """
  fusion schema > config.schema.json     # for an editor or a validator
""",
    "run": """
  fusion run quick                       # a template; NSFNET at five loads
  fusion run my.ini                      # your own settings
  fusion run quick -s routing_settings.k_paths=5 --name "five paths"
  fusion run quick --detach              # on the worker of `fusion up`
  fusion run --resume 9f0f               # finish an interrupted run
  fusion run quick --json > result.json
""",
    "agent": """
  fusion agent agent.onnx                # what it sees and does
  fusion agent agent.onnx --fits my.ini  # whether it can be the policy there
  fusion agent model.zip -o agent.onnx   # of Stable-Baselines3
  fusion agent agent.onnx -o agent.safetensors
""",
    "train": """
  fusion train deeprmsa                  # a template, at its first load
  fusion train my.ini --steps 500000 --seed 2
  fusion train deeprmsa -t network=mlp -t width=128 -t patience=5
  fusion train my.ini -t observation=blocks -t actions=paths
  fusion train my.ini --seed 1 --seed 2 --detach   # on a worker, each a run
  fusion train --resume 9f0f             # from its last checkpoint
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
  fusion logs 9f0f --follow              # until the run ends
""",
    "report": """
  fusion report 9f0f                     # report.html in its directory
  fusion report 9f0f --to five_paths.html
  fusion report my_sweep.toml            # from the results in the store
""",
    "pause": """
  fusion pause 9f0f                      # the next run in the queue starts
  fusion pause 9f0f a4e2 --no-wait
""",
    "resume": """
  fusion resume 9f0f                     # continues a run that was paused
  fusion run --resume a4e2               # for a run that has ended
  fusion sweep runs/02da1e5d9b7c/sweep.json   # for a sweep that has ended
""",
    "cancel": """
  fusion cancel 9f0f                     # finished replications are kept
  fusion cancel 9f0f a4e2 --no-wait
""",
    "delete": """
  fusion delete 9f0f                     # shows the run, then asks
  fusion delete 9f0f a4e2 --yes
  fusion delete 9f0f --cancel --yes      # also if it is running
  fusion delete OLD NEW                  # a run and the one that resumed it
  fusion delete 9f0f --without-server    # its files, where no server is running
""",
    "clean": """
  fusion clean                           # lists it, then asks
  fusion clean --dry-run
  fusion clean --older-than 4w --yes
""",
    "plan": """
  fusion plan quick                      # a shipped sweep
  fusion examples                        # writes examples/path_orders.toml
  fusion plan examples/path_orders.toml
  fusion plan my_sweep.toml --all
""",
    "sweep": """
  fusion sweep quick                     # a shipped example, in seconds
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
  fusion compare 9f0f a4e2 --label 9f0f=KSP-FF --title NSFNET
  fusion compare 9f0f a4e2 --target 0.01 --width column
  fusion compare examples/path_orders.toml path_order
  fusion compare examples/path_orders.toml path_order --base hops
  fusion compare my_sweep.toml policy --base KSP-FF    # whole policies
""",
    "loads-at": """
  fusion loads-at examples/path_orders.toml 0.01   # loads with 1 % blocking
""",
    "find-load": """
  fusion find-load examples/path_orders.toml 0.01
  fusion find-load my_sweep.toml 1e-3 --precision 0.005
""",
    "ties": """
  fusion ties quick --loads 180
  fusion ties deeprmsa -s network=cost239_deeprmsa --loads "500, 600"
  fusion ties my.ini --replications 20 --salts 5 --to figures
""",
    "plot": """
  fusion plot examples/path_orders.toml
  fusion plot examples/path_orders.toml --against path_order --base km
  fusion plot examples/path_orders.toml --heat-map erlang k_paths
  fusion plot examples/path_orders.toml --metric utilisation --to figures
  fusion plot examples/path_orders.toml --title ""   # for a captioned figure
  fusion plot examples/path_orders.toml --label km="by length"
  fusion plot examples/path_orders.toml --target 0.01 --width column
  fusion plot examples/path_orders.toml --only path_order=km --legend right
""",
    "diff": """
  fusion diff 9f0f a4e2                  # the settings of two runs
  fusion diff study.ini quick
  fusion plan my_sweep.toml              # its last column has the keys
  fusion diff 3f2a91 b07c44
""",
    "merge": """
  fusion merge /media/usb/runs/store     # the store of another machine
""",
    "reproduce": """
  fusion reproduce                       # lists the studies
  fusion reproduce maskrsa               # table, picture, report in reproduced/
  fusion reproduce deeprmsa gcn_rmsa --quick
  fusion reproduce --all --to figures
  fusion plot reproduce:maskrsa          # the same points as a sweep
""",
}
"""Verb to lines of examples."""

_USUAL = "0 success, 2 invalid command or input file, 130 interrupted by Ctrl-C, 1 any other error."

EXIT_CODES: dict[str, str] = {
    "up": "0 ended by Ctrl-C or another signal, 2 invalid command, 1 it cannot start, the server or the "
    "worker has ended by itself, or any other error.",
    "run": "0 complete, 2 invalid settings, or --resume of a complete run (nothing was started), 130 "
    "interrupted by Ctrl-C (results so far are kept), 1 any other error.",
    "sweep": "0 complete, 2 invalid sweep (nothing was started), 130 interrupted by Ctrl-C, 1 points failed, "
    "or any other error.",
    "validate": "0 the settings are valid, 2 they are not.",
    "reproduce": "0 each value that is judged is inside or explained, 1 at least one is outside, or any "
    "other error, 2 unknown study, 130 interrupted by Ctrl-C (the same command resumes).",
    "doctor": "0 no problem, or only warnings; 1 at least one problem.",
    "pause": "0 paused, 1 not running: ended, waiting or already paused, 2 no such run.",
    "resume": "0 resumed, 1 not paused, 2 no such run.",
    "cancel": "0 cancelled, 1 it had already ended, or has not ended yet, 2 no such run.",
}
"""Verb to exit codes, where there is more to say than usual."""

FIRST_STEPS = f"""First steps:

  fusion run quick                       # NSFNET in seconds, the first time half a minute longer
  fusion templates                       # other templates to start from
  fusion run my.ini                      # your own settings
  fusion sweep quick                     # a sweep: many points, each computed once
  fusion new my_sweep.toml               # a sweep of your own
  fusion up                              # the same in a browser

`fusion COMMAND --help` shows the options of a command, with examples.

Exit codes: {_USUAL}
"""


USAGES: dict[str, str] = {
    "reproduce": "[NAME ...]",
    "explain": "[KEY ...]",
    "compare": "WHAT [OTHER ...]",
    "run": "[TEMPLATE]",
    "train": "[TEMPLATE]",
    "show": "RUN [FILE]",
    **dict.fromkeys(("pause", "resume", "cancel", "delete"), "RUN [RUN ...]"),
}
"""Verb -> the words after its options, where one may be left out or there may be several of a kind."""


def epilogue(verb: str, columns: int = 1000) -> str:
    """Return what the help of a verb ends with.  columns: in which its examples have to fit."""
    form = ""
    if verb == "sweep":
        from fusion_flows.command.sweep_format import sweep_format

        form = f"\n{sweep_format()}"
    elif verb in ("plan", "schedule", "find-load"):
        form = "\n`fusion sweep --help` shows what a sweep file has.\n"
    return f"Examples:\n{fitted(EXAMPLES[verb], columns)}{form}\nExit codes: {EXIT_CODES.get(verb, _USUAL)}\n"
