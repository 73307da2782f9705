#include "role/status/status.h"

#include <string.h>

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

static void take_settings(const void *payload)
{
	const struct msg_config *c = payload;
	g.settings = c->settings;
	visitors_open(&g.visitors, g.listener);
}

static void take_health(const void *payload)
{
	memcpy(&g.health, payload, sizeof(g.health));
	g.told_ns = clock_mono_ns();
}

static void counted(const void *payload)
{
	metrics_take(g.kept, payload);
}

static void set_up(const int fds[START_FDS])
{
	struct pool pool;
	g.listener = fds[START_LISTENER];
	enum err e = pool_map(fds[START_KEPT], 1, METRICS_KEPT_BYTES, 1, &pool);
	ASSERT(!e);
	g.kept = (struct metrics_kept *)(void *)pool_slot(&pool, 0);
	/* until init tells more */
	g.health.reasons = 1u << HEALTH_BOOTING;
	g.told_ns = clock_mono_ns();
	g.visitors.loop = &g.loop;
	g.visitors.allow = &g.settings.status_sources;
	g.visitors.page = page;
	g.visitors.ended = ended;
}

static const struct role_take takes[] = {
	{ROLE_INIT, MSG_SETTINGS, .take = take_settings},
	{ROLE_INIT, MSG_HEALTH, .take = take_health},
	{ROLE_UPLOAD, MSG_METRICS, .take = counted},
};

const struct role role_status = {
	.id = ROLE_STATUS,
	.spawn = {.uid = 107, .empty_network = true},
	.on_demand = true,
	.spared = true,
	.descriptors = START_BIT(START_LISTENER) | START_BIT(START_KEPT),
	.sandbox = &calls_status,
	.loop = &g.loop,
	.start = &g.start,
	.set_up = set_up,
	.peers = {[ROLE_INIT] = &g.init, [ROLE_UPLOAD] = &g.upload},
	.takes = takes,
	.take_count = sizeof(takes) / sizeof(takes[0]),
};
