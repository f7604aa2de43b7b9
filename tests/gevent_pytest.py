"""The suite as a gevent worker runs it: ``python -m tests.gevent_pytest [pytest's arguments]``."""

from __future__ import annotations

import sys

from gevent import monkey

_ELSEWHERE = {"browser", "deployment", "servers", "soak", "unpatched"}


class _Patched:
    """Leaves out the tests on which monkey patching has no bearing."""

    def pytest_collection(self) -> None:
        from hypothesis import settings

        settings.load_profile("patched")

    def pytest_collection_modifyitems(self, config, items) -> None:  # type: ignore[no-untyped-def]
        left_out = [item for item in items if _ELSEWHERE & set(item.keywords)]
        items[:] = [item for item in items if not _ELSEWHERE & set(item.keywords)]
        config.hook.pytest_deselected(items=left_out)


def main() -> int:
    monkey.patch_all()
    import pytest  # only now: what it imports must find the patched modules

    return pytest.main(sys.argv[1:], plugins=[_Patched()])


if __name__ == "__main__":
    sys.exit(main())
