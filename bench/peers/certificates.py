"""Certificates: one authority and the same P-256 certificates for every relay, and those of strangers that
each of them has to refuse.
"""
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DOMAIN = "bench.example"


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def _secret(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _usage(authority):
    """Signs certificates, or signs in a handshake."""
    return x509.KeyUsage(digital_signature=not authority, content_commitment=False, key_encipherment=False,
                         data_encipherment=False, key_agreement=False, key_cert_sign=authority, crl_sign=authority,
                         encipher_only=False, decipher_only=False)


class Authority:
    """Signs leaves itself, so that each relay verifies exactly one signature to trust one."""

    def __init__(self, name):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key, True)

    def _sign(self, subject, key, authority, extensions=()):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
                   .not_valid_after(now + datetime.timedelta(days=1))
                   .add_extension(x509.BasicConstraints(authority, None), True)
                   .add_extension(_usage(authority), True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    def leaf(self, name):
        """(certificate, key) of the SPIFFE ID that ends in `name`."""
        key = ec.generate_private_key(ec.SECP256R1())
        identity = x509.UniformResourceIdentifier(f"spiffe://{DOMAIN}/{name}")
        return self._sign(x509.Name([]), key, False, (
            (x509.SubjectAlternativeName([identity]), True),
            (x509.ExtendedKeyUsage((ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)), False))), key


def _write(folder, name, certificate, key):
    """NAME.pem, NAME.key, and both in NAME.both.pem."""
    (folder / f"{name}.pem").write_bytes(_pem(certificate))
    (folder / f"{name}.key").write_bytes(_secret(key))
    (folder / f"{name}.both.pem").write_bytes(_pem(certificate) + _secret(key))


def write(folder):
    """ca.pem and ca.key; server, client, and stranger, who is of impostor.pem, an authority with the same
    name and another key.  Returns the authority."""
    authority, impostor = Authority("bench"), Authority("bench")
    (folder / "ca.pem").write_bytes(_pem(authority.certificate))
    (folder / "ca.key").write_bytes(_secret(authority.key))
    (folder / "impostor.pem").write_bytes(_pem(impostor.certificate))
    for name in ("server", "client"):
        _write(folder, name, *authority.leaf(name))
    _write(folder, "stranger", *impostor.leaf("client"))
    return authority


def write_clients(authority, folder, num):
    """Names of `num` new clients, who replace those of the last time."""
    names = [f"client.{number}" for number in range(num)]
    for name in names:
        _write(folder, name, *authority.leaf("client"))
    return names
