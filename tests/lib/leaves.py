"""Leaves: client certificates that are wrong in one way each, signed by the authority's own issuing key
where the signature is not what is wrong.
"""
import datetime
import hashlib

import est_client as est
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from world import DOMAIN

BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def days(number):
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(days=number)


class Issuer:
    """The authority's issuing certificate and key, or one that only looks like it."""

    def __init__(self, world, own=True):
        self.certificate = x509.load_pem_x509_certificate((world.folder / "ca/issuing.pem").read_bytes())
        if own:
            self.key = serialization.load_pem_private_key((world.folder / "ca/issuing.key").read_bytes(), None)
        else:
            self.key = ec.generate_private_key(ec.SECP256R1())


def leaf(issuer, key, *, names=None, begins=-1, ends=1, usages=BOTH, authority=False, subject=None):
    """A leaf with the profile of the authority, except for what is said."""
    if names is None:
        names = [x509.UniformResourceIdentifier(f"spiffe://{DOMAIN}/sim/client")]
    builder = (x509.CertificateBuilder().subject_name(subject or x509.Name([])).issuer_name(issuer.certificate.subject)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(days(begins)).not_valid_after(days(ends))
               .add_extension(x509.BasicConstraints(authority, None), True)
               .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), True)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                   issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value), False))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), subject is None)
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
    return builder.sign(issuer.key, hashes.SHA256())


def common_name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def uri(path, domain=DOMAIN):
    return x509.UniformResourceIdentifier(f"spiffe://{domain}/{path}")


def write(folder, name, key, *certificates):
    """Two PEM files, chain and key: their paths."""
    chain, secret = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates))
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))
    return chain, secret


def spki_digest(key):
    """SHA-256 of the SubjectPublicKeyInfo, in hex."""
    return hashlib.sha256(est.spki(key)).hexdigest()


def enrol(world, name):
    """A genuine identity whose key a test holds: (key, leaf, issuing certificate)."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority = world.authority()
    nonce, cookie = authority.nonce()
    evidence = world.collect(name, est.anchor(nonce, est.spki(key)))
    certificates = pkcs7.load_der_pkcs7_certificates(authority.enrol(est.csr(key, est.attestation(evidence)), cookie))
    own = next(each for each in certificates if est.spki(each) == est.spki(key))
    return key, own, next(each for each in certificates if each is not own)
