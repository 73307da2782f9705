#include "check.h"
#include "noise.h"

#include <bearssl.h>

#include "lib/tls_gcm.h"

#define HANDSHAKE 22
#define APPLICATION_DATA 23
#define TLS12 0x0303

static uint8_t key[32], content[TLS_GCM_CONTENT_MAX], record[TLS_GCM_RECORD_MAX], theirs[TLS_GCM_RECORD_MAX];
static const uint8_t salt[TLS_GCM_SALT_BYTES] = {0xa1, 0xb2, 0xc3, 0xd4};
static struct tls_gcm out, in;
static br_sslrec_gcm_context bear_out, bear_in;

static void begin(size_t key_len)
{
	const br_block_ctr_class *aes = &br_aes_ct64_ctr_vtable;
	noise_fill(key, sizeof(key));
	noise_fill(content, sizeof(content));
	tls_gcm_init(&out, span_of(key, key_len), salt);
	tls_gcm_init(&in, span_of(key, key_len), salt);
	br_sslrec_out_gcm_vtable.init(&bear_out.vtable.out, aes, key, key_len, br_ghash_ctmul64, salt);
	br_sslrec_in_gcm_vtable.init(&bear_in.vtable.in, aes, key, key_len, br_ghash_ctmul64, salt);
}

static bool open_next(uint8_t type, size_t len, struct span *got)
{
	return tls_gcm_open(&in, type, TLS12, record + TLS_GCM_HEADER_BYTES, len - TLS_GCM_HEADER_BYTES,
			    got) == ERR_OK;
}

/* A record of ours is BearSSL's, byte for byte; each opens the other's. */
static void agree_on(uint8_t type, size_t len, bool in_place)
{
	size_t their_len = len;
	memcpy(theirs + TLS_GCM_FRONT_BYTES, content, len);
	uint8_t *whole =
		bear_out.vtable.out->inner.encrypt((const br_sslrec_out_class **)(void *)&bear_out.vtable.out,
						   type, TLS12, theirs + TLS_GCM_FRONT_BYTES, &their_len);
	if (in_place)
		memcpy(record + TLS_GCM_FRONT_BYTES, content, len);
	struct span from = span_of(in_place ? record + TLS_GCM_FRONT_BYTES : content, len), got;
	size_t our_len = tls_gcm_seal(&out, type, TLS12, from, record);
	CHECK(span_eq(span_of(whole, their_len), span_of(record, our_len)));
	CHECK(open_next(type, our_len, &got) && span_eq(got, span_of(content, len)));
	size_t opened = their_len - TLS_GCM_HEADER_BYTES;
	uint8_t *plain =
		bear_in.vtable.in->inner.decrypt((const br_sslrec_in_class **)(void *)&bear_in.vtable.in,
						 type, TLS12, whole + TLS_GCM_HEADER_BYTES, &opened);
	CHECK(plain && span_eq(span_of(plain, opened), span_of(content, len)));
}

static void agreement(void)
{
	for (size_t key_len = 16; key_len <= 32; key_len += 16) {
		begin(key_len);
		for (size_t len = 0; len <= 300; len++)
			agree_on(len % 2 ? APPLICATION_DATA : HANDSHAKE, len, len % 3 == 0);
		for (size_t i = 0; i < 300; i++)
			agree_on(APPLICATION_DATA, noise_below(TLS_GCM_CONTENT_MAX + 1), i % 2);
		agree_on(APPLICATION_DATA, TLS_GCM_CONTENT_MAX, true);
		CHECK(out.number == 602 && in.number == 602);
	}
}

static size_t seal(size_t len)
{
	begin(32);
	return tls_gcm_seal(&out, APPLICATION_DATA, TLS12, span_of(content, len), record);
}

/* The header's type and version are authenticated; its length is what the reader goes by. */
static void flipped(void)
{
	struct span got;
	size_t len = seal(100);
	for (size_t i = TLS_GCM_HEADER_BYTES; i < len; i++) {
		len = seal(100);
		record[i] ^= 1;
		CHECK(!open_next(APPLICATION_DATA, len, &got) && got.len == 0);
		for (size_t at = TLS_GCM_FRONT_BYTES; at < TLS_GCM_FRONT_BYTES + 100; at++)
			CHECK(record[at] == 0);
	}
	len = seal(100);
	CHECK(!open_next(HANDSHAKE, len, &got));
	len = seal(100);
	CHECK(tls_gcm_open(&in, APPLICATION_DATA, 0x0302, record + TLS_GCM_HEADER_BYTES,
			   len - TLS_GCM_HEADER_BYTES, &got) == ERR_AUTH);
}

static void order(void)
{
	static uint8_t first[200], second[200];
	struct span got;
	begin(16);
	size_t len = tls_gcm_seal(&out, APPLICATION_DATA, TLS12, span_of(content, 100), first);
	tls_gcm_seal(&out, APPLICATION_DATA, TLS12, span_of(content, 100), second);
	memcpy(record, second, len);
	CHECK(!open_next(APPLICATION_DATA, len, &got)); /* the first was left out */
	begin(16);
	tls_gcm_seal(&out, APPLICATION_DATA, TLS12, span_of(content, 100), record);
	memcpy(first, record, len);
	CHECK(open_next(APPLICATION_DATA, len, &got));
	memcpy(record, first, len);
	CHECK(!open_next(APPLICATION_DATA, len, &got)); /* once more */
}

static void lengths(void)
{
	static uint8_t payload[TLS_GCM_CONTENT_MAX + TLS_GCM_OVERHEAD_BYTES + 1];
	struct span got;
	begin(16);
	for (size_t len = 0; len < TLS_GCM_OVERHEAD_BYTES; len++)
		CHECK(tls_gcm_open(&in, APPLICATION_DATA, TLS12, payload, len, &got) == ERR_SYNTAX);
	CHECK(tls_gcm_open(&in, APPLICATION_DATA, TLS12, payload, sizeof(payload), &got) == ERR_SYNTAX);
	CHECK(tls_gcm_open(&in, APPLICATION_DATA, TLS12, payload, sizeof(payload) - 1, &got) == ERR_AUTH);
}

int main(void)
{
	RUN(agreement, "records are BearSSL's byte for byte, in place and apart, and each opens the other's");
	RUN(flipped, "a bit flipped anywhere, another type or version is refused, and no content is left");
	RUN(order, "a record left out or repeated is refused");
	RUN(lengths, "lengths that no record has are refused");
	return check_done();
}
