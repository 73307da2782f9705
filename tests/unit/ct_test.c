#include "net/ct.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "check.h"

#define NEW (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW)
#define DELETE (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE)

static uint8_t bytes[1024];

static void be16(struct buf *b, uint16_t type, uint16_t v)
{
	uint8_t be[2] = {(uint8_t)(v >> 8), (uint8_t)v};
	nlmsg_attr(b, type, span_of(be, 2));
}

static void be64(struct buf *b, uint16_t type, uint64_t v)
{
	uint8_t be[8];
	store_be32(be, (uint32_t)(v >> 32));
	store_be32(be + 4, (uint32_t)v);
	nlmsg_attr(b, type, span_of(be, 8));
}

static void u8(struct buf *b, uint16_t type, uint8_t v)
{
	nlmsg_attr(b, type, span_of(&v, 1));
}

static void tuple(struct buf *b, uint16_t type, struct span src, struct span dst, uint8_t proto, uint16_t one,
		  uint16_t two)
{
	bool v4 = src.len == 4, icmp = proto == CT_ICMP || proto == CT_ICMPV6;
	size_t mark = nlmsg_nest(b, type), inner = nlmsg_nest(b, CTA_TUPLE_IP);
	nlmsg_attr(b, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, src);
	nlmsg_attr(b, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, dst);
	nlmsg_nest_end(b, inner);
	inner = nlmsg_nest(b, CTA_TUPLE_PROTO);
	u8(b, CTA_PROTO_NUM, proto);
	if (icmp) {
		be16(b, v4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID, one);
		u8(b, v4 ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE, (uint8_t)two);
		u8(b, v4 ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE, (uint8_t)(two >> 8));
	} else {
		be16(b, CTA_PROTO_SRC_PORT, one);
		be16(b, CTA_PROTO_DST_PORT, two);
	}
	nlmsg_nest_end(b, inner);
	nlmsg_nest_end(b, mark);
}

static void counters(struct buf *b, uint16_t type, uint64_t packets, uint64_t count)
{
	size_t mark = nlmsg_nest(b, type);
	be64(b, CTA_COUNTERS_PACKETS, packets);
	be64(b, CTA_COUNTERS_BYTES, count);
	nlmsg_nest_end(b, mark);
}

/* A TCP connection that was translated, as the kernel tells of its end. */
static struct buf the_end(void)
{
	struct buf b = BUF_OF(bytes);
	size_t mark = nlmsg_begin(&b, DELETE, 0, 0), nest, inner;
	buf_put(&b, SPAN("\2\0\0\0"));
	tuple(&b, CTA_TUPLE_ORIG, SPAN("\xc6\x13\0\x0a"), SPAN("\xc6\x33\x64\x0a"), CT_TCP, 40000, 443);
	tuple(&b, CTA_TUPLE_REPLY, SPAN("\xc6\x33\x64\x0a"), SPAN("\xc6\x12\0\x0a"), CT_TCP, 443, 1024);
	nlmsg_attr_be32(&b, CTA_ID, 0xdeadbeef);
	nlmsg_attr_be32(&b, CTA_STATUS, 0x1ce | CT_SRC_NAT);
	nlmsg_attr_be32(&b, CTA_TIMEOUT, 7);
	counters(&b, CTA_COUNTERS_ORIG, 11, 1100);
	counters(&b, CTA_COUNTERS_REPLY, 5000000000ull, 7000000000000ull);
	nest = nlmsg_nest(&b, CTA_TIMESTAMP);
	be64(&b, CTA_TIMESTAMP_START, 1795476141000000001ull);
	be64(&b, CTA_TIMESTAMP_STOP, 1795476142000000002ull);
	nlmsg_nest_end(&b, nest);
	nest = nlmsg_nest(&b, CTA_PROTOINFO);
	inner = nlmsg_nest(&b, CTA_PROTOINFO_TCP);
	u8(&b, CTA_PROTOINFO_TCP_STATE, CT_TCP_TIME_WAIT);
	nlmsg_nest_end(&b, inner);
	nlmsg_nest_end(&b, nest);
	nlmsg_end(&b, mark);
	return b;
}

static enum err read(struct span s, struct ct_flow *f, bool *gone)
{
	struct nlmsg m;
	enum err e = nlmsg_next(&s, &m);
	return e ? e : ct_read(&m, f, gone);
}

static void an_end(void)
{
	struct buf b = the_end();
	struct ct_flow f;
	bool gone = false;
	CHECK(read(buf_span(&b), &f, &gone) == ERR_OK && gone);
	CHECK(f.proto == CT_TCP && f.id == 0xdeadbeef && f.timeout_s == 7 && f.tcp_state == CT_TCP_TIME_WAIT);
	CHECK(ip_to_v4(&f.orig.src) == 0xc613000a && ip_to_v4(&f.orig.dst) == 0xc633640a);
	CHECK(f.orig.sport == 40000 && f.orig.dport == 443 && f.reply.sport == 443 && f.reply.dport == 1024);
	CHECK(ip_to_v4(&f.reply.src) == 0xc633640a && ip_to_v4(&f.reply.dst) == 0xc612000a);
	CHECK(f.packets[CT_OUT] == 11 && f.bytes[CT_OUT] == 1100 && f.packets[CT_IN] == 5000000000ull &&
	      f.bytes[CT_IN] == 7000000000000ull);
	CHECK(f.start_ns == 1795476141000000001ull && f.stop_ns == 1795476142000000002ull);
	CHECK(f.status == 0x1de && (f.status & CT_ANSWERED) && (f.status & CT_ASSURED));
}

static void ipv6_and_icmp(void)
{
	struct span a = SPAN("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"),
		    c = SPAN("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2");
	struct buf b = BUF_OF(bytes);
	struct ct_flow f;
	bool gone = true;
	size_t mark = nlmsg_begin(&b, NEW, 0, 0);
	buf_put(&b, SPAN("\12\0\0\0"));
	tuple(&b, CTA_TUPLE_ORIG, a, c, CT_ICMPV6, 77, 128 | 3 << 8);
	tuple(&b, CTA_TUPLE_REPLY, c, a, CT_ICMPV6, 78, 129);
	nlmsg_end(&b, mark);
	CHECK(read(buf_span(&b), &f, &gone) == ERR_OK && !gone);
	CHECK(!memcmp(f.orig.src.bytes, a.p, 16) && !memcmp(f.orig.dst.bytes, c.p, 16));
	CHECK(f.orig.icmp_id == 77 && f.orig.icmp_type == 128 && f.orig.icmp_code == 3 && f.orig.sport == 0);
	CHECK(f.reply.icmp_id == 78 && f.reply.icmp_type == 129 && f.packets[CT_OUT] == 0 && f.stop_ns == 0);
}

static void cut_anywhere(void)
{
	struct buf whole = the_end();
	static uint8_t cut[sizeof(bytes)];
	struct ct_flow f;
	bool gone;
	for (uint32_t len = 0; len < whole.len; len++) {
		memcpy(cut, bytes, len);
		if (len >= 4)
			memcpy(cut, &len, 4); /* the header agrees: the cut goes through the attributes */
		enum err e = read(span_of(cut, len), &f, &gone);
		CHECK(e == ERR_OK || e == ERR_SYNTAX || e == ERR_MISSING || (len == 0 && e == ERR_MORE));
		CHECK(e || (f.orig.sport == 40000 && f.reply.dport == 1024));
	}
}

static void other_messages(void)
{
	struct buf b = BUF_OF(bytes);
	struct ct_flow f;
	bool gone;
	size_t mark = nlmsg_begin(&b, 2, 0, 0);
	nlmsg_attr_u32(&b, 1, 0);
	nlmsg_end(&b, mark);
	CHECK(read(buf_span(&b), &f, &gone) == ERR_UNSUPPORTED);
	buf_reset(&b);
	mark = nlmsg_begin(&b, NEW, 0, 0);
	buf_put(&b, SPAN("\2\0\0\0"));
	tuple(&b, CTA_TUPLE_ORIG, SPAN("\1\2\3\4"), SPAN("\1\2\3\4"), CT_UDP, 1, 2);
	nlmsg_end(&b, mark);
	CHECK(read(buf_span(&b), &f, &gone) == ERR_MISSING);
}

static void requests(void)
{
	static const uint8_t want[] = {20, 0, 0, 0, IPCTNL_MSG_CT_GET, 1, 1, 3, 9, 0, 0, 0, 0, 0, 0, 0,
				       0,  0, 0, 0};
	struct buf b = BUF_OF(bytes);
	ct_dump(&b, 9, false);
	CHECK_SPAN(buf_span(&b), span_of(want, sizeof(want)));
	buf_reset(&b);
	ct_dump(&b, 9, true);
	CHECK(b.len == sizeof(want) && bytes[4] == IPCTNL_MSG_CT_GET_DYING);
}

int main(void)
{
	RUN(an_end, "a flow's end is read with both tuples, counters, times and state");
	RUN(ipv6_and_icmp, "IPv6 addresses and ICMP's type, code and id are read");
	RUN(cut_anywhere, "a message that is cut anywhere is refused, or holds both tuples");
	RUN(other_messages, "another message, and one without a tuple, is refused");
	RUN(requests, "a dump is asked for as the kernel takes it");
	return check_done();
}
