"""A web server on this machine that misbehaves on request: it serves files, and enough of a hub for huggingface_hub's own client."""

import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" + "0" * 34


@dataclass
class Mirror:
    """files: path -> bytes; faults: path -> what to do wrong with the next requests, one each, then nothing; asked: (method, path,
    range) of every request; stop: set to end stalls."""

    port: int = 0
    files: dict = field(default_factory=dict)
    faults: dict = field(default_factory=dict)
    repositories: dict = field(default_factory=dict)
    refusals: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def serve(self, path, content, *faults):
        """ScoredCandidates `content` at a path; each fault spoils one request. Returns the address."""
        self.files[path], self.faults[path] = content, list(faults)
        return self.address + path

    def publish(self, repo, files):
        """A repository of the hub: file name -> bytes; .safetensors and .bin as large files, with a published hash."""
        self.repositories[repo] = files

    def downloads(self, path):
        return [entry for entry in self.asked if entry[:2] == ("GET", path)]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mirror: Mirror

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        path = unquote(urlsplit(self.path).path)
        self.mirror.asked.append((self.command, path, self.headers.get("Range")))
        if path in self.mirror.files:
            faults = self.mirror.faults[path]
            self.serve_file(self.mirror.files[path], faults.pop(0) if faults else {})
        elif path.startswith("/api/models/"):
            self.describe(path)
        elif "/resolve/" in path:
            self.resolve(path, body)
        else:
            self.reply(404, b"nothing here")

    def serve_file(self, content, fault):
        """fault: status, headers, redirect, cut and stall (after so many bytes), length (claimed), whole (Range ignored), etag, type."""
        if "status" in fault:
            self.reply(fault["status"], b"no", fault.get("headers", {}))
            return
        if "redirect" in fault:
            self.reply(302, b"", {"Location": fault["redirect"]})
            return
        start, status = 0, 200
        extra = {
            "ETag": fault.get("etag", f'"{hashlib.sha256(content).hexdigest()}"'),
            "Content-Type": fault.get("type", "application/octet-stream"),
            **fault.get("headers", {}),
        }
        wanted = self.headers.get("Range")
        same = self.headers.get("If-Range") in (None, extra["ETag"])
        if wanted and same and not fault.get("whole"):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.reply(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
            status = 206
            extra["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        data = content[start:]
        self.send_response(status)
        for name, value in extra.items():
            self.send_header(name, value)
        if fault.get("length") != "none":
            self.send_header("Content-Length", str(fault.get("length", len(data))))
        self.end_headers()
        self.wfile.write(data[: fault.get("cut", fault.get("stall", len(data)))])
        self.wfile.flush()
        if "stall" in fault:
            self.mirror.stop.wait(30)
        if fault:
            self.close_connection = True

    def describe(self, path):
        repo, _, revision = path.removeprefix("/api/models/").partition("/revision/")
        if repo in self.mirror.refusals:
            self.reply(self.mirror.refusals[repo][0], b"{}", {"X-Error-Code": self.mirror.refusals[repo][1]})
        elif repo not in self.mirror.repositories:
            self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif revision not in ("main", COMMIT):
            self.reply(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        else:
            siblings = [sibling(name, content) for name, content in self.mirror.repositories[repo].items()]
            description = {"id": repo, "modelId": repo, "sha": COMMIT, "private": False, "tags": [], "siblings": siblings}
            self.reply(200, json.dumps(description).encode(), {"Content-Type": "application/json"})

    def resolve(self, path, body):
        repo, _, rest = path[1:].partition("/resolve/")
        name = rest.partition("/")[2]
        content = self.mirror.repositories.get(repo, {}).get(name)
        if content is None:
            self.reply(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        sha256 = hashlib.sha256(content).hexdigest()
        headers = {"ETag": f'"{sha256}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        served = self.mirror.faults.get(f"{repo}/{name}", content)
        self.reply(200, served, headers, body)

    def reply(self, status, content, headers=None, body=True):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(content)


def sibling(name, content):
    """A file as the hub's API tells it."""
    description = {"rfilename": name, "size": len(content), "blobId": hashlib.sha1(content).hexdigest()}
    if name.endswith((".safetensors", ".bin")):
        description["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return description


@contextmanager
def running_mirror():
    """A mirror on a free port of this machine."""
    mirror = Mirror()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"mirror": mirror}))
    server.daemon_threads = True
    mirror.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield mirror
    finally:
        mirror.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()
