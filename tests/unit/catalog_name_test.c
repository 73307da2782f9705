#include "cli/catalog.h"

#include "check.h"

#define LAST "20260102T030405.123456789Z-0123456789abcdef-w12-00000042"
#define DATE "2026/01/02/03"
#define FRONT "evidence/x/111122223333/eu-central-1/tap-1/" DATE "/packets/"

static struct catalog_object o;

static enum err name(const char *key)
{
	return catalog_name(span_str(key), &o);
}

static void reads_names(void)
{
	CHECK(name(FRONT LAST ".pcapng.zst.encrypted") == ERR_OK);
	CHECK(o.start_ns == 1767323045123456789u && o.boot == 0x0123456789abcdef && o.seq == 42);
	CHECK(!strcmp(o.stream, "w12") && o.kind == OBJECT_PACKETS && !o.torn && o.beside == 0);
	CHECK_SPAN(o.appliance, SPAN("111122223333/eu-central-1/tap-1"));
	CHECK(o.end_ns == UINT64_MAX);
	CHECK(name(FRONT LAST "-r3.pcapng.zst.torn.encrypted") == ERR_OK && o.torn && o.beside == 3);
	CHECK(name("1/r/a/" DATE
		   "/log/20260102T030405.000000000Z-0123456789abcdef-log-00000000.jsonl.zst.encrypted") ==
		      ERR_OK &&
	      o.kind == OBJECT_LOG);
	CHECK(name("20260102T030405.000000000Z-0123456789abcdef-flows-00000000.jsonl.zst.encrypted") ==
		      ERR_OK &&
	      o.kind == OBJECT_FLOWS && o.appliance.len == 0);
}

static void refuses_others(void)
{
	static const char *const bad[] = {
		"",
		"/",
		"index.html",
		FRONT,
		FRONT LAST,
		FRONT LAST ".pcapng.zst.encrypted.part",
		FRONT LAST ".pcapng.zst.encrypted.json",
		FRONT LAST ".jsonl.zst.encrypted",
		FRONT LAST "-r0.pcapng.zst.encrypted",
		FRONT LAST "-r10.pcapng.zst.encrypted",
		FRONT LAST "-r.pcapng.zst.encrypted",
		FRONT "20260102T030405.123456789Z-0123456789abcdeF-w12-00000042.pcapng.zst.encrypted",
		FRONT "20260102T030405.123456789Z-0123456789abcdef-x-00000042.pcapng.zst.encrypted",
		FRONT "20260102T030405.123456789Z-0123456789abcdef-w12-0000042.pcapng.zst.encrypted",
		FRONT "20260102T030405.123456789Z-0123456789abcdef-w12-000000042.pcapng.zst.encrypted",
		FRONT "20260132T030405.123456789Z-0123456789abcdef-w12-00000042.pcapng.zst.encrypted",
		FRONT "20260230T030405.123456789Z-0123456789abcdef-w12-00000042.pcapng.zst.encrypted",
		FRONT "20260102T040405.123456789Z-0123456789abcdef-w12-00000042.pcapng.zst.encrypted",
		"evidence/eu-central-1/" DATE "/log/" LAST ".pcapng.zst.encrypted",
		"tap-1/" DATE "/packets/" LAST ".pcapng.zst.encrypted",
		DATE "/packets/" LAST ".pcapng.zst.encrypted",
		"/" LAST ".pcapng.zst.encrypted",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(name(bad[i]) == ERR_SYNTAX);
		if (name(bad[i]) != ERR_SYNTAX)
			printf("  %s\n", bad[i]);
	}
}

/* Any byte changed: another object, or none; never a trap. */
static void mutated_names(void)
{
	static const char whole[] = FRONT LAST ".pcapng.zst.encrypted";
	char text[sizeof(whole)];
	for (size_t i = 0; i < sizeof(whole) - 1; i++) {
		for (int c = 0; c < 256; c++) {
			memcpy(text, whole, sizeof(whole));
			text[i] = (char)c;
			enum err e = catalog_name(span_of(text, sizeof(text) - 1), &o);
			CHECK(e == ERR_OK || e == ERR_SYNTAX);
		}
		CHECK(catalog_name(span_of(whole, i), &o) == ERR_SYNTAX);
	}
}

int main(void)
{
	RUN(reads_names, "names of objects are split into their parts");
	RUN(refuses_others, "what record/object would not have named is no object");
	RUN(mutated_names, "a mutated name is another object or none");
	return check_done();
}
