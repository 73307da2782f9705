#include "net/ntp.h"

#include "base/time.h"

#define BURST 4
#define SECOND_NS (NS_PER_S / 4)
#define QUICK_NS (2 * NS_PER_S)
#define POLL_FIRST 6
#define POLL_USUAL_MAX 8
#define POLL_MAX 10
#define GROW_AFTER 4
#define DENIED_NS (86400 * NS_PER_S)
/* A local clock that is off by more than this is broken. */
#define WANDER_PPM 500
/* A drift is measured over so long, to so much. */
#define DRIFT_MIN_NS (60 * NS_PER_S)
#define DRIFT_MAX_NS (3600 * NS_PER_S)
#define DRIFT_ERROR_PPB 5000
#define PPB (1000 * 1000 * 1000)

/* ---- samples */

static uint64_t age_ns(const struct ntp_sample *s, uint64_t now_ns)
{
	return now_ns > s->at_ns ? now_ns - s->at_ns : 0;
}

static uint64_t ppm_of(uint64_t ns, uint64_t ppm)
{
	return ns / 1000000 * ppm;
}

static uint64_t error_at(const struct ntp_sample *s, uint64_t now_ns)
{
	return s->error_ns + ppm_of(age_ns(s, now_ns), NTP_PHI_PPM);
}

static int64_t offset_at(const struct ntp *n, const struct ntp_sample *s, uint64_t now_ns)
{
	return s->offset_ns + (int64_t)(age_ns(s, now_ns) / 1000) * n->drift_ppb / (PPB / 1000);
}

/* NULL: the server has said nothing. */
static const struct ntp_sample *least_error(const struct ntp_server *s, uint64_t now_ns)
{
	const struct ntp_sample *best = NULL;
	for (uint32_t i = 0; i < s->count; i++)
		if (!best || error_at(&s->sample[i], now_ns) < error_at(best, now_ns))
			best = &s->sample[i];
	return best;
}

/* Both can't be true, whatever a local clock that still works did in between. */
static bool excludes(const struct ntp *n, const struct ntp_sample *known, const struct ntp_sample *later)
{
	int64_t apart_ns = later->offset_ns - offset_at(n, known, later->at_ns);
	uint64_t by_ns = apart_ns < 0 ? -(uint64_t)apart_ns : (uint64_t)apart_ns;
	return by_ns > known->error_ns + later->error_ns + ppm_of(age_ns(known, later->at_ns), WANDER_PPM);
}

/* The local clock's drift, from two samples so far apart that their delays hardly matter. */
static void measure_drift(struct ntp *n, struct ntp_server *s, uint64_t now_ns)
{
	const struct ntp_sample *best = least_error(s, now_ns);
	uint64_t apart_ns = age_ns(&s->base, best->at_ns);
	if (apart_ns < DRIFT_MIN_NS)
		return;
	uint64_t error_ppb = (s->base.delay_ns + best->delay_ns) / 2 * 1000 / (apart_ns / 1000000);
	if (error_ppb <= DRIFT_ERROR_PPB) {
		int64_t drift_ppb =
			(best->offset_ns - s->base.offset_ns) * 1000 / (int64_t)(apart_ns / 1000000);
		int64_t limit_ppb = WANDER_PPM * 1000;
		n->drift_ppb = drift_ppb > limit_ppb    ? limit_ppb
			       : drift_ppb < -limit_ppb ? -limit_ppb
							: drift_ppb;
		n->has_drift = true;
	}
	if (apart_ns > DRIFT_MAX_NS)
		s->base = *best;
}

static void keep(struct ntp_server *s, const struct ntp_sample *sample)
{
	s->sample[s->next] = *sample;
	s->next = (s->next + 1) % NTP_SAMPLES;
	s->count += s->count < NTP_SAMPLES;
	s->agreeing += s->agreeing < 255;
}

static void poll_is_good(struct ntp_server *s)
{
	uint32_t max = s->poll_least > POLL_USUAL_MAX ? s->poll_least : POLL_USUAL_MAX;
	if (s->quick || ++s->taken < GROW_AFTER)
		return;
	s->taken = 0;
	s->poll += s->poll < max;
}

/* Not more often than the first poll, and not where the server asked for less. */
static void hurry(struct ntp_server *s, uint64_t now_ns)
{
	if (s->quick || now_ns < s->again_ns || s->poll_least > POLL_FIRST)
		return;
	s->quick = BURST;
	s->due_ns = now_ns + QUICK_NS;
	s->again_ns = now_ns + (NS_PER_S << POLL_FIRST);
}

static bool is_best(const struct ntp *n, const struct ntp_server *s, uint64_t now_ns)
{
	struct ntp_estimate e;
	return ntp_best(n, now_ns, &e) == ERR_OK && &n->server[e.server] == s;
}

static enum ntp_event believe(struct ntp *n, struct ntp_server *s, const struct ntp_sample *sample)
{
	if (s->count == 0) {
		s->base = *sample;
		hurry(s, sample->at_ns);
	}
	keep(s, sample);
	s->suspects = 0;
	poll_is_good(s);
	if (is_best(n, s, sample->at_ns))
		measure_drift(n, s, sample->at_ns);
	return NTP_SAMPLE;
}

/* What the server said before excludes it. */
static enum ntp_event doubt(struct ntp *n, struct ntp_server *s, const struct ntp_sample *sample)
{
	if (s->suspects && excludes(n, &s->suspect[s->suspects - 1], sample))
		s->suspects = 0;
	s->suspect[s->suspects++] = *sample;
	if (s->suspects == NTP_CONFIRM) {
		s->count = s->next = s->agreeing = s->suspects = 0;
		for (uint32_t i = 0; i < NTP_CONFIRM; i++)
			keep(s, &s->suspect[i]);
		s->base = *sample;
		return NTP_JUMPED;
	}
	hurry(s, sample->at_ns);
	s->poll = s->poll_least;
	s->taken = 0;
	return NTP_SPIKE;
}

/* ---- requests and answers */

void ntp_start(struct ntp *n, const struct ip *addr, uint32_t count, uint64_t built_ns, uint64_t now_ns)
{
	ASSERT(count <= NTP_SERVERS);
	*n = (struct ntp){.count = count, .built_ns = built_ns};
	for (uint32_t i = 0; i < count; i++)
		n->server[i] = (struct ntp_server){.addr = addr[i],
						   .due_ns = now_ns,
						   .quick = BURST,
						   .poll = POLL_FIRST,
						   .poll_least = POLL_FIRST};
}

uint64_t ntp_due_ns(const struct ntp *n, uint32_t *server)
{
	uint64_t due_ns = UINT64_MAX;
	*server = 0;
	for (uint32_t i = 0; i < n->count; i++) {
		if (n->server[i].due_ns >= due_ns)
			continue;
		due_ns = n->server[i].due_ns;
		*server = i;
	}
	return due_ns;
}

static uint64_t until_next_ns(struct ntp_server *s, uint64_t random)
{
	bool first = s->quick == BURST && s->count == 0 && s->misses == 0;
	if (s->quick && --s->quick)
		return first ? SECOND_NS : QUICK_NS;
	uint64_t poll_ns = NS_PER_S << s->poll;
	return poll_ns - random % (poll_ns / 8);
}

enum ntp_event ntp_tick(struct ntp *n, uint32_t server, uint64_t now_ns, uint64_t nonce, uint64_t random,
			struct buf *packet)
{
	ASSERT(server < n->count);
	struct ntp_server *s = &n->server[server];
	bool silent = s->nonce && ++s->misses == NTP_SILENCE;
	s->due_ns = now_ns + until_next_ns(s, random);
	s->nonce = nonce ? nonce : 1;
	s->sent_ns = now_ns;
	ntp_wire_request(packet, s->nonce);
	return silent ? NTP_SILENT : NTP_NOTHING;
}

/* It asks for less. What it said before stays. */
static enum ntp_event kissed(struct ntp_server *s, uint64_t now_ns)
{
	s->nonce = 0;
	s->quick = 0;
	s->misses = s->refused == ERR_DENIED ? NTP_SILENCE : s->misses;
	s->poll_least = s->poll < POLL_MAX ? s->poll + 1 : POLL_MAX;
	s->poll = s->poll_least;
	s->due_ns = now_ns + (s->refused == ERR_DENIED ? DENIED_NS : NS_PER_S << s->poll);
	return NTP_KISS;
}

static enum err measure(const struct ntp_server *s, const struct ntp_answer *a, uint64_t now_ns,
			struct ntp_sample *sample)
{
	uint64_t away_ns = now_ns - s->sent_ns, there_ns = a->sent_ns - a->received_ns;
	if (there_ns > away_ns)
		return ERR_RANGE;
	uint64_t middle_ns = s->sent_ns + away_ns / 2;
	*sample = (struct ntp_sample){
		.at_ns = now_ns,
		.offset_ns = (int64_t)(a->received_ns + there_ns / 2 - middle_ns),
		.delay_ns = away_ns - there_ns,
		.stratum = a->stratum,
		.leap = a->leap,
	};
	sample->error_ns = (sample->delay_ns + a->root_delay_ns) / 2 + a->root_dispersion_ns;
	return sample->error_ns >= NTP_ROOT_MAX_NS ? ERR_TIMEOUT : ERR_OK;
}

enum ntp_event ntp_receive(struct ntp *n, uint32_t server, uint64_t now_ns, struct span datagram)
{
	ASSERT(server < n->count);
	struct ntp_server *s = &n->server[server];
	struct ntp_answer a;
	struct ntp_sample sample;
	s->refused = s->nonce ? ntp_wire_read(datagram, s->nonce, n->built_ns, &a) : ERR_AUTH;
	if (s->refused == ERR_THROTTLED || s->refused == ERR_DENIED)
		return kissed(s, now_ns);
	if (!s->refused)
		s->refused = measure(s, &a, now_ns, &sample);
	if (s->refused)
		return NTP_REFUSED;
	s->nonce = 0;
	s->misses = 0;
	const struct ntp_sample *known = least_error(s, now_ns);
	return known && excludes(n, known, &sample) ? doubt(n, s, &sample) : believe(n, s, &sample);
}

/* ---- what they say together */

bool ntp_complete(const struct ntp *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (n->server[i].count == 0 && n->server[i].misses < NTP_SILENCE)
			return false;
	return true;
}

static bool estimate(const struct ntp *n, uint32_t i, uint64_t now_ns, struct ntp_estimate *e)
{
	const struct ntp_server *s = &n->server[i];
	const struct ntp_sample *best = least_error(s, now_ns);
	if (!best)
		return false;
	*e = (struct ntp_estimate){
		.server = i,
		.offset_ns = offset_at(n, best, now_ns),
		.error_ns = error_at(best, now_ns),
		.delay_ns = best->delay_ns,
		.agreeing = s->agreeing,
		.stratum = best->stratum,
		.leap = best->leap,
	};
	return e->error_ns < NTP_ROOT_MAX_NS;
}

static bool holds(const struct ntp_estimate *e, int64_t point_ns)
{
	return point_ns >= e->offset_ns - (int64_t)e->error_ns &&
	       point_ns <= e->offset_ns + (int64_t)e->error_ns;
}

/* The first of those whose bounds have a point in common, if they are at least so many. */
static enum err majority(const struct ntp_estimate *of, uint32_t count, uint32_t least,
			 struct ntp_estimate *e)
{
	for (uint32_t i = 0; i < count; i++) {
		/* where the bounds of most meet, one of them begins */
		int64_t point_ns = of[i].offset_ns - (int64_t)of[i].error_ns;
		uint32_t holding = 0, first = count;
		for (uint32_t k = count; k-- > 0;) {
			if (!holds(&of[k], point_ns))
				continue;
			holding++;
			first = k;
		}
		if (holding >= least) {
			*e = of[first];
			return ERR_OK;
		}
	}
	return ERR_CONFLICT;
}

enum err ntp_best(const struct ntp *n, uint64_t now_ns, struct ntp_estimate *e)
{
	struct ntp_estimate of[NTP_SERVERS];
	uint32_t count = 0, least = n->count >= 3 ? n->count / 2 + 1 : 1;
	/* those that answer first; what a silent one said is better than nothing */
	for (uint32_t silent = 0; silent < 2; silent++)
		for (uint32_t i = 0; i < n->count && (silent == 0 || count == 0); i++)
			if ((n->server[i].misses >= NTP_SILENCE) == silent &&
			    estimate(n, i, now_ns, &of[count]))
				count++;
	if (count == 0)
		return ERR_NOT_FOUND;
	if (least == 1 || count < least) {
		*e = of[0];
		return ERR_OK;
	}
	return majority(of, count, least, e);
}
