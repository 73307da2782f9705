/* sts: all of an answer is read, or nothing; credentials of programs and containers too. Input: a kind,
 * the answer. */
#include "aws/sts.h"

#include "fuzz.h"

static enum err read_kind(uint8_t kind, struct span in, struct aws_credentials *c)
{
	switch (kind % 5) {
	case 0:
		return creds_read_process(in, c);
	case 1:
		return creds_read_container(in, c);
	case 4:
		return creds_read_sso(in, c);
	default:
		return sts_read_role(in, kind % 5 == 3, c);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct aws_credentials c, before;
	static struct sts_caller caller;
	struct span in = span_of(data, size);
	uint8_t kind = fuzz_byte(&in);
	memset(&c, 0xa5, sizeof(c));
	memset(&before, 0xa5, sizeof(before));
	if (read_kind(kind, in, &c)) {
		MUST(memcmp(&c, &before, sizeof(c)) == 0);
	} else {
		MUST_END(c.access_key_id);
		MUST_END(c.secret);
		MUST_END(c.token);
		MUST(c.access_key_id[0] && c.secret[0] && (c.token[0] || kind % 5 == 0));
		MUST(fuzz_printable(c.access_key_id) && fuzz_printable(c.secret) && fuzz_printable(c.token));
	}
	if (sts_read_caller(in, &caller) == ERR_OK) {
		MUST_END(caller.arn);
		MUST_END(caller.account);
		MUST(fuzz_printable(caller.arn) && fuzz_printable(caller.account));
	}
	return 0;
}
