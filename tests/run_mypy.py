"""Type-check the installed package: mypy follows the folder mapping of setup.py only in an installed copy, away from the checkout."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

with tempfile.TemporaryDirectory() as folder:
    site = Path(folder) / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(ROOT)], check=True, cwd=folder
    )
    config = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]
    environment = os.environ | {"MYPYPATH": str(site)}
    sys.exit(subprocess.run([sys.executable, "-m", "mypy", *config, "-p", "amdc"], cwd=folder, env=environment).returncode)
