#include "cli/mask.h"

#include "check.h"

static uint8_t mem[4096];

static struct span masked(const char *text, bool json)
{
	struct buf b = BUF_OF(mem);
	mask_put(&b, span_str(text), json);
	return buf_span(&b);
}

static void addresses_get_names(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"10.0.0.5", "ip-1"},
		{"at 10.0.0.5, then 10.0.0.6.", "at ip-1, then ip-2."},
		{"10.0.0.5:53 [2001:db8::1]:443", "ip-1:53 [ip-3]:443"},
		{"2001:DB8:0::1 ::1 fe80::1", "ip-3 ip-4 ip-5"},
		{"ntp:169.254.169.123", "ntp:ip-6"},
		{"2001:db8::, 2001:db8::/32", "ip-7, ip-7/32"},
		{"02:00:5e:10:00:01 02:00:5E:10:00:01. 02:00:5e:10:00:02", "mac-1 mac-1. mac-2"},
		{"arn:aws:kms:eu-central-1:123456789012:key/1", "arn:aws:kms:eu-central-1:account-1:key/1"},
		{"s3://b/123456789012/x/999999999999", "s3://b/account-1/x/account-2"},
		{"AKIAABCDEFGHIJKLMNOP", "access-key"},
	};
	mask_begin(true);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_SPAN(masked(cases[i].text, false), span_str(cases[i].want));
}

static void other_texts_stay(void)
{
	static const char *const texts[] = {
		"",
		"2026-11-22T10:00:00.123456789Z",
		"version 0.1.0-abc, 1.2.3, 10.0.0, 1.2.3.4.5",
		"deadbeef.example.com cafe:babe :: a::b::c",
		"9e3779b97f4a7c15 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
		"12345678901 1234567890123 a123456789012",
		"20261127T232628.015344232Z-9e3779b97f4a7c15-w0-00000000.pcapng.zst.encrypted",
		"AKIA ASIAxyz",
		"drift_ppm=0.012 offset=-3.5 :.: ..",
	};
	mask_begin(true);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CHECK_SPAN(masked(texts[i], false), span_str(texts[i]));
}

static void json_stays_json(void)
{
	mask_begin(true);
	CHECK_SPAN(masked("{\"n\":123456789012,\"a\":\"10.0.0.5\",\"b\":\"x\\\"10.0.0.5\\\\\","
			  "\"c\":\"123456789012\"}",
			  true),
		   SPAN("{\"n\":123456789012,\"a\":\"ip-1\",\"b\":\"x\\\"ip-1\\\\\",\"c\":\"account-1\"}"));
}

static void addresses_stay_when_they_may(void)
{
	mask_begin(false);
	CHECK_SPAN(masked("10.0.0.5 02:00:5e:10:00:01 123456789012", false),
		   SPAN("10.0.0.5 02:00:5e:10:00:01 account-1"));
}

static void more_names_than_fit_share_one(void)
{
	char text[32];
	mask_begin(true);
	for (unsigned i = 0; i < MASK_NAMES_MAX; i++) {
		snprintf(text, sizeof(text), "10.1.%u.%u", i >> 8, i & 255);
		(void)masked(text, false);
	}
	CHECK_SPAN(masked("10.2.0.0 10.2.0.1 10.1.0.0", false), SPAN("ip-more ip-more ip-1"));
}

int main(void)
{
	RUN(addresses_get_names, "addresses, accounts and key ids get names, equal ones the same");
	RUN(other_texts_stay, "times, versions, hashes and names of objects stay as they are");
	RUN(json_stays_json, "a line of JSON stays one: its numbers are left alone");
	RUN(addresses_stay_when_they_may, "addresses stay where that is asked for, accounts do not");
	RUN(more_names_than_fit_share_one, "what finds no room for a name of its own is masked "
					   "all the same");
	return check_done();
}
