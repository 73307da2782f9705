#include "net/nflog.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>

#include "check.h"

static uint8_t bytes[512];

static struct buf a_packet(const char *prefix)
{
	static const uint8_t time[16] = {[4] = 0x6b, 4, 1, 2, [14] = 0x12, 0x34};
	struct buf b = BUF_OF(bytes);
	size_t mark = nlmsg_begin(&b, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET, 0, 0);
	buf_put(&b, SPAN("\2\0\0\5"));
	nlmsg_attr(&b, NFULA_PACKET_HDR, SPAN("\x08\0\2\0"));
	nlmsg_attr_str(&b, NFULA_PREFIX, prefix);
	nlmsg_attr_be32(&b, NFULA_IFINDEX_INDEV, 3);
	nlmsg_attr_be32(&b, NFULA_IFINDEX_OUTDEV, 2);
	nlmsg_attr(&b, NFULA_HWADDR, SPAN("\0\6\0\0\2\0\0\0\0\x10\0\0"));
	nlmsg_attr(&b, NFULA_TIMESTAMP, span_of(time, sizeof(time)));
	nlmsg_attr_be32(&b, NFULA_SEQ, 41);
	nlmsg_attr(&b, NFULA_PAYLOAD, SPAN("\x45payload"));
	nlmsg_end(&b, mark);
	return b;
}

static enum err read(struct span s, struct nflog_packet *p)
{
	struct nlmsg m;
	enum err e = nlmsg_next(&s, &m);
	return e ? e : nflog_read(&m, p);
}

static void a_logged_packet(void)
{
	struct buf b = a_packet(" denied ");
	struct nflog_packet p;
	CHECK(read(buf_span(&b), &p) == ERR_OK);
	CHECK(!strcmp(p.reason, "denied") && p.in == 3 && p.out == 2 && p.has_seq && p.seq == 41);
	CHECK(p.ns == 0x6b040102ull * 1000000000 + 0x1234 * 1000 && p.ether_type == 0x800);
	CHECK(!memcmp(p.mac, "\2\0\0\0\0\x10", 6));
	CHECK_SPAN(p.payload, SPAN("\x45payload"));
}

static void reasons(void)
{
	struct nflog_packet p;
	struct buf b = a_packet("a\"b\x01\xff");
	CHECK(read(buf_span(&b), &p) == ERR_OK && !strcmp(p.reason, "a\"b??"));
	b = a_packet("0123456789012345678901234567890123456789");
	CHECK(read(buf_span(&b), &p) == ERR_OK && strlen(p.reason) == NFLOG_PREFIX_MAX - 1);
	b = a_packet("");
	CHECK(read(buf_span(&b), &p) == ERR_OK && p.reason[0] == 0);
}

static void cut_anywhere(void)
{
	struct buf whole = a_packet("denied");
	static uint8_t cut[sizeof(bytes)];
	struct nflog_packet p;
	for (uint32_t len = 0; len < whole.len; len++) {
		memcpy(cut, bytes, len);
		if (len >= 4)
			memcpy(cut, &len, 4);
		enum err e = read(span_of(cut, len), &p);
		CHECK(e == ERR_OK || e == ERR_SYNTAX || (len == 0 && e == ERR_MORE));
		CHECK(e || p.payload.len <= 8);
	}
}

static void binding(void)
{
	struct buf b = BUF_OF(bytes);
	nflog_bind(&b, 7, 5, 128);
	CHECK_SPAN(buf_span(&b), SPAN("\x1c\0\0\0\1\4\5\0\7\0\0\0\0\0\0\0" /* length, type, flags, number */
				      "\0\0\0\5"                           /* group */
				      "\5\0\1\0\1\0\0\0"                   /* CMD: bind */
				      "\x30\0\0\0\1\4\5\0\x8\0\0\0\0\0\0\0"
				      "\0\0\0\5"
				      "\xa\0\2\0\0\0\0\x80\2\0\0\0" /* MODE: 128 bytes of packets */
				      "\x8\0\4\0\0\0\0\xa"          /* TIMEOUT */
				      "\6\0\6\0\0\1\0\0"));         /* FLAGS: sequence numbers */
}

int main(void)
{
	RUN(a_logged_packet, "a logged packet is read with its reason, links, time, number and bytes");
	RUN(reasons, "a reason is short printable text, whatever the rule says");
	RUN(cut_anywhere, "a message that is cut anywhere is refused, or stays within its bounds");
	RUN(binding, "a socket binds to its group, with packets and sequence numbers");
	return check_done();
}
