"""The scripts that train the small networks whose weights the package ships; anyone can run them again."""

import hashlib
from pathlib import Path


def write_sums(folder: Path) -> None:
    """Note the sha256 of each weights file of a folder; the package refuses files with another."""
    files = sorted(folder.glob("*.safetensors"))
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
