"""A server of files on this machine, with the tempers of servers out there."""

import hashlib
import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aga_lightning.downloads import Published


class Server(ThreadingHTTPServer):
    """Serves `content` by path, and remembers what it was asked for and how many bytes of it went out."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.moved, self.failing = {}, {}, {}
        self.honours_ranges, self.tells_length = True, True
        self.shift = 0  # how many bytes from where it was asked for it begins
        self.cuts = []  # after how many bytes of a body the next connections break off
        self.stalls = False  # whether they hang then, until the server is shut down
        self.over = threading.Event()
        self.pause = 0.0  # seconds before each answer
        self.asked, self.served = [], []

    def handle_error(self, *words):
        pass  # clients may leave

    def url(self, name):
        return f"http://127.0.0.1:{self.server_port}/files/{name}"

    def publish(self, name, data, kind="sha256", size=True):
        self.content[f"/files/{name}"] = data
        checksum = f"{kind}:{hashlib.new(kind, data).hexdigest()}"
        return Published(self.url(name), checksum, len(data) if size else None)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, asked = self.server, self.headers["Range"]
        server.asked.append(asked)
        time.sleep(server.pause)
        if self.path in server.moved:
            self.send_response(302)
            self.send_header("Location", server.moved[self.path])
            self.end_headers()
            return
        if self.path not in server.content:
            self.send_error(server.failing.get(self.path, 404))
            return
        data, start = server.content[self.path], 0
        if asked and server.honours_ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) + server.shift
            if start >= len(data):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        body = data[start:]
        if server.tells_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else None
        server.served.append(len(body[:cut]))
        self.wfile.write(body[:cut])
        if cut is not None and server.stalls:
            server.over.wait(8)

    def log_message(self, *words):
        pass


@contextmanager
def serving():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()
