#include "role/alarms.h"

#include <string.h>

static void copy_span(char *to, size_t cap, struct span from)
{
	from = span_first(from, cap - 1);
	if (from.len)
		memcpy(to, from.p, from.len);
	to[from.len] = 0;
}

bool alarms_of_line(const struct log_line *line, struct sns_alarm *alarm)
{
	/* `<level> <role> <event> key=value ...` */
	struct span text = span_of(line->line, strnlen(line->line, sizeof(line->line)));
	struct span level = span_cut(&text, ' ');
	if (!span_eq(level, span_str(log_level_name(LOG_ALARM))))
		return false;
	memset(alarm, 0, sizeof(*alarm));
	alarm->at_ns = line->real_ns;
	copy_span(alarm->text, sizeof(alarm->text), text);
	span_cut(&text, ' ');
	copy_span(alarm->event, sizeof(alarm->event), span_cut(&text, ' '));
	return true;
}

/* The event's place, or the one to be used for it: the longest quiet; where alarms wait in all, the last. */
static struct alarms_event *place_of(struct alarms *a, const char *event)
{
	struct alarms_event *quiet = NULL;
	for (uint32_t i = 0; i < ALARMS_EVENTS; i++) {
		struct alarms_event *e = &a->event[i];
		if (strncmp(e->latest.event, event, sizeof(e->latest.event)) == 0)
			return e;
		if (!e->waiting && (!quiet || e->not_before_ns < quiet->not_before_ns))
			quiet = e;
	}
	if (!quiet)
		return &a->event[ALARMS_EVENTS - 1];
	memset(quiet, 0, sizeof(*quiet));
	return quiet;
}

void alarms_add(struct alarms *a, const struct sns_alarm *alarm, uint64_t now_ns)
{
	struct alarms_event *e = place_of(a, alarm->event);
	uint32_t suppressed = e->waiting ? e->latest.suppressed + 1 : 0;
	a->suppressed += e->waiting;
	if (!e->waiting)
		e->since_ns = now_ns;
	e->waiting = true;
	e->latest = *alarm;
	e->latest.suppressed = suppressed;
}

enum err alarms_next(struct alarms *a, uint64_t now_ns, bool all, struct sns_alarm *alarm, uint64_t *wait_ns)
{
	struct alarms_event *next = NULL;
	*wait_ns = UINT64_MAX;
	for (uint32_t i = 0; i < ALARMS_EVENTS; i++) {
		struct alarms_event *e = &a->event[i];
		if (!e->waiting)
			continue;
		if (!all && e->not_before_ns > now_ns) {
			if (e->not_before_ns - now_ns < *wait_ns)
				*wait_ns = e->not_before_ns - now_ns;
		} else if (!next || e->since_ns < next->since_ns) {
			next = e;
		}
	}
	if (!next)
		return ERR_NOT_FOUND;
	*alarm = next->latest;
	next->waiting = false;
	next->not_before_ns = now_ns + ALARMS_QUIET_NS;
	return ERR_OK;
}
