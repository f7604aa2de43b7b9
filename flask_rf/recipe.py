"""What every feature is: a recipe of options, compiled into one object for each app.

The compiled object is immutable, its methods are the app's request functions, and
it lives in ``app.extensions["rf_<name>"]``. The recipe itself holds no app's state,
so two apps set up from one recipe never share settings.
"""

from __future__ import annotations

from typing import Any
from typing import cast
from typing import ClassVar
from typing import Generic
from typing import TypeVar
from weakref import WeakSet

from flask import current_app
from flask import Flask

from .errors import SetupError
from .settings import check_keywords
from .settings import Options

C = TypeVar("C")


class Recipe(Generic[C]):
    """Base of the features.

    :param app: the app to set up at once, else call :meth:`init_app`.
    :param options: the fields of :attr:`options`; what is not given comes from
        app.config, the environment or the default.
    :raises TypeError: an unknown option.
    """

    name: ClassVar[str]
    options: ClassVar[type[Options]]
    #: The setting without which RF leaves the feature out, where there is one.
    awaits: ClassVar[str] = ""

    def __init__(self, app: Flask | None = None, **options: Any) -> None:
        check_keywords(type(self).__name__, self.options, options)
        self.given = options
        self._apps: WeakSet[Flask] = WeakSet()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Set the feature up on ``app``.

        :raises SetupError: the app has this feature already.
        :raises ConfigurationError: a setting cannot be meant.
        """
        key = f"rf_{self.name}"
        if key in app.extensions:
            raise SetupError(
                f"{type(self).__name__} is already set up on the app {app.name!r}: "
                "call init_app once, or pass the app to the constructor, not both"
            )
        app.extensions[key] = self.compile(app)
        self._apps.add(app)

    @staticmethod
    def configured(app: Flask) -> bool:
        """Whether RF is to set the feature up on an app that does not mention it."""
        return True

    @staticmethod
    def left_out(app: Flask) -> None:
        """Called where RF does not set the feature up, on an app that does not mention it."""

    def compile(self, app: Flask) -> C:
        """Read the options, place the hooks and routes, and return the compiled object."""
        raise NotImplementedError

    @property
    def compiled(self) -> C:
        """The compiled object of the current app, or of the only one set up.

        :raises SetupError: there is none, or several outside an app context.
        """
        return cast(C, self.app.extensions[f"rf_{self.name}"])

    @property
    def app(self) -> Flask:
        """The current app if this recipe set it up, else the only app it set up."""
        if current_app:
            app = cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]
            if app in self._apps:
                return app
            raise SetupError(
                f"{type(self).__name__} is not set up on the app {app.name!r}: {self._mend}"
            )
        apps = list(self._apps)
        if len(apps) == 1:
            return apps[0]
        if not apps:
            raise SetupError(f"{type(self).__name__} is set up on no app: {self._mend}")
        raise SetupError(
            f"{type(self).__name__} is set up on {len(apps)} apps: "
            "use it within `with app.app_context():` of the one you mean"
        )

    @property
    def _mend(self) -> str:
        return f"set {self.awaits}" if self.awaits else "call init_app"
