"""The page for FUSION's users has every option, and names tests that are there."""

import re
from pathlib import Path

from fusion.config import foreign_keys
from fusion.config.sections import CompatibilitySettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "coming_from_fusion.md").read_text(encoding="utf-8")

# What FUSION's loader and its engine read; other keys are dropped there.
_OPTIONS = """
erlang_start erlang_stop erlang_step holding_time num_requests request_distribution max_iters
mod_assumption mod_assumption_path guard_slots route_method allocation_method spectrum_priority
max_segments dynamic_lps fixed_grid pre_calc_mod_selection is_grooming_enabled can_partially_serve
transponder_usage_per_node thread_erlangs blocking_type_ci save_snapshots snapshot_step print_step
save_step save_start_end_slots fragmentation_metrics frag_calc_step filter_mods log_level
verbose_logging thread_num network cores_per_link bw_per_slot const_link_weight is_only_core_node
multi_fiber bi_directional k_paths path_ordering precompute_paths routing_weight ca_alpha c_band l_band
s_band o_band e_band snr_type input_power egn_model phi beta theta requested_xt xt_type xt_noise
snr_recheck recheck_adjacent_cores recheck_crossband file_type deploy_model output_train_data
is_training failure_type t_fail_arrival_index t_repair_after_arrivals failed_link_src failed_link_dst
failed_node_id srlg_links geo_center_node geo_hop_radius
"""
OPTIONS = set(_OPTIONS.split())


def test_every_option_of_fusion_is_on_the_page() -> None:
    named = set(re.findall(r"`([\w]+)[^`]*`", PAGE))
    assert named >= OPTIONS, OPTIONS - named
    assert set(CompatibilitySettings.model_fields) <= named
    sections = {name for name in foreign_keys.SECTIONS if name.endswith("_settings")}
    assert {"protection_settings", "rl_settings"} <= sections & named


def test_tests_that_it_names_exist() -> None:
    tests = set(re.findall(r"tests/[\w/]+\.py", PAGE))
    assert len(tests) > 15
    for test in tests:
        assert (ROOT / test).exists(), test


def test_every_row_is_whole() -> None:
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        widths = {row.count("|") for row in table.splitlines()}
        assert len(widths) == 1, table.splitlines()[0]
