// seal.mjs: seals made-up content with AWS's own Encryption SDK under a raw AES key, for vectors_test.py.
//
//   NODE_MODULES=DIR node seal.mjs KEY-HEX FOLDER : reads [{"name", "bytes", "frame", "suite", "context"}, ...] from standard input;
//   FOLDER/NAME.plain is the content, FOLDER/NAME.sealed the message.
import { createRequire } from 'node:module'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'

const { buildEncrypt, CommitmentPolicy, RawAesKeyringNode, RawAesWrappingSuiteIdentifier } =
  createRequire(`${process.env.NODE_MODULES}/`)('@aws-crypto/client-node')
const [hex, folder] = process.argv.slice(2)
const { encrypt } = buildEncrypt(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
const keyring = new RawAesKeyringNode({
  keyNamespace: 'sealtap-test',
  keyName: 'vectors',
  unencryptedMasterKey: new Uint8Array(Buffer.from(hex, 'hex')),
  wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
})

for (const { name, bytes, frame, suite, context } of JSON.parse(readFileSync(0, 'utf8'))) {
  const plain = randomBytes(bytes)
  const { result } = await encrypt(keyring, plain, { suiteId: suite, encryptionContext: context, frameLength: frame })
  writeFileSync(`${folder}/${name}.plain`, plain)
  writeFileSync(`${folder}/${name}.sealed`, result)
}
