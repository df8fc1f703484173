#!/usr/bin/env python3
"""A hub of models on loopback, as huggingface_hub 2.4 sees one, that also lies, cuts and stumbles when a test wants it to.

Two servers: the hub's own, and the storage to which large files are redirected (another origin, signed addresses that expire). What was
asked is in `log`, a dict a request; `fault` may answer instead: a function of (server, request) that returns None or what to do."""
import errno
import hashlib
import http.server
import json
import pathlib
import re
import socket
import struct
import threading
import time
import urllib.parse

PUT = 1 << 16  # bytes of a file that are sent at a time
LARGE = 1 << 16  # bytes from which a file is "large": stored elsewhere, named by its SHA-256


def git_oid(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class File:
    """Bytes, or a file on the disk."""

    def __init__(self, what, large=None):
        self.path = what if isinstance(what, pathlib.Path) else None
        self.data = None if self.path else what
        self.size = self.path.stat().st_size if self.path else len(what)
        self.large = self.size >= LARGE if large is None else large
        self.sha256 = self.digest()
        self.etag = self.sha256 if self.large else git_oid(self.read(0, self.size))

    def digest(self):
        h = hashlib.sha256()
        for at in range(0, self.size, 1 << 20):
            h.update(self.read(at, min(1 << 20, self.size - at)))
        return h.hexdigest()

    def read(self, at, n):
        if self.data is not None:
            return self.data[at:at + n]
        with open(self.path, "rb") as f:
            f.seek(at)
            return f.read(n)


class Repo:
    def __init__(self, files, xet=False, gated=False, refs=("main",)):
        self.files = {path: what if isinstance(what, File) else File(what) for path, what in files.items()}
        self.xet, self.gated = xet, gated
        self.commit = hashlib.sha1(repr([(p, f.etag) for p, f in sorted(self.files.items())]).encode()).hexdigest()
        self.revisions = {*refs, self.commit}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


class FakeHub:
    def __init__(self, token=None, page=1000, whole_limit=None, expires=None, exact=False):
        self.repos, self.log, self.blobs, self.fault = {}, [], {}, None
        self.token, self.page, self.whole_limit, self.expires = token, page, whole_limit, expires
        self.tree_override, self.exact = None, exact
        self.lock, self.signed = threading.Lock(), {}
        self.servers = {}
        for name in ("hub", "storage"):
            handler = type(name, (Handler,), {"hub": self, "server_name_": name})
            server = Server(("127.0.0.1", 0), handler)
            self.servers[name] = server
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.servers['hub'].server_port}"
        self.storage = f"http://localhost:{self.servers['storage'].server_port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers.values():
            server.shutdown()
            server.server_close()

    def add(self, name, files, **more):
        repo = self.repos[name] = Repo(files, **more)
        for f in repo.files.values():
            self.blobs[f.sha256] = f
        return repo

    def sign(self, file):
        with self.lock:
            key = f"{len(self.signed):x}"
            self.signed[key] = time.monotonic()
        return f"{self.storage}/blob/{file.sha256}?Signature={key}&secret=signed"

    def valid(self, query):
        born = self.signed.get(query.get("Signature", [""])[0])
        return born is not None and (self.expires is None or time.monotonic() - born < self.expires)

    def bodies(self):
        """Bytes of files that were sent."""
        return sum(r["sent"] for r in self.log if r["file"])

    def requests(self, server=None):
        return [r for r in self.log if server in (None, r["server"])]


def waiting(here, there):
    """Bytes that the kernel holds for the end `here` of a connection and its owner has not read, and those that it has not sent yet
    (Linux's sock_diag); None: that end is gone."""
    ends = struct.pack("!HH4s12x4s12x", here[1], there[1], socket.inet_aton(here[0]), socket.inet_aton(there[0])) + struct.pack("=III", 0, 0xffffffff, 0xffffffff)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as link:
        link.send(struct.pack("=IHHIIBBBxI", 72, 20, 1, 0, 0, socket.AF_INET, socket.IPPROTO_TCP, 0, 0xfff) + ends)
        said = link.recv(8192)
    kind, = struct.unpack_from("=H", said, 4)
    if kind == 20:
        return struct.unpack_from("=II", said, 72)
    error = struct.unpack_from("=i", said, 16)[0]
    assert kind == 2 and error == -errno.ENOENT, (kind, error)
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    # ---- saying things ----------------------------------------------------------------------------------

    def answer(self, status, headers=(), body=b"", file=False):
        self.entry["status"] = status
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        if "Content-Length" not in dict(headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and body:
            self.put(body)

    def put(self, data):
        try:
            self.wfile.write(data)
            if self.hub.exact:
                self.await_reader()
            self.entry["sent"] += len(data)
        except OSError:
            self.gone = self.close_connection = True

    def await_reader(self):
        """Until the client has read everything. What a kernel holds for one that was killed was never in its hands."""
        ours, theirs = self.connection.getsockname(), self.connection.getpeername()
        while (unread := waiting(theirs, ours)) and (unread[0] or (waiting(ours, theirs) or (0, 0))[1]):
            time.sleep(0.0005)
        if unread is None:
            raise ConnectionResetError

    def say_json(self, value, headers=()):
        self.answer(200, {"Content-Type": "application/json", **dict(headers)}, json.dumps(value).encode())

    def complain(self, status, code, words):
        self.answer(status, {"X-Error-Code": code, "X-Error-Message": words, "Content-Type": "application/json"},
                    json.dumps({"error": words}).encode())

    # ---- the requests -----------------------------------------------------------------------------------

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts, self.gone = urllib.parse.urlsplit(self.path), False
        self.entry = {"server": self.server_name_, "method": self.command, "path": urllib.parse.unquote(parts.path), "query": parts.query,
                      "range": self.headers.get("Range"), "token": self.headers.get("Authorization"), "headers": dict(self.headers),
                      "sent": 0, "status": None, "file": False}
        self.hub.log.append(self.entry)
        what = self.hub.fault(self.server_name_, self.entry) if self.hub.fault else None
        try:
            if isinstance(what, tuple):  # (status, headers, body)
                return self.answer(*what)
            self.what = what or {}
            if "raw" in self.what:  # bytes as they are
                self.close_connection = True
                for piece in self.what["raw"]:
                    self.wfile.write(piece)
                    time.sleep(self.what.get("pause", 0))
                return None
            return self.storage_get(parts) if self.server_name_ == "storage" else self.hub_get(parts)
        except OSError:
            self.close_connection = True

    def hub_get(self, parts):
        path, hub = urllib.parse.unquote(parts.path), self.hub
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/(.+?)", path) or \
            re.fullmatch(r"/([^/]+/[^/]+)/(resolve)/([^/]+)/(.+)", path) or \
            re.fullmatch(r"/api/(resolve-cache)/models/([^/]+/[^/]+)/([^/]+)/(.+)", path)
        if not found:
            return self.complain(404, "RepoNotFound", "Repository not found")
        groups = found.groups()
        name, verb = (groups[1], "cached") if groups[0] == "resolve-cache" else groups[:2]
        revision = groups[2]
        repo = hub.repos.get(name)
        given = self.headers.get("Authorization")
        if given and hub.token and given != f"Bearer {hub.token}":
            return self.complain(401, "", "Invalid credentials in Authorization header")
        if not repo:
            return self.complain(401 if not given else 404, "RepoNotFound", "Repository Not Found")
        if repo.gated and not (hub.token and given):
            return self.complain(401, "GatedRepo", f"Access to model {name} is restricted.")
        if revision not in repo.revisions:
            return self.complain(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if verb == "revision":
            return self.say_json({"id": name, "modelId": name, "sha": repo.commit, "private": False, "tags": [], "downloads": 0, "likes": 0,
                                  "siblings": [{"rfilename": p} for p in repo.files]})
        if verb == "tree":
            return self.tree(repo, name, parts)
        file = repo.files.get(groups[3])
        if not file:
            return self.complain(404, "EntryNotFound", "Entry not found")
        common = {"X-Repo-Commit": repo.commit, "Accept-Ranges": "bytes"}
        if verb == "resolve" and file.large:
            etag = self.what.get("etag", file.etag)
            headers = {**common, "X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(file.size), "Location": hub.sign(file)}
            if repo.xet:
                headers["X-Xet-Hash"] = file.sha256
                headers["Link"] = f'<{hub.url}/api/models/{name}/xet-read-token/{repo.commit}>; rel="xet-auth"'
            return self.answer(302, headers)
        if verb == "resolve":
            where = f"/api/resolve-cache/models/{name}/{repo.commit}/{urllib.parse.quote(groups[3])}"
            return self.answer(307, {**common, "Location": where, "X-Linked-Size": str(file.size)})
        return self.body(file, {**common, "ETag": f'W/"{self.what.get("etag", file.etag)}"'})

    def tree(self, repo, name, parts):
        entries = self.hub.tree_override
        if entries is None:
            entries = []
            folders = {str(p) for f in repo.files for p in pathlib.PurePosixPath(f).parents if str(p) != "."}
            entries += [{"type": "directory", "path": p, "oid": "0" * 40, "size": 0} for p in sorted(folders)]
            for path, file in repo.files.items():
                e = {"type": "file", "path": path, "size": file.size, "oid": git_oid(b"") if file.large else file.etag}
                if file.large:
                    e["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": 134}
                    if repo.xet:
                        e["xetHash"] = file.sha256
                entries.append(e)
        at = int(urllib.parse.parse_qs(parts.query).get("cursor", ["0"])[0])
        headers = {}
        if at + self.hub.page < len(entries):
            headers["Link"] = f'<{self.hub.url}{parts.path}?recursive=true&expand=false&cursor={at + self.hub.page}>; rel="next"'
        self.say_json(entries[at:at + self.hub.page], headers)

    def storage_get(self, parts):
        if not self.hub.valid(urllib.parse.parse_qs(parts.query)):
            return self.answer(403, {"Content-Type": "application/xml"}, b"<Error><Code>AccessDenied</Code><Message>expired</Message></Error>")
        file = self.hub.blobs.get(parts.path.rsplit("/", 1)[-1])
        if not file:
            return self.answer(404)
        return self.body(file, {"ETag": f'"{self.what.get("etag", file.sha256[:32])}"', "Accept-Ranges": "bytes"})

    def body(self, file, headers):
        """A file or a range of it; `what` bends it: cut (bytes, then the end), flip (offset of a wrong byte), slow (seconds a byte),
        head (headers instead), status, data (a body instead), chunked."""
        what, size = self.what, file.size
        self.entry["file"] = True
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        first, last, status = 0, size - 1, 200
        if asked and not what.get("no_ranges"):
            first, last, status = int(asked[1]), min(int(asked[2] or size - 1), size - 1), 206
            if first >= size:
                return self.answer(416, {"Content-Range": f"bytes */{size}"})
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        elif self.hub.whole_limit is not None and size > self.hub.whole_limit and self.command == "GET" and not asked:
            self.entry["file"] = False
            return self.answer(400, {}, b"Range header is required for files of this size")
        headers["Content-Length"] = str(last - first + 1)
        headers.update(what.get("head", {}))
        headers = {k: v for k, v in headers.items() if v is not None}
        self.entry["status"] = what.get("status", status)
        self.send_response(what.get("status", status))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if "data" in what:
            self.put(what["data"])
            self.close_connection = True
            return
        if "drop" in what:  # cut off inside the head or at once
            self.close_connection = True
            return
        end = first + min(what["cut"], last + 1 - first) if "cut" in what else last + 1
        at, step = first, 1 if "slow" in what else PUT
        while at < end and not self.gone:
            piece = file.read(at, min(step, end - at))
            flip = what.get("flip")
            if flip is not None and at <= flip < at + len(piece):
                piece = piece[:flip - at] + bytes([piece[flip - at] ^ 1]) + piece[flip - at + 1:]
            self.put(piece)
            at += len(piece)
            time.sleep(what.get("slow", what.get("pace", 0)))
        if "cut" in what:
            self.close_connection = True
