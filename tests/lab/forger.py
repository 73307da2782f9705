"""forger: who may decrypt, and so has data keys, makes messages of the Encryption SDK that open under them. Written from the SDK's
specification; shares nothing with the product. The cryptography is node's own."""
import base64
import os
import subprocess
import tempfile

SCRIPT = r'''
import { createCipheriv, createSign, generateKeyPairSync, hkdfSync, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
const [what, file, keyText, headText] = process.argv.slice(2)
const FRAME = 65504
function u32(n) { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b }
function gcm(key, iv, aad, plain) {
  const c = createCipheriv('aes-256-gcm', key, iv); c.setAAD(aad)
  return Buffer.concat([c.update(plain), c.final(), c.getAuthTag()])
}
if (what === 'seal') {
  const content = readFileSync(file), dataKey = Buffer.from(keyText, 'base64'), edges = Buffer.from(headText, 'base64')
  const id = randomBytes(32)
  const derive = info => Buffer.from(hkdfSync('sha512', dataKey, id, info, 32))
  const key = derive(Buffer.concat([Buffer.from([4, 0x78]), Buffer.from('DERIVEKEY')])), commitment = derive(Buffer.from('COMMITKEY'))
  const head = Buffer.concat([Buffer.from([2, 4, 0x78]), id, edges, Buffer.from([2]), u32(FRAME), commitment])
  const out = [head, gcm(key, Buffer.alloc(12), head, Buffer.alloc(0))]
  for (let at = 0, n = 1; ; at += FRAME, n++) {
    const part = content.subarray(at, at + FRAME), last = at + FRAME > content.length, iv = Buffer.concat([Buffer.alloc(8), u32(n)])
    const label = last ? 'AWSKMSEncryptionClient Final Frame' : 'AWSKMSEncryptionClient Frame'
    const aad = Buffer.concat([id, Buffer.from(label), u32(n), u32(0), u32(part.length)])
    out.push(last ? Buffer.concat([u32(0xffffffff), u32(n), iv, u32(part.length)]) : Buffer.concat([u32(n), iv]), gcm(key, iv, aad, part))
    if (last) break
  }
  writeFileSync(file, Buffer.concat(out))
} else {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  process.stdout.write(createSign('sha256').update(readFileSync(file)).sign(privateKey, 'base64'))
}
'''


def node(what, content, *args):
    """(what the script printed, what it made of the file)."""
    with tempfile.TemporaryDirectory() as here:
        script, file = os.path.join(here, 'forge.mjs'), os.path.join(here, 'content')
        for path, data in (script, SCRIPT.encode()), (file, content):
            with open(path, 'wb') as f:
                f.write(data)
        said = subprocess.run(['node', script, what, file, *args], stdout=subprocess.PIPE, check=True).stdout
        with open(file, 'rb') as f:
            return said.decode(), f.read()


def header_parts(message):
    """(context and encrypted data key as they stand, with their lengths; CiphertextBlob)."""
    at = 35 + 2 + int.from_bytes(message[35:37], 'big') + 2
    for _ in range(3):
        length = int.from_bytes(message[at:at + 2], 'big')
        at += 2 + length
    return message[35:at], message[at - length:at]


def data_key(lab, message, context):
    """The plaintext data key, as whoever may call KMS Decrypt gets it."""
    blob = base64.b64encode(header_parts(message)[1]).decode()
    return lab.kms('Decrypt', CiphertextBlob=blob, EncryptionContext=context)['Plaintext']


def seal(content, key, message):
    """A message with this content under the header's context and data key of another."""
    return node('seal', content, key, base64.b64encode(header_parts(message)[0]).decode())[1]


def sign(name, meta):
    """The signature of an object by some key: base64."""
    fields = [k for k in meta if k != 'sealtap-sig']
    text = f'name:{name}\n' + ''.join(f'{k.removeprefix("sealtap-")}:{meta[k]}\n' for k in fields)
    return node('sign', text.encode())[0]
