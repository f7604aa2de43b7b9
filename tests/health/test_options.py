"""What holds where nothing is set."""

from __future__ import annotations

from flask_rf.health import HealthOptions
from flask_rf.health.options import directories


def test_rule_07_a_check_has_one_second_and_all_have_two() -> None:
    assert (HealthOptions().timeout, HealthOptions().total_timeout) == (1.0, 2.0)


def test_rule_08_results_are_kept_for_a_second() -> None:
    assert HealthOptions().cache == 1.0


def test_rule_10_one_failure_is_enough() -> None:
    assert HealthOptions().failures == 1


def test_rules_14_and_15_memory_and_disks_warn_at_80_and_fail_at_95_percent() -> None:
    options = HealthOptions()
    assert (options.memory_warn, options.memory_fail) == (80, 95)
    assert (options.disk_warn, options.disk_fail) == (80, 95)


def test_rule_15_a_directory_named_twice_is_watched_once() -> None:
    assert directories("/,/tmp,/") == ("/", "/tmp")
