// make.mjs: writes the cases beside it (messages.json and raw-aes-192.*) with node's own cryptography: an implementation of the
// message format that shares nothing with the product. Deterministic but for the ECDSA signatures: run it again only to add cases.
import {
  createCipheriv, createECDH, createHash, createPrivateKey, hkdfSync, sign,
} from 'node:crypto'
import { writeFileSync } from 'node:fs'

const u16 = n => { const b = Buffer.alloc(2); b.writeUInt16BE(n); return b }
const u32 = n => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b }
const u64 = n => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b }
const counted = s => { const b = Buffer.from(s); return Buffer.concat([u16(b.length), b]) }
const bytes = text => createHash('sha256').update(text).digest()

function seal(key, iv, aad, plain) {
  const c = createCipheriv(`aes-${key.length * 8}-gcm`, key, iv)
  c.setAAD(aad)
  return Buffer.concat([c.update(plain), c.final(), c.getAuthTag()])
}

function serialize(pairs) {
  if (!pairs.length) return Buffer.alloc(0)
  return Buffer.concat([u16(pairs.length), ...pairs.flatMap(([k, v]) => [counted(k), counted(v)])])
}

function pair(name) {
  const p = createECDH('secp384r1')
  p.setPrivateKey(createHash('sha384').update(name).digest())
  return p
}
const publicOf = p => p.getPublicKey(null, 'compressed').toString('base64')
const signer = pair('signer')
const PUBLIC = publicOf(signer), OTHER = publicOf(pair('other'))

function signature(text) {
  const q = signer.getPublicKey()
  const key = createPrivateKey({ format: 'jwk', key: {
    kty: 'EC', crv: 'P-384', d: signer.getPrivateKey().toString('base64url'),
    x: q.subarray(1, 49).toString('base64url'), y: q.subarray(49).toString('base64url') } })
  return sign('sha384', text, key)
}

// A message of the given frames, each a string; the last is the final frame. Options bend one thing each.
function message(name, frames, o = {}) {
  const suite = Buffer.from(o.suite ?? '0478', 'hex')
  const id = bytes(`id of ${name}`)
  const dek = bytes(`data key of ${name}`)
  const content = Buffer.from(hkdfSync('sha512', dek, id, Buffer.concat([suite, Buffer.from('DERIVEKEY')]), 32))
  const commitment = Buffer.from(hkdfSync('sha512', dek, id, 'COMMITKEY', 32))
  const context = o.context ?? []
  const edks = o.edks ?? [['aws-kms', 'arn:aws:kms:us-east-1:123456789012:key/example', 'blob']]
  const frameLength = o.frameLength ?? 16
  const body = Buffer.concat([Buffer.from([o.version ?? 2]), suite, id, counted(serialize(context)), u16(edks.length),
    ...edks.flat().map(counted), Buffer.from([o.single ? 1 : 2]), u32(o.single ? 0 : frameLength), commitment])
  const header = Buffer.concat([body, seal(content, Buffer.alloc(12), body, Buffer.alloc(0)).subarray(-16)])
  const label = kind => Buffer.from(`AWSKMSEncryptionClient ${kind}`)
  const sealed = frames.map((text, i) => {
    const n = (o.first ?? 1) + i
    const final = i === frames.length - 1
    const iv = o.iv ? o.iv(n, final) : Buffer.concat([Buffer.alloc(8), u32(n)])
    const kind = o.single ? 'Single Block' : final ? 'Final Frame' : 'Frame'
    const plain = Buffer.from(text)
    const box = seal(content, iv, Buffer.concat([id, label(kind), u32(n), u64(plain.length)]), plain)
    if (o.single) return Buffer.concat([iv, u64(plain.length), box])
    return final ? Buffer.concat([u32(0xffffffff), u32(n), iv, u32(plain.length), box]) : Buffer.concat([u32(n), iv, box])
  })
  const before = Buffer.concat([header, ...sealed])
  let footer = Buffer.alloc(0)
  if (o.suite === '0578') footer = counted(signature(before))
  return { name, id, dek, content, commitment, context, header, frames: sealed, footer, plain: frames }
}

const cases = []
function add(m, o = {}) {
  const whole = Buffer.concat([m.header, ...m.frames, m.footer])
  const ciphertext = o.bend ? o.bend(whole, m) : whole
  const dek = o.dek ?? m.dek
  const c = { comment: m.name, 'keyring-type': 'static', status: !o.error, exception: o.error ? `EXCEPTION: ${o.error}` : null,
    ciphertext: ciphertext.toString('base64'), 'decrypted-dek': dek.toString('base64') }
  if (!o.error) {
    Object.assign(c, { 'message-id': m.id.toString('base64'), commitment: m.commitment.toString('base64'),
      'content-encryption-key': m.content.toString('base64'), header: m.header.toString('base64'),
      frames: m.frames.map(f => f.toString('base64')), 'encryption-context': Object.fromEntries(m.context),
      'plaintext-frames': m.plain })
    if (m.footer.length) c.footer = m.footer.toString('base64')
  }
  cases.push(c)
}

const full = '0123456789abcdef'
const flip = at => whole => { const b = Buffer.from(whole); b[at < 0 ? b.length + at : at] ^= 1; return b }
const AUTH = 'authentication failed', SYNTAX = 'the input does not follow its format'
const SIGNED = { suite: '0578', context: [['aws-crypto-public-key', PUBLIC]] }

add(message('an empty message', ['']))
add(message('one final frame', ['short']))
add(message('a full final frame', [full, full]))
add(message('an empty final frame after full ones', [full, full, '']))
add(message('frame length 65504', ['far from full'], { frameLength: 65504 }))
add(message('frame length 1', [...'single', ''], { frameLength: 1 }))
add(message('unframed', ['all in one'], { single: true }))
add(message('an encryption context', ['x'], { context: [['a', '1'], ['b', 'zwei äöü'], ['c', '']] }))
add(message('an unsorted encryption context', ['x'], { context: [['b', '1'], ['a', '2']] }))
add(message('several encrypted data keys', ['x'], { edks: [['aws-kms', 'one', 'b1'], ['other', '', ''], ['aws-kms', 'two', 'b2']] }))
add(message('IVs of the writer\'s choice', [full, 'x'], { iv: n => bytes(`iv ${n}`).subarray(0, 12) }))
add(message('a provisional final frame', [full, full, 'until here'],
  { iv: (n, final) => Buffer.concat([final ? Buffer.from('8000000000000007', 'hex') : Buffer.alloc(8), u32(n)]) }))
add(message('signed', [full, 'x'], SIGNED))
add(message('signed and unframed', ['x'], { ...SIGNED, single: true }))

add(message('another data key', ['x']), { dek: bytes('other'), error: 'the key commitment does not match' })
add(message('a message id changed', ['x']), { bend: flip(20), error: 'the key commitment does not match' })
add(message('a header changed', ['x'], { context: [['a', '1']] }), { bend: flip(44), error: AUTH })
add(message('a frame\'s content changed', [full, 'x']), { bend: flip(-18), error: AUTH })
add(message('a frame\'s tag changed', [full, 'x']), { bend: flip(-1), error: AUTH })
add(message('no final frame', [full, full, 'x']),
  { bend: (w, m) => w.subarray(0, w.length - m.frames[2].length), error: 'the data ends too early' })
add(message('nothing but a header', ['x']), { bend: (w, m) => m.header, error: 'the data ends too early' })
add(message('something after the end', ['x']), { bend: w => Buffer.concat([w, Buffer.from([0])]), error: SYNTAX })
add(message('frames exchanged', [full, full, 'x']),
  { bend: (w, m) => Buffer.concat([m.header, m.frames[1], m.frames[0], m.frames[2]]), error: SYNTAX })
add(message('a frame left out', [full, full, 'x']),
  { bend: (w, m) => Buffer.concat([m.header, m.frames[0], m.frames[2]]), error: SYNTAX })
add(message('a frame repeated', [full, 'x']),
  { bend: (w, m) => Buffer.concat([m.header, m.frames[0], m.frames[0], m.frames[1]]), error: SYNTAX })
add(message('two final frames', ['x']), { bend: (w, m) => Buffer.concat([w, m.frames[0]]), error: SYNTAX })
add(message('sequence numbers from 2', [full, 'x'], { first: 2 }), { error: SYNTAX })
add(message('a final frame longer than a frame', [full + full]), { error: SYNTAX })
add(message('a key twice in the context', ['x'], { context: [['a', '1'], ['a', '2']] }), { error: 'the same thing is given twice' })
add(message('no encrypted data key', ['x'], { edks: [] }), { error: SYNTAX })
add(message('format 1', ['x'], { version: 1 }), { error: 'this variant of the format is not supported' })
add(message('a suite without commitment', ['x'], { suite: '0178' }), { error: 'this variant of the format is not supported' })
add(message('a signature changed', ['x'], SIGNED), { bend: flip(-1), error: AUTH })
add(message('a signature left out', ['x'], SIGNED),
  { bend: (w, m) => w.subarray(0, w.length - m.footer.length), error: 'the data ends too early' })
add(message('signed by another key', ['x'], { ...SIGNED, context: [['aws-crypto-public-key', OTHER]] }),
  { error: AUTH })
add(message('a signed suite without public key', ['x'], { suite: '0578' }), { error: 'a required value is missing' })
add(message('a public key, but a suite that signs nothing', ['x'], { context: SIGNED.context }), { error: SYNTAX })

const here = name => new URL(name, import.meta.url)
writeFileSync(here('messages.json'), JSON.stringify({ title: 'Encryption SDK messages made by make.mjs', tests: cases }, null, 1) + '\n')

// The other layout: a data key wrapped by a raw AES keyring.
const wrapping = bytes('wrapping').subarray(0, 24)
const context = [['purpose', 'test']]
const iv = bytes('wrapping iv').subarray(0, 12)
const name = 'raw-aes-192'
const edk = seal(wrapping, iv, serialize(context), bytes(`data key of ${name}`))
const info = Buffer.concat([Buffer.from('key'), u32(128), u32(12), iv])
const m = message(name, [full, 'wrapped'], { context, edks: [['other', 'x', 'y'], ['raw', info, edk]] })
writeFileSync(here(name), Buffer.concat([m.header, ...m.frames]))
writeFileSync(here(`${name}.plaintext`), m.plain.join(''))
const write = (suffix, value) => writeFileSync(here(name + suffix), JSON.stringify(value, null, 1) + '\n')
write('.key.json', { type: 'symmetric', algorithm: 'aes', bits: 192, encoding: 'base64', material: wrapping.toString('base64') })
write('.json', { 'decryption-scenario': {
  type: 'positive-esdk', ciphertext: `file://${name}`, result: `file://${name}`, algorithmSuiteId: '0478',
  description: 'a data key wrapped with a 192-bit AES key',
  decryptKeyDescription: { type: 'raw', key: name, 'encryption-algorithm': 'aes' } } })
