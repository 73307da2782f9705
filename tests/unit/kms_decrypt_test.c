#include "aws/kms_decrypt.h"

#include "check.h"

#define KEY "arn:aws:kms:eu-central-1:111122223333:key/1234abcd"
#define BASE64 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
/* Two pairs, as a message's header has them. */
#define CONTEXT "\0\2\0\3a\"b\0\1x\0\12sealtap-k2\0\2y/"

static uint8_t key[KMS_KEY_BYTES];

static bool wiped(void)
{
	static const uint8_t zeros[KMS_KEY_BYTES];
	return memcmp(key, zeros, sizeof(zeros)) == 0;
}

static enum err answer(const char *json)
{
	memset(key, 0xa5, sizeof(key));
	return kms_decrypt_answer(span_str(json), SPAN(KEY), key);
}

static void writes_the_request(void)
{
	static const char want[] = "{\"KeyId\":\"" KEY "\",\"CiphertextBlob\":\"AQID\",\"EncryptionContext\":"
				   "{\"a\\\"b\":\"x\",\"sealtap-k2\":\"y/\"}}";
	uint8_t text[512];
	struct buf b = BUF_OF(text);
	CHECK(kms_decrypt_body(SPAN(KEY), SPAN(CONTEXT), SPAN("\1\2\3"), &b) == ERR_OK);
	CHECK_SPAN(buf_span(&b), span_str(want));
	for (size_t cap = 0; cap < sizeof(want) - 1; cap++) {
		b = buf_over(text, cap);
		CHECK(kms_decrypt_body(SPAN(KEY), SPAN(CONTEXT), SPAN("\1\2\3"), &b) == ERR_FULL);
	}
	b = BUF_OF(text);
	CHECK(kms_decrypt_body(SPAN(KEY), SPAN(""), SPAN("\1"), &b) == ERR_OK);
	b = BUF_OF(text);
	CHECK(kms_decrypt_body(SPAN(KEY), SPAN("\0\2\0\1a"), SPAN("\1"), &b) == ERR_SYNTAX);
	CHECK(kms_decrypt_body(SPAN(KEY), SPAN("\0\1\0\1\xff\0\1x"), SPAN("\1"), &b) == ERR_SYNTAX);
}

static void reads_the_key(void)
{
	CHECK(answer("{\"KeyId\":\"" KEY "\",\"Plaintext\":\"" BASE64
		     "\",\"EncryptionAlgorithm\":\"SYMMETRIC_DEFAULT\"}") == ERR_OK);
	for (unsigned i = 0; i < sizeof(key); i++)
		CHECK(key[i] == i);
}

static void refuses_others(void)
{
	static const char *const bad[] = {
		"{\"KeyId\":\"arn:aws:kms:eu-central-1:111122223333:key/other\",\"Plaintext\":\"" BASE64
		"\"}",
		"{\"KeyId\":\"" KEY "\",\"Plaintext\":\"AAEC\"}",
		"{\"KeyId\":\"" KEY "\",\"Plaintext\":\"" BASE64 BASE64 "\"}",
		"{\"KeyId\":\"" KEY "\",\"Plaintext\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\"}",
		"{\"KeyId\":\"" KEY "\",\"Plaintext\":\"*\"}",
		"{\"KeyId\":\"" KEY "\",\"Plaintext\":\"\"}",
		"{\"KeyId\":\"" KEY "\",\"Plaintext\":7}",
		"{\"KeyId\":\"" KEY "\"}",
		"{\"Plaintext\":\"" BASE64 "\"}",
		"{\"KeyId\":\"" KEY "\",\"Plaintext\":\"" BASE64 "\"",
		"",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(answer(bad[i]) != ERR_OK && wiped());
}

int main(void)
{
	RUN(writes_the_request, "a request for a data key has key, ciphertext and context");
	RUN(reads_the_key, "the data key is read from the answer");
	RUN(refuses_others, "an answer with another key leaves zeros");
	return check_done();
}
