"""Train an agent: rollouts and updates, and at each border a checkpoint and perhaps an evaluation.

At a border all environments begin new episodes, of streams whose number is counted up, and all random
generators begin anew from the seed and that number. So what comes after a border depends on the weights, the
optimiser and the number alone: a training that goes on from a checkpoint gives the same weights, bit for bit
on one thread, as one that nothing has interrupted, and no state of an environment need be kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib import MaskablePPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, make_output_format
from stable_baselines3.common.utils import set_random_seed

from fusion.config.config import Config
from fusion.config.training_settings import TrainingSettings
from fusion.learning.training.agent_file import about_agent, write_agent_file
from fusion.learning.training.checkpoint import (
    Arrays,
    Checkpoint,
    last_checkpoint,
    write_checkpoint,
)
from fusion.learning.training.evaluating import Evaluator
from fusion.learning.training.heuristics import (
    Measured,
    configs_of_heuristics,
    simulate,
    with_requests,
)
from fusion.learning.training.networks import AgentPolicy
from fusion.learning.training.options import is_shifted, learning_options, options_of
from fusion.learning.training.table import (
    Row,
    best_of,
    comparison_rows,
    evaluation_row,
    heuristic_rows,
    write_comparison,
    write_heuristics,
    write_table,
)
from fusion.learning.training.vector_env import TrainingEnvs
from fusion.results.interval_text import with_interval
from fusion.results.logging_config import get_logger
from fusion.results.progress import ProgressWriter
from fusion.simulation.pool import Stopped

log = get_logger(__name__)

_PARTS = 10
"""Checkpoints and evaluations of a training at least, however short it is."""
VALIDATION = 1 << 51
"""The first replication of evaluations: not one of those for learning, and none that a run reports. The best
agent is chosen by them, so it blocks a little less there than elsewhere."""

_STREAMS = 1 << 32  # of episodes, see `fusion.learning.episodes`


class Files(NamedTuple):
    """Where the files of a training go."""

    folder: Path

    @property
    def table(self) -> Path:
        """What each evaluation has found."""
        return self.folder / "training.csv"

    @property
    def heuristics(self) -> Path:
        """What heuristics block in the replications of the evaluations."""
        return self.folder / "heuristics.csv"

    @property
    def comparison(self) -> Path:
        """The best agent and the heuristics in replications of a run."""
        return self.folder / "comparison.csv"

    @property
    def best(self) -> Path:
        """The agent that has blocked least."""
        return self.folder / "agent.onnx"

    @property
    def last(self) -> Path:
        """The agent after the last step."""
        return self.folder / "last_agent.onnx"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.folder / "checkpoints"

    @property
    def events(self) -> Path:
        """Folder of TensorBoard's event files."""
        return self.folder / "tensorboard"


class Training:
    """One agent in training, from the start or from its last checkpoint."""

    def __init__(
        self,
        template: str | Path,
        config: Config,
        settings: TrainingSettings,
        directory: Path,
        progress: ProgressWriter,
        stopped: Callable[[], bool],
    ) -> None:
        """Make environments and networks. Raises ConfigError for what environments do not model.

        template: what the config was read from. directory: where the files go. stopped: asked often; when it
        says yes the training ends with its last checkpoint.
        """
        torch.set_num_threads(settings.threads)
        self._config, self._settings = config, settings
        self._template, self._stopped, self._progress = template, stopped, progress
        self._files = Files(directory)
        self._confidence = config.statistics_settings.confidence
        self._load = settings.load or config.loads[0]
        envs = TrainingEnvs(
            settings.environments,
            with_requests(config, settings.episode_requests),
            is_shifted=is_shifted(settings),
            **learning_options(settings),
        )
        self._envs = envs
        self._evaluator = Evaluator(
            template, config, self._load, options_of(settings), stopped, log.info
        )
        self._layout = envs.layout
        self._model = MaskablePPO(
            AgentPolicy,
            self._envs,
            learning_rate=self._learning_rate,
            n_steps=settings.rollout_steps,
            batch_size=settings.batch_size,
            n_epochs=settings.epochs,
            gamma=settings.gamma,
            gae_lambda=settings.gae_lambda,
            clip_range=settings.clip_range,
            ent_coef=settings.entropy_coefficient,
            policy_kwargs={"layout": envs.layout, "settings": settings},
            seed=settings.seed % _STREAMS,
            device="cpu",
        )
        self._model.set_logger(_tensorboard(self._files.events))
        self._configs = configs_of_heuristics(template, config, log.warning)
        self._heuristics: dict[str, Measured] = {}
        self._best: dict[str, torch.Tensor] = {}
        self._rows: list[Row] = []
        self._border = 0
        self._seconds = 0.0
        self._began = time.monotonic()
        self._best_steps = 0
        self._without_gain = 0

    @property
    def rows(self) -> list[Row]:
        """The evaluations so far: rows of training.csv."""
        return self._rows

    @property
    def heuristics(self) -> dict[str, Measured]:
        """What heuristics do in the replications of the evaluations."""
        return self._heuristics

    @property
    def steps(self) -> int:
        """Steps that are done."""
        return int(self._model.num_timesteps)

    def run(self) -> bool:
        """Train to the end; return False where it was stopped. Raises OSError, RuntimeError for weights that
        have become NaN.
        """
        if checkpoint := last_checkpoint(self._files.checkpoints):
            self._take(checkpoint)
            log.info("the training goes on after %s steps", f"{self.steps:,}")
        self._progress.write("training", steps=self._settings.steps, done=self.steps)
        try:
            self._compare()
            if not self._rows:
                self._reach_border(evaluate_now=True)
            self._learn()
            self._compare_the_best()
        except Stopped:
            return False
        return True

    def _learn(self) -> None:
        settings, model = self._settings, self._model
        if not self._is_over():
            self._begin_anew()
        _, callback = model._setup_learn(
            settings.steps - self.steps, _Watch(self._stopped), reset_num_timesteps=False
        )
        of_a_rollout = settings.environments * settings.rollout_steps
        tenth = math.ceil(settings.steps / _PARTS)
        rollouts = math.ceil(min(settings.checkpoint_every, tenth) / of_a_rollout)
        every = min(settings.evaluation_every, tenth)
        borders = math.ceil(every / (rollouts * of_a_rollout))
        while not self._is_over():
            losses: dict[str, list[float]] = {}
            for _ in range(rollouts):
                if self.steps >= settings.steps:
                    break
                if not model.collect_rollouts(
                    self._envs, callback, model.rollout_buffer, settings.rollout_steps
                ):
                    raise Stopped
                model._update_current_progress_remaining(self.steps, settings.steps)
                model.train()
                self._note(losses)
                self._progress.write("trained", done=self.steps, steps=settings.steps)
                if self._stopped():
                    raise Stopped
            self._border += 1
            is_last = self.steps >= settings.steps
            self._reach_border(
                evaluate_now=is_last or self._border % borders == 0,
                losses={name: float(np.mean(values)) for name, values in losses.items()},
            )
            if not self._is_over():
                self._begin_anew()

    def _is_over(self) -> bool:
        patience = self._settings.patience
        return self.steps >= self._settings.steps or 0 < patience <= self._without_gain

    def _begin_anew(self) -> None:
        """Begin new episodes, and all random generators, by the number of the border alone."""
        state = np.random.SeedSequence((self._settings.seed, self._border)).generate_state(2)
        set_random_seed(int(state[0]))
        first = int(state[1]) % (_STREAMS - self._settings.environments)
        model = self._model
        model._last_obs = self._envs.begin_at(first)
        model._last_episode_starts = np.ones(self._settings.environments, dtype=bool)

    def _reach_border(self, *, evaluate_now: bool, losses: dict[str, float] | None = None) -> None:
        """Evaluate the agent if that is due, and write what the training goes on from."""
        if evaluate_now:
            self._evaluate(losses or {})
        self._model.logger.dump(self.steps)
        self._seconds += time.monotonic() - self._began
        self._began = time.monotonic()
        state = {
            "steps": self.steps,
            "updates": self._model._n_updates,
            "border": self._border,
            "seconds": self._seconds,
            "rows": self._rows,
            "best_steps": self._best_steps,
            "without_gain": self._without_gain,
        }
        write_checkpoint(self._files.checkpoints, self.steps, Checkpoint(self._arrays(), state))
        if evaluate_now:
            write_table(self._files.table, self._rows)

    def _evaluate(self, losses: dict[str, float]) -> None:
        settings = self._settings
        replications = range(VALIDATION, VALIDATION + settings.evaluation_replications)
        self._write(self._files.last)
        found = self._evaluator.measure(
            self._files.last, self._greedy, replications, settings.evaluation_requests
        )
        row = evaluation_row(found, self._heuristics, self._confidence)
        row["steps"] = self.steps
        row["seconds"] = round(self._seconds + time.monotonic() - self._began, 3)
        row |= losses
        best = min((each["blocking_probability"] for each in self._rows), default=math.inf)
        row["is_best"] = int(row["blocking_probability"] < best)
        self._without_gain = 0 if row["is_best"] else self._without_gain + 1
        self._rows.append(row)
        if row["is_best"]:
            self._best_steps = self.steps
            actor = self._model.policy.actor.state_dict()
            self._best = {name: value.clone() for name, value in actor.items()}
            self._write(self._files.best)
        self._tell(row)

    def _tell(self, row: Row) -> None:
        """Say what an evaluation has found: in the log, as an event, and to TensorBoard."""
        names = ("", "_ci_lower", "_ci_upper")
        blocking = with_interval(*(row[f"blocking_probability{name}"] for name in names))
        log.info("%s steps: blocking %s", f"{self.steps:,}", blocking)
        self._progress.write("evaluation", row=row)
        for name in ("blocking_probability", "minus_ksp_ff", "minus_best"):
            if name in row:
                self._model.logger.record(f"evaluation/{name}", row[name])

    def _compare(self) -> None:
        """Have the simulator tell what heuristics do in the replications of the evaluations."""
        settings = self._settings
        replications = range(VALIDATION, VALIDATION + settings.evaluation_replications)
        for found in self._simulated(settings.evaluation_requests, replications):
            self._heuristics[found.name] = found
            blocking = found.blocking(self._confidence)._asdict()
            self._progress.write("heuristic", name=found.name, blocking=blocking)
        write_heuristics(
            self._files.heuristics, heuristic_rows(self._heuristics.values(), self._confidence)
        )
        if self._heuristics:
            best = best_of(self._heuristics, self._confidence)
            log.info(
                "the best heuristic in the replications of the evaluations is %s: blocking %s",
                best.name,
                with_interval(*best.blocking(self._confidence)[:3]),
            )

    def _simulated(self, requests: int, replications: range) -> Iterator[Measured]:
        """Yield what each heuristic does in some replications. Raises Stopped."""
        for name, config in self._configs.items():
            changed = with_requests(config, requests)
            yield simulate(name, changed, self._load, replications, self._stopped)

    def _compare_the_best(self) -> None:
        """Compare the best agent with heuristics in the replications of a run, which have chosen nothing."""
        general = self._config.general_settings
        replications = range(general.max_iters)
        self._progress.write("comparing", replications=general.max_iters)
        actor = self._model.policy.actor
        last = {name: value.clone() for name, value in actor.state_dict().items()}
        try:
            actor.load_state_dict(self._best)
            agent = self._evaluator.measure(self._files.best, self._greedy, replications)
        finally:
            actor.load_state_dict(last)
        found = [agent, *self._simulated(general.num_requests, replications)]
        rows = comparison_rows(found, self._confidence)
        write_comparison(self._files.comparison, rows)
        for row in rows:
            names = ("", "_ci_lower", "_ci_upper")
            blocking = with_interval(*(row[f"blocking_probability{name}"] for name in names))
            log.info("%s: blocking %s%s", row["policy"], blocking, _told(row))

    def _greedy(self, observations: Any, masks: NDArray[np.int8]) -> NDArray[np.integer[Any]]:
        """Return the first of the possible actions with the highest score, for each environment."""
        if self._stopped():
            raise Stopped
        with torch.no_grad():
            logits = self._model.policy.actor(torch.from_numpy(observations).clone()).numpy()
        if not np.isfinite(logits).all():
            raise RuntimeError(
                f"after {self.steps:,} steps the network gives no numbers; a lower learning_rate helps"
            )
        return np.asarray(np.where(masks != 0, logits, -np.inf).argmax(axis=1))

    def _note(self, losses: dict[str, list[float]]) -> None:
        """Add what the last update has logged."""
        logged = self._model.logger.name_to_value
        for theirs, ours, sign in (
            ("train/entropy_loss", "entropy", -1.0),
            ("train/policy_gradient_loss", "policy_loss", 1.0),
            ("train/value_loss", "value_loss", 1.0),
            ("train/approx_kl", "approximate_kl", 1.0),
        ):
            losses.setdefault(ours, []).append(sign * float(logged[theirs]))
        losses.setdefault("mean_reward", []).append(
            float(self._model.rollout_buffer.rewards.mean())
        )

    def _learning_rate(self, remaining: float) -> float:
        rate = self._settings.learning_rate
        return rate * remaining if self._settings.learning_rate_schedule == "linear" else rate

    def _write(self, path: Path) -> None:
        about = about_agent(self._layout, self._config, self._settings, self.steps)
        write_agent_file(path, self._model.policy.actor, self._layout, about)

    def _arrays(self) -> Arrays:
        """Return weights, those of the best agent, and the state of the optimiser."""
        policy = self._model.policy
        arrays = {f"weight.{name}": _copy(value) for name, value in policy.state_dict().items()}
        arrays |= {f"best.{name}": _copy(value) for name, value in self._best.items()}
        state = policy.optimizer.state_dict()["state"]
        for number, values in state.items():
            for name, value in values.items():
                arrays[f"optimizer.{number}.{name}"] = _copy(value)
        return arrays

    def _take(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint."""
        policy, state = self._model.policy, checkpoint.state
        weights: dict[str, torch.Tensor] = {}
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, array in checkpoint.arrays.items():
            kind, _, rest = name.partition(".")
            if kind == "weight":
                weights[rest] = torch.from_numpy(array.copy())
            elif kind == "best":
                self._best[rest] = torch.from_numpy(array.copy())
            else:
                number, _, key = rest.partition(".")
                moments.setdefault(int(number), {})[key] = torch.from_numpy(array.copy())
        policy.load_state_dict(weights)
        optimizer = policy.optimizer.state_dict()
        policy.optimizer.load_state_dict({**optimizer, "state": moments})
        self._model.num_timesteps = state["steps"]
        self._model._n_updates = state["updates"]
        self._border, self._seconds = state["border"], state["seconds"]
        self._rows, self._best_steps = state["rows"], state["best_steps"]
        self._without_gain = state["without_gain"]


class _Watch(BaseCallback):
    """Ends a rollout when the training is to stop."""

    def __init__(self, stopped: Callable[[], bool]) -> None:
        super().__init__()
        self._stopped = stopped

    def _on_step(self) -> bool:
        return not self._stopped()


def _told(row: Row) -> str:
    """Return what a row of comparison.csv says of the agent."""
    if row.get("agent_minus") is None:
        return ""
    names = ("", "_ci_lower", "_ci_upper")
    difference, lower, upper = (row[f"agent_minus{name}"] for name in names)
    return f"; agent minus {row['policy']} {difference:+.5f} [{lower:+.5f}, {upper:+.5f}]"


def _tensorboard(folder: Path) -> Logger:
    """Return a logger that writes event files of TensorBoard, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    return Logger(str(folder), [make_output_format("tensorboard", str(folder))])


def _copy(value: torch.Tensor) -> NDArray[Any]:
    array: NDArray[Any] = value.detach().cpu().numpy().copy()
    return array
