/* kms: answers to GenerateDataKey and Decrypt. Input: a kind ('2': status 200, 'D': of Decrypt, else the
 * status is 400 + it), then the body. */
#include "aws/kms.h"
#include "aws/kms_decrypt.h"

#include "fuzz.h"

#define ALIAS "arn:aws:kms:eu-west-1:111122223333:alias/x"

static void read_key(struct span body)
{
	static struct kms_data_key key, wiped;
	memset(&key, 0xa5, sizeof(key));
	if (kms_read_data_key(body, SPAN(ALIAS), &key)) {
		MUST(memcmp(&key, &wiped, sizeof(key)) == 0);
		return;
	}
	MUST_END(key.key_arn);
	MUST(key.edk_len >= 1 && key.edk_len <= KMS_EDK_MAX);
	MUST(!strncmp(key.key_arn, "arn:aws:kms:eu-west-1:111122223333:key/", 39));
}

static void read_decrypted(struct span body)
{
	static const uint8_t wiped[KMS_KEY_BYTES];
	uint8_t key[KMS_KEY_BYTES];
	memset(key, 0xa5, sizeof(key));
	if (kms_decrypt_answer(body, SPAN("arn:aws:kms:eu-west-1:111122223333:key/1"), key))
		MUST(memcmp(key, wiped, sizeof(key)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	uint8_t kind = fuzz_byte(&in);
	struct fault f;
	memset(&f, 0xa5, sizeof(f));
	if (kind == '2') {
		read_key(in);
		return 0;
	}
	if (kind == 'D') {
		read_decrypted(in);
		return 0;
	}
	enum kms_verdict v = kms_classify(400u + kind, span_first(in, kind % 8), in, &f);
	MUST(v > KMS_OK && v <= KMS_DENIED);
	MUST_END(f.code);
	MUST_END(f.message);
	MUST(fuzz_printable(f.code) && fuzz_printable(f.message));
	return 0;
}
