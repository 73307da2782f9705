// open.mjs: opens the sealed sample with AWS's own Encryption SDK, without anything of ours; writes the compressed content:
//
//   npm ci --prefix tests/lab/opener && node tests/sample/open.mjs | zstd -d | tshark -r -
//
// The sample's data key is wrapped by a raw AES keyring with the key in sample.key. Real objects have theirs wrapped by KMS.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const modules = process.env.NODE_PATH ?? new URL('../lab/opener/node_modules', import.meta.url).pathname
const { buildDecrypt, CommitmentPolicy, RawAesKeyringNode, RawAesWrappingSuiteIdentifier } =
  createRequire(`${modules}/`)('@aws-crypto/client-node')

const key = Buffer.from(readFileSync(new URL('sample.key', import.meta.url), 'utf8').trim(), 'hex')
const keyring = new RawAesKeyringNode({
  keyNamespace: 'sealtap-sample',
  keyName: 'sample-key',
  unencryptedMasterKey: new Uint8Array(key),
  wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
})

const { decrypt } = buildDecrypt(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
const sealed = readFileSync(new URL('sample.pcapng.zst.encrypted', import.meta.url))
const { plaintext } = await decrypt(keyring, sealed)
process.stdout.write(plaintext)
