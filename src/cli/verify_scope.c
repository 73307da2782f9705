#include "cli/verify_scope.h"

#include <string.h>

#include "base/time.h"
#include "cli/session.h"

static struct {
	char **operands;
	uint64_t from_ns, to_ns;
} g;

void verify_scope_begin(char **operands, uint64_t from_ns, uint64_t to_ns)
{
	g.operands = operands;
	g.from_ns = from_ns;
	g.to_ns = to_ns;
}

/* What keys begin with that an operand names; NULL: it names files of this machine. */
static struct span key_of_operand(const char *operand)
{
	struct span key = span_str(operand);
	if (catalog_at(0)->local && !span_starts(key, SPAN("s3://")))
		return span_of(NULL, 0);
	if (span_starts(key, SPAN("s3://"))) {
		key = span_from(key, 5);
		span_cut(&key, '/');
	}
	return span_of(key.p ? key.p : (const uint8_t *)"", key.len);
}

/* Under the session's prefix, and of its appliance. A volume that was moved ships those of another, too. */
static bool is_of_session(const struct catalog_object *o, struct span key)
{
	const struct session_names *n = session_names();
	struct span of = o->appliance, part = span_cut(&of, '/');
	while (of.len)
		part = span_cut(&of, '/');
	return span_starts(key, span_str(n->prefix)) &&
	       (!n->appliance[0] || span_eq(part, span_str(n->appliance)));
}

bool verify_scope_has(const struct catalog_object *o, const char *key)
{
	uint64_t reach_ns = CATALOG_OBJECT_MAX_S * NS_PER_S;
	bool reaches_in =
		o->end_ns != UINT64_MAX && o->end_ns > g.from_ns && o->start_ns + reach_ns >= g.from_ns;
	if ((o->start_ns < g.from_ns && !reaches_in) || o->start_ns >= g.to_ns)
		return false;
	if (!g.operands || !*g.operands)
		return is_of_session(o, span_str(key));
	for (char **operand = g.operands; *operand; operand++) {
		struct span prefix = key_of_operand(*operand);
		if (!prefix.p || span_starts(span_str(key), prefix))
			return true;
	}
	return false;
}

static bool is_cut_out(const struct catalog_object *o)
{
	const size_t parts = 6; /* YYYY/MM/DD/HH/kind/name */
	size_t folder = strlen(o->key);
	for (size_t n = 0; folder && n < parts; folder--)
		n += o->key[folder - 1] == '/';
	for (char **operand = g.operands; operand && *operand && !o->local; operand++) {
		struct span prefix = key_of_operand(*operand);
		if (prefix.p && prefix.len > folder + 1 && span_starts(span_str(o->key), prefix))
			return true;
	}
	return false;
}

bool verify_scope_is_narrow(void)
{
	for (uint32_t i = 0; i < catalog_count(); i++)
		if (is_cut_out(catalog_at(i)))
			return true;
	return false;
}
