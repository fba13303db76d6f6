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
    """Serves `server.content`, once cut off if told to; keeps what was asked."""

    def do_GET(self):
        content = self.server.content
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.server.breaks_off:
            content, self.server.breaks_off = content[:1000], False
        self.wfile.write(content)

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.content, found.asked, found.breaks_off = CONTENT, [], False
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
