"""Whether what training needs is installed; nothing of it is imported."""

from importlib.util import find_spec

NEEDED = {
    "gymnasium": "gymnasium",
    "torch": "torch",
    "stable_baselines3": "stable-baselines3",
    "sb3_contrib": "sb3-contrib",
    "onnx": "onnx",
    "tensorboard": "tensorboard",
}
"""Module -> package."""


class MissingExtraError(ImportError):
    """Packages that training needs are not installed; the message has the command that installs them."""


def need_training_extra() -> None:
    """Raise MissingExtraError where a package is missing that training needs."""
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        names = " ".join(missing)
        raise MissingExtraError(
            f"training needs packages that are not installed here (the extra `train`): pip install {names}; "
            "of torch the build for CPUs is enough, and much smaller"
        )
