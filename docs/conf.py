"""The settings of the documentation, which ``python3 dev.py docs`` builds."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "flask_rf"
copyright = "the authors of flask_rf"
version = release = metadata.version("flask-rf")

extensions = ["capacity_tables", "changelog", "migration_tables", "settings_tables"]
exclude_patterns = ["_build"]
nitpicky = True
highlight_language = "none"

html_theme = "furo"
html_title = f"flask_rf {version}"
html_copy_source = False
