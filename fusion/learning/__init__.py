"""Environments for agents: the event loop asks an agent about each request (gymnasium's interface).

Importing this registers `fusion/RMSA-v0` for `gymnasium.make` and `gymnasium.make_vec`. It needs the extra
`learning`; nothing else in fusion does.
"""

try:
    import gymnasium
except ImportError as error:  # pragma: no cover - the tests have it
    raise ImportError("fusion.learning needs gymnasium: pip install gymnasium") from error

from fusion.learning.environment import EonEnv
from fusion.learning.evaluation import Evaluation, evaluate
from fusion.learning.vector import EonVectorEnv

__all__ = ["ID", "EonEnv", "EonVectorEnv", "Evaluation", "evaluate"]

ID = "fusion/RMSA-v0"

gymnasium.register(
    ID,
    entry_point="fusion.learning.environment:EonEnv",
    vector_entry_point="fusion.learning.vector:EonVectorEnv",
)
