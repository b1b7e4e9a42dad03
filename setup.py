"""Maps the top-level folders onto the package `amdc`; everything else about the project stands in pyproject.toml."""

from setuptools import find_packages, setup

FOLDERS = {"amdc": "amdc", "amdc.passes": "passes", "amdc.codegen": "codegen", "amdc.kernels": "kernels"}


def packages() -> list[str]:
    """All packages below the mapped folders, under their installed names."""
    found = []
    for name, folder in FOLDERS.items():
        found += [name] + [f"{name}.{sub}" for sub in find_packages(folder)]
    return found


setup(
    packages=packages(),
    package_dir=FOLDERS,
    package_data={
        "amdc.kernels": ["**/*.hip", "**/*.h"],
        "amdc.sim": ["**/*.h", "**/*.c"],
        "amdc.cli": ["templates/*.html", "templates/*.js"],
        "amdc.onnx_backend": ["*.toml"],
        "amdc.tune": ["data/*.csv"],
        "amdc": ["py.typed"],
    },
)
