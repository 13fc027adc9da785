"""Many environments, one compiled call a step, behind the interface of gymnasium's vector environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, SupportsIndex, Unpack

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from fusion.config.problems import show
from fusion.kernel.environment_loop import BEGIN, DECIDE, REST
from fusion.learning.environment import (
    RENDER_MODES,
    check_render_mode,
    log,
    make_batch,
    observation_space,
    observations,
    refuse_to_copy,
)
from fusion.learning.episodes import asked_for, checked, counted_of, first_of, flag_of, integer_of
from fusion.learning.setting import (
    ConfigLike,
    Options,
    Setting,
    make_setting,
)
from fusion.results.measured import Replication
from fusion.scenario.layout import Layout
from fusion.scenario.scenario import Scenario
from fusion.simulation.compilation import ONCE, announced

_ALL = slice(None)
_MOST_ENVS = 1_000_000


class EonVectorEnv(VectorEnv[Any, NDArray[np.int64], NDArray[Any]]):
    """As many environments as wanted, each as `EonEnv` and in another replication.

    `reset(seed=n)` begins the streams of the seeds n, n + 1, ...; a list of seeds names each.
    `reset(options={"replication": n})` begins replications n, n + 1, ... of a run; a list names each. The
    next episode of an environment is the replication num_envs further, so that none comes twice. Whether an
    environment whose episode has ended begins the next one in the same step, in the next, or with
    `reset(options={"reset_mask": ...})`, `autoreset_mode` says; infos are those of
    `gymnasium.vector.SyncVectorEnv`.
    """

    def __init__(
        self,
        num_envs: int = 1,
        config: ConfigLike = "nsfnet_100_slots",
        overrides: Mapping[str, object] | None = None,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        copy: bool = True,
        **options: Unpack[Options],
    ) -> None:
        """Read a config; the other arguments are those of `EonEnv`.

        copy: whether what `reset` and `step` return is the caller's to keep. If not, all arrays of it, the
        mask in the infos included, are the same ones each time, and the next call overwrites them, which
        saves time and memory. Raises ConfigError, ValueError.
        """
        check_render_mode(render_mode)
        self.render_mode = render_mode
        num_envs = counted_of("num_envs", num_envs, 1, _MOST_ENVS)
        self._mode = AutoresetMode(autoreset_mode)
        self.metadata = {"render_modes": list(RENDER_MODES), "autoreset_mode": self._mode}
        self.setting: Setting = make_setting(config, overrides, **options)
        self.num_envs = num_envs
        self.single_observation_space = observation_space(self.setting)
        self.single_action_space = spaces.Discrete(self.setting.layout.actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._copies = flag_of("copy", copy)
        self._batch = make_batch(self.setting, num_envs)
        self._next = np.full(num_envs, -1, dtype=np.int64)
        self._over = np.zeros(num_envs, dtype=np.bool_)
        self._any_over = self._has_begun = False
        self._shown = self._batch.shown
        self._every = np.ones(num_envs, dtype=np.bool_)
        self._reward = np.zeros(num_envs)
        self._ended, self._none = (np.zeros(num_envs, dtype=np.bool_) for _ in range(2))

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        """Raise TypeError: an environment can be neither pickled nor copied."""
        refuse_to_copy(self)

    @property
    def layout(self) -> Layout:
        """Where things are in an observation and among the actions."""
        return self.setting.layout

    @property
    def scenario(self) -> Scenario:
        """The network, its candidate paths and the traffic as arrays."""
        return self.setting.scenario

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode in every environment.

        seed: as for `EonEnv`, that of the first environment, which the others count on from; or one for each,
        None for one that begins its next. options: {"replication": n} or one for each, in the same way, for
        replications of a run; {"reset_mask": bool[environment]} for an episode in some environments, while
        the others go on. Raises ValueError for other options, for another number than of
        environments, and where the seed of one is not an integer from 0 to 2**32 - 1; TypeError for a
        reset_mask that is no array of bool; RuntimeError for one before the first reset.
        """
        options = dict(options or {})
        new = self._new(options.pop("reset_mask", None))
        replications = self._for_each(asked_for(options), "replications")
        seeds = self._for_each(seed, "seeds")
        by_seed = [None if own is None else first_of(own) for own in seeds]
        asked = [None if each is None else checked(each) for each in replications]
        super().reset(seed=seed if isinstance(seed, int) else None)
        by_chance = first_of(None)
        for row in np.flatnonzero(new).tolist():
            replication, first = asked[row], by_seed[row]
            if replication is not None:
                self._next[row] = replication
            elif first is not None:
                self._next[row] = first
            elif self._next[row] < 0:
                self._next[row] = by_chance + row
        with announced(log.warning, ONCE, "the episodes begin"):
            self._begin(new)
        self._over = self._over & ~new
        self._any_over, self._has_begun = bool(self._over.any()), True
        infos = self._infos() | self._replications(new)
        if not new.all():
            mask = np.where(new[:, np.newaxis], self._shown.mask, np.int8(0))
            infos |= {"action_mask": mask, "_action_mask": new.copy()}
        return self._observations(), infos

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Any, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Decide the request that waits in each environment, and show the next ones.

        Raises RuntimeError before the first reset, and where an episode has ended and `autoreset_mode` is
        Disabled; ValueError for an invalid action.
        """
        if not self._has_begun:
            raise self._not_begun()
        began = self._over if self._any_over else None
        if began is not None and self._mode is AutoresetMode.DISABLED:
            raise RuntimeError(
                f"the episodes of environments {np.flatnonzero(began).tolist()} have ended: reset them, with"
                " options={'reset_mask': ...}"
            )
        if began is None:
            number = self._batch.step(actions, self._batch.deciding)
        else:
            number = self._begin(began, actions)
        reward, ended, terminated = self._results()
        if self._mode is not AutoresetMode.SAME_STEP:
            infos = self._infos()
            if began is not None:
                infos |= self._replications(began)
            if number > 0:
                infos |= self._measured_infos(ended)
            self._any_over = number > 0
            if self._any_over or began is not None:
                self._over = ended.copy()
        elif number > 0:
            infos = self._begin_at_once(ended)
        else:
            infos = self._infos()
        return self._observations(), reward, terminated, ended, infos

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Return the spectrum of each environment as `EonEnv.render` does, or None without a render_mode.

        Raises RuntimeError before the first reset.
        """
        if not self._has_begun:
            raise self._not_begun()
        if self.render_mode is None:
            return None
        return tuple(self._batch.picture(row) for row in range(self.num_envs))

    def _for_each(self, given: Any, what: str) -> Sequence[Any]:
        """Return a value for each environment: those given, or counted on from the first."""
        if given is None:
            return [None] * self.num_envs
        if (number := integer_of(given)) is not None:
            return range(number, number + self.num_envs)
        if np.ndim(given) == 0:  # refused with its name where it is checked
            return [given] * self.num_envs
        if len(given) != self.num_envs:
            raise ValueError(f"{len(given)} {what} for {self.num_envs} environments")
        return list(given)

    def action_masks(self) -> NDArray[np.bool_]:
        """Return bool[environment, action], which actions can be done now."""
        if not self._has_begun:
            raise self._not_begun()
        return self._shown.mask.astype(np.bool_)

    def measured(self, environment: int) -> Replication:
        """Return what the episode measured that has ended and after which no other began.

        Raises RuntimeError where it has not ended.
        """
        return self._batch.measured(environment)

    def _begin(self, new: NDArray[np.bool_], actions: NDArray[np.int64] | None = None) -> int:
        """Begin the next episode of some environments; the others act, or rest where there are no actions.

        Returns what `Batch.step` returns.
        """
        if actions is not None:
            self._batch.check(actions)
        for row in np.flatnonzero(new).tolist():
            self._batch.begin(row, int(self._next[row]))
            self._next[row] += self.num_envs
        others = REST if actions is None else DECIDE
        if actions is None:
            actions = np.zeros(self.num_envs, dtype=np.int64)
        return self._batch.step(actions, np.where(new, BEGIN, others).astype(np.int8))

    def _begin_at_once(self, ended: NDArray[np.bool_]) -> dict[str, Any]:
        """Show the first requests of the next episodes in the place of the last ones; return the infos."""
        shown, last = self._shown, dict[str, Any]()
        blocking = self._batch.blocking_probability()
        for row in np.flatnonzero(ended).tolist():
            final = {
                "action_mask": shown.mask[row].copy(),
                "blocking_probability": float(blocking[row]),
            }
            seen = observations(self._batch.seen, row)
            last = self._add_info(last, {"final_obs": seen, "final_info": final}, row)
        self._begin(ended)
        return last | self._infos() | self._replications(ended)

    def _new(self, mask: Any) -> NDArray[np.bool_]:
        """Return in which environments a reset begins an episode. mask: the option `reset_mask`."""
        if mask is None:
            return self._every
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            raise TypeError(f"reset_mask = {show(mask)}: must be an array of bool")
        if mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(
                f"reset_mask = {show(mask)}: must have one entry for each of {self.num_envs} environments,"
                " and at least one must be True"
            )
        if not self._has_begun:
            raise self._not_begun()
        return mask

    def _results(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return rewards, which episodes have ended, and zeros."""
        shown = self._shown
        if self._copies:
            return shown.reward.copy(), shown.ended.copy(), np.zeros(self.num_envs, dtype=np.bool_)
        # These arrays are not those of the batch: where an episode begins in the same step it zeroes them.
        np.copyto(self._reward, shown.reward)
        np.copyto(self._ended, shown.ended)
        return self._reward, self._ended, self._none

    def _observations(self) -> Any:
        return observations(self._batch.seen, _ALL, copy=self._copies)

    def _infos(self) -> dict[str, Any]:
        mask, every = self._shown.mask, self._every
        if self._copies:
            mask, every = mask.copy(), every.copy()
        return {"action_mask": mask, "_action_mask": every}

    def _replications(self, new: NDArray[np.bool_]) -> dict[str, Any]:
        """Return the infos about episodes that began."""
        numbers = np.where(new, self._batch.replication_numbers, 0)
        return {"replication": numbers, "_replication": new.copy()}

    def _measured_infos(self, ended: NDArray[np.bool_]) -> dict[str, Any]:
        return {
            "blocking_probability": np.where(ended, self._batch.blocking_probability(), 0.0),
            "_blocking_probability": ended.copy(),
        }

    @staticmethod
    def _not_begun() -> RuntimeError:
        return RuntimeError("no episode runs: call reset first")
