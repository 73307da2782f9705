// seal.mjs: seals files with AWS's own Encryption SDK as the appliance does it: suite 0x0478, frames of 65,504 bytes, one KMS key.
//
//   NODE_MODULES=DIR node seal.mjs ENDPOINT REGION KEY-ARN CONTEXT FILE... : writes FILE.sealed; CONTEXT is a JSON object.
import { createRequire } from 'node:module'
import { readFile, writeFile } from 'node:fs/promises'

const { AlgorithmSuiteIdentifier, buildEncrypt, CommitmentPolicy, getClient, KMS, KmsKeyringNode } =
  createRequire(`${process.env.NODE_MODULES}/`)('@aws-crypto/client-node')
const [endpoint, region, key, context, ...files] = process.argv.slice(2)
const { encrypt } = buildEncrypt(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
const keyring = new KmsKeyringNode({ generatorKeyId: key, clientProvider: getClient(KMS, { endpoint, region }) })

for (const file of files) {
  const { result } = await encrypt(keyring, await readFile(file), {
    suiteId: AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY,
    encryptionContext: JSON.parse(context),
    frameLength: 65504,
  })
  await writeFile(`${file}.sealed`, result)
}
