/* creds: all of the credentials are read, or none. Input: the role's document. */
#include "aws/creds.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct aws_credentials c, before;
	char code[64];
	memset(&c, 0xa5, sizeof(c));
	memset(&before, 0xa5, sizeof(before));
	enum err e = creds_read(span_of(data, size), &c, code);
	MUST_END(code);
	MUST(fuzz_printable(code) && (e == ERR_REFUSED || !code[0]));
	if (e) {
		MUST(memcmp(&c, &before, sizeof(c)) == 0);
		return 0;
	}
	MUST_END(c.access_key_id);
	MUST_END(c.secret);
	MUST_END(c.token);
	MUST(c.access_key_id[0] && c.secret[0] && c.token[0]);
	MUST(fuzz_printable(c.access_key_id) && fuzz_printable(c.secret) && fuzz_printable(c.token));
	return 0;
}
