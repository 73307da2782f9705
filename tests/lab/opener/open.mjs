// open.mjs: opens sealed objects with AWS's own Encryption SDK, commitment required, one strict KMS key.
//
//   node open.mjs ENDPOINT REGION KEY-ARN FILE... : writes FILE.opened and prints one JSON line a file:
//   {"file", "context", "suite", "bytes"}. Credentials come from the environment as the SDK reads them. Exit 1 when one does not open.
import { readFile, writeFile } from 'node:fs/promises'
import { buildDecrypt, CommitmentPolicy, getClient, KMS, KmsKeyringNode } from '@aws-crypto/client-node'

const [endpoint, region, key, ...files] = process.argv.slice(2)
if (!files.length) {
  console.error('usage: node open.mjs ENDPOINT REGION KEY-ARN FILE...')
  process.exit(2)
}

const { decrypt } = buildDecrypt(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
const keyring = new KmsKeyringNode({ keyIds: [key], clientProvider: getClient(KMS, { endpoint, region }) })

for (const file of files) {
  try {
    const { plaintext, messageHeader } = await decrypt(keyring, await readFile(file))
    await writeFile(`${file}.opened`, plaintext)
    console.log(JSON.stringify({
      file,
      context: messageHeader.encryptionContext,
      suite: messageHeader.suiteId,
      bytes: plaintext.length,
    }))
  } catch (e) {
    console.error(`${file}: ${e.message}`)
    process.exitCode = 1
  }
}
