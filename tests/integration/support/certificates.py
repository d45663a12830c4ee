"""A certificate authority, a broker's certificate of it for 127.0.0.1, and another authority that signed nothing."""

import subprocess
from pathlib import Path


class Certificates:
    def __init__(self, folder: Path):
        folder.mkdir(parents=True)
        self.folder = folder
        self.authority = self._authority("authority")
        self.stranger = self._authority("stranger")
        key, request, certificate = (folder / f"broker.{end}" for end in ("key", "csr", "pem"))
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=127.0.0.1")
        names = folder / "names"
        names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        self._openssl("x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", folder / "authority.key", "-CAcreateserial",
                      "-days", "2", "-extfile", names, "-out", certificate)
        self.broker_store = folder / "broker.store.pem"
        self.broker_store.write_text(key.read_text() + certificate.read_text() + self.authority.read_text())

    def _authority(self, name):
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.folder / f"{name}.key", "-out",
                      self.folder / f"{name}.pem", "-days", "2", "-subj", f"/CN=Volley test {name}")
        return self.folder / f"{name}.pem"

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
