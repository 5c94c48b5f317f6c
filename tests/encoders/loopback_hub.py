"""A model hub on 127.0.0.1: as much of the Hugging Face protocol as a download of a snapshot asks.

The client reads ``HF_ENDPOINT`` and ``HF_HOME`` when it is imported, so what downloads runs in a
process of its own (`Hub.run`).
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

REPOSITORY = Path(__file__).resolve().parents[2]

#: Kept in large-file storage: the hub sends the client on to another address for them.
LARGE = (".safetensors", ".bin")


class Request(NamedTuple):
    """What the hub was asked."""

    method: str
    path: str
    range: str


@dataclass
class Hub:
    """A hub that runs, and what it was asked.

    Attributes
    ----------
    url : str
    home : Path
        ``HF_HOME`` of the processes that `run` starts.
    commits : dict
        Repository -> commit -> file -> contents.
    branches : dict
        Repository -> branch -> commit.
    requests : list of Request
    breaks : dict
        File -> for each of its next downloads, after how many bytes the hub hangs up.
    """

    url: str
    home: Path
    commits: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    branches: dict[str, dict[str, str]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    breaks: dict[str, list[int]] = field(default_factory=dict)

    def publish(self, repository: str, commit: str, folder: Path) -> None:
        """Put the files of a folder up as a commit, to which ``main`` moves."""
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        self.commits.setdefault(repository, {})[commit] = files
        self.branches.setdefault(repository, {})["main"] = commit

    def asked_for(self, file: str) -> list[Request]:
        """Downloads of a file, not questions about it."""
        return [r for r in self.requests if r.method == "GET" and r.path.endswith("/" + file)]

    def run(self, code: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
        """Run Python code with this hub as its only one; from the repository, without proxies."""
        kept = {k: v for k, v in os.environ.items() if not re.search("proxy|^HF_", k, re.I)}
        own = {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(self.home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "OMP_NUM_THREADS": "1",
            "NO_PROXY": "*",
        }
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=REPOSITORY,
            env=kept | own | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def commit_of(self, repository: str, revision: str) -> str | None:
        """Commit that a revision names here."""
        if revision in self.commits.get(repository, {}):
            return revision
        return self.branches.get(repository, {}).get(revision)


def digest(contents: bytes) -> str:
    return hashlib.sha256(contents).hexdigest()


def handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    """Answers requests from the contents of a hub."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append(Request(self.command, path, self.headers.get("Range", "")))
            api = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/([^/]+)/?", path)
            file = re.fullmatch(r"(/storage)?/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
            found = api or file
            repository, revision = (
                (api[1], api[3]) if api else (file[2], file[3]) if file else ("", "")
            )
            commit = hub.commit_of(repository, revision)
            if found is None or repository not in hub.commits:
                self.refuse("RepoNotFound")
            elif commit is None:
                self.refuse("RevisionNotFound")
            elif api:
                self.tell(repository, commit, tree=api[2] == "tree")
            elif file[4] not in hub.commits[repository][commit]:
                self.refuse("EntryNotFound")
            else:
                self.give(repository, commit, file[4], stored=bool(file[1]))

        def refuse(self, code: str) -> None:
            self.reply(404, b"", {"X-Error-Code": code, "X-Error-Message": code})

        def tell(self, repository: str, commit: str, tree: bool) -> None:
            files = hub.commits[repository][commit]
            entries = [entry(name, contents) for name, contents in files.items()]
            siblings = [{"rfilename": name} for name in files]
            about = {"id": repository, "modelId": repository, "sha": commit, "siblings": siblings}
            body = json.dumps(entries if tree else about).encode()
            self.reply(200, body, {"Content-Type": "application/json"})

        def give(self, repository: str, commit: str, name: str, stored: bool) -> None:
            contents = hub.commits[repository][commit][name]
            headers = {"ETag": f'"{digest(contents)}"', "X-Repo-Commit": commit}
            if name.endswith(LARGE) and not stored:
                headers |= {
                    "X-Linked-Etag": f'"{digest(contents)}"',
                    "X-Linked-Size": str(len(contents)),
                    "Location": f"{hub.url}/storage/{repository}/resolve/{commit}/{name}",
                }
                self.reply(302, b"", headers)
                return
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            start = int(asked[1]) if asked else 0
            headers |= {"Accept-Ranges": "bytes"}
            if asked:
                headers |= {"Content-Range": f"bytes {start}-{len(contents) - 1}/{len(contents)}"}
            limits = hub.breaks.get(name, [])
            limit = limits.pop(0) if limits and self.command == "GET" else None
            self.reply(206 if asked else 200, contents[start:], headers, limit)

        def reply(
            self, status: int, body: bytes, headers: dict[str, str], limit: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[:limit])
            if limit is not None:
                self.close_connection = True

    return Handler


def entry(name: str, contents: bytes) -> dict[str, object]:
    """A file as the hub lists it."""
    size = len(contents)
    blob = hashlib.sha1(b"blob %d\0" % size + contents, usedforsecurity=False).hexdigest()
    large = {"oid": digest(contents), "size": size, "pointerSize": 130}
    about: dict[str, object] = {"type": "file", "path": name, "size": size, "oid": blob}
    return about | ({"lfs": large} if name.endswith(LARGE) else {})


@contextmanager
def serving(home: Path) -> Iterator[Hub]:
    """A hub on a free port, while the block runs."""
    hub = Hub("", home)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(hub))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
