"""python_openssl.py SECONDS: what the OpenSSL inside Python's cryptography needs for what tests/bench/crypto.c does, two lines as there.

Python's own part of a call is taken off, in favour of OpenSSL: what a call without a text takes, in which is all that a message costs
apart from its bytes.
"""
import sys
import time

import cryptography
from cryptography.hazmat.backends.openssl.backend import backend
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, Hash

TEXT = bytes(65536)


def seconds_of(call, seconds):
    begin, done, spent = time.perf_counter(), 0, 0
    while spent < seconds:
        for _ in range(200):
            call()
        done, spent = done + 200, time.perf_counter() - begin
    return spent / done


def seal(text):
    cipher, iv, aad, into = AESGCM(bytes(32)), bytes(12), bytes(16), bytearray(len(text) + 16)
    if hasattr(cipher, 'encrypt_into'):
        return lambda: cipher.encrypt_into(iv, text, aad, into)
    return lambda: cipher.encrypt(iv, text, aad)


def sha256(text):
    h = Hash(SHA256())
    return lambda: h.update(text)


for work in (seal, sha256):
    one = seconds_of(work(TEXT), float(sys.argv[1])) - seconds_of(work(b''), float(sys.argv[1]) / 4)
    print(f'{one * 1e9:.1f} ns {len(TEXT) / one / 1e9:.4f} GB/s {backend.openssl_version_text().split()[1]} {cryptography.__version__}')
