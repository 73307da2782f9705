#include "record/rules.h"

#include <string.h>

enum err rules_compile(const struct settings *s, struct rules *out, struct conf_error *at)
{
	static const char key[] = "capture.rule";
	out->count = 0;
	for (uint32_t i = 0; i < s->rule_count; i++) {
		const struct capture_rule *r = &s->rule[i];
		enum err e = pcapfilter_compile(r->filter, &out->filter[i], at->text, sizeof(at->text));
		if (e) {
			memcpy(at->key, key, sizeof(key));
			at->line = r->line;
			return e;
		}
		out->keep[i] = (enum conf_keep)r->keep;
	}
	out->count = s->rule_count;
	return ERR_OK;
}

enum err rules_check(const struct settings *s, struct conf_error *at)
{
	struct rules rules;
	return rules_compile(s, &rules, at);
}

enum conf_keep rules_verdict(const struct rules *r, struct span frame, uint32_t wire_len)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (pcapfilter_matches(&r->filter[i], frame, wire_len))
			return r->keep[i];
	return CONF_KEEP_FULL;
}
