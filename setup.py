"""What the wheel holds: the package, and the load generator's files from their own folder."""

from setuptools import find_packages, setup

# In a folder of its own: Locust loads the file by its path, which puts that folder on sys.path.
LOAD_GENERATOR = "wattscan.load.loadtest"
PROTOCOLS = f"{LOAD_GENERATOR}.protocols"

setup(
    packages=[*find_packages("services"), LOAD_GENERATOR, PROTOCOLS],
    package_dir={"": "services", LOAD_GENERATOR: "loadtest", PROTOCOLS: "loadtest/protocols"},
    package_data={LOAD_GENERATOR: ["workloads/*.toml"]},
)
