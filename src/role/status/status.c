#include "role/status/status.h"

#include <string.h>
#include <unistd.h>

#include "base/version.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/pool.h"
#include "role/peer.h"
#include "role/status/healthz.h"
#include "role/status/metrics.h"
#include "role/status/visitors.h"

static struct {
	struct loop loop;
	struct msg_start start;
	struct peer init, upload;
	int listener;
	struct settings settings;
	struct msg_health health;
	uint64_t told_ns;          /* monotonic: when init told it last */
	struct metrics_kept *kept; /* borrowed: memory that init keeps */
	struct visitors visitors;
} g;

static void look_for_silence(void)
{
	if (clock_mono_ns() - g.told_ns > HEALTHZ_SILENT_NS)
		g.health.reasons |= 1u << HEALTH_SILENT;
}

static unsigned healthz(struct buf *body)
{
	return healthz_write(&g.health, version_text, body);
}

static unsigned metrics(struct buf *body)
{
	metrics_write(metrics_of(g.kept), &g.health, version_text, body);
	return 200;
}

static unsigned page(const char *path, const char **type, struct buf *body)
{
	static const struct {
		const char *path, *type;
		unsigned (*write)(struct buf *body);
	} pages[] = {
		{"/healthz", "application/json", healthz},
		{"/metrics", METRICS_CONTENT_TYPE, metrics},
	};
	look_for_silence();
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(path, pages[i].path) != 0)
			continue;
		*type = pages[i].type;
		return pages[i].write(body);
	}
	return 404;
}

static void ended(enum metrics_visit how)
{
	metrics_of(g.kept)->visits[how]++;
}

static void from_init(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	(void)index;
	switch (m->type) {
	case MSG_PEER:
		peer_join(&g.upload, m);
		break;
	case MSG_SETTINGS:
		g.settings = ((const struct msg_config *)(const void *)m->payload)->settings;
		visitors_open(&g.visitors, g.listener);
		break;
	case MSG_HEALTH:
		memcpy(&g.health, m->payload, sizeof(g.health));
		g.told_ns = clock_mono_ns();
		break;
	default:
		trap();
	}
}

static void from_upload(void *arg, uint32_t index, const struct chan_msg *m)
{
	(void)arg;
	(void)index;
	ASSERT(m->type == MSG_METRICS);
	metrics_take(g.kept, (const void *)m->payload);
}

_Noreturn void role_status(int channel)
{
	int fds[2];
	struct pool pool;
	peer_start(channel, ROLE_STATUS, &g.start, fds, 2);
	log_open(channel, MSG_LOG_LINE, "status");
	loop_init(&g.loop);
	g.listener = fds[0];
	enum err e = pool_map(fds[1], 1, METRICS_KEPT_BYTES, 1, &pool);
	ASSERT(!e);
	g.kept = (struct metrics_kept *)(void *)pool_slot(&pool, 0);
	/* until init tells more */
	g.health.reasons = 1u << HEALTH_BOOTING;
	g.told_ns = clock_mono_ns();
	g.visitors.loop = &g.loop;
	g.visitors.allow = &g.settings.status_sources;
	g.visitors.page = page;
	g.visitors.ended = ended;
	peer_init(&g.init, ROLE_STATUS, ROLE_INIT, &g.loop, from_init, NULL);
	peer_init(&g.upload, ROLE_STATUS, ROLE_UPLOAD, &g.loop, from_upload, NULL);
	peer_watch(&g.init, channel);
	loop_run(&g.loop);
	_exit(0);
}
