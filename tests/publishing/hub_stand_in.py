"""A local stand-in for the Hugging Face Hub: what its client asks for when a folder is uploaded, and no more."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

TOKEN = "hf_of_a_test"


class StandIn(BaseHTTPRequestHandler):
    """Repositories of one user, `me`, whose files may be read after a commit."""

    def log_message(self, *_):
        """Say nothing."""

    def answer(self, status, content=None):
        self.send_response(status)
        body = json.dumps({} if content is None else content).encode()
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def refused(self):
        return self.headers.get("Authorization") != f"Bearer {TOKEN}"

    def do_PUT(self):
        self.server.blobs[self.path.removeprefix("/blobs/")] = self.body()
        self.answer(200)

    def do_GET(self):
        name = self.path.removeprefix("/api/models/").partition("?")[0].partition("/revision/")[0]
        found = self.server.repositories.get(name)
        if found is None:
            return self.answer(404, {"error": "Repository not found"})
        return self.answer(200, {"id": name, "modelId": name, "private": found["private"], "sha": "0" * 40})

    def do_POST(self):
        body, path = self.body(), self.path
        self.server.asked.append(path)
        if self.refused() and path != "/api/validate-yaml":
            return self.answer(401, {"error": "Invalid username or password."})
        if path == "/api/repos/create":
            given = json.loads(body)
            name = f"{given.get('organization') or 'me'}/{given['name']}"
            if not name.startswith("me/"):
                return self.answer(403, {"error": f"You don't have the rights to create a model under {name}"})
            if name in self.server.repositories:
                url = f"{self.server.address}/{name}"
                return self.answer(409, {"error": "You already created this model repo", "url": url})
            private = given.get("visibility") == "private"
            self.server.repositories[name] = {"private": private, "files": {}}
            return self.answer(200, {"url": f"{self.server.address}/{name}", "name": name})
        if path == "/api/validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        if "/preupload/" in path:
            modes = [
                {"path": one["path"], "uploadMode": mode, "shouldIgnore": False}
                for one in json.loads(body)["files"]
                for mode in ["lfs" if one["path"].endswith(".safetensors") else "regular"]
            ]
            return self.answer(200, {"files": modes})
        if path.endswith("/objects/batch"):
            objects = [
                one | {"actions": {"upload": {"href": f"{self.server.address}/blobs/{one['oid']}", "header": {}}}}
                for one in json.loads(body)["objects"]
            ]
            return self.answer(200, {"transfer": "basic", "objects": objects})
        if "/commit/" in path:
            name = path.removeprefix("/api/models/").partition("/commit/")[0]
            files = self.server.repositories[name]["files"]
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    files[value["path"]] = self.server.blobs[value["oid"]]
            url = f"{self.server.address}/{name}/commit/{'0' * 40}"
            return self.answer(200, {"commitUrl": url, "commitOid": "0" * 40})
        return self.answer(404, {"error": path})


@contextmanager
def hub(monkeypatch, token=TOKEN):
    """Run a stand-in, to which the client goes, and yield it."""
    from huggingface_hub import constants

    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    server.repositories, server.blobs, server.asked = {}, {}, []
    server.address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nowhere/token")
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    if token is None:
        monkeypatch.delenv("HF_TOKEN", raising=False)
    else:
        monkeypatch.setenv("HF_TOKEN", token)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
