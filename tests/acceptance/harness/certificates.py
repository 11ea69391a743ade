"""Certificates made for one test by the openssl command."""
import pathlib
import ssl
import subprocess
import tempfile

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class Authority:
    """Signs certificates; `ca` is the file that a client has to trust."""

    def __init__(self, case):
        self.folder = tempfile.TemporaryDirectory(prefix="echelon-tls-")
        case.addCleanup(self.folder.cleanup)
        self.made = 0
        self.ca = self._path("ca.pem")
        self._openssl("req", "-x509", *NEW_KEY, "-keyout", self._path("ca.key"), "-out", self.ca, "-subj", "/CN=ca",
                      "-days", "30")

    def _path(self, name):
        return str(pathlib.Path(self.folder.name, name))

    @staticmethod
    def _openssl(*command):
        subprocess.run(["openssl", *command], check=True, capture_output=True, stdin=subprocess.DEVNULL)

    def files(self, san, days=30, signed=True):
        """The PEM files of a certificate and of its key."""
        self.made += 1
        key, csr, pem, ext = (self._path(f"{self.made}.{x}") for x in ("key", "csr", "pem", "ext"))
        pathlib.Path(ext).write_text(f"subjectAltName={san}\n")
        self._openssl("req", *NEW_KEY, "-keyout", key, "-out", csr, "-subj", "/CN=up")
        by = ["-CA", self.ca, "-CAkey", self._path("ca.key"), "-CAcreateserial"] if signed else ["-signkey", key]
        self._openssl("x509", "-req", "-in", csr, *by, "-out", pem, "-days", str(days), "-extfile", ext)
        return pem, key

    def server(self, san, days=30, signed=True, on_name=None):
        """A server's TLS context. `on_name(name)` is told each SNI and may return an alert."""
        pem, key = self.files(san, days, signed)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, key)
        if on_name:
            context.sni_callback = lambda _socket, name, _context: on_name(name)
        return context
