from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import ClassVar
from weakref import ref

import pytest
from flask import Flask

from flask_rf import ConfigurationError
from flask_rf import kinds
from flask_rf import SetupError
from flask_rf.recipe import Recipe
from flask_rf.settings import Options
from flask_rf.settings import resolve
from flask_rf.settings import setting


@dataclass(frozen=True)
class GreetingOptions(Options):
    prefix: ClassVar[str] = "GREETING_"

    words: str = setting(kinds.text, "Hello", doc="What is said.")


class Greeting(Recipe[str]):
    """The least a feature can be; its compiled object is the greeting itself."""

    name = "greeting"
    options = GreetingOptions

    def compile(self, app: Flask) -> str:
        return f"{resolve(app, GreetingOptions, self.given).words}, {app.name}"


def test_an_app_can_be_given_at_once_or_later(app: Flask) -> None:
    assert Greeting(app).compiled == "Hello, shop"
    later = Greeting(words="Welcome")
    forum = Flask("forum")
    later.init_app(forum)
    assert later.compiled == "Welcome, forum"
    assert forum.extensions["rf_greeting"] == "Welcome, forum"


def test_a_recipe_of_two_apps_keeps_their_settings_apart() -> None:
    greeting, shop, forum = Greeting(), Flask("shop"), Flask("forum")
    shop.config["GREETING_WORDS"] = "Buy"
    greeting.init_app(shop)
    greeting.init_app(forum)
    with shop.app_context():
        assert greeting.compiled == "Buy, shop"
        with forum.app_context():
            assert greeting.compiled == "Hello, forum"
        assert greeting.compiled == "Buy, shop"


def test_two_recipes_keep_their_apps_apart() -> None:
    shop, forum = Flask("shop"), Flask("forum")
    first, second = Greeting(shop, words="Buy"), Greeting(forum, words="Talk")
    assert (first.compiled, second.compiled) == ("Buy, shop", "Talk, forum")


@pytest.mark.parametrize("again", ["by init_app", "by another recipe"])
def test_to_set_up_twice_is_an_error_that_says_so(app: Flask, again: str) -> None:
    greeting = Greeting(app)
    with pytest.raises(SetupError) as caught:
        greeting.init_app(app) if again == "by init_app" else Greeting(app)
    assert str(caught.value) == (
        "Greeting is already set up on the app 'shop': "
        "call init_app once, or pass the app to the constructor, not both"
    )


def test_a_refused_set_up_can_be_mended_and_repeated(app: Flask) -> None:
    greeting = Greeting()
    app.config["GREETING_WORDS"] = ["Hello"]
    with pytest.raises(ConfigurationError):
        greeting.init_app(app)
    app.config["GREETING_WORDS"] = "Hello"
    greeting.init_app(app)
    assert greeting.compiled == "Hello, shop"


def test_an_unknown_option_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match=r"Greeting\(\) has no option 'word'.*'words'"):
        Greeting(word="Hello")


def test_without_any_app_there_is_nothing_to_use() -> None:
    with pytest.raises(SetupError, match="^Greeting is set up on no app: call init_app$"):
        Greeting().compiled  # noqa: B018


def test_outside_a_context_several_apps_are_an_error_with_the_mend() -> None:
    greeting, apps = Greeting(), [Flask("shop"), Flask("forum")]
    for app in apps:
        greeting.init_app(app)
    with pytest.raises(SetupError) as caught:
        greeting.compiled  # noqa: B018
    assert str(caught.value) == (
        "Greeting is set up on 2 apps: use it within `with app.app_context():` of the one you mean"
    )


def test_in_the_context_of_an_app_without_it_no_other_app_is_meant(app: Flask) -> None:
    greeting = Greeting(app)
    with (
        Flask("forum").app_context(),
        pytest.raises(SetupError, match="is not set up on the app 'forum': call init_app$"),
    ):
        greeting.compiled  # noqa: B018


def test_another_recipes_app_is_not_this_ones(app: Flask) -> None:
    Greeting(app)
    with app.app_context(), pytest.raises(SetupError, match="not set up on the app 'shop'"):
        Greeting().compiled  # noqa: B018


def test_apps_are_not_kept_alive() -> None:
    greeting, kept, dropped = Greeting(), Flask("kept"), Flask("dropped")
    greeting.init_app(kept)
    greeting.init_app(dropped)
    gone = ref(dropped)

    del dropped
    gc.collect()

    assert gone() is None
    assert greeting.compiled == "Hello, kept"
