"""KeyService: a stand-in for AMD's key distribution service, over the simulated vendor and machines: its
paths and parameters, its throttling, and what may go wrong with it.
"""
import datetime
import http.server
import ipaddress
import re
import ssl
import threading
import urllib.parse

import est_client as est
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding

OID = "1.3.6.1.4.1.3704.1."
# Parameters by layout, in their order, and the last arcs of the extensions that hold the same.
LEVELS = {"blSPL": "3.1", "teeSPL": "3.2", "snpSPL": "3.3", "ucodeSPL": "3.8"}
LEVELS_TURIN = {"fmcSPL": "3.9", **LEVELS}
PSS_SHA384 = bytes.fromhex("304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d"
                           "010108300d06096086480165030402020500a203020130")


def _extension(certificate, arcs):
    oid = x509.ObjectIdentifier(OID + arcs)
    return certificate.extensions.get_extension_for_oid(oid).value.value


def _der(path):
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)


def _integer(value):
    """Content octets of an INTEGER that is not negative."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def crl(vendor, number, days=1, age=30, revoked=()):
    """A revocation list (DER) of the vendor's root, `age` days old, that ends in `days`; `revoked` names files."""
    root = x509.load_pem_x509_certificate((vendor / "ark.pem").read_bytes())
    key = serialization.load_pem_private_key((vendor / "ark.key").read_bytes(), None)
    key_id = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    now = datetime.datetime.now(datetime.timezone.utc)
    times = [est.der(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())
             for moment in (now - datetime.timedelta(days=age), now + datetime.timedelta(days=days))]
    serials = [x509.load_pem_x509_certificate((vendor / name).read_bytes()).serial_number for name in revoked]
    entries = [est.sequence(est.der(0x02, _integer(serial)), times[0]) for serial in serials]
    extensions = est.sequence(
        est.sequence(bytes.fromhex("0603551d23"), est.der(0x04, est.sequence(est.der(0x80, key_id)))),
        est.sequence(bytes.fromhex("0603551d14"), est.der(0x04, est.der(0x02, bytes([number])))))
    signed = est.sequence(est.der(0x02, b"\x01"), PSS_SHA384, root.subject.public_bytes(), *times,
                          est.sequence(*entries) if entries else b"", est.der(0xA0, extensions))
    signature = key.sign(signed, padding.PSS(padding.MGF1(hashes.SHA384()), 48), hashes.SHA384())
    return est.sequence(signed, PSS_SHA384, est.der(0x03, b"\0", signature))


def chip_of(machine):
    """The name of a machine's chip, as it stands in a path."""
    certificate = x509.load_pem_x509_certificate((machine / "vek.pem").read_bytes())
    return _extension(certificate, "4").hex()


class Answer:
    """What is sent: a whole answer, or less of it than it promises."""

    def __init__(self, status=200, body=b"", kind="application/octet-stream", cut=0, **fields):
        self.status, self.body, self.cut = status, body, cut
        self.fields = {"Content-Type": kind, **{name.replace("_", "-"): str(value) for name, value in fields.items()}}


class KeyService:
    """Serves until the end of the test.  `requests` are the paths that were asked for, in their order; what is
    put in `faults` is answered instead, the first to the next request for a chip; with `gate` cleared, answers
    wait."""

    def __init__(self, case, vendor, tls=True, product="Sim"):
        self.case, self.vendor, self.tls, self.product = case, vendor, tls, product
        self.machines, self.requests, self.faults = [], [], []
        self.gate = threading.Event()
        self.gate.set()
        self.certificate = case.folder / "kds.pem"
        self.lists = {}
        self.port, self._server = 0, None
        self.start()
        case.addCleanup(self.stop)

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def start(self):
        """Begins to serve, at the same place as before."""
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One connection."""

            protocol_version = "HTTP/1.1"

            def do_GET(self):
                service.answer(self)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._own_certificate())
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """Refuses connections until it is started again."""
        self.gate.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _own_certificate(self):
        if not self.certificate.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kds")])
            now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
            signed = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                      .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
                      .not_valid_after(now + datetime.timedelta(days=1))
                      .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
                      .sign(key, hashes.SHA256()))
            self.certificate.write_bytes(
                key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
                + signed.public_bytes(Encoding.PEM))
        return self.certificate

    def vcek(self, machine):
        return _der(machine / "vek.pem")

    def chain(self):
        return (self.vendor / "ask.pem").read_bytes() + (self.vendor / "ark.pem").read_bytes()

    def _find(self, chip, parameters):
        arcs_of = LEVELS_TURIN if self.product == "Turin" else LEVELS
        if list(parameters) != list(arcs_of) or not all(re.fullmatch(r"\d{2,3}", value) for value in parameters.values()):
            return Answer(400, b"bad parameters")
        for machine in self.machines:
            certificate = x509.load_pem_x509_certificate((machine / "vek.pem").read_bytes())
            levels = {name: int.from_bytes(_extension(certificate, arcs)[2:], "big") for name, arcs in arcs_of.items()}
            if _extension(certificate, "4").hex() == chip and levels == {name: int(value) for name, value in parameters.items()}:
                return Answer(body=self.vcek(machine))
        return Answer(404, b"no such chip")

    def _answer_to(self, target):
        parts = urllib.parse.urlsplit(target)
        words = parts.path.split("/")[1:]
        if len(words) != 4 or words[0] not in ("vcek", "vlek") or words[1:3] != ["v1", self.product]:
            return Answer(404, b"no such path")
        if words[3] == "cert_chain":
            return Answer(body=self.chain())
        if words[3] == "crl":
            return Answer(body=self.lists[words[0]]) if words[0] in self.lists else Answer(404)
        return self._find(words[3], dict(urllib.parse.parse_qsl(parts.query)))

    def answer(self, request):
        """Answers one request, as it is ill or well."""
        self.requests.append(request.path)
        faulty = self.faults and "?" in request.path
        answer = self.faults.pop(0) if faulty else self._answer_to(request.path)
        self.gate.wait(60)
        try:
            request.send_response(answer.status)
            for name, value in answer.fields.items():
                request.send_header(name, value)
            request.send_header("Content-Length", str(len(answer.body) + answer.cut))
            request.end_headers()
            request.wfile.write(answer.body)
        except OSError:
            pass
        request.close_connection = True
