/* conf: what is accepted is within its bounds; what is not names a line. Input: the configuration. */
#include "base/conf.h"

#include "base/text.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings s;
	struct conf_error at;
	memset(&s, 0xa5, sizeof(s));
	memset(&at, 0xa5, sizeof(at));
	if (conf_read(span_of(data, size), &s, &at)) {
		MUST_END(at.key);
		MUST(fuzz_printable(at.key) && at.line <= size + 1);
		return 0;
	}
	MUST_END(s.s3_bucket);
	MUST_END(s.s3_prefix);
	MUST_END(s.kms_key);
	MUST_END(s.appliance);
	MUST(strlen(s.s3_bucket) >= 3 && strlen(s.s3_prefix) <= 128 && s.kms_key[0]);
	MUST(text_is_unreserved(span_str(s.appliance)) && text_is_printable(span_str(s.kms_key)));
	MUST(s.object_max_bytes >= 1048576 && s.object_max_bytes <= 1073741824);
	MUST(s.object_max_seconds >= 1 && s.object_max_seconds <= 3600);
	MUST(s.key_max_seconds >= 60 && s.key_max_seconds <= 86400 && s.key_max_bytes >= 1048576);
	MUST(s.log_interval_seconds >= 1 && s.log_interval_seconds <= 300);
	MUST(s.ntp.count <= CONF_NTP_SERVERS && (s.ntp.count || s.ntp.given));
	MUST(s.rule_count <= CONF_RULES);
	for (uint32_t i = 0; i < s.rule_count; i++) {
		MUST_END(s.rule[i].filter);
		MUST(s.rule[i].filter[0] && s.rule[i].keep <= CONF_KEEP_NONE && s.rule[i].line <= size + 1);
	}
	MUST(s.nat <= CONF_NAT_NONE && s.zstd_level >= 1 && s.zstd_level <= 19);
	return 0;
}
