#include "role/status/healthz.h"

#include "aws/json.h"
#include "check.h"

static struct msg_health h;
static uint8_t mem[HEALTHZ_TEXT_MAX];
static struct buf out;

static unsigned write_it(void)
{
	struct json_reader r;
	out = BUF_OF(mem);
	unsigned status = healthz_write(&h, "1.2", &out);
	CHECK(!out.overflow);
	json_begin(&r, NULL, 0);
	CHECK(!json_feed(&r, buf_span(&out)) && !json_end(&r));
	return status;
}

static void step(enum verdict_code code, bool ok, const char *text)
{
	h.step[code] = (struct msg_step){.told = 1, .ok = ok};
	snprintf(h.step[code].text, sizeof(h.step[code].text), "%s", text);
}

static void well(void)
{
	memset(&h, 0, sizeof(h));
	CHECK(write_it() == 200);
	CHECK_SPAN(buf_span(&out),
		   SPAN("{\"healthy\":true,\"version\":\"1.2\",\"reasons\":[],\"steps\":[]}\n"));
	step(VERDICT_S3, false, "a \"bucket\"");
	step(VERDICT_LINK, true, "2 links");
	CHECK(write_it() == 200);
	CHECK_SPAN(buf_span(&out), SPAN("{\"healthy\":true,\"version\":\"1.2\",\"reasons\":[],\"steps\":[\n"
					"{\"code\":\"link\",\"ok\":true,\"text\":\"2 links\"},\n"
					"{\"code\":\"s3\",\"ok\":false,\"text\":\"a \\\"bucket\\\"\"}]}\n"));
}

static void unwell(void)
{
	static const char *const codes[HEALTH_REASONS] = {"booting", "leaving", "closed",
							  "link",    "worker",  "silent"};
	char want[64];
	for (uint32_t i = 0; i < HEALTH_REASONS; i++) {
		memset(&h, 0, sizeof(h));
		h.reasons = 1u << i;
		CHECK(write_it() == 503);
		snprintf(want, sizeof(want),
			 "{\"healthy\":false,\"version\":\"1.2\",\"reasons\":[{\"code\":\"%s\",", codes[i]);
		CHECK_SPAN(span_first(buf_span(&out), strlen(want)), span_str(want));
	}
	memset(&h, 0, sizeof(h));
	h.reasons = 1u << HEALTH_CLOSED | 1u << HEALTH_WORKER;
	snprintf(h.closed_by, sizeof(h.closed_by), "a capture worker is late");
	CHECK(write_it() == 503 &&
	      memmem(mem, out.len, "{\"code\":\"closed\",\"text\":\"a capture worker is late\"},", 52));
}

/* Another process wrote it: no text need end, and every character may have to be escaped. */
static void any_text_fits(void)
{
	for (int c = 1; c < 256; c++) {
		memset(&h, c, sizeof(h));
		out = BUF_OF(mem);
		CHECK(healthz_write(&h, "1.2", &out) == 503 && !out.overflow);
	}
	memset(&h, 1, sizeof(h));
	write_it();
}

int main(void)
{
	RUN(well, "healthz: 200 tells each step that has a verdict, those that failed too");
	RUN(unwell, "healthz: 503 tells why");
	RUN(any_text_fits, "healthz: the longest reasons fit the page");
	return check_done();
}
