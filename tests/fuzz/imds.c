/* imds: a sequence of answers, each up to a form feed; its first byte is its status: 2 for 200, 4 for 404, 1
 * for 401, else another. The requests that they lead to stay well-formed. */
#include "aws/imds.h"

#include "base/text.h"
#include "fuzz.h"

static struct imds m;

static void check_request(void)
{
	uint8_t bytes[IMDS_REQUEST_MAX];
	struct buf b = BUF_OF(bytes);
	if (!imds_next(&m, &b)) {
		MUST(m.step == IMDS_DONE);
		return;
	}
	MUST(!b.overflow && span_ends(buf_span(&b), SPAN("\r\n\r\n")));
	struct span rest = buf_span(&b);
	while (rest.len) {
		struct span line = span_cut(&rest, '\n');
		MUST(span_ends(line, SPAN("\r")) && text_is_printable(span_first(line, line.len - 1)));
	}
}

static void check_result(void)
{
	const struct imds_result *r = &m.result;
	MUST_END(r->account);
	MUST_END(r->region);
	MUST_END(r->zone);
	MUST_END(r->instance);
	MUST_END(r->ami);
	MUST_END(r->vpc);
	MUST_END(r->role);
	MUST_END(r->partition);
	MUST_END(r->domain);
	MUST_END(r->notice);
	MUST(fuzz_printable(r->notice));
	MUST_END(m.token);
	MUST_END(m.detail);
	MUST(fuzz_printable(m.detail) && fuzz_printable(r->role) && fuzz_printable(m.token));
	MUST(r->link_count <= IMDS_LINKS_MAX && r->user_data_len <= IMDS_USER_DATA_MAX);
	for (uint32_t i = 0; i < r->link_count; i++) {
		const struct imds_link *l = &r->link[i];
		MUST_END(l->eni);
		MUST_END(l->vpc);
		MUST(l->device_number <= 255 && l->prefix_len <= 32);
		MUST(l->addr_count <= IMDS_ADDRS_MAX && l->addr6_count <= IMDS_ADDRS6_MAX);
		MUST(l->subnet6_count <= IMDS_NETS_MAX && l->vpc_count <= IMDS_NETS_MAX);
	}
}

static void reach(enum imds_goal goal, struct span *in)
{
	imds_begin(&m, goal, 0);
	check_request();
	while (in->len && m.step != IMDS_DONE) {
		struct span answer = span_cut(in, '\f');
		uint8_t kind = fuzz_byte(&answer);
		unsigned status = kind == '2' ? 200 : kind == '4' ? 404 : kind == '1' ? 401 : 400u + kind;
		enum imds_step step = m.step;
		enum err e = imds_answer(&m, status, answer);
		bool list_again = e == ERR_MISSING && m.step == IMDS_LINK_LIST;
		MUST(!e || m.step == step || list_again);
		check_result();
		check_request();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	reach(IMDS_BOOT, &in);
	reach(IMDS_CREDENTIALS, &in);
	reach(IMDS_NOTICES, &in);
	reach(IMDS_LINKS, &in);
	return 0;
}
