"""How checks are run. These pass under threads and, patched, under gevent (rule 17)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from flask import current_app
from flask import Flask
from flask import g

from flask_rf.checks import add_check
from flask_rf.checks import Check
from flask_rf.health.options import HealthOptions
from flask_rf.health.report import report
from flask_rf.health.result import Outcome
from flask_rf.health.runner import Runner
from flask_rf.signals import health_checked

from ..parts.processes import wait_until


class Gate:
    """A check that hangs until it is opened, and counts how often it was started."""

    def __init__(self) -> None:
        self.started = 0
        self._opened = threading.Event()

    def __call__(self) -> None:
        self.started += 1
        self._opened.wait()

    def open(self) -> None:
        self._opened.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


def runner_of(app: Flask, *checks: Check, **options: Any) -> Runner:
    for check in checks:
        add_check(app, check)
    return Runner(app, HealthOptions(**{"cache": 0, "timeout": 30, "total_timeout": 60, **options}))


def statuses(outcomes: tuple[Outcome, ...]) -> dict[str, str]:
    return {outcome.check.name: outcome.result.status for outcome in outcomes}


def in_threads(number: int, function: Callable[[], Any]) -> list[threading.Thread]:
    threads = [threading.Thread(target=function) for _ in range(number)]
    for thread in threads:
        thread.start()
    return threads


def hanging(others: set[threading.Thread]) -> list[threading.Thread]:
    """The threads of the check "slow", apart from those of other tests."""
    found = set(threading.enumerate()) - others
    return [thread for thread in found if thread.name == "health check slow"]


def raising(error: BaseException) -> Callable[[], None]:
    def check() -> None:
        raise error

    return check


def test_rule_05_a_failing_critical_check_fails(app: Flask) -> None:
    runner = runner_of(app, Check("database", lambda: False))
    assert statuses(runner.outcomes()) == {"database": "fail"}


def test_rule_05_a_failing_check_that_is_not_critical_warns(app: Flask) -> None:
    runner = runner_of(app, Check("mail", lambda: False, critical=False))
    assert statuses(runner.outcomes()) == {"mail": "warn"}


def test_rule_07_a_hung_check_reports_that_it_timed_out(app: Flask, gate: Gate) -> None:
    runner = runner_of(app, Check("slow", gate, timeout=0.05), Check("quick", lambda: None))
    slow, quick = runner.outcomes()
    assert (slow.result.status, slow.result.output) == ("fail", "timed out")
    assert slow.seconds >= 0.05
    assert quick.result.status == "pass"


def test_rule_07_a_check_without_a_deadline_of_its_own_has_the_apps(app: Flask, gate: Gate) -> None:
    runner = runner_of(app, Check("slow", gate), timeout=0.05)
    assert statuses(runner.outcomes()) == {"slow": "fail"}


def test_rule_07_the_total_deadline_ends_every_check(app: Flask, gate: Gate) -> None:
    (slow,) = runner_of(app, Check("slow", gate, timeout=20), total_timeout=0.05).outcomes()
    assert (slow.result.status, slow.result.output) == ("fail", "timed out")
    assert slow.seconds < 20


def test_rule_07_a_hung_check_is_not_started_again_while_it_hangs(app: Flask, gate: Gate) -> None:
    runner, others = runner_of(app, Check("slow", gate, timeout=0.05)), set(threading.enumerate())
    for _ in range(3):
        assert statuses(runner.outcomes()) == {"slow": "fail"}
    wait_until(lambda: gate.started)
    assert (gate.started, len(hanging(others))) == (1, 1)
    gate.open()
    wait_until(lambda: statuses(runner.outcomes()) == {"slow": "pass"} and gate.started > 1)


def test_rule_08_checks_run_side_by_side(app: Flask) -> None:
    met = threading.Barrier(3)
    checks = [Check(name, lambda: bool(met.wait(20) >= 0)) for name in ("a", "b", "c")]
    outcomes = runner_of(app, *checks).outcomes()
    assert statuses(outcomes) == {"a": "pass", "b": "pass", "c": "pass"}


def test_rule_08_concurrent_probes_share_one_run(app: Flask, gate: Gate) -> None:
    runner = runner_of(app, Check("slow", gate))
    found: list[tuple[Outcome, ...]] = []
    first = in_threads(1, lambda: found.append(runner.outcomes()))
    wait_until(lambda: gate.started)
    rest = in_threads(20, lambda: found.append(runner.outcomes()))
    gate.open()
    for thread in first + rest:
        thread.join(20)
    assert len(found) == 21
    # A probe that came after the run had ended starts another; those of the first share it.
    assert len({id(outcomes) for outcomes in found}) == gate.started


def test_rule_08_a_thousand_concurrent_probes_cause_one_run_of_each_check(
    app: Flask, gate: Gate
) -> None:
    other: list[int] = []
    checks = Check("slow", gate), Check("other", lambda: other.append(1))
    runner = runner_of(app, *checks, cache=60)
    found: list[tuple[Outcome, ...]] = []
    threads = in_threads(1000, lambda: found.append(runner.outcomes()))
    wait_until(lambda: gate.started)
    gate.open()
    for thread in threads:
        thread.join(60)
    assert len(found) == 1000
    assert (gate.started, len(other)) == (1, 1)
    assert len({id(outcomes) for outcomes in found}) == 1


def test_rule_07_a_check_that_hangs_for_ever_costs_one_thread_not_one_a_probe(
    app: Flask, gate: Gate
) -> None:
    runner, others = runner_of(app, Check("slow", gate, timeout=0.001)), set(threading.enumerate())
    for _ in range(5):
        for thread in in_threads(100, runner.outcomes):
            thread.join(60)
    wait_until(lambda: gate.started)
    assert (gate.started, len(hanging(others))) == (1, 1)


def test_rule_08_results_are_kept_for_a_while(app: Flask) -> None:
    calls: list[int] = []
    runner = runner_of(app, Check("counted", lambda: calls.append(1)), cache=60)
    assert runner.outcomes() is runner.outcomes()
    assert len(calls) == 1


def test_rule_08_without_a_cache_each_probe_asks_again(app: Flask) -> None:
    calls: list[int] = []
    runner = runner_of(app, Check("counted", lambda: calls.append(1)), cache=0)
    runner.outcomes(), runner.outcomes()
    assert len(calls) == 2


def test_rule_08_a_run_that_breaks_off_does_not_hold_up_the_next_probe(app: Flask) -> None:
    answers = iter([raising(KeyboardInterrupt()), lambda: True, lambda: True])
    runner = runner_of(app, Check("odd", lambda: None, applies=lambda: next(answers)() is True))
    with pytest.raises(KeyboardInterrupt):
        runner.outcomes()
    assert statuses(runner.outcomes()) == {"odd": "pass"}


def test_rule_10_failures_warn_until_there_are_enough_in_a_row(app: Flask) -> None:
    answers = iter([False, False, True, False, False, False])
    runner = runner_of(app, Check("flaky", lambda: next(answers)), failures=3)
    seen = [statuses(runner.outcomes())["flaky"] for _ in range(6)]
    assert seen == ["warn", "warn", "pass", "warn", "warn", "fail"]


@pytest.mark.parametrize(
    "error",
    [
        ValueError("redis://:secret@host"),
        SystemExit(1),
        KeyboardInterrupt(),
        gevent.Timeout(1),
        gevent.GreenletExit(),
    ],
)
def test_rule_18_a_check_that_raises_anything_fails_alone(app: Flask, error: BaseException) -> None:
    runner = runner_of(app, Check("broken", raising(error)), Check("sound", lambda: None))
    broken, sound = runner.outcomes()
    assert (broken.result.status, sound.result.status) == ("fail", "pass")
    assert broken.result.output == f"raised {type(error).__name__}"


def test_rule_18_a_check_that_returns_what_cannot_be_told_fails_alone(app: Flask) -> None:
    untold = Check("untold", lambda: {"pools": {("db", 1): 3}})
    runner = runner_of(app, untold, Check("sound", lambda: None))
    assert statuses(runner.outcomes()) == {"untold": "fail", "sound": "pass"}
    assert '"raised TypeError"' in report(runner.outcomes()).body(details=True)


def test_a_receiver_that_fails_keeps_no_probe_from_its_answer(app: Flask) -> None:
    def fail(app: Flask, **_: Any) -> None:
        raise LookupError

    health_checked.connect(fail, app)
    runner = runner_of(app, Check("sound", lambda: None))
    assert statuses(runner.outcomes()) == {"sound": "pass"}


def test_rule_11_the_text_of_an_error_is_not_told(app: Flask) -> None:
    runner = runner_of(app, Check("broken", raising(ValueError("redis://:secret@host"))))
    assert "secret" not in repr(runner.outcomes())


def test_a_check_has_the_app_and_ends_its_context(app: Flask) -> None:
    ended: list[str] = []
    app.teardown_appcontext(lambda _: ended.append(g.name))

    def check() -> bool:
        g.name = current_app.name
        return True

    assert statuses(runner_of(app, Check("context", check)).outcomes()) == {"context": "pass"}
    assert ended == ["shop"]


def test_a_teardown_that_raises_fails_the_check_alone(app: Flask) -> None:
    app.teardown_appcontext(raising(LookupError()))
    outcomes = runner_of(app, Check("one", lambda: None)).outcomes()
    assert statuses(outcomes) == {"one": "fail"}


def test_the_first_failure_in_a_row_is_logged(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    runner = runner_of(app, Check("mail", lambda: False))
    runner.outcomes(), runner.outcomes()
    assert [record.getMessage() for record in caplog.records] == [
        "the health check 'mail' fails: returned False"
    ]


def test_a_check_added_later_is_run_too(app: Flask) -> None:
    runner = runner_of(app)
    assert runner.outcomes() == ()
    add_check(app, Check("late", lambda: None))
    assert statuses(runner.outcomes()) == {"late": "pass"}


def test_a_check_that_does_not_apply_is_not_reported(app: Flask) -> None:
    assert runner_of(app, Check("loop", lambda: False, applies=lambda: False)).outcomes() == ()
