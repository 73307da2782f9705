#include "record/community_id.h"

#include "check.h"

/* The specification's baseline for seed 0; the second port of ICMP is the code here, as in the packet. */
static const struct {
	uint8_t proto;
	const char *src, *dst;
	uint16_t sport, dport;
	const char *id;
} baseline[] = {
	{58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0,
	 "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
	{58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 0,
	 "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
	{58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 135, 0,
	 "1:zavyT/cezQr1fmImYCwYnMXbgck="},
	{58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 136, 0,
	 "1:zavyT/cezQr1fmImYCwYnMXbgck="},
	{58, "3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0,
	 "1:2ObVBgIn28oZvibYZhZMBgh7WdQ="},
	{58, "3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 1, 4,
	 "1:hLZd0XGWojozrvxqE0dWB1iM6R0="},
	{58, "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 128, 0,
	 "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="},
	{58, "3ffe:501:0:1001::2", "3ffe:507:0:1:200:86ff:fe05:80da", 129, 0,
	 "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="},
	{58, "fe80::200:86ff:fe05:80da", "ff02::2", 133, 0, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0="},
	{58, "fe80::260:97ff:fe07:69ea", "ff02::1", 134, 0, "1:pkvHqCL88/tg1k4cPigmZXUtL00="},
	{1, "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
	{1, "192.168.0.1", "192.168.0.89", 0, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
	{1, "10.0.0.1", "10.0.0.2", 11, 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM="},
	{6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25,
	 "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
	{6, "2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887", 25, 63943,
	 "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
	{132, "192.168.170.8", "192.168.170.56", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
	{132, "192.168.170.56", "192.168.170.8", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
	{6, "128.232.110.120", "66.35.250.204", 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
	{6, "66.35.250.204", "128.232.110.120", 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
	{17, "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
	{17, "8.8.8.8", "192.168.1.52", 53, 54585, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
	{46, "10.1.12.1", "10.1.12.2", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
	{46, "10.1.12.2", "10.1.12.1", 7, 9, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
};

static struct community_id flow(uint8_t proto, const char *src, const char *dst, uint16_t sport,
				uint16_t dport)
{
	struct community_id f = {.proto = proto, .sport = sport, .dport = dport};
	CHECK(ip_read(span_str(src), &f.src) == ERR_OK && ip_read(span_str(dst), &f.dst) == ERR_OK);
	return f;
}

static void the_baseline(void)
{
	for (size_t i = 0; i < sizeof(baseline) / sizeof(baseline[0]); i++) {
		uint8_t mem[COMMUNITY_ID_BYTES];
		struct buf b = BUF_OF(mem);
		struct community_id f = flow(baseline[i].proto, baseline[i].src, baseline[i].dst,
					     baseline[i].sport, baseline[i].dport);
		community_id(&b, &f);
		CHECK(buf_err(&b) == ERR_OK);
		CHECK_SPAN(buf_span(&b), span_str(baseline[i].id));
	}
}

static void equal_addresses(void)
{
	uint8_t one[COMMUNITY_ID_BYTES], two[COMMUNITY_ID_BYTES];
	struct buf a = BUF_OF(one), b = BUF_OF(two);
	struct community_id f = flow(17, "10.0.0.1", "10.0.0.1", 2, 1),
			    g = flow(17, "10.0.0.1", "10.0.0.1", 1, 2);
	community_id(&a, &f);
	community_id(&b, &g);
	CHECK_SPAN(buf_span(&a), buf_span(&b));
}

int main(void)
{
	RUN(the_baseline, "a flow's Community ID is that of the specification's baseline");
	RUN(equal_addresses, "between equal addresses the ports decide");
	return check_done();
}
