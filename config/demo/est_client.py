#!/usr/bin/python3
"""A raw enrolment client: the protocol without the sidecar, to show what the authority refuses.

It makes a key, asks for a nonce, has a simulated machine sign evidence bound to both, may alter the
evidence, and enrols.  Prints the certificates, or the refusal as the authority worded it.  Exit
codes: 0 enrolled, 1 failed, 3 refused.  Nothing here is needed to use Liftgate.
"""
import argparse
import base64
import hashlib
import http.client
import json
import pathlib
import ssl
import subprocess
import sys
import tempfile
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

EST = "/.well-known/est"
OID_ATTESTATION = bytes.fromhex("060b2a864886f70d010910023b")
OID_CMW = bytes.fromhex("06082b06010505070123")
OID_EXTENSION_REQUEST = bytes.fromhex("06092a864886f70d01090e")
OID_SAN = bytes.fromhex("0603551d11")
OID_ECDSA_SHA256 = bytes.fromhex("06082a8648ce3d040302")
CMW_TYPE = b"application/vnd.veraison.tsm-report+cbor"
MEASUREMENT_OFFSET = 0x90  # in an SNP attestation report
REPORT_LEN = 1184


class Refused(Exception):
    """The authority said no; `status` is HTTP's, the text is its own line."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status
        fields = dict(field.split("=", 1) for field in text.split() if "=" in field)
        self.code = fields.get("code")
        self.id = fields.get("id")


def der(tag, *contents):
    """One DER item."""
    content = b"".join(contents)
    if len(content) < 0x80:
        head = bytes([len(content)])
    else:
        octets = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
        head = bytes([0x80 | len(octets)]) + octets
    return bytes([tag]) + head + content


def sequence(*contents):
    return der(0x30, *contents)


def cmw(report, kind=CMW_TYPE):
    """The record that carries a tsm-report (RFC 9999): type, bytes, and "this is evidence"."""
    return b"\x83\x78" + bytes([len(kind)]) + kind + b"\x59" + len(report).to_bytes(2, "big") + report + b"\x04"


def attestation(report):
    """The CSR attribute that carries the evidence."""
    statement = sequence(OID_CMW, der(0x04, cmw(report)))
    return sequence(OID_ATTESTATION, der(0x31, sequence(sequence(statement))))


def san_request(uri):
    """The CSR attribute that asks for an identity."""
    names = sequence(der(0x86, uri.encode()))
    extension = sequence(OID_SAN, der(0x01, b"\xff"), der(0x04, names))
    return sequence(OID_EXTENSION_REQUEST, der(0x31, sequence(extension)))


def spki(holder):
    """SubjectPublicKeyInfo (DER) of a private key or a certificate."""
    return holder.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def request_info(public_key, *attributes, version=0):
    """The part of a PKCS#10 request that is signed; its subject is empty."""
    return sequence(der(0x02, bytes([version])), sequence(), public_key, der(0xA0, *attributes))


def csr(key, *attributes, version=0):
    """A PKCS#10 request, signed by `key`."""
    info = request_info(spki(key), *attributes, version=version)
    signature = key.sign(info, ec.ECDSA(hashes.SHA256()))
    return sequence(info, sequence(OID_ECDSA_SHA256), der(0x03, b"\x00", signature))


def anchor(nonce, public_key):
    """What the evidence must be bound to: nonce and key, each with its length."""
    digest = hashlib.sha256(public_key).digest()
    name = b"spki-sha256"
    return hashlib.sha384(b"ats-anchor-v1" + bytes([len(nonce)]) + nonce + bytes([len(name)]) + name
                          + len(digest).to_bytes(2, "big") + digest).digest()


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authority:
    """One TLS 1.3 connection to the authority, its root pinned; from the address `source`, if it is given."""

    def __init__(self, url, root, source=None):
        parts = urllib.parse.urlsplit(url)
        self.context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(root)
        self.connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=20, context=context,
                                                      source_address=(source, 0) if source else None)

    def close(self):
        self.connection.close()

    def request(self, method, path, body=None, headers=None):
        """Returns (status, headers, body)."""
        self.connection.request(method, EST + path, body=body, headers=headers or {})
        response = self.connection.getresponse()
        return response.status, response.headers, response.read()

    def nonce(self):
        """Returns the nonce and the cookie that must come back with the request."""
        status, headers, body = self.request("GET", "/nonce")
        if status != 200:
            raise Refused(status, body.decode(errors="replace").strip())
        return unpadded(json.loads(body)["nonce"]), headers["Set-Cookie"].split(";")[0]

    def enrol(self, request, cookie, path="/simpleenroll"):
        """Returns the PKCS#7 structure with the certificates (DER)."""
        headers = {"Content-Type": "application/pkcs10"}
        if cookie is not None:
            headers["Cookie"] = cookie
        status, _, body = self.request("POST", path, base64.b64encode(request), headers)
        if status != 200:
            raise Refused(status, body.decode(errors="replace").strip())
        return base64.b64decode(body)


def collect(program, machine, report_data):
    """A tsm-report (CBOR) from a simulated machine."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "evidence"
        subprocess.run([program, "collect", "--platform", "sim", "--machine", machine, "--report-data",
                        report_data.hex(), "-o", out], check=True, stdout=subprocess.DEVNULL)
        return out.read_bytes()


def alter(evidence, offset):
    """`evidence` with one bit of the report at `offset` turned over."""
    mark = b"\x67outblob\x59" + REPORT_LEN.to_bytes(2, "big")
    start = evidence.index(mark) + len(mark)
    altered = bytearray(evidence)
    altered[start + offset] ^= 1
    return bytes(altered)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ca", required=True, metavar="URL")
    parser.add_argument("--root", required=True, metavar="FILE")
    parser.add_argument("--attest", required=True, metavar="PROGRAM", help="path of liftgate-attest")
    parser.add_argument("--machine", required=True, metavar="MDIR")
    parser.add_argument("--uri", metavar="ID", help="the SPIFFE ID to ask for")
    parser.add_argument("--alter", type=lambda text: int(text, 0), metavar="OFFSET",
                        help=f"turn over one bit of this byte of the report (the measurement is at {MEASUREMENT_OFFSET})")
    arguments = parser.parse_args()
    key = ec.generate_private_key(ec.SECP256R1())
    authority = Authority(arguments.ca, arguments.root)
    try:
        nonce, cookie = authority.nonce()
        evidence = collect(arguments.attest, arguments.machine, anchor(nonce, spki(key)))
        if arguments.alter is not None:
            evidence = alter(evidence, arguments.alter)
        attributes = [attestation(evidence)]
        if arguments.uri:
            attributes.append(san_request(arguments.uri))
        certificates = authority.enrol(csr(key, *attributes), cookie)
    except Refused as refusal:
        print(f"{refusal} (HTTP {refusal.status})")
        return 3
    except (OSError, ssl.SSLError, subprocess.CalledProcessError) as error:
        print(f"est_client: {error}", file=sys.stderr)
        return 1
    finally:
        authority.close()
    subprocess.run(["openssl", "pkcs7", "-inform", "DER", "-print_certs"], input=certificates, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
