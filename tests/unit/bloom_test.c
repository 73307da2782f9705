#include "record/bloom.h"

#include "check.h"
#include "noise.h"
#include "packets.h"
#include "record/packet_keys.h"

#define KEYS_MAX 40000

static struct bloom bloom;
static uint64_t keys[KEYS_MAX];

static uint64_t random_key(void)
{
	uint8_t bytes[16];
	switch (noise_below(3)) {
	case 0:
		return bloom_ip4((uint32_t)noise_u64());
	case 1:
		return bloom_port((uint16_t)noise_u64());
	default:
		noise_fill(bytes, sizeof(bytes));
		return bloom_ip6(bytes);
	}
}

static struct span filter_of(size_t count)
{
	bloom_reset(&bloom);
	for (size_t i = 0; i < count; i++)
		bloom_add(&bloom, keys[i] = random_key());
	return bloom_fold(&bloom);
}

static unsigned set_of(struct span filter)
{
	unsigned sum = 0;
	for (size_t i = 0; i < filter.len; i++)
		sum += (unsigned)__builtin_popcount(filter.p[i]);
	return sum;
}

/* Worked out by tests/lab/bloom.py, which shares nothing with this. */
static void bytes(void)
{
	struct ip six = {{0x20, 1, 0x0d, 0xb8, [15] = 1}}, four = ip_from_v4(0x0a000005);
	CHECK(bloom_ip(&four) == 0x40a000005 && bloom_port(443) == 0x1000001bb);
	CHECK(bloom_ip(&six) == bloom_ip6(six.bytes) && bloom_ip(&four) == bloom_ip4(0x0a000005));
	bloom_reset(&bloom);
	bloom_add(&bloom, bloom_ip4(0x0a000005));
	bloom_add(&bloom, bloom_port(443));
	bloom_add(&bloom, bloom_ip6(six.bytes));
	CHECK_SPAN(bloom_fold(&bloom), unhex("8481589a8514044b"));
}

static void never_misses(void)
{
	static const size_t counts[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 20, 100, 999, 5000, 25000};
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct span filter = filter_of(counts[i]);
		CHECK(bloom_is_length(filter.len));
		for (size_t k = 0; k < counts[i]; k++)
			CHECK(bloom_has(filter, keys[k]));
		/* the smallest that is at most half full */
		CHECK(set_of(filter) <= filter.len * 4);
		unsigned halved = 0;
		for (size_t k = 0; k < filter.len / 2; k++)
			halved += (unsigned)__builtin_popcount(filter.p[k] | filter.p[filter.len / 2 + k]);
		CHECK(filter.len == BLOOM_MIN_BYTES || halved > filter.len * 2);
	}
	CHECK(filter_of(0).len == BLOOM_MIN_BYTES && !bloom_has(filter_of(0), random_key()));
}

/* The rate stated: 1 in 128. The fullest filter that may be has just that: five standard deviations more are
 * let pass. */
static void rarely_wrong(void)
{
	const unsigned tries = 100000, most = tries / 128 + 140;
	for (size_t count = 1; count < 30000; count += 1 + count / 4) {
		struct span filter = filter_of(count);
		unsigned found = 0;
		for (unsigned i = 0; filter.len && i < tries; i++)
			found += bloom_has(filter, bloom_ip4((uint32_t)noise_u64()));
		CHECK(found <= most);
	}
}

static void too_many(void)
{
	struct span filter = filter_of(KEYS_MAX);
	CHECK(filter.len == 0 && bloom_has(filter, random_key()));
	CHECK(filter_of(25000).len == BLOOM_MAX_BYTES);
	/* lengths that no filter has */
	static const uint8_t zeros[BLOOM_MAX_BYTES * 2];
	static const size_t odd[] = {1, 4, 7, 9, 24, BLOOM_MAX_BYTES - 1, BLOOM_MAX_BYTES * 2};
	for (size_t i = 0; i < 7; i++)
		CHECK(!bloom_is_length(odd[i]) && bloom_has(span_of(zeros, odd[i]), random_key()));
}

/* The cache keeps what came of late; what it forgot is added again and changes nothing. */
static void again(void)
{
	static uint8_t first[BLOOM_MAX_BYTES];
	struct span filter = filter_of(3000);
	size_t len = filter.len;
	memcpy(first, filter.p, len);
	bloom_reset(&bloom);
	for (size_t i = 0; i < 10000; i++)
		bloom_add(&bloom, keys[i % 3000]);
	for (size_t i = 0; i < 10000; i++)
		bloom_add(&bloom, keys[noise_below(3000)]);
	CHECK_SPAN(bloom_fold(&bloom), span_of(first, len));
}

/* ---- of packets */

static bool found(const char *text)
{
	struct ip ip;
	struct bloom copy = bloom;
	uint64_t port, key;
	key = text_read_u64(span_str(text), 65535, &port) ? (ip_read(span_str(text), &ip) ? 0 : bloom_ip(&ip))
							  : bloom_port((uint16_t)port);
	CHECK(key);
	return bloom_has(bloom_fold(&copy), key);
}

static void of_packets(void)
{
	uint8_t frame[200];
	struct buf b = BUF_OF(frame);
	bloom_reset(&bloom);
	buf_be32(&b, 0x88a80001);
	buf_be32(&b, 0x81000002);
	put_ipv4(&b, 6, 0xc6120a01, 0xc6120b02, 0);
	put_tcp(&b, 40000, 443, 5, 2);
	packet_keys(&bloom, buf_span(&b));
	CHECK(found("198.18.10.1") && found("198.18.11.2") && found("40000") && found("443"));
	CHECK(!found("198.18.10.2") && !found("444"));
	frame[8 + 2 + 7] = 1; /* not the first fragment */
	bloom_reset(&bloom);
	packet_keys(&bloom, buf_span(&b));
	CHECK(found("198.18.10.1") && !found("40000") && !found("443"));
	b = BUF_OF(frame);
	put_ipv6(&b, 17);
	put_udp(&b, 53, 5353);
	bloom_reset(&bloom);
	packet_keys(&bloom, buf_span(&b));
	CHECK(found("2020:2020:2020:2020:2020:2020:2020:2020") && found("53") && found("5353"));
	CHECK(found("3030:3030:3030:3030:3030:3030:3030:3030"));
	/* cut anywhere: what is there is found, and nothing beyond is read */
	for (size_t len = 0; len < b.len; len++) {
		uint8_t *exact = malloc(len + 1);
		if (!exact)
			abort();
		memcpy(exact, frame, len);
		bloom_reset(&bloom);
		packet_keys(&bloom, span_of(exact, len));
		CHECK(found("53") == (len >= 2 + 40 + 2) && found("5353") == (len >= 2 + 40 + 4));
		CHECK(found("2020:2020:2020:2020:2020:2020:2020:2020") == (len >= 2 + 24));
		free(exact);
	}
}

static void of_arp(void)
{
	static const uint16_t types[] = {0x0806, 0x8035};
	for (size_t i = 0; i < 2; i++) {
		uint8_t frame[64];
		struct buf b = BUF_OF(frame);
		buf_be16(&b, types[i]);
		buf_put(&b, unhex("0001080006040001020000000001c6120a01000000000000c6120b02"));
		bloom_reset(&bloom);
		packet_keys(&bloom, buf_span(&b));
		CHECK(found("198.18.10.1") && found("198.18.11.2") && !found("198.18.10.2"));
	}
}

int main(void)
{
	RUN(bytes, "a filter has the bytes that were worked out by hand");
	RUN(never_misses, "what was added is found, in the smallest filter that is at most half full");
	RUN(rarely_wrong, "what was not added is found at most once in 128 times, however small the filter");
	RUN(too_many, "too many keys give no filter, and no filter may hold anything");
	RUN(again, "a key that comes again changes nothing");
	RUN(of_packets, "addresses and ports of a packet are found behind tags, and as far as it reaches");
	RUN(of_arp, "addresses in ARP and RARP are found");
	return check_done();
}
