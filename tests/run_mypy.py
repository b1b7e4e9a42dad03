"""Type-check the installed package: mypy follows the mapping of setup.py only in a copy away from the checkout."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("amdc", "passes", "codegen", "kernels", "setup.py", "pyproject.toml", "README.md", "LICENSE")

with tempfile.TemporaryDirectory() as folder:
    copy, site = Path(folder) / "copy", Path(folder) / "site"
    copy.mkdir()
    for name in SOURCES:  # a copy: building in the checkout would leave a build/ folder there
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(copy)]
    subprocess.run(install, check=True, cwd=folder)
    check = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        str(ROOT / "pyproject.toml"),
        "--cache-dir",
        str(ROOT / ".mypy_cache"),
        "-p",
        "amdc",
    ]
    sys.exit(subprocess.run(check, cwd=folder, env=os.environ | {"MYPYPATH": str(site)}).returncode)
