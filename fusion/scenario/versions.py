"""Versions of results, and what to do when something changes that a result is made of.

Results are kept by their content: a store has outcomes by the key of their point, a run directory has
replications by the key of its config. They are read for years, so:

- The same inputs give other numbers: raise RESULTS_VERSION, or FAILURES_VERSION where it is only so with
  failures. What was kept under the old key is not read any more.
- `Outcome` or a record of `Replication` gets a field: it is read by its name, wherever it stands; in the file
  the records of a replication are one, so no two of their fields have the same name. Without a default, what
  was kept before is computed again, which is said. It may have a default, and be named below, only if that is
  what all that was kept before would have said. If that holds for some configs only, the others get a version
  in their key, as OUTCOMES_OF_FAILURES_VERSION is.
- A field gets another meaning: give it another name.
"""

RESULTS_VERSION = 1
"""Part of every content key: raised when the same inputs give other numbers than before."""

FAILURES_VERSION = 2
"""The same for configs with failures: 2 since slots of failed links count as free, not as taken."""

OUTCOMES_OF_FAILURES_VERSION = 2
"""Part of the key of points with failures: 2 since their outcomes say how long connections were out."""

MAY_LACK_IN_OUTCOME = frozenset({"asked_time", "down_time"})
"""Fields of an outcome that its line may lack, as it was of a config without failures then."""

MAY_LACK_IN_REPLICATION = frozenset(
    (
        *("groomed", "sliced", "partly_served", "ended", "lightpath_use"),
        *("phase_requests", "phase_blocked", "interrupted", "switched", "restored", "lost_gbps"),
        *("recovery_ms", "asked_time", "down_time", "outages", "outage_time"),
        *("link_down_time", "link_outages", "measured_time"),
        *("blocked_by_quality", "noise_to_signal", "fusion"),
    )
)
"""Fields of a replication that its record may lack, as its config did not ask for what they count."""
