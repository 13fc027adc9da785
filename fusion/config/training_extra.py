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


def missing_packages() -> list[str]:
    """Return the packages that training needs and that are not installed."""
    return [package for module, package in NEEDED.items() if find_spec(module) is None]


def need_training_extra() -> None:
    """Raise MissingExtraError where a package is missing that training needs."""
    if missing := missing_packages():
        names = " ".join(missing)
        raise MissingExtraError(
            f"training needs packages that are not installed here (the extra `train`): pip install {names}; "
            "of torch the build for CPUs is enough, and much smaller"
        )
