"""A server of files on loopback, and an empty folder of downloads."""

from __future__ import annotations

import pickle
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch

CONTENT = pickle.dumps(dict(model={"sem_seg_head.a": np.arange(50_000.0)}))


class Handler(BaseHTTPRequestHandler):
    """Serves `server.content` as its switches say; keeps what was asked."""

    def do_GET(self):
        content, ranges = self.server.content, self.server.ranges
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.server.asked.append((self.path, start))
        if self.server.hold is not None:
            self.server.hold()
        changed = self.headers.get("If-Range", self.server.tag) != self.server.tag
        if ranges == "ignored" or (ranges == "honoured" and changed):
            start = 0
        self.answer(content[start:], start, len(content))

    def answer(self, rest, start, size):
        self.send_response(206 if 0 < start < size else 416 if start else 200)
        if start:
            part = f"{start}-{size - 1}" if rest else "*"
            self.send_header("Content-Range", f"bytes {part}/{size}")
        if self.server.tag:
            self.send_header("ETag", self.server.tag)
        if self.server.says_length:
            self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if self.server.breaks_off:
            rest, self.server.breaks_off = rest[:1000], False
        self.wfile.write(rest)

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.content, found.asked = CONTENT, []
        found.tag = '"1"'  # identifies the content
        found.ranges = "honoured"  # or "ignored", or "blind" to a change of the file
        found.breaks_off, found.says_length = False, True
        found.hold = None  # called before every answer
        found.url = f"http://127.0.0.1:{found.server_port}"
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    return tmp_path / "checkpoints"
