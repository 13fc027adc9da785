"""Make the networks of this folder: torch's own exports, and what torch says that they give.

python tests/data/agents/make.py, with torch and onnx.
"""

import json
import warnings
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).parent
CONTEXT, PATHS, OF_PATH, WIDTH, BLOCKS = 6, 4, 5, 12, 2


class Mlp(nn.Module):
    """Dense layers with layer norm and several activations."""

    def __init__(self) -> None:
        super().__init__()
        size = CONTEXT + PATHS * OF_PATH
        self.layers = nn.Sequential(
            *(nn.Linear(size, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 16), nn.Tanh()),
            *(nn.Linear(16, 16), nn.SiLU(), nn.Linear(16, 16), nn.LeakyReLU(0.1)),
            nn.Linear(16, PATHS * BLOCKS + 1),
        )

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        return self.layers(observation)


class Attention(nn.Module):
    """The same layers for each path, and torch's own attention and transformer layer over the paths."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(CONTEXT + OF_PATH, WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, 3, batch_first=True)
        self.norm = nn.LayerNorm(WIDTH)
        self.layer = nn.TransformerEncoderLayer(WIDTH, 2, 20, 0.0, "gelu", batch_first=True)
        self.score, self.block = nn.Linear(WIDTH, BLOCKS), nn.Linear(WIDTH, 1)

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        context, paths = observation[:, :CONTEXT], observation[:, CONTEXT:]
        paths = paths.reshape(-1, PATHS, OF_PATH)
        context = context.unsqueeze(1).expand(-1, PATHS, -1)
        x = torch.relu(self.first(torch.cat([context, paths], dim=2)))
        x = self.norm(x + self.attention(x, x, x, need_weights=False)[0])
        x = self.layer(x)
        scores = self.score(x).flatten(1)
        return torch.cat([scores, self.block(x.amax(dim=1))], dim=1)


def main() -> None:
    """Write the files."""
    warnings.simplefilter("ignore")
    torch.backends.mha.set_fastpath_enabled(False)  # which ONNX does not have
    for name, network in (("mlp", Mlp()), ("attention", Attention())):
        torch.manual_seed(1)
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.4)
        network.requires_grad_(False)
        observations = torch.rand(5, CONTEXT + PATHS * OF_PATH)
        answers = {"observations": observations.tolist(), "logits": network(observations).tolist()}
        torch.onnx.export(
            network,
            (observations,),
            HERE / f"{name}.onnx",
            input_names=["observation"],
            output_names=["logits"],
            dynamo=False,  # the newer exporter needs onnxscript
            dynamic_axes={"observation": {0: "batch"}, "logits": {0: "batch"}},
        )
        (HERE / f"{name}.json").write_text(json.dumps(answers) + "\n")


if __name__ == "__main__":
    main()
