"""An image's bill of materials: Debian's and Python's packages in it, as CycloneDX JSON.

    make sbom IMAGE=wattscan/cpu:0.1.0

Read from the image's own files, with no registry asked. It needs cyclonedx-python-lib.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, License, LicenseExpression
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

_STATUS = re.compile(r"^var/lib/dpkg/(status|status\.d/[^.]+)$")
_METADATA = re.compile(r"^opt/.*/([^/]+)\.dist-info/METADATA$")
_COPYRIGHT = re.compile(r"^usr/share/doc/([^/]+)/copyright$")


def main() -> None:
    """Write the SBOM of one image."""
    parser = argparse.ArgumentParser(description="Writes an image's SBOM (CycloneDX 1.6, JSON).")
    parser.add_argument("--image", required=True, help="its name, as docker or podman knows it")
    parser.add_argument("--out", type=Path, help="the file (default build/sbom/<image>.json)")
    options = parser.parse_args()
    out = options.out or Path("build/sbom") / (re.sub(r"\W+", "-", options.image) + ".json")
    bom = Bom(components=components(options.image))
    bom.metadata.component = Component(name=options.image, type=ComponentType.CONTAINER)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(
        make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)
    )
    print(f"{out}: {len(bom.components)} packages")


def components(image: str) -> list[Component]:
    """The packages of an image. Raises: SystemExit: there is no such image."""
    debian: list[Message] = []
    python: list[Message] = []
    copyrights: dict[str, str] = {}
    for name, content in _files(image):
        if _STATUS.match(name):
            debian += [
                BytesParser().parsebytes(part) for part in content.split(b"\n\n") if part.strip()
            ]
        elif _METADATA.match(name):
            python.append(BytesParser().parsebytes(content))
        elif found := _COPYRIGHT.match(name):
            copyrights[found[1]] = content.decode(errors="replace")
    return [
        *(_debian(fields, copyrights) for fields in debian if "installed" in fields["Status"]),
        *(_python(fields) for fields in python),
    ]


def _files(image: str) -> Iterator[tuple[str, bytes]]:
    engine = os.environ.get("CONTAINER_ENGINE", "docker")
    create = [engine, "create", image]
    made = subprocess.run(create, capture_output=True, text=True, check=False)  # noqa: S603
    if made.returncode:
        raise SystemExit(f"{engine} has no image {image}: {made.stderr.strip()}")
    container = made.stdout.strip()
    export = [engine, "export", container]
    try:
        with (
            subprocess.Popen(export, stdout=subprocess.PIPE) as tree,  # noqa: S603
            tarfile.open(fileobj=tree.stdout, mode="r|") as archive,
        ):
            for member in archive:
                name = member.name.removeprefix("./")
                wanted = any(one.match(name) for one in (_STATUS, _METADATA, _COPYRIGHT))
                file = archive.extractfile(member) if wanted and member.isreg() else None
                if file:
                    yield name, file.read()
    finally:
        remove = [engine, "rm", container]
        subprocess.run(remove, capture_output=True, check=False)  # noqa: S603


def _debian(fields: Message, copyrights: dict[str, str]) -> Component:
    name, version = fields["Package"], fields["Version"]
    # Where two packages share a folder of documents, it is named after their source.
    source = (fields["Source"] or name).split()[0]
    text = copyrights.get(name) or copyrights.get(source) or ""
    named = dict.fromkeys(re.findall(r"^License:[ \t]*(\S.*)$", text, re.MULTILINE))
    known = ", ".join(named) or f"see /usr/share/doc/{name}/copyright"
    return Component(
        name=name,
        version=version,
        licenses=[DisjunctiveLicense(name=known)],
        purl=PackageURL("deb", "debian", name, version, {"arch": fields["Architecture"]}),
    )


def _python(fields: Message) -> Component:
    name, version = fields["Name"].lower().replace("_", "-"), fields["Version"]
    return Component(
        name=name,
        version=version,
        licenses=[_licence(fields)],
        purl=PackageURL("pypi", None, name, version),
    )


def _licence(fields: Message) -> License:
    if fields["License-Expression"]:
        return LicenseExpression(fields["License-Expression"])
    classified = [
        text.split(" :: ")[-1]
        for text in fields.get_all("Classifier", [])
        if text.startswith("License ::")
    ]
    stated = str(fields["License"] or "").strip().split("\n")[0]
    return DisjunctiveLicense(name=", ".join(classified) or stated or "not stated in its metadata")


if __name__ == "__main__":
    main()
