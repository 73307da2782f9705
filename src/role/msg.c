#include "role/msg.h"

#include <unistd.h>

static const struct {
	size_t len;
	enum role_id from, to;
} types[MSG_TYPE_COUNT] = {
#define X(type, payload, from, to) [type] = {sizeof(struct payload), ROLE_##from, ROLE_##to},
	MSG_LIST(X)
#undef X
};

#define X(type, payload, from, to) _Static_assert(sizeof(struct payload) <= CHAN_MAX_BYTES, #type);
MSG_LIST(X)
#undef X

static const char *const verdict_names[VERDICT_COUNT] = {
	[VERDICT_OK] = "ok",
	[VERDICT_LINK] = "link",
	[VERDICT_DHCP] = "dhcp",
	[VERDICT_IMDS] = "imds",
	[VERDICT_CONFIGURATION] = "configuration",
	[VERDICT_CREDENTIALS] = "credentials",
	[VERDICT_CLOCK] = "clock",
	[VERDICT_DNS] = "dns",
	[VERDICT_KMS] = "kms",
	[VERDICT_S3] = "s3",
	[VERDICT_EVIDENCE] = "evidence",
	[VERDICT_SPOOL] = "spool",
	[VERDICT_RINGS] = "rings",
	[VERDICT_ROLE] = "role",
};

const char *msg_verdict_name(enum verdict_code code)
{
	return verdict_names[code];
}

static const char *const role_names[ROLE_COUNT] = {
	[ROLE_INIT] = "init",   [ROLE_NET] = "net",       [ROLE_KEYS] = "keys",   [ROLE_UPLOAD] = "upload",
	[ROLE_SPOOL] = "spool", [ROLE_STATUS] = "status", [ROLE_FLOWS] = "flows", [ROLE_CAPTURE] = "capture",
};

const char *msg_role_name(enum role_id role)
{
	return role < ROLE_COUNT ? role_names[role] : "unknown";
}

struct msg_pool msg_pool(const struct msg_start *s, uint32_t pool)
{
	if (pool < MSG_MAX_WORKERS)
		return (struct msg_pool){s->segment_bytes, pool < s->workers ? s->segments : 0};
	if (pool == POOL_WINDOW)
		return (struct msg_pool){s->segment_bytes, s->window_segments};
	return (struct msg_pool){s->log_segment_bytes, s->log_segments};
}

uint32_t msg_own_pool(enum role_id role, uint32_t index)
{
	return role == ROLE_CAPTURE ? index
	       : role == ROLE_KEYS  ? PRODUCER_LOG
	       : role == ROLE_FLOWS ? PRODUCER_FLOWS
	       : role == ROLE_SPOOL ? POOL_WINDOW
				    : UINT32_MAX;
}

enum err msg_send_fds(int fd, enum msg_type type, const void *payload, const int *fds, size_t fd_count)
{
	static const struct msg_none none;
	ASSERT(type > MSG_NONE && type < MSG_TYPE_COUNT);
	return chan_send(fd, type, payload ? payload : &none, types[type].len, fds, fd_count);
}

enum err msg_send(int fd, enum msg_type type, const void *payload)
{
	return msg_send_fds(fd, type, payload, NULL, 0);
}

bool msg_role_in(enum role_id rule, enum role_id role)
{
	return rule == ROLE_ANY || rule == role ||
	       (rule == ROLE_PRODUCER && (role == ROLE_CAPTURE || role == ROLE_FLOWS));
}

enum err msg_recv(int fd, enum role_id from, enum role_id to, struct chan_msg *m)
{
	enum err e = chan_recv(fd, m);
	bool known = !e && m->type > MSG_NONE && m->type < MSG_TYPE_COUNT;
	/* whom strangers speak to has a say in nothing */
	if (from == ROLE_STATUS && m->type != MSG_LOG_LINE)
		known = false;
	if (known && types[m->type].len == m->len && msg_role_in(types[m->type].from, from) &&
	    msg_role_in(types[m->type].to, to) &&
	    (m->fd_count == 0 || m->type == MSG_START || m->type == MSG_PEER))
		return ERR_OK;
	for (size_t i = 0; i < m->fd_count; i++)
		close(m->fds[i]);
	return e ? e : ERR_PROTOCOL;
}

void msg_totals_add(struct msg_totals *sum, const struct msg_totals *part)
{
	sum->packets += part->packets;
	sum->lost += part->lost;
	sum->cut += part->cut;
	sum->filtered += part->filtered;
	sum->raw_bytes += part->raw_bytes;
	sum->size_bytes += part->size_bytes;
	sum->objects += part->objects;
}
