#include "role/flows/flowsockets.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "net/ct.h"
#include "net/nflog.h"
#include "os/netlink.h"

#define BUFFER_BYTES (32u << 20)
#define LOG_BUFFER_BYTES (8u << 20)
#define GROUP(number) (1u << ((number)-1))

static enum err bind_log(int fd)
{
	uint8_t bytes[128];
	struct buf b = BUF_OF(bytes);
	struct netlink_failure f;
	nflog_bind(&b, 1, FLOWSOCKETS_LOG_GROUP, FLOWSOCKETS_LOG_BYTES);
	TRY(buf_err(&b));
	return netlink_transact(fd, buf_span(&b), &f);
}

enum err flowsockets_open(struct flowsockets *s, uint32_t buffer_bytes)
{
	uint32_t groups = GROUP(NFNLGRP_CONNTRACK_NEW) | GROUP(NFNLGRP_CONNTRACK_DESTROY);
	TRY(netlink_open(NETLINK_NETFILTER, groups, &s->events));
	TRY(netlink_reliable(s->events));
	TRY(netlink_buffer(s->events, buffer_bytes ? buffer_bytes : BUFFER_BYTES));
	TRY(netlink_open(NETLINK_NETFILTER, 0, &s->dump));
	TRY(netlink_open(NETLINK_NETFILTER, 0, &s->log));
	TRY(netlink_buffer(s->log, LOG_BUFFER_BYTES));
	return bind_log(s->log);
}

enum err flowsockets_ask(const struct flowsockets *s, uint32_t number, bool dying)
{
	uint8_t bytes[32];
	struct buf b = BUF_OF(bytes);
	ct_dump(&b, number, dying);
	TRY(buf_err(&b));
	return netlink_send(s->dump, buf_span(&b));
}
