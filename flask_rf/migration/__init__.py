"""``flask rf migrate``: what becomes of an app that uses other libraries for what flask_rf does.

:mod:`.libraries` knows them, a table each. :mod:`.settings` goes through an app's settings,
:mod:`.source` through its files, :mod:`.imports` changes what a change of import is enough for.
None of those libraries needs to be installed.
"""
