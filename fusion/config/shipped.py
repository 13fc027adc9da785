"""What comes with the package: templates, sweeps, topologies, modulation tables and studies, by name."""

from pathlib import Path

TEMPLATES, TOPOLOGIES, MODULATIONS, SWEEPS, STUDIES = (
    Path(__file__).parents[1] / "shipped" / name
    for name in ("templates", "topologies", "modulations", "sweeps", "studies")
)
"""The folders of the shipped files."""

FUSION_NETWORKS = {
    "NSFNet": "fusion_nsfnet",
    "USNet": "fusion_usnet",
    "Pan-European": "fusion_pan_european",
    "USbackbone60": "fusion_usbackbone60",
    "Spainbackbone30": "fusion_spainbackbone30",
    "geant": "fusion_geant",
    "toy_network": "fusion_toy_network",
    "metro_net": "fusion_metro_net",
    "dt_network": "fusion_dt_network",
    "Japan12": "fusion_japan12",
}
"""FUSION's name of a network -> the shipped name."""

EARLIER_NAMES = {"jpn48": "jpn48_12576km"}
"""A name that was given up, as it did not say which lengths -> the network that it had."""

OTHER_NAMES = {**FUSION_NETWORKS, **EARLIER_NAMES}
"""All names of networks beside the shipped ones -> the shipped name."""

SAME_TABLES = {"example_mod_a": "DEFAULT", "slicing_dissertation": "DEFAULT"}
"""A further name of a modulation table -> the shipped name."""


def sweep_names() -> list[str]:
    """Return the names of the shipped sweeps, sorted."""
    return sorted(file.stem for file in SWEEPS.glob("*.toml"))


def topology_names() -> list[str]:
    """Return the names of the shipped topologies, sorted."""
    return sorted(file.stem for file in TOPOLOGIES.glob("*.json"))


def modulation_names() -> list[str]:
    """Return the names of the shipped modulation tables, sorted."""
    return sorted([file.stem for file in MODULATIONS.glob("*.json")] + list(SAME_TABLES))


def study_names() -> list[str]:
    """Return the names of the shipped studies, sorted."""
    return sorted(file.parent.name for file in STUDIES.glob("*/study.toml"))
