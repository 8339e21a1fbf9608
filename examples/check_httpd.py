#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_httpd.py HTTPD - goal: httpd does what its first comment says, and what RFC 9112 asks of a server. Method: real connections
over loopback, written byte by byte where it matters; nothing is assumed of how fast anything is."""
import json
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PATIENCE = 60  # seconds after which something will not come any more
MANY = 1000


def same(what, wanted, got):
    if wanted != got:
        raise SystemExit("FAIL: %s: got %r, not %r" % (what, got, wanted))


def until(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("FAIL: %s did not come about in %d seconds" % (what, PATIENCE))
        time.sleep(0.02)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class Client:
    def __init__(self, server):
        self.socket = socket.create_connection(server.address, PATIENCE)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)
        return self

    def answer(self, head=False):
        line = self.file.readline()
        if not line:
            return None
        match = re.match(rb"HTTP/1\.1 (\d{3}) [\x20-\x7e]+\r\n$", line)
        if not match:
            raise SystemExit("FAIL: a status line %r" % line)
        headers = {}
        while True:
            line = self.file.readline()
            if line == b"\r\n":
                break
            name, value = line.decode().split(": ", 1)
            headers[name.lower()] = value[:-2]
        status = int(match.group(1))
        if status == 100:
            return Answer(status, headers, b"")
        length = 0 if head or status == 304 else int(headers["content-length"])
        body = self.file.read(length)
        same("length of a body", length, len(body))
        return Answer(status, headers, body)

    def get(self, target, *headers, method="GET"):
        lines = ["%s %s HTTP/1.1" % (method, target), "Host: test", *headers, "", ""]
        return self.send("\r\n".join(lines).encode()).answer(head=method == "HEAD")

    def closed(self):
        """True once the server has closed its side, false when it sends something else."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Server:
    def __init__(self, program, root, *options, descriptors=0):
        def limit():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        self.process = subprocess.Popen([program, *options, "127.0.0.1:0", root], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=limit)
        line = self.process.stdout.readline()
        match = re.match(r"listening on 127\.0\.0\.1:(\d+)$", line)
        if not match:
            raise SystemExit("FAIL: httpd says %r, %s" % (line, self.process.stderr.read()))
        self.address = ("127.0.0.1", int(match.group(1)))
        self.errors = []
        self.reader = threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True)
        self.reader.start()

    def stats(self):
        with Client(self) as c:
            answer = c.get("/api/stats")
        same("/api/stats", (200, "application/json"), (answer.status, answer.headers["content-type"]))
        return json.loads(answer.body)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.ended()

    def ended(self):
        said = self.process.stdout.read()
        code = self.process.wait(PATIENCE)
        self.reader.join()
        if code != 0:
            sys.stderr.writelines(self.errors)
        same("exit code", 0, code)
        same("last words", True, bool(re.match(r"stopping, with \d+ connections\n\d+ requests served\n$", said)))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
            self.process.wait()
            self.reader.join()
            sys.stderr.writelines(self.errors)


# ---- what is served --------------------------------------------------------------------------------------------------------------

def make_tree(top):
    root = os.path.join(top, "root")
    os.makedirs(os.path.join(root, "dir"))
    big = random.Random(1).randbytes(3 * 1024 * 1024 + 17)
    files = {
        "index.html": b"<p>index\n", "a b.txt": b"a blank\n", "dir/index.html": b"<p>dir\n", "data.json": b"{}", "empty.css": b"", "big.bin": big,
        ".hidden": b"hidden\n", "../secret.txt": b"SECRET\n",
    }
    for name, content in files.items():
        with open(os.path.join(root, name), "wb") as f:
            f.write(content)
    os.mkfifo(os.path.join(root, "pipe"))
    return root, files


def check_files(server, files):
    with Client(server) as c:
        for target, name, kind in (("/", "index.html", "text/html; charset=utf-8"), ("/index.html", "index.html", "text/html; charset=utf-8"),
                                   ("/a%20b.txt", "a b.txt", "text/plain; charset=utf-8"), ("/%64ir/", "dir/index.html", "text/html; charset=utf-8"),
                                   ("/data.json?x=%zz", "data.json", "application/json"), ("/empty.css", "empty.css", "text/css; charset=utf-8"),
                                   ("/big.bin", "big.bin", "application/octet-stream"), ("http://other/data.json", "data.json", "application/json")):
            got = c.get(target)
            same(target, (200, kind, True), (got.status, got.headers["content-type"], got.body == files[name]))
            head = c.get(target, method="HEAD")
            del got.headers["date"], head.headers["date"]
            same("HEAD " + target, (200, got.headers), (head.status, head.headers))
            again = c.get(target, "If-Modified-Since: " + got.headers["last-modified"])
            same("%s again" % target, (304, b""), (again.status, again.body))
            same("%s of another time" % target, 200, c.get(target, "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT").status)
        for target, status in (("/nowhere", 404), ("/dir", 404), ("/pipe", 403), ("/.hidden", 404), ("/%2ehidden", 404), ("/../secret.txt", 404),
                               ("/dir/../../secret.txt", 404), ("/%2e%2e/secret.txt", 404), ("/..%2fsecret.txt", 404), ("/dir/%2E./%2e./secret.txt", 404),
                               ("/./index.html", 404), ("//index.html", 200), ("/" + "a/" * 2500, 404), ("/index.html/x", 404)):
            got = c.get(target)
            same(target[:40], (status, False), (got.status, b"SECRET" in got.body))
        for target in ("/%", "/%4", "/%gg", "/a%00b", "index.html"):
            with Client(server) as other:
                same(target, 400, other.get(target).status)


# ---- requests, good and bad ------------------------------------------------------------------------------------------------------------

def check_protocol(server):
    host = b"Host: x\r\n"
    for text, status in (
            (b"GET / HTTP/2.0\r\n" + host, 505), (b"GET / HTTP/1.2\r\n" + host, 505), (b"GET / HTTP/1.1\r\n", 400), (b"GET / HTTP/1.1\r\n" + host * 2, 400),
            (b"GET /\r\n", 400), (b"GET  / HTTP/1.1\r\n" + host, 400), (b"G(T / HTTP/1.1\r\n" + host, 400), (b"GET / HTTPS/1.1\r\n" + host, 400),
            (b"GET / HTTP/1.1\r\n" + host + b"A : b\r\n", 400), (b"GET / HTTP/1.1\r\n" + host + b" folded\r\n", 400), (b"GET / HTTP/1.1\r\n" + host + b"nocolon\r\n", 400),
            (b"GET / HTTP/1.1\r\n" + host + b"A: \x01\r\n", 400), (b"GET / HTTP/1.1\r\n" + host + b"A: \x00\r\n", 400), (b"\x16\x03\x01\x02\x00\x01\r\n", 400),
            (b"POST /api/count HTTP/1.1\r\n" + host + b"Content-Length: 1\r\nContent-Length: 1\r\n", 400),
            (b"POST /api/count HTTP/1.1\r\n" + host + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400),
            (b"POST /api/count HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", 400),
            (b"POST /api/count HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", 400), (b"POST /api/count HTTP/1.1\r\n" + host + b"Content-Length: -1\r\n", 400),
            (b"POST /api/count HTTP/1.1\r\n" + host + b"Content-Length: 1x\r\n", 400), (b"POST /api/count HTTP/1.1\r\n" + host + b"Content-Length:\r\n", 400),
            (b"POST /api/count HTTP/1.1\r\n" + host + b"Content-Length: 9999999\r\n", 413),
            (b"POST /api/count HTTP/1.1\r\n" + host + b"Content-Length: 99999999999999999999999\r\n", 413),
            (b"POST /api/count HTTP/1.1\r\n" + host + b"Transfer-Encoding: gzip\r\n", 501), (b"POST /api/count HTTP/1.1\r\n" + host + b"Expect: wonders\r\n", 417),
            (b"GET / HTTP/1.1\r\n" + host + b"A: " + b"a" * 9000 + b"\r\n", 431), (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n" + host, 431)):
        with Client(server) as c:
            try:
                c.send(text + b"\r\n")
            except (ConnectionResetError, BrokenPipeError):
                pass
            got = c.answer()
            same(repr(text[:60]), (status, "close", True), (got.status, got.headers["connection"], c.closed()))

    with Client(server) as c:  # none of these costs the connection
        for method, target, allow in (("DELETE", "/", "GET, HEAD"), ("POST", "/index.html", "GET, HEAD"), ("GET", "/api/count", "POST"), ("POST", "/api/stats", "GET, HEAD")):
            got = c.get(target, method=method)
            same("%s %s" % (method, target), (405, allow), (got.status, got.headers["allow"]))
        c.send(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n" + b"GET / HTTP" * 1000)
        same("a body that nobody wants", 405, c.answer().status)
        same("the request after it", 200, c.get("/").status)
        c.send(b"\r\n\r\nGET / HTTP/1.1\nHost:x\n\n")
        same("lines that end in \\n", 200, c.answer().status)
    with Client(server) as c:
        got = c.send(b"GET / HTTP/1.0\r\n\r\n").answer()
        same("HTTP/1.0", (200, "close", True), (got.status, got.headers["connection"], c.closed()))
    with Client(server) as c:
        for _ in range(2):
            got = c.send(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").answer()
            same("HTTP/1.0 that stays", (200, "keep-alive"), (got.status, got.headers["connection"]))
        got = c.get("/", "Connection: foo, Close")
        same("Connection: close", (200, "close", True), (got.status, got.headers["connection"], c.closed()))
    with Client(server) as c:
        for byte in b"GET /data.json HTTP/1.1\r\nHost: x\r\n\r\n":
            c.send(bytes([byte]))
        same("byte by byte", b"{}", c.answer().body)


def check_bodies(server):
    post = b"POST /api/count HTTP/1.1\r\nHost: x\r\n"
    with Client(server) as c:
        def count(*parts):
            for part in parts:
                c.send(part)
            got = c.answer()
            return (got.status, json.loads(got.body)) if got.status == 200 else got.status

        same("a body", (200, {"lines": 2, "words": 3, "bytes": 14}), count(post + b"Content-Length: 14\r\n\r\none two", b"\nthree\n"))
        same("no body", (200, {"lines": 0, "words": 0, "bytes": 0}), count(post + b"\r\n"))
        same("an empty body", (200, {"lines": 0, "words": 0, "bytes": 0}), count(post + b"Content-Length: 0\r\n\r\n"))
        big = b"word \n" * 170000
        same("a big body", (200, {"lines": 170000, "words": 170000, "bytes": len(big)}), count(post + b"Content-Length: %d\r\n\r\n" % len(big), big))
        chunked = post + b"Transfer-Encoding: chunked\r\n\r\n"
        same("chunks", (200, {"lines": 1, "words": 2, "bytes": 11}), count(chunked, b"6;x=y\r\nhello \r\n", b"5\r\nworl", b"\n\r\n", b"0\r\nTrailer: x\r\n", b"\r\n"))
        same("no chunk", (200, {"lines": 0, "words": 0, "bytes": 0}), count(chunked + b"0\r\n\r\n"))
        long = b"ab " * 30000
        same("long chunks", (200, {"lines": 0, "words": 90000, "bytes": 270000}), count(chunked, *[b"%X\r\n" % len(long) + long + b"\r\n"] * 3, b"0\r\n\r\n"))
        c.send(post + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        same("100 Continue", 100, c.answer().status)
        same("and then", (200, {"lines": 0, "words": 1, "bytes": 3}), count(b"abc"))
    for chunk, status in ((b"x\r\n", 400), (b"\r\n", 400), (b"1\r\nab\r\n0\r\n\r\n", 400), (b"fffffffff\r\n", 413), (b"1" * 20000, 400)):
        with Client(server) as c:
            same("a chunk %r" % chunk[:20], status, c.send(post + b"Transfer-Encoding: chunked\r\n\r\n" + chunk).answer().status)
            same("and the end", True, c.closed())
    with Client(server) as c:
        c.send(post + b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(1100):
                c.send(b"400\r\n" + b"x" * 1024 + b"\r\n")
        except (ConnectionResetError, BrokenPipeError):
            pass
        same("chunks without end", (413, True), (c.answer().status, c.closed()))


def check_pipeline(server, files):
    with Client(server) as c:
        threading.Thread(target=lambda: c.send(b"GET /data.json HTTP/1.1\r\nHost: x\r\n\r\nGET /a%20b.txt HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\n\r\n" * 300)).start()
        for _ in range(300):
            same("in order", [(200, b"{}"), (200, files["a b.txt"]), (404, b"404 Not Found\n")], [(a.status, a.body) for a in (c.answer(), c.answer(), c.answer())])
        c.send(b"GET /data.json HTTP/1.1\r\nHost: x\r\n\r\nGET /api/slow?ms=1 HTTP/1.1\r\nHost: x\r\n\r\nGET /data.json HTTP/1.1\r\nHost: x\r\n\r\n")
        same("around a slow one", [200, 200, 200], [c.answer().status for _ in range(3)])


# ---- slow ones, bugs, crowds ---------------------------------------------------------------------------------------------------------------

def check_slow(server):
    with Client(server) as c:
        same("slow", (200, {"worked_ms": 20}), (lambda a: (a.status, json.loads(a.body)))(c.get("/api/slow?ms=20")))
        same("too slow", 504, c.get("/api/slow?ms=100000").status)
        same("after it", 200, c.get("/api/slow?ms=0").status)
        for query in ("", "ms=", "ms=-1", "ms=x", "ms=99999999999999999999"):
            same(query, 400, c.get("/api/slow?" + query).status)
    same("time-outs", 1, server.stats()["timeouts"])


def check_gone(server):
    """Its own server, one that gives slow requests a day: only that the client goes away can end this one."""
    c = Client(server).send(b"GET /api/slow?ms=1000000 HTTP/1.1\r\nHost: x\r\n\r\n")
    until("a slow request", lambda: server.stats()["timers"] > 0)
    c.close()
    until("a client that is gone", lambda: server.stats()["gone"] == 1)


def check_panic(server, null):
    targets = ["/api/panic"] + (["/api/null"] if null else [])
    for target in targets * 3:
        with Client(server) as c:
            got = c.get(target)
            same(target, (500, b"500 Internal Server Error\n", True), (got.status, got.body, c.closed()))
    with Client(server) as c:
        c.send(b"GET /data.json HTTP/1.1\r\nHost: x\r\n\r\nGET /api/panic HTTP/1.1\r\nHost: x\r\n\r\n")
        same("before the panic, and it", [200, 500], [c.answer().status, c.answer().status])
    same("panics", len(targets) * 3 + 1, server.stats()["panics"])
    until("what is said of them", lambda: server.errors.count("httpd: GET /api/panic: panic: /api/panic was asked for\n") == 4)


def check_garbage(server):
    chance = random.Random(7)
    for i in range(300):
        with Client(server) as c:
            data = chance.randbytes(chance.randrange(1, 3000))
            if i % 3 == 0:
                data = bytearray(b"POST /api/count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
                for _ in range(chance.randrange(1, 4)):
                    data[chance.randrange(len(data))] = chance.randrange(256)
            try:
                c.send(data)
                c.socket.shutdown(socket.SHUT_WR)
                while c.socket.recv(65536):
                    pass
            except (ConnectionResetError, BrokenPipeError, OSError):
                pass


def check_many(server):
    base = server.stats()
    clients = [Client(server) for _ in range(MANY)]
    until("%d connections" % MANY, lambda: server.stats()["connections"] >= MANY)
    for c in clients:
        c.send(b"GET /data.json HTTP/1.1\r\nHost: x\r\n\r\n")
    same("each is answered", [b"{}"] * MANY, [c.answer().body for c in clients])
    for i, c in enumerate(clients):
        if i % 2:  # and some ask again, others break off in the middle
            c.send(b"GET /data.json HTTP/1.1\r\nHost: x\r\n\r\n")
        else:
            c.send(b"GET /data.js")
    same("again", [b"{}"] * (MANY // 2), [c.answer().body for c in clients[1::2]])
    for c in clients:
        c.close()
    until("their end", lambda: server.stats()["connections"] <= base["connections"] and server.stats()["goroutines"] <= base["goroutines"])


def check_timeouts(program, root):
    with Server(program, root, "-i", "300", "-r", "400", "-w", "500") as server:
        with Client(server) as c:
            begun = time.monotonic()
            same("an idle connection is closed", True, c.closed())
            same("not too early", True, time.monotonic() - begun >= 0.29)
        for slow in (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 5000, b"\r\n" * 5000):
            with Client(server) as c:
                sent, stop = 0, time.monotonic() + PATIENCE
                try:
                    while time.monotonic() < stop and sent < len(slow):
                        c.send(slow[sent:sent + 1])
                        sent += 1
                        time.sleep(0.02)
                        c.socket.setblocking(False)
                        try:
                            if c.socket.recv(1, socket.MSG_PEEK) is not None:
                                break
                        except BlockingIOError:
                            pass
                        finally:
                            c.socket.settimeout(PATIENCE)
                except (ConnectionResetError, BrokenPipeError):
                    pass
                same("a head that never ends is cut off", True, sent < len(slow))
        with Client(server) as c:
            same("half a head", (408, True), (c.send(b"GET / HT").answer().status, c.closed()))
        with Client(server) as c:
            same("half a body", (408, True), (c.send(b"POST /api/count HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab").answer().status, c.closed()))
        with Client(server) as c:  # never reads
            c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            c.send(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n" * 5)
            until("a client that does not read is dropped", lambda: server.stats()["connections"] == 1)
        server.stop()


def check_exhaustion(program, root):
    with Server(program, root, descriptors=40) as server:
        clients = [Client(server) for _ in range(60)]
        until("a report", lambda: "httpd: accept: Too many open files\n" in server.errors)
        for c in clients:
            c.close()
        until("another connection", lambda: server.stats()["connections"] == 1)
        clients = [Client(server) for _ in range(60)]
        reports = len(server.errors)
        until("another report", lambda: len(server.errors) > reports)
        server.stop()  # while it waits for descriptors
        for c in clients:
            c.close()


def check_end(program, root):
    """What is under way is answered, what waits is closed, and nobody new comes in."""
    with Server(program, root, "-s", "86400000") as server:
        idle, half, upload, slow = (Client(server) for _ in range(4))
        idle.get("/")
        half.send(b"GET / HT")
        upload.send(b"POST /api/count HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        same("the upload is under way", 100, upload.answer().status)
        slow.send(b"GET /api/slow?ms=1000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        until("all of them", lambda: server.stats()["timers"] > 0 and server.stats()["connections"] >= 4)

        server.process.send_signal(signal.SIGINT)
        same("an idle connection is closed", True, idle.closed())
        same("one that had not asked yet, too", True, half.closed())
        same("a slow request is cancelled", (503, True), (lambda a: (a.status, slow.closed()))(slow.answer()))
        same("it still runs", None, server.process.poll())
        try:
            Client(server).close()
            raise SystemExit("FAIL: it still accepts connections")
        except (ConnectionRefusedError, ConnectionResetError):
            pass
        got = upload.send(b"a b\nc").answer()
        same("the upload ends well", (200, 5, "close", True), (got.status, json.loads(got.body)["bytes"], got.headers["connection"], upload.closed()))
        server.ended()

    with Server(program, root) as server:  # a second signal does not wait
        upload = Client(server).send(b"POST /api/count HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        same("the upload is under way", 100, upload.answer().status)
        server.process.send_signal(signal.SIGTERM)
        until("the first signal", lambda: server.process.stdout.readline().startswith("stopping"))
        time.sleep(0.05)
        server.process.send_signal(signal.SIGTERM)
        same("exit code after two", 1, server.process.wait(PATIENCE))


def main():
    program, null = sys.argv[1], "--no-null" not in sys.argv[2:]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < MANY + 200:
        print("SKIP: at most %d descriptors" % hard)
        sys.exit(77)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096) if hard != resource.RLIM_INFINITY else 4096, hard))
    with tempfile.TemporaryDirectory() as top:
        root, files = make_tree(top)
        with Server(program, root, "-s", "500", "-r", "60000") as server:
            for name, check in (("files", lambda: check_files(server, files)), ("protocol", lambda: check_protocol(server)), ("bodies", lambda: check_bodies(server)),
                                ("pipelines", lambda: check_pipeline(server, files)), ("slow requests", lambda: check_slow(server)),
                                ("panics", lambda: check_panic(server, null)), ("garbage", lambda: check_garbage(server)), ("a crowd", lambda: check_many(server))):
                check()
                print("ok:", name, flush=True)
            server.stop()
        with Server(program, root, "-s", "86400000") as server:
            check_gone(server)
            server.stop()
        print("ok: clients that go away", flush=True)
        check_timeouts(program, root)
        print("ok: timeouts", flush=True)
        check_exhaustion(program, root)
        print("ok: descriptors run out", flush=True)
        check_end(program, root)
        print("ok: the end", flush=True)


main()
