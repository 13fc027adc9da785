"""The networks of an agent, in torch: what scores the actions, and what estimates values while it learns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from torch import Tensor, nn

from fusion.config.training_settings import TrainingSettings
from fusion.scenario.layout import Layout

_HIDDEN_GAIN, _LAST_GAIN = math.sqrt(2.0), 0.01
"""Of orthogonal initial weights: small ones at the end give each action the same chance."""


class MlpActor(nn.Module):
    """Dense layers over the whole observation: float32[batch, feature] to logits float32[batch, action]."""

    def __init__(self, layout: Layout, settings: TrainingSettings) -> None:
        """Make the layers."""
        super().__init__()
        self.hidden = _hidden(layout.size, settings)
        self.last = nn.Linear(settings.width, layout.actions)

    def forward(self, observation: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.last(self.hidden(observation))
        return logits


class _OfEachPath(nn.Module):
    """relu(P [path, bit rate (, holding time)] + R request + b) of each candidate path.

    R begins at zero: at first all pairs of nodes are treated alike.
    """

    def __init__(self, layout: Layout, width: int) -> None:
        super().__init__()
        self.candidates = layout.candidates
        of_a_path = layout.paths(np.zeros(layout.size, dtype=np.float32)).shape[-1]
        self.request_size = layout.size - of_a_path * layout.candidates
        self.ends = 2 * len(layout.nodes)
        self.path = nn.Linear(of_a_path + self.request_size - self.ends, width)
        self.request = nn.Linear(self.request_size, width, bias=False)

    def forward(self, observation: Tensor) -> Tensor:
        """Return float32[batch, path, width]."""
        count = observation.shape[0]
        request = observation[:, : self.request_size]
        paths = observation[:, self.request_size :].reshape(count, self.candidates, -1)
        traffic = request[:, self.ends :].unsqueeze(1).expand(-1, self.candidates, -1)
        seen = self.path(torch.cat([paths, traffic], dim=2))
        return torch.relu(seen + self.request(request).unsqueeze(1))


class PathsActor(nn.Module):
    """The same layers for each candidate path, and attention between the paths if there is any.

    After the first layer, `_OfEachPath`, come further dense ones, then with attention
    h + O attention(norm(h)) (pre-norm; A. Vaswani et al., "Attention is all you need", NeurIPS 2017). The
    score of an action is a last dense layer and a number that is learned for each place in the order of
    paths. The action that blocks has the score 0: it is possible only where no other is.
    """

    def __init__(self, layout: Layout, settings: TrainingSettings) -> None:
        """Make the layers."""
        super().__init__()
        width, self.heads = settings.width, settings.attention_heads
        self.first = _OfEachPath(layout, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(settings.layers - 1))
        if self.heads:
            self.norm = nn.LayerNorm(width)
            self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.last = nn.Linear(width, (layout.actions - 1) // layout.candidates, bias=False)
        self.place = nn.Parameter(torch.zeros(layout.candidates, self.last.out_features))

    def forward(self, observation: Tensor) -> Tensor:
        """Return the logits."""
        x = self.first(observation)
        for layer in self.hidden:
            x = torch.relu(layer(x))
        if self.heads:
            x = x + self._attention(self.norm(x))
        scores = (self.last(x) + self.place).reshape(len(x), -1)
        return torch.cat([scores, scores.new_zeros(len(x), 1)], dim=1)

    def _attention(self, x: Tensor) -> Tensor:
        """Return what each path sees of all: float32[batch, path, width]."""
        count, paths, width = x.shape
        size = width // self.heads
        query, key, value = (
            each(x).reshape(count, paths, self.heads, size).transpose(1, 2)
            for each in (self.query, self.key, self.value)
        )
        weights = torch.softmax(query @ key.transpose(2, 3) / math.sqrt(size), dim=3)
        seen: Tensor = self.out((weights @ value).transpose(1, 2).reshape(count, paths, width))
        return seen


class PathsCritic(nn.Module):
    """The mean of `_OfEachPath` over the paths, and dense layers: float32[batch, width]."""

    def __init__(self, layout: Layout, settings: TrainingSettings) -> None:
        """Make the layers."""
        super().__init__()
        self.first = _OfEachPath(layout, settings.width)
        self.hidden = _hidden(settings.width, settings)

    def forward(self, observation: Tensor) -> Tensor:
        """Return what the value is a weighted sum of."""
        seen: Tensor = self.hidden(self.first(observation).mean(dim=1))
        return seen


class _Both(nn.Module):
    """Actor and critic, under the names that sb3-contrib's policy uses."""

    def __init__(self, actor: nn.Module, critic: nn.Module) -> None:
        super().__init__()
        self.actor, self.critic = actor, critic

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: Tensor) -> Tensor:
        # Copied, as sums in another order on memory that is aligned otherwise differ in the last bit.
        logits: Tensor = self.actor(features.clone())
        return logits

    def forward_critic(self, features: Tensor) -> Tensor:
        value: Tensor = self.critic(features.clone())
        return value


class AgentPolicy(MaskableActorCriticPolicy):
    """A policy of sb3-contrib whose logits are those of `PathsActor` or `MlpActor`."""

    def __init__(
        self, *args: Any, layout: Layout, settings: TrainingSettings, **options: Any
    ) -> None:
        """Make the networks; the other arguments are those of sb3-contrib."""
        self._layout, self._settings = layout, settings
        super().__init__(*args, **options)

    @property
    def actor(self) -> nn.Module:
        """What scores the actions."""
        actor: nn.Module = self.mlp_extractor.actor
        return actor

    def _build(self, lr_schedule: Any) -> None:
        layout, settings = self._layout, self._settings
        actor: MlpActor | PathsActor
        if settings.network == "paths":
            actor, critic = PathsActor(layout, settings), PathsCritic(layout, settings)
        else:
            actor, critic = MlpActor(layout, settings), _hidden(layout.size, settings)
        self.mlp_extractor = _Both(actor, critic)
        self.action_net = nn.Identity()
        self.value_net = nn.Linear(settings.width, 1)
        for module in (*self.mlp_extractor.modules(), self.value_net):
            if isinstance(module, nn.Linear):
                gain = _LAST_GAIN if module is actor.last else _HIDDEN_GAIN
                nn.init.orthogonal_(module.weight, 1.0 if module is self.value_net else gain)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.mlp_extractor.modules():
            if isinstance(module, _OfEachPath):
                nn.init.zeros_(module.request.weight)
        self.optimizer = self.optimizer_class(
            self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )


def _hidden(size: int, settings: TrainingSettings) -> nn.Sequential:
    """Return dense layers with relu after each."""
    layers: list[nn.Module] = []
    for _ in range(settings.layers):
        layers += [nn.Linear(size, settings.width), nn.ReLU()]
        size = settings.width
    return nn.Sequential(*layers)
